/*
 * What the programs of this directory share. Each is run as
 *
 *     PROGRAM EXPORT READONLY_EXPORT
 *
 * beside a server on 127.0.0.1 which exports both (empty, local) directories. It makes its tree there with local
 * calls before the first NFS call, and prints one line for each case, beginning with a label of its own. What is
 * printed depends on nothing but the library: inode numbers, times and the like are compared with those of the
 * local file and printed as "local" when equal.
 */
#ifndef COMMON_H
#define COMMON_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include <utime.h>

#include <nfsc/libnfs.h>
#include <nfsc/libnfs-raw-mount.h>
#include <nfsc/libnfs-raw-nfs.h>

#ifndef HELPER
#define HELPER __attribute__((unused)) static
#endif
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *server = "127.0.0.1";
static const char *export_dir;
static const char *readonly_dir;
static struct nfs_context *nfs;

static char name255[256], name256[257];
/* Paths of some 5000 bytes: one that exists everywhere, one of missing names. */
static char long_dots[5002], long_missing[5002];

HELPER void start(int argc, char **argv)
{
    size_t i;

    if (argc != 3) {
        fprintf(stderr, "usage: %s EXPORT READONLY_EXPORT\n", argv[0]);
        exit(2);
    }
    export_dir = argv[1];
    readonly_dir = argv[2];
    alarm(60);
    umask(0);
    setvbuf(stdout, NULL, _IOLBF, 0);
    memset(name255, 'n', 255);
    memset(name256, 'n', 256);
    for (i = 0; i < 5000; i += 2) {
        memcpy(long_dots + i, "/.", 2);
        memcpy(long_missing + i, "/m", 2);
    }
}

/* ---- The local side of the export -------------------------------------------------------------------------- */

HELPER void must(int ok, const char *what, const char *path)
{
    if (!ok) {
        fprintf(stderr, "local %s of %s: %s\n", what, path, strerror(errno));
        exit(2);
    }
}

/* The local path of an exported one. */
HELPER const char *local(const char *path)
{
    static char buffers[4][PATH_MAX + 300];
    static int next;
    char *buffer = buffers[next++ % 4];

    snprintf(buffer, sizeof(buffers[0]), "%s%s%s", export_dir, path[0] == '/' ? "" : "/", path);
    return buffer;
}

HELPER void make_dir(const char *path, int mode)
{
    must(mkdir(local(path), mode) == 0, "mkdir", path);
    must(chmod(local(path), mode) == 0, "chmod", path);
}

HELPER void write_local_file(const char *path, int mode, const void *content, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    must(fd >= 0, "open", path);
    must(write(fd, content, size) == (ssize_t)size, "write", path);
    must(fchmod(fd, mode) == 0, "fchmod", path);
    close(fd);
}

HELPER void make_file(const char *path, int mode, const char *text)
{
    write_local_file(local(path), mode, text, strlen(text));
}

HELPER void make_symlink(const char *target, const char *path)
{
    must(symlink(target, local(path)) == 0, "symlink", path);
}

HELPER void make_node(const char *path, int mode, dev_t dev)
{
    must(mknod(local(path), mode, dev) == 0, "mknod", path);
}

HELPER void own(const char *path, int uid, int gid)
{
    must(lchown(local(path), uid, gid) == 0, "lchown", path);
}

/* Gives a file times in the past, with nanoseconds. */
HELPER void set_times(const char *path, time_t atime, time_t mtime)
{
    struct timespec times[2] = {{atime, 123456789}, {mtime, 987654321}};

    must(utimensat(AT_FDCWD, local(path), times, AT_SYMLINK_NOFOLLOW) == 0, "utimensat", path);
}

/* ---- Printing ---------------------------------------------------------------------------------------------- */

HELPER const char *outcome(int64_t ret)
{
    static char buffers[4][80];
    static int next;
    char *buffer = buffers[next++ % 4];
    const char *name = ret < 0 && ret > -4096 ? strerrorname_np((int)-ret) : NULL;

    if (ret >= 0)
        snprintf(buffer, sizeof(buffers[0]), "ret=%lld", (long long)ret);
    else
        snprintf(buffer, sizeof(buffers[0]), "ret=%lld %s", (long long)ret, name ? name : "?");
    return buffer;
}

HELPER void result(const char *label, int64_t ret)
{
    printf("%s: %s\n", label, outcome(ret));
}

/* One case: a label and a call that returns 0 or more, or a negated errno. */
#define CASE(label, call) result(label, (call))

/* A label made of an operation and a printable form of a path. */
HELPER const char *labelled(const char *operation, const char *path)
{
    static char buffers[4][400];
    static int next;
    char *buffer = buffers[next++ % 4], *out, *end;
    const unsigned char *in = (const unsigned char *)path;

    out = buffer + snprintf(buffer, 100, "%s ", operation);
    end = buffer + sizeof(buffers[0]) - 40;
    if (path == NULL)
        out += sprintf(out, "(null)");
    else if (*path == '\0')
        out += sprintf(out, "(empty)");
    else if (strlen(path) > 100)
        out += sprintf(out, "(%zu bytes %.4s...)", strlen(path), path);
    else
        for (; *in && out < end; in++)
            out += *in > ' ' && *in < 127 ? sprintf(out, "%c", *in) : sprintf(out, "\\%02x", *in);
    return buffer;
}

HELPER const char *kind_of(unsigned mode)
{
    return S_ISREG(mode)    ? "reg"
           : S_ISDIR(mode)  ? "dir"
           : S_ISLNK(mode)  ? "lnk"
           : S_ISFIFO(mode) ? "fifo"
           : S_ISCHR(mode)  ? "chr"
           : S_ISBLK(mode)  ? "blk"
           : S_ISSOCK(mode) ? "sock"
                            : "?";
}

