//! The procedures of NFSv3 (RFC 1813, section 3.3): their arguments are typed by `nfs3_client`, their results are read in
//! place.

use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nfs3_client::nfs3_types::nfs3::*;
use nfs3_client::nfs3_types::xdr_codec::Pack;
use once_cell::sync::Lazy;

use super::convert::{handle, place, to_fh3};
use super::data::{WCC_ATTR, skip_optional, status};
use super::object::{FATTR3, optional_attributes};
use super::status::{about_names, is, is_busy};
use crate::attributes::{Attributes, FileSystem, FileType, Handle, Limits, SetAttributes};
use crate::error::{Error, Result};
use crate::io::Reactor;
use crate::rpc::{Backoff, CallClass, Connection, Credential, Message, Reply, Request, Transport};
use crate::xdr::Reader;

/// Longest reply of a typed call, bytes.
const MAX_REPLY: usize = 64 << 10;

/// The NFS service as one operation sees it: a connection, who asks, and how much time there is.
#[derive(Clone)]
pub struct Nfs {
    service: Arc<Service>,
    /// When the operation is overdue.
    pub deadline: Option<Instant>,
}

/// What operations share.
pub struct Service {
    pub transport: Transport,
    pub credential: Credential,
    /// How long an operation may take, or one piece of a transfer.
    timeout: Option<Duration>,
    reactor: Arc<Reactor<Connection>>,
}

impl Deref for Nfs {
    type Target = Service;

    fn deref(&self) -> &Service {
        &self.service
    }
}

/// A created object; servers may leave out either part.
pub type Created = (Option<Handle>, Option<Attributes>);

/// What CREATE does when the name is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Creation {
    /// An existing file is opened.
    Unchecked,
    /// EEXIST.
    Guarded,
    /// EEXIST, unless the file was made with the same verifier: by the same call, sent twice.
    Exclusive([u8; 8]),
}

impl Creation {
    /// Exclusive, with a verifier that nobody else uses.
    pub fn exclusive() -> Self {
        static RANDOM: Lazy<RandomState> = Lazy::new(RandomState::new);
        static NEXT: AtomicU64 = AtomicU64::new(0);
        // The number of the process tells a child from its parent, which have the same random state.
        let number = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Self::Exclusive(RANDOM.hash_one(number).to_be_bytes())
    }
}

impl Nfs {
    pub const PROGRAM: u32 = PROGRAM;
    pub const VERSION: u32 = VERSION;

    /// For operations that take `timeout` at most, or for as long as it takes.
    pub fn new(
        transport: Transport,
        credential: Credential,
        timeout: Option<Duration>,
        reactor: Arc<Reactor<Connection>>,
    ) -> Self {
        Self { service: Arc::new(Service { transport, credential, timeout, reactor }), deadline: None }
    }

    /// For an operation that begins now.
    pub fn begun_now(&self) -> Self {
        Self { service: self.service.clone(), deadline: self.deadline_of_piece() }
    }

    /// For an operation that is overdue at `deadline`.
    pub fn until(self, deadline: Instant) -> Self {
        Self { deadline: Some(deadline), ..self }
    }

    /// The same, as somebody else.
    pub fn as_user(&self, user: &Credential) -> Self {
        if self.credential == *user {
            return self.clone();
        }
        let Service { transport, timeout, reactor, .. } = &*self.service;
        let nfs = Self::new(transport.clone(), user.clone(), *timeout, reactor.clone());
        Self { deadline: self.deadline, ..nfs }
    }

    /// The same, for operations that take as long as they take.
    pub fn without_timeout(&self) -> Self {
        let Service { transport, credential, reactor, .. } = &*self.service;
        Self::new(transport.clone(), credential.clone(), None, reactor.clone())
    }

    /// When a piece of a transfer that begins now is overdue.
    pub fn deadline_of_piece(&self) -> Option<Instant> {
        self.timeout.map(|timeout| self.reactor.now() + timeout)
    }

