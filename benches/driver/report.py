"""Measures part by part and prints a table for each."""

import os

from . import measure
from .lab import BUILT, RESPONDER, URL, Failure, missing
from .table import number, ratio, render
from .workloads import GIB

PARTS = ["time", "syscalls", "instructions"]
# How many operations are enough to count something that is the same every time.
COUNTED = {"syscalls": 0.02, "instructions": 0.02}


def everything(lab, contenders, workloads, parts, options):
    print(f"machine: {lab.machine}; load {os.getloadavg()[0]:.2f}")
    print("conditions: " + "; ".join(lab.remarks))
    lab.start([BUILT / "responder", RESPONDER, "spin"])
    results = {}
    if "time" in parts:
        results["time"] = times(lab, contenders, workloads, options)
    for part in ("syscalls", "instructions"):
        if part in parts:
            results[part] = counts(lab, contenders, workloads, part, options)
    return results


def applicable(contenders, workload):
    return [contender for contender in contenders if contender.label != "floor" or workload.floor]


def say(text, options):
    print("\n" + (f"**{text}**\n" if options.markdown else text), flush=True)


def verdict(checks):
    """Of pairs of a value and its target."""
    checks = [(value, target) for value, target in checks if target is not None and value is not None]
    if not checks:
        return ""
    return "met" if all(value <= target for value, target in checks) else "NOT MET"


def times(lab, contenders, workloads, options):
    say(
        "Client CPU (s per GiB, or s per 100,000 operations where marked *), wall time and peak memory: medians; "
        f"ratios are medians over {options.rounds} rounds, run in turns.",
        options,
    )
    first, ours = contenders[0].label, contenders[1].label
    header = [
        "workload", f"CPU {first}", f"CPU {ours}", "CPU floor", f"{ours}/{first}", "target", f"{ours}/floor", "target",
        "targets", "wall ratio", "MiB " + first, "MiB " + ours, f"calls/op {first}", f"calls/op {ours}",
    ]
    rows, results = [], {}
    for workload in workloads:
        count = max(1, int(workload.count * options.scale))
        lines = measure.rounds(
            lab, applicable(contenders, workload), workload, count, URL % RESPONDER, RESPONDER, options.rounds
        )
        results[workload.name] = lines
        rows.append(time_row(workload, lines, first, ours))
        progress(rows[-1], options)
    print(render(header, rows, options.markdown), flush=True)
    return results


def progress(row, options):
    if os.isatty(2):
        os.write(2, f"\r\x1b[K{row[0]}".encode())
        os.write(2, b"\r\x1b[K")


def time_row(workload, lines, first, ours):
    def cpu(line):
        return measure.per_unit(workload, line)

    def of(label, value):
        return measure.middle(lines[label], value) if label in lines else None

    against = measure.paired(lines[ours], lines[first], cpu)
    floor = measure.paired(lines[ours], lines["floor"], cpu) if "floor" in lines else None
    wall = measure.paired(lines[ours], lines[first], lambda line: line["wall"])
    memory = measure.paired(lines[ours], lines[first], lambda line: line["peak_kib"])
    targets = [ratio(workload.target)]
    if workload.wall_target is not None:
        targets.append(f"wall {ratio(workload.wall_target)}")
    if workload.memory_target is not None:
        targets.append(f"memory {ratio(workload.memory_target)}")
    return [
        workload.name + ("" if workload.unit == GIB else " *"),
        *(number(of(label, cpu)) for label in (first, ours, "floor")),
        ratio(against),
        ", ".join(filter(None, targets)),
        ratio(floor),
        ratio(workload.floor_target),
        verdict(
            [
                (against, workload.target),
                (floor, workload.floor_target),
                (wall, workload.wall_target),
                (memory, workload.memory_target),
            ]
        ),
        ratio(wall),
        *(number(of(label, lambda line: line["peak_kib"] / 1024)) for label in (first, ours)),
        *(number(of(label, lambda line: (line["calls"] + line["connections"]) / line["count"])) for label in (first, ours)),
    ]


def counts(lab, contenders, workloads, part, options):
    tool, function, title = {
        "syscalls": ("strace", measure.system_calls, "System calls per operation."),
        "instructions": ("valgrind", measure.instructions, "Instructions in user space per operation."),
    }[part]
    say(title, options)
    if missing(tool):
        print(f"{tool} is not installed")
        return {}
    rows, results = [], {}
    for workload in workloads:
        if workload.own_process:
            continue
        count = min(workload.count, max(4, int(workload.count * COUNTED[part])))
        values = {}
        for index, contender in enumerate(contenders):
            if contender in applicable(contenders, workload):
                name = workload.reference_name if index == 0 else workload.name
                values[contender.label] = function(lab, contender, name, count, URL % RESPONDER, RESPONDER)
        results[workload.name] = values
        rows.append([workload.name, *(number(values.get(contender.label)) for contender in contenders)])
    print(render(["workload", *(contender.label for contender in contenders)], rows, options.markdown), flush=True)
    return results
