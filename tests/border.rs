//! The C programs of `tests/border/` hold the library to what it promises at its border, where libnfs crashes or
//! hangs: each runs beside nfs-ganesha, plainly and under valgrind.

mod support;

use std::fs;
use std::time::Duration;

use support::Lab;

macro_rules! programs {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            keeps_its_promises(&stringify!($name).replace('_', "-"));
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
    acl arguments closed counts destroy failed_mount fork gone_server reentry rpc service_thread settings threads umount
    unmounted
}

/// Compiles a program against our header and library, and runs it in a lab with `prefix` before its name.
fn run(name: &str, prefix: &str) {
    let lab = Lab::new();
    let source = support::project_root().join(format!("tests/border/{name}.c"));
    let program = lab.path().join(name);
    let library = support::library_directory(lab.path());
    let include = support::project_root().join("include");
    let flags = [format!("-I{}", include.display()), format!("-L{}", library.display()), "-lnfs".into()];
    support::compile_c(&source, &program, &flags.each_ref().map(String::as_str));

    let script = format!(r#"LD_LIBRARY_PATH=$2 exec {prefix} "$1" "$EXPORT" "$EXPORT_RO""#);
    let mut command = lab.command("sh");
    command.args(["-c", &script, "sh"]).arg(&program).arg(&library);
    let finished = support::run(&mut command, Duration::from_secs(120));
    let report = format!("{}{}", finished.stdout, finished.stderr);
    assert!(finished.success(), "{name} {}:\n{report}", finished.how());
}

fn keeps_its_promises(name: &str) {
    if support::need(&["ganesha", "gcc"]) {
        run(name, "");
    }
}

fn clean_in_valgrind(name: &str) {
    if support::need(&["ganesha", "gcc", "valgrind"]) {
        run(name, &support::checker());
    }
}

#[test]
fn every_program_is_listed() {
    let directory = support::project_root().join("tests/border");
    let mut sources: Vec<String> = fs::read_dir(directory)
        .expect("the programs")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(".c").map(str::to_owned))
        .collect();
    sources.sort();
    let listed: Vec<String> = PROGRAMS.iter().map(|name| name.replace('_', "-")).collect();
    assert_eq!(sources, listed);
}
