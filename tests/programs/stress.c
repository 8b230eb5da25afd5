/*
 * usage: stress EXPORT SECONDS
 *
 * Mixed operations, their results compared with a model in memory: by eight threads on one context, and then by eight
 * threads on a hundred contexts, which come and go. Synchronous and asynchronous calls, own files and a shared one.
 * Prints what is wrong, and in the end how many operations there were; 0 when nothing was.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <nfsc/libnfs.h>

#define THREADS 8
#define CONTEXTS 104
#define FILES 6
#define LARGEST (96 << 10)
#define REGION (64 << 10)

static const char *export_dir;
static atomic_int wrong;
static atomic_long operations;

#define CHECK(worker, condition)                                                                                 \
    do {                                                                                                         \
        operations++;                                                                                            \
        if (!(condition) && wrong++ < 20)                                                                        \
            printf("line %d, thread %d: not so: %s (%s)\n", __LINE__, (worker)->number, #condition,              \
                   nfs_get_error((worker)->nfs));                                                                \
    } while (0)

/* A file as it should be; no name when it is not there. */
struct model {
    char path[100];
    size_t size;
    unsigned char *data;
};

struct worker {
    int number, tree;
    unsigned seed;
    struct nfs_context *nfs;
    struct nfsfh *shared;
    struct model files[FILES];
    unsigned char *buffer, *region;
    double end;
    pthread_t thread;
};

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static unsigned any(struct worker *worker, unsigned below)
{
    return rand_r(&worker->seed) % below;
}

static void fill(struct worker *worker, unsigned char *data, size_t size)
{
    unsigned value = any(worker, 1 << 30);
    size_t i;

    for (i = 0; i < size; i++)
        data[i] = (value = value * 1103515245 + 12345) >> 16;
}

static struct nfs_context *mounted(void)
{
    struct nfs_context *nfs = nfs_init_context();

    nfs_set_timeout(nfs, 60000);
    if (nfs_mount(nfs, "127.0.0.1", export_dir) != 0) {
        printf("mount: %s\n", nfs_get_error(nfs));
        exit(1);
    }
    return nfs;
}

static struct nfsfh *opened(struct worker *worker, const char *path, int flags)
{
    struct nfsfh *fh = NULL;

    CHECK(worker, nfs_open(worker->nfs, path, flags, &fh) == 0);
    return fh;
}

/* ---- Asynchronous calls -------------------------------------------------------------------------------------- */

struct answer {
    atomic_int calls;
    int status;
    unsigned char *to;
};

static void answered(int status, struct nfs_context *nfs, void *data, void *private_data)
{
    struct answer *answer = private_data;

    (void)nfs;
    answer->status = status;
    if (status > 0 && answer->to)
        memcpy(answer->to, data, status);
    answer->calls++;
}

/* Whichever thread serves the context meanwhile. */
static void wait_for(struct worker *worker, struct answer *answer)
{
    double end = now() + 60;

    while (answer->calls == 0 && now() < end) {
        struct pollfd pfd = {.fd = nfs_get_fd(worker->nfs), .events = nfs_which_events(worker->nfs)};

        if (poll(&pfd, 1, 10) > 0)
            nfs_service(worker->nfs, pfd.revents);
    }
    CHECK(worker, answer->calls == 1);
}

/* ---- Operations on a file of one's own ----------------------------------------------------------------------- */

static void write_anew(struct worker *worker, struct model *file)
{
    struct nfsfh *fh = NULL;
    size_t size = any(worker, LARGEST), done = 0;

    fill(worker, file->data, size);
    CHECK(worker, nfs_creat(worker->nfs, file->path, 0644, &fh) == 0);
    while (fh && done < size) {
        int count = nfs_write(worker->nfs, fh, size - done, file->data + done);

        CHECK(worker, count > 0);
        if (count <= 0)
            break;
        done += count;
    }
    file->size = size;
    CHECK(worker, nfs_close(worker->nfs, fh) == 0);
}

