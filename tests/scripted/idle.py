"""A program's own event loop: when it is woken, and that it sleeps while there is nothing to do."""

import ctypes
import os
import resource
import select
import threading
import time

from fixture import Held
from library import Context, Stat, Wrong, case, expect, in_thread, main, wait_for
from server import SILENCE, Server

# A turn for each of a few notices and alarms is fine, one after the other without an end is not.
FEW = 100


def one_file(name=b"f"):
    server = Server()
    server.make(name, data=b"data")
    context = Context(server)
    context.get_fd()
    return server, context


def registered(context):
    poll = select.poll()
    poll.register(context.get_fd(), select.POLLIN)
    return poll


def turns(context, seconds):
    """How often the loop of a program that has nothing to do is woken in `seconds`."""
    poll, end, turns = registered(context), time.monotonic() + seconds, 0
    while time.monotonic() < end:
        context.which_events()
        for _, events in poll.poll(100):
            turns += 1
            context.service(events)
    return turns


def expect_wakeup(context, poll, pending, called):
    """The loop of a program that waits for `pending` ends soon after its callback, at the time in `called`."""
    while not pending.done:
        context.which_events()
        for _, events in poll.poll(10_000):
            context.service(events)
    late = time.monotonic() - called[0]
    expect(late < 1, f"the loop slept {late:.1f} s after the callback had run")


@case
def idle_beside_a_service_thread():
    """The service thread completed a call: the loop of the program has nothing to do for that."""
    _, context = one_file()
    context.mt_service_thread_start()
    pending = context.start("stat64", "/f")
    wait_for(lambda: pending.done)
    seen = turns(context, 3)
    expect(seen < FEW, f"{seen} turns in 3 s")


@case
def idle_beside_a_callback():
    """The service thread is in a callback, and more callbacks wait for it."""
    _, context = one_file()
    context.mt_service_thread_start()
    asleep = threading.Event()

    def sleep(_):
        asleep.set()
        time.sleep(2)

    context.start("stat64", "/f", then=sleep)
    asleep.wait()
    for _ in range(3):
        context.start("stat64", "/f")
    seen = turns(context, 1.5)
    expect(seen < FEW, f"{seen} turns in 1.5 s")


@case
def idle_beside_a_waiting_thread():
    """A thread waits for the server; the alarms of calls that are over go off."""
    server, context = one_file()
    file = context.must_open("/f", os.O_RDONLY)
    server.hook = lambda call: SILENCE if call.name == "READ" else None
    in_thread(context.try_pread, file)
    wait_for(lambda: server.count("READ"))
    time.sleep(0.3)
    context.set_timeout(300)
    for _ in range(2):
        context.finish(context.start("stat64", "/f"))
        seen = turns(context, 2)
        expect(seen < FEW, f"{seen} turns in 2 s")


@case
def woken_for_a_callback_on_another_thread():
    """A thread in a synchronous call may run the callback that a loop waits for, and tells the loop."""
    server, context = one_file()
    server.make(b"silent")
    file = context.must_open("/silent", os.O_RDONLY)
    server.hook = lambda call: SILENCE if call.name == "READ" else None
    in_thread(context.try_pread, file)
    wait_for(lambda: server.count("READ"))
    time.sleep(0.3)
    poll = registered(context)
    for _ in range(60):
        called = []
        pending = context.start("stat64", "/f", then=lambda _: called.append(time.monotonic()))
        expect_wakeup(context, poll, pending, called)


@case
def woken_for_a_callback_of_a_thread_that_has_ended():
    """The thread that ran the callback has its own answer behind it, and drives no more."""
    server, context = one_file()
    server.make(b"g")
    file = context.must_open("/g", os.O_RDONLY)
    poll = registered(context)
    for _ in range(20):
        held, called = Held(server, "LOOKUP", "GETATTR"), []

        def release():
            wait_for(lambda: len(held) == 2)
            time.sleep(0.02)
            for call in sorted(held, key=lambda call: call.name == "GETATTR"):
                call.release()
                time.sleep(0.005)

        in_thread(context.fstat64, file, ctypes.byref(Stat()))
        wait_for(lambda: len(held) == 1)
        time.sleep(0.12)
        pending = context.start("stat64", "/f", then=lambda _: called.append(time.monotonic()))
        in_thread(release)
        expect_wakeup(context, poll, pending, called)


@case
def more_contexts_than_reserved_ports():
    """root binds a reserved port while there is one, and mounts without one behind that."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 20_000)), hard))
    server = Server()
    contexts = []
    for number in range(600):
        context = Context(mount=False)
        context.use(server)
        if status := context.mount("127.0.0.1", "/export"):
            raise Wrong(f"context {number}: {status}: {context.error()}")
        contexts.append(context)


main()
