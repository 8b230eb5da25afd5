"""Works through the module's classes and raw functions, and compares with what lies in the server's directory.

What the server has shown once, it may remember: the local directory is read here, never written.
"""

import errno
import os
import stat
import sys

import libnfs

from common import EXPORT, URL, check_library


def fails_with(code, function, *arguments):
    """The call raises an error with this errno; None for errors that the module raises by itself."""
    try:
        function(*arguments)
    except (OSError, ValueError) as error:
        assert getattr(error, "errno", None) == code, error
    else:
        raise AssertionError(f"{function.__name__}{arguments} succeeded")


def opened(nfs, path, flags):
    """A raw file handle."""
    handle = libnfs.new_NFSFileHandle()
    status = libnfs.nfs_open(nfs._nfs, path, flags, handle)
    assert status == 0, (path, status, libnfs.nfs_get_error(nfs._nfs))
    return libnfs.NFSFileHandle_value(handle)


def text_files(nfs):
    """Text written, appended, read in parts; names and contents beyond ASCII."""
    file = nfs.open("/text", mode="w")
    assert (file.name, file.closed, file.isatty()) == ("/text", False, False)
    file.write("héllo, wörld\n")
    file.flush()
    file.close()
    assert file.closed
    assert (EXPORT / "text").read_text() == "héllo, wörld\n"

    file = nfs.open("/text", mode="a")
    file.write("more\n")
    file.close()
    assert (EXPORT / "text").read_text() == "héllo, wörld\nmore\n"

    file = nfs.open("/text", mode="r")
    assert file.read(3) == "hé"
    assert file.tell() == 3
    assert file.read() == "llo, wörld\nmore\n"
    assert file.read() == ""
    fails_with(None, file.write, "read only")
    file.close()
    fails_with(None, file.flush)

    nfs.open("/text", mode="w").close()
    assert (EXPORT / "text").read_bytes() == b""
    fails_with(errno.ENOENT, nfs.open, "/missing", "r")
    fails_with(errno.ENOENT, nfs.open, "/missing/file", "w")


def binary_files(nfs):
    """Bytes of all values, more than one call carries, through seek, tell, truncate and fstat."""
    data = bytes(range(256)) * 12_345
    file = nfs.open("/binary", mode="wb+", codec=None)
    file.write(bytearray(data))
    assert file.tell() == len(data)
    file.flush()
    assert (EXPORT / "binary").read_bytes() == data

    file.seek(0, os.SEEK_SET)
    assert file.read() == data
    file.seek(1000, os.SEEK_SET)
    file.seek(-500)
    assert file.tell() == 500
    assert file.read(300) == data[500:800]
    file.seek(-6, os.SEEK_END)
    assert file.read(100) == data[-6:]

    file.seek(10, os.SEEK_SET)
    file.write(bytearray(b"\0" * 10))
    file.truncate(15)
    assert file.fstat()["size"] == 15
    file.seek(4, os.SEEK_SET)
    file.truncate()
    file.close()
    assert (EXPORT / "binary").read_bytes() == data[:4]

    file = nfs.open("/binary", mode="rb+")
    assert file.fileno() == (EXPORT / "binary").stat().st_ino
    file.seek(10_000, os.SEEK_SET)
    file.write(bytearray(b"end"))
    file.close()
    assert (EXPORT / "binary").read_bytes() == data[:4] + bytes(9996) + b"end"


