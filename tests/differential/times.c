/* Times at the ends of what NFSv3 can hold: set by path, and read back in each way. */
#include "common.h"

static void show(const char *how, long long seconds, long long nanoseconds)
{
    printf(" %s %lld.%09lld", how, seconds, nanoseconds);
}

/* The modification time of a file, in each way, when it could be set. */
static void show_all(const char *setting, const char *path, int ret)
{
    struct nfsfh *fh;
    struct nfsdir *dir = NULL;
    struct nfsdirent *entry;
    struct nfs_stat_64 st64;
    struct stat st;

    result(setting, ret);
    if (ret != 0)
        return;
    fh = opened(path, O_RDONLY);
    must(lstat(local(path), &st) == 0, "lstat", path);
    printf("after %s:", setting);
    show("local", st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    if (nfs_stat(nfs, path, &st) == 0)
        show("stat", st.st_mtim.tv_sec, 0);
    if (nfs_stat64(nfs, path, &st64) == 0)
        show("stat64", st64.nfs_mtime, st64.nfs_mtime_nsec);
    if (nfs_lstat64(nfs, path, &st64) == 0)
        show("lstat64", st64.nfs_mtime, st64.nfs_mtime_nsec);
    if (nfs_fstat(nfs, fh, &st) == 0)
        show("fstat", st.st_mtim.tv_sec, 0);
    if (nfs_fstat64(nfs, fh, &st64) == 0)
        show("fstat64", st64.nfs_mtime, st64.nfs_mtime_nsec);
    if (nfs_opendir(nfs, "/", &dir) == 0) {
        while ((entry = nfs_readdir(nfs, dir)) != NULL)
            if (strcmp(entry->name, path + 1) == 0)
                show("readdir", entry->mtime.tv_sec, entry->mtime_nsec);
        nfs_closedir(nfs, dir);
    }
    printf("\n");
    nfs_close(nfs, fh);
}

int main(int argc, char **argv)
{
    static const struct timeval some[] = {
        {0, 0},          {1, 999999},     {2147483647, 999999}, {2147483648, 1}, {3000000000, 500000},
        {4294967295, 0}, {4294967295, 999999}, {4294967296, 0}, {-1, 0},         {5000000000, 0},
    };
    char label[100];
    size_t i;

    start(argc, argv);
    make_file("/file", 0644, "");
    make_file("/whole", 0644, "");
    mount_export();
    for (i = 0; i < COUNT(some); i++) {
        struct timeval times[2] = {{1000000000, 0}, some[i]}, turned[2] = {some[i], {1000000000, 0}};
        struct utimbuf whole = {1000000000, some[i].tv_sec};

        snprintf(label, sizeof(label), "utimes %lld.%06lld", (long long)some[i].tv_sec, (long long)some[i].tv_usec);
        show_all(label, "/file", nfs_utimes(nfs, "/file", times));
        snprintf(label, sizeof(label), "utimes atime %lld", (long long)some[i].tv_sec);
        CASE(label, nfs_utimes(nfs, "/file", turned));
        snprintf(label, sizeof(label), "lutimes %lld.%06lld", (long long)some[i].tv_sec, (long long)some[i].tv_usec);
        CASE(label, nfs_lutimes(nfs, "/file", times));
        snprintf(label, sizeof(label), "utime %lld", (long long)some[i].tv_sec);
        show_all(label, "/whole", nfs_utime(nfs, "/whole", &whole));
    }
    nfs_destroy_context(nfs);
    return 0;
}
