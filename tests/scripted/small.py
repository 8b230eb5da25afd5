"""Busy servers, races of O_CREAT, paths, times, listings, and the end of the process."""

import ctypes as C
import os
import socket
import subprocess
import sys
import tempfile
import time

from filesystem import DIRECTORY, IO, JUKEBOX, LINK
from library import OPERATIONS, Context, case, elapsed, expect, main, times
from server import Rejected, Server, failing

ENOENT, EIO, EAGAIN, ENOTDIR, EINVAL, ENAMETOOLONG, EOVERFLOW, ETIMEDOUT = (
    -2,
    -5,
    -11,
    -20,
    -22,
    -36,
    -75,
    -110,
)
GARBAGE_ARGS = 4


def busy_for(server, procedure, seconds):
    began = time.monotonic()
    refuse = failing(procedure, JUKEBOX)
    server.hook = lambda call: refuse(call) if time.monotonic() < began + seconds else None


@case
def busy_forever():
    """Without a timeout, a read waits for a server that says NFS3ERR_JUKEBOX, however long."""
    server = Server()
    server.make(b"f", data=b"data")
    context = Context(server)
    file = context.must_open("/f", os.O_RDONLY)
    busy_for(server, "READ", 5)
    status, seconds = elapsed(lambda: context.try_pread(file))
    expect(
        status == 4,
        f"read of a file that is there 5 s later: {status} after {seconds:.1f} s: {context.error()}",
    )
    return f"read after {seconds:.1f} s: {status}"


@case
def busy_operations():
    """The same of opening, writing and making, side by side."""
    server = Server()
    server.make(b"f", data=b"data")
    context = Context(server)
    context.get_fd()
    file = context.must_open("/f", os.O_RDWR)
    began = time.monotonic()
    busy = "LOOKUP WRITE MKDIR SETATTR RENAME".split()

    def hook(call):
        if call.name in busy and time.monotonic() < began + 5:
            return call.failure(JUKEBOX)

    server.hook = hook
    pending = [
        context.start("open", "/f", os.O_RDONLY),
        context.start("pwrite", file, 0, 4, b"DATA"),
        context.start("mkdir", "/d"),
        context.start("chmod", "/f", 0o600),
        context.start("truncate", "/f", 4),
    ]
    context.finish(*pending, seconds=20)
    failed = [one for one in pending if one.status < 0]
    expect(not failed, f"5 s of NFS3ERR_JUKEBOX: {failed}")
    return f"{pending}"


@case
def busy_until_the_timeout():
    server = Server()
    server.make(b"f", data=b"data")
    context = Context(server, timeout=1000)
    file = context.must_open("/f", os.O_RDONLY)
    busy_for(server, "READ", 1000)
    status, seconds = elapsed(lambda: context.try_pread(file))
    expect(status in (EAGAIN, ETIMEDOUT) and 0.5 < seconds < 3, f"read: {status} after {seconds:.1f} s")
    return f"read: {status} after {seconds:.1f} s"


@case
def creation_race():
    """O_CREAT|O_TRUNC, and another client makes the file between LOOKUP and CREATE."""
    wrong = []
    opens = {
        "O_CREAT|O_TRUNC": lambda context: context.must_open("/f", os.O_CREAT | os.O_TRUNC | os.O_WRONLY),
        "creat": lambda context: context.must_creat("/f", 0o644, C.byref(C.c_void_p())),
        "O_CREAT|O_TRUNC, asynchronously": lambda context: context.finish(
            context.start("open2", "/f", os.O_CREAT | os.O_TRUNC | os.O_RDWR, 0o644)
        ),
    }
    for name, make in opens.items():
        server = Server()

        def hook(call):
            if call.name == "CREATE" and b"f" not in server.root.names:
                server.make(b"f", data=b"somebody else's content")

        server.hook = hook
        context = Context(server)
        context.get_fd()
        make(context)
        content = bytes(server.path("/f").now)
        if content:
            wrong.append(f"{name}: {content}")
    expect(not wrong, f"not truncated: {wrong}")
    return "truncated"


def tree():
    server = Server()
    server.make(b"f", data=b"data")
    server.make(b"x", parent=server.make(b"d", DIRECTORY))
    server.make(b"link", LINK).target = b"d"
    return server, Context(server)


