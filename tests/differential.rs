//! The C programs of `tests/differential/`, compiled once against Debian's libnfs, do the same on Debian's
//! `libnfs.so.13` and on ours, each in a fresh copy of the same tree on nfs-ganesha. What is meant to differ
//! is listed in `tests/differential/differences.txt`. On ours they also run under valgrind. What libnfs 4.0 does not
//! have yet is in `abi-14.c`, whose output is held against `abi-14.txt`.
//!
//! The test `coverage` tells which functions are called and how they end; to see its table:
//! `cargo test --test differential coverage -- --nocapture`.

mod support;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
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
    access auth caches callbacks chdir chmod chown exports handles limits link lock mkdir_rmdir mknod mount
    mount_async null open paths read_write readdir rename rpc seek settings slashes stat statvfs symlink times truncate
    unlink url utimes walk
}

/// The program that runs on ours only.
const ONLY_OURS: &str = "abi-14";

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

/// Compiles a program, with these flags as well.
fn compiled(lab: &Lab, name: &str, flags: &[&str]) -> PathBuf {
    let source = support::project_root().join(format!("tests/differential/{name}.c"));
    let program = lab.path().join(name);
    let all: Vec<String> = if name == ONLY_OURS {
        let include = support::project_root().join("include");
        vec![format!("-I{}", include.display()), support::library().display().to_string()]
    } else {
        vec![support::debian_library().expect("Debian's library").display().to_string()]
    };
    let all: Vec<&str> = flags.iter().copied().chain(all.iter().map(String::as_str)).collect();
    support::compile_c(&source, &program, &all);
    program
}

