/* nfs_truncate, nfs_ftruncate. */
#include "common.h"

static void each(const char *path, const char *reached, uint64_t length)
{
    char label[100];

    snprintf(label, sizeof(label), "truncate %llu", (unsigned long long)length);
    CASE(labelled(label, path), nfs_truncate(nfs, path, length));
    snprintf(label, sizeof(label), "after truncate %llu", (unsigned long long)length);
    if (reached)
        show_local(labelled(label, path), reached);
}

int main(int argc, char **argv)
{
    static const char *const bad[] = {"/missing", "/dir",    "/file/x",  "/broken", "/loop", "/missing/x", "",
                                      "/",        ".",       "..",       "/dir/..", "/chr",  "/fifo",      name256,
                                      long_missing, "/file/", "/file/."};
    struct nfs_context *root;
    struct nfsfh *fh;
    char path[PATH_MAX];
    char byte;
    size_t i;

    start(argc, argv);
    make_file("/file", 0644, "0123456789");
    make_file("/target", 0644, "0123456789");
    make_file("/handle", 0644, "0123456789");
    make_file("/denied", 0644, "0123456789");
    make_file("/mine", 0200, "0123456789");
    make_file("/setuid", 06777, "0123456789");
    make_file("/gone", 0644, "0123456789");
    own("/mine", 1000, 1000);
    make_dir("/dir", 0755);
    make_symlink("target", "/link");
    make_symlink("nowhere", "/broken");
    make_symlink("loop", "/loop");
    make_node("/chr", S_IFCHR | 0600, makedev(1, 3));
    make_node("/fifo", S_IFIFO | 0600, 0);
    snprintf(path, sizeof(path), "%s/file", readonly_dir);
    write_local_file(path, 0666, "0123456789", 10);
    mount_export();

    each("/file", "/file", 4);
    each("/file", "/file", 4);
    each("/file", "/file", 20);
    show_local_content("after truncate 20", "/file");
    each("/file", "/file", 0);
    each("/file", "/file", (UINT64_C(5) << 30) + 1);
    each("/file", "/file", UINT64_C(1) << 63);
    each("/file", "/file", UINT64_MAX);
    each("/file", "/file", 3);
    each("file", "/file", 5);
    each("/link", "/target", 3);
    show_local("link after truncate", "/link");
    for (i = 0; i < COUNT(bad); i++)
        CASE(labelled("truncate", bad[i]), nfs_truncate(nfs, bad[i], 1));
    show_local("after bad truncates", "/file");

    fh = opened("/handle", O_RDWR);
    CASE("ftruncate 4", nfs_ftruncate(nfs, fh, 4));
    show_local("after ftruncate 4", "/handle");
    CASE("ftruncate read", nfs_read(nfs, fh, 1, &byte));
    CASE("ftruncate 0", nfs_ftruncate(nfs, fh, 0));
    CASE("ftruncate read 0", nfs_read(nfs, fh, 1, &byte));
    CASE("ftruncate 6 GiB", nfs_ftruncate(nfs, fh, UINT64_C(6) << 30));
    show_local("after ftruncate 6 GiB", "/handle");
    CASE("ftruncate UINT64_MAX", nfs_ftruncate(nfs, fh, UINT64_MAX));
    nfs_close(nfs, fh);
    fh = opened("/handle", O_RDONLY);
    CASE("ftruncate read-only handle", nfs_ftruncate(nfs, fh, 2));
    show_local("after ftruncate read-only handle", "/handle");
    nfs_close(nfs, fh);
    fh = opened("/handle", O_WRONLY);
    CASE("ftruncate write-only handle", nfs_ftruncate(nfs, fh, 1));
    show_local("after ftruncate write-only handle", "/handle");
    nfs_close(nfs, fh);
    fh = opened("/gone", O_RDWR);
    CASE("ftruncate unlink", nfs_unlink(nfs, "/gone"));
    CASE("ftruncate of a removed file", nfs_ftruncate(nfs, fh, 1));
    nfs_close(nfs, fh);

    root = nfs;
    nfs = mount_user();
    CASE("user truncate denied", nfs_truncate(nfs, "/denied", 1));
    CASE("user truncate of a write-only file", nfs_truncate(nfs, "/mine", 1));
    CASE("user truncate of a setuid file", nfs_truncate(nfs, "/setuid", 1));
    show_local("after user truncate of a setuid file", "/setuid");
    nfs_destroy_context(nfs);

    nfs = mount_dir(readonly_dir, 0, 0);
    CASE("read-only truncate", nfs_truncate(nfs, "/file", 1));
    CASE("read-only truncate missing", nfs_truncate(nfs, "/missing", 1));
    fh = opened("/file", O_RDONLY);
    CASE("read-only ftruncate", nfs_ftruncate(nfs, fh, 1));
    nfs_close(nfs, fh);
    nfs_destroy_context(nfs);
    nfs_destroy_context(root);
    return 0;
}
