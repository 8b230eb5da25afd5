/* nfs_open, nfs_open2, nfs_creat, nfs_create, nfs_close, nfs_umask. */
#include "common.h"

static const struct {
    const char *name;
    int flags;
} flag_sets[] = {
    {"O_RDONLY", O_RDONLY},
    {"O_WRONLY", O_WRONLY},
    {"O_RDWR", O_RDWR},
    {"O_ACCMODE", O_ACCMODE},
    {"O_RDONLY|O_TRUNC", O_RDONLY | O_TRUNC},
    {"O_WRONLY|O_TRUNC", O_WRONLY | O_TRUNC},
    {"O_WRONLY|O_APPEND", O_WRONLY | O_APPEND},
    {"O_RDONLY|O_APPEND", O_RDONLY | O_APPEND},
    {"O_WRONLY|O_EXCL", O_WRONLY | O_EXCL},
    {"O_RDWR|O_SYNC", O_RDWR | O_SYNC},
    {"O_RDONLY|O_NOFOLLOW", O_RDONLY | O_NOFOLLOW},
    {"O_RDONLY|O_DIRECTORY", O_RDONLY | O_DIRECTORY},
    {"O_RDONLY|O_CREAT", O_RDONLY | O_CREAT},
    {"O_WRONLY|O_CREAT", O_WRONLY | O_CREAT},
    {"O_RDWR|O_CREAT", O_RDWR | O_CREAT},
    {"O_RDONLY|O_CREAT|O_TRUNC", O_RDONLY | O_CREAT | O_TRUNC},
    {"O_RDWR|O_CREAT|O_TRUNC", O_RDWR | O_CREAT | O_TRUNC},
    {"O_WRONLY|O_CREAT|O_TRUNC|O_APPEND", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND},
    {"O_WRONLY|O_CREAT|O_NOFOLLOW", O_WRONLY | O_CREAT | O_NOFOLLOW},
    {"O_RDWR|O_CREAT|O_EXCL", O_RDWR | O_CREAT | O_EXCL},
    {"O_RDONLY|O_NONBLOCK", O_RDONLY | O_NONBLOCK},
    {"O_RDONLY|O_CLOEXEC", O_RDONLY | O_CLOEXEC},
};

#define SETS COUNT(flag_sets)

/* The tree is made once for each set of flags, since opening changes it. */
static const char *const targets[] = {
    "file", "dir", "new", "link", "broken", "dirlink", "loop", "file/x", "dir/new", "missing/new", "file/", "new/", "fifo",
};

static const char *in_set(size_t set, const char *path)
{
    static char buffers[4][100];
    static int next;
    char *buffer = buffers[next++ % 4];

    snprintf(buffer, sizeof(buffers[0]), "/%zu/%s", set, path);
    return buffer;
}

static void setup(void)
{
    char directory[20];
    size_t set;

    for (set = 0; set < SETS; set++) {
        snprintf(directory, sizeof(directory), "/%zu", set);
        make_dir(directory, 0755);
        make_file(in_set(set, "file"), 0644, "content");
        make_dir(in_set(set, "dir"), 0755);
        make_symlink("file", in_set(set, "link"));
        make_symlink("born", in_set(set, "broken"));
        make_symlink("dir", in_set(set, "dirlink"));
        make_symlink("loop", in_set(set, "loop"));
        make_node(in_set(set, "fifo"), S_IFIFO | 0644, 0);
    }
    make_dir("/private", 0700);
    make_file("/private/file", 0666, "secret");
    make_file("/readable", 0644, "content");
    make_file("/writable", 0602, "content");
    make_file("/nothing", 0600, "content");
    make_dir("/shared", 0777);
    make_file("/existing", 0644, "content");
    make_file("/existing2", 0644, "content");
    make_symlink("existing", "/existing-link");
    make_dir("/group", 02777);
    own("/group", 0, 555);
    make_file("/removed", 0644, "content");
}

