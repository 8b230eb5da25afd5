/*
 * nfs_umount() with reads under way, as fio's engine does it: the callbacks copy what they get to buffers of the
 * program, which are freed as soon as nfs_umount() has returned, or the callback of nfs_umount_async() has run.
 */
#include "common.h"

#define DEPTH 32
#define BLOCK 4096
#define BLOCKS 256

struct transfer {
    char *buffer;
    int calls, status;
};

static struct transfer transfers[DEPTH];
static int under_way, finished, unmounting, unmounted;
static uint64_t next_block;
static struct nfsfh *fh;

static void transferred(int status, struct nfs_context *context, void *data, void *private_data);

static void submit(struct transfer *transfer)
{
    transfer->calls = 0;
    under_way++;
    RETURNS(0, nfs_pread_async(nfs, fh, next_block++ % BLOCKS * BLOCK, BLOCK, transferred, transfer));
}

static void transferred(int status, struct nfs_context *context, void *data, void *private_data)
{
    struct transfer *transfer = private_data;

    (void)context;
    under_way--;
    transfer->calls++;
    transfer->status = status;
    EXPECT(!unmounted);
    if (status > 0) {
        EXPECT(!unmounting);
        memcpy(transfer->buffer, data, status);
        finished++;
        if (!unmounting)
            submit(transfer);
    }
}

static void has_unmounted(int status, struct nfs_context *context, void *data, void *private_data)
{
    int i;

    (void)context;
    (void)data;
    (void)private_data;
    EXPECT(status == 0);
    EXPECT(under_way == 0);
    for (i = 0; i < DEPTH; i++) {
        EXPECT(transfers[i].calls == 1);
        free(transfers[i].buffer);
        transfers[i].buffer = NULL;
    }
    unmounted = 1;
}

/* Reads, and unmounts in the middle of that. `turns` calls of nfs_service() come before it. */
static void read_and_unmount(int asynchronously, int turns)
{
    int i;

    nfs = mounted();
    finished = unmounting = unmounted = under_way = 0;
    RETURNS(0, nfs_open(nfs, "/blocks", O_RDONLY, &fh));
    for (i = 0; i < DEPTH; i++) {
        transfers[i].buffer = malloc(BLOCK);
        submit(&transfers[i]);
    }
    while (turns-- > 0)
        turn(nfs, 1000);
    /* The server answers meanwhile: its replies wait in the socket. */
    usleep(2000);
    unmounting = 1;
    if (asynchronously) {
        RETURNS(0, nfs_umount_async(nfs, has_unmounted, NULL));
        EXPECT(turn_until(nfs, &unmounted, 1) == 0);
    } else {
        int status = nfs_umount(nfs);

        has_unmounted(status, nfs, NULL, NULL);
    }
    /* Whatever the server still sends comes now. */
    for (i = 0; i < 3; i++)
        turn(nfs, 5);
    nfs_destroy_context(nfs);
}

int main(int argc, char **argv)
{
    static char block[BLOCK + 1];
    int i, round, fd;

    start(argc, argv);
    fd = open(local("blocks"), O_WRONLY | O_CREAT, 0644);
    memset(block, 'x', BLOCK);
    for (i = 0; i < BLOCKS; i++)
        EXPECT(write(fd, block, BLOCK) == BLOCK);
    close(fd);
    for (round = 0; round < 12; round++)
        read_and_unmount(round % 2, round);
    return finish();
}
