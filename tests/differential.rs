//! The C programs of `tests/differential/`, compiled against a release of libnfs, do the same on it and on ours, each
//! in a fresh copy of the same tree on a server: beside libnfs 4.0 (Debian 12's) our library of ABI 13, beside libnfs
//! 5.0 (Debian 13's, which `tests/lab/libnfs14` fetches) that of ABI 14. The server is nfs-ganesha and, in [`knfsd`], the
//! Linux kernel's. What is meant to differ is listed in `tests/differential/differences.txt`. On ours they also run under
//! valgrind.
//!
//! `abi-14.c` calls what libnfs 4.0 does not have yet, `since-5.0.3.c` what libnfs 5.0.2 does not have either: its output
//! is held against `since-5.0.3.txt`.
//!
//! The test `coverage` tells which functions are called and how they end; to see its table:
//! `cargo test --test differential coverage -- --nocapture`.

#[path = "differential/knfsd.rs"]
mod knfsd;
mod make;
mod support;

#[path = "differential/compare.rs"]
mod compare;
#[path = "differential/coverage.rs"]
mod coverage;
#[path = "differential/dialects.rs"]
mod dialects;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use compare::{Cases, compare, differences};
use support::Lab;

macro_rules! programs {
    (all: $($name:ident)*; abi_14: $($newer:ident)*) => {
        mod abi_13 {
            $(#[test]
            fn $name() {
                super::same_on_both(stringify!($name), super::Abi::V13, &super::GANESHA);
            })*
        }

        mod abi_14 {
            $(#[test]
            fn $name() {
                super::same_on_both(stringify!($name), super::Abi::V14, &super::GANESHA);
            })*
            $(#[test]
            fn $newer() {
                super::same_on_both(stringify!($newer), super::Abi::V14, &super::GANESHA);
            })*
        }

        mod valgrind {
            $(#[test]
            fn $name() {
                super::clean_in_valgrind(&super::file_name(stringify!($name)));
            })*
            $(#[test]
            fn $newer() {
                super::clean_in_valgrind(&super::file_name(stringify!($newer)));
            })*

            #[test]
            fn since_5_0_3() {
                super::as_expected(&super::clean_in_valgrind(super::ONLY_OURS));
            }
        }

        const PROGRAMS: &[&str] = &[$(stringify!($name)),*];
        const NEWER_PROGRAMS: &[&str] = &[$(stringify!($newer)),*];
    };
}

programs! {
    all: access auth caches callbacks chdir chmod chown exports fork handles limits link lock mkdir_rmdir mknod mount
        mount_async nested null open paths read_write readdir removed rename rpc seek settings slashes stat statuses
        statvfs symlink times truncate unlink url utimes walk;
    abi_14: abi_14
}

/// The program that runs on ours only.
const ONLY_OURS: &str = "since-5.0.3";

/// The interface that a program is compiled for, and with it the libnfs that it is run on beside ours.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Abi {
    /// Debian 12's libnfs 4.0.0.
    V13,
    /// Debian 13's libnfs 5.0.2, which has its own C library.
    V14,
}

/// Where programs run. To add a server, write a script like `tests/lab/ganesha`, a constant, and a module of tests.
struct Server {
    /// The script of `tests/lab`, and the word for it in differences.txt.
    name: &'static str,
    /// What runs the shell command that is its argument where the exports are local directories.
    shell: &'static str,
}

const GANESHA: Server = Server { name: "ganesha", shell: "sh -c" };

/// Runs a program ($1) for each pair of a name and a command prefix that follows, in trees made before the first look
/// of any client. Leaves NAME.out and NAME.status in the current directory.
const RUN_EACH: &str = r#"
program=$1; shift
for argument; do
    $ON_SERVER "mkdir -p '$EXPORT/${argument%%=*}' '$EXPORT_RO/${argument%%=*}'"
done
for argument; do
    name=${argument%%=*}
    $ON_SERVER "exec ${argument#*=} '$program' '$EXPORT/$name' '$EXPORT_RO/$name'" >"$name.out" 2>&1
    echo $? >"$name.status"
done
"#;

const LIMIT: Duration = Duration::from_secs(150);

/// The name of a program's file.
fn file_name(test: &str) -> String {
    test.replace('_', "-")
}

impl Abi {
    /// What the comparison needs.
    fn needs(self) -> [&'static str; 3] {
        ["ganesha", "gcc", if self == Self::V13 { "libnfs-dev" } else { "libnfs14" }]
    }

    /// The flags for a program, with the headers of the release.
    fn flags(self) -> Vec<String> {
        match self {
            Self::V13 => vec![support::debian_library().expect("Debian's library").display().to_string()],
            Self::V14 => vec![
                format!("-I{}", support::libnfs14().join("include").display()),
                // This library needs a newer C library than there is here.
                "-Wl,--allow-shlib-undefined".into(),
                support::libnfs14().join("lib/libnfs.so.14").display().to_string(),
            ],
        }
    }

