"""Single operations over a forwarder that adds a delay: how many round trips they take, and how long."""

from . import measure
from .lab import BUILT, RESPONDER, URL
from .table import number, ratio, render, say, verdict

NEAR = "127.0.0.1"  # where the forwarder listens
TRIP = 50  # milliseconds of a round trip, many times what the rest of an operation takes
FAR_TRIP = 20
FAR_WINDOW = 4 << 20  # bytes under way in each direction
REPEATED = 3


def forwarded(lab, milliseconds, window):
    return lab.start([BUILT / "forwarder", NEAR, RESPONDER, milliseconds, window])


def fastest(lab, contender, workload, name):
    """The wall time of one operation, after another one that was not timed."""
    lines = (
        measure.run(lab, contender, name, 1, URL % NEAR, RESPONDER, warm=1)[0] for _ in range(REPEATED)
    )
    return min(line["wall"] for line in lines)


def trips(lab, contenders, workloads, options):
    shown = ("stat-2-sync", "small-read", "small-write")
    chosen = [workload for workload in workloads if workload.trips_target or workload.name in shown]
    if not chosen:
        return {}
    say(f"Round trips of one operation: wall time with a round trip of {TRIP} ms, divided by that.", options)
    forwarder = forwarded(lab, TRIP, 0)
    rows, results = [], {}
    for workload in chosen:
        values = {}
        for contender in contenders[:2]:
            values[contender.label] = fastest(lab, contender, workload, workload.name) * 1000 / TRIP
        results[workload.name] = values
        taken = int(values[contenders[1].label] + 0.25)
        rows.append(
            [
                workload.name,
                *(f"{value:.1f}" for value in values.values()),
                number(workload.trips_target),
                verdict([(taken, workload.trips_target)]),
            ]
        )
    lab.stop(forwarder)
    print(render(["workload", *(contender.label for contender in contenders[:2]), "target", ""], rows, options.markdown))
    return results


def far(lab, contenders, workloads, options):
    chosen = [workload for workload in workloads if workload.far]
    if not chosen:
        return {}
    say(
        f"One operation with a round trip of {FAR_TRIP} ms and a window of {FAR_WINDOW >> 20} MiB, in milliseconds. "
        "The floor has all its calls under way at once: it takes what the window allows.",
        options,
    )
    forwarder = forwarded(lab, FAR_TRIP, FAR_WINDOW)
    rows, results = [], {}
    for workload in chosen:
        values = {
            contender.label: fastest(lab, contender, workload, workload.name) * 1000 for contender in contenders
        }
        results[workload.name] = values
        against = values["ours"] / values["floor"] if "floor" in values else None
        rows.append(
            [
                workload.name,
                *(number(value) for value in values.values()),
                ratio(against),
                ratio(workload.far),
                verdict([(against, workload.far)]),
            ]
        )
    lab.stop(forwarder)
    header = ["workload", *(contender.label for contender in contenders), "ours/floor", "target", ""]
    print(render(header, rows, options.markdown))
    return results
