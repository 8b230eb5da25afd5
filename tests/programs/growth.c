/*
 * usage: growth EXPORT MOUNTS OPERATIONS
 *
 * Mounts and unmounts, then works on one mount; in the end the process has as many descriptors as before, and as much
 * memory, but for a little. Prints the figures; 0 when they are so.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <nfsc/libnfs.h>

/* What may be left: less than 17 bytes for each of 1,000 mounts. */
#define BYTES (16 << 10)

/* malloc may keep the chunk of 1 MiB that a context has had, and twice that at the end of its heap, however many contexts
 * there have been. */
#define RESIDENT_KIB 3584

/* So many handles are closed before one is used again. */
#define HANDLES 1100

static const char *export_dir;
static int called;

#define NEEDED(call)                                                                                             \
    do {                                                                                                         \
        long needed_ = (call);                                                                                   \
                                                                                                                 \
        if (needed_ < 0) {                                                                                       \
            printf("line %d: %s: %s %s\n", __LINE__, #call, strerror(-needed_), nfs_get_error(nfs));             \
            exit(1);                                                                                             \
        }                                                                                                        \
    } while (0)

/* The call fails, as it must. */
#define REFUSED(call)                                                                                            \
    do {                                                                                                         \
        if ((call) >= 0 || strlen(nfs_get_error(nfs)) < 5) {                                                     \
            printf("line %d: %s succeeded\n", __LINE__, #call);                                                  \
            exit(1);                                                                                             \
        }                                                                                                        \
    } while (0)

struct usage {
    size_t bytes;
    long resident_kib;
    int descriptors;
};

static struct usage usage(void)
{
    struct usage usage = {mallinfo2().uordblks, 0, 0};
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

static int compare(const char *what, long count, struct usage before)
{
    struct usage after = usage();
    long bytes = (long)after.bytes - (long)before.bytes, resident = after.resident_kib - before.resident_kib;

    printf("%ld %s: %+ld bytes, %+ld KiB resident, %+d descriptors\n", count, what, bytes, resident,
           after.descriptors - before.descriptors);
    return bytes > BYTES || resident > RESIDENT_KIB || after.descriptors != before.descriptors;
}

static void callback(int status, struct nfs_context *nfs, void *data, void *private_data)
{
    (void)nfs, (void)data, (void)private_data;
    called += status >= 0;
}

static void served(struct nfs_context *nfs)
{
    while (!called) {
        struct pollfd pfd = {.fd = nfs_get_fd(nfs), .events = nfs_which_events(nfs)};

        poll(&pfd, 1, 1000);
        NEEDED(nfs_service(nfs, pfd.revents));
    }
    called = 0;
}

static struct nfs_context *mounted(void)
{
    struct nfs_context *nfs = nfs_init_context();

    nfs_set_timeout(nfs, 60000);
    NEEDED(nfs_mount(nfs, "127.0.0.1", export_dir));
    return nfs;
}

static void one_mount(int number)
{
    struct nfs_context *nfs = mounted();
    struct nfs_stat_64 st;
    struct nfsfh *fh;
    struct nfsdir *directory;

    NEEDED(nfs_stat64(nfs, "/file", &st));
    NEEDED(nfs_open(nfs, "/file", O_RDWR, &fh));
    NEEDED(nfs_write(nfs, fh, 5, "hello"));
    NEEDED(nfs_opendir(nfs, "/", &directory));
    NEEDED(nfs_stat64_async(nfs, "/file", callback, NULL));
    if (number % 2)
        served(nfs);
    if (number % 3) {
        NEEDED(nfs_close(nfs, fh));
        nfs_closedir(nfs, directory);
    }
    if (number % 5 == 0)
        NEEDED(nfs_umount(nfs));
    nfs_destroy_context(nfs);
    called = 0;
}

static void one_operation(struct nfs_context *nfs, int number)
{
    struct nfs_stat_64 st;
    struct nfs_url *url;
    struct nfsfh *fh;
    struct nfsdir *directory;
    const char *cwd;
    char buffer[5000], *target;

    switch (number % 12) {
    case 0:
        NEEDED(nfs_stat64(nfs, "/file", &st));
        break;
    case 1:
        NEEDED(nfs_open(nfs, "/file", O_RDONLY, &fh));
        NEEDED(nfs_read(nfs, fh, sizeof(buffer), buffer));
        NEEDED(nfs_close(nfs, fh));
        break;
    case 2:
        NEEDED(nfs_opendir(nfs, "/", &directory));
        while (nfs_readdir(nfs, directory))
            ;
        nfs_closedir(nfs, directory);
        break;
    case 3:
        REFUSED(nfs_stat64(nfs, "/missing", &st));
        REFUSED(nfs_opendir(nfs, "/file", &directory));
        break;
    case 4:
        NEEDED(nfs_creat(nfs, "/new", 0644, &fh));
        NEEDED(nfs_write(nfs, fh, sizeof(buffer), memset(buffer, 'x', sizeof(buffer))));
        NEEDED(nfs_close(nfs, fh));
        break;
    case 5:
        NEEDED(nfs_rename(nfs, "/new", "/newer"));
        break;
    case 6:
        NEEDED(nfs_unlink(nfs, "/newer"));
        break;
    case 7:
        NEEDED(nfs_symlink(nfs, "file", "/link"));
        NEEDED(nfs_readlink2(nfs, "/link", &target));
        free(target);
        NEEDED(nfs_unlink(nfs, "/link"));
        break;
    case 8:
        NEEDED(nfs_mkdir(nfs, "/directory"));
        NEEDED(nfs_chdir(nfs, "/directory"));
        nfs_getcwd(nfs, &cwd);
        NEEDED(nfs_chdir(nfs, "/"));
        NEEDED(nfs_rmdir(nfs, "/directory"));
        break;
    case 9:
        NEEDED(nfs_open(nfs, "/file", O_RDONLY, &fh));
        NEEDED(nfs_pread_async(nfs, fh, 0, sizeof(buffer), callback, NULL));
        served(nfs);
        NEEDED(nfs_close(nfs, fh));
        break;
    case 10:
        url = nfs_parse_url_full(nfs, "nfs://127.0.0.1/a/b?uid=0&gid=0&readahead=0");
        NEEDED(url ? 0 : -EINVAL);
        nfs_destroy_url(url);
        break;
    default:
        NEEDED(nfs_opendir_async(nfs, "/missing", callback, NULL));
        NEEDED(nfs_stat64_async(nfs, "/file", callback, NULL));
        served(nfs);
    }
}

/* All the slots of handles that the process will have. */
static void warm_up(struct nfs_context *nfs)
{
    struct nfsfh *fh;
    struct nfsdir *directory;
    int i;

    for (i = 0; i < HANDLES; i++) {
        nfs_destroy_context(nfs_init_context());
        NEEDED(nfs_open(nfs, "/file", O_RDONLY, &fh));
        NEEDED(nfs_close(nfs, fh));
        NEEDED(nfs_opendir(nfs, "/", &directory));
        nfs_closedir(nfs, directory);
    }
    for (i = 0; i < 20; i++)
        one_mount(i);
    for (i = 0; i < 1200; i++)
        one_operation(nfs, i);
}

int main(int argc, char **argv)
{
    long mounts = argc == 4 ? atol(argv[2]) : 0, operations = argc == 4 ? atol(argv[3]) : 0, i;
    struct nfs_context *nfs;
    struct nfsfh *fh;
    struct usage before;
    int grown;

    if (mounts <= 0 || operations <= 0) {
        fprintf(stderr, "usage: %s EXPORT MOUNTS OPERATIONS\n", argv[0]);
        return 2;
    }
    export_dir = argv[1];
    nfs = mounted();
    NEEDED(nfs_creat(nfs, "/file", 0644, &fh));
    NEEDED(nfs_close(nfs, fh));
    warm_up(nfs);

    before = usage();
    for (i = 0; i < mounts; i++)
        one_mount(i);
    grown = compare("mounts", mounts, before);
    before = usage();
    operations -= operations % 12;
    for (i = 0; i < operations; i++)
        one_operation(nfs, i);
    grown |= compare("operations", operations, before);
    nfs_destroy_context(nfs);
    return grown;
}
