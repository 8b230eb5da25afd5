#!/bin/bash
# VLC on nfs:// URLs: everything asynchronous, new calls and another uid from within callbacks. It plays, seeks and
# browses, and it ends when it cannot; what it read is compared with the files.
# needs: vlc-bin vlc-plugin-base
# seconds: 480
. "${0%/*}/common.bash"

# VLC refuses to be root. Somebody else than the owner of the files also shows as whom it asks.
nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)

mkdir "$work/vlc" && cd "$work/vlc" || exit
chown 65534:65534 .
export HOME=$work/vlc
settings=(--no-color --no-media-library --no-dbus --no-metadata-network-access --aout=adummy --vout=vdummy)

# Plays to the end and quits. VLC says 0 even when it could not; not so when it hangs or crashes.
play() { # ARGUMENT...
    timeout -k 5 60 "${nobody[@]}" vlc -I dummy "${settings[@]}" "$@" vlc://quit </dev/null >log 2>&1 ||
        { echo "vlc: status $?"; tail -n 3 log; return 1; }
}

# The file's bytes, to ./dump.
dump() { # URL [ARGUMENT...]
    rm -f dump
    play --demux=dump --demuxdump-file="$PWD/dump" "$@"
    [[ -e dump ]] || { grep -a ' nfs stream ' log; return 1; }
}

little_endian() { # BYTES VALUE
    local byte
    for ((byte = 0; byte < $1; byte++)); do
        # shellcheck disable=SC2059  # an escape is made
        printf "\\x$(printf %02x $(($2 >> 8 * byte & 255)))"
    done
}

# Noise, two channels of 16 bits.
wav() { # SECONDS RATE
    local size=$(($1 * $2 * 4))
    printf RIFF && little_endian 4 $((size + 36)) && printf 'WAVEfmt ' && little_endian 4 16
    little_endian 2 1 && little_endian 2 2 && little_endian 4 "$2" && little_endian 4 $(($2 * 4))
    little_endian 2 4 && little_endian 2 16 && printf data && little_endian 4 $size
    head -c $size /dev/urandom
}