static void read_whole(struct worker *worker, struct model *file)
{
    struct nfsfh *fh = opened(worker, file->path, O_RDONLY);
    size_t done = 0;
    int count;

    while ((count = nfs_read(worker->nfs, fh, any(worker, 40000) + 1, worker->buffer + done)) > 0)
        done += count;
    CHECK(worker, count == 0 && done == file->size);
    CHECK(worker, memcmp(worker->buffer, file->data, file->size) == 0);
    CHECK(worker, nfs_close(worker->nfs, fh) == 0);
}

static void change_part(struct worker *worker, struct model *file)
{
    struct nfsfh *fh = opened(worker, file->path, O_RDWR);
    size_t offset = any(worker, LARGEST / 2), size = any(worker, LARGEST / 2);
    struct answer answer = {0, 0, NULL};

    if (offset > file->size)
        memset(file->data + file->size, 0, offset - file->size);
    fill(worker, file->data + offset, size);
    if (any(worker, 2)) {
        CHECK(worker, nfs_pwrite(worker->nfs, fh, offset, size, file->data + offset) == (int)size);
    } else {
        CHECK(worker, nfs_pwrite_async(worker->nfs, fh, offset, size, file->data + offset, answered, &answer) == 0);
        wait_for(worker, &answer);
        CHECK(worker, answer.status == (int)size);
    }
    if (size > 0 && offset + size > file->size)
        file->size = offset + size;
    CHECK(worker, any(worker, 2) || nfs_fsync(worker->nfs, fh) == 0);
    CHECK(worker, nfs_close(worker->nfs, fh) == 0);
}

static void read_parts(struct worker *worker, struct model *file)
{
    struct nfsfh *fh = opened(worker, file->path, O_RDONLY);
    struct answer answers[4];
    size_t offsets[4], i, size = LARGEST / 4;

    for (i = 0; i < 4; i++) {
        answers[i] = (struct answer){0, 0, worker->buffer + i * size};
        offsets[i] = any(worker, LARGEST);
        CHECK(worker, nfs_pread_async(worker->nfs, fh, offsets[i], size, answered, &answers[i]) == 0);
    }
    for (i = 0; i < 4; i++) {
        size_t there = offsets[i] < file->size ? file->size - offsets[i] : 0;

        if (there > size)
            there = size;
        wait_for(worker, &answers[i]);
        CHECK(worker, answers[i].status == (int)there);
        CHECK(worker, memcmp(answers[i].to, file->data + offsets[i], there) == 0);
    }
    CHECK(worker, nfs_close(worker->nfs, fh) == 0);
}

static void truncated(struct worker *worker, struct model *file)
{
    size_t size = any(worker, LARGEST);

    CHECK(worker, nfs_truncate(worker->nfs, file->path, size) == 0);
    if (size > file->size)
        memset(file->data + file->size, 0, size - file->size);
    file->size = size;
}

static void renamed(struct worker *worker, struct model *file)
{
    char path[100];

    snprintf(path, sizeof(path), "/tree%d/renamed %u", worker->tree, any(worker, 1 << 30));
    CHECK(worker, nfs_rename(worker->nfs, file->path, path) == 0);
    memcpy(file->path, path, sizeof(path));
}

static void statted(struct worker *worker, struct model *file)
{
    struct nfs_stat_64 st;

    CHECK(worker, nfs_stat64(worker->nfs, file->path, &st) == 0 && st.nfs_size == file->size);
}

static void removed(struct worker *worker, struct model *file)
{
    struct nfs_stat_64 st;

    CHECK(worker, nfs_unlink(worker->nfs, file->path) == 0);
    CHECK(worker, nfs_stat64(worker->nfs, file->path, &st) == -ENOENT);
    file->path[0] = '\0';
}

static void linked(struct worker *worker, struct model *file)
{
    char path[100], target[200];

    snprintf(path, sizeof(path), "/tree%d/link", worker->tree);
    CHECK(worker, nfs_symlink(worker->nfs, file->path, path) == 0);
    CHECK(worker, nfs_readlink(worker->nfs, path, target, sizeof(target)) == 0 && strcmp(target, file->path) == 0);
    CHECK(worker, nfs_unlink(worker->nfs, path) == 0);
}

