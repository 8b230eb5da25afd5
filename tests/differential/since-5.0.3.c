/* The functions that libnfs 5.0.2 does not have yet: compiled and run on this library only. Its output is held against
 * since-5.0.3.txt. */
#include "common.h"

static struct nfs_context *context(void)
{
    struct nfs_context *made = nfs_init_context();

    nfs_set_uid(made, 0);
    nfs_set_gid(made, 0);
    nfs_set_timeout(made, 20000);
    return made;
}

static void plain_settings(void)
{
    nfs = context();
    CASE("set_hash_size", nfs_set_hash_size(nfs, 1024));
    printf("get_poll_timeout: %d\n", nfs_get_poll_timeout(nfs));
    nfs_set_poll_timeout(nfs, 250);
    printf("get_poll_timeout after 250: %d\n", nfs_get_poll_timeout(nfs));
    nfs_set_poll_timeout(nfs, -1);
    printf("get_poll_timeout after -1: %d\n", nfs_get_poll_timeout(nfs));
    nfs_destroy_context(nfs);
}

static void ports(void)
{
    static const struct {
        int nfs_port, mount_port;
    } tried[] = {{2049, 20048}, {0, 0}, {2049, 0}, {0, 20048}, {1, 20048}, {2049, 1}};
    char label[60];
    size_t i;

    for (i = 0; i < COUNT(tried); i++) {
        nfs = context();
        nfs_set_nfsport(nfs, tried[i].nfs_port);
        nfs_set_mountport(nfs, tried[i].mount_port);
        snprintf(label, sizeof(label), "mount nfsport %d mountport %d", tried[i].nfs_port, tried[i].mount_port);
        CASE(label, nfs_mount(nfs, server, export_dir));
        nfs_destroy_context(nfs);
    }
}

static int entries(const char *path)
{
    struct nfsdir *directory;
    int count = 0, ret = nfs_opendir(nfs, path, &directory);

    if (ret < 0)
        return ret;
    while (nfs_readdir(nfs, directory))
        count++;
    nfs_closedir(nfs, directory);
    return count;
}

static void listings(void)
{
    nfs = context();
    CASE("mount", nfs_mount(nfs, server, export_dir));
    CASE("entries", entries("/many"));
    nfs_set_readdir_max_buffer_size(nfs, 512, 1024);
    CASE("entries in small pieces", entries("/many"));
    nfs_set_readdir_max_buffer_size(nfs, 8192, 65536);
    CASE("entries in large pieces", entries("/many"));
    nfs_destroy_context(nfs);
}

/* Below the outer export lies another one. */
static void traversal(void)
{
    struct nfs_stat_64 st;
    char label[60];
    int enabled;

    for (enabled = 0; enabled < 2; enabled++) {
        nfs = context();
        CASE("mount outside", nfs_mount(nfs, server, getenv("EXPORT_OUTER")));
        nfs_set_auto_traverse_mounts(nfs, enabled);
        snprintf(label, sizeof(label), "stat64 inside with traverse %d", enabled);
        CASE(label, nfs_stat64(nfs, "/inner/file", &st));
        nfs_destroy_context(nfs);
    }
}

int main(int argc, char **argv)
{
    const char *outer_dir = getenv("EXPORT_OUTER");
    char path[PATH_MAX];
    int i;

    start(argc, argv);
    must(outer_dir != NULL, "EXPORT_OUTER", "the environment");
    snprintf(path, sizeof(path), "%s/inner/file", outer_dir);
    write_local_file(path, 0644, "inside", 6);
    make_dir("/many", 0755);
    for (i = 0; i < 500; i++) {
        snprintf(path, sizeof(path), "/many/entry-%04d", i);
        make_file(path, 0644, "");
    }
    plain_settings();
    ports();
    listings();
    traversal();
    return 0;
}
