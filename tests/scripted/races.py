"""What happens between a call and its answer: restarts, lost locks, other threads and other files."""

import ctypes as C
import os
import threading
import time

from filesystem import JUKEBOX
from fixture import one_file
from library import (
    LOCK,
    TRY_LOCK,
    UNLOCK,
    Context,
    Stat,
    case,
    elapsed,
    expect,
    in_thread,
    library,
    main,
    settle,
    wait_for,
)
from server import SILENCE, Server


class Delayed:
    """Calls that the server takes, and executes later, as one of many threads of a server may."""

    def __init__(self, server, which):
        self.server, self.which, self.calls = server, which, []
        server.hook = self

    def __call__(self, call):
        if self.which(call):
            self.calls.append(call)
            return SILENCE
        return None

    def execute(self):
        self.server.hook = None
        for call in self.calls:
            self.server.send(call, self.server.carry_out_once(call))


@case
def write_after_a_lost_lock():
    """The restart is noticed by a write through a handle whose lock somebody else has by then."""
    server, node, context, file = one_file(b"data", portmapper=True)
    context.must_lockf(file, LOCK, 0)
    server.crash()
    server.lock_by_somebody_else(node)
    server.change(node, b"THEIRS")
    settle()
    status = context.pwrite(file, 0, 4, b"mine")
    now = bytes(node.now)
    later = context.pwrite(file, 0, 4, b"more")
    expect(
        status == -5 and now == b"THEIRS",
        f"pwrite after the restart: {status}; the file: {now}; the next pwrite: {later}",
    )
    return f"{status} {now}"


@case
def read_after_a_lost_lock():
    """The same, noticed by a read."""
    server, node, context, file = one_file(b"data", portmapper=True)
    context.must_lockf(file, LOCK, 0)
    server.crash()
    server.lock_by_somebody_else(node)
    server.change(node, b"THEIRS")
    settle()
    status = context.try_pread(file)
    expect(status == -5, f"first pread {status}, next {context.try_pread(file)}")
    return f"{status}"


@case
def every_operation_after_a_lost_lock():
    """None reaches the server, not even one that does not need the lock; close gives back what is left."""
    server, node, context, file = one_file(b"data", portmapper=True)
    context.must_lockf(file, LOCK, 0)
    server.crash()
    server.lock_by_somebody_else(node)
    server.change(node, b"THEIRS")
    settle()
    first, since = context.try_pread(file), len(server.calls)
    said = {
        "read": context.read(file, 4, C.create_string_buffer(4)),
        "write": context.write(file, 4, b"more"),
        "fstat64": context.fstat64(file, C.byref(Stat())),
        "lseek": context.lseek(file, 0, os.SEEK_END, C.byref(C.c_uint64())),
        "ftruncate": context.ftruncate(file, 3),
        "fchmod": context.fchmod(file, 0o600),
        "fchown": context.fchown(file, 1, 1),
        "fsync": context.fsync(file),
        "lockf": context.lockf(file, TRY_LOCK, 0),
        "unlock": context.lockf(file, UNLOCK, 0),
    }
    calls = server.count("READ", "WRITE", "GETATTR", "SETATTR", "LOCK", "UNLOCK", since=since)
    expect(first == -5 and set(said.values()) == {-5} and not calls, f"pread {first}, {said}, {calls} calls")
    context.close(file)
    expect(server.count("UNLOCK", since=since), "close has not told the lock manager")
    context.must_close(context.must_open("/f", os.O_RDWR))
    expect(bytes(node.now) == b"THEIRS", f"{bytes(node.now)}")
    return f"{said}"


