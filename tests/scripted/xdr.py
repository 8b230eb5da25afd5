"""XDR (RFC 4506), as far as the scripted server needs it."""

import struct


def u32(number):
    return struct.pack(">I", number & 0xFFFFFFFF)


def u64(number):
    return struct.pack(">Q", number & 0xFFFFFFFFFFFFFFFF)


def opaque(data):
    return u32(len(data)) + data + b"\0" * (-len(data) % 4)


class Reader:
    """Takes one value after the other from bytes."""

    def __init__(self, data):
        self.data, self.offset = data, 0

    def u32(self):
        (value,) = struct.unpack_from(">I", self.data, self.offset)
        self.offset += 4
        return value

    def u64(self):
        (value,) = struct.unpack_from(">Q", self.data, self.offset)
        self.offset += 8
        return value

    def opaque(self):
        size = self.u32()
        value = self.data[self.offset : self.offset + size]
        self.offset += size + -size % 4
        return value

    def rest(self):
        return self.data[self.offset :]
