/*
 * Reads and writes a sparse file on both sides of 4 GiB: large-file EXPORT
 *
 * Makes and checks it with local calls below the exported directory. Prints what is wrong, and ends with 1 then.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <nfsc/libnfs.h>

#define GIB (UINT64_C(1) << 30)
#define SIZE 100000
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct nfs_context *nfs;
static struct nfsfh *file;
static int local, problems;
static unsigned char data[SIZE], back[SIZE];

#define EXPECT(condition)                                                                       \
    do {                                                                                        \
        if (!(condition)) {                                                                     \
            printf("line %d: %s: %s\n", __LINE__, #condition, nfs_get_error(nfs));              \
            problems++;                                                                         \
        }                                                                                       \
    } while (0)

/* Bytes that no other place has. */
static void fill(uint64_t offset)
{
    size_t i;

    for (i = 0; i < SIZE; i++)
        data[i] = ((offset + i) * 2654435761u) >> 21;
}

static int equal(void)
{
    int same = memcmp(data, back, SIZE) == 0;

    memset(back, 0, SIZE);
    return same;
}

static int done, status_of_last;

static void was_read(int status, struct nfs_context *context, void *bytes, void *private_data)
{
    (void)context;
    if (status > 0)
        memcpy(private_data, bytes, status);
    status_of_last = status;
    done++;
}

static void was_written(int status, struct nfs_context *context, void *bytes, void *private_data)
{
    (void)context, (void)bytes, (void)private_data;
    status_of_last = status;
    done++;
}

static int wait_for(int submitted)
{
    int before = done;

    while (submitted == 0 && done == before) {
        struct pollfd pfd = {.fd = nfs_get_fd(nfs), .events = nfs_which_events(nfs)};

        if (poll(&pfd, 1, 5000) <= 0 || nfs_service(nfs, pfd.revents) < 0)
            return -EIO;
    }
    return submitted == 0 ? status_of_last : submitted;
}

static void round_trip(uint64_t offset)
{
    uint64_t at = 0;

    fill(offset);
    EXPECT(nfs_pwrite(nfs, file, offset, SIZE, data) == SIZE);
    EXPECT(nfs_fsync(nfs, file) == 0);
    EXPECT(pread(local, back, SIZE, offset) == SIZE && equal());
    EXPECT(nfs_pread(nfs, file, offset, SIZE, back) == SIZE && equal());
    EXPECT(nfs_lseek(nfs, file, offset, SEEK_SET, &at) == 0 && at == offset);
    EXPECT(nfs_read(nfs, file, SIZE, back) == SIZE && equal());
    EXPECT(nfs_lseek(nfs, file, 0, SEEK_CUR, &at) == 0 && at == offset + SIZE);

    fill(offset + 7);
    EXPECT(nfs_lseek(nfs, file, -SIZE, SEEK_CUR, &at) == 0 && at == offset);
    EXPECT(nfs_write(nfs, file, SIZE, data) == SIZE);
    EXPECT(pread(local, back, SIZE, offset) == SIZE && equal());

    fill(offset + 3);
    EXPECT(wait_for(nfs_pwrite_async(nfs, file, offset, SIZE, data, was_written, NULL)) == SIZE);
    EXPECT(wait_for(nfs_pread_async(nfs, file, offset, SIZE, was_read, back)) == SIZE && equal());
    EXPECT(pread(local, back, SIZE, offset) == SIZE && equal());
}

static void sizes(void)
{
    static const uint64_t tried[] = {5 * GIB + 1, 4 * GIB, 4 * GIB - 1, 4 * GIB + 1, 9 * GIB + 12345};
    struct nfs_stat_64 st;
    struct stat is;
    uint64_t at = 0;
    size_t i;

    for (i = 0; i < COUNT(tried); i++) {
        EXPECT(nfs_ftruncate(nfs, file, tried[i]) == 0);
        EXPECT(nfs_fstat64(nfs, file, &st) == 0 && st.nfs_size == tried[i]);
        EXPECT(nfs_stat64(nfs, "/large", &st) == 0 && st.nfs_size == tried[i]);
        EXPECT(fstat(local, &is) == 0 && (uint64_t)is.st_size == tried[i]);
        EXPECT(nfs_lseek(nfs, file, -1, SEEK_END, &at) == 0 && at == tried[i] - 1);
        EXPECT(nfs_read(nfs, file, 10, back) == 1);
        EXPECT(nfs_read(nfs, file, 10, back) == 0);
    }
}

int main(int argc, char **argv)
{
    static const uint64_t offsets[] = {4 * GIB - SIZE / 2, 4 * GIB,      4 * GIB + 1, 2 * GIB - 10, 2 * GIB,
                                       0,                  16 * GIB - 5, 1000 * GIB,  5 * GIB + 3};
    char path[4096];
    size_t i;

    if (argc != 2) {
        fprintf(stderr, "usage: %s EXPORT\n", argv[0]);
        return 2;
    }
    snprintf(path, sizeof(path), "%s/large", argv[1]);
    local = open(path, O_RDWR | O_CREAT, 0666);
    fill(6 * GIB);
    if (local < 0 || ftruncate(local, 7 * GIB) < 0 || pwrite(local, data, SIZE, 6 * GIB) != SIZE) {
        perror(path);
        return 2;
    }
    nfs = nfs_init_context();
    nfs_set_uid(nfs, 0);
    nfs_set_gid(nfs, 0);
    EXPECT(nfs_mount(nfs, "127.0.0.1", argv[1]) == 0);
    EXPECT(nfs_open(nfs, "/large", O_RDWR, &file) == 0);
    if (problems)
        return 1;
    EXPECT(nfs_pread(nfs, file, 6 * GIB, SIZE, back) == SIZE && equal());
    for (i = 0; i < COUNT(offsets); i++)
        round_trip(offsets[i]);
    sizes();
    EXPECT(nfs_close(nfs, file) == 0);
    nfs_destroy_context(nfs);
    return problems > 0;
}
