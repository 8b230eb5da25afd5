/*
 * hostile sync|async HONEST: reads lines "NUMBER SERVER ACTION TIMEOUT" and does each action on its server, with that
 * timeout in milliseconds, and then something ordinary on the server HONEST. Prints for each
 *
 *     NUMBER STATUS MILLISECONDS PEAK ASKED COMPLAINTS...
 *
 * the status of the first call that failed or else of the last one, the time of the slowest call, the most memory that
 * the process has had (VmHWM) and how much of that the action itself asked for, both in KiB, and what was wrong.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include <nfsc/libnfs.h>
#include <nfsc/libnfs-raw.h>
#include <nfsc/libnfs-raw-mount.h>
#include <nfsc/libnfs-raw-nfs.h>

#define MIB (1 << 20)
#define EXPORT "/export"

static struct nfs_context *nfs;
static int async, timeout;
/* Of the current line. */
static double began, worst;
static int status;
static char complaints[2000];
static char *buffer;
static size_t buffer_size;

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

static void complain(const char *what, const char *more)
{
    size_t length = strlen(complaints);

    snprintf(complaints + length, sizeof(complaints) - length, " %s%s;", what, more);
}

/* ---- Calls, in either way ---------------------------------------------------------------------------------- */

static struct {
    int calls, status;
    void *data;
    char text[200];
} seen;

static void note(int result, void *data)
{
    seen.calls++;
    seen.status = result;
    seen.data = result < 0 ? NULL : data;
}

static void done(int result, struct nfs_context *context, void *data, void *private_data)
{
    (void)context, (void)private_data;
    note(result, data);
}

static void text_done(int result, struct nfs_context *context, void *data, void *private_data)
{
    done(result, context, data, private_data);
    if (result >= 0)
        snprintf(seen.text, sizeof(seen.text), "%s", (char *)data);
}

static void data_done(int result, struct nfs_context *context, void *data, void *private_data)
{
    done(result, context, data, private_data);
    if (result > 0 && (size_t)result <= buffer_size)
        memcpy(buffer, data, result);
}

static int wait_for(int submitted)
{
    double until = now() + 20000;

    while (submitted == 0 && seen.calls == 0 && now() < until) {
        struct pollfd pfd = {.fd = nfs_get_fd(nfs), .events = nfs_which_events(nfs)};

        /* The descriptor becomes readable for deadlines, too. */
        poll(&pfd, 1, 5000);
        if (nfs_service(nfs, pfd.revents) < 0 && seen.calls == 0)
            complain("nfs_service failed before the callback", "");
    }
    if (submitted == 0 && seen.calls != 1)
        complain("no callback, or several", "");
    return submitted == 0 ? seen.status : submitted;
}

static int judge(int result)
{
    const char *sentence = nfs_get_error(nfs);

    if (now() - began > worst)
        worst = now() - began;
    if (result < -4095)
        complain("no errno", "");
    if (result < 0 && (sentence == NULL || strlen(sentence) < 5))
        complain("no sentence", "");
    if (result < 0 && strstr(sentence, "library itself"))
        complain(sentence, "");
    if (getenv("VERBOSE") && result < 0)
        fprintf(stderr, "    %s\n", sentence);
    status = result;
    return result;
}

/* One call: synchronously, or asynchronously with a callback. */
#define CALL(sync_call, async_call) \
    (began = now(), seen.calls = 0, judge(async ? wait_for(async_call) : (sync_call)))

static void ask_for(size_t size)
{
    buffer = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    buffer_size = size;
}

static void give_back(void)
{
    if (buffer)
        munmap(buffer, buffer_size);
    buffer = NULL;
}

/* ---- Actions ----------------------------------------------------------------------------------------------- */

static unsigned char pattern(uint64_t offset)
{
    return offset * 7 + (offset >> 12);
}

static struct nfsfh *opened(const char *path, int flags)
{
    struct nfsfh *fh = NULL;

    if (CALL(nfs_open(nfs, path, flags, &fh), nfs_open_async(nfs, path, flags, done, NULL)) < 0)
        return NULL;
    return async ? seen.data : fh;
}

/* Keeps what a call before it returned. */
static void closed(struct nfsfh *fh)
{
    int before = status;

    CALL(nfs_close(nfs, fh), nfs_close_async(nfs, fh, done, NULL));
    if (before < 0)
        status = before;
}

