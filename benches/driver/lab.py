"""Where things run: namespaces of their own, processors, priorities, and programs that are started and ended."""

import fcntl
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILT = ROOT / "target" / "bench"
RESPONDER = "127.0.0.2"  # reached at 127.0.0.1 through the forwarder
URL = "nfs://%s/export"


class Failure(Exception):
    """A sentence for the user."""


def in_namespaces():
    """Runs this program again in a network, mounts and processes of its own."""
    command = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private"]
    if os.geteuid() != 0:
        command.append("--map-root-user")
    return again(command, "responder")


def beside_ganesha():
    """Runs this program again in the network of a private nfs-ganesha."""
    return again([ROOT / "tests" / "lab" / "ganesha"], "ganesha")


def again(prefix, server):
    command = [*prefix, sys.executable, *sys.argv]
    return subprocess.run(command, env={**os.environ, "BENCH_SERVER": server}, check=False).returncode


class Lab:
    """The conditions of the measurement; `remarks` says what they are."""

    def __init__(self, realtime=True):
        self.remarks = []
        self.programs = []
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        for setting in ("net.ipv4.tcp_congestion_control=reno", "net.ipv4.tcp_max_tw_buckets=0"):
            if subprocess.run(["sysctl", "-qw", setting], stderr=subprocess.DEVNULL, check=False).returncode:
                self.remarks.append(f"{setting} was refused")
        self.hold_latency()
        processors = sorted(os.sched_getaffinity(0))
        self.client_processor, self.server_processor = processors[0], processors[-1]
        if len(processors) < 2:
            self.remarks.append("there is one processor only: client and server share it")
        else:
            self.remarks.append(
                f"client on processor {self.client_processor}, server on processor {self.server_processor}"
            )
        self.priority = []
        if realtime and self.works("chrt", "-f", "1", "true"):
            self.priority = ["chrt", "-f", "1"]
            self.remarks.append("both with real-time priority")
        model = next(
            (line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?"
        )
        self.machine = f"{model}, {os.cpu_count()} processors, Linux {os.uname().release}"

    def hold_latency(self):
        """While this file is open, idle processors do not go to sleep."""
        try:
            self.latency = open("/dev/cpu_dma_latency", "wb", buffering=0)
            self.latency.write(bytes(4))
            self.remarks.append("/dev/cpu_dma_latency held at 0")
        except OSError:
            self.remarks.append("/dev/cpu_dma_latency cannot be held: waking a processor is part of the times")

    @staticmethod
    def others():
        """How busy the processors are before anything is measured."""

        def spent():
            with open("/proc/stat") as file:
                values = [int(value) for value in file.readline().split()[1:9]]
            return sum(values), values[3] + values[4]

        before = spent()
        time.sleep(0.5)
        total, idle = (after - earlier for after, earlier in zip(spent(), before))
        busy = 100 - 100 * idle // max(total, 1)
        warning = "; such a machine makes small calls up to three times as dear" if busy > 10 else ""
        return f"others use {busy} % of the processors{warning}"

    @staticmethod
    def works(*command):
        return subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0

    def pinned(self, processor, command, priority=True):
        return [*(self.priority if priority else []), "taskset", "-c", str(processor), *map(str, command)]

    def start(self, command, priority=True):
        """Starts a server and waits until it prints a line."""
        program = subprocess.Popen(
            self.pinned(self.server_processor, command, priority), stdout=subprocess.PIPE, text=True
        )
        self.programs.append(program)
        if not program.stdout.readline():
            raise Failure(f"{command[0]} did not start")
        return program

    def stop(self, program=None):
        """Ends one server, or all."""
        for ending in [program] if program else self.programs[:]:
            ending.kill()
            ending.wait()
            self.programs.remove(ending)


def build(library):
    """The programs of the benchmark, and the library when it is this source's."""
    made = ["responder", "forwarder", "client", "floor"]
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    commands = [["make", "--silent", *(str(BUILT.relative_to(ROOT) / name) for name in made)]]
    if library is None:
        commands.append(["make", "--silent", "LIBNFS_ABI=13"])
    BUILT.mkdir(parents=True, exist_ok=True)
    with open(BUILT / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another run may be building the same
        for command in commands:
            if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode:
                raise Failure(f"{' '.join(command)} failed")


def missing(tool):
    return shutil.which(tool) is None
