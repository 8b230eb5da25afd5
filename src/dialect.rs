//! One door to a server, whichever dialect it speaks: a verb is one method, one call where the protocol allows it.
//!
//! What only one dialect needs is behind its arm: the client above knows verbs, not versions.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::attributes::{Attributes, FileSystem, FileType, Handle, SetAttributes};
use crate::error::{Error, Result};
use crate::io::{Destination, Reactor, Source};
use crate::rpc::{Answer, Completion, Connection, Credential, Transport};
use crate::transfer::{ReadReply, Stability, WriteReply};
use crate::v4::{self, Registration};
use crate::{v3, v3::Creation};

pub use crate::v3::{Created, DirEntry, PageEnd, Place};
pub use crate::v4::{Access, FileState};

/// The server as one operation sees it.
#[derive(Clone)]
pub enum Nfs {
    V3(v3::Nfs),
    V4(v4::Nfs),
}

/// A file that was made or opened.
pub struct Opened {
    /// A server of NFSv3 may leave it out.
    pub handle: Option<Handle>,
    pub attributes: Option<Attributes>,
    /// What the server keeps for it; NFSv3 has nothing of the kind.
    pub state: Option<v4::Opened>,
    /// It has no attributes of its own yet: SETATTR has to follow.
    pub is_bare: bool,
}

/// A READ in flight.
pub enum Reading {
    V3(v3::Reading),
    V4(Box<v4::Reading>),
}

/// A WRITE in flight.
pub enum Writing {
    V3(v3::Writing),
    V4(Box<v4::Writing>),
}

/// What a call without a task needs before it begins, and what its reply is read with.
pub enum Slot {
    V3,
    V4(v4::TakenSlot),
}

/// See [`Slot`].
pub enum InSlot {
    V3,
    V4(v4::InSlot),
}

impl Nfs {
    pub fn new(
        transport: Transport,
        credential: Credential,
        registration: Option<Arc<Registration>>,
        timeout: Option<Duration>,
        reactor: Arc<Reactor<Connection>>,
    ) -> Self {
        match registration {
            None => Self::V3(v3::Nfs::new(transport, credential, timeout, reactor)),
            Some(registration) => {
                Self::V4(v4::Nfs::new(transport, credential, registration, timeout, reactor))
            }
        }
    }

    pub fn transport(&self) -> &Transport {
        match self {
            Self::V3(nfs) => &nfs.transport,
            Self::V4(nfs) => &nfs.transport,
        }
    }

    pub fn credential(&self) -> &Credential {
        match self {
            Self::V3(nfs) => &nfs.credential,
            Self::V4(nfs) => &nfs.credential,
        }
    }

    /// When the operation is overdue.
    pub fn deadline(&self) -> Option<Instant> {
        match self {
            Self::V3(nfs) => nfs.deadline,
            Self::V4(nfs) => nfs.deadline,
        }
    }

    pub fn set_deadline(&mut self, deadline: Option<Instant>) {
        match self {
            Self::V3(nfs) => nfs.deadline = deadline,
            Self::V4(nfs) => nfs.deadline = deadline,
        }
    }

    /// For an operation that begins now.
    pub fn begun_now(&self) -> Self {
        match self {
            Self::V3(nfs) => Self::V3(nfs.begun_now()),
            Self::V4(nfs) => Self::V4(nfs.begun_now()),
        }
    }

    /// The same, as somebody else.
    pub fn as_user(&self, user: &Credential) -> Self {
        match self {
            Self::V3(nfs) => Self::V3(nfs.as_user(user)),
            Self::V4(nfs) => Self::V4(nfs.as_user(user)),
        }
    }

    /// The same, for operations that take as long as they take.
    pub fn without_timeout(&self) -> Self {
        match self {
            Self::V3(nfs) => Self::V3(nfs.without_timeout()),
            Self::V4(nfs) => Self::V4(nfs.without_timeout()),
        }
    }

    /// When a piece of a transfer that begins now is overdue.
    pub fn deadline_of_piece(&self) -> Option<Instant> {
        match self {
            Self::V3(nfs) => nfs.deadline_of_piece(),
            Self::V4(nfs) => nfs.deadline_of_piece(),
        }
    }

    // --- Objects ------------------------------------------------------------------------------------------------

    pub async fn getattr(&self, object: &Handle) -> Result<Attributes> {
        match self {
            Self::V3(nfs) => nfs.getattr(object).await,
            Self::V4(nfs) => Box::pin(nfs.getattr(object)).await,
        }
    }

