/* Locks of two contexts on the same files: who gets them, who waits, when they are given back. */
#include "../border/common.h"

#include <pthread.h>

static struct nfs_context *a, *b;
static struct nfsfh *fa, *fb;
static int called_back, last_status;

/* As RETURNS, on one of the contexts. */
#define ON(context, wanted, call)   \
    do {                            \
        nfs = (context);            \
        RETURNS((wanted), (call));  \
    } while (0)

static void remember(int status, struct nfs_context *context, void *data, void *private_data)
{
    (void)context, (void)private_data;
    called_back++;
    last_status = status;
    EXPECT((status < 0) == (data != NULL));
}

static int set(struct nfs_context *context, struct nfsfh *fh, int command, int type, int whence, int64_t start,
               uint64_t length)
{
    struct nfs4_flock lock = {.l_type = type, .l_whence = whence, .l_start = start, .l_len = length}, same = lock;
    int ret = nfs_fcntl(context, fh, command, &lock);

    EXPECT(memcmp(&lock, &same, sizeof(lock)) == 0);
    return ret;
}

#define SET(context, fh, type, start, length) set(context, fh, NFS4_F_SETLK, type, SEEK_SET, start, length)

static struct nfsfh *opened(struct nfs_context *context, const char *path, int flags)
{
    struct nfsfh *fh = NULL;

    ON(context, 0, nfs_open(context, path, flags, &fh));
    return fh;
}

static void begin(void)
{
    a = mounted();
    b = mounted();
    fa = opened(a, "/file", O_RDWR);
    fb = opened(b, "/file", O_RDWR);
    called_back = 0;
}

static void end(void)
{
    nfs_destroy_context(a);
    nfs_destroy_context(b);
}

/* Whether everything in the file is free to be locked, by somebody new. */
static void is_free(const char *path)
{
    struct nfs_context *context = mounted();
    struct nfsfh *fh = opened(context, path, O_RDWR);

    ON(context, 0, nfs_lockf(context, fh, NFS4_F_TLOCK, 0));
    nfs_destroy_context(context);
}

static void conflicts(void)
{
    struct nfsfh *second;

    begin();
    second = opened(a, "/file", O_RDWR);
    ON(a, 0, nfs_lockf(a, fa, NFS4_F_TEST, 10));
    ON(a, 0, nfs_lockf(a, fa, NFS4_F_LOCK, 10));
    ON(a, 0, nfs_lockf(a, fa, NFS4_F_TLOCK, 10));
    ON(a, 0, nfs_lockf(a, fa, NFS4_F_TEST, 10));
    ON(b, -EAGAIN, nfs_lockf(b, fb, NFS4_F_TLOCK, 10));
    ON(b, -EAGAIN, nfs_lockf(b, fb, NFS4_F_TLOCK, 0));
    ON(b, -EACCES, nfs_lockf(b, fb, NFS4_F_TEST, 1));
    ON(b, -EAGAIN, SET(b, fb, F_RDLCK, 9, 1));
    /* Another handle is another owner. */
    ON(a, -EAGAIN, nfs_lockf(a, second, NFS4_F_TLOCK, 10));
    ON(a, -EACCES, nfs_lockf(a, second, NFS4_F_TEST, 10));
    /* Behind it there is room. */
    ON(b, 0, SET(b, fb, F_WRLCK, 10, 0));
    ON(a, -EAGAIN, SET(a, fa, F_WRLCK, 0, 11));
    /* What others have locked stays so. */
    ON(b, 0, nfs_lockf(b, fb, NFS4_F_ULOCK, 10));
    ON(b, -EAGAIN, nfs_lockf(b, fb, NFS4_F_TLOCK, 10));
    ON(a, 0, nfs_lockf(a, fa, NFS4_F_ULOCK, 10));
    ON(a, 0, nfs_lockf(a, fa, NFS4_F_ULOCK, 10));
    ON(b, 0, nfs_lockf(b, fb, NFS4_F_TLOCK, 10));
    /* Closing a handle gives back its own locks only. */
    ON(b, 0, nfs_lockf(b, fb, NFS4_F_ULOCK, 10));
    ON(a, 0, nfs_lockf(a, fa, NFS4_F_TLOCK, 5));
    ON(a, 0, nfs_close(a, second));
    ON(b, -EAGAIN, nfs_lockf(b, fb, NFS4_F_TLOCK, 5));
    end();
    is_free("/file");
}

