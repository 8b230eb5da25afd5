//! The functions of the library: as they should be (the committed list) and as the source has them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::headers::HEADERS;
use crate::support::{self, project_root};

/// A line of the list.
pub struct Function {
    /// The first ABI that has it.
    pub since: u32,
    pub header: &'static str,
    pub prototype: &'static str,
    pub name: &'static str,
}

impl Function {
    /// The types of its arguments, with their names.
    pub fn arguments(&self) -> impl Iterator<Item = &'static str> {
        let (_, arguments) = self.prototype.split_once('(').expect("a prototype");
        arguments.trim_end_matches(')').split(", ").filter(|&argument| argument != "void")
    }

    /// What it returns.
    pub fn result(&self) -> &'static str {
        self.prototype.split_once(self.name).expect("a prototype with its name").0.trim()
    }

    /// Whether its first argument is a context.
    pub fn has_context(&self) -> bool {
        self.arguments().next().is_some_and(Self::is_context)
    }

    /// Whether an argument is a context.
    pub fn is_context(argument: &str) -> bool {
        ["struct nfs_context *nfs", "struct rpc_context *rpc"].contains(&argument)
    }

    /// Whether our headers declare it.
    pub fn is_declared(&self) -> bool {
        HEADERS.iter().any(|header| header.name == self.header)
    }

    /// Whether the headers of libnfs declare it, and not its library alone.
    pub fn is_public(&self) -> bool {
        !["rpc_set_timeout", "rpc_get_timeout"].contains(&self.name)
    }
}

/// All functions that the library should have in any ABI.
pub fn functions() -> Vec<Function> {
    let lines = include_str!("functions-5.0.3.txt").lines().filter(|line| !line.starts_with('#'));
    let function = |line: &'static str| {
        let (since, rest) = line.split_once(' ')?;
        let (header, prototype) = rest.split_once(' ')?;
        let name = prototype.split('(').next()?.rsplit([' ', '*']).next()?;
        Some(Function { since: since.parse().ok()?, header, prototype: prototype.trim(), name })
    };
    lines.map(|line| function(line).unwrap_or_else(|| panic!("a wrong line: {line}"))).collect()
}

/// How far a function is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Works,
    /// Not with everything that it accepts.
    Partly,
    /// Can be called and remembers what it is told.
    NoEffect,
    Missing,
}

/// The exports of the source, each with the file it is in and its state.
pub fn exports() -> BTreeMap<String, (PathBuf, State)> {
    let mut exports = BTreeMap::new();
    for path in sources(&project_root().join("src/abi")) {
        let missing = path.file_stem().is_some_and(|stem| stem.to_string_lossy().starts_with("missing"));
        let mut comment = String::new();
        for line in fs::read_to_string(&path).expect("a source").lines() {
            if let Some(text) = line.strip_prefix("///") {
                comment.push_str(text);
            } else if let Some(name) = exported(line) {
                let state = match () {
                    () if missing => State::Missing,
                    () if comment.contains("No effect") => State::NoEffect,
                    () if comment.contains("works so far") => State::Partly,
                    () => State::Works,
                };
                exports.insert(name.to_string(), (path.clone(), state));
            } else if !line.starts_with("#[") {
                comment.clear();
            }
        }
    }
    exports
}

