"""The roots of exports below the mounted one: who asks the mount service for them, and whose answer holds."""

import ctypes as C
import os
import resource
import socket

from filesystem import ACCES, DIRECTORY, PERM
from fixture import Held
from library import Context, case, elapsed, expect, in_thread, main, settle, wait_for
from server import SILENCE, Server

EACCES, ETIMEDOUT = -13, -110
PRECIOUS = "/nested/precious"


class Lab:
    """A server with the exports /export and /export/nested, and what lies underneath the second one."""

    def __init__(self):
        self.server = server = Server()
        self.underneath = server.make(b"nested", DIRECTORY)
        self.root = self.new_root(b"1234")

    def new_root(self, data):
        """Another file system takes its place; the former one can still be reached by its handle."""
        root = self.server.exports[b"/export/nested"] = self.server.new_root(fsid=1)
        self.server.make(b"precious", data=data, parent=root)
        return root

    def refuse(self, refused, status=ACCES):
        self.server.hook = lambda call: (
            call.failure(status) if is_mnt_of_nested(call) and refused(call) else None
        )

    def expect_untouched(self):
        names = self.server.names_in(self.underneath)
        expect(not names, f"in the directory underneath there is {names}")


def is_mnt_of_nested(call):
    return call.name == "MNT" and call.reader().opaque().endswith(b"/nested")


def more_descriptors():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))


def use_up_reserved_ports():
    """Those that the library tries; the result holds them."""
    sockets = []
    for _ in range(2):  # a connection may have been closed meanwhile
        settle()
        for port in range(512, 1024):
            taken = socket.socket()
            try:
                taken.bind(("0.0.0.0", port))
                sockets.append(taken)
            except OSError:
                taken.close()  # in use already
    return sockets


def types_in(context, path="/"):
    """The types of the entries of a directory: 0 without attributes."""
    directory = C.c_void_p()
    context.must_opendir(path, C.byref(directory))
    types = {}
    while entry := context.readdir(directory):
        types[entry.contents.name.decode()] = entry.contents.type
    context.closedir(directory)
    return types


@case
def refusal_of_an_unreserved_port():
    """The mount service minds the port, and there is no reserved one left for the moment."""
    more_descriptors()
    lab = Lab()
    context = Context(lab.server)
    lab.refuse(lambda call: call.port >= 1024)
    sockets = use_up_reserved_ports()
    first = context.try_stat(PRECIOUS)
    made = context.try_open("/nested/new", os.O_CREAT | os.O_RDWR)
    ports = [call.port for call in lab.server.calls if is_mnt_of_nested(call)]
    expect(ports and min(ports) >= 1024, f"asked from {ports}")
    expect(first == EACCES and made == EACCES, f"stat {first}, creation {made}")
    for taken in sockets:
        taken.close()
    expect(context.size(PRECIOUS) == 4, "with a reserved port")
    lab.expect_untouched()
    return "an error"


@case
def refusal_of_a_reserved_port():
    for status in (ACCES, PERM):
        lab = Lab()
        lab.server.make(b"below", data=b"123456", parent=lab.underneath)
        lab.refuse(lambda call: True, status)
        context = Context(lab.server)
        for _ in range(3):
            expect(context.size("/nested/below") == 6, "what lies underneath")
        expect(lab.server.count("MNT") == 2, f"MNT came {lab.server.count('MNT')} times")
    return "holds"


@case
def refusal_of_one_user():
    """It says nothing of another one, who has a context of its own or uses the same one."""
    lab = Lab()
    lab.server.make(b"below", data=b"123456", parent=lab.underneath)
    lab.refuse(lambda call: call.uid != 0)
    poor, rich = Context(lab.server, uid=1000, gid=1000), Context(lab.server, uid=0, gid=0)
    other = Context(lab.server, uid=1001, gid=1001)
    for _ in range(2):
        expect(poor.size("/nested/below") == 6 and other.size("/nested/below") == 6, "who may not")
    expect(lab.server.count("MNT") == 3, f"MNT came {lab.server.count('MNT')} times")
    expect(rich.size(PRECIOUS) == 4, "who may")
    rich.must_mkdir("/nested/made")
    expect(b"made" in lab.root.names, "mkdir")

    lab = Lab()
    lab.refuse(lambda call: call.uid != 0)
    context = Context(lab.server, uid=1000, gid=1000)
    first = context.try_stat(PRECIOUS)
    context.set_uid(0)
    expect(first == -2 and context.size(PRECIOUS) == 4, f"as another user: {first}")
    return "is his own"


@case
def refusal_beside_a_root():
    """A refusal that comes after another caller has found the root is too late."""
    lab = Lab()
    first, second = Context(lab.server, uid=1000, gid=1000), Context(lab.server, uid=0, gid=0)
    held = []

    def hook(call):
        if is_mnt_of_nested(call) and call.uid:
            call.hold()
            held.append(call)
            return call.failure(ACCES)

    lab.server.hook = hook
    status = in_thread(lambda: first.try_stat(PRECIOUS))
    expect(wait_for(lambda: held), "MNT of the first one")
    expect(second.size(PRECIOUS) == 4, "the root")
    held[0].release()
    expect(wait_for(lambda: status) and status == [0], f"the first one's stat: {status}")
    second.must_mkdir("/nested/made")
    lab.expect_untouched()
    expect(lab.server.count("MNT") == 3, f"MNT came {lab.server.count('MNT')} times")
    return "the root holds"


