/* nfs_read, nfs_pread, nfs_write, nfs_pwrite, nfs_fsync: counts, offsets, O_APPEND, what a handle allows. */
#include "common.h"

#define MIB (1024 * 1024)

static unsigned char *data, *back;
static const size_t data_size = 9 * MIB + 12345;

static void setup(void)
{
    size_t i;
    int fd;

    data = malloc(data_size);
    back = malloc(data_size + 4096);
    for (i = 0; i < data_size; i++)
        data[i] = (i * 2654435761u) >> 13;
    make_file("/small", 0644, "0123456789");
    make_file("/empty", 0644, "");
    make_file("/rw", 0644, "0123456789");
    make_file("/append", 0644, "start");
    make_file("/gone", 0644, "0123456789");
    make_dir("/dir", 0755);
    write_local_file(local("/big"), 0644, data, data_size);
    fd = open(local("/sparse"), O_RDWR | O_CREAT, 0644);
    must(fd >= 0 && ftruncate(fd, (INT64_C(5) << 30) + 10) == 0, "ftruncate", "/sparse");
    must(pwrite(fd, "beyond 4 GiB", 12, INT64_C(4) << 30) == 12, "pwrite", "/sparse");
    close(fd);
}

static void show_read(const char *label, int ret, const void *bytes)
{
    if (ret > 0 && ret <= 40)
        printf("%s: ret=%d \"%.*s\"\n", label, ret, ret, (const char *)bytes);
    else if (ret > 0)
        printf("%s: ret=%d sum=%08x\n", label, ret, checksum(bytes, ret));
    else
        result(label, ret);
}

static void position(const char *label, struct nfsfh *fh)
{
    uint64_t at = 12345;
    int ret = nfs_lseek(nfs, fh, 0, SEEK_CUR, &at);

    printf("%s: position %s at=%llu\n", label, outcome(ret), (unsigned long long)at);
}

static void small_reads(void)
{
    struct nfsfh *fh = opened("/small", O_RDONLY);
    char buffer[100];

    show_read("read 4", nfs_read(nfs, fh, 4, buffer), buffer);
    position("read 4", fh);
    show_read("read 0", nfs_read(nfs, fh, 0, buffer), buffer);
    position("read 0", fh);
    show_read("read to the end", nfs_read(nfs, fh, 6, buffer), buffer);
    show_read("read at the end", nfs_read(nfs, fh, 6, buffer), buffer);
    position("read at the end", fh);
    show_read("pread 3 at 2", nfs_pread(nfs, fh, 2, 3, buffer), buffer);
    position("pread", fh);
    show_read("pread short", nfs_pread(nfs, fh, 8, 50, buffer), buffer);
    show_read("pread at size", nfs_pread(nfs, fh, 10, 5, buffer), buffer);
    show_read("pread past the end", nfs_pread(nfs, fh, 1000, 5, buffer), buffer);
    show_read("pread far past the end", nfs_pread(nfs, fh, INT64_C(6) << 30, 5, buffer), buffer);
    show_read("pread 0", nfs_pread(nfs, fh, 0, 0, buffer), buffer);
    show_read("pread 0 past the end", nfs_pread(nfs, fh, 1000, 0, buffer), buffer);
    CASE("write on a read-only handle", nfs_write(nfs, fh, 1, "x"));
    CASE("pwrite on a read-only handle", nfs_pwrite(nfs, fh, 0, 1, "x"));
    CASE("fsync on a read-only handle", nfs_fsync(nfs, fh));
    CASE("ftruncate on a read-only handle", nfs_ftruncate(nfs, fh, 10));
    nfs_close(nfs, fh);
    show_local_content("after small reads", "/small");

    fh = opened("/empty", O_RDONLY);
    show_read("read of empty", nfs_read(nfs, fh, 10, buffer), buffer);
    show_read("pread of empty", nfs_pread(nfs, fh, 0, 10, buffer), buffer);
    nfs_close(nfs, fh);
}

