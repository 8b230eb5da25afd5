"""Read after write: what a server has acknowledged and then lost in a restart is read back all the same."""

import ctypes as C
import os

from filesystem import NOSPC
from library import Context, case, expect, main, settle
from server import Server

OLD, NEW = b"old-", b"NEW-NEW-NEW-"


def lost_data(**settings):
    """A file with acknowledged data that the server has just lost; nobody has noticed yet."""
    server = Server()
    node = server.make(b"disk", data=OLD)
    context = Context(server, **settings)
    file = context.must_open("/disk", os.O_RDWR)
    context.put(file, NEW)
    server.crash()
    settle()
    return server, node, context, file


@case
def stale_read():
    _server, _node, context, file = lost_data()
    first = context.content(file, 12)
    context.put(file, b"x", 100)
    second = context.content(file, 12)
    expect(first == NEW, f"the read after the restart gives {first}")
    expect(second == NEW, f"after a WRITE was answered with the new verifier, read gives {second}")
    context.must_fsync(file)
    return f"read after the restart: {first}"


@case
def fstat_after_restart():
    _server, _node, context, file = lost_data()
    size = context.size_of(file)
    expect(size == len(NEW), f"fstat says {size} bytes, {len(NEW)} were written")
    return f"fstat says {size} bytes"


@case
def stat_after_restart():
    _server, _node, context, _file = lost_data()
    size = context.size("/disk")
    expect(size == len(NEW), f"stat says {size} bytes, {len(NEW)} were written")
    return f"stat says {size} bytes"


@case
def listing_after_restart():
    _server, _node, context, _file = lost_data()
    size = context.listing("/")["disk"]
    expect(size == len(NEW), f"the listing says {size} bytes, {len(NEW)} were written")
    return f"the listing says {size} bytes"


@case
def seek_end_after_restart():
    _server, _node, context, file = lost_data()
    position = C.c_uint64()
    context.must_lseek(file, 0, os.SEEK_END, C.byref(position))
    expect(position.value == len(NEW), f"the end is at {position.value}, {len(NEW)} bytes were written")
    return f"the end is at {position.value}"


@case
def asynchronous_read_after_restart():
    _server, _node, context, file = lost_data()
    read = context.start("pread", file, 0, len(NEW))
    context.finish(read)
    expect(read.data == NEW, f"pread_async gives {read.status}, {read.data}")
    return f"pread_async gives {read.data}"


@case
def second_handle_after_restart():
    """Opened after the restart: the open is what notices it."""
    _server, _node, context, _file = lost_data()
    seen = context.content(context.must_open("/disk", os.O_RDONLY), 12)
    expect(seen == NEW, f"a handle opened after the restart reads {seen}")
    return f"a handle opened after the restart reads {seen}"


@case
def page_cache_after_restart():
    server, _node, context, file = lost_data(pagecache=64)
    seen = context.content(file, 12)
    expect(seen == NEW, f"with the page cache, read gives {seen}")
    # A block that was read before, written, and lost.
    context.must_fsync(file)
    context.content(file, 12)
    context.put(file, b"0123456789ab")
    server.crash()
    settle()
    seen, size = context.content(file, 12), context.size_of(file)
    expect(seen == b"0123456789ab" and size == 12, f"an old block: {seen}, size {size}")
    return "reads give what was written"


@case
def noticed_in_another_file():
    """The new verifier comes with a WRITE to another file, and no connection is lost."""
    server = Server()
    server.make(b"one", data=OLD), server.make(b"two")
    context = Context(server)
    one, two = context.must_open("/one", os.O_RDWR), context.must_open("/two", os.O_RDWR)
    context.put(one, NEW)
    server.crash(close=False)
    context.put(two, b"anything")
    seen, size = context.content(one, 12), context.size_of(one)
    expect(
        seen == NEW and size == 12, f"after the new verifier was seen in another file: {seen}, size {size}"
    )
    return f"read gives {seen}"


