/* How paths are walked: symbolic links in every component, absolute targets, loops, dots, slashes, bytes. Each path
 * is tried with calls that follow the last component, that do not, and that split it off. */
#include "common.h"

static int number;

static void try_path(const char *path)
{
    struct nfs_stat_64 st = {0};
    struct nfsfh *fh = NULL;
    const char *label;
    char buffer[5000], made[100];
    int ret;

    label = labelled("stat64", path);
    ret = nfs_stat64(nfs, path, &st);
    printf("%s: %s", label, outcome(ret));
    printf(ret ? "\n" : " %s size=%llu\n", kind_of(st.nfs_mode), S_ISREG(st.nfs_mode) ? (unsigned long long)st.nfs_size : 0);
    label = labelled("lstat64", path);
    ret = nfs_lstat64(nfs, path, &st);
    printf("%s: %s", label, outcome(ret));
    printf(ret ? "\n" : " %s\n", kind_of(st.nfs_mode));
    ret = nfs_open(nfs, path, O_RDONLY, &fh);
    CASE(labelled("open", path), ret);
    if (fh)
        nfs_close(nfs, fh);
    CASE(labelled("readlink", path), nfs_readlink(nfs, path, buffer, sizeof(buffer)));
    CASE(labelled("access", path), nfs_access(nfs, path, R_OK));
    CASE(labelled("unlink below", path), (snprintf(buffer, sizeof(buffer), "%s/none", path), nfs_unlink(nfs, buffer)));
    snprintf(made, sizeof(made), "new-%d", number++);
    snprintf(buffer, sizeof(buffer), "%s/%s", path, made);
    ret = nfs_mkdir(nfs, buffer);
    printf("%s: %s in %s\n", labelled("mkdir below", path), outcome(ret),
           access(local(made), F_OK) == 0                              ? "root"
           : access(local((snprintf(buffer, 200, "a/%s", made), buffer)), F_OK) == 0   ? "a"
           : access(local((snprintf(buffer, 200, "a/b/%s", made), buffer)), F_OK) == 0 ? "a/b"
                                                                                       : "none");
}

static void chains(void)
{
    struct nfs_stat_64 st;
    char label[60], path[60];
    int i, ret, longest = 0;

    /* /chain-N leads to /chain-(N-1), and /chain-0 is a file. */
    for (i = 1; i <= 60; i++) {
        snprintf(path, sizeof(path), "/chain-%d", i);
        ret = nfs_stat64(nfs, path, &st);
        if (ret == 0)
            longest = i;
        if (i == 1 || i == 5 || i == 8 || i == 40 || i == 60) {
            snprintf(label, sizeof(label), "chain of %d", i);
            CASE(label, ret);
        }
    }
    printf("longest chain: %d\n", longest);
    CASE("ping", nfs_stat64(nfs, "/ping", &st));
    CASE("ping below", nfs_stat64(nfs, "/ping/x", &st));
    CASE("growing", nfs_stat64(nfs, "/growing", &st));
    CASE("growing below", nfs_stat64(nfs, "/growing/x", &st));
}

int main(int argc, char **argv)
{
    static const char *const paths[] = {
        "/a/file", "a/file", "/a/b/file", "//a///b//file", "/./a/./b/./file", "/a/../a/b/../file", "/a/b/..", "/a/b/../..",
        "/to-a", "/to-a/", "/to-a/.", "/to-a/..", "/to-a/file", "/to-a/b", "/to-a/to-c/file", "/to-a/b/file",
        "/a/up", "/a/up/", "/a/up/to-a/up/to-a/file", "/a/b/up2/a/file", "/a/b/up3", "/a/b/up3/a", "/to-file", "/to-file/",
        "/to-file/.", "/to-file/x", "/to-slash", "/to-slash/file", "/to-dot", "/to-dot/a/file", "/to-dots/file",
        "/to-a-twice/file", "/to-root", "/to-root/a/file", "/to-absolute", "/to-absolute/file", "/to-absolute-file",
        "/to-full", "/to-full/file", "/to-outside", "/to-etc/passwd", "/broken", "/broken/x", "/to-broken", "/loop",
        "/loop/x", "/to-loop", "/bytes", "/bytes/\xff\xfe/x y", "/a/nothing/../file", "/a/file/../file", "/a/file/./x",
        "/a/.", "/a/..", "/.", "/..", "/../a/file", "/a/../../a/file", "..", "../a", "...", "/a/...", "/a/.hidden",
        "/a//", "/a/b/", "/a/file/", "/a/missing/", "/private", "/private/x",
    };
    char full[PATH_MAX], name[60], target[60];
    struct nfs_context *root;
    size_t i;

    start(argc, argv);
    make_dir("/a", 0755);
    make_dir("/a/b", 0755);
    make_dir("/bytes", 0755);
    make_dir("/bytes/\xff\xfe", 0755);
    make_dir("/private", 0700);
    make_file("/file", 0644, "1");
    make_file("/a/file", 0644, "22");
    make_file("/a/b/file", 0644, "333");
    make_file("/a/.hidden", 0644, "4444");
    make_file("/a/...", 0644, "55555");
    make_file("/bytes/\xff\xfe/x y", 0644, "666666");
    make_symlink("a", "/to-a");
    make_symlink("b", "/a/to-c");
    make_symlink("..", "/a/up");
    make_symlink("../..", "/a/b/up2");
    make_symlink("../../..", "/a/b/up3");
    make_symlink("a/file", "/to-file");
    make_symlink("a/", "/to-slash");
    make_symlink(".", "/to-dot");
    make_symlink("././a/./../a//.", "/to-dots");
    make_symlink("to-a", "/to-a-twice");
    make_symlink("/", "/to-root");
    make_symlink("/a", "/to-absolute");
    make_symlink("/a/file", "/to-absolute-file");
    snprintf(full, sizeof(full), "%s/a", export_dir);
    make_symlink(full, "/to-full");
    make_symlink(readonly_dir, "/to-outside");
    make_symlink("/etc", "/to-etc");
    make_symlink("nowhere", "/broken");
    make_symlink("broken", "/to-broken");
    make_symlink("loop", "/loop");
    make_symlink("a/../loop", "/to-loop");
    make_symlink("pong", "/ping");
    make_symlink("ping", "/pong");
    make_symlink("growing/x", "/growing");
    make_file("/chain-0", 0644, "end");
    for (i = 1; i <= 60; i++) {
        snprintf(name, sizeof(name), "/chain-%zu", i);
        snprintf(target, sizeof(target), "chain-%zu", i - 1);
        make_symlink(target, name);
    }
    mount_export();

    for (i = 0; i < COUNT(paths); i++)
        try_path(paths[i]);
    chains();

    root = nfs;
    nfs = mount_user();
    try_path("/private");
    try_path("/private/x");
    try_path("/private/../a/file");
    nfs_destroy_context(nfs);
    nfs_destroy_context(root);
    return 0;
}
