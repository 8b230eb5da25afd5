/* nfs_statvfs, nfs_statvfs64. */
#include "common.h"

/* Space changes all the time: near is good enough. */
static const char *near(uint64_t value, uint64_t expected, uint64_t slack)
{
    return value == 0 && expected != 0 ? "0" : value + slack >= expected && value <= expected + slack ? "local" : "other";
}

static void show(const char *label, const char *path)
{
    struct statvfs st, is;
    int ret;

    memset(&st, 0, sizeof(st));
    ret = nfs_statvfs(nfs, path, &st);
    if (ret != 0) {
        result(label, ret);
        return;
    }
    must(statvfs(export_dir, &is) == 0, "statvfs", "/");
    printf("%s: ret=0 bsize=%lu frsize=%lu blocks=%s bfree=%s bavail=%s files=%s ffree=%s favail=%s flag=%lu namemax=%lu"
           " fsid=%s\n",
           label, st.f_bsize, st.f_frsize, near(st.f_blocks * st.f_frsize, is.f_blocks * is.f_frsize, 0),
           near(st.f_bfree * st.f_frsize, is.f_bfree * is.f_frsize, 1 << 30),
           near(st.f_bavail * st.f_frsize, is.f_bavail * is.f_frsize, 1 << 30), near(st.f_files, is.f_files, 0),
           near(st.f_ffree, is.f_ffree, 1 << 20), near(st.f_favail, is.f_favail, 1 << 20), st.f_flag, st.f_namemax,
           st.f_fsid ? "set" : "0");
}

static void show64(const char *label, const char *path)
{
    struct nfs_statvfs_64 st;
    struct statvfs is;
    int ret;

    memset(&st, 0, sizeof(st));
    ret = nfs_statvfs64(nfs, path, &st);
    if (ret != 0) {
        result(label, ret);
        return;
    }
    must(statvfs(export_dir, &is) == 0, "statvfs", "/");
    printf("%s: ret=0 bsize=%llu frsize=%llu blocks=%s bfree=%s bavail=%s files=%s ffree=%s favail=%s flag=%llu"
           " namemax=%llu fsid=%s\n",
           label, (unsigned long long)st.f_bsize, (unsigned long long)st.f_frsize,
           near(st.f_blocks * st.f_frsize, is.f_blocks * is.f_frsize, 0),
           near(st.f_bfree * st.f_frsize, is.f_bfree * is.f_frsize, 1 << 30),
           near(st.f_bavail * st.f_frsize, is.f_bavail * is.f_frsize, 1 << 30), near(st.f_files, is.f_files, 0),
           near(st.f_ffree, is.f_ffree, 1 << 20), near(st.f_favail, is.f_favail, 1 << 20),
           (unsigned long long)st.f_flag, (unsigned long long)st.f_namemax, st.f_fsid ? "set" : "0");
}

int main(int argc, char **argv)
{
    static const char *const paths[] = {"/", "/dir", "/file", "/link", "/broken", "/loop", "/missing", "/file/x", "", ".",
                                        "..", "/dir/", name256, long_missing};
    size_t i;

    start(argc, argv);
    make_dir("/dir", 0755);
    make_file("/file", 0644, "file");
    make_symlink("file", "/link");
    make_symlink("nowhere", "/broken");
    make_symlink("loop", "/loop");
    mount_export();
    for (i = 0; i < COUNT(paths); i++) {
        show(labelled("statvfs", paths[i]), paths[i]);
        show64(labelled("statvfs64", paths[i]), paths[i]);
    }
    nfs_destroy_context(nfs);
    return 0;
}
