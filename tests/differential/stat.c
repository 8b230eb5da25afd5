/* nfs_stat64, nfs_lstat64, nfs_fstat64, nfs_stat, nfs_fstat. */
#include "common.h"

static const char *const good[][2] = {
    /* path, what a following stat reaches */
    {"/", "/"},
    {"/file", "/file"},
    {"/dir", "/dir"},
    {"/dir/inner", "/dir/inner"},
    {"/link", "/file"},
    {"/dirlink", "/dir"},
    {"/fifo", "/fifo"},
    {"/chr", "/chr"},
    {"/blk", "/blk"},
    {"/sock", "/sock"},
    {"/setuid", "/setuid"},
    {"/sticky", "/sticky"},
    {"/sparse", "/sparse"},
    {"/hard", "/hard"},
    {"/owned", "/owned"},
    {"/none", "/none"},
    {"/\xff\xfe name\x80", "/\xff\xfe name\x80"},
    {"/old", "/old"},
    {"file", "/file"},
    {"dir/inner", "/dir/inner"},
    {"//dir//inner", "/dir/inner"},
    {"/./dir/./inner", "/dir/inner"},
    {"/dir/../file", "/file"},
    {"/dir/.", "/dir"},
    {"/dir/..", "/"},
};

static const char *const odd[] = {
    "",          ".",         "./",       "..",        "/..",          "/../file",    "../file",      "/dir/",
    "/dir//",    "/dir/./",   "/file/",   "/file/.",   "/file/..",     "/file/x",     "/file/x/y",    "/missing",
    "/missing/", "/missing/.", "/missing/..", "/missing/x", "/dir/missing", "/broken", "/broken/",   "/loop",
    "/loop/x",   "/link/",    "/link/x",  "/dirlink/", "/dirlink/.",   "/dirlink/..", "/dirlink/inner", "/private/file",
    name255,     name256,     long_dots,  long_missing,
};

static void setup(void)
{
    int fd;

    make_dir("/dir", 0755);
    make_dir("/sticky", 01777);
    make_dir("/private", 0700);
    make_file("/file", 0644, "hello");
    make_file("/dir/inner", 0600, "inner content");
    make_file("/private/file", 0644, "secret");
    make_file("/setuid", 06755, "");
    make_file("/hard", 0644, "hard");
    make_file("/owned", 0640, "owned");
    make_file("/none", 0, "none");
    make_file("/\xff\xfe name\x80", 0644, "bytes");
    make_file("/old", 0644, "old");
    make_symlink("file", "/link");
    make_symlink("dir", "/dirlink");
    make_symlink("nowhere", "/broken");
    make_symlink("loop", "/loop");
    make_node("/fifo", S_IFIFO | 0600, 0);
    make_node("/sock", S_IFSOCK | 0600, 0);
    make_node("/chr", S_IFCHR | 0600, makedev(1, 3));
    make_node("/blk", S_IFBLK | 0600, makedev(259, 65537));
    must(link(local("/hard"), local("/hard2")) == 0, "link", "/hard2");
    own("/owned", 1234, 4321);
    fd = open(local("/sparse"), O_WRONLY | O_CREAT, 0644);
    must(fd >= 0 && ftruncate(fd, INT64_C(5) << 30) == 0, "ftruncate", "/sparse");
    close(fd);
    set_times("/old", 1000000000, 1100000000);
    set_times("/link", 1200000000, 1300000000);
}

static void show_stat(const char *label, int ret, const struct stat *st, const char *path)
{
    struct stat is;

    if (ret != 0) {
        result(label, ret);
        return;
    }
    must(lstat(local(path), &is) == 0, "lstat", path);
    printf("%s: ret=0 mode=%06o nlink=%lu uid=%u gid=%u size=%lld rdev=%s dev=%s", label, st->st_mode,
           (unsigned long)st->st_nlink, st->st_uid, st->st_gid, (long long)st->st_size, st->st_rdev ? "set" : "0",
           st->st_dev ? "set" : "0");
    show_field("blksize", st->st_blksize, is.st_blksize);
    show_field("blocks", st->st_blocks, is.st_blocks);
    show_field("ino", st->st_ino, is.st_ino);
    show_field("atime", st->st_atim.tv_sec, is.st_atim.tv_sec);
    show_field("mtime", st->st_mtim.tv_sec, is.st_mtim.tv_sec);
    show_field("ctime", st->st_ctim.tv_sec, is.st_ctim.tv_sec);
    show_field("atime_nsec", st->st_atim.tv_nsec, is.st_atim.tv_nsec);
    show_field("mtime_nsec", st->st_mtim.tv_nsec, is.st_mtim.tv_nsec);
    show_field("ctime_nsec", st->st_ctim.tv_nsec, is.st_ctim.tv_nsec);
    printf("\n");
}