@case
def holes_after_restart():
    """Data was lost in the middle, beside data that was not."""
    server = Server()
    server.make(b"f", data=b"a" * 30000)
    context = Context(server)
    file = context.must_open("/f", os.O_RDWR)
    expected = bytearray(b"a" * 30000)
    for offset in range(0, 30000, 3000):
        context.put(file, b"%05d" % offset, offset)
        expected[offset : offset + 5] = b"%05d" % offset
    server.crash()
    settle()
    whole = context.content(file, 30000)
    different = [at for at, (seen, wanted) in enumerate(zip(whole, expected)) if seen != wanted]
    expect(whole == expected, f"{len(whole)} of 30000 bytes; different at {different[:8]}")
    expect(
        context.content(file, 5000, 10000) == expected[10000:15000], "a part of it is not what was written"
    )
    return "parts that were lost and parts that were not are in their places"


@case
def commit_as_the_writer():
    server = Server()
    server.make(b"f").mode = 0o666
    context = Context(server, uid=1000)
    file = context.must_open("/f", os.O_RDWR)
    context.put(file, b"important")
    context.set_uid(2000)
    mark = len(server.calls)
    server.crash()
    settle()
    context.must_fsync(file)
    callers = [(call.name, call.uid) for call in server.calls[mark:] if call.name in ("WRITE", "COMMIT")]
    expect(callers and all(uid == 1000 for _, uid in callers), f"uid 1000 has written; resent as {callers}")
    return f"sent as {callers}"


@case
def two_writers_two_users():
    server = Server()
    server.make(b"f").mode = 0o666
    context = Context(server)
    files = {}
    for uid in (1000, 2000):
        context.set_uid(uid)
        files[uid] = context.must_open("/f", os.O_RDWR)
        context.put(files[uid], b"%d" % uid, uid)
    context.set_uid(3000)
    mark = len(server.calls)
    server.crash()
    settle()
    for file in files.values():
        context.must_close(file)
    writes = [call for call in server.calls[mark:] if call.name == "WRITE"]
    wrong = [call.uid for call in writes if b"%d" % call.uid not in call.arguments]
    expect(writes and not wrong, f"data was sent again as {[call.uid for call in writes]}")
    expect(
        bytes(server.path("/f").stable[1000:1004]) == b"1000", "the first writer's data is not on the disk"
    )
    expect(
        bytes(server.path("/f").stable[2000:2004]) == b"2000", "the second writer's data is not on the disk"
    )
    return "each one's data was sent again as that user"


@case
def error_of_a_resend():
    """No room for what is sent again: somebody hears of it, and no read pretends otherwise for good."""
    server, node, context, file = lost_data()
    server.hook = lambda call: call.failure(NOSPC) if call.name == "WRITE" else None
    fsync, close = context.fsync(file), context.close(file)
    expect(fsync < 0 or close < 0, f"fsync {fsync}, close {close}; the disk has {bytes(node.stable)}")
    expect(-28 in (fsync, close), f"ENOSPC is told as {fsync}, {close}: {context.error()}")
    return f"fsync {fsync}, close {close}"


@case
def restart_during_many_writes():
    """The server restarts at every tenth WRITE, among 200 that are under way."""
    server = Server()
    node = server.make(b"f")
    context = Context(server)
    file = context.must_open("/f", os.O_RDWR)
    context.get_fd()
    written = [0]

    def hook(call):
        if call.name == "WRITE":
            written[0] += 1
            if written[0] % 10 == 0 and written[0] < 100:
                server.crash(close=False)

    server.hook = hook
    expected = b"".join(b"%08d" % number for number in range(200))
    writes = [context.start("pwrite", file, 8 * n, 8, expected[8 * n : 8 * n + 8]) for n in range(200)]
    context.finish(*writes, seconds=20)
    seen = context.content(file, 1600)
    context.must_close(file)
    expect(bytes(node.stable) == expected, "the disk has not what was written")
    expect(seen == expected, "the read before close did not give what was written")
    return f"{written[0]} WRITEs for 200 pieces"


main()
