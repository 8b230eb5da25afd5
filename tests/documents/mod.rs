//! Runs the examples of the pages, and follows their links.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::ffi::OsString;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use std::{env, fs};

use crate::support::{TempDir, project_root, run};

/// A fenced block of a page.
struct Block<'a> {
    language: &'a str,
    text: String,
}

/// The blocks below a heading, up to the next one.
fn section<'a>(page: &'a str, heading: &str) -> Vec<Block<'a>> {
    let mut blocks: Vec<Block> = Vec::new();
    let (mut here, mut fenced) = (false, false);
    for line in page.lines() {
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

/// Does what a reader would do: saves the programs under the name in their first line, types the commands of the
/// sections with these headings into one shell, and compares what they print with the block of text that follows them,
/// if one does. In that text `$HOME` and `$LIBNFS` are what they are in the shell. `programs` are found under the first
/// name and are the second; `environment` is set.
pub fn run_sections(page: &str, headings: &[&str], programs: &[(&str, &str)], environment: &[(&str, &str)]) {
    const NEXT: &str = "---- the next block ----";
    let text = fs::read_to_string(project_root().join(page)).expect("the page");
    let blocks: Vec<Block> = headings.iter().flat_map(|heading| section(&text, heading)).collect();
    let directory = TempDir::new();
    let mut script = String::from("set -e\n");
    let in_shell = |text: &str| {
        text.replace("$HOME", &directory.path().display().to_string())
            .replace("$LIBNFS", &project_root().display().to_string())
    };
    let mut expected: Vec<Option<String>> = Vec::new();
    for block in &blocks {
        match block.language {
            "c" | "python" => save(directory.path(), &block.text),
            "sh" => {
                script += &format!("{}echo '{NEXT}'\n", block.text);
                expected.push(None);
            }
            "text" => {
                *expected.last_mut().expect("commands before their output") = Some(in_shell(&block.text))
            }
            _ => {}
        }
    }
    assert!(expected.iter().any(Option::is_some), "no example under {headings:?} in {page}");

    let mut command = Command::new("cargo");
    command.args(["run", "--quiet", "--package", "demo-server", "--manifest-path"]);
    command.arg(project_root().join("Cargo.toml")).args(["--", "env"]);
    command.arg(format!("HOME={}", directory.path().display())).args(["bash", "-c", &script]);
    command
        .current_dir(directory.path())
        .env("LIBNFS", project_root())
        .envs(environment.iter().copied())
        .env("PATH", path(&directory, programs));
    command.env_remove("LIBNFS_ABI").env_remove("MAKEFLAGS").env_remove("DESTDIR");
    let done = run(&mut command, Duration::from_secs(120));
    assert!(done.success(), "{headings:?} {}:\n{}{}", done.how(), done.stdout, done.stderr);
    for (printed, expected) in done.stdout.split(NEXT).zip(expected) {
        if let Some(expected) = expected {
            assert_eq!(printed.trim_matches('\n'), expected.trim_matches('\n'), "{headings:?}");
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

/// The pages that people read.
fn pages() -> Vec<PathBuf> {
    let root = project_root();
    [root.join("docs"), root.to_owned()]
        .into_iter()
        .flat_map(|directory| fs::read_dir(directory).expect("a directory of pages"))
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect()
}

/// Links of pages to files or headings that are not there, each as "page: link".
pub fn dead_links() -> Vec<String> {
    let mut dead = Vec::new();
    for page in pages() {
        let text = fs::read_to_string(&page).expect("a page");
        for link in prose(&text).split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if !link.contains("://") && !leads_somewhere(&page, link) {
                dead.push(format!("{}: {link}", page.display()));
            }
        }
    }
    dead
}

fn leads_somewhere(page: &Path, link: &str) -> bool {
    let (file, heading) = link.split_once('#').unwrap_or((link, ""));
    let target = if file.is_empty() { page.to_owned() } else { page.with_file_name(file) };
    if heading.is_empty() {
        return target.exists();
    }
    let anchor = |line: &str| {
        let heading = line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        heading.replace(|letter: char| !letter.is_alphanumeric() && letter != '-', "")
    };
    fs::read_to_string(target)
        .is_ok_and(|text| prose(&text).lines().any(|line| line.starts_with('#') && anchor(line) == heading))
}

/// A page without its fenced blocks.
fn prose(page: &str) -> String {
    page.split("```").step_by(2).collect()
}
