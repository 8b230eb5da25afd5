//! Many threads, many contexts, many calls: results, and what the process is left with. `make soak` runs the same for
//! longer, and under sanitizers.

mod support;

use std::time::Duration;

use support::Lab;

/// Runs `tests/programs/NAME.c` with the export and these arguments.
fn run(name: &str, arguments: &[&str]) {
    if !support::need(&["ganesha", "gcc"]) {
        return;
    }
    let lab = Lab::new();
    let (program, library) = lab.program(name);
    let mut command = lab.command("sh");
    command.args([
        "-c",
        r#"export LD_LIBRARY_PATH=$1; shift; program=$1; shift; exec "$program" "$EXPORT" "$@""#,
    ]);
    command.arg("sh").arg(&library).arg(&program).args(arguments);
    let finished = support::run(&mut command, Duration::from_secs(150));
    println!("{}", finished.stdout);
    assert!(finished.success(), "{name} {}:\n{}{}", finished.how(), finished.stdout, finished.stderr);
}

#[test]
fn threads_and_contexts() {
    run("stress", &["5"]);
}

#[test]
fn descriptors_and_memory() {
    run("growth", &["100", "6000"]);
}

#[test]
fn an_event_loop_beside_threads() {
    run("wakeups", &["6"]);
}
