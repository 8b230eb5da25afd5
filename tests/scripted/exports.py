"""Exports below the mounted one that the server shows an empty directory for, as the Linux kernel's server does: the
mount service lists them, and every way of walking leads into them."""

import ctypes as C
import os

from filesystem import DIRECTORY, LINK
from fixture import Held
from library import Context, case, elapsed, expect, main, settle
from server import DROP, SILENCE, Rejected, Server
from xdr import opaque, u32

ENOENT, EXDEV = -2, -18
XDEV = 18


class Lab:
    """A server with the exports /export and /export/nested, both on file systems of the same id, and what lies
    underneath the second one."""

    def __init__(self, place="nested"):
        self.server = server = Server()
        above, parent, names = server.root, None, place.encode().split(b"/")
        for name in names:
            parent, above = above, server.make(name, DIRECTORY, parent=above)
        self.underneath = above
        server.make(b"f", data=b"outer")
        self.root = server.new_root(fsid=1)
        self.root.mode = 0o700
        self.directory = server.make(b"d", DIRECTORY, parent=self.root)
        server.make(b"precious", data=b"1234", parent=self.root)
        server.make(b"deep", data=b"12345678", parent=self.directory)
        server.exports[b"/export/" + place.encode()] = self.root

    def link(self, name, target, parent=None):
        self.server.make(name, LINK, parent=parent).target = target

    def expect_untouched(self):
        names = self.server.names_in(self.underneath)
        expect(not names, f"in the directory underneath there is {names}")


@case
def listed_export_by_every_walk():
    lab = Lab()
    server = lab.server
    context = Context(server)
    context.get_fd()
    expect(server.count("EXPORT") == 1, "the exports have not been asked for")
    for _cold_then_warm in range(2):
        expect(context.size("/nested/precious") == 4, "stat")
        expect(context.size("/nested/d/deep") == 8, "stat further below")
        expect(context.attributes("/nested").ino == lab.root.number, "stat of the root itself")
        expect(context.attributes("/nested/").ino == lab.root.number, "stat with a slash")
        for path in ("/nested/precious", "/nested/d/deep", "nested/d/../precious", "/nested", "/nested/"):
            pending = context.start("stat64", path)
            context.finish(pending)
            expect(pending.status == 0, f"asynchronous stat of {path}: {pending.status}")
        expect(context.size("/nested/../f") == 5, "stat by ..")
        expect(set(context.listing("/nested")) == {".", "..", "d", "precious"}, "listing")
        expect(context.access("/nested/precious", os.R_OK) == 0, "access")
    file = context.must_open("/nested/precious", os.O_RDWR)
    expect(context.content(file, 10) == b"1234", "content")
    context.must_open("/nested/new", os.O_CREAT | os.O_RDWR)
    context.must_open("/nested/d/new", os.O_CREAT | os.O_EXCL | os.O_RDWR)
    context.must_mkdir("/nested/made")
    context.must_symlink("precious", "/nested/link")
    context.must_rename("/nested/new", "/nested/renamed")
    context.must_unlink("/nested/d/new")
    context.must_chmod("/nested/precious", 0o600)
    context.must_truncate("/nested/precious", 2)
    context.must_chdir("/nested")
    expect(context.size("link") == 2 and context.size("../f") == 5, "relative paths")
    context.must_chdir("..")
    expect(context.size("nested/made") == 4096, "relative path from the outer root")
    lab.expect_untouched()
    inside = server.names_in(lab.root)
    expect(inside == ["d", "link", "made", "precious", "renamed"], f"in the export there is {inside}")
    return f"{inside}"


@case
def listed_export_asynchronously():
    """Nothing is known when the first asynchronous stat comes."""
    for path in ("/nested", "/nested/d"):
        lab = Lab()
        context = Context(lab.server)
        context.get_fd()
        statuses = context.finish(context.start("stat64", path), context.start("stat64", "/f"))
        expect(statuses == [0, 0], f"{path}: {statuses}")
        expect(lab.server.count("MNT") == 2, f"{path}: {lab.server.sequence('MNT', 'LOOKUP')}")
    return "crossed"


