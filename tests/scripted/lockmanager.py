"""The lock manager of the scripted server: NLM version 4 (X/Open XNFS), with locks that are really kept."""

import time
from collections import namedtuple

from xdr import Reader, opaque, u32, u64

GRANTED, DENIED, NO_LOCKS, BLOCKED, GRACE, STALE_HANDLE = 0, 1, 2, 3, 4, 7

# `owner` is who asks: the caller's name, the opaque owner and the system's number of it. `end` is exclusive.
Lock = namedtuple("Lock", "file owner start end exclusive")


def same_owner(lock, other):
    return lock.file == other.file and lock.owner == other.owner


def overlap(lock, other):
    return lock.file == other.file and lock.start < other.end and other.start < lock.end


class LockManager:
    """Mixed into the server, which has `node_of`."""

    def __init__(self):
        self.locks = []
        self.grace_ends = 0
        # (name of the procedure, reclaim) of each request for a lock.
        self.lock_requests = []

    def forget_locks(self, grace):
        self.locks = []
        self.grace_ends = time.monotonic() + grace

    def in_grace(self):
        return time.monotonic() < self.grace_ends

    def read_lock(self, reader, exclusive):
        caller, handle, owner, system_id = reader.opaque(), reader.opaque(), reader.opaque(), reader.u32()
        start, length = reader.u64(), reader.u64()
        node = self.node_of(handle)
        end = start + length if length else 1 << 64
        return Lock(node.number if node else None, (caller, owner, system_id), start, end, bool(exclusive))

    def nlm(self, call):
        reader = Reader(call.arguments)
        if call.name == "NLM_NULL":
            return b""
        cookie = opaque(reader.opaque())
        if call.name == "TEST":
            wanted = self.read_lock(reader, reader.u32())
            holder = self.conflict(wanted)
            if self.in_grace() or not holder:
                return cookie + u32(GRACE if self.in_grace() else GRANTED)
            length = 0 if holder.end == 1 << 64 else holder.end - holder.start
            holder_results = u32(holder.exclusive) + u32(holder.owner[2]) + opaque(holder.owner[1])
            return cookie + u32(DENIED) + holder_results + u64(holder.start) + u64(length)
        if call.name in ("LOCK", "NM_LOCK"):
            block, exclusive = reader.u32(), reader.u32()
            wanted, reclaim = self.read_lock(reader, exclusive), bool(reader.u32())
            self.lock_requests.append((call.name, reclaim))
            return cookie + u32(self.take_lock(wanted, block, reclaim))
        if call.name == "UNLOCK":
            if self.in_grace():
                return cookie + u32(GRACE)
            self.release_lock(self.read_lock(reader, False))
        return cookie + u32(GRANTED)

    def conflict(self, wanted):
        for lock in self.locks:
            if overlap(lock, wanted) and lock.owner != wanted.owner and (lock.exclusive or wanted.exclusive):
                return lock
        return None

    def take_lock(self, wanted, block, reclaim):
        if wanted.file is None:
            return STALE_HANDLE
        # Linux refuses both: a new lock in the grace period, and a reclaim after it.
        if self.in_grace() != reclaim:
            return GRACE
        if self.conflict(wanted):
            return BLOCKED if block else DENIED
        self.release_lock(wanted)
        self.locks.append(wanted)
        return GRANTED

    def release_lock(self, released):
        """Takes a range away from an owner's locks."""
        remaining = []
        for lock in self.locks:
            if not same_owner(lock, released) or not overlap(lock, released):
                remaining.append(lock)
                continue
            if lock.start < released.start:
                remaining.append(lock._replace(end=released.start))
            if lock.end > released.end:
                remaining.append(lock._replace(start=released.end))
        self.locks = remaining

    def lock_by_somebody_else(self, node, start=0, end=1 << 64):
        """Another machine gets a lock."""
        self.locks.append(Lock(node.number, (b"elsewhere", b"somebody", 1), start, end, True))
