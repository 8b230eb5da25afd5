/* usage: client WORKLOAD COUNT URL
 *
 * Runs a workload of COUNT operations and prints one line of name=value: seconds of wall time and of this process's
 * processor time, peak memory, and the responder's counters when BENCH_RESPONDER has its address. A first pass, not
 * timed, checks every byte; the timed one looks at the ends of each piece.
 * BENCH_WARM is the number of operations of the first pass. */
#define _GNU_SOURCE
#include "bench.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nfsc/libnfs.h>

void die(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fputs("client: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

int must(struct bench *bench, int result, const char *call)
{
    if (result < 0)
        die("%s: %d: %s", call, result, nfs_get_error(bench->nfs));
    return result;
}

static const struct workload *find(const char *name)
{
    const struct workload *tables[] = {data_workloads, metadata_workloads, thread_workloads};

    for (size_t table = 0; table < sizeof tables / sizeof *tables; table++)
        for (const struct workload *workload = tables[table]; workload->name; workload++)
            if (strcmp(workload->name, name) == 0)
                return workload;
    die("no workload %s", name);
}

/* A function of its own, by whose name callgrind knows when to count. */
__attribute__((noinline)) void timed_region(struct bench *bench, long count);
void timed_region(struct bench *bench, long count)
{
    bench->workload->run(bench, count);
}

/* The file the library was loaded from. */
static const char *library(void)
{
    Dl_info info;

    return dladdr(dlsym(RTLD_DEFAULT, "nfs_mount"), &info) ? info.dli_fname : "?";
}

static void call(void (*hook)(struct bench *, long), struct bench *bench, long count)
{
    if (hook)
        hook(bench, count);
}

static void measure(struct bench *bench, long count)
{
    struct usage before, after;
    char answer[1024];
    long peak;

    call(bench->workload->before, bench, count);
    control("reset", answer, sizeof answer);
    bench->children_cpu = 0;
    reset_peak_memory();
    marker();
    usage_now(&before);
    timed_region(bench, count);
    usage_now(&after);
    marker();
    peak = peak_memory_kib();
    control("counters", answer, sizeof answer);
    printf("workload=%s count=%ld bytes=%llu wall=%.9f cpu=%.9f user=%.6f system=%.6f peak_kib=%ld library=%s %s\n",
           bench->workload->name, count, (unsigned long long)bench->bytes, after.wall - before.wall,
           bench->children_cpu > 0 ? bench->children_cpu : after.cpu - before.cpu, after.user - before.user,
           after.system - before.system, peak, library(), answer);
    call(bench->workload->after, bench, count);
}

int main(int argc, char **argv)
{
    struct bench bench = {.check_everything = true};
    char answer[1024];

    if (argc != 4)
        die("usage: client WORKLOAD COUNT URL");
    bench.workload = find(argv[1]);
    bench.url = argv[3];
    bench.warm = getenv("BENCH_WARM") ? atol(getenv("BENCH_WARM")) : bench.workload->warm;
    if (!bench.workload->unmounted)
        bench.nfs = mounted(bench.url);
    if (bench.workload->prepare)
        bench.workload->prepare(&bench);
    control("verify everything", answer, sizeof answer);
    call(bench.workload->before, &bench, bench.warm);
    bench.workload->run(&bench, bench.warm);
    call(bench.workload->after, &bench, bench.warm);
    control("counters", answer, sizeof answer);
    if (answer[0] && !strstr(answer, " mismatches=0"))
        die("the responder got wrong data: %s", answer);
    control("verify ends", answer, sizeof answer);
    bench.check_everything = false;
    measure(&bench, atol(argv[2]));
    bench.check_everything = true;
    if (bench.workload->finish)
        bench.workload->finish(&bench);
    if (bench.nfs)
        nfs_destroy_context(bench.nfs);
    return 0;
}
