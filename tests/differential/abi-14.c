/* The functions that libnfs 4.0 does not have yet: compiled and run on this library only. Its output is held against
 * abi-14.txt. */
#include "common.h"

static struct nfs_context *context(void)
{
    struct nfs_context *made = nfs_init_context();

    nfs_set_uid(made, 0);
    nfs_set_gid(made, 0);
    nfs_set_timeout(made, 20000);
    return made;
}

static void versions(void)
{
    nfs = context();
    printf("get_version: %d\n", nfs_get_version(nfs));
    CASE("set_version 4", nfs_set_version(nfs, 4));
    printf("get_version after 4: %d\n", nfs_get_version(nfs));
    CASE("set_version 2", nfs_set_version(nfs, 2));
    printf("get_version after 2: %d\n", nfs_get_version(nfs));
    CASE("set_version 3", nfs_set_version(nfs, 3));
    printf("get_version after 3: %d\n", nfs_get_version(nfs));
    nfs_destroy_context(nfs);
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

/* Transfers in pieces of a given size. */
static void maxima(void)
{
    static char data[100000], back[100000];
    struct nfsfh *fh = NULL;
    size_t i;

    for (i = 0; i < sizeof(data); i++)
        data[i] = (i * 2654435761u) >> 15;
    nfs = context();
    nfs_set_readmax(nfs, 8192);
    nfs_set_writemax(nfs, 4096);
    CASE("mount with maxima", nfs_mount(nfs, server, export_dir));
    CASE("creat", nfs_creat(nfs, "/pieces", 0644, &fh));
    CASE("write in pieces", nfs_pwrite(nfs, fh, 0, sizeof(data), data));
    CASE("read in pieces", nfs_pread(nfs, fh, 0, sizeof(back), back));
    printf("what was read: %s\n", memcmp(data, back, sizeof(data)) ? "different" : "equal");
    nfs_set_readmax(nfs, 0);
    nfs_set_writemax(nfs, 0);
    printf("get_readmax without a limit: %llu\n", (unsigned long long)nfs_get_readmax(nfs));
    printf("get_writemax without a limit: %llu\n", (unsigned long long)nfs_get_writemax(nfs));
    CASE("close", nfs_close(nfs, fh));
    nfs_destroy_context(nfs);
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

static void further_groups(void)
{
    uint32_t gids[2] = {2000, 2001};

    nfs = context();
    nfs_set_uid(nfs, 1000);
    nfs_set_gid(nfs, 1000);
    CASE("mount as a user", nfs_mount(nfs, server, export_dir));
    CASE("access without the group", nfs_access(nfs, "/groups", R_OK));
    nfs_set_auxiliary_gids(nfs, 2, gids);
    CASE("access with the group", nfs_access(nfs, "/groups", R_OK));
    nfs_set_auxiliary_gids(nfs, 1, gids);
    CASE("access with another group", nfs_access(nfs, "/groups", R_OK));
    nfs_set_auxiliary_gids(nfs, 0, NULL);
    CASE("access with no group", nfs_access(nfs, "/groups", R_OK));
    nfs_destroy_context(nfs);
}

static void lists_of_exports(void)
{
    static const struct {
        const char *host;
        int timeout;
    } tried[] = {{"127.0.0.1", 5000}, {"127.0.0.1", 0}, {"127.0.0.1", -1}, {"no-such-host.invalid", 1000}, {"", 1000}};
    struct exportnode *list, *entry;
    char label[100];
    size_t i;

    for (i = 0; i < COUNT(tried); i++) {
        int count = 0;

        list = mount_getexports_timeout(tried[i].host, tried[i].timeout);
        for (entry = list; entry; entry = entry->ex_next)
            count++;
        snprintf(label, sizeof(label), "getexports_timeout %d", tried[i].timeout);
        printf("%s: %d\n", labelled(label, tried[i].host), count);
        mount_free_export_list(list);
    }
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
    make_file("/groups", 0040, "");
    own("/groups", 0, 2001);
    versions();
    plain_settings();
    ports();
    maxima();
    listings();
    further_groups();
    lists_of_exports();
    traversal();
    return 0;
}
