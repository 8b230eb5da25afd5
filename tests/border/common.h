/*
 * What the border programs share. Each is run as
 *
 *     PROGRAM EXPORT READONLY_EXPORT
 *
 * beside a server on 127.0.0.1 which exports both (empty, local) directories. It prints one line for each promise
 * that is not kept and then ends with 1; no call may crash, or take longer than a few seconds.
 */
#ifndef COMMON_H
#define COMMON_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <netinet/in.h>
#include <time.h>
#include <unistd.h>
#include <utime.h>

#include <nfsc/libnfs.h>

#define HELPER __attribute__((unused)) static
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *server = "127.0.0.1";
static const char *export_dir, *readonly_dir;
static struct nfs_context *nfs;
static int broken_promises;

HELPER void start(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: %s EXPORT READONLY_EXPORT\n", argv[0]);
        exit(2);
    }
    export_dir = argv[1];
    readonly_dir = argv[2];
    alarm(100);
    setvbuf(stdout, NULL, _IOLBF, 0);
}

HELPER int finish(void)
{
    if (broken_promises)
        printf("%d promises broken\n", broken_promises);
    return broken_promises != 0;
}

HELPER double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

__attribute__((format(printf, 3, 4))) HELPER void broken(const char *file, int line, const char *format, ...)
{
    va_list arguments;

    broken_promises++;
    printf("%s:%d: ", file, line);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
}

/* A plain promise. */
#define EXPECT(condition)                                                 \
    do {                                                                  \
        if (!(condition))                                                 \
            broken(__FILE__, __LINE__, "not so: %s", #condition);         \
    } while (0)

HELPER const char *name_of(int64_t ret)
{
    const char *name = ret < 0 && ret > -4096 ? strerrorname_np((int)-ret) : NULL;

    return name ? name : "no errno";
}

HELPER void check_call(const char *file, int line, const char *what, int64_t ret, int64_t wanted, double began)
{
    const char *sentence = nfs_get_error(nfs);

    if (now() - began > 5)
        broken(file, line, "%s took %.1f s", what, now() - began);
    if (wanted == 1 ? ret >= 0 || ret < -4095 : ret != wanted)
        broken(file, line, "%s = %lld %s, wanted %s", what, (long long)ret, name_of(ret),
               wanted == 1 ? "an errno" : wanted < 0 ? name_of(wanted) : "success");
    else if (ret < 0 && (sentence == NULL || strlen(sentence) < 5))
        broken(file, line, "%s = %s without a sentence in nfs_get_error()", what, name_of(ret));
}

/* The call returns this: 0 or more, or a negated errno, then with a sentence in nfs_get_error(nfs). */
#define RETURNS(wanted, call)                                             \
    do {                                                                  \
        double began_ = now();                                            \
        int64_t ret_ = (call);                                            \
                                                                          \
        check_call(__FILE__, __LINE__, #call, ret_, (wanted), began_);    \
    } while (0)

/* The call fails with some errno and a sentence. */
#define FAILS(call) RETURNS(1, call)

/* The call survives, whatever it returns. */
#define SURVIVES(call)                                                    \
    do {                                                                  \
        double began_ = now();                                            \
                                                                          \
        (void)(call);                                                     \
        if (now() - began_ > 5)                                           \
            broken(__FILE__, __LINE__, "%s took too long", #call);        \
    } while (0)

/* ---- The local side of the export -------------------------------------------------------------------------- */

HELPER const char *local(const char *path)
{
    static char buffers[4][5000];
    static int next;
    char *buffer = buffers[next++ % 4];

    snprintf(buffer, sizeof(buffers[0]), "%s/%s", export_dir, path);
    return buffer;
}

HELPER void make_file(const char *path, const char *text)
{
    int fd = open(local(path), O_WRONLY | O_CREAT | O_TRUNC, 0644);

    if (fd < 0 || write(fd, text, strlen(text)) < 0) {
        perror(path);
        exit(2);
    }
    close(fd);
}

/* ---- The NFS side ------------------------------------------------------------------------------------------ */

HELPER struct nfs_context *mounted(void)
{
    struct nfs_context *context = nfs_init_context();
    int ret;

    nfs_set_timeout(context, 10000);
    nfs_set_uid(context, 0);
    nfs_set_gid(context, 0);
    ret = nfs_mount(context, server, export_dir);
    if (ret != 0) {
        printf("mount: %s %s\n", name_of(ret), nfs_get_error(context));
        exit(1);
    }
    return context;
}

/* One turn of the crank, waiting at most this long; what nfs_service() returned, or -1000 when nothing happened. */
HELPER int turn(struct nfs_context *context, int milliseconds)
{
    struct pollfd pfd = {.fd = nfs_get_fd(context), .events = nfs_which_events(context)};
    int ret = poll(&pfd, 1, milliseconds);

    return ret > 0 ? nfs_service(context, pfd.revents) : -1000;
}

/* Turns until a counter has reached a value; gives up after five seconds without an event. */
HELPER int turn_until(struct nfs_context *context, const int *counter, int value)
{
    while (*counter < value)
        if (turn(context, 5000) != 0)
            return -1;
    return 0;
}

/* ---- Servers that misbehave -------------------------------------------------------------------------------- */

/* A socket that listens on a port of its own. */
HELPER int listener(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) || listen(fd, 10)
        || getsockname(fd, (struct sockaddr *)&address, &length)) {
        perror("listener");
        exit(2);
    }
    *port = ntohs(address.sin_port);
    return fd;
}

HELPER int connected(int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        perror("connect");
        exit(2);
    }
    return fd;
}

