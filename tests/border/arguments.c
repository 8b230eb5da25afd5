/* NULL contexts, paths, handles and out-pointers. */
#include "common.h"

static void ignore(int status, struct nfs_context *context, void *data, void *private_data)
{
    (void)status, (void)context, (void)data, (void)private_data;
}

static struct timeval times[2] = {{1000000000, 0}, {1100000000, 0}};
static struct utimbuf utimbuf = {1000000000, 1100000000};
static struct nfs_statvfs_64 svfs64;
static struct statvfs svfs;
static struct nfs_stat_64 st64;
static struct nfsdir *dir;
static struct nfsfh *fh;
static struct stat st;
static char buffer[100], *target;

static void no_context(struct nfsfh *handle, struct nfsdir *directory)
{
    const char *cwd = "x";

    nfs = NULL;
    SURVIVES(nfs_get_error(NULL));
    EXPECT(nfs_get_fd(NULL) < 0);
    SURVIVES(nfs_which_events(NULL));
    EXPECT(nfs_service(NULL, POLLIN) < 0);
    SURVIVES(nfs_queue_length(NULL));
    SURVIVES((nfs_set_auth(NULL, NULL), 0));
    SURVIVES((nfs_destroy_context(NULL), 0));
    SURVIVES((nfs_destroy_url(NULL), 0));
    EXPECT(nfs_get_readmax(NULL) == 0);
    EXPECT(nfs_get_writemax(NULL) == 0);
    SURVIVES((nfs_set_tcp_syncnt(NULL, 1), 0));
    SURVIVES((nfs_set_uid(NULL, 0), 0));
    SURVIVES((nfs_set_gid(NULL, 0), 0));
    SURVIVES((nfs_set_pagecache(NULL, 1), 0));
    SURVIVES((nfs_set_pagecache_ttl(NULL, 1), 0));
    SURVIVES((nfs_set_readahead(NULL, 1), 0));
    SURVIVES((nfs_set_debug(NULL, 1), 0));
    SURVIVES((nfs_set_dircache(NULL, 1), 0));
    SURVIVES((nfs_set_autoreconnect(NULL, 1), 0));
    SURVIVES((nfs_set_timeout(NULL, 1), 0));
    SURVIVES(nfs_get_timeout(NULL));
    SURVIVES(nfs_umask(NULL, 022));
    EXPECT(nfs_set_version(NULL, 3) != 0);
    FAILS(nfs_mount(NULL, server, export_dir));
    FAILS(nfs_umount(NULL));
    FAILS(nfs_stat(NULL, "/", &st));
    FAILS(nfs_stat64(NULL, "/", &st64));
    FAILS(nfs_lstat64(NULL, "/", &st64));
    FAILS(nfs_fstat64(NULL, handle, &st64));
    FAILS(nfs_fstat64(NULL, NULL, &st64));
    FAILS(nfs_open(NULL, "/file", O_RDONLY, &fh));
    FAILS(nfs_creat(NULL, "/file", 0644, &fh));
    FAILS(nfs_create(NULL, "/file", 0, 0644, &fh));
    FAILS(nfs_close(NULL, NULL));
    FAILS(nfs_read(NULL, handle, 1, buffer));
    FAILS(nfs_pread(NULL, handle, 0, 1, buffer));
    FAILS(nfs_write(NULL, handle, 1, buffer));
    FAILS(nfs_pwrite(NULL, handle, 0, 1, buffer));
    FAILS(nfs_lseek(NULL, handle, 0, SEEK_SET, NULL));
    FAILS(nfs_fsync(NULL, handle));
    FAILS(nfs_truncate(NULL, "/file", 1));
    FAILS(nfs_ftruncate(NULL, handle, 1));
    FAILS(nfs_mkdir(NULL, "/x"));
    FAILS(nfs_mkdir2(NULL, "/x", 0755));
    FAILS(nfs_rmdir(NULL, "/x"));
    FAILS(nfs_mknod(NULL, "/x", S_IFIFO, 0));
    FAILS(nfs_unlink(NULL, "/x"));
    FAILS(nfs_opendir(NULL, "/", &dir));
    SURVIVES(nfs_readdir(NULL, NULL));
    SURVIVES((nfs_closedir(NULL, NULL), 0));
    FAILS(nfs_chdir(NULL, "/"));
    SURVIVES((nfs_getcwd(NULL, &cwd), 0));
    SURVIVES((nfs_getcwd(NULL, NULL), 0));
    FAILS(nfs_readlink(NULL, "/link", buffer, sizeof(buffer)));
    FAILS(nfs_readlink2(NULL, "/link", &target));
    FAILS(nfs_chmod(NULL, "/file", 0600));
    FAILS(nfs_lchmod(NULL, "/file", 0600));
    FAILS(nfs_fchmod(NULL, handle, 0600));
    FAILS(nfs_chown(NULL, "/file", 0, 0));
    FAILS(nfs_lchown(NULL, "/file", 0, 0));
    FAILS(nfs_fchown(NULL, handle, 0, 0));
    FAILS(nfs_utimes(NULL, "/file", times));
    FAILS(nfs_lutimes(NULL, "/file", times));
    FAILS(nfs_utime(NULL, "/file", &utimbuf));
    FAILS(nfs_access(NULL, "/file", R_OK));
    FAILS(nfs_access2(NULL, "/file"));
    FAILS(nfs_symlink(NULL, "x", "/x"));
    FAILS(nfs_rename(NULL, "/file", "/x"));
    FAILS(nfs_link(NULL, "/file", "/x"));
    FAILS(nfs_statvfs(NULL, "/", &svfs));
    FAILS(nfs_statvfs64(NULL, "/", &svfs64));
    EXPECT(nfs_mount_async(NULL, server, export_dir, ignore, NULL) != 0);
    EXPECT(nfs_stat64_async(NULL, "/", ignore, NULL) != 0);
    EXPECT(nfs_open_async(NULL, "/file", O_RDONLY, ignore, NULL) != 0);
    EXPECT(nfs_pread_async(NULL, handle, 0, 1, ignore, NULL) != 0);
    EXPECT(nfs_pwrite_async(NULL, handle, 0, 1, "x", ignore, NULL) != 0);
    EXPECT(nfs_close_async(NULL, handle, ignore, NULL) != 0);
    EXPECT(nfs_opendir_async(NULL, "/", ignore, NULL) != 0);
    EXPECT(nfs_parse_url_full(NULL, NULL) == NULL);
    EXPECT(nfs_parse_url_dir(NULL, NULL) == NULL);
    EXPECT(nfs_parse_url_incomplete(NULL, NULL) == NULL);
    EXPECT(mount_getexports(NULL) == NULL);
    SURVIVES((mount_free_export_list(NULL), 0));
    SURVIVES((free_nfs_srvr_list(NULL), 0));
    (void)directory;
}