def attributes(nfs):
    """stat, lstat and fstat agree with the local file system, also after chmod, chown, truncate."""
    raw = nfs._nfs
    nfs.open("/attributes", mode="w").close()
    for status in (
        libnfs.nfs_chmod(raw, "/attributes", 0o640),
        libnfs.nfs_chown(raw, "/attributes", 1234, 5678),
        libnfs.nfs_truncate(raw, "/attributes", 100_000),
        libnfs.nfs_utimes(raw, "/attributes", None),
        libnfs.nfs_utime(raw, "/attributes", None),
    ):
        assert status == 0, libnfs.nfs_get_error(raw)
    local = (EXPORT / "attributes").stat()
    assert (local.st_mode, local.st_uid, local.st_gid) == (stat.S_IFREG | 0o640, 1234, 5678)
    file = nfs.open("/attributes", mode="r")
    for seen in (nfs.stat("/attributes"), nfs.lstat("/attributes"), file.fstat()):
        assert seen["mode"] == local.st_mode
        assert (seen["uid"], seen["gid"]) == (1234, 5678)
        assert seen["size"] == local.st_size == 100_000
        assert (seen["ino"], seen["nlink"]) == (local.st_ino, 1)
        for time in ("atime", "mtime", "ctime"):
            ns = seen[time]["sec"] * 10**9 + seen[time]["nsec"]
            assert ns == getattr(local, f"st_{time}_ns"), (time, seen)
    file.close()

    handle = opened(nfs, "/attributes", os.O_RDWR)
    assert libnfs.nfs_fchmod(raw, handle, 0o600) == 0
    assert libnfs.nfs_fchown(raw, handle, 0, 0) == 0
    assert libnfs.nfs_ftruncate(raw, handle, 7) == 0
    assert libnfs.nfs_fsync(raw, handle) == 0
    assert libnfs.nfs_close(raw, handle) == 0
    local = (EXPORT / "attributes").stat()
    assert (stat.S_IMODE(local.st_mode), local.st_uid, local.st_size) == (0o600, 0, 7)
    fails_with(errno.ENOENT, nfs.stat, "/missing")
    fails_with(errno.ENOENT, nfs.lstat, "/missing")


def directories(nfs):
    """mkdir, listdir with few and with many names, rename, rmdir."""
    assert nfs.mkdir("/directory") == 0
    assert nfs.mkdir("/directory") == -errno.EEXIST
    assert (EXPORT / "directory").is_dir()
    names = {f"entry-{number:04}-{'x' * (number % 200)}" for number in range(600)} | {"naïve", "two words"}
    for name in names:
        handle = libnfs.new_NFSFileHandle()
        assert libnfs.nfs_creat(nfs._nfs, f"/directory/{name}", 0o644, handle) == 0
        assert libnfs.nfs_close(nfs._nfs, libnfs.NFSFileHandle_value(handle)) == 0
    listed = [name for name in nfs.listdir("/directory") if name not in (".", "..")]
    assert len(listed) == len(names) and set(listed) == names == set(os.listdir(EXPORT / "directory"))
    assert nfs.rmdir("/directory") == -errno.ENOTEMPTY

    assert libnfs.nfs_rename(nfs._nfs, "/directory", "/renamed") == 0
    assert not (EXPORT / "directory").exists()
    assert set(os.listdir(EXPORT / "renamed")) == names
    for name in names:
        assert nfs.unlink(f"/renamed/{name}") == 0
    assert nfs.rmdir("/renamed") == 0
    assert not (EXPORT / "renamed").exists()
    for call in (nfs.listdir, nfs.rmdir, nfs.unlink):
        fails_with(errno.ENOENT, call, "/missing")
    fails_with(errno.ENOENT, nfs.mkdir, "/missing/directory")


def links(nfs):
    """Symbolic and hard links, special files, access, relative paths."""
    raw = nfs._nfs
    nfs.open("/target", mode="w").close()
    assert libnfs.nfs_symlink(raw, "target", "/symlink") == 0
    assert os.readlink(EXPORT / "symlink") == "target"
    buffer = bytearray(100)
    assert libnfs.nfs_readlink(raw, "/symlink", buffer, len(buffer)) >= 0
    assert buffer.rstrip(b"\0") == b"target"
    assert stat.S_ISLNK(nfs.lstat("/symlink")["mode"])
    assert nfs.stat("/symlink")["ino"] == (EXPORT / "target").stat().st_ino

    assert libnfs.nfs_link(raw, "/target", "/hardlink") == 0
    assert nfs.stat("/hardlink")["nlink"] == 2 == (EXPORT / "target").stat().st_nlink
    assert libnfs.nfs_mknod(raw, "/fifo", stat.S_IFIFO | 0o600, 0) == 0
    assert stat.S_ISFIFO((EXPORT / "fifo").lstat().st_mode)

    assert libnfs.nfs_access(raw, "/target", os.R_OK | os.W_OK) == 0
    assert libnfs.nfs_access(raw, "/missing", os.R_OK) == -errno.ENOENT

    assert nfs.mkdir("/inside") == 0
    assert libnfs.nfs_chdir(raw, "/inside") == 0
    nfs.open("relative", mode="w").close()
    assert (EXPORT / "inside" / "relative").exists()
    assert libnfs.nfs_chdir(raw, "/") == 0


