"""What a URL leads to: the export of the root, exports named with a slash at their end, ports."""

import ctypes as C
import os

from filesystem import ACCES, DIRECTORY, IO
from library import POINTER, TEXT, Context, case, expect, library, main
from server import Server


class Url(C.Structure):
    """struct nfs_url"""

    _fields_ = [("server", TEXT), ("path", TEXT), ("file", TEXT)]


library.nfs_parse_url_full.restype = C.POINTER(Url)
library.nfs_parse_url_full.argtypes = [POINTER, TEXT]


def asked_for(server, since=0):
    """The paths of MNT."""
    return [call.reader().opaque() for call in server.calls[since:] if call.name == "MNT"]


def open_url(url):
    """Mounts and opens the file of a URL; the context, and what open returned."""
    context = Context(mount=False, timeout=5000)
    parts = library.nfs_parse_url_full(context.pointer, url.encode()).contents
    context.must_mount(parts.server, parts.path)
    return context, context.try_open(parts.file, os.O_RDONLY)


@case
def file_in_the_root():
    """nfs://host/file has an empty path: the export is "/"."""
    server = Server()
    server.make(b"file", data=b"data")
    server.exports = {b"/": server.root}
    context, file = open_url(f"nfs://127.0.0.1/file?nfsport={server.port}&mountport={server.port}")
    expect(asked_for(server) == [b"/"], f"MNT asks for {asked_for(server)}")
    expect(context.content(file, 4) == b"data", "the file has another content")
    return f"MNT asks for {asked_for(server)}"


@case
def export_below_the_root():
    """An export below the export "/" is asked for by its own name."""
    server = Server()
    server.make(b"nested", DIRECTORY, fsid=2)
    inner = server.new_root(fsid=2)
    server.make(b"file", data=b"data", parent=inner)
    server.exports = {b"/": server.root, b"/nested": inner}
    context, _ = open_url(f"nfs://127.0.0.1/x?nfsport={server.port}&mountport={server.port}")
    size = context.size("/nested/file")
    expect(size == 4 and asked_for(server) == [b"/", b"/nested"], f"size {size}, MNT: {asked_for(server)}")
    return f"MNT asks for {asked_for(server)}"


@case
def export_with_a_slash_at_its_end():
    """The server knows it without the slash only; what lies below is asked for with one slash."""
    server = Server()
    server.make(b"nested", DIRECTORY, fsid=2)
    inner = server.new_root(fsid=2)
    server.make(b"file", data=b"data", parent=inner)
    server.exports[b"/export/nested"] = inner
    context = Context(server, export="/export//")
    expect(asked_for(server) == [b"/export//", b"/export"], f"MNT asks for {asked_for(server)}")
    expect(context.size("/nested/file") == 4, "the nested export is not found")
    nested = asked_for(server)[2:]
    expect(nested == [b"/export/nested"], f"the nested export is asked for as {nested}")
    # The second time nothing is asked.
    before = len(server.calls)
    second = Context(server, export="/export//")
    expect(second.size("/nested/file") == 4, "the nested export is not found again")
    return f"MNT asks for {asked_for(server)}, for the second context {asked_for(server, before)}"


@case
def slash_that_the_server_wants():
    """A name that the server takes is not changed, and one refused without a slash is not asked for twice."""
    server = Server()
    server.exports = {b"/export/": server.root}
    Context(server, export="/export/")
    expect(asked_for(server) == [b"/export/"], f"MNT asks for {asked_for(server)}")
    before = len(server.calls)
    context = Context(server, mount=False)
    status = context.mount("127.0.0.1", "/other")
    expect(status == -2 and len(asked_for(server, before)) == 1, f"mount of nothing: {status}")
    return f"MNT asks for {asked_for(server)}"


@case
def refusals_with_and_without_a_slash():
    """The error is that of the name without the slash; a failure that may pass ends the mount at once."""
    server = Server()
    server.hook = lambda call: call.failure(ACCES) if call.name == "MNT" else None
    status = Context(server, mount=False).mount("127.0.0.1", "/export/")
    expect(status == -13 and len(asked_for(server)) == 2, f"{status}, MNT asks for {asked_for(server)}")
    before = len(server.calls)
    server.hook = lambda call: call.failure(IO) if call.name == "MNT" else None
    failed = Context(server, mount=False).mount("127.0.0.1", "/export/")
    expect(failed == -5 and len(asked_for(server, before)) == 1, f"{failed}: {asked_for(server, before)}")
    return f"refused {status}, failed {failed}"


@case
def port_of_nfs():
    """The port behind the server is that of NFS; the portmapper is asked for that of MOUNT only."""
    server = Server(portmapper=True)
    server.make(b"file", data=b"data")
    server.exports = {b"/": server.root}
    _, file = open_url(f"nfs://127.0.0.1:{server.port}/file")
    asked = [call.reader().u32() for call in server.calls if call.name == "GETPORT"]
    expect(file > 0 and asked == [100005], f"open: {file}, programs asked for: {asked}")
    before = len(server.calls)
    _, file = open_url(f"nfs://127.0.0.1:1/file?nfsport={server.port}")
    expect(file > 0, f"open with nfsport behind another port: {file}")
    asked = server.count("GETPORT", since=before)
    return f"programs asked for: [100005], then {asked} more"


@case
def debug_tells_of_values():
    """What is ignored, or read as another number, is told on the standard error output, and only when asked for."""
    told = []
    for query in ("uid=1x&bogus=1&version", "debug=1&uid=1x&bogus=1&version&gid=5"):
        read, write = os.pipe()
        kept = os.dup(2)
        os.dup2(write, 2)
        context = Context(mount=False)
        parts = library.nfs_parse_url_full(context.pointer, f"nfs://server/file?{query}".encode())
        os.dup2(kept, 2)
        os.close(write)
        told.append(os.read(read, 1000).decode())
        expect(parts, f"{query}: {context.error()}")
    words = (
        "libnfs:1 the arguments of the URL: uid=1x is read as 1; bogus=1 is ignored; version= is ignored;\n"
    )
    expect(told == ["", words], f"told: {told}")
    return words.strip()


main()
