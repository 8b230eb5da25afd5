//! Reading and writing.

use std::slice;
use std::sync::Arc;

use libc::{c_int, c_void};

use super::arguments::{buffer, counted, file, read_count, write_count};
use super::callback::{Callback, Data, Number};
use super::guard::guard;
use super::objects::Context;
use super::types::{nfs_cb, nfs_context, nfsfh};
use crate::client::{Client, File, Place};
use crate::error::Result;
use crate::io::{Block, Destination, Source};

/// Reads up to `count` bytes at `offset` into `buf` (RFC 1813, READ). The position of the file does not change. Returns
/// the number of bytes, or -errno. The number is less than `count` only at the end of the file, or when `count` is
/// above 2147479552.
///
/// # Safety
/// `buf` has room for `count` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_pread(
    nfs: *mut nfs_context,
    nfsfh: *mut nfsfh,
    offset: u64,
    count: u64,
    buf: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        let file = file(context, nfsfh)?;
        // SAFETY: by the contract above; the call returns when nothing uses the buffer any more.
        let to = unsafe { destination(buf, count)? };
        context.run(|client| client.pread(file, offset, to)).map(counted)
    })
}

/// Like nfs_pread(), asynchronous. The callback gets the number of bytes in place of 0, and the bytes.
///
/// # Safety
/// `cb` can be called with `private_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_pread_async(
    nfs: *mut nfs_context,
    nfsfh: *mut nfsfh,
    offset: u64,
    count: u64,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let callback = unsafe { Callback::new(nfs, cb, private_data)? };
        let file = file(context, nfsfh)?;
        submit_read(context, callback, file, Place::At(offset), count)
    })
}

/// Reads up to `count` bytes at the position of the file into `buf`, and advances the position (RFC 1813, READ).
/// Returns the number of bytes, or -errno. The number is less than `count` only at the end of the file, or when `count`
/// is above 2147479552; it is 0 at the end.
///
/// # Safety
/// `buf` has room for `count` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_read(
    nfs: *mut nfs_context,
    nfsfh: *mut nfsfh,
    count: u64,
    buf: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        let file = file(context, nfsfh)?;
        // SAFETY: by the contract above; the call returns when nothing uses the buffer any more.
        let to = unsafe { destination(buf, count)? };
        context.run(|client| client.read(file, to)).map(counted)
    })
}

/// Like nfs_read(), asynchronous. The callback gets the number of bytes in place of 0, and the bytes.
///
/// # Safety
/// `cb` can be called with `private_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_read_async(
    nfs: *mut nfs_context,
    nfsfh: *mut nfsfh,
    count: u64,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let callback = unsafe { Callback::new(nfs, cb, private_data)? };
        let file = file(context, nfsfh)?;
        submit_read(context, callback, file, Place::Position, count)
    })
}

/// Writes `count` bytes of `buf` at `offset` (RFC 1813, WRITE). The position of the file does not change. Returns the
/// number of bytes, or -errno: -EINVAL when `count` is above INT_MAX. The data is on stable storage after nfs_fsync()
/// or nfs_close() has returned 0, or at once if the file was opened with O_SYNC.
///
/// # Safety
/// `buf` has `count` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_pwrite(
    nfs: *mut nfs_context,
    nfsfh: *mut nfsfh,
    offset: u64,
    count: u64,
    buf: *const c_void,
) -> c_int {
    guard(nfs, |context| {
        let file = file(context, nfsfh)?;
        // SAFETY: by the contract above; the call returns when nothing uses the buffer any more.
        let from = unsafe { source(buf, count)? };
        context.run(|client| client.pwrite(file, offset, from)).map(counted)
    })
}