fn same_on_both(name: &str) {
    if !support::need(&["ganesha", "libnfs-dev", "gcc"]) {
        return;
    }
    let lab = Lab::new();
    let program = compiled(&lab, name, &[]);
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
    let program = compiled(&lab, name, &[]);
    let script =
        format!(r#"BRIEF=1 LD_LIBRARY_PATH=$2 exec {} "$1" "$EXPORT" "$EXPORT_RO""#, support::checker());
    let mut command = lab.command("sh");
    command.args(["-c", &script, "sh"]).arg(&program).arg(support::library_directory(lab.path()));
    let finished = support::run(&mut command, LIMIT);
    assert!(finished.success(), "{name} {} in valgrind:\n{}", finished.how(), finished.stderr);
    if name == ONLY_OURS {
        let expected = fs::read_to_string(support::project_root().join("tests/differential/abi-14.txt"));
        let expected = expected.expect("the expected output");
        for (printed, expected) in finished.stdout.lines().zip(expected.lines()) {
            assert_eq!(printed, expected);
        }
        assert_eq!(finished.stdout.lines().count(), expected.lines().count());
    }
}

#[test]
fn functions_of_abi_14() {
    clean_in_valgrind(ONLY_OURS);
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

/// The names of all programs, in order.
fn programs() -> Vec<String> {
    let mut names: Vec<String> = PROGRAMS.iter().map(|name| name.replace('_', "-")).collect();
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

/// One function of the library: its name, its prototype, and what docs/SYMBOLS.md says of it.
struct Function {
    name: String,
    prototype: String,
    state: String,
}

fn functions() -> Vec<Function> {
    let read = |path| fs::read_to_string(support::project_root().join(path)).expect("a list of functions");
    let symbols = read("docs/SYMBOLS.md");
    let state = |name: &str| {
        let row = symbols.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
        let row = row.unwrap_or_else(|| panic!("{name} is not in docs/SYMBOLS.md"));
        row.trim_matches(['|', ' '])
            .rsplit('|')
            .next()
            .unwrap_or_default()
            .trim_matches([' ', '*'])
            .to_owned()
    };
    read("tests/abi/functions-5.0.3.txt")
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| {
            let prototype =
                line.splitn(3, char::is_whitespace).nth(2).expect("a prototype").trim().to_owned();
            let name =
                prototype.split('(').next().expect("a name").rsplit([' ', '*']).next().expect("a name");
            Function { name: name.to_owned(), state: state(name), prototype }
        })
        .collect()
}

/// A C header that goes in front of a program and puts a macro of the same name around each function: it notes
/// how the call or its callback ended, as a line `FUNCTION ok` or `FUNCTION ERRNO` in the file `$CALLS`.
fn noting_header(functions: &[Function]) -> String {
    // Here a negative number is no errno, or no failure.
    const MINUS_ONE: &[&str] =
        &["nfs_service", "rpc_service", "nfs_set_version", "nfs_get_fd", "rpc_get_fd", "nfs_telldir"];
    const SETTINGS: &[&str] = &["nfs_get_timeout", "rpc_get_timeout", "nfs_get_poll_timeout"];
    let mut header = String::from(
        r#"
        #define _GNU_SOURCE
        #include <fcntl.h>
        #include <stdint.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <sys/stat.h>
        #include <sys/statvfs.h>
        #include <sys/time.h>
        #include <unistd.h>
        #include <utime.h>
        #include <nfsc/libnfs.h>
        #include <nfsc/libnfs-zdr.h>
        #include <nfsc/libnfs-raw.h>
        #include <nfsc/libnfs-raw-nfs.h>

        static void note(const char *function, const char *how)
        {
            static int file = -1;

            if (file < 0)
                file = open(getenv("CALLS"), O_WRONLY | O_CREAT | O_APPEND, 0644);
            dprintf(file, "%s %s\n", function, how);
        }

        __attribute__((unused)) static void note_result(const char *function, int64_t result)
        {
            const char *name = result < 0 && result > -4096 ? strerrorname_np(-(int)result) : NULL;

            note(function, result >= 0 ? "ok" : name ? name : "?");
        }

        struct noted { const char *function; nfs_cb callback; void *private_data; };

        __attribute__((unused)) static void note_callback(int status, struct nfs_context *context, void *data,
                                                          void *private_data)
        {
            struct noted *noted = private_data;

            note_result(noted->function, status);
            noted->callback(status, context, data, noted->private_data);
        }

        __attribute__((unused)) static struct noted *note_submission(const char *function, nfs_cb callback,
                                                                     void *private_data)
        {
            struct noted *noted = malloc(sizeof(*noted));

            *noted = (struct noted){function, callback, private_data};
            return noted;
        }
        "#,
    );
    for Function { name, prototype, .. } in functions {
        let (result, parameters) = prototype.split_once(name.as_str()).expect("a prototype");
        let macro_ = if parameters.contains("nfs_cb cb,") {
            // The parameters are numbered; the last two are the callback and its data.
            let count = parameters.split(',').count() - 2;
            let own: String = (0..count).map(|index| format!("p{index}, ")).collect();
            format!(
                r#"{name}({own}cb, data) ({{ int returned_ = {name}({own}note_callback, \
                       note_submission("{name}", cb, data)); \
                       if (returned_ != 0) note_result("{name}", returned_); returned_; }})"#
            )
        } else if result.contains('*') {
            format!(
                r#"{name}(...) ({{ {result} returned_ = {name}(__VA_ARGS__); \
                       note("{name}", returned_ ? "ok" : "NULL"); returned_; }})"#
            )
        } else if result.trim() == "void" || SETTINGS.contains(&name.as_str()) {
            format!(r#"{name}(...) (note("{name}", "ok"), {name}(__VA_ARGS__))"#)
        } else if MINUS_ONE.contains(&name.as_str()) {
            format!(
                r#"{name}(...) ({{ {result} returned_ = {name}(__VA_ARGS__); \
                       note("{name}", returned_ < 0 ? "-1" : "ok"); returned_; }})"#
            )
        } else {
            format!(
                r#"{name}(...) ({{ {result} returned_ = {name}(__VA_ARGS__); \
                       note_result("{name}", returned_); returned_; }})"#
            )
        };
        writeln!(header, "#define {macro_}").expect("a string to write to");
    }
    header
}

/// How the calls of one function have ended.
#[derive(Default)]
struct Outcomes {
    succeeded: usize,
    /// By the names of errnos; "NULL" or "-1" for functions that return no errno.
    failed: BTreeMap<String, usize>,
}

