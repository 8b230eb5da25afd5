/*
 * Writes in every way, has its server restarted with the data lost, and writes on: lost-writes SERVER EXPORT COMMAND
 * The command restarts the server and empties the file in its export. Prints nothing when fsync and close have put back
 * all of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <nfsc/libnfs.h>

#define SIZE (8 << 20)

static struct nfs_context *nfs;
static const char *command;
static char path[5000];
static unsigned char expected[SIZE], found[SIZE + 1];
static int outstanding;

#define MUST(call) must(call, #call)

static int must(int status, const char *call)
{
    if (status < 0) {
        printf("%s: %d %s\n", call, status, nfs_get_error(nfs));
        exit(1);
    }
    return status;
}

static void lose(void)
{
    if (system(command) != 0) {
        printf("%s failed\n", command);
        exit(1);
    }
}

/* The file on the server's disk. */
static void compare(const char *when, size_t size)
{
    int fd = open(path, O_RDONLY);
    ssize_t length = fd < 0 ? -1 : read(fd, found, sizeof(found));
    size_t i;

    if (length != (ssize_t)size) {
        printf("%s: %zd bytes, wanted %zu\n", when, length, size);
    } else {
        for (i = 0; i < size && found[i] == expected[i]; i++)
            ;
        if (i < size)
            printf("%s: differs at %zu\n", when, i);
    }
    close(fd);
}

static void written(int status, struct nfs_context *context, void *data, void *private_data)
{
    (void)context, (void)data, (void)private_data;
    must(status, "nfs_pwrite_async");
    outstanding--;
}

static void wait_for_callbacks(void)
{
    while (outstanding > 0) {
        struct pollfd pfd = {.fd = nfs_get_fd(nfs), .events = nfs_which_events(nfs)};

        poll(&pfd, 1, -1);
        MUST(nfs_service(nfs, pfd.revents));
    }
}

/* Small and large, synchronous and not, until `from` reaches `to`. */
static void write_on(struct nfsfh *file, size_t from, size_t to)
{
    static const size_t sizes[] = {1, 4096, 100000, 700000, 65536, 300};
    int i;

    for (i = 0; from < to; i++) {
        size_t size = sizes[i % 6] < to - from ? sizes[i % 6] : to - from;

        if (i % 4 == 3) {
            outstanding++;
            MUST(nfs_pwrite_async(nfs, file, from, size, expected + from, written, NULL));
        } else {
            MUST(nfs_pwrite(nfs, file, from, size, expected + from));
        }
        from += size;
    }
    wait_for_callbacks();
}

int main(int argc, char **argv)
{
    struct nfsfh *file;
    size_t i;

    if (argc != 4)
        return 2;
    command = argv[3];
    snprintf(path, sizeof(path), "%s/file", argv[2]);
    for (i = 0; i < SIZE; i++)
        expected[i] = (unsigned char)(i * 2654435761u >> 13);
    nfs = nfs_init_context();
    MUST(nfs_mount(nfs, argv[1], argv[2]));

    /* Stable data is not lost, so the file is emptied before the large writes, which are stable. */
    MUST(nfs_creat(nfs, "/file", 0644, &file));
    write_on(file, 0, 100000);
    lose();
    MUST(nfs_fsync(nfs, file));
    compare("small writes", 100000);
    MUST(nfs_pwrite(nfs, file, 50, 10, memset(expected + 50, 7, 10)));
    lose();
    write_on(file, 100000, SIZE);
    MUST(nfs_close(nfs, file));
    memset(expected, 0, 50);
    memset(expected + 60, 0, 100000 - 60);
    compare("written on after a restart", SIZE);

    /* What is appended after the loss comes behind what was appended before it, which is stable then. */
    MUST(nfs_creat(nfs, "/file", 0644, &file));
    MUST(nfs_close(nfs, file));
    memcpy(expected, "one two three", 13);
    MUST(nfs_open(nfs, "/file", O_WRONLY | O_APPEND, &file));
    MUST(nfs_write(nfs, file, 4, "one "));
    lose();
    MUST(nfs_write(nfs, file, 4, "two "));
    MUST(nfs_write(nfs, file, 5, "three"));
    MUST(nfs_close(nfs, file));
    compare("appended", 13);
    nfs_destroy_context(nfs);
    return 0;
}
