//! Open files: opening, creating, closing, positions.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use libc::c_int;

use super::cache::PageCache;
use super::locks::Locking;
use super::path::Object;
use super::unstable::Unstable;
use super::{Client, LastLink, Session};
use crate::attributes::{FileType, Handle, SetAttributes, SetTimes};
use crate::error::{Error, Result};
use crate::sync::lock;
use crate::v3::{Creation, Nfs};

/// An open file. NFSv3 servers know nothing of it: it is a handle and a position.
pub struct File {
    client: u64,
    pub(super) handle: Handle,
    pub(super) flags: c_int,
    /// As it was opened, for error messages.
    pub(super) path: Vec<u8>,
    pub(super) position: Mutex<u64>,
    pub(super) unstable: Arc<Unstable>,
    /// Where the last read ended.
    pub(super) read_to: AtomicU64,
    pub(super) cache: Arc<PageCache>,
    pub(super) locking: Locking,
}

impl File {
    fn new(client: &Client, handle: Handle, flags: c_int, path: &[u8]) -> Arc<Self> {
        Arc::new(Self {
            client: client.id(),
            handle,
            flags,
            path: path.to_vec(),
            position: Mutex::new(0),
            unstable: client.written.of(&handle),
            read_to: AtomicU64::new(0),
            cache: client.caches.of(&handle),
            locking: Locking::default(),
        })
    }

    /// The id of the context it was opened with.
    pub fn client_id(&self) -> u64 {
        self.client
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

fn writes(flags: c_int) -> bool {
    flags & libc::O_ACCMODE != libc::O_RDONLY
}

impl Client {
    /// Opens `path` with the flags of open(2). A file that O_CREAT makes gets `mode`.
    pub async fn open(self: Arc<Self>, path: Vec<u8>, flags: c_int, mode: u32) -> Result<Arc<File>> {
        let (client, path) = (&*self, &path[..]);
        let open = self.on_paths(|session| async move {
            let handle = if flags & libc::O_CREAT == 0 {
                let last = if flags & libc::O_NOFOLLOW == 0 { LastLink::Follow } else { LastLink::Keep };
                let object = client.walk(&session, path, last).await?;
                client.open_existing(&session, object, flags).await?
            } else if flags & libc::O_EXCL != 0 {
                let place = client.parent(&session, path).await?;
                session.create_new(&place.directory, place.name, &new_file(mode)).await?
            } else {
                client.open_or_create(&session, path, flags, mode).await?
            };
            Ok(File::new(client, handle, flags, path))
        });
        open.await.map_err(|error: Error| error.during("open").at(path))
    }

    async fn open_or_create(
        &self,
        session: &Session,
        path: &[u8],
        flags: c_int,
        mode: u32,
    ) -> Result<Handle> {
        let last = if flags & libc::O_NOFOLLOW == 0 { LastLink::Follow } else { LastLink::Keep };
        let walked = self.walk_to(session, path, last, true).await?;
        if let Some((directory, name)) = walked.missing() {
            if path.ends_with(b"/") {
                return Err(Error::new(libc::ENOTDIR, "a file's name does not end in a slash"));
            }
            let (handle, size) = session.create(&directory, name, &new_file(mode)).await?;
            if flags & libc::O_TRUNC != 0 && writes(flags) && size != Some(0) {
                // Another client has made it meanwhile.
                let set = SetAttributes { size: Some(0), ..SetAttributes::default() };
                self.set(session, &handle, &set).await?;
            }
            return Ok(handle);
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
                let changed = session.nfs.setattr(&handle, &SetAttributes::default()).await;
                Err(changed.err().filter(|why| why.errno() == libc::EROFS).unwrap_or(error))
            }
            opened => opened,
        }
    }

    /// Drops what is cached of a file.
    pub fn invalidate(&self, file: &File) {
        self.caches.invalidate(&file.handle);
    }

    /// Closes a file and gives its locks back; an error tells that data written before may be lost. The handle is
    /// gone either way.
    pub async fn close(self: Arc<Self>, file: Arc<File>) -> Result<()> {
        let stable = if file.unstable.is_clean() { Ok(()) } else { self.make_stable(&file).await };
        self.trim_copies();
        self.release_locks(&file).await;
        stable.map_err(|error| error.during("close").at(&file.path))
    }

    /// Returns when everything written to the file is on stable storage.
    pub async fn fsync(self: Arc<Self>, file: Arc<File>) -> Result<()> {
        self.make_stable(&file).await.map_err(|error| error.during("fsync").at(&file.path))
    }

    /// Moves the position and returns it. It may lie behind the end of the file.
    pub async fn lseek(self: Arc<Self>, file: Arc<File>, offset: i64, whence: c_int) -> Result<u64> {
        let seek = async {
            let base = match whence {
                libc::SEEK_SET => 0,
                libc::SEEK_CUR => *lock(&file.position),
                libc::SEEK_END => self.size(&file).await?,
                _ => return Err(Error::new(libc::EINVAL, format!("whence {whence} is unknown"))),
            };
            let position = base.checked_add_signed(offset).filter(|position| *position <= i64::MAX as u64);
            let position =
                position.ok_or_else(|| Error::new(libc::EINVAL, "the position would not be in any file"))?;
            *lock(&file.position) = position;
            Ok(position)
        };
        seek.await.map_err(|error| error.during("lseek").at(&file.path))
    }
}

impl Client {
    /// Where the file ends, also when the server has restarted and lost what is still to be sent again.
    pub(super) async fn size(&self, file: &File) -> Result<u64> {
        let size = self.session()?.nfs.getattr(&file.handle).await?.size;
        Ok(size.max(file.unstable.end()))
    }

