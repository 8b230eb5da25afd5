/* fork(): a child goes on with the parent's contexts over connections of its own, and the parent notices nothing. */
#include "common.h"

#include <dirent.h>
#include <pthread.h>

#define THREADS 3
#define CHILDREN 20

static struct nfsfh *file;
static struct nfsdir *directory;
static char content[100];

static int finished, failed;

static void remember(int status, struct nfs_context *context, void *data, void *private_data)
{
    (void)context, (void)private_data;
    finished++;
    failed += status != sizeof(content) || memcmp(data, content, sizeof(content)) != 0;
}

static int open_descriptors(void)
{
    DIR *fds = opendir("/proc/self/fd");
    int count = 0;

    while (fds && readdir(fds) != NULL)
        count++;
    if (fds)
        closedir(fds);
    return count;
}

/* Whether a child has ended as it should. */
static void expect_success(pid_t child)
{
    int status = -1;

    EXPECT(waitpid(child, &status, 0) == child);
    EXPECT(status == 0);
}

static void told(int status, struct nfs_context *context, void *data, void *private_data)
{
    (void)context, (void)data;
    *(int *)private_data = status >= 0 ? 1 : status;
}

/* Reads from a position that was taken over, writes a file of its own, lists and waits in a loop of its own. */
static void use_copy(const char *name)
{
    struct nfs_context *copy = nfs;
    struct nfs_stat_64 st;
    struct nfsdir *other = NULL;
    struct nfsfh *own = NULL;
    struct nfsdirent *entry;
    char buffer[100], path[100];
    int before = open_descriptors(), i, entries = 0, done = 0, inherited = finished;

    EXPECT(nfs_queue_length(nfs) == 0);
    RETURNS(0, nfs_stat64(nfs, "/file", &st));
    EXPECT(st.nfs_size == sizeof(content));
    RETURNS(60, nfs_read(nfs, file, 60, buffer)); /* 40 bytes were read before the fork */
    EXPECT(memcmp(buffer, content + 40, 60) == 0);
    RETURNS(100, nfs_pread(nfs, file, 0, sizeof(buffer), buffer));
    EXPECT(memcmp(buffer, content, sizeof(content)) == 0);
    EXPECT(nfs_readdir(nfs, directory) != NULL);
    SURVIVES(nfs_closedir(nfs, directory));
    RETURNS(0, nfs_opendir(nfs, "/", &other));
    while ((entry = nfs_readdir(nfs, other)) != NULL)
        entries += strcmp(entry->name, "file") == 0;
    EXPECT(entries == 1);
    nfs_closedir(nfs, other);

    snprintf(path, sizeof(path), "/of-%s", name);
    RETURNS(0, nfs_creat(nfs, path, 0644, &own));
    for (i = 0; i < 20; i++)
        RETURNS(100, nfs_write(nfs, own, sizeof(content), content));
    RETURNS(0, nfs_fsync(nfs, own));
    RETURNS(100, nfs_pread(nfs, own, 1900, sizeof(buffer), buffer));
    EXPECT(memcmp(buffer, content, sizeof(content)) == 0);
    RETURNS(0, nfs_close(nfs, own));
    RETURNS(0, nfs_unlink(nfs, path));

    for (i = 0; i < 5; i++) {
        done = 0;
        RETURNS(0, nfs_stat64_async(nfs, "/file", told, &done));
        EXPECT(turn_until(nfs, &done, 1) == 0);
    }
    FAILS(nfs_stat64(nfs, "/missing", &st));
    EXPECT(strstr(nfs_get_error(nfs), "/missing") != NULL);
    RETURNS(0, nfs_close(nfs, file));
    RETURNS(-EBADF, nfs_close(nfs, file));
    nfs_destroy_context(nfs);
    EXPECT(open_descriptors() <= before);
    before = open_descriptors();
    nfs_destroy_context(nfs);
    EXPECT(open_descriptors() == before);

    /* Another context. */
    nfs = mounted();
    EXPECT(nfs != copy);
    RETURNS(0, nfs_open(nfs, "/file", O_RDONLY, &file));
    RETURNS(100, nfs_pread(nfs, file, 0, sizeof(buffer), buffer));
    EXPECT(memcmp(buffer, content, sizeof(content)) == 0);
    RETURNS(0, nfs_close(nfs, file));
    nfs_destroy_context(nfs);
    EXPECT(finished == inherited);
}

