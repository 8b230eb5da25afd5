//! What operations work with, made once and shared until the settings or the mount change.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::directory_cache::{Directory, Found};
use super::inode::Policy;
use super::mount::Mounted;
use super::path::last_of;
use super::walk::Object;
use super::{Client, File, Settings};
use crate::attributes::{FileType, Handle};
use crate::dialect::Nfs;
use crate::error::{Error, Result};
use crate::rpc::Credential;
use crate::sync::lock;

/// What one operation works with: the server as this caller may use it, until the operation is overdue, and the mount.
pub struct Session {
    pub nfs: Nfs,
    shared: Arc<Shared>,
}

/// What the operations that begin between two changes have in common.
pub struct Shared {
    /// Without a deadline.
    pub nfs: Nfs,
    pub mounted: Arc<Mounted>,
    /// Directories come upon are remembered.
    pub remembers: bool,
    /// There are exports below the mounted one, which are crossed into.
    pub crosses: bool,
    /// How files are cached.
    pub policy: Option<Policy>,
    /// Most bytes of one READ and of one WRITE: the server's limit, or the program's own below it.
    pub read_piece: usize,
    pub write_piece: usize,
}

impl Session {
    /// What it has in common with others.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// For an operation, or a part of one, that begins now.
    pub fn begin(shared: Arc<Shared>) -> Self {
        Self { nfs: shared.nfs.begun_now(), shared }
    }
}

impl Shared {
    /// A directory by its path without links, if the way there is known.
    pub fn known(&self, path: &[u8], now: Instant) -> Option<Directory> {
        let mounted = &self.mounted;
        if path.is_empty() {
            return Some(Directory { handle: mounted.root, fsid: mounted.fsid });
        }
        if self.crosses {
            self.forget_what_lies_underneath();
            let root = mounted.nested.root(path);
            if root.is_some() {
                return root;
            }
        }
        mounted.directories.get(path, self.nfs.credential(), now)
    }

    /// Directories that were known before the root of an export was found, by this context or another one, may be those
    /// underneath.
    fn forget_what_lies_underneath(&self) {
        let (mounted, found) = (&self.mounted, self.mounted.nested.found_so_far());
        if mounted.roots_seen.load(Ordering::Relaxed) != found {
            mounted.directories.clear();
            mounted.roots_seen.store(found, Ordering::Relaxed);
        }
    }

    /// The directory of what is at a path without links, if the way there is known and a LOOKUP in it finds that. The
    /// path comes with its parts, as [`last_of`] gives them.
    pub fn known_parent(
        &self,
        path: &[u8],
        (directory, name): (&[u8], &[u8]),
        now: Instant,
    ) -> Option<Directory> {
        if name.is_empty() || self.is_export(path, now) { None } else { self.known(directory, now) }
    }

    /// Whether another export begins at a path without links.
    pub fn is_export(&self, path: &[u8], now: Instant) -> bool {
        self.crosses && self.mounted.nested.is_root(path, self.nfs.credential(), now)
    }

    /// Whether the way to some directories is known.
    pub fn knows_places(&self) -> bool {
        self.crosses || !self.mounted.directories.is_empty()
    }

    /// What a LOOKUP in `parent` has found at a path without links is known if it is a directory, unless this context
    /// has changed something there since the cache had that generation.
    pub fn remember(&self, path: &[u8], found: &Object, parent: &Handle, generation: u64, now: Instant) {
        if found.attributes.kind == FileType::Directory && self.remembers {
            let directory = Directory { handle: found.handle, fsid: found.attributes.fsid };
            if self.crosses {
                self.forget_what_lies_underneath();
                if self.mounted.nested.root(path).is_some() {
                    return; // that is what is known of the path
                }
            }
            let in_export = || self.mounted.nested.root(last_of(path).0).map(|root| root.handle);
            let is_in_root = self.crosses && in_export() == Some(*parent);
            let found = Found { path, directory, parent, is_in_root, generation };
            self.mounted.directories.insert(&found, self.nfs.credential(), now);
        }
    }
}

impl Deref for Session {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
    }
}

fn piece(server: u32, own: Option<u64>) -> usize {
    own.map_or(server, |own| own.clamp(1, server.into()) as u32) as usize
}

impl Client {
    /// For an operation that begins now.
    pub(super) fn session(&self) -> Result<Session> {
        self.shared().map(Session::begin)
    }

    /// As [`Client::session`], for an operation on an open file; see [`File::check`].
    pub(super) fn session_of(&self, file: &File) -> Result<Session> {
        let session = self.session_to_close(file);
        file.locking.check()?;
        session
    }

    /// As [`Client::session_of`], to give back what the server has for an open file, lost locks or not.
    pub(super) fn session_to_close(&self, file: &File) -> Result<Session> {
        let session = self.session();
        file.mount.check()?; // afterwards: if it has not ended, the session is of this mount
        session
    }

    pub(super) fn shared(&self) -> Result<Arc<Shared>> {
        self.with_shared(|shared| shared.cloned())
    }

    /// The settings and the mount do not change meanwhile.
    pub(super) fn with_shared<T>(&self, act: impl FnOnce(Result<&Arc<Shared>>) -> T) -> T {
        let mut shared = lock(&self.shared);
        match &*shared {
            Some(shared) => act(Ok(shared)),
            // The lock is held meanwhile, so that what changes from here on is not missed.
            None => act(self.share().map(|made| &*shared.insert(Arc::new(made)))),
        }
    }

    fn share(&self) -> Result<Shared> {
        let mounted = lock(&self.mounted).clone();
        let mounted = mounted.ok_or_else(|| Error::new(libc::ENOTCONN, "nothing is mounted"))?;
        let settings = self.settings();
        let nfs = Nfs::new(
            mounted.transport.clone(),
            credential(&settings)?,
            mounted.registration.clone(),
            settings.call_timeout(),
            self.reactor.clone(),
        );
        let (limits, remembers, policy) = (mounted.limits, settings.dircache, Policy::of(&settings));
        let crosses = settings.auto_traverse_mounts && mounted.nested.is_listed();
        let read_piece = piece(limits.read_max, settings.read_max);
        let write_piece = piece(limits.write_max, settings.write_max);
        Ok(Shared { nfs, mounted, remembers, crosses, policy, read_piece, write_piece })
    }

    /// Operations that begin from now on are made afresh.
    pub(super) fn forget_shared(&self) {
        let former = lock(&self.shared).take();
        drop(former); // it may be the last that holds the connection
    }

    /// Who the next call is made as.
    pub(super) fn credential(&self) -> Result<Credential> {
        credential(&self.settings())
    }
}

fn credential(settings: &Settings) -> Result<Credential> {
    match &settings.auth {
        Some(ready_made) => Ok(ready_made.clone()),
        None => Credential::sys(settings.uid, settings.gid, &settings.groups),
    }
}
