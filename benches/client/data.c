/* READ and WRITE of one file, synchronous and with several in flight. */
#include "bench.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <nfsc/libnfs.h>

#define PATIENCE 60             /* seconds; on a busy machine a server may have to wait */

struct nfs_context *mounted(const char *text)
{
    struct nfs_context *nfs = nfs_init_context();
    struct nfs_url *url;

    if (!nfs)
        die("no context");
    url = nfs_parse_url_dir(nfs, text);
    if (!url)
        die("%s: %s", text, nfs_get_error(nfs));
    if (nfs_mount(nfs, url->server, url->path) != 0)
        die("mount: %s", nfs_get_error(nfs));
    nfs_destroy_url(url);
    return nfs;
}

static void prepare_read(struct bench *bench)
{
    must(bench, nfs_open(bench->nfs, "/data/large", O_RDONLY, &bench->file), "open");
    bench->buffer_size = bench->workload->size;
    bench->buffer = malloc(bench->buffer_size);
}

static void prepare_write(struct bench *bench)
{
    char path[64];

    snprintf(path, sizeof path, "/scratch/write-%d", (int)getpid());
    must(bench, nfs_creat(bench->nfs, path, 0644, &bench->file), "creat");
    must(bench, nfs_close(bench->nfs, bench->file), "close");
    must(bench, nfs_open(bench->nfs, path, O_RDWR, &bench->file), "open");
    bench->buffer_size = window(bench->workload->size);
    bench->buffer = malloc(bench->buffer_size);
    pattern_fill(bench->buffer, bench->buffer_size, 0);
}

static void finish_read(struct bench *bench)
{
    must(bench, nfs_close(bench->nfs, bench->file), "close");
    free(bench->buffer);
}

/* Reads back what was written. */
static void finish_write(struct bench *bench)
{
    size_t size = bench->workload->size;
    long pieces = (long)(window(size) / size);
    char path[64];

    must(bench, nfs_fsync(bench->nfs, bench->file), "fsync");
    for (long index = 0; index < pieces && index < bench->warm; index++) {
        uint64_t offset = offset_of(size, index);
        if (nfs_pread(bench->nfs, bench->file, offset, size, bench->buffer) != (int)size)
            die("reading back: %s", nfs_get_error(bench->nfs));
        pattern_check(bench->buffer, size, offset, true);
    }
    must(bench, nfs_close(bench->nfs, bench->file), "close");
    snprintf(path, sizeof path, "/scratch/write-%d", (int)getpid());
    must(bench, nfs_unlink(bench->nfs, path), "unlink");
    free(bench->buffer);
}

static void read_sync(struct bench *bench, long count)
{
    size_t size = bench->workload->size;

    for (long index = 0; index < count; index++) {
        uint64_t offset = offset_of(size, index);
        int got = must(bench, nfs_pread(bench->nfs, bench->file, offset, size, bench->buffer), "pread");
        if ((size_t)got != size)
            die("pread: %d of %zu bytes", got, size);
        pattern_check(bench->buffer, size, offset, bench->check_everything);
    }
    bench->bytes = size * (uint64_t)count;
}

static void write_sync(struct bench *bench, long count)
{
    size_t size = bench->workload->size;

    for (long index = 0; index < count; index++) {
        uint64_t offset = offset_of(size, index);
        int put = must(bench, nfs_pwrite(bench->nfs, bench->file, offset, size, bench->buffer + offset), "pwrite");
        if ((size_t)put != size)
            die("pwrite: %d of %zu bytes", put, size);
    }
    bench->bytes = size * (uint64_t)count;
}

/* What the calls in flight share, and one of them. */
struct call;

struct flight {
    struct bench *bench;
    long begun, done, count;
    void (*begin)(struct flight *, struct call *);
};

struct call {
    struct flight *flight;
    uint64_t offset;
};

static void next(struct flight *flight, struct call *call)
{
    if (flight->begun == flight->count)
        return;
    call->offset = offset_of(flight->bench->workload->size, flight->begun++);
    flight->begin(flight, call);
}

