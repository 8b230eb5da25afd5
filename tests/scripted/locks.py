"""Locks of the server's lock manager: silence, and restarts that forget them."""

import ctypes as C
import os
import socket
import time

from fixture import one_file
from library import LOCK, TRY_LOCK, UNLOCK, Context, case, expect, in_thread, main, settle, wait_for
from lockmanager import GRACE
from server import NLM, SILENCE, Rejected
from xdr import u32

EIO, EAGAIN = -5, -11
TCP_REPAIR = 19


@case
def lock_silence():
    """The lock manager's machine dies without FIN and RST when it has the request, and is back a moment
    later."""
    server, _node, context, file = one_file(b"data", portmapper=True)
    requests = []

    def hook(call):
        if call.name in ("LOCK", "NM_LOCK"):
            requests.append(call)
            if len(requests) == 1:
                server.connections.remove(call.connection)
                call.connection.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
                call.connection.close()
                # The thread that reads it has to let go of it, too.
                raise OSError

    server.hook = hook
    began = time.monotonic()
    locked = in_thread(context.lockf, file, LOCK, 0)
    wait_for(lambda: locked, 60)
    seconds = time.monotonic() - began
    expect(
        locked and locked[0] == 0,
        f"nfs_lockf: {locked or 'nothing'} after {seconds:.0f} s, {len(requests)} requests",
    )
    expect(context.size("/f") == 4, "stat")
    return f"nfs_lockf: {locked[0]} after {seconds:.0f} s, {len(requests)} requests"


