/* Exports below the mounted one: $EXPORT_OUTER has another file system in its directory inner, and a directory of its own
 * file system in same; both are exports of their own. */
#include "async.h"

static const char *outer;

/* A local path of the outer export. */
static const char *outer_path(const char *path)
{
    static char buffers[4][PATH_MAX];
    static int next;
    char *buffer = buffers[next++ % 4];

    snprintf(buffer, sizeof(buffers[0]), "%s%s", outer, path);
    return buffer;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list(const char *path)
{
    char *lines[32];
    struct nfsdir *directory;
    struct nfsdirent *entry;
    int ret = nfs_opendir(nfs, path, &directory), count = 0, i;

    result(labelled("opendir", path), ret);
    if (ret != 0)
        return;
    while ((entry = nfs_readdir(nfs, directory)) != NULL && count < 32)
        if (entry->name[0] != '.' &&
            asprintf(&lines[count], "%s %s %o", entry->name, kind_of(entry->mode), entry->mode & 07777) > 0)
            count++;
    nfs_closedir(nfs, directory);
    qsort(lines, count, sizeof(lines[0]), by_name);
    for (i = 0; i < count; i++) {
        printf("  entry %s\n", lines[i]);
        free(lines[i]);
    }
}

static void try_path(const char *path)
{
    struct nfs_statvfs_64 svfs;
    struct nfs_stat_64 st = {0};
    int ret = nfs_stat64(nfs, path, &st);

    printf("%s: %s", labelled("stat64", path), outcome(ret));
    printf(ret ? "\n" : " %s %llo size=%llu\n", kind_of(st.nfs_mode), (unsigned long long)st.nfs_mode & 07777,
           S_ISREG(st.nfs_mode) ? (unsigned long long)st.nfs_size : 0);
    ASYNC_CASE(labelled("stat64_async", path), STAT64, nfs_stat64_async, path);
    ASYNC_CASE(labelled("open_async", path), HANDLE, nfs_open_async, path, O_RDONLY);
    CASE(labelled("access", path), nfs_access(nfs, path, R_OK));
    CASE(labelled("statvfs", path), nfs_statvfs64(nfs, path, &svfs));
}

/* A path in a directory. */
static const char *in(const char *directory, const char *name)
{
    static char buffers[4][100];
    static int next;
    char *buffer = buffers[next++ % 4];

    snprintf(buffer, sizeof(buffers[0]), "%s/%s", directory, name);
    return buffer;
}

static void change(const char *directory)
{
    const char *new = in(directory, "new"), *renamed = in(directory, "renamed");
    struct nfs_stat_64 st;
    struct nfsfh *fh = NULL;
    int ret = nfs_creat(nfs, new, 0644, &fh);

    CASE(labelled("creat in", directory), ret);
    if (fh) {
        CASE("write", nfs_write(nfs, fh, 3, "new"));
        nfs_close(nfs, fh);
    }
    CASE(labelled("rename in", directory), nfs_rename(nfs, new, renamed));
    CASE(labelled("mkdir in", directory), nfs_mkdir(nfs, in(directory, "made")));
    CASE(labelled("symlink in", directory), nfs_symlink(nfs, "renamed", in(directory, "link")));
    renamed = in(directory, "renamed");
    CASE(labelled("rename out of", directory), nfs_rename(nfs, renamed, "/renamed"));
    CASE(labelled("rename into", directory), nfs_rename(nfs, "/outside", in(directory, "outside")));
    renamed = in(directory, "renamed");
    CASE(labelled("link out of", directory), nfs_link(nfs, renamed, "/linked"));
    CASE(labelled("link into", directory), nfs_link(nfs, "/outside", in(directory, "outside")));
    CASE(labelled("link in", directory), nfs_link(nfs, in(directory, "renamed"), in(directory, "linked")));
    CASE(labelled("chmod in", directory), nfs_chmod(nfs, in(directory, "renamed"), 0600));
    list(directory);
    CASE(labelled("chdir", directory), nfs_chdir(nfs, directory));
    CASE(labelled("relative path in", directory), nfs_stat64(nfs, "link", &st));
    CASE("chdir back", nfs_chdir(nfs, "/"));
    CASE(labelled("unlink in", directory), nfs_unlink(nfs, in(directory, "renamed")));
    CASE(labelled("unlink in", directory), nfs_unlink(nfs, in(directory, "linked")));
    CASE(labelled("unlink in", directory), nfs_unlink(nfs, in(directory, "link")));
    CASE(labelled("rmdir in", directory), nfs_rmdir(nfs, in(directory, "made")));
}

int main(int argc, char **argv)
{
    static const char *const paths[] = {
        "/inner", "/inner/", "/inner/file", "/inner/deep/file", "/inner/../outside", "/inner/missing", "/same", "/same/file",
        "/same/../inner/file", "/inner/deep", "/outside", "/missing",
    };
    size_t i;

    start(argc, argv);
    outer = getenv("EXPORT_OUTER");
    if (outer == NULL)
        return 2;
    mkdir(outer_path("/inner/deep"), 0755);
    write_local_file(outer_path("/inner/file"), 0644, "inside", 6);
    write_local_file(outer_path("/inner/deep/file"), 0644, "deep", 4);
    write_local_file(outer_path("/same/file"), 0644, "same", 4);
    write_local_file(outer_path("/outside"), 0644, "outside\n", 8);
    nfs = mount_dir(outer, 0, 0);
    for (i = 0; i < COUNT(paths); i++)
        try_path(paths[i]);
    list("/");
    list("/inner");
    list("/same");
    change("/inner");
    change("/same");
    nfs_destroy_context(nfs);
    return 0;
}
