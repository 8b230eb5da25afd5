"""Barriers: truncation, SETATTR, unlock, close, fsync and umount and the writes that were begun before
them."""

import ctypes as C
import os

from fixture import Held, one_file
from library import LOCK, UNLOCK, Context, FileLock, case, expect, main, settle, times
from server import Server


@case
def close_before_the_write():
    server, node, context, file = one_file()
    write, close = context.start("pwrite", file, 0, 9, b"important"), context.start("close", file)
    context.finish(write, close)
    server.crash()
    expect(
        node.stable == b"important" or close.status < 0, f"{write}, {close}; the disk: {bytes(node.stable)}"
    )
    return f"{write}, {close}, and the data is stable"


@case
def fsync_behind_the_write():
    server, node, context, file = one_file()
    writes = [context.start("pwrite", file, 4 * n, 4, b"%04d" % n) for n in range(8)]
    seen = []
    fsync = context.start("fsync", file, then=lambda status: seen.append(bytes(node.stable)))
    context.finish(fsync, *writes)
    expected = b"".join(b"%04d" % n for n in range(8))
    expect(fsync.status == 0 and seen == [expected], f"{fsync}; stable at that moment: {seen}")
    return f"{fsync}, and 8 writes are stable"


@case
def mixed_truncate():
    """A truncation waits for the WRITE that is on its way; nothing of that comes back after a restart."""
    server, node, context, file = one_file()
    held = Held(server, "WRITE")
    write = context.start("pwrite", file, 0, 8, b"12345678")
    context.loop(lambda: held, 2)
    truncate = context.start("ftruncate", file, 0)
    context.loop(lambda: truncate.done, 0.5)
    held.release()
    context.finish(write, truncate)
    before = context.size("/f")
    server.crash()
    settle()
    context.must_close(file)
    after = context.size("/f")
    expect(
        (before, after) == (0, 0), f"{write}, {truncate}: size {before}, after a restart and close {after}"
    )
    return f"{write}, {truncate}, size {after}"


@case
def truncation_excludes_writes():
    server, _node, context, file = one_file(b"12345678")
    held = Held(server, "SETATTR")
    truncate = context.start("ftruncate", file, 0)
    context.loop(lambda: held, 2)
    write = context.start("pwrite", file, 0, 4, b"data")
    context.loop(lambda: server.count("WRITE"), 0.3)
    beside = server.count("WRITE")
    held.release()
    context.finish(truncate, write)
    expect(beside == 0, "a WRITE was sent while a truncation was under way")
    expect(context.size("/f") == 4, f"{truncate}, {write}: size {context.size('/f')}")
    return "the WRITE waited for the truncation"


@case
def writes_and_truncations_in_order():
    for order in ("write, truncate", "truncate, write"):
        server, node, context, file = one_file(b"abcdefghijkl")
        start = {
            "write": lambda: context.start("pwrite", file, 0, 8, b"12345678"),
            "truncate": lambda: context.start("ftruncate", file, 4),
        }
        pending = [start[name]() for name in order.split(", ")]
        context.finish(*pending)
        server.crash()
        settle()
        context.must_close(file)
        expected = b"1234" if order.startswith("write") else b"12345678"
        expect(node.stable == expected, f"{order}: {pending}; the file has {bytes(node.stable)}")
    return "both orders end as they were submitted"


@case
def truncate_by_path():
    server, node, context, file = one_file()
    context.put(file, b"12345678")
    context.must_truncate("/f", 3)
    server.crash()
    settle()
    context.must_close(file)
    expect(node.stable == b"123", f"after a truncation by path, a restart and close: {bytes(node.stable)}")
    return f"the file has {bytes(node.stable)}"


def sent_behind_a_held_write(change):
    """Which SETATTRs were sent while the WRITE before them had no answer."""
    server, _node, context, file = one_file()
    held = Held(server, "WRITE")
    write = context.start("pwrite", file, 0, 4, b"data")
    context.loop(lambda: held, 2)
    pending = change(context, file)
    context.loop(lambda: server.count("SETATTR"), 0.3)
    early = server.count("SETATTR")
    held.release()
    context.finish(write, pending)
    expect(pending.status == 0, f"{pending}")
    return early


@case
def setattr_waits_for_writes():
    changes = {
        "utimes": lambda context, _file: context.start("utimes", "/f", times(12345)),
        "chmod": lambda context, _file: context.start("chmod", "/f", 0o600),
        "fchmod": lambda context, file: context.start("fchmod", file, 0o600),
        "chown": lambda context, _file: context.start("chown", "/f", 7, 7),
        "fchown": lambda context, file: context.start("fchown", file, 7, 7),
    }
    early = [name for name, change in changes.items() if sent_behind_a_held_write(change)]
    expect(not early, f"SETATTR is sent beside a WRITE under way: {early}")
    return f"SETATTR waits for the WRITE before it: {', '.join(changes)}"


@case
def times_after_resend():
    server, node, context, file = one_file()
    context.put(file, b"data")
    context.must_utimes("/f", times(12345))
    server.crash()
    settle()
    context.must_close(file)
    expect(node.stable == b"data", f"the data is not stable: {bytes(node.stable)}")
    expect(node.mtime == (12345, 0), f"the time that was set is gone: {node.mtime}")
    return f"mtime {node.mtime}"