static void flags_on_targets(void)
{
    char label[200], after[230];
    size_t set, i;

    for (set = 0; set < SETS; set++) {
        for (i = 0; i < COUNT(targets); i++) {
            struct nfsfh *fh = NULL;
            const char *path = in_set(set, targets[i]);
            int ret = nfs_open(nfs, path, flag_sets[set].flags, &fh);

            snprintf(label, sizeof(label), "open %s %s", flag_sets[set].name, targets[i]);
            printf("%s: %s handle %s\n", label, outcome(ret), fh ? "set" : "NULL");
            if (fh)
                nfs_close(nfs, fh);
        }
        snprintf(after, sizeof(after), "after %s", flag_sets[set].name);
        show_local(labelled(after, "file"), in_set(set, "file"));
        show_local(labelled(after, "new"), in_set(set, "new"));
        show_local(labelled(after, "born"), in_set(set, "born"));
        show_local(labelled(after, "dir/new"), in_set(set, "dir/new"));
        show_local(labelled(after, "loop"), in_set(set, "loop"));
    }
}

static void try_open2(const char *path, int flags, int mode)
{
    struct nfsfh *fh = NULL;
    char label[200];
    int ret = nfs_open2(nfs, path, flags, mode, &fh);

    snprintf(label, sizeof(label), "open2 mode %o", mode);
    printf("%s: %s\n", labelled(label, path), outcome(ret));
    if (fh)
        nfs_close(nfs, fh);
    snprintf(label, sizeof(label), "after open2 mode %o", mode);
    show_local(labelled(label, path), path);
}

static void modes(void)
{
    static const int modes[] = {0, 0400, 0600, 0644, 0666, 0777, 04755, 02755, 06777, 01777, 0100644, 040755};
    struct nfsfh *fh;
    char path[40], label[60];
    size_t i;
    int mask, ret;

    for (mask = 0; mask < 3; mask++) {
        static const int masks[] = {022, 0, 0777};
        int before = nfs_umask(nfs, masks[mask]);

        printf("umask %03o: before %03o\n", masks[mask], before);
        for (i = 0; i < COUNT(modes); i++) {
            snprintf(path, sizeof(path), "/open2-%03o-%o", masks[mask], modes[i]);
            try_open2(path, O_RDWR | O_CREAT, modes[i]);
            snprintf(path, sizeof(path), "/creat-%03o-%o", masks[mask], modes[i]);
            fh = NULL;
            ret = nfs_creat(nfs, path, modes[i], &fh);
            printf("%s: %s handle %s\n", labelled("creat", path), outcome(ret), fh ? "set" : "NULL");
            if (fh)
                nfs_close(nfs, fh);
            show_local(labelled("after creat", path), path);
        }
        snprintf(path, sizeof(path), "/open-%03o", masks[mask]);
        snprintf(label, sizeof(label), "open default mode umask %03o", masks[mask]);
        fh = NULL;
        CASE(label, nfs_open(nfs, path, O_RDWR | O_CREAT, &fh));
        if (fh)
            nfs_close(nfs, fh);
        show_local(labelled("after open", path), path);
    }
    printf("umask last: before %03o\n", nfs_umask(nfs, 022));
    try_open2("/existing2", O_RDWR | O_CREAT, 0600);
    try_open2("/existing2", O_RDWR | O_CREAT | O_EXCL, 0600);
    try_open2("/existing2", O_RDONLY, 0600);
}

