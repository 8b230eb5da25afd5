//! The same programs beside the Linux kernel's server, all in one boot of `tests/lab/knfsd`. They run on the server's
//! machine, where the exports are directories.

use std::collections::HashMap;
use std::process::Command;
use std::time::Duration;

use super::compare::{Cases, compare, differences};
use super::{Abi, PROGRAMS, compiled, file_name, make};
use crate::support::{self, Lab};

/// What takes minutes on an emulated processor, with Debian's library, and what needs other exports.
const NOT_HERE: &[&str] = &["paths", "nested"];

/// Whether it is a matter of time how a case ends: Linux keeps a file open for a moment that has been read or written,
/// so that one which has been removed may still be there. And whether it is one of its kernel's release: not all refuse
/// times with more than a second of nanoseconds.
fn varies(program: &str, label: &str) -> bool {
    let odd = [".1000000", ".-1", ".2000000"].iter().any(|odd| label.ends_with(odd));
    program == "utimes" && odd
        || program != "removed" && (label.contains("removed") || label.contains("after rename over"))
}

/// Runs each program that is named, on Debian's library ($2) and on ours ($3) side by side. Prints a head for each, then
/// what it has printed.
const RUN_ALL: &str = r#"
directory=$1 libnfs=$2 tested=$3; shift 3
mkdir -p "/tmp/outputs"; cd /tmp/outputs || exit
run() {
    mkdir -p "$EXPORT/$2" "$EXPORT_RO/$2"
    LD_LIBRARY_PATH=$3 timeout 120 "$directory/$1" "$EXPORT/$2" "$EXPORT_RO/$2" >"$1.$2" 2>&1 </dev/null
    echo $? >"$1.$2.status"
}
for program; do
    begun=$SECONDS
    run "$program" libnfs "$libnfs" &
    # Both fill one file system.
    [[ $program != limits ]] || wait
    run "$program" tested "$tested"
    wait
    for name in libnfs tested; do
        echo "==== $program $name $(<"$program.$name.status") $((SECONDS - begun)) s"
        cat "$program.$name"
        chmod -R u+rwx "$EXPORT/$name" 2>/dev/null; rm -rf "${EXPORT:?}/$name" "${EXPORT_RO:?}/$name"
    done
done
"#;

/// The output of each program on each library, by the two names, and its status.
fn outputs(printed: &str) -> HashMap<(String, String), (String, Cases)> {
    let mut found = HashMap::new();
    for part in printed.split("==== ").skip(1) {
        let (head, text) = part.split_once('\n').unwrap_or((part, ""));
        let mut words = head.split(' ').map(str::to_owned);
        let mut word = || words.next().unwrap_or_default();
        let (program, library, status) = (word(), word(), word());
        println!("{head}");
        let mut cases = Cases::parse(text);
        cases.forget(|label| varies(&program, label));
        found.insert((program, library), (status, cases));
    }
    found
}

/// As beside nfs-ganesha, with the differences that are listed for the kernel's server.
fn same_on_both(names: &[String], limit: Duration) {
    if !support::need(&["knfsd", "libnfs-dev", "gcc"]) {
        return;
    }
    let lab = Lab::new();
    for name in names {
        compiled(&lab, name, &Abi::V13.flags());
    }
    let debian = support::debian_library().expect("Debian's library");
    let script = lab.path().join("run-all");
    std::fs::write(&script, RUN_ALL).expect("a script");
    let library = make::library_13();
    let words = [
        "bash",
        script.to_str().expect("a path"),
        lab.path().to_str().expect("a path"),
        debian.parent().and_then(|directory| directory.to_str()).expect("a directory"),
        library.to_str().expect("a path"),
    ];
    let mut command = Command::new(support::project_root().join("tests/lab/knfsd"));
    let environment = "EXPORT=$EXPORT EXPORT_RO=$EXPORT_RO EXPORT_OUTER=$EXPORT_CROSSING";
    let inside = format!(r#""$KNFSD_CONTROL" host "{environment} {} {}""#, words.join(" "), names.join(" "));
    command.args(["bash", "-c", &inside]).env("TMPDIR", lab.path());
    let finished = support::run(&mut command, limit);
    assert!(finished.success(), "the run {}:\n{}{}", finished.how(), finished.stdout, finished.stderr);

    let outputs = outputs(&finished.stdout);
    let mut listed = differences();
    listed.retain(|difference| !varies(&difference.program, &difference.label));
    let mut problems = Vec::new();
    for name in names {
        let run = |library: &str| outputs.get(&(name.clone(), library.into())).expect("an output");
        let ((theirs_ended, theirs), (ours_ended, ours)) = (run("libnfs"), run("tested"));
        if ours_ended != "0" || theirs_ended != "0" {
            problems.push(format!("{name} ended with {theirs_ended} on libnfs, {ours_ended} on ours"));
        }
        problems.extend(compare(name, &[Abi::V13.word(), "knfsd"], theirs, ours, &listed));
    }
    assert!(problems.is_empty(), "{} differences:\n\n{}", problems.len(), problems.join("\n"));
}

#[test]
fn programs() {
    let names = PROGRAMS.iter().filter(|name| !NOT_HERE.contains(name)).map(|name| file_name(name));
    same_on_both(&names.collect::<Vec<_>>(), Duration::from_secs(500));
}
