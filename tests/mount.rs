//! How many round trips a mount costs, counted on the wire, connections included.

mod support;

use std::fs;
use std::time::Duration;

use support::Lab;

/// Counts the round trips of one mount with the library under test.
fn round_trips() -> u32 {
    let lab = Lab::new();
    let source = support::project_root().join("tests/programs/mount.c");
    let (program, count) = (lab.path().join("mount"), lab.path().join("count"));
    let library = support::library_directory(lab.path());
    let include = format!("-I{}", support::project_root().join("include").display());
    support::compile_c(&source, &program, &[&include, &format!("-L{}", library.display()), "-lnfs"]);

    let counter = support::project_root().join("tests/lab/round-trips");
    let script = r#"LD_LIBRARY_PATH=$1 exec "$2" "$3" "$4" 127.0.0.1 "$EXPORT""#;
    let mut command = lab.command("sh");
    command.args(["-c", script, "sh"]).args([&library, &counter, &count, &program]);
    let finished = support::run(&mut command, Duration::from_secs(60));
    assert!(finished.success(), "mount {}:\n{}", finished.how(), finished.stderr);
    fs::read_to_string(count).expect("a count").trim().parse().expect("a number")
}

#[test]
fn a_mount_takes_five_round_trips() {
    if support::need(&["ganesha", "gcc", "python3"]) {
        assert_eq!(round_trips(), 5);
    }
}
