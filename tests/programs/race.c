/* usage: race EXPORT. A program with a data race, for ThreadSanitizer to find, on a context that it uses meanwhile. */
#include <pthread.h>
#include <stdio.h>

#include <nfsc/libnfs.h>

static int unprotected;

static void *count(void *nfs)
{
    struct nfs_stat_64 st;
    int i;

    for (i = 0; i < 100000; i++)
        unprotected++;
    nfs_stat64(nfs, "/", &st);
    return NULL;
}

int main(int argc, char **argv)
{
    struct nfs_context *nfs = nfs_init_context();
    pthread_t other;

    if (argc < 2 || nfs_mount(nfs, "127.0.0.1", argv[1]) != 0 || pthread_create(&other, NULL, count, nfs) != 0)
        return 0;
    count(nfs);
    pthread_join(other, NULL);
    nfs_destroy_context(nfs);
    printf("%d\n", unprotected);
    return 0;
}
