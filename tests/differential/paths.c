/* Each function that takes a path, in both its forms, on each kind of path, as root, as another user and on a
 * read-only export: each in a tree of its own. The two forms must agree; what they say is printed once. With $BRIEF
 * set, as root only. */
#include "async.h"

static struct timeval times[2] = {{1000000000, 0}, {1100000000, 0}};
static struct utimbuf whole_times = {1000000000, 1100000000};

/* ---- The functions ----------------------------------------------------------------------------------------- */

/* `function` takes the context, a path and these arguments. */
#define PLAIN(function, ...)                                                                      \
    static int function##_later(const char *path, struct call *call)                             \
    {                                                                                             \
        return nfs_##function##_async(nfs, path, ##__VA_ARGS__, came, call);                      \
    }                                                                                             \
                                                                                                  \
    static int function##_now(const char *path, struct call *call)                               \
    {                                                                                             \
        (void)call;                                                                               \
        return nfs_##function(nfs, path, ##__VA_ARGS__);                                          \
    }

/* Its synchronous form stores a result of a type as well; `name` tells variants of a function apart. */
#define GIVING(name, function, type, value, ...)                                                  \
    static int name##_later(const char *path, struct call *call)                                 \
    {                                                                                             \
        return nfs_##function##_async(nfs, path, ##__VA_ARGS__, came, call);                      \
    }                                                                                             \
                                                                                                  \
    static int name##_now(const char *path, struct call *call)                                   \
    {                                                                                             \
        type value_ = {0};                                                                        \
        int ret = nfs_##function(nfs, path, ##__VA_ARGS__, &value_);                              \
                                                                                                  \
        if (ret >= 0)                                                                             \
            describe(call, value value_);                                                         \
        return ret;                                                                               \
    }

#define POINTER (const void *)
#define ADDRESS &

PLAIN(truncate, 3)
PLAIN(mkdir)
PLAIN(mkdir2, 0751)
PLAIN(rmdir)
PLAIN(mknod, S_IFIFO | 0640, 0)
PLAIN(unlink)
PLAIN(chdir)
PLAIN(chmod, 0751)
PLAIN(lchmod, 0751)
PLAIN(chown, 1, 2)
PLAIN(lchown, 1, 2)
PLAIN(utimes, times)
PLAIN(lutimes, times)
PLAIN(utime, &whole_times)
PLAIN(access, R_OK | W_OK)
PLAIN(access2)
GIVING(stat, stat, struct stat, ADDRESS)
GIVING(stat64, stat64, struct nfs_stat_64, ADDRESS)
GIVING(lstat64, lstat64, struct nfs_stat_64, ADDRESS)
GIVING(statvfs, statvfs, struct statvfs, ADDRESS)
GIVING(statvfs64, statvfs64, struct nfs_statvfs_64, ADDRESS)
GIVING(opendir, opendir, struct nfsdir *, POINTER)
GIVING(open, open, struct nfsfh *, POINTER, O_RDONLY)
GIVING(open_rdwr, open, struct nfsfh *, POINTER, O_RDWR)
GIVING(open_trunc, open, struct nfsfh *, POINTER, O_WRONLY | O_TRUNC)
GIVING(open2, open2, struct nfsfh *, POINTER, O_RDWR | O_CREAT | O_EXCL, 0640)
GIVING(creat, creat, struct nfsfh *, POINTER, 0640)
GIVING(create, create, struct nfsfh *, POINTER, O_EXCL, 0640)

static int readlink_later(const char *path, struct call *call)
{
    return nfs_readlink_async(nfs, path, came, call);
}

static int readlink_now(const char *path, struct call *call)
{
    char target[5000];
    int ret = nfs_readlink(nfs, path, target, sizeof(target));

    if (ret >= 0)
        describe(call, target);
    return ret;
}

/* The path is the second one, or the first; the other one is of the same tree. */
static char other[100];