    pub async fn lookup(&self, directory: &Handle, name: &[u8]) -> Result<(Handle, Option<Attributes>)> {
        match self {
            Self::V3(nfs) => nfs.lookup(directory, name).await,
            Self::V4(nfs) => {
                let (handle, attributes) = Box::pin(nfs.lookup(directory, name)).await?;
                Ok((handle, Some(attributes)))
            }
        }
    }

    /// Which of the ACCESS3_* bits in `access`, which NFSv4 has as well, the server grants.
    pub async fn access(&self, object: &Handle, access: u32) -> Result<u32> {
        match self {
            Self::V3(nfs) => nfs.access(object, access).await,
            Self::V4(nfs) => Box::pin(nfs.access(object, access)).await,
        }
    }

    /// `state` is that of the object, if it is an open file.
    pub async fn setattr(
        &self,
        object: &Handle,
        state: Option<&FileState>,
        set: &SetAttributes,
    ) -> Result<()> {
        match self {
            Self::V3(nfs) => nfs.setattr(object, set).await,
            Self::V4(nfs) => Box::pin(nfs.setattr(object, state, set)).await,
        }
    }

    pub async fn readlink(&self, link: &Handle) -> Result<Vec<u8>> {
        match self {
            Self::V3(nfs) => nfs.readlink(link).await,
            Self::V4(nfs) => Box::pin(nfs.readlink(link)).await,
        }
    }

    pub async fn fsstat(&self, object: &Handle) -> Result<FileSystem> {
        match self {
            Self::V3(nfs) => nfs.fsstat(object).await,
            Self::V4(nfs) => Box::pin(nfs.file_system(object)).await,
        }
    }

    /// The POSIX ACL, by the protocol beside NFSv3.
    pub async fn getacl(&self, object: &Handle) -> Result<v3::Acl> {
        match self {
            Self::V3(nfs) => nfs.getacl(object).await,
            Self::V4(_) => Err(Error::new(libc::EOPNOTSUPP, "NFSv4 has no POSIX ACLs")),
        }
    }

    /// Whether [`Nfs::submit_lookup`] is to be had.
    pub fn submits_lookups(&self) -> bool {
        matches!(self, Self::V3(_))
    }

