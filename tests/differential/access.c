/* nfs_access, nfs_access2. */
#include "common.h"

static void each(const char *who, const char *path)
{
    char label[60];
    int mode;

    for (mode = 0; mode < 8; mode++) {
        snprintf(label, sizeof(label), "%s access %c%c%c", who, mode & R_OK ? 'r' : '-', mode & W_OK ? 'w' : '-',
                 mode & X_OK ? 'x' : '-');
        CASE(labelled(label, path), nfs_access(nfs, path, mode));
    }
    snprintf(label, sizeof(label), "%s access2", who);
    CASE(labelled(label, path), nfs_access2(nfs, path));
}

int main(int argc, char **argv)
{
    static const char *const paths[] = {"/r", "/w", "/x", "/rwx", "/none", "/dir", "/private", "/private/file", "/group",
                                        "/link", "/broken", "/missing"};
    static const char *const odd[] = {"/", "", ".", "..", "/loop", "/r/", "/r/x", "/dir/", "/dir/.", "/missing/x",
                                      "/fifo", "/chr", name256, long_missing};
    struct nfs_context *root;
    char path[PATH_MAX];
    size_t i;

    start(argc, argv);
    make_dir("/dir", 0755);
    make_dir("/private", 0700);
    make_file("/private/file", 0777, "");
    make_file("/r", 0644, "");
    make_file("/w", 0602, "");
    make_file("/x", 0701, "");
    make_file("/rwx", 0777, "");
    make_file("/none", 0000, "");
    make_file("/group", 0060, "");
    own("/group", 0, 1000);
    make_symlink("r", "/link");
    make_symlink("nowhere", "/broken");
    make_symlink("loop", "/loop");
    make_node("/fifo", S_IFIFO | 0644, 0);
    make_node("/chr", S_IFCHR | 0666, makedev(1, 3));
    snprintf(path, sizeof(path), "%s/file", readonly_dir);
    write_local_file(path, 0777, "", 0);
    mount_export();

    for (i = 0; i < COUNT(paths); i++)
        each("root", paths[i]);
    for (i = 0; i < COUNT(odd); i++)
        CASE(labelled("access r--", odd[i]), nfs_access(nfs, odd[i], R_OK));
    CASE("access mode 8", nfs_access(nfs, "/rwx", 8));
    CASE("access mode -1", nfs_access(nfs, "/rwx", -1));

    root = nfs;
    nfs = mount_user();
    for (i = 0; i < COUNT(paths); i++)
        each("user", paths[i]);
    nfs_destroy_context(nfs);
    nfs = mount_dir(readonly_dir, 0, 0);
    each("read-only", "/file");
    each("read-only", "/");
    nfs_destroy_context(nfs);
    nfs_destroy_context(root);
    return 0;
}