@case
def listed_export_in_the_listing_around_it():
    lab = Lab()
    lab.root.mode = 0o711
    for attributes in (True, False):
        lab.server.listing_attributes = attributes
        context = Context(lab.server)
        directory = C.c_void_p()
        context.must_opendir("/", C.byref(directory))
        modes = {}
        while entry := context.readdir(directory):
            modes[entry.contents.name.decode()] = entry.contents.mode & 0o777
        expect(modes["nested"] == 0o711, f"the entry is that of the directory underneath: {modes}")
        expect(modes["f"] == 0o644, f"{modes}")
    return f"{modes}"


@case
def listed_export_by_links():
    lab = Lab()
    lab.link(b"into", b"nested/precious")
    lab.link(b"whole", b"nested")
    lab.link(b"named", b"/export/nested/d")
    lab.link(b"absolute", b"/nested/d/deep")
    lab.link(b"out", b"../f", lab.root)
    lab.link(b"home", b"/nested/precious", lab.directory)
    context = Context(lab.server)
    paths = {
        "/into": 4,
        "/whole/precious": 4,
        "/named/deep": 8,
        "/absolute": 8,
        "/nested/out": 5,
        "/named/home": 4,
        "/whole/../f": 5,
    }
    for _cold_then_warm in range(2):
        sizes = {path: context.size(path) for path in paths}
        expect(sizes == paths, f"{sizes}")
    return f"{sizes}"


@case
def listed_export_behind_what_is_not_there():
    """The way to the export leads through directories that the server does not show."""
    lab = Lab("a/b/c")
    lab.link(b"out", b"../../../f", lab.root)
    lab.link(b"up", b"../x", lab.root)
    lab.server.make(b"x", data=b"123", parent=lab.server.path("/a/b"))
    context = Context(lab.server)
    expect(context.size("/a/b/c/out") == 5 and context.size("/a/b/c/up") == 3, "links out of it")
    lab = Lab("a/b/c")
    lab.link(b"up", b"../x", lab.root)
    lab.server.remove(b"a")
    context = Context(lab.server)
    before = len(lab.server.calls)
    expect(context.size("/a/b/c/precious") == 4, "stat")
    calls = lab.server.sequence("LOOKUP", "GETATTR", "MNT", since=before)
    expect(calls == ["MNT", "GETATTR", "LOOKUP"], f"{calls}")
    expect(
        context.try_stat("/a/b") == ENOENT and context.try_stat("/a/b/c/up") == ENOENT, "what is not there"
    )
    return f"{calls}"


@case
def round_trips_into_a_listed_export():
    """As few as in the mounted export itself."""
    lab = Lab()
    context = Context(lab.server)
    context.get_fd()
    context.size("/nested/d/deep")
    counts = {}
    for path, most in (("/nested", 1), ("/nested/precious", 1), ("/nested/d/deep", 1), ("/f", 1)):
        for name in ("synchronous", "asynchronous"):
            before = len(lab.server.calls)
            if name == "synchronous":
                context.size(path)
            else:
                expect(context.finish(context.start("stat64", path)) == [0], f"{path}")
            counts[path] = len(lab.server.calls) - before
            expect(counts[path] <= most, f"{name} stat of {path}: {lab.server.calls[before:]}")
    expect(lab.server.count("MNT") == 2, "the root was asked for again")
    another = Context(lab.server)
    another.size("/nested/precious")
    expect(lab.server.count("MNT") == 2, "another context has asked for the root again")
    expect(lab.server.count("EXPORT") == 1, "another context has asked for the exports again")
    return f"{counts}"