#define SECOND(name, function, first)                                                             \
    static int name##_later(const char *path, struct call *call)                                 \
    {                                                                                             \
        return nfs_##function##_async(nfs, first, path, came, call);                              \
    }                                                                                             \
                                                                                                  \
    static int name##_now(const char *path, struct call *call)                                   \
    {                                                                                             \
        (void)call;                                                                               \
        return nfs_##function(nfs, first, path);                                                  \
    }

#define FIRST(name, function, second)                                                             \
    static int name##_later(const char *path, struct call *call)                                 \
    {                                                                                             \
        return nfs_##function##_async(nfs, path, second, came, call);                             \
    }                                                                                             \
                                                                                                  \
    static int name##_now(const char *path, struct call *call)                                   \
    {                                                                                             \
        (void)call;                                                                               \
        return nfs_##function(nfs, path, second);                                                 \
    }

SECOND(symlink, symlink, "target")
SECOND(rename_to, rename, other)
SECOND(link_to, link, other)
FIRST(rename, rename, other)
FIRST(link, link, other)

static const struct function {
    const char *name;
    enum data kind;
    int (*later)(const char *path, struct call *call);
    int (*now)(const char *path, struct call *call);
} functions[] = {
#define ENTRY(name, kind) {#name, kind, name##_later, name##_now}
    ENTRY(stat, STAT),           ENTRY(stat64, STAT64),     ENTRY(lstat64, STAT64),   ENTRY(open, HANDLE),
    ENTRY(open_rdwr, HANDLE),    ENTRY(open_trunc, HANDLE), ENTRY(open2, HANDLE),     ENTRY(creat, HANDLE),
    ENTRY(create, HANDLE),       ENTRY(truncate, NOTHING),  ENTRY(mkdir, NOTHING),    ENTRY(mkdir2, NOTHING),
    ENTRY(rmdir, NOTHING),       ENTRY(mknod, NOTHING),     ENTRY(unlink, NOTHING),   ENTRY(opendir, DIRECTORY),
    ENTRY(chdir, NOTHING),       ENTRY(statvfs, STATVFS),   ENTRY(statvfs64, STATVFS64), ENTRY(readlink, TARGET),
    ENTRY(chmod, NOTHING),       ENTRY(lchmod, NOTHING),    ENTRY(chown, NOTHING),    ENTRY(lchown, NOTHING),
    ENTRY(utimes, NOTHING),      ENTRY(lutimes, NOTHING),   ENTRY(utime, NOTHING),    ENTRY(access, NOTHING),
    ENTRY(access2, NOTHING),     ENTRY(symlink, NOTHING),   ENTRY(rename, NOTHING),   ENTRY(rename_to, NOTHING),
    ENTRY(link, NOTHING),        ENTRY(link_to, NOTHING),
};

/* ---- The trees --------------------------------------------------------------------------------------------- */

/* What the paths below are relative to: a tree, or its path on the export. */
static char tree[PATH_MAX];

static const char *in_tree(const char *name)
{
    static char buffers[2][PATH_MAX + 100];
    static int next;
    char *buffer = buffers[next++ % 2];

    snprintf(buffer, sizeof(buffers[0]), "%s/%s", tree, name);
    return buffer;
}

static void file(const char *name, int mode)
{
    write_local_file(in_tree(name), mode, "0123456789", 10);
}

static void directory(const char *name, int mode)
{
    must(mkdir(in_tree(name), 0700) == 0 && chmod(in_tree(name), mode) == 0, "mkdir", in_tree(name));
}

static void link_in_tree(const char *target, const char *name)
{
    must(symlink(target, in_tree(name)) == 0, "symlink", in_tree(name));
}

