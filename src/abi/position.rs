//! Positions and lengths of files, and stable storage.

use libc::{c_char, c_int, c_void};

use super::arguments::{file, path_or_here};
use super::callback::{Callback, Record};
use super::guard::guard;
use super::types::{nfs_cb, nfs_context, nfsfh};

/// Moves the position of a file like lseek(2), and stores the new one in `*current_offset` unless that is
/// NULL. Returns 0 or -errno.
///
/// # Safety
/// `current_offset` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_lseek(
    nfs: *mut nfs_context,
    nfsfh: *mut nfsfh,
    offset: i64,
    whence: c_int,
    current_offset: *mut u64,
) -> c_int {
    guard(nfs, |context| {
        let file = file(context, nfsfh)?;
        let position = context.run(|client| client.lseek(file, offset, whence))?;
        if !current_offset.is_null() {
            // SAFETY: by the contract above.
            unsafe { current_offset.write(position) };
        }
        Ok(0)
    })
}

/// Like nfs_lseek(), asynchronous. The callback gets 0 and the new position, a uint64_t *.
///
/// # Safety
/// `cb` can be called with `private_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_lseek_async(
    nfs: *mut nfs_context,
    nfsfh: *mut nfsfh,
    offset: i64,
    whence: c_int,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let callback = unsafe { Callback::new(nfs, cb, private_data)? };
        let file = file(context, nfsfh)?;
        let client = context.client.clone();
        context.submit(callback, async move { Ok(Record(client.lseek(file, offset, whence).await?)) })
    })
}

/// Waits until everything written to the file is on the server's stable storage (RFC 1813, COMMIT). Returns 0 or
/// -errno. An error means that data may be lost.
#[unsafe(no_mangle)]
pub extern "C" fn nfs_fsync(nfs: *mut nfs_context, nfsfh: *mut nfsfh) -> c_int {
    guard(nfs, |context| {
        let file = file(context, nfsfh)?;
        context.run(|client| client.fsync(file))?;
        Ok(0)
    })
}

/// Like nfs_fsync(), asynchronous. The callback gets 0.
///
/// # Safety
/// `cb` can be called with `private_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_fsync_async(
    nfs: *mut nfs_context,
    nfsfh: *mut nfsfh,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let callback = unsafe { Callback::new(nfs, cb, private_data)? };
        let file = file(context, nfsfh)?;
        context.submit(callback, context.client.clone().fsync(file))
    })
}

/// Sets the length of a file, in bytes (RFC 1813, SETATTR). Returns 0 or -errno.
///
/// # Safety
/// `path` is NULL or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_truncate(nfs: *mut nfs_context, path: *const c_char, length: u64) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let path = unsafe { path_or_here(path) };
        context.run(|client| client.truncate(path, length))?;
        Ok(0)
    })
}

/// Like nfs_truncate(), asynchronous. The callback gets 0.
///
/// # Safety
/// `path` is NULL or a C string; `cb` can be called with `private_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_truncate_async(
    nfs: *mut nfs_context,
    path: *const c_char,
    length: u64,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let (path, callback) = unsafe { (path_or_here(path), Callback::new(nfs, cb, private_data)?) };
        context.submit(callback, context.client.clone().truncate(path, length))
    })
}

/// Sets the length of an open file, in bytes. Returns 0 or -errno.
#[unsafe(no_mangle)]
pub extern "C" fn nfs_ftruncate(nfs: *mut nfs_context, nfsfh: *mut nfsfh, length: u64) -> c_int {
    guard(nfs, |context| {
        let file = file(context, nfsfh)?;
        context.run(|client| client.ftruncate(file, length))?;
        Ok(0)
    })
}

/// Like nfs_ftruncate(), asynchronous. The callback gets 0.
///
/// # Safety
/// `cb` can be called with `private_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_ftruncate_async(
    nfs: *mut nfs_context,
    nfsfh: *mut nfsfh,
    length: u64,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let callback = unsafe { Callback::new(nfs, cb, private_data)? };
        let file = file(context, nfsfh)?;
        context.submit(callback, context.client.clone().ftruncate(file, length))
    })
}
