"""A scripted server: RPC over TCP, the portmapper, MOUNT, NFSv3 and NLM, in threads of the process that tests
the library.

It behaves as RFC 1813 has it, and can be made to behave badly at a chosen moment. `Server.hook` sees each
call first; it returns None when the call is to be carried out as usual, or

    bytes            what to send, nothing is carried out; call.failure(status) makes those of a refusal
    Rejected(n)      an RPC reply without results: accept_stat n
    DROP             the connection is closed, nothing is carried out
    DONE_BUT_DROP    the call is carried out, and the connection closed instead of a reply
    SILENCE          no reply, nothing is carried out
    call.hold()      carries out the call, and sends the reply after `call.release()`

`crash()` is a machine that loses what was not stable, and its locks, and comes back with another write
verifier.
"""

import socket
import struct
import threading
import time

from filesystem import FileSystem
from lockmanager import LockManager
from xdr import Reader, opaque, u32, u64

NFS, MOUNT, PORTMAPPER, NLM = 100003, 100005, 100000, 100021
PROCEDURES = {
    NFS: (
        "NULL GETATTR SETATTR LOOKUP ACCESS READLINK READ WRITE CREATE MKDIR SYMLINK MKNOD REMOVE RMDIR "
        "RENAME LINK READDIR READDIRPLUS FSSTAT FSINFO PATHCONF COMMIT"
    ).split(),
    MOUNT: "MOUNT_NULL MNT DUMP UMNT UMNTALL EXPORT".split(),
    PORTMAPPER: "PMAP_NULL SET UNSET GETPORT PMAP_DUMP".split(),
    NLM: "NLM_NULL TEST LOCK CANCEL UNLOCK".split() + [f"NLM_{n}" for n in range(5, 22)] + ["NM_LOCK"],
}
# What may not be repeated, for the duplicate request cache.
NOT_IDEMPOTENT = "SETATTR CREATE MKDIR SYMLINK MKNOD REMOVE RMDIR RENAME LINK".split()
PROC_UNAVAIL = 3

DROP, DONE_BUT_DROP, SILENCE = object(), object(), object()


class Rejected:
    """An accepted call without results."""

    def __init__(self, accept_status):
        self.accept_status = accept_status


class Call:
    """A call as it came: who sent it from where, what it is, and its arguments."""

    def __init__(self, connection, peer, record):
        reader = Reader(record)
        self.connection, self.address, self.port = connection, peer[0], peer[1]
        self.xid, _type, _rpc_version, self.program, self.version, procedure = (
            reader.u32() for _ in range(6)
        )
        self.uid, self.gid = self.credential(reader.u32(), reader.opaque())
        reader.u32(), reader.opaque()
        names = PROCEDURES.get(self.program, [])
        self.name = names[procedure] if procedure < len(names) else f"{self.program}:{procedure}"
        self.arguments = reader.rest()
        self.when = time.monotonic()
        self.held = None

    @staticmethod
    def credential(flavor, body):
        if flavor != 1:
            return None, None
        reader = Reader(body)
        reader.u32(), reader.opaque()
        return reader.u32(), reader.u32()

    def reader(self):
        return Reader(self.arguments)

    def hold(self):
        self.held = threading.Event()

    def release(self):
        self.held.set()

    def failure(self, status):
        """The results of a refusal: a status, and as many absent attributes as the procedure has there."""
        two_words = "SETATTR WRITE CREATE MKDIR SYMLINK MKNOD REMOVE RMDIR COMMIT".split()
        absent = {"GETATTR": 0, "RENAME": 4, "LINK": 3, "MNT": 0, **dict.fromkeys(two_words, 2)}.get(
            self.name, 1
        )
        return u32(status) + u32(0) * absent

    def __repr__(self):
        return f"<{self.name} {self.xid:x} from {self.port}>"


def failing(name, status):
    """A hook that refuses one procedure."""
    return lambda call: call.failure(status) if call.name == name else None


