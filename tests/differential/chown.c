/* nfs_chown, nfs_lchown, nfs_fchown. */
#include "common.h"

int main(int argc, char **argv)
{
    static const struct {
        int uid, gid;
    } owners[] = {{1, 2}, {0, 0}, {1000, -1}, {-1, 1001}, {-1, -1}, {65534, 65534}, {2000000000, 2000000001}, {-2, -2}};
    static const char *const bad[] = {"/missing", "/missing/x", "/file/x", "/broken", "/loop", "", "/", ".", "..",
                                      "/file/",   "/dir/",      "/dir/.",  name256,   long_missing};
    struct nfs_context *root;
    struct nfsfh *fh;
    char label[80];
    char path[PATH_MAX];
    size_t i;

    start(argc, argv);
    make_dir("/dir", 0755);
    make_dir("/private", 0700);
    make_file("/file", 0644, "");
    make_file("/handle", 0644, "");
    make_file("/target", 0644, "");
    make_file("/target2", 0644, "");
    make_file("/root", 0666, "");
    make_file("/user", 06755, "");
    make_file("/setuid", 06755, "");
    make_file("/private/file", 0644, "");
    make_file("/gone", 0644, "");
    own("/user", 1000, 1000);
    make_symlink("target", "/link");
    make_symlink("target2", "/link2");
    make_symlink("nowhere", "/broken");
    make_symlink("loop", "/loop");
    snprintf(path, sizeof(path), "%s/file", readonly_dir);
    write_local_file(path, 0666, "", 0);
    mount_export();

    fh = opened("/handle", O_RDONLY);
    for (i = 0; i < COUNT(owners); i++) {
        int uid = owners[i].uid, gid = owners[i].gid;

        snprintf(label, sizeof(label), "chown %d %d", uid, gid);
        CASE(label, nfs_chown(nfs, "/file", uid, gid));
        snprintf(label, sizeof(label), "after chown %d %d", uid, gid);
        show_local(label, "/file");
        snprintf(label, sizeof(label), "fchown %d %d", uid, gid);
        CASE(label, nfs_fchown(nfs, fh, uid, gid));
        snprintf(label, sizeof(label), "after fchown %d %d", uid, gid);
        show_local(label, "/handle");
        snprintf(label, sizeof(label), "lchown directory %d %d", uid, gid);
        CASE(label, nfs_lchown(nfs, "/dir", uid, gid));
        snprintf(label, sizeof(label), "after lchown directory %d %d", uid, gid);
        show_local(label, "/dir");
    }
    nfs_close(nfs, fh);
    CASE("chown link", nfs_chown(nfs, "/link", 11, 12));
    show_local("after chown link", "/link");
    show_local("after chown link target", "/target");
    CASE("lchown link", nfs_lchown(nfs, "/link2", 11, 12));
    show_local("after lchown link", "/link2");
    show_local("after lchown link target", "/target2");
    CASE("chown directory", nfs_chown(nfs, "/dir", 21, 22));
    show_local("after chown directory", "/dir");
    CASE("chown setuid", nfs_chown(nfs, "/setuid", 31, 32));
    show_local("after chown setuid", "/setuid");
    CASE("lchown broken", nfs_lchown(nfs, "/broken", 1, 2));
    show_local("after lchown broken", "/broken");
    CASE("lchown loop", nfs_lchown(nfs, "/loop", 1, 2));
    CASE("lchown missing", nfs_lchown(nfs, "/missing", 1, 2));
    CASE("lchown not a directory", nfs_lchown(nfs, "/file/x", 1, 2));
    for (i = 0; i < COUNT(bad); i++)
        CASE(labelled("chown", bad[i]), nfs_chown(nfs, bad[i], 1, 2));
    show_local("after chown root", "/");

    fh = opened("/gone", O_RDONLY);
    CASE("fchown unlink", nfs_unlink(nfs, "/gone"));
    CASE("fchown of a removed file", nfs_fchown(nfs, fh, 1, 2));
    nfs_close(nfs, fh);

    root = nfs;
    nfs = mount_user();
    CASE("user chown of root's file", nfs_chown(nfs, "/root", 1000, 1000));
    CASE("user chown away", nfs_chown(nfs, "/user", 0, -1));
    CASE("user chown to own group", nfs_chown(nfs, "/user", -1, 1000));
    show_local("after user chown to own group", "/user");
    CASE("user chown to foreign group", nfs_chown(nfs, "/user", -1, 555));
    CASE("user chown to nothing new", nfs_chown(nfs, "/user", 1000, 1000));
    CASE("user lchown of root's link", nfs_lchown(nfs, "/link", 1000, 1000));
    CASE("user chown below private", nfs_chown(nfs, "/private/file", 1000, 1000));
    fh = opened("/root", O_RDWR);
    CASE("user fchown of root's file", nfs_fchown(nfs, fh, 1000, 1000));
    nfs_close(nfs, fh);
    nfs_destroy_context(nfs);
    nfs = mount_dir(readonly_dir, 0, 0);
    CASE("read-only chown", nfs_chown(nfs, "/file", 1, 2));
    CASE("read-only lchown", nfs_lchown(nfs, "/file", 1, 2));
    fh = opened("/file", O_RDONLY);
    CASE("read-only fchown", nfs_fchown(nfs, fh, 1, 2));
    nfs_close(nfs, fh);
    nfs_destroy_context(nfs);
    nfs_destroy_context(root);
    return 0;
}
