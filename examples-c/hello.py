#!/usr/bin/env python3
"""hello.py - what hello.c does, through ctypes alone: nothing to compile, nothing to install.

    LD_LIBRARY_PATH=target/release python3 examples-c/hello.py nfs://server/export

ctypes takes a function to return int and to accept anything, so each function that is used is declared first:
a pointer that went through an int would be cut in half.
"""

import errno
import os
import stat
import sys
from ctypes import CDLL, POINTER, Structure, byref, c_char_p, c_int, c_uint32, c_uint64, c_void_p, create_string_buffer

DIRECTORY = b"/hello"
FILENAME = DIRECTORY + b"/greeting.txt"
TEXT = b"Hello from Python, over NFS.\n"


class Url(Structure):
    """struct nfs_url"""

    _fields_ = [("server", c_char_p), ("path", c_char_p), ("file", c_char_p)]


class Stat(Structure):
    """struct nfs_stat_64"""

    _fields_ = [
        (name, c_uint64)
        for name in "dev ino mode nlink uid gid rdev size blksize blocks atime mtime ctime"
        " atime_nsec mtime_nsec ctime_nsec used".split()
    ]


class DirEntry(Structure):
    """The beginning of struct nfsdirent; only the library makes these, so the rest need not be here."""

    _fields_ = [
        ("next", c_void_p),
        ("name", c_char_p),
        ("inode", c_uint64),
        ("type", c_uint32),
        ("mode", c_uint32),
        ("size", c_uint64),
    ]


def load(name):
    """The library with the functions used here declared: {name: (result, arguments...)}; p is any pointer."""
    library, p = CDLL(name), c_void_p
    functions = {
        "nfs_init_context": (p,),
        "nfs_destroy_context": (None, p),
        "nfs_get_error": (c_char_p, p),
        "nfs_parse_url_dir": (POINTER(Url), p, c_char_p),
        "nfs_destroy_url": (None, POINTER(Url)),
        "nfs_mount": (c_int, p, c_char_p, c_char_p),
        "nfs_mkdir": (c_int, p, c_char_p),
        "nfs_creat": (c_int, p, c_char_p, c_int, POINTER(p)),
        "nfs_open": (c_int, p, c_char_p, c_int, POINTER(p)),
        "nfs_write": (c_int, p, p, c_uint64, c_char_p),
        "nfs_read": (c_int, p, p, c_uint64, p),
        "nfs_close": (c_int, p, p),
        "nfs_opendir": (c_int, p, c_char_p, POINTER(p)),
        "nfs_readdir": (POINTER(DirEntry), p, p),
        "nfs_closedir": (None, p, p),
        "nfs_stat64": (c_int, p, c_char_p, POINTER(Stat)),
        "nfs_unlink": (c_int, p, c_char_p),
        "nfs_rmdir": (c_int, p, c_char_p),
    }
    for function, (result, *arguments) in functions.items():
        getattr(library, function).restype = result
        getattr(library, function).argtypes = arguments
    return library


class Nfs:
    """A context. A call that returns a negative errno raises OSError with the library's sentence."""

    def __init__(self, library, address):
        self.library = library
        self.context = library.nfs_init_context()
        if not self.context:
            raise MemoryError("nfs_init_context")
        try:
            url = library.nfs_parse_url_dir(self.context, os.fsencode(address))
            if not url:
                raise OSError(errno.EINVAL, self.error())
            try:
                self.call("nfs_mount", url.contents.server, url.contents.path)
                print(f"mount  {os.fsdecode(url.contents.path)} from {os.fsdecode(url.contents.server)}")
            finally:
                library.nfs_destroy_url(url)
        except BaseException:
            self.destroy()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.destroy()

    def destroy(self):
        self.library.nfs_destroy_context(self.context)

    def error(self):
        return os.fsdecode(self.library.nfs_get_error(self.context))

    def call(self, function, *arguments):
        status = getattr(self.library, function)(self.context, *arguments)
        if status < 0:
            raise OSError(-status, self.error())
        return status

    def write(self, path, data):
        file = c_void_p()
        self.call("nfs_creat", path, 0o644, byref(file))
        try:
            done = 0
            while done < len(data):
                done += self.call("nfs_write", file, len(data) - done, data[done:])
        finally:
            self.call("nfs_close", file)

    def read(self, path):
        file, buffer, data = c_void_p(), create_string_buffer(4096), b""
        self.call("nfs_open", path, os.O_RDONLY, byref(file))
        try:
            while count := self.call("nfs_read", file, len(buffer), buffer):
                data += buffer.raw[:count]
        finally:
            self.call("nfs_close", file)
        return data

    def list(self, path):
        directory, entries = c_void_p(), []
        self.call("nfs_opendir", path, byref(directory))
        try:
            while entry := self.library.nfs_readdir(self.context, directory):
                if entry.contents.name not in (b".", b".."):
                    entries.append((entry.contents.name, entry.contents.size))
        finally:
            self.library.nfs_closedir(self.context, directory)
        return entries

    def stat(self, path):
        st = Stat()
        self.call("nfs_stat64", path, byref(st))
        return st


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: hello.py nfs://server/export")
    directory, filename = os.fsdecode(DIRECTORY), os.fsdecode(FILENAME)
    with Nfs(load(os.environ.get("LIBNFS", "libnfs.so.14")), sys.argv[1]) as nfs:
        nfs.call("nfs_mkdir", DIRECTORY)
        print(f"mkdir  {directory}")
        nfs.write(FILENAME, TEXT)
        print(f"write  {filename}: {len(TEXT)} bytes")
        print(f"read   {filename}: {nfs.read(FILENAME).decode()}", end="")
        for name, size in nfs.list(DIRECTORY):
            print(f"list   {directory}: {os.fsdecode(name)}, {size} bytes")
        st = nfs.stat(FILENAME)
        kind = "regular file" if stat.S_ISREG(st.mode) else "not a file"
        print(f"stat   {filename}: {kind}, mode {stat.S_IMODE(st.mode):03o}, {st.size} bytes")
        nfs.call("nfs_unlink", FILENAME)
        nfs.call("nfs_rmdir", DIRECTORY)
        print(f"remove {filename}, {directory}")


if __name__ == "__main__":
    try:
        main()
    except OSError as failure:
        sys.exit(f"hello.py: {failure}")
