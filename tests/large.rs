//! What is large: a directory of 100,000 entries, and a file with data on both sides of 4 GiB.

mod support;

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use support::Lab;

const LIMIT: Duration = Duration::from_secs(120);

fn script(lab: &Lab, script: &str, arguments: &[&Path]) -> String {
    let mut command = lab.command("bash");
    command.args(["-c", script, "bash"]).args(arguments);
    let finished = support::run(&mut command, LIMIT);
    assert!(finished.success(), "{script} {}:\n{}{}", finished.how(), finished.stdout, finished.stderr);
    finished.stdout
}

#[test]
fn a_directory_of_100_000_entries() {
    if !support::need(&["ganesha", "gcc", "libnfs13"]) {
        return;
    }
    let lab = Lab::new();
    let (program, library) = lab.program("large-directory");
    // The program is told by its name which library to look for; Debian's bears another.
    let debian = lab.path().join("debian");
    std::fs::create_dir(&debian).expect("a directory for Debian's library");
    let theirs = support::debian_library().expect("Debian's library");
    std::os::unix::fs::symlink(theirs, debian.join("libnfs.so.14")).expect("a link to Debian's library");
    let output = script(
        &lab,
        r#"
        mkdir "$EXPORT/many" || exit
        LD_LIBRARY_PATH=$2 "$1" "$EXPORT/many" make 100000 || exit
        for library in "$2" "$3"; do LD_LIBRARY_PATH=$library "$1" "$EXPORT/many" list || exit; done"#,
        &[&program, &library, &debian],
    );
    let values: Vec<(&str, &str)> = output.lines().filter_map(|line| line.split_once(' ')).collect();
    assert_eq!(values.len(), 12, "{output}");
    let (ours, theirs): (HashMap<_, _>, HashMap<_, _>) =
        (values[..6].iter().copied().collect(), values[6..].iter().copied().collect());
    // With "." and "..".
    assert_eq!((ours["entries"], ours["twice"], ours["odd"]), ("100002", "0", "0"), "{output}");
    assert_eq!((ours["entries"], ours["sum"]), (theirs["entries"], theirs["sum"]), "{output}");
    let resident: u32 = ours["resident"].parse().expect("a number of KiB");
    assert!(resident < 60 * 1024, "{output}");
    println!("{output}");
}

#[test]
fn a_file_on_both_sides_of_4_gib() {
    if !support::need(&["ganesha", "gcc"]) {
        return;
    }
    let lab = Lab::new();
    let (program, library) = lab.program("large-file");
    script(&lab, r#"LD_LIBRARY_PATH=$2 "$1" "$EXPORT""#, &[&program, &library]);
}
