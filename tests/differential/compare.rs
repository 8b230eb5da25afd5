//! What a program printed on libnfs and on ours, and the table of deliberate differences.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use crate::support;

/// The lines of an output, in order: label, how often the label occurred before, and the rest.
pub struct Cases {
    lines: Vec<(String, usize, String)>,
}

impl Cases {
    pub fn read(path: &Path) -> Self {
        Self::parse(&String::from_utf8_lossy(&fs::read(path).expect("the output of a program")))
    }

    pub fn parse(text: &str) -> Self {
        let mut seen = HashMap::new();
        let lines = text
            .lines()
            .map(|line| {
                let (label, value) = line.split_once(": ").unwrap_or((line, ""));
                let count: &mut usize = seen.entry(label.to_owned()).or_default();
                *count += 1;
                (label.to_owned(), *count, value.trim_end().to_owned())
            })
            .collect();
        Self { lines }
    }

    /// Forgets the lines whose labels `varies` names.
    pub fn forget(&mut self, varies: impl Fn(&str) -> bool) {
        self.lines.retain(|(label, ..)| !varies(label));
    }

    fn value(&self, label: &str, count: usize) -> &str {
        let found = self.lines.iter().find(|line| line.0 == label && line.1 == count);
        found.map_or(NO_LINE, |line| &line.2)
    }
}

const NO_LINE: &str = "(no line)";

/// The words that differences.txt may have in brackets, one line for each thing to choose.
const PLACES: &[&[&str]] = &[&["13", "14"], &["ganesha", "knfsd"], &["4.1", "4.2"]];

/// One deliberate difference.
#[derive(Debug, PartialEq)]
pub struct Difference {
    pub program: String,
    /// Words of [`PLACES`]: where it holds. It holds everywhere when there are none.
    places: Vec<String>,
    pub label: String,
    theirs: String,
    ours: String,
}

impl Difference {
    /// Whether it is one of a program that runs in these places, one word of each line of [`PLACES`].
    fn holds(&self, program: &str, places: &[&str]) -> bool {
        self.program == program && self.places.iter().all(|place| places.contains(&place.as_str()))
    }
}

/// Reads the table of deliberate differences from libnfs; its head explains the form.
pub fn differences() -> Vec<Difference> {
    table("differences.txt")
}

/// Reads a table of this form.
pub fn table(name: &str) -> Vec<Difference> {
    let path = support::project_root().join("tests/differential").join(name);
    let text = fs::read_to_string(path).expect("the table of differences");
    let mut lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut found = Vec::new();
    while let Some(head) = lines.next() {
        let (program, label) = head.split_once(": ").unwrap_or_else(|| panic!("no label in {head:?}"));
        let (program, places) = program.split_once(" [").unwrap_or((program, ""));
        let places: Vec<String> =
            places.trim_end_matches(']').split_whitespace().map(str::to_owned).collect();
        let known = |place: &String| PLACES.iter().any(|choice| choice.contains(&place.as_str()));
        assert!(places.iter().all(known), "an unknown word in brackets in {head:?}");
        let mut value = |sign| {
            let line = lines.next().unwrap_or_default();
            line.strip_prefix(sign).unwrap_or_else(|| panic!("{line:?} after {head:?}")).trim().to_owned()
        };
        let (theirs, ours) = (value('-'), value('+'));
        found.push(Difference { program: program.into(), places, label: label.into(), theirs, ours });
    }
    found
}

/// Describes what differs without being listed, and what is listed without differing, of a program in these places.
pub fn compare(
    program: &str,
    places: &[&str],
    theirs: &Cases,
    ours: &Cases,
    listed: &[Difference],
) -> Vec<String> {
    let mut listed: Vec<&Difference> = listed.iter().filter(|listed| listed.holds(program, places)).collect();
    let only_ours = ours.lines.iter().filter(|line| theirs.value(&line.0, line.1) == NO_LINE);
    let mut problems = Vec::new();
    for (label, count, _) in theirs.lines.iter().chain(only_ours) {
        let (theirs, ours) = (theirs.value(label, *count), ours.value(label, *count));
        if theirs == ours {
            continue;
        }
        let same =
            |listed: &&Difference| listed.label == *label && listed.theirs == theirs && listed.ours == ours;
        match listed.iter().position(same) {
            Some(index) => {
                listed.remove(index);
            }
            None => problems.push(format!("{program}: {label}\n- {theirs}\n+ {ours}\n")),
        }
    }
    problems.extend(listed.iter().map(|listed| format!("listed, but not found: {listed:#?}")));
    problems
}
