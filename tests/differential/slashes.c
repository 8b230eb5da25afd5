/* Paths that end in a slash, in "." or in "..", and those with ".." behind what is no directory: each with each
 * function, in a tree of its own. A line tells the result, and what it did to the tree. */
#include "common.h"

static struct nfsfh *fh;
static char other[PATH_MAX + 100];

#define CALL(name, call)                                                                          \
    static int name##_on(const char *path)                                                        \
    {                                                                                             \
        return call;                                                                              \
    }

static int closed(int ret)
{
    if (ret == 0)
        nfs_close(nfs, fh);
    fh = NULL;
    return ret;
}

static struct nfs_stat_64 st;

static int kind(int ret)
{
    if (ret == 0)
        printf("%s ", kind_of(st.nfs_mode));
    return ret;
}

static int listed(const char *path)
{
    struct nfsdir *dir = NULL;
    int ret = nfs_opendir(nfs, path, &dir);

    if (ret == 0)
        nfs_closedir(nfs, dir);
    return ret;
}

static int target(const char *path)
{
    char buffer[100];
    int ret = nfs_readlink(nfs, path, buffer, sizeof(buffer));

    if (ret == 0)
        printf("%s ", buffer);
    return ret;
}

CALL(stat64, kind(nfs_stat64(nfs, path, &st)))
CALL(lstat64, kind(nfs_lstat64(nfs, path, &st)))
CALL(readlink, target(path))
CALL(opendir, listed(path))
CALL(open, closed(nfs_open(nfs, path, O_RDONLY, &fh)))
CALL(open_creat, closed(nfs_open(nfs, path, O_RDWR | O_CREAT, &fh)))
CALL(open_excl, closed(nfs_open(nfs, path, O_RDWR | O_CREAT | O_EXCL, &fh)))
CALL(chmod, nfs_chmod(nfs, path, 0751))
CALL(mkdir, nfs_mkdir(nfs, path))
CALL(symlink, nfs_symlink(nfs, "target", path))
CALL(rmdir, nfs_rmdir(nfs, path))
CALL(unlink, nfs_unlink(nfs, path))
CALL(link, nfs_link(nfs, path, other))
CALL(rename, nfs_rename(nfs, path, other))
CALL(rename_file_to, nfs_rename(nfs, other, path))
CALL(rename_dir_to, nfs_rename(nfs, other, path))

static const struct function {
    const char *name;
    int (*call)(const char *path);
    const char *other;
} functions[] = {
#define ENTRY(name, other) {#name, name##_on, other}
    ENTRY(stat64, ""), ENTRY(lstat64, ""), ENTRY(opendir, ""), ENTRY(readlink, ""),
    ENTRY(open, ""), ENTRY(open_creat, ""), ENTRY(open_excl, ""), ENTRY(chmod, ""),
    ENTRY(mkdir, ""), ENTRY(symlink, ""), ENTRY(rmdir, ""), ENTRY(unlink, ""),
    ENTRY(link, "moved"), ENTRY(rename, "moved"), ENTRY(rename_file_to, "other"), ENTRY(rename_dir_to, "source"),
};

static const char *const paths[] = {
    "file/", "file/.",   "file/..",    "file/../dir", "dir/",  "dir/.",  "dir/..",  "dir/../file", "empty/",
    "link/", "dirlink/", "dirlink/..", "broken/",     "new/",  "new//",  "new/.",   "new/..",
};

static char tree[PATH_MAX];

static const char *in_tree(const char *name)
{
    static char buffers[4][PATH_MAX + 100];
    static int next;
    char *buffer = buffers[next++ % 4];

    snprintf(buffer, sizeof(buffers[0]), "%s/%s", tree, name);
    return buffer;
}

static void plant(void)
{
    make_dir(tree, 0755);
    make_dir(in_tree("dir"), 0755);
    make_dir(in_tree("dir/deep"), 0755);
    make_dir(in_tree("empty"), 0755);
    make_dir(in_tree("source"), 0755);
    make_file(in_tree("file"), 0644, "0123456789");
    make_file(in_tree("other"), 0644, "other");
    make_symlink("file", in_tree("link"));
    make_symlink("empty", in_tree("dirlink"));
    make_symlink("dir/deep", in_tree("deeplink"));
    make_symlink("nowhere", in_tree("broken"));
    make_symlink("loop", in_tree("loop"));
    must(mkfifo(local(in_tree("fifo")), 0644) == 0, "mkfifo", tree);
}

/* What is not as it was planted. */
static void show_changes(void)
{
    static const struct {
        const char *name, *as;
    } planted[] = {
        {"dir", "40755/0"},    {"dir/deep", "40755/0"}, {"dir/new", ""},      {"empty", "40755/0"},
        {"source", "40755/0"}, {"file", "100644/10"},   {"other", "100644/5"}, {"link", "120777/0"},
        {"dirlink", "120777/0"}, {"deeplink", "120777/0"}, {"broken", "120777/0"}, {"loop", "120777/0"},
        {"fifo", "10644/0"},   {"new", ""},             {"nowhere", ""},      {"moved", ""},
        {"empty/source", ""},  {"empty/other", ""},
    };
    size_t i;

    for (i = 0; i < COUNT(planted); i++) {
        char as[100] = "";
        struct stat is;

        if (lstat(local(in_tree(planted[i].name)), &is) == 0) {
            snprintf(as, sizeof(as), "%o/%lld", is.st_mode, S_ISREG(is.st_mode) ? (long long)is.st_size : 0);
        }
        if (strcmp(as, planted[i].as) != 0)
            printf(", %s %s", planted[i].name, *as ? as : "gone");
    }
    printf("\n");
}

static void name_tree(size_t function, size_t path)
{
    snprintf(tree, sizeof(tree), "/%s-%02zu", functions[function].name, path);
}

int main(int argc, char **argv)
{
    size_t function, path, last = getenv("BRIEF") ? 8 : COUNT(paths);

    start(argc, argv);
    for (function = 0; function < COUNT(functions); function++)
        for (path = 0; path < last; path++) {
            name_tree(function, path);
            plant();
        }
    mount_export();
    for (function = 0; function < COUNT(functions); function++)
        for (path = 0; path < last; path++) {
            int ret;

            name_tree(function, path);
            snprintf(other, sizeof(other), "%s/%s", tree, functions[function].other);
            printf("%s %s: ", functions[function].name, paths[path]);
            ret = functions[function].call(in_tree(paths[path]));
            printf("%s", outcome(ret));
            show_changes();
        }
    nfs_destroy_context(nfs);
    return 0;
}
