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

/// One component of a walk.
struct Step {
    name: Vec<u8>,
    handle: Handle,
    /// The file system it is on.
    fsid: u64,
}

/// The end of a walk.
pub struct Walked {
    /// The objects passed, the last one included.
    steps: Vec<Step>,
    /// Attributes of the last step; None when it is missing and that was allowed.
    found: Option<Attributes>,
    root: Handle,
}

impl Walked {
    /// The object, or ENOENT.
    pub fn object(self) -> Result<Object> {
        let handle = self.steps.last().map_or(self.root, |step| step.handle);
        match self.found {
            Some(attributes) => Ok(Object { handle, attributes }),
            None => Err(Error::new(libc::ENOENT, "no such object")),
        }
    }

    /// Where an object that is missing would be: its directory and its name.
    pub fn missing(&self) -> Option<(Handle, &[u8])> {
        let last = self.steps.last()?;
        let directory = self.steps.iter().rev().nth(1).map_or(self.root, |step| step.handle);
        self.found.is_none().then_some((directory, &last.name))
    }

    /// The path without links: empty for the root, otherwise beginning with a slash.
    pub fn canonical(&self) -> Vec<u8> {
        canonical(&self.steps)
    }
}

fn canonical(steps: &[Step]) -> Vec<u8> {
    steps.iter().flat_map(|step| [b"/", &step.name[..]].concat()).collect()
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
        let mut steps: Vec<Step> = Vec::with_capacity(todo.len());
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
            let Object { handle, attributes } = match self.step(session, &steps, &name).await {
                Ok(object) => object,
                Err(error) if may_be_missing && todo.is_empty() && error.errno() == libc::ENOENT => {
                    steps.push(Step { name, handle: root, fsid: 0 });
                    return Ok(Walked { steps, found: None, root });
                }
                Err(error) => return Err(error.during("lookup")),
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
                steps.push(Step { name, handle, fsid: attributes.fsid });
                found = Some(attributes);
            }
        }
        if found.is_none() {
            let last = steps.last().map_or(root, |step| step.handle);
            found = Some(session.nfs.getattr(&last).await?);
        }
        Ok(Walked { steps, found, root })
    }

    /// Looks `name` up in the last of `steps`. Where another export begins, its root is what is found: a server may
    /// say so (NFS3ERR_XDEV), or show an object of another file system, whose handle need not be good for anything.
    async fn step(&self, session: &Session, steps: &[Step], name: &[u8]) -> Result<Object> {
        let (directory, fsid) = steps
            .last()
            .map_or((session.mounted.root, session.mounted.fsid), |step| (step.handle, step.fsid));
        let nested = async || {
            let root = self.nested_export(session, &[&canonical(steps)[..], b"/", name].concat()).await?;
            let attributes = session.nfs.getattr(&root).await.ok()?;
            Some(Object { handle: root, attributes })
        };
        let (handle, attributes) = match session.nfs.lookup(&directory, name).await {
            Ok(found) => found,
            Err(error) if Nfs::is_other_export(&error) => return nested().await.ok_or(error),
            Err(error) => return Err(error),
        };
        let attributes = match attributes {
            Some(attributes) => attributes,
            None => session.nfs.getattr(&handle).await?,
        };
        if attributes.kind == FileType::Directory
            && attributes.fsid != fsid
            && let Some(object) = nested().await
        {
            return Ok(object);
        }
        Ok(Object { handle, attributes })
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
