//! Mounting, and the working directory.

use std::ffi::CString;

use libc::{c_char, c_int, c_void};

use super::arguments::{Out, path_or_here, text};
use super::callback::Callback;
use super::guard::{guard, guard_or};
use super::types::{nfs_cb, nfs_context};
use crate::sync::lock;

/// Mounts the directory `exportname` of `server`, which is a host name or an address. The paths of all other calls
/// start there. Returns 0 or -errno, for example -EACCES when the server refuses and -ENOENT when it has no such
/// directory.
///
/// # Safety
/// `server` and `exportname` are NULL or C strings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_mount(
    nfs: *mut nfs_context,
    server: *const c_char,
    exportname: *const c_char,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let (server, export) = unsafe { (text(server, "the server")?, text(exportname, "the export")?) };
        context.run(|client| client.mount(server, export))?;
        Ok(0)
    })
}

/// Like nfs_mount(), asynchronous. The callback gets 0.
///
/// # Safety
/// `server` and `exportname` are NULL or C strings; `cb` can be called with `private_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_mount_async(
    nfs: *mut nfs_context,
    server: *const c_char,
    exportname: *const c_char,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let (server, export, callback) = unsafe {
            (
                text(server, "the server")?,
                text(exportname, "the export")?,
                Callback::new(nfs, cb, private_data)?,
            )
        };
        context.submit(callback, context.client.clone().mount(server, export))
    })
}

/// Ends the use of an export. Calls that are under way end with -EINTR first, so that none of them uses a buffer any
/// more when this function returns. Written data is made stable. Files and directories that are open can only be closed
/// from now on; closing a file returns an error if its data could not be made stable. The context can mount again.
/// Returns 0 or -errno.
#[unsafe(no_mangle)]
pub extern "C" fn nfs_umount(nfs: *mut nfs_context) -> c_int {
    guard(nfs, |context| {
        context.client.end_operations_of_mount();
        context.run(|client| client.umount())?;
        Ok(0)
    })
}

/// Like nfs_umount(), asynchronous. The callback gets 0. The callbacks of calls that are under way are called before
/// it.
///
/// # Safety
/// `cb` can be called with `private_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_umount_async(
    nfs: *mut nfs_context,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let callback = unsafe { Callback::new(nfs, cb, private_data)? };
        context.client.end_operations_of_mount();
        context.submit(callback, context.client.clone().umount())
    })
}

/// Changes the directory where relative paths of the context start. At first it is the root of the export. Returns 0 or
/// -errno.
///
/// # Safety
/// `path` is NULL or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_chdir(nfs: *mut nfs_context, path: *const c_char) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let path = unsafe { path_or_here(path) };
        context.run(|client| client.chdir(path))?;
        Ok(0)
    })
}

/// Like nfs_chdir(), asynchronous. The callback gets 0.
///
/// # Safety
/// `path` is NULL or a C string; `cb` can be called with `private_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_chdir_async(
    nfs: *mut nfs_context,
    path: *const c_char,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let (path, callback) = unsafe { (path_or_here(path), Callback::new(nfs, cb, private_data)?) };
        context.submit(callback, context.client.clone().chdir(path))
    })
}

/// Stores the path of the working directory in `*cwd`. It belongs to the context and is valid until
/// nfs_getcwd() is called again.
///
/// # Safety
/// `cwd` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_getcwd(nfs: *mut nfs_context, cwd: *mut *const c_char) {
    guard_or(
        nfs,
        |_| (),
        |context| {
            // SAFETY: by the contract above.
            let out = unsafe { Out::new(cwd)? };
            let mut kept = lock(&context.working_directory);
            let path = CString::new(context.client.working_directory()).unwrap_or_default();
            if *kept != path {
                *kept = path;
            }
            out.write(kept.as_ptr())?;
            Ok(())
        },
    )
}
