//! The procedures of NFSv3 (RFC 1813, section 3.3), typed by `nfs3_client`.

use std::hash::{BuildHasher, RandomState};
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nfs3_client::Nfs3Client;
use nfs3_client::nfs3_types::nfs3::*;
use once_cell::sync::Lazy;

use super::channel::Channel;
use super::convert::{from_post_op_attr, from_post_op_fh3, place, to_fh3};
use super::status::{is, succeeded};
use crate::attributes::{Attributes, FileSystem, FileType, Handle, Limits, SetAttributes};
use crate::error::{Error, Result};
use crate::io::Reactor;
use crate::rpc::{CallClass, Connection, Credential, Transport};

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

    fn channel(&self) -> Channel {
        Channel::new(&self.transport, &self.credential, self.deadline)
    }

    fn client(&self) -> Nfs3Client<Channel> {
        Nfs3Client::new(self.channel())
    }

    /// A client for a call that may not be executed twice, and a way to mark its error when it was sent twice.
    fn once<T>(
        &self,
        class: CallClass,
    ) -> (Nfs3Client<Channel>, impl FnOnce(Result<T>) -> Result<T> + use<T>) {
        let channel = Channel::of_class(class, &self.transport, &self.credential, self.deadline);
        let retransmitted = channel.retransmitted();
        let mark = move |result: Result<T>| {
            result.map_err(|error| error.with_retransmitted(retransmitted.load(Ordering::Relaxed)))
        };
        (Nfs3Client::new(channel), mark)
    }

    pub async fn setattr(&self, object: &Handle, set: &SetAttributes) -> Result<()> {
        let arguments =
            SETATTR3args { object: to_fh3(object), new_attributes: set.into(), guard: Nfs3Option::None };
        succeeded(self.client().setattr(&arguments).await).map(drop)
    }

    pub async fn readlink(&self, link: &Handle) -> Result<Vec<u8>> {
        let reply = self.client().readlink(&READLINK3args { symlink: to_fh3(link) }).await;
        Ok(succeeded(reply)?.data.0.into_owned())
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
        let (mut client, mark) = self.once(class);
        let reply =
            mark(succeeded(client.create(&CREATE3args { where_: place(directory, name), how }).await))?;
        created(&reply.obj, &reply.obj_attributes)
    }

    /// Whether CREATE failed because the server does not have the exclusive one.
    pub fn lacks_exclusive(error: &Error) -> bool {
        is(error, nfsstat3::NFS3ERR_NOTSUPP)
    }

    pub async fn mkdir(&self, directory: &Handle, name: &[u8], set: &SetAttributes) -> Result<Created> {
        let arguments = MKDIR3args { where_: place(directory, name), attributes: set.into() };
        let (mut client, mark) = self.once(CallClass::Cached);
        let reply = mark(succeeded(client.mkdir(&arguments).await))?;
        created(&reply.obj, &reply.obj_attributes)
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
        let (mut client, mark) = self.once(CallClass::Cached);
        let reply = mark(succeeded(client.symlink(&arguments).await))?;
        created(&reply.obj, &reply.obj_attributes)
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
        let (mut client, mark) = self.once(CallClass::Cached);
        let reply =
            mark(succeeded(client.mknod(&MKNOD3args { where_: place(directory, name), what }).await))?;
        created(&reply.obj, &reply.obj_attributes)
    }

    pub async fn remove(&self, directory: &Handle, name: &[u8]) -> Result<()> {
        let (mut client, mark) = self.once(CallClass::Cached);
        mark(succeeded(client.remove(&REMOVE3args { object: place(directory, name) }).await)).map(drop)
    }

    pub async fn rmdir(&self, directory: &Handle, name: &[u8]) -> Result<()> {
        let (mut client, mark) = self.once(CallClass::Cached);
        mark(succeeded(client.rmdir(&RMDIR3args { object: place(directory, name) }).await)).map(drop)
    }

    pub async fn rename(&self, from: (&Handle, &[u8]), to: (&Handle, &[u8])) -> Result<()> {
        let arguments = RENAME3args { from: place(from.0, from.1), to: place(to.0, to.1) };
        let (mut client, mark) = self.once(CallClass::Cached);
        mark(succeeded(client.rename(&arguments).await)).map(drop)
    }

    pub async fn link(&self, file: &Handle, directory: &Handle, name: &[u8]) -> Result<()> {
        let arguments = LINK3args { file: to_fh3(file), link: place(directory, name) };
        let (mut client, mark) = self.once(CallClass::Cached);
        mark(succeeded(client.link(&arguments).await)).map(drop)
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
        let reply = succeeded(self.client().fsstat(&FSSTAT3args { fsroot: to_fh3(root) }).await)?;
        Ok(FileSystem {
            total_bytes: reply.tbytes,
            free_bytes: reply.fbytes,
            available_bytes: reply.abytes,
            total_files: reply.tfiles,
            free_files: reply.ffiles,
            available_files: reply.afiles,
            fsid: from_post_op_attr(&reply.obj_attributes).map_or(0, |attributes| attributes.fsid),
        })
    }

    pub async fn fsinfo(&self, root: &Handle) -> Result<Limits> {
        let reply = succeeded(self.client().fsinfo(&FSINFO3args { fsroot: to_fh3(root) }).await)?;
        Ok(Limits { read_max: reply.rtmax, write_max: reply.wtmax, readdir: reply.dtpref })
    }

    /// Makes unstable writes stable (COMMIT of the whole file); returns the write verifier. Like the pieces of a
    /// transfer, which may come before it, it has a deadline of its own.
    pub async fn commit(&self, file: &Handle) -> Result<[u8; 8]> {
        let channel = Channel::new(&self.transport, &self.credential, self.deadline_of_piece());
        let arguments = COMMIT3args { file: to_fh3(file), offset: 0, count: 0 };
        let reply = Nfs3Client::new(channel).commit(&arguments).await;
        Ok(succeeded(reply)?.verf.0)
    }
}

fn created(handle: &post_op_fh3, attributes: &post_op_attr) -> Result<Created> {
    Ok((from_post_op_fh3(handle)?, from_post_op_attr(attributes)))
}
