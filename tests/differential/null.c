/* NULL where the C library survives it. */
#include "common.h"

static int calls;
static struct nfsfh *opened_in_callback;

static void count(int status, struct nfs_context *context, void *data, void *private_data)
{
    (void)context;
    calls++;
    if (calls == 2 && status == 0)
        opened_in_callback = data;
    printf("%s: callback %s\n", (const char *)private_data, outcome(status));
}

static void turn(int until)
{
    while (calls < until) {
        struct pollfd pfd = {.fd = nfs_get_fd(nfs), .events = nfs_which_events(nfs)};

        if (poll(&pfd, 1, 5000) <= 0 || nfs_service(nfs, pfd.revents) != 0)
            return;
    }
}

int main(int argc, char **argv)
{
    struct timeval times[2] = {{1000000000, 0}, {1100000000, 0}};
    struct nfs_statvfs_64 svfs64;
    struct statvfs svfs;
    struct nfs_stat_64 st64;
    struct nfsdir *dir = NULL;
    struct nfsfh *fh = NULL;
    struct nfs_url *url;
    struct stat st;
    char buffer[100];

    start(argc, argv);
    make_file("/file", 0644, "0123456789");
    make_dir("/dir", 0755);
    url = nfs_parse_url_full(NULL, "nfs://server/path/file");
    printf("parse_url_full without a context: %s\n", url ? url->server : "NULL");
    nfs_destroy_url(url);
    nfs_destroy_url(NULL);
    mount_export();

    CASE("stat64 (null)", nfs_stat64(nfs, NULL, &st64));
    CASE("lstat64 (null)", nfs_lstat64(nfs, NULL, &st64));
    CASE("stat (null)", nfs_stat(nfs, NULL, &st));
    CASE("stat64 missing into NULL", nfs_stat64(nfs, "/missing", NULL));
    CASE("open (null)", nfs_open(nfs, NULL, O_RDONLY, &fh));
    if (fh)
        nfs_close(nfs, fh);
    CASE("truncate (null)", nfs_truncate(nfs, NULL, 0));
    CASE("opendir (null)", nfs_opendir(nfs, NULL, &dir));
    if (dir)
        nfs_closedir(nfs, dir);
    CASE("chdir (null)", nfs_chdir(nfs, NULL));
    CASE("readlink (null)", nfs_readlink(nfs, NULL, buffer, sizeof(buffer)));
    CASE("chmod (null)", nfs_chmod(nfs, NULL, 0755));
    CASE("lchmod (null)", nfs_lchmod(nfs, NULL, 0755));
    CASE("chown (null)", nfs_chown(nfs, NULL, 0, 0));
    CASE("lchown (null)", nfs_lchown(nfs, NULL, 0, 0));
    CASE("utimes (null)", nfs_utimes(nfs, NULL, times));
    CASE("lutimes (null)", nfs_lutimes(nfs, NULL, times));
    CASE("utime (null)", nfs_utime(nfs, NULL, NULL));
    CASE("access (null)", nfs_access(nfs, NULL, R_OK));
    CASE("access2 (null)", nfs_access2(nfs, NULL));
    CASE("statvfs (null)", nfs_statvfs(nfs, NULL, &svfs));
    CASE("statvfs64 (null)", nfs_statvfs64(nfs, NULL, &svfs64));
    nfs_getcwd(nfs, NULL);
    printf("getcwd into NULL: done\n");

    fh = opened("/file", O_RDWR);
    CASE("read 0 into NULL", nfs_read(nfs, fh, 0, NULL));
    CASE("pread past the end into NULL", nfs_pread(nfs, fh, 1000, 1, NULL));
    CASE("write 0 from NULL", nfs_write(nfs, fh, 0, NULL));
    CASE("lseek into NULL", nfs_lseek(nfs, fh, 3, SEEK_SET, NULL));
    nfs_close(nfs, fh);
    CASE("service without events", nfs_service(nfs, 0));
    CASE("opendir /dir", nfs_opendir(nfs, "/dir", &dir));
    printf("readdir without a context: %s\n", nfs_readdir(NULL, dir) ? "entry" : "NULL");
    nfs_closedir(NULL, dir);

    CASE("stat64_async (null)", nfs_stat64_async(nfs, NULL, count, "stat64_async (null)"));
    turn(1);
    CASE("open_async (null)", nfs_open_async(nfs, NULL, O_RDONLY, count, "open_async (null)"));
    turn(2);
    if (opened_in_callback)
        nfs_close(nfs, opened_in_callback);
    nfs_destroy_context(nfs);
    mount_free_export_list(NULL);
    free_nfs_srvr_list(NULL);
    printf("end: done\n");
    return 0;
}
