/* mount_getexports, mount_free_export_list, nfs_find_local_servers, free_nfs_srvr_list. */
#include "common.h"

static void show(const char *host)
{
    struct exportnode *exports = mount_getexports(host), *entry;
    int count = 0, ours = 0, readonly = 0, groups = 0;

    for (entry = exports; entry; entry = entry->ex_next) {
        struct groupnode *group;

        count++;
        /* The program works below the exported directories. */
        ours |= strncmp(entry->ex_dir, export_dir, strlen(entry->ex_dir)) == 0;
        readonly |= strncmp(entry->ex_dir, readonly_dir, strlen(entry->ex_dir)) == 0;
        for (group = entry->ex_groups; group; group = group->gr_next)
            groups++;
    }
    printf("%s: %s count=%d export=%d read-only=%d groups=%d\n", labelled("getexports", host), exports ? "list" : "NULL",
           count, ours, readonly, groups);
    mount_free_export_list(exports);
}

int main(int argc, char **argv)
{
    struct nfs_server_list *servers;

    start(argc, argv);
    show("127.0.0.1");
    show("localhost");
    show("no-such-host.invalid");
    show("");
    /* Nobody answers a broadcast on a loopback interface. */
    servers = nfs_find_local_servers();
    printf("find_local_servers: %s\n", servers ? "list" : "NULL");
    free_nfs_srvr_list(servers);
    mount_free_export_list(NULL);
    printf("free (null): done\n");
    free_nfs_srvr_list(NULL);
    printf("free servers (null): done\n");
    return 0;
}