/* With a mounted context. A NULL path never means success where the C library would have crashed. */
static void no_path(void)
{
    SURVIVES(nfs_stat(nfs, NULL, &st));
    SURVIVES(nfs_stat64(nfs, NULL, &st64));
    SURVIVES(nfs_lstat64(nfs, NULL, &st64));
    FAILS(nfs_creat(nfs, NULL, 0644, &fh));
    FAILS(nfs_create(nfs, NULL, O_RDWR, 0644, &fh));
    FAILS(nfs_open(nfs, NULL, O_RDWR | O_CREAT, &fh));
    FAILS(nfs_truncate(nfs, NULL, 1));
    FAILS(nfs_mkdir(nfs, NULL));
    FAILS(nfs_mkdir2(nfs, NULL, 0755));
    FAILS(nfs_rmdir(nfs, NULL));
    FAILS(nfs_mknod(nfs, NULL, S_IFIFO | 0600, 0));
    FAILS(nfs_unlink(nfs, NULL));
    FAILS(nfs_readlink(nfs, NULL, buffer, sizeof(buffer)));
    FAILS(nfs_readlink2(nfs, NULL, &target));
    SURVIVES(nfs_chdir(nfs, NULL));
    SURVIVES(nfs_chmod(nfs, NULL, 0755));
    SURVIVES(nfs_chown(nfs, NULL, 0, 0));
    SURVIVES(nfs_utimes(nfs, NULL, times));
    SURVIVES(nfs_access(nfs, NULL, R_OK));
    SURVIVES(nfs_statvfs(nfs, NULL, &svfs));
    FAILS(nfs_symlink(nfs, NULL, "/x"));
    FAILS(nfs_symlink(nfs, "x", NULL));
    FAILS(nfs_symlink(nfs, NULL, NULL));
    FAILS(nfs_rename(nfs, NULL, "/x"));
    FAILS(nfs_rename(nfs, "/file", NULL));
    FAILS(nfs_rename(nfs, NULL, NULL));
    FAILS(nfs_link(nfs, NULL, "/x"));
    FAILS(nfs_link(nfs, "/file", NULL));
    FAILS(nfs_link(nfs, NULL, NULL));
    EXPECT(nfs_parse_url_full(nfs, NULL) == NULL);
    EXPECT(nfs_parse_url_dir(nfs, NULL) == NULL);
    EXPECT(nfs_parse_url_incomplete(nfs, NULL) == NULL);
    EXPECT(strlen(nfs_get_error(nfs)) > 4);
}