class Server(FileSystem, LockManager):
    """Listens on a port of 127.0.0.1, and as the portmapper if asked to."""

    def __init__(self, portmapper=False):
        FileSystem.__init__(self)
        LockManager.__init__(self)
        self.lock = threading.RLock()
        self.hook = None
        self.calls, self.connections = [], []
        # The duplicate request cache: by address, port, xid and procedure. None: there is none.
        self.duplicates = None
        self.exports = {b"/export": self.root}
        self.port = 0
        self.listeners = []
        self.portmapper = portmapper
        self.start()

    # --- Connections ----------------------------------------------------------------------------------------

    def start(self):
        """Listens, again after stop() on the same port."""
        self.port = self.listen(self.port)
        if self.portmapper:
            self.listen(111)

    def stop(self):
        """Refuses connections from now on."""
        for listener in self.listeners:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.listeners = []
        self.close_connections()

    def listen(self, port):
        listener = socket.create_server(("127.0.0.1", port), backlog=64)
        self.listeners.append(listener)
        threading.Thread(target=self.accept, args=(listener,), daemon=True).start()
        return listener.getsockname()[1]

    def accept(self, listener):
        while True:
            try:
                connection, peer = listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections.append(connection)
            threading.Thread(target=self.serve, args=(connection, peer), daemon=True).start()

    def close_connections(self, reset=False):
        """Closes all of them, with FIN or with RST."""
        connections, self.connections = self.connections, []
        for connection in connections:
            self.close(connection, reset)

    @staticmethod
    def close(connection, reset=False):
        try:
            if reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                # The thread that reads holds the socket open: this ends its reading, and with linger sends
                # the RST.
                connection.shutdown(socket.SHUT_RD)
            else:
                connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        connection.close()

    def crash(self, close=True, grace=0):
        """Loses what is not stable, locks and the duplicate request cache; has another verifier
        afterwards."""
        with self.lock:
            self.lose_unstable_data()
            self.forget_locks(grace)
            if self.duplicates is not None:
                self.duplicates = {}
        if close:
            self.close_connections()

    # --- Calls ----------------------------------------------------------------------------------------------

    def serve(self, connection, peer):
        stream = connection.makefile("rb", buffering=1 << 16)
        try:
            while mark := stream.read(4):
                size = struct.unpack(">I", mark)[0] & 0x7FFFFFFF
                if not self.take(Call(connection, peer, stream.read(size))):
                    break
        except (OSError, ValueError, struct.error):
            pass  # closed, or by ourselves, or in the middle of a record
        stream.close()
        self.close(connection)

    def take(self, call):
        """Answers one call; false when the connection is to be closed."""
        with self.lock:
            self.calls.append(call)
        results = self.hook(call) if self.hook else None
        if results is DROP:
            return False
        if results is SILENCE:
            return True
        if results is None or results is DONE_BUT_DROP:
            done = self.carry_out_once(call)
            if results is DONE_BUT_DROP:
                return False
            results = done
        if call.held:
            threading.Thread(target=self.send_later, args=(call, results), daemon=True).start()
        else:
            self.send(call, results)
        return True

    def carry_out_once(self, call):
        with self.lock:
            if self.duplicates is None or call.name not in NOT_IDEMPOTENT:
                return self.carry_out(call)
            key = (call.address, call.port, call.xid, call.name)
            if key not in self.duplicates:
                self.duplicates[key] = self.carry_out(call)
            return self.duplicates[key]

    def carry_out(self, call):
        if call.program == NFS:
            return self.nfs(call)
        if call.program == NLM:
            return self.nlm(call)
        if call.name == "GETPORT":
            program, _version, protocol, _port = struct.unpack(">4I", call.arguments[:16])
            return u32(self.port if protocol == 6 and program in PROCEDURES else 0)
        if call.name == "MNT":
            node = self.exports.get(call.reader().opaque())
            return u32(0) + opaque(self.handle(node)) + u32(1) + u32(1) if node else u32(2)
        if call.name == "EXPORT":
            return b"".join(u32(1) + opaque(path) + u32(0) for path in self.exports) + u32(0)
        if call.name in ("DUMP", "PMAP_DUMP"):
            return u32(0)
        return b"" if call.program in PROCEDURES else Rejected(1)

    def send_later(self, call, results):
        call.held.wait()
        self.send(call, results)

    @staticmethod
    def send(call, results):
        accept_status = 0
        if isinstance(results, Rejected):
            accept_status, results = results.accept_status, b""
        reply = u32(call.xid) + u32(1) + u32(0) + u32(0) * 2 + u32(accept_status) + results
        try:
            call.connection.sendall(u32(len(reply) | 1 << 31) + reply)
        except OSError:
            pass

    # --- What a test asks -----------------------------------------------------------------------------------

    def count(self, *names, since=0):
        return sum(call.name in names for call in self.calls[since:])

    def sequence(self, *names, since=0):
        """The procedures of these names in the order in which they came."""
        return [call.name for call in self.calls[since:] if call.name in names]

    def written_results(self, call, verifier=None):
        """The results of a WRITE that says that it took all data, and keeps nothing."""
        reader = call.reader()
        reader.opaque(), reader.u64()
        return u32(0) + u32(0) * 2 + u32(reader.u32()) + u32(0) + u64(verifier or self.verifier)
