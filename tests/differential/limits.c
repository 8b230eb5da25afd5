/* What the server's file systems do not allow: a full one, names in two of them, busy directories. */
#include "common.h"

#include <sys/mount.h>

static const char *inner_dir, *mine;

/* A path below this program's own directory on the small file system. */
static const char *small(const char *name)
{
    static char buffers[4][300];
    static int next;
    char *buffer = buffers[next++ % 4];

    snprintf(buffer, sizeof(buffers[0]), "/%s/%s", mine, name);
    return buffer;
}

/* The small file system with room for this much, or for anything. */
static void resize(const char *room)
{
    must(mount("tmpfs", inner_dir, "tmpfs", MS_REMOUNT, room) == 0, "remount", inner_dir);
}

static void full_of_data(void)
{
    static char data[300000];
    struct nfsfh *fh = NULL;
    char byte;
    int ret;

    resize("size=256k,nr_inodes=0");
    CASE("creat", nfs_creat(nfs, small("data"), 0644, &fh));
    CASE("write what fits", nfs_write(nfs, fh, 4096, data));
    ret = nfs_pwrite(nfs, fh, 4096, sizeof(data), data);
    printf("write what does not fit: %s\n", ret > 0 && ret < (int)sizeof(data) ? "short" : outcome(ret));
    ret = nfs_pwrite(nfs, fh, 1 << 20, 8192, data);
    printf("write to a full file system: %s\n", outcome(ret));
    CASE("fsync", nfs_fsync(nfs, fh));
    CASE("read", nfs_pread(nfs, fh, 0, 1, &byte));
    CASE("ftruncate of a full file system", nfs_ftruncate(nfs, fh, 0));
    CASE("write with room again", nfs_pwrite(nfs, fh, 0, 8192, data));
    CASE("close", nfs_close(nfs, fh));
}

static void full_of_files(void)
{
    struct nfsfh *fh = NULL;

    CASE("creat first", nfs_creat(nfs, small("first"), 0644, &fh));
    nfs_close(nfs, fh);
    /* As many files as there are. */
    resize("size=1m,nr_inodes=2");
    fh = NULL;
    CASE("creat without an inode", nfs_creat(nfs, small("new"), 0644, &fh));
    CASE("open O_CREAT without an inode", nfs_open(nfs, small("new"), O_WRONLY | O_CREAT, &fh));
    CASE("mkdir without an inode", nfs_mkdir(nfs, small("new")));
    CASE("symlink without an inode", nfs_symlink(nfs, "target", small("new")));
    CASE("mknod without an inode", nfs_mknod(nfs, small("new"), S_IFIFO | 0600, 0));
    CASE("link without an inode", nfs_link(nfs, small("first"), small("new")));
    CASE("rename without an inode", nfs_rename(nfs, small("first"), small("second")));
    resize("size=1m,nr_inodes=0");
}

int main(int argc, char **argv)
{
    const char *outer_dir = getenv("EXPORT_OUTER");
    char inner[PATH_MAX], path[PATH_MAX + 300];

    start(argc, argv);
    must(outer_dir != NULL, "EXPORT_OUTER", "the environment");
    snprintf(inner, sizeof(inner), "%s/inner", outer_dir);
    inner_dir = inner;
    mine = strrchr(export_dir, '/') + 1;
    snprintf(path, sizeof(path), "%s/%s", inner, mine);
    must(mkdir(path, 0755) == 0, "mkdir", path);
    nfs = mount_dir(inner, 0, 0);
    full_of_data();
    full_of_files();
    nfs_destroy_context(nfs);
    return 0;
}
