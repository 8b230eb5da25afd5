/* Callbacks that submit calls, close files, or destroy the context. */
#include "common.h"

static int done;

/* ---- Calls beget calls ------------------------------------------------------------------------------------- */

static int generations;

static void again(int status, struct nfs_context *context, void *data, void *private_data)
{
    (void)data;
    EXPECT(status == 0);
    done++;
    if (generations-- > 0)
        EXPECT(nfs_stat64_async(context, "/file", again, private_data) == 0);
}

static void begetting(void)
{
    int i;

    generations = 500;
    done = 0;
    for (i = 0; i < 5; i++)
        EXPECT(nfs_stat64_async(nfs, "/file", again, NULL) == 0);
    EXPECT(turn_until(nfs, &done, 505) == 0);
    EXPECT(nfs_queue_length(nfs) == 0);
}

/* A callback that needs no server must not recurse without end. */
static void seek_again(int status, struct nfs_context *context, void *data, void *private_data)
{
    (void)data;
    EXPECT(status == 0);
    done++;
    if (generations-- > 0)
        EXPECT(nfs_lseek_async(context, private_data, 0, SEEK_SET, seek_again, private_data) == 0);
}

static void seeking(void)
{
    struct nfsfh *fh = NULL;

    RETURNS(0, nfs_open(nfs, "/file", O_RDONLY, &fh));
    generations = 20000;
    done = 0;
    if (nfs_lseek_async(nfs, fh, 0, SEEK_SET, seek_again, fh) == 0)
        EXPECT(turn_until(nfs, &done, 20001) == 0);
    RETURNS(0, nfs_close(nfs, fh));
}

/* ---- Closing from within ----------------------------------------------------------------------------------- */

static int reads_done, closes_done, close_status;

static void closed(int status, struct nfs_context *context, void *data, void *private_data)
{
    (void)context, (void)data, (void)private_data;
    closes_done++;
    close_status = status;
    done++;
}

static void read_then_close(int status, struct nfs_context *context, void *data, void *private_data)
{
    (void)data;
    reads_done++;
    done++;
    /* The first closes the file under the others. */
    EXPECT(status == 10 || (reads_done > 1 && reads_done <= 20 && status < 0));
    if (reads_done == 1)
        EXPECT(nfs_close_async(context, private_data, closed, NULL) == 0);
}

static void closing(void)
{
    struct nfsfh *fh = NULL;
    int i;

    RETURNS(0, nfs_open(nfs, "/file", O_RDONLY, &fh));
    done = reads_done = closes_done = 0;
    for (i = 0; i < 20; i++)
        EXPECT(nfs_pread_async(nfs, fh, 0, 10, read_then_close, fh) == 0);
    EXPECT(turn_until(nfs, &done, 21) == 0);
    EXPECT(reads_done == 20 && closes_done == 1 && close_status == 0);
}

/* A file is closed while reads and writes of it are queued, outside of callbacks. */
static void closing_early(void)
{
    struct nfsfh *fh = NULL;
    int i;

    RETURNS(0, nfs_open(nfs, "/file", O_RDWR, &fh));
    done = 0;
    reads_done = 100;
    for (i = 0; i < 10; i++) {
        EXPECT(nfs_pread_async(nfs, fh, 0, 10, read_then_close, fh) == 0);
        EXPECT(nfs_pwrite_async(nfs, fh, 20, 5, "hello", closed, fh) == 0);
    }
    EXPECT(nfs_close_async(nfs, fh, closed, NULL) == 0);
    EXPECT(turn_until(nfs, &done, 21) == 0);
}

/* ---- A synchronous call from within ------------------------------------------------------------------------ */

static void stat_inside(int status, struct nfs_context *context, void *data, void *private_data)
{
    struct nfs_stat_64 st;
    int ret;

    (void)data, (void)private_data;
    EXPECT(status == 0);
    done++;
    /* It works, or it is refused; it does not hang. */
    ret = nfs_stat64(context, "/file", &st);
    EXPECT(ret <= 0);
}

static void nesting(void)
{
    int i;

    done = 0;
    for (i = 0; i < 5; i++)
        EXPECT(nfs_stat64_async(nfs, "/file", stat_inside, NULL) == 0);
    EXPECT(turn_until(nfs, &done, 5) == 0);
}

/* An asynchronous call is pending during a synchronous one. */
static void mixing(void)
{
    struct nfs_stat_64 st;
    int i;

    done = 0;
    generations = 0;
    for (i = 0; i < 10; i++) {
        EXPECT(nfs_stat64_async(nfs, "/file", again, NULL) == 0);
        RETURNS(0, nfs_stat64(nfs, "/", &st));
    }
    EXPECT(turn_until(nfs, &done, 10) == 0);
}

/* ---- Destroying from within -------------------------------------------------------------------------------- */

static int destroyed, interrupted;

static void destroy(int status, struct nfs_context *context, void *data, void *private_data)
{
    (void)data, (void)private_data;
    done++;
    if (destroyed) {
        /* Calls that were complete may say so; but nothing comes after nfs_destroy_context() has returned. */
        EXPECT(status == -EINTR || status == 0);
        EXPECT(destroyed == 1);
        interrupted++;
        return;
    }
    EXPECT(status == 0);
    destroyed = 1;
    nfs_destroy_context(context);
    destroyed = 2;
}

static void destroying(int others)
{
    int i;

    nfs = mounted();
    done = destroyed = interrupted = 0;
    for (i = 0; i <= others; i++)
        EXPECT(nfs_stat64_async(nfs, "/file", destroy, NULL) == 0);
    while (!destroyed)
        if (turn(nfs, 5000) == -1000)
            break;
    EXPECT(destroyed);
    EXPECT(done == others + 1 && interrupted == others);
    nfs = NULL;
}

static void destroy_on_error(int status, struct nfs_context *context, void *data, void *private_data)
{
    (void)data, (void)private_data;
    EXPECT(status < 0);
    destroyed = 1;
    nfs_destroy_context(context);
}

/* From the callback of a mount that failed or succeeded. */
static void destroying_mount(const char *path, nfs_cb callback)
{
    nfs = nfs_init_context();
    nfs_set_timeout(nfs, 5000);
    done = destroyed = 0;
    EXPECT(nfs_mount_async(nfs, server, path, callback, NULL) == 0);
    while (!destroyed)
        if (turn(nfs, 5000) == -1000)
            break;
    EXPECT(destroyed);
    nfs = NULL;
}

/* From a callback that runs within a synchronous call. */
static void destroying_in_sync(void)
{
    struct nfs_stat_64 st;
    struct nfs_context *context = nfs = mounted();

    done = destroyed = interrupted = 0;
    EXPECT(nfs_stat64_async(nfs, "/file", destroy, NULL) == 0);
    nfs = NULL;
    SURVIVES(nfs_stat64(context, "/", &st));
    if (!destroyed) {
        destroyed = 1; /* the synchronous call was faster */
        nfs_destroy_context(context);
    }
    EXPECT(done == 1);
}

int main(int argc, char **argv)
{
    start(argc, argv);
    make_file("file", "0123456789");
    nfs = mounted();
    begetting();
    seeking();
    closing();
    closing_early();
    nesting();
    mixing();
    nfs_destroy_context(nfs);
    destroying(0);
    destroying(20);
    destroying_mount("/not-exported", destroy_on_error);
    destroying_mount(export_dir, destroy);
    destroying_in_sync();
    return finish();
}
