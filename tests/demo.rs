//! The first things that anyone tries: `make demo`, and the examples of the README, run as they stand there.

mod make;
mod support;

use std::ffi::OsString;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, fs};

use make::make;
use support::{TempDir, need, project_root, run};

#[test]
fn make_demo() {
    if !need(&["make", "cc", "python3"]) {
        return;
    }
    // Builds what is missing.
    make(&["demo"]);
    let mut best = Duration::MAX;
    for _ in 0..3 {
        let start = Instant::now();
        let shown = make(&["demo"]).stdout;
        best = best.min(start.elapsed());
        for language in ["C", "Python"] {
            let read = format!("read   /hello/greeting.txt: Hello from {language}, over NFS.");
            assert!(shown.contains(&read), "{shown}");
        }
        for step in ["mount ", "mkdir ", "write ", "list ", "stat ", "remove "] {
            let times = shown.lines().filter(|line| line.starts_with(step)).count();
            assert_eq!(times, 2, "{step}: {shown}");
        }
    }
    assert!(best < Duration::from_secs(1), "{best:?}");
}

#[test]
fn readme_link() {
    if need(&["make", "cc", "pkg-config", "strip"]) {
        make(&["all"]);
        run_section("Link", &[]);
    }
}

#[test]
fn readme_preload() {
    if need(&["make", "nfs-ls", "libnfs13"]) {
        make::library_13();
        run_section("Preload", &[]);
    }
}

#[test]
fn readme_ctypes() {
    if need(&["make", "python3"]) {
        make(&["all"]);
        run_section("ctypes", &[]);
    }
}

#[test]
fn readme_cffi() {
    let cffi = |python: &&str| {
        let output = Command::new(python).args(["-c", "import cffi"]).output();
        output.is_ok_and(|output| output.status.success())
    };
    let Some(python) = ["python3", "/usr/bin/python3"].into_iter().find(cffi) else {
        need(&["python3-cffi"]);
        return;
    };
    if need(&["make"]) {
        make(&["all"]);
        run_section("cffi", &[("python3", python)]);
    }
}

/// A fenced block of the README.
struct Block<'a> {
    language: &'a str,
    text: String,
}

/// The blocks below a heading, up to the next one.
fn section<'a>(readme: &'a str, heading: &str) -> Vec<Block<'a>> {
    let mut blocks: Vec<Block> = Vec::new();
    let (mut here, mut fenced) = (false, false);
    for line in readme.lines() {
        if let Some(language) = line.strip_prefix("```") {
            fenced = !fenced;
            if here && fenced {
                blocks.push(Block { language, text: String::new() });
            }
        } else if !fenced && line.starts_with('#') {
            here = line.trim_start_matches('#').trim() == heading;
        } else if here && fenced {
            let block = blocks.last_mut().expect("the block that the fence began");
            block.text.push_str(line);
            block.text.push('\n');
        }
    }
    blocks
}

/// Does what a reader would do: saves the programs under the name in their first line, types the commands into
/// one shell, and compares what they print with the block of text that follows them, if one does. `programs` are
/// found under the first name and are the second.
fn run_section(heading: &str, programs: &[(&str, &str)]) {
    const NEXT: &str = "---- the next block ----";
    let readme = fs::read_to_string(project_root().join("README.md")).expect("README.md");
    let blocks = section(&readme, heading);
    let directory = TempDir::new();
    let mut script = String::from("set -e\n");
    let mut expected: Vec<Option<&str>> = Vec::new();
    for block in &blocks {
        match block.language {
            "c" | "python" => save(directory.path(), &block.text),
            "sh" => {
                script += &format!("{}echo '{NEXT}'\n", block.text);
                expected.push(None);
            }
            "text" => *expected.last_mut().expect("commands before their output") = Some(&block.text),
            _ => {}
        }
    }
    assert!(expected.iter().any(Option::is_some), "no example under {heading:?} in README.md");

    let mut command = Command::new("cargo");
    command.args(["run", "--quiet", "--example", "demo-server", "--manifest-path"]);
    command.arg(project_root().join("Cargo.toml")).args(["--", "env"]);
    command.arg(format!("HOME={}", directory.path().display())).args(["bash", "-c", &script]);
    command
        .current_dir(directory.path())
        .env("LIBNFS", project_root())
        .env("PATH", path(&directory, programs));
    command.env_remove("LIBNFS_ABI").env_remove("MAKEFLAGS").env_remove("DESTDIR");
    let done = run(&mut command, Duration::from_secs(60));
    assert!(done.success(), "{heading} {}:\n{}{}", done.how(), done.stdout, done.stderr);
    for (printed, expected) in done.stdout.split(NEXT).zip(expected) {
        if let Some(expected) = expected {
            assert_eq!(printed.trim_matches('\n'), expected.trim_matches('\n'), "{heading}");
        }
    }
}

/// Saves a program under the name that the comment in its first line gives.
fn save(directory: &Path, text: &str) {
    let comment = text.lines().next().expect("a first line");
    let name = comment.trim_matches(['/', '*', '#', ' ']);
    assert!(name.contains('.') && !name.contains(['/', ' ']), "the first line names no file: {comment}");
    fs::write(directory.join(name), text).expect("a program");
}

/// `$PATH` with these programs in front.
fn path(directory: &TempDir, programs: &[(&str, &str)]) -> OsString {
    let front = directory.path().join("bin");
    fs::create_dir(&front).expect("a directory for programs");
    for (name, program) in programs {
        if program.starts_with('/') {
            symlink(program, front.join(name)).expect("a link to a program");
        }
    }
    let path = env::var_os("PATH").unwrap_or_default();
    env::join_paths([front].into_iter().chain(env::split_paths(&path))).expect("a path")
}
