"""The steps of gvfs.sh: what programs do through GIO, by gio(1) and by the library. usage: gvfs.py STEP

Results are compared with the server's directory as it is on its disk.
"""

import os, random, shutil, stat, subprocess, sys, time

from gi.repository import Gio, GLib

EXPORT, READ_ONLY, LOCAL = (os.environ[name] for name in ("EXPORT", "READ_ONLY", "LOCAL"))
URL = f"nfs://127.0.0.1{EXPORT}"
SIZES = [0, 1, 4095, 4096, 65_537, (1 << 20) - 1, (1 << 20) + 1, 20 << 20]
NAMES = ["two words", "naïve – ü", "100%20 ?#[]", ".hidden", "-dash", "tab\there", "n" * 255, "back\\slash", "quote'\"", "a:b"]


def at(path):
    """The file behind a path below the export."""
    return Gio.File.new_for_uri(URL).resolve_relative_path(path)


def uri(path):
    return at(path).get_uri()


def disk(path):
    return os.path.join(EXPORT, path)


def gio(*arguments, input=None):
    done = subprocess.run(["gio", *arguments], input=input, capture_output=True, timeout=60)
    assert done.returncode == 0, f"gio {arguments}: status {done.returncode}: {done.stderr.decode()}"
    return done.stdout


def noise(size):
    return random.Random(size).randbytes(size)


