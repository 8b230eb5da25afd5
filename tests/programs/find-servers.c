/* Prints the addresses of the NFS servers that answer a broadcast. */
#include <stdio.h>
#include <sys/time.h>
#include <nfsc/libnfs.h>

int main(void)
{
    struct nfs_server_list *list = nfs_find_local_servers(), *server;

    for (server = list; server; server = server->next)
        printf("%s\n", server->addr);
    free_nfs_srvr_list(list);
    return 0;
}
