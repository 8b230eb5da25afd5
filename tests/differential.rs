//! The C programs of `tests/differential/`, compiled once against Debian's libnfs, do the same on Debian's
//! `libnfs.so.13` and on ours, each in a fresh copy of the same tree on nfs-ganesha. What is meant to differ
//! is listed in `tests/differential/differences.txt`. On ours they also run under valgrind.

mod support;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use support::Lab;

macro_rules! programs {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            same_on_both(&stringify!($name).replace('_', "-"));
        })*

        mod valgrind {
            $(#[test]
            fn $name() {
                super::clean_in_valgrind(&stringify!($name).replace('_', "-"));
            })*
        }

        const PROGRAMS: &[&str] = &[$(stringify!($name)),*];
    };
}

programs! {
    access callbacks chdir chmod chown exports link mkdir_rmdir mknod mount null open read_write readdir rename
    seek settings stat statvfs symlink truncate unlink url utimes walk
}

/// Runs a program ($1) for each pair of a name and a library directory that follows, in trees made before the
/// first look of any client. Leaves NAME.out and NAME.status in the current directory.
const RUN_EACH: &str = r#"
program=$1; shift
for argument; do
    mkdir -p "$EXPORT/${argument%%=*}" "$EXPORT_RO/${argument%%=*}"
done
for argument; do
    name=${argument%%=*}
    LD_LIBRARY_PATH=${argument#*=} "$program" "$EXPORT/$name" "$EXPORT_RO/$name" >"$name.out" 2>&1
    echo $? >"$name.status"
done
"#;

const LIMIT: Duration = Duration::from_secs(150);

fn compiled(lab: &Lab, name: &str) -> PathBuf {
    let source = support::project_root().join(format!("tests/differential/{name}.c"));
    let program = lab.path().join(name);
    let library = support::debian_library().expect("Debian's library");
    support::compile_c(&source, &program, &[library.to_str().expect("a path")]);
    program
}

fn same_on_both(name: &str) {
    if !support::need(&["ganesha", "libnfs-dev", "gcc"]) {
        return;
    }
    let lab = Lab::new();
    let program = compiled(&lab, name);
    let debian = support::debian_library().expect("Debian's library");
    // Names of equal length: they are part of paths.
    let theirs = format!("libnfs={}", debian.parent().expect("a directory").display());
    let ours = format!("tested={}", support::library_directory(lab.path()).display());
    let mut command = lab.command("sh");
    command.args(["-c", RUN_EACH, "sh"]).arg(&program).args([&theirs, &ours]).current_dir(lab.path());
    let finished = support::run(&mut command, LIMIT);
    assert!(finished.success(), "the run {}:\n{}", finished.how(), finished.stderr);

    let theirs = Cases::read(&lab.path().join("libnfs.out"));
    let ours = Cases::read(&lab.path().join("tested.out"));
    for run in ["libnfs", "tested"] {
        let status = fs::read_to_string(lab.path().join(format!("{run}.status"))).expect("a status");
        let output = fs::read(lab.path().join(format!("{run}.out"))).expect("an output");
        let end = String::from_utf8_lossy(&output).lines().rev().take(5).collect::<Vec<_>>().join("\n    ");
        assert_eq!(status.trim(), "0", "{name} on {run} failed; its last lines, backwards:\n    {end}");
    }
    let problems = compare(name, &theirs, &ours, &differences());
    assert!(problems.is_empty(), "{} differences:\n\n{}", problems.len(), problems.join("\n"));
}

fn clean_in_valgrind(name: &str) {
    if !support::need(&["ganesha", "libnfs-dev", "gcc", "valgrind"]) {
        return;
    }
    let lab = Lab::new();
    let program = compiled(&lab, name);
    let script = format!(r#"LD_LIBRARY_PATH=$2 exec {} "$1" "$EXPORT" "$EXPORT_RO""#, support::VALGRIND);
    let mut command = lab.command("sh");
    command.args(["-c", &script, "sh"]).arg(&program).arg(support::library_directory(lab.path()));
    let finished = support::run(&mut command, LIMIT);
    assert!(finished.success(), "{name} {} in valgrind:\n{}", finished.how(), finished.stderr);
}

/// The lines of an output, in order: label, how often the label occurred before, and the rest.
struct Cases {
    lines: Vec<(String, usize, String)>,
}

impl Cases {
    fn read(path: &Path) -> Self {
        let bytes = fs::read(path).expect("the output of a program");
        let mut seen = HashMap::new();
        let lines = String::from_utf8_lossy(&bytes)
            .lines()
            .map(|line| {
                let (label, value) = line.split_once(": ").unwrap_or((line, ""));
                let count: &mut usize = seen.entry(label.to_owned()).or_default();
                *count += 1;
                (label.to_owned(), *count, value.trim_end().to_owned())
            })
            .collect();
        Self { lines }
    }

    fn value(&self, label: &str, count: usize) -> &str {
        let found = self.lines.iter().find(|line| line.0 == label && line.1 == count);
        found.map_or(NO_LINE, |line| &line.2)
    }
}

const NO_LINE: &str = "(no line)";

/// One deliberate difference.
#[derive(Debug, PartialEq)]
struct Difference {
    program: String,
    label: String,
    theirs: String,
    ours: String,
}

/// Reads the table of deliberate differences; its head explains the form.
fn differences() -> Vec<Difference> {
    let path = support::project_root().join("tests/differential/differences.txt");
    let text = fs::read_to_string(path).expect("the table of differences");
    let mut lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut found = Vec::new();
    while let Some(head) = lines.next() {
        let (program, label) = head.split_once(": ").unwrap_or_else(|| panic!("no label in {head:?}"));
        let mut value = |sign| {
            let line = lines.next().unwrap_or_default();
            line.strip_prefix(sign).unwrap_or_else(|| panic!("{line:?} after {head:?}")).trim().to_owned()
        };
        let (theirs, ours) = (value('-'), value('+'));
        found.push(Difference { program: program.into(), label: label.into(), theirs, ours });
    }
    found
}

/// Describes what differs without being listed, and what is listed without differing.
fn compare(program: &str, theirs: &Cases, ours: &Cases, listed: &[Difference]) -> Vec<String> {
    let mut listed: Vec<&Difference> = listed.iter().filter(|listed| listed.program == program).collect();
    let only_ours = ours.lines.iter().filter(|line| theirs.value(&line.0, line.1) == NO_LINE);
    let mut problems = Vec::new();
    for (label, count, _) in theirs.lines.iter().chain(only_ours) {
        let (theirs, ours) = (theirs.value(label, *count), ours.value(label, *count));
        if theirs == ours {
            continue;
        }
        let same =
            |listed: &&Difference| listed.label == *label && listed.theirs == theirs && listed.ours == ours;
        match listed.iter().position(same) {
            Some(index) => {
                listed.remove(index);
            }
            None => problems.push(format!("{program}: {label}\n- {theirs}\n+ {ours}\n")),
        }
    }
    problems.extend(listed.iter().map(|listed| format!("listed, but not found: {listed:#?}")));
    problems
}

#[test]
fn every_program_is_listed() {
    let directory = support::project_root().join("tests/differential");
    let mut sources: Vec<String> = fs::read_dir(directory)
        .expect("the programs")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(".c").map(str::to_owned))
        .collect();
    sources.sort();
    let mut listed: Vec<String> = PROGRAMS.iter().map(|name| name.replace('_', "-")).collect();
    listed.sort();
    assert_eq!(sources, listed);
    for difference in differences() {
        assert!(sources.contains(&difference.program), "no program for {difference:?}");
    }
}