@case
def write_under_way_when_the_lock_is_lost():
    """A WRITE under way when the server restarts, and the lock is somebody else's afterwards."""
    server, node, context, file = one_file(b"data", portmapper=True)
    context.must_lockf(file, LOCK, 0)
    held = []
    server.hook = lambda call: (held.append(call), SILENCE)[1] if call.name == "WRITE" and not held else None
    w = context.start("pwrite", file, 0, 4, b"mine")
    context.loop(lambda: held, 2)
    server.crash()
    server.lock_by_somebody_else(node)
    server.change(node, b"THEIRS")
    context.finish(w)
    expect(
        w.status == -5 and bytes(node.now) == b"THEIRS",
        f"{w}, the file {bytes(node.now)}; next pread {context.try_pread(file)}",
    )
    return "held"


@case
def resend_without_an_answer():
    """The restart is noticed by a stat; the resend has no answer; a newer write comes."""
    server, node, context, file = one_file(timeout=500)
    context.put(file, b"old-old-")
    server.crash()
    settle()
    delayed = Delayed(server, lambda call: call.name == "WRITE" and b"old-old-" in call.arguments)
    server.make(b"other", data=b"x")
    other = context.try_stat("/other")
    context.loop(lambda: delayed.calls, 2)
    context.loop(lambda: False, 0.8)
    n = len(delayed.calls)
    write = context.pwrite(file, 0, 8, b"NEW-NEW-")
    delayed.execute()
    settle()
    fsync, close = context.fsync(file), context.close(file)
    expect(
        bytes(node.stable) == b"NEW-NEW-" or min(write, fsync, close) < 0,
        f"stat {other}, {n} resends, pwrite {write}, fsync {fsync}, close {close}: {bytes(node.stable)}",
    )
    return f"write {write} fsync {fsync} close {close} disk {bytes(node.stable)}, {n} resends"


@case
def close_in_the_grace_period():
    """Locks of a file that is closed, or unmounted, while the server takes nothing back."""
    said = []
    for way in ("close", "umount", "lockf + close"):
        server, node, context, file = one_file(b"data", portmapper=True)
        context.must_lockf(file, LOCK, 0)
        server.crash(grace=1.5)
        settle()
        context.try_pread(file)
        r = []
        if way == "lockf + close":
            r.append(context.lockf(file, UNLOCK, 0))
        if way != "umount":
            r.append(context.close(file))
        r.append(context.umount())
        wait_for(lambda: not server.in_grace())
        time.sleep(1)
        other = Context(server)
        said.append((way, r, other.lockf(other.must_open("/f", os.O_RDWR), TRY_LOCK, 0)))
        server.stop()
    expect(all(s[-1] == 0 for s in said), f"{said}")
    return f"{said}"


@case
def read_beside_a_steady_writer_and_a_busy_file():
    """Another verifier on the same connection, a file whose COMMIT is busy, and a steady writer of another."""
    server = Server()
    node, busy = server.make(b"f"), server.make(b"busy")
    context = Context(server)
    library.nfs_mt_service_thread_start(context.pointer)
    f, b = context.must_open("/f", os.O_RDWR), context.must_open("/busy", os.O_RDWR)
    context.put(b, b"busy")
    context.put(f, b"data")
    handle = server.handle(busy)

    def hook(call):
        if call.name == "COMMIT" and call.arguments[4:12] == handle:
            return call.failure(JUKEBOX)

    server.hook = hook
    server.crash()
    settle()
    stop = []
    counts = [0]

    def write():
        while not stop:
            context.pwrite(f, 4096, 4, b"xxxx")
            counts[0] += 1

    threads = [threading.Thread(target=write, daemon=True) for _ in range(4)]
    [t.start() for t in threads]
    time.sleep(0.5)
    mark = len(server.calls)
    result = in_thread(lambda: elapsed(lambda: context.try_pread(f)))
    stat = in_thread(lambda: elapsed(lambda: context.size_of(f)))
    wait_for(lambda: result and stat, 15)
    calls = {name: server.count(name, since=mark) for name in ("READ", "GETATTR", "COMMIT", "WRITE")}
    said = f"pread {result}, fstat {stat}; {counts[0]} writes; {calls}"
    stop.append(1)
    expect(result and stat, said)
    expect(result[0][1] < 1 and stat[0][1] < 1, said)
    return said


