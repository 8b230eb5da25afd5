"""The library under test through ctypes, and what the programs of this directory share.

A program has functions marked with @case. Each makes a server and contexts, and returns a sentence that says
what it saw; expect() ends it as wrong. `python3 PROGRAM.py CASE` runs one: it ends with 0, or with 1 and a
line that begins with WRONG.
"""

import ctypes as C
import os
import select
import sys
import threading
import time
import traceback

POINTER, TEXT, INT, LONG, SIZE = C.c_void_p, C.c_char_p, C.c_int, C.c_int64, C.c_uint64
CALLBACK = C.CFUNCTYPE(None, C.c_int, C.c_void_p, C.c_void_p, C.c_void_p)
LOCK, TRY_LOCK, UNLOCK, TEST_LOCK = 0, 1, 2, 3


class Stat(C.Structure):
    """struct nfs_stat_64"""

    _fields_ = [
        (name, C.c_uint64)
        for name in (
            "dev ino mode nlink uid gid rdev size blksize blocks "
            "atime mtime ctime atime_nsec mtime_nsec ctime_nsec used"
        ).split()
    ]


class DirectoryEntry(C.Structure):
    """The beginning of struct nfsdirent"""

    _fields_ = [
        ("next", POINTER),
        ("name", TEXT),
        ("inode", C.c_uint64),
        ("type", C.c_uint32),
        ("mode", C.c_uint32),
    ]
    _fields_ += [("size", C.c_uint64)]


class FileLock(C.Structure):
    """struct nfs4_flock"""

    _fields_ = [("l_type", INT), ("l_whence", INT), ("l_pid", C.c_uint32), ("l_start", SIZE), ("l_len", SIZE)]


# Operations: what goes in behind the context, and whether a pointer for what comes out follows in the
# synchronous form.
OPERATIONS = {
    "mount": ((TEXT, TEXT), False),
    "umount": ((), False),
    "chdir": ((TEXT,), False),
    "stat64": ((TEXT,), True),
    "lstat64": ((TEXT,), True),
    "fstat64": ((POINTER,), True),
    "open": ((TEXT, INT), True),
    "open2": ((TEXT, INT, INT), True),
    "creat": ((TEXT, INT), True),
    "close": ((POINTER,), False),
    "pread": ((POINTER, SIZE, SIZE), True),
    "read": ((POINTER, SIZE), True),
    "pwrite": ((POINTER, SIZE, SIZE, POINTER), False),
    "write": ((POINTER, SIZE, POINTER), False),
    "lseek": ((POINTER, LONG, INT), True),
    "fsync": ((POINTER,), False),
    "truncate": ((TEXT, SIZE), False),
    "ftruncate": ((POINTER, SIZE), False),
    "lockf": ((POINTER, INT, SIZE), False),
    "fcntl": ((POINTER, INT, POINTER), False),
    "mkdir": ((TEXT,), False),
    "rmdir": ((TEXT,), False),
    "mknod": ((TEXT, INT, INT), False),
    "unlink": ((TEXT,), False),
    "rename": ((TEXT, TEXT), False),
    "symlink": ((TEXT, TEXT), False),
    "link": ((TEXT, TEXT), False),
    "opendir": ((TEXT,), True),
    "chmod": ((TEXT, INT), False),
    "fchmod": ((POINTER, INT), False),
    "chown": ((TEXT, INT, INT), False),
    "fchown": ((POINTER, INT, INT), False),
    "lchown": ((TEXT, INT, INT), False),
    "utimes": ((TEXT, POINTER), False),
    "lutimes": ((TEXT, POINTER), False),
    "utime": ((TEXT, POINTER), False),
    "access": ((TEXT, INT), False),
}
# Other functions: what they return, and what goes in behind the context.
OTHERS = {
    "destroy_context": (None,),
    "get_error": (TEXT,),
    "get_fd": (INT,),
    "which_events": (INT,),
    "service": (INT, INT),
    "queue_length": (INT,),
    "readdir": (C.POINTER(DirectoryEntry), POINTER),
    "closedir": (None, POINTER),
    "mt_service_thread_start": (INT,),
    "mt_service_thread_stop": (None,),
    "pagecache_invalidate": (None, POINTER),
    "readlink": (INT, TEXT, POINTER, INT),
    "set_readdir_max_buffer_size": (None, INT, INT),
    "statvfs64": (INT, TEXT, POINTER),
    **{
        f"set_{setting}": (None, INT)
        for setting in (
            "nfsport mountport timeout autoreconnect uid gid pagecache pagecache_ttl readahead dircache "
            "auto_traverse_mounts"
        ).split()
    },
}


