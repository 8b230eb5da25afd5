/*
 * A server that stops answering (SIGSTOP), for less and for more than the timeout: stopped SERVER EXPORT
 * Prints a line for each thing that is not as it should be. To be run inside of tests/lab/ganesha.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <nfsc/libnfs.h>

#define SIZE (4 << 20)
#define TIMEOUT 1.0
/* A machine with other things to do may be late: one of a few tries has to be on time. */
#define TRIES 8

static struct nfs_context *nfs;
static struct nfsfh *file;
static unsigned char wanted[SIZE], found[SIZE];
static int server;

#define MUST(call) must(call, #call)

static int must(int status, const char *call)
{
    if (status < 0) {
        printf("%s: %d %s\n", call, status, nfs_get_error(nfs));
        kill(server, SIGCONT);
        exit(1);
    }
    return status;
}

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

/* Not before all its threads have come to a stop. */
static void stop_server(void)
{
    char command[200];

    snprintf(command, sizeof(command), "kill -STOP %d; while grep -qs '^State:.[^T]' /proc/%d/task/*/status; do :; done",
             server, server);
    MUST(-system(command));
}

static int read_synchronously(void)
{
    return nfs_pread(nfs, file, 0, SIZE, found);
}

static int calls_back, status_told;

static void called_back(int status, struct nfs_context *context, void *data, void *private_data)
{
    (void)context, (void)private_data;
    calls_back++;
    status_told = status;
    if (status > 0)
        memcpy(found, data, status);
}

/* The program itself waits without a timeout. */
static int read_asynchronously(void)
{
    calls_back = 0;
    MUST(nfs_pread_async(nfs, file, 0, SIZE, called_back, NULL));
    while (calls_back == 0) {
        struct pollfd pfd = {.fd = nfs_get_fd(nfs), .events = nfs_which_events(nfs)};

        poll(&pfd, 1, -1);
        MUST(nfs_service(nfs, pfd.revents));
    }
    return status_told;
}

/* A second thread waits, too, and the thread that serves turns the crank for both. */
static void *stat_in_thread(void *status)
{
    struct nfs_stat_64 st;

    *(int *)status = nfs_fstat64(nfs, file, &st);
    return NULL;
}

static int read_with_threads(void)
{
    pthread_t thread;
    int status, other;

    MUST(nfs_mt_service_thread_start(nfs));
    pthread_create(&thread, NULL, stat_in_thread, &other);
    status = nfs_pread(nfs, file, 0, SIZE, found);
    pthread_join(thread, NULL);
    nfs_mt_service_thread_stop(nfs);
    if ((status < 0 ? status : 0) != other)
        printf("the threads got %d and %d\n", status, other);
    return status;
}

static void expect_content(const char *when)
{
    if (memcmp(found, wanted, SIZE) != 0)
        printf("%s: other data\n", when);
}

static void shorter(const char *how, int (*read_all)(void))
{
    char command[100];
    double began;
    int status;

    nfs_set_timeout(nfs, 20000);
    snprintf(command, sizeof(command), "(sleep %f; kill -CONT %d) &", TIMEOUT, server);
    stop_server();
    MUST(-system(command));
    memset(found, 0, SIZE);
    began = now();
    status = read_all();
    if (status != SIZE || now() - began < TIMEOUT * 0.9)
        printf("%s, shorter: %d after %.3f s\n", how, status, now() - began);
    expect_content(how);
}

static void longer(const char *how, int (*read_all)(void), int poll_timeout)
{
    double fastest = 1000;
    int i;

    nfs_set_timeout(nfs, (int)(TIMEOUT * 1000));
    nfs_set_poll_timeout(nfs, poll_timeout);
    for (i = 0; i < TRIES && fastest > TIMEOUT * 1.2; i++) {
        double began, took;
        int status;

        stop_server();
        began = now();
        status = read_all();
        took = now() - began;
        if (status != -ETIMEDOUT || took < TIMEOUT)
            printf("%s, longer: %d after %.3f s\n", how, status, took);
        if (took < fastest)
            fastest = took;

        /* The late replies come while another call waits for its own: they go nowhere. */
        memset(found, 0x5a, SIZE);
        memcpy(wanted, found, SIZE);
        kill(server, SIGCONT);
        nfs_set_timeout(nfs, 20000);
        MUST(nfs_fsync(nfs, file));
        expect_content("memory that was given back");
        nfs_set_timeout(nfs, (int)(TIMEOUT * 1000));
    }
    if (fastest > TIMEOUT * 1.2)
        printf("%s, longer: %.3f s at best\n", how, fastest);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *how;
        int (*read_all)(void);
    } ways[] = {
        {"synchronously", read_synchronously},
        {"asynchronously", read_asynchronously},
        {"with threads", read_with_threads},
    };
    static unsigned char content[SIZE];
    FILE *pid = fopen("/run/ganesha.pid", "r");
    unsigned i;

    if (argc != 3 || pid == NULL || fscanf(pid, "%d", &server) != 1)
        return 2;
    alarm(110);
    for (i = 0; i < SIZE; i++)
        content[i] = (unsigned char)(i * 2654435761u >> 11);
    nfs = nfs_init_context();
    MUST(nfs_mount(nfs, argv[1], argv[2]));
    MUST(nfs_creat(nfs, "/file", 0644, &file));
    MUST(nfs_pwrite(nfs, file, 0, SIZE, content));
    for (i = 0; i < 3; i++) {
        memcpy(wanted, content, SIZE);
        shorter(ways[i].how, ways[i].read_all);
        longer(ways[i].how, ways[i].read_all, (int)i * 1000 - 1);
    }
    nfs_set_timeout(nfs, 20000);
    MUST(nfs_close(nfs, file));
    nfs_destroy_context(nfs);
    return 0;
}
