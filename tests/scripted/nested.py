"""Exports below an export: a passing failure is not a refusal, and never puts the directory underneath in
its place."""

import os
import time

from filesystem import ACCES, DIRECTORY, IO, SERVERFAULT, STALE
from library import Context, case, elapsed, expect, main
from server import DROP, SILENCE, Server

PRECIOUS = "/nested/precious"


def nested_export():
    """A server with an export at /nested, its directory underneath, and its root."""
    server = Server()
    underneath = server.make(b"nested", DIRECTORY, fsid=2)
    root = server.new_root(fsid=2)
    server.make(b"precious", data=b"1234", parent=root)
    server.exports[b"/export/nested"] = root
    return server, underneath, root


def is_mount_of_nested(call):
    return call.name == "MNT" and call.reader().opaque().endswith(b"/nested")


def expect_back(context, underneath, root, first):
    """After a passing failure, the export is used; nothing has been made underneath."""
    late = context.try_stat(PRECIOUS)
    context.must_open("/nested/new", os.O_CREAT | os.O_RDWR)
    expect(first < 0, f"stat during the failure: {first}")
    expect(not underneath.names, f"a file was made in the directory underneath: {list(underneath.names)}")
    expect(late == 0 and b"new" in root.names, f"stat after the failure: {late}")


@case
def nested_outage():
    """The mount service closes the connection."""
    server, underneath, root = nested_export()
    server.hook = lambda call: DROP if is_mount_of_nested(call) else None
    context = Context(server)
    first = context.try_stat(PRECIOUS)
    made = context.try_open("/nested/early", os.O_CREAT | os.O_RDWR)
    server.hook = None
    expect(
        made < 0 and not underneath.names,
        f"during the failure a file was made underneath: {list(underneath.names)}",
    )
    expect_back(context, underneath, root, first)
    return f"stat during the failure: {first}, then 0"


@case
def nested_server_fault():
    """MNT3ERR_IO and MNT3ERR_SERVERFAULT are no definite refusals."""
    for status in (IO, SERVERFAULT):
        server, underneath, root = nested_export()
        server.hook = lambda call: call.failure(status) if is_mount_of_nested(call) else None
        context = Context(server)
        first = context.try_stat(PRECIOUS)
        server.hook = None
        expect_back(context, underneath, root, first)
    return f"stat during the failure: {first}, then 0"


@case
def nested_silence():
    server, underneath, root = nested_export()
    context = Context(server, timeout=500)
    server.hook = lambda call: SILENCE if is_mount_of_nested(call) else None
    first, seconds = elapsed(lambda: context.try_stat(PRECIOUS))
    server.hook = None
    expect_back(context, underneath, root, first)
    return f"stat during the silence: {first} after {seconds:.1f} s, then 0"


@case
def nested_root_without_attributes():
    """GETATTR of the nested root fails once."""
    for status in (IO, STALE):
        server, underneath, root = nested_export()
        handle = server.handle(root)
        server.hook = lambda call: (
            call.failure(status) if call.name == "GETATTR" and handle in call.arguments else None
        )
        context = Context(server)
        first = context.try_stat("/nested")
        made = context.try_open("/nested/early", os.O_CREAT | os.O_RDWR)
        server.hook = None
        expect(not underneath.names, f"GETATTR {status}: made underneath: {list(underneath.names)} ({made})")
        late = context.try_stat(PRECIOUS)
        expect(late == 0, f"stat after the failure: {late}")
    return f"stat of the nested root during the failure: {first}"


@case
def nested_export_is_crossed():
    server, underneath, root = nested_export()
    context = Context(server)
    expect(context.size(PRECIOUS) == 4, "the nested export is not found")
    context.must_open("/nested/new", os.O_CREAT | os.O_RDWR)
    expect(b"new" in root.names and not underneath.names, "a new file is underneath")
    return "the nested export is used"


@case
def nested_refusal_is_asked_again():
    """A definite refusal is remembered, but not for the life of the mount."""
    server, _underneath, _root = nested_export()
    server.hook = lambda call: call.failure(ACCES) if is_mount_of_nested(call) else None
    context = Context(server)
    first = context.try_stat(PRECIOUS)
    server.hook = None
    began = time.monotonic()
    while (status := context.try_stat(PRECIOUS)) != 0 and time.monotonic() < began + 70:
        time.sleep(0.5)
    seconds = time.monotonic() - began
    expect(status == 0, f"{seconds:.0f} s after the export was allowed: {status} (at first {first})")
    return f"found {seconds:.0f} s after the export was allowed"


main()