@case
def slashes():
    """Paths as POSIX has them."""
    server, context = tree()
    statuses = {
        "stat f/": (context.try_stat("/f/"), ENOTDIR),
        "stat f/.": (context.try_stat("/f/."), ENOTDIR),
        "stat f/..": (context.try_stat("/f/.."), ENOTDIR),
        "stat f/../d": (context.try_stat("/f/../d"), ENOTDIR),
        "stat nothing/..": (context.try_stat("/nothing/.."), ENOENT),
        # As in libnfs, on which nfs-ls relies: the current directory.
        "stat ''": (context.try_stat(""), 0),
        "stat d/": (context.try_stat("/d/"), 0),
        "stat d/x": (context.try_stat("/d/x"), 0),
        "stat //d//x": (context.try_stat("//d//x"), 0),
        "stat link/": (context.try_stat("/link/"), 0),
        "open f/": (context.try_open("/f/", os.O_RDONLY), ENOTDIR),
        "truncate f/": (context.truncate("/f/", 0), ENOTDIR),
        "unlink f/": (context.unlink("/f/"), ENOTDIR),
        "rename f/ g": (context.rename("/f/", "/g"), ENOTDIR),
        "rename f g/": (context.rename("/f", "/g/"), ENOTDIR),
        "rename d/ e/": (context.rename("/d/", "/e/"), 0),
        "rename e d/": (context.rename("/e", "/d/"), 0),
        "rename d/ e": (context.rename("/d/", "/e"), 0),
        "mkdir ''": (context.mkdir(""), ENOENT),
        "unlink ''": (context.unlink(""), ENOENT),
        "rename '' g": (context.rename("", "/g"), ENOENT),
    }
    wrong = [
        f"{what}: {status}, POSIX {wanted}" for what, (status, wanted) in statuses.items() if status != wanted
    ]
    expect(not wrong, "; ".join(wrong))
    expect(server.names_in(server.root) == ["e", "f", "link"], f"{server.names_in(server.root)}")
    expect(server.path("/f").now == b"data", "the file was truncated")
    return f"{len(statuses)} paths"


@case
def times_outside_32_bits():
    server, context = tree()
    context.get_fd()
    node = server.path("/f")
    before, wrong = node.mtime, []
    for seconds in (-1, 1 << 32, (1 << 32) + 12345, 1 << 40):
        statuses = [context.utimes("/f", times(seconds)), context.lutimes("/f", times(seconds))]
        statuses.append(context.utime("/f", (C.c_long * 2)(seconds, seconds)))
        pending = context.start("utimes", "/f", times(seconds))
        context.finish(pending)
        statuses.append(pending.status)
        if any(status not in (EOVERFLOW, EINVAL) for status in statuses) or node.mtime != before:
            wrong.append(f"{seconds}: {statuses}, mtime {node.mtime[0]}")
            before = node.mtime
    expect(not wrong, "; ".join(wrong))
    return "EOVERFLOW or EINVAL"


@case
def times_until_2106():
    server, context = tree()
    for seconds in (0, (1 << 31) - 1, 1 << 31, 2_524_608_000, (1 << 32) - 1):
        context.must_utimes("/f", times(seconds, 250_000))
        told, stat = server.path("/f").mtime, context.attributes("/f")
        expect(told == (seconds, 250_000_000), f"{seconds} was sent as {told}")
        expect(
            (stat.mtime, stat.mtime_nsec) == told and stat.atime == seconds,
            f"{seconds} comes back as {stat.mtime}",
        )
        context.must_utime("/f", (C.c_long * 2)(seconds, seconds))
        expect(server.path("/f").mtime == (seconds, 0), f"utime of {seconds}: {server.path('/f').mtime}")
    return "times until 2106 go out and come back"


@case
def listing():
    """One object that cannot be looked at does not make a directory unreadable."""
    server = Server()
    server.listing_attributes = False
    server.make(b"bad"), server.make(b"good", data=b"1234")
    server.hook = lambda call: (
        call.failure(IO) if call.name == "LOOKUP" and b"bad" in call.arguments else None
    )
    context = Context(server)
    directory = C.c_void_p()
    status = context.opendir("/", C.byref(directory))
    expect(status == 0, f"opendir: {status} {context.error()}")
    sizes = context.listing("/")
    expect(sizes.get("good") == 4, f"{sizes}")
    return f"{sizes}"