/* A child that forwards connections to the ports of NFS and MOUNT, until it is killed. When it is silenced it still
 * takes what it is sent, and passes nothing on. */
struct forwarder {
    pid_t child;
    int nfs_port, mount_port, control;
};

HELPER void forward(int nfs_listener, int mount_listener, int control)
{
    static char buffer[65536];
    struct pollfd fds[40] = {{nfs_listener, POLLIN, 0}, {mount_listener, POLLIN, 0}, {control, POLLIN, 0}, {-1, 0, 0}};
    int count = 4, silent = 0, i;

    while (poll(fds, count, -1) > 0) {
        if (fds[2].revents) {
            if (read(control, buffer, 1) != 1 || write(control, buffer, 1) != 1)
                _exit(1);
            silent = 1;
        }
        for (i = 4; i < count; i++) {
            ssize_t got;

            if (fds[i].fd < 0 || !fds[i].revents)
                continue;
            got = read(fds[i].fd, buffer, sizeof(buffer));
            if (got <= 0) {
                close(fds[i].fd);
                close(fds[i ^ 1].fd);
                fds[i].fd = fds[i ^ 1].fd = -1;
            } else if (!silent && write(fds[i ^ 1].fd, buffer, got) != got) {
                _exit(1);
            }
        }
        for (i = 0; i < 2; i++)
            if (fds[i].revents & POLLIN && count + 2 <= (int)COUNT(fds)) {
                fds[count] = (struct pollfd){accept(fds[i].fd, NULL, NULL), POLLIN, 0};
                fds[count + 1] = (struct pollfd){connected(i == 0 ? 2049 : 20048), POLLIN, 0};
                count += 2;
            }
    }
}

HELPER struct forwarder start_forwarder(void)
{
    struct forwarder made = {0, 0, 0, 0};
    int nfs_listener = listener(&made.nfs_port), mount_listener = listener(&made.mount_port), control[2];

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, control) != 0) {
        perror("socketpair");
        exit(2);
    }
    made.child = fork();
    if (made.child == 0) {
        alarm(100);
        close(control[0]);
        forward(nfs_listener, mount_listener, control[1]);
        _exit(0);
    }
    made.control = control[0];
    close(nfs_listener);
    close(mount_listener);
    close(control[1]);
    return made;
}

/* From here on it passes nothing on. */
HELPER void silence_forwarder(struct forwarder *forwarder)
{
    char byte = 0;

    EXPECT(write(forwarder->control, &byte, 1) == 1 && read(forwarder->control, &byte, 1) == 1);
}

HELPER void stop_forwarder(struct forwarder *forwarder)
{
    close(forwarder->control);
    kill(forwarder->child, SIGKILL);
    waitpid(forwarder->child, NULL, 0);
}

/* Tells a new context about two ports, by a URL as users do. */
HELPER struct nfs_context *context_for_ports(int nfs_port, int mount_port, const char *more)
{
    struct nfs_context *context = nfs_init_context();
    struct nfs_url *url;
    char text[6000];

    snprintf(text, sizeof(text), "nfs://127.0.0.1%s?nfsport=%d&mountport=%d%s", export_dir, nfs_port, mount_port, more);
    url = nfs_parse_url_dir(context, text);
    if (url == NULL) {
        printf("%s: %s\n", text, nfs_get_error(context));
        exit(1);
    }
    nfs_destroy_url(url);
    nfs_set_uid(context, 0);
    nfs_set_gid(context, 0);
    return context;
}

#endif
