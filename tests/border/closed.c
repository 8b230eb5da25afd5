/* Handles that are closed already, or belong to another context, give -EBADF. */
#include "common.h"

static int called_back, last_status;

static void remember(int status, struct nfs_context *context, void *data, void *private_data)
{
    (void)context, (void)data, (void)private_data;
    called_back++;
    last_status = status;
}

static void every_use(struct nfsfh *fh)
{
    struct nfs_stat_64 st;
    char buffer[10];
    int before = called_back;

    RETURNS(-EBADF, nfs_read(nfs, fh, 1, buffer));
    RETURNS(-EBADF, nfs_pread(nfs, fh, 0, 1, buffer));
    RETURNS(-EBADF, nfs_write(nfs, fh, 1, "x"));
    RETURNS(-EBADF, nfs_pwrite(nfs, fh, 0, 1, "x"));
    RETURNS(-EBADF, nfs_lseek(nfs, fh, 0, SEEK_SET, NULL));
    RETURNS(-EBADF, nfs_lseek(nfs, fh, 0, SEEK_END, NULL));
    RETURNS(-EBADF, nfs_fsync(nfs, fh));
    RETURNS(-EBADF, nfs_ftruncate(nfs, fh, 0));
    RETURNS(-EBADF, nfs_fstat64(nfs, fh, &st));
    RETURNS(-EBADF, nfs_fchmod(nfs, fh, 0600));
    RETURNS(-EBADF, nfs_fchown(nfs, fh, 0, 0));
    RETURNS(-EBADF, nfs_close(nfs, fh));
    if (nfs_pread_async(nfs, fh, 0, 1, remember, NULL) == 0) {
        turn_until(nfs, &called_back, before + 1);
        EXPECT(called_back == before + 1 && last_status == -EBADF);
    }
    before = called_back;
    if (nfs_close_async(nfs, fh, remember, NULL) == 0) {
        turn_until(nfs, &called_back, before + 1);
        EXPECT(called_back == before + 1 && last_status == -EBADF);
    }
}

int main(int argc, char **argv)
{
    struct nfs_context *other;
    struct nfsfh *fh = NULL, *second = NULL;
    struct nfsdir *dir = NULL;
    char buffer[10];

    start(argc, argv);
    make_file("file", "0123456789");
    nfs = mounted();
    RETURNS(0, nfs_open(nfs, "/file", O_RDWR, &fh));
    RETURNS(0, nfs_close(nfs, fh));
    every_use(fh);
    /* A new handle is not the old one, even if it gets its memory. */
    RETURNS(0, nfs_open(nfs, "/file", O_RDONLY, &second));
    EXPECT(nfs_pread(nfs, second, 0, 1, buffer) == 1);
    RETURNS(0, nfs_close(nfs, second));
    RETURNS(-EBADF, nfs_close(nfs, second));

    RETURNS(0, nfs_opendir(nfs, "/", &dir));
    nfs_closedir(nfs, dir);
    SURVIVES((nfs_closedir(nfs, dir), 0));
    EXPECT(nfs_readdir(nfs, dir) == NULL);
    SURVIVES(nfs_telldir(nfs, dir));
    SURVIVES((nfs_rewinddir(nfs, dir), 0));

    /* A handle of a context that is gone. */
    other = mounted();
    RETURNS(0, nfs_open(other, "/file", O_RDONLY, &second));
    RETURNS(-EBADF, nfs_read(nfs, second, 1, buffer));
    nfs_destroy_context(other);
    every_use(second);
    RETURNS(0, nfs_access(nfs, "/file", R_OK));
    nfs_destroy_context(nfs);
    return finish();
}
