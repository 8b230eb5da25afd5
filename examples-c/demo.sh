#!/bin/bash
# usage: NFS_URL=nfs://server/export examples-c/demo.sh BUILD SONAME      (`make demo` calls it)
#
# Compiles hello.c against the library in the directory BUILD, and runs it and hello.py on the export.
# Each step is shown as a command that can be typed.
set -eu
cd "$(dirname "$0")/.."
build=$1 soname=$2

step() { # COMMAND, as it is typed
    printf '\n$ %s\n' "$1"
    eval "$1"
}

echo "An NFS server is running: NFS_URL=$NFS_URL"
step "${CC:-cc} -Wall -Iinclude examples-c/hello.c -L$build -lnfs -o $build/hello"
step "LD_LIBRARY_PATH=$build ldd $build/hello | grep libnfs"
step "LD_LIBRARY_PATH=$build $build/hello \"\$NFS_URL\""
if command -v python3 >/dev/null || tests/setup python3; then
    step "LD_LIBRARY_PATH=$build LIBNFS=$soname python3 examples-c/hello.py \"\$NFS_URL\""
fi