static void (*const on_files[])(struct worker *, struct model *) = {
    write_anew, read_whole, read_whole, change_part, change_part, read_parts,
    read_parts, truncated,  renamed,    statted,     removed,     linked,
};

/* ---- Others -------------------------------------------------------------------------------------------------- */

static void listed(struct worker *worker)
{
    char path[100];
    struct nfsdir *directory = NULL;
    struct nfsdirent *entry;
    int expected = 0, found = 0, i;

    snprintf(path, sizeof(path), "/tree%d", worker->tree);
    CHECK(worker, nfs_opendir(worker->nfs, path, &directory) == 0);
    for (i = 0; i < FILES; i++)
        expected += worker->files[i].path[0] != '\0';
    while (directory && (entry = nfs_readdir(worker->nfs, directory)) != NULL) {
        if (entry->name[0] == '.')
            continue;
        for (i = 0; i < FILES; i++)
            if (worker->files[i].path[0] && strcmp(strrchr(worker->files[i].path, '/') + 1, entry->name) == 0)
                break;
        CHECK(worker, i < FILES && entry->size == worker->files[i].size);
        found++;
    }
    CHECK(worker, found == expected);
    nfs_closedir(worker->nfs, directory);
}

/* One's own part of the file that all have open; on one context with one handle. */
static void share(struct worker *worker)
{
    size_t offset = any(worker, REGION / 2), size = any(worker, REGION / 2);
    off_t start = (off_t)worker->tree * REGION;

    if (any(worker, 2)) {
        fill(worker, worker->region + offset, size);
        CHECK(worker, nfs_pwrite(worker->nfs, worker->shared, start + offset, size, worker->region + offset) == (int)size);
    } else {
        CHECK(worker, nfs_pread(worker->nfs, worker->shared, start + offset, size, worker->buffer) == (int)size);
        CHECK(worker, memcmp(worker->buffer, worker->region + offset, size) == 0);
    }
}

static void refused(struct worker *worker)
{
    struct nfsfh *fh = NULL;
    char path[100];

    snprintf(path, sizeof(path), "/tree%d", worker->tree);
    CHECK(worker, nfs_open(worker->nfs, "/tree0/none/such", O_RDONLY, &fh) < 0 && fh == NULL);
    CHECK(worker, nfs_mkdir(worker->nfs, path) == -EEXIST);
    CHECK(worker, nfs_close(worker->nfs, (struct nfsfh *)worker) == -EBADF);
    CHECK(worker, strlen(nfs_get_error(worker->nfs)) > 5);
}

static void one_operation(struct worker *worker)
{
    struct model *file = &worker->files[any(worker, FILES)];

    switch (any(worker, 8)) {
    case 0:
        listed(worker);
        break;
    case 1:
        refused(worker);
        break;
    case 2:
        share(worker);
        break;
    default:
        if (file->path[0]) {
            on_files[any(worker, sizeof(on_files) / sizeof(on_files[0]))](worker, file);
        } else {
            snprintf(file->path, sizeof(file->path), "/tree%d/file%u", worker->tree, any(worker, 1 << 30));
            write_anew(worker, file);
        }
    }
}

/* What was written has arrived, as the server's own file system tells. */
static void compare(struct worker *worker)
{
    char path[5000];
    int i;

    for (i = 0; i < FILES; i++) {
        struct model *file = &worker->files[i];
        struct stat st;
        int fd;

        if (!file->path[0])
            continue;
        snprintf(path, sizeof(path), "%s%s", export_dir, file->path);
        fd = open(path, O_RDONLY);
        CHECK(worker, fd >= 0 && fstat(fd, &st) == 0 && st.st_size == (off_t)file->size);
        CHECK(worker, read(fd, worker->buffer, file->size) == (ssize_t)file->size);
        CHECK(worker, memcmp(worker->buffer, file->data, file->size) == 0);
        close(fd);
    }
}