def load():
    library = C.CDLL(os.environ.get("LIBNFS", "libnfs.so.14"))
    library.nfs_init_context.restype = POINTER
    for name, (inputs, has_output) in OPERATIONS.items():
        function = getattr(library, "nfs_" + name)
        function.restype, function.argtypes = INT, [POINTER, *inputs] + [POINTER] * has_output
        function = getattr(library, f"nfs_{name}_async", None)
        if function:
            function.restype, function.argtypes = INT, [POINTER, *inputs, CALLBACK, POINTER]
    for name, (result, *inputs) in OTHERS.items():
        function = getattr(library, "nfs_" + name)
        function.restype, function.argtypes = result, [POINTER, *inputs]
    return library


library = load()


class Pending:
    """An operation that was submitted: its callback leaves the status here."""

    alive = []

    def __init__(self, name, then=None):
        self.name, self.status, self.data, self.times = name, None, None, 0
        self.then = then
        self.callback = CALLBACK(self.called)
        # A callback may still come after the test has lost interest.
        Pending.alive.append(self)

    def called(self, status, _context, data, _private):
        self.times += 1
        self.status = status
        if self.name in ("pread", "read") and status > 0:
            self.data = C.string_at(data, status)
        elif self.name in ("open", "open2", "creat", "opendir") and status >= 0:
            self.data = data
        if self.then:
            self.then(status)

    @property
    def done(self):
        return self.status is not None

    def __repr__(self):
        return f"{self.name}: {self.status}"


def as_argument(value):
    return value.encode() if isinstance(value, str) else value