static void small_writes(void)
{
    struct nfsfh *fh = opened("/rw", O_RDWR);
    char buffer[100];

    CASE("write 3", nfs_write(nfs, fh, 3, "abc"));
    position("write 3", fh);
    show_read("read after write", nfs_read(nfs, fh, 3, buffer), buffer);
    CASE("write 0", nfs_write(nfs, fh, 0, "abc"));
    position("write 0", fh);
    CASE("pwrite 2 at 8", nfs_pwrite(nfs, fh, 8, 2, "YZ"));
    position("pwrite", fh);
    CASE("pwrite 0", nfs_pwrite(nfs, fh, 0, 0, "abc"));
    CASE("pwrite past the end", nfs_pwrite(nfs, fh, 14, 2, "!!"));
    CASE("pwrite 0 past the end", nfs_pwrite(nfs, fh, 1000, 0, "!!"));
    CASE("fsync", nfs_fsync(nfs, fh));
    show_read("pread all", nfs_pread(nfs, fh, 0, 10, buffer), buffer);
    memset(buffer, 'x', sizeof(buffer));
    CASE("pread of the hole", nfs_pread(nfs, fh, 10, 6, buffer));
    printf("hole: %d %d %d %d %c%c%c\n", buffer[0], buffer[1], buffer[2], buffer[3], buffer[4], buffer[5], buffer[6]);
    CASE("close", nfs_close(nfs, fh));
    show_local("after small writes", "/rw");

    fh = opened("/rw", O_WRONLY);
    show_read("read on a write-only handle", nfs_read(nfs, fh, 3, buffer), buffer);
    show_read("pread on a write-only handle", nfs_pread(nfs, fh, 0, 3, buffer), buffer);
    position("write-only", fh);
    CASE("write on a write-only handle", nfs_write(nfs, fh, 2, "wo"));
    nfs_close(nfs, fh);

    fh = opened("/rw", O_RDWR | O_SYNC);
    CASE("write with O_SYNC", nfs_write(nfs, fh, 2, "sy"));
    CASE("pwrite with O_SYNC", nfs_pwrite(nfs, fh, 2, 2, "nc"));
    nfs_close(nfs, fh);
    fh = opened("/rw", O_RDONLY);
    show_read("read after O_SYNC", nfs_read(nfs, fh, 4, buffer), buffer);
    nfs_close(nfs, fh);
}

static void append(void)
{
    struct nfsfh *fh = opened("/append", O_RDWR | O_APPEND), *other;
    char buffer[100];

    position("append opened", fh);
    show_read("append read", nfs_read(nfs, fh, 2, buffer), buffer);
    CASE("append write", nfs_write(nfs, fh, 4, "+one"));
    position("append write", fh);
    CASE("append lseek", nfs_lseek(nfs, fh, 0, SEEK_SET, NULL));
    CASE("append write after lseek", nfs_write(nfs, fh, 4, "+two"));
    position("append write after lseek", fh);
    CASE("append pwrite at 0", nfs_pwrite(nfs, fh, 0, 2, "ST"));
    position("append pwrite at 0", fh);
    other = opened("/append", O_WRONLY | O_APPEND);
    CASE("append by another handle", nfs_write(nfs, other, 6, "+other"));
    CASE("append after the other", nfs_write(nfs, fh, 6, "+three"));
    position("append after the other", fh);
    CASE("append write 0", nfs_write(nfs, fh, 0, ""));
    position("append write 0", fh);
    nfs_close(nfs, other);
    nfs_close(nfs, fh);
    show_local_content("after append", "/append");
}