/* The parent has calls under way and waits in its own loop. */
static void with_calls_under_way(void)
{
    struct nfs_context *other = nfs_init_context();
    char start[100];
    pid_t child;
    int i;

    RETURNS(0, nfs_opendir(nfs, "/", &directory));
    RETURNS(40, nfs_read(nfs, file, 40, start));
    for (i = 0; i < 10; i++)
        RETURNS(0, nfs_pread_async(nfs, file, 0, sizeof(content), remember, NULL));
    EXPECT(nfs_get_fd(nfs) >= 0);
    fflush(stdout);
    child = fork();
    if (child == 0) {
        use_copy("a-child");
        nfs_destroy_context(other);
        _exit(broken_promises != 0);
    }
    expect_success(child);
    EXPECT(turn_until(nfs, &finished, 10) == 0);
    EXPECT(failed == 0);
    RETURNS(60, nfs_read(nfs, file, 60, start));
    RETURNS(0, nfs_lseek(nfs, file, 0, SEEK_SET, NULL));
    nfs_closedir(nfs, directory);
    nfs_destroy_context(other);
}

#define WORKERS 6

/* Children and one of their own at once, while the parent goes on; some only end, or destroy what they have. */
static void workers(void)
{
    char buffer[100], name[30];
    pid_t children[WORKERS + 2];
    int i, ended = 0, status;

    RETURNS(0, nfs_opendir(nfs, "/", &directory));
    RETURNS(40, nfs_read(nfs, file, 40, buffer));
    fflush(stdout);
    for (i = 0; i < WORKERS + 2; i++) {
        children[i] = fork();
        if (children[i] != 0)
            continue;
        alarm(60);
        if (i == WORKERS)
            nfs_destroy_context(nfs);
        if (i >= WORKERS)
            _exit(0);
        if (i % 2) {
            struct nfs_stat_64 st;
            pid_t grandchild;

            if (i % 3)
                RETURNS(0, nfs_stat64(nfs, "/file", &st));
            fflush(stdout);
            grandchild = fork();
            if (grandchild == 0) {
                snprintf(name, sizeof(name), "grandchild-%d", i);
                use_copy(name);
                fflush(stdout);
                _exit(broken_promises != 0);
            }
            if (i % 3)
                RETURNS(0, nfs_stat64(nfs, "/file", &st));
            expect_success(grandchild);
        }
        snprintf(name, sizeof(name), "child-%d", i);
        use_copy(name);
        fflush(stdout);
        _exit(broken_promises != 0);
    }
    while (ended < WORKERS + 2) {
        RETURNS(100, nfs_pread(nfs, file, 0, sizeof(buffer), buffer));
        EXPECT(memcmp(buffer, content, sizeof(content)) == 0);
        if (waitpid(-1, &status, WNOHANG) > 0) {
            EXPECT(status == 0);
            ended++;
        }
    }
    RETURNS(60, nfs_read(nfs, file, 60, buffer));
    RETURNS(0, nfs_lseek(nfs, file, 0, SEEK_SET, NULL));
    EXPECT(nfs_readdir(nfs, directory) != NULL);
    nfs_closedir(nfs, directory);
}

static pid_t forked;

static void fork_here(int status, struct nfs_context *context, void *data, void *private_data)
{
    (void)status, (void)context, (void)data;
    if (!*(int *)private_data)
        forked = fork();
    ++*(int *)private_data;
}

/* A callback forks, and returns in the child as well: nothing of the parent's goes on there. */
static void in_a_callback(void)
{
    struct nfs_stat_64 st;
    char buffer[100];
    int called = 0, i, ret;

    for (i = 0; i < 5; i++)
        RETURNS(0, nfs_pread_async(nfs, file, 0, sizeof(content), fork_here, &called));
    fflush(stdout);
    forked = -1;
    ret = nfs_stat64(nfs, "/file", &st);
    if (forked == 0) {
        alarm(20);
        EXPECT(ret == -EBADF || ret == 0); /* the reply may have come before */
        EXPECT(called == 1);
        RETURNS(0, nfs_stat64(nfs, "/file", &st));
        RETURNS(100, nfs_pread(nfs, file, 0, sizeof(buffer), buffer));
        EXPECT(called == 1 && nfs_queue_length(nfs) == 0);
        nfs_destroy_context(nfs);
        fflush(stdout);
        _exit(broken_promises != 0);
    }
    EXPECT(ret == 0);
    expect_success(forked);
    EXPECT(turn_until(nfs, &called, 5) == 0);
}

/* A program that the child becomes inherits nothing. */
static void exec(void)
{
    pid_t child = fork();

    if (child == 0) {
        execl("/bin/sh", "sh", "-c",
              "for fd in /proc/$$/fd/*; do case $(readlink $fd) in *event*|*timer*) exit 1; esac; done", NULL);
        _exit(2);
    }
    expect_success(child);
}


/* Locks stay the parent's. */
static void with_a_lock(void)
{
    struct nfs_context *other = mounted();
    struct nfsfh *again = NULL;
    pid_t child;

    RETURNS(0, nfs_lockf(nfs, file, NFS4_F_TLOCK, 0));
    fflush(stdout);
    child = fork();
    if (child == 0) {
        EXPECT(nfs_lockf(nfs, file, NFS4_F_TLOCK, 0) == -EAGAIN);
        RETURNS(0, nfs_lockf(nfs, file, NFS4_F_ULOCK, 0));
        RETURNS(0, nfs_close(nfs, file));
        nfs_destroy_context(nfs);
        fflush(stdout);
        _exit(broken_promises != 0);
    }
    expect_success(child);
    RETURNS(0, nfs_open(other, "/file", O_RDWR, &again));
    EXPECT(nfs_lockf(other, again, NFS4_F_TLOCK, 0) == -EAGAIN);
    RETURNS(0, nfs_lockf(nfs, file, NFS4_F_ULOCK, 0));
    nfs_destroy_context(other);
}

