//! What is known of a file system.

use libc::{c_char, c_int, c_void, statvfs};

use super::arguments::{Out, path_or_here};
use super::callback::{Callback, Record};
use super::guard::guard;
use super::types::{NFS_BLKSIZE, nfs_cb, nfs_context, nfs_statvfs_64};
use crate::client::FileSystem;

/// Tells about the file system that a file lies in (RFC 1813, FSSTAT); sizes are in units of NFS_BLKSIZE
/// bytes. Superseded by nfs_statvfs64(). Returns 0 or -errno.
///
/// # Safety
/// `path` is NULL or a C string; the place for the result is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_statvfs(
    nfs: *mut nfs_context,
    path: *const c_char,
    svfs: *mut statvfs,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let (path, out) = unsafe { (path_or_here(path), Out::new(svfs)?) };
        out.write(statvfs::from(&context.run(|client| client.statvfs(path))?))
    })
}

/// Like nfs_statvfs(), asynchronous. The callback gets 0 and a struct statvfs *.
///
/// # Safety
/// `path` is NULL or a C string; `cb` can be called with `private_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_statvfs_async(
    nfs: *mut nfs_context,
    path: *const c_char,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let (path, callback) = unsafe { (path_or_here(path), Callback::new(nfs, cb, private_data)?) };
        let client = context.client.clone();
        context.submit(callback, async move { Ok(Record(statvfs::from(&client.statvfs(path).await?))) })
    })
}

/// Tells about the file system that a file lies in (RFC 1813, FSSTAT); sizes are in units of NFS_BLKSIZE
/// bytes. Returns 0 or -errno.
///
/// # Safety
/// `path` is NULL or a C string; the place for the result is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_statvfs64(
    nfs: *mut nfs_context,
    path: *const c_char,
    svfs: *mut nfs_statvfs_64,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let (path, out) = unsafe { (path_or_here(path), Out::new(svfs)?) };
        out.write(nfs_statvfs_64::from(&context.run(|client| client.statvfs(path))?))
    })
}

/// Like nfs_statvfs64(), asynchronous. The callback gets 0 and a struct nfs_statvfs_64 *.
///
/// # Safety
/// `path` is NULL or a C string; `cb` can be called with `private_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_statvfs64_async(
    nfs: *mut nfs_context,
    path: *const c_char,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let (path, callback) = unsafe { (path_or_here(path), Callback::new(nfs, cb, private_data)?) };
        let client = context.client.clone();
        context
            .submit(callback, async move { Ok(Record(nfs_statvfs_64::from(&client.statvfs(path).await?))) })
    })
}

/// What is told of the length of names, without asking the server: PATHCONF would cost a round trip.
const NAME_MAX: u64 = 256;

impl From<&FileSystem> for nfs_statvfs_64 {
    fn from(system: &FileSystem) -> Self {
        let unit = NFS_BLKSIZE as u64;
        Self {
            f_bsize: unit,
            f_frsize: unit,
            f_blocks: system.total_bytes / unit,
            f_bfree: system.free_bytes / unit,
            f_bavail: system.available_bytes / unit,
            f_files: system.total_files,
            f_ffree: system.free_files,
            f_favail: system.available_files,
            f_fsid: 0,
            f_flag: 0,
            f_namemax: NAME_MAX,
        }
    }
}

impl From<&FileSystem> for statvfs {
    fn from(system: &FileSystem) -> Self {
        let long = nfs_statvfs_64::from(system);
        // SAFETY: the structure has nothing but numbers.
        let mut short: statvfs = unsafe { std::mem::zeroed() };
        (short.f_bsize, short.f_frsize) = (long.f_bsize, long.f_frsize);
        (short.f_blocks, short.f_bfree, short.f_bavail) = (long.f_blocks, long.f_bfree, long.f_bavail);
        (short.f_files, short.f_ffree, short.f_favail) = (long.f_files, long.f_ffree, long.f_favail);
        (short.f_fsid, short.f_namemax) = (long.f_fsid, long.f_namemax);
        short
    }
}