@case
def read_beside_a_steady_writer():
    """Only the verifier changes (no loss of the connection), nothing is busy; one steady writer."""
    server = Server()
    server.make(b"f")
    context = Context(server)
    library.nfs_mt_service_thread_start(context.pointer)
    f = context.must_open("/f", os.O_RDWR)
    context.put(f, b"data")
    server.crash(close=False)
    stop = []

    def write():
        while not stop:
            context.pwrite(f, 4096, 4, b"xxxx")

    [threading.Thread(target=write, daemon=True).start() for _ in range(4)]
    time.sleep(0.3)
    mark = len(server.calls)
    result = in_thread(lambda: elapsed(lambda: context.try_pread(f)))
    wait_for(lambda: result, 12)
    stop.append(1)
    said = f"pread {result}; {server.count('READ', since=mark)} READs, {server.count('COMMIT', since=mark)} COMMITs"
    expect(result and result[0][1] < 1, said)
    return said


@case
def timeout_of_a_waiting_write():
    """A truncation without timeout hangs; a write with a timeout waits for it."""
    server, node, context, file = one_file(b"12345678")
    server.hook = lambda call: SILENCE if call.name == "SETATTR" else None
    truncate = context.start("ftruncate", file, 0)
    context.loop(lambda: server.count("SETATTR"), 2)
    context.set_timeout(500)
    write = context.start("pwrite", file, 0, 4, b"data")
    context.loop(lambda: write.done, 4)
    expect(write.done, f"a write with a timeout of 0.5 s has not ended after 4 s: {write}, {truncate}")
    return f"{write}"


@case
def append_after_an_unnoticed_restart():
    """The server has lost the first record, without losing a connection."""
    server, node, context, _ = one_file()
    file = context.must_open("/f", os.O_RDWR | os.O_APPEND)
    context.must_write(file, 12, b"first-record")
    server.crash(close=False)
    context.must_write(file, 6, b"second")
    context.must_close(file)
    expect(bytes(node.stable) == b"first-recordsecond", f"{bytes(node.stable)}")
    return "held"


@case
def lock_at_the_position_behind_a_write():
    server, node, context, file = one_file(b"x" * 100, portmapper=True)
    context.must_lockf(file, TRY_LOCK, 1)
    context.must_lockf(file, UNLOCK, 1)
    server.locks.clear()
    delayed = Delayed(server, lambda call: call.name == "WRITE")
    w = context.start("write", file, 10, b"0123456789")
    l = context.start("lockf", file, TRY_LOCK, 5)
    context.loop(lambda: l.done, 1)
    delayed.execute()
    context.finish(w, l)
    ranges = [(k.start, k.end) for k in server.locks]
    expect(ranges == [(10, 15)], f"locked {ranges} behind 10 bytes")
    return f"{ranges}"


@case
def age_behind_an_unanswered_commit():
    """One file whose COMMIT is never answered, and one that is old."""
    server = Server()
    hung, node = server.make(b"hung"), server.make(b"f")
    context = Context(server)
    library.nfs_mt_service_thread_start(context.pointer)
    h, f = context.must_open("/hung", os.O_RDWR), context.must_open("/f", os.O_RDWR)
    handle = server.handle(hung)
    server.hook = lambda call: SILENCE if call.name == "COMMIT" and call.arguments[4:12] == handle else None
    context.put(h, b"hung")
    time.sleep(2)
    context.put(f, b"important")
    began = time.monotonic()
    wait_for(lambda: node.stable, 75)
    seconds = time.monotonic() - began
    expect(
        seconds < 36,
        f"{seconds:.0f} s after the write, stable: {bytes(node.stable)}; COMMITs {server.count('COMMIT')}",
    )
    return f"{seconds:.0f} s"


main()
