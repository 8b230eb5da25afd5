#!/bin/bash
# Kodi on nfs:// URLs, without a screen: synchronous calls from many threads, a context for each export, links into other
# exports. It browses, plays, seeks, serves files through its web server, and its scripts read and write.
# needs: kodi-bin kodi-data xvfb libgl1-mesa-dri curl jq python3 iproute2
# seconds: 900
. "${0%/*}/common.bash"

# As somebody else than root, who may do everything on this server.
nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)

mkdir "$work/kodi" && cd "$work/kodi" || exit
export HOME=$work/kodi XDG_RUNTIME_DIR=$work/kodi ALSA_CONFIG_PATH=$work/kodi/alsa.conf
web=http://127.0.0.1:8080

# --- What is on the server, all of it before the first look at it.

# sound.wav, 3000 seconds of noise, and film.avi, 300 seconds, with its index at the end. (One name for both would make
# the one the other's sound.)
media() { # DIRECTORY
    python3 - "$1" <<'PYTHON'
import random, struct, sys, wave

random.seed(5)
with wave.open(sys.argv[1] + "/sound.wav", "wb") as sound:
    sound.setnchannels(1)
    sound.setsampwidth(1)
    sound.setframerate(8000)
    sound.writeframes(random.randbytes(3000 * 8000))

def chunk(name, data):
    return name + struct.pack("<I", len(data)) + data

def group(kind, *chunks):
    return chunk(b"LIST", kind + b"".join(chunks))

width, height, rate, frames = 64, 48, 5, 5 * 300
size = width * height * 3 // 2
header = struct.pack("<14I", 1000000 // rate, size * rate, 0, 0x10, frames, 0, 1, size, width, height, 0, 0, 0, 0)
stream = b"vidsI420" + struct.pack("<10I4H", 0, 0, 0, 1, rate, 0, frames, size, 0, 0, 0, 0, width, height)
picture = struct.pack("<IIIHH4s5I", 40, width, height, 1, 12, b"I420", size, 0, 0, 0, 0)
lists = group(b"hdrl", chunk(b"avih", header), group(b"strl", chunk(b"strh", stream), chunk(b"strf", picture)))
index = b"".join(b"00db" + struct.pack("<3I", 0x10, 4 + i * (size + 8), size) for i in range(frames))
movie = group(b"movi", *(chunk(b"00db", random.randbytes(size)) for i in range(frames)))
with open(sys.argv[1] + "/film.avi", "wb") as video:
    video.write(chunk(b"RIFF", b"AVI " + lists + movie + chunk(b"idx1", index)))
PYTHON
}

fill() {
    local number
    media "$EXPORT"
    head -c 5000001 /dev/urandom >"$EXPORT/bytes.mp4"
    truncate -s 6G "$EXPORT/big.mp4"
    dd if="$EXPORT/bytes.mp4" of="$EXPORT/big.mp4" bs=1M seek=4998000000 oflag=seek_bytes conv=notrunc status=none
    mkdir -p "$EXPORT/album/disc 2" "$EXPORT/many" "$EXPORT/closed" "$EXPORT/upload" "$EXPORT/links"
    head -c 100000 /dev/urandom >"$EXPORT/album/disc 2/100% Äpfel & #1; [x].mp4"
    head -c 100000 /dev/urandom >"$EXPORT/album/plain%20name.mp4"
    cp "$EXPORT/bytes.mp4" "$EXPORT/closed/in.mp4"
    cp "$EXPORT/bytes.mp4" "$EXPORT_RO/elsewhere.mp4"
    ln -s "disc 2" "$EXPORT/album/link to directory"
    ln -s "plain%20name.mp4" "$EXPORT/album/link.mp4"
    ln -s "$EXPORT_RO/elsewhere.mp4" "$EXPORT/album/other export.mp4"
    # Of a directory that it has listed, it knows links only by what they lead to.
    ln -s ../bytes.mp4 "$EXPORT/links/link.mp4"
    for ((number = 0; number < 700; number++)); do
        head -c "$number" "$EXPORT/sound.wav" >"$EXPORT/many/track number $number of this long directory.mp4"
    done
    chmod 777 "$EXPORT/upload"
    chmod 700 "$EXPORT/closed"
    chown -R 4242:4242 "$EXPORT/closed"
}

# --- Kodi.

settings() {
    local kind
    mkdir -p .kodi/userdata
    cat >.kodi/userdata/advancedsettings.xml <<XML
<advancedsettings version="1.0">
    <loglevel>1</loglevel>
    <services>
        <webserver>true</webserver>
        <webserverport>8080</webserverport>
        <webserverauthentication>false</webserverauthentication>
    </services>
</advancedsettings>
XML
    # It reads only from what it was told about.
    for kind in programs video music pictures files; do
        cat <<XML
<$kind>
    <source><name>network</name><path pathversion="1">nfs://</path></source>
    <source><name>server</name><path pathversion="1">nfs://127.0.0.1/</path></source>
    <source><name>export</name><path pathversion="1">$url/</path></source>
    <source><name>read-only</name><path pathversion="1">nfs://127.0.0.1$EXPORT_RO/</path></source>
</$kind>
XML
    done | cat <(echo '<sources>') - <(echo '</sources>') >.kodi/userdata/sources.xml
    # A sound card that hears 80 seconds in one.
    printf 'pcm.default { type null }\nctl.default { type hw card 0 }\n' >alsa.conf
    # It serves the web only when there is a network.
    ip link show kodi0 || ip link add kodi0 type veth peer name kodi1
    ip addr add 192.0.2.1/24 brd + dev kodi0
    ip link set kodi0 up
    ip link set kodi1 up
    chown -R 65534:65534 .
}

# Its id is in ./kodi.pid, its status, in the end, in ./kodi.status.
kodi() {
    DISPLAY=:$(head -n 1 xvfb.log) LIBGL_ALWAYS_SOFTWARE=1 \
        "${nobody[@]}" "$(echo /usr/lib/*/kodi/kodi.bin)" --standalone --windowing=x11 &
    echo $! >kodi.pid
    wait $!
    echo $? >kodi.status
}

begins() {
    wait_for 60 call JSONRPC.Ping
    uses_library "$(<kodi.pid)"
}

ends() {
    call Application.Quit
    wait_for 20 test -s kodi.status
    equal "$(<kodi.status)" 0
}

# JSON-RPC; the result goes to ./result.
call() { # METHOD [PARAMETERS]
    jq -cn --arg method "$1" --argjson params "${2:-{\}}" '{jsonrpc: "2.0", id: 1, $method, $params}' >request
    curl -sSf -m 30 -H 'Content-Type: application/json' -d @request "$web/jsonrpc" >answer || return
    jq -e 'has("result")' answer >/dev/null || { jq -c .error answer; return 1; }
    jq -c .result answer >result
}

json() { # NAME VALUE...: an object of strings
    local arguments=() names=
    while (($#)); do
        arguments+=(--arg "$1" "$2")
        names+="\$$1, "
        shift 2
    done
    jq -cn "${arguments[@]}" "{${names%, }}"
}

# --- Browsing.

names_in() { # URL
    call Files.GetDirectory "$(json directory "$1" media files)" || return
    jq -r '.files[]?.label' result | LC_ALL=C sort
}

lists() { # DIRECTORY BELOW THE EXPORT
    names_in "$url$1/" >names
    find "$EXPORT$1" -mindepth 1 -maxdepth 1 -printf '%f\n' | LC_ALL=C sort | diff - names | head -n 6 >difference
    [[ ! -s difference ]] || { cat difference; return 1; }
}

lists_exports() {
    names_in nfs://127.0.0.1/ >names
    grep -qx "$EXPORT" names
    grep -qx "$EXPORT_RO" names
}

# A broadcast. Whether anybody answers is the portmapper's business; it is to end, and Kodi to go on.
looks_for_servers() {
    local before=$SECONDS
    names_in nfs:// || true
    ((SECONDS - before < 20)) || { echo "took $((SECONDS - before)) seconds"; return 1; }
    call JSONRPC.Ping
}

# What it knows of a file is what is so.
details() { # FILE BELOW THE EXPORT
    call Files.GetFileDetails "$(jq -cn --arg file "$url/$1" \
        '{$file, media: "files", properties: ["size", "lastmodified", "file"]}')"
    equal "$(jq -r '.filedetails | .size, .lastmodified' result)" \
        "$(stat -L -c %s "$EXPORT/$1"; date -r "$EXPORT/$1" '+%Y-%m-%d %H:%M:%S')"
}

links() {
    call Files.GetDirectory "$(jq -cn --arg directory "$url/album/" '{$directory, media: "files", properties: ["size"]}')"
    jq -r '.files[] | select(.label | test("^(link|other)")) | [.label, .filetype, (.file | sub(":2049"; ""))] | @tsv' \
        result | LC_ALL=C sort >links
    cat >expected <<LINES
link to directory	directory	$url//album/disc 2/
link.mp4	file	$url//album/plain%20name.mp4
other export.mp4	file	nfs://127.0.0.1$EXPORT_RO/elsewhere.mp4
LINES
    diff expected links
}

# --- Bytes.

# The file's bytes, to a file of the name; curl's arguments may ask for less.
download() { # OUTPUT URL [ARGUMENT...]
    local output=$1
    call Files.PrepareDownload "$(json path "$2")" || return
    shift 2
    curl -sSf -m 60 -o "$output" "$@" "$web/$(jq -r .details.path result)"
}

same() { # FILE BELOW THE EXPORT
    download copy "$url/$1"
    cmp copy "$EXPORT/$1"
}

range() { # FILE FIRST LAST
    download copy "$url/$1" -r "$2-$3"
    equal "$(stat -c %s copy)" $(($3 - $2 + 1))
    cmp -n $(($3 - $2 + 1)) -i "0:$2" copy "$EXPORT/$1"
}

ranges() {
    range bytes.mp4 0 0
    range bytes.mp4 1 1000000
    range bytes.mp4 4900001 5000000
    range big.mp4 4999000007 5001000000
}

side_by_side() {
    local number path
    call Files.PrepareDownload "$(json path "$url/sound.wav")"
    path=$(jq -r .details.path result)
    for number in 1 2 3 4 5 6 7 8; do
        curl -sSf -m 60 -o "copy$number" "$web/$path" &
    done
    lists /many
    same bytes.mp4
    wait
    for number in 1 2 3 4 5 6 7 8; do
        cmp "copy$number" "$EXPORT/sound.wav"
    done
}

# --- Playing.

position() { # PLAYER: in seconds
    call Player.GetProperties "{\"playerid\": $1, \"properties\": [\"time\", \"totaltime\", \"speed\"]}" || return
    jq -r '.time | .hours * 3600 + .minutes * 60 + .seconds' result
}

at() { # PLAYER FROM TO
    local now
    now=$(position "$1") || return
    ((now >= $2 && now <= $3))
}

lasts() { # PLAYER SECONDS
    position "$1" && jq -e --argjson all "$2" '.totaltime | .hours * 3600 + .minutes * 60 + .seconds == $all' result
}

seek() { # PLAYER SECONDS TOLERANCE
    call Player.Seek "$(jq -cn --argjson player "$1" --argjson to "$2" '{playerid: $player,
        value: {time: {hours: ($to / 3600 | floor), minutes: ($to % 3600 / 60 | floor), seconds: ($to % 60)}}}')"
    wait_for 60 at "$1" "$2" $(($2 + $3)) # a machine with other things to do decodes slowly
}

active() {
    call Player.GetActivePlayers || return
    jq -e "map(.type) | index(\"$1\")" result
}

silent() {
    call Player.GetActivePlayers || return
    equal "$(<result)" '[]'
}

plays() { # audio|video URL SECONDS TOLERANCE
    local player
    call Player.Open "$(jq -cn --arg file "$2" '{item: {$file}}')"
    wait_for 60 active "$1"
    player=$(jq '.[0].playerid' result)
    wait_for 60 lasts "$player" "$3"
    wait_for 60 at "$player" 1 $(($3 / 3))
    seek "$player" $(($3 / 3 * 2)) "$4"
    seek "$player" $(($3 / 10 * 9)) "$4"
    seek "$player" $(($3 / 20)) "$4"
    wait_for 60 at "$player" $(($3 / 20 + 2)) $(($3 / 2))
    call Player.Stop "{\"playerid\": $player}"
    wait_for 10 silent
}

# --- Errors: an end, soon.

refuses() { # COMMAND...
    local before=$SECONDS
    if "$@"; then
        echo "no error"
        return 1
    fi
    ((SECONDS - before < 20)) || { echo "took $((SECONDS - before)) seconds"; return 1; }
}

does_not_play() { # URL
    call Player.Open "$(jq -cn --arg file "$1" '{item: {$file}}')" || true
    sleep 2
    silent
}

# --- Scripts in Kodi.

cat >script.py <<'PYTHON'
import os, sys, traceback, xbmcvfs

result, step, url, export = sys.argv[1:]
data = bytes(range(256)) * 4999 + b"the end"

# Kodi's Python skips assertions.
def require(what, why="refused"):
    if not what:
        raise AssertionError(why)

def is_equal(actual, expected):
    require(actual == expected, f"{actual!r:.200} is not {expected!r:.200}")

def write():
    with xbmcvfs.File(url + "/new.bin", "w") as file:
        require(file.write(data))
        is_equal(file.seek(1000, 0), 1000)
        require(file.write(b"in the middle"))
    with xbmcvfs.File(url + "/empty", "w"):
        pass
    with xbmcvfs.File(url + "/again.bin", "w") as file:
        require(file.write(data))
    with xbmcvfs.File(url + "/again.bin", "w") as file:
        require(file.write(data[::-1]))

def read():
    expected = data[:1000] + b"in the middle" + data[1013:]
    with xbmcvfs.File(url + "/new.bin") as file:
        is_equal(file.size(), len(expected))
        is_equal(bytes(file.readBytes()), expected)
        is_equal(file.seek(-7, 2), len(expected) - 7)
        is_equal(bytes(file.readBytes(100)), b"the end")
        is_equal(file.seek(995, 0), 995)
        is_equal(bytes(file.readBytes(20)), expected[995:1015])
        is_equal(file.tell(), 1015)
        is_equal(file.seek(10, 1), 1025)
        is_equal(bytes(file.readBytes(5)), expected[1025:1030])
    stat, there = xbmcvfs.Stat(url + "/new.bin"), os.stat(export + "/new.bin")
    for name in "size mode uid gid nlink ino mtime".split():
        is_equal((name, getattr(stat, "st_" + name)()), (name, int(getattr(there, "st_" + name))))

def directories():
    require(xbmcvfs.mkdir(url + "/made"))
    require(xbmcvfs.mkdirs(url + "/made/a/b c/ä"))
    require(xbmcvfs.exists(url + "/made/a/b c/ä/"))
    require(not xbmcvfs.exists(url + "/made/b/"))
    require(xbmcvfs.copy(url + "/new.bin", url + "/made/a/copied.bin"))
    is_equal([sorted(names) for names in xbmcvfs.listdir(url + "/made/a")], [["b c"], ["copied.bin"]])
    require(not xbmcvfs.rmdir(url + "/made/a"), "a directory with something in it")

def rename():
    require(xbmcvfs.rename(url + "/made/a/copied.bin", url + "/made/renamed.bin"))
    require(xbmcvfs.exists(url + "/made/renamed.bin") and not xbmcvfs.exists(url + "/made/a/copied.bin"))
    require(not xbmcvfs.rename(url + "/missing", url + "/made/missing"))

def remove():
    require(xbmcvfs.delete(url + "/made/renamed.bin"))
    require(not xbmcvfs.delete(url + "/made/renamed.bin"), "twice")
    for name in ("/made/a/b c/ä", "/made/a/b c", "/made/a", "/made"):
        require(xbmcvfs.rmdir(url + name))
    require(not xbmcvfs.exists(url + "/made/"))

try:
    globals()[step]()
    said = "done"
except BaseException:
    said = traceback.format_exc()
with open(result + ".new", "w") as file:
    file.write(said)
os.rename(result + ".new", result)
PYTHON

big_endian() { # BYTES VALUE
    local byte
    for ((byte = $1 - 1; byte >= 0; byte--)); do
        # shellcheck disable=SC2059  # an escape is made
        printf "\\x$(printf %02x $(($2 >> 8 * byte & 255)))"
    done
}

# Kodi executes what a remote control sends: a packet to its event server.
builtin_function() { # CALL
    {
        printf 'XBMC\x02\x00\x00\x0a'
        big_endian 4 1
        big_endian 4 1
        big_endian 2 $((${#1} + 2))
        big_endian 14 0
        printf '\x01%s\x00' "$1"
    } >packet
    cat packet >/dev/udp/127.0.0.1/9777
}

script() { # STEP
    rm -f "result.$1"
    builtin_function "RunScript($PWD/script.py,$PWD/result.$1,$1,$url/upload,$EXPORT/upload)"
    wait_for 30 test -e "result.$1"
    equal "$(<"result.$1")" "done"
}

writes() {
    script write
    python3 - "$EXPORT/upload" <<'PYTHON'
import sys
data = bytes(range(256)) * 4999 + b"the end"
for name, expected in (("new.bin", data[:1000] + b"in the middle" + data[1013:]), ("empty", b""), ("again.bin", data[::-1])):
    assert open(f"{sys.argv[1]}/{name}", "rb").read() == expected, name
PYTHON
}

check "preparation" fill
check "settings" settings
start xvfb.log Xvfb -displayfd 1 -screen 0 640x480x24 -nolisten tcp
check "a screen" wait_for 20 test -s xvfb.log
start kodi.log kodi
check "it begins, on this library" begins
children+=("$(<kodi.pid)")
((failures)) && finish

check "the list of exports" lists_exports
check "an export" lists ""
check "a directory" lists "/album/disc 2"
check "a directory of 700 files" lists /many
check "links, also into another export" links
check "looking for servers" looks_for_servers
check "size and time of a file" details bytes.mp4

check "a file, byte by byte" same bytes.mp4
check "odd names" same "album/disc 2/100% Äpfel & #1; [x].mp4"
check "names that look like escapes" same "album/plain%20name.mp4"
check "a link" same links/link.mp4
check "parts of files, also behind 4 GiB" ranges
check "8 downloads side by side" side_by_side

check "sound, told to seek" plays audio "$url/sound.wav" 3000 200
check "a film, told to seek" plays video "$url/film.avi" 300 5

check "scripts write" writes
check "scripts read" script read
check "scripts make directories" script directories
check "scripts rename" script rename
check "scripts remove" script remove
check "which leaves" equal "$(find "$EXPORT/upload" -mindepth 1 -printf '%f\n' | LC_ALL=C sort | tr '\n' ' ')" "again.bin empty new.bin "

check "a missing file" refuses download copy "$url/missing.mp4"
check "a missing film" does_not_play "$url/missing.avi"
check "a missing directory" refuses names_in "$url/missing/"
check "a closed directory" refuses names_in "$url/closed/"
check "after all that, it still plays" plays audio "$url/sound.wav" 3000 200
check "the end" ends

finish
