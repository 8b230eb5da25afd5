# make            build the release library
# make demo       show it at work on an NFS server of its own: C, then Python
# make check      format, lints and every test; ends in a line that counts passed, failed, skipped. It installs what the
#                 tests need; with SETUP=no it does not, and skips what cannot run
# make soak       what takes long: faults 20 times (SOAK_ROUNDS), stress, sanitizers
# make check-consumers   QEMU, MPD, GVfs and others from Debian, unmodified, on this library; installs them
# make check-knfsd       what takes longer beside the Linux kernel's server, in QEMU: restarts, resets, MPD
# make bench      measure against Debian's libnfs and against a floor; BENCHFLAGS are the options of benches/run
# make fuzz       the fuzz targets of fuzz/, guided by coverage, each for FUZZ_SECONDS (1800); installs cargo-fuzz
# make install    the library, its links, headers and libnfs.pc; make uninstall takes them away again
# make headers    write include/nfsc and docs/SYMBOLS.md anew from the source
#
# LIBNFS_ABI is the number in the soname: 14 (the interface of libnfs 5.0) or 13 (of libnfs 4.0).

LIBNFS_ABI ?= 14
PREFIX     ?= /usr/local
LIBDIR     ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DESTDIR    ?=
CARGO      ?= cargo
RUSTC      ?= rustc
CARGOFLAGS ?=
INSTALL    ?= install
STRIP      ?= strip

# For each ABI: the library's file name, the release of libnfs it is compatible with, where it is built.
file_13    := libnfs.so.13.0.0
file_14    := libnfs.so.14.1.0
version_13 := 4.0.0
version_14 := 5.0.3
target_13  := target/abi13
target_14  := target

file    := $(file_$(LIBNFS_ABI))
version := $(version_$(LIBNFS_ABI))
target  := $(target_$(LIBNFS_ABI))
soname  := libnfs.so.$(LIBNFS_ABI)
build   := $(target)/release
headers := $(wildcard include/nfsc/*.h)
sources := $(shell find src -name '*.rs') Cargo.toml Cargo.lock build.rs
server  := target/debug/demo-server
pc      := $(LIBDIR)/pkgconfig/libnfs.pc
# What an archive written in Rust needs of the system; `rustc --print native-static-libs` tells.
private := -lgcc_s -lutil -lrt -lpthread -lm -ldl

bench_packages := gcc python3 procps iproute2 strace valgrind libnfs13 libnfs-dev rpcbind netbase nfs-ganesha nfs-ganesha-vfs

ifeq ($(file),)
$(error LIBNFS_ABI is "$(LIBNFS_ABI)"; this release builds 13 and 14)
endif

.PHONY: all demo check soak check-consumers check-knfsd bench fuzz headers install uninstall
.DELETE_ON_ERROR:

all: $(build)/$(soname)

# The linker's name and the loader's name for one file, so that the build directory works with both.
$(build)/$(soname): $(build)/libnfs.so
	@ln -sf libnfs.so $@

$(build)/libnfs.so: $(sources)
	@LIBNFS_ABI=$(LIBNFS_ABI) $(CARGO) build --release --lib --target-dir $(target) $(CARGOFLAGS)
	@touch $@

$(server): $(wildcard examples/demo-server/*.toml examples/demo-server/src/*.rs) Cargo.lock
	@env -u LIBNFS_ABI $(CARGO) build --package demo-server --target-dir target $(CARGOFLAGS)
	@touch $@

demo: all $(server)
	@$(server) bash examples-c/demo.sh $(build) $(soname)

check:
	@bash tests/check

check-consumers:
	@bash tests/consumers/run

check-knfsd:
	@bash tests/lab/check-knfsd

soak:
	@bash tests/soak

# The measuring programs are built with the headers of libnfs 4.0, which Debian's libnfs and ours of ABI 13 share.
programs := target/bench

bench:
	@bash tests/setup $(bench_packages)
	@benches/run $(BENCHFLAGS)

$(programs)/responder $(programs)/forwarder: $(programs)/%: $(wildcard benches/*/*.rs)
	@mkdir -p $(@D)
	@$(RUSTC) -O --edition 2024 -o $@ benches/$*/main.rs

