//! Open files: opening, creating, closing, positions.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use libc::c_int;

use super::inode::{ErrorCursor, Inode, Writer};
use super::locks::Locking;
use super::mount::MountLife;
use super::walk::Object;
use super::{Client, LastLink, Session};
use crate::attributes::{Attributes, FileType, Handle, SetAttributes, SetTimes};
use crate::dialect::{self, Access, Nfs};
use crate::error::{Error, Result};
use crate::executor::{AsyncMutex, AsyncMutexGuard};
use crate::v3::Creation;
use crate::v4;

/// An open file: what one handle has of its own. What all handles of the file share is its [`Inode`].
pub struct File {
    pub(super) client: u64,
    pub(super) mount: MountLife,
    pub(super) handle: Handle,
    pub(super) inode: Arc<Inode>,
    pub(super) flags: c_int,
    /// As it was opened, for error messages.
    pub(super) path: Vec<u8>,
    pub(super) position: Position,
    /// Which errors of the file it has heard of.
    pub(super) errors: ErrorCursor,
    /// A write through it was refused because the server has the file no more. It may have it again.
    pub(super) is_gone: AtomicBool,
    /// The server keeps state for it, which is to be given back.
    pub(super) has_state: AtomicBool,
    /// If it is open for writing.
    pub(super) writer: Option<Writer>,
    /// Where the last read ended.
    pub(super) read_to: AtomicU64,
    pub(super) locking: Locking,
}

/// A file that is being opened, what the server has said of it, and what it keeps for it.
struct Opened {
    handle: Handle,
    attributes: Option<Attributes>,
    state: Option<v4::Opened>,
}

/// The position of an open file.
#[derive(Default)]
pub struct Position {
    offset: AtomicU64,
    /// Held by whoever reads, writes or moves at the position, in the order of their calls.
    pub order: AsyncMutex,
}

impl Position {
    pub fn get(&self) -> u64 {
        self.offset.load(Ordering::SeqCst)
    }

    pub fn set(&self, offset: u64) {
        self.offset.store(offset, Ordering::SeqCst);
    }
}

impl File {
    fn new(client: &Client, session: &Session, opened: Opened, flags: c_int, path: &[u8]) -> Arc<Self> {
        let Opened { handle, attributes, state } = opened;
        let fsid = attributes.as_ref().map_or(session.mounted.fsid, |attributes| attributes.fsid);
        let inode = session.mounted.inodes.open(&handle, fsid);
        if session.policy.is_some() {
            inode.pages.invalidate();
        }
        if let Some(state) = &state {
            inode.state.opened(state, access(flags));
        }
        Arc::new(Self {
            has_state: AtomicBool::new(state.is_some()),
            client: client.id(),
            mount: session.mounted.life.clone(),
            handle,
            flags,
            path: path.to_vec(),
            position: Position::default(),
            errors: inode.errors.cursor(),
            is_gone: AtomicBool::new(false),
            writer: writes(flags).then(|| inode.open_for_writing()),
            inode,
            read_to: AtomicU64::new(0),
            locking: Locking::default(),
        })
    }

    /// The id of the context it was opened with.
    pub fn client_id(&self) -> u64 {
        self.client
    }

    /// EBADF when its mount has ended, EIO when its locks are lost: others may have changed what was locked.
    pub(super) fn check(&self) -> Result<()> {
        self.mount.check()?;
        self.locking.check()
    }

    /// EBADF unless it is open for writing.
    pub(super) fn writable(&self) -> Result<()> {
        match self.writer {
            Some(_) => Ok(()),
            None => Err(Error::new(libc::EBADF, "the file is open for reading only")),
        }
    }

    /// Takes note of why a write through it has failed.
    #[cold]
    pub(super) fn refused(&self, error: Error) -> Error {
        self.is_gone.fetch_or(Nfs::is_gone(&error), Ordering::Relaxed);
        error
    }

