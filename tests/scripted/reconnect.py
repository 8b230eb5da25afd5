"""Reconnecting: what a refusal is after a call was sent again, from which port, after which silence."""

import ctypes as C
import os
import subprocess
import sys
import tempfile

from filesystem import DIRECTORY
from library import Context, case, elapsed, expect, in_thread, main, settle, wait_for
from server import DONE_BUT_DROP, DROP, SILENCE, Server

ENOENT, EEXIST = -2, -17


def first_time(name, answer):
    """A hook for the first call of a procedure."""
    seen = []

    def hook(call):
        if call.name == name:
            seen.append(call)
            if len(seen) == 1:
                return answer(call) if callable(answer) else answer

    return seen, hook


# --- Idle connections ---------------------------------------------------------------------------------------


def refusals(reset):
    """Operations that must be refused, on a connection that the server has closed while it was idle."""
    server = Server()
    server.make(b"lock"), server.make(b"lockdir", DIRECTORY), server.make(b"other", data=b"x")
    context = Context(server)
    operations = {
        "open with O_EXCL of an existing file": lambda: context.try_open(
            "/lock", os.O_CREAT | os.O_EXCL | os.O_RDWR
        ),
        "mkdir of an existing directory": lambda: context.mkdir("/lockdir"),
        "symlink at an existing name": lambda: context.symlink("target", "/lock"),
        "link to an existing name": lambda: context.link("/lock", "/other"),
        "unlink of a name that never was": lambda: context.unlink("/nothing"),
        "rmdir of a name that never was": lambda: context.rmdir("/nothing"),
        "rename of a name that never was": lambda: context.rename("/nothing", "/other"),
    }
    wrong = []
    for what, operation in operations.items():
        context.size("/lock")
        before = operation()
        server.close_connections(reset)
        settle()
        after = operation()
        if before >= 0 or after != before:
            wrong.append(f"{what}: {before}, then {after if after <= 0 else 'success'}")
    expect(not wrong, "; ".join(wrong))
    return f"{len(operations)} refusals stay refusals"


@case
def idle_disconnect():
    return refusals(reset=False)


@case
def idle_reset():
    return refusals(reset=True)


@case
def never_sent_is_not_sent_again():
    """After an idle connection was closed, each operation is sent once, and good."""
    server = Server()
    context = Context(server)
    for number in range(3):
        context.must_mkdir(f"/d{number}")
        server.close_connections()
        settle()
        context.must_rename(f"/d{number}", f"/e{number}")
        server.close_connections(reset=True)
        settle()
    sent = server.sequence("MKDIR", "RENAME")
    expect(sent == ["MKDIR", "RENAME"] * 3, f"{sent}")
    return f"{sent}"


# --- Sent again ---------------------------------------------------------------------------------------------


@case
def source_port():
    """A duplicate request cache knows a call by address, port and xid: the repetition comes from the same
    port."""
    server = Server()
    server.duplicates = {}
    node = server.make(b"a")
    seen = []

    def hook(call):
        if call.name == "RENAME":
            seen.append((call.xid, call.port))
            if len(seen) == 1:
                server.carry_out_once(call)
                server.make(b"a", data=b"somebody else's new file")
                return DROP

    server.hook = hook
    context = Context(server)
    status = context.rename("/a", "/b")
    expect(len(seen) == 2 and seen[0] == seen[1], f"(xid, source port): {seen}")
    expect(status == 0 and server.path("/b") is node, f"rename: {status}; {server.names_in(server.root)}")
    return f"(xid, source port): {seen}"


def expect_done_once(operations, duplicates):
    """Runs each operation with its first reply lost. Returns (status, sentence) of each."""
    results = {}
    for procedure, (prepare, operation) in operations.items():
        server = Server()
        server.duplicates = {} if duplicates else None
        prepare(server)
        seen, server.hook = first_time(procedure, DONE_BUT_DROP)
        context = Context(server)
        status = operation(context)
        results[procedure] = (status, context.error() if status < 0 else "", server)
        expect(len(seen) == 2, f"{procedure} was sent {len(seen)} times")
    return results


def nothing(_server):
    pass


