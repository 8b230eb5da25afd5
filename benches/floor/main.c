/* usage: floor WORKLOAD COUNT URL
 *
 * The client's workloads that read or write one file, without a library. Prints the same line. */
#include "floor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../client/bench.h"

void die(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fputs("floor: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

/* read-64k-16: operation, size, depth or sync. */
static void parse(struct floor *floor, const char *name)
{
    char operation[8], unit, depth[8];
    size_t number;

    if (sscanf(name, "%7[a-z]-%zu%c-%7s", operation, &number, &unit, depth) != 4)
        die("no workload %s", name);
    floor->writes = strcmp(operation, "write") == 0;
    floor->size = number << (unit == 'k' ? 10 : 20);
    floor->depth = atoi(depth);
    if (floor->depth > MAX_DEPTH || (floor->depth && floor->size >= PIECE))
        die("no workload %s", name);
}

__attribute__((noinline)) void timed_region(struct floor *floor, long count);
void timed_region(struct floor *floor, long count)
{
    run(floor, count);
}

static void measure(struct floor *floor, const char *name, long count)
{
    struct usage before, after;
    char answer[1024];
    long peak;

    control("reset", answer, sizeof answer);
    reset_peak_memory();
    marker();
    usage_now(&before);
    timed_region(floor, count);
    usage_now(&after);
    marker();
    peak = peak_memory_kib();
    control("counters", answer, sizeof answer);
    printf("workload=%s count=%ld bytes=%llu wall=%.9f cpu=%.9f user=%.6f system=%.6f peak_kib=%ld %s\n", name, count,
           (unsigned long long)count * floor->size, after.wall - before.wall, after.cpu - before.cpu,
           after.user - before.user, after.system - before.system, peak, answer);
}

int main(int argc, char **argv)
{
    struct floor floor = {.check_everything = true};
    char answer[1024];
    size_t buffer;
    long warm;

    if (argc != 4)
        die("usage: floor WORKLOAD COUNT URL");
    parse(&floor, argv[1]);
    open_file(&floor, argv[3]);
    prepare_call(&floor);
    buffer = floor.writes ? window(floor.size) : floor.size;
    floor.buffer = malloc(buffer);
    floor.replies = malloc(4u << 20);
    pattern_fill(floor.buffer, buffer, 0);
    warm = getenv("BENCH_WARM") ? atol(getenv("BENCH_WARM")) : (long)(2 * window(floor.size) / floor.size);
    control("verify everything", answer, sizeof answer);
    run(&floor, warm);
    control("counters", answer, sizeof answer);
    if (answer[0] && !strstr(answer, " mismatches=0"))
        die("the responder got wrong data: %s", answer);
    control("verify ends", answer, sizeof answer);
    floor.check_everything = false;
    measure(&floor, argv[1], atol(argv[2]));
    remove_file(&floor);
    return 0;
}