    pub async fn setattr(&self, object: &Handle, set: &SetAttributes) -> Result<()> {
        let arguments =
            SETATTR3args { object: to_fh3(object), new_attributes: set.into(), guard: Nfs3Option::None };
        self.done(NFS_PROGRAM::NFSPROC3_SETATTR, &arguments, CallClass::Idempotent, wcc).await
    }

    pub async fn readlink(&self, link: &Handle) -> Result<Vec<u8>> {
        let arguments = READLINK3args { symlink: to_fh3(link) };
        let reply = self.exchange(NFS_PROGRAM::NFSPROC3_READLINK, packed(&arguments)?, CallClass::Idempotent);
        let reply = reply.await?;
        let mut reader = results(&reply)?;
        skip_optional(&mut reader, FATTR3)?;
        reader.opaque().map(<[u8]>::to_vec)
    }

    /// Makes a regular file. With [`Creation::Exclusive`] it has no attributes yet: SETATTR has to follow.
    pub async fn create(
        &self,
        directory: &Handle,
        name: &[u8],
        set: &SetAttributes,
        creation: Creation,
    ) -> Result<Created> {
        let (how, class) = match creation {
            Creation::Unchecked => (createhow3::UNCHECKED(set.into()), CallClass::Idempotent),
            Creation::Guarded => (createhow3::GUARDED(set.into()), CallClass::Cached),
            Creation::Exclusive(verifier) => {
                (createhow3::EXCLUSIVE(createverf3(verifier)), CallClass::Verified)
            }
        };
        let arguments = packed(&CREATE3args { where_: place(directory, name), how })?;
        self.created(NFS_PROGRAM::NFSPROC3_CREATE, arguments, class).await
    }

    /// Whether CREATE failed because the server does not have the exclusive one.
    pub fn lacks_exclusive(error: &Error) -> bool {
        is(error, nfsstat3::NFS3ERR_NOTSUPP)
    }

    pub async fn mkdir(&self, directory: &Handle, name: &[u8], set: &SetAttributes) -> Result<Created> {
        let arguments = MKDIR3args { where_: place(directory, name), attributes: set.into() };
        self.created(NFS_PROGRAM::NFSPROC3_MKDIR, packed(&arguments)?, CallClass::Cached).await
    }

    pub async fn symlink(
        &self,
        directory: &Handle,
        name: &[u8],
        target: &[u8],
        set: &SetAttributes,
    ) -> Result<Created> {
        let symlink = symlinkdata3 { symlink_attributes: set.into(), symlink_data: nfspath3::from(target) };
        let arguments = SYMLINK3args { where_: place(directory, name), symlink };
        self.created(NFS_PROGRAM::NFSPROC3_SYMLINK, packed(&arguments)?, CallClass::Cached).await
    }

    /// Makes a device, socket or fifo.
    pub async fn mknod(
        &self,
        directory: &Handle,
        name: &[u8],
        kind: FileType,
        device: (u32, u32),
        set: &SetAttributes,
    ) -> Result<Created> {
        let (specdata1, specdata2) = device;
        let special = || devicedata3 { dev_attributes: set.into(), spec: specdata3 { specdata1, specdata2 } };
        let what = match kind {
            FileType::Character => mknoddata3::NF3CHR(special()),
            FileType::Block => mknoddata3::NF3BLK(special()),
            FileType::Socket => mknoddata3::NF3SOCK(set.into()),
            FileType::Fifo => mknoddata3::NF3FIFO(set.into()),
            FileType::Regular | FileType::Directory | FileType::Link => {
                return Err(Error::new(libc::EINVAL, "MKNOD makes devices, sockets and fifos only"));
            }
        };
        let arguments = packed(&MKNOD3args { where_: place(directory, name), what })?;
        self.created(NFS_PROGRAM::NFSPROC3_MKNOD, arguments, CallClass::Cached).await
    }

    pub async fn remove(&self, directory: &Handle, name: &[u8]) -> Result<()> {
        let arguments = REMOVE3args { object: place(directory, name) };
        self.done(NFS_PROGRAM::NFSPROC3_REMOVE, &arguments, CallClass::Cached, wcc).await
    }