/// Like nfs_pwrite(), asynchronous. The bytes are copied first. The callback gets the number of bytes in place
/// of 0.
///
/// # Safety
/// `buf` has `count` bytes; `cb` can be called with `private_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_pwrite_async(
    nfs: *mut nfs_context,
    nfsfh: *mut nfsfh,
    offset: u64,
    count: u64,
    buf: *const c_void,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        let file = file(context, nfsfh)?;
        // SAFETY: by the contract above.
        let (callback, from) =
            unsafe { (Callback::new(nfs, cb, private_data)?, copy(&context.client, buf, count)?) };
        submit_write(context, callback, file, Place::At(offset), from)
    })
}

/// Writes `count` bytes of `buf` at the position of the file, or at its end if it was opened with O_APPEND, and sets
/// the position to the end of the written data (RFC 1813, WRITE). Returns the number of bytes, or -errno. For when the
/// data is on stable storage, see nfs_pwrite().
///
/// # Safety
/// `buf` has `count` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_write(
    nfs: *mut nfs_context,
    nfsfh: *mut nfsfh,
    count: u64,
    buf: *const c_void,
) -> c_int {
    guard(nfs, |context| {
        let file = file(context, nfsfh)?;
        // SAFETY: by the contract above; the call returns when nothing uses the buffer any more.
        let from = unsafe { source(buf, count)? };
        context.run(|client| client.write(file, from)).map(counted)
    })
}

/// Like nfs_write(), asynchronous. The bytes are copied first. The callback gets the number of bytes in place of 0.
///
/// # Safety
/// `buf` has `count` bytes; `cb` can be called with `private_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_write_async(
    nfs: *mut nfs_context,
    nfsfh: *mut nfsfh,
    count: u64,
    buf: *const c_void,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        let file = file(context, nfsfh)?;
        // SAFETY: by the contract above.
        let (callback, from) =
            unsafe { (Callback::new(nfs, cb, private_data)?, copy(&context.client, buf, count)?) };
        submit_write(context, callback, file, Place::Position, from)
    })
}

/// Queues a read into memory that the callback gets.
fn submit_read(
    context: &Context,
    callback: Callback,
    file: Arc<File>,
    place: Place,
    count: u64,
) -> Result<c_int> {
    let block = Block::new(read_count(count))?;
    // SAFETY: the only destination over the block, which is read when the operation is complete.
    let to = unsafe { block.destination() };
    let done = move |result: Result<usize>| callback.end(result.map(|length| Data(block, length)));
    context.client.start_read(file, place, to, done)?;
    Ok(0)
}

/// Queues a write.
fn submit_write(
    context: &Context,
    callback: Callback,
    file: Arc<File>,
    place: Place,
    from: Source,
) -> Result<c_int> {
    let done = move |result: Result<usize>| callback.end(result.map(counted).map(Number));
    context.client.start_write(file, place, from, done)?;
    Ok(0)
}

/// The caller's buffer, as long as a single read can be.
///
/// # Safety
/// As for [`Destination::foreign`].
unsafe fn destination(buf: *mut c_void, count: u64) -> Result<Destination> {
    let count = read_count(count);
    buffer(buf, count)?;
    // SAFETY: by the caller's contract.
    Ok(unsafe { Destination::foreign(buf.cast(), count) })
}

/// The caller's bytes.
///
/// # Safety
/// As for [`Source::foreign`].
unsafe fn source(buf: *const c_void, count: u64) -> Result<Source> {
    let count = write_count(count)?;
    buffer(buf, count)?;
    // SAFETY: by the caller's contract.
    Ok(unsafe { Source::foreign(buf.cast(), count) })
}

/// A copy of the caller's bytes, which may be gone before they are sent.
///
/// # Safety
/// `buf` has `count` bytes, or is NULL.
unsafe fn copy(client: &Client, buf: *const c_void, count: u64) -> Result<Source> {
    let count = write_count(count)?;
    buffer(buf, count)?;
    if buf.is_null() {
        return client.copied(&[]);
    }
    // SAFETY: by the caller's contract.
    client.copied(unsafe { slice::from_raw_parts(buf.cast(), count) })
}
