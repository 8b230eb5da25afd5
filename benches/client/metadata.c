/* Mounting, attributes, directories and small files. */
#include "bench.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nfsc/libnfs.h>

#define SMALL_FILE 4096

static void mount_again(struct bench *bench, long count)
{
    for (long index = 0; index < count; index++)
        nfs_destroy_context(mounted(bench->url));
}

/* Each in a process of its own, which remembers nothing. */
static void mount_cold(struct bench *bench, long count)
{
    for (long index = 0; index < count; index++) {
        struct usage before, after;
        double cpu;
        int ends[2], status;
        pid_t child;

        if (pipe(ends) != 0 || (child = fork()) < 0)
            die("fork");
        if (child == 0) {
            usage_now(&before);
            nfs_destroy_context(mounted(bench->url));
            usage_now(&after);
            cpu = after.cpu - before.cpu;
            _exit(write(ends[1], &cpu, sizeof cpu) != sizeof cpu);
        }
        close(ends[1]);
        if (read(ends[0], &cpu, sizeof cpu) != sizeof cpu)
            die("the child failed");
        close(ends[0]);
        waitpid(child, &status, 0);
        bench->children_cpu += cpu;
    }
}

static void check_stat(const struct bench *bench, const struct nfs_stat_64 *st)
{
    if (st->nfs_size != bench->workload->size || (st->nfs_mode & 0170000) != 0100000)
        die("stat: size %llu, mode %llo", (unsigned long long)st->nfs_size, (unsigned long long)st->nfs_mode);
}

static void stat_sync(struct bench *bench, long count)
{
    struct nfs_stat_64 st;

    for (long index = 0; index < count; index++) {
        must(bench, nfs_stat64(bench->nfs, bench->workload->path, &st), "stat");
        check_stat(bench, &st);
    }
}

struct stats {
    struct bench *bench;
    long begun, done, count;
};

static void stat_completed(int status, struct nfs_context *nfs, void *data, void *private);

static void next_stat(struct stats *stats)
{
    struct bench *bench = stats->bench;

    if (stats->begun == stats->count)
        return;
    stats->begun++;
    must(bench, nfs_stat64_async(bench->nfs, bench->workload->path, stat_completed, stats), "stat_async");
}

static void stat_completed(int status, struct nfs_context *nfs, void *data, void *private)
{
    struct stats *stats = private;

    if (status < 0)
        die("stat: %s", nfs_get_error(nfs));
    check_stat(stats->bench, data);
    stats->done++;
    next_stat(stats);
}

static void stat_async(struct bench *bench, long count)
{
    struct stats stats = {.bench = bench, .count = count};

    for (int index = 0; index < bench->workload->depth; index++)
        next_stat(&stats);
    service_until(bench, &stats.done, count);
}

/* Every entry must be there once, with its size. */
static void list(struct nfs_context *nfs, const struct workload *workload)
{
    size_t expected = workload->size, found = 0;
    char *seen = calloc(1, expected);
    struct nfsdirent *entry;
    struct nfsdir *directory;

    if (nfs_opendir(nfs, workload->path, &directory) != 0)
        die("opendir: %s", nfs_get_error(nfs));
    while ((entry = nfs_readdir(nfs, directory)) != NULL) {
        size_t index;
        if (entry->name[0] == '.')
            continue;
        index = strncmp(entry->name, "entry-", 6) == 0 ? strtoul(entry->name + 6, NULL, 10) : expected;
        if (index >= expected || seen[index]++ || entry->size != index)
            die("readdir: wrong or double entry %s, size %llu", entry->name, (unsigned long long)entry->size);
        found++;
    }
    nfs_closedir(nfs, directory);
    free(seen);
    if (found != expected)
        die("readdir: %zu of %zu entries", found, expected);
}

/* A context for each listing, for a context may remember what it listed. */
static struct nfs_context **fresh;

static void mount_fresh(struct bench *bench, long count)
{
    fresh = calloc((size_t)count, sizeof *fresh);
    for (long index = 0; index < count; index++)
        fresh[index] = mounted(bench->url);
}

static void list_fresh(struct bench *bench, long count)
{
    for (long index = 0; index < count; index++)
        list(fresh[index], bench->workload);
}