static void paths(void)
{
    struct nfs_stat_64 st64;
    struct stat st;
    size_t i;

    for (i = 0; i < COUNT(good); i++) {
        const char *path = good[i][0], *reached = good[i][1];

        memset(&st64, 0x55, sizeof(st64));
        show_stat64(labelled("stat64", path), nfs_stat64(nfs, path, &st64), &st64, reached);
        memset(&st64, 0x55, sizeof(st64));
        show_stat64(labelled("lstat64", path), nfs_lstat64(nfs, path, &st64), &st64, path[0] == '/' ? path : reached);
        memset(&st, 0, sizeof(st));
        show_stat(labelled("stat", path), nfs_stat(nfs, path, &st), &st, reached);
    }
    for (i = 0; i < COUNT(odd); i++) {
        int ret;

        ret = nfs_stat64(nfs, odd[i], &st64);
        printf("%s: %s", labelled("stat64", odd[i]), outcome(ret));
        printf(ret ? "\n" : " mode=%llo\n", (unsigned long long)st64.nfs_mode);
        ret = nfs_lstat64(nfs, odd[i], &st64);
        printf("%s: %s", labelled("lstat64", odd[i]), outcome(ret));
        printf(ret ? "\n" : " mode=%llo\n", (unsigned long long)st64.nfs_mode);
    }
}

static void handles(void)
{
    struct nfs_stat_64 st64;
    struct stat st;
    struct nfsfh *fh = opened("/file", O_RDONLY);

    memset(&st64, 0x55, sizeof(st64));
    show_stat64("fstat64 read-only handle", nfs_fstat64(nfs, fh, &st64), &st64, "/file");
    memset(&st, 0, sizeof(st));
    show_stat("fstat read-only handle", nfs_fstat(nfs, fh, &st), &st, "/file");
    nfs_close(nfs, fh);

    fh = opened("/owned", O_WRONLY);
    show_stat64("fstat64 write-only handle", nfs_fstat64(nfs, fh, &st64), &st64, "/owned");
    nfs_close(nfs, fh);

    fh = opened("/hard", O_RDONLY);
    CASE("unlink an open file's other name", nfs_unlink(nfs, "/hard2"));
    show_stat64("fstat64 after unlink of the other name", nfs_fstat64(nfs, fh, &st64), &st64, "/hard");
    CASE("unlink an open file", nfs_unlink(nfs, "/hard"));
    CASE("fstat64 of a removed file", nfs_fstat64(nfs, fh, &st64));
    CASE("fstat of a removed file", nfs_fstat(nfs, fh, &st));
    CASE("close of a removed file", nfs_close(nfs, fh));
}

static void as_user(void)
{
    static const char *const paths[] = {"/private", "/private/file", "/none", "/private/missing", "/private/."};
    struct nfs_context *root = nfs;
    struct nfs_stat_64 st;
    size_t i;

    nfs = mount_user();
    for (i = 0; i < COUNT(paths); i++) {
        CASE(labelled("user stat64", paths[i]), nfs_stat64(nfs, paths[i], &st));
        CASE(labelled("user lstat64", paths[i]), nfs_lstat64(nfs, paths[i], &st));
    }
    nfs_destroy_context(nfs);
    nfs = root;
}

int main(int argc, char **argv)
{
    start(argc, argv);
    setup();
    mount_export();
    paths();
    handles();
    as_user();
    nfs_destroy_context(nfs);
    return 0;
}
