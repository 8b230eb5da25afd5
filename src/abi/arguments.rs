//! Arguments from C: paths, handles, memory to write results to.

use std::ffi::CStr;
use std::sync::Arc;

use libc::{c_char, c_int, c_uint};

use super::objects::{Context, FILES, OpenFile};
use super::types::nfsfh;
use crate::client::File;
use crate::error::{Error, Result};

/// A single read moves at most this much, so that its count fits an int; like read(2) on Linux.
const READ_MAX: u64 = 0x7fff_f000;

/// One of nfs4_lock_op in the header. C may pass any number.
pub type LockOp = c_int;

/// One of nfs4_fcntl_op in the header. C may pass any number.
pub type FcntlOp = c_int;

/// One of nfsacl_type in the header. A server may send any number.
pub type AclType = c_uint;

/// The bytes of a string; EINVAL when it is NULL.
///
/// # Safety
/// `text` is NULL or a C string.
pub unsafe fn text(text: *const c_char, what: &str) -> Result<Vec<u8>> {
    if text.is_null() {
        return Err(null(what));
    }
    // SAFETY: a C string by the caller's contract.
    Ok(unsafe { CStr::from_ptr(text) }.to_bytes().to_vec())
}

/// A path that must be given.
///
/// # Safety
/// `path` is NULL or a C string.
pub unsafe fn given_path(path: *const c_char) -> Result<Vec<u8>> {
    // SAFETY: passed on.
    unsafe { text(path, "the path") }
}

/// A path that may be NULL, which like the empty one means the working directory.
///
/// # Safety
/// `path` is NULL or a C string.
pub unsafe fn path_or_here(path: *const c_char) -> Vec<u8> {
    // SAFETY: passed on.
    unsafe { text(path, "") }.unwrap_or_default()
}

/// The open file behind a handle, when it belongs to the context.
pub fn file(context: &Context, nfsfh: *mut nfsfh) -> Result<Arc<File>> {
    let file = FILES.look(nfsfh, OpenFile::file)?;
    if file.client_id() == context.client.id() { Ok(file) } else { Err(foreign("file")) }
}

/// The error of a handle that was made with another context.
pub fn foreign(what: &str) -> Error {
    Error::new(libc::EBADF, format!("the {what} belongs to another context"))
}

fn null(what: &str) -> Error {
    Error::new(libc::EINVAL, format!("{what} is NULL"))
}

/// Permission bits and the like, which C passes as int.
pub fn bits(number: c_int) -> u32 {
    number as u32
}

/// A count of bytes to read, cut to what one read moves. A short read is nothing unusual.
pub fn read_count(count: u64) -> usize {
    count.min(READ_MAX) as usize
}

/// A count of bytes to write; EINVAL when an int could not tell that all were written.
pub fn write_count(count: u64) -> Result<usize> {
    let count = c_int::try_from(count).ok().and_then(|count| usize::try_from(count).ok());
    count
        .ok_or_else(|| Error::new(libc::EINVAL, "more bytes than an int can count cannot be written at once"))
}

/// What C gets of the count of bytes that have been read or written.
pub fn counted(bytes: usize) -> c_int {
    c_int::try_from(bytes).unwrap_or(c_int::MAX)
}

/// Memory for `count` bytes; EINVAL when it is NULL and they are not 0.
pub fn buffer<T>(buffer: *const T, count: usize) -> Result<()> {
    if buffer.is_null() && count > 0 { Err(null("the buffer")) } else { Ok(()) }
}

/// A copy of an array of numbers.
///
/// # Safety
/// `array` is NULL or has `len` elements.
pub unsafe fn numbers(array: *const u32, len: u32) -> Result<Vec<u32>> {
    match (array.is_null(), len) {
        (_, 0) => Ok(Vec::new()),
        (true, _) => Err(Error::new(libc::EINVAL, "the list of groups is NULL")),
        // SAFETY: by the caller's contract.
        (false, _) => Ok(unsafe { std::slice::from_raw_parts(array, len as usize) }.to_vec()),
    }
}

/// Where C wants a result.
pub struct Out<T>(*mut T);

impl<T> Out<T> {
    /// EINVAL when `place` is NULL.
    ///
    /// # Safety
    /// `place` is NULL or, until `self` is gone, valid for writes.
    pub unsafe fn new(place: *mut T) -> Result<Self> {
        if place.is_null() { Err(null("the place for the result")) } else { Ok(Self(place)) }
    }

    /// Stores the result; 0 for the caller.
    pub fn write(self, value: T) -> Result<c_int> {
        // SAFETY: valid by the contract of `new`.
        unsafe { self.0.write(value) };
        Ok(0)
    }
}

impl<H> Out<*mut H> {
    /// As [`Out::new`], for a handle: NULL until there is one.
    ///
    /// # Safety
    /// As for [`Out::new`].
    pub unsafe fn for_handle(place: *mut *mut H) -> Result<Self> {
        // SAFETY: by the caller's contract.
        let out = unsafe { Self::new(place)? };
        // SAFETY: not NULL, and valid by the contract of `new`.
        unsafe { place.write(std::ptr::null_mut()) };
        Ok(out)
    }
}