static void destroy_fresh(struct bench *bench, long count)
{
    (void)bench;
    for (long index = 0; index < count; index++)
        nfs_destroy_context(fresh[index]);
    free(fresh);
}

static void list_again(struct bench *bench, long count)
{
    for (long index = 0; index < count; index++)
        list(bench->nfs, bench->workload);
}

static void read_file(struct bench *bench, const char *path, size_t size)
{
    struct nfsfh *file;
    int got;

    must(bench, nfs_open(bench->nfs, path, O_RDONLY, &file), "open");
    got = must(bench, nfs_read(bench->nfs, file, size, bench->buffer), "read");
    if ((size_t)got != size)
        die("read: %d of %zu bytes", got, size);
    pattern_check(bench->buffer, size, 0, bench->check_everything);
    must(bench, nfs_close(bench->nfs, file), "close");
}

static void allocate(struct bench *bench)
{
    bench->buffer = malloc(bench->workload->size);
    pattern_fill(bench->buffer, bench->workload->size, 0);
}

static void release(struct bench *bench)
{
    free(bench->buffer);
}

static void read_small(struct bench *bench, long count)
{
    char path[64];

    for (long index = 0; index < count; index++) {
        snprintf(path, sizeof path, "/small/%02ld", index % 100);
        read_file(bench, path, SMALL_FILE);
    }
}

static void read_deep(struct bench *bench, long count)
{
    for (long index = 0; index < count; index++)
        read_file(bench, bench->workload->path, bench->workload->size);
}

static void small_name(char path[64], long index)
{
    snprintf(path, 64, "/scratch/%d-%ld", (int)getpid(), index);
}

static void write_small(struct bench *bench, long count)
{
    char path[64];

    for (long index = 0; index < count; index++) {
        struct nfsfh *file;
        int put;

        small_name(path, index);
        must(bench, nfs_creat(bench->nfs, path, 0644, &file), "creat");
        put = must(bench, nfs_write(bench->nfs, file, SMALL_FILE, bench->buffer), "write");
        if (put != SMALL_FILE)
            die("write: %d bytes", put);
        must(bench, nfs_close(bench->nfs, file), "close");
    }
}

/* Reads back and takes away what was written, the files of the first pass and of the timed one alike. */
static void finish_small(struct bench *bench)
{
    char path[64];

    for (long index = 0;; index++) {
        small_name(path, index);
        if (index < bench->warm)
            read_file(bench, path, SMALL_FILE);
        if (nfs_unlink(bench->nfs, path) != 0)
            break;
    }
    free(bench->buffer);
}

#define STAT(label, depth_of_path, file, inflight) \
    {.name = "stat-" label, .path = (file), .size = (depth_of_path), .depth = (inflight), .warm = 16, \
     .run = (inflight) ? stat_async : stat_sync}
#define READDIR(count) \
    {.name = "readdir-" #count, .path = "/list/" #count, .size = (count), .warm = 1, \
     .before = mount_fresh, .run = list_fresh, .after = destroy_fresh}

const struct workload metadata_workloads[] = {
    {.name = "mount", .unmounted = true, .run = mount_again, .warm = 1},
    {.name = "mount-cold", .unmounted = true, .run = mount_cold, .warm = 1},
    STAT("2-sync", 2, "/a/stat", 0),
    STAT("5-sync", 5, "/a/b/c/d/stat", 0),
    STAT("2-16", 2, "/a/stat", 16),
    STAT("5-16", 5, "/a/b/c/d/stat", 16),
    READDIR(1000),
    READDIR(10000),
    READDIR(100000),
    {.name = "readdir-again-10000", .path = "/list/10000", .size = 10000, .warm = 1, .run = list_again},
    {.name = "small-read", .prepare = allocate, .run = read_small, .finish = release, .size = SMALL_FILE, .warm = 100},
    {.name = "small-write", .prepare = allocate, .run = write_small, .finish = finish_small, .size = SMALL_FILE,
     .warm = 10},
    {.name = "deep-read", .path = "/a/b/c/file", .prepare = allocate, .run = read_deep, .finish = release,
     .size = 65536, .warm = 2},
    {.name = NULL},
};
