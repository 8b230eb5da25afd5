/* nfs_lockf and nfs_fcntl, which libnfs 4.0 has for NFS version 4 only; more of them is in tests/programs/locks.c. */
#include "async.h"

int main(int argc, char **argv)
{
    struct nfs4_flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct nfs4_flock none = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
    struct nfsfh *fh, *another;

    start(argc, argv);
    make_file("/file", 0644, "0123456789");
    mount_export();
    fh = opened("/file", O_RDWR);
    another = opened("/file", O_RDWR);

    CASE("lockf", nfs_lockf(nfs, fh, NFS4_F_TLOCK, 10));
    CASE("lockf of another", nfs_lockf(nfs, another, NFS4_F_TLOCK, 10));
    CASE("lockf, test by another", nfs_lockf(nfs, another, NFS4_F_TEST, 10));
    CASE("lockf, unlock", nfs_lockf(nfs, fh, NFS4_F_ULOCK, 10));
    CASE("fcntl", nfs_fcntl(nfs, fh, NFS4_F_SETLK, &whole));
    CASE("fcntl of another", nfs_fcntl(nfs, another, NFS4_F_SETLK, &whole));
    CASE("fcntl, unlock", nfs_fcntl(nfs, fh, NFS4_F_SETLKW, &none));

    ASYNC_CASE("lockf_async", NOTHING, nfs_lockf_async, fh, NFS4_F_LOCK, 0);
    ASYNC_CASE("lockf_async of another", NOTHING, nfs_lockf_async, another, NFS4_F_TLOCK, 0);
    ASYNC_CASE("lockf_async, unlock", NOTHING, nfs_lockf_async, fh, NFS4_F_ULOCK, 0);
    ASYNC_CASE("fcntl_async", NOTHING, nfs_fcntl_async, fh, NFS4_F_SETLK, &whole);
    ASYNC_CASE("fcntl_async of another", NOTHING, nfs_fcntl_async, another, NFS4_F_SETLK, &whole);
    nfs_close(nfs, another);
    nfs_close(nfs, fh);
    nfs_destroy_context(nfs);
    return 0;
}