static void creat_and_create(void)
{
    static const char *const paths[] = {
        "/existing", "/existing-link", "/0/dir", "/missing/new", "/existing/new", "/fresh", "/fresh", "/", "", ".",
        "..",        "/fresh/",        name256,  long_missing,
    };
    struct nfsfh *fh;
    size_t i;
    int ret;

    for (i = 0; i < COUNT(paths); i++) {
        fh = NULL;
        ret = nfs_creat(nfs, paths[i], 0640, &fh);
        printf("%s: %s handle %s\n", labelled(i == 6 ? "creat again" : "creat", paths[i]), outcome(ret),
               fh ? "set" : "NULL");
        if (fh) {
            CASE(labelled(i == 6 ? "write after creat again" : "write after creat", paths[i]),
                 nfs_write(nfs, fh, 3, "abc"));
            nfs_close(nfs, fh);
        }
    }
    show_local("after creat existing", "/existing");
    show_local("after creat fresh", "/fresh");

    fh = NULL;
    CASE("create O_EXCL new", nfs_create(nfs, "/created", O_RDWR | O_EXCL, 0640, &fh));
    if (fh) {
        CASE("create O_EXCL new write", nfs_write(nfs, fh, 3, "abc"));
        nfs_close(nfs, fh);
    }
    show_local("after create O_EXCL new", "/created");
    fh = NULL;
    CASE("create O_EXCL existing", nfs_create(nfs, "/created", O_RDWR | O_EXCL, 0640, &fh));
    fh = NULL;
    CASE("create 0 existing", nfs_create(nfs, "/created", 0, 0600, &fh));
    if (fh) {
        char byte;

        CASE("create 0 existing write", nfs_write(nfs, fh, 3, "xyz"));
        CASE("create 0 existing read", nfs_pread(nfs, fh, 0, 1, &byte));
        nfs_close(nfs, fh);
    }
    show_local("after create 0 existing", "/created");
    fh = NULL;
    CASE("create O_TRUNC existing", nfs_create(nfs, "/created", O_WRONLY | O_TRUNC, 0600, &fh));
    if (fh)
        nfs_close(nfs, fh);
    show_local("after create O_TRUNC existing", "/created");
    fh = NULL;
    CASE("create 0 new", nfs_create(nfs, "/created2", 0, 0666, &fh));
    if (fh) {
        char byte;

        CASE("create 0 new write", nfs_write(nfs, fh, 3, "xyz"));
        CASE("create 0 new read", nfs_pread(nfs, fh, 0, 1, &byte));
        nfs_close(nfs, fh);
    }
    show_local("after create 0 new", "/created2");
    fh = NULL;
    CASE("create O_APPEND new", nfs_create(nfs, "/created3", O_WRONLY | O_APPEND, 0666, &fh));
    if (fh)
        nfs_close(nfs, fh);
    show_local("after create O_APPEND new", "/created3");
}

static void odd_paths(void)
{
    static const char *const paths[] = {
        "/", "", ".", "..", "/..", "//0//file", "0/file", "./0/file", "/0/../0/file", "/0/file/.", name255, name256,
        long_dots, long_missing,
    };
    struct nfsfh *fh;
    size_t i;

    for (i = 0; i < COUNT(paths); i++) {
        fh = NULL;
        CASE(labelled("open O_RDONLY", paths[i]), nfs_open(nfs, paths[i], O_RDONLY, &fh));
        if (fh)
            nfs_close(nfs, fh);
    }
    fh = NULL;
    CASE(labelled("open O_CREAT", name255), nfs_open(nfs, name255, O_RDWR | O_CREAT, &fh));
    if (fh)
        nfs_close(nfs, fh);
    show_local(labelled("after open O_CREAT", name255), name255);
    CASE(labelled("open O_CREAT", name256), nfs_open(nfs, name256, O_RDWR | O_CREAT, &fh));
    fh = NULL;
    CASE("open O_CREAT \\ff\\80", nfs_open(nfs, "/\xff\x80", O_RDWR | O_CREAT, &fh));
    if (fh)
        nfs_close(nfs, fh);
    show_local("after open O_CREAT \\ff\\80", "/\xff\x80");
}

