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
    print(f"machine: {lab.machine}")
    print("conditions: " + "; ".join([*lab.remarks, lab.others()]))


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
    if lab.priority:
        subprocess.run(["chrt", "-a", "-f", "-p", "1", pid], check=True)
    options.scale /= 4
    options.rounds = max(3, options.rounds // 2)
    return {"ganesha": times(lab, contenders, workloads, options, f"nfs://127.0.0.1{export}", None, False)}


def applicable(contenders, workload):
    return [contender for contender in contenders if contender.label != "floor" or workload.floor]


def times(lab, contenders, workloads, options, url, address, targets=True):
    say(
        "Client CPU in seconds per GiB, or per 100,000 operations where marked *, or per 100,000 entries where "
        f"marked +; wall time; peak memory: medians. Ratios are medians over {options.rounds} rounds, run in turns.",
        options,
    )
    first, ours = contenders[0].label, contenders[1].label
    columns = ["workload", f"CPU {first}", f"CPU {ours}", "CPU floor", f"{ours}/{first}", f"{ours}/floor"]
    columns += ["wall ratio", f"MiB {first}", f"MiB {ours}"]
    columns += ["target", "target floor", "", f"calls/op {first}", f"calls/op {ours}"] if targets else []
    rows, results = [], {}
    for workload in workloads:
        count = max(1, int(workload.count * options.scale))
        chosen = applicable(contenders, workload)
        lines = measure.rounds(lab, chosen, workload, count, url, address, options.rounds)
        results[workload.name] = lines
        rows.append(time_row(workload, lines, first, ours)[: len(columns)])
    print(render(columns, rows, options.markdown), flush=True)
    return results


def time_row(workload, lines, first, ours):
    def cpu(line):
        return measure.per_unit(workload, line)

    def peak(line):
        return line["peak_kib"] / 1024

    def of(label, value):
        return measure.middle(lines[label], value) if label in lines else None

    against = measure.paired(lines[ours], lines[first], cpu)
    floor = measure.paired(lines[ours], lines["floor"], cpu) if "floor" in lines else None
    wall = measure.paired(lines[ours], lines[first], lambda line: line["wall"])
    memory = measure.paired(lines[ours], lines[first], peak)
    targets = [
        ("", against, workload.target),
        ("wall ", wall, workload.wall_target),
        ("memory ", memory, workload.memory_target),
    ]
    return [
        workload.name + MARKS[workload.unit],
        *(number(of(label, cpu)) for label in (first, ours, "floor")),
        *(ratio(value) for value in (against, floor, wall)),
        *(number(of(label, peak)) for label in (first, ours)),
        ", ".join(f"{what}{ratio(target)}" for what, _, target in targets if target is not None),
        ratio(workload.floor_target),
        verdict([(value, target) for _, value, target in targets] + [(floor, workload.floor_target)]),
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
