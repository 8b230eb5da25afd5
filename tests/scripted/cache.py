"""Close-to-open with the page cache: open asks for the attributes, and drops pages when the file has
changed elsewhere."""

import os

from library import LOCK, Context, case, expect, main
from server import Server


def cached(data=b"old-"):
    """A file whose pages are in the cache of a context, and open."""
    server = Server(portmapper=True)
    node = server.make(b"f", data=data)
    context = Context(server, pagecache=64, pagecache_ttl=600)
    file = context.must_open("/f", os.O_RDWR)
    context.content(file, len(data))
    return server, node, context, file


def changed_by_another_client(server, data):
    other = Context(server)
    file = other.must_open("/f", os.O_RDWR)
    other.put(file, data)
    other.must_close(file)


@case
def open_does_not_revalidate():
    server, _node, context, _kept_open = cached()
    changed_by_another_client(server, b"new-")
    seen = context.content(context.must_open("/f", os.O_RDONLY), 4)
    expect(seen == b"new-", f"read after open: {seen}")
    return f"read after open: {seen}"


@case
def open_with_o_creat_revalidates():
    server, _node, context, _kept_open = cached()
    changed_by_another_client(server, b"new-")
    seen = context.content(context.must_open("/f", os.O_CREAT | os.O_RDWR), 4)
    expect(seen == b"new-", f"read after open with O_CREAT: {seen}")
    return f"read after open with O_CREAT: {seen}"


@case
def asynchronous_open_revalidates():
    server, _node, context, _kept_open = cached()
    context.get_fd()
    changed_by_another_client(server, b"new-")
    opened = context.start("open", "/f", os.O_RDONLY)
    context.finish(opened)
    seen = context.content(opened.data, 4)
    expect(seen == b"new-", f"read after open_async: {seen}")
    return f"read after open_async: {seen}"


@case
def open_after_closing_revalidates():
    """Nothing is open in between."""
    server, _node, context, file = cached()
    context.must_close(file)
    changed_by_another_client(server, b"new-")
    seen = context.content(context.must_open("/f", os.O_RDONLY), 4)
    expect(seen == b"new-", f"read after close and open: {seen}")
    return f"read after close and open: {seen}"


@case
def open_sees_what_was_truncated():
    server, node, context, _kept_open = cached(b"a long content")
    server.change(node, b"short")
    file = context.must_open("/f", os.O_RDONLY)
    seen = context.content(file, 100)
    expect(seen == b"short", f"read after open: {seen}")
    return f"read after open: {seen}"


@case
def lock_revalidates():
    server, _node, context, file = cached()
    changed_by_another_client(server, b"new-")
    context.must_lockf(file, LOCK, 0)
    seen = context.content(file, 4)
    expect(seen == b"new-", f"read under the lock: {seen}")
    return f"read under the lock: {seen}"


@case
def own_writes_are_not_changes_elsewhere():
    """What this context has written is read back through any of its handles."""
    _server, _node, context, file = cached(b"old-" * 1024)
    for number in range(5):
        context.put(file, b"%04d" % number, 8 * number)
        seen = context.content(context.must_open("/f", os.O_RDONLY), 4, 8 * number)
        expect(seen == b"%04d" % number, f"read of what was just written: {seen}")
    return "own writes are read back"


main()
