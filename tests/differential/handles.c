/* The asynchronous functions of open files: what they give, and how they fail on removed files, for another user, on
 * a read-only export, on directories and out of range. */
#include "async.h"

static struct nfsfh *fh;

/* A path of a label's own. */
static const char *file_for(const char *label)
{
    static char path[100];

    snprintf(path, sizeof(path), "/%s", label);
    return path;
}

/* Everything that can be asked of an open file. */
static void every_call(const char *who)
{
    char label[100];

#define EACH(name, kind, ...)                                                 \
    do {                                                                      \
        snprintf(label, sizeof(label), "%s %s", who, #name);                  \
        ASYNC_CASE(label, kind, nfs_##name##_async, fh, ##__VA_ARGS__);       \
    } while (0)

    EACH(fstat, STAT);
    EACH(fstat64, STAT64);
    EACH(lseek, OFFSET, 2, SEEK_SET);
    EACH(read, BYTES, 3);
    EACH(pread, BYTES, 5, 100);
    EACH(lseek, OFFSET, -1, SEEK_END);
    EACH(write, NOTHING, 4, "wxyz");
    EACH(lseek, OFFSET, 0, SEEK_CUR);
    EACH(pwrite, NOTHING, 1, 2, "PW");
    EACH(fsync, NOTHING);
    EACH(ftruncate, NOTHING, 7);
    EACH(fchmod, NOTHING, 0640);
    EACH(fchown, NOTHING, 1, 2);
    EACH(close, NOTHING);
}

static void with_flags(void)
{
    static const struct {
        const char *name;
        int flags;
    } modes[] = {{"rdonly", O_RDONLY}, {"wronly", O_WRONLY}, {"rdwr", O_RDWR}, {"append", O_RDWR | O_APPEND},
                 {"sync", O_RDWR | O_SYNC}};
    char label[40];
    size_t i;

    for (i = 0; i < COUNT(modes); i++) {
        fh = opened(file_for(modes[i].name), modes[i].flags);
        every_call(modes[i].name);
        snprintf(label, sizeof(label), "after %s", modes[i].name);
        show_local(label, file_for(modes[i].name));
        show_local_content(label, file_for(modes[i].name));
    }
}

static void limits(void)
{
    static const int whences[] = {SEEK_SET, SEEK_CUR, SEEK_END};
    char label[60];
    size_t i;

    fh = opened("/limits", O_RDWR);
    for (i = 0; i < COUNT(whences); i++) {
        snprintf(label, sizeof(label), "lseek before the beginning from %d", whences[i]);
        ASYNC_CASE(label, OFFSET, nfs_lseek_async, fh, -100, whences[i]);
    }
    ASYNC_CASE("lseek 5 GiB", OFFSET, nfs_lseek_async, fh, INT64_C(5) << 30, SEEK_SET);
    ASYNC_CASE("read at 5 GiB", BYTES, nfs_read_async, fh, 3);
    ASYNC_CASE("write at 5 GiB", NOTHING, nfs_write_async, fh, 3, "far");
    ASYNC_CASE("pread at 5 GiB", BYTES, nfs_pread_async, fh, INT64_C(5) << 30, 10);
    ASYNC_CASE("ftruncate 2^63", NOTHING, nfs_ftruncate_async, fh, UINT64_C(1) << 63);
    ASYNC_CASE("pwrite at the largest offset", NOTHING, nfs_pwrite_async, fh, INT64_MAX, 1, "x");
    ASYNC_CASE("pread at the largest offset", BYTES, nfs_pread_async, fh, INT64_MAX, 1);
    ASYNC_CASE("ftruncate 4", NOTHING, nfs_ftruncate_async, fh, 4);
    ASYNC_CASE("fchmod of odd bits", NOTHING, nfs_fchmod_async, fh, 07777);
    ASYNC_CASE("fchown of nothing", NOTHING, nfs_fchown_async, fh, -1, -1);
    ASYNC_CASE("close limits", NOTHING, nfs_close_async, fh);
    show_local("after limits", "/limits");
}

static void of_a_directory(void)
{
    fh = opened("/dir", O_RDONLY);
    ASYNC_CASE("directory fstat64", STAT64, nfs_fstat64_async, fh);
    ASYNC_CASE("directory fchmod", NOTHING, nfs_fchmod_async, fh, 0711);
    ASYNC_CASE("directory fchown", NOTHING, nfs_fchown_async, fh, 3, 4);
    ASYNC_CASE("directory ftruncate", NOTHING, nfs_ftruncate_async, fh, 0);
    ASYNC_CASE("directory read", BYTES, nfs_read_async, fh, 10);
    ASYNC_CASE("directory pread", BYTES, nfs_pread_async, fh, 0, 10);
    ASYNC_CASE("directory close", NOTHING, nfs_close_async, fh);
    show_local("after directory", "/dir");
}

int main(int argc, char **argv)
{
    static const char *const files[] = {"rdonly", "wronly", "rdwr", "append", "sync", "limits", "removed", "foreign"};
    struct nfs_context *root;
    char path[PATH_MAX];
    size_t i;

    start(argc, argv);
    for (i = 0; i < COUNT(files); i++)
        make_file(file_for(files[i]), 0666, "0123456789");
    make_dir("/dir", 0755);
    snprintf(path, sizeof(path), "%s/file", readonly_dir);
    write_local_file(path, 0666, "0123456789", 10);
    mount_export();

    with_flags();
    limits();
    of_a_directory();
    fh = opened("/removed", O_RDWR);
    CASE("unlink", nfs_unlink(nfs, "/removed"));
    every_call("removed");

    root = nfs;
    nfs = mount_user();
    fh = opened("/foreign", O_RDWR);
    every_call("user");
    show_local("after user", "/foreign");
    nfs_destroy_context(nfs);
    nfs = mount_dir(readonly_dir, 0, 0);
    fh = opened("/file", O_RDONLY);
    every_call("read-only");
    nfs_destroy_context(nfs);
    nfs_destroy_context(root);
    return 0;
}