def content(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def fails(code, call, *arguments):
    try:
        call(*arguments)
    except GLib.Error as error:
        assert error.matches(Gio.io_error_quark(), code), f"{call} {arguments}: {error.code} {error.message}"
        assert error.message
        return
    raise AssertionError(f"{call} {arguments} did not fail")


def make():
    for directory in ("tree/directory/sub", "tree/empty", "many", "work"):
        os.makedirs(disk(directory))
    for name in NAMES:
        write(disk(f"tree/{name}"), name.encode())
    write(disk("tree/file"), b"text\n")
    for name, mode in (("program", 0o755), ("setuid", 0o4711), ("setgid", 0o2750), ("sticky", 0o1666), ("secret", 0)):
        write(disk(f"tree/{name}"), noise(5000))
        os.chmod(disk(f"tree/{name}"), mode)
    os.chmod(disk("tree/empty"), 0o1777)
    os.chown(disk("tree/program"), 1000, 54321)
    os.utime(disk("tree/file"), ns=(1_000_000_000_123_456_000, 999_999_999_987_654_000))
    os.truncate(os.open(disk("tree/large"), os.O_CREAT | os.O_WRONLY), 5 << 30)
    os.link(disk("tree/file"), disk("tree/hard link"))
    for name, target in (
        ("link", "file"),
        ("link to directory", "directory"),
        ("dangling", "nowhere/at all"),
        ("link to link", "link"),
        ("up", "../tree/directory"),
        ("loop", "loop"),
    ):
        os.symlink(target, disk(f"tree/{name}"))
    os.mkfifo(disk("tree/fifo"))
    os.mknod(disk("tree/null"), stat.S_IFCHR | 0o600, os.makedev(1, 3))
    os.mknod(disk("tree/socket"), stat.S_IFSOCK | 0o600)
    for number in range(1500):
        write(disk(f"many/{number}-{'m' * (number % 200)}"), b"")


KINDS = {
    stat.S_IFREG: Gio.FileType.REGULAR,
    stat.S_IFDIR: Gio.FileType.DIRECTORY,
    stat.S_IFLNK: Gio.FileType.SYMBOLIC_LINK,
}


def compare(info, path, follow):
    """Every attribute that has to do with the server."""
    link = os.path.islink(path)
    status = os.stat(path) if follow and os.path.exists(path) else os.lstat(path)
    kind = KINDS.get(stat.S_IFMT(status.st_mode), Gio.FileType.SPECIAL)
    expected = {
        "standard::type": int(kind),
        "standard::name": os.path.basename(path),
        "standard::size": status.st_size,
        "standard::allocated-size": status.st_blocks * 512,
        "unix::inode": status.st_ino,
        "unix::mode": status.st_mode,
        "unix::nlink": status.st_nlink,
        "unix::uid": status.st_uid,
        "unix::gid": status.st_gid,
        "unix::blocks": status.st_blocks,
    }
    times = {"modified": status.st_mtime_ns, "changed": status.st_ctime_ns}
    if stat.S_ISREG(status.st_mode):
        # That of others changes when we look at them here.
        times["access"] = status.st_atime_ns
    for name, nanoseconds in times.items():
        expected[f"time::{name}"] = nanoseconds // 10**9
        expected[f"time::{name}-usec"] = nanoseconds % 10**9 // 1000
    if link:
        expected["standard::symlink-target"] = os.readlink(path)
    if not stat.S_ISLNK(status.st_mode):
        # The server's root is not held back by a file's mode, except from executing.
        expected["access::can-read"] = expected["access::can-write"] = True
        expected["access::can-execute"] = stat.S_ISDIR(status.st_mode) or bool(status.st_mode & 0o111)
    actual = {}
    for name in expected:
        if name in ("standard::name", "standard::symlink-target"):
            actual[name] = info.get_attribute_byte_string(name)
            continue
        value = info.get_attribute_as_string(name)
        actual[name] = value if value is None else value == "TRUE" if name.startswith("access") else int(value)
    wrong = {name: (actual[name], expected[name]) for name in expected if actual[name] != expected[name]}
    assert not wrong, f"{path}: (actual, expected) {wrong}"
    assert info.get_is_symlink() == link, path
    assert info.get_attribute_uint32("unix::device") != 0


ASKED = "standard::*,unix::*,time::*,access::*,etag::*,id::*"


def followed(follow):
    return Gio.FileQueryInfoFlags.NONE if follow else Gio.FileQueryInfoFlags.NOFOLLOW_SYMLINKS


def info():
    paths = [f"tree/{name}" for name in os.listdir(disk("tree"))] + ["tree", "tree/directory/sub", "many"]
    assert len(paths) > 30
    for path in paths:
        for follow in (False, True):
            if follow and path in ("tree/dangling", "tree/loop"):
                continue
            compare(at(path).query_info(ASKED, followed(follow), None), disk(path), follow)
    fails(Gio.IOErrorEnum.NOT_FOUND, at("tree/dangling").query_info, ASKED, followed(True), None)
    fails(Gio.IOErrorEnum.TOO_MANY_LINKS, at("tree/loop").query_info, ASKED, followed(True), None)
    lines = gio("info", "-n", uri("tree/file")).decode().splitlines()
    assert "  unix::mode: 33188" in lines and "  time::modified: 999999999" in lines, lines
    # Single attributes are asked for in other ways.
    for one in ("standard::type", "standard::size", "unix::mode", "access::can-write", "standard::symlink-target"):
        assert at("tree/link").query_info(one, followed(False), None).has_attribute(one) or one.startswith("access")


def listing():
    for directory in ("tree", "many", "tree/empty", "tree/directory"):
        for follow in (False, True):
            found = {}
            for info in at(directory).enumerate_children(ASKED, followed(follow), None):
                name = info.get_attribute_byte_string("standard::name")
                assert name not in found, name
                found[name] = info
            assert set(found) == set(os.listdir(disk(directory))), set(found) ^ set(os.listdir(disk(directory)))
            for name, info in found.items():
                if name != "loop":
                    compare(info, disk(f"{directory}/{name}"), follow)
    # By name alone.
    names = gio("list", "-h", uri("many")).decode().splitlines()
    assert sorted(names) == sorted(os.listdir(disk("many")))
    visible = gio("list", uri("tree")).decode().splitlines()
    assert "file" in visible and ".hidden" not in visible
    tree = gio("tree", uri("tree/directory")).decode()
    assert "sub" in tree, tree


def copy_in():
    for size in SIZES:
        write(f"{LOCAL}/{size}", noise(size))
        gio("copy", f"{LOCAL}/{size}", uri(f"work/{size}"))
        assert content(disk(f"work/{size}")) == noise(size), size
    for name in NAMES:
        gio("copy", f"{LOCAL}/4095", uri(f"work/{name}"))
        assert content(disk(f"work/{name}")) == noise(4095), name
    # Over a longer one.
    gio("copy", f"{LOCAL}/1", uri("work/-dash"))
    assert content(disk("work/-dash")) == noise(1)


def copy_out():
    for size in SIZES:
        gio("copy", uri(f"work/{size}"), f"{LOCAL}/out")
        assert content(f"{LOCAL}/out") == noise(size), size
    gio("copy", uri("tree/link to link"), f"{LOCAL}/out")
    assert content(f"{LOCAL}/out") == b"text\n"


def copy_between():
    for size in SIZES:
        gio("copy", uri(f"work/{size}"), uri("work/copy"))
        assert content(disk("work/copy")) == noise(size), size
    gio("copy", "-P", uri("tree/dangling"), uri("work/dangling copy"))
    assert os.readlink(disk("work/dangling copy")) == "nowhere/at all"


def preserve():
    """Mode and times, both ways, and a backup of what was there."""
    os.chmod(f"{LOCAL}/4096", 0o640)
    os.utime(f"{LOCAL}/4096", ns=(1_234_567_890_111_222_000, 1_111_111_111_333_444_000))
    gio("copy", "-p", f"{LOCAL}/4096", uri("work/preserved"))
    there = os.stat(disk("work/preserved"))
    assert stat.S_IMODE(there.st_mode) == 0o640 and there.st_mtime_ns == 1_111_111_111_333_444_000, there
    gio("copy", "-p", uri("work/preserved"), f"{LOCAL}/back")
    back = os.stat(f"{LOCAL}/back")
    assert stat.S_IMODE(back.st_mode) == 0o640 and back.st_mtime_ns // 10**9 == 1_111_111_111, back
    gio("copy", "-b", f"{LOCAL}/1", uri("work/preserved"))
    assert content(disk("work/preserved")) == noise(1)
    assert content(disk("work/preserved~")) == noise(4096)


def cat():
    paths = ["tree/file", "work/65537", "tree/100%20 ?#[]", "work/0", f"work/{20 << 20}"]
    assert gio("cat", *(uri(path) for path in paths)) == b"".join(content(disk(path)) for path in paths)


def save():
    gio("save", uri("work/saved"), input=noise(100_000))
    assert content(disk("work/saved")) == noise(100_000)
    assert stat.S_IMODE(os.stat(disk("work/saved")).st_mode) == 0o644
    gio("save", "-a", uri("work/saved"), input=noise(50))
    assert content(disk("work/saved")) == noise(100_000) + noise(50)
    gio("save", uri("work/saved"), input=b"short")
    assert content(disk("work/saved")) == b"short"
    gio("save", "-b", uri("work/saved"), input=b"shorter")
    assert (content(disk("work/saved")), content(disk("work/saved~"))) == (b"shorter", b"short")
    gio("save", "-p", uri("work/private"), input=b"secret")
    assert stat.S_IMODE(os.stat(disk("work/private")).st_mode) == 0o600
    # Only when it is still what it was.
    _, _, etag = at("work/saved").load_contents(None)
    done, etag = at("work/saved").replace_contents(b"new", etag, False, Gio.FileCreateFlags.NONE, None)
    assert done and content(disk("work/saved")) == b"new"
    fails(
        Gio.IOErrorEnum.WRONG_ETAG, at("work/saved").replace_contents, b"no", "1:1", False, Gio.FileCreateFlags.NONE, None
    )


def save_through_link():
    """The file changes, the link stays."""
    at("work/link to saved").make_symbolic_link("saved", None)
    gio("save", uri("work/link to saved"), input=b"through the link")
    assert os.path.islink(disk("work/link to saved")) and content(disk("work/saved")) == b"through the link"


def streams():
    """Reading and writing at places, cutting, past 4 GiB."""
    write(disk("work/stream"), noise(3_000_000))
    data = noise(3_000_000)
    stream = at("work/stream").read(None)
    for offset, count in ((2_999_000, 5000), (0, 10), (1_000_000, 70_000), (1_000_010, 1), (10, 1_048_577)):
        stream.seek(offset, GLib.SeekType.SET, None)
        assert stream.tell() == offset
        got = b""
        while len(got) < count:
            part = stream.read_bytes(count - len(got), None).get_data()
            if not part:
                break
            got += part
        assert got == data[offset : offset + count], (offset, count)
    stream.seek(-10, GLib.SeekType.END, None)
    assert stream.read_bytes(100, None).get_data() == data[-10:]
    stream.seek(-100, GLib.SeekType.CUR, None)
    assert stream.read_bytes(50, None).get_data() == data[-100:-50]
    assert stream.query_info("standard::size,unix::mode", None).get_size() == 3_000_000
    stream.close(None)

    out = at("work/large").create(Gio.FileCreateFlags.NONE, None)
    out.seek(4 << 30, GLib.SeekType.SET, None)
    for part in range(0, 300_000, 100_000):
        out.write_bytes(GLib.Bytes.new(noise(300_000)[part : part + 100_000]), None)
    out.truncate((4 << 30) + 200_000, None)
    out.seek(-1000, GLib.SeekType.END, None)
    assert out.tell() == (4 << 30) + 199_000
    out.write_bytes(GLib.Bytes.new(b"over"), None)
    assert out.query_info("standard::size", None).get_size() == (4 << 30) + 200_000
    out.close(None)
    assert os.stat(disk("work/large")).st_size == (4 << 30) + 200_000
    with open(disk("work/large"), "rb") as file:
        file.seek(4 << 30)
        assert file.read() == noise(300_000)[:199_000] + b"over" + noise(300_000)[199_004:200_000]

    append = at("work/stream").append_to(Gio.FileCreateFlags.NONE, None)
    for part in range(100):
        append.write_bytes(GLib.Bytes.new(noise(part)), None)
    append.flush(None)
    append.close(None)
    assert content(disk("work/stream")) == data + b"".join(noise(part) for part in range(100))


def in_flight():
    """Many operations of many kinds at once on the one connection of the daemon."""
    loop, left, wrong = GLib.MainLoop(), [0], []

    def begin(what, expected, submit, finish):
        def done(source, result):
            try:
                value = finish(source, result)
                if value != expected:
                    wrong.append(f"{what}: {str(value)[:200]}")
            except GLib.Error as error:
                wrong.append(f"{what}: {error.message}")
            left[0] -= 1
            if left[0] == 0:
                loop.quit()

        left[0] += 1
        submit(done)

    normal = GLib.PRIORITY_DEFAULT
    for number in range(1, 40):
        for size in SIZES[:-1]:
            file = at(f"work/{size}")
            begin(
                f"read {size}", noise(size), lambda done, f=file: f.load_contents_async(None, done), lambda f, r: f.load_contents_finish(r)[1]
            )
        begin(
            f"write {number}",
            True,
            lambda done, n=number: at(f"work/flight-{n}").replace_contents_bytes_async(
                GLib.Bytes.new(noise(n * 3001)), None, False, Gio.FileCreateFlags.NONE, None, done
            ),
            lambda f, r: f.replace_contents_finish(r)[0],
        )
        begin(
            f"info {number}",
            5 << 30,
            lambda done: at("tree/large").query_info_async("standard::size", followed(True), normal, None, done),
            lambda f, r: f.query_info_finish(r).get_size(),
        )
        begin(
            f"mkdir {number}",
            True,
            lambda done, n=number: at(f"work/flight-directory-{n}").make_directory_async(normal, None, done),
            lambda f, r: f.make_directory_finish(r),
        )
    GLib.timeout_add_seconds(60, lambda: wrong.append("not all done after 60 seconds") or loop.quit())
    loop.run()
    assert not wrong, wrong[:5]
    for number in range(1, 40):
        assert content(disk(f"work/flight-{number}")) == noise(number * 3001), number
        assert os.path.isdir(disk(f"work/flight-directory-{number}"))


def rename():
    gio("save", uri("work/old"), input=b"renamed")
    gio("rename", uri("work/old"), "new – ü")
    assert content(disk("work/new – ü")) == b"renamed" and not os.path.exists(disk("work/old"))
    gio("mkdir", uri("work/old directory"))
    gio("rename", uri("work/old directory"), "new directory")
    assert os.path.isdir(disk("work/new directory"))
    fails(Gio.IOErrorEnum.NOT_FOUND, at("work/missing").set_display_name, "other", None)


def move():
    gio("save", uri("work/moving"), input=b"moved")
    gio("move", uri("work/moving"), uri("tree/empty/moved"))
    assert content(disk("tree/empty/moved")) == b"moved" and not os.path.exists(disk("work/moving"))
    gio("save", uri("work/moving"), input=b"moved again")
    gio("move", uri("work/moving"), uri("tree/empty/moved"))
    assert content(disk("tree/empty/moved")) == b"moved again"
    inode = os.stat(disk("tree/empty/moved")).st_ino
    gio("move", uri("tree/empty/moved"), uri("work/moved back"))
    assert os.stat(disk("work/moved back")).st_ino == inode
    gio("move", uri("work/moved back"), f"{LOCAL}/moved out")
    assert content(f"{LOCAL}/moved out") == b"moved again" and not os.path.exists(disk("work/moved back"))
    gio("move", f"{LOCAL}/moved out", uri("work/moved in"))
    assert content(disk("work/moved in")) == b"moved again" and not os.path.exists(f"{LOCAL}/moved out")
    for copy in (at("work/moved in").move, at("work/moved in").copy):
        fails(Gio.IOErrorEnum.EXISTS, copy, at("work/saved"), Gio.FileCopyFlags.NONE, None, None, None)


def mkdir():
    gio("mkdir", uri("work/made"))
    assert stat.S_IMODE(os.stat(disk("work/made")).st_mode) == 0o755
    gio("mkdir", "-p", uri("work/made/a/b/c/d"))
    assert os.path.isdir(disk("work/made/a/b/c/d"))
    fails(Gio.IOErrorEnum.EXISTS, at("work/made").make_directory, None)
    fails(Gio.IOErrorEnum.EXISTS, at("work/saved").make_directory, None)
    fails(Gio.IOErrorEnum.NOT_FOUND, at("work/missing/directory").make_directory, None)


def remove():
    gio("save", uri("work/doomed"), input=b"x")
    fails(Gio.IOErrorEnum.NOT_EMPTY, at("work/made").delete, None)
    gio("remove", uri("work/doomed"), uri("work/made/a/b/c/d"), uri("work/dangling copy"))
    assert not os.path.lexists(disk("work/doomed")) and not os.path.lexists(disk("work/made/a/b/c/d"))
    assert not os.path.lexists(disk("work/dangling copy"))
    # The link goes, not what it leads to.
    gio("remove", uri("tree/link to directory"))
    assert os.path.isdir(disk("tree/directory"))
    fails(Gio.IOErrorEnum.NOT_FOUND, at("work/doomed").delete, None)
    # Gone while it is being read: the reader may finish, or is told.
    write(disk("work/open"), noise(2_000_000))
    stream = at("work/open").read(None)
    first = stream.read_bytes(1000, None).get_data()
    at("work/open").delete(None)
    assert not os.path.lexists(disk("work/open")) and first == noise(2_000_000)[:1000]
    try:
        stream.read_bytes(1000, None)
    except GLib.Error as error:
        print(error.message)
    stream.close(None)


def symlink():
    for name, target in (("to file", "../tree/file"), ("to nothing", "no/thing – ü"), ("long", "x/" * 500 + "y")):
        at(f"work/{name}").make_symbolic_link(target, None)
        assert os.readlink(disk(f"work/{name}")) == target
        info = at(f"work/{name}").query_info("standard::*", followed(False), None)
        assert info.get_attribute_byte_string("standard::symlink-target") == target
    assert gio("cat", uri("work/to file")) == b"text\n"
    fails(Gio.IOErrorEnum.EXISTS, at("work/to file").make_symbolic_link, "x", None)
    fails(Gio.IOErrorEnum.NOT_FOUND, at("work/to nothing").load_contents, None)


def set_attributes():
    file = at("work/attributes")
    file.replace_contents(b"12345", None, False, Gio.FileCreateFlags.NONE, None)
    path = disk("work/attributes")
    file.set_attribute_uint32("unix::mode", 0o741, followed(False), None)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o741
    gio("set", "-t", "uint64", uri("work/attributes"), "time::modified", "1500000000")
    assert os.stat(path).st_mtime_ns // 10**9 == 1_500_000_000
    changes = Gio.FileInfo.new()
    changes.set_attribute_uint64("time::modified", 1_600_000_000)
    changes.set_attribute_uint32("time::modified-usec", 123_456)
    changes.set_attribute_uint64("time::access", 1_600_000_001)
    changes.set_attribute_uint32("time::access-usec", 654_321)
    assert file.set_attributes_from_info(changes, followed(False), None)
    status = os.stat(path)
    assert (status.st_mtime_ns, status.st_atime_ns) == (1_600_000_000_123_456_000, 1_600_000_001_654_321_000), status
    file.set_attribute_uint32("unix::uid", 1000, followed(False), None)
    file.set_attribute_uint32("unix::gid", 2000, followed(False), None)
    assert (os.stat(path).st_uid, os.stat(path).st_gid) == (1000, 2000)
    compare(file.query_info(ASKED, followed(False), None), path, False)
    directory = at("work/new directory")
    directory.set_attribute_uint32("unix::mode", 0o700, followed(False), None)
    assert stat.S_IMODE(os.stat(disk("work/new directory")).st_mode) == 0o700


def filesystem():
    info = at("tree").query_filesystem_info("filesystem::*", None)
    disk_now = os.statvfs(EXPORT)
    size, free = (info.get_attribute_uint64(f"filesystem::{name}") for name in ("size", "free"))
    assert size == disk_now.f_blocks * disk_now.f_frsize, (size, disk_now)
    assert abs(free - disk_now.f_bavail * disk_now.f_frsize) < 1 << 30, (free, disk_now)
    assert info.get_attribute_string("filesystem::type") == "nfs"
    assert not info.get_attribute_boolean("filesystem::readonly")


def errors():
    E, none, create = Gio.IOErrorEnum, Gio.FileCreateFlags.NONE, Gio.FileCreateFlags
    fails(E.NOT_FOUND, at("missing").load_contents, None)
    fails(E.NOT_FOUND, at("missing/file").load_contents, None)
    fails(E.NOT_DIRECTORY, at("tree/file/below").load_contents, None)
    fails(E.IS_DIRECTORY, at("tree/directory").read, None)
    fails(E.NOT_FOUND, at("missing").query_info, ASKED, followed(True), None)
    fails(E.NOT_FOUND, at("missing").enumerate_children, ASKED, followed(True), None)
    fails(E.NOT_DIRECTORY, at("tree/file").enumerate_children, ASKED, followed(True), None)
    fails(E.EXISTS, at("tree/file").create, none, None)
    fails(E.IS_DIRECTORY, at("tree/directory").replace, None, False, none, None)
    fails(E.NOT_FOUND, at("missing/file").replace, None, False, none, None)
    fails(E.FILENAME_TOO_LONG, at("n" * 256).create, none, None)
    fails(E.NOT_FOUND, at("missing").delete, None)
    fails(E.NOT_FOUND, at("missing").set_attribute_uint32, "unix::mode", 0o600, followed(False), None)


step = sys.argv[1].replace("-", "_")
globals()[step]()