static void in_the_daemon(int result, pid_t parent, int patient)
{
    struct nfs_stat_64 st;
    char buffer[100];

    alarm(30);
    while (patient && getppid() == parent)
        usleep(1000);
    broken_promises = finished = failed = 0;
    RETURNS(0, nfs_stat64(nfs, "/file", &st));
    RETURNS(100, nfs_pread(nfs, file, 0, sizeof(buffer), buffer));
    EXPECT(memcmp(buffer, content, sizeof(content)) == 0);
    RETURNS(0, nfs_pread_async(nfs, file, 0, sizeof(content), remember, NULL));
    EXPECT(turn_until(nfs, &finished, 1) == 0 && failed == 0);
    EXPECT(nfs_readdir(nfs, directory) != NULL);
    nfs_closedir(nfs, directory);
    RETURNS(0, nfs_close(nfs, file));
    RETURNS(0, nfs_umount(nfs));
    nfs_destroy_context(nfs);
    EXPECT(write(result, broken_promises ? "b" : "g", 1) == 1);
    fflush(stdout);
    _exit(0);
}

/* A program mounts, and becomes a daemon: its child goes on, once the parent is gone; or goes on at once, and the parent
 * ends after a moment. */
static void daemons(int patient, int milliseconds)
{
    pid_t program, parent;
    char result = 0;
    int ends[2];

    EXPECT(pipe(ends) == 0);
    program = fork();
    if (program == 0) {
        nfs = mounted();
        RETURNS(0, nfs_open(nfs, "/file", O_RDWR, &file));
        RETURNS(0, nfs_opendir(nfs, "/", &directory));
        nfs_get_fd(nfs);
        parent = getpid();
        if (fork() == 0)
            in_the_daemon(ends[1], parent, patient);
        usleep(milliseconds * 1000);
        _exit(broken_promises != 0);
    }
    close(ends[1]);
    EXPECT(read(ends[0], &result, 1) == 1 && result == 'g');
    close(ends[0]);
    expect_success(program);
}

static volatile int ending;

static void *read_on(void *failures)
{
    char buffer[100];

    while (!ending)
        if (nfs_pread(nfs, file, 0, sizeof(buffer), buffer) != sizeof(buffer) || memcmp(buffer, content, sizeof(buffer)))
            ++*(int *)failures;
    return NULL;
}

/* Threads of the parent are somewhere inside the library when it forks. */
static void with_threads(void)
{
    pthread_t threads[THREADS];
    int failures[THREADS] = {0}, i;
    struct nfs_stat_64 st;
    char buffer[100];

    for (i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, read_on, &failures[i]);
    for (i = 0; i < CHILDREN; i++) {
        pid_t child;

        usleep(3000);
        child = fork();
        if (child == 0) {
            alarm(20);
            if (nfs_stat64(nfs, "/file", &st) != 0)
                _exit(1);
            if (nfs_pread(nfs, file, 0, sizeof(buffer), buffer) != sizeof(buffer) || memcmp(buffer, content, sizeof(buffer)))
                _exit(3);
            nfs_destroy_context(nfs);
            /* What the stacks of the other threads held is lost in the child: exec, that valgrind does not mind. */
            execl("/bin/true", "true", NULL);
            _exit(2);
        }
        expect_success(child);
    }
    ending = 1;
    for (i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        EXPECT(failures[i] == 0);
    }
}

int main(int argc, char **argv)
{
    char text[101];

    start(argc, argv);
    memset(text, 'x', 100);
    text[100] = 0;
    memcpy(content, text, sizeof(content));
    make_file("file", text);
    nfs = mounted();
    RETURNS(0, nfs_open(nfs, "/file", O_RDWR, &file));
    /* What disturbs the parent's connection would end it for good. A child may make its own all the same. */
    nfs_set_autoreconnect(nfs, 0);
    with_calls_under_way();
    workers();
    in_a_callback();
    exec();
    with_a_lock();
    daemons(1, 0);
    /* Valgrind has much to do at the end of a process. */
    if (!getenv("LD_PRELOAD") || !strstr(getenv("LD_PRELOAD"), "vgpreload"))
        daemons(0, 50);
    with_threads();
    RETURNS(100, nfs_pread(nfs, file, 0, sizeof(content), content));
    RETURNS(0, nfs_close(nfs, file));
    nfs_destroy_context(nfs);
    return finish();
}