static void plant(const char *export_of_tree, const char *name)
{
    snprintf(tree, sizeof(tree), "%s%s", export_of_tree, name);
    directory("", 0755);
    file("file", 0644);
    file("other", 0644);
    file("mine", 0644);
    must(chown(in_tree("mine"), 1000, 1000) == 0, "chown", tree);
    directory("dir", 0755);
    file("dir/inner", 0666);
    directory("empty", 0755);
    directory("open", 0777);
    file("open/inner", 0644);
    directory("private", 0700);
    file("private/inner", 0666);
    link_in_tree("file", "link");
    link_in_tree("dir", "dirlink");
    link_in_tree("nowhere", "broken");
    link_in_tree("loop", "loop");
    must(mkfifo(in_tree("fifo"), 0644) == 0, "mkfifo", tree);
}

static const char *const names[] = {
    "file",      "dir",      "empty",     "link",          "dirlink",       "broken",      "loop",
    "loop/x",    "fifo",     "new",       "missing/x",     "file/x",        "mine",        "dir/inner",
    "dir/new",   "broken/x", "open/new",  "dirlink/inner", "private/inner", "private/new", "open/inner",
    "./new2",    "dir/../file",
};

/* The tree as it is now, without what cannot be compared. */
static const char *describe_tree(const char *root, const char *name)
{
    static const char *const shown[] = {"file", "mine", "dir", "empty", "open", "new", "dir/inner", "open/inner",
                                        "open/new", "nowhere", "other", "fifo"};
    static char buffers[2][1000];
    static int next;
    char *buffer = buffers[next++ % 2], *out = buffer;
    size_t i;

    snprintf(tree, sizeof(tree), "%s%s", root, name);
    for (i = 0; i < COUNT(shown); i++) {
        struct stat st;

        if (lstat(in_tree(shown[i]), &st) != 0)
            out += sprintf(out, " %s=%s", shown[i], strerrorname_np(errno));
        else
            out += sprintf(out, " %s=%o/%u/%u/%lld%s", shown[i], st.st_mode, st.st_uid, st.st_gid,
                           S_ISREG(st.st_mode) ? (long long)st.st_size : 0,
                           st.st_mtim.tv_sec == 1100000000 ? "/set" : "");
    }
    return buffer + 1;
}

/* ---- The cases --------------------------------------------------------------------------------------------- */

/* Both forms on equal paths, and what they say. */
static void both(const char *label, const struct function *function, const char *later_path, const char *later_other,
                 const char *now_path, const char *now_other)
{
    struct call later = {.kind = function->kind}, now = {.kind = function->kind};

    snprintf(other, sizeof(other), "%s", later_other);
    finish(&later, function->later(later_path, &later));
    snprintf(other, sizeof(other), "%s", now_other);
    now.status = function->now(now_path, &now);
    printf("%s: %s%s\n", label, outcome(later.status), later.text);
    if (now.status != later.status || (now.status >= 0 && strcmp(now.text, later.text) != 0))
        printf("%s synchronously: %s%s\n", label, outcome(now.status), now.text);
    if (function->later == chdir_later && later.status == 0)
        nfs_chdir(nfs, "/");
    discard(&later);
    discard(&now);
}

/* What libnfs does in another way, whoever asks and in both forms, is in chdir.c and open.c; here it is left out. */
static int told_elsewhere(const char *function, const char *name)
{
    static const char *const directories[] = {"dir", "empty", "dirlink"};
    int is_directory = 0;
    size_t i;

    for (i = 0; i < COUNT(directories); i++)
        is_directory |= strcmp(name, directories[i]) == 0;
    if (strcmp(function, "chdir") == 0)
        return !is_directory && strcmp(name, "file") != 0 && strstr(name, "/x") == NULL && strstr(name, "new") == NULL;
    if (strcmp(function, "open_rdwr") == 0 || strcmp(function, "open_trunc") == 0)
        return is_directory;
    /* What it makes is made; what exists is opened. */
    return strcmp(function, "creat") == 0 && strstr(name, "new") == NULL && strstr(name, "missing") == NULL
           && strstr(name, "broken") == NULL;
}

