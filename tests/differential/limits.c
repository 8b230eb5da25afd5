/* What the server's file systems do not allow: a full one, names in two of them, busy directories. */
#include "async.h"

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

/* Gives the small file system so many bytes and inodes; not fewer than are in use. */
static int resize(int size, int inodes)
{
    char room[60];

    snprintf(room, sizeof(room), "size=%d,nr_inodes=%d", size, inodes);
    return mount("tmpfs", inner_dir, "tmpfs", MS_REMOUNT, room);
}

static void full_of_data(void)
{
    static char data[300000];
    struct nfsfh *fh = NULL;
    char byte;
    int ret;

    must(resize(256 * 1024, 1000) == 0, "remount", inner_dir);
    CASE("creat", nfs_creat(nfs, small("data"), 0644, &fh));
    CASE("write what fits", nfs_write(nfs, fh, 4096, data));
    ret = nfs_pwrite(nfs, fh, 4096, sizeof(data), data);
    printf("write what does not fit: %s\n", ret > 0 && ret < (int)sizeof(data) ? "short" : outcome(ret));
    ret = nfs_pwrite(nfs, fh, 1 << 20, 8192, data);
    printf("write to a full file system: %s\n", outcome(ret));
    ASYNC_CASE("write to a full file system, asynchronously", NOTHING, nfs_pwrite_async, fh, 2 << 20, 8192, data);
    CASE("fsync", nfs_fsync(nfs, fh));
    CASE("read", nfs_pread(nfs, fh, 0, 1, &byte));
    CASE("ftruncate of a full file system", nfs_ftruncate(nfs, fh, 0));
    CASE("write with room again", nfs_pwrite(nfs, fh, 0, 8192, data));
    CASE("close", nfs_close(nfs, fh));
}

static void full_of_files(void)
{
    struct nfsfh *fh = NULL;
    int inodes = 1;

    CASE("creat first", nfs_creat(nfs, small("first"), 0644, &fh));
    nfs_close(nfs, fh);
    /* As many files as there are. */
    while (resize(1024 * 1024, inodes) != 0 && inodes < 1000)
        inodes++;
    fh = NULL;
    CASE("creat without an inode", nfs_creat(nfs, small("new"), 0644, &fh));
    CASE("open O_CREAT without an inode", nfs_open(nfs, small("new"), O_WRONLY | O_CREAT, &fh));
    CASE("mkdir without an inode", nfs_mkdir(nfs, small("new")));
    ASYNC_CASE("mkdir without an inode, asynchronously", NOTHING, nfs_mkdir_async, small("new"));
    ASYNC_CASE("creat without an inode, asynchronously", HANDLE, nfs_creat_async, small("new"), 0644);
    CASE("symlink without an inode", nfs_symlink(nfs, "target", small("new")));
    CASE("mknod without an inode", nfs_mknod(nfs, small("new"), S_IFIFO | 0600, 0));
    CASE("link without an inode", nfs_link(nfs, small("first"), small("new")));
    CASE("rename without an inode", nfs_rename(nfs, small("first"), small("second")));
    must(resize(1024 * 1024, 1000) == 0, "remount", inner_dir);
    CASE("mkdir with inodes again", nfs_mkdir(nfs, small("new")));
}

/* The outer export, with the small file system in it. */
static void across(void)
{
    char file[300], below[300];

    snprintf(file, sizeof(file), "/%s-file", mine);
    snprintf(below, sizeof(below), "/inner%s", small("across"));
    CASE("rename into another file system", nfs_rename(nfs, file, below));
    ASYNC_CASE("rename into another file system, asynchronously", NOTHING, nfs_rename_async, file, below);
    CASE("link into another file system", nfs_link(nfs, file, below));
    ASYNC_CASE("link into another file system, asynchronously", NOTHING, nfs_link_async, file, below);
    CASE("rmdir of a mount point", nfs_rmdir(nfs, "/inner"));
    CASE("rename of a mount point", nfs_rename(nfs, "/inner", "/outer"));
    CASE("rename over a mount point", nfs_rename(nfs, file, "/inner"));
    CASE("unlink of a mount point", nfs_unlink(nfs, "/inner"));
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
    snprintf(path, sizeof(path), "%s/%s-file", outer_dir, mine);
    write_local_file(path, 0644, "content", 7);
    nfs = mount_dir(inner, 0, 0);
    full_of_data();
    full_of_files();
    nfs_destroy_context(nfs);
    nfs = mount_dir(outer_dir, 0, 0);
    across();
    nfs_destroy_context(nfs);
    return 0;
}