fn outcomes(notes: &str) -> HashMap<String, Outcomes> {
    let mut found: HashMap<String, Outcomes> = HashMap::new();
    for line in notes.lines() {
        let (function, how) = line.split_once(' ').expect("a function and its result");
        let outcomes = found.entry(function.to_owned()).or_default();
        match how {
            "ok" => outcomes.succeeded += 1,
            _ => *outcomes.failed.entry(how.to_owned()).or_default() += 1,
        }
    }
    found
}

/// How many of the border programs call a function, as their sources tell.
fn border_programs(function: &str, sources: &[String]) -> usize {
    let call = |source: &&String| {
        source.match_indices(function).any(|(at, _)| {
            let before = source[..at].chars().next_back();
            let after = &source[at + function.len()..];
            after.starts_with('(') && !before.is_some_and(|before| before.is_alphanumeric() || before == '_')
        })
    };
    sources.iter().filter(call).count()
}

fn border_sources() -> Vec<String> {
    let directory = support::project_root().join("tests/border");
    let read = |name: &str| fs::read_to_string(directory.join(name)).expect("a border program");
    let mut sources = Vec::new();
    for entry in fs::read_dir(&directory).expect("the border programs") {
        let name = entry.expect("an entry").file_name();
        let name = name.to_str().expect("a name in UTF-8");
        if name.ends_with(".c") {
            let mut source = read(name);
            for header in ["common.h", "every-call.h"] {
                if source.contains(&format!("\"{header}\"")) {
                    source += &read(header);
                }
            }
            sources.push(source);
        }
    }
    sources
}

/// Runs each of the programs after `$1` in its own tree, with a file of its own for its calls.
const RUN_NOTED: &str = r#"
export LD_LIBRARY_PATH=$1; shift
for program; do mkdir -p "$EXPORT/$program" "$EXPORT_RO/$program"; done
for program; do
    CALLS=$PWD/calls "./$program" "$EXPORT/$program" "$EXPORT_RO/$program" >/dev/null ||
        { echo "$program failed"; exit 1; }
done
"#;

#[test]
fn coverage() {
    if !support::need(&["ganesha", "libnfs-dev", "gcc"]) {
        return;
    }
    let lab = Lab::new();
    let functions = functions();
    let header = lab.path().join("noting.h");
    fs::write(&header, noting_header(&functions)).expect("a header");
    for name in programs() {
        compiled(&lab, &name, &["-O0", "-w", "-include", header.to_str().expect("a path")]);
    }
    let mut command = lab.command("bash");
    command.args(["-c", RUN_NOTED, "bash"]).arg(support::library_directory(lab.path())).args(programs());
    let finished = support::run(command.current_dir(lab.path()), LIMIT);
    assert!(finished.success(), "{} {}:\n{}", finished.stdout.trim(), finished.how(), finished.stderr);

    let outcomes = outcomes(&fs::read_to_string(lab.path().join("calls")).expect("the calls"));
    let border = border_sources();
    let mut table = String::from(
        "Calls of the programs in tests/differential, and how they end on this library. \"border\" is how many\n\
         programs of tests/border call the function.\n\n",
    );
    let mut row = |function: &str, succeeded: &str, border: &str, failed: &str| {
        let line = format!("{function:<34} {succeeded:>9} {border:>6}  {failed}");
        writeln!(table, "{}", line.trim_end()).expect("a string to write to");
    };
    row("function", "succeeded", "border", "failed");
    let mut without = Vec::new();
    for function in &functions {
        let at_border = border_programs(&function.name, &border);
        let (succeeded, failed) = match outcomes.get(&function.name) {
            Some(outcomes) => {
                let failed: Vec<String> =
                    outcomes.failed.iter().map(|(name, count)| format!("{name} {count}")).collect();
                (outcomes.succeeded.to_string(), failed.join(", "))
            }
            None if function.state == "works" => ("-".into(), String::new()),
            None => ("-".into(), format!("({})", function.state)),
        };
        if function.state == "works" && at_border == 0 && !outcomes.contains_key(&function.name) {
            without.push(&function.name);
        }
        row(&function.name, &succeeded, &at_border.to_string(), &failed);
    }
    println!("{table}");
    let directory = support::project_root().join("target/check");
    fs::create_dir_all(&directory).expect("a directory for the table");
    fs::write(directory.join("functions.txt"), table).expect("the table");
    assert!(without.is_empty(), "called by no program: {without:?}");
}