def raw_input_output(nfs):
    """pread and pwrite do not move the position; create() takes flags and a mode."""
    raw, handle = nfs._nfs, libnfs.new_NFSFileHandle()
    assert libnfs.nfs_create(raw, "/raw", os.O_CREAT | os.O_RDWR, 0o604, handle) == 0
    file = libnfs.NFSFileHandle_value(handle)
    assert stat.S_IMODE((EXPORT / "raw").stat().st_mode) == 0o604
    assert libnfs.nfs_pwrite(raw, file, 100, 5, bytearray(b"pwrit")) == 5
    assert libnfs.nfs_write(raw, file, 5, bytearray(b"write")) == 5
    buffer = bytearray(8)
    assert libnfs.nfs_pread(raw, file, 98, len(buffer), buffer) == 7
    assert buffer == b"\0\0pwrit\0"
    position = libnfs.new_uint64_t_ptr()
    assert libnfs.nfs_lseek(raw, file, 0, os.SEEK_CUR, position) == 0
    assert libnfs.uint64_t_ptr_value(position) == 5
    assert libnfs.nfs_read(raw, file, len(buffer), buffer) == 8
    assert libnfs.nfs_close(raw, file) == 0


def contexts(_nfs):
    """URLs, settings, a failed mount, exports."""
    raw = libnfs.nfs_init_context()
    full = libnfs.nfs_parse_url_full(raw, f"{URL}/directory/file")
    assert (full.server, full.path, full.file) == ("127.0.0.1", f"{EXPORT}/directory", "/file")
    part = libnfs.nfs_parse_url_incomplete(raw, "nfs://127.0.0.1")
    assert (part.server, part.path, part.file) == ("127.0.0.1", None, None)
    assert libnfs.nfs_parse_url_dir(raw, "http://127.0.0.1/") is None
    assert libnfs.nfs_get_error(raw)
    libnfs.nfs_set_uid(raw, 1000)
    libnfs.nfs_set_gid(raw, 1000)
    libnfs.nfs_set_tcp_syncnt(raw, 3)
    libnfs.nfs_set_readahead(raw, 0)
    assert libnfs.nfs_mount(raw, "127.0.0.1", "/not/exported") < 0
    assert libnfs.nfs_get_error(raw)
    assert libnfs.nfs_mount(raw, "127.0.0.1", str(EXPORT)) == 0
    assert libnfs.nfs_get_readmax(raw) >= 65536 <= libnfs.nfs_get_writemax(raw)
    assert libnfs.nfs_mkdir(raw, "/forbidden") == -errno.EACCES
    for url in (full, part):
        libnfs.nfs_destroy_url(url)
    libnfs.nfs_destroy_context(raw)

    exports = libnfs.mount_getexports("127.0.0.1")
    assert exports is not None
    libnfs.mount_free_export_list(exports)


def context_free(_nfs):
    """libnfs.open() mounts for itself."""
    file = libnfs.open(f"{URL}/alone", mode="w+")
    file.write("alone")
    file.seek(0, os.SEEK_SET)
    assert file.read() == "alone"
    file.close()
    assert (EXPORT / "alone").read_text() == "alone"
    fails_with(errno.ENOENT, libnfs.open, f"{URL}/missing", "r")


def main():
    nfs = libnfs.NFS(URL)
    subjects = (text_files, binary_files, attributes, directories, links, raw_input_output, contexts, context_free)
    for subject in subjects:
        try:
            subject(nfs)
        except BaseException:
            print(f"{subject.__name__}: {libnfs.nfs_get_error(nfs._nfs)!r}", file=sys.stderr)
            raise
    check_library()


main()
