//! The programs of `examples-c/`, as strict C99 without a warning, do what they say on nfs-ganesha: with our header
//! and library, with Debian's, and on ours under valgrind. What they copy is compared with the server's files; what
//! must fail does so with a sentence and status 1. (hello.c is what `make demo` runs; see demo.rs.)

mod support;

use std::fs;
use std::time::Duration;

use support::Lab;

const PROGRAMS: &[&str] = &["async-copy", "cat", "copy", "list", "stat"];

/// Checks the programs in the directory `$1`, each run with the words after it in front. Prints what is wrong.
const CHECKS: &str = r##"
set -u
export LC_ALL=C TZ=UTC
programs=$1; shift
prefix=("$@")
umask 022
cd "$programs" || exit
mkdir local
# Each command takes its time with something in front: then it is the shorter list.
if ((${#prefix[@]})); then
    sizes=(0 1048577)
else
    sizes=(0 1 4095 1048577 20971520)
fi
url=nfs://127.0.0.1$EXPORT
user='?uid=1000&gid=1000'
problems=0

# What the server has before anybody looks.
for size in 0 1 4095 1048577 20971520; do
    head -c "$size" /dev/urandom >"$EXPORT/$size"
    cp "$EXPORT/$size" "local/$size"
done
mkdir -p "$EXPORT/to" "$EXPORT/directory" "$EXPORT/listed/inner" "$EXPORT/empty"
echo secret >"$EXPORT/secret"
chmod 600 "$EXPORT/secret"
printf '#!/bin/sh\n' >"$EXPORT/script"
chmod 750 "$EXPORT/script"
(
    cd "$EXPORT/listed" || exit
    echo text >plain
    echo more >'two words'
    echo run >program
    ln plain other-name
    ln -s plain link
    ln -s nowhere broken
    mkfifo fifo
    touch -d '2001-09-09 01:46:40.123456789' old
    chmod 4755 program
    chmod 1777 inner
    chown 1234:4321 plain
)
mkdir small
mount -t tmpfs -o size=1m tmpfs small
mount -o remount,size=2m "$EXPORT_OUTER/inner"
mknod full c 1 7

problem() {
    echo "$*"
    ((++problems))
}

run() {
    "${prefix[@]}" "./$1" "${@:2}" >out 2>err
    status=$?
}

works() {
    run "$@"
    ((status == 0)) || problem "$*: status $status: $(tr '\r' '\n' <err)"
}

# One of several ways to fail alike.
also_fails() {
    ((${#prefix[@]})) || fails "$@"
}

# A failure has a sentence which begins with the name of the program, and status 1.
fails() {
    run "$@"
    ((status == 1)) || problem "$*: status $status: $(tr '\r' '\n' <err)"
    grep -Eq "^$1: .+: .*[[:alpha:]]{3}" err || problem "$*: no sentence: $(<err)"
    [[ ! -s out ]] || problem "$*: wrote $(wc -c <out) bytes"
}

same() {
    cmp "$1" "$2" >comparison 2>&1 || problem "$3: $(<comparison)"
}

gone() {
    [[ ! -e $1 ]] || problem "$2: left $1 behind"
}

# cat
for size in "${sizes[@]}"; do
    works cat "$url/$size"
    same out "local/$size" "cat of $size bytes"
done
works cat "$url/4095" "$url/0" "$url/1"
cat local/4095 local/1 >expected
same out expected "cat of three files"
run cat "$url/1" "$url/missing" "$url/4095"
cat local/1 local/4095 >expected
same out expected "cat of what is there"
((status == 1)) || problem "cat of a missing file among others: status $status"
fails cat "$url/missing"
also_fails cat "$url/directory"
fails cat "$url/secret$user"
also_fails cat nfs://127.0.0.1/not-exported/file
also_fails cat not-a-url

# list
listing() {
    ls -lAn --time-style='+%Y-%m-%d %H:%M' "$1" | tail -n +2 | awk '{ $1 = $1; print }' >expected
    awk '{ $1 = $1; print }' out >printed
    diff expected printed >comparison || problem "list of $1: $(<comparison)"
}
works list "$url/listed"
listing "$EXPORT/listed"
works list "$url/empty"
listing "$EXPORT/empty"
fails list "$url/missing"
also_fails list "$url/secret"
also_fails list not-a-url

# stat
described() {
    sed -E '/^accessed/d; s/, [0-9]+ in use//' out >printed
    {
        stat -c 'file:     %n' "$1" | sed "s|$EXPORT|$url|"
        [[ ! -L $1 ]] || echo "target:   $(readlink "$1")"
        case $(stat -c %F "$1") in
        regular*) echo 'type:     regular file' ;;
        fifo) echo 'type:     FIFO' ;;
        *) echo "type:     $(stat -c %F "$1")" ;;
        esac
        stat -c 'size:     %s bytes' "$1"
        printf 'mode:     %04o\n' "0$(stat -c %a "$1")"
        stat -c 'owner:    %u, group %g' "$1"
        stat -c 'inode:    %i, names %h' "$1"
        stat -c 'modified: %y' "$1" | sed 's/+0000/UTC/'
        stat -c 'changed:  %z' "$1" | sed 's/+0000/UTC/'
    } >expected
    diff expected printed >comparison || problem "stat of $1: $(<comparison)"
}
names=(listed/link listed/old 20971520 listed listed/plain listed/program listed/broken listed/fifo)
((${#prefix[@]})) && names=("${names[@]:0:2}")
for name in "${names[@]}"; do
    works stat "$url/$name"
    described "$EXPORT/$name"
done
works stat "$url/"
grep -q '^type: *directory$' out || problem "stat of the export: $(<out)"
fails stat "$url/missing"
also_fails stat "$url/secret/below"
also_fails stat nfs://127.0.0.1/not-exported/file
also_fails stat not-a-url

# Both programs that copy, from the server to where
copies() {
    local size
    for size in "${sizes[@]}"; do
        works "$1" "$url/$size" "$url/to/$1-$size"
        same "$EXPORT/to/$1-$size" "local/$size" "$1 of $size bytes on the server"
        works "$1" "$url/$size" "local/$1-$size"
        same "local/$1-$size" "local/$size" "$1 of $size bytes from the server"
        rm -f "local/$1-$size"
    done
    works "$1" "$url/script" "$url/to/$1-script"
    [[ $(stat -c %a "$EXPORT/to/$1-script") == 750 ]] || problem "$1: other permissions than the source"

    fails "$1" "$url/missing" "$url/to/new"
    gone "$EXPORT/to/new" "$1 of a missing file"
    also_fails "$1" "$url/missing" local/new
    gone local/new "$1 of a missing file"
    also_fails "$1" "$url/directory" "$url/to/new"
    gone "$EXPORT/to/new" "$1 of a directory"
    fails "$1" "$url/secret$user" local/new
    gone local/new "$1 of a secret file"
    fails "$1" "$url/1" "$url/to/new$user"
    gone "$EXPORT/to/new" "$1 into a directory of another user"
    fails "$1" "$url/1" "$url/directory"
    also_fails "$1" "$url/1" "$url/missing/new"
    also_fails "$1" "$url/1" small
    also_fails "$1" "$url/1" missing/new
    also_fails "$1" "$url/1" nfs://127.0.0.1/not-exported/new
    fails "$1" "$url/4095" "$url/4095"
    same "$EXPORT/4095" local/4095 "$1 of a file onto itself"

    # Where there is not enough room.
    fails "$1" "$url/20971520" "nfs://127.0.0.1$EXPORT_OUTER/inner/part"
    gone "$EXPORT_OUTER/inner/part" "$1 to a full server"
    fails "$1" "$url/20971520" small/part
    gone small/part "$1 to a full disk"
}

copies copy
works copy "$url/20971520" local/copied
shown=$(tr '\r' '\n' <err | tail -n 1)
[[ $shown == 'copy: 20971520 of 20971520 bytes' ]] || problem "progress: $shown"
for size in "${sizes[@]}"; do
    works copy "local/$size" "$url/to/from-here-$size"
    same "$EXPORT/to/from-here-$size" "local/$size" "copy of $size bytes to the server"
done
works copy local/4095 local/copied
same local/copied local/4095 "copy over a larger local file"
works copy "$url/1" "$url/to/from-here-20971520"
same "$EXPORT/to/from-here-20971520" local/1 "copy over a larger file"
fails copy local/missing "$url/to/new"
fails copy small "$url/to/new"
gone "$EXPORT/to/new" "copy of a local directory"
fails copy "$url/1048577" full
[[ -c full ]] || problem "copy removed a device"

copies async-copy
fails async-copy "$url/0" "$url/to/async-copy-1048577"
same "$EXPORT/to/async-copy-1048577" local/1048577 "async-copy onto a file"
fails async-copy local/1 local/new
gone local/new "async-copy of a local file"

for program in async-copy cat copy list stat; do
    "./$program" 2>err
    status=$?
    ((status == 2)) && grep -q '^usage: ' err || problem "$program without arguments: status $status"
done
umount small
exit $((problems > 0))
"##;

/// Compiles the programs with these flags, and checks them with `library` in front of the loader's path and
/// `prefix` in front of each command.
fn check(flags: &[&str], library: Option<&str>, prefix: &str) {
    let lab = Lab::new();
    let programs = lab.path().join("programs");
    fs::create_dir(&programs).expect("a directory");
    for name in PROGRAMS {
        let source = support::project_root().join(format!("examples-c/{name}.c"));
        let strict: Vec<&str> = ["-std=c99", "-pedantic"].iter().chain(flags).copied().collect();
        support::compile_c(&source, &programs.join(name), &strict);
    }
    let mut command = lab.command("bash");
    command.args(["-c", CHECKS, "bash"]).arg(&programs).args(prefix.split_whitespace());
    if let Some(library) = library {
        command.env("LD_LIBRARY_PATH", library);
    }
    let finished = support::run(&mut command, Duration::from_secs(200));
    assert!(finished.success(), "the checks {}:\n{}{}", finished.how(), finished.stdout, finished.stderr);
}

fn check_ours(prefix: &str) {
    let directory = support::TempDir::new();
    let library = support::library_directory(directory.path()).display().to_string();
    let include = format!("-I{}", support::project_root().join("include").display());
    check(&[&include, &format!("-L{library}"), "-lnfs"], Some(&library), prefix);
}

#[test]
fn with_our_header_and_library() {
    if support::need(&["ganesha", "gcc"]) {
        check_ours("");
    }
}

#[test]
fn with_debians_header_and_library() {
    if support::need(&["ganesha", "gcc", "libnfs-dev"]) {
        let library = support::debian_library().expect("Debian's library");
        check(&[library.to_str().expect("a path")], None, "");
    }
}

#[test]
fn clean_in_valgrind() {
    if support::need(&["ganesha", "gcc", "valgrind"]) {
        check_ours(&support::checker());
    }
}

#[test]
fn every_program_is_tested() {
    let mut sources: Vec<String> = fs::read_dir(support::project_root().join("examples-c"))
        .expect("the examples")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(".c").map(str::to_owned))
        .collect();
    sources.retain(|name| name != "hello");
    sources.sort();
    assert_eq!(sources, PROGRAMS);
}