@case
def utime_after_resend():
    server, node, context, file = one_file()
    context.finish(context.start("pwrite", file, 0, 4, b"data"))
    context.must_utime("/f", (C.c_long * 2)(777, 777))
    server.crash(close=False)
    context.put(context.must_open("/f", os.O_RDWR), b"")
    context.must_fsync(file)
    expect(
        node.mtime == (777, 0) and node.stable == b"data", f"mtime {node.mtime}, data {bytes(node.stable)}"
    )
    return f"mtime {node.mtime}"


@case
def owner_after_resend():
    """The file is given to somebody else, who lets nobody write: what was written before has to be there."""
    for name in ("chown", "fchown"):
        server, node, context, file = one_file(uid=1000)
        server.permissions, node.uid, node.mode = True, 1000, 0o600
        context.put(file, b"data")
        context.must(name, "/f" if name == "chown" else file, 2000, 2000)
        server.crash()
        settle()
        closed = context.close(file)
        expect(
            node.stable == b"data", f"{name}, a restart, close {closed}: the disk has {bytes(node.stable)}"
        )
    return "data is stable before the owner changes"


@case
def mode_after_resend():
    """WRITE takes the set-user-ID bit away: one that is sent again after chmod must not."""
    for name in ("chmod", "fchmod"):
        server, node, context, file = one_file(uid=1000)
        node.uid = 1000
        context.put(file, b"data")
        context.must(name, "/f" if name == "chmod" else file, 0o4755)
        server.crash()
        settle()
        closed = context.close(file)
        said = f"{name}, a restart, close {closed}: mode {node.mode:o}, disk {bytes(node.stable)}"
        expect(node.mode == 0o4755 and node.stable == b"data", said)
    return "the mode is what was set"


@case
def unlock_makes_stable():
    """Data is stable before the lock that protected it is given back: by nfs_lockf, nfs_fcntl, and
    asynchronously."""

    def unlock_by_fcntl(context, file):
        context.must_fcntl(file, 0, C.byref(FileLock(l_type=2)))

    ways = {
        "nfs_lockf": lambda context, file: context.must_lockf(file, UNLOCK, 0),
        "nfs_fcntl": unlock_by_fcntl,
        "nfs_lockf_async": lambda context, file: context.finish(context.start("lockf", file, UNLOCK, 0)),
    }
    server = Server(portmapper=True)
    late = []
    for way, unlock in ways.items():
        name = way.replace("nfs_", "")
        node = server.make(name.encode())
        context = Context(server)
        file = context.must_open("/" + name, os.O_RDWR)
        stable_at_unlock = []

        def hook(call):
            if call.name == "UNLOCK":
                stable_at_unlock.append(bytes(node.stable))

        server.hook = hook
        context.must_lockf(file, LOCK, 0)
        context.put(file, b"data")
        unlock(context, file)
        if stable_at_unlock[:1] != [b"data"]:
            late.append(f"{way}: {stable_at_unlock}")
    expect(not late, f"stable when UNLOCK came: {late}")
    return f"data is stable before UNLOCK: {', '.join(ways)}"


@case
def unlock_of_a_write_under_way():
    server, node, context, file = one_file(portmapper=True)
    context.must_lockf(file, LOCK, 0)
    held = Held(server, "WRITE")
    write = context.start("pwrite", file, 0, 4, b"data")
    context.loop(lambda: held, 2)
    unlock = context.start("lockf", file, UNLOCK, 0)
    context.loop(lambda: server.count("UNLOCK"), 0.3)
    early = server.count("UNLOCK")
    held.release()
    context.finish(write, unlock)
    expect(early == 0, "UNLOCK was sent while a WRITE was under way")
    expect(unlock.status == 0 and node.stable == b"data", f"{unlock}; the disk: {bytes(node.stable)}")
    return "UNLOCK waits for the WRITE and its COMMIT"


@case
def close_of_one_of_two_writers():
    server, node, context, one = one_file()
    two = context.must_open("/f", os.O_RDWR)
    context.put(one, b"one-")
    context.put(two, b"two-", 4)
    first = context.close(one)
    expect(first == 0 and node.stable[:4] == b"one-", f"close: {first}; the disk: {bytes(node.stable)}")
    context.put(two, b"more", 8)
    server.crash()
    settle()
    second = context.close(two)
    expect(second == 0 and node.stable == b"one-two-more", f"close: {second}; the disk: {bytes(node.stable)}")
    return "the data of each is stable when it is closed"


@case
def umount_makes_stable():
    """Or the later close says an error."""
    server, node, context, file = one_file()
    stable_at_umount = []
    server.hook = lambda call: stable_at_umount.append(bytes(node.stable)) if call.name == "UMNT" else None
    context.put(file, b"important")
    umount = context.umount()
    server.crash()
    settle()
    close = context.close(file)
    said = (
        f"umount {umount}, stable when UMNT came {stable_at_umount}, close {close}, disk {bytes(node.stable)}"
    )
    expect(node.stable == b"important" or umount < 0 or (close < 0 and close != -9), said)
    return said


main()