static void read_file(size_t size)
{
    struct nfsfh *fh = opened("/file", O_RDONLY);
    int count;
    int i;

    if (!fh)
        return;
    ask_for(size);
    count = CALL(nfs_pread(nfs, fh, 5, size, buffer), nfs_pread_async(nfs, fh, 5, size, data_done, NULL));
    if (count > (int)size)
        complain("more than was asked for", "");
    for (i = 0; i < count && i < (int)size; i++)
        if ((unsigned char)buffer[i] != pattern(i + 5)) {
            complain("wrong data", "");
            break;
        }
    closed(fh);
    if (status == 0)
        status = count;
}

static void write_file(size_t size, int flags)
{
    struct nfsfh *fh = opened("/file", O_RDWR | flags);

    if (!fh)
        return;
    ask_for(size);
    if (CALL(nfs_write(nfs, fh, size, buffer), nfs_write_async(nfs, fh, size, buffer, done, NULL)) >= 0)
        CALL(nfs_fsync(nfs, fh), nfs_fsync_async(nfs, fh, done, NULL));
    closed(fh);
}

static void read_at_end(void)
{
    struct nfsfh *fh = opened("/file", O_RDONLY);

    if (!fh)
        return;
    ask_for(4096);
    if (CALL(nfs_lseek(nfs, fh, 0, SEEK_END, NULL), nfs_lseek_async(nfs, fh, 0, SEEK_END, done, NULL)) >= 0)
        CALL(nfs_read(nfs, fh, 4096, buffer), nfs_read_async(nfs, fh, 4096, data_done, NULL));
    closed(fh);
}

static void list(const char *path)
{
    struct nfsdir *dir = NULL;
    struct nfsdirent *entry;
    int count = 0;

    if (CALL(nfs_opendir(nfs, path, &dir), nfs_opendir_async(nfs, path, done, NULL)) < 0)
        return;
    dir = async ? seen.data : dir;
    while ((entry = nfs_readdir(nfs, dir)) != NULL) {
        count++;
        if (entry->name[0] == 0 || strchr(entry->name, '/'))
            complain("a name that leads elsewhere", "");
    }
    nfs_closedir(nfs, dir);
    status = count;
}

static void link_target(void)
{
    static char text[1 << 17];

    if (CALL(nfs_readlink(nfs, "/link", text, sizeof(text)), nfs_readlink_async(nfs, "/link", text_done, NULL)) >= 0)
        status = 0;
}

static void acl(void)
{
    struct nfsfh *fh = opened("/file", O_RDONLY);
    fattr3_acl found;

    if (!fh)
        return;
    CALL(nfs3_getacl(nfs, fh, &found), nfs3_getacl_async(nfs, fh, done, NULL));
    if (!async)
        nfs3_acl_free(&found);
    closed(fh);
}

static void lock_file(void)
{
    struct nfsfh *fh = opened("/file", O_RDWR);

    if (!fh)
        return;
    if (CALL(nfs_lockf(nfs, fh, NFS4_F_LOCK, 10), nfs_lockf_async(nfs, fh, NFS4_F_LOCK, 10, done, NULL)) >= 0)
        CALL(nfs_lockf(nfs, fh, NFS4_F_ULOCK, 10), nfs_lockf_async(nfs, fh, NFS4_F_ULOCK, 10, done, NULL));
    closed(fh);
}

static void exports_done(struct rpc_context *rpc, int result, void *data, void *private_data)
{
    (void)rpc, (void)private_data;
    note(result, data);
}

static void list_exports(const char *server)
{
    began = now();
    if (async) {
        struct rpc_context *rpc = nfs_get_rpc_context(nfs);

        seen.calls = 0;
        judge(wait_for(mount_getexports_async(rpc, server, exports_done, NULL)));
    } else {
        struct exportnode *exports = mount_getexports_timeout(server, timeout), *export;

        status = exports ? 0 : -EIO;
        for (export = exports; export; export = export->ex_next)
            if (strlen(export->ex_dir) > 1 << 17)
                complain("a path that long", "");
        worst = now() - began;
        mount_free_export_list(exports);
    }
}

static int mounted(const char *server)
{
    return CALL(nfs_mount(nfs, server, EXPORT), nfs_mount_async(nfs, server, EXPORT, done, NULL));
}

static char action[100];

static int is(const char *name)
{
    return strcmp(action, name) == 0;
}

