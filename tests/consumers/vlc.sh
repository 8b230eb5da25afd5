#!/bin/bash
# needs: vlc-bin vlc-plugin-base
#
# VLC on nfs:// URLs: plays, seeks, browses, and ends when it cannot. What it reads is compared with the files.
set -u

work=$(mktemp -d) && cd "$work" || exit 1
trap 'rm -rf "$work"' EXIT
url=nfs://127.0.0.1$EXPORT
status=0

ok() {
    echo "ok $1"
}

not_ok() {
    echo "not ok $1: $2"
    status=1
}

# check NAME COMMAND...: the check succeeds when COMMAND does; else what that printed is the reason.
check() {
    local name=$1 why
    shift
    if why=$("$@" 2>&1); then
        ok "$name"
    else
        not_ok "$name" "$(tail -n 3 <<<"${why:-no reason given}" | tr '\n' ' ')"
    fi
}

# VLC refuses to be root. Nobody is somebody else than the owner of the files, which shows who it says it is.
as=()
if ((EUID == 0)); then
    as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
    chown 65534:65534 .
fi
export HOME=$work LC_ALL=C.UTF-8
unset DISPLAY DBUS_SESSION_BUS_ADDRESS XDG_RUNTIME_DIR
settings=(--no-color --no-media-library --no-dbus --no-metadata-network-access --aout=adummy --vout=vdummy)

# play ARGUMENT...: plays to the end and quits; 124 or 137 when that takes too long. VLC's own status is always 0.
play() {
    timeout -k 5 60 "${as[@]}" vlc -I dummy "${settings[@]}" "$@" vlc://quit </dev/null >log 2>&1
}

# dump URL [ARGUMENT...]: the file's bytes, to `dump`.
dump() {
    rm -f dump
    play --demux=dump --demuxdump-file="$work/dump" "$@" && [[ -e dump ]] || { grep -a ' nfs ' log; return 1; }
}

little_endian() { # BYTES VALUE
    local byte
    for ((byte = 0; byte < $1; byte++)); do
        printf "\\x$(printf %02x $(($2 >> 8 * byte & 255)))"
    done
}

# wav SECONDS RATE: noise, two channels of 16 bits.
wav() {
    local size=$(($1 * $2 * 4))
    printf RIFF
    little_endian 4 $((size + 36))
    printf 'WAVEfmt '
    little_endian 4 16
    little_endian 2 1
    little_endian 2 2
    little_endian 4 "$2"
    little_endian 4 $(($2 * 4))
    little_endian 2 4
    little_endian 2 16
    printf data
    little_endian 4 $size
    head -c $size /dev/urandom
}

# --- What is on the server. All of it is there before the first look: servers remember.