static void no_handle(void)
{
    FAILS(nfs_close(nfs, NULL));
    FAILS(nfs_fstat64(nfs, NULL, &st64));
    FAILS(nfs_read(nfs, NULL, 1, buffer));
    FAILS(nfs_pread(nfs, NULL, 0, 1, buffer));
    FAILS(nfs_write(nfs, NULL, 1, buffer));
    FAILS(nfs_pwrite(nfs, NULL, 0, 1, buffer));
    FAILS(nfs_lseek(nfs, NULL, 0, SEEK_SET, NULL));
    FAILS(nfs_fsync(nfs, NULL));
    FAILS(nfs_ftruncate(nfs, NULL, 1));
    FAILS(nfs_fchmod(nfs, NULL, 0600));
    FAILS(nfs_fchown(nfs, NULL, 0, 0));
    EXPECT(nfs_readdir(nfs, NULL) == NULL);
    SURVIVES((nfs_closedir(nfs, NULL), 0));
    SURVIVES((nfs_seekdir(nfs, NULL, 0), 0));
    SURVIVES((nfs_rewinddir(nfs, NULL), 0));
    SURVIVES(nfs_telldir(nfs, NULL));
    EXPECT(nfs_pread_async(nfs, NULL, 0, 1, ignore, NULL) != 0);
    EXPECT(nfs_pwrite_async(nfs, NULL, 0, 1, "x", ignore, NULL) != 0);
    EXPECT(nfs_close_async(nfs, NULL, ignore, NULL) != 0);
    EXPECT(nfs_queue_length(nfs) == 0);
}

static void no_result(struct nfsfh *handle)
{
    FAILS(nfs_stat(nfs, "/file", NULL));
    FAILS(nfs_stat64(nfs, "/file", NULL));
    FAILS(nfs_lstat64(nfs, "/file", NULL));
    FAILS(nfs_fstat64(nfs, handle, NULL));
    FAILS(nfs_open(nfs, "/file", O_RDONLY, NULL));
    FAILS(nfs_creat(nfs, "/new", 0644, NULL));
    FAILS(nfs_create(nfs, "/new", O_RDWR, 0644, NULL));
    FAILS(nfs_opendir(nfs, "/", NULL));
    FAILS(nfs_readlink(nfs, "/link", NULL, 100));
    FAILS(nfs_readlink2(nfs, "/link", NULL));
    FAILS(nfs_statvfs(nfs, "/", NULL));
    FAILS(nfs_statvfs64(nfs, "/", NULL));
    FAILS(nfs_read(nfs, handle, 1, NULL));
    FAILS(nfs_pread(nfs, handle, 0, 1, NULL));
    FAILS(nfs_write(nfs, handle, 1, NULL));
    FAILS(nfs_pwrite(nfs, handle, 0, 1, NULL));
    RETURNS(0, nfs_lseek(nfs, handle, 0, SEEK_SET, NULL));
    SURVIVES((nfs_getcwd(nfs, NULL), 0));
    /* Without a callback a call is refused, or done in silence. */
    SURVIVES(nfs_stat64_async(nfs, "/file", NULL, NULL));
    SURVIVES(nfs_pread_async(nfs, handle, 0, 1, NULL, NULL));
    SURVIVES(turn(nfs, 200));
    SURVIVES(turn(nfs, 200));
}

/* Where a handle should have gone there is NULL after an error, not what was there before. */
static void no_handle_after_an_error(void)
{
    struct nfs_context *contexts[] = {nfs, NULL};
    size_t i;

    for (i = 0; i < COUNT(contexts); i++) {
        struct nfsfh *files[5] = {(void *)1, (void *)1, (void *)1, (void *)1, NULL};
        struct nfsdir *directory = (void *)1;

        EXPECT(nfs_open(contexts[i], "/missing", O_RDONLY, &files[0]) < 0);
        EXPECT(nfs_open2(contexts[i], "/missing", O_RDONLY, 0, &files[1]) < 0);
        EXPECT(nfs_creat(contexts[i], "/missing/file", 0644, &files[2]) < 0);
        EXPECT(nfs_create(contexts[i], "/missing/file", 0, 0644, &files[3]) < 0);
        EXPECT(nfs_opendir(contexts[i], "/file", &directory) < 0);
        EXPECT(memcmp(files, (struct nfsfh *[5]){NULL}, sizeof(files)) == 0 && directory == NULL);
    }
}

int main(int argc, char **argv)
{
    struct nfs_context *context;
    struct nfsdir *directory = NULL;
    struct nfsfh *handle = NULL;

    start(argc, argv);
    make_file("file", "0123456789");
    if (symlink("file", local("link")) != 0)
        return 2;
    nfs = context = mounted();
    RETURNS(0, nfs_open(nfs, "/file", O_RDWR, &handle));
    RETURNS(0, nfs_opendir(nfs, "/", &directory));
    no_path();
    no_handle();
    no_result(handle);
    no_handle_after_an_error();
    no_context(handle, directory);
    nfs = context;
    RETURNS(0, nfs_opendir(nfs, "/", &dir));
    nfs_closedir(NULL, dir);
    EXPECT(nfs_readdir(nfs, dir) == NULL && strstr(nfs_get_error(nfs), "not open"));
    nfs_closedir(nfs, directory);
    RETURNS(10, nfs_pread(nfs, handle, 0, 10, buffer));
    EXPECT(memcmp(buffer, "0123456789", 10) == 0);
    RETURNS(0, nfs_close(nfs, handle));
    nfs_destroy_context(nfs);
    return finish();
}
