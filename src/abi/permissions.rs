//! Permissions and owners.

use libc::{c_char, c_int, c_void};

use super::arguments::{bits, file, path_or_here};
use super::callback::Callback;
use super::guard::guard;
use super::types::{nfs_cb, nfs_context, nfsfh};
use crate::client::LastLink;

/// Changes the permissions of a file (RFC 1813, SETATTR). Returns 0 or -errno.
///
/// # Safety
/// `path` is NULL or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_chmod(nfs: *mut nfs_context, path: *const c_char, mode: c_int) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let path = unsafe { path_or_here(path) };
        context.run(|client| client.chmod(path, LastLink::Follow, bits(mode)))?;
        Ok(0)
    })
}

/// Like nfs_chmod(), asynchronous. The callback gets 0.
///
/// # Safety
/// `path` is NULL or a C string; `cb` can be called with `private_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_chmod_async(
    nfs: *mut nfs_context,
    path: *const c_char,
    mode: c_int,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let (path, callback) = unsafe { (path_or_here(path), Callback::new(nfs, cb, private_data)?) };
        context.submit(callback, context.client.clone().chmod(path, LastLink::Follow, bits(mode)))
    })
}

/// Changes the permissions of a file (RFC 1813, SETATTR). A symbolic link at the end is changed itself.
/// Returns 0 or -errno.
///
/// # Safety
/// `path` is NULL or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_lchmod(nfs: *mut nfs_context, path: *const c_char, mode: c_int) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let path = unsafe { path_or_here(path) };
        context.run(|client| client.chmod(path, LastLink::Keep, bits(mode)))?;
        Ok(0)
    })
}

/// Like nfs_lchmod(), asynchronous. The callback gets 0.
///
/// # Safety
/// `path` is NULL or a C string; `cb` can be called with `private_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_lchmod_async(
    nfs: *mut nfs_context,
    path: *const c_char,
    mode: c_int,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let (path, callback) = unsafe { (path_or_here(path), Callback::new(nfs, cb, private_data)?) };
        context.submit(callback, context.client.clone().chmod(path, LastLink::Keep, bits(mode)))
    })
}

/// Changes the permissions of an open file. Returns 0 or -errno.
#[unsafe(no_mangle)]
pub extern "C" fn nfs_fchmod(nfs: *mut nfs_context, nfsfh: *mut nfsfh, mode: c_int) -> c_int {
    guard(nfs, |context| {
        let file = file(context, nfsfh)?;
        context.run(|client| client.fchmod(file, bits(mode)))?;
        Ok(0)
    })
}

/// Like nfs_fchmod(), asynchronous. The callback gets 0.
///
/// # Safety
/// `cb` can be called with `private_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_fchmod_async(
    nfs: *mut nfs_context,
    nfsfh: *mut nfsfh,
    mode: c_int,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let callback = unsafe { Callback::new(nfs, cb, private_data)? };
        let file = file(context, nfsfh)?;
        context.submit(callback, context.client.clone().fchmod(file, bits(mode)))
    })
}

/// Changes owner and group of a file (RFC 1813, SETATTR); -1 leaves one as it is. Returns 0 or -errno.
///
/// # Safety
/// `path` is NULL or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_chown(
    nfs: *mut nfs_context,
    path: *const c_char,
    uid: c_int,
    gid: c_int,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let path = unsafe { path_or_here(path) };
        context.run(|client| client.chown(path, LastLink::Follow, bits(uid), bits(gid)))?;
        Ok(0)
    })
}

/// Like nfs_chown(), asynchronous. The callback gets 0.
///
/// # Safety
/// `path` is NULL or a C string; `cb` can be called with `private_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_chown_async(
    nfs: *mut nfs_context,
    path: *const c_char,
    uid: c_int,
    gid: c_int,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let (path, callback) = unsafe { (path_or_here(path), Callback::new(nfs, cb, private_data)?) };
        context.submit(callback, context.client.clone().chown(path, LastLink::Follow, bits(uid), bits(gid)))
    })
}

/// Changes owner and group of a file (RFC 1813, SETATTR); -1 leaves one as it is. A symbolic link at the end
/// is changed itself. Returns 0 or -errno.
///
/// # Safety
/// `path` is NULL or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_lchown(
    nfs: *mut nfs_context,
    path: *const c_char,
    uid: c_int,
    gid: c_int,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let path = unsafe { path_or_here(path) };
        context.run(|client| client.chown(path, LastLink::Keep, bits(uid), bits(gid)))?;
        Ok(0)
    })
}

/// Like nfs_lchown(), asynchronous. The callback gets 0.
///
/// # Safety
/// `path` is NULL or a C string; `cb` can be called with `private_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_lchown_async(
    nfs: *mut nfs_context,
    path: *const c_char,
    uid: c_int,
    gid: c_int,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let (path, callback) = unsafe { (path_or_here(path), Callback::new(nfs, cb, private_data)?) };
        context.submit(callback, context.client.clone().chown(path, LastLink::Keep, bits(uid), bits(gid)))
    })
}

/// Changes owner and group of an open file; -1 leaves one as it is. Returns 0 or -errno.
#[unsafe(no_mangle)]
pub extern "C" fn nfs_fchown(nfs: *mut nfs_context, nfsfh: *mut nfsfh, uid: c_int, gid: c_int) -> c_int {
    guard(nfs, |context| {
        let file = file(context, nfsfh)?;
        context.run(|client| client.fchown(file, bits(uid), bits(gid)))?;
        Ok(0)
    })
}

/// Like nfs_fchown(), asynchronous. The callback gets 0.
///
/// # Safety
/// `cb` can be called with `private_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_fchown_async(
    nfs: *mut nfs_context,
    nfsfh: *mut nfsfh,
    uid: c_int,
    gid: c_int,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let callback = unsafe { Callback::new(nfs, cb, private_data)? };
        let file = file(context, nfsfh)?;
        context.submit(callback, context.client.clone().fchown(file, bits(uid), bits(gid)))
    })
}