fill() {
    local number
    wav 20 44100 >"$EXPORT/noise.wav"
    wav 300 8000 >"$EXPORT/long.wav"
    cp "$EXPORT"/*.wav .
    chmod 755 .
    # Media with a structure that makes a player jump: an index at the end, pages, frames.
    head -c $((64 * 64 * 3 / 2 * 25 * 20)) /dev/urandom >video.yuv
    play noise.wav --sout '#transcode{acodec=flac}:std{access=file,mux=raw,dst=noise.flac}'
    play noise.wav --sout '#transcode{acodec=vorb,ab=128}:std{access=file,mux=ogg,dst=noise.ogg}'
    play --demux=rawvid --rawvid-fps=25 --rawvid-width=64 --rawvid-height=64 --rawvid-chroma=I420 video.yuv \
        --sout '#transcode{vcodec=mp4v,vb=800}:std{access=file,mux=mp4,dst=video.mp4}'
    cp noise.flac noise.ogg video.mp4 "$EXPORT/" || return

    # Lines that say where they are, behind 4 GiB of nothing.
    seq -f %015.0f 4998000000 16 5001999984 >lines
    truncate -s 6G "$EXPORT/big.raw"
    dd if=lines of="$EXPORT/big.raw" bs=1M seek=4998000000 oflag=seek_bytes conv=notrunc status=none || return

    mkdir -p "$EXPORT/album/disc 2" "$EXPORT/many" "$EXPORT/closed"
    cp long.wav "$EXPORT/album/01.wav"
    cp long.wav "$EXPORT/album/disc 2/100% Äpfel & #1; [x].wav"
    cp noise.wav "$EXPORT/album/disc 2/not%20a%41space.wav"
    ln -s ../noise.wav "$EXPORT/album/link.wav"
    for ((number = 0; number < 400; number++)); do
        head -c $((number * 7 + 1)) noise.flac >"$EXPORT/many/track number $number of this long directory.bin"
    done
    touch "$EXPORT/empty"
    cp noise.wav "$EXPORT/private.wav"
    chmod 600 "$EXPORT/private.wav"
    cp noise.wav "$EXPORT/forbidden.wav"
    chmod 0 "$EXPORT/forbidden.wav"
    cp noise.wav "$EXPORT/closed/in.wav"
    chown -R 4242:4242 "$EXPORT/private.wav" "$EXPORT/forbidden.wav" "$EXPORT/closed"
    chmod 700 "$EXPORT/closed"
}

# --- Bytes.

dumped() { # FILE URL [ARGUMENT...]
    local file=$1
    shift
    dump "$@" && cmp dump "$file"
}

one_after_the_other() {
    local number urls=()
    rm -f all dump
    for ((number = 0; number < 40; number++)); do
        urls+=("$url/many/track%20number%20$number%20of%20this%20long%20directory.bin")
        cat "$EXPORT/many/track number $number of this long directory.bin" >>all
    done
    dump --demuxdump-append "${urls[@]}" && cmp dump all
}

side_by_side() {
    local number players=()
    for number in 1 2 3 4; do
        timeout -k 5 60 "${as[@]}" vlc -I dummy "${settings[@]}" --demux=dump --demuxdump-file="$work/dump$number" \
            "$url/long.wav" vlc://quit </dev/null >/dev/null 2>&1 &
        players+=($!)
    done
    wait "${players[@]}"
    for number in 1 2 3 4; do
        cmp "dump$number" long.wav || return
    done
}

# --- Decoding and seeking.

# same NAME SOUT: what VLC makes of the file on the server is what it makes of the one here.
same() {
    rm -f here there
    play "$work/$1" --sout "$2,dst=here}" && [[ -s here ]] || { echo "not even locally"; return 1; }
    play "$url/$1" --sout "$2,dst=there}" && cmp here there
}

from_30_to_40_seconds() {
    rm -f part
    play "$url/long.wav" --start-time=30 --stop-time=40 --sout '#std{access=file,mux=raw,dst=part}' || return
    local size start=$((44 + 30 * 8000 * 4))
    size=$(stat -c %s part) || return
    ((size >= 10 * 8000 * 4 && size < 11 * 8000 * 4)) || { echo "$size bytes"; return 1; }
    cmp -n "$size" -i "0:$start" part long.wav
}

beyond_4_gib() {
    rm -f part
    play --demux=rawaud --rawaud-channels=2 --rawaud-samplerate=25000 --rawaud-fourcc=s16l "$url/big.raw" \
        --start-time=50000 --stop-time=50004 --sout '#std{access=file,mux=raw,dst=part}' || return
    local size first second start
    size=$(stat -c %s part) || return
    # The player starts near the place, in the middle of a line. The next one tells where that is.
    { read -r first && read -r second; } <part
    start=$((10#${second//[!0-9]/} - ${#first} - 1))
    ((size >= 400000 && start > 4999990000 && start < 5000010000)) || { echo "$size bytes from $start"; return 1; }
    cmp -n "$size" -i "0:$start" part "$EXPORT/big.raw"
}

# --- Errors: an end, soon, and the right one.

fails() { # ERRNO URL [ARGUMENT...]
    local errno=$1 before=$SECONDS
    shift
    if dump "$@" >/dev/null; then
        echo "it was read: $(head -c 40 dump | tr -cd '[:print:]')"
        return 1
    fi
    ((SECONDS - before < 20)) || { echo "took $((SECONDS - before)) seconds"; return 1; }
    grep -aq "failed: -$errno, '..*'" log || { grep -a 'nfs stream' log; return 1; }
}

# --- A player that is told what to do.

# remote ARGUMENT...: starts it.
remote() {
    coproc PLAYER {
        exec timeout -k 5 120 "${as[@]}" vlc -I oldrc --rc-fake-tty "${settings[@]}" "$@" 2>log
    }
    player=$PLAYER_PID
    # Descriptors of a coprocess are not for subshells.
    exec 7<&"${PLAYER[0]}" 8>&"${PLAYER[1]}"
}

# ask COMMAND PATTERN [SECONDS]: says it again and again until a line of the answer matches. Leaves that in `line`.
ask() {
    local end=$((SECONDS + ${3:-10})) wait
    while ((SECONDS <= end)); do
        echo "$1" >&8 || break
        for ((wait = 0; wait < 20; wait++)); do
            IFS= read -r -t 0.05 line <&7 || { (($? > 128)) && break; return 1; }
            [[ $line =~ $2 ]] && return
        done
        sleep 0.1
    done 2>/dev/null
    echo "'$1' was not answered by '$2'"
    return 1
}

# The names in the playlist, sorted.
playlist() {
    local names=()
    ask playlist '\[ Playlist \]' || return
    while IFS= read -r -t 5 line <&7; do
        [[ $line == *'End of playlist'* ]] && break
        [[ $line =~ ^\|\ \ -\ (.*)$ ]] || continue
        line=${BASH_REMATCH[1]}
        [[ $line =~ ^(.*)\ \([0-9:]+\)$ ]] && line=${BASH_REMATCH[1]}
        names+=("$line")
    done
    printf '%s\n' "${names[@]}" | LC_ALL=C sort
}

# lists URL NAME...: opened, it turns into these names, in any order.
lists() {
    local expected names end=$((SECONDS + 10))
    echo "add $1" >&8
    shift
    expected=$(printf '%s\n' "$@" | LC_ALL=C sort)
    while ((SECONDS <= end)); do
        names=$(playlist)
        [[ $names == "$expected" ]] && break
        sleep 0.2
    done
    echo stop >&8
    echo clear >&8
    [[ $names == "$expected" ]] || { diff <(echo "$expected") <(echo "$names"); return 1; }
}

quit() {
    local tries=100
    echo quit >&8
    exec 8>&-
    while ((tries-- > 0)) && kill -0 "$player" 2>/dev/null; do
        sleep 0.1
    done
    kill "$player" 2>/dev/null && { echo "does not end"; return 1; }
    exec 7<&-
    return 0
}

right_library() {
    local directory expected child
    ask status 'play state: 3'
    read -r child _ <"/proc/$player/task/$player/children"
    for directory in ${LD_LIBRARY_PATH//:/ }; do
        [[ -e $directory/libnfs.so.13 ]] && expected=$(realpath "$directory/libnfs.so.13") && break
    done
    [[ -n ${LD_PRELOAD-} ]] && expected=$(realpath "${LD_PRELOAD%%[: ]*}")
    [[ -n ${expected-} ]] || return 0
    grep -qF " $expected" "/proc/$child/maps" || { grep -o '/.*libnfs.so.*' "/proc/$child/maps"; return 1; }
}

seeks() {
    ask get_length '^(> )?300$' || return
    ask 'seek 200' 'seek: returned 0' && ask get_time '^(> )?20[0-9]$' || return
    ask 'seek 290' 'seek: returned 0' && ask get_time '^(> )?29[0-9]$' || return
    ask 'seek 10' 'seek: returned 0' && ask get_time '^(> )?1[0-9]$' || return
    ask pause 'pause: returned 0' && ask pause 'pause: returned 0' && ask get_time '^(> )?1[0-9]$'
}

check "preparation" fill
((status)) && exit 1

check "a file, byte by byte" dumped noise.wav "$url/noise.wav"
check "names that need escapes" dumped long.wav "$url/album/disc%202/100%25%20%C3%84pfel%20%26%20%231%3B%20%5Bx%5D.wav"
check "names that look like escapes" dumped noise.wav "$url/album/disc%202/not%2520a%2541space.wav"
check "a symbolic link" dumped noise.wav "$url/album/link.wav"
check "40 files one after the other" one_after_the_other
check "4 players side by side" side_by_side

check "WAV, decoded" same noise.wav '#transcode{acodec=s16l}:std{access=file,mux=wav'
check "FLAC, decoded" same noise.flac '#transcode{acodec=s16l}:std{access=file,mux=wav'
check "Vorbis, decoded" same noise.ogg '#transcode{acodec=s16l}:std{access=file,mux=wav'
check "MP4 with its index at the end" same video.mp4 '#std{access=file,mux=raw'
check "from the 30th to the 40th second" from_30_to_40_seconds
check "a place beyond 4 GiB" beyond_4_gib

check "a missing file is ENOENT" fails 2 "$url/missing.wav"
check "a file in a missing directory ends" fails '[0-9]*' "$url/missing/noise.wav"
check "something not exported is EACCES" fails 13 nfs://127.0.0.1/not/exported/noise.wav
check "a file for its owner, as the owner" dumped noise.wav "$url/private.wav"
check "a file for its owner, as nobody: EACCES" fails 13 "$url/private.wav" --no-nfs-auto-guid
check "a file for its owner, by arguments" dumped noise.wav "$url/private.wav?uid=4242&gid=4242"
check "a file for nobody: EACCES" fails 13 "$url/forbidden.wav"
check "a file in a closed directory: EACCES" fails 13 "$url/closed/in.wav"

remote
echo "add $url/long.wav" >&8
check "the library under it" right_library
check "playing, told to seek" seeks
check "stop" ask stop 'stop: returned 0'
echo clear >&8
check "a directory" lists "$url/album/" 01.wav link.wav 'not%20a%41space.wav' '100% Äpfel & #1; [x].wav'
check "a directory without a slash behind it" \
    lists "$url/album" 01.wav link.wav 'not%20a%41space.wav' '100% Äpfel & #1; [x].wav'
mapfile -t many < <(ls "$EXPORT/many")
check "a directory of 400 files" lists "$url/many/" "${many[@]}"
check "the end" quit

remote --recursive=none
check "the list of exports" lists nfs://127.0.0.1 "$EXPORT" "$EXPORT_RO"
check "the export itself, from outside" lists "$url" \
    album big.raw closed empty forbidden.wav long.wav many noise.flac noise.ogg noise.wav private.wav video.mp4
check "the end of that" quit

exit $status
