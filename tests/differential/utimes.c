/* nfs_utimes, nfs_lutimes, nfs_utime. */
#include "common.h"

static void show_times(const char *label, const char *path)
{
    struct stat st;
    time_t now = time(NULL);

    must(lstat(local(path), &st) == 0, "lstat", path);
    printf("%s:", label);
    if (llabs((long long)(now - st.st_atim.tv_sec)) < 60)
        printf(" atime=now");
    else
        printf(" atime=%lld.%09ld", (long long)st.st_atim.tv_sec, st.st_atim.tv_nsec);
    if (llabs((long long)(now - st.st_mtim.tv_sec)) < 60)
        printf(" mtime=now\n");
    else
        printf(" mtime=%lld.%09ld\n", (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

int main(int argc, char **argv)
{
    static const struct timeval pairs[][2] = {
        {{1000000000, 0}, {1100000000, 0}},
        {{1200000000, 123456}, {1300000000, 654321}},
        {{0, 0}, {0, 0}},
        {{1, 999999}, {2, 1}},
        {{2147483647, 5}, {2147483647, 6}},
        {{2147483648, 7}, {4294967295, 8}},
        {{1000000000, 1000000}, {1100000000, 0}},
        {{1000000000, -1}, {1100000000, 0}},
        {{1000000000, 2000000}, {1100000000, 5000000}},
        {{-1, 0}, {-1, 0}},
    };
    static const char *const bad[] = {"/missing", "/missing/x", "/file/x", "/broken", "/loop", "", ".", "..",
                                      "/file/",   "/dir/",      name256,   long_missing};
    struct timeval some[2] = {{1000000000, 111}, {1100000000, 222}};
    struct timeval other[2] = {{1500000000, 333}, {1600000000, 444}};
    struct utimbuf utimbuf = {1250000000, 1350000000};
    struct nfs_context *root;
    struct nfs_stat_64 st;
    char label[100], path[PATH_MAX];
    size_t i;

    start(argc, argv);
    make_dir("/dir", 0755);
    make_dir("/private", 0700);
    make_file("/file", 0644, "");
    make_file("/target", 0644, "");
    make_file("/target2", 0644, "");
    make_file("/writable", 0666, "");
    make_file("/readable", 0644, "");
    make_file("/user", 0400, "");
    make_file("/private/file", 0666, "");
    own("/user", 1000, 1000);
    make_symlink("target", "/link");
    make_symlink("target2", "/link2");
    make_symlink("nowhere", "/broken");
    make_symlink("loop", "/loop");
    set_times("/target", 900000000, 900000001);
    set_times("/target2", 900000000, 900000001);
    set_times("/link2", 900000000, 900000001);
    set_times("/writable", 900000000, 900000001);
    set_times("/readable", 900000000, 900000001);
    snprintf(path, sizeof(path), "%s/file", readonly_dir);
    write_local_file(path, 0666, "", 0);
    mount_export();

    for (i = 0; i < COUNT(pairs); i++) {
        struct timeval times[2] = {pairs[i][0], pairs[i][1]};
        int ret;

        snprintf(label, sizeof(label), "utimes %lld.%lld", (long long)times[0].tv_sec, (long long)times[0].tv_usec);
        ret = nfs_utimes(nfs, "/file", times);
        CASE(label, ret);
        snprintf(label, sizeof(label), "after utimes %lld.%lld", (long long)times[0].tv_sec,
                 (long long)times[0].tv_usec);
        show_times(label, "/file");
    }
    CASE("utimes before stat64", nfs_utimes(nfs, "/file", some));
    CASE("stat64 after utimes", nfs_stat64(nfs, "/file", &st));
    printf("stat64 times: %llu.%09llu %llu.%09llu\n", (unsigned long long)st.nfs_atime,
           (unsigned long long)st.nfs_atime_nsec, (unsigned long long)st.nfs_mtime,
           (unsigned long long)st.nfs_mtime_nsec);
    CASE("utimes NULL", nfs_utimes(nfs, "/file", NULL));
    show_times("after utimes NULL", "/file");
    CASE("utime", nfs_utime(nfs, "/file", &utimbuf));
    show_times("after utime", "/file");
    CASE("utime NULL", nfs_utime(nfs, "/file", NULL));
    show_times("after utime NULL", "/file");
    CASE("utimes directory", nfs_utimes(nfs, "/dir", some));
    show_times("after utimes directory", "/dir");
    CASE("utimes root", nfs_utimes(nfs, "/", some));
    show_times("after utimes root", "/");
    CASE("utimes link", nfs_utimes(nfs, "/link", some));
    show_times("after utimes link target", "/target");
    CASE("lutimes link", nfs_lutimes(nfs, "/link2", some));
    show_times("after lutimes link", "/link2");
    show_times("after lutimes link target", "/target2");
    CASE("lutimes file", nfs_lutimes(nfs, "/file", other));
    show_times("after lutimes file", "/file");
    CASE("lutimes NULL", nfs_lutimes(nfs, "/file", NULL));
    show_times("after lutimes NULL", "/file");
    CASE("lutimes broken", nfs_lutimes(nfs, "/broken", some));
    show_times("after lutimes broken", "/broken");
    CASE("lutimes loop", nfs_lutimes(nfs, "/loop", some));
    CASE("lutimes missing", nfs_lutimes(nfs, "/missing", some));
    CASE("utime link", nfs_utime(nfs, "/link", &utimbuf));
    show_times("after utime link target", "/target");
    CASE("utime missing", nfs_utime(nfs, "/missing", &utimbuf));
    CASE("utime broken", nfs_utime(nfs, "/broken", &utimbuf));
    for (i = 0; i < COUNT(bad); i++)
        CASE(labelled("utimes", bad[i]), nfs_utimes(nfs, bad[i], some));

    root = nfs;
    nfs = mount_user();
    CASE("user utimes of a writable file", nfs_utimes(nfs, "/writable", some));
    show_times("after user utimes of a writable file", "/writable");
    CASE("user utimes NULL of a writable file", nfs_utimes(nfs, "/writable", NULL));
    show_times("after user utimes NULL of a writable file", "/writable");
    CASE("user utimes NULL of a readable file", nfs_utimes(nfs, "/readable", NULL));
    CASE("user utimes of an own file", nfs_utimes(nfs, "/user", some));
    show_times("after user utimes of an own file", "/user");
    CASE("user utimes below private", nfs_utimes(nfs, "/private/file", some));
    nfs_destroy_context(nfs);
    nfs = mount_dir(readonly_dir, 0, 0);
    CASE("read-only utimes", nfs_utimes(nfs, "/file", some));
    CASE("read-only utimes NULL", nfs_utimes(nfs, "/file", NULL));
    CASE("read-only utime", nfs_utime(nfs, "/file", &utimbuf));
    nfs_destroy_context(nfs);
    nfs_destroy_context(root);
    return 0;
}