static void ranges(void)
{
    begin();
    /* The middle of a lock is given back. */
    ON(a, 0, SET(a, fa, F_WRLCK, 0, 30));
    ON(a, 0, SET(a, fa, F_UNLCK, 10, 10));
    ON(b, -EAGAIN, SET(b, fb, F_WRLCK, 9, 10));
    ON(b, 0, SET(b, fb, F_WRLCK, 10, 10));
    ON(b, -EAGAIN, SET(b, fb, F_WRLCK, 20, 1));
    ON(b, 0, SET(b, fb, F_UNLCK, 0, 0));
    ON(a, 0, SET(a, fa, F_UNLCK, 0, 0));
    /* From the position on, and from the end of the ten bytes. */
    ON(a, 0, nfs_lseek(a, fa, 100, SEEK_SET, NULL));
    ON(a, 0, nfs_lockf(a, fa, NFS4_F_TLOCK, 10));
    ON(b, 0, SET(b, fb, F_WRLCK, 99, 1));
    ON(b, -EAGAIN, SET(b, fb, F_WRLCK, 100, 1));
    ON(b, -EAGAIN, SET(b, fb, F_WRLCK, 109, 1));
    ON(b, 0, SET(b, fb, F_WRLCK, 110, 1));
    ON(a, 0, set(a, fa, NFS4_F_SETLK, F_WRLCK, SEEK_CUR, -50, 10));
    ON(b, -EAGAIN, SET(b, fb, F_WRLCK, 50, 1));
    ON(b, 0, SET(b, fb, F_WRLCK, 60, 1));
    ON(a, 0, set(a, fa, NFS4_F_SETLK, F_WRLCK, SEEK_END, -3, 3));
    ON(b, 0, SET(b, fb, F_WRLCK, 6, 1));
    ON(b, -EAGAIN, SET(b, fb, F_WRLCK, 7, 1));
    ON(b, 0, SET(b, fb, F_WRLCK, 10, 1));
    /* Everything there will ever be, beyond 4 GiB as well. */
    ON(b, 0, SET(b, fb, F_UNLCK, 0, 0));
    ON(a, 0, SET(a, fa, F_UNLCK, 0, UINT64_MAX));
    ON(a, 0, SET(a, fa, F_WRLCK, 5, UINT64_MAX));
    ON(b, 0, SET(b, fb, F_WRLCK, 0, 5));
    ON(b, -EAGAIN, SET(b, fb, F_WRLCK, INT64_C(1) << 40, 1));
    ON(a, 0, SET(a, fa, F_UNLCK, 0, 0));
    ON(b, 0, SET(b, fb, F_WRLCK, (INT64_C(1) << 40) + 1, 1));
    ON(a, 0, SET(a, fa, F_WRLCK, INT64_C(1) << 40, 1));
    end();
}

