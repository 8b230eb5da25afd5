"""What is known of directories is forgotten by whatever changes it, and a late LOOKUP does not bring it
back."""

import os
import time

from filesystem import DIRECTORY
from fixture import Held
from library import Context, case, expect, main
from server import Server

ENOENT, EACCES = -2, -13


def known_directory():
    """A context that knows /a; another one has renamed that to /b."""
    server = Server()
    server.make(b"x", parent=server.make(b"a", DIRECTORY))
    context, other = Context(server), Context(server)
    context.size("/a/x")
    other.must_rename("/a", "/b")
    return server, context


def expect_file_in(server, context, directory):
    """A file made in /a has to be in that directory of the server's."""
    context.must_open("/a/file", os.O_CREAT | os.O_RDWR)
    inside = {name: server.names_in(server.path(name)) for name in ("a", "b")}
    expect("file" in inside[directory], f"/a/file was made: {inside}")
    return f"/a/file was made: {inside}"


@case
def mkdir_known():
    server, context = known_directory()
    context.must_mkdir("/a")
    return expect_file_in(server, context, "a")


@case
def asynchronous_mkdir_known():
    server, context = known_directory()
    context.get_fd()
    context.finish(context.start("mkdir", "/a"))
    return expect_file_in(server, context, "a")


@case
def rename_known():
    """Another directory is renamed to the name that was known."""
    server, context = known_directory()
    server.make(b"c", DIRECTORY)
    context.must_rename("/c", "/a")
    return expect_file_in(server, context, "a")


@case
def symlink_known():
    """A symbolic link is made there, to another directory."""
    server, context = known_directory()
    target = server.make(b"c", DIRECTORY)
    context.must_symlink("c", "/a")
    context.must_open("/a/file", os.O_CREAT | os.O_RDWR)
    inside = {name: server.names_in(server.path(name)) for name in ("b", "c")}
    expect("file" in server.names_in(target), f"/a/file, where /a is a link to c: {inside}")
    return f"{inside}"


@case
def below_a_renamed_directory():
    """What is known below a directory goes with it."""
    server = Server()
    deep = server.make(b"deep", DIRECTORY, parent=server.make(b"a", DIRECTORY))
    server.make(b"x", parent=deep)
    context = Context(server)
    context.size("/a/deep/x")
    context.must_rename("/a", "/b")
    context.must_mkdir("/a")
    context.must_mkdir("/a/deep")
    context.must_open("/a/deep/file", os.O_CREAT | os.O_RDWR)
    expect(server.names_in(deep) == ["x"], f"what was /a/deep has {server.names_in(deep)}")
    expect(context.size("/b/deep/x") == 0, "/b/deep/x")
    return "each file is in its directory"


@case
def late_lookup():
    """The reply to a LOOKUP comes when this context has renamed the directory and made another one."""
    server = Server()
    server.make(b"x", parent=server.make(b"a", DIRECTORY))
    context = Context(server)
    context.get_fd()
    held = Held(server, "LOOKUP", most=1)
    stat = context.start("stat64", "/a/x")
    context.loop(lambda: held, 2)
    rename = context.start("rename", "/a", "/b")
    context.finish(rename)
    context.finish(context.start("mkdir", "/a"))
    held[0].release()
    context.finish(stat)
    return expect_file_in(server, context, "a")


@case
def late_lookup_and_rmdir():
    server = Server()
    server.make(b"a", DIRECTORY)
    context = Context(server)
    context.get_fd()
    held = Held(server, "LOOKUP", most=1)
    stat = context.start("stat64", "/a/x")
    context.loop(lambda: held, 2)
    context.finish(context.start("rmdir", "/a"))
    server.make(b"b", DIRECTORY)
    context.finish(context.start("mkdir", "/a"))
    held[0].release()
    context.finish(stat)
    return expect_file_in(server, context, "a")