/* A function on the paths of two trees, ROOT/WHO-FUNCTION-later and -now. */
static void each_path(const char *root, const char *who, const struct function *function)
{
    char later[80], now[80], later_path[200], now_path[200], later_other[100], now_other[100], label[200];
    const char *after_later, *after_now;
    size_t i;

    snprintf(later, sizeof(later), "/%s-%s-later", who, function->name);
    snprintf(now, sizeof(now), "/%s-%s-now", who, function->name);
    for (i = 0; i < COUNT(names); i++) {
        if (told_elsewhere(function->name, names[i]))
            continue;
        snprintf(later_path, sizeof(later_path), "%s/%s", later, names[i]);
        snprintf(now_path, sizeof(now_path), "%s/%s", now, names[i]);
        /* What is renamed or linked elsewhere goes to names of its own; what others go to exists. */
        if (strstr(function->name, "_to")) {
            snprintf(later_other, sizeof(later_other), "%s/other", later);
            snprintf(now_other, sizeof(now_other), "%s/other", now);
        } else {
            snprintf(later_other, sizeof(later_other), "%s/open/other-%zu", later, i);
            snprintf(now_other, sizeof(now_other), "%s/open/other-%zu", now, i);
        }
        snprintf(label, sizeof(label), "%s %s %s", who, function->name, names[i]);
        both(label, function, later_path, later_other, now_path, now_other);
    }
    after_later = describe_tree(root, later);
    after_now = describe_tree(root, now);
    printf("after %s %s: %s\n", who, function->name, after_later);
    if (strcmp(after_later, after_now) != 0)
        printf("after %s %s synchronously: %s\n", who, function->name, after_now);
}

/* Paths that are in no tree. */
static void odd_paths(const struct function *function)
{
    const char *const odd[] = {"", ".", "/", name256, long_missing};
    char label[200];
    size_t i;

    for (i = 0; i < COUNT(odd); i++) {
        int is_root = i < 3;

        if (is_root && (strncmp(function->name, "open_", 5) == 0 || strcmp(function->name, "creat") == 0))
            continue;
        snprintf(label, sizeof(label), "odd %s", function->name);
        both(labelled(label, odd[i]), function, odd[i], "/other", odd[i], "/other");
    }
    /* How a path that climbs out of the export is refused does not depend on the function. */
    if (strcmp(function->name, "stat64") == 0 || strcmp(function->name, "mkdir") == 0)
        both(labelled(function->name, "/../x"), function, "/../x", "", "/../x", "");
}

static void plant_all(const char *root, const char *who)
{
    char name[80];
    size_t i;

    for (i = 0; i < COUNT(functions); i++) {
        snprintf(name, sizeof(name), "/%s-%s-later", who, functions[i].name);
        plant(root, name);
        snprintf(name, sizeof(name), "/%s-%s-now", who, functions[i].name);
        plant(root, name);
    }
}

static void all(const char *root, const char *who)
{
    size_t i;

    for (i = 0; i < COUNT(functions); i++)
        each_path(root, who, &functions[i]);
}

int main(int argc, char **argv)
{
    size_t i;

    start(argc, argv);
    alarm(140);
    must(chmod(export_dir, 0755) == 0, "chmod", "/");
    plant_all(export_dir, "root");
    if (getenv("BRIEF") == NULL) {
        plant_all(export_dir, "user");
        plant_all(readonly_dir, "read-only");
        nfs = mount_user();
        all(export_dir, "user");
        nfs_destroy_context(nfs);
        nfs = mount_dir(readonly_dir, 0, 0);
        all(readonly_dir, "read-only");
        nfs_destroy_context(nfs);
    }
    mount_export();
    all(export_dir, "root");
    for (i = 0; i < COUNT(functions); i++)
        odd_paths(&functions[i]);
    nfs_destroy_context(nfs);
    return 0;
}
