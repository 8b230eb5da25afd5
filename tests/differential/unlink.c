/* nfs_unlink. */
#include "common.h"

int main(int argc, char **argv)
{
    static const char *const good[] = {"/file", "/link", "/broken", "/dirlink", "/loop", "/fifo", "relative", "/dir/inner",
                                       "//dir//twice", "/dirlink2/through", "/dir/../up", "/\xff\x80", name255, "/hard"};
    static const char *const bad[] = {"/",       "",        ".",       "..",      "/..",       "/dir",    "/empty",
                                      "/empty/", "/file",   "/missing/x", "/rest/x", "/rest/", "/rest/.", "/dir/.",
                                      "/dir/..", name256,   long_missing, "/loop2/x"};
    struct nfs_context *root;
    char path[PATH_MAX];
    size_t i;

    start(argc, argv);
    must(chmod(export_dir, 0755) == 0, "chmod", "/");
    make_dir("/dir", 0755);
    make_dir("/empty", 0755);
    make_dir("/open", 0777);
    make_dir("/sticky", 01777);
    make_file("/file", 0644, "");
    make_file("/rest", 0644, "");
    make_file("/relative", 0644, "");
    make_file("/dir/inner", 0644, "");
    make_file("/dir/twice", 0644, "");
    make_file("/dir/through", 0644, "");
    make_file("/dir/denied", 0666, "");
    make_file("/up", 0644, "");
    make_file("/\xff\x80", 0644, "");
    make_file(name255, 0644, "");
    make_file("/hard", 0644, "");
    make_file("/open/root", 0600, "");
    make_file("/sticky/root", 0666, "");
    must(link(local("/hard"), local("/hard2")) == 0, "link", "/hard2");
    make_symlink("rest", "/link");
    make_symlink("nowhere", "/broken");
    make_symlink("dir", "/dirlink");
    make_symlink("dir", "/dirlink2");
    make_symlink("loop", "/loop");
    make_symlink("loop2", "/loop2");
    make_node("/fifo", S_IFIFO | 0600, 0);
    snprintf(path, sizeof(path), "%s/file", readonly_dir);
    write_local_file(path, 0666, "", 0);
    mount_export();

    for (i = 0; i < COUNT(good); i++) {
        CASE(labelled("unlink", good[i]), nfs_unlink(nfs, good[i]));
        show_local(labelled("after unlink", good[i]), i == 10 ? "/up" : good[i]);
    }
    for (i = 0; i < COUNT(bad); i++)
        CASE(labelled("unlink bad", bad[i]), nfs_unlink(nfs, bad[i]));
    show_local("after unlink target", "/rest");
    show_local("after unlink hard", "/hard2");
    show_local("after unlink dirlink", "/dir");

    root = nfs;
    nfs = mount_user();
    CASE("user unlink denied", nfs_unlink(nfs, "/dir/denied"));
    CASE("user unlink missing denied", nfs_unlink(nfs, "/dir/missing"));
    CASE("user unlink allowed", nfs_unlink(nfs, "/open/root"));
    CASE("user unlink sticky", nfs_unlink(nfs, "/sticky/root"));
    nfs_destroy_context(nfs);
    nfs = mount_dir(readonly_dir, 0, 0);
    CASE("read-only unlink", nfs_unlink(nfs, "/file"));
    CASE("read-only unlink missing", nfs_unlink(nfs, "/missing"));
    nfs_destroy_context(nfs);
    nfs_destroy_context(root);
    return 0;
}
