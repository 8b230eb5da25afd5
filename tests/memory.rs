//! What the library keeps: nothing that a leak checker calls lost, little for a context that is idle, and no more than it
//! must under load.

mod support;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use support::Lab;

/// A command that runs the program with `prefix` before its name, the export and these arguments.
fn command(lab: &Lab, (program, library): &(impl AsRef<Path>, impl AsRef<Path>), prefix: &str) -> Command {
    let script = format!(
        r#"export LD_LIBRARY_PATH=$1; shift; program=$1; shift; exec {prefix} "$program" "$EXPORT" "$@""#
    );
    let mut command = lab.command("sh");
    command.args(["-c", &script, "sh"]).arg(library.as_ref()).arg(program.as_ref());
    command
}

fn passes(command: &mut Command, seconds: u64, what: &str) {
    let finished = support::run(command, Duration::from_secs(seconds));
    println!("{what}\n{}", finished.stdout);
    assert!(finished.success(), "{what} {}:\n{}{}", finished.how(), finished.stdout, finished.stderr);
}

/// Exactly as people check programs that use the library: every leak that is definite or possible is an error, and
/// nothing is suppressed.
#[test]
fn leak_checkers_find_nothing() {
    const VALGRIND: &str = "valgrind --quiet --leak-check=full --error-exitcode=99";
    if !support::need(&["ganesha", "gcc", "valgrind"]) {
        return;
    }
    let lab = Lab::new();
    let built = lab.program("leak-check");
    // Its letters are explained in the program.
    for how in ["-", "a", "n", "o", "t", "at", "e", "ae", "oe", "te"] {
        passes(command(&lab, &built, VALGRIND).arg(how), 120, &format!("leak-check {how}"));
    }
}

/// More than there are reserved ports, and more than many servers bear.
#[test]
fn thousands_of_contexts() {
    if !support::need(&["ganesha", "gcc"]) {
        return;
    }
    let lab = Lab::new();
    let built = lab.program("many-contexts");
    for (count, how) in [("5000", "sync"), ("1000", "async")] {
        passes(command(&lab, &built, "").args([count, how]), 150, &format!("many-contexts {count} {how}"));
    }
}

#[test]
fn under_load() {
    if !support::need(&["ganesha", "gcc"]) {
        return;
    }
    let lab = Lab::new();
    let built = lab.program("load-memory");
    passes(&mut command(&lab, &built, ""), 150, "load-memory");
}