    /// See [`v3::Nfs::submit_lookup`].
    pub fn submit_lookup<T: Completion + 'static>(
        &self,
        directory: &Handle,
        name: impl FnOnce(&T) -> &[u8],
        deadline: Option<Instant>,
        completion: Box<T>,
    ) {
        match self {
            Self::V3(nfs) => nfs.submit_lookup(directory, name, deadline, completion),
            Self::V4(_) => completion.complete(Err(no_slot())),
        }
    }

    // --- Names --------------------------------------------------------------------------------------------------

    /// Makes a regular file, and opens it.
    pub async fn create(
        &self,
        directory: &Handle,
        name: &[u8],
        set: &SetAttributes,
        creation: Creation,
        access: Access,
    ) -> Result<Opened> {
        match self {
            Self::V3(nfs) => {
                let is_bare = matches!(creation, Creation::Exclusive(_));
                let (handle, attributes) = nfs.create(directory, name, set, creation).await?;
                Ok(Opened { handle, attributes, state: None, is_bare })
            }
            Self::V4(nfs) => {
                let create = match creation {
                    Creation::Unchecked => v4::Create::Unchecked(set),
                    Creation::Guarded => v4::Create::Guarded(set),
                    Creation::Exclusive(verifier) => v4::Create::Exclusive(verifier, set),
                };
                let open = nfs.open(directory, v4::Claim::Name(name), access.bits(), create);
                let opened = Box::pin(open).await.map(Self::opened);
                match creation {
                    Creation::Unchecked => opened,
                    _ => opened.map_err(v4::taken_by_another_kind),
                }
            }
        }
    }

    /// Opens a file that is there; None where opening is nothing that the server knows of.
    pub async fn open(&self, file: &Handle, access: Access) -> Result<Option<Opened>> {
        match self {
            Self::V3(_) => Ok(None),
            Self::V4(nfs) => {
                let open = nfs.open(file, v4::Claim::Current, access.bits(), v4::Create::No);
                Box::pin(open).await.map(|opened| Some(Self::opened(opened)))
            }
        }
    }

    fn opened((state, found): (v4::Opened, Option<v4::Found>)) -> Opened {
        let (handle, attributes) = found.unzip();
        Opened { handle, attributes, state: Some(state), is_bare: false }
    }

    /// A handle with this access is closed.
    pub async fn release(&self, file: &Handle, state: &FileState, access: Access) -> Result<()> {
        match self {
            Self::V3(_) => Ok(()),
            Self::V4(nfs) => Box::pin(nfs.release(file, state, access)).await,
        }
    }

    pub async fn mkdir(&self, directory: &Handle, name: &[u8], set: &SetAttributes) -> Result<Created> {
        match self {
            Self::V3(nfs) => nfs.mkdir(directory, name, set).await,
            Self::V4(nfs) => Box::pin(nfs.mkdir(directory, name, set)).await.map(Option::unzip),
        }
    }

    pub async fn symlink(
        &self,
        directory: &Handle,
        name: &[u8],
        target: &[u8],
        set: &SetAttributes,
    ) -> Result<Created> {
        match self {
            Self::V3(nfs) => nfs.symlink(directory, name, target, set).await,
            Self::V4(nfs) => Box::pin(nfs.symlink(directory, name, target, set)).await.map(Option::unzip),
        }
    }

    /// Makes a device, socket or FIFO.
    pub async fn mknod(
        &self,
        directory: &Handle,
        name: &[u8],
        kind: FileType,
        device: (u32, u32),
        set: &SetAttributes,
    ) -> Result<Created> {
        match self {
            Self::V3(nfs) => nfs.mknod(directory, name, kind, device, set).await,
            Self::V4(nfs) => Box::pin(nfs.mknod(directory, name, kind, device, set)).await.map(Option::unzip),
        }
    }

    pub async fn remove(&self, directory: &Handle, name: &[u8]) -> Result<()> {
        match self {
            Self::V3(nfs) => nfs.remove(directory, name).await,
            Self::V4(nfs) => Box::pin(nfs.remove(directory, name, false)).await,
        }
    }

    pub async fn rmdir(&self, directory: &Handle, name: &[u8]) -> Result<()> {
        match self {
            Self::V3(nfs) => nfs.rmdir(directory, name).await,
            Self::V4(nfs) => Box::pin(nfs.remove(directory, name, true)).await,
        }
    }

    pub async fn rename(&self, from: (&Handle, &[u8]), to: (&Handle, &[u8])) -> Result<()> {
        match self {
            Self::V3(nfs) => nfs.rename(from, to).await,
            Self::V4(nfs) => Box::pin(nfs.rename(from, to)).await,
        }
    }

    pub async fn link(&self, file: &Handle, directory: &Handle, name: &[u8]) -> Result<()> {
        match self {
            Self::V3(nfs) => nfs.link(file, directory, name).await,
            Self::V4(nfs) => Box::pin(nfs.link(file, directory, name)).await,
        }
    }

    /// See [`v3::Nfs::readdirplus`]. With NFSv4 the entries always come with what the server has of attributes.
    pub async fn readdirplus(
        &self,
        directory: &Handle,
        place: Place,
        dircount: u32,
        maxcount: u32,
        mut each: impl FnMut(DirEntry<'_>) -> Result<()> + Send,
    ) -> Result<PageEnd> {
        match self {
            Self::V3(nfs) => nfs.readdirplus(directory, place, dircount, maxcount, each).await,
            Self::V4(nfs) => {
                let each = |v4::Entry { name, fattr }: v4::Entry<'_>| {
                    let attributes = fattr.listed();
                    each(DirEntry { name, fileid: fattr.listed_fileid(), attributes })
                };
                let (next, eof) = Box::pin(nfs.readdir(directory, place, (dircount, maxcount), each)).await?;
                Ok(PageEnd { next, eof })
            }
        }
    }

    pub async fn readdir(
        &self,
        directory: &Handle,
        place: Place,
        count: u32,
        each: impl FnMut(DirEntry<'_>) -> Result<()>,
    ) -> Result<PageEnd> {
        match self {
            Self::V3(nfs) => nfs.readdir(directory, place, count, each).await,
            Self::V4(_) => Err(Error::new(libc::EOPNOTSUPP, "NFSv4 has one kind of listing")),
        }
    }

    // --- Data ---------------------------------------------------------------------------------------------------

    /// Asks for as many bytes as fit into `to`, which must be at most the server's limit.
    pub fn read(
        &self,
        file: (&Handle, &FileState),
        offset: u64,
        to: Destination,
        deadline: Option<Instant>,
    ) -> Reading {
        match self {
            Self::V3(nfs) => Reading::V3(nfs.read(file.0, offset, to, deadline)),
            Self::V4(nfs) => Reading::V4(Box::new(nfs.read(v4::open_handle(file), offset, to, deadline))),
        }
    }

    /// Sends `from`, which must be at most the server's limit.
    pub fn write(
        &self,
        file: (&Handle, &FileState),
        offset: u64,
        from: Source,
        stability: Stability,
        deadline: Option<Instant>,
    ) -> Writing {
        match self {
            Self::V3(nfs) => Writing::V3(nfs.write(file.0, offset, from, stability, deadline)),
            Self::V4(nfs) => {
                Writing::V4(Box::new(nfs.write(v4::open_handle(file), offset, from, stability, deadline)))
            }
        }
    }

    pub async fn commit(&self, file: &Handle) -> Result<[u8; 8]> {
        match self {
            Self::V3(nfs) => nfs.commit(file).await,
            Self::V4(nfs) => Box::pin(nfs.begun_now().commit(file)).await,
        }
    }

    /// What a call without a task is made with; None when it would have to wait.
    pub fn slot(&self) -> Option<Slot> {
        match self {
            Self::V3(_) => Some(Slot::V3),
            Self::V4(nfs) => nfs.try_slot().map(Slot::V4),
        }
    }

    /// What its reply is read with.
    pub fn in_slot(&self, slot: &Slot) -> InSlot {
        match (self, slot) {
            (Self::V4(nfs), Slot::V4(slot)) => InSlot::V4(v4::InSlot::new(nfs, slot)),
            _ => InSlot::V3,
        }
    }

    /// As [`Nfs::read`]; `completion` gets the reply, to be read by [`InSlot::read`].
    pub fn submit_read(
        &self,
        slot: Slot,
        file: (&Handle, &FileState),
        offset: u64,
        to: Destination,
        completion: Box<impl Completion + 'static>,
    ) {
        match (self, slot) {
            (Self::V4(nfs), Slot::V4(slot)) => {
                nfs.submit_read(slot, v4::open_handle(file), offset, to, completion);
            }
            (Self::V3(nfs), _) => nfs.submit_read(file.0, offset, to, completion),
            (Self::V4(_), Slot::V3) => completion.complete(Err(no_slot())),
        }
    }

    /// As [`Nfs::write`]; `completion` gets the reply, to be read by [`InSlot::write`].
    pub fn submit_write(
        &self,
        slot: Slot,
        file: (&Handle, &FileState),
        offset: u64,
        from: Source,
        stability: Stability,
        completion: Box<impl Completion + 'static>,
    ) {
        match (self, slot) {
            (Self::V4(nfs), Slot::V4(slot)) => {
                nfs.submit_write(slot, v4::open_handle(file), offset, from, stability, completion);
            }
            (Self::V3(nfs), _) => nfs.submit_write(file.0, offset, from, stability, completion),
            (Self::V4(_), Slot::V3) => completion.complete(Err(no_slot())),
        }
    }

    // --- What statuses mean: the numbers are the same in both dialects ------------------------------------------

    /// See [`v3::Nfs::is_gone`].
    pub fn is_gone(error: &Error) -> bool {
        v3::Nfs::is_gone(error)
    }

    /// See [`v3::Nfs::is_busy`].
    pub fn is_busy(error: &Error) -> bool {
        v3::Nfs::is_busy(error)
    }

    /// See [`v3::Nfs::is_other_export`].
    pub fn is_other_export(error: &Error) -> bool {
        v3::Nfs::is_other_export(error)
    }

    /// See [`v3::Nfs::is_bad_cookie`].
    pub fn is_bad_cookie(error: &Error) -> bool {
        v3::Nfs::is_bad_cookie(error)
    }

    /// See [`v3::Nfs::lacks_exclusive`].
    pub fn lacks_exclusive(error: &Error) -> bool {
        v3::Nfs::lacks_exclusive(error)
    }

    /// See [`v3::Nfs::lacks_procedure`].
    pub fn lacks_procedure(error: &Error) -> bool {
        v3::Nfs::lacks_procedure(error)
    }

    /// See [`v3::Nfs::lacks_readdirplus`].
    pub fn lacks_readdirplus(error: &Error) -> bool {
        v3::Nfs::lacks_readdirplus(error)
    }
}

fn no_slot() -> Error {
    Error::new(libc::EIO, "a call of NFSv4 without a slot")
}

impl Reading {
    pub async fn done(self) -> Result<ReadReply> {
        match self {
            Self::V3(reading) => reading.done().await,
            Self::V4(reading) => Box::pin(reading.done()).await,
        }
    }
}

impl Writing {
    pub async fn done(self) -> Result<WriteReply> {
        match self {
            Self::V3(writing) => writing.done().await,
            Self::V4(writing) => Box::pin(writing.done()).await,
        }
    }
}

impl InSlot {
    /// The reply to a READ.
    pub fn read(&self, answer: Answer<'_>) -> Result<ReadReply> {
        match self {
            Self::V3 => v3::read_reply(answer),
            Self::V4(slot) => slot.read(answer),
        }
    }

    /// The reply to a WRITE of `length` bytes.
    pub fn write(&self, answer: &Answer<'_>, length: usize) -> Result<WriteReply> {
        match self {
            Self::V3 => v3::write_reply(answer, length),
            Self::V4(slot) => slot.write(answer, length),
        }
    }
}