def use(context, file, seconds=5):
    """Reads through the file until the locks are there again, or the time is over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        context.try_pread(file)
        yield
        time.sleep(0.05)


def has_lock_again(server, context, file, seconds=5):
    return any(server.locks for _ in use(context, file, seconds))


@case
def locks_in_the_grace_period():
    server, node, context, file = one_file(b"data", portmapper=True)
    context.must_lockf(file, LOCK, 0)
    context.put(file, b"mine")
    mark = len(server.lock_requests)
    server.crash(grace=3)
    settle()
    expect(
        has_lock_again(server, context, file, 2.5),
        f"requests after the restart: {server.lock_requests[mark:]}",
    )
    expect(server.lock_requests[-1][1], f"not reclaimed: {server.lock_requests[mark:]}")
    wait_for(lambda: not server.in_grace())
    other = Context(server)
    status = other.lockf(other.must_open("/f", os.O_RDWR), TRY_LOCK, 0)
    expect(status == EAGAIN, f"another client gets {status}")
    context.must_lockf(file, UNLOCK, 0)
    expect(node.stable == b"mine" and not server.locks, f"{bytes(node.stable)}, locks {server.locks}")
    return "reclaimed, and kept from another client"


@case
def locks_without_grace_period():
    server, _node, context, file = one_file(b"data", portmapper=True)
    context.must_lockf(file, LOCK, 0)
    context.put(file, b"mine")
    mark = len(server.lock_requests)
    server.crash()
    settle()
    expect(
        has_lock_again(server, context, file), f"requests after the restart: {server.lock_requests[mark:]}"
    )
    expect(not server.lock_requests[-1][1], f"{server.lock_requests[mark:]}")
    other = Context(server)
    status = other.lockf(other.must_open("/f", os.O_RDWR), TRY_LOCK, 0)
    expect(status == EAGAIN, f"another client gets {status}")
    return "taken again, and kept from another client"


@case
def ranges_are_taken_again():
    """Exactly what was locked: two ranges of one handle, one of another."""
    server, _node, context, one = one_file(b"data", portmapper=True)
    two = context.must_open("/f", os.O_RDWR)

    def at(file, position, count):
        context.must_lseek(file, position, os.SEEK_SET, C.byref(C.c_uint64()))
        context.must_lockf(file, LOCK, count)

    at(one, 0, 10), at(one, 100, 10), at(two, 50, 10)
    context.put(one, b"x")
    before = sorted((lock.start, lock.end, lock.exclusive, lock.owner) for lock in server.locks)
    server.crash(grace=2)
    settle()
    for _ in use(context, one, 2.5):
        if len(server.locks) == 3:
            break
    after = sorted((lock.start, lock.end, lock.exclusive, lock.owner) for lock in server.locks)
    expect(after == before, f"before the restart {before}, after it {after}")
    return f"{len(after)} ranges"


@case
def refused_reclaim():
    """Somebody else has the lock meanwhile: the handle is no good any more, and says so, until it is
    closed."""
    server, node, context, file = one_file(b"data", portmapper=True)
    bystander = context.must_open("/f", os.O_RDONLY)
    context.must_lockf(file, LOCK, 0)
    context.put(file, b"mine")
    context.must_fsync(file)
    server.crash()
    server.lock_by_somebody_else(node)
    settle()
    for _ in use(context, file, 3):
        if context.try_pread(file) == EIO:
            break
    statuses = {
        "pread": context.try_pread(file),
        "pwrite": context.pwrite(file, 0, 4, b"lost"),
        "unlock": context.lockf(file, UNLOCK, 0),
    }
    sentence = context.error()
    expect(set(statuses.values()) == {EIO}, f"{statuses} {sentence}")
    expect("lock" in sentence, f"the sentence: {sentence}")
    expect(node.now == b"mine", f"something was written without the lock: {bytes(node.now)}")
    expect(context.try_pread(bystander) == 4, "another handle of the file is refused, too")
    context.close(file)
    seen = context.content(context.must_open("/f", os.O_RDWR), 4)
    expect(seen == b"mine", f"opened again: {seen}")
    return f"{statuses}: {sentence}"


@case
def restart_of_the_locks_holder_without_locks():
    """No locks are asked for where there were none, or where they were given back."""
    server, _node, context, file = one_file(b"data", portmapper=True)
    context.must_lockf(file, LOCK, 0)
    context.must_lockf(file, UNLOCK, 0)
    context.put(file, b"mine")
    mark = len(server.lock_requests)
    server.crash(grace=1)
    settle()
    for _ in use(context, file, 0.5):
        pass
    requests = server.lock_requests[mark:]
    expect(not requests and not server.locks, f"requests after the restart: {requests}")
    return "no request"


def locked_and_restarted(hook):
    """A file with a lock and data that the server may lose, and a restart; then what the hook makes of the calls for
    locks. How long the next call has to wait that needs no lock."""
    server, node, context, file = one_file(b"data", portmapper=True)
    context.must_lockf(file, LOCK, 0)
    context.put(file, b"mine")
    server.hook = lambda call: hook(call) if call.program == NLM else None
    server.crash()
    settle()
    began = time.monotonic()
    pending = context.start("pwrite", file, 0, 4, b"also")
    expect(context.try_stat("/f") == 0, "stat")
    seconds = time.monotonic() - began
    context.finish(pending, seconds=20)
    return server, node, context, file, seconds, pending.status


def expect_lost(node, context, file, seconds, status):
    expect(9 < seconds < 16, f"other calls had to wait for {seconds:.1f} s")
    expect(status == EIO and context.pwrite(file, 0, 4, b"lost") == EIO, f"pwrite without the lock: {status}")
    settle()
    expect(node.now == b"data", f"written without the lock: {bytes(node.now)}")
    expect(context.close(file) == EIO, "what was not stable when the lock was lost is given up silently")
    expect(context.content(context.must_open("/f", os.O_RDWR), 4) == b"data", "opened again")


@case
def silence_while_locks_are_taken_again():
    """The lock manager says nothing: calls that need no lock do not wait for long, and the locks are lost."""
    server, node, context, file, seconds, status = locked_and_restarted(lambda call: SILENCE)
    expect_lost(node, context, file, seconds, status)
    server.hook = None
    file = context.must_open("/f", os.O_RDWR)
    context.must_lockf(file, LOCK, 0)
    context.put(file, b"new ")
    return f"others waited for {seconds:.1f} s, pwrite: {status}"


@case
def no_lock_manager_while_locks_are_taken_again():
    """The server has none any more."""
    _server, node, context, file, seconds, status = locked_and_restarted(lambda call: Rejected(1))
    expect_lost(node, context, file, seconds, status)
    return f"others waited for {seconds:.1f} s, pwrite: {status}"


@case
def silent_connection_while_locks_are_taken_again():
    """The lock manager answers over another connection only."""
    silent = []

    def hook(call):
        silent.extend([call.connection] * (not silent))
        return SILENCE if call.connection is silent[0] else None

    server, node, context, file, seconds, status = locked_and_restarted(hook)
    expect(status == 4 and seconds < 9, f"pwrite: {status}, others waited for {seconds:.1f} s")
    other = Context(server)
    taken = other.lockf(other.must_open("/f", os.O_RDWR), TRY_LOCK, 0)
    expect(taken == EAGAIN, f"another client gets {taken}")
    context.must_lockf(file, UNLOCK, 0)
    expect(node.stable == b"also" and not server.locks, f"{bytes(node.stable)}, locks {server.locks}")
    return f"taken again after {seconds:.1f} s"


@case
def undecided_while_locks_are_taken_again():
    """A lock manager that asks to come again is waited for."""
    began = time.monotonic()

    def hook(call):
        return call.arguments[:8] + u32(GRACE) if time.monotonic() < began + 13 else None

    server, _node, _context, _file, seconds, status = locked_and_restarted(hook)
    expect(status == 4 and len(server.locks) == 1, f"pwrite: {status}, locks {server.locks}")
    return f"taken again after {seconds:.1f} s"


main()
