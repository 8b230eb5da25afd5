/* nfs_opendir, nfs_readdir, nfs_seekdir, nfs_telldir, nfs_rewinddir, nfs_closedir. Entries are sorted by name,
 * as their order is nobody's promise. */
#include "common.h"

struct entry {
    char *name;
    struct nfsdirent copy;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static struct entry *entries;
static size_t entry_count;

static int read_all(const char *path)
{
    struct nfsdir *dir = NULL;
    struct nfsdirent *entry;
    int ret = nfs_opendir(nfs, path, &dir);

    entry_count = 0;
    if (ret != 0)
        return ret;
    while ((entry = nfs_readdir(nfs, dir)) != NULL) {
        entries = realloc(entries, (entry_count + 1) * sizeof(*entries));
        entries[entry_count].name = strdup(entry->name);
        entries[entry_count++].copy = *entry;
    }
    nfs_closedir(nfs, dir);
    qsort(entries, entry_count, sizeof(*entries), by_name);
    return 0;
}

static void drop_all(void)
{
    while (entry_count > 0)
        free(entries[--entry_count].name);
}

static void show_entry(const char *operation, const char *directory, const struct entry *entry)
{
    const struct nfsdirent *e = &entry->copy;
    char path[1000];
    struct stat is;

    snprintf(path, sizeof(path), "%s/%s", directory, entry->name);
    must(lstat(local(path), &is) == 0, "lstat", path);
    printf("%s: type=%u mode=%06o nlink=%u uid=%u gid=%u rdev=%llx dev=%s blksize=%llu", labelled(operation, entry->name),
           e->type, e->mode, e->nlink, e->uid, e->gid, (unsigned long long)e->rdev, e->dev ? "set" : "0",
           (unsigned long long)e->blksize);
    if (strcmp(entry->name, "..") == 0) {
        printf("\n");
        return;
    }
    printf(" size=%llu", (unsigned long long)e->size);
    show_field("inode", e->inode, is.st_ino);
    show_field("blocks", e->blocks, is.st_blocks);
    show_field("used", e->used, is.st_blocks * UINT64_C(512));
    show_field("mtime", e->mtime.tv_sec, is.st_mtim.tv_sec);
    show_field("mtime_usec", e->mtime.tv_usec, is.st_mtim.tv_nsec / 1000);
    show_field("mtime_nsec", e->mtime_nsec, is.st_mtim.tv_nsec);
    show_field("ctime", e->ctime.tv_sec, is.st_ctim.tv_sec);
    show_field("ctime_usec", e->ctime.tv_usec, is.st_ctim.tv_nsec / 1000);
    show_field("ctime_nsec", e->ctime_nsec, is.st_ctim.tv_nsec);
    if (S_ISREG(is.st_mode)) {
        show_field("atime", e->atime.tv_sec, is.st_atim.tv_sec);
        show_field("atime_usec", e->atime.tv_usec, is.st_atim.tv_nsec / 1000);
        show_field("atime_nsec", e->atime_nsec, is.st_atim.tv_nsec);
    }
    printf("\n");
}

static void list(const char *operation, const char *path, const char *reached)
{
    size_t i;
    int ret = read_all(path);

    printf("%s: %s entries=%zu\n", labelled(operation, path), outcome(ret), entry_count);
    for (i = 0; ret == 0 && i < entry_count; i++)
        show_entry(labelled(operation, path), reached, &entries[i]);
    drop_all();
}

/* Without the times. */
static void list_modes(const char *operation, const char *path)
{
    int ret = read_all(path);
    size_t i;

    printf("%s: %s\n", labelled(operation, path), outcome(ret));
    for (i = 0; i < entry_count; i++)
        printf("%s: type=%u mode=%06o\n", labelled(labelled(operation, path), entries[i].name), entries[i].copy.type,
               entries[i].copy.mode);
    drop_all();
}

static void count_only(const char *operation, const char *path)
{
    int ret = read_all(path);
    uint32_t sum = 0;
    size_t i;

    for (i = 0; i < entry_count; i++)
        sum += checksum(entries[i].name, strlen(entries[i].name));
    printf("%s: %s entries=%zu names=%08x\n", labelled(operation, path), outcome(ret), entry_count, sum);
    drop_all();
}

static void positions(void)
{
    struct nfsdir *dir = NULL;
    struct nfsdirent *entry;
    char names[20][300];
    long at[20];
    int i, count = 0, same = 1;

    CASE("positions opendir", nfs_opendir(nfs, "/few", &dir));
    for (count = 0; count < 20; count++) {
        at[count] = nfs_telldir(nfs, dir);
        entry = nfs_readdir(nfs, dir);
        if (entry == NULL)
            break;
        strcpy(names[count], entry->name);
        printf("positions telldir %d: %ld\n", count, at[count]);
    }
    printf("positions at the end: count=%d telldir=%ld\n", count, at[count]);
    printf("positions past the end: %s\n", nfs_readdir(nfs, dir) ? "entry" : "NULL");
    nfs_rewinddir(nfs, dir);
    printf("positions rewound: telldir=%ld\n", nfs_telldir(nfs, dir));
    for (i = 0; i < count; i++) {
        entry = nfs_readdir(nfs, dir);
        same &= entry != NULL && strcmp(entry->name, names[i]) == 0;
    }
    printf("positions rewound: %s, then %s\n", same ? "same" : "different", nfs_readdir(nfs, dir) ? "entry" : "NULL");
    for (i = count - 1; i >= 0; i--) {
        nfs_seekdir(nfs, dir, at[i]);
        entry = nfs_readdir(nfs, dir);
        printf("positions seekdir %d: %s telldir=%ld\n", i,
               entry == NULL ? "NULL" : strcmp(entry->name, names[i]) ? "other" : "same", nfs_telldir(nfs, dir));
    }
    nfs_seekdir(nfs, dir, at[count]);
    printf("positions seekdir to the end: %s\n", nfs_readdir(nfs, dir) ? "entry" : "NULL");
    nfs_seekdir(nfs, dir, 0);
    printf("positions seekdir 0: %s\n", nfs_readdir(nfs, dir) ? "entry" : "NULL");
    nfs_seekdir(nfs, dir, 1000);
    printf("positions seekdir 1000: %s telldir=%ld\n", nfs_readdir(nfs, dir) ? "entry" : "NULL", nfs_telldir(nfs, dir));
    nfs_closedir(nfs, dir);
}

static void changing(void)
{
    struct nfsdir *dir = NULL;
    struct nfsfh *fh = NULL;

    CASE("changing creat", nfs_creat(nfs, "/changing/one", 0644, &fh));
    nfs_close(nfs, fh);
    count_only("changing created", "/changing");
    CASE("changing unlink", nfs_unlink(nfs, "/changing/one"));
    count_only("changing unlinked", "/changing");
    CASE("changing mkdir", nfs_mkdir(nfs, "/changing/two"));
    count_only("changing made", "/changing");
    CASE("changing chmod", nfs_chmod(nfs, "/changing/two", 0700));
    list_modes("changing chmod", "/changing");
    CASE("changing rename", nfs_rename(nfs, "/changing/two", "/changing/three"));
    list_modes("changing renamed", "/changing");
    CASE("changing opendir", nfs_opendir(nfs, "/changing", &dir));
    CASE("changing rmdir", nfs_rmdir(nfs, "/changing/three"));
    nfs_closedir(nfs, dir);
    count_only("changing removed", "/changing");
    /* Two directories open at once. */
    CASE("two opendir", nfs_opendir(nfs, "/few", &dir));
    count_only("two other", "/changing");
    printf("two: %s\n", nfs_readdir(nfs, dir) ? "entry" : "NULL");
    nfs_closedir(nfs, dir);
}

int main(int argc, char **argv)
{
    static const char *const odd[] = {
        "",          ".",        "./",        "..",       "/..",   "/few/",   "//few//", "/few/.", "/few/..", "few",
        "/file",     "/file/",   "/file/x",   "/missing", "/missing/x", "/broken", "/loop", "/fewlink", "/fewlink/",
        "/filelink", "/private", name256,     long_missing, long_dots,
    };
    struct nfs_context *root;
    char path[400], name[200];
    size_t i;

    start(argc, argv);
    make_dir("/empty", 0755);
    make_dir("/few", 0755);
    make_dir("/kinds", 0755);
    make_dir("/many", 0755);
    make_dir("/long", 0755);
    make_dir("/changing", 0755);
    make_dir("/private", 0700);
    make_dir("/unsearchable", 0744);
    make_file("/file", 0644, "file");
    make_file("/few/a", 0644, "a");
    make_file("/few/b", 0644, "bb");
    make_file("/few/c", 0600, "ccc");
    make_file("/unsearchable/x", 0644, "x");
    make_symlink("nowhere", "/broken");
    make_symlink("loop", "/loop");
    make_symlink("few", "/fewlink");
    make_symlink("file", "/filelink");
    make_file("/kinds/reg", 0640, "0123456789");
    make_file("/kinds/setuid", 06755, "");
    make_file("/kinds/old", 0644, "old");
    make_file("/kinds/\xff\xfe\x80", 0644, "bytes");
    make_file("/kinds/with space", 0644, "space");
    make_dir("/kinds/dir", 01777);
    make_symlink("reg", "/kinds/link");
    make_node("/kinds/chr", S_IFCHR | 0600, makedev(1, 3));
    make_node("/kinds/blk", S_IFBLK | 0660, makedev(7, 300));
    make_node("/kinds/fifo", S_IFIFO | 0600, 0);
    make_node("/kinds/sock", S_IFSOCK | 0600, 0);
    own("/kinds/reg", 1234, 4321);
    set_times("/kinds/old", 1000000000, 1100000000);
    for (i = 0; i < 3000; i++) {
        snprintf(path, sizeof(path), "/many/entry-number-%06zu", i);
        make_file(path, 0644, "");
    }
    memset(name, 'l', sizeof(name));
    for (i = 0; i < 200; i++) {
        snprintf(path, sizeof(path), "/long/%.190s%06zu", name, i);
        make_file(path, 0644, "");
    }
    mount_export();

    list("list", "/empty", "/empty");
    list("list", "/few", "/few");
    list("list", "/kinds", "/kinds");
    list("list", "/fewlink", "/few");
    for (i = 0; i < COUNT(odd); i++)
        count_only("opendir", odd[i]);
    count_only("opendir", "/many");
    count_only("opendir again", "/many");
    count_only("opendir", "/long");
    positions();
    changing();

    root = nfs;
    nfs = mount_user();
    count_only("user opendir", "/private");
    count_only("user opendir", "/unsearchable");
    count_only("user opendir", "/few");
    nfs_destroy_context(nfs);
    nfs = mount_dir(readonly_dir, 0, 0);
    count_only("read-only opendir", "/");
    nfs_destroy_context(nfs);
    nfs_destroy_context(root);
    free(entries);
    return 0;
}
