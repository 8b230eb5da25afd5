"""One run of one program, and the rounds of runs that are compared."""

import os
import re
import subprocess
from pathlib import Path
from statistics import median

from .lab import BUILT, Failure
from .workloads import GIB

GIGABYTE = 1 << 30
THREADS = 4


class Contender:
    """One of those that are compared: a library under the client, or the floor."""

    def __init__(self, label, program="client", library=None):
        self.label, self.program = label, BUILT / program
        self.library = Path(library).resolve() if library else None
        if self.library and not (self.library / "libnfs.so.13").exists():
            raise Failure(f"there is no libnfs.so.13 in {self.library}")

    def environment(self, responder, warm=None):
        environment = {name: value for name, value in os.environ.items() if name not in ("LD_LIBRARY_PATH", "LD_PRELOAD")}
        if self.library:
            environment["LD_LIBRARY_PATH"] = str(self.library)
        if responder:
            environment["BENCH_RESPONDER"] = responder
        if warm is not None:
            environment["BENCH_WARM"] = str(warm)
        return environment


def fields(line):
    pairs = dict(pair.split("=", 1) for pair in line.split())
    return {name: value if name in ("workload", "library") else float(value) for name, value in pairs.items()}


def run(lab, contender, workload, count, url, responder, prefix=(), priority=True, timeout=120, warm=None):
    """Runs a program; returns what it printed, and what it wrote to stderr."""
    command = lab.pinned(lab.client_processor, [*prefix, contender.program, workload, count, url], priority)
    try:
        done = subprocess.run(
            command,
            env=contender.environment(responder, warm),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Failure(f"{contender.label}: {workload} takes longer than {timeout} s") from None
    if done.returncode:
        raise Failure(f"{contender.label}: {workload}: {done.stderr.strip()}")
    line = fields(done.stdout.strip().splitlines()[-1])
    if contender.library and not line["library"].startswith(str(contender.library)):
        raise Failure(f"{contender.label}: {line['library']} was loaded")
    if line.get("mismatches"):
        raise Failure(f"{contender.label}: {workload}: the responder got wrong data")
    return line, done.stderr


def per_unit(workload, line):
    """Seconds of processor time per GiB, or per 100,000 operations or entries."""
    if workload.unit == GIB:
        return line["cpu"] * GIGABYTE / line["bytes"]
    return line["cpu"] * 100_000 / (line["count"] * workload.entries)


def messages(line):
    """Calls and connections per operation, as the responder counted them."""
    return (line["calls"] + line["connections"]) / line["count"] if "calls" in line else None


def rounds(lab, contenders, workload, count, url, responder, number, timeout=120):
    """Runs the contenders in turns. Returns, for each, its lines in the order of the rounds."""
    lines = {contender.label: [] for contender in contenders}
    for _ in range(number):
        for index, contender in enumerate(contenders):
            name = workload.reference_name if index == 0 else workload.name
            line, _ = run(lab, contender, name, count, url, responder, timeout=timeout)
            lines[contender.label].append(line)
    return lines


def middle(lines, value):
    values = [value(line) for line in lines]
    return None if None in values else median(values)


def paired(lines, reference, value):
    """The median of the ratios of runs of the same round."""
    return median(value(line) / value(other) for line, other in zip(lines, reference))


def system_calls(lab, contender, workload, count, url, responder):
    """System calls in the timed region, per operation."""
    log = BUILT / f"strace-{os.getpid()}"
    try:
        run(lab, contender, workload, count, url, responder, ("strace", "-f", "-o", log), priority=False)
        inside, calls = False, 0
        for line in open(log, errors="replace"):
            if 'write(-1, "timed", 5)' in line:
                inside = not inside
            elif inside and "resumed>" not in line and re.match(r"\d+ +\w+\(", line):
                calls += 1
    finally:
        log.unlink(missing_ok=True)
    # The clocks and counters are read through memory, but for two calls at each end.
    return max(0, calls - 4) / count


def instructions(lab, contender, workload, count, url, responder):
    """Instructions in user space in the timed region, per operation."""
    # The second function is what threads run, in the first pass, too: that is kept short.
    toggles = ("--toggle-collect=timed_region", "--toggle-collect=run_one")
    tool = ("valgrind", "--tool=callgrind", *toggles, "--callgrind-out-file=/dev/null")
    warm = THREADS if workload.startswith("threads") else None
    _, errors = run(lab, contender, workload, count, url, responder, tool, priority=False, timeout=300, warm=warm)
    collected = re.search(r"Collected : (\d+)", errors)
    if not collected:
        raise Failure("callgrind said nothing")
    return int(collected[1]) / count
