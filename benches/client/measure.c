#include "bench.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static double seconds(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

void usage_now(struct usage *usage)
{
    struct rusage self;

    getrusage(RUSAGE_SELF, &self);
    usage->user = (double)self.ru_utime.tv_sec + (double)self.ru_utime.tv_usec * 1e-6;
    usage->system = (double)self.ru_stime.tv_sec + (double)self.ru_stime.tv_usec * 1e-6;
    usage->cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    usage->wall = seconds(CLOCK_MONOTONIC);
}

/* A system call that does nothing, for strace to show where the timed region begins and ends. */
void marker(void)
{
    (void)!write(-1, "timed", 5);
}

void reset_peak_memory(void)
{
    int fd = open("/proc/self/clear_refs", O_WRONLY);

    if (fd < 0)
        return;
    (void)!write(fd, "5", 1);
    close(fd);
}

long peak_memory_kib(void)
{
    FILE *status = fopen("/proc/self/status", "r");
    char line[128];
    long peak = -1;

    while (status && fgets(line, sizeof line, status))
        if (sscanf(line, "VmHWM: %ld", &peak) == 1)
            break;
    if (status)
        fclose(status);
    return peak;
}
