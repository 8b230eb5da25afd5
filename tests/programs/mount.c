/* Mounts an export and destroys the context: mount SERVER EXPORT [TIMES] */
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <nfsc/libnfs.h>

int main(int argc, char **argv)
{
    int times = argc > 3 ? atoi(argv[3]) : 1;

    if (argc < 3)
        return 2;
    while (times-- > 0) {
        struct nfs_context *nfs = nfs_init_context();
        int status = nfs_mount(nfs, argv[1], argv[2]);

        if (status < 0) {
            fprintf(stderr, "mount: %d: %s\n", status, nfs_get_error(nfs));
            return 1;
        }
        nfs_destroy_context(nfs);
    }
    return 0;
}
