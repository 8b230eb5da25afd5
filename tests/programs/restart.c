/*
 * Works on while its server is killed and started again: restart SERVER EXPORT write|read|create|list
 * Prints nothing when everything is as it should be in the end.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <nfsc/libnfs.h>

#define PIECE (1 << 20)
#define PIECES 256
#define FILES 3000

static struct nfs_context *nfs;
static unsigned char piece[PIECE], back[PIECE];

#define MUST(call) must(call, #call)

static int must(int status, const char *call)
{
    if (status < 0) {
        printf("%s: %d %s\n", call, status, nfs_get_error(nfs));
        exit(1);
    }
    return status;
}

static void fill(int number)
{
    int i;

    for (i = 0; i < PIECE; i += 4) {
        unsigned int value = (unsigned int)(number * 2654435761u + i * 40503u);

        memcpy(piece + i, &value, 4);
    }
}

static void write_all(void)
{
    struct nfsfh *file;
    int i;

    MUST(nfs_creat(nfs, "/big", 0644, &file));
    for (i = 0; i < PIECES; i++) {
        fill(i);
        if (MUST(nfs_pwrite(nfs, file, (uint64_t)i * PIECE, PIECE, piece)) != PIECE)
            printf("short write of piece %d\n", i);
    }
    MUST(nfs_fsync(nfs, file));
    MUST(nfs_close(nfs, file));
}

static void read_all(void)
{
    struct nfsfh *file;
    int i;

    MUST(nfs_open(nfs, "/big", O_RDONLY, &file));
    for (i = 0; i < PIECES; i++) {
        fill(i);
        if (MUST(nfs_pread(nfs, file, (uint64_t)i * PIECE, PIECE, back)) != PIECE || memcmp(piece, back, PIECE))
            printf("piece %d differs\n", i);
    }
    MUST(nfs_close(nfs, file));
}

static void create_all(void)
{
    char name[64], other[64];
    struct nfsfh *file;
    int i;

    MUST(nfs_mkdir(nfs, "/many"));
    for (i = 0; i < FILES; i++) {
        snprintf(name, sizeof(name), "/many/%d", i);
        snprintf(other, sizeof(other), "/many/renamed-%d", i);
        MUST(nfs_open2(nfs, name, O_CREAT | O_EXCL | O_WRONLY, 0644, &file));
        MUST(nfs_close(nfs, file));
        if (i % 3 == 1)
            MUST(nfs_rename(nfs, name, other));
        if (i % 3 == 2)
            MUST(nfs_unlink(nfs, name));
    }
}

static void list_all(void)
{
    struct nfsdir *directory;
    struct nfsdirent *entry;
    int files = 0;

    MUST(nfs_opendir(nfs, "/many", &directory));
    while ((entry = nfs_readdir(nfs, directory)) != NULL)
        files += entry->name[0] != '.';
    nfs_closedir(nfs, directory);
    if (files != FILES / 3 * 2)
        printf("%d files\n", files);
}

int main(int argc, char **argv)
{
    int i;

    nfs = nfs_init_context();
    if (argc < 4)
        return 2;
    MUST(nfs_mount(nfs, argv[1], argv[2]));
    if (!strcmp(argv[3], "write"))
        write_all();
    else if (!strcmp(argv[3], "read"))
        read_all();
    else if (!strcmp(argv[3], "create"))
        create_all();
    else
        for (i = 0; i < 40; i++)
            list_all();
    nfs_destroy_context(nfs);
    return 0;
}
