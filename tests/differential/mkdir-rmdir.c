/* nfs_mkdir, nfs_mkdir2, nfs_rmdir. */
#include "common.h"

static void each_mode(void)
{
    static const int modes[] = {0, 0111, 0700, 0755, 0777, 01777, 02755, 04755, 07777, 040700, 0100644};
    char path[40];
    size_t i;
    int mask;

    for (mask = 0; mask < 2; mask++) {
        nfs_umask(nfs, mask ? 077 : 022);
        for (i = 0; i < COUNT(modes); i++) {
            snprintf(path, sizeof(path), "/mode-%d-%o", mask, modes[i]);
            CASE(labelled("mkdir2", path), nfs_mkdir2(nfs, path, modes[i]));
            show_local(labelled("after mkdir2", path), path);
        }
        snprintf(path, sizeof(path), "/plain-%d", mask);
        CASE(labelled("mkdir", path), nfs_mkdir(nfs, path));
        show_local(labelled("after mkdir", path), path);
    }
    nfs_umask(nfs, 022);
}

int main(int argc, char **argv)
{
    static const char *const bad[] = {
        "/",        "",         ".",          "..",       "/..",      "/dir",     "/dir/",      "/dir/.", "/dir/..",
        "/file",    "/file/x",  "/missing/x", "/link",    "/dirlink", "/broken",  "/loop",      "/loop/x", name256,
        long_missing, "/file/",
    };
    static const char *const good[] = {"/new", "/new/below", "relative", "./dot", "//slashes//", "/trailing/",
                                       "/dirlink/through", "/new/../up", "/\xff\xfe", name255};
    static const char *const no_rmdir[] = {
        "/",      "",        ".",       "..",        "/..",          "/full",  "/full/", "/full/.", "/file", "/link",
        "/dirlink", "/dirlink/", "/broken", "/loop", "/missing", "/missing/x", "/file/x", name256, long_missing,
        "/empty1/.", "/empty1/..",
    };
    struct nfs_context *root;
    size_t i;

    start(argc, argv);
    must(chmod(export_dir, 0755) == 0, "chmod", "/");
    make_dir("/dir", 0755);
    make_dir("/full", 0755);
    make_dir("/full/inner", 0755);
    make_dir("/empty1", 0755);
    make_dir("/empty2", 0755);
    make_dir("/target", 0755);
    make_dir("/open", 0777);
    make_dir("/sticky", 01777);
    make_dir("/sticky/root", 0777);
    make_dir("/setgid", 02777);
    own("/setgid", 0, 555);
    make_file("/file", 0644, "file");
    make_symlink("file", "/link");
    make_symlink("target", "/dirlink");
    make_symlink("nowhere", "/broken");
    make_symlink("loop", "/loop");
    mount_export();

    for (i = 0; i < COUNT(good); i++) {
        CASE(labelled("mkdir", good[i]), nfs_mkdir(nfs, good[i]));
        show_local(labelled("after mkdir", good[i]), i == 7 ? "/up" : good[i]);
    }
    for (i = 0; i < COUNT(bad); i++) {
        CASE(labelled("mkdir", bad[i]), nfs_mkdir(nfs, bad[i]));
        CASE(labelled("mkdir2", bad[i]), nfs_mkdir2(nfs, bad[i], 0700));
    }
    show_local("after bad mkdir", "/nowhere");
    each_mode();

    for (i = 0; i < COUNT(no_rmdir); i++)
        CASE(labelled("rmdir", no_rmdir[i]), nfs_rmdir(nfs, no_rmdir[i]));
    show_local("after bad rmdir", "/empty1");
    show_local("after bad rmdir target", "/target");
    CASE("rmdir /empty1", nfs_rmdir(nfs, "/empty1"));
    show_local("after rmdir", "/empty1");
    CASE("rmdir again", nfs_rmdir(nfs, "/empty1"));
    CASE("rmdir /empty2/", nfs_rmdir(nfs, "/empty2/"));
    CASE("rmdir of the current directory below", nfs_chdir(nfs, "/dirlink"));
    CASE("rmdir relative", nfs_rmdir(nfs, "through"));
    nfs_chdir(nfs, "/");
    CASE("rmdir name255", nfs_rmdir(nfs, name255));
    CASE("rmdir bytes", nfs_rmdir(nfs, "/\xff\xfe"));

    root = nfs;
    nfs = mount_user();
    CASE("user mkdir denied", nfs_mkdir(nfs, "/dir/new"));
    CASE("user mkdir existing denied", nfs_mkdir(nfs, "/full/inner"));
    CASE("user rmdir denied", nfs_rmdir(nfs, "/full/inner"));
    CASE("user rmdir missing denied", nfs_rmdir(nfs, "/full/missing"));
    CASE("user mkdir", nfs_mkdir(nfs, "/open/new"));
    show_local("after user mkdir", "/open/new");
    CASE("user rmdir sticky", nfs_rmdir(nfs, "/sticky/root"));
    CASE("user mkdir setgid", nfs_mkdir(nfs, "/setgid/new"));
    show_local("after user mkdir setgid", "/setgid/new");
    nfs_destroy_context(nfs);

    nfs = mount_dir(readonly_dir, 0, 0);
    CASE("read-only mkdir", nfs_mkdir(nfs, "/new"));
    CASE("read-only rmdir missing", nfs_rmdir(nfs, "/missing"));
    nfs_destroy_context(nfs);
    nfs_destroy_context(root);
    return 0;
}