# What is on the server, all of it before the first look at it.
fill() {
    local number
    wav 20 44100 >"$EXPORT/noise.wav"
    wav 300 8000 >"$EXPORT/long.wav"
    cp "$EXPORT"/*.wav .

    # Media with a structure that makes a player jump: frames, pages, an index at the end.
    head -c $((64 * 64 * 3 / 2 * 25 * 20)) /dev/urandom >video.yuv
    play noise.wav --sout '#transcode{acodec=flac}:std{access=file,mux=raw,dst=noise.flac}'
    play noise.wav --sout '#transcode{acodec=vorb,ab=128}:std{access=file,mux=ogg,dst=noise.ogg}'
    play --demux=rawvid --rawvid-fps=25 --rawvid-width=64 --rawvid-height=64 --rawvid-chroma=I420 video.yuv \
        --sout '#transcode{vcodec=mp4v,vb=800}:std{access=file,mux=mp4,dst=video.mp4}'
    cp noise.flac noise.ogg video.mp4 "$EXPORT/"

    # Lines that say where they are, behind 4 GiB of nothing.
    truncate -s 6G "$EXPORT/big.raw"
    seq -f %015.0f 4998000000 16 5001999984 |
        dd of="$EXPORT/big.raw" bs=1M seek=4998000000 oflag=seek_bytes iflag=fullblock conv=notrunc status=none

    mkdir -p "$EXPORT/album/disc 2" "$EXPORT/many" "$EXPORT/closed"
    cp long.wav "$EXPORT/album/01.wav"
    cp long.wav "$EXPORT/album/disc 2/100% Äpfel & #1; [x].wav"
    cp noise.wav "$EXPORT/album/disc 2/not%20a%41space.wav"
    ln -s 01.wav "$EXPORT/album/link.wav"
    for ((number = 0; number < 400; number++)); do
        head -c $((number * 999 + 5000)) noise.flac >"$EXPORT/many/track $number of this directory.bin"
    done
    cp noise.wav "$EXPORT/private.wav"
    cp noise.wav "$EXPORT/forbidden.wav"
    cp noise.wav "$EXPORT/closed/in.wav"
    chmod 600 "$EXPORT/private.wav"
    chmod 0 "$EXPORT/forbidden.wav"
    chmod 700 "$EXPORT/closed"
    chown -R 4242:4242 "$EXPORT/private.wav" "$EXPORT/forbidden.wav" "$EXPORT/closed"
}

dumped() { # FILE URL [ARGUMENT...]
    local file=$1
    shift
    dump "$@"
    cmp dump "$file"
}

one_after_the_other() {
    local number urls=()
    rm -f all
    # VLC stops playing, also local ones, after a dozen that are over so soon.
    for ((number = 0; number < 10; number++)); do
        urls+=("$url/many/track%20$number%20of%20this%20directory.bin")
        cat "$EXPORT/many/track $number of this directory.bin" >>all
    done
    dumped all --demuxdump-append "${urls[@]}"
}

side_by_side() {
    local number players=()
    for number in 1 2 3 4; do
        timeout -k 5 60 "${nobody[@]}" vlc -I dummy "${settings[@]}" --demux=dump --demuxdump-file="$PWD/dump$number" \
            "$url/long.wav" vlc://quit >/dev/null 2>&1 &
        players+=($!)
    done
    wait "${players[@]}"
    for number in 1 2 3 4; do
        cmp "dump$number" long.wav
    done
}

# What VLC makes of the file on the server is what it makes of the one here.
same() { # NAME HOW
    rm -f here there
    play "$PWD/$1" --sout "$2,dst=here}"
    play "$url/$1" --sout "$2,dst=there}"
    [[ -s here ]]
    cmp here there
}

seconds_30_to_40() {
    local size start=$((44 + 30 * 8000 * 4))
    rm -f part
    play "$url/long.wav" --start-time=30 --stop-time=40 --sout '#std{access=file,mux=raw,dst=part}'
    size=$(stat -c %s part)
    ((size > 9 * 8000 * 4 && size < 11 * 8000 * 4)) || { echo "$size bytes"; return 1; }
    cmp -n "$size" -i "0:$start" part long.wav
}

beyond_4_gib() {
    local size first second start
    rm -f part
    play --demux=rawaud --rawaud-channels=2 --rawaud-samplerate=25000 --rawaud-fourcc=s16l "$url/big.raw" \
        --start-time=50000 --stop-time=50004 --sout '#std{access=file,mux=raw,dst=part}'
    size=$(stat -c %s part)
    # It starts near the place, perhaps in the middle of a line. The next line tells where that is.
    { read -r first && read -r second; } <part
    start=$((10#${second//[!0-9]/} - ${#first} - 1))
    ((size > 350000 && start > 4999990000 && start < 5000010000)) || { echo "$size bytes from $start"; return 1; }
    cmp -n "$size" -i "0:$start" part "$EXPORT/big.raw"
}

# An end, soon, and for the right reason.
fails() { # ERRNO URL [ARGUMENT...]
    local errno=$1 before=$SECONDS
    shift
    rm -f dump
    play --demux=dump --demuxdump-file="$PWD/dump" "$@"
    ((SECONDS - before < 20)) || { echo "took $((SECONDS - before)) seconds"; return 1; }
    [[ ! -e dump ]] || { echo "it was read"; return 1; }
    grep -aEq " failed: -$errno, '.+'" log || { grep -a ' nfs stream ' log; return 1; }
}

# A player that is told what to do: it reads questions and answers into ./answers. Its id is in ./player.pid, its status,
# in the end, in ./player.status.
remote() {
    "${nobody[@]}" vlc -I oldrc --rc-fake-tty "${settings[@]}" <questions 2>log &
    echo $! >player.pid
    wait $!
    echo $? >player.status
}

# Says it until a line of the answer matches.
ask() { # COMMAND PATTERN [SECONDS]
    local tries from
    for ((tries = ${3:-10} * 10; tries > 0; tries--)); do
        from=$(wc -c <answers)
        echo "$1" >&8
        sleep 0.1
        tail -c "+$((from + 1))" answers | tr -d '\r' >answer
        grep -aEq "$2" answer && return
    done
    echo "the answers to '$1' have no '$2':"
    tail -n 2 answer
    return 1
}

clear_list() {
    ask stop 'stop: returned 0'
    ask clear 'clear: returned 0'
}

# Opened, it turns into these names, in any order.
opens() { # URL NAME...
    local tries
    echo "add $1" >&8
    shift
    printf '%s\n' "$@" | LC_ALL=C sort >expected
    for ((tries = 0; tries < 20; tries++)); do
        ask playlist '\[ End of playlist \]'
        sed -nE 's/^\|  - //; T; s/ \([0-9]+:[0-9:]+\)$//; p' answer | LC_ALL=C sort >names
        cmp -s names expected && break
        sleep 0.3
    done
    clear_list
    diff expected names >difference || { head -n 6 difference; return 1; }
}

has() { # NAME...
    local name
    ask playlist '\[ End of playlist \]'
    for name; do
        grep -qxE "\|  - $name( \([0-9:]+\))?" answer || return
    done
}

# Every export becomes an item; the first, which is played, turns into the files in it and, sooner or later, below.
exports() {
    echo "add nfs://127.0.0.1" >&8
    wait_for 10 has "$EXPORT_RO" 'long\.wav' 'noise\.ogg' 'video\.mp4' 'forbidden\.wav'
    ask status "new input: nfs://127.0.0.1$EXPORT/album/"
    clear_list
}

library() {
    echo "add $url/long.wav" >&8
    ask status 'play state: 3'
    uses_library "$(<player.pid)"
}

seeks() {
    ask get_length '^(> )?300$'
    ask 'seek 200' 'seek: returned 0'
    ask get_time '^(> )?20[0-5]$'
    ask 'seek 290' 'seek: returned 0'
    ask get_time '^(> )?29[0-5]$'
    ask 'seek 10' 'seek: returned 0'
    ask get_time '^(> )?1[0-5]$'
    clear_list
}

ends() {
    echo quit >&8
    wait_for 10 test -s player.status
    equal "$(<player.status)" 0
}

check "preparation" fill
((failures)) && finish

check "a file, byte by byte" dumped noise.wav "$url/noise.wav"
check "names that need escapes" dumped long.wav "$url/album/disc%202/100%25%20%C3%84pfel%20%26%20%231%3B%20%5Bx%5D.wav"
check "names that look like escapes" dumped noise.wav "$url/album/disc%202/not%2520a%2541space.wav"
check "a symbolic link" dumped long.wav "$url/album/link.wav"
check "10 files one after the other" one_after_the_other
check "4 players side by side" side_by_side

check "WAV, decoded" same noise.wav '#transcode{acodec=s16l}:std{access=file,mux=wav'
check "FLAC, decoded" same noise.flac '#transcode{acodec=s16l}:std{access=file,mux=wav'
check "Vorbis, decoded" same noise.ogg '#transcode{acodec=s16l}:std{access=file,mux=wav'
check "MP4 with its index at the end" same video.mp4 '#std{access=file,mux=raw'
check "the 30th to the 40th second" seconds_30_to_40
check "a place behind 4 GiB" beyond_4_gib

check "a missing file: ENOENT" fails 2 "$url/missing.wav"
check "something not exported: EACCES" fails 13 nfs://127.0.0.1/not/exported/noise.wav
check "a missing directory: the server's reason" fails '(2|13)' "$url/missing/noise.wav"
check "a file for its owner, as its owner" dumped noise.wav "$url/private.wav"
check "a file for its owner, as told in the URL" dumped noise.wav "$url/private.wav?uid=4242&gid=4242"
check "a file for its owner, as somebody else: EACCES" fails 13 "$url/private.wav" --no-nfs-auto-guid
check "a file for nobody: EACCES" fails 13 "$url/forbidden.wav"
check "a file in a closed directory: EACCES" fails 13 "$url/closed/in.wav"

mkfifo questions
exec 8<>questions
start answers remote
check "it runs on this library" library
children+=("$(<player.pid)")
check "told to seek, it plays from there" seeks
check "a directory" opens "$url/album/" 01.wav link.wav 'not%20a%41space.wav' '100% Äpfel & #1; [x].wav'
check "a directory without a slash" opens "$url/album" 01.wav link.wav 'not%20a%41space.wav' '100% Äpfel & #1; [x].wav'
mapfile -t many < <(ls "$EXPORT/many")
check "a directory of 400 files" opens "$url/many/" "${many[@]}"
check "the list of exports" exports
check "the end" ends

finish
