"""Who turns the crank, and how a turn is left: nobody sleeps while there is something to do for him."""

import ctypes as C
import select
import threading
import time

from library import CALLBACK, Context, Stat, case, elapsed, expect, in_thread, library, main, wait_for
from server import SILENCE, Server

ETIMEDOUT = -110


@case
def lost_wakeup_steps():
    """A thread with a synchronous call receives the reply of another's operation, which has a further
    step."""
    server = Server()
    server.make(b"f", parent=server.make(b"d", 2))
    context = Context(server, dircache=0)
    file = context.must_open("/d/f", 0)
    armed, waiting = [False], []

    def hook(call):
        if armed[0] and call.name in ("LOOKUP", "GETATTR"):
            call.hold()
            waiting.append(call)

    def let_go():
        time.sleep(0.02)
        # Both replies come together, as from any busy server.
        for call in sorted(waiting, key=lambda call: call.name):
            call.release()

    server.hook = hook
    poll = select.poll()
    poll.register(context.get_fd(), select.POLLIN)
    stalls, rounds = [], 300
    for number in range(rounds):
        waiting.clear()
        armed[0] = True
        listing = context.start("opendir", "/d")  # LOOKUP, then READDIRPLUS
        stat = in_thread(context.fstat64, file, C.byref(Stat()))
        wait_for(lambda: len(waiting) == 2, 2)
        armed[0] = False
        threading.Thread(target=let_go).start()
        end = time.monotonic() + 2
        while not listing.done and time.monotonic() < end:
            poll.modify(context.get_fd(), context.which_events())
            for _, events in poll.poll(max(0, end - time.monotonic()) * 1000):
                context.service(events)
        wait_for(lambda: stat)
        if not listing.done:
            before = server.count("READDIRPLUS")
            context.service(select.POLLIN)
            context.loop(lambda: listing.done, 2)
            stalls.append(f"round {number}: READDIRPLUS calls {before}, after another nfs_service {listing}")
            if len(stalls) == 2:
                break
    expect(not stalls, "; ".join(stalls))
    return f"no stall in {rounds} rounds"


def submissions(burst):
    """Seconds from each submission of a burst to its arrival at the server, the service thread asleep
    before it."""
    server = Server()
    server.make(b"f")
    context = Context(server)
    context.mt_service_thread_start()
    delays = [[] for _ in range(burst)]
    for _ in range(20):
        time.sleep(0.03)
        pending, began, mark = [], [], len(server.calls)
        for _ in range(burst):
            began.append(time.monotonic())
            pending.append(context.start("stat64", "/f"))
            time.sleep(0.002)
        expect(wait_for(lambda: all(one.done for one in pending), 3), f"{pending}")
        for number, call in enumerate(server.calls[mark : mark + burst]):
            delays[number].append(call.when - began[number])
    return [sorted(of_one)[len(of_one) // 2] * 1000 for of_one in delays]


@case
def service_thread_latency():
    (median,) = submissions(1)
    expect(median < 10, f"from the submission to the server: median {median:.1f} ms")
    return f"from the submission to the server: median {median:.1f} ms"


@case
def service_thread_latency_of_ten():
    medians = submissions(10)
    expect(
        max(medians) < 10, f"medians of the first to the tenth: {[f'{median:.1f}' for median in medians]} ms"
    )
    return f"the slowest of ten has a median of {max(medians):.1f} ms"


@case
def nested_callbacks():
    """Callbacks that make a synchronous call do not run each other inside it without bound."""
    server = Server()
    server.make(b"f")
    context = Context(server)
    context.get_fd()
    depth, deepest, done, total = [0], [0], [0], 1000

    @CALLBACK
    def callback(_status, _context, _data, _private):
        depth[0] += 1
        deepest[0] = max(deepest[0], depth[0])
        if deepest[0] < 200:
            context.try_stat("/f")
        depth[0] -= 1
        done[0] += 1

    for _ in range(total):
        library.nfs_stat64_async(context.pointer, b"/f", callback, None)
    context.loop(lambda: done[0] == total, 30)
    expect(done[0] == total, f"{done[0]} of {total} callbacks came")
    expect(deepest[0] <= 50, f"callbacks inside each other: {deepest[0]} (this program stops at 200)")
    return f"callbacks inside each other: {deepest[0]}"


@case
def synchronous_calls_in_callbacks():
    """They work, from nfs_service and from the service thread, and each callback comes once."""
    for with_thread in (False, True):
        server = Server()
        server.make(b"f", data=b"data")
        context = Context(server)
        if with_thread:
            context.mt_service_thread_start()
        sizes = []
        pending = [
            context.start("stat64", "/f", then=lambda _: sizes.append(context.size("/f"))) for _ in range(20)
        ]
        if with_thread:
            wait_for(lambda: len(sizes) == 20)
        else:
            context.finish(*pending)
        expect(sizes == [4] * 20 and all(one.times == 1 for one in pending), f"{sizes}, {pending}")
    return "20 calls inside 20 callbacks, twice"


@case
def deadline_during_a_callback():
    """A callback on the service thread takes two seconds; the deadline of another thread's call is 300 ms."""
    server = Server()
    server.make(b"f"), server.make(b"silent")
    context = Context(server, timeout=300)
    file = context.must_open("/silent", 0)
    server.hook = lambda call: SILENCE if call.name == "READ" else None
    context.mt_service_thread_start()
    asleep = threading.Event()

    def sleep(_status):
        asleep.set()
        time.sleep(2)

    stat = context.start("stat64", "/f", then=sleep)
    expect(asleep.wait(3), f"{stat}")
    status, seconds = elapsed(lambda: context.try_pread(file))
    expect(status == ETIMEDOUT and seconds < 1.2, f"pread: {status} after {seconds:.1f} s")
    return f"pread: {status} after {seconds:.1f} s"


@case
def deadline_that_was_running_before_a_callback():
    """The call waits already when the callback begins to sleep."""
    server = Server()
    server.make(b"f"), server.make(b"silent")
    context = Context(server, timeout=500)
    file = context.must_open("/silent", 0)
    server.hook = lambda call: SILENCE if call.name == "READ" else None
    context.mt_service_thread_start()
    read = in_thread(elapsed, lambda: context.try_pread(file))
    expect(wait_for(lambda: server.count("READ")), "no READ")
    context.start("stat64", "/f", then=lambda _: time.sleep(2))
    expect(wait_for(lambda: read, 4), "the read never ends")
    ((status, seconds),) = read
    expect(status == ETIMEDOUT and seconds < 1.4, f"pread: {status} after {seconds:.1f} s")
    return f"pread: {status} after {seconds:.1f} s"


@case
def event_loop_beside_threads():
    """An event loop with operations of several steps beside two threads with synchronous calls."""
    server = Server()
    server.make(b"f", parent=server.make(b"d", 2))
    context = Context(server, dircache=0)
    context.get_fd()
    over, failures = [False], []

    def work():
        while not over[0]:
            if context.try_stat("/d/f"):
                failures.append(context.error())

    for _ in range(2):
        threading.Thread(target=work, daemon=True).start()
    longest = 0
    end = time.monotonic() + 4
    rounds = 0
    while time.monotonic() < end:
        listing = context.start("opendir", "/d")
        began = time.monotonic()
        context.loop(lambda: listing.done, 3)
        longest = max(longest, time.monotonic() - began)
        if not listing.done or longest > 2:
            break
        rounds += 1
    over[0] = True
    expect(longest < 2 and not failures, f"after {rounds} rounds: {listing}, {longest:.1f} s, {failures[:1]}")
    return f"{rounds} rounds, the longest took {longest * 1000:.0f} ms"


main()
