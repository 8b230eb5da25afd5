//! Walks: from paths to objects, through symbolic links.
//!
//! What a `..` leaves must be a directory, and so must what a path with a slash or a `.` at its end leads to, a link
//! there being followed (POSIX, Pathname Resolution). What is rare is boxed: every operation on a path holds the state
//! of its walk.

use std::collections::VecDeque;
use std::future::Future;

use super::directory_cache::Directory;
use super::path::{Naming, Normal, inside, last_of, normalize, prepend, split};
use super::{Client, Session};
use crate::attributes::{Attributes, FileType, Handle};
use crate::dialect::Nfs;
use crate::error::{Error, Result};
use crate::sync::lock;

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

/// One component of a walk, or all that lead to the root of an export.
struct Step {
    directory: Directory,
    /// Where its name begins in the path without links, slash included.
    begin: usize,
}

/// The end of a walk.
pub struct Walked {
    /// The path without links: empty for the root, otherwise beginning with a slash.
    path: Vec<u8>,
    /// Where the object is, or would be.
    directory: Handle,
    /// None when it is missing and that was allowed.
    found: Option<Object>,
}

impl Walked {
    /// The object, or ENOENT.
    pub fn object(self) -> Result<Object> {
        self.found.ok_or_else(missing)
    }

    /// ENOTDIR, unless it leads to a directory.
    fn directory(self) -> Result<Self> {
        match &self.found {
            Some(object) if object.attributes.kind != FileType::Directory => {
                Err(Error::new(libc::ENOTDIR, "not a directory"))
            }
            Some(_) => Ok(self),
            None => Err(missing()),
        }
    }

    /// Where an object that is missing would be: its directory and its name.
    pub fn missing(&self) -> Option<(Handle, &[u8])> {
        self.found.is_none().then(|| (self.directory, last_of(&self.path).1))
    }

    /// The path without links: empty for the root, otherwise beginning with a slash.
    pub fn canonical(&self) -> &[u8] {
        &self.path
    }
}

/// The empty path, which means the current directory otherwise, as in libnfs, but is no name to be made or removed.
fn no_path() -> Error {
    Error::new(libc::ENOENT, "the path is empty")
}

fn missing() -> Error {
    Error::new(libc::ENOENT, "no such object")
}

/// See [`Client::last_step`].
#[allow(clippy::large_enum_variant, reason = "it lives for a moment only")]
enum LastStep {
    Made {
        directory: Handle,
        found: Option<Object>,
    },
    /// The whole path is to be walked; not trusting what is known when that may be wrong.
    Walk {
        trusting: bool,
    },
}

/// Where an object is named, by a name that is neither empty nor `.` nor `..`.
pub struct Parent<'a> {
    pub directory: Handle,
    pub name: &'a [u8],
    /// A slash stands behind the name: it is a directory's.
    pub slash: bool,
}

/// Whether another file system begins at what was found in a directory.
pub fn is_other_file_system(directory: &Directory, found: &Attributes) -> bool {
    found.kind == FileType::Directory && found.fsid != directory.fsid
}

/// Errnos that may mean that a remembered directory is not where it was any more.
pub const MOVED: [libc::c_int; 4] = [libc::ENOENT, libc::ESTALE, libc::ENOTDIR, libc::EACCES];

impl Client {
    /// Runs an operation on paths; once more, with nothing remembered, when a directory that was remembered is gone.
    pub(super) async fn on_paths<T, F: Future<Output = Result<T>>>(
        &self,
        operation: impl Fn(Session) -> F,
    ) -> Result<T> {
        self.on_paths_in(self.session()?, operation).await
    }

    /// As [`Client::on_paths`], in a session that has begun.
    pub(super) async fn on_paths_in<T, F: Future<Output = Result<T>>>(
        &self,
        session: Session,
        operation: impl Fn(Session) -> F,
    ) -> Result<T> {
        let (mounted, deadline) = (session.mounted.clone(), session.nfs.deadline());
        let forgotten = mounted.forgotten_places();
        match operation(session).await {
            Err(error) if error.errno() == libc::ESTALE && mounted.forget_places(forgotten) => {
                let mut again = self.session()?;
                again.nfs.set_deadline(deadline);
                Box::pin(operation(again)).await
            }
            result => result,
        }
    }