    /// ESTALE when a write was refused so, and the server still says so: whoever asks whether all of it is stable hears
    /// it again, as with libnfs, whose COMMIT the server refuses.
    pub(super) async fn is_there(&self, session: &Session) -> Result<()> {
        if self.is_gone.load(Ordering::Relaxed) {
            self.is_gone.store(false, Ordering::Relaxed); // first: another write may be refused meanwhile
            let asked = Box::pin(session.nfs.getattr(&self.handle)).await;
            asked.inspect_err(|_| self.is_gone.store(true, Ordering::Relaxed))?;
        }
        Ok(())
    }

    /// Whether what is written at the position goes to the end of the file.
    pub(super) fn appends(&self) -> bool {
        self.flags & libc::O_APPEND != 0
    }

    /// What the server calls it.
    pub fn server_handle(&self) -> &[u8] {
        self.handle.as_bytes()
    }
}

fn new_file(mode: u32) -> SetAttributes {
    SetAttributes { mode: Some(mode & 0o7777), ..SetAttributes::default() }
}

/// Whoever the server takes us for: it need not be asked.
fn everyone_may_read(object: &Object) -> bool {
    object.attributes.mode & 0o444 == 0o444
}

pub(super) fn writes(flags: c_int) -> bool {
    flags & libc::O_ACCMODE != libc::O_RDONLY
}

fn access(flags: c_int) -> Access {
    let mode = flags & libc::O_ACCMODE;
    Access { reads: mode != libc::O_WRONLY, writes: mode != libc::O_RDONLY }
}

impl Client {
    /// Opens `path` with the flags of open(2). A file that O_CREAT makes gets `mode`.
    pub async fn open(self: Arc<Self>, path: Vec<u8>, flags: c_int, mode: u32) -> Result<Arc<File>> {
        let (client, path) = (&*self, &path[..]);
        let open = self.on_paths(|session| async move {
            let opened = if flags & libc::O_CREAT == 0 {
                let last = if flags & libc::O_NOFOLLOW == 0 { LastLink::Follow } else { LastLink::Keep };
                let object = client.walk(&session, path, last).await?;
                client.open_existing(&session, object, flags).await?
            } else if flags & libc::O_EXCL != 0 {
                let place = client.parent(&session, path).await?;
                session.create_new(&place.directory, place.name, &new_file(mode), access(flags)).await?
            } else {
                client.open_or_create(&session, path, flags, mode).await?
            };
            Ok(File::new(client, &session, opened, flags, path))
        });
        open.await.map_err(|error: Error| error.during("open").at(path))
    }

    async fn open_or_create(
        &self,
        session: &Session,
        path: &[u8],
        flags: c_int,
        mode: u32,
    ) -> Result<Opened> {
        let last = if flags & libc::O_NOFOLLOW == 0 { LastLink::Follow } else { LastLink::Keep };
        let walked = self.walk_to(session, path, last, true).await?;
        if let Some((directory, name)) = walked.missing() {
            if path.ends_with(b"/") {
                return Err(Error::new(libc::ENOTDIR, "a file's name does not end in a slash"));
            }
            let opened = session.create(&directory, name, &new_file(mode), access(flags)).await?;
            let is_empty = opened.attributes.as_ref().is_some_and(|attributes| attributes.size == 0);
            // Another client may have made it meanwhile.
            return match flags & libc::O_TRUNC != 0 && writes(flags) && !is_empty {
                true => self.truncated(session, opened, flags).await,
                false => Ok(opened),
            };
        }
        let object = walked.object()?;
        if object.attributes.kind == FileType::Directory {
            return Err(Error::new(libc::EISDIR, "a directory is in the way"));
        }
        if path.ends_with(b"/") {
            return Err(Error::new(libc::ENOTDIR, "not a directory"));
        }
        let handle = object.handle;
        match self.open_existing(session, object, flags).await {
            Err(error) if error.errno() == libc::EACCES && writes(flags) => {
                // ACCESS does not tell whose fault it is, the user's or the export's; a change of nothing does.
                let changed = session.nfs.setattr(&handle, None, &SetAttributes::default()).await;
                Err(changed.err().filter(|why| why.errno() == libc::EROFS).unwrap_or(error))
            }
            opened => opened,
        }
    }