static void set_up(struct worker *worker, int number, int tree)
{
    char path[100];
    int i;

    *worker = (struct worker){.number = number, .tree = tree, .seed = tree * 7919 + 1};
    worker->nfs = mounted();
    worker->buffer = malloc(2 * LARGEST);
    worker->region = calloc(1, REGION);
    for (i = 0; i < FILES; i++)
        worker->files[i].data = calloc(1, 2 * LARGEST);
    snprintf(path, sizeof(path), "/tree%d", tree);
    nfs_mkdir(worker->nfs, path);
    worker->shared = opened(worker, "/shared", O_RDWR);
    CHECK(worker, nfs_pwrite(worker->nfs, worker->shared, (off_t)tree * REGION, REGION, worker->region) == REGION);
}

static void clean_up(struct worker *worker)
{
    char path[100];
    int i;

    compare(worker);
    for (i = 0; i < FILES; i++) {
        if (worker->files[i].path[0])
            removed(worker, &worker->files[i]);
        free(worker->files[i].data);
    }
    snprintf(path, sizeof(path), "/tree%d", worker->tree);
    CHECK(worker, nfs_rmdir(worker->nfs, path) == 0);
    free(worker->buffer);
    free(worker->region);
}

/* ---- Eight threads on one context ---------------------------------------------------------------------------- */

static void *work_on_one(void *argument)
{
    struct worker *worker = argument;

    while (now() < worker->end && !wrong)
        one_operation(worker);
    clean_up(worker);
    return NULL;
}

static void one_context(double seconds)
{
    static struct worker workers[THREADS];
    struct nfs_context *nfs;
    int i;

    for (i = 0; i < THREADS; i++) {
        set_up(&workers[i], i, i);
        if (i > 0) {
            nfs_destroy_context(workers[i].nfs);
            workers[i].nfs = workers[0].nfs;
            workers[i].shared = workers[0].shared;
        }
        workers[i].end = now() + seconds;
    }
    nfs = workers[0].nfs;
    for (i = 0; i < THREADS; i++)
        if (pthread_create(&workers[i].thread, NULL, work_on_one, &workers[i]) != 0)
            exit(2);
    for (i = 0; i < THREADS; i++)
        pthread_join(workers[i].thread, NULL);
    nfs_destroy_context(nfs);
}

/* ---- A hundred contexts -------------------------------------------------------------------------------------- */

#define EACH (CONTEXTS / THREADS)

static void *work_on_many(void *argument)
{
    struct worker *workers = argument;

    while (now() < workers[0].end && !wrong) {
        struct worker *worker = &workers[any(&workers[0], EACH)];

        if (any(worker, 200) == 0) {
            nfs_destroy_context(worker->nfs);
            worker->nfs = mounted();
            worker->shared = opened(worker, "/shared", O_RDWR);
        }
        one_operation(worker);
    }
    return NULL;
}

static void hundred_contexts(double seconds)
{
    static struct worker workers[CONTEXTS];
    int i;

    for (i = 0; i < CONTEXTS; i++)
        set_up(&workers[i], i / EACH, i);
    for (i = 0; i < CONTEXTS; i++)
        workers[i].end = now() + seconds;
    for (i = 0; i < THREADS; i++)
        if (pthread_create(&workers[i].thread, NULL, work_on_many, &workers[i * EACH]) != 0)
            exit(2);
    for (i = 0; i < THREADS; i++)
        pthread_join(workers[i].thread, NULL);
    for (i = 0; i < CONTEXTS; i++) {
        clean_up(&workers[i]);
        nfs_destroy_context(workers[i].nfs);
    }
}

int main(int argc, char **argv)
{
    double seconds = argc == 3 ? atof(argv[2]) : 0;
    struct nfs_context *nfs;
    struct nfsfh *fh;

    if (seconds <= 0) {
        fprintf(stderr, "usage: %s EXPORT SECONDS\n", argv[0]);
        return 2;
    }
    export_dir = argv[1];
    nfs = mounted();
    if (nfs_creat(nfs, "/shared", 0644, &fh) != 0 || nfs_close(nfs, fh) != 0)
        return 2;
    nfs_destroy_context(nfs);
    one_context(seconds / 2);
    printf("eight threads on one context: %ld operations\n", (long)operations);
    operations = 0;
    hundred_contexts(seconds / 2);
    printf("a hundred contexts: %ld operations\n", (long)operations);
    return wrong != 0;
}