CHANGES = {
    "MKDIR": (nothing, lambda context: context.mkdir("/new")),
    "SYMLINK": (nothing, lambda context: context.symlink("target", "/new")),
    "MKNOD": (nothing, lambda context: context.mknod("/new", 0o010644, 0)),
    "REMOVE": (lambda server: server.make(b"old"), lambda context: context.unlink("/old")),
    "RMDIR": (lambda server: server.make(b"old", DIRECTORY), lambda context: context.rmdir("/old")),
    "RENAME": (lambda server: server.make(b"old"), lambda context: context.rename("/old", "/new")),
    "LINK": (lambda server: server.make(b"old"), lambda context: context.link("/old", "/new")),
}


@case
def lost_replies_with_a_request_cache():
    results = expect_done_once(CHANGES, duplicates=True)
    failed = {procedure: status for procedure, (status, _, _) in results.items() if status}
    expect(not failed, f"{failed}")
    return f"{len(results)} operations are good"


@case
def lost_replies_without_a_request_cache():
    """The server's answer to the second sending, and a sentence that says what it is; or success where it
    is proved."""
    wrong = []
    for procedure, (status, sentence, server) in expect_done_once(CHANGES, duplicates=False).items():
        refusal = ENOENT if procedure in ("REMOVE", "RMDIR", "RENAME") else EEXIST
        provable = procedure in ("RENAME", "LINK")
        if status == 0 and not provable:
            wrong.append(f"{procedure}: a guess that it was ours")
        elif status != 0 and (status != refusal or "retransmitted" not in sentence):
            wrong.append(f"{procedure}: {status} {sentence}")
        there = {"REMOVE": [], "RMDIR": [], "LINK": ["new", "old"]}.get(procedure, ["new"])
        if server.names_in(server.root) != there:
            wrong.append(f"{procedure}: the directory has {server.names_in(server.root)}")
    expect(not wrong, "; ".join(wrong))
    return "refusals say that the call was retransmitted"


@case
def rename_and_link_that_were_not_ours():
    """The first sending is lost, somebody else does something alike in between: a file of theirs proves
    nothing."""
    wrong = []
    for name, procedure in (("rename", "RENAME"), ("link", "LINK")):
        server = Server()
        server.make(b"old", data=b"ours")

        def meanwhile(_call):
            if name == "rename":
                server.remove(b"old")
            server.make(b"new", data=b"theirs")
            return DROP

        _seen, server.hook = first_time(procedure, meanwhile)
        context = Context(server)
        status = getattr(context, name)("/old", "/new")
        if status != (ENOENT if name == "rename" else EEXIST):
            wrong.append(f"{name}: {status}")
    expect(not wrong, "; ".join(wrong))
    return "refused"


@case
def exclusive_create_is_recognised():
    server = Server()
    seen, server.hook = first_time("CREATE", DONE_BUT_DROP)
    context = Context(server)
    file = context.try_open("/new", os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o640)
    expect(file > 0, f"open with O_EXCL whose first reply was lost: {file} {context.error()}")
    expect(len(seen) == 2, f"CREATE was sent {len(seen)} times")
    context.put(file, b"data")
    mode = server.path("/new").mode
    expect(mode == 0o640, f"its mode is {mode:o}")
    return "the server has recognised it"


@case
def exclusive_create_of_somebody_else():
    server = Server()

    def meanwhile(_call):
        server.make(b"new", data=b"")
        return DROP

    _seen, server.hook = first_time("CREATE", meanwhile)
    context = Context(server)
    file = context.try_open("/new", os.O_CREAT | os.O_EXCL | os.O_RDWR)
    expect(file == EEXIST, f"open with O_EXCL of an empty file that somebody else has made: {file}")
    return "EEXIST"


@case
def two_exclusive_creates():
    """Two clients, both lose their first reply: exactly one of them has made the file."""
    server = Server()
    contexts = [Context(server) for _ in range(2)]
    results = []
    for context in contexts:
        _seen, server.hook = first_time("CREATE", DONE_BUT_DROP)
        results.append(context.try_open("/lock", os.O_CREAT | os.O_EXCL | os.O_RDWR))
    expect(results[0] > 0 and results[1] == EEXIST, f"{results}")
    return "one has made it, the other hears EEXIST"