@case
def listed_export_not_to_be_crossed():
    lab = Lab()
    for crosses in (0, 1, 0):
        context = Context(lab.server, auto_traverse_mounts=crosses)
        status = context.try_stat("/nested/precious")
        expect(status == (0 if crosses else ENOENT), f"auto-traverse-mounts={crosses}: {status}")
        expect(lab.server.count("EXPORT") <= crosses + 1, "the exports have been asked for")
        context.set_auto_traverse_mounts(0)
        expect(context.try_stat("/nested/precious") == ENOENT, "set to 0 when mounted")
    expect(lab.server.count("EXPORT") == 1, f"asked {lab.server.count('EXPORT')} times")
    return "as it is set"


@case
def listed_export_that_is_refused():
    """What lies underneath is used, and the mount service is not asked each time."""
    lab = Lab()
    del lab.server.exports[b"/export/nested"]
    listed = b"".join(u32(1) + opaque(path) + u32(0) for path in (b"/export", b"/export/nested")) + u32(0)
    lab.server.hook = lambda call: listed if call.name == "EXPORT" else None
    lab.server.make(b"below", data=b"123456", parent=lab.underneath)
    context = Context(lab.server)
    for _ in range(3):
        expect(context.size("/nested/below") == 6, "stat")
        expect(context.listing("/")["nested"] == 4096, "listing")
        expect(context.finish(context.start("stat64", "/nested/below")) == [0], "asynchronous stat")
    expect(lab.server.count("MNT") == 2, f"MNT came {lab.server.count('MNT')} times")
    return "what lies underneath"


@case
def listed_export_whose_root_is_stale():
    """The server's administrator replaces the file system."""
    lab = Lab()
    context = Context(lab.server)
    context.get_fd()
    context.size("/nested/d/deep")

    def replace():
        del lab.server.nodes[lab.server.exports[b"/export/nested"].number]
        root = lab.server.exports[b"/export/nested"] = lab.server.new_root(fsid=1)
        lab.server.make(b"precious", data=b"123", parent=root)
        return root

    replace()
    expect(context.size("/nested/precious") == 3, "stat")
    replace()
    expect(context.finish(context.start("stat64", "/nested/precious")) == [0], "asynchronous stat")
    root = replace()
    context.must_mkdir("/nested/made")
    expect(b"made" in root.names, "mkdir")
    root = replace()
    expect("precious" in context.listing("/nested"), "listing")
    lab.expect_untouched()
    return "asked for again"


@case
def listed_export_and_names_across():
    """The server refuses to rename and to link from one export to another."""
    lab = Lab()
    lab.server.hook = lambda call: call.failure(XDEV) if call.name in ("RENAME", "LINK") else None
    context = Context(lab.server)
    statuses = [
        context.rename("/f", "/nested/f"),
        context.rename("/nested/precious", "/precious"),
        context.link("/f", "/nested/f"),
        context.link("/nested/precious", "/precious"),
    ]
    expect(statuses == [EXDEV] * 4, f"{statuses}")
    lab.expect_untouched()
    return "EXDEV"


LISTS = {
    "nothing": u32(0),
    "no end": u32(1) + opaque(b"/export/nested") + u32(0),
    "a long name": u32(1) + u32(1 << 31) + b"/export",
    "garbage": b"\xff" * 77,
    "other names": b"".join(
        u32(1) + opaque(name) + u32(0)
        for name in (
            b"",
            b"/",
            b"x",
            b"/export/../etc",
            b"/export//nested",
            b"/export/\0",
            b"//export/nested",
        )
    )
    + u32(0),
    "PROC_UNAVAIL": Rejected(3),
    "GARBAGE_ARGS": Rejected(4),
    "the connection is closed": DROP,
}


@case
def list_of_exports_that_is_none():
    """A server that does not tell its exports, or lies, is mounted from all the same."""
    for name, reply in LISTS.items():
        lab = Lab()
        lab.server.hook = lambda call: reply if call.name == "EXPORT" else None
        context = Context(lab.server, timeout=3000)
        expect(context.size("/f") == 5, f"{name}: stat")
        expect(context.try_stat("/nested/precious") == ENOENT, f"{name}: an export that is not listed")
        expect(lab.server.count("EXPORT") == 1, f"{name}: EXPORT came {lab.server.count('EXPORT')} times")
    return "mounted each time"