    /// `path` as seen from the current directory.
    pub(super) fn normal(&self, path: &[u8]) -> Result<Normal> {
        match path.first() {
            Some(b'/') => normalize(&[], path),
            _ => normalize(&lock(&self.working_directory), path),
        }
    }

    /// Walks `path` from the current directory to an object.
    pub(super) async fn walk(&self, session: &Session, path: &[u8], last: LastLink) -> Result<Object> {
        let normal = self.normal(path)?;
        if normal.is_more() {
            return Box::pin(self.walk_further(session, normal, last, false)).await?.object();
        }
        let path = normal.path;
        match self.last_step(session, &path, last, false).await? {
            LastStep::Made { found, .. } => found.ok_or_else(missing),
            LastStep::Walk { trusting } => {
                Box::pin(self.walk_all(session, path, last, false, trusting)).await?.object()
            }
        }
    }

    /// Walks `path`; the last component may be missing when `may_be_missing`: EISDIR if it is a directory's name.
    pub(super) async fn walk_to(
        &self,
        session: &Session,
        path: &[u8],
        last: LastLink,
        may_be_missing: bool,
    ) -> Result<Walked> {
        if may_be_missing && path.is_empty() {
            return Err(no_path());
        }
        let normal = self.normal(path)?;
        if !normal.is_more() {
            return self.walk_normal(session, normal.path, last, may_be_missing).await;
        }
        let may_be_missing = may_be_missing && !path.ends_with(b".");
        Box::pin(self.walk_further(session, normal, last, may_be_missing)).await
    }

    /// Walks a path as [`normalize`] makes it.
    async fn walk_normal(
        &self,
        session: &Session,
        path: Vec<u8>,
        last: LastLink,
        may_be_missing: bool,
    ) -> Result<Walked> {
        match self.last_step(session, &path, last, may_be_missing).await? {
            LastStep::Made { directory, found } => Ok(Walked { path, directory, found }),
            LastStep::Walk { trusting } => {
                Box::pin(self.walk_all(session, path, last, may_be_missing, trusting)).await
            }
        }
    }

    /// Walks a path that asks for directories.
    async fn walk_further(
        &self,
        session: &Session,
        normal: Normal,
        last: LastLink,
        may_be_missing: bool,
    ) -> Result<Walked> {
        let Normal { path, left, directory } = normal;
        for path in left {
            if session.known(&path, self.reactor.now()).is_none() {
                self.walk_normal(session, path, LastLink::Follow, false).await?.directory()?;
            }
        }
        let last = if directory { LastLink::Follow } else { last };
        let walked = self.walk_normal(session, path, last, may_be_missing).await?;
        match walked.found {
            Some(_) if directory => walked.directory(),
            None if directory => Err(Naming::Create.refused(b".")),
            _ => Ok(walked),
        }
    }

    /// Walks a path as [`normalize`] makes it to its end, if its directory is known.
    async fn last_step(
        &self,
        session: &Session,
        path: &[u8],
        last: LastLink,
        may_be_missing: bool,
    ) -> Result<LastStep> {
        let (directory, name) = last_of(path);
        let walk = |trusting| Ok(LastStep::Walk { trusting });
        let Some(known) = session.known_parent(path, (directory, name), self.reactor.now()) else {
            return walk(true);
        };
        let generation = session.mounted.directories.generation();
        let found = match self.step(session, &known, directory, name).await {
            Ok(object) if object.attributes.kind == FileType::Link && last == LastLink::Follow => {
                return walk(true);
            }
            Ok(object) => Some(object),
            Err(error) if may_be_missing && error.errno() == libc::ENOENT => None,
            Err(error) if !directory.is_empty() && MOVED.contains(&error.errno()) => return walk(false),
            Err(error) => return Err(error.during("lookup")),
        };
        if let Some(object) = &found {
            session.remember(path, object, &known.handle, generation, self.reactor.now());
        }
        Ok(LastStep::Made { directory: known.handle, found })
    }

