/* A file that another client has removed is written: whoever asks whether it is stable hears of it, too. What was written
   before it was removed is another matter: Linux keeps such a file open for a moment. */
#include "async.h"

static struct nfs_context *nfs, *other;
static struct nfsfh *fh;

static void made(const char *name)
{
    printf("%s: ", name);
    if (nfs_open(nfs, name, O_RDWR | O_CREAT, &fh) != 0)
        printf("cannot be opened: %s\n", nfs_get_error(nfs));
    else
        printf("open\n");
}

int main(int argc, char **argv)
{
    start(argc, argv);
    nfs = mount_dir(export_dir, 0, 0);
    other = mount_dir(export_dir, 0, 0);

    made("/unwritten");
    CASE("remove", nfs_unlink(other, "/unwritten"));
    CASE("first write to what was removed", nfs_pwrite(nfs, fh, 0, 4, "more"));
    CASE("close after the first write", nfs_close(nfs, fh));

    made("/unwritten-synced");
    CASE("remove", nfs_unlink(other, "/unwritten-synced"));
    CASE("write to what was removed, to be synced", nfs_pwrite(nfs, fh, 0, 4, "more"));
    CASE("fsync after that", nfs_fsync(nfs, fh));
    CASE("close after that", nfs_close(nfs, fh));

    made("/async");
    CASE("remove", nfs_unlink(other, "/async"));
    ASYNC_CASE("write, asynchronously", NOTHING, nfs_pwrite_async, fh, 0, 4, "more");
    CASE("close after the asynchronous write", nfs_close(nfs, fh));

    made("/untouched");
    CASE("remove", nfs_unlink(other, "/untouched"));
    CASE("close of what was not written", nfs_close(nfs, fh));

    nfs_destroy_context(other);
    nfs_destroy_context(nfs);
    return 0;
}
