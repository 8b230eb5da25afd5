//! Contexts: their life and their error.

use std::sync::Arc;

use libc::c_char;

use super::guard::stop_panics;
use super::objects::{CONTEXTS, Context, ContextHandle};
use super::types::nfs_context;

/// Creates a context. It acts as the user and group of the process. Returns NULL when there is no memory or no file
/// descriptor left. Free it with nfs_destroy_context().
#[unsafe(no_mangle)]
pub extern "C" fn nfs_init_context() -> *mut nfs_context {
    let made = stop_panics(|| CONTEXTS.insert(Arc::new(Context::new()?)));
    made.unwrap_or(std::ptr::null_mut())
}

/// Closes a context with its connections, open files and open directories, and frees their memory. Operations that are
/// not complete end first: their callbacks are called with -EINTR. Files are closed without a COMMIT: call nfs_close()
/// or nfs_fsync() before, to be sure of written data. The function may be called from a callback of the same context.
/// It does nothing if the context is NULL or already destroyed. In a child of the process that made the context, it
/// does not disturb the parent, and calls none of the parent's callbacks.
#[unsafe(no_mangle)]
pub extern "C" fn nfs_destroy_context(nfs: *mut nfs_context) {
    // There is nobody left to tell of a failure.
    let _ = stop_panics(|| {
        CONTEXTS.take(nfs)?.shut_down();
        Ok(())
    });
}

/// Returns a sentence that describes the latest error of the context: the operation, the path and the cause. The latest
/// one that the calling thread has had counts, or that of any thread if this one has had none. It is never NULL, and
/// empty if there has been no error. The string belongs to the context. It is valid until 64 others have been returned,
/// or until the context is destroyed.
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
