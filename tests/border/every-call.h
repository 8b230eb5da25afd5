/* Every call that needs a mounted context, on a context where it must fail. */
#ifndef EVERY_CALL_H
#define EVERY_CALL_H

#include "common.h"

static int called_back;

HELPER void count_failure(int status, struct nfs_context *context, void *data, void *private_data)
{
    (void)context, (void)data;
    called_back++;
    if (status >= 0)
        broken(__FILE__, __LINE__, "%s succeeded", (const char *)private_data);
}

/* A submitted call fails at once, or its callback gets an errno. */
#define FAILS_LATER(call)                                                             \
    do {                                                                              \
        int before_ = called_back;                                                    \
        int ret_ = (call);                                                            \
                                                                                      \
        if (ret_ == 0 && turn_until(nfs, &called_back, before_ + 1) != 0              \
            && called_back == before_)                                                \
            broken(__FILE__, __LINE__, "no callback of %s", #call);                   \
        else if (ret_ != 0 && called_back != before_)                                 \
            broken(__FILE__, __LINE__, "refused and called back: %s", #call);         \
    } while (0)

HELPER void every_call_fails(void)
{
    struct timeval times[2] = {{1000000000, 0}, {1100000000, 0}};
    struct utimbuf utimbuf = {1000000000, 1100000000};
    struct nfs_statvfs_64 svfs64;
    struct statvfs svfs;
    struct nfs_stat_64 st64;
    struct nfsdir *dir = NULL;
    struct nfsfh *fh = NULL;
    struct stat st;
    char buffer[100], *target = NULL;

    FAILS(nfs_stat(nfs, "/file", &st));
    FAILS(nfs_stat64(nfs, "/file", &st64));
    FAILS(nfs_stat64(nfs, "/", &st64));
    FAILS(nfs_stat64(nfs, "", &st64));
    FAILS(nfs_lstat64(nfs, "/file", &st64));
    FAILS(nfs_open(nfs, "/file", O_RDONLY, &fh));
    FAILS(nfs_open(nfs, "/new", O_RDWR | O_CREAT, &fh));
    FAILS(nfs_creat(nfs, "/new", 0644, &fh));
    FAILS(nfs_create(nfs, "/new", O_RDWR, 0644, &fh));
    EXPECT(fh == NULL);
    FAILS(nfs_truncate(nfs, "/file", 1));
    FAILS(nfs_mkdir(nfs, "/new"));
    FAILS(nfs_mkdir2(nfs, "/new", 0755));
    FAILS(nfs_rmdir(nfs, "/dir"));
    FAILS(nfs_mknod(nfs, "/new", S_IFIFO | 0600, 0));
    FAILS(nfs_unlink(nfs, "/file"));
    FAILS(nfs_opendir(nfs, "/", &dir));
    EXPECT(dir == NULL);
    FAILS(nfs_chdir(nfs, "/dir"));
    FAILS(nfs_readlink(nfs, "/link", buffer, sizeof(buffer)));
    FAILS(nfs_readlink2(nfs, "/link", &target));
    EXPECT(target == NULL);
    FAILS(nfs_chmod(nfs, "/file", 0600));
    FAILS(nfs_lchmod(nfs, "/file", 0600));
    FAILS(nfs_chown(nfs, "/file", 1, 1));
    FAILS(nfs_lchown(nfs, "/file", 1, 1));
    FAILS(nfs_utimes(nfs, "/file", times));
    FAILS(nfs_utimes(nfs, "/file", NULL));
    FAILS(nfs_lutimes(nfs, "/file", times));
    FAILS(nfs_utime(nfs, "/file", &utimbuf));
    FAILS(nfs_access(nfs, "/file", R_OK));
    FAILS(nfs_access2(nfs, "/file"));
    FAILS(nfs_symlink(nfs, "target", "/new"));
    FAILS(nfs_rename(nfs, "/file", "/new"));
    FAILS(nfs_link(nfs, "/file", "/new"));
    FAILS(nfs_statvfs(nfs, "/", &svfs));
    FAILS(nfs_statvfs64(nfs, "/", &svfs64));

    FAILS_LATER(nfs_stat64_async(nfs, "/file", count_failure, "stat64_async"));
    FAILS_LATER(nfs_open_async(nfs, "/file", O_RDONLY, count_failure, "open_async"));
    FAILS_LATER(nfs_opendir_async(nfs, "/", count_failure, "opendir_async"));
    SURVIVES(nfs_service(nfs, POLLIN));
    SURVIVES(nfs_service(nfs, POLLOUT));
    SURVIVES(nfs_service(nfs, POLLHUP | POLLERR));
    SURVIVES(nfs_queue_length(nfs));
    EXPECT(nfs_queue_length(nfs) == 0);
}

#endif