    pub(super) async fn walk_all(
        &self,
        session: &Session,
        path: Vec<u8>,
        last: LastLink,
        may_be_missing: bool,
        trusting: bool,
    ) -> Result<Walked> {
        if path.is_empty() {
            let handle = session.mounted.root;
            let attributes = session.nfs.getattr(&handle).await?;
            return Ok(Walked { path, directory: handle, found: Some(Object { handle, attributes }) });
        }
        match self.walk_from_root(session, &path, last, may_be_missing, trusting).await {
            Err(error) if trusting && MOVED.contains(&error.errno()) && session.knows_places() => {
                self.walk_from_root(session, &path, last, may_be_missing, false).await
            }
            result => result,
        }
    }

    /// Walks a path as [`normalize`] makes it; `trusting` what is known of directories on the way.
    async fn walk_from_root(
        &self,
        session: &Session,
        path: &[u8],
        last: LastLink,
        may_be_missing: bool,
        trusting: bool,
    ) -> Result<Walked> {
        let root = Directory { handle: session.mounted.root, fsid: session.mounted.fsid };
        let mut todo = VecDeque::new();
        prepend(&mut todo, path)?;
        let mut path = Vec::with_capacity(path.len());
        let mut steps: Vec<Step> = Vec::with_capacity(todo.len());
        let mut found = None;
        let mut links = 0;
        while let Some(name) = todo.pop_front() {
            if name == b".." {
                match steps.pop() {
                    Some(step) => {
                        // Of an export ahead, the directories on the way have not been looked at.
                        let above = last_of(&path[step.begin..]).0.to_vec();
                        path.truncate(step.begin);
                        prepend(&mut todo, &above)?;
                    }
                    None => return Err(Error::new(libc::ENOENT, "a symbolic link leads out of the export")),
                }
                found = None;
                continue;
            }
            let directory = steps.last().map_or(root, |step| step.directory);
            let begin = path.len();
            path.push(b'/');
            path.extend_from_slice(&name);
            if session.crosses
                && let Some(ahead) = Box::pin(self.export_ahead(session, &path, &todo, trusting)).await?
            {
                for _ in 0..ahead.names {
                    path.push(b'/');
                    path.extend(todo.pop_front().unwrap_or_default());
                }
                steps.push(Step { directory: ahead.root, begin });
                found = ahead.found;
                continue;
            }
            if trusting
                && !todo.is_empty()
                && let Some(directory) = session.known(&path, self.reactor.now())
            {
                steps.push(Step { directory, begin });
                found = None;
                continue;
            }
            let generation = session.mounted.directories.generation();
            let object = match self.step(session, &directory, &path[..begin], &name).await {
                Ok(object) => object,
                Err(error) if may_be_missing && todo.is_empty() && error.errno() == libc::ENOENT => {
                    return Ok(Walked { path, directory: directory.handle, found: None });
                }
                Err(error) => return Err(error.during("lookup")),
            };
            if object.attributes.kind == FileType::Link && (last == LastLink::Follow || !todo.is_empty()) {
                links += 1;
                if links > MAX_LINKS {
                    return Err(Error::new(libc::ELOOP, "too many symbolic links"));
                }
                let target = session.nfs.readlink(&object.handle).await;
                let target = target.map_err(|error| error.during("readlink"))?;
                path.truncate(begin);
                if target.first() == Some(&b'/') {
                    steps.clear();
                    path.clear();
                }
                prepend(&mut todo, inside(&target, &session.mounted.export))?;
                found = None;
            } else {
                session.remember(&path, &object, &directory.handle, generation, self.reactor.now());
                let directory = Directory { handle: object.handle, fsid: object.attributes.fsid };
                steps.push(Step { directory, begin });
                found = Some(object);
            }
        }
        let directory = steps.iter().rev().nth(1).map_or(root, |step| step.directory).handle;
        if found.is_none() {
            let handle = steps.last().map_or(root, |step| step.directory).handle;
            found = Some(Object { handle, attributes: session.nfs.getattr(&handle).await? });
        }
        Ok(Walked { path, directory, found })
    }

