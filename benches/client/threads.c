/* Four threads that read, on one context or each on its own. */
#include "bench.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>

#include <nfsc/libnfs.h>

#define THREADS 4

static struct reader {
    struct bench bench;
    long count;
    pthread_t thread;
} readers[THREADS];

static void prepare(struct bench *bench, bool shared)
{
    for (int index = 0; index < THREADS; index++) {
        struct bench *own = &readers[index].bench;
        *own = *bench;
        if (!shared)
            own->nfs = mounted(bench->url);
        own->buffer = malloc(bench->workload->size);
        must(own, nfs_open(own->nfs, "/data/large", O_RDONLY, &own->file), "open");
    }
}

static void prepare_shared(struct bench *bench)
{
    prepare(bench, true);
}

static void prepare_own(struct bench *bench)
{
    prepare(bench, false);
}

static void *run_one(void *argument)
{
    struct reader *reader = argument;
    struct bench *bench = &reader->bench;
    size_t size = bench->workload->size;

    for (long index = 0; index < reader->count; index++) {
        uint64_t offset = offset_of(size, index);
        int got = must(bench, nfs_pread(bench->nfs, bench->file, offset, size, bench->buffer), "pread");
        if ((size_t)got != size)
            die("pread: %d of %zu bytes", got, size);
        pattern_check(bench->buffer, size, offset, bench->check_everything);
    }
    return NULL;
}

/* `count` is that of all threads together. */
static void run(struct bench *bench, long count)
{
    for (int index = 0; index < THREADS; index++) {
        readers[index].count = count / THREADS;
        readers[index].bench.check_everything = bench->check_everything;
        if (pthread_create(&readers[index].thread, NULL, run_one, &readers[index]) != 0)
            die("pthread_create");
    }
    for (int index = 0; index < THREADS; index++)
        pthread_join(readers[index].thread, NULL);
    bench->bytes = bench->workload->size * (uint64_t)(count / THREADS * THREADS);
}

static void finish(struct bench *bench)
{
    for (int index = 0; index < THREADS; index++) {
        struct bench *own = &readers[index].bench;
        must(own, nfs_close(own->nfs, own->file), "close");
        if (own->nfs != bench->nfs)
            nfs_destroy_context(own->nfs);
        free(own->buffer);
    }
}

#define THREADED(label, bytes, kind, passes) \
    {.name = "threads-" label "-" #kind, .size = (bytes), .warm = (passes), \
     .prepare = prepare_##kind, .run = run, .finish = finish}

const struct workload thread_workloads[] = {
    THREADED("4k", 4096, shared, 1024),
    THREADED("4k", 4096, own, 1024),
    THREADED("64k", 65536, shared, 128),
    THREADED("64k", 65536, own, 128),
    {.name = NULL},
};
