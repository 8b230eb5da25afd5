//! The first things that anyone tries: `make demo`, and the examples of the pages, run as they stand there.

mod documents;
mod make;
mod support;

use std::process::Command;
use std::time::{Duration, Instant};

use documents::run_sections;
use make::make;
use support::need;

const PYTHON: &str = "docs/PYTHON.md";

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
        assert!(shown.contains("libnfs.so.14 => target/release/libnfs.so.14 "), "{shown}");
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
        run_sections("README.md", &["Install", "Link"], &[], &[]);
    }
}

#[test]
fn readme_preload() {
    if need(&["make", "nfs-ls", "libnfs13"]) {
        make::library_13();
        run_sections("README.md", &["Preload"], &[], &[]);
    }
}

#[test]
fn ctypes() {
    if need(&["make", "python3"]) {
        make(&["all"]);
        run_sections(PYTHON, &["ctypes"], &[], &[]);
    }
}

#[test]
fn cffi() {
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
        run_sections(PYTHON, &["cffi"], &[("python3", python)], &[]);
    }
}

#[test]
fn links_lead_to_files_and_headings() {
    let dead = documents::dead_links();
    assert!(dead.is_empty(), "{dead:#?}");
}