$(programs)/client: $(wildcard benches/client/*.[ch])
	@mkdir -p $(@D)
	@$(CC) -O2 -g -Wall -Wextra -Werror -o $@ $(filter %.c,$^) -lnfs -lpthread

$(programs)/floor: $(wildcard benches/floor/*.[ch]) $(wildcard benches/client/*.[ch])
	@mkdir -p $(@D)
	@$(CC) -O2 -g -Wall -Wextra -Werror -o $@ $(wildcard benches/floor/*.c) \
	    $(addprefix benches/client/,control.c measure.c pattern.c)

# RUSTC_BOOTSTRAP lets a stable compiler instrument the code. What a run finds is kept in fuzz/artifacts.
FUZZ_TARGETS ?= connection replies calls url
FUZZ_SECONDS ?= 1800
fuzz:
	@$(CARGO) fuzz --version >/dev/null 2>&1 || $(CARGO) install cargo-fuzz
	@for target in $(FUZZ_TARGETS); do \
	    mkdir -p fuzz/corpus/$$target; \
	    RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run $$target fuzz/corpus/$$target fuzz/seeds/$$target -- \
	        -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=2048 -timeout=10 -print_final_stats=1 || exit; \
	done

headers: all
	@UPDATE_HEADERS=1 $(CARGO) test --quiet --test abi

install: all
	$(INSTALL) -d "$(DESTDIR)$(LIBDIR)/pkgconfig" "$(DESTDIR)$(INCLUDEDIR)/nfsc"
	$(INSTALL) -m 644 $(build)/libnfs.so "$(DESTDIR)$(LIBDIR)/$(file)"
	$(STRIP) --strip-unneeded "$(DESTDIR)$(LIBDIR)/$(file)"
	ln -sf $(file) "$(DESTDIR)$(LIBDIR)/$(soname)"
	ln -sf $(soname) "$(DESTDIR)$(LIBDIR)/libnfs.so"
	$(INSTALL) -m 644 $(build)/libnfs.a "$(DESTDIR)$(LIBDIR)/libnfs.a"
	$(STRIP) --strip-debug "$(DESTDIR)$(LIBDIR)/libnfs.a"
	$(INSTALL) -m 644 $(headers) "$(DESTDIR)$(INCLUDEDIR)/nfsc/"
	sed -i 's/^#define LIBNFS_ABI .*/#define LIBNFS_ABI $(LIBNFS_ABI)/' "$(DESTDIR)$(INCLUDEDIR)/nfsc/libnfs.h"
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(version)|' -e 's|@PRIVATE@|$(private)|' \
	    -e 's|@LIBDIR@|$(patsubst $(PREFIX)/%,$${prefix}/%,$(LIBDIR))|' \
	    -e 's|@INCLUDEDIR@|$(patsubst $(PREFIX)/%,$${prefix}/%,$(INCLUDEDIR))|' \
	    libnfs.pc.in > "$(DESTDIR)$(pc)"
	chmod 644 "$(DESTDIR)$(pc)"
	@if [ -z "$(DESTDIR)" ] && [ "$$(id -u)" = 0 ]; then ldconfig || true; fi

uninstall:
	rm -f "$(DESTDIR)$(LIBDIR)/$(file)" "$(DESTDIR)$(LIBDIR)/$(soname)" "$(DESTDIR)$(LIBDIR)/libnfs.so"
	rm -f "$(DESTDIR)$(LIBDIR)/libnfs.a" "$(DESTDIR)$(pc)"
	rm -f $(headers:include/%="$(DESTDIR)$(INCLUDEDIR)/%")
	@rmdir "$(DESTDIR)$(INCLUDEDIR)/nfsc" 2>/dev/null || true
	@if [ -z "$(DESTDIR)" ] && [ "$$(id -u)" = 0 ]; then ldconfig || true; fi
