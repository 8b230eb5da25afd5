"""Replies that can be understood though RFC 1813 would have them otherwise, one bad object among good ones, and errors
of calls that are only a precaution."""

import ctypes as C
import os

from filesystem import (
    ACCES,
    CHARACTER,
    DIRECTORY,
    FIFO,
    INVAL,
    IO,
    NOENT,
    NOTSUPP,
    PERM,
    SERVERFAULT,
    SOCKET,
    STALE,
)
from fixture import one_file
from library import Context, case, elapsed, expect, main
from server import SILENCE, Rejected, Server
from xdr import opaque, u32, u64

EACCES, EINVAL, ESTALE, ETIMEDOUT = -13, -22, -116, -110
NXIO, NAMETOOLONG, BADHANDLE = 6, 63, 10001


def changing(server, **changes):
    """A hook that changes the results of the procedures that are named."""

    def hook(call):
        change = changes.get(call.name)
        return change(call, server.carry_out_once(call)) if change else None

    server.hook = hook


def read_results(call, server, count=None, eof=True, more=b""):
    """The results of a READ with attributes: a count of one's own, and bytes behind the data."""
    reader = call.reader()
    node = server.node_of(reader.opaque())
    offset, asked = reader.u64(), reader.u32()
    data = (bytes(node.now[offset:]) + more)[:asked]
    count = len(data) if count is None else count
    return u32(0) + server.after(node) + u32(count) + u32(eof) + opaque(data)


@case
def bytes_behind_every_result():
    server = Server()

    def hook(call):
        return server.carry_out_once(call) + b"\xff" * 20

    server.hook = hook
    context = Context(server)
    context.must_mkdir("/d")
    context.must_symlink("/d", "/link")
    target = C.create_string_buffer(100)
    expect(context.readlink("/link", target, 100) == 0 and target.value == b"/d", "readlink")
    file = context.must_open("/d/f", os.O_CREAT | os.O_EXCL | os.O_RDWR)
    context.put(file, b"some data")
    context.must_fsync(file)
    expect(context.content(file, 100) == b"some data", "content")
    context.must_close(file)
    context.must_mknod("/d/fifo", 0o10644, 0)
    context.must_link("/d/f", "/d/g")
    context.must_rename("/d/g", "/d/h")
    context.must_chmod("/d/h", 0o600)
    context.must_truncate("/d/h", 3)
    expect(context.listing("/d") == {".": 4096, "..": 4096, "f": 3, "fifo": 0, "h": 3}, "listing")
    for name in ("f", "fifo", "h"):
        context.must_unlink("/d/" + name)
    context.must_rmdir("/d")
    statvfs = C.create_string_buffer(1000)
    context.must_statvfs64("/", statvfs)
    context.must_umount()
    return "understood"


@case
def read_whose_count_is_below_its_data():
    server, _node, context, file = one_file(b"0123456789")
    changing(server, READ=lambda call, _: read_results(call, server, count=4))
    expect(context.content(file, 10) == b"0123", f"{context.content(file, 10)}")
    pending = context.start("pread", file, 0, 10)
    expect(context.finish(pending) == [4] and pending.data == b"0123", f"{pending.data}")
    return "the count is taken"


@case
def read_behind_an_old_size():
    """The size beside the data, with eof, is that before somebody else's append: no byte is left out."""
    server, node, context, file = one_file(b"0123456789")
    old = server.after(node)
    server.change(node, b"0123456789more")
    changing(server, READ=lambda call, _: read_results(call, server).replace(server.after(node), old))
    expect(context.content(file, 100) == b"0123456789more", f"{context.content(file, 100)}")
    pending = context.start("pread", file, 10, 100)
    expect(context.finish(pending) == [4] and pending.data == b"more", f"{pending.data}")
    expect(
        context.next_bytes(file, 9) == b"012345678" and context.next_bytes(file, 9) == b"9more", "by position"
    )
    expect(context.next_bytes(file, 9) == b"", "at the end")
    return "all that is there"


@case
def read_at_the_end_is_invalid():
    """NFS3ERR_INVAL for a READ at the end or behind it; anywhere else it is an error."""
    server, _node, context, file = one_file(b"0123456789")
    everywhere = []

    def change(call, results):
        reader = call.reader()
        reader.opaque()
        return call.failure(INVAL) if reader.u64() >= 10 or everywhere else results

    changing(server, READ=change)
    expect(context.content(file, 10, 10) == b"" and context.content(file, 10, 300) == b"", "behind the end")
    expect(context.finish(context.start("pread", file, 10, 5)) == [0], "asynchronously")
    expect(
        context.next_bytes(file, 10) == b"0123456789" and context.next_bytes(file, 5) == b"", "by position"
    )
    everywhere.append(True)
    expect(context.try_pread(file) == EINVAL, "a READ in the middle that is invalid")
    expect(context.finish(context.start("pread", file, 3, 5)) == [EINVAL], "the same, asynchronously")
    return "the end is the end"


@case
def read_of_no_regular_file():
    """Nothing ends there: the server's NFS3ERR_INVAL is the answer."""
    server = Server()
    for name, kind in ((b"fifo", FIFO), (b"device", CHARACTER), (b"socket", SOCKET)):
        server.make(name, kind)
    server.hook = lambda call: call.failure(INVAL) if call.name == "READ" else None
    context = Context(server)
    for name in ("fifo", "device", "socket"):
        file = context.must_open("/" + name, os.O_RDONLY)
        status, pending = context.try_pread(file), context.start("pread", file, 0, 5)
        expect(status == EINVAL and context.finish(pending) == [EINVAL], f"{name}: {status}, {pending}")
    return "EINVAL"


