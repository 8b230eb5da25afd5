"""Writes that wait for room while no COMMIT makes any: they end."""

import os

from fixture import Held
from library import Context, case, expect, main
from server import Rejected, Server

PIECE = 256 << 10


def fill(context, file, count):
    """Writes of a quarter MiB, asynchronous, of which not all fit into what a context retains."""
    return [context.start("pwrite", file, index * PIECE, PIECE, bytes(PIECE)) for index in range(count)]


@case
def room_after_a_loss_for_good():
    """The connection is lost for good while COMMIT is under way: who waits for room is told, and so is who comes later."""
    server = Server()
    server.make(b"f")
    context = Context(server, autoreconnect=0)
    context.get_fd()
    file = context.must_open("/f", os.O_RDWR)
    Held(server, "COMMIT")
    writes = fill(context, file, 40)
    context.loop(lambda: sum(write.done for write in writes) >= 32, 5)
    server.stop()
    context.loop(lambda: all(write.done for write in writes), 8)
    results = {write.status for write in writes}
    expect(all(write.done for write in writes) and results == {PIECE, -104}, f"{results}")
    later = context.pwrite(file, 0, 4, b"abcd")
    expect(later == -104, f"a later write: {later}")
    return "ECONNRESET"


@case
def room_when_commit_is_refused():
    """A server that cannot decode COMMIT: a write for which there is no room fails, instead of asking for ever."""
    server = Server()
    server.make(b"f")

    server.hook = lambda call: Rejected(4) if call.name == "COMMIT" else None
    context = Context(server)
    context.get_fd()
    file = context.must_open("/f", os.O_RDWR)
    writes = fill(context, file, 60)
    context.loop(lambda: all(write.done for write in writes), 8)
    results, asked = {write.status for write in writes}, server.count("COMMIT")
    expect(all(write.done for write in writes) and results == {PIECE, -5}, f"{results}, {asked} COMMITs")
    return f"EIO after {asked} COMMITs"


main()
