#!/bin/bash
# QEMU's tools on nfs:// images: up to 32 requests in flight, synchronous and asynchronous calls mixed on one context,
# POLLIN and POLLOUT serviced apart.
# needs: libnfs13 python3
# seconds: 600
. "${0%/*}/common.bash"

if [[ -x $TOOLS_DIR/qemu/usr/bin/qemu-img ]]; then
    PATH=$TOOLS_DIR/qemu/usr/bin:$PATH
    QEMU_MODULE_DIR=$(echo "$TOOLS_DIR"/qemu/usr/lib/*/qemu)
    export QEMU_MODULE_DIR
fi

need qemu-img qemu-io qemu-nbd python3

G=$((1 << 30)) M=$((1 << 20))

# Local images with data in several places and holes between: one of 64 MiB, one that reaches past 4 GiB.
make_source() {
    python3 - "$work/source.raw" "$work/large.raw" <<'PYTHON'
import random, sys
random.seed(7)
M = 1 << 20
def image(path, size, *places):
    with open(path, "wb") as file:
        file.truncate(size)
        for offset, count in places:
            file.seek(offset)
            file.write(random.randbytes(count))
image(sys.argv[1], 64 * M, (0, 3 * M), (20 * M - 1000, 70_000), (40 * M - 512, 5 * M), (64 * M - 4096, 4096))
image(sys.argv[2], 4200 * M, (0, M), (1024 * M - 1000, 70_000), (4096 * M - 512, 2 * M), (4200 * M - 4096, 4096))
PYTHON
}

sum() { # FILE
    sha256sum <"$1"
}

info() { # URL FIELD
    qemu-img info --output=json "$1" | python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$2"
}

# qemu-io exits with 0 when a pattern is wrong.
io() { # FORMAT URL COMMAND...
    local format=$1 image=$2 command arguments=() said
    shift 2
    for command; do
        arguments+=(-c "$command")
    done
    said=$(qemu-io -f "$format" "${arguments[@]}" "$image" 2>&1) || { echo "$said"; return 1; }
    if grep -qiE 'verification failed|fail|error|[0-9]: Input|Invalid|cannot' <<<"$said"; then
        echo "$said"
        return 1
    fi
    # One line for each request that moved bytes.
    equal "$(grep -cE '^(read|wrote|discard) [0-9]+/[0-9]+ bytes' <<<"$said")" \
        "$(printf '%s\n' "$@" | grep -cE '^(aio_)?(read|write|readv|writev|discard)')"
}

loaded() {
    runs_on_library qemu-img create -q -f raw "$url/loaded.raw" 1M
    runs_on_library qemu-io -f raw -c 'write -q 0 64k' "$url/loaded.raw"
    runs_on_library qemu-img info -f raw "$url/loaded.raw"
}

create_raw() {
    qemu-img create -q -f raw "$url/created.raw" 6G
    equal "$(stat -c '%s %a' "$EXPORT/created.raw")" "$((6 * G)) 600"
    equal "$(info "$url/created.raw" virtual-size)" $((6 * G))
    equal "$(info "$url/created.raw" format)" raw
}

create_qcow2() {
    qemu-img create -q -f qcow2 "$url/created.qcow2" 6G
    equal "$(info "$url/created.qcow2" virtual-size)" $((6 * G))
    qemu-img check -q "$url/created.qcow2"
    # Truncated when made anew.
    io qcow2 "$url/created.qcow2" 'write -P 1 0 8M'
    qemu-img create -q -f qcow2 -o preallocation=metadata,cluster_size=4k "$url/created.qcow2" 64M
    equal "$(info "$url/created.qcow2" virtual-size)" $((64 * M))
    qemu-img check -q "$url/created.qcow2"
    io qcow2 "$url/created.qcow2" 'read -P 0 0 64M'
    qemu-img check -q "$EXPORT/created.qcow2"
}

allocated() {
    io raw "$url/created.raw" 'write -P 3 1M 3M' 'write -P 4 5G 1M' flush
    equal "$(info "$url/created.raw" actual-size)" $(($(stat -c '%b * %B' "$EXPORT/created.raw")))
}

convert_in() {
    qemu-img convert -f raw -O raw "$work/source.raw" "$url/in.raw"
    equal "$(sum "$EXPORT/in.raw")" "$source_sum"
    qemu-img convert -f raw -O qcow2 "$work/source.raw" "$url/in.qcow2"
    qemu-img check -q "$url/in.qcow2"
    qemu-img compare -q "$EXPORT/in.qcow2" "$work/source.raw"
    # Compressed, and several requests at once in any order.
    qemu-img convert -c -W -m 16 -f raw -O qcow2 "$work/source.raw" "$url/compressed.qcow2"
    qemu-img check -q "$EXPORT/compressed.qcow2"
    qemu-img compare -q "$EXPORT/compressed.qcow2" "$work/source.raw"
}

# Holes are neither written nor, on qcow2, read.
convert_large() {
    qemu-img convert -f raw -O raw "$work/large.raw" "$url/large.raw"
    qemu-img compare -q -f raw -F raw "$EXPORT/large.raw" "$work/large.raw"
    qemu-img convert -f raw -O qcow2 "$work/large.raw" "$url/large.qcow2"
    qemu-img convert -f qcow2 -O raw "$url/large.qcow2" "$work/out.raw"
    qemu-img compare -q -f raw -F raw "$work/out.raw" "$work/large.raw"
    rm "$work/out.raw"
}

convert_out() {
    local from
    for from in raw qcow2; do
        qemu-img convert -W -m 16 -f $from -O raw "$url/in.$from" "$work/out.raw"
        equal "$(sum "$work/out.raw")" "$source_sum"
        rm "$work/out.raw"
    done
    qemu-img convert -f qcow2 -O raw "$url/compressed.qcow2" "$work/out.raw"
    equal "$(sum "$work/out.raw")" "$source_sum"
    rm "$work/out.raw"
}

convert_between() {
    qemu-img convert -f qcow2 -O raw "$url/in.qcow2" "$url/between.raw"
    equal "$(sum "$EXPORT/between.raw")" "$source_sum"
    local format
    for format in vmdk vdi vpc qed; do
        qemu-img convert -f raw -O $format "$url/between.raw" "$url/between.$format"
        # VPC rounds the size up.
        qemu-img compare -q -f raw -F $format "$work/source.raw" "$EXPORT/between.$format"
    done
}

copy_blocks() {
    qemu-img dd -f raw -O raw bs=1M count=3 "if=$url/in.raw" "of=$url/dd.raw"
    cmp "$EXPORT/dd.raw" <(head -c $((3 * M)) "$work/source.raw")
    qemu-img dd -f raw -O raw bs=512 skip=$(((4 * G - 512) / 512)) count=$((4097 + 4 * G / 512 - 1)) \
        "if=$url/large.raw" "of=$work/dd.raw"
    cmp "$work/dd.raw" <(tail -c +$((4 * G - 512 + 1)) "$work/large.raw" | head -c $((4097 * 512)))
}

compare() {
    qemu-img compare -q -f raw -F qcow2 "$url/in.raw" "$url/in.qcow2"
    io qcow2 "$url/in.qcow2" 'write -P 77 30M 512'
    refused "Content mismatch at offset $((30 * M))" qemu-img compare -f raw -F qcow2 "$url/in.raw" "$url/in.qcow2"
    io raw "$url/in.raw" 'write -P 77 30M 512'
    qemu-img compare -q -f raw -F qcow2 "$url/in.raw" "$url/in.qcow2"
}

resize() {
    qemu-img create -q -f raw "$url/resized.raw" 1M
    io raw "$url/resized.raw" 'write -P 9 0 1M'
    qemu-img resize -q -f raw "$url/resized.raw" 5G
    equal "$(stat -c %s "$EXPORT/resized.raw")" $((5 * G))
    io raw "$url/resized.raw" 'read -P 9 0 1M' 'read -P 0 1M 1M' "read -P 0 $((5 * G - M)) 1M"
    qemu-img resize -q -f raw --shrink "$url/resized.raw" 512K
    equal "$(sum "$EXPORT/resized.raw")" "$(head -c $((M / 2)) /dev/zero | tr '\0' '\011' | sha256sum)"
    qemu-img create -q -f qcow2 "$url/resized.qcow2" 1M
    io qcow2 "$url/resized.qcow2" 'write -P 9 0 1M'
    qemu-img resize -q "$url/resized.qcow2" +5G
    equal "$(info "$url/resized.qcow2" virtual-size)" $((5 * G + M))
    io qcow2 "$url/resized.qcow2" 'read -P 9 0 1M' "read -P 0 $((5 * G)) 1M" "write -P 8 $((5 * G)) 1M"
    qemu-img check -q "$url/resized.qcow2"
    io qcow2 "$EXPORT/resized.qcow2" 'read -P 9 0 1M' "read -P 8 $((5 * G)) 1M"
}

snapshots() {
    local image=$url/snapshots.qcow2
    qemu-img create -q -f qcow2 "$image" 5G
    io qcow2 "$image" 'write -P 1 0 1M' 'write -P 1 4500M 1M'
    qemu-img snapshot -c first "$image"
    io qcow2 "$image" 'write -P 2 0 1M' 'write -P 2 2G 1M'
    qemu-img snapshot -c second "$image"
    io qcow2 "$image" 'write -P 3 0 2M'
    equal "$(qemu-img snapshot -l "$image" | awk '$1 ~ /^[0-9]+$/ { print $2 }' | xargs)" "first second"
    qemu-img snapshot -a first "$image"
    io qcow2 "$image" 'read -P 1 0 1M' 'read -P 0 1M 1M' 'read -P 1 4500M 1M' 'read -P 0 2G 1M'
    qemu-img snapshot -a second "$image"
    io qcow2 "$image" 'read -P 2 0 1M' 'read -P 0 1M 1M' 'read -P 2 2G 1M'
    qemu-img convert -l snapshot.name=first -O raw "$image" "$work/first.raw"
    io raw "$work/first.raw" 'read -P 1 0 1M' 'read -P 0 2G 1M' 'read -P 1 4500M 1M'
    rm "$work/first.raw"
    qemu-img snapshot -d first "$image"
    qemu-img snapshot -d second "$image"
    equal "$(qemu-img snapshot -l "$image")" ""
    qemu-img check -q "$image"
    io qcow2 "$EXPORT/snapshots.qcow2" 'read -P 2 0 1M'
}

backing() {
    qemu-img create -q -f qcow2 -b "$url/created.raw" -F raw "$url/overlay.qcow2"
    io qcow2 "$url/overlay.qcow2" 'read -P 3 1M 3M' 'read -P 4 5G 1M' 'write -P 5 2M 64k'
    io qcow2 "$url/overlay.qcow2" 'read -P 3 1M 1M' 'read -P 5 2M 64k' 'read -P 4 5G 1M'
    io raw "$url/created.raw" 'read -P 3 1M 3M'
    qemu-img create -q -f qcow2 -b "$url/in.qcow2" -F qcow2 "$url/overlay.qcow2"
    io qcow2 "$url/overlay.qcow2" 'write -P 5 32M 64k'
    qemu-img rebase -q -b '' "$url/overlay.qcow2"
    qemu-img check -q "$url/overlay.qcow2"
    io qcow2 "$url/in.qcow2" 'write -P 5 32M 64k'
    qemu-img compare -q "$EXPORT/overlay.qcow2" "$EXPORT/in.qcow2"
}

patterns() {
    local format k offset commands=() reads=()
    for k in {1..40}; do
        # Unaligned lengths, above and below 4 GiB and across it.
        offset=$((k % 2 ? 4 * G - 512 + k * 150 * 1024 : k * 100 * M))
        commands+=("write -P $k $offset $((k * 3072))")
        reads+=("read -P $k $offset $((k * 3072))")
    done
    for format in raw qcow2; do
        qemu-img create -q -f $format "$url/patterns.$format" 6G
        io $format "$url/patterns.$format" "${commands[@]}" "${reads[@]}"
        # By another process, and as the server's disk has it.
        io $format "$url/patterns.$format" "${reads[@]}" 'read -P 0 5G 1M'
        io $format "$EXPORT/patterns.$format" "${reads[@]}"
        io $format "$url/patterns.$format" 'write -z 4G 64k' 'read -P 0 4G 64k'
        refused 'Pattern verification failed' bash -c \
            "qemu-io -f $format -c 'read -P 1 4G 64k' '$url/patterns.$format' 2>&1 | grep Pattern; exit 1"
    done
}

# Requests of all sizes in flight at once, then all verified at once.
in_flight() {
    local k writes=() reads=()
    for k in {1..64}; do
        writes+=("aio_write -P $k $((4 * G - 20 * M + k * 600 * 1024)) $((k % 3 ? k * 512 : k * 9000 / 512 * 512))")
        reads+=("aio_read -P $k $((4 * G - 20 * M + k * 600 * 1024)) $((k % 3 ? k * 512 : k * 9000 / 512 * 512))")
    done
    qemu-img create -q -f raw "$url/flight.raw" 5G
    io raw "$url/flight.raw" "${writes[@]}" aio_flush "${reads[@]}" aio_flush
    io raw "$EXPORT/flight.raw" "${reads[@]}" aio_flush
    # Larger than one call of the server may carry.
    io raw "$url/flight.raw" 'aio_write -P 90 0 31M' 'aio_write -P 91 31M 33M' aio_flush 'read -P 90 0 31M' 'read -P 91 31M 33M'
    io raw "$EXPORT/flight.raw" 'read -P 90 0 31M' 'read -P 91 31M 33M'
}

bench_write() {
    qemu-img create -q -f raw "$url/bench.raw" 64M
    qemu-img bench -f raw -d 32 -c 16384 -s 4k -w --pattern=0xa5 "$url/bench.raw"
    equal "$(sum "$EXPORT/bench.raw")" "$(head -c $((64 * M)) /dev/zero | tr '\0' '\245' | sha256sum)"
    qemu-img bench -f raw -d 32 -c 256 -s 256k -w --pattern=0x5a --flush-interval=64 "$url/bench.raw"
    equal "$(sum "$EXPORT/bench.raw")" "$(head -c $((64 * M)) /dev/zero | tr '\0' '\132' | sha256sum)"
    qemu-img bench -f raw -d 32 -c 1000 -s 4k -S 64k -o 4096 -w --pattern=0x11 -t none "$url/bench.raw"
    io raw "$url/bench.raw" 'read -P 0x5a 0 4k' 'read -P 0x11 4k 4k' 'read -P 0x5a 8k 60k' 'read -P 0x11 65474560 4k'
    qemu-img create -q -f qcow2 "$url/bench.qcow2" 64M
    qemu-img bench -f qcow2 -d 32 -c 16384 -s 4k -w --pattern=0xa5 "$url/bench.qcow2"
    qemu-img check -q "$url/bench.qcow2"
    io qcow2 "$EXPORT/bench.qcow2" 'read -P 0xa5 0 64M'
}

bench_read() {
    qemu-img bench -f raw -d 32 -c 16384 -s 4k "$url/bench.raw"
    qemu-img bench -f raw -d 32 -c 256 -s 1M "$url/bench.raw"
    qemu-img bench -f raw -d 64 -c 4000 -s 64k -t none "$url/bench.raw"
    qemu-img bench -f qcow2 -d 32 -c 16384 -s 4k "$url/bench.qcow2"
}

# What the driver asks libnfs to keep: it must not be older than what the same process wrote.
caches() {
    local options
    qemu-img create -q -f raw "$url/cached.raw" 5G
    for options in readahead=131072 pagecache=64 'readahead=1048576&pagecache=1024'; do
        io raw "$url/cached.raw?$options" 'write -P 1 4G 1M' 'read -P 1 4G 4k' 'read -P 1 4G 1M' \
            'write -P 2 4096M 4k' 'read -P 2 4G 4k' 'read -P 1 4194308k 4k' 'write -P 3 4194309k 3k' \
            'read -P 1 4194308k 1k' 'read -P 3 4194309k 3k' 'read -P 1 4194312k 64k' \
            'truncate 3G' 'truncate 5G' 'read -P 0 4G 1M' 'write -P 4 4G 1M' 'read -P 4 4G 1M'
        io raw "$EXPORT/cached.raw" 'read -P 4 4G 1M'
        qemu-img convert -f qcow2 -O raw "$url/compressed.qcow2?$options" "$work/out.raw"
        equal "$(sum "$work/out.raw")" "$source_sum"
        rm "$work/out.raw"
        qemu-img bench -f raw -d 32 -c 4096 -s 4k "$url/bench.raw?$options"
    done
}

# Served to others, several at a time, by one process that lives for longer.
nbd() {
    local server nbd="nbd+unix:///?socket=$work/nbd"
    qemu-img create -q -f raw "$url/nbd.raw" 64M
    start "$work/nbd.log" qemu-nbd -t -e 8 -f raw -k "$work/nbd" "$url/nbd.raw"
    server=$!
    wait_for 10 test -S "$work/nbd"
    uses_library "$server"
    qemu-img convert -n -W -m 16 -f raw -O raw "$work/source.raw" "$nbd"
    qemu-img convert -W -m 16 -f raw -O raw "$nbd" "$work/nbd.raw"
    equal "$(sum "$work/nbd.raw")" "$source_sum"
    equal "$(sum "$EXPORT/nbd.raw")" "$source_sum"
    local k clients=()
    for k in {1..3}; do
        qemu-img bench -f raw -d 32 -c 4000 -s 4k -o $((k * 16 * M)) -w --pattern=$k "$nbd" &
        clients+=($!)
    done
    for k in "${clients[@]}"; do
        wait "$k"
    done
    for k in {1..3}; do
        io raw "$nbd" "read -P $k $((k * 16 * M)) $((4000 * 4096))"
    done
    io raw "$nbd" 'write -P 60 0 1M' flush 'discard 0 64k' 'read -P 60 1000k 16k'
    end_child "$server"
    for k in {1..3}; do
        io raw "$EXPORT/nbd.raw" "read -P $k $((k * 16 * M)) $((4000 * 4096))"
    done
    io raw "$EXPORT/nbd.raw" 'read -P 60 1000k 16k'
}

nbd_qcow2() {
    local server nbd="nbd+unix:///?socket=$work/nbd2"
    start "$work/nbd2.log" qemu-nbd -r -t -e 4 -f qcow2 -k "$work/nbd2" "$url/compressed.qcow2"
    server=$!
    wait_for 10 test -S "$work/nbd2"
    qemu-img convert -f raw -O raw -m 16 "$nbd" "$work/nbd.raw"
    equal "$(sum "$work/nbd.raw")" "$source_sum"
    end_child "$server"
}

errors() {
    refused 'NFS3ERR_NOENT' qemu-img info "$url/missing.raw"
    refused 'MNT3ERR' qemu-img create -f raw "$url/missing/image.raw" 1M
    refused 'NFS3ERR_ROFS' qemu-img create -f raw "nfs://127.0.0.1$EXPORT_RO/image.raw" 1M
    refused 'MNT3ERR' qemu-img info nfs://127.0.0.1/not/exported/image.raw
    refused 'missing file path' qemu-img info nfs://127.0.0.1
    io raw "$url/created.raw?uid=0&gid=0&tcp-syncnt=3" 'read -P 3 2M 64k'
    chmod 600 "$EXPORT/created.raw"
    refused 'denied' qemu-img info "$url/created.raw?uid=1000&gid=1000"
}

make_source
source_sum=$(sum "$work/source.raw")
check loaded loaded
check create-raw create_raw
check create-qcow2 create_qcow2
check allocated-size allocated
check convert-in convert_in
check convert-past-4-GiB convert_large
check convert-out convert_out
check convert-between convert_between
check dd copy_blocks
check compare compare
check resize resize
check snapshots snapshots
check backing-file backing
check patterns-past-4-GiB patterns
check requests-in-flight in_flight
check bench-write bench_write
check bench-read bench_read
check caches caches
check nbd-raw nbd
check nbd-qcow2 nbd_qcow2
check errors errors
finish