@case
def retransmission_after_60_s():
    """A live server that loses a call without a word: asked again after 60 s, same xid, same port."""
    server = Server()
    server.make(b"f", data=b"data")
    context = Context(server)
    file = context.must_open("/f", os.O_RDONLY)
    seen, server.hook = first_time("READ", SILENCE)
    outcome = in_thread(elapsed, lambda: context.content(file, 4))
    expect(wait_for(lambda: outcome, 75), f"no answer after 75 s; READs: {len(seen)}")
    ((data, seconds),) = outcome
    expect(data == b"data" and 50 < seconds < 75, f"{data} after {seconds:.1f} s")
    ways = {(call.xid, call.port) for call in seen}
    expect(len(ways) == 1, f"(xid, source port): {ways}")
    return f"{data} after {seconds:.1f} s"


# --- Failures of the machine --------------------------------------------------------------------------------

SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

int refuse_other, refuse_connected, refuse_socket;

int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
    int type, *refuse = event && event->events == EPOLLIN ? &refuse_connected : &refuse_other;
    socklen_t size = sizeof type;

    if (operation == EPOLL_CTL_ADD && *refuse && getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0) {
        --*refuse;
        errno = ENOSPC;
        return -1;
    }
    int (*next)(int, int, int, struct epoll_event *) = dlsym(RTLD_NEXT, "epoll_ctl");
    return next(epoll, operation, fd, event);
}

int socket(int domain, int type, int protocol)
{
    if (refuse_socket) {
        refuse_socket--;
        errno = EMFILE;
        return -1;
    }
    return ((int (*)(int, int, int))dlsym(RTLD_NEXT, "socket"))(domain, type, protocol);
}
"""


def refusals_of_the_system(name):
    """A counter of system calls that fail, in a process that begins again with a library in front of the C
    library."""
    if "SHIM" not in os.environ:
        directory = tempfile.mkdtemp()
        with open(f"{directory}/shim.c", "w") as source:
            source.write(SHIM)
        command = ["cc", "-shared", "-fPIC", "-o", f"{directory}/shim.so", f"{directory}/shim.c", "-ldl"]
        subprocess.run(command, check=True)
        os.environ.update(SHIM=directory, LD_PRELOAD=f"{directory}/shim.so")
        os.execv(sys.executable, [sys.executable] + sys.argv)
    os.environ.pop("LD_PRELOAD")
    subprocess.run(["rm", "-rf", os.environ["SHIM"]], check=True)
    return C.c_int.in_dll(C.CDLL(None), name)


def survives(refused, times):
    server = Server()
    server.make(b"f")
    context = Context(server)
    context.get_fd()
    refused.value = times
    server.close_connections()
    stat = context.start("stat64", "/f")
    context.loop(lambda: stat.done, 15)
    expect(refused.value < times, "nothing was refused: the test is no test")
    expect(
        stat.status == 0, f"stat after a reconnect that failed {times - refused.value} times: {stat.status}"
    )
    return f"{times - refused.value} refusals, then stat: {stat.status}"


@case
def epoll_refused():
    """Of a socket that is connected: fs.epoll.max_user_watches is used up for a moment."""
    return survives(refusals_of_the_system("refuse_connected"), 1)


@case
def socket_refused():
    return survives(refusals_of_the_system("refuse_socket"), 3)


@case
def server_away_for_a_while():
    """Refused connections are tried again, and what was under way is good."""
    server = Server()
    server.make(b"f")
    context = Context(server)
    context.get_fd()
    server.hook = lambda call: SILENCE if call.name == "GETATTR" or call.name == "LOOKUP" else None
    stat = context.start("stat64", "/f")
    context.loop(lambda: server.count("LOOKUP", "GETATTR") > 1, 0.3)
    server.stop()
    context.loop(lambda: False, 1)
    server.hook = None
    server.start()
    context.finish(stat, seconds=10)
    expect(stat.status == 0, f"{stat}")
    return f"{stat}"


main()
