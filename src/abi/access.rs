//! What the user may do.

use libc::{c_char, c_int, c_void};

use super::arguments::path_or_here;
use super::callback::{Callback, Number};
use super::guard::guard;
use super::types::{nfs_cb, nfs_context};

/// Asks the server whether the context's user may read, write or execute a file (RFC 1813, ACCESS). `mode` is
/// made of R_OK, W_OK and X_OK, or is F_OK to ask whether the file is there. Returns 0, or -errno: -EACCES
/// when not.
///
/// # Safety
/// `path` is NULL or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_access(nfs: *mut nfs_context, path: *const c_char, mode: c_int) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let path = unsafe { path_or_here(path) };
        context.run(|client| client.access(path, mode))?;
        Ok(0)
    })
}

/// Like nfs_access(), asynchronous. The callback gets 0.
///
/// # Safety
/// `path` is NULL or a C string; `cb` can be called with `private_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_access_async(
    nfs: *mut nfs_context,
    path: *const c_char,
    mode: c_int,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let (path, callback) = unsafe { (path_or_here(path), Callback::new(nfs, cb, private_data)?) };
        context.submit(callback, context.client.clone().access(path, mode))
    })
}

/// Returns what the context's user may do with a file, made of R_OK, W_OK and X_OK, or -errno (RFC 1813,
/// ACCESS).
///
/// # Safety
/// `path` is NULL or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_access2(nfs: *mut nfs_context, path: *const c_char) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let path = unsafe { path_or_here(path) };
        context.run(|client| client.access2(path))
    })
}

/// Like nfs_access2(), asynchronous. The callback gets what the user may do in place of 0.
///
/// # Safety
/// `path` is NULL or a C string; `cb` can be called with `private_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_access2_async(
    nfs: *mut nfs_context,
    path: *const c_char,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let (path, callback) = unsafe { (path_or_here(path), Callback::new(nfs, cb, private_data)?) };
        let client = context.client.clone();
        context.submit(callback, async move { Ok(Number(client.access2(path).await?)) })
    })
}
