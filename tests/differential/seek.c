/* nfs_lseek. */
#include "common.h"

static struct nfsfh *fh;

static void seek(const char *label, int64_t offset, int whence)
{
    uint64_t at = 777;
    int ret = nfs_lseek(nfs, fh, offset, whence, &at);

    printf("%s: %s at=%lld\n", label, outcome(ret), (long long)at);
}

static void read_one(const char *label)
{
    char byte = '-';
    int ret = nfs_read(nfs, fh, 1, &byte);

    printf("%s: %s byte %d\n", label, outcome(ret), byte);
}

int main(int argc, char **argv)
{
    int fd;

    start(argc, argv);
    make_file("/file", 0644, "0123456789");
    make_file("/gone", 0644, "0123456789");
    make_file("/write", 0644, "");
    fd = open(local("/sparse"), O_RDWR | O_CREAT, 0644);
    must(fd >= 0 && ftruncate(fd, (INT64_C(5) << 30) + 10) == 0, "ftruncate", "/sparse");
    close(fd);
    mount_export();

    fh = opened("/file", O_RDONLY);
    seek("first", 0, SEEK_CUR);
    seek("set 5", 5, SEEK_SET);
    read_one("read at 5");
    seek("cur 0", 0, SEEK_CUR);
    seek("cur 2", 2, SEEK_CUR);
    seek("cur -3", -3, SEEK_CUR);
    read_one("read after cur -3");
    seek("cur below 0", -100, SEEK_CUR);
    seek("cur after failure", 0, SEEK_CUR);
    seek("set -1", -1, SEEK_SET);
    seek("set after failure", 0, SEEK_CUR);
    seek("end 0", 0, SEEK_END);
    read_one("read at the end");
    seek("end -1", -1, SEEK_END);
    read_one("read the last");
    seek("end -11", -11, SEEK_END);
    seek("end -10", -10, SEEK_END);
    seek("end 5", 5, SEEK_END);
    read_one("read past the end");
    seek("set past the end", 1000, SEEK_SET);
    seek("set 4 GiB", INT64_C(4) << 30, SEEK_SET);
    seek("cur 4 GiB more", INT64_C(4) << 30, SEEK_CUR);
    seek("set INT64_MAX", INT64_MAX, SEEK_SET);
    seek("set 3", 3, SEEK_SET);
    seek("whence 3", 0, 3);
    seek("whence 4", 0, 4);
    seek("whence -1", 0, -1);
    seek("whence 99", 0, 99);
    seek("after bad whence", 0, SEEK_CUR);
    CASE("NULL out, set 1", nfs_lseek(nfs, fh, 1, SEEK_SET, NULL));
    read_one("read after NULL out");
    CASE("NULL out, end", nfs_lseek(nfs, fh, -2, SEEK_END, NULL));
    read_one("read after NULL out end");
    nfs_close(nfs, fh);

    fh = opened("/sparse", O_RDONLY);
    seek("sparse end 0", 0, SEEK_END);
    seek("sparse end -10", -10, SEEK_END);
    read_one("sparse read");
    nfs_close(nfs, fh);

    fh = opened("/write", O_WRONLY);
    seek("write set 10", 10, SEEK_SET);
    CASE("write", nfs_write(nfs, fh, 3, "abc"));
    seek("write end", 0, SEEK_END);
    seek("write cur", 0, SEEK_CUR);
    nfs_close(nfs, fh);
    show_local("after write", "/write");

    fh = opened("/gone", O_RDONLY);
    CASE("gone unlink", nfs_unlink(nfs, "/gone"));
    seek("gone set 1", 1, SEEK_SET);
    seek("gone cur 1", 1, SEEK_CUR);
    seek("gone end", 0, SEEK_END);
    seek("gone last", 0, SEEK_CUR);
    nfs_close(nfs, fh);
    nfs_destroy_context(nfs);
    return 0;
}