/* What the server's file system holds now. */
HELPER void show_local(const char *label, const char *path)
{
    struct stat st;

    if (lstat(local(path), &st) != 0) {
        printf("%s: local %s\n", label, strerrorname_np(errno));
        return;
    }
    printf("%s: local %s mode=%04o uid=%u gid=%u", label, kind_of(st.st_mode), st.st_mode & 07777, st.st_uid, st.st_gid);
    if (S_ISREG(st.st_mode))
        printf(" nlink=%lu size=%lld", (unsigned long)st.st_nlink, (long long)st.st_size);
    if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
        printf(" dev=%u:%u", major(st.st_rdev), minor(st.st_rdev));
    printf("\n");
}

HELPER void show_field(const char *name, uint64_t value, uint64_t expected)
{
    if (value == expected)
        printf(" %s=local", name);
    else
        printf(" %s=%s", name, value ? "other" : "0");
}

/* A result with attributes, compared with those of a local path that is not followed. */
HELPER void show_stat64(const char *label, int ret, const struct nfs_stat_64 *st, const char *path)
{
    struct stat is;

    if (ret != 0) {
        result(label, ret);
        return;
    }
    must(lstat(local(path), &is) == 0, "lstat", path);
    printf("%s: ret=0 mode=%06llo nlink=%llu uid=%llu gid=%llu size=%llu blksize=%llu", label,
           (unsigned long long)st->nfs_mode, (unsigned long long)st->nfs_nlink, (unsigned long long)st->nfs_uid,
           (unsigned long long)st->nfs_gid, (unsigned long long)st->nfs_size, (unsigned long long)st->nfs_blksize);
    if (S_ISCHR(is.st_mode) || S_ISBLK(is.st_mode))
        printf(" rdev=%llx", (unsigned long long)st->nfs_rdev);
    else
        printf(" rdev=%s", st->nfs_rdev ? "set" : "0");
    printf(" dev=%s", st->nfs_dev ? "set" : "0");
    show_field("blocks", st->nfs_blocks, is.st_blocks);
    show_field("used", st->nfs_used, is.st_blocks * UINT64_C(512));
    show_field("ino", st->nfs_ino, is.st_ino);
    /* Reading a symbolic link changes its access time, and how often that happens is the library's affair. */
    if (!S_ISLNK(is.st_mode)) {
        show_field("atime", st->nfs_atime, is.st_atim.tv_sec);
        show_field("atime_nsec", st->nfs_atime_nsec, is.st_atim.tv_nsec);
    }
    show_field("mtime", st->nfs_mtime, is.st_mtim.tv_sec);
    show_field("ctime", st->nfs_ctime, is.st_ctim.tv_sec);
    show_field("mtime_nsec", st->nfs_mtime_nsec, is.st_mtim.tv_nsec);
    show_field("ctime_nsec", st->nfs_ctime_nsec, is.st_ctim.tv_nsec);
    printf("\n");
}

/* A checksum of file contents. */
HELPER uint32_t checksum(const void *data, size_t size)
{
    const unsigned char *bytes = data;
    uint32_t sum = 2166136261u;
    size_t i;

    for (i = 0; i < size; i++)
        sum = (sum ^ bytes[i]) * 16777619u;
    return sum;
}

HELPER void show_local_content(const char *label, const char *path)
{
    int fd = open(local(path), O_RDONLY);
    struct stat st;
    char *data;

    must(fd >= 0 && fstat(fd, &st) == 0, "open", path);
    data = malloc(st.st_size + 1);
    must(data != NULL && read(fd, data, st.st_size) == st.st_size, "read", path);
    close(fd);
    if (st.st_size <= 64)
        printf("%s: local content \"%.*s\"\n", label, (int)st.st_size, data);
    else
        printf("%s: local size=%lld sum=%08x\n", label, (long long)st.st_size, checksum(data, st.st_size));
    free(data);
}

/* ---- The NFS side ------------------------------------------------------------------------------------------ */

/* A context that has mounted a local directory as a given user; -1 leaves uid or gid alone. $NFS_VERSION is the version
   of NFS, if it is set. */
HELPER struct nfs_context *mount_dir(const char *directory, int uid, int gid)
{
    struct nfs_context *context = nfs_init_context();
    int ret;

    if (uid >= 0)
        nfs_set_uid(context, uid);
    if (gid >= 0)
        nfs_set_gid(context, gid);
    nfs_set_timeout(context, 20000);
    if (getenv("NFS_VERSION")) {
        char url[100];

        /* Minor versions are for URLs only. */
        snprintf(url, sizeof(url), "nfs://%s/x?version=%s", server, getenv("NFS_VERSION"));
        nfs_destroy_url(nfs_parse_url_dir(context, url));
    }
    ret = nfs_mount(context, server, directory);
    if (ret != 0) {
        printf("mount: %s %s\n", outcome(ret), nfs_get_error(context));
        exit(1);
    }
    return context;
}

HELPER void mount_export(void)
{
    nfs = mount_dir(export_dir, 0, 0);
}

/* The same export as an ordinary user. */
HELPER struct nfs_context *mount_user(void)
{
    return mount_dir(export_dir, 1000, 1000);
}

/* A handle that must open, or the program ends. */
HELPER struct nfsfh *opened(const char *path, int flags)
{
    struct nfsfh *fh = NULL;
    int ret = nfs_open(nfs, path, flags, &fh);

    if (ret != 0) {
        printf("open of %s: %s %s\n", path, outcome(ret), nfs_get_error(nfs));
        exit(1);
    }
    return fh;
}

#endif