static void large(void)
{
    static const struct {
        uint64_t offset, count;
    } reads[] = {
        {0, 9 * MIB + 12345},
        {0, 12 * MIB - 1000},
        {1, 3 * MIB},
        {4095, 1048577},
        {MIB - 1, 2},
        {9 * MIB, 100000},
        {9 * MIB + 12344, 5 * MIB},
        {9 * MIB + 12345, 5 * MIB},
        {123457, 7654321},
    };
    struct nfsfh *fh = opened("/big", O_RDONLY);
    char label[100];
    size_t i, got = 0;
    int ret;

    free(back);
    back = malloc(13 * MIB);
    for (i = 0; i < COUNT(reads); i++) {
        memset(back, 0xee, 13 * MIB);
        ret = nfs_pread(nfs, fh, reads[i].offset, reads[i].count, back);
        snprintf(label, sizeof(label), "pread %llu at %llu", (unsigned long long)reads[i].count,
                 (unsigned long long)reads[i].offset);
        printf("%s: %s %s, what follows the buffer is %s\n", label, outcome(ret),
               ret >= 0 && memcmp(back, data + reads[i].offset, ret) == 0 ? "equal" : "different",
               back[reads[i].count] == 0xee ? "untouched" : "changed");
    }
    /* Read through the file by read() with an odd size. */
    for (i = 0; (ret = nfs_read(nfs, fh, 1234567, back + got)) > 0; i++)
        got += ret;
    printf("read through: %s got=%zu calls=%zu %s\n", outcome(ret), got, i,
           got == data_size && memcmp(back, data, got) == 0 ? "equal" : "different");
    position("read through", fh);
    CASE("rewind", nfs_lseek(nfs, fh, 0, SEEK_SET, NULL));
    ret = nfs_read(nfs, fh, 12 * MIB, back);
    printf("read whole: %s %s\n", outcome(ret), ret >= 0 && memcmp(back, data, ret) == 0 ? "equal" : "different");
    position("read whole", fh);
    nfs_close(nfs, fh);

    CASE("creat large", nfs_creat(nfs, "/large", 0644, &fh));
    ret = nfs_write(nfs, fh, data_size, data);
    CASE("write large", ret);
    position("write large", fh);
    CASE("pwrite large over", nfs_pwrite(nfs, fh, 1000001, 3 * MIB + 7, data));
    CASE("pwrite large behind a hole", nfs_pwrite(nfs, fh, 10 * MIB + 1, 2 * MIB + 1, data));
    CASE("close large", nfs_close(nfs, fh));
    show_local_content("after large writes", "/large");
}

static void far_away(void)
{
    struct nfsfh *fh = opened("/sparse", O_RDWR);
    char buffer[100];

    show_read("far pread", nfs_pread(nfs, fh, INT64_C(4) << 30, 12, buffer), buffer);
    CASE("far lseek", nfs_lseek(nfs, fh, (INT64_C(4) << 30) + 7, SEEK_SET, NULL));
    show_read("far read", nfs_read(nfs, fh, 5, buffer), buffer);
    position("far read", fh);
    CASE("far write", nfs_write(nfs, fh, 3, "new"));
    CASE("far pwrite", nfs_pwrite(nfs, fh, (INT64_C(5) << 30) + 8, 4, "tail"));
    show_read("far pread back", nfs_pread(nfs, fh, (INT64_C(5) << 30) + 8, 10, buffer), buffer);
    nfs_close(nfs, fh);
    show_local("after far", "/sparse");
}

static void handles(void)
{
    struct nfsfh *fh = NULL;
    char buffer[100];
    int ret;

    ret = nfs_open(nfs, "/dir", O_RDONLY, &fh);
    CASE("open of a directory", ret);
    if (fh) {
        CASE("read of a directory", nfs_read(nfs, fh, 10, buffer));
        CASE("pread of a directory", nfs_pread(nfs, fh, 0, 10, buffer));
        CASE("fsync of a directory", nfs_fsync(nfs, fh));
        CASE("close of a directory", nfs_close(nfs, fh));
    }
    fh = opened("/gone", O_RDWR);
    CASE("unlink open file", nfs_unlink(nfs, "/gone"));
    CASE("read of a removed file", nfs_read(nfs, fh, 10, buffer));
    CASE("pread of a removed file", nfs_pread(nfs, fh, 0, 10, buffer));
    CASE("write to a removed file", nfs_write(nfs, fh, 1, "x"));
    CASE("pwrite to a removed file", nfs_pwrite(nfs, fh, 0, 1, "x"));
    CASE("fsync of a removed file", nfs_fsync(nfs, fh));
    CASE("close of a removed file", nfs_close(nfs, fh));
}

int main(int argc, char **argv)
{
    start(argc, argv);
    setup();
    mount_export();
    small_reads();
    small_writes();
    append();
    large();
    far_away();
    handles();
    nfs_destroy_context(nfs);
    free(data);
    free(back);
    return 0;
}
