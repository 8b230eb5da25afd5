"""How a file was opened is enforced; and files and directories end with their mount."""

import ctypes as C
import mmap
import os
import time

from fixture import Held
from library import Context, Stat, case, elapsed, expect, in_thread, main, wait_for
from server import Server

EBADF = -9


def one_file(**settings):
    server = Server()
    node = server.make(b"f", data=b"data")
    context = Context(server, **settings)
    context.get_fd()
    return server, node, context


@case
def read_only_handle():
    """Writing through O_RDONLY is refused; reading through O_WRONLY stays allowed, as in libnfs."""
    _server, node, context = one_file()
    write = context.pwrite(context.must_open("/f", os.O_RDONLY), 0, 4, b"XXXX")
    read = context.content(context.must_open("/f", os.O_WRONLY), 4)
    expect(
        write == EBADF and node.now == b"data",
        f"pwrite through O_RDONLY: {write}; the file: {bytes(node.now)}",
    )
    expect(read == b"data", f"pread through O_WRONLY: {read}")
    return f"pwrite through O_RDONLY: {write}; pread through O_WRONLY: {read}"


@case
def every_change_through_a_read_only_handle():
    server, node, context = one_file()
    file = context.must_open("/f", os.O_RDONLY)
    statuses = {
        "write": context.write(file, 4, b"XXXX"),
        "pwrite": context.pwrite(file, 0, 4, b"XXXX"),
        "ftruncate": context.ftruncate(file, 0),
    }
    for name, arguments in (("write", (4, b"XXXX")), ("pwrite", (0, 4, b"XXXX")), ("ftruncate", (0,))):
        pending = context.start(name, file, *arguments)
        context.finish(pending)
        statuses[name + "_async"] = pending.status
    expect(set(statuses.values()) == {EBADF}, f"{statuses}")
    expect(server.count("WRITE", "SETATTR") == 0 and node.now == b"data", "something was sent all the same")
    return f"{statuses}"


@case
def read_only_after_append_and_creation():
    """The other flags give no right to write."""
    _server, node, context = one_file()
    for path, flags in (("/f", os.O_APPEND), ("/new", os.O_CREAT), ("/f", os.O_SYNC)):
        status = context.write(context.must_open(path, os.O_RDONLY | flags), 1, b"x")
        expect(status == EBADF, f"write through O_RDONLY and {flags:o}: {status}")
    expect(node.now == b"data", f"the file: {bytes(node.now)}")
    return "EBADF with O_APPEND, O_CREAT and O_SYNC"


@case
def other_server():
    """A file outlives umount and the mount of another server: its data must not reach that."""
    one, two = Server(), Server()
    mine, theirs = one.make(b"mine"), two.make(b"theirs", data=b"precious data of another server")
    two.verifier = 77
    context = Context(one)
    file = context.must_open("/mine", os.O_RDWR)
    context.put(file, b"ONE-ONE-")
    context.must_umount()
    context.use(two)
    context.must_mount("127.0.0.1", "/export")
    write, read = context.pwrite(file, 0, 3, b"ONE"), context.try_pread(file)
    close = context.close(file)
    expect(theirs.now == b"precious data of another server", f"the other server's file: {bytes(theirs.now)}")
    expect((write, read) == (EBADF, EBADF), f"with another server mounted: pwrite {write}, pread {read}")
    expect(
        mine.stable == b"ONE-ONE-" or close < 0,
        f"close {close}; the first server's disk: {bytes(mine.stable)}",
    )
    return f"pwrite {write}, pread {read}, close {close}; the first server's disk: {bytes(mine.stable)}"


