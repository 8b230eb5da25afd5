/* The functions that libnfs 4.0 does not have yet. */
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

/* A port behind the server in a URL. */
static void with_port(const char *port)
{
    char text[PATH_MAX + 100];
    struct nfs_url *url;
    int ret;

    nfs = nfs_init_context();
    nfs_set_timeout(nfs, 5000);
    nfs_set_autoreconnect(nfs, 0);
    snprintf(text, sizeof(text), "nfs://127.0.0.1%s%s", port, export_dir);
    url = nfs_parse_url_dir(nfs, text);
    ret = nfs_mount(nfs, url->server, url->path);
    printf("url with port %s: server %s mount %s\n", port, url->server, outcome(ret));
    nfs_destroy_url(url);
    nfs_destroy_context(nfs);
}

int main(int argc, char **argv)
{
    start(argc, argv);
    make_file("/groups", 0040, "");
    own("/groups", 0, 2001);
    versions();
    maxima();
    further_groups();
    lists_of_exports();
    with_port(":2049");
    with_port(":1");
    with_port(":");
    with_port(":2049x");
    with_port(":x");
    return 0;
}
