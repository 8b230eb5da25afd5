/* What the parts of the measuring program share. Built with the headers of libnfs 4.0, so that one program runs on
 * libnfs.so.13 of Debian and on ours. */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>

struct nfs_context;
struct nfsfh;

struct bench {
    const struct workload *workload;
    const char *url;
    struct nfs_context *nfs;
    struct nfsfh *file;
    char *buffer;
    size_t buffer_size;
    bool check_everything;  /* not only the ends of what is read */
    long warm;              /* operations of the first, untimed pass */
    uint64_t bytes;         /* moved in the timed region */
    double children_cpu;    /* seconds that processes made in the timed region used for it */
};

struct workload {
    const char *name;
    void (*prepare)(struct bench *);
    void (*before)(struct bench *, long count);  /* each pass, not timed */
    void (*run)(struct bench *, long count);
    void (*after)(struct bench *, long count);
    void (*finish)(struct bench *);
    size_t size;            /* of one READ or WRITE; or number of entries */
    int depth;              /* in flight; 0: synchronous calls */
    const char *path;
    bool unmounted;         /* mounts itself */
    long warm;              /* that many, when not told otherwise */
};

extern const struct workload data_workloads[], metadata_workloads[], thread_workloads[];

/* main.c */
void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
/* Ends the program when `result`, of the named call, is negative. Returns it. */
int must(struct bench *bench, int result, const char *call);

/* pattern.c: what files contain, see benches/responder/pattern.rs */
void pattern_fill(char *data, size_t size, uint64_t offset);
void pattern_check(const char *data, size_t size, uint64_t offset, bool everything);
/* The part of the file that pieces of this size are taken from, one after the other, and where a piece is. */
size_t window(size_t size);
uint64_t offset_of(size_t size, long index);

/* data.c */
struct nfs_context *mounted(const char *url);
void service_until(struct bench *bench, const long *done, long count);

/* measure.c */
struct usage {
    double wall, user, system, cpu;
};
void usage_now(struct usage *usage);
void marker(void);
void reset_peak_memory(void);
long peak_memory_kib(void);

/* control.c: the responder's counters; without BENCH_RESPONDER nothing happens. */
void control(const char *command, char *answer, size_t size);

#endif