    /// Drops what is cached of a file.
    pub fn invalidate(&self, file: &File) {
        file.inode.pages.invalidate();
    }

    /// Closes a file and gives its locks back; an error tells that data written before may be lost. The handle is
    /// gone either way.
    pub async fn close(self: Arc<Self>, file: Arc<File>) -> Result<()> {
        let stable = match (&file.writer, self.session_to_close(&file)) {
            (None, _) => Ok(()),
            (Some(_), Ok(session)) => self.make_stable_for(&session, &file).await,
            // What was not stable when the mount ended is an error by now.
            (Some(_), Err(_)) if file.mount.check().is_err() => file.inode.errors.check(&file.errors),
            (Some(_), Err(error)) => Err(error),
        };
        if stable.is_err() && file.inode.writers() == 1 {
            file.inode.unstable.give_up(u64::MAX); // nobody is left who would hear what becomes of it
        }
        self.trim_buffers();
        self.release_locks(&file).await;
        if file.has_state.swap(false, Ordering::Relaxed)
            && let Ok(session) = self.session_to_close(&file)
        {
            // What the server says of it concerns nobody: nothing is lost by it.
            let _told = session.nfs.release(&file.handle, &file.inode.state, access(file.flags)).await;
        }
        stable.map_err(|error| error.during("close").at(&file.path))
    }

    /// Returns when everything written to the file is on stable storage.
    pub async fn fsync(self: Arc<Self>, file: Arc<File>) -> Result<()> {
        let flush = async { self.make_stable_for(&self.session_of(&file)?, &file).await };
        let stable = flush.await;
        self.trim_buffers();
        stable.map_err(|error: Error| error.during("fsync").at(&file.path))
    }

    /// Waits until whoever came before has read, written or moved at the position of the file.
    pub(super) async fn turn<'a>(&self, file: &'a File) -> Result<AsyncMutexGuard<'a>> {
        match file.position.order.try_guard() {
            Some(turn) => Ok(turn),
            None => {
                let others =
                    async { self.wait_for(&self.session_of(file)?, file.position.order.lock()).await };
                Box::pin(others).await
            }
        }
    }

    /// Moves the position and returns it. It may lie behind the end of the file.
    pub async fn lseek(self: Arc<Self>, file: Arc<File>, offset: i64, whence: c_int) -> Result<u64> {
        let seek = async {
            let session = self.session_of(&file)?;
            let _turn = self.turn(&file).await?;
            let base = match whence {
                libc::SEEK_SET => 0,
                libc::SEEK_CUR => file.position.get(),
                libc::SEEK_END => self.size(&session, &file.inode).await?,
                _ => return Err(Error::new(libc::EINVAL, format!("whence {whence} is unknown"))),
            };
            let position = base.checked_add_signed(offset).filter(|position| *position <= i64::MAX as u64);
            let position =
                position.ok_or_else(|| Error::new(libc::EINVAL, "the position would not be in any file"))?;
            file.position.set(position);
            Ok(position)
        };
        seek.await.map_err(|error| error.during("lseek").at(&file.path))
    }
}

