"""What is measured: the workloads, how many operations of each make a run, and the targets."""

from dataclasses import dataclass
from typing import Optional

GIB = "s/GiB"
OPERATIONS = "s/100,000"
ENTRIES = "s/100,000 entries"


@dataclass(frozen=True)
class Workload:
    name: str
    count: int  # operations of one timed run
    unit: str  # of the client's processor time
    entries: int = 1  # of the directory that an operation lists
    target: Optional[float] = None  # CPU against the reference library, at most
    floor_target: Optional[float] = None  # CPU against the floor, at most
    memory_target: Optional[float] = None  # peak memory against the reference library, at most
    wall_target: Optional[float] = None  # wall time against the reference library, at most
    floor: bool = False  # the floor has it
    reference: Optional[str] = None  # the reference library's workload, when another
    own_process: bool = False  # operations run in processes of their own: not for strace and callgrind
    trips_target: Optional[int] = None  # round trips of one operation, at most
    far: Optional[float] = None  # wall time of one operation on a long way, against the floor, at most

    @property
    def reference_name(self):
        return self.reference or self.name


def data(name, count, target=None, floor_target=None, **options):
    return Workload(name, count, GIB, target=target, floor_target=floor_target, floor=True, **options)


def metadata(name, count, target=None, **options):
    return Workload(name, count, OPERATIONS, target=target, **options)


def listing(name, count, entries, **options):
    return Workload(name, count, ENTRIES, entries, **options)


WORKLOADS = [
    data("read-4k-sync", 10_000, 0.78, 1.15),
    data("read-64k-sync", 4_000, 0.75, 1.10),
    data("read-1m-sync", 500, 0.62, 1.10),
    data("read-8m-sync", 60, trips_target=1),
    data("read-16m-sync", 30, 0.38, 1.10, far=1.5),
    data("write-4k-sync", 10_000),
    data("write-64k-sync", 4_000, 0.75, 1.10),
    data("write-1m-sync", 500, 0.60, 1.15),
    data("write-8m-sync", 60, trips_target=1),
    data("write-16m-sync", 30, 0.15, 1.15, far=1.5),
    data("read-4k-16", 40_000, 0.50, 1.25),
    data("read-4k-128", 40_000, 0.48, 1.25),
    data("read-64k-16", 6_000, 1.0, 1.05),
    data("read-64k-128", 6_000),
    data("write-4k-16", 40_000, 0.52, 1.25),
    data("write-4k-128", 40_000),
    data("write-64k-16", 6_000, 1.0, 1.05),
    data("write-64k-128", 6_000),
    metadata("mount", 100, 0.28, trips_target=2),
    metadata("mount-cold", 60, 0.28, own_process=True, trips_target=5),
    metadata("stat-2-sync", 4_000, 0.30),
    metadata("stat-5-sync", 2_500, 0.15),
    metadata("stat-2-16", 10_000, 0.15),
    metadata("stat-5-16", 5_000),
    listing("readdir-1000", 50, 1_000, trips_target=2),
    listing("readdir-10000", 8, 10_000),
    listing("readdir-100000", 1, 100_000, target=0.30, memory_target=0.5),
    listing("readdir-again-10000", 8, 10_000),
    metadata("small-read", 2_000, 0.55),
    metadata("small-write", 1_000),
    metadata("deep-read", 1_500, trips_target=2),
    Workload("threads-4k-own", 10_000, GIB),
    Workload("threads-4k-shared", 10_000, GIB, wall_target=1.0, reference="threads-4k-own"),
    Workload("threads-64k-own", 4_000, GIB),
    Workload("threads-64k-shared", 4_000, GIB, wall_target=1.0, reference="threads-64k-own"),
]

BY_NAME = {workload.name: workload for workload in WORKLOADS}