static void as_user(void)
{
    static const char *const paths[] = {"/private/file", "/private/new", "/readable", "/writable", "/nothing",
                                        "/new-of-user", "/shared/new"};
    static const int flags[] = {O_RDONLY, O_WRONLY, O_RDWR, O_WRONLY | O_TRUNC, O_WRONLY | O_CREAT};
    struct nfs_context *root = nfs;
    struct nfsfh *fh;
    char label[60];
    size_t i, j;

    nfs = mount_user();
    for (i = 0; i < COUNT(paths); i++)
        for (j = 0; j < COUNT(flags); j++) {
            fh = NULL;
            snprintf(label, sizeof(label), "user open %#o", flags[j]);
            CASE(labelled(label, paths[i]), nfs_open(nfs, paths[i], flags[j], &fh));
            if (fh)
                nfs_close(nfs, fh);
        }
    show_local("after user open", "/shared/new");
    fh = NULL;
    CASE("user creat in setgid directory", nfs_creat(nfs, "/group/new", 0644, &fh));
    if (fh)
        nfs_close(nfs, fh);
    show_local("after user creat in setgid directory", "/group/new");
    CASE("user creat denied", nfs_creat(nfs, "/new-of-user", 0644, &fh));
    /* The mode of a new file does not bind the handle that made it. */
    fh = NULL;
    CASE("user open2 mode 0", nfs_open2(nfs, "/shared/zero", O_RDWR | O_CREAT, 0, &fh));
    if (fh) {
        CASE("user write to mode 0", nfs_write(nfs, fh, 3, "abc"));
        CASE("user close of mode 0", nfs_close(nfs, fh));
    }
    fh = NULL;
    CASE("user open of mode 0", nfs_open(nfs, "/shared/zero", O_RDONLY, &fh));
    nfs_destroy_context(nfs);
    nfs = root;
}

static void on_read_only(void)
{
    struct nfs_context *rw = nfs;
    struct nfsfh *fh = NULL;
    char byte;

    nfs = mount_dir(readonly_dir, 0, 0);
    CASE("read-only open O_RDONLY", nfs_open(nfs, "/file", O_RDONLY, &fh));
    if (fh) {
        CASE("read-only read", nfs_read(nfs, fh, 1, &byte));
        CASE("read-only write", nfs_write(nfs, fh, 1, "x"));
        CASE("read-only close", nfs_close(nfs, fh));
    }
    fh = NULL;
    CASE("read-only open O_WRONLY", nfs_open(nfs, "/file", O_WRONLY, &fh));
    fh = NULL;
    CASE("read-only open O_RDWR", nfs_open(nfs, "/file", O_RDWR, &fh));
    fh = NULL;
    CASE("read-only open O_CREAT", nfs_open(nfs, "/new", O_WRONLY | O_CREAT, &fh));
    fh = NULL;
    CASE("read-only open O_RDONLY|O_CREAT existing", nfs_open(nfs, "/file", O_RDONLY | O_CREAT, &fh));
    fh = NULL;
    CASE("read-only open O_TRUNC", nfs_open(nfs, "/file", O_WRONLY | O_TRUNC, &fh));
    fh = NULL;
    CASE("read-only creat", nfs_creat(nfs, "/new", 0644, &fh));
    CASE("read-only creat existing", nfs_creat(nfs, "/file", 0644, &fh));
    CASE("read-only open O_WRONLY|O_CREAT existing", nfs_open(nfs, "/file", O_WRONLY | O_CREAT, &fh));
    CASE("read-only open O_RDWR|O_CREAT|O_TRUNC existing", nfs_open(nfs, "/file", O_RDWR | O_CREAT | O_TRUNC, &fh));
    nfs_destroy_context(nfs);
    nfs = rw;
}

static void removed(void)
{
    struct nfsfh *fh = opened("/removed", O_RDWR);
    char byte;

    CASE("removed unlink", nfs_unlink(nfs, "/removed"));
    CASE("removed read", nfs_read(nfs, fh, 1, &byte));
    CASE("removed write", nfs_write(nfs, fh, 1, "x"));
    CASE("removed close", nfs_close(nfs, fh));
}

int main(int argc, char **argv)
{
    char path[PATH_MAX];

    start(argc, argv);
    setup();
    snprintf(path, sizeof(path), "%s/file", readonly_dir);
    write_local_file(path, 0666, "content", 7);
    mount_export();
    flags_on_targets();
    modes();
    creat_and_create();
    odd_paths();
    as_user();
    on_read_only();
    removed();
    nfs_destroy_context(nfs);
    return 0;
}
