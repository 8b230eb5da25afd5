/* Threads in one context, and threads in contexts that know nothing of each other. */
#include "common.h"

#include <pthread.h>
#include <stdatomic.h>

#define THREADS 4
#define ROUNDS 60
#define NAMES 300

static pthread_t threads[THREADS];

static void start_threads(void *(*work)(void *), void *argument)
{
    int i;

    for (i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, work, argument) != 0)
            exit(2);
}

static void join_threads(void)
{
    int i;

    for (i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

/* ---- A call that waits keeps no other from the wire ---------------------------------------------------------- */

static struct nfs_context *holder;
static struct nfsfh *held;
static atomic_int waiting, ended;

/* Starts threads that count themselves in `waiting`, and returns when they are in their calls. On a busy machine that
 * is late: a context that is destroyed before has nothing to end. */
static void start_calls(void *(*work)(void *), void *argument)
{
    waiting = ended = 0;
    start_threads(work, argument);
    while (waiting < THREADS)
        usleep(1000);
    usleep(100000);
}

static void *wait_for_lock(void *wanted)
{
    struct nfsfh *fh = NULL;
    int ret = nfs_open(nfs, "/file", O_RDWR, &fh);

    EXPECT(ret == 0);
    waiting++;
    ret = nfs_lockf(nfs, fh, NFS4_F_LOCK, 10);
    ended++;
    EXPECT(ret == *(int *)wanted);
    if (ret == 0) {
        EXPECT(nfs_lockf(nfs, fh, NFS4_F_ULOCK, 10) == 0);
        EXPECT(nfs_close(nfs, fh) == 0);
    }
    return NULL;
}

/* Threads that wait for a lock that another context has. */
static void start_waiting(int *wanted)
{
    nfs = mounted();
    nfs_set_timeout(nfs, 0);
    holder = mounted();
    RETURNS(0, nfs_open(holder, "/file", O_RDWR, &held));
    EXPECT(nfs_lockf(holder, held, NFS4_F_TLOCK, 10) == 0);
    start_calls(wait_for_lock, wanted);
}

static void others_go_on(void)
{
    struct nfs_stat_64 st;
    int wanted = 0, i;

    start_waiting(&wanted);
    for (i = 0; i < 100; i++)
        RETURNS(0, nfs_stat64(nfs, "/file", &st));
    EXPECT(ended == 0);
    EXPECT(nfs_lockf(holder, held, NFS4_F_ULOCK, 10) == 0);
    join_threads();
    nfs_destroy_context(holder);
    nfs_destroy_context(nfs);
}

/* ---- A context is destroyed while threads are inside --------------------------------------------------------- */

/* Their calls are over; they themselves may need a moment to say so. */
static void all_have_ended(void)
{
    double end = now() + 1;

    while (ended < THREADS && now() < end)
        usleep(1000);
    EXPECT(ended == THREADS);
}

static void ended_by_destroy(void)
{
    struct nfs_stat_64 st;
    double began;
    int wanted = -EINTR;

    start_waiting(&wanted);
    began = now();
    nfs_destroy_context(nfs);
    all_have_ended();
    EXPECT(now() - began < 4);
    join_threads();
    EXPECT(nfs_stat64(nfs, "/file", &st) == -EBADF);
    nfs = holder;
    RETURNS(0, nfs_stat64(holder, "/file", &st));
    nfs_destroy_context(holder);
}

static atomic_int accepted, called;

static void count(int status, struct nfs_context *context, void *data, void *private_data)
{
    (void)status, (void)context, (void)data, (void)private_data;
    called++;
}

static int expected(int ret)
{
    return ret == 0 || ret == -EINTR || ret == -EBADF || ret == -ENOTCONN;
}

/* Submits and calls until the context is gone. */
static void *until_it_is_gone(void *argument)
{
    struct nfs_context *context = argument;
    struct nfs_stat_64 st;
    int ret;

    do {
        struct nfsfh *fh = NULL;
        struct nfsdir *directory = NULL;

        accepted += nfs_stat64_async(context, "/file", count, NULL) == 0;
        accepted += nfs_open_async(context, "/file", O_RDONLY, count, NULL) == 0;
        ret = nfs_open(context, "/file", O_RDONLY, &fh);
        EXPECT(expected(ret) && (ret == 0) == (fh != NULL));
        ret = nfs_opendir(context, "/", &directory);
        EXPECT(expected(ret) && (ret == 0) == (directory != NULL));
        if (fh)
            EXPECT(expected(nfs_close(context, fh)));
        ret = nfs_stat64(context, "/file", &st);
        EXPECT(expected(ret));
    } while (ret != -EBADF);
    return NULL;
}

static void *destroy(void *context)
{
    nfs_destroy_context(context);
    return NULL;
}

static void destroyed_at_any_time(void)
{
    unsigned seed = 1;
    int round;

    for (round = 0; round < ROUNDS; round++) {
        struct nfs_context *context = mounted();
        pthread_t second;

        accepted = called = 0;
        start_threads(until_it_is_gone, context);
        usleep(rand_r(&seed) % 3000);
        if (pthread_create(&second, NULL, destroy, context) != 0)
            exit(2);
        nfs_destroy_context(context);
        pthread_join(second, NULL);
        join_threads();
        if (called != accepted)
            broken(__FILE__, __LINE__, "round %d: %d of %d callbacks", round, (int)called, (int)accepted);
    }
}

/* ---- Contexts are independent -------------------------------------------------------------------------------- */

static void *ask_the_silent(void *context)
{
    struct nfs_stat_64 st;
    int ret;

    waiting++;
    ret = nfs_stat64(context, "/file", &st);
    ended++;
    if (ret != -EINTR)
        broken(__FILE__, __LINE__, "a call that its context leaves behind ends with %d", ret);
    return NULL;
}

static void independent(void)
{
    struct forwarder forwarder = start_forwarder();
    struct nfs_context *silenced = context_for_ports(forwarder.nfs_port, forwarder.mount_port, "");
    struct nfs_stat_64 st;
    int i;

    nfs = silenced;
    RETURNS(0, nfs_mount(silenced, server, export_dir));
    nfs = mounted();
    silence_forwarder(&forwarder);
    start_calls(ask_the_silent, silenced);
    for (i = 0; i < 20; i++) {
        struct nfs_context *other = mounted();

        RETURNS(0, nfs_stat64(nfs, "/file", &st));
        EXPECT(nfs_stat64(other, "/file", &st) == 0);
        nfs_destroy_context(other);
    }
    EXPECT(ended == 0);
    nfs_destroy_context(silenced);
    all_have_ended();
    join_threads();
    RETURNS(0, nfs_stat64(nfs, "/file", &st));
    nfs_destroy_context(nfs);
    stop_forwarder(&forwarder);
}

/* ---- One directory, read by all ------------------------------------------------------------------------------ */

static struct nfsdir *directory;
static atomic_int seen[NAMES];

static void *read_all(void *argument)
{
    struct nfsdirent *entry;
    int number;

    (void)argument;
    while ((entry = nfs_readdir(nfs, directory)) != NULL)
        if (sscanf(entry->name, "name%d", &number) == 1)
            seen[number]++;
    return NULL;
}

static void each_entry_once(void)
{
    int i;

    nfs = mounted();
    RETURNS(0, nfs_opendir(nfs, "/names", &directory));
    start_threads(read_all, NULL);
    join_threads();
    for (i = 0; i < NAMES; i++)
        if (seen[i] != 1)
            broken(__FILE__, __LINE__, "name%d came %d times", i, (int)seen[i]);
    nfs_closedir(nfs, directory);
    nfs_destroy_context(nfs);
}

/* ---- Each thread has its own sentence ------------------------------------------------------------------------ */

static void *fail_and_look(void *number)
{
    struct nfs_stat_64 st;
    char path[50];
    int i;

    for (i = 0; i < ROUNDS; i++) {
        snprintf(path, sizeof(path), "/missing-%d-%d", (int)(intptr_t)number, i);
        EXPECT(nfs_stat64(nfs, path, &st) == -ENOENT);
        EXPECT(strstr(nfs_get_error(nfs), path) != NULL);
    }
    return NULL;
}

static void own_sentences(void)
{
    struct nfs_stat_64 st;
    int i;

    nfs = mounted();
    FAILS(nfs_stat64(nfs, "/mine", &st));
    for (i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, fail_and_look, (void *)(intptr_t)i) != 0)
            exit(2);
    join_threads();
    EXPECT(strstr(nfs_get_error(nfs), "/mine") != NULL);
    nfs_destroy_context(nfs);
}

int main(int argc, char **argv)
{
    char name[30];
    int i;

    start(argc, argv);
    make_file("file", "0123456789");
    if (mkdir(local("names"), 0755) != 0)
        return 2;
    for (i = 0; i < NAMES; i++) {
        snprintf(name, sizeof(name), "names/name%d", i);
        make_file(name, "");
    }
    others_go_on();
    ended_by_destroy();
    destroyed_at_any_time();
    independent();
    each_entry_once();
    own_sentences();
    return finish();
}
