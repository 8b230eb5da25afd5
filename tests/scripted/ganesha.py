"""Beside nfs-ganesha (tests/lab/ganesha): its duplicate request cache, and its restarts."""

import os
import socket
import struct
import subprocess
import threading
import time

from library import LOCK, UNLOCK, Context, case, expect, main
from server import Call
from xdr import Reader

EXPORT = os.environ.get("EXPORT", "")
RESTART = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lab/restart-ganesha")


class Forwarder:
    """Stands before the server, and uses the client's own port towards it; loses the reply to the first
    RENAME."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.lost, self.renames = None, []
        self.when_lost = lambda: None
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, peer = self.listener.accept()
            server = socket.socket()
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # RST: the port is free again at once.
            server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            server.bind(("127.0.0.2", peer[1]))
            server.connect(("127.0.0.1", 2049))
            for source, target in ((client, server), (server, client)):
                threading.Thread(
                    target=self.forward, args=(source, target, peer, source is server), daemon=True
                ).start()

    def forward(self, source, target, peer, replies):
        stream = source.makefile("rb")
        try:
            while mark := stream.read(4):
                record = stream.read(struct.unpack(">I", mark)[0] & 0x7FFFFFFF)
                if not replies:
                    call = Call(source, peer, record)
                    if call.name == "RENAME":
                        self.renames.append(call)
                elif len(self.renames) == 1 and Reader(record).u32() == self.renames[0].xid:
                    # Other renames, those of other clients, do not come through here.
                    self.when_lost()
                    break
                target.sendall(mark + record)
        except OSError:
            pass
        stream.close()
        for connection in (source, target):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            connection.close()


@case
def drc():
    """A RENAME whose reply is lost is sent again; somebody else has made another file with the old name
    meanwhile."""
    forwarder = Forwarder()
    other = Context(export=EXPORT)
    other.put(other.must_open("/old", os.O_CREAT | os.O_RDWR), b"ours")

    def somebody_else():
        file = other.must_open("/old", os.O_CREAT | os.O_EXCL | os.O_RDWR)
        other.put(file, b"theirs")
        other.must_close(file)

    forwarder.when_lost = somebody_else
    context = Context(mount=False)
    context.set_nfsport(forwarder.port)
    context.must_mount("127.0.0.1", EXPORT)
    status = context.rename("/old", "/new")
    ways = [(call.xid, call.port) for call in forwarder.renames]
    names = {name: other.size(f"/{name}") for name in ("old", "new") if other.try_stat(f"/{name}") == 0}
    said = f"rename {status}; (xid, source port) {ways}; sizes {names}"
    expect(len(ways) == 2, f"no reply was lost: {said}")
    expect(names == {"old": 6, "new": 4}, f"executed twice, with somebody else's file: {said}")
    expect(status == 0, said)
    return said


@case
def unlock_without_flush():
    """Data that was written under a lock is not sent again over what the next owner of the lock has made
    stable."""
    one, two = Context(export=EXPORT), Context(export=EXPORT)
    of_one, of_two = (each.must_open("/shared", os.O_CREAT | os.O_RDWR) for each in (one, two))
    one.must_lockf(of_one, LOCK, 0)
    one.put(of_one, b"old-1")
    one.must_lockf(of_one, UNLOCK, 0)
    two.must_lockf(of_two, LOCK, 0)
    two.put(of_two, b"new-2")
    two.must_fsync(of_two)
    two.must_lockf(of_two, UNLOCK, 0)
    # Its write verifier is the second in which it was started.
    time.sleep(1.1)
    subprocess.run([RESTART, "1"], check=True)
    before = two.content(of_two, 5)
    closed = one.close(of_one)
    after = two.content(of_two, 5)
    expect(
        (before, after) == (b"new-2", b"new-2"), f"after the restart {before}, after close ({closed}) {after}"
    )
    return f"after the restart {before}, after close ({closed}) {after}"


main()
