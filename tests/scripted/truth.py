"""fsync and close tell the truth: about data that is not stable yet, and about errors, to each writer
once."""

import os
import time

from filesystem import IO, JUKEBOX, NOTSUPP, ROFS, STALE
from library import Context, case, elapsed, expect, main, settle
from server import PROC_UNAVAIL, Rejected, Server, failing

EIO, ESTALE = -5, -116


def one_file(**settings):
    server = Server()
    node = server.make(b"f")
    context = Context(server, **settings)
    return server, node, context


@case
def file_that_is_gone_for_a_moment():
    """One WRITE is refused with NFS3ERR_STALE; then the server has the file again, and takes all."""
    server, node, context = one_file()
    file = context.must_open("/f", os.O_RDWR)
    server.hook = failing("WRITE", STALE)
    refused = context.pwrite(file, 0, 4, b"data")
    server.hook = failing("GETATTR", STALE)
    gone = context.fsync(file)
    server.hook = None
    context.put(file, b"data")
    again, closed = context.fsync(file), context.close(file)
    said = f"pwrite {refused}, fsync {gone}, then {again}, close {closed}, the disk: {node.stable}"
    expect((refused, gone, again, closed, node.stable) == (ESTALE, ESTALE, 0, 0, b"data"), said)
    return said


@case
def append_to_a_file_that_is_gone():
    """Where the server is asked for the end, it says NFS3ERR_STALE."""
    server, _node, context = one_file()
    file = context.must_open("/f", os.O_WRONLY | os.O_APPEND)
    server.remove(b"f")
    said = context.write(file, 4, b"data"), context.fsync(file), context.close(file)
    expect(said == (ESTALE, ESTALE, ESTALE), f"write, fsync, close: {said}")
    return "ESTALE each time"


@case
def commit_jukebox():
    """COMMIT says NFS3ERR_JUKEBOX until the timeout; fsync is repeated after a restart."""
    server, node, context = one_file(timeout=1000)
    file = context.must_open("/f", os.O_RDWR)
    context.put(file, b"important")
    server.hook = failing("COMMIT", JUKEBOX)
    busy = context.fsync(file)
    server.hook = None
    server.crash()
    settle()
    again, closed = context.fsync(file), context.close(file)
    expect(busy < 0, f"fsync says {busy} while the server is busy")
    expect(
        node.stable == b"important" or again < 0,
        f"fsync again: {again}, close: {closed}; the disk: {node.stable}",
    )
    expect(node.stable == b"important", f"the data was given up: fsync {again}, close {closed}")
    return f"fsync {busy}, then {again}, and the data is stable"


@case
def commit_jukebox_then_success():
    server, node, context = one_file()
    file = context.must_open("/f", os.O_RDWR)
    context.put(file, b"important")
    began = time.monotonic()
    server.hook = lambda call: failing("COMMIT", JUKEBOX)(call) if time.monotonic() < began + 5 else None
    status, seconds = elapsed(lambda: context.fsync(file))
    expect(status == 0, f"fsync says {status} after {seconds:.1f} s of NFS3ERR_JUKEBOX")
    expect(node.stable == b"important", "fsync says 0, and the data is not stable")
    return f"fsync waited for {seconds:.1f} s"


@case
def commit_without_answer_keeps_the_data():
    server, node, context = one_file(timeout=500)
    file = context.must_open("/f", os.O_RDWR)
    context.put(file, b"important")
    server.hook = lambda call: call.hold() if call.name == "COMMIT" else None
    late = context.fsync(file)
    server.hook = None
    # That COMMIT was for another server, as it were: nothing of it remains.
    node.stable = bytearray()
    server.crash()
    settle()
    again = context.fsync(file)
    expect(late < 0, f"fsync says {late} without an answer")
    expect(
        again == 0 and node.stable == b"important", f"fsync again: {again}; the disk: {bytes(node.stable)}"
    )
    return f"fsync {late}, then {again}, and the data is stable"


@case
def error_to_the_wrong_handle():
    server, node, context = one_file()
    writer, reader = context.must_open("/f", os.O_RDWR), context.must_open("/f", os.O_RDONLY)
    context.put(writer, b"important")
    server.hook = failing("COMMIT", IO)
    closed_reader = context.close(reader)
    server.hook = None
    server.crash()
    settle()
    fsync, close = context.fsync(writer), context.close(writer)
    said = f"close(reader) {closed_reader}, fsync(writer) {fsync}, close(writer) {close}"
    said += f", disk {bytes(node.stable)}"
    expect(fsync < 0 or node.stable == b"important", said)
    return said