    /// Whether an object may be opened as `flags` ask; truncates it when they do.
    async fn open_existing(&self, session: &Session, object: Object, flags: c_int) -> Result<Handle> {
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
        let granted = needed == libc::R_OK && everyone_may_read(&object);
        if !granted && session.permissions(&object).await? & needed != needed {
            return Err(Error::new(libc::EACCES, "permission denied"));
        }
        if flags & libc::O_TRUNC != 0 && writes(flags) {
            let set = SetAttributes { size: Some(0), ..SetAttributes::default() };
            self.set(session, &object.handle, &set).await?;
        }
        Ok(object.handle)
    }
}

impl Session {
    /// Makes a file, or opens one that is there; with its size, if the server tells.
    async fn create(
        &self,
        directory: &Handle,
        name: &[u8],
        set: &SetAttributes,
    ) -> Result<(Handle, Option<u64>)> {
        let made = self.nfs.create(directory, name, set, Creation::Unchecked).await?;
        let size = made.1.as_ref().map(|attributes| attributes.size);
        Ok((self.handle_of(made.0, directory, name).await?, size))
    }

    /// Makes a file; EEXIST when the name is taken. The server tells by a verifier whether that was this call itself,
    /// sent before.
    async fn create_new(&self, directory: &Handle, name: &[u8], set: &SetAttributes) -> Result<Handle> {
        let lacks_exclusive = &self.mounted.lacks_exclusive;
        if !lacks_exclusive.load(Ordering::Relaxed) {
            match self.nfs.create(directory, name, set, Creation::exclusive()).await {
                Err(error) if Nfs::lacks_exclusive(&error) => lacks_exclusive.store(true, Ordering::Relaxed),
                made => {
                    let handle = self.handle_of(made?.0, directory, name).await?;
                    // Servers keep the verifier in the times.
                    let set = SetAttributes { times: Some(SetTimes::Now), ..*set };
                    self.nfs.setattr(&handle, &set).await?;
                    return Ok(handle);
                }
            }
        }
        let made = self.nfs.create(directory, name, set, Creation::Guarded).await?;
        self.handle_of(made.0, directory, name).await
    }

    /// Servers may leave the handle out.
    async fn handle_of(&self, made: Option<Handle>, directory: &Handle, name: &[u8]) -> Result<Handle> {
        match made {
            Some(handle) => Ok(handle),
            None => Ok(self.nfs.lookup(directory, name).await?.0),
        }
    }
}
