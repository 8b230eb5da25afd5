"""A child of the process that has mounted: a connection of its own, and nothing of what is the parent's."""

import multiprocessing
import os
import sys
import time
import traceback

from fixture import one_file
from library import TRY_LOCK, Context, case, expect, main
from server import Server


def in_child(act):
    """Runs act() in a child; the server goes on in the parent. Returns its exit status."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            act()
            status = 0
        except BaseException:  # also SystemExit, which expect() raises
            traceback.print_exc(file=sys.stdout)
        finally:
            sys.stdout.flush()
            os._exit(status)
    return os.waitpid(child, 0)[1]


def names_since(server, mark):
    return [call.name for call in server.calls[mark:]]


@case
def child_connects_anew():
    server, node, context, file = one_file(b"0123456789" * 10)
    before = len(server.connections)
    expect(context.next_bytes(file, 10) == b"0123456789", "the parent cannot read")

    def act():
        expect(context.next_bytes(file, 5) == b"01234", "not at the position of the parent")
        expect(context.size("/f") == 100, "the wrong size")

    expect(in_child(act) == 0, "the child failed")
    expect(len(server.connections) == before + 1, f"{len(server.connections) - before} connections")
    expect(context.next_bytes(file, 5) == b"01234", "the child has moved the position of the parent")
    expect(len(server.connections) == before + 1, "the parent has lost its connection")
    return "one connection more, and the parent's is as it was"


@case
def child_only_destroys():
    server, node, context, file = one_file(b"data")
    pending = context.start("pread", file, 0, 4)
    before, mark = len(server.connections), len(server.calls)

    def act():
        context.close(file)
        context.destroy_context()
        expect(not pending.times, "a callback of the parent was called in the child")

    expect(in_child(act) == 0, "the child failed")
    expect(context.finish(pending) == [4] and pending.times == 1, f"the parent's call: {pending}")
    expect(set(names_since(server, mark)) <= {"READ"}, f"{names_since(server, mark)}")
    expect(len(server.connections) == before, "the child has connected")
    return "the server hears nothing of the child"


@case
def child_leaves_data_alone():
    """What the parent has written and the server may lose is not the child's to make stable."""
    server, node, context, file = one_file()
    context.put(file, b"written before the fork")
    mark = len(server.calls)

    def act():
        context.must_fsync(file)
        expect(context.content(file, 7) == b"written", "the child reads something else")
        context.must_close(file)
        context.destroy_context()

    expect(in_child(act) == 0, "the child failed")
    names = names_since(server, mark)
    expect("COMMIT" not in names and "WRITE" not in names, f"the child: {names}")
    server.crash()
    context.must_fsync(file)
    expect(bytes(node.now) == b"written before the fork", f"lost: {bytes(node.now)}")
    return "the parent has sent it again after a restart, the child nothing"


@case
def child_leaves_locks_alone():
    server, node, context, file = one_file(b"data", portmapper=True)
    context.must_lockf(file, TRY_LOCK, 0)
    mark = len(server.calls)

    def act():
        context.must_close(file)
        context.must_umount()
        context.destroy_context()

    expect(in_child(act) == 0, "the child failed")
    expect("UNLOCK" not in names_since(server, mark), f"{names_since(server, mark)}")
    other = Context(server)
    expect(other.lockf(other.must_open("/f", os.O_RDWR), TRY_LOCK, 0) == -11, "it is gone")
    return "the lock is the parent's"


@case
def children_of_multiprocessing():
    """As Python programs use a context that was made before."""
    server, node, context, file = one_file(bytes(range(250)) * 40)

    global work

    def work(number):
        data = context.content(file, 100, 100 * number)
        return data == (bytes(range(250)) * 40)[100 * number :][:100] and os.getpid()

    mark = len(server.connections)
    with multiprocessing.get_context("fork").Pool(4) as pool:
        results = pool.map_async(work, range(100), 1)
        for _ in range(50):
            expect(context.size("/f") == 10000, "the parent cannot go on")
        results = results.get(30)
    expect(all(results), "wrong data")
    workers, made = len(set(results)), len(server.connections) - mark
    expect(made == workers, f"{made} connections of {workers} workers")
    return f"{workers} workers, each with a connection"


@case
def one_successor():
    """The parent ends: one child goes on with its connection, the other one makes its own."""
    server = Server()
    node = server.make(b"f", data=b"0123456789")
    readable, writable = os.pipe()

    def child(context, file, parent):
        while os.getppid() == parent:
            time.sleep(0.001)
        for _ in range(50):
            if context.content(file, 10) != b"0123456789":
                os.write(writable, b"w")
                os._exit(1)
        os.write(writable, b"r")
        os._exit(0)

    def parent():
        context = Context(server)
        file = context.must_open("/f", os.O_RDWR)
        for _ in range(3):
            own = os.getpid()
            if os.fork() == 0:
                child(context, file, own)

    expect(in_child(parent) == 0, "the parent failed")
    os.close(writable)
    results = b""
    while part := os.read(readable, 10):
        results += part
    expect(results == b"rrr", f"{results}")
    ports = {call.port for call in server.calls if call.name == "READ"}
    expect(len(ports) == 3, f"READs over {len(ports)} connections")
    return "three children, three connections"


main()