@case
def each_writer_hears_once():
    server, _node, context = one_file()
    writers = [context.must_open("/f", os.O_RDWR) for _ in range(2)]
    reader = context.must_open("/f", os.O_RDONLY)
    for number, writer in enumerate(writers):
        context.put(writer, b"data", 4 * number)
    server.hook = failing("COMMIT", IO)
    first = context.fsync(writers[0])
    server.hook = None
    second = context.fsync(writers[1])
    again = [context.fsync(writer) for writer in writers]
    of_reader = context.close(reader)
    late_writer = context.must_open("/f", os.O_RDWR)
    of_late_writer = context.fsync(late_writer)
    closed = [context.close(writer) for writer in writers]
    expect((first, second) == (EIO, EIO), f"the writers' fsync: {first}, {second}; both had the file open")
    expect(again == [0, 0] and closed == [0, 0], f"it is told more than once: fsync {again}, close {closed}")
    expect(
        of_reader == 0 and of_late_writer == 0, f"a reader hears {of_reader}, a later writer {of_late_writer}"
    )
    return "each writer has heard of it once"


@case
def error_at_close():
    """The one who closes first does not take the error away from the other; nobody calls fsync."""
    server, _node, context = one_file()
    writers = [context.must_open("/f", os.O_WRONLY) for _ in range(2)]
    context.put(writers[0], b"data")
    context.put(writers[1], b"more", 4)
    server.hook = failing("COMMIT", IO)
    first = context.close(writers[0])
    server.hook = None
    second = context.close(writers[1])
    expect((first, second) == (EIO, EIO), f"close: {first}, {second}")
    return f"close: {first}, {second}"


@case
def fsync_too_early():
    """Two fsyncs after a restart: the COMMIT that was sent before the data came again confirms nothing of
    it."""
    server, node, context = one_file()
    file = context.must_open("/f", os.O_RDWR)
    context.put(file, b"important")
    server.crash(close=False)
    commits = []

    def hook(call):
        if call.name == "COMMIT":
            commits.append(call)
            if len(commits) > 1:
                call.hold()
            node_before = bytearray(node.stable)
            results = server.carry_out(call)
            # Only what is stable at the first COMMIT behind the second WRITE counts.
            if server.count("WRITE") < 2:
                node.stable = node_before
            return results

    server.hook = hook
    one, two = context.start("fsync", file), context.start("fsync", file)
    context.loop(lambda: len(commits) >= 3, 2)
    behind = [call for call in commits if call.held and server.calls.index(call) > last_write(server)]
    for call in commits:
        if call.held and call not in behind:
            call.release()
    context.loop(lambda: one.done or two.done, 1)
    early = [pending for pending in (one, two) if pending.status == 0]
    order = server.sequence("WRITE", "COMMIT")
    expect(server.count("WRITE") == 2, f"the data was not sent again: {order}")
    expect(behind and not early, f"{order}: {early}, and no COMMIT behind the second WRITE has been answered")
    for call in behind:
        call.release()
    server.hook = None
    statuses = context.finish(one, two)
    expect(statuses == [0, 0] and node.stable == b"important", f"{statuses}, disk {bytes(node.stable)}")
    return f"{order}; both waited for what confirms the data"


def last_write(server):
    return max(index for index, call in enumerate(server.calls) if call.name == "WRITE")


@case
def no_commit_when_clean():
    server, _node, context = one_file()
    writer, reader = context.must_open("/f", os.O_RDWR), context.must_open("/f", os.O_RDONLY)
    statuses = [context.fsync(writer), context.fsync(reader)]
    context.finish(context.start("fsync", writer), context.start("fsync", reader))
    statuses += [context.close(writer), context.close(reader)]
    commits = server.count("COMMIT")
    expect(statuses == [0] * 4 and commits == 0, f"{statuses}, {commits} COMMITs for a clean file")
    return "no COMMIT for a clean file"


@case
def server_without_commit():
    """All that it writes is stable at once; a COMMIT would be refused."""
    for refusal in (lambda call: Rejected(PROC_UNAVAIL), failing("COMMIT", NOTSUPP), failing("COMMIT", ROFS)):
        server, _node, context = one_file()
        server.unstable_writes = False
        server.hook = lambda call, refusal=refusal: refusal(call) if call.name == "COMMIT" else None
        file, reader = context.must_open("/f", os.O_RDWR), context.must_open("/f", os.O_RDONLY)
        context.put(file, b"stable")
        statuses = [context.fsync(file), context.fsync(reader), context.close(file), context.close(reader)]
        expect(statuses == [0] * 4, f"fsync and close: {statuses}: {context.error()}")
    return "fsync and close of stable data are 0"


@case
def one_commit_is_enough():
    """Nothing is unstable after the first fsync."""
    server, _node, context = one_file()
    file = context.must_open("/f", os.O_RDWR)
    context.put(file, b"data")
    statuses = [context.fsync(file), context.fsync(file), context.close(file)]
    commits = server.count("COMMIT")
    expect(statuses == [0] * 3 and commits == 1, f"{statuses}, {commits} COMMITs")
    return f"{commits} COMMIT for two fsyncs and a close"


main()