@case
def list_of_exports_that_does_not_come():
    lab = Lab()
    lab.server.hook = lambda call: SILENCE if call.name == "EXPORT" else None
    context, seconds = elapsed(lambda: Context(lab.server, timeout=1000))
    expect(context.size("/f") == 5, "stat")
    expect(seconds < 1, f"mounted after {seconds:.2f} s, with a timeout of 1 s")
    lab.server.hook = None
    another = Context(lab.server)
    expect(another.size("/nested/precious") == 4, "the list that is missing was remembered")
    return f"mounted after {seconds:.2f} s"


@case
def list_of_exports_that_comes_late():
    """After everything else that a mount needs."""
    lab = Lab()
    held = Held(lab.server, "EXPORT")
    context = Context(lab.server, mount=False)
    mount = context.start("mount", "127.0.0.1", "/export")
    context.loop(lambda: held and lab.server.count("FSINFO"), 2)
    expect(held and not mount.done, "EXPORT")
    held.release()
    expect(context.finish(mount) == [0], f"{mount}")
    expect(context.size("/nested/precious") == 4, "stat")
    return "crossed"


@case
def listed_export_after_a_restart():
    """The connection is idle when the server restarts, and it has forgotten nothing that is stable."""
    lab = Lab()
    context = Context(lab.server)
    file = context.must_open("/nested/new", os.O_CREAT | os.O_RDWR)
    context.put(file, b"data")
    for name in ("stat", "asynchronous stat", "listing", "mkdir"):
        lab.server.crash()
        settle()
        if name == "stat":
            expect(context.size("/nested/d/deep") == 8, name)
        elif name == "asynchronous stat":
            expect(context.finish(context.start("stat64", "/nested/precious")) == [0], name)
        elif name == "listing":
            expect("new" in context.listing("/nested"), name)
        else:
            context.must_mkdir("/nested/made")
    context.must_close(file)
    expect(lab.server.path("/nested") is lab.underneath, "the directory underneath")
    lab.expect_untouched()
    data = lab.server.nodes[lab.root.names[b"new"]].stable
    expect(data == b"data" and lab.server.count("MNT") == 2, f"{bytes(data)}, {lab.server.count('MNT')} MNT")
    return "the same roots"


@case
def listed_export_and_another_mount_of_the_context():
    """What was below one export is not below the next one."""
    lab = Lab()
    other = lab.server.exports[b"/other"] = lab.server.new_root(fsid=1)
    lab.server.make(b"nested", DIRECTORY, parent=other)
    context = Context(lab.server)
    expect(context.size("/nested/precious") == 4, "the first mount")
    context.must_umount()
    context.must_mount("127.0.0.1", "/other")
    expect(context.try_stat("/nested/precious") == ENOENT, "the second mount")
    context.must_umount()
    context.must_mount("127.0.0.1", "/export/nested")
    expect(context.size("/precious") == 4 and context.try_stat("/nested") == ENOENT, "the third mount")
    return "each has its own"


@case
def listing_of_many_exports():
    """A directory of which each entry is an export: their roots are looked at side by side."""
    server = Server()
    for number in range(200):
        name = b"home-%d" % number
        server.make(name, DIRECTORY)
        root = server.exports[b"/export/" + name] = server.new_root(fsid=1)
        root.mode = 0o701
    context = Context(server)
    (listing, seconds), (_, again) = elapsed(lambda: context.listing("/")), elapsed(
        lambda: context.listing("/")
    )
    expect(len(listing) == 202, f"{len(listing)} entries")
    expect(server.count("MNT") == 201, f"{server.count('MNT')} MNT")
    connections = {call.port for call in server.calls if call.name == "MNT"}
    expect(len(connections) == 2, f"MNT over {len(connections)} connections")
    return f"{seconds:.2f} s, then {again:.2f} s"


main()
