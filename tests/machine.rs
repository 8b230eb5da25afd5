//! What the project asks of the machine: packages, files in /etc, and no more crates than needed. `tests/fresh-root` runs
//! everything on a machine that has next to nothing.

mod support;

use std::process::Command;
use std::time::Duration;

use support::{Lab, need, project_root, run};

/// Debian's debootstrap makes no /etc/mtab, in which nfs-ganesha looks for the file systems that it is to export.
#[test]
fn the_server_works_without_mtab() {
    if !need(&["ganesha", "gcc"]) {
        return;
    }
    const WITHOUT_MTAB: &str = r#"
        cp -a /etc "$TMPDIR/etc"; rm -f "$TMPDIR/etc/mtab"; mount --bind "$TMPDIR/etc" /etc || exit
        [ ! -e /etc/mtab ] && exec "$@""#;
    let lab = Lab::new();
    let (program, library) = lab.program("mount");
    let server = lab.command("sh");
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c", WITHOUT_MTAB, "sh"]);
    command.arg(server.get_program()).args(server.get_args());
    command
        .args(["-c", r#"LD_LIBRARY_PATH=$2 exec "$1" 127.0.0.1 "$EXPORT" 10000"#, "sh"])
        .args([&program, &library]);
    let finished = run(command.env("TMPDIR", lab.path()), Duration::from_secs(60));
    // "STATUS MILLISECONDS SENTENCE"
    assert!(finished.stdout.starts_with("0 "), "{}:\n{}{}", finished.how(), finished.stdout, finished.stderr);
}

#[test]
fn nothing_is_installed_against_the_users_will() {
    let mut command = Command::new(project_root().join("tests/setup"));
    let finished = run(command.arg("no-such-package").env("SETUP", "no"), Duration::from_secs(10));
    assert!(!finished.success());
    if need(&["apt-get"]) {
        assert!(finished.stderr.contains("because of SETUP=no"), "{}", finished.stderr);
    }
}

/// `make demo` is the first thing that anyone runs: it does not build what only the tests need.
#[test]
fn the_demo_builds_no_development_dependency() {
    let mut plan = Command::new("make");
    plan.args(["--dry-run", "--always-make", "demo"]).current_dir(project_root());
    plan.env_remove("MAKEFLAGS").env_remove("LIBNFS_ABI");
    let plan = run(&mut plan, Duration::from_secs(10));
    let builds: Vec<&str> = plan.stdout.lines().filter(|line| line.contains("cargo build")).collect();
    assert_eq!(builds.len(), 2, "{}{}", plan.stdout, plan.stderr);
    assert!(builds[0].contains(" --lib ") && builds[1].contains(" --package demo-server "), "{builds:?}");

    // Cargo builds the development dependencies of a package for its tests and examples only.
    let mut tree = Command::new("cargo");
    tree.args(["tree", "--workspace", "--edges", "normal,build", "--prefix", "none"])
        .current_dir(project_root());
    let tree = run(&mut tree, Duration::from_secs(60));
    assert!(tree.success() && tree.stdout.contains("nfs3_server"), "{}", tree.stderr);
    for package in ["cbindgen", "proptest", "serde"] {
        assert!(!tree.stdout.contains(package), "{}", tree.stdout);
    }
}
