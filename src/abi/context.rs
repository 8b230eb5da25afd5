//! Contexts: their life and their error.

use std::sync::Arc;

use libc::c_char;

use super::guard::stop_panics;
use super::objects::{CONTEXTS, Context, ContextHandle};
use super::types::nfs_context;

/// Makes a context that acts as the user and group of the process. Returns NULL when there is no memory or no
/// file descriptor left. To be freed with nfs_destroy_context().
#[unsafe(no_mangle)]
pub extern "C" fn nfs_init_context() -> *mut nfs_context {
    let made = stop_panics(|| CONTEXTS.insert(Arc::new(Context::new()?)));
    made.unwrap_or(std::ptr::null_mut())
}

/// Closes a context: its connections, its open files and directories, and the memory of all of them. Callbacks of
/// operations that are not complete are called with -EINTR before it returns. It may be called from a callback of
/// the same context. NULL, or a context that was destroyed before, is left alone. A child of the process that made the
/// context closes its own copies of the descriptors, and nothing else happens.
#[unsafe(no_mangle)]
pub extern "C" fn nfs_destroy_context(nfs: *mut nfs_context) {
    // There is nobody left to tell of a failure.
    let _ = stop_panics(|| {
        match CONTEXTS.inherited(nfs) {
            Some(copy) => copy.client.abandon(),
            None => CONTEXTS.take(nfs)?.shut_down(),
        }
        Ok(())
    });
}

/// Describes the latest error of the context. Never NULL; empty when there has been no error. The string belongs
/// to the context and is valid until sixty-four others have been handed out, or the context is destroyed.
#[unsafe(no_mangle)]
pub extern "C" fn nfs_get_error(nfs: *mut nfs_context) -> *mut c_char {
    latest_error(nfs)
}

pub fn latest_error(handle: impl ContextHandle) -> *mut c_char {
    match handle.context() {
        Ok(context) => context.latest_error(),
        Err(error) if error.errno() == libc::EINVAL => c"the context is NULL".as_ptr().cast_mut(),
        Err(_) if handle.is_inherited() => {
            c"the context belongs to the process that has forked this one".as_ptr().cast_mut()
        }
        Err(_) => c"the context has been destroyed".as_ptr().cast_mut(),
    }
}
