//! What every export runs in.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use libc::c_int;

use super::objects::{Context, ContextHandle};
use crate::error::{Error, Result};

/// Runs one call on a context and returns its value, or `-errno`.
pub fn guard(handle: impl ContextHandle, call: impl FnOnce(&Arc<Context>) -> Result<c_int>) -> c_int {
    guard_or(handle, |error| -error.errno().max(1), call)
}

/// Runs one call on a context. After an error its sentence is kept for nfs_get_error(), and `failed` makes the
/// value to return.
pub fn guard_or<T>(
    handle: impl ContextHandle,
    failed: impl FnOnce(&Error) -> T,
    call: impl FnOnce(&Arc<Context>) -> Result<T>,
) -> T {
    let context = match handle.context() {
        Ok(context) => context,
        Err(error) => return failed(&error),
    };
    stop_panics(|| call(&context)).unwrap_or_else(|error| {
        context.set_error(&error);
        failed(&error)
    })
}

/// Runs a call that has no context, and makes a panic an error.
pub fn stop_panics<T>(call: impl FnOnce() -> Result<T>) -> Result<T> {
    // What a panic may leave half changed is behind mutexes, and never handed to C.
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        Err(Error::new(libc::EIO, format!("an error in the library itself: {}", words(&*panic))))
    })
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("panic")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::context::{nfs_destroy_context, nfs_get_error, nfs_init_context};
    use crate::abi::types::nfs_context;

    #[test]
    fn a_panic_is_an_error() {
        let nfs = nfs_init_context();
        assert_eq!(guard(nfs, |_| panic!("{} sheep", 3)), -libc::EIO);
        // SAFETY: the sentence stays until others have been handed out.
        let sentence = unsafe { std::ffi::CStr::from_ptr(nfs_get_error(nfs)) };
        assert!(sentence.to_str().unwrap().ends_with("3 sheep"));
        nfs_destroy_context(nfs);
        assert_eq!(guard(nfs, |_| Ok(0)), -libc::EBADF);
        assert_eq!(guard(std::ptr::null_mut::<nfs_context>(), |_| Ok(0)), -libc::EINVAL);
    }
}
