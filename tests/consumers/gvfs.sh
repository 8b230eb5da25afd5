#!/bin/bash
# GVfs, the way GNOME's programs see an NFS server: gvfsd-nfs mounts synchronously and does the rest asynchronously,
# and gives the mount up when nfs_service() fails or the descriptor goes away.
# needs: libnfs13 procps gvfs gvfs-backends gvfs-daemons libglib2.0-bin dbus-daemon python3 python3-gi gir1.2-glib-2.0
. "${0%/*}/common.bash"
need gio dbus-daemon pgrep /usr/libexec/gvfsd-nfs /usr/lib/python3/dist-packages/gi

# No FUSE, no monitors of disks and cameras, none of which concern us.
export GVFS_DISABLE_FUSE=1 GVFS_REMOTE_VOLUME_MONITOR_IGNORE=1 GIO_USE_VOLUME_MONITOR=unix
export DBUS_SESSION_BUS_ADDRESS=unix:path=$work/run/bus
export READ_ONLY=$EXPORT_RO LOCAL=$work/local

client() { # STEP
    /usr/bin/python3 "${0%.sh}.py" "$1"
}

daemon_ids() {
    pgrep -x gvfsd-nfs | sort
}

mounts() {
    gio mount "$url"
    gio mount -l | grep -qF " -> $url"
    equal "$(daemon_ids | wc -l)" 1
}

loaded() {
    uses_library "$(daemon_ids)"
}

# It has lived through everything, in one piece.
lives() {
    equal "$(daemon_ids)" "$1"
    gio mount -l | grep -qF " -> $url"
}

second_mount() {
    local other=nfs://127.0.0.1$EXPORT_RO
    gio mount "$other"
    equal "$(gio cat "$other/file")" "on the other export"
    equal "$(daemon_ids | wc -l)" 2
    refused 'Read-only|read-only' gio mkdir "$other/new"
    gio mount -u "$other"
    wait_for 10 single
    # Again, and by a directory inside of the export.
    gio mount "$other/sub"
    equal "$(gio cat "$other/sub/file")" "below it"
    gio mount -u "$other/sub"
    wait_for 10 single
}

single() {
    [[ $(daemon_ids | wc -l) == 1 ]]
}

refusals() {
    refused '.' gio mount nfs://127.0.0.1/not/exported
    refused '.' gio mount nfs://127.0.0.1:1/not/there
    wait_for 10 single
}

unmounts() {
    gio mount -u "$url"
    wait_for 10 none
    refused 'not mounted' gio cat "$url/tree/file"
    gio mount "$url"
    equal "$(gio cat "$url/tree/file")" "text"
    gio mount -u "$url"
    wait_for 10 none
}

none() {
    [[ -z $(daemon_ids) ]]
}

mkdir "$LOCAL" "$EXPORT_RO/sub"
echo "on the other export" >"$EXPORT_RO/file"
echo "below it" >"$EXPORT_RO/sub/file"
check tree client make
start "$work/bus.log" dbus-daemon --session --nofork --nopidfile --address="$DBUS_SESSION_BUS_ADDRESS"
wait_for 10 test -S "$work/run/bus"
check mount mounts
check loaded loaded
id=$(daemon_ids)
for step in info listing copy-in copy-out copy-between preserve cat save streams in-flight rename move mkdir remove \
    symlink set-attributes filesystem errors; do
    check "$step" client "$step"
done
# It opens with O_NOFOLLOW first. libnfs 4 says EINVAL for a link then, not ELOOP, and GVfs gives up.
[[ -n ${REFERENCE-} ]] || check save-through-link client save-through-link
check second-mount second_mount
check refused-mounts refusals
check lives lives "$id"
check unmount unmounts
((failures)) && cat "$work/bus.log"
finish