impl Client {
    /// Whether an object may be opened as `flags` ask; truncates it when they do.
    async fn open_existing(&self, session: &Session, object: Object, flags: c_int) -> Result<Opened> {
        let kind = object.attributes.kind;
        if kind == FileType::Link {
            return Err(Error::new(libc::ELOOP, "a symbolic link, and O_NOFOLLOW"));
        }
        if flags & libc::O_DIRECTORY != 0 && kind != FileType::Directory {
            return Err(Error::new(libc::ENOTDIR, "not a directory, and O_DIRECTORY"));
        }
        if kind == FileType::Directory && writes(flags) {
            return Err(Error::new(libc::EISDIR, "a directory cannot be opened for writing"));
        }
        let needed = match flags & libc::O_ACCMODE {
            libc::O_RDONLY => libc::R_OK,
            libc::O_WRONLY => libc::W_OK,
            _ => libc::R_OK | libc::W_OK,
        };
        let opened = match kind {
            FileType::Regular => session.nfs.open(&object.handle, access(flags)).await?,
            _ => None,
        };
        let Object { handle, attributes } = object.clone();
        let opened = match opened {
            // The server has looked at the permissions.
            Some(opened) => Opened { handle, attributes: Some(attributes), state: opened.state },
            None => {
                let granted = needed == libc::R_OK && everyone_may_read(&object);
                if !granted && !session.may_grant(&object, needed).await? {
                    return Err(Error::new(libc::EACCES, "permission denied"));
                }
                Opened { handle, attributes: Some(attributes), state: None }
            }
        };
        match flags & libc::O_TRUNC != 0 && writes(flags) {
            true => self.truncated(session, opened, flags).await,
            false => Ok(opened),
        }
    }

    /// The same file, empty. If that fails it is not open.
    async fn truncated(&self, session: &Session, opened: Opened, flags: c_int) -> Result<Opened> {
        let set = SetAttributes { size: Some(0), ..SetAttributes::default() };
        match (self.set(session, &opened.handle, &set).await, &opened.state) {
            (Ok(()), _) => Ok(opened),
            (Err(error), None) => Err(error),
            (Err(error), Some(state)) => {
                let inode = session.mounted.inodes.open(&opened.handle, session.mounted.fsid);
                inode.state.opened(state, access(flags));
                let _told = session.nfs.release(&opened.handle, &inode.state, access(flags)).await;
                Err(error)
            }
        }
    }
}

impl Session {
    /// Makes a file, or opens one that is there; with its size, if the server tells.
    async fn create(
        &self,
        directory: &Handle,
        name: &[u8],
        set: &SetAttributes,
        access: Access,
    ) -> Result<Opened> {
        let made = self.make_file(directory, name, set, Creation::Unchecked, access).await?;
        self.opened(made, directory, name).await
    }

    /// Makes a file; EEXIST when the name is taken. The server tells by a verifier whether that was this call itself,
    /// sent before.
    async fn create_new(
        &self,
        directory: &Handle,
        name: &[u8],
        set: &SetAttributes,
        access: Access,
    ) -> Result<Opened> {
        let lacks_exclusive = &self.mounted.lacks_exclusive;
        if !lacks_exclusive.load(Ordering::Relaxed) {
            match self.make_file(directory, name, set, Creation::exclusive(), access).await {
                Err(error) if Nfs::lacks_exclusive(&error) => lacks_exclusive.store(true, Ordering::Relaxed),
                made => {
                    let made = made?;
                    if !made.is_bare {
                        return self.opened(made, directory, name).await;
                    }
                    let handle = self.handle_of(made.handle, directory, name).await?;
                    // Servers keep the verifier in the times.
                    let set = SetAttributes { times: Some(SetTimes::Now), ..*set };
                    self.setattr(&handle, None, &set).await?;
                    return Ok(Opened { handle, attributes: None, state: made.state });
                }
            }
        }
        let made = self.make_file(directory, name, set, Creation::Guarded, access).await?;
        self.opened(made, directory, name).await
    }

    async fn opened(&self, made: dialect::Opened, directory: &Handle, name: &[u8]) -> Result<Opened> {
        let handle = self.handle_of(made.handle, directory, name).await?;
        Ok(Opened { handle, attributes: made.attributes, state: made.state })
    }

    /// Servers may leave the handle out.
    async fn handle_of(&self, made: Option<Handle>, directory: &Handle, name: &[u8]) -> Result<Handle> {
        match made {
            Some(handle) => Ok(handle),
            None => Ok(self.nfs.lookup(directory, name).await?.0),
        }
    }
}
