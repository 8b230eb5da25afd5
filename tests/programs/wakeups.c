/*
 * usage: wakeups EXPORT SECONDS
 *
 * An event loop with asynchronous operations of several steps beside threads with synchronous calls, all on one
 * context: whoever receives the reply to another's call and leaves must see that the next step is sent. In each round
 * the loop begins an operation, and each thread makes a call or two at about the same time and rests then, so that
 * nobody comes to the aid of what has been forgotten: that is what takes two seconds. In the second half of the
 * time a third thread submits an operation in each round, which the loop completes.
 * Prints how many rounds there were; 0 when nothing was wrong.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <nfsc/libnfs.h>

#define THREADS 2
#define FORGOTTEN 2.0

static struct nfs_context *nfs;
static struct nfsfh *fh;
static atomic_int over, wrong, foreign_done, round_number, resting;
static atomic_long calls;
static pthread_mutex_t rounds_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t round_begins = PTHREAD_COND_INITIALIZER;

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static void fault(const char *what, const char *why)
{
    if (wrong++ < 20)
        printf("%s: %s\n", what, why);
}

static void spin(unsigned turns)
{
    volatile unsigned i;

    for (i = 0; i < turns; i++)
        ;
}

/* Waits for the next round; false when there is none. */
static int next_round(int *number)
{
    pthread_mutex_lock(&rounds_lock);
    resting++;
    while (round_number == *number && !over)
        pthread_cond_wait(&round_begins, &rounds_lock);
    (*number)++;
    pthread_mutex_unlock(&rounds_lock);
    return !over;
}

/* Begins the next round, or ends them. */
static void begin_round(int last)
{
    pthread_mutex_lock(&rounds_lock);
    over = last;
    resting = 0;
    round_number++;
    pthread_cond_broadcast(&round_begins);
    pthread_mutex_unlock(&rounds_lock);
}

/* A call or two in each round, begun a little later each time. */
static void *synchronous(void *argument)
{
    unsigned seed = (unsigned)(size_t)argument;
    struct nfs_stat_64 st;
    int number = round_number, i;

    while (next_round(&number)) {
        spin(rand_r(&seed) % 20000);
        for (i = rand_r(&seed) % 2; i >= 0; i--) {
            if (nfs_fstat64(nfs, fh, &st) != 0)
                fault("fstat", nfs_get_error(nfs));
            calls++;
        }
    }
    return NULL;
}

static void foreign(int status, struct nfs_context *context, void *data, void *private_data)
{
    (void)context;
    (void)data;
    (void)private_data;
    if (status != 0)
        fault("a submitted stat", "an error");
    foreign_done++;
}

/* Submits, and looks for nothing but the callback, which comes from the loop or another thread's call. */
static void *submitting(void *argument)
{
    unsigned seed = (unsigned)(size_t)argument;
    int number = round_number, before;

    while (next_round(&number)) {
        double began = now();

        spin(rand_r(&seed) % 20000);
        before = foreign_done;
        if (nfs_stat64_async(nfs, "/directory/file", foreign, NULL) != 0)
            fault("stat64_async", nfs_get_error(nfs));
        while (foreign_done == before && now() - began < FORGOTTEN)
            usleep(50);
        if (foreign_done == before)
            fault("a stat that another thread had submitted", "it has been forgotten");
    }
    return NULL;
}

static void listed(int status, struct nfs_context *context, void *data, void *private_data)
{
    if (status < 0)
        fault("opendir", nfs_get_error(context));
    else
        nfs_closedir(context, data);
    *(atomic_int *)private_data = 1;
}

/* The event loop, until all threads rest and a listing (LOOKUP, then READDIRPLUS) is done. */
static int round_done(int threads)
{
    atomic_int done = 0;
    double began = now(), left;

    if (nfs_opendir_async(nfs, "/directory", listed, &done) != 0) {
        fault("opendir_async", nfs_get_error(nfs));
        return 0;
    }
    while ((!done || resting < threads) && (left = began + FORGOTTEN - now()) > 0) {
        struct pollfd pfd = {.fd = nfs_get_fd(nfs), .events = nfs_which_events(nfs)};

        /* It sleeps as long as it may; only when it has nothing left of its own does it look after the threads. */
        if (poll(&pfd, 1, done ? 1 : (int)(left * 1000) + 1) > 0 && nfs_service(nfs, pfd.revents) < 0)
            fault("service", nfs_get_error(nfs));
    }
    if (!done)
        fault("opendir beside threads", "it has been forgotten");
    while (!done) /* its callback has a pointer to our stack */
        if (nfs_service(nfs, POLLIN) < 0)
            break;
    return wrong == 0;
}

static long rounds_for(double seconds, int with_submissions)
{
    pthread_t threads[THREADS + 1];
    int count = THREADS + (with_submissions != 0), i;
    double end = now() + seconds;
    unsigned seed = 7;
    long rounds = 0;

    over = resting = 0;
    for (i = 0; i < count; i++)
        pthread_create(&threads[i], NULL, i < THREADS ? synchronous : submitting, (void *)(size_t)(i + 1));
    while (resting < count)
        usleep(10);
    while (now() < end) {
        begin_round(0);
        spin(rand_r(&seed) % 20000);
        if (!round_done(count))
            break;
        rounds++;
    }
    begin_round(1);
    for (i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    return rounds;
}

int main(int argc, char **argv)
{
    double seconds;
    long alone, both;

    if (argc != 3) {
        fprintf(stderr, "usage: %s EXPORT SECONDS\n", argv[0]);
        return 2;
    }
    seconds = atof(argv[2]);
    setvbuf(stdout, NULL, _IOLBF, 0);
    nfs = nfs_init_context();
    nfs_set_dircache(nfs, 0);
    if (nfs_mount(nfs, "127.0.0.1", argv[1]) != 0 || nfs_mkdir(nfs, "/directory") != 0
        || nfs_creat(nfs, "/directory/file", 0644, &fh) != 0) {
        printf("%s\n", nfs_get_error(nfs));
        return 1;
    }
    nfs_get_fd(nfs);
    alone = rounds_for(seconds / 2, 0);
    both = wrong ? 0 : rounds_for(seconds / 2, 1);
    nfs_destroy_context(nfs);
    printf("%ld + %ld rounds beside %ld synchronous calls\n", alone, both, (long)calls);
    return wrong != 0;
}