@case
def renames_beside_walks():
    """Walks through a directory are under way when it is renamed, asynchronously."""
    server = Server()
    server.make(b"x", parent=server.make(b"d0", DIRECTORY))
    context = Context(server)
    context.get_fd()
    wrong, rounds = [], 150
    for number in range(rounds):
        old, new = f"/d{number}", f"/d{number + 1}"
        walks = [context.start("stat64", f"{old}/x")]
        rename = context.start("rename", old, new)
        walks.append(context.start("stat64", f"{old}/x"))
        context.finish(rename, *walks)
        found = context.start("stat64", f"{new}/x")
        gone = context.start("stat64", f"{old}/x")
        context.finish(found, gone)
        if (rename.status, found.status, gone.status) != (0, 0, ENOENT):
            wrong.append((rename.status, found.status, gone.status))
    expect(not wrong, f"{len(wrong)} of {rounds} renames: {wrong[:3]}")
    return f"{rounds} renames beside walks"


@case
def replaced_above_a_known_directory():
    """Another client replaces /a; what was found in it later is trusted no longer than /a itself."""
    server = Server()
    server.make(b"x", parent=server.make(b"b", DIRECTORY, parent=server.make(b"a", DIRECTORY)))
    context, other = Context(server), Context(server)
    context.try_stat("/a/y")
    began = time.monotonic()
    time.sleep(2)
    context.size("/a/b/x")
    other.must_rename("/a", "/old")
    other.must_mkdir("/a")
    other.must_mkdir("/a/b")
    time.sleep(began + 3.2 - time.monotonic())
    status = context.try_stat("/a/b/x")
    expect(status == ENOENT, f"3.2 s after /a was found, /a/b/x: {status}")
    return "found 3.2 s after /a"


@case
def several_in_a_replaced_directory():
    """Operations at the same time in what was known, and is gone: each finds what is there now."""
    server = Server()
    server.make(b"x", parent=server.make(b"d", DIRECTORY))
    server.make(b"nested", DIRECTORY)
    server.exports[b"/export/nested"] = nested = server.new_root(fsid=1)
    server.make(b"x", parent=nested)
    context = Context(server)
    context.get_fd()
    for where in ("/d", "/nested"):
        context.size(where + "/x")
        with server.lock:
            if where == "/d":
                del server.nodes[server.root.names.pop(b"d")]
                server.make(b"d", DIRECTORY)
            else:
                del server.nodes[nested.number]
                server.exports[b"/export/nested"] = server.new_root(fsid=1)
        pending = [context.start("mkdir", f"{where}/{name}") for name in "abc"]
        context.finish(*pending)
        said = [operation.status for operation in pending]
        expect(said == [0, 0, 0], f"three times mkdir in {where}: {said}")
    return "each is made"


def private_tree():
    server = Server()
    server.permissions = True
    directory = server.make(b"d", DIRECTORY)
    directory.uid, directory.mode = 1000, 0o700
    below = server.make(b"below", DIRECTORY, parent=directory)
    below.uid = 1000
    server.make(b"x", parent=below)
    context = Context(server, uid=1000, gid=1000)
    context.size("/d/below/x")
    return server, context


@case
def chmod_takes_the_way_away():
    for mode in (0o000, 0o600):
        _server, context = private_tree()
        context.must_chmod("/d", mode)
        status = context.try_stat("/d/below/x")
        expect(status == EACCES, f"below a directory without search permission ({mode:o}): {status}")
    return "EACCES at once"


@case
def chown_takes_the_way_away():
    _server, context = private_tree()
    context.must_chown("/d", 2000, 2000)
    status = context.try_stat("/d/below/x")
    expect(status == EACCES, f"below a directory that is somebody else's now: {status}")
    return "EACCES at once"


@case
def asynchronous_chmod_takes_the_way_away():
    _server, context = private_tree()
    context.get_fd()
    context.finish(context.start("chmod", "/d", 0o600))
    stat = context.start("stat64", "/d/below/x")
    context.finish(stat)
    expect(stat.status == EACCES, f"{stat}")
    return f"{stat}"


main()
