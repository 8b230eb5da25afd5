#!/bin/bash
# The Music Player Daemon with its music on nfs://: scans, plays, seeks. It runs everything asynchronously in a thread
# of its own, and closes files right before it destroys their context.
# needs: libnfs13 libnfs-utils mpd flac vorbis-tools python3
# through: LD_PRELOAD
. "${0%/*}/common.bash"
need mpd flac oggenc nfs-cp python3

client() { # CHECK
    python3 "${0%.sh}.py" "$1"
}

configuration() {
    cat <<CONF
music_directory     "$url/music"
state_file          "$work/state"
playlist_directory  "$work"
log_level           "verbose"
bind_to_address     "$MPD_SOCKET"
zeroconf_enabled    "no"
auto_update         "no"
replaygain          "off"
database {
    plugin          "simple"
    path            "$work/database"
    cache_directory "$work/cache"
}
audio_output {
    type            "null"
    name            "clock"
    mixer_type      "none"
}
audio_output {
    type            "pipe"
    name            "file"
    command         "cat >>$PLAYED"
    format          "44100:16:2"
    mixer_type      "none"
    enabled         "no"
}
CONF
}

loaded() {
    uses_library "$mpd"
}

# It ends by itself, while a song plays, and leaves no crash behind.
ends() {
    client play-on
    kill "$mpd"
    wait_for 10 gone
    ! grep -E 'Assertion|terminate called' "$work/stderr"
}

gone() {
    ! kill -0 "$mpd"
}

export MPD_SOCKET=$work/socket PLAYED=$work/played MUSIC=$EXPORT/music LOCAL=$work/local
export MUSIC_URL=$url/music OTHER=$EXPORT_RO OTHER_URL=nfs://127.0.0.1$EXPORT_RO
mkdir "$LOCAL" "$work/cache"
check songs client make
configuration >"$work/mpd.conf"
start "$work/stderr" mpd --no-daemon --stderr "$work/mpd.conf"
mpd=$!
check starts wait_for 20 test -S "$MPD_SOCKET"
check scan client scan
check loaded loaded
for step in list tags rescan cover play-wav play-flac play-ogg play-short seek seek-back clock url mount errors; do
    check "$step" client "$step"
done
check ends ends
((failures)) && grep -v '^client: ' "$work/stderr" | tail -n 50
finish
