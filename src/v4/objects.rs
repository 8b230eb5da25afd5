//! Verbs on objects and names: each is one call.

use super::attributes::{ENTRY, FILE_SYSTEM, Fattr, OBJECT};
use super::compound::{Compound, Results};
use super::names::Kind;
use super::nfs::{Nfs, Properties};
use super::owner::Names;
use super::readdir::{Entry, Place};
use super::state::FileState;
use super::stateid::StateId;
use super::status;
use crate::attributes::{Attributes, FileSystem, FileType, Handle, SetAttributes};
use crate::error::Result;
use crate::sync::lock;

/// An object that was found.
pub type Found = (Handle, Attributes);

/// Names of one call: {LOOKUP, GETFH, GETATTR} for each, and what a server takes in one COMPOUND.
const MOST_NAMES: usize = 16;

/// Room for a page of a directory beside its entries, bytes.
const PAGE_HEAD: usize = 4 << 10;

impl Compound {
    fn look_up(&mut self, name: &[u8]) {
        self.lookup(name);
        self.getfh();
        self.getattr(OBJECT);
    }
}

impl Results<'_> {
    fn looked_up(&mut self, names: &Names) -> Result<Found> {
        self.next(super::numbers::op::LOOKUP)?;
        Ok((self.getfh()?, self.getattr(names)?.attributes()?))
    }
}

