"""The steps of mpd.sh: makes songs, and speaks to MPD through its socket. usage: mpd.py STEP

The output "file" writes the samples to $PLAYED as fast as they are decoded; "clock" plays in real time to nobody.
"""

import os, random, shutil, socket, struct, subprocess, sys, time, wave

MUSIC, LOCAL, PLAYED = (os.environ[name] for name in ("MUSIC", "LOCAL", "PLAYED"))
MUSIC_URL, OTHER, OTHER_URL = (os.environ[name] for name in ("MUSIC_URL", "OTHER", "OTHER_URL"))
RATE, FRAME = 44100, 4
SECONDS = {"noise.wav": 60, "two words/lossless.flac": 20, "naïve/lossy.ogg": 12}
CLOCK, FILE = 0, 1


class Refused(Exception):
    pass


class Mpd:
    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        self.socket.connect(os.environ["MPD_SOCKET"])
        self.stream = self.socket.makefile("rb")
        assert self.stream.readline().startswith(b"OK MPD ")

    def __call__(self, command, *arguments):
        """The answer's lines as pairs, and what came as binary data."""
        for argument in arguments:
            escaped = str(argument).replace("\\", "\\\\").replace('"', '\\"')
            command += f' "{escaped}"'
        self.socket.sendall(command.encode() + b"\n")
        pairs, binary = [], b""
        while True:
            line = self.stream.readline()
            assert line.endswith(b"\n"), f"MPD has ended during {command}"
            if line == b"OK\n":
                return pairs, binary
            if line.startswith(b"ACK "):
                raise Refused(f"{command}: {line.decode().strip()}")
            key, value = line.decode().rstrip("\n").split(": ", 1)
            if key == "binary":
                binary = self.stream.read(int(value))
                assert self.stream.read(1) == b"\n"
            pairs.append((key, value))

    def ask(self, command, *arguments):
        return dict(self(command, *arguments)[0])

    def songs(self, command, *arguments):
        """{file: {tag: value}}"""
        songs, song = {}, {}
        for key, value in self(command, *arguments)[0]:
            if key in ("file", "directory", "playlist"):
                song = songs.setdefault(value, {}) if key == "file" else {}
            else:
                song[key] = value
        return songs

    def wait(self, what, seconds, condition):
        end = time.monotonic() + seconds
        while True:
            status = self.ask("status")
            if condition(status):
                return status
            assert "error" not in status, status["error"]
            assert time.monotonic() < end, f"no {what} after {seconds} seconds: {status}"
            time.sleep(0.02)

    def update(self, path=""):
        self("update", path)
        self.wait("end of the scan", 60, lambda status: "updating_db" not in status)


mpd = None


def samples(seconds, seed):
    return random.Random(seed).randbytes(seconds * RATE * FRAME)


def write_wave(path, data):
    with wave.open(path, "wb") as file:
        file.setparams((2, 2, RATE, 0, "NONE", ""))
        file.writeframes(data)


def small(number):
    return f"albums/{number % 12:02}/{number:03} – {'x' * (number % 100)}.wav"