class Context:
    """A context. Its methods are the functions without nfs_; names may be str. `must_X` fails the test on
    an error."""

    def __init__(self, server=None, export="/export", mount=True, **settings):
        self.pointer = library.nfs_init_context()
        for name, value in settings.items():
            getattr(self, "set_" + name)(value)
        if server:
            self.use(server)
        if mount:
            self.must_mount("127.0.0.1", export)

    def use(self, server):
        self.set_nfsport(server.port)
        self.set_mountport(server.port)

    def __getattr__(self, name):
        if name.startswith("must_"):
            return lambda *arguments: self.must(name.removeprefix("must_"), *arguments)
        function = getattr(library, "nfs_" + name)
        return lambda *arguments: function(self.pointer, *map(as_argument, arguments))

    def must(self, name, *arguments):
        status = getattr(self, name)(*arguments)
        if not isinstance(status, int) or status < 0:
            raise RuntimeError(f"{name}{arguments}: {status} {self.error()}")
        return status

    def error(self):
        return library.nfs_get_error(self.pointer).decode()

    # --- With results ---------------------------------------------------------------------------------------

    def try_open(self, path, flags, mode=0o644):
        """The file, or a negative errno."""
        file = POINTER()
        status = self.open2(path, flags, mode, C.byref(file))
        return status if status < 0 else file.value

    def must_open(self, path, flags, mode=0o644):
        file = self.try_open(path, flags, mode)
        if file < 0:
            raise RuntimeError(f"open {path}: {file} {self.error()}")
        return file

    def attributes(self, path):
        stat = Stat()
        self.must_stat64(path, C.byref(stat))
        return stat

    def size(self, path):
        return self.attributes(path).size

    def try_stat(self, path):
        return self.stat64(path, C.byref(Stat()))

    def size_of(self, file):
        stat = Stat()
        self.must_fstat64(file, C.byref(stat))
        return stat.size

    def content(self, file, count, offset=0):
        buffer = C.create_string_buffer(count)
        size = self.must_pread(file, offset, count, buffer)
        return buffer.raw[:size]

    def next_bytes(self, file, count):
        """What read() gives at the position."""
        buffer = C.create_string_buffer(count)
        size = self.must_read(file, count, buffer)
        return buffer.raw[:size]

    def try_pread(self, file, count=4, offset=0):
        return self.pread(file, offset, count, C.create_string_buffer(count))

    def put(self, file, data, offset=0):
        """pwrite() of all of it."""
        written = self.must_pwrite(file, offset, len(data), data)
        expect(written == len(data), f"pwrite of {len(data)} bytes wrote {written}")

    def listing(self, path):
        """Sizes by name."""
        directory = POINTER()
        self.must_opendir(path, C.byref(directory))
        sizes = {}
        while entry := self.readdir(directory):
            sizes[entry.contents.name.decode()] = entry.contents.size
        self.closedir(directory)
        return sizes

    # --- Asynchronous ---------------------------------------------------------------------------------------

    def start(self, name, *arguments, then=None):
        """Submits an operation. One that is refused at once, and gets no callback, is done already."""
        pending = Pending(name, then)
        status = getattr(library, f"nfs_{name}_async")(
            self.pointer, *map(as_argument, arguments), pending.callback, None
        )
        if status < 0:
            pending.called(status, None, None, None)
        return pending

    def loop(self, until, seconds=5):
        """An event loop, as a program has it; false when the time is over before `until` is true."""
        end = time.monotonic() + seconds
        while not until():
            left = end - time.monotonic()
            if left <= 0:
                return False
            descriptor = self.get_fd()
            if descriptor < 0:  # nothing is mounted
                time.sleep(0.01)
                continue
            poll = select.poll()
            poll.register(descriptor, self.which_events())
            # Whoever looks for something else than a callback looks each 50 ms.
            for _, events in poll.poll(min(left, 0.05) * 1000):
                self.service(events)
        return True

    def finish(self, *pending, seconds=5):
        """Runs the event loop until all of these are done."""
        if not self.loop(lambda: all(one.done for one in pending), seconds):
            raise Wrong(f"not done after {seconds} s: {[one for one in pending if not one.done]}")
        return [one.status for one in pending]


# --- Cases --------------------------------------------------------------------------------------------------


class Wrong(Exception):
    """The library does something else than it promises."""


def expect(condition, text):
    if not condition:
        raise Wrong(text)


def expect_soon(condition, text, seconds=5):
    expect(wait_for(condition, seconds), text)


def wait_for(condition, seconds=5):
    """Whether it comes true within this time, without turning any context."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.002)
    return True


def in_thread(function, *arguments):
    """Runs a function in a thread; its result comes from the returned list."""
    results = []
    threading.Thread(target=lambda: results.append(function(*arguments)), daemon=True).start()
    return results


def elapsed(function):
    """(result, seconds)"""
    began = time.monotonic()
    result = function()
    return result, time.monotonic() - began


def times(seconds, microseconds=0):
    """Two struct timeval: access and modification."""
    return (C.c_long * 4)(seconds, microseconds, seconds, microseconds)


def settle():
    """Lets a closed connection reach the client's kernel."""
    time.sleep(0.1)


def case(function):
    cases[function.__name__] = function
    return function


cases = {}


def main():
    """Called at the end of each program. Ends the process at once, whatever its threads do."""
    status = 0
    try:
        print(f"fine: {cases[sys.argv[1]]()}")
    except Wrong as wrong:
        status = 1
        print(f"WRONG: {wrong}")
    except BaseException:
        status = 2
        traceback.print_exc(file=sys.stdout)
    sys.stdout.flush()
    os._exit(status)
