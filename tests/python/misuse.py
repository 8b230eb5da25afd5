"""What makes the module crash on libnfs: here it is an error.

The module looks at few results, so that some of these end as something empty: then the call beneath returns the errno,
and its sentence can be read.
"""

import errno
import os

import libnfs

from common import EXPORT, URL, check_library


def refused(code, nfs, status):
    """The call has failed with this errno, and there is a sentence."""
    assert status == -code, (status, libnfs.nfs_get_error(nfs))
    assert len(libnfs.nfs_get_error(nfs)) > 5


def raises(function, *arguments):
    try:
        function(*arguments)
    except (OSError, ValueError) as error:
        return error
    raise AssertionError(f"{function.__name__}{arguments} succeeded")


def survived(file):
    """What the module makes of it is a value or an error of its own; the reason is in `error`."""
    for function, *arguments in (
        (file.read,),
        (file.read, 10),
        (file.tell,),
        (file.seek, 0, os.SEEK_SET),
        (file.seek, 0, os.SEEK_END),
        (file.truncate, 0),
        (file.fileno,),
        (file.fstat,),
        (file.write, "lost"),
        (file.flush,),
        (file.close,),
        (file.close,),
        (file.fstat,),
    ):
        try:
            function(*arguments)
        except (OSError, ValueError):
            pass
        assert len(file.error) > 5


def listing_of_a_file(nfs):
    nfs.open("/file", mode="w").close()
    directory = libnfs.new_NFSDirHandle()
    refused(errno.ENOTDIR, nfs._nfs, libnfs.nfs_opendir(nfs._nfs, "/file", directory))
    directory = libnfs.NFSDirHandle_value(directory)
    assert directory is None, "a directory was stored in spite of the error"
    assert libnfs.nfs_readdir(nfs._nfs, directory) is None
    assert "NULL" in libnfs.nfs_get_error(nfs._nfs)
    libnfs.nfs_closedir(nfs._nfs, directory)
    assert nfs.listdir("/file") == []
    assert len(libnfs.nfs_get_error(nfs._nfs)) > 5


def file_without_its_context(_nfs):
    """The object of the context is gone while the file is still there."""
    file = libnfs.NFS(URL).open("/orphan", mode="w+")
    raw, handle, buffer = file._nfs, file._nfsfh, bytearray(100)
    refused(errno.EBADF, raw, libnfs.nfs_read(raw, handle, len(buffer), buffer))
    refused(errno.EBADF, raw, libnfs.nfs_write(raw, handle, len(buffer), buffer))
    refused(errno.EBADF, raw, libnfs.nfs_fstat64(raw, handle, libnfs.nfs_stat_64()))
    refused(errno.EBADF, raw, libnfs.nfs_fsync(raw, handle))
    refused(errno.EBADF, raw, libnfs.nfs_close(raw, handle))
    assert buffer == bytes(100), "something was read"
    assert "destroyed" in file.error
    survived(file)
    assert (EXPORT / "orphan").read_bytes() == b""


def closed_file(nfs):
    file = nfs.open("/closed", mode="w+")
    file.write("text")
    file.close()
    raw, handle, buffer = file._nfs, file._nfsfh, bytearray(100)
    refused(errno.EBADF, raw, libnfs.nfs_read(raw, handle, len(buffer), buffer))
    refused(errno.EBADF, raw, libnfs.nfs_pread(raw, handle, 0, len(buffer), buffer))
    refused(errno.EBADF, raw, libnfs.nfs_close(raw, handle))
    assert buffer == bytes(100), "something was read"
    assert "not open" in file.error
    survived(file)
    for function, *arguments in ((file.write, "more"), (file.flush,)):
        assert "closed file" in str(raises(function, *arguments))
    assert (EXPORT / "closed").read_bytes() == b"text"


def failed_mount(_nfs):
    for url in ("nfs://127.0.0.1/not/exported", "nfs://127.0.0.1:1/x"):
        nfs = libnfs.NFS(url)
        assert len(libnfs.nfs_get_error(nfs._nfs)) > 5
        refused(errno.ENOTCONN, nfs._nfs, libnfs.nfs_stat64(nfs._nfs, "/", libnfs.nfs_stat_64()))
        assert nfs.stat("/")["ino"] == nfs.lstat("/")["ino"] == 0
        assert nfs.listdir("/") == []
        assert nfs.mkdir("/directory") == nfs.rmdir("/directory") == nfs.unlink("/file") == -errno.ENOTCONN
        assert os.strerror(errno.ENOTCONN) in str(raises(nfs.open, "/file", "r"))
        assert os.strerror(errno.ENOTCONN) in str(raises(nfs.open, "/file", "w"))


def directory_without_its_context(_nfs):
    nfs = libnfs.NFS(URL)
    raw, directory = nfs._nfs, libnfs.new_NFSDirHandle()
    assert libnfs.nfs_opendir(raw, "/", directory) == 0
    directory = libnfs.NFSDirHandle_value(directory)
    assert libnfs.nfs_readdir(raw, directory) is not None
    del nfs
    assert libnfs.nfs_readdir(raw, directory) is None
    libnfs.nfs_closedir(raw, directory)
    assert "destroyed" in libnfs.nfs_get_error(raw)


def main():
    nfs = libnfs.NFS(URL)
    subjects = (listing_of_a_file, file_without_its_context, closed_file, failed_mount, directory_without_its_context)
    for subject in subjects:
        subject(nfs)
    check_library()


main()
