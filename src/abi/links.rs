//! Symbolic links and further names of files.

use std::ffi::CString;

use libc::{c_char, c_int, c_void};

use super::arguments::{Out, buffer, given_path, path_or_here, text};
use super::callback::Callback;
use super::guard::guard;
use super::malloc;
use super::types::{nfs_cb, nfs_context};
use crate::error::Error;

/// Makes the symbolic link `linkname` to `target`, which is stored as it is (RFC 1813, SYMLINK). Returns 0 or
/// -errno.
///
/// # Safety
/// `target` and `linkname` are NULL or C strings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_symlink(
    nfs: *mut nfs_context,
    target: *const c_char,
    linkname: *const c_char,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let (target, link) = unsafe { (text(target, "the target")?, given_path(linkname)?) };
        context.run(|client| client.symlink(target, link))?;
        Ok(0)
    })
}

/// Like nfs_symlink(), asynchronous. The callback gets 0.
///
/// # Safety
/// `target` and `linkname` are NULL or C strings; `cb` can be called with `private_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_symlink_async(
    nfs: *mut nfs_context,
    target: *const c_char,
    linkname: *const c_char,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let (target, link, callback) = unsafe {
            (text(target, "the target")?, given_path(linkname)?, Callback::new(nfs, cb, private_data)?)
        };
        context.submit(callback, context.client.clone().symlink(target, link))
    })
}

/// Gives the file `oldpath` the further name `newpath` (RFC 1813, LINK). Returns 0 or -errno.
///
/// # Safety
/// `oldpath` and `newpath` are NULL or C strings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_link(
    nfs: *mut nfs_context,
    oldpath: *const c_char,
    newpath: *const c_char,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let (existing, new) = unsafe { (given_path(oldpath)?, given_path(newpath)?) };
        context.run(|client| client.link(existing, new))?;
        Ok(0)
    })
}

/// Like nfs_link(), asynchronous. The callback gets 0.
///
/// # Safety
/// `oldpath` and `newpath` are NULL or C strings; `cb` can be called with `private_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_link_async(
    nfs: *mut nfs_context,
    oldpath: *const c_char,
    newpath: *const c_char,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let (existing, new, callback) =
            unsafe { (given_path(oldpath)?, given_path(newpath)?, Callback::new(nfs, cb, private_data)?) };
        context.submit(callback, context.client.clone().link(existing, new))
    })
}

/// Reads a symbolic link into `buf` (RFC 1813, READLINK) as a C string. Returns 0, or -errno: -ENAMETOOLONG when
/// the target and its NUL byte do not fit into `bufsize` bytes.
///
/// # Safety
/// `path` is NULL or a C string, `buf` has `bufsize` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_readlink(
    nfs: *mut nfs_context,
    path: *const c_char,
    buf: *mut c_char,
    bufsize: c_int,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let path = unsafe { path_or_here(path) };
        let room = usize::try_from(bufsize).unwrap_or(0);
        buffer(buf, room)?;
        let target = context.run(|client| client.readlink(path))?;
        if target.len() >= room {
            return Err(Error::new(libc::ENAMETOOLONG, format!("the link has {} bytes", target.len())));
        }
        // SAFETY: `buf` has room for the target and a NUL byte.
        unsafe {
            buf.cast::<u8>().copy_from_nonoverlapping(target.as_ptr(), target.len());
            buf.add(target.len()).write(0);
        }
        Ok(0)
    })
}

/// Like nfs_readlink(), but stores the address of the target in `*bufptr`. The caller frees it with free().
///
/// # Safety
/// `path` is NULL or a C string; the place for the result is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_readlink2(
    nfs: *mut nfs_context,
    path: *const c_char,
    bufptr: *mut *mut c_char,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let (path, out) = unsafe { (path_or_here(path), Out::new(bufptr)?) };
        let target = context.run(|client| client.readlink(path))?;
        out.write(malloc::string(until_nul(&target))?)
    })
}

/// Like nfs_readlink(), asynchronous. The callback gets 0 and the target, a char *.
///
/// # Safety
/// `path` is NULL or a C string; `cb` can be called with `private_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_readlink_async(
    nfs: *mut nfs_context,
    path: *const c_char,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let (path, callback) = unsafe { (path_or_here(path), Callback::new(nfs, cb, private_data)?) };
        let client = context.client.clone();
        context.submit(callback, async move { Ok(c_string(&client.readlink(path).await?)) })
    })
}

/// A target ends for C where a server put a NUL byte into it.
fn until_nul(target: &[u8]) -> &[u8] {
    target.split(|&byte| byte == 0).next().unwrap_or_default()
}

fn c_string(target: &[u8]) -> CString {
    CString::new(until_nul(target)).unwrap_or_default()
}