@case
def handles_end_with_the_mount():
    """After umount, and also when the same export is mounted again."""
    server, _node, context = one_file()
    server.make(b"in it", parent=server.make(b"d", 2))
    file, directory = context.must_open("/f", os.O_RDWR), C.c_void_p()
    context.must_opendir("/d", C.byref(directory))
    context.must_umount()
    for when in ("after umount", "mounted again"):
        statuses = {
            "pread": context.try_pread(file),
            "pwrite": context.pwrite(file, 0, 1, b"x"),
            "fstat64": context.fstat64(file, C.byref(Stat())),
            "ftruncate": context.ftruncate(file, 0),
            "lseek": context.lseek(file, 0, os.SEEK_END, C.byref(C.c_uint64())),
        }
        expect(set(statuses.values()) == {EBADF}, f"{when}: {statuses}")
        if when == "after umount":
            context.must_mount("127.0.0.1", "/export")
    expect(not context.readdir(directory), "a directory of the mount before can be read")
    expect(server.count("WRITE") == 0, "a WRITE was sent")
    seen = context.content(context.must_open("/f", os.O_RDONLY), 4)
    expect(seen == b"data", f"the new mount reads {seen}")
    return "EBADF after umount, and when mounted again"


def reads_under_way(context, server, count=8):
    """Reads of which the server holds the replies."""
    file = context.must_open("/f", os.O_RDONLY)
    held, order = Held(server, "READ"), []
    reads = [context.start("pread", file, 0, 4, then=lambda _: order.append("pread")) for _ in range(count)]
    context.loop(lambda: len(held) == count, 2)
    return file, held, reads, order


@case
def umount_ends_what_is_under_way():
    """nfs_umount() first ends every call with an error, so that the program may free its buffers behind
    it."""
    server, _node, context = one_file()
    _file, held, reads, _order = reads_under_way(context, server)
    status, seconds = elapsed(context.umount)
    statuses = [read.status for read in reads]
    expect(all(read.times == 1 and read.status < 0 for read in reads), f"when umount returns: {statuses}")
    for call in held:
        call.release()
    context.loop(lambda: False, 0.3)
    expect(all(read.times == 1 for read in reads), "callbacks came twice")
    expect(all(read.data is None for read in reads), "data came after umount")
    expect(status == 0 and seconds < 3, f"umount: {status} after {seconds:.1f} s")
    return f"umount {status}; before that the reads: {statuses}"


@case
def umount_async_ends_what_is_under_way():
    server, _node, context = one_file()
    _file, held, reads, order = reads_under_way(context, server)
    umount = context.start("umount", then=lambda _: order.append("umount"))
    for call in held:
        call.release()
    context.finish(umount)
    context.loop(lambda: False, 0.3)
    statuses = [read.status for read in reads]
    expect(order == ["pread"] * len(reads) + ["umount"], f"callbacks came in this order: {order}")
    expect(all(read.times == 1 and read.status < 0 for read in reads), f"reads ended with {statuses}")
    return f"{umount}; before that the reads: {statuses}"


@case
def umount_in_another_thread():
    """A synchronous read under way ends, and nothing is written to its buffer afterwards: that is not
    there any more."""
    server, _node, context = one_file()
    file = context.must_open("/f", os.O_RDONLY)
    held = Held(server, "READ")
    memory = mmap.mmap(-1, 1 << 16)
    address = C.addressof(C.c_char.from_buffer(memory))
    read = in_thread(context.pread, file, 0, 4, C.c_void_p(address))
    expect(wait_for(lambda: held), "no READ was sent")
    umount, seconds = elapsed(context.umount)
    expect(wait_for(lambda: read, 3), f"umount: {umount} after {seconds:.1f} s; the read goes on")
    # No access from now on: whoever writes there is killed.
    status = C.CDLL(None).mprotect(C.c_void_p(address), C.c_size_t(1 << 16), 0)
    expect(status == 0, "mprotect")
    held[0].release()
    time.sleep(0.2)
    expect(read[0] < 0, f"the read ended with {read[0]}")
    return f"umount {umount}, the read {read[0]}"


@case
def mount_again_while_replies_come():
    """Late replies to calls of the mount before are not taken for those of the next one."""
    server, _node, context = one_file()
    for _ in range(5):
        _file, held, _reads, _order = reads_under_way(context, server)
        server.hook = None
        context.must_umount()
        context.must_mount("127.0.0.1", "/export")
        for call in held:
            call.release()
        seen = context.content(context.must_open("/f", os.O_RDONLY), 4)
        expect(seen == b"data", f"read after mounting again: {seen}")
    return "five times mounted again"


main()
