/* Looks into an export from the one around it: nested SERVER EXPORT CROSS */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <nfsc/libnfs.h>

static struct nfs_context *nfs;

static void list(const char *path)
{
    struct nfsdir *directory;
    struct nfsdirent *entry;
    int status = nfs_opendir(nfs, path, &directory);

    printf("opendir %s: %d\n", path, status);
    if (status < 0)
        return;
    while ((entry = nfs_readdir(nfs, directory)) != NULL)
        if (entry->name[0] != '.')
            printf("  %s %o %d\n", entry->name, entry->mode, (int)entry->size);
    nfs_closedir(nfs, directory);
}

int main(int argc, char **argv)
{
    struct nfs_stat_64 st;
    struct nfsfh *file;

    nfs = nfs_init_context();
    if (argc < 4 || nfs_mount(nfs, argv[1], argv[2]) < 0)
        return 1;
    nfs_set_auto_traverse_mounts(nfs, atoi(argv[3]));
    list("/inner");
    printf("stat: %d\n", nfs_stat64(nfs, "/inner/file", &st));
    printf("creat: %d\n", nfs_creat(nfs, "/inner/new", 0600, &file));
    printf("chdir: %d\n", nfs_chdir(nfs, "/inner"));
    printf("stat: %d\n", nfs_stat64(nfs, "new", &st));
    nfs_destroy_context(nfs);
    return 0;
}
