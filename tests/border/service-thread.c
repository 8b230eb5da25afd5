/* A context that is served by a thread of the library. */
#include "common.h"

#include <pthread.h>

#define WORKERS 4
#define ROUNDS 100

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t change = PTHREAD_COND_INITIALIZER;

/* What callbacks have seen, behind the lock. */
static int calls, failed, elsewhere, handlers;
static pthread_t first;

static void count(int status, struct nfs_context *context, void *data, void *private_data)
{
    sigset_t mask;

    (void)context, (void)data;
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    pthread_mutex_lock(&lock);
    if (calls++ == 0)
        first = pthread_self();
    elsewhere += !pthread_equal(pthread_self(), first);
    handlers += !sigismember(&mask, SIGUSR1) || !sigismember(&mask, SIGALRM);
    failed += status != 0;
    if (private_data)
        ++*(int *)private_data;
    pthread_cond_broadcast(&change);
    pthread_mutex_unlock(&lock);
}

static void fresh(void)
{
    calls = failed = elsewhere = handlers = 0;
}

/* Waits until so many callbacks have run. Nobody turns the crank here. */
static void wait_for(int wanted)
{
    struct timespec end;
    int ret = 0;

    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 10;
    pthread_mutex_lock(&lock);
    while (calls < wanted && ret == 0)
        ret = pthread_cond_timedwait(&change, &lock, &end);
    if (calls != wanted)
        broken(__FILE__, __LINE__, "%d callbacks, wanted %d", calls, wanted);
    pthread_mutex_unlock(&lock);
}

/* Synchronous and asynchronous calls of one thread of many. */
static void *work(void *argument)
{
    char path[20], back[1000], data[1000];
    struct nfs_stat_64 st;
    struct nfsfh *fh = NULL;
    int number = (int)(intptr_t)argument, round;

    snprintf(path, sizeof(path), "/worker-%d", number);
    memset(data, 'a' + number, sizeof(data));
    if (nfs_creat(nfs, path, 0600, &fh) != 0)
        return "creat";
    for (round = 0; round < ROUNDS; round++) {
        if (nfs_stat64_async(nfs, "/file", count, NULL) != 0)
            return "stat64_async";
        if (nfs_pwrite(nfs, fh, round * sizeof(data), sizeof(data), data) != sizeof(data))
            return "pwrite";
        if (nfs_fstat64(nfs, fh, &st) != 0 || st.nfs_size != (round + 1) * sizeof(data))
            return "fstat64";
    }
    if (nfs_close(nfs, fh) != 0 || nfs_open(nfs, path, O_RDONLY, &fh) != 0)
        return "close and open";
    for (round = 0; round < ROUNDS; round++)
        if (nfs_read(nfs, fh, sizeof(back), back) != sizeof(back) || memcmp(back, data, sizeof(back)) != 0)
            return "read";
    return nfs_close(nfs, fh) == 0 ? NULL : "close";
}

static void many_threads(void)
{
    pthread_t workers[WORKERS];
    int i;

    fresh();
    for (i = 0; i < WORKERS; i++)
        pthread_create(&workers[i], NULL, work, (void *)(intptr_t)i);
    for (i = 0; i < WORKERS; i++) {
        void *problem;

        pthread_join(workers[i], &problem);
        if (problem)
            broken(__FILE__, __LINE__, "worker %d: %s: %s", i, (char *)problem, nfs_get_error(nfs));
    }
    wait_for(WORKERS * ROUNDS);
    EXPECT(failed == 0 && elsewhere == 0 && handlers == 0 && !pthread_equal(first, pthread_self()));
}

static void starting_and_stopping(void)
{
    struct nfs_stat_64 st;
    int i;

    FAILS(nfs_mt_service_thread_start(nfs));
    RETURNS(0, nfs_stat64(nfs, "/file", &st));
    nfs_mt_service_thread_stop(nfs);
    SURVIVES((nfs_mt_service_thread_stop(nfs), 0));

    /* As before, without the thread. */
    fresh();
    i = 0;
    EXPECT(nfs_stat64_async(nfs, "/file", count, &i) == 0);
    EXPECT(turn_until(nfs, &i, 1) == 0 && pthread_equal(first, pthread_self()));

    /* What is pending when it starts is served by it, and goes on when it ends. */
    for (i = 0; i < 50; i++) {
        fresh();
        EXPECT(nfs_stat64_async(nfs, "/file", count, NULL) == 0);
        RETURNS(0, nfs_mt_service_thread_start(nfs));
        if (i % 2)
            wait_for(1);
        EXPECT(nfs_stat64_async(nfs, "/file", count, NULL) == 0);
        nfs_mt_service_thread_stop(nfs);
        while (calls < 2 && turn(nfs, 5000) == 0)
            continue;
        EXPECT(calls == 2 && failed == 0);
    }
}

