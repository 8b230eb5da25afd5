"""Order: what is at the position of a handle, and what is appended, is done one after the other."""

import ctypes as C
import os
import threading

from fixture import Held
from library import Context, case, expect, in_thread, main, settle, wait_for
from server import Server

READ_WRITE = os.O_CREAT | os.O_RDWR


def back_to_back(flags):
    server = Server()
    context = Context(server)
    file = context.must_open("/f", READ_WRITE | flags)
    context.get_fd()
    writes = [context.start("write", file, 4, b"%03d\n" % number) for number in range(8)]
    context.finish(*writes)
    context.must_close(file)
    return bytes(server.path("/f").now), b"".join(b"%03d\n" % number for number in range(8))


def from_threads(files, count=200):
    """Writes records of 6 bytes, from a thread for each (context, file)."""
    statuses = []

    def work(context, file, letter):
        for number in range(count):
            statuses.append(context.write(file, 6, b"%c%04d\n" % (letter, number)))

    threads = [threading.Thread(target=work, args=(*file, 65 + index)) for index, file in enumerate(files)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expect(set(statuses) == {6}, f"statuses {set(statuses)}")


def records(node, letters):
    """The records of each writer, as they follow in the file."""
    found = bytes(node.now).splitlines()
    return {letter: [int(record[1:]) for record in found if record[:1] == letter] for letter in letters}


def expect_all_records(node, writers, count=200):
    size = len(node.now)
    expect(size == writers * count * 6, f"the file has {size} of {writers * count * 6} bytes")
    for letter, numbers in records(node, [bytes([65 + writer]) for writer in range(writers)]).items():
        expect(numbers == list(range(count)), f"the records of writer {letter} are not all there, in order")


@case
def two_appends():
    """Appends, and writes at the position: asynchronous ones back to back, and from two threads on one
    handle."""
    for flags, name in ((os.O_APPEND, "O_APPEND"), (0, "position")):
        content, expected = back_to_back(flags)
        expect(content == expected, f"{name}, back to back: {content}")
        server = Server()
        context = Context(server)
        file = context.must_open("/f", READ_WRITE | flags)
        from_threads([(context, file), (context, file)])
        expect_all_records(server.path("/f"), 2)
    return "nothing is lost"


@case
def append_through_two_handles():
    """Two handles of one context are one file: its object owns O_APPEND."""
    server = Server()
    context = Context(server)
    files = [context.must_open("/f", READ_WRITE | os.O_APPEND) for _ in range(2)]
    from_threads([(context, file) for file in files])
    expect_all_records(server.path("/f"), 2)
    return "nothing is lost"


@case
def appends_beside_synchronous_ones():
    """An asynchronous append is under way when a synchronous one begins in another thread."""
    server = Server()
    context = Context(server)
    file = context.must_open("/f", READ_WRITE | os.O_APPEND)
    context.get_fd()
    held = Held(server, "WRITE", most=1)
    first = context.start("write", file, 4, b"one\n")
    context.loop(lambda: held, 2)
    second = in_thread(context.write, file, 4, b"two\n")
    wait_for(lambda: server.count("WRITE") > 1, 0.3)
    held[0].release()
    context.loop(lambda: first.done and second, 5)
    content = bytes(server.path("/f").now)
    expect(content == b"one\ntwo\n", f"{first}, the second {second}: {content}")
    return f"the file has {content}"


@case
def append_after_truncate():
    """Another client truncates a log (copytruncate): the next append goes to its end."""
    server = Server()
    node = server.make(b"log")
    log, other = Context(server), Context(server)
    file = log.must_open("/log", os.O_WRONLY | os.O_APPEND)
    log.must_write(file, 4000, b"x" * 4000)
    other.must_truncate("/log", 0)
    log.must_write(file, 5, b"line\n")
    content = bytes(node.now)
    expect(
        content == b"line\n",
        f"{len(content)} bytes, {len(content) - len(content.lstrip(bytes(1)))} zeros in front",
    )
    return f"the log has {content}"


@case
def append_after_growth():
    server = Server()
    node = server.make(b"log")
    log, other = Context(server), Context(server)
    mine, theirs = (one.must_open("/log", os.O_WRONLY | os.O_APPEND) for one in (log, other))
    for _ in range(3):
        log.must_write(mine, 5, b"mine\n")
        other.must_write(theirs, 7, b"theirs\n")
    content = bytes(node.now)
    expect(content == b"mine\ntheirs\n" * 3, f"the log has {content}")
    return f"the log has {len(content)} bytes"


@case
def append_after_restart():
    """The server has lost what was appended: its size does not count then."""
    server = Server()
    node = server.make(b"log")
    context = Context(server)
    file = context.must_open("/log", os.O_WRONLY | os.O_APPEND)
    context.must_write(file, 4000, b"x" * 4000)
    server.crash()
    settle()
    context.must_write(file, 5, b"line\n")
    context.must_close(file)
    content = bytes(node.stable)
    expect(content == b"x" * 4000 + b"line\n", f"{len(content)} bytes, the end {content[-8:]}")
    return f"the log has {len(content)} bytes"


@case
def reads_at_the_position():
    server = Server()
    server.make(b"f", data=bytes(range(256)))
    context = Context(server)
    file = context.must_open("/f", os.O_RDONLY)
    context.get_fd()
    reads = [context.start("read", file, 16) for _ in range(16)]
    context.finish(*reads)
    pieces = [read.data for read in reads]
    expect(b"".join(piece or b"" for piece in pieces) == bytes(range(256)), f"pieces begin with {pieces[:4]}")
    return "16 reads back to back get consecutive pieces"


@case
def reads_and_writes_at_the_position():
    server = Server()
    node = server.make(b"f", data=b"aaaabbbbccccdddd")
    context = Context(server)
    file = context.must_open("/f", os.O_RDWR)
    context.get_fd()
    first = context.start("read", file, 4)
    write = context.start("write", file, 4, b"XXXX")
    second = context.start("read", file, 4)
    context.finish(first, write, second)
    seen = (first.data, bytes(node.now), second.data)
    expect(seen == (b"aaaa", b"aaaaXXXXccccdddd", b"cccc"), f"read, write, read at the position: {seen}")
    return f"{seen}"


@case
def seek_in_between():
    server = Server()
    node = server.make(b"f")
    context = Context(server)
    file = context.must_open("/f", os.O_RDWR)
    context.get_fd()
    pending = [context.start("write", file, 4, b"one-")]
    pending.append(context.start("lseek", file, 10, os.SEEK_SET))
    pending.append(context.start("write", file, 4, b"two-"))
    pending.append(context.start("lseek", file, -12, os.SEEK_CUR))
    pending.append(context.start("write", file, 1, b"#"))
    context.finish(*pending)
    position = C.c_uint64()
    context.must_lseek(file, 0, os.SEEK_CUR, C.byref(position))
    content = bytes(node.now)
    expect(content == b"on#-" + bytes(6) + b"two-", f"{content}")
    expect(position.value == 3, f"the position is {position.value} in the end")
    return f"{content}"


@case
def threads_reading_one_handle():
    """Each record is read by exactly one of them."""
    server = Server()
    server.make(b"f", data=b"".join(b"%05d\n" % number for number in range(600)))
    context = Context(server)
    file = context.must_open("/f", os.O_RDONLY)
    seen = []

    def work():
        while piece := context.next_bytes(file, 6):
            seen.append(piece)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expect(
        sorted(seen) == [b"%05d\n" % number for number in range(600)],
        f"{len(seen)} of 600, {len(set(seen))} different",
    )
    return "600 records, each read once"


@case
def explicit_offsets_side_by_side():
    server = Server()
    server.make(b"f")
    context = Context(server)
    file = context.must_open("/f", os.O_RDWR)
    context.get_fd()
    held = Held(server, "WRITE", "READ")
    pending = [context.start("pwrite", file, 4096 * n, 4, b"%04d" % n) for n in range(8)]
    pending += [context.start("pread", file, 4096 * n, 4) for n in range(8, 16)]
    context.loop(lambda: len(held) == 16, 2)
    together = len(held)
    server.hook = None
    for call in held:
        call.release()
    context.finish(*pending)
    expect(together == 16, f"{together} of 16 are on the wire together")
    return "16 on the wire together"


@case
def position_after_a_failed_write():
    """What was not written does not move the position."""
    server = Server()
    node = server.make(b"f")
    context = Context(server)
    file = context.must_open("/f", os.O_RDWR)
    context.must_write(file, 4, b"one-")
    server.hook = lambda call: call.failure(28) if call.name == "WRITE" else None
    failed = context.write(file, 4, b"lost")
    server.hook = None
    context.must_write(file, 4, b"two-")
    expect(failed == -28 and bytes(node.now) == b"one-two-", f"write: {failed}; the file: {bytes(node.now)}")
    return f"write: {failed}, then {bytes(node.now)}"


main()
