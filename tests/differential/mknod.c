/* nfs_mknod. */
#include "common.h"

static void make(const char *path, int mode, int dev)
{
    char label[100];

    snprintf(label, sizeof(label), "mknod %o dev %x", mode, dev);
    CASE(labelled(label, path), nfs_mknod(nfs, path, mode, dev));
    snprintf(label, sizeof(label), "after mknod %o dev %x", mode, dev);
    if (strlen(path) < 300)
        show_local(labelled(label, path), path);
}

int main(int argc, char **argv)
{
    static const char *const bad[] = {"/", "", ".", "..", "/dir", "/file", "/file/x", "/missing/x", "/link", "/broken",
                                      "/loop", name256, long_missing, "/new/"};
    struct nfs_context *root;
    size_t i;

    start(argc, argv);
    must(chmod(export_dir, 0755) == 0, "chmod", "/");
    make_dir("/dir", 0755);
    make_dir("/open", 0777);
    make_file("/file", 0644, "file");
    make_symlink("file", "/link");
    make_symlink("nowhere", "/broken");
    make_symlink("loop", "/loop");
    mount_export();

    make("/chr", S_IFCHR | 0644, makedev(1, 3));
    make("/chr-large", S_IFCHR | 0600, (int)makedev(300, 70000));
    make("/chr-max", S_IFCHR | 0600, -1);
    make("/blk", S_IFBLK | 0660, makedev(7, 1));
    make("/fifo", S_IFIFO | 0666, 0);
    make("/fifo-dev", S_IFIFO | 0666, 77);
    make("/sock", S_IFSOCK | 0777, 0);
    make("/setuid-fifo", S_IFIFO | 06755, 0);
    make("/reg", S_IFREG | 0644, 0);
    make("/zero", 0644, 0);
    make("/directory", S_IFDIR | 0755, 0);
    make("/symlink", S_IFLNK | 0777, 0);
    make("/bits", S_IFMT | 0644, 0);
    make("relative", S_IFIFO | 0600, 0);
    make("/dir/below", S_IFIFO | 0600, 0);
    make("/chr", S_IFCHR | 0600, makedev(1, 5));
    nfs_umask(nfs, 077);
    make("/umask", S_IFIFO | 0666, 0);
    for (i = 0; i < COUNT(bad); i++)
        CASE(labelled("mknod", bad[i]), nfs_mknod(nfs, bad[i], S_IFIFO | 0600, 0));

    root = nfs;
    nfs = mount_user();
    make("/dir/denied", S_IFIFO | 0600, 0);
    make("/open/fifo", S_IFIFO | 0600, 0);
    make("/open/chr", S_IFCHR | 0600, makedev(1, 3));
    nfs_destroy_context(nfs);
    nfs = mount_dir(readonly_dir, 0, 0);
    CASE("read-only mknod", nfs_mknod(nfs, "/fifo", S_IFIFO | 0600, 0));
    nfs_destroy_context(nfs);
    nfs_destroy_context(root);
    return 0;
}
