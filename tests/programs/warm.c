/* Repeats an operation, the first one with cold caches: warm OPERATION COUNT SERVER EXPORT
   The export has /a/b/c/file of 64 KiB and /list of 1,000 files. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <nfsc/libnfs.h>

static char buffer[8 << 20];

static int mount(const char *server, const char *export)
{
    struct nfs_context *nfs = nfs_init_context();
    int status = nfs_mount(nfs, server, export);

    nfs_destroy_context(nfs);
    return status;
}

static int read_file(struct nfs_context *nfs)
{
    struct nfsfh *file;
    int count;

    if (nfs_open(nfs, "/a/b/c/file", O_RDONLY, &file) < 0)
        return -1;
    count = nfs_read(nfs, file, 65536, buffer);
    return nfs_close(nfs, file) < 0 || count != 65536 ? -1 : 0;
}

static int list(struct nfs_context *nfs)
{
    struct nfsdir *directory;
    int count = 0;

    if (nfs_opendir(nfs, "/list", &directory) < 0)
        return -1;
    while (nfs_readdir(nfs, directory) != NULL)
        count++;
    nfs_closedir(nfs, directory);
    return count == 1002 ? 0 : -1;
}

static int operation(struct nfs_context *nfs, char **arguments, struct nfsfh *file)
{
    struct nfs_stat_64 st;

    if (strcmp(arguments[1], "mount") == 0)
        return mount(arguments[3], arguments[4]);
    if (strcmp(arguments[1], "stat") == 0)
        return nfs_stat64(nfs, "/a/b/c/file", &st);
    if (strcmp(arguments[1], "small-file") == 0)
        return read_file(nfs);
    if (strcmp(arguments[1], "list") == 0)
        return list(nfs);
    if (strcmp(arguments[1], "write") == 0)
        return nfs_pwrite(nfs, file, 0, sizeof(buffer), buffer) == sizeof(buffer) ? 0 : -1;
    if (strcmp(arguments[1], "read") == 0)
        return nfs_pread(nfs, file, 0, sizeof(buffer), buffer) == sizeof(buffer) ? 0 : -1;
    return -1;
}

int main(int argc, char **argv)
{
    struct nfs_context *nfs = nfs_init_context();
    struct nfsfh *file;

    if (argc < 5 || nfs_mount(nfs, argv[3], argv[4]) < 0 || nfs_open(nfs, "/large", O_RDWR, &file) < 0)
        return 1;
    for (int count = atoi(argv[2]); count > 0; count--)
        if (operation(nfs, argv, file) < 0) {
            fprintf(stderr, "%s: %s\n", argv[1], nfs_get_error(nfs));
            return 1;
        }
    nfs_destroy_context(nfs);
    return 0;
}
