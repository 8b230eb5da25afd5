/*
 * usage: load-memory EXPORT
 *
 * Reads and writes as a front end does that has many requests under way, and looks at the memory that the process has
 * resident meanwhile and afterwards. Prints the figures; 0 when they are within bounds.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nfsc/libnfs.h>

#define SIZE (128 << 10)
#define TOTAL (256L << 20)

/* Data that the server may still lose, KiB: what the library retains at most. */
#define RETAINED 8192

/* Its memory for copies has pieces of a MiB, some of which are used in part; and what malloc() and the program itself take. */
#define MORE 6144

/* What may be left when the data is stable, KiB. */
#define LEFT 3072

static struct nfs_context *nfs;
static struct nfsfh *file;
static char *bytes;
static long at;
static int depth, under_way;
static char mode;

static long resident(const char *what)
{
    char line[200];
    long kib = 0;
    FILE *status = fopen("/proc/self/status", "r");

    while (status && fgets(line, sizeof(line), status))
        if (strncmp(line, what, strlen(what)) == 0)
            kib = atol(line + strlen(what));
    if (status)
        fclose(status);
    return kib;
}

static void needed(long result)
{
    if (result < 0) {
        printf("%ld %s\n", result, nfs_get_error(nfs));
        exit(1);
    }
}

static void more(void);

static void callback(int status, struct nfs_context *context, void *data, void *private_data)
{
    (void)context, (void)data, (void)private_data;
    needed(status);
    under_way--;
    more();
}

static void more(void)
{
    for (; under_way < depth && at < TOTAL; under_way++, at += SIZE) {
        if (mode == 'w' || (mode == 'm' && at / SIZE % 2))
            needed(nfs_pwrite_async(nfs, file, at, SIZE, bytes, callback, NULL));
        else
            needed(nfs_pread_async(nfs, file, at, SIZE, callback, NULL));
    }
}

/* Whether the memory stayed within bounds, for reads (r), writes (w) or both in turns (m). */
static int is_bounded(char what, int count)
{
    long before = resident("VmRSS:"), most, after, bound = count * SIZE / 1024L + MORE + (what == 'r' ? 0 : RETAINED);
    FILE *marks = fopen("/proc/self/clear_refs", "w");

    if (marks == NULL || fputs("5", marks) < 0 || fclose(marks) != 0) {
        perror("/proc/self/clear_refs");
        exit(2);
    }
    mode = what;
    depth = count;
    at = 0;
    for (more(); under_way > 0;) {
        struct pollfd pfd = {.fd = nfs_get_fd(nfs), .events = nfs_which_events(nfs)};

        poll(&pfd, 1, 1000);
        needed(nfs_service(nfs, pfd.revents));
    }
    needed(nfs_fsync(nfs, file));
    most = resident("VmHWM:") - before;
    after = resident("VmRSS:") - before;
    printf("%c %d under way: %+ld KiB at most (%ld), %+ld KiB after fsync (%d)\n", what, count, most, bound, after, LEFT);
    fflush(stdout);
    return most <= bound && after <= LEFT;
}

int main(int argc, char **argv)
{
    int bounded = 1;

    if (argc != 2)
        return 2;
    bytes = malloc(SIZE);
    memset(bytes, 7, SIZE);
    nfs = nfs_init_context();
    nfs_set_timeout(nfs, 60000);
    needed(nfs_mount(nfs, "127.0.0.1", argv[1]));
    needed(nfs_creat(nfs, "/load", 0644, &file));
    needed(nfs_close(nfs, file));
    needed(nfs_open(nfs, "/load", O_RDWR, &file));
    bounded &= is_bounded('w', 32);
    bounded &= is_bounded('r', 32);
    bounded &= is_bounded('m', 32);
    bounded &= is_bounded('w', 128);
    needed(nfs_close(nfs, file));
    nfs_destroy_context(nfs);
    free(bytes);
    return !bounded;
}
