//! Paths: from bytes to objects, through symbolic links.
//!
//! The caller's `.` and `..` are resolved in the text of the path, as libnfs does; those of a link's target,
//! on the way. Nothing leads out of the export.

use std::collections::VecDeque;

use super::{Client, Session};
use crate::attributes::{Attributes, FileType, Handle};
use crate::error::{Error, Result};
use crate::v3::Nfs;

/// What happens to a symbolic link at the end of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastLink {
    Follow,
    Keep,
}

/// As many links as Linux follows in one path.
const MAX_LINKS: usize = 40;

/// An object that a path leads to.
#[derive(Debug, Clone)]
pub struct Object {
    pub handle: Handle,
    pub attributes: Attributes,
}

/// The end of a walk.
pub struct Walked {
    /// The names and handles passed, the object's own last.
    steps: Vec<(Vec<u8>, Handle)>,
    /// Attributes of the last step; None when it is missing and that was allowed.
    found: Option<Attributes>,
    root: Handle,
}

impl Walked {
    /// The object, or ENOENT.
    pub fn object(self) -> Result<Object> {
        let handle = self.steps.last().map_or(self.root, |(_, handle)| *handle);
        match self.found {
            Some(attributes) => Ok(Object { handle, attributes }),
            None => Err(Error::new(libc::ENOENT, "no such object")),
        }
    }

    /// Where an object that is missing would be: its directory and its name.
    pub fn missing(&self) -> Option<(Handle, &[u8])> {
        let (name, _) = self.steps.last()?;
        let directory = self.steps.iter().rev().nth(1).map_or(self.root, |(_, handle)| *handle);
        self.found.is_none().then_some((directory, name))
    }

    /// The path without links: empty for the root, otherwise beginning with a slash.
    pub fn canonical(&self) -> Vec<u8> {
        canonical(&self.steps)
    }
}

fn canonical(steps: &[(Vec<u8>, Handle)]) -> Vec<u8> {
    steps.iter().flat_map(|(name, _)| [b"/", &name[..]].concat()).collect()
}

/// The components of `path` as seen from `directory`; EPERM when it climbs above the root.
fn normalize(directory: &[u8], path: &[u8]) -> Result<VecDeque<Vec<u8>>> {
    let from = if path.first() == Some(&b'/') { &[][..] } else { directory };
    let mut components = VecDeque::new();
    for part in from.split(|byte| *byte == b'/').chain(path.split(|byte| *byte == b'/')) {
        match part {
            b"" | b"." => {}
            b".." => {
                if components.pop_back().is_none() {
                    return Err(Error::new(libc::EPERM, "the path climbs above the root of the export"));
                }
            }
            name => components.push_back(name.to_vec()),
        }
    }
    Ok(components)
}

/// Directory and last component. The latter may be empty, `.` or `..`: the server judges.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(0) => (b"/", &path[1..]),
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (b"", path),
    }
}

impl Client {
    /// Walks `path` from the current directory to an object.
    pub(super) async fn walk(&self, session: &Session, path: &[u8], last: LastLink) -> Result<Object> {
        self.walk_to(session, path, last, false).await?.object()
    }

    /// Walks `path`; the last component may be missing when `may_be_missing`.
    pub(super) async fn walk_to(
        &self,
        session: &Session,
        path: &[u8],
        last: LastLink,
        may_be_missing: bool,
    ) -> Result<Walked> {
        let root = session.mounted.root;
        let mut todo = normalize(&self.working_directory(), path)?;
        let mut steps: Vec<(Vec<u8>, Handle)> = Vec::with_capacity(todo.len());
        let mut found = None;
        let mut links = 0;
        while let Some(name) = todo.pop_front() {
            if name == b".." {
                if steps.pop().is_none() {
                    return Err(Error::new(libc::ENOENT, "a symbolic link leads out of the export"));
                }
                found = None;
                continue;
            }
            let directory = steps.last().map_or(root, |(_, handle)| *handle);
            let (handle, attributes) = match session.nfs.lookup(&directory, &name).await {
                Ok(object) => object,
                Err(error) if self.crosses(&error) => {
                    let path = [&canonical(&steps)[..], b"/", &name[..]].concat();
                    (self.nested_export(session, &path).await?, None)
                }
                Err(error) if may_be_missing && todo.is_empty() && error.errno() == libc::ENOENT => {
                    steps.push((name, root));
                    return Ok(Walked { steps, found: None, root });
                }
                Err(error) => return Err(error.during("lookup")),
            };
            let attributes = match attributes {
                Some(attributes) => attributes,
                None => session.nfs.getattr(&handle).await?,
            };
            if attributes.kind == FileType::Link && (last == LastLink::Follow || !todo.is_empty()) {
                links += 1;
                if links > MAX_LINKS {
                    return Err(Error::new(libc::ELOOP, "too many symbolic links"));
                }
                let target = session.nfs.readlink(&handle).await.map_err(|error| error.during("readlink"))?;
                if target.first() == Some(&b'/') {
                    steps.clear();
                }
                prepend(&mut todo, inside(&target, &session.mounted.export))?;
                found = None;
            } else {
                steps.push((name, handle));
                found = Some(attributes);
            }
        }
        if found.is_none() {
            let last = steps.last().map_or(root, |(_, handle)| *handle);
            found = Some(session.nfs.getattr(&last).await?);
        }
        Ok(Walked { steps, found, root })
    }