static void readers_and_writers(void)
{
    struct nfsfh *reading, *writing, *readonly;

    begin();
    ON(a, 0, SET(a, fa, F_RDLCK, 0, 0));
    ON(b, 0, SET(b, fb, F_RDLCK, 0, 0));
    ON(b, -EAGAIN, SET(b, fb, F_WRLCK, 0, 1));
    /* The kernel's server looks as if it were for reading. */
    if (getenv("KNFSD") == NULL)
        ON(a, -EACCES, nfs_lockf(a, fa, NFS4_F_TEST, 1));
    ON(b, 0, SET(b, fb, F_UNLCK, 0, 0));
    ON(a, 0, SET(a, fa, F_WRLCK, 0, 0));
    ON(b, -EAGAIN, SET(b, fb, F_RDLCK, 0, 1));
    ON(a, 0, SET(a, fa, F_RDLCK, 0, 0));
    ON(b, 0, SET(b, fb, F_RDLCK, 0, 1));
    /* A file is locked for what it is open for. */
    reading = opened(a, "/file", O_RDONLY);
    writing = opened(a, "/file", O_WRONLY);
    ON(a, -EBADF, SET(a, reading, F_WRLCK, 0, 1));
    ON(a, -EBADF, nfs_lockf(a, reading, NFS4_F_TLOCK, 1));
    ON(a, 0, SET(a, reading, F_RDLCK, 0, 1));
    ON(a, -EBADF, SET(a, writing, F_RDLCK, 0, 1));
    ON(a, 0, SET(a, writing, F_UNLCK, 0, 1));
    end();

    a = nfs_init_context();
    nfs_set_timeout(a, 10000);
    ON(a, 0, nfs_mount(a, server, readonly_dir));
    readonly = opened(a, "/readonly", O_RDONLY);
    ON(a, 0, SET(a, readonly, F_RDLCK, 0, 1));
    ON(a, 0, nfs_close(a, readonly));
    nfs_destroy_context(a);
}

static void *waits(void *arg)
{
    *(int *)arg = nfs_lockf(b, fb, NFS4_F_LOCK, 10);
    return NULL;
}

static void waiting(void)
{
    struct nfs4_flock lock = {.l_type = F_WRLCK};
    pthread_t thread;
    double began;
    int status = 1;

    begin();
    ON(a, 0, nfs_lockf(a, fa, NFS4_F_LOCK, 10));
    /* As long as the timeout allows. */
    nfs_set_timeout(b, 400);
    began = now();
    ON(b, -ETIMEDOUT, nfs_lockf(b, fb, NFS4_F_LOCK, 10));
    EXPECT(now() - began > 0.39 && now() - began < 2.5);
    ON(b, -ETIMEDOUT, set(b, fb, NFS4_F_SETLKW, F_RDLCK, SEEK_SET, 0, 0));
    /* In a thread, until it is given back. */
    nfs_set_timeout(b, -1);
    EXPECT(pthread_create(&thread, NULL, waits, &status) == 0);
    usleep(300000);
    EXPECT(status == 1);
    ON(a, 0, nfs_lockf(a, fa, NFS4_F_ULOCK, 10));
    pthread_join(thread, NULL);
    EXPECT(status == 0);
    ON(a, -EAGAIN, nfs_lockf(a, fa, NFS4_F_TLOCK, 10));
    /* In an event loop, other calls going on; arguments are copied. */
    EXPECT(nfs_fcntl_async(a, fa, NFS4_F_SETLKW, &lock, remember, NULL) == 0);
    memset(&lock, 0xff, sizeof(lock));
    began = now();
    while (now() - began < 0.3) {
        struct nfs_stat_64 st;

        turn(a, 20);
        ON(a, 0, nfs_stat64(a, "/file", &st));
    }
    EXPECT(called_back == 0 && nfs_queue_length(a) == 1);
    ON(b, 0, nfs_close(b, fb));
    EXPECT(turn_until(a, &called_back, 1) == 0);
    EXPECT(called_back == 1 && last_status == 0 && nfs_queue_length(a) == 0);
    end();
}

/* The context is destroyed while another thread waits for a lock, for ever. */
static void destroyed_while_a_thread_waits(void)
{
    pthread_t thread;
    double began;
    int status = 1;

    begin();
    ON(a, 0, nfs_lockf(a, fa, NFS4_F_LOCK, 10));
    nfs_set_timeout(b, -1);
    EXPECT(pthread_create(&thread, NULL, waits, &status) == 0);
    usleep(100000);
    began = now();
    nfs_destroy_context(b);
    EXPECT(now() - began < 3);
    pthread_join(thread, NULL);
    EXPECT(now() - began < 5);
    EXPECT(status == -EINTR);
    nfs_destroy_context(a);
    is_free("/file");
}

