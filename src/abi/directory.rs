//! Directories.

use libc::{c_char, c_int, c_long, c_void, timeval};

use super::arguments::{Out, foreign, path_or_here};
use super::attributes::{blocks, device};
use super::callback::Callback;
use super::guard::{guard, guard_or, stop_panics};
use super::objects::{DIRECTORIES, OpenDirectory};
use super::types::{NFS_BLKSIZE, nfs_cb, nfs_context, nfsdir, nfsdirent};
use crate::client::{Attributes, Time};
use crate::error::Result;

/// Opens a directory and reads all its entries (RFC 1813, READDIRPLUS), which do not change any more afterwards. Stores
/// its handle in `*nfsdir`, or NULL after an error. Close it with nfs_closedir(). Returns 0 or -errno.
///
/// # Safety
/// `path` is NULL or a C string; the place for the result is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_opendir(
    nfs: *mut nfs_context,
    path: *const c_char,
    nfsdir: *mut *mut nfsdir,
) -> c_int {
    // SAFETY: by the contract above.
    let out = unsafe { Out::for_handle(nfsdir) };
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let (path, out) = (unsafe { path_or_here(path) }, out?);
        let directory = context.run(|client| client.opendir(path))?;
        out.write(context.hand_out(&DIRECTORIES, OpenDirectory::new(nfs, directory))?)
    })
}

/// Like nfs_opendir(), asynchronous. The callback gets 0 and the directory, a struct nfsdir *.
///
/// # Safety
/// `path` is NULL or a C string; `cb` can be called with `private_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_opendir_async(
    nfs: *mut nfs_context,
    path: *const c_char,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let (path, callback) = unsafe { (path_or_here(path), Callback::new(nfs, cb, private_data)?) };
        context.submit(callback, context.client.clone().opendir(path))
    })
}

/// Returns the next entry of a directory, or NULL if there are no more. The entry belongs to the directory and is valid
/// until nfs_closedir(). The entries "." and ".." are included. The context may be NULL.
#[unsafe(no_mangle)]
pub extern "C" fn nfs_readdir(nfs: *mut nfs_context, nfsdir: *mut nfsdir) -> *mut nfsdirent {
    with(nfs, nfsdir, |directory| directory.next(record)).flatten().unwrap_or(std::ptr::null_mut())
}

/// Moves to a position that nfs_telldir() has returned. The context may be NULL.
#[unsafe(no_mangle)]
pub extern "C" fn nfs_seekdir(nfs: *mut nfs_context, nfsdir: *mut nfsdir, loc: c_long) {
    // The position behind the last entry is told as -1.
    with(nfs, nfsdir, |directory| directory.seek(usize::try_from(loc).unwrap_or(usize::MAX)));
}

/// Returns the position of the next entry, counted from 0, or -1 when there is none left. The context may be NULL.
#[unsafe(no_mangle)]
pub extern "C" fn nfs_telldir(nfs: *mut nfs_context, nfsdir: *mut nfsdir) -> c_long {
    let position = with(nfs, nfsdir, OpenDirectory::position).flatten();
    position.and_then(|position| c_long::try_from(position).ok()).unwrap_or(-1)
}

/// Moves back to the first entry. What has changed on the server since nfs_opendir() is not seen. The context may
/// be NULL.
#[unsafe(no_mangle)]
pub extern "C" fn nfs_rewinddir(nfs: *mut nfs_context, nfsdir: *mut nfsdir) {
    with(nfs, nfsdir, |directory| directory.seek(0));
}

/// Closes a directory and frees its entries. The context may be NULL.
#[unsafe(no_mangle)]
pub extern "C" fn nfs_closedir(nfs: *mut nfs_context, nfsdir: *mut nfsdir) {
    if with_any(nfs, nfsdir, |_| Ok(())).is_some() {
        let _ = DIRECTORIES.take(nfsdir); // another thread may have been faster
    }
}

/// Does something with a directory, for which the server is not needed, and the context only to tell an error.
fn with<T>(nfs: *mut nfs_context, nfsdir: *mut nfsdir, act: impl FnOnce(&OpenDirectory) -> T) -> Option<T> {
    with_any(nfs, nfsdir, |directory| directory.check().map(|()| act(directory)))
}

/// As [`with`], also when the mount of the directory has ended.
fn with_any<T>(
    nfs: *mut nfs_context,
    nfsdir: *mut nfsdir,
    act: impl FnOnce(&OpenDirectory) -> Result<T>,
) -> Option<T> {
    // As long as the directory is open, so is the context it belongs to.
    let act = |directory: &OpenDirectory| match nfs.is_null() || directory.is_of(nfs) {
        true => act(directory),
        false => Err(foreign("directory")),
    };
    match stop_panics(|| DIRECTORIES.look(nfsdir, act)?) {
        Ok(result) => Some(result),
        Err(error) => guard_or(nfs, |_| None, |_| Err(error)),
    }
}

/// An entry as C sees it. The name ends in a NUL byte.
fn record(name: *const u8, inode: u64, attributes: Option<&Attributes>) -> nfsdirent {
    let number = |field: fn(&Attributes) -> u32| attributes.map_or(0, field);
    let long = |field: fn(&Attributes) -> u64| attributes.map_or(0, field);
    let time = |field: fn(&Attributes) -> Time| attributes.map_or(Time { seconds: 0, nanoseconds: 0 }, field);
    let (atime, mtime, ctime) = (time(|a| a.atime), time(|a| a.mtime), time(|a| a.ctime));
    nfsdirent {
        next: std::ptr::null_mut(),
        name: name.cast_mut().cast(),
        inode,
        r#type: number(|a| a.kind.nfs3()),
        mode: number(Attributes::st_mode),
        size: long(|a| a.size),
        atime: seconds(atime),
        mtime: seconds(mtime),
        ctime: seconds(ctime),
        uid: number(|a| a.uid),
        gid: number(|a| a.gid),
        nlink: number(|a| a.nlink),
        dev: long(|a| a.fsid),
        rdev: long(device),
        blksize: long(|_| NFS_BLKSIZE as u64),
        blocks: long(blocks),
        used: long(|a| a.used),
        atime_nsec: atime.nanoseconds,
        mtime_nsec: mtime.nanoseconds,
        ctime_nsec: ctime.nanoseconds,
    }
}

/// The part of a time that is told in microseconds as well.
fn seconds(time: Time) -> timeval {
    timeval { tv_sec: time.seconds.into(), tv_usec: (time.nanoseconds / 1000).into() }
}
