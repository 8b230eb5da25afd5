/* Mounts an export, destroys the context, and says how that went: mount SERVER EXPORT [TIMEOUT_MS] */
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <nfsc/libnfs.h>

static long milliseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int main(int argc, char **argv)
{
    struct nfs_context *nfs = nfs_init_context();
    long start = milliseconds();
    int status;

    if (argc < 3)
        return 2;
    if (argc > 3)
        nfs_set_timeout(nfs, atoi(argv[3]));
    status = nfs_mount(nfs, argv[1], argv[2]);
    printf("%d %ld %s\n", status, milliseconds() - start, nfs_get_error(nfs));
    nfs_destroy_context(nfs);
    return 0;
}