    pub async fn rmdir(&self, directory: &Handle, name: &[u8]) -> Result<()> {
        let arguments = RMDIR3args { object: place(directory, name) };
        self.done(NFS_PROGRAM::NFSPROC3_RMDIR, &arguments, CallClass::Cached, wcc).await
    }

    pub async fn rename(&self, from: (&Handle, &[u8]), to: (&Handle, &[u8])) -> Result<()> {
        let arguments = RENAME3args { from: place(from.0, from.1), to: place(to.0, to.1) };
        let both = |reader: &mut Reader<'_>| wcc(reader).and_then(|()| wcc(reader));
        self.done(NFS_PROGRAM::NFSPROC3_RENAME, &arguments, CallClass::Cached, both).await
    }

    pub async fn link(&self, file: &Handle, directory: &Handle, name: &[u8]) -> Result<()> {
        let arguments = LINK3args { file: to_fh3(file), link: place(directory, name) };
        let rest = |reader: &mut Reader<'_>| skip_optional(reader, FATTR3).and_then(|()| wcc(reader));
        self.done(NFS_PROGRAM::NFSPROC3_LINK, &arguments, CallClass::Cached, rest).await
    }

    /// Whether READDIRPLUS failed because the server does not have it, or not for this directory: another export
    /// below it is enough for some.
    pub fn lacks_readdirplus(error: &Error) -> bool {
        Self::lacks_procedure(error) || Self::is_other_export(error)
    }

    /// Whether the server does not have the procedure.
    pub fn lacks_procedure(error: &Error) -> bool {
        is(error, nfsstat3::NFS3ERR_NOTSUPP) || error.errno() == libc::EOPNOTSUPP
    }

    /// Whether the server asks to come again later.
    pub fn is_busy(error: &Error) -> bool {
        is(error, nfsstat3::NFS3ERR_JUKEBOX)
    }

    /// Whether LOOKUP failed because another export begins here.
    pub fn is_other_export(error: &Error) -> bool {
        is(error, nfsstat3::NFS3ERR_XDEV)
    }

    /// Whether a handle is not good for anything any more.
    pub fn is_gone(error: &Error) -> bool {
        is(error, nfsstat3::NFS3ERR_STALE) || is(error, nfsstat3::NFS3ERR_BADHANDLE)
    }

    /// Whether a listing has to begin anew because the directory has changed.
    pub fn is_bad_cookie(error: &Error) -> bool {
        is(error, nfsstat3::NFS3ERR_BAD_COOKIE)
    }

    pub async fn fsstat(&self, root: &Handle) -> Result<FileSystem> {
        let arguments = packed(&FSSTAT3args { fsroot: to_fh3(root) })?;
        let reply = self.exchange(NFS_PROGRAM::NFSPROC3_FSSTAT, arguments, CallClass::Idempotent).await?;
        let mut reader = results(&reply)?;
        let fsid = optional_attributes(&mut reader)?.map_or(0, |attributes| attributes.fsid);
        Ok(FileSystem {
            total_bytes: reader.u64()?,
            free_bytes: reader.u64()?,
            available_bytes: reader.u64()?,
            total_files: reader.u64()?,
            free_files: reader.u64()?,
            available_files: reader.u64()?,
            fsid,
        })
    }

    pub async fn fsinfo(&self, root: &Handle) -> Result<Limits> {
        let arguments = packed(&FSINFO3args { fsroot: to_fh3(root) })?;
        let reply = self.exchange(NFS_PROGRAM::NFSPROC3_FSINFO, arguments, CallClass::Idempotent).await?;
        let mut reader = results(&reply)?;
        skip_optional(&mut reader, FATTR3)?;
        let (read_max, _preferred, _multiple) = (reader.u32()?, reader.u32()?, reader.u32()?);
        let (write_max, _preferred, _multiple) = (reader.u32()?, reader.u32()?, reader.u32()?);
        Ok(Limits { read_max, write_max, readdir: reader.u32()? })
    }