/* The program's own loop does no harm, even if it has nothing to do. */
static void two_loops(void)
{
    int i;

    fresh();
    for (i = 0; i < 200; i++) {
        EXPECT(nfs_stat64_async(nfs, "/file", count, NULL) == 0);
        if (i % 3 == 0)
            SURVIVES(turn(nfs, 1));
    }
    wait_for(200);
    EXPECT(failed == 0 && elsewhere == 0 && !pthread_equal(first, pthread_self()));
}

static void mounted_by_it(int status, struct nfs_context *context, void *data, void *private_data)
{
    struct nfs_stat_64 st;

    (void)private_data;
    EXPECT(status == 0);
    /* A call from within a callback, on the thread that would have to serve it. */
    EXPECT(nfs_stat64(context, "/file", &st) == 0);
    count(status, context, data, NULL);
}

static struct nfs_context *new_context(void)
{
    struct nfs_context *context = nfs_init_context();

    nfs_set_uid(context, 0);
    nfs_set_gid(context, 0);
    nfs_set_timeout(context, 10000);
    return context;
}

static void started_before_the_mount(void)
{
    nfs = new_context();
    RETURNS(0, nfs_mt_service_thread_start(nfs));
    usleep(20000);
    fresh();
    EXPECT(nfs_mount_async(nfs, server, export_dir, mounted_by_it, NULL) == 0);
    wait_for(1);
    nfs_destroy_context(nfs);
}

static void destroying(void)
{
    int i, round;

    for (round = 0; round < 10; round++) {
        nfs = mounted();
        fresh();
        RETURNS(0, nfs_mt_service_thread_start(nfs));
        for (i = 0; i < 100; i++)
            EXPECT(nfs_stat64_async(nfs, "/file", count, NULL) == 0);
        nfs_destroy_context(nfs);
        EXPECT(calls == 100);
        EXPECT(nfs_mt_service_thread_start(nfs) == -EBADF);
        nfs_mt_service_thread_stop(nfs);
    }
}

static void destroy(int status, struct nfs_context *context, void *data, void *private_data)
{
    EXPECT(status == 0);
    nfs_mt_service_thread_stop(context);
    if (private_data)
        EXPECT(nfs_mt_service_thread_start(context) == 0);
    nfs_destroy_context(context);
    count(status, context, data, NULL);
}

static void destroying_from_a_callback(int restarting)
{
    nfs = mounted();
    fresh();
    RETURNS(0, nfs_mt_service_thread_start(nfs));
    EXPECT(nfs_stat64_async(nfs, "/file", destroy, restarting ? nfs : NULL) == 0);
    wait_for(1);
    /* Both may still be ending. */
    usleep(50000);
}

/* A thread waits for a server that does not answer any more. */
static void *wait_inside(void *context)
{
    struct nfs_stat_64 st;
    int ret;

    do
        ret = nfs_stat64(context, "/file", &st);
    while (ret == 0);
    return (void *)(intptr_t)ret;
}

static void destroying_under_a_call(void)
{
    struct forwarder forwarder = start_forwarder();
    pthread_t waiting;
    void *ret;
    double began;

    nfs = context_for_ports(forwarder.nfs_port, forwarder.mount_port, "");
    RETURNS(0, nfs_mount(nfs, server, export_dir));
    RETURNS(0, nfs_mt_service_thread_start(nfs));
    silence_forwarder(&forwarder);
    pthread_create(&waiting, NULL, wait_inside, nfs);
    usleep(50000);
    began = now();
    nfs_destroy_context(nfs);
    pthread_join(waiting, &ret);
    /* Where it was between two calls, the next one finds no context. */
    if (((intptr_t)ret != -EINTR && (intptr_t)ret != -EBADF) || now() - began > 5)
        broken(__FILE__, __LINE__, "stat64 = %s after %.1f s", name_of((intptr_t)ret), now() - began);
    stop_forwarder(&forwarder);
}

int main(int argc, char **argv)
{
    start(argc, argv);
    make_file("file", "0123456789");
    nfs = mounted();
    RETURNS(0, nfs_mt_service_thread_start(nfs));
    many_threads();
    two_loops();
    starting_and_stopping();
    nfs_destroy_context(nfs);
    started_before_the_mount();
    destroying();
    destroying_from_a_callback(0);
    destroying_from_a_callback(1);
    destroying_under_a_call();
    EXPECT(nfs_mt_service_thread_start(NULL) == -EINVAL);
    nfs_mt_service_thread_stop(NULL);
    return finish();
}