@case
def names_that_are_too_long():
    """Linux cannot decode a call with a name over 255 bytes (GARBAGE_ARGS): ENAMETOOLONG; any other is EIO."""
    server = Server()
    server.make(b"f"), server.make(b"d", DIRECTORY)
    refused = "n" * 256

    def undecodable(call):
        return Rejected(GARBAGE_ARGS) if refused.encode() in call.arguments else None

    context = Context(server)
    context.get_fd()
    path, below = f"/{refused}", f"/d/{refused}"
    calls = [(name, path) for name in "lstat64 rmdir unlink chdir".split()]
    calls += [("stat64", path), ("stat64", below), ("stat64", f"{path}/below")]
    calls += [("open", path, os.O_RDONLY), ("open", below, os.O_RDWR | os.O_CREAT), ("creat", path, 0o644)]
    calls += [("open", path, os.O_RDWR | os.O_CREAT | os.O_EXCL), ("opendir", path), ("truncate", path, 0)]
    calls += [("mkdir", path), ("mkdir", below), ("mknod", path, 0o010644, 0), ("symlink", "target", path)]
    calls += [("rename", path, "/new"), ("rename", "/f", path), ("link", path, "/new"), ("link", "/f", path)]
    calls += [
        ("chmod", path, 0o600),
        ("chown", path, 0, 0),
        ("utimes", path, None),
        ("access", path, os.R_OK),
    ]
    context.attributes("/d")
    wrong = []
    for hook, errno in ((undecodable, ENAMETOOLONG), (lambda call: Rejected(GARBAGE_ARGS), EIO)):
        server.hook = hook
        for name, *arguments in calls if errno == ENAMETOOLONG else [("mkdir", "/new"), ("stat64", "/f")]:
            output = [C.byref(C.create_string_buffer(200))] if OPERATIONS[name][1] else []
            status = getattr(context, name)(*arguments, *output)
            pending = context.start(name, *arguments)
            context.finish(pending)
            if (status, pending.status) != (errno, errno):
                wrong.append(f"{name} {arguments}: {status}, asynchronously {pending.status}")
    expect(not wrong, "; ".join(wrong).replace(refused, "n..."))
    return f"{len(calls)} calls are ENAMETOOLONG"


EXIT = """
import ctypes, os, sys, time
nfs = ctypes.CDLL(os.environ["LIBNFS"])
nfs.nfs_init_context.restype = ctypes.c_void_p
context = ctypes.c_void_p(nfs.nfs_init_context())
nfs.nfs_set_timeout(context, 300)
status = nfs.nfs_mount(context, b"server.example", b"/export")
print(status, time.monotonic(), flush=True)
if sys.argv[1] == "destroy":
    nfs.nfs_destroy_context(context)
ctypes.CDLL(None).exit(0)
"""


@case
def resolver_at_exit():
    """A name server that says nothing: the thread that asks it does not delay the end of the process."""
    silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    silent.bind(("127.0.0.1", 53))
    with tempfile.NamedTemporaryFile("w") as configuration:
        configuration.write("nameserver 127.0.0.1\noptions timeout:5 attempts:2\n")
        configuration.flush()
        subprocess.run(["mount", "--bind", configuration.name, "/etc/resolv.conf"], check=True)
        ends = [end_of_a_resolving_process(way) for way in ("exit", "destroy")]
        subprocess.run(["umount", "/etc/resolv.conf"], check=True)
    silent.close()
    expect(
        all(status < 0 and seconds < 1.5 for status, seconds in ends), f"mount, seconds to the end: {ends}"
    )
    return f"mount, seconds to the end of the process: {ends}"


def end_of_a_resolving_process(way):
    """(what mount said, how long the process took to end after that)"""
    command = [sys.executable, "-c", EXIT, way]
    child = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, timeout=30)
    status, exited = child.stdout.split()
    return int(status), round(time.monotonic() - float(exited), 1)


@case
def above_a_directory_with_the_same_beginning():
    """`..` behind a name that only begins as the current directory does is looked up as any other."""
    server = Server()
    server.make(b"ab", DIRECTORY)
    server.make(b"filed", DIRECTORY)
    server.make(b"file")
    server.make(b"x")
    context = Context(server)
    context.must_chdir("/ab")
    expect(context.try_stat("../a/../x") == -2, "a directory that is not there was passed")
    expect(context.try_stat("../ab/../x") == 0, "the current directory was not passed")
    context.must_chdir("/filed")
    expect(context.try_stat("../file/../x") == -20, "a file was passed as a directory")


main()