    /// Makes unstable writes stable (COMMIT of the whole file); returns the write verifier. Like the pieces of a
    /// transfer, which may come before it, it has a deadline of its own.
    pub async fn commit(&self, file: &Handle) -> Result<[u8; 8]> {
        let arguments = packed(&COMMIT3args { file: to_fh3(file), offset: 0, count: 0 })?;
        let nfs = self.begun_now();
        let reply = nfs.exchange(NFS_PROGRAM::NFSPROC3_COMMIT, arguments, CallClass::Idempotent).await?;
        let mut reader = results(&reply)?;
        wcc(&mut reader)?;
        reader.array().copied()
    }

    // --- Calls whose arguments are typed, and whose results are read in place ------------------------------------

    /// A call that makes an object.
    async fn created(&self, procedure: NFS_PROGRAM, arguments: Vec<u8>, class: CallClass) -> Result<Created> {
        let reply = self.exchange(procedure, arguments, class).await?;
        let mut reader = results(&reply)?;
        let handle = reader.flag()?.then(|| handle(&mut reader)).transpose()?;
        let attributes = optional_attributes(&mut reader)?;
        wcc(&mut reader)?;
        Ok((handle, attributes))
    }

    /// A call that gives nothing but what `rest` reads.
    async fn done(
        &self,
        procedure: NFS_PROGRAM,
        arguments: &(impl Pack + Sync),
        class: CallClass,
        rest: fn(&mut Reader<'_>) -> Result<()>,
    ) -> Result<()> {
        let arguments = packed(arguments);
        let reply = self.exchange(procedure, arguments?, class).await?;
        rest(&mut results(&reply)?)
    }

    /// Makes a call, again as long as the server says that it is busy fetching the data (NFS3ERR_JUKEBOX). An error tells
    /// whether it was sent twice.
    /// Boxed: it is the largest part of a dozen rare calls, and compiled once.
    fn exchange(
        &self,
        procedure: NFS_PROGRAM,
        arguments: Vec<u8>,
        class: CallClass,
    ) -> Pin<Box<dyn Future<Output = Result<Reply>> + Send + '_>> {
        Box::pin(self.exchange_now(procedure, arguments, class))
    }

    async fn exchange_now(
        &self,
        procedure: NFS_PROGRAM,
        arguments: Vec<u8>,
        class: CallClass,
    ) -> Result<Reply> {
        let start = || {
            let mut message = Message::call(PROGRAM, VERSION, procedure as u32, &self.credential);
            message.arguments().extend_from_slice(&arguments);
            let (deadline, limit, class) = (self.deadline, MAX_REPLY, class.clone());
            self.transport.start(Request { message, source: None, sink: None, deadline, limit, class })
        };
        let mut reply = start().await.map_err(|error| about_names(error, longest_name(&arguments)))?;
        let mut retransmitted = reply.retransmitted;
        let mut backoff = Backoff::new();
        while is_busy(reply.body()) && backoff.wait(&self.transport, self.deadline).await {
            reply = start().await?;
            retransmitted |= reply.retransmitted;
        }
        match results(&reply) {
            Ok(_) => Ok(reply),
            Err(error) => Err(error.with_retransmitted(retransmitted)),
        }
    }
}

fn packed(arguments: &impl Pack) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(arguments.packed_size());
    arguments.pack(&mut bytes).map_err(|error| Error::new(libc::EINVAL, format!("arguments: {error}")))?;
    Ok(bytes)
}

/// What follows the status of a reply.
fn results(reply: &Reply) -> Result<Reader<'_>> {
    let mut reader = Reader::new(reply.body());
    status(&mut reader)?;
    Ok(reader)
}

/// wcc_data: what an object was like before and after.
fn wcc(reader: &mut Reader<'_>) -> Result<()> {
    skip_optional(reader, WCC_ATTR)?;
    skip_optional(reader, FATTR3)
}

/// The length of the longest opaque or string that arguments begin with: file handles and names, or a path.
fn longest_name(arguments: &[u8]) -> usize {
    let (mut reader, mut longest) = (Reader::new(arguments), 0);
    while let Ok(bytes) = reader.opaque() {
        longest = longest.max(bytes.len());
    }
    longest
}