impl Nfs {
    pub async fn getattr(&self, object: &Handle) -> Result<Attributes> {
        let ask = |compound: &mut Compound| {
            compound.putfh(object);
            compound.getattr(OBJECT);
        };
        let read = |results: &mut Results<'_>, names: &Names| {
            results.putfh()?;
            results.getattr(names)?.attributes()
        };
        self.call(Properties::HARMLESS, ask, read).await
    }

    pub async fn lookup(&self, directory: &Handle, name: &[u8]) -> Result<Found> {
        let ask = |compound: &mut Compound| {
            compound.putfh(directory);
            compound.look_up(name);
        };
        let read = |results: &mut Results<'_>, names: &Names| {
            results.putfh()?;
            results.looked_up(names)
        };
        self.call(Properties::HARMLESS, ask, read).await
    }

    /// Looks up one name in what the name before it has led to, as far as that goes in one call. The objects that were
    /// found, and why there are not more: None when there are as many as names that were tried.
    pub async fn walk(
        &self,
        directory: &Handle,
        path: &[&[u8]],
    ) -> Result<(Vec<Found>, Option<crate::error::Error>)> {
        let path = &path[..path.len().min(MOST_NAMES)];
        let ask = |compound: &mut Compound| {
            compound.putfh(directory);
            path.iter().for_each(|name| compound.look_up(name));
        };
        let read = |results: &mut Results<'_>, names: &Names| {
            results.putfh()?;
            let mut found = Vec::with_capacity(path.len());
            for _ in path {
                match results.looked_up(names) {
                    Ok(object) => found.push(object),
                    // Asked again, the first ones would be found again.
                    Err(error) if found.is_empty() || super::nfs::is_busy(&error) => return Err(error),
                    Err(error) => return Ok((found, Some(error))),
                }
            }
            Ok((found, None))
        };
        self.call(Properties::HARMLESS, ask, read).await
    }

    /// From the root of the server.
    pub async fn root(&self) -> Result<(Handle, Fattr)> {
        let ask = |compound: &mut Compound| {
            compound.putrootfh();
            compound.getfh();
            compound.getattr(super::attributes::ROOT);
        };
        let read = |results: &mut Results<'_>, names: &Names| {
            results.next(super::numbers::op::PUTROOTFH)?;
            Ok((results.getfh()?, results.getattr(names)?))
        };
        self.call(Properties::HARMLESS, ask, read).await
    }

    /// Which of the ACCESS4_* bits in `access` the server grants.
    pub async fn access(&self, object: &Handle, access: u32) -> Result<u32> {
        let ask = |compound: &mut Compound| {
            compound.putfh(object);
            compound.access(access);
        };
        let read = |results: &mut Results<'_>, _: &Names| {
            results.putfh()?;
            results.access()
        };
        self.call(Properties::HARMLESS, ask, read).await
    }

    /// `state` is that of the object, if it is an open file.
    pub async fn setattr(
        &self,
        object: &Handle,
        state: Option<&FileState>,
        set: &SetAttributes,
    ) -> Result<()> {
        let ask = |compound: &mut Compound| {
            compound.putfh(object);
            // Asked again, it may be another one.
            let stateid = state.filter(|_| set.size.is_some()).map_or(StateId::ANONYMOUS, FileState::stateid);
            compound.setattr(&stateid, set);
        };
        let read = |results: &mut Results<'_>, _: &Names| {
            results.putfh()?;
            results.setattr()
        };
        self.call(Properties::ONCE, ask, read).await
    }

    pub async fn readlink(&self, link: &Handle) -> Result<Vec<u8>> {
        let ask = |compound: &mut Compound| {
            compound.putfh(link);
            compound.readlink();
        };
        let read = |results: &mut Results<'_>, _: &Names| {
            results.putfh()?;
            results.readlink()
        };
        self.call(Properties::HARMLESS, ask, read).await
    }

    /// Makes what is no regular file.
    async fn create(
        &self,
        directory: &Handle,
        name: &[u8],
        kind: Kind<'_>,
        set: &SetAttributes,
    ) -> Result<Option<Found>> {
        let ask = |compound: &mut Compound| {
            compound.putfh(directory);
            compound.create(&kind, name, set);
            compound.getfh();
            compound.getattr(OBJECT);
        };
        let read = |results: &mut Results<'_>, names: &Names| {
            results.putfh()?;
            results.create()?;
            // It is made, whatever follows.
            let found =
                results.getfh().and_then(|handle| Ok((handle, results.getattr(names)?.attributes()?)));
            Ok(found.ok())
        };
        self.call(Properties::ONCE, ask, read).await
    }

    pub async fn mkdir(&self, directory: &Handle, name: &[u8], set: &SetAttributes) -> Result<Option<Found>> {
        self.create(directory, name, Kind::Directory, set).await
    }

    pub async fn symlink(
        &self,
        directory: &Handle,
        name: &[u8],
        target: &[u8],
        set: &SetAttributes,
    ) -> Result<Option<Found>> {
        self.create(directory, name, Kind::Link { target }, set).await
    }

    /// Makes a device, socket or FIFO.
    pub async fn mknod(
        &self,
        directory: &Handle,
        name: &[u8],
        kind: FileType,
        device: (u32, u32),
        set: &SetAttributes,
    ) -> Result<Option<Found>> {
        self.create(directory, name, Kind::Special { kind, device }, set).await
    }

    /// Removes a directory, or what is none. REMOVE does not mind, but unlink(2) and rmdir(2) do.
    pub async fn remove(&self, directory: &Handle, name: &[u8], is_directory: bool) -> Result<()> {
        let ask = |compound: &mut Compound| {
            compound.putfh(directory);
            compound.lookup(name);
            compound.verify_directory(!is_directory);
            compound.putfh(directory);
            compound.remove(name);
        };
        let read = |results: &mut Results<'_>, _: &Names| {
            results.putfh()?;
            results.next(super::numbers::op::LOOKUP)?;
            results.verify_directory(!is_directory)?;
            results.putfh()?;
            results.remove()
        };
        self.call(Properties::ONCE, ask, read).await
    }

    pub async fn rename(&self, from: (&Handle, &[u8]), to: (&Handle, &[u8])) -> Result<()> {
        let ask = |compound: &mut Compound| {
            compound.putfh(from.0);
            compound.savefh();
            compound.putfh(to.0);
            compound.rename(from.1, to.1);
        };
        let read = |results: &mut Results<'_>, _: &Names| {
            results.putfh()?;
            results.savefh()?;
            results.putfh()?;
            results.rename()
        };
        self.call(Properties::ONCE, ask, read).await
    }

    pub async fn link(&self, file: &Handle, directory: &Handle, name: &[u8]) -> Result<()> {
        let ask = |compound: &mut Compound| {
            compound.putfh(file);
            compound.savefh();
            compound.putfh(directory);
            compound.link(name);
        };
        let read = |results: &mut Results<'_>, _: &Names| {
            results.putfh()?;
            results.savefh()?;
            results.putfh()?;
            results.link()
        };
        self.call(Properties::ONCE, ask, read).await
    }

    pub async fn file_system(&self, object: &Handle) -> Result<FileSystem> {
        let ask = |compound: &mut Compound| {
            compound.putfh(object);
            compound.getattr(FILE_SYSTEM);
        };
        let read = |results: &mut Results<'_>, names: &Names| {
            results.putfh()?;
            Ok(results.getattr(names)?.file_system())
        };
        self.call(Properties::HARMLESS, ask, read).await
    }

    /// Gives `each` the entries behind `place`. `dircount` bounds names and cookies, `maxcount` the whole reply, bytes.
    pub async fn readdir(
        &self,
        directory: &Handle,
        place: Place,
        (dircount, maxcount): (u32, u32),
        each: impl FnMut(Entry<'_>) -> Result<()> + Send,
    ) -> Result<(Option<Place>, bool)> {
        let maxcount = maxcount.min(self.longest_reply().saturating_sub(PAGE_HEAD as u32));
        let ask = |compound: &mut Compound| {
            compound.putfh(directory);
            compound.readdir(place, dircount, maxcount, ENTRY);
        };
        // Asked again, the server is busy: then there were no entries.
        let each = std::sync::Mutex::new(each);
        let read = |results: &mut Results<'_>, names: &Names| {
            results.putfh()?;
            results.readdir(names, &mut *lock(&each))
        };
        let limit = maxcount as usize + PAGE_HEAD;
        self.call(Properties { cache: false, limit }, ask, read).await
    }

    /// Whether a walk has met a symbolic link, or something else that is no directory, where it had to go on.
    pub fn is_no_directory(error: &crate::error::Error) -> bool {
        matches!(error.status(), Some(status::NOTDIR | status::SYMLINK))
    }
}
