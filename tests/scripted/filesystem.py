"""The file system of the scripted server, in memory, and NFSv3 (RFC 1813) on it.

A file has what readers see (`now`) and what a crash leaves (`stable`). Times come from a clock that makes a
step at each change, so that no two changes have the same time.
"""

import struct

from xdr import opaque, u32, u64

FILE, DIRECTORY, BLOCK, CHARACTER, LINK, SOCKET, FIFO = range(1, 8)
PERM, NOENT, IO, ACCES, EXIST, NOTDIR, ISDIR, INVAL, NOSPC, ROFS = (1, 2, 5, 13, 17, 20, 21, 22, 28, 30)
NOTEMPTY, STALE, NOT_SYNC, NOTSUPP, SERVERFAULT, JUKEBOX = 66, 70, 10002, 10004, 10006, 10008
UNSTABLE, FILE_SYNC = 0, 2
UNCHECKED, GUARDED, EXCLUSIVE = range(3)
READ_BIT, WRITE_BIT, EXECUTE_BIT = 4, 2, 1


class Refused(Exception):
    """An operation ends with this status."""

    def __init__(self, status):
        self.status = status


class Node:
    """An object of the file system."""

    def __init__(self, number, kind, mode, time):
        self.number, self.kind, self.mode, self.fsid = number, kind, mode, 1
        self.uid = self.gid = 0
        self.links = 2 if kind == DIRECTORY else 1
        self.now, self.stable = bytearray(), bytearray()
        self.names, self.parent = {}, None
        self.target, self.device = b"", (0, 0)
        self.atime = self.mtime = self.ctime = self.stable_mtime = time
        self.create_verifier = None

    def set_size(self, size):
        for data in (self.now, self.stable):
            del data[size:]
            data.extend(bytes(size - len(data)))

    def put(self, offset, data, stable):
        for content in (self.now, self.stable) if stable else (self.now,):
            if len(content) < offset:
                content.extend(bytes(offset - len(content)))
            content[offset : offset + len(data)] = data


