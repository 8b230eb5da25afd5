# What the scripts in this directory share; they begin with `. "${0%/*}/common.bash"` and end with `finish`.
#
# tests/consumers/run gives them
#   EXPORT, EXPORT_RO   directories that the NFS server at 127.0.0.1 exports; see tests/lab/ganesha
#   LIBRARY_DIR         the directory with libnfs.so.13 and libnfs.so.14, already in LD_LIBRARY_PATH or LD_PRELOAD
#   REFERENCE           not empty when that is Debian's own
#   TOOLS_DIR           a directory that outlives the run: what a program NAME.before has made ready
# and $work is a directory of the script alone, $url the export's URL.

set -u
# Not all are good with a path that the tests inherit; none may read or write the settings of the user.
work=$(mktemp -d "${TMPDIR:-/tmp}/consumer.XXXXXX") || exit
chmod 755 "$work"
mkdir "$work/home" "$work/run"
chmod 700 "$work/run"
export HOME=$work/home XDG_RUNTIME_DIR=$work/run LC_ALL=C.UTF-8
unset XDG_CONFIG_HOME XDG_DATA_HOME XDG_CACHE_HOME DISPLAY DBUS_SESSION_BUS_ADDRESS
url=nfs://127.0.0.1$EXPORT
failures=0 children=()

trap 'end_children; rm -rf "$work"' EXIT

# Skips the script when the machine lacks something.
need() { # COMMAND|FILE...
    local thing
    for thing; do
        [[ -e $thing ]] || command -v "$thing" >/dev/null || { echo "$thing is missing"; exit 77; }
    done
}

ok() { # NAME
    echo "ok $1"
}

not_ok() { # NAME WHY
    echo "not ok $1: $2"
    failures=$((failures + 1))
}

# Runs a command, mostly a function of the script, in which the first thing that fails ends it, and reports.
# What it printed is shown when it failed.
check() { # NAME COMMAND...
    local name=$1 status
    shift
    (
        set -Ee
        children=()
        trap end_children EXIT
        trap 'echo "at line $LINENO: $BASH_COMMAND"' ERR
        "$@"
    ) >"$work/output" 2>&1 </dev/null
    status=$?
    if ((status == 0)); then
        ok "$name"
    else
        not_ok "$name" "$(grep -v '^at line' "$work/output" | tail -n 1) (status $status)"
        tail -n 20 "$work/output" | sed 's/^/    /'
    fi
}

# Fails, with both, unless they are the same.
equal() { # ACTUAL EXPECTED
    [[ $1 == "$2" ]] || { printf 'got:\n%s\nexpected:\n%s\n' "$1" "$2"; return 1; }
}

# For what is to fail: by itself, not by a signal or at the end of its time, and with words that match.
refused() { # REGEX COMMAND...
    local words=$1 status=0 said
    shift
    said=$(timeout 30 "$@" 2>&1) || status=$?
    [[ $status != 0 && $status -lt 124 && $said =~ $words ]] || { echo "status $status: $said"; return 1; }
}

# Whether a process runs on the library under test and no other libnfs.
uses_library() { # PID
    local mapped
    mapped=$(grep -o '/.*libnfs\.so[^ ]*' "/proc/$1/maps" | sort -u)
    equal "$mapped" "$(realpath "$LIBRARY_DIR/libnfs.so.13")"
}

# The same of a command that ends too soon to look at it: it must succeed.
runs_on_library() { # COMMAND...
    rm -f "$work"/loader.*
    LD_DEBUG=libs LD_DEBUG_OUTPUT=$work/loader "$@"
    local loaded
    loaded=$(sed -n 's/.*calling init: \(.*libnfs\.so.*\)/\1/p' "$work"/loader.* | sort -u)
    equal "$loaded" "$LIBRARY_DIR/libnfs.so.13"
}

wait_for() { # SECONDS COMMAND...
    local tries=$(($1 * 20))
    shift
    until "$@" >/dev/null 2>&1; do
        ((tries-- > 0)) || { echo "in vain: $*"; return 1; }
        sleep 0.05
    done
}

# Starts a process that ends with the check, or the script, at the latest; its id is in $!, what it prints in a file.
start() { # LOG COMMAND...
    local log=$1
    shift
    : >"$log" # It is read before the command has begun.
    "$@" >>"$log" 2>&1 </dev/null &
    children+=($!)
}

end_child() { # PID: politely, then by force; its status
    local tries=100
    kill "$1" 2>/dev/null || true
    while ((tries-- > 0)) && kill -0 "$1" 2>/dev/null; do
        sleep 0.05
    done
    kill -KILL "$1" 2>/dev/null || true
    wait "$1"
}

end_children() {
    local child
    for child in "${children[@]}"; do
        end_child "$child" 2>/dev/null
    done
    children=()
}

finish() {
    exit $((failures > 0))
}