@case
def root_for_many_operations():
    """The mount service is asked once, though it minds the port and there are more operations than ports."""
    more_descriptors()
    lab = Lab()
    context = Context(lab.server)
    context.get_fd()
    held = Held(lab.server, "MNT")
    operations = [context.start("stat64", PRECIOUS) for _ in range(900)]
    context.loop(lambda: len(held) > 1, 0.5)
    expect(len(held) == 1, f"{len(held)} MNT")
    held.release()
    statuses = context.finish(*operations)
    expect(set(statuses) == {0}, f"{set(statuses)}")
    expect(lab.server.count("MNT") == 2, f"MNT came {lab.server.count('MNT')} times")
    return "asked once"


@case
def root_of_another_context_that_is_not_served():
    """A context whose program does not turn it keeps nobody waiting."""
    lab = Lab()
    idle, context = Context(lab.server), Context(lab.server)
    idle.get_fd()
    pending = idle.start("stat64", PRECIOUS)
    size, seconds = elapsed(lambda: context.size(PRECIOUS))
    expect(size == 4 and seconds < 5, f"{size} after {seconds:.1f} s")
    expect(idle.finish(pending) == [0], "its own stat")
    return f"{seconds:.2f} s"


@case
def older_root():
    """The answer to an older question comes after that to a newer one, which is another root."""
    lab = Lab()
    first, second = Context(lab.server), Context(lab.server)
    held = Held(lab.server, "MNT", most=1)
    status = in_thread(lambda: first.try_stat(PRECIOUS))
    expect(wait_for(lambda: held), "MNT")
    former = lab.root
    with lab.server.lock:
        root = lab.new_root(b"22")
    expect(second.size(PRECIOUS) == 2, "the new root")
    held.release()
    expect(wait_for(lambda: status) and status == [0], f"{status}")
    expect(first.size(PRECIOUS) == 2 and second.size(PRECIOUS) == 2, "the older root")
    second.must_mkdir("/nested/made")
    expect(b"made" in root.names and b"made" not in former.names, "mkdir")
    return "the newer one holds"


@case
def root_after_what_lies_underneath():
    """A directory underneath is known when another caller finds the root."""
    lab = Lab()
    lab.server.make(b"d", DIRECTORY, parent=lab.underneath)
    lab.server.make(b"d", DIRECTORY, parent=lab.root)
    lab.refuse(lambda call: call.uid != 0)
    context = Context(lab.server, uid=1000, gid=1000)
    expect(context.try_stat("/nested/d/x") == -2, "what lies underneath is known")
    other = Context(lab.server, uid=0, gid=0)
    expect(other.size(PRECIOUS) == 4, "the root")
    expect(context.size(PRECIOUS) == 4, "a name in the root")
    context.must_mkdir("/nested/made")
    context.must_mkdir("/nested/d/made")
    names = lab.server.names_in(lab.root), lab.server.names_in(lab.server.path("/nested/d"))
    expect(names == (["d", "made", "precious"], []), f"in the export and underneath: {names}")
    before = len(lab.server.calls)
    context.size("/nested/d/made")
    expect(lab.server.sequence("LOOKUP", "GETATTR", since=before) == ["LOOKUP"], "the way is known again")
    return "forgotten"


@case
def listing_beside_a_mount_service_that_closes_its_connections():
    """Once, after each answer, or always: the entries have no attributes in the last case only."""
    asked = []
    for when in ("once", "after each answer", "always"):
        server = Server()
        for number in range(100):
            name = b"home-%d" % number
            server.make(name, DIRECTORY)
            server.exports[b"/export/" + name] = server.new_root(fsid=1)
        context = Context(server)
        asked.clear()

        def take(call, take=server.take):
            if call.name != "MNT":
                return take(call)
            asked.append(call)
            if when == "always" or when == "once" and len(asked) == 20:
                return False
            return take(call) and when == "once"

        server.take = take
        types = types_in(context)
        without = [name for name in types if types[name] == 0]
        expect(len(types) == 102, f"{when}: {len(types)} entries")
        expect(len(without) == (100 if when == "always" else 0), f"{when}: {len(without)} without attributes")
    return "asked again"


@case
def listing_beside_a_root_that_is_not_looked_at():
    """No answer is no answer: the listing ends with it. A refusal concerns one entry."""
    lab = Lab()
    root = lab.server.handle(lab.root)
    context = Context(lab.server, timeout=700)
    answers = [SILENCE]
    lab.server.hook = lambda call: (
        answers[0] or call.failure(ACCES) if call.name == "GETATTR" and root in call.arguments else None
    )
    directory = C.c_void_p()
    status, seconds = elapsed(lambda: context.opendir("/", C.byref(directory)))
    expect(status == ETIMEDOUT and seconds < 2, f"{status} after {seconds:.1f} s")
    answers[0] = None
    expect(types_in(context)["nested"] == 0, "refused")
    return f"{seconds:.2f} s"


@case
def root_whose_place_is_renamed():
    """The export is a directory of the same file system: who makes its name anew gets another one."""
    server = Server()
    nested = server.make(b"nested", DIRECTORY)
    server.make(b"old", data=b"1234", parent=server.make(b"d", DIRECTORY, parent=nested))
    server.exports[b"/export/nested"] = nested
    context = Context(server)
    expect(context.size("/nested/d/old") == 4, "the root")
    context.must_rename("/nested", "/renamed")
    del server.exports[b"/export/nested"]
    gone = context.try_stat("/nested/d/old"), context.try_stat("/nested")
    expect(gone == (-2, -2), f"after the renaming: {gone}")
    context.must_mkdir("/nested")
    context.must_mkdir("/nested/d")
    context.must_mkdir("/nested/d/new")
    expect(server.names_in(server.path("/renamed/d")) == ["old"], "made in the renamed one")
    return "asked for again"


main()
