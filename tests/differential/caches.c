/* The page cache and read-ahead: what a reader sees of what others and the same context have written. */
#include "common.h"

static struct nfs_context *other;
static struct nfsfh *fh, *other_fh;

static void show_read(const char *label)
{
    char buffer[11] = "";
    int ret = nfs_pread(nfs, fh, 0, 10, buffer);

    printf("%s: %s \"%s\"\n", label, outcome(ret), buffer);
}

/* Another client writes; a reader with a cache may see it late, but not after nfs_pagecache_invalidate(). */
static void written_by_another(const char *text)
{
    int ret = nfs_pwrite(other, other_fh, 0, strlen(text), text);

    must(ret == (int)strlen(text) && nfs_fsync(other, other_fh) == 0, "write", "/file");
}

static void sequential(const char *label, uint64_t size)
{
    static unsigned char piece[10000];
    uint64_t at = 0;
    uint32_t sum = 0;
    int ret;

    while ((ret = nfs_read(nfs, fh, sizeof(piece), piece)) > 0) {
        sum = sum * 31 + checksum(piece, ret);
        at += ret;
    }
    printf("%s: %s at=%llu of %llu sum=%08x\n", label, outcome(ret), (unsigned long long)at, (unsigned long long)size,
           sum);
}

int main(int argc, char **argv)
{
    static unsigned char big[1000003];
    size_t i;

    start(argc, argv);
    make_file("/file", 0644, "0123456789");
    for (i = 0; i < sizeof(big); i++)
        big[i] = (i * 2654435761u) >> 9;
    write_local_file(local("/big"), 0644, big, sizeof(big));
    other = mount_dir(export_dir, 0, 0);
    CASE("open by another", nfs_open(other, "/file", O_RDWR, &other_fh));

    mount_export();
    nfs_set_pagecache(nfs, 64);
    nfs_set_pagecache_ttl(nfs, 60);
    fh = opened("/file", O_RDWR);
    nfs_pagecache_init(nfs, fh);
    show_read("first read");
    written_by_another("ABC");
    nfs_pagecache_invalidate(nfs, fh);
    show_read("invalidated");
    CASE("own write", nfs_pwrite(nfs, fh, 1, 2, "xy"));
    show_read("after an own write");
    CASE("own write beyond", nfs_pwrite(nfs, fh, 9, 3, "end"));
    show_read("after an own write beyond");
    CASE("own truncation", nfs_ftruncate(nfs, fh, 5));
    show_read("after an own truncation");
    CASE("own extension", nfs_ftruncate(nfs, fh, 8));
    printf("after an own extension: size %d\n", nfs_pread(nfs, fh, 0, 10, big));
    written_by_another("abc");
    nfs_pagecache_init(nfs, fh);
    show_read("begun anew");
    CASE("close", nfs_close(nfs, fh));
    fh = opened("/file", O_RDONLY);
    nfs_pagecache_invalidate(nfs, fh);
    show_read("opened again");
    CASE("close again", nfs_close(nfs, fh));

    fh = opened("/big", O_RDONLY);
    sequential("page cache", sizeof(big));
    nfs_close(nfs, fh);
    nfs_destroy_context(nfs);

    mount_export();
    nfs_set_readahead(nfs, 128 * 1024);
    fh = opened("/big", O_RDONLY);
    sequential("read-ahead", sizeof(big));
    nfs_close(nfs, fh);
    nfs_destroy_context(nfs);

    mount_export();
    nfs_set_pagecache(nfs, 32);
    nfs_set_readahead(nfs, 1024 * 1024);
    fh = opened("/big", O_RDONLY);
    sequential("read-ahead and page cache", sizeof(big));
    CASE("seek back", nfs_lseek(nfs, fh, 500000, SEEK_SET, NULL));
    sequential("again from the middle", sizeof(big) - 500000);
    nfs_close(nfs, fh);
    nfs_destroy_context(nfs);
    nfs_close(other, other_fh);
    nfs_destroy_context(other);
    return 0;
}