    /// What goes in front of a program to run it on libnfs.
    fn theirs(self) -> String {
        match self {
            Self::V13 => on_library_of(
                support::debian_library().expect("Debian's library").parent().expect("a directory"),
            ),
            Self::V14 => {
                let lib = support::libnfs14().join("lib");
                format!("'{0}/ld.so' --library-path '{0}'", lib.display())
            }
        }
    }

    /// What goes in front of a program to run it on ours.
    fn ours(self, lab: &Lab) -> String {
        match self {
            Self::V13 => on_library_of(&make::library_13()),
            Self::V14 => on_library_of(&support::library_directory(lab.path())),
        }
    }

    /// The word in differences.txt.
    fn word(self) -> &'static str {
        if self == Self::V13 { "13" } else { "14" }
    }
}

fn on_library_of(directory: &Path) -> String {
    format!("env LD_LIBRARY_PATH='{}'", directory.display())
}

/// Compiles a program, with these flags as well.
fn compiled(lab: &Lab, name: &str, flags: &[String]) -> PathBuf {
    let source = support::project_root().join(format!("tests/differential/{name}.c"));
    let program = lab.path().join(name);
    support::compile_c(&source, &program, &flags.iter().map(String::as_str).collect::<Vec<_>>());
    program
}

/// The flags for a program that runs on ours only: old ones with the headers of libnfs 4.0, which they must not need
/// anything newer than.
fn flags_for_ours(name: &str) -> Vec<String> {
    if PROGRAMS.iter().any(|program| file_name(program) == name) {
        return Abi::V13.flags();
    }
    let include = support::project_root().join("include");
    vec![format!("-I{}", include.display()), support::library().display().to_string()]
}

fn same_on_both(test: &str, abi: Abi, server: &Server) {
    if !support::need(&abi.needs()) {
        return;
    }
    let name = &file_name(test);
    let lab = Lab::new();
    let program = compiled(&lab, name, &abi.flags());
    // Names of equal length: they are part of paths.
    let (theirs, ours) = (format!("libnfs={}", abi.theirs()), format!("tested={}", abi.ours(&lab)));
    let mut command = lab.beside(server.name, "sh");
    command.args(["-c", RUN_EACH, "sh"]).arg(&program).args([&theirs, &ours]).current_dir(lab.path());
    let finished = support::run(command.env("ON_SERVER", server.shell), LIMIT);
    assert!(finished.success(), "the run {}:\n{}", finished.how(), finished.stderr);

    let theirs = Cases::read(&lab.path().join("libnfs.out"));
    let ours = Cases::read(&lab.path().join("tested.out"));
    for run in ["libnfs", "tested"] {
        let status = fs::read_to_string(lab.path().join(format!("{run}.status"))).expect("a status");
        let output = fs::read(lab.path().join(format!("{run}.out"))).expect("an output");
        let end = String::from_utf8_lossy(&output).lines().rev().take(5).collect::<Vec<_>>().join("\n    ");
        assert_eq!(status.trim(), "0", "{name} on {run} failed; its last lines, backwards:\n    {end}");
    }
    let problems = compare(name, &[abi.word(), server.name], &theirs, &ours, &differences());
    assert!(problems.is_empty(), "{} differences:\n\n{}", problems.len(), problems.join("\n"));
}

/// Runs a program on ours in valgrind; returns what it printed.
fn clean_in_valgrind(name: &str) -> String {
    if !support::need(&["ganesha", "libnfs-dev", "gcc", "valgrind"]) {
        return String::new();
    }
    let lab = Lab::new();
    let program = compiled(&lab, name, &flags_for_ours(name));
    let script =
        format!(r#"BRIEF=1 LD_LIBRARY_PATH=$2 exec {} "$1" "$EXPORT" "$EXPORT_RO""#, support::checker());
    let mut command = lab.command("sh");
    command.args(["-c", &script, "sh"]).arg(&program).arg(support::library_directory(lab.path()));
    let finished = support::run(&mut command, LIMIT);
    assert!(finished.success(), "{name} {} in valgrind:\n{}", finished.how(), finished.stderr);
    finished.stdout
}

/// Holds what [`ONLY_OURS`] printed against what it should; it has printed nothing when it was skipped.
fn as_expected(printed: &str) {
    let expected = include_str!("differential/since-5.0.3.txt");
    assert!(printed.is_empty() || printed == expected, "printed:\n{printed}\nexpected:\n{expected}");
}

/// The names of all programs, in order.
fn programs() -> Vec<String> {
    let mut names: Vec<String> = PROGRAMS.iter().chain(NEWER_PROGRAMS).map(|name| file_name(name)).collect();
    names.push(ONLY_OURS.into());
    names.sort();
    names
}

#[test]
fn every_program_is_listed() {
    let directory = support::project_root().join("tests/differential");
    let mut sources: Vec<String> = fs::read_dir(directory)
        .expect("the programs")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(".c").map(str::to_owned))
        .collect();
    sources.sort();
    assert_eq!(sources, programs());
    for difference in differences() {
        assert!(sources.contains(&difference.program), "no program for {difference:?}");
    }
}