    /// Looks `name` up in `directory`, which is at `path`.
    async fn step(
        &self,
        session: &Session,
        directory: &Directory,
        path: &[u8],
        name: &[u8],
    ) -> Result<Object> {
        match session.nfs.lookup(&directory.handle, name).await {
            Ok((handle, Some(attributes))) if !is_other_file_system(directory, &attributes) => {
                Ok(Object { handle, attributes })
            }
            Err(error) if !Nfs::is_other_export(&error) => Err(error),
            rare => Box::pin(self.step_further(session, directory.fsid, path, name, rare)).await,
        }
    }

    /// The rest of a step where it is not over with LOOKUP: the server has told no attributes, or another file system
    /// begins here. If that is another export, its root is what is found: a server may say so (NFS3ERR_XDEV), or show
    /// an object whose handle need not be good for anything.
    async fn step_further(
        &self,
        session: &Session,
        fsid: u64,
        path: &[u8],
        name: &[u8],
        found: Result<(Handle, Option<Attributes>)>,
    ) -> Result<Object> {
        let found = match found {
            Ok((handle, Some(attributes))) => Ok(Object { handle, attributes }),
            Ok((handle, None)) => Ok(Object { handle, attributes: session.nfs.getattr(&handle).await? }),
            Err(error) => Err(error),
        };
        if let Ok(object) = &found
            && (object.attributes.kind != FileType::Directory || object.attributes.fsid == fsid)
        {
            return found;
        }
        match self.nested_root(session, &[path, b"/", name].concat()).await? {
            Some(root) => Ok(root),
            None => found,
        }
    }

    /// Where a regular file is made with O_CREAT and O_EXCL.
    pub(super) async fn parent<'a>(&self, session: &Session, path: &'a [u8]) -> Result<Parent<'a>> {
        self.name_at(session, path, Naming::Create).await
    }

    /// The directory that holds the last component of `path`, and that component.
    pub(super) async fn name_at<'a>(
        &self,
        session: &Session,
        path: &'a [u8],
        naming: Naming,
    ) -> Result<Parent<'a>> {
        let (directory, name, slash) = split(path);
        if matches!(name, b"" | b"." | b"..") || slash && !naming.is_of_directory() {
            return Err(Box::pin(self.no_name(session, path, naming)).await);
        }
        let normal = self.normal(directory)?;
        if normal.left.is_empty()
            && let Some(known) = session.known(&normal.path, self.reactor.now())
        {
            return Ok(Parent { directory: known.handle, name, slash });
        }
        let walked = self.walk_to(session, directory, LastLink::Follow, false).await?;
        Ok(Parent { directory: walked.object()?.handle, name, slash })
    }

    /// What is wrong with a path that does not end in a name, or in a name that is a directory's only.
    async fn no_name(&self, session: &Session, path: &[u8], naming: Naming) -> Error {
        let (directory, name, _) = split(path);
        if path.is_empty() {
            return no_path();
        }
        let at = if matches!(name, b"" | b"." | b"..") { directory } else { path };
        match self.walk_to(session, at, LastLink::Follow, false).await.and_then(Walked::directory) {
            Ok(_) => naming.refused(name),
            Err(error) if error.errno() == libc::ENOENT && naming == Naming::Create && at == path => {
                naming.refused(name)
            }
            Err(error) => error,
        }
    }

    /// Makes `path` the current directory.
    pub async fn chdir(self: std::sync::Arc<Self>, path: Vec<u8>) -> Result<()> {
        let change = async {
            let session = self.session()?;
            let walked = self.walk_to(&session, &path, LastLink::Follow, false).await?.directory()?;
            let canonical = match walked.canonical() {
                b"" => b"/".to_vec(),
                path => path.to_vec(),
            };
            *lock(&self.working_directory) = canonical;
            Ok(())
        };
        change.await.map_err(|error: Error| error.during("chdir").at(&path))
    }
}
