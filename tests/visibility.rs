//! What is remembered of directories and files never hides what another client has done: with our library, and with
//! Debian's, as the other client.

mod support;

use std::path::Path;
use std::time::Duration;

use support::Lab;

fn changes_are_seen(other: impl FnOnce(&Path) -> std::path::PathBuf) {
    let lab = Lab::new();
    let source = support::project_root().join("tests/programs/visible.c");
    let program = lab.path().join("visible");
    let debian = support::debian_library().expect("Debian's library");
    support::compile_c(&source, &program, &[&debian.display().to_string()]);
    let ours = support::library_directory(lab.path());
    let other = other(&ours);
    let mut command = lab.command("sh");
    command.args(["-c", r#"LD_LIBRARY_PATH=$2 exec "$1" 127.0.0.1 "$EXPORT" "$3""#, "sh"]);
    command.arg(&program).arg(&ours).arg(other);
    let finished = support::run(&mut command, Duration::from_secs(60));
    assert!(finished.success(), "visible {}:\n{}{}", finished.how(), finished.stdout, finished.stderr);
}

#[test]
fn changes_of_a_context_in_another_process() {
    if support::need(&["ganesha", "libnfs-dev", "gcc"]) {
        changes_are_seen(Path::to_path_buf);
    }
}

#[test]
fn changes_of_a_client_with_libnfs() {
    if support::need(&["ganesha", "libnfs-dev", "gcc"]) {
        let debian = support::debian_library().expect("Debian's library");
        changes_are_seen(|_| debian.parent().expect("a directory").to_path_buf());
    }
}