static void asynchronous(void)
{
    struct nfs4_flock lock = {.l_type = F_RDLCK, .l_len = 10};
    int wanted[] = {0, -EAGAIN, -EACCES, 0, 0}, i = 0;

    begin();
    nfs = a;
#define LATER(context, call)                                                                       \
    do {                                                                                           \
        EXPECT((call) == 0);                                                                       \
        EXPECT(called_back == i);                                                                  \
        turn_until(context, &called_back, i + 1);                                                  \
        if (called_back != i + 1 || last_status != wanted[i])                                      \
            broken(__FILE__, __LINE__, "%s: %d calls, status %d", #call, called_back, last_status); \
        i++;                                                                                       \
    } while (0)
    LATER(a, nfs_lockf_async(a, fa, NFS4_F_LOCK, 10, remember, NULL));
    LATER(b, nfs_lockf_async(b, fb, NFS4_F_TLOCK, 10, remember, NULL));
    LATER(b, nfs_lockf_async(b, fb, NFS4_F_TEST, 10, remember, NULL));
    LATER(a, nfs_lockf_async(a, fa, NFS4_F_ULOCK, 10, remember, NULL));
    LATER(b, nfs_fcntl_async(b, fb, NFS4_F_SETLK, &lock, remember, NULL));
    /* Closed while it waits. */
    nfs_set_timeout(a, -1);
    EXPECT(nfs_lockf_async(a, fa, NFS4_F_LOCK, 10, remember, NULL) == 0);
    turn(a, 100);
    ON(a, 0, nfs_close(a, fa));
    EXPECT(turn_until(a, &called_back, i + 1) == 0);
    EXPECT(last_status == -EBADF);
    /* Unmounted while it waits. */
    fa = opened(a, "/file", O_RDWR);
    EXPECT(nfs_lockf_async(a, fa, NFS4_F_LOCK, 10, remember, NULL) == 0);
    turn(a, 100);
    ON(a, 0, nfs_umount(a));
    EXPECT(turn_until(a, &called_back, i + 2) == 0);
    EXPECT(last_status == -EINTR);
    end();
    is_free("/file");
}

static void given_back(void)
{
    struct nfsfh *other;
    double began;
    int i, before;

    begin();
    ON(a, 0, nfs_lockf(a, fa, NFS4_F_TLOCK, 10));
    ON(a, 0, nfs_close(a, fa));
    is_free("/file");
    /* All files of a context that is unmounted, or destroyed with files open. */
    for (i = 0; i < 2; i++) {
        fa = opened(a, "/file", O_RDWR);
        other = opened(a, "/other", O_RDWR);
        ON(a, 0, nfs_lockf(a, fa, NFS4_F_TLOCK, 10));
        ON(a, 0, nfs_lockf(a, other, NFS4_F_TLOCK, 0));
        ON(b, -EAGAIN, nfs_lockf(b, fb, NFS4_F_TLOCK, 10));
        began = now();
        if (i == 0)
            ON(a, 0, nfs_umount(a));
        else
            nfs_destroy_context(a);
        EXPECT(now() - began < 3);
        is_free("/file");
        is_free("/other");
        if (i == 0)
            ON(a, 0, nfs_mount(a, server, export_dir));
    }
    /* What is asked for when the context goes is not left behind. */
    for (i = 0; i < 50; i++) {
        a = mounted();
        fa = opened(a, "/file", O_RDWR);
        before = called_back;
        if (i % 2)
            nfs_get_fd(a);
        EXPECT(nfs_lockf_async(a, fa, NFS4_F_LOCK, 10, remember, NULL) == 0);
        if (i % 5 == 0)
            turn(a, 1);
        if (i % 3 == 0)
            EXPECT(nfs_close_async(a, fa, remember, NULL) == 0);
        nfs_destroy_context(a);
        EXPECT(called_back == before + 1 + (i % 3 == 0));
        ON(b, 0, nfs_lockf(b, fb, NFS4_F_TLOCK, 10));
        ON(b, 0, nfs_lockf(b, fb, NFS4_F_ULOCK, 10));
    }
    nfs_destroy_context(b);
}

/* A callback destroys the context that has just got a lock. */
static void destroy(int status, struct nfs_context *context, void *data, void *private_data)
{
    (void)data, (void)private_data;
    EXPECT(status == 0);
    nfs_destroy_context(context);
    called_back++;
}

static void destroyed_in_its_callback(void)
{
    begin();
    EXPECT(nfs_lockf_async(a, fa, NFS4_F_LOCK, 10, destroy, NULL) == 0);
    while (called_back == 0 && turn(a, 5000) == 0)
        ;
    EXPECT(called_back == 1);
    ON(b, 0, nfs_lockf(b, fb, NFS4_F_TLOCK, 10));
    nfs_destroy_context(b);
}

/* A lock is where programs meet: what was cached before is read again. */
static void caches_are_dropped(void)
{
    char buffer[11] = "";

    begin();
    ON(a, 0, nfs_close(a, fa));
    nfs_set_pagecache(a, 16);
    nfs_set_pagecache_ttl(a, 1000);
    fa = opened(a, "/file", O_RDWR);
    ON(a, 10, nfs_pread(a, fa, 0, 10, buffer));
    ON(b, 10, nfs_pwrite(b, fb, 0, 10, "abcdefghij"));
    ON(a, 0, nfs_lockf(a, fa, NFS4_F_TLOCK, 10));
    ON(a, 10, nfs_pread(a, fa, 0, 10, buffer));
    EXPECT(strcmp(buffer, "abcdefghij") == 0);
    end();
}

static void wrong_arguments(void)
{
    struct nfs4_flock lock = {.l_type = F_WRLCK};
    struct nfsfh *closed, *directory, *gone;

    begin();
    nfs = NULL;
    FAILS(nfs_lockf(NULL, fa, NFS4_F_TLOCK, 1));
    FAILS(nfs_fcntl(NULL, fa, NFS4_F_SETLK, &lock));
    FAILS(nfs_lockf_async(NULL, fa, NFS4_F_TLOCK, 1, remember, NULL));
    FAILS(nfs_fcntl_async(NULL, fa, NFS4_F_SETLK, &lock, remember, NULL));
    ON(a, -EINVAL, nfs_lockf(a, NULL, NFS4_F_TLOCK, 1));
    ON(a, -EINVAL, nfs_fcntl(a, NULL, NFS4_F_SETLK, &lock));
    ON(a, -EINVAL, nfs_fcntl(a, fa, NFS4_F_SETLK, NULL));
    ON(a, -EINVAL, nfs_lockf_async(a, fa, NFS4_F_TLOCK, 1, NULL, NULL));
    ON(a, -EINVAL, nfs_fcntl_async(a, fa, NFS4_F_SETLK, &lock, NULL, NULL));
    ON(a, -EINVAL, nfs_fcntl_async(a, fa, NFS4_F_SETLK, NULL, remember, NULL));
    ON(a, -EBADF, nfs_lockf(a, fb, NFS4_F_TLOCK, 1));
    ON(a, -EINVAL, nfs_lockf(a, fa, 4, 1));
    ON(a, -EINVAL, nfs_lockf(a, fa, -1, 1));
    ON(a, -EINVAL, nfs_fcntl(a, fa, 2, &lock));
    ON(a, -EINVAL, SET(a, fa, 17, 0, 1));
    ON(a, -EINVAL, set(a, fa, NFS4_F_SETLK, F_WRLCK, 17, 0, 1));
    ON(a, -EINVAL, SET(a, fa, F_WRLCK, -1, 1));
    ON(a, -EINVAL, set(a, fa, NFS4_F_SETLK, F_WRLCK, SEEK_END, -11, 1));
    ON(a, -EOVERFLOW, SET(a, fa, F_WRLCK, 2, INT64_MAX));
    ON(a, -EOVERFLOW, SET(a, fa, F_WRLCK, 0, UINT64_MAX - 1));
    ON(a, 0, SET(a, fa, F_WRLCK, 1, INT64_MAX));
    closed = opened(a, "/file", O_RDWR);
    ON(a, 0, nfs_close(a, closed));
    ON(a, -EBADF, nfs_lockf(a, closed, NFS4_F_TLOCK, 1));
    ON(a, -EBADF, nfs_fcntl(a, closed, NFS4_F_SETLK, &lock));
    directory = opened(a, "/", O_RDONLY);
    FAILS(SET(a, directory, F_RDLCK, 0, 1));
    gone = opened(a, "/gone", O_RDWR);
    ON(b, 0, nfs_unlink(b, "/gone"));
    ON(a, -ESTALE, nfs_lockf(a, gone, NFS4_F_TLOCK, 1));
    ON(a, 0, nfs_close(a, gone));
    /* Unmounted: the file belongs to a mount that is no more. */
    ON(a, 0, nfs_umount(a));
    ON(a, -EBADF, nfs_lockf(a, fa, NFS4_F_TLOCK, 1));
    ON(a, -EBADF, nfs_lockf(a, fa, NFS4_F_ULOCK, 1));
    ON(a, -EBADF, nfs_lockf(a, fa, NFS4_F_TEST, 1));
    ON(a, -EBADF, nfs_fcntl(a, fa, NFS4_F_SETLKW, &lock));
    ON(a, 0, nfs_close(a, fa));
    EXPECT(called_back == 0);
    end();
}

/* A process and its fork are not the same owner, though they go on from the same state of the library. */
static void forked(void)
{
    int ready[2], done[2];
    pid_t child;
    char byte;

    EXPECT(pipe(ready) == 0 && pipe(done) == 0);
    child = fork();
    b = mounted();
    fb = opened(b, "/file", O_RDWR);
    if (child == 0) {
        ON(b, 0, nfs_lockf(b, fb, NFS4_F_TLOCK, 10));
        EXPECT(write(ready[1], "r", 1) == 1 && read(done[0], &byte, 1) == 1);
        nfs_destroy_context(b);
        EXPECT(write(ready[1], "d", 1) == 1);
        _exit(broken_promises != 0);
    }
    EXPECT(read(ready[0], &byte, 1) == 1);
    ON(b, -EAGAIN, nfs_lockf(b, fb, NFS4_F_TLOCK, 10));
    EXPECT(write(done[1], "d", 1) == 1 && read(ready[0], &byte, 1) == 1);
    ON(b, 0, nfs_lockf(b, fb, NFS4_F_TLOCK, 10));
    waitpid(child, NULL, 0);
    nfs_destroy_context(b);
}

static void by_ipv6(void)
{
    begin();
    nfs_destroy_context(b);
    b = nfs_init_context();
    ON(b, 0, nfs_mount(b, "::1", export_dir));
    fb = opened(b, "/file", O_RDWR);
    ON(b, 0, nfs_lockf(b, fb, NFS4_F_TLOCK, 10));
    ON(a, -EAGAIN, nfs_lockf(a, fa, NFS4_F_TLOCK, 10));
    ON(b, 0, nfs_close(b, fb));
    ON(a, 0, nfs_lockf(a, fa, NFS4_F_TLOCK, 10));
    end();
}

int main(int argc, char **argv)
{
    start(argc, argv);
    make_file("file", "0123456789");
    make_file("other", "");
    make_file("gone", "");
    conflicts();
    ranges();
    readers_and_writers();
    waiting();
    destroyed_while_a_thread_waits();
    asynchronous();
    given_back();
    destroyed_in_its_callback();
    caches_are_dropped();
    wrong_arguments();
    forked();
    by_ipv6();
    is_free("/file");
    return finish();
}