@case
def pages_without_their_last_words():
    """Each page but the last ends behind an entry, or in front of eof."""
    for left_out in (4, 8):
        for plus in (True, False):
            server = Server()
            for number in range(50):
                server.make(b"file-%d" % number)

            def change(_call, results):
                return results if results[-8:] == u32(0) + u32(1) else results[:-left_out]

            def refuse(call, _results):
                return call.failure(NOTSUPP)

            changing(server, READDIRPLUS=change if plus else refuse, READDIR=change)
            context = Context(server)
            context.set_readdir_max_buffer_size(1024, 1024)
            expect(len(context.listing("/")) == 52, f"{len(context.listing('/'))} entries")
            expect(server.count("READDIRPLUS" if plus else "READDIR") > 2, "one page")
    return "52 entries each time"


@case
def true_is_not_always_one():
    server = Server()
    server.make(b"a", data=b"123")

    def change(_call, results):
        """Whether entries follow, and eof."""
        head, words = results[: 8 + 84 + 8], results[8 + 84 + 8 :]
        changed, at = b"", 0
        while words[at : at + 4] == u32(1):
            size = int.from_bytes(words[at + 12 : at + 16], "big")
            end = at + 16 + (size + 3) // 4 * 4 + 8 + 4 + 84 + 4 + 12
            changed, at = changed + u32(7) + words[at + 4 : end], end
        return head + changed + u32(0) + u32(9)

    changing(
        server,
        READDIRPLUS=change,
        READ=lambda call, _: read_results(call, server)[: 8 + 84 + 4] + u32(2) + opaque(b"123"),
    )
    context = Context(server)
    expect(context.listing("/") == {".": 4096, "..": 4096, "a": 3}, f"{context.listing('/')}")
    expect(context.content(context.must_open("/a", os.O_RDONLY), 10) == b"123", "content")
    return "understood"


ANSWERS = {
    **{f"status {status}": status for status in (PERM, NOENT, IO, NXIO, ACCES, INVAL, NAMETOOLONG, STALE)},
    **{f"status {status}": status for status in (BADHANDLE, NOTSUPP, SERVERFAULT, 77777)},
    "PROC_UNAVAIL": Rejected(3),
    "GARBAGE_ARGS": Rejected(4),
    "SYSTEM_ERR": Rejected(5),
    "nothing": b"",
    "a handle of 100 bytes": u32(0) + opaque(b"h" * 100) + u32(0) * 2,
    "a file type of 9": u32(0) + opaque(b"12345678") + u32(1) + u32(9) + bytes(80) + u32(0),
}


@case
def one_bad_object_in_a_directory():
    """Whatever the server answers for it, the others are listed, and it, too."""
    for bad in (b"bad", b".", b".."):
        for name, answer in ANSWERS.items():
            server = Server()
            server.listing_attributes = False
            server.make(b"good", data=b"123")
            server.make(b"bad", data=b"123")

            def hook(call):
                if call.name != "LOOKUP":
                    return None
                reader = call.reader()
                reader.opaque()
                if reader.opaque() != bad:
                    return None
                return call.failure(answer) if isinstance(answer, int) else answer

            server.hook = hook
            context = Context(server, timeout=5000)
            expected = {".": 4096, "..": 4096, "good": 3, "bad": 3, bad.decode(): 0}
            listing = context.listing("/")
            expect(listing == expected, f"{name} for {bad}: {listing}")
    return f"{len(ANSWERS)} answers"


@case
def no_answer_ends_a_listing():
    server = Server()
    server.listing_attributes = False
    server.make(b"bad")
    server.hook = lambda call: SILENCE if call.name == "LOOKUP" else None
    context = Context(server, timeout=500)
    status, seconds = elapsed(lambda: context.opendir("/", C.byref(C.c_void_p())))
    expect(status == ETIMEDOUT and seconds < 3, f"{status} after {seconds:.1f} s")
    return f"{status} after {seconds:.1f} s"


@case
def access_that_fails():
    """ACCESS in front of an open is a precaution: when it cannot be answered, reading and writing tell."""
    for name, answer in ANSWERS.items():
        if name in ("nothing", "a handle of 100 bytes", "a file type of 9"):
            continue
        server = Server()
        server.make(b"f", data=b"123").mode = 0o600

        def hook(call):
            if call.name != "ACCESS":
                return None
            return call.failure(answer) if isinstance(answer, int) else answer

        server.hook = hook
        context = Context(server)
        expected = {PERM: -1, NOENT: -2, NXIO: -6, ACCES: EACCES, NAMETOOLONG: -36, STALE: ESTALE}.get(
            answer, 0
        )
        expected = -5 if answer == BADHANDLE else expected
        for flags in (os.O_RDONLY, os.O_RDWR, os.O_WRONLY | os.O_CREAT):
            file = context.try_open("/f", flags)
            expect(min(file, 0) == expected, f"{name}: open with {flags}: {min(file, 0)}")
        if not expected:
            expect(context.content(context.must_open("/f", os.O_RDONLY), 9) == b"123", f"{name}: content")
    return f"{len(ANSWERS)} answers"


@case
def access_that_denies():
    server = Server()
    server.permissions = True
    server.make(b"f", data=b"123").mode = 0o604
    context = Context(server, uid=1000, gid=1000)
    expect(context.try_open("/f", os.O_RDWR) == EACCES, "opened for writing")
    return "EACCES"


@case
def umount_that_the_server_does_not_answer():
    for answer in (Rejected(3), Rejected(5), b"\xff" * 3, SILENCE):
        server, _node, context, file = one_file(timeout=1000)
        server.hook = lambda call: answer if call.name == "UMNT" else None
        context.put(file, b"data")
        context.must_umount()
        expect(server.count("UMNT", "COMMIT") == 2, "UMNT and COMMIT")
    return "0"


main()
