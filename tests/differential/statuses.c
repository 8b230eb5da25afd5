/* nfsstat3_to_str, nfsstat3_to_errno, nfsstat4_to_str, nfsstat4_to_errno, and the numbers of the versions. */
#include "common.h"
#include <nfsc/libnfs-zdr.h>
#include <nfsc/libnfs-raw.h>
#include <nfsc/libnfs-raw-nfs.h>
#include <nfsc/libnfs-raw-nfs4.h>

static void show(int status)
{
    printf("version 3 status %d: %s %s\n", status, nfsstat3_to_str(status), outcome(nfsstat3_to_errno(status)));
    printf("version 4 status %d: %s %s\n", status, nfsstat4_to_str(status), outcome(nfsstat4_to_errno(status)));
}

int main(int argc, char **argv)
{
    static const int others[] = {-1, INT_MIN, INT_MAX, 99999};
    struct nfs_context *context;
    size_t i;
    int status;

    start(argc, argv);
    for (status = 0; status < 100; status++)
        show(status);
    for (status = 10000; status < 10100; status++)
        show(status);
    for (i = 0; i < COUNT(others); i++)
        show(others[i]);

    context = nfs_init_context();
    printf("NFS_V3: %d\n", nfs_set_version(context, NFS_V3));
    printf("NFS_V4: %d\n", nfs_set_version(context, NFS_V4));
    nfs_destroy_context(context);
    return 0;
}