class FileSystem:
    """Mixed into the server."""

    def __init__(self):
        self.nodes, self.next_number = {}, 1
        self.seconds, self.nanoseconds = 1_600_000_000, 0
        self.verifier = 1
        # How it behaves: whether WRITE may be unstable, READDIRPLUS has attributes, and permissions are
        # looked at.
        self.unstable_writes = True
        self.listing_attributes = True
        self.permissions = False
        self.root = self.new_node(DIRECTORY, 0o755)
        self.root.parent = self.root

    # --- What a test does to it -----------------------------------------------------------------------------

    def make(self, name, kind=FILE, data=b"", parent=None, fsid=None):
        """An object that somebody else has made, stable."""
        parent = parent or self.root
        node = self.new_node(kind, 0o755 if kind == DIRECTORY else 0o644)
        node.fsid = fsid or parent.fsid
        node.put(0, data, stable=True)
        self.enter(parent, name, node)
        return node

    def new_root(self, fsid):
        """The root of another export."""
        node = self.new_node(DIRECTORY, 0o755)
        node.fsid, node.parent = fsid, node
        return node

    def path(self, path):
        node = self.root
        for name in path.strip("/").split("/"):
            node = self.nodes[node.names[name.encode()]] if name else node
        return node

    def names_in(self, node):
        return sorted(name.decode() for name in node.names)

    def remove(self, name, parent=None):
        self.drop_name(parent or self.root, name)

    def change(self, node, data):
        """Somebody else replaces the content, stable."""
        node.set_size(0)
        node.put(0, data, stable=True)
        self.changed(node)

    def lose_unstable_data(self):
        for node in self.nodes.values():
            node.now, node.mtime = bytearray(node.stable), node.stable_mtime
        self.verifier += 1

    # --- Objects --------------------------------------------------------------------------------------------

    def tick(self):
        self.nanoseconds += 1_000_000
        if self.nanoseconds >= 10**9:
            self.seconds, self.nanoseconds = self.seconds + 1, 0
        return self.seconds, self.nanoseconds

    def new_node(self, kind, mode):
        node = Node(self.next_number, kind, mode, self.tick())
        self.nodes[node.number] = node
        self.next_number += 1
        return node

    def enter(self, parent, name, node):
        parent.names[name] = node.number
        if node.kind == DIRECTORY:
            node.parent = parent
        self.changed(parent)

    def drop_name(self, parent, name):
        node = self.nodes[parent.names.pop(name)]
        node.links -= 2 if node.kind == DIRECTORY else 1
        node.ctime = self.tick()
        if node.links <= 0:
            del self.nodes[node.number]
        self.changed(parent)

    def changed(self, node, stable=True):
        node.mtime = node.ctime = self.tick()
        if stable:
            node.stable_mtime = node.mtime

    def handle(self, node):
        return u64(node.number)

    def node_of(self, handle):
        return self.nodes.get(struct.unpack(">Q", handle)[0]) if len(handle) == 8 else None

    def allowed(self, call, node, bit):
        if not self.permissions or call.uid == 0:
            return True
        shift = 6 if call.uid == node.uid else 3 if call.gid == node.gid else 0
        return node.mode >> shift & bit != 0

    def need(self, call, node, bit):
        if not self.allowed(call, node, bit):
            raise Refused(ACCES)

    def child(self, call, directory, name):
        if directory.kind != DIRECTORY:
            raise Refused(NOTDIR)
        self.need(call, directory, EXECUTE_BIT)
        if name in (b".", b".."):
            return directory if name == b"." else directory.parent
        if name not in directory.names:
            raise Refused(NOENT)
        return self.nodes[directory.names[name]]

    # --- Attributes -----------------------------------------------------------------------------------------

    def attributes(self, node):
        size = len(node.target) if node.kind == LINK else 4096 if node.kind == DIRECTORY else len(node.now)
        numbers = (node.kind, node.mode, node.links, node.uid, node.gid)
        times = b"".join(u32(part) for time in (node.atime, node.mtime, node.ctime) for part in time)
        device = u32(node.device[0]) + u32(node.device[1])
        return (
            b"".join(map(u32, numbers)) + u64(size) * 2 + device + u64(node.fsid) + u64(node.number) + times
        )

    def after(self, node):
        """post_op_attr"""
        return u32(1) + self.attributes(node)

    def before(self, node):
        """pre_op_attr"""
        times = b"".join(u32(part) for time in (node.mtime, node.ctime) for part in time)
        return u32(1) + u64(len(node.now)) + times

    def apply_sattr(self, node, reader):
        mode, uid, gid = (reader.u32() if reader.u32() else None for _ in range(3))
        size = reader.u64() if reader.u32() else None
        times = []
        for _ in range(2):
            how = reader.u32()
            times.append(self.tick() if how == 1 else (reader.u32(), reader.u32()) if how == 2 else None)
        node.mode = node.mode if mode is None else mode & 0o7777
        node.uid = node.uid if uid is None else uid
        node.gid = node.gid if gid is None else gid
        if size is not None:
            node.set_size(size)
            self.changed(node)
        node.atime = times[0] or node.atime
        if times[1]:
            node.mtime = node.stable_mtime = times[1]
        node.ctime = self.tick()

    # --- Procedures -----------------------------------------------------------------------------------------

    def nfs(self, call):
        if call.name == "NULL":
            return b""
        reader = call.reader()
        node = self.node_of(reader.opaque())
        procedure = getattr(self, "do_" + call.name.lower(), None)
        if node is None or procedure is None:
            return call.failure(STALE if procedure else NOTSUPP)
        try:
            return u32(0) + procedure(call, node, reader)
        except Refused as refused:
            return call.failure(refused.status)

    def do_getattr(self, _call, node, _reader):
        return self.attributes(node)

    def do_setattr(self, _call, node, reader):
        before = self.before(node)
        guard_at = reader.offset
        # The guard stands behind the attributes: find it first.
        scratch = Node(0, FILE, 0, (0, 0))
        seconds, nanoseconds = self.seconds, self.nanoseconds
        self.apply_sattr(scratch, reader)
        self.seconds, self.nanoseconds = seconds, nanoseconds
        if reader.u32() and (reader.u32(), reader.u32()) != node.ctime:
            raise Refused(NOT_SYNC)
        reader.offset = guard_at
        self.apply_sattr(node, reader)
        return before + self.after(node)

    def do_lookup(self, call, node, reader):
        found = self.child(call, node, reader.opaque())
        return opaque(self.handle(found)) + self.after(found) + self.after(node)

    def do_access(self, call, node, reader):
        wanted, granted = reader.u32(), 0
        # READ, LOOKUP, MODIFY, EXTEND, DELETE, EXECUTE
        for right, bit in zip((1, 2, 4, 8, 16, 32), (4, 1, 2, 2, 2, 1)):
            granted |= right if self.allowed(call, node, bit) else 0
        return self.after(node) + u32(wanted & granted)

    def do_readlink(self, _call, node, _reader):
        if node.kind != LINK:
            raise Refused(INVAL)
        return self.after(node) + opaque(node.target)

    def do_read(self, _call, node, reader):
        if node.kind != FILE:
            raise Refused(ISDIR if node.kind == DIRECTORY else INVAL)
        offset, count = reader.u64(), reader.u32()
        data = bytes(node.now[offset : offset + count])
        return self.after(node) + u32(len(data)) + u32(offset + len(data) >= len(node.now)) + opaque(data)

    def do_write(self, call, node, reader):
        if call.uid != node.uid:
            self.need(call, node, WRITE_BIT)
        before = self.before(node)
        offset, _count, how, data = reader.u64(), reader.u32(), reader.u32(), reader.opaque()
        stable = how != UNSTABLE or not self.unstable_writes
        node.put(offset, data, stable)
        if call.uid:
            # As write(2): set-user-ID and set-group-ID are taken away.
            node.mode &= ~0o6000
        self.changed(node, stable)
        committed = FILE_SYNC if stable else UNSTABLE
        return before + self.after(node) + u32(len(data)) + u32(committed) + u64(self.verifier)

    def do_commit(self, _call, node, _reader):
        before = self.before(node)
        node.stable, node.stable_mtime = bytearray(node.now), node.mtime
        return before + self.after(node) + u64(self.verifier)

    def made(self, parent, before, node):
        return u32(1) + opaque(self.handle(node)) + self.after(node) + before + self.after(parent)

    def new_child(self, call, parent, name, kind):
        if parent.kind != DIRECTORY:
            raise Refused(NOTDIR)
        self.need(call, parent, WRITE_BIT)
        if name in parent.names:
            raise Refused(EXIST)
        node = self.make(name, kind, parent=parent)
        node.uid, node.gid = call.uid or 0, call.gid or 0
        return node

    def do_create(self, call, parent, reader):
        before, name, how = self.before(parent), reader.opaque(), reader.u32()
        existing = parent.names.get(name)
        node = self.nodes.get(existing) if existing else None
        if how == EXCLUSIVE:
            verifier = reader.u64()
            if node is None:
                node = self.new_child(call, parent, name, FILE)
                node.create_verifier, node.mode = verifier, 0
            elif node.create_verifier != verifier:
                raise Refused(EXIST)
            return self.made(parent, before, node)
        if node is None or how == GUARDED:
            node = self.new_child(call, parent, name, FILE)
        self.apply_sattr(node, reader)
        return self.made(parent, before, node)

    def do_mkdir(self, call, parent, reader):
        before = self.before(parent)
        node = self.new_child(call, parent, reader.opaque(), DIRECTORY)
        self.apply_sattr(node, reader)
        return self.made(parent, before, node)

    def do_symlink(self, call, parent, reader):
        before = self.before(parent)
        node = self.new_child(call, parent, reader.opaque(), LINK)
        self.apply_sattr(node, reader)
        node.target = reader.opaque()
        return self.made(parent, before, node)

    def do_mknod(self, call, parent, reader):
        before, name, kind = self.before(parent), reader.opaque(), reader.u32()
        node = self.new_child(call, parent, name, kind)
        self.apply_sattr(node, reader)
        if kind in (BLOCK, CHARACTER):
            node.device = reader.u32(), reader.u32()
        return self.made(parent, before, node)

    def removed(self, call, parent, name, is_directory):
        before, node = self.before(parent), self.child(call, parent, name)
        if (node.kind == DIRECTORY) != is_directory:
            raise Refused(NOTDIR if is_directory else ISDIR)
        if is_directory and node.names:
            raise Refused(NOTEMPTY)
        self.drop_name(parent, name)
        return before + self.after(parent)

    def do_remove(self, call, parent, reader):
        return self.removed(call, parent, reader.opaque(), False)

    def do_rmdir(self, call, parent, reader):
        return self.removed(call, parent, reader.opaque(), True)

    def do_rename(self, call, parent, reader):
        name, target = reader.opaque(), self.node_of(reader.opaque())
        new_name = reader.opaque()
        if target is None:
            raise Refused(STALE)
        befores, node = (self.before(parent), self.before(target)), self.child(call, parent, name)
        replaced = self.nodes.get(target.names.get(new_name))
        if replaced is not node:
            if replaced:
                if (replaced.kind == DIRECTORY) != (node.kind == DIRECTORY):
                    raise Refused(EXIST)
                if replaced.names:
                    raise Refused(NOTEMPTY)
                self.drop_name(target, new_name)
            del parent.names[name]
            self.enter(target, new_name, node)
            self.changed(parent)
            node.ctime = self.tick()
        return befores[0] + self.after(parent) + befores[1] + self.after(target)

    def do_link(self, call, node, reader):
        parent, name = self.node_of(reader.opaque()), reader.opaque()
        if parent is None:
            raise Refused(STALE)
        if name in parent.names:
            raise Refused(EXIST)
        before = self.before(parent)
        node.links += 1
        node.ctime = self.tick()
        self.enter(parent, name, node)
        return self.after(node) + before + self.after(parent)

    def entries(self, directory):
        """(cookie, name, node) of each: cookies do not change while the directory does not."""
        yield 1, b".", directory
        yield 2, b"..", directory.parent
        for cookie, (name, number) in enumerate(sorted(directory.names.items()), 3):
            yield cookie, name, self.nodes[number]

    def listing(self, directory, cookie, limit, describe):
        results = self.after(directory) + u64(0)
        for number, name, node in self.entries(directory):
            if number <= cookie:
                continue
            entry = u32(1) + u64(node.number) + opaque(name) + u64(number) + describe(node)
            if len(results) + len(entry) + 16 > limit:
                return results + u32(0) + u32(0)
            results += entry
        return results + u32(0) + u32(1)

    def do_readdir(self, call, node, reader):
        if node.kind != DIRECTORY:
            raise Refused(NOTDIR)
        self.need(call, node, READ_BIT)
        cookie, _verifier, limit = reader.u64(), reader.u64(), reader.u32()
        return self.listing(node, cookie, limit, lambda _node: b"")

    def do_readdirplus(self, call, node, reader):
        if node.kind != DIRECTORY:
            raise Refused(NOTDIR)
        self.need(call, node, READ_BIT)
        cookie, _verifier, _names, limit = reader.u64(), reader.u64(), reader.u32(), reader.u32()

        def describe(entry):
            return (
                self.after(entry) + u32(1) + opaque(self.handle(entry))
                if self.listing_attributes
                else u32(0) * 2
            )

        return self.listing(node, cookie, limit, describe)

    def do_fsstat(self, _call, node, _reader):
        return self.after(node) + u64(1 << 40) * 3 + u64(1 << 20) * 3 + u32(0)

    def do_fsinfo(self, _call, node, _reader):
        most = 1 << 20
        sizes = b"".join(map(u32, (most, most, 1, most, most, 1, 65536)))
        return self.after(node) + sizes + u64(1 << 62) + u32(0) + u32(1) + u32(0x1B)

    def do_pathconf(self, _call, node, _reader):
        return self.after(node) + b"".join(map(u32, (1000, 255, 1, 1, 0, 1)))
