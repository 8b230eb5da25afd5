"""What is retained of unstable data: for how long, and how much."""

import os
import time

from library import Context, case, expect, main, wait_for
from server import Server

AGE = 30


def two_unstable_files():
    server = Server()
    nodes = [server.make(b"one"), server.make(b"two")]
    server.make(b"other", data=b"data")
    context = Context(server)
    context.get_fd()
    for name in ("/one", "/two"):
        context.put(context.must_open(name, os.O_RDWR), b"important")
    return server, nodes, context, time.monotonic()


def stable(nodes):
    return [bytes(node.stable) for node in nodes]


@case
def age_by_the_timer():
    """A program that does nothing but poll."""
    server, nodes, context, began = two_unstable_files()
    context.loop(lambda: server.count("COMMIT") >= 2, AGE + 15)
    seconds = time.monotonic() - began
    expect(
        stable(nodes) == [b"important"] * 2,
        f"after {seconds:.1f} s, {server.count('COMMIT')} COMMITs: {stable(nodes)}",
    )
    expect(seconds < AGE + 5, f"stable after {seconds:.1f} s")
    return f"stable after {seconds:.1f} s"


@case
def age_by_the_next_turn():
    """A program that was idle, and then does something in another file."""
    server, nodes, context, _began = two_unstable_files()
    time.sleep(AGE + 1)
    context.size("/other")
    wait_for(lambda: server.count("COMMIT") >= 2, 2)
    expect(
        stable(nodes) == [b"important"] * 2,
        f"after a turn, {server.count('COMMIT')} COMMITs: {stable(nodes)}",
    )
    return "stable with the next turn"


@case
def others_do_not_pay():
    """Many files have unstable data, as much as is retained: writing elsewhere costs no COMMIT each time."""
    server = Server()
    context = Context(server)
    piece = bytes(64 << 10)
    for number in range(64):
        file = context.must_open(f"/f{number}", os.O_CREAT | os.O_RDWR)
        for offset in range(2):
            context.put(file, piece, offset * len(piece))
    file = context.must_open("/busy", os.O_CREAT | os.O_RDWR)
    before, writes = server.count("COMMIT"), 100
    for number in range(writes):
        context.put(file, piece[:4096], 4096 * number)
    commits = server.count("COMMIT") - before
    expect(commits < writes // 2, f"{commits} COMMITs for {writes} writes elsewhere")
    return f"{commits} COMMITs for {writes} writes elsewhere"


def memory():
    """Resident, MiB."""
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
    return 0


def retain_nothing(server):
    """COMMIT is not answered, and no data kept: the server's memory is this process's, too."""

    def hook(call):
        if call.name == "COMMIT":
            call.hold()
        return server.written_results(call) if call.name == "WRITE" else None

    server.hook = hook


@case
def commit_that_is_never_answered():
    """The context retains no more than its bound; writes wait or fail then, within the timeout."""
    server = Server()
    context = Context(server, timeout=500)
    context.get_fd()
    retain_nothing(server)
    piece, pieces = os.urandom(64 << 10), 64
    before, failed, slowest, written = memory(), 0, 0, 0
    for number in range(16):
        file = context.must_open(f"/f{number}", os.O_CREAT | os.O_RDWR)
        for offset in range(pieces):
            began = time.monotonic()
            status = context.pwrite(file, offset * len(piece), len(piece), piece)
            slowest = max(slowest, time.monotonic() - began)
            failed += status < 0
            written += max(status, 0)
            if failed >= 5:
                break
        if failed >= 5:
            break
        # The server's record of the calls has the data, too.
        del server.calls[:]
    grown = memory() - before
    said = f"{written >> 20} MiB written, {failed} writes failed, the slowest took {slowest:.1f} s"
    said += f", {grown:.0f} MiB of memory"
    expect(grown < 40, said)
    expect(slowest < 3, said)
    return said


@case
def asynchronous_writes_are_bounded_too():
    server = Server()
    context = Context(server, timeout=500)
    context.get_fd()
    retain_nothing(server)
    piece = os.urandom(64 << 10)
    before, failed = memory(), 0
    for number in range(16):
        file = context.must_open(f"/f{number}", os.O_CREAT | os.O_RDWR)
        for turn in range(8):
            writes = [
                context.start("pwrite", file, n << 16, len(piece), piece)
                for n in range(turn * 8, turn * 8 + 8)
            ]
            context.finish(*writes, seconds=10)
            failed += sum(write.status < 0 for write in writes)
            del server.calls[:]
        if failed > 16:
            break
    grown = memory() - before
    expect(grown < 48, f"{grown:.0f} MiB of memory, {failed} writes failed")
    return f"{grown:.0f} MiB of memory, {failed} writes failed"


main()
