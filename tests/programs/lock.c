/*
 * lock EXPORT TIMEOUT_MS STEP...: opens /file, and from then on with a timeout locks it step by step. Says how each step
 * went: name, status, milliseconds and, of an error, the sentence. The steps are those below;
 * sh:COMMAND runs a command.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <nfsc/libnfs.h>

static struct nfs_context *nfs;
static struct nfsfh *fh;

static int step(const char *name)
{
    if (strcmp(name, "lock") == 0)
        return nfs_lockf(nfs, fh, NFS4_F_LOCK, 10);
    if (strcmp(name, "tlock") == 0)
        return nfs_lockf(nfs, fh, NFS4_F_TLOCK, 10);
    if (strcmp(name, "ulock") == 0)
        return nfs_lockf(nfs, fh, NFS4_F_ULOCK, 10);
    if (strcmp(name, "test") == 0)
        return nfs_lockf(nfs, fh, NFS4_F_TEST, 10);
    if (strcmp(name, "close") == 0)
        return nfs_close(nfs, fh);
    if (strcmp(name, "umount") == 0)
        return nfs_umount(nfs);
    if (strncmp(name, "sh:", 3) == 0)
        return system(name + 3);
    if (strcmp(name, "destroy") == 0) {
        nfs_destroy_context(nfs);
        return 0;
    }
    return 1;
}

static long milliseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int main(int argc, char **argv)
{
    int i;

    if (argc < 3)
        return 2;
    nfs = nfs_init_context();
    if (nfs_mount(nfs, "127.0.0.1", argv[1]) != 0 || nfs_open(nfs, "/file", O_RDWR, &fh) != 0) {
        fprintf(stderr, "%s\n", nfs_get_error(nfs));
        return 1;
    }
    nfs_set_timeout(nfs, atoi(argv[2]));
    for (i = 3; i < argc; i++) {
        long start = milliseconds();
        int status = step(argv[i]);

        printf("%.*s %d %ld %s\n", (int)strcspn(argv[i], ": "), argv[i], status, milliseconds() - start, status < 0 ? nfs_get_error(nfs) : "");
    }
    return 0;
}