static void completed(int status, struct nfs_context *nfs, void *data, void *private)
{
    struct call *call = private;
    struct flight *flight = call->flight;
    const struct workload *workload = flight->bench->workload;

    if (status < 0)
        die("%s: %s", workload->name, nfs_get_error(nfs));
    if ((size_t)status != workload->size)
        die("%s: %d of %zu bytes", workload->name, status, workload->size);
    if (data)
        pattern_check(data, workload->size, call->offset, flight->bench->check_everything);
    flight->done++;
    next(flight, call);
}

static void read_completed(int status, struct nfs_context *nfs, void *data, void *private)
{
    if (status >= 0 && !data)
        die("read: no data");
    completed(status, nfs, data, private);
}

static void write_completed(int status, struct nfs_context *nfs, void *data, void *private)
{
    (void)data;
    completed(status, nfs, NULL, private);
}

static void begin_read(struct flight *flight, struct call *call)
{
    struct bench *bench = flight->bench;

    must(bench, nfs_pread_async(bench->nfs, bench->file, call->offset, bench->workload->size, read_completed, call),
         "pread_async");
}

static void begin_write(struct flight *flight, struct call *call)
{
    struct bench *bench = flight->bench;

    must(bench,
         nfs_pwrite_async(bench->nfs, bench->file, call->offset, bench->workload->size,
                          bench->buffer + call->offset, write_completed, call),
         "pwrite_async");
}

void service_until(struct bench *bench, const long *done, long count)
{
    while (*done < count) {
        struct pollfd pfd = {.fd = nfs_get_fd(bench->nfs), .events = (short)nfs_which_events(bench->nfs)};
        if (poll(&pfd, 1, PATIENCE * 1000) <= 0)
            die("nothing happened for %d seconds", PATIENCE);
        if (nfs_service(bench->nfs, pfd.revents) < 0)
            die("service: %s", nfs_get_error(bench->nfs));
    }
}

static void fly(struct bench *bench, long count, void (*begin)(struct flight *, struct call *))
{
    struct flight flight = {.bench = bench, .count = count, .begin = begin};
    struct call calls[128];

    for (int index = 0; index < bench->workload->depth; index++) {
        calls[index].flight = &flight;
        next(&flight, &calls[index]);
    }
    service_until(bench, &flight.done, count);
    bench->bytes = bench->workload->size * (uint64_t)count;
}

static void read_async(struct bench *bench, long count)
{
    fly(bench, count, begin_read);
}

static void write_async(struct bench *bench, long count)
{
    fly(bench, count, begin_write);
}

#define READ(label, bytes, passes) \
    {.name = "read-" label "-sync", .size = (bytes), .warm = (passes), \
     .prepare = prepare_read, .run = read_sync, .finish = finish_read}
#define WRITE(label, bytes, passes) \
    {.name = "write-" label "-sync", .size = (bytes), .warm = (passes), \
     .prepare = prepare_write, .run = write_sync, .finish = finish_write}
#define READ_ASYNC(label, bytes, passes, inflight) \
    {.name = "read-" label "-" #inflight, .size = (bytes), .warm = (passes), .depth = (inflight), \
     .prepare = prepare_read, .run = read_async, .finish = finish_read}
#define WRITE_ASYNC(label, bytes, passes, inflight) \
    {.name = "write-" label "-" #inflight, .size = (bytes), .warm = (passes), .depth = (inflight), \
     .prepare = prepare_write, .run = write_async, .finish = finish_write}

const struct workload data_workloads[] = {
    READ("4k", 4096, 512),
    READ("64k", 65536, 32),
    READ("1m", 1 << 20, 16),
    READ("8m", 8 << 20, 2),
    READ("16m", 16 << 20, 2),
    WRITE("4k", 4096, 512),
    WRITE("64k", 65536, 32),
    WRITE("1m", 1 << 20, 16),
    WRITE("8m", 8 << 20, 2),
    WRITE("16m", 16 << 20, 2),
    READ_ASYNC("4k", 4096, 512, 16),
    READ_ASYNC("4k", 4096, 512, 128),
    READ_ASYNC("64k", 65536, 128, 16),
    READ_ASYNC("64k", 65536, 512, 128),
    WRITE_ASYNC("4k", 4096, 512, 16),
    WRITE_ASYNC("4k", 4096, 512, 128),
    WRITE_ASYNC("64k", 65536, 128, 16),
    WRITE_ASYNC("64k", 65536, 512, 128),
    {.name = NULL},
};