    /// Whether a LOOKUP that failed is to be answered by the root of another export.
    pub(super) fn crosses(&self, error: &Error) -> bool {
        Nfs::is_other_export(error) && self.settings().auto_traverse_mounts
    }

    /// The directory that holds the last component of `path`, and that component.
    pub(super) async fn parent<'a>(&self, session: &Session, path: &'a [u8]) -> Result<(Handle, &'a [u8])> {
        let (directory, name) = split(path);
        if normalize(&self.working_directory(), directory)?.is_empty() {
            return Ok((session.mounted.root, name));
        }
        Ok((self.walk(session, directory, LastLink::Follow).await?.handle, name))
    }

    /// Makes `path` the current directory.
    pub async fn chdir(self: std::sync::Arc<Self>, path: Vec<u8>) -> Result<()> {
        let change = async {
            let session = self.session()?;
            let walked = self.walk_to(&session, &path, LastLink::Follow, false).await?;
            let canonical = match walked.canonical() {
                root if root.is_empty() => b"/".to_vec(),
                path => path,
            };
            if walked.object()?.attributes.kind != FileType::Directory {
                return Err(Error::new(libc::ENOTDIR, "not a directory"));
            }
            *super::lock(&self.working_directory) = canonical;
            Ok(())
        };
        change.await.map_err(|error| error.during("chdir").at(&path))
    }
}

/// The part of a link's target that lies in the export: an absolute target is seen from its root, whether it
/// names the export's directory on the server or not.
fn inside<'a>(target: &'a [u8], export: &[u8]) -> &'a [u8] {
    let export = export.strip_suffix(b"/").unwrap_or(export);
    match target.strip_prefix(export) {
        Some(rest) if !export.is_empty() && (rest.is_empty() || rest[0] == b'/') => rest,
        _ => target,
    }
}

/// Puts the components of a link's target in front of what is left of the path.
fn prepend(todo: &mut VecDeque<Vec<u8>>, target: &[u8]) -> Result<()> {
    const MAX_COMPONENTS: usize = 4096;
    let parts = target.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".");
    for part in parts.rev() {
        todo.push_front(part.to_vec());
    }
    if todo.len() > MAX_COMPONENTS {
        return Err(Error::new(libc::ENAMETOOLONG, "symbolic links make the path too long"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(directory: &str, path: &str) -> std::result::Result<String, i32> {
        let components = normalize(directory.as_bytes(), path.as_bytes()).map_err(|error| error.errno())?;
        let components: Vec<_> = components.iter().map(|part| String::from_utf8_lossy(part)).collect();
        Ok(components.join("/"))
    }

    #[test]
    fn paths_are_normalized_in_their_text() {
        assert_eq!(normal("/", "").as_deref(), Ok(""));
        assert_eq!(normal("/a/b", "c//./d/").as_deref(), Ok("a/b/c/d"));
        assert_eq!(normal("/a/b", "../c").as_deref(), Ok("a/c"));
        assert_eq!(normal("/a/b", "/x/../y").as_deref(), Ok("y"));
        assert_eq!(normal("/a", "../.."), Err(libc::EPERM));
        assert_eq!(normal("/a", "/.."), Err(libc::EPERM));
        assert_eq!(normal("/", "...").as_deref(), Ok("..."));
    }

    #[test]
    fn the_last_component_is_left_to_the_server() {
        assert_eq!(split(b"/a"), (&b"/"[..], &b"a"[..]));
        assert_eq!(split(b"a/b/.."), (&b"a/b"[..], &b".."[..]));
        assert_eq!(split(b"a/"), (&b"a"[..], &b""[..]));
        assert_eq!(split(b"a"), (&b""[..], &b"a"[..]));
    }

    #[test]
    fn absolute_targets_are_seen_from_the_export() {
        assert_eq!(inside(b"/srv/data/a", b"/srv/data"), b"/a");
        assert_eq!(inside(b"/srv/data", b"/srv/data/"), b"");
        assert_eq!(inside(b"/srv/database", b"/srv/data"), b"/srv/database");
        assert_eq!(inside(b"/a", b"/"), b"/a");
        assert_eq!(inside(b"a", b"/srv"), b"a");
    }
}