static void act(const char *server)
{
    struct nfs_stat_64 st;
    struct nfs_statvfs_64 vfs;
    struct nfsfh *fh = NULL;

    if (is("exports")) {
        list_exports(server);
        return;
    }
    if (mounted(server) < 0 || is("mount"))
        return;
    if (is("stat"))
        CALL(nfs_stat64(nfs, "/dir/file", &st), nfs_stat64_async(nfs, "/dir/file", done, NULL));
    else if (is("walk"))
        CALL(nfs_stat64(nfs, "/link/a", &st), nfs_stat64_async(nfs, "/link/a", done, NULL));
    else if (is("statvfs"))
        CALL(nfs_statvfs64(nfs, "/", &vfs), nfs_statvfs64_async(nfs, "/", done, NULL));
    else if (is("access"))
        CALL(nfs_access(nfs, "/file", R_OK), nfs_access_async(nfs, "/file", R_OK, done, NULL));
    else if (is("readlink"))
        link_target();
    else if (is("list"))
        list("/dir");
    else if (is("read"))
        read_file(65536);
    else if (is("read16"))
        read_file(16 * MIB);
    else if (is("read-cached")) {
        nfs_set_readahead(nfs, 1 << 17);
        nfs_set_pagecache(nfs, 64);
        read_file(65536);
    } else if (is("read-end"))
        read_at_end();
    else if (is("write"))
        write_file(65536, 0);
    else if (is("write16"))
        write_file(16 * MIB, 0);
    else if (is("write-sync"))
        write_file(65536, O_SYNC);
    else if (is("append"))
        write_file(10, O_APPEND);
    else if (is("create")) {
        if (CALL(nfs_creat(nfs, "/dir/new", 0644, &fh), nfs_creat_async(nfs, "/dir/new", 0644, done, NULL)) >= 0)
            closed(async ? seen.data : fh);
    } else if (is("mkdir"))
        CALL(nfs_mkdir(nfs, "/dir/new"), nfs_mkdir_async(nfs, "/dir/new", done, NULL));
    else if (is("rename"))
        CALL(nfs_rename(nfs, "/file", "/dir/new"), nfs_rename_async(nfs, "/file", "/dir/new", done, NULL));
    else if (is("chmod"))
        CALL(nfs_chmod(nfs, "/file", 0600), nfs_chmod_async(nfs, "/file", 0600, done, NULL));
    else if (is("acl"))
        acl();
    else if (is("lock"))
        lock_file();
    else if (is("umount"))
        CALL(nfs_umount(nfs), nfs_umount_async(nfs, done, NULL));
    else {
        fprintf(stderr, "%s is no action\n", action);
        exit(2);
    }
}

static void ordinary(const char *server)
{
    int before = status;
    double slowest = worst;

    nfs = nfs_init_context();
    nfs_set_timeout(nfs, 20000);
    if (mounted(server) == 0) {
        read_file(65536);
        if (status != 65536)
            complain("afterwards an honest server cannot be read: ", nfs_get_error(nfs));
        list("/dir");
        if (status != 3)
            complain("afterwards an honest server cannot be listed: ", nfs_get_error(nfs));
    } else {
        complain("afterwards an honest server cannot be mounted: ", nfs_get_error(nfs));
    }
    nfs_destroy_context(nfs);
    give_back();
    status = before;
    worst = slowest;
}

static long peak(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[200];
    long kib = -1;

    while (file && fgets(line, sizeof(line), file))
        sscanf(line, "VmHWM: %ld", &kib);
    if (file)
        fclose(file);
    return kib;
}

static void forget_peak(void)
{
    int fd = open("/proc/self/clear_refs", O_WRONLY);

    if (fd < 0 || write(fd, "5", 1) != 1)
        perror("clear_refs");
    close(fd);
}

int main(int argc, char **argv)
{
    char server[100];
    int number;

    if (argc != 3)
        return 2;
    async = strcmp(argv[1], "async") == 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    while (scanf("%d %99s %99s %d", &number, server, action, &timeout) == 4) {
        int end, final;
        size_t asked;

        status = 0, worst = 0, complaints[0] = 0;
        malloc_trim(0);
        forget_peak();
        nfs = nfs_init_context();
        nfs_set_timeout(nfs, timeout);
        act(server);
        final = status, end = (int)worst;
        began = now();
        nfs_destroy_context(nfs);
        /* To give locks back may take a second. */
        if (now() - began > 3000)
            complain("nfs_destroy_context took too long", "");
        /* An asynchronous call holds a copy of its own. */
        asked = buffer ? buffer_size << async : 0;
        give_back();
        status = final;
        printf("%d %d %d %ld %zu", number, final, end, peak(), asked >> 10);
        ordinary(argv[2]);
        printf("%s\n", complaints);
    }
    return 0;
}
