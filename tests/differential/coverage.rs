//! Which functions the programs call on ours, and how the calls end.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::fs;

use crate::support::{self, Lab};
use crate::{LIMIT, compiled, flags_for_ours, programs};

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
        let noting = ["-O0", "-w", "-include", header.to_str().expect("a path")];
        let flags = noting.into_iter().map(str::to_owned).chain(flags_for_ours(&name));
        compiled(&lab, &name, &flags.collect::<Vec<_>>());
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