/// The files below a directory.
fn sources(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("the sources").map(|entry| entry.expect("a source").path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

fn exported(line: &str) -> Option<&str> {
    let rest =
        line.strip_prefix("pub unsafe extern \"C\" fn ").or(line.strip_prefix("pub extern \"C\" fn "))?;
    rest.split('(').next()
}

/// What the dynamic linker sees of a library.
pub fn dynamic_symbols(library: &PathBuf) -> BTreeSet<String> {
    let nm =
        support::run(Command::new("nm").args(["-D", "--defined-only"]).arg(library), Duration::from_secs(20));
    assert!(nm.success(), "nm {}: {}", nm.how(), nm.stderr);
    nm.stdout.lines().filter_map(|line| line.split_whitespace().nth(2)).map(str::to_string).collect()
}

/// A function that libnfs exports and its headers declare.
pub struct Symbol {
    pub since: u32,
    pub header: &'static str,
    pub name: &'static str,
}

/// All of them.
pub fn symbols() -> Vec<Symbol> {
    let lines = include_str!("symbols-5.0.3.txt").lines().filter(|line| !line.starts_with('#'));
    let symbol = |line: &'static str| {
        let mut words = line.split_whitespace();
        Some(Symbol { since: words.next()?.parse().ok()?, header: words.next()?, name: words.next()? })
    };
    lines.map(|line| symbol(line).unwrap_or_else(|| panic!("a wrong line: {line}"))).collect()
}

/// The text of docs/SYMBOLS.md.
pub fn matrix() -> String {
    let exports = exports();
    let functions = functions();
    let symbols = symbols();
    let state = |name: &str| exports.get(name).map(|(_, state)| *state);
    let count = |header: Option<&str>, wanted: &[Option<State>]| {
        let mine = symbols.iter().filter(|symbol| header.is_none_or(|header| symbol.header == header));
        mine.filter(|symbol| wanted.contains(&state(symbol.name))).count()
    };
    const WORKS: &[Option<State>] = &[Some(State::Works)];
    const PARTLY: &[Option<State>] = &[Some(State::Partly)];
    const NO_EFFECT: &[Option<State>] = &[Some(State::NoEffect)];
    const MISSING: &[Option<State>] = &[Some(State::Missing)];
    const ABSENT: &[Option<State>] = &[None];
    let others =
        functions.iter().filter(|function| !symbols.iter().any(|symbol| symbol.name == function.name));
    let mut text = format!(
        "<!-- Made from the source by `make headers`. -->\n\n\
         # Functions\n\n\
         libnfs 5.0.3 has {} functions in its headers. Of these {} work here, {} works partly, {} can be called but have\n\
         no effect so far, and {} are missing: they return -ENOSYS, and `nfs_get_error()` says so. {} are not there at\n\
         all, so that a program that calls them does not link: most of the raw interface, which makes single calls of\n\
         the protocols and encodes their types. {} more are in some builds of libnfs only. \"ABI\" is the first soname\n\
         that has a function.\n\n\
         | header | functions | work | partly | no effect | missing | not there |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n",
        symbols.len(),
        count(None, WORKS),
        count(None, PARTLY),
        count(None, NO_EFFECT),
        count(None, MISSING),
        count(None, ABSENT),
        others.count(),
    );
    let mut headers: Vec<&str> = symbols.iter().map(|symbol| symbol.header).collect();
    headers.dedup();
    for &header in &headers {
        let [all, works, partly, no_effect, missing, absent] = [
            &[WORKS, PARTLY, NO_EFFECT, MISSING, ABSENT].concat(),
            WORKS,
            PARTLY,
            NO_EFFECT,
            MISSING,
            ABSENT,
        ]
        .map(|states| count(Some(header), states));
        text.push_str(&format!(
            "| {header} | {all} | {works} | {partly} | {no_effect} | {missing} | {absent} |\n"
        ));
    }
    text.push_str("\n## What is there\n\n| function | header | ABI | state |\n| --- | --- | --- | --- |\n");
    for function in &functions {
        let word = match state(function.name).unwrap_or(State::Missing) {
            State::Works => "works",
            State::Partly => "partly",
            State::NoEffect => "no effect",
            State::Missing => "**missing**",
        };
        let Function { since, header, name, .. } = function;
        text.push_str(&format!("| `{name}` | {header} | {since} | {word} |\n"));
    }
    text.push_str("\n## What is not there\n");
    for header in headers {
        let absent = symbols.iter().filter(|symbol| symbol.header == header && state(symbol.name).is_none());
        let names: Vec<String> = absent.map(|symbol| format!("`{}`", symbol.name)).collect();
        if !names.is_empty() {
            text.push_str(&format!("\n{header}: {}.\n", names.join(", ")));
        }
    }
    text
}
