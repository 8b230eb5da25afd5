//! Making, removing and renaming.

use libc::{c_char, c_int, c_void};

use super::arguments::{bits, given_path};
use super::callback::Callback;
use super::guard::guard;
use super::types::{nfs_cb, nfs_context};

/// Creates a directory with the permissions 0755 (RFC 1813, MKDIR). Returns 0 or -errno, for example -EEXIST when the
/// name exists.
///
/// # Safety
/// `path` is NULL or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_mkdir(nfs: *mut nfs_context, path: *const c_char) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let path = unsafe { given_path(path)? };
        context.run(|client| client.mkdir(path, 0o755))?;
        Ok(0)
    })
}

/// Like nfs_mkdir(), asynchronous. The callback gets 0.
///
/// # Safety
/// `path` is NULL or a C string; `cb` can be called with `private_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_mkdir_async(
    nfs: *mut nfs_context,
    path: *const c_char,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let (path, callback) = unsafe { (given_path(path)?, Callback::new(nfs, cb, private_data)?) };
        context.submit(callback, context.client.clone().mkdir(path, 0o755))
    })
}

/// Makes a directory with the permissions `mode` (RFC 1813, MKDIR). Returns 0 or -errno.
///
/// # Safety
/// `path` is NULL or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_mkdir2(nfs: *mut nfs_context, path: *const c_char, mode: c_int) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let path = unsafe { given_path(path)? };
        context.run(|client| client.mkdir(path, bits(mode)))?;
        Ok(0)
    })
}

/// Like nfs_mkdir2(), asynchronous. The callback gets 0.
///
/// # Safety
/// `path` is NULL or a C string; `cb` can be called with `private_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_mkdir2_async(
    nfs: *mut nfs_context,
    path: *const c_char,
    mode: c_int,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let (path, callback) = unsafe { (given_path(path)?, Callback::new(nfs, cb, private_data)?) };
        context.submit(callback, context.client.clone().mkdir(path, bits(mode)))
    })
}

/// Removes an empty directory (RFC 1813, RMDIR). Returns 0 or -errno, for example -ENOTEMPTY when it is not empty.
///
/// # Safety
/// `path` is NULL or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_rmdir(nfs: *mut nfs_context, path: *const c_char) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let path = unsafe { given_path(path)? };
        context.run(|client| client.rmdir(path))?;
        Ok(0)
    })
}

/// Like nfs_rmdir(), asynchronous. The callback gets 0.
///
/// # Safety
/// `path` is NULL or a C string; `cb` can be called with `private_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_rmdir_async(
    nfs: *mut nfs_context,
    path: *const c_char,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let (path, callback) = unsafe { (given_path(path)?, Callback::new(nfs, cb, private_data)?) };
        context.submit(callback, context.client.clone().rmdir(path))
    })
}

/// Makes a device, a FIFO or a socket (RFC 1813, MKNOD). `mode` is the file type and the permissions, `dev`
/// the device as from makedev(). Returns 0, or -errno: -EINVAL for other file types.
///
/// # Safety
/// `path` is NULL or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_mknod(
    nfs: *mut nfs_context,
    path: *const c_char,
    mode: c_int,
    dev: c_int,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let path = unsafe { given_path(path)? };
        context.run(|client| client.mknod(path, bits(mode), bits(dev).into()))?;
        Ok(0)
    })
}

/// Like nfs_mknod(), asynchronous. The callback gets 0.
///
/// # Safety
/// `path` is NULL or a C string; `cb` can be called with `private_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_mknod_async(
    nfs: *mut nfs_context,
    path: *const c_char,
    mode: c_int,
    dev: c_int,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let (path, callback) = unsafe { (given_path(path)?, Callback::new(nfs, cb, private_data)?) };
        context.submit(callback, context.client.clone().mknod(path, bits(mode), bits(dev).into()))
    })
}

/// Removes the name of a file, or of anything else that is not a directory (RFC 1813, REMOVE). Returns 0 or -errno.
///
/// # Safety
/// `path` is NULL or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_unlink(nfs: *mut nfs_context, path: *const c_char) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let path = unsafe { given_path(path)? };
        context.run(|client| client.unlink(path))?;
        Ok(0)
    })
}

/// Like nfs_unlink(), asynchronous. The callback gets 0.
///
/// # Safety
/// `path` is NULL or a C string; `cb` can be called with `private_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_unlink_async(
    nfs: *mut nfs_context,
    path: *const c_char,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let (path, callback) = unsafe { (given_path(path)?, Callback::new(nfs, cb, private_data)?) };
        context.submit(callback, context.client.clone().unlink(path))
    })
}

/// Renames a file or a directory. Replaces a file, or an empty directory, that has the new name (RFC 1813, RENAME).
/// Returns 0 or -errno.
///
/// # Safety
/// `oldpath` and `newpath` are NULL or C strings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_rename(
    nfs: *mut nfs_context,
    oldpath: *const c_char,
    newpath: *const c_char,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let (from, to) = unsafe { (given_path(oldpath)?, given_path(newpath)?) };
        context.run(|client| client.rename(from, to))?;
        Ok(0)
    })
}

/// Like nfs_rename(), asynchronous. The callback gets 0.
///
/// # Safety
/// `oldpath` and `newpath` are NULL or C strings; `cb` can be called with `private_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_rename_async(
    nfs: *mut nfs_context,
    oldpath: *const c_char,
    newpath: *const c_char,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let (from, to, callback) =
            unsafe { (given_path(oldpath)?, given_path(newpath)?, Callback::new(nfs, cb, private_data)?) };
        context.submit(callback, context.client.clone().rename(from, to))
    })
}