def make():
    for directory in ("two words", "naïve", "empty", *(f"albums/{album:02}" for album in range(12))):
        os.makedirs(f"{MUSIC}/{directory}")
    for name, seconds in SECONDS.items():
        kind = name.rsplit(".")[-1]
        write_wave(f"{LOCAL}/{kind}.raw.wav", samples(seconds, kind))
        source, target = f"{LOCAL}/{kind}.raw.wav", f"{LOCAL}/song.{kind}"
        if kind == "wav":
            os.rename(source, target)
        elif kind == "flac":
            tags = ["--tag=TITLE=Noise, losslessly", "--tag=ARTIST=Nobody", "--tag=TRACKNUMBER=7"]
            subprocess.run(["flac", "-s", "-0", *tags, "-o", target, source], check=True)
        else:
            tags = ["-t", "Rauschen – verlustbehaftet", "-a", "Niemand", "-d", "2023"]
            subprocess.run(["oggenc", "-Q", *tags, "-o", target, source], check=True)
        shutil.copy(target, f"{MUSIC}/{name}")
    for number in range(300):
        write_wave(f"{MUSIC}/{small(number)}", samples(1, number)[: RATE * FRAME * (1 + number % 9) // 10])
    with open(f"{MUSIC}/albums/00/cover.jpg", "wb") as file:
        file.write(random.Random("cover").randbytes(100_001))
    with open(f"{MUSIC}/no song.txt", "w") as file:
        file.write("text\n")
    os.symlink("../noise.wav", f"{MUSIC}/empty/link.wav")
    os.mkfifo(f"{MUSIC}/empty/fifo.wav")
    os.makedirs(f"{MUSIC}/locked")
    shutil.copy(f"{LOCAL}/song.wav", f"{OTHER}/other.wav")


def expected():
    """{file: duration}"""
    songs = {name: float(seconds) for name, seconds in SECONDS.items()}
    songs |= {small(number): (1 + number % 9) / 10 for number in range(300)}
    return songs


def scan():
    mpd.update()
    stats = mpd.ask("stats")
    assert int(stats["songs"]) >= len(expected()), stats


def list_songs():
    songs = mpd.songs("listallinfo")
    # MPD may follow the link or not; that is not the library's choice.
    songs.pop("empty/link.wav", None)
    assert set(songs) == set(expected()), set(songs) ^ set(expected())
    for name, duration in expected().items():
        assert abs(float(songs[name]["duration"]) - duration) < 0.02, (name, songs[name])
        modified = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(os.stat(f"{MUSIC}/{name}").st_mtime))
        assert songs[name]["Last-Modified"] == modified, (name, songs[name], modified)
    top = mpd("lsinfo")[0]
    directories = {value for key, value in top if key == "directory"}
    assert directories >= {"two words", "naïve", "albums"}, directories
    # As it is on the server at this moment, not from the database.
    files = {value for key, value in mpd("listfiles", "")[0] if key in ("file", "directory")}
    assert files == set(os.listdir(MUSIC)), files ^ set(os.listdir(MUSIC))
    sizes = [(key, value) for key, value in mpd("listfiles", "albums/05")[0] if key == "size"]
    assert len(sizes) == 25, sizes


def tags():
    songs = mpd.songs("listallinfo")
    flac, ogg = songs["two words/lossless.flac"], songs["naïve/lossy.ogg"]
    assert (flac["Title"], flac["Artist"], flac["Track"]) == ("Noise, losslessly", "Nobody", "7"), flac
    assert (ogg["Title"], ogg["Artist"], ogg["Date"]) == ("Rauschen – verlustbehaftet", "Niemand", "2023"), ogg
    assert flac["Format"] == ogg["Format"].replace("f", "16") == "44100:16:2", (flac, ogg)
    comments = mpd.ask("readcomments", "two words/lossless.flac")
    assert comments["ARTIST"] == "Nobody", comments


def rescan():
    """What has come since the last scan; added through the server, which would not look otherwise."""
    before = int(mpd.ask("stats")["songs"])
    mpd.update()
    assert int(mpd.ask("stats")["songs"]) == before
    subprocess.run(["nfs-cp", f"{LOCAL}/song.ogg", f"{MUSIC_URL}/albums/03/new.ogg"], check=True, stdout=subprocess.DEVNULL)
    mpd.update("albums")
    assert int(mpd.ask("stats")["songs"]) == before + 1
    assert abs(float(mpd.songs("listallinfo")["albums/03/new.ogg"]["duration"]) - 12) < 0.02
    mpd("rescan")
    mpd.wait("end of the scan", 60, lambda status: "updating_db" not in status)
    assert int(mpd.ask("stats")["songs"]) == before + 1


def cover():
    data = b""
    while True:
        pairs, part = mpd("albumart", small(0), len(data))
        data += part
        size = int(dict(pairs)["size"])
        if len(data) >= size or not part:
            break
    assert data == random.Random("cover").randbytes(100_001)


def output(number):
    mpd("enableoutput" if number == FILE else "disableoutput", FILE)
    mpd("enableoutput" if number == CLOCK else "disableoutput", CLOCK)


def play(*uris, command=("play",), seconds=40):
    """Plays to the end. Returns the samples."""
    mpd("stop")
    mpd("clear")
    output(FILE)
    if os.path.exists(PLAYED):
        os.remove(PLAYED)
    for uri in uris:
        mpd("add", uri)
    mpd(*command)
    mpd.wait("end of the song", seconds, lambda status: status["state"] == "stop")
    # Closed, so that all of it is in the file.
    output(CLOCK)
    previous = -1
    while not os.path.exists(PLAYED) or previous != os.path.getsize(PLAYED):
        previous = os.path.getsize(PLAYED) if os.path.exists(PLAYED) else -1
        time.sleep(0.1)
    with open(PLAYED, "rb") as file:
        return file.read()


def same(actual, wanted):
    if actual != wanted:
        place = next((i for i, (a, b) in enumerate(zip(actual, wanted)) if a != b), min(len(actual), len(wanted)))
        raise AssertionError(f"{len(actual)} bytes instead of {len(wanted)}, different from {place}")


def play_wav():
    same(play("noise.wav"), samples(60, "wav"))


def play_flac():
    same(play("two words/lossless.flac"), samples(20, "flac"))


def play_ogg():
    local = play(f"file://{LOCAL}/song.ogg")
    assert abs(len(local) - 12 * RATE * FRAME) < RATE * FRAME
    same(play("naïve/lossy.ogg"), local)


def play_short():
    """One by one: an output this fast makes MPD skip or repeat such short ones in a queue, whatever the library."""
    for number in range(0, 300, 13):
        same(play(small(number)), samples(1, number)[: RATE * FRAME * (1 + number % 9) // 10])


def seek(positions=(7.5, 55, 1, 59)):
    for name, kind in (("noise.wav", "wav"), ("two words/lossless.flac", "flac")):
        data = samples(SECONDS[name], kind)
        for position in positions:
            position = min(position, SECONDS[name] - 1)
            # Something may have been decoded before the decoder obeyed.
            played = play(name, command=("seek", 0, position))
            rest = data[int(position * RATE) * FRAME :]
            assert len(played) >= len(rest), f"{name} {position}: {len(played)} bytes of {len(rest)}"
            same(played[len(played) - len(rest) :], rest)


def seek_back():
    """While it plays: forth, back and forth, without waiting in between."""
    for name in ("noise.wav", "two words/lossless.flac", "naïve/lossy.ogg"):
        mpd("stop")
        mpd("clear")
        output(CLOCK)
        mpd("add", name)
        mpd("play")
        for position in [*range(1, 10), 3, 11, 2, 10, 0, 9.5, 5]:
            mpd("seekcur", position)
            status = mpd.wait("elapsed time", 10, lambda status: status["state"] == "play" and "elapsed" in status)
            assert position - 0.5 <= float(status["elapsed"]) < position + 3, (position, status)
        mpd("pause", 1)
        mpd.wait("pause", 10, lambda status: status["state"] == "pause")
        mpd("pause", 0)
        mpd.wait("going on", 10, lambda status: float(status.get("elapsed", 0)) > 5.5)
        mpd("stop")
        mpd.wait("stop", 10, lambda status: status["state"] == "stop")


def clock():
    """In real time, and stopped in the middle, again and again: each leaves a file open that is to be closed."""
    output(CLOCK)
    mpd("clear")
    for name in (*SECONDS, small(1)):
        mpd("add", name)
    for round in range(30):
        mpd("play", round % 4)
        if round % 3:
            mpd.wait("first sample", 10, lambda status: float(status.get("elapsed", 0)) > 0 or status["state"] == "stop")
        mpd("stop")
    mpd("play", 0)
    mpd.wait("half a second", 10, lambda status: float(status.get("elapsed", 0)) > 0.5)
    status = mpd.ask("status")
    assert status["audio"] == "44100:16:2", status
    mpd("next")
    mpd.wait("the next song", 10, lambda status: status.get("song") == "1" and float(status.get("elapsed", 0)) > 0.2)
    mpd("stop")


def url():
    same(play(f"{OTHER_URL}/other.wav"), samples(60, "wav"))
    same(play(f"{MUSIC_URL}/noise.wav"), samples(60, "wav"))


def mount():
    """A second server, so to speak, at run time."""
    for _ in range(3):
        mpd("mount", "other", OTHER_URL)
        mpd.update()
        assert {"", "other"} == {value for key, value in mpd("listmounts")[0] if key == "mount"}
        assert list(mpd.songs("listallinfo", "other")) == ["other/other.wav"]
        same(play("other/other.wav"), samples(60, "wav"))
        mpd("unmount", "other")
        assert not [name for name in mpd.songs("listallinfo") if name.startswith("other/")]


def errors():
    """Each is an error of the one song, in words; the server goes on."""
    for uri in (f"{MUSIC_URL}/missing.wav", f"{MUSIC_URL}/empty", "nfs://127.0.0.1/not/exported/song.wav"):
        mpd("clear")
        mpd("clearerror")
        mpd("add", uri)
        try:
            mpd("play")
            end = time.monotonic() + 20
            while "error" not in (status := mpd.ask("status")):
                assert time.monotonic() < end, f"{uri}: no error: {status}"
                time.sleep(0.02)
            said = status["error"]
        except Refused as refusal:
            said = str(refusal)
        assert "Failed to decode" in said, said
    mpd("clear")
    mpd("clearerror")
    try:
        mpd("mount", "bad", "nfs://127.0.0.1/not/exported")
        mpd.update()
        mpd("unmount", "bad")
    except Refused as refusal:
        assert "/not/exported" in str(refusal), refusal
    play_flac()


def play_on():
    output(CLOCK)
    mpd("clear")
    mpd("add", "noise.wav")
    mpd("play")
    mpd.wait("playing", 10, lambda status: float(status.get("elapsed", 0)) > 0.1)


step = sys.argv[1]
if step != "make":
    mpd = Mpd()
{"list": list_songs}.get(step, globals().get(step.replace("-", "_")))()
