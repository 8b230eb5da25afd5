"""Files opened in every mode of the module, files with holes that reach past 4 GiB, and threads.

What the server has shown once, it may remember: the local directory is read here, never written.
"""

import errno
import os
import threading

import libnfs

from common import EXPORT, URL, check_library

G = 1 << 30


def content(path):
    return (EXPORT / path.lstrip("/")).read_bytes()


def made(nfs, path, data):
    file = nfs.open(path, mode="wb")
    file.write(bytearray(data))
    file.close()
    assert content(path) == data


def missing(nfs, mode):
    """A mode that makes no file says that there is none."""
    try:
        nfs.open("/none", mode=mode)
    except OSError as error:
        assert error.errno == errno.ENOENT, error
    else:
        raise AssertionError(f"{mode} has opened a missing file")
    assert not (EXPORT / "none").exists()


def reading(nfs):
    """r, rb: from the start, nothing is changed."""
    made(nfs, "/reading", b"caf\xc3\xa9 0123456789")
    assert nfs.open("/reading").read() == "café 0123456789"
    assert nfs.open("/reading", mode="r", codec="latin-1").read() == "cafÃ© 0123456789"
    file = nfs.open("/reading", mode="rb")
    assert (file.tell(), file.read(4), file.tell()) == (0, b"caf\xc3", 4)
    file.seek(-3, os.SEEK_END)
    assert file.read(100) == b"789" and file.read(100) == b""
    file.close()
    assert content("/reading") == b"caf\xc3\xa9 0123456789"
    for mode in ("r", "rb", "r+", "rb+"):
        missing(nfs, mode)


def updating(nfs):
    """r+, rb+: in place, and longer at the end."""
    made(nfs, "/updating", b"0123456789")
    file = nfs.open("/updating", mode="rb+")
    assert file.read(3) == b"012"
    file.write(bytearray(b"xyz"))
    assert file.read() == b"6789"
    file.write(bytearray(b"end"))
    file.close()
    assert content("/updating") == b"012xyz6789end"
    file = nfs.open("/updating", mode="r+")
    file.write("é")
    file.seek(0, os.SEEK_SET)
    assert file.read(3) == "é2"
    file.close()


def writing(nfs):
    """w, wb, w+, wb+: the file is there, and empty."""
    for mode in ("w", "wb", "w+", "wb+"):
        for path in (f"/writing {mode}", "/writing"):
            file = nfs.open(path, mode=mode)
            assert content(path) == b""
            file.write(bytearray(b"0123456789"))
            file.seek(4, os.SEEK_SET)
            file.write(bytearray(b"four"))
            if "+" in mode:
                file.seek(2, os.SEEK_SET)
                assert bytes(file.read(), "utf-8") if "b" not in mode else file.read() == b"23four89"
            file.close()
            assert content(path) == b"0123four89"
            assert (EXPORT / path[1:]).stat().st_mode & 0o777 in (0o644, 0o664)


def appending(nfs):
    """a, ab, a+, ab+: at the end, wherever the position was, whoever has made it longer."""
    for mode in ("a", "ab", "a+", "ab+"):
        path = f"/appending {mode}"
        first, second = nfs.open(path, mode=mode), nfs.open(path, mode=mode)
        first.write(bytearray(b"one,"))
        second.write(bytearray(b"two,"))
        first.seek(0, os.SEEK_SET)
        first.write(bytearray(b"three,"))
        assert first.tell() == 14
        if "+" in mode:
            first.seek(4, os.SEEK_SET)
            assert first.read(4) in (b"two,", "two,")
            first.write(bytearray(b"four,"))
        for file in (first, second):
            file.close()
        assert content(path) == b"one,two,three," + (b"four," if "+" in mode else b"")
        file = nfs.open(path, mode="ab")
        file.write(bytearray(b"later"))
        file.close()
        assert content(path).endswith(b",later")


def holes(nfs):
    """Data around 4 GiB and behind it, holes between."""
    places = (0, G - 3, 2 * G - 5, 4 * G - 7, 4 * G + 100_000, 6 * G - 4)
    file = nfs.open("/holes", mode="wb+")
    for place in places:
        file.seek(place, os.SEEK_SET)
        file.write(bytearray(f"at {place}!".encode()))
        assert file.tell() == place + len(f"at {place}!")
    assert file.fstat()["size"] == places[-1] + len(f"at {places[-1]}!")
    file.close()

    file = nfs.open("/holes", mode="rb+")
    with open(EXPORT / "holes", "rb") as local:
        for place in places:
            start = max(place - 1000, 0)
            file.seek(start, os.SEEK_SET)
            local.seek(start)
            seen = file.read(5000)
            assert seen == local.read(5000) and f"at {place}!".encode() in seen, place
    file.seek(-20, os.SEEK_END)
    assert file.read(100).endswith(f"at {places[-1]}!".encode())
    file.seek(5 * G, os.SEEK_SET)
    assert file.read(100_000) == bytes(100_000)
    local = os.stat(EXPORT / "holes")
    assert nfs.stat("/holes")["blocks"] == local.st_blocks < 4096, "the holes are filled"

    file.truncate(4 * G + 1)
    assert file.fstat()["size"] == os.stat(EXPORT / "holes").st_size == 4 * G + 1
    file.truncate(7 * G)
    file.seek(-2, os.SEEK_END)
    assert (file.tell(), file.read()) == (7 * G - 2, b"\0\0")
    file.close()
    assert nfs.unlink("/holes") == 0


def listing(nfs):
    """500 names, read while another listing is half done."""
    assert nfs.mkdir("/500") == 0
    names = {f"name {number}" for number in range(500)}
    for name in names:
        nfs.open(f"/500/{name}", mode="w").close()
    half = libnfs.new_NFSDirHandle()
    assert libnfs.nfs_opendir(nfs._nfs, "/500", half) == 0
    half = libnfs.NFSDirHandle_value(half)
    first = [libnfs.nfs_readdir(nfs._nfs, half).name for _ in range(250)]
    listed = nfs.listdir("/500")
    assert len(listed) == 502 and set(listed) == names | {".", ".."}
    rest = []
    while entry := libnfs.nfs_readdir(nfs._nfs, half):
        rest.append(entry.name)
    assert sorted(first + rest) == sorted(listed)
    libnfs.nfs_closedir(nfs._nfs, half)


def threads(nfs):
    """Eight threads on one context, then each on its own."""
    failures = []

    def work(number, rounds, connect):
        try:
            own, directory = connect(), f"/thread {number}"
            if rounds:
                own.mkdir(directory)
            for turn in range(rounds):
                data = bytes((number * 31 + turn * 7 + index) & 255 for index in range(5000 + turn))
                file = own.open(f"{directory}/{turn}", mode="wb+")
                file.write(bytearray(data))
                file.seek(0, os.SEEK_SET)
                assert file.read() == data
                assert file.fstat()["size"] == len(data)
                file.close()
                assert len(own.listdir(directory)) == turn + 3
                assert content(f"{directory}/{turn}") == data
            for turn in range(rounds):
                assert own.unlink(f"{directory}/{turn}") == 0
            assert own.rmdir(directory) == 0
        except BaseException as error:
            failures.append((number, error))

    for connect in (lambda: nfs, lambda: libnfs.NFS(URL)):
        running = [threading.Thread(target=work, args=(number, 20, connect)) for number in range(8)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
        assert not failures, failures


def main():
    nfs = libnfs.NFS(URL)
    for subject in (reading, updating, writing, appending, holes, listing, threads):
        subject(nfs)
    check_library()


main()
