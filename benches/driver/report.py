"""Measures part by part and prints a table for each."""

import os
import subprocess
import sys
from pathlib import Path

from . import distance, measure
from .lab import BUILT, RESPONDER, ROOT, URL, missing
from .table import number, ratio, render, say, verdict
from .workloads import ENTRIES, GIB, OPERATIONS

PARTS = ["time", "syscalls", "instructions", "trips", "ganesha"]
MARKS = {GIB: "", OPERATIONS: " *", ENTRIES: " +"}
# How many operations are enough to count something that is the same every time.
COUNTED = {"syscalls": 0.02, "instructions": 0.02}


def introduce(lab, server, options):
    say(f"{'#' * 2 if options.markdown else '=='} On {server}", options, plain=True)
    print(f"machine: {lab.machine}; load {os.getloadavg()[0]:.2f}")
    print("conditions: " + "; ".join(lab.remarks))


def responder(lab, contenders, workloads, parts, options):
    """The parts that run on the project's own responder."""
    introduce(lab, "a responder that answers at once", options)
    lab.start([BUILT / "responder", RESPONDER, "spin"])
    results = {}
    if "time" in parts:
        results["time"] = times(lab, contenders, workloads, options, URL % RESPONDER, RESPONDER)
    for part in COUNTED:
        if part in parts:
            results[part] = counts(lab, contenders, workloads, part, options)
    if "trips" in parts:
        results["trips"] = distance.trips(lab, contenders, workloads, options)
        results["far"] = distance.far(lab, contenders, workloads, options)
    return results


def ganesha(lab, contenders, workloads, parts, options):
    """The times on nfs-ganesha; tests/lab/ganesha has started it."""
    introduce(lab, "nfs-ganesha", options)
    export = os.environ["EXPORT"]
    subprocess.run([sys.executable, ROOT / "benches" / "tree", export], check=True)
    pid = Path("/run/ganesha.pid").read_text().strip()
    subprocess.run(["taskset", "-apc", str(lab.server_processor), pid], stdout=subprocess.DEVNULL, check=True)
    options.scale /= 4
    options.rounds = max(3, options.rounds // 2)
    return {"ganesha": times(lab, contenders, workloads, options, f"nfs://127.0.0.1{export}", None)}


def applicable(contenders, workload):
    return [contender for contender in contenders if contender.label != "floor" or workload.floor]


def times(lab, contenders, workloads, options, url, address):
    say(
        "Client CPU in seconds per GiB, or per 100,000 operations where marked *, or per 100,000 entries where "
        f"marked +; wall time; peak memory: medians. Ratios are medians over {options.rounds} rounds, run in turns.",
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
        chosen = applicable(contenders, workload)
        lines = measure.rounds(lab, chosen, workload, count, url, address, options.rounds)
        results[workload.name] = lines
        rows.append(time_row(workload, lines, first, ours))
    print(render(header, rows, options.markdown), flush=True)
    return results


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
        workload.name + MARKS[workload.unit],
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
        *(number(of(label, measure.messages)) for label in (first, ours)),
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
