/* nfs_chmod, nfs_lchmod, nfs_fchmod. */
#include "common.h"

int main(int argc, char **argv)
{
    static const int modes[] = {0, 0400, 0644, 0777, 01777, 02755, 04755, 06711, 07777, 0100600, 040700, 0170000, -1};
    static const char *const bad[] = {"/missing", "/missing/x", "/file/x", "/broken", "/loop", "", "/", ".", "..", "/..",
                                      "/file/",   "/file/.",    "/dir/",   "/dir/.",  "/dir/..", name256, long_missing};
    struct nfs_context *root;
    struct nfsfh *fh;
    char label[60];
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
    make_file("/user", 0600, "");
    make_file("/user-of-group", 0600, "");
    make_file("/private/file", 0644, "");
    make_file("/gone", 0644, "");
    make_file("/\xff", 0644, "");
    own("/user", 1000, 1000);
    own("/user-of-group", 1000, 555);
    make_symlink("target", "/link");
    make_symlink("target2", "/link2");
    make_symlink("nowhere", "/broken");
    make_symlink("loop", "/loop");
    snprintf(path, sizeof(path), "%s/file", readonly_dir);
    write_local_file(path, 0666, "", 0);
    mount_export();

    fh = opened("/handle", O_RDONLY);
    for (i = 0; i < COUNT(modes); i++) {
        snprintf(label, sizeof(label), "chmod %o", modes[i]);
        CASE(label, nfs_chmod(nfs, "/file", modes[i]));
        snprintf(label, sizeof(label), "after chmod %o", modes[i]);
        show_local(label, "/file");
        snprintf(label, sizeof(label), "fchmod %o", modes[i]);
        CASE(label, nfs_fchmod(nfs, fh, modes[i]));
        snprintf(label, sizeof(label), "after fchmod %o", modes[i]);
        show_local(label, "/handle");
        snprintf(label, sizeof(label), "chmod directory %o", modes[i]);
        CASE(label, nfs_chmod(nfs, "/dir", modes[i]));
        snprintf(label, sizeof(label), "after chmod directory %o", modes[i]);
        show_local(label, "/dir");
    }
    nfs_close(nfs, fh);
    CASE("chmod link", nfs_chmod(nfs, "/link", 0600));
    show_local("after chmod link", "/link");
    show_local("after chmod link target", "/target");
    CASE("lchmod link", nfs_lchmod(nfs, "/link2", 0600));
    show_local("after lchmod link", "/link2");
    show_local("after lchmod link target", "/target2");
    CASE("lchmod file", nfs_lchmod(nfs, "/file", 0640));
    show_local("after lchmod file", "/file");
    CASE("lchmod broken", nfs_lchmod(nfs, "/broken", 0640));
    CASE("lchmod loop", nfs_lchmod(nfs, "/loop", 0640));
    CASE("lchmod missing", nfs_lchmod(nfs, "/missing", 0640));
    CASE("lchmod not a directory", nfs_lchmod(nfs, "/file/x", 0640));
    CASE("lchmod directory", nfs_lchmod(nfs, "/dir", 0711));
    show_local("after lchmod directory", "/dir");
    CASE("chmod bytes", nfs_chmod(nfs, "/\xff", 0611));
    show_local("after chmod bytes", "/\xff");
    for (i = 0; i < COUNT(bad); i++)
        CASE(labelled("chmod", bad[i]), nfs_chmod(nfs, bad[i], 0755));
    show_local("after chmod root", "/");

    fh = opened("/gone", O_RDONLY);
    CASE("fchmod unlink", nfs_unlink(nfs, "/gone"));
    CASE("fchmod of a removed file", nfs_fchmod(nfs, fh, 0600));
    nfs_close(nfs, fh);

    root = nfs;
    nfs = mount_user();
    CASE("user chmod of root's file", nfs_chmod(nfs, "/root", 0600));
    CASE("user chmod of an own file", nfs_chmod(nfs, "/user", 06755));
    show_local("after user chmod of an own file", "/user");
    CASE("user chmod of a foreign group", nfs_chmod(nfs, "/user-of-group", 02755));
    show_local("after user chmod of a foreign group", "/user-of-group");
    CASE("user chmod below private", nfs_chmod(nfs, "/private/file", 0600));
    fh = opened("/root", O_RDWR);
    CASE("user fchmod of root's file", nfs_fchmod(nfs, fh, 0600));
    nfs_close(nfs, fh);
    nfs_destroy_context(nfs);
    nfs = mount_dir(readonly_dir, 0, 0);
    CASE("read-only chmod", nfs_chmod(nfs, "/file", 0600));
    CASE("read-only lchmod", nfs_lchmod(nfs, "/file", 0600));
    CASE("read-only chmod missing", nfs_chmod(nfs, "/missing", 0600));
    fh = opened("/file", O_RDONLY);
    CASE("read-only fchmod", nfs_fchmod(nfs, fh, 0600));
    nfs_close(nfs, fh);
    nfs_destroy_context(nfs);
    nfs_destroy_context(root);
    return 0;
}
