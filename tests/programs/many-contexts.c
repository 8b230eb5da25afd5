/*
 * usage: many-contexts EXPORT CONTEXTS sync|async
 *
 * Mounts so many contexts at once, uses each, and ends them. What an idle one takes, and what is left of them, is bounded;
 * prints the figures; 0 when they are so.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <nfsc/libnfs.h>

/* Of the heap, for each context. */
#define BYTES (12 << 10)

/* The socket; with an event loop the epoll descriptor and its alarm. */
#define DESCRIPTORS(is_async) (is_async ? 3 : 1)

/* What may be left when all are gone: a slot of a handle for each, and little else. */
#define BYTES_LEFT(count) (100L * count + (32 << 10))
#define RESIDENT_KIB_LEFT 4096

struct usage {
    long bytes, resident_kib, descriptors;
};

static const char *export_dir;
static int called;

static struct usage usage(void)
{
    struct mallinfo2 info = mallinfo2();
    struct usage usage = {info.uordblks + info.hblkhd, 0, 0};
    char line[200];
    FILE *status = fopen("/proc/self/status", "r");
    DIR *descriptors;

    while (status && fgets(line, sizeof(line), status))
        sscanf(line, "VmRSS: %ld", &usage.resident_kib);
    if (status)
        fclose(status);
    descriptors = opendir("/proc/self/fd");
    while (descriptors && readdir(descriptors))
        usage.descriptors++;
    if (descriptors)
        closedir(descriptors);
    return usage;
}

static struct usage since(struct usage before)
{
    struct usage now = usage();

    now.bytes -= before.bytes;
    now.resident_kib -= before.resident_kib;
    now.descriptors -= before.descriptors;
    return now;
}

static void callback(int status, struct nfs_context *nfs, void *data, void *private_data)
{
    (void)private_data;
    if (status < 0) {
        printf("%s: %s\n", nfs_get_error(nfs), (char *)data);
        exit(1);
    }
    called = 1;
}

static void served(struct nfs_context *nfs)
{
    for (called = 0; !called;) {
        struct pollfd pfd = {.fd = nfs_get_fd(nfs), .events = nfs_which_events(nfs)};

        poll(&pfd, 1, 1000);
        nfs_service(nfs, pfd.revents);
    }
}

static void needed(struct nfs_context *nfs, int number, long result)
{
    if (result < 0) {
        printf("context %d: %ld %s\n", number, result, nfs_get_error(nfs));
        exit(1);
    }
}

/* A context that has been used a little. */
static struct nfs_context *mounted(int number, int is_async)
{
    struct nfs_context *nfs = nfs_init_context();
    struct nfs_stat_64 st;
    struct nfsfh *fh;
    char bytes[5000] = "";

    if (nfs == NULL) {
        printf("context %d cannot be made\n", number);
        exit(1);
    }
    nfs_set_timeout(nfs, 60000);
    if (is_async) {
        needed(nfs, number, nfs_mount_async(nfs, "127.0.0.1", export_dir, callback, NULL));
        served(nfs);
        needed(nfs, number, nfs_stat64_async(nfs, "/file", callback, NULL));
        served(nfs);
        return nfs;
    }
    needed(nfs, number, nfs_mount(nfs, "127.0.0.1", export_dir));
    needed(nfs, number, nfs_stat64(nfs, "/file", &st));
    needed(nfs, number, nfs_open(nfs, "/file", O_RDWR, &fh));
    if (number % 100 == 0)
        needed(nfs, number, nfs_pwrite(nfs, fh, 0, sizeof(bytes), bytes));
    needed(nfs, number, nfs_pread(nfs, fh, 0, sizeof(bytes), bytes));
    needed(nfs, number, nfs_close(nfs, fh));
    return nfs;
}

int main(int argc, char **argv)
{
    int count = argc == 4 ? atoi(argv[2]) : 0, is_async = argc == 4 && strcmp(argv[3], "async") == 0, i, fd;
    struct nfs_context **all = calloc(count + 1, sizeof(*all));
    struct rlimit limit;
    struct usage before, during, after;
    char path[4096];

    if (count <= 0 || all == NULL) {
        fprintf(stderr, "usage: %s EXPORT CONTEXTS sync|async\n", argv[0]);
        return 2;
    }
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    export_dir = argv[1];
    snprintf(path, sizeof(path), "%s/file", export_dir);
    fd = open(path, O_CREAT | O_WRONLY, 0666);
    if (fd < 0 || write(fd, path, sizeof(path)) != sizeof(path) || close(fd) != 0) {
        perror(path);
        return 2;
    }

    nfs_destroy_context(mounted(0, is_async)); /* what the first one takes for all, it takes once */
    before = usage();
    for (i = 0; i < count; i++)
        all[i] = mounted(i, is_async);
    during = since(before);
    printf("%d contexts: %ld bytes each, %+ld KiB resident, %+ld descriptors\n", count, during.bytes / count,
           during.resident_kib, during.descriptors);
    for (i = 0; i < count; i++)
        nfs_destroy_context(all[i]);
    after = since(before);
    printf("gone: %+ld bytes, %+ld KiB resident, %+ld descriptors\n", after.bytes, after.resident_kib,
           after.descriptors);
    free(all);
    return during.bytes / count > BYTES || during.descriptors > (long)count * DESCRIPTORS(is_async) ||
           after.bytes > BYTES_LEFT(count) || after.resident_kib > RESIDENT_KIB_LEFT || after.descriptors != 0;
}
