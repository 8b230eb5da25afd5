//! The event loop of a program that makes asynchronous calls.

use std::ffi::c_int;

use super::guard::{guard, guard_or};
use super::objects::ContextHandle;
use super::types::nfs_context;

/// Returns the file descriptor to wait on with poll(2), for the events that nfs_which_events() returns, before
/// nfs_service() is called. It also becomes readable when a deadline has passed. It stays the same for the life of the
/// context and belongs to it: do not read from it. Returns -1 if there is none.
#[unsafe(no_mangle)]
pub extern "C" fn nfs_get_fd(nfs: *mut nfs_context) -> c_int {
    descriptor(nfs)
}

/// Returns the events, as for poll(2), to wait for on nfs_get_fd(). Call it each time before waiting.
#[unsafe(no_mangle)]
pub extern "C" fn nfs_which_events(nfs: *mut nfs_context) -> c_int {
    events(nfs)
}

/// Does the work that is pending, without waiting: sends, receives, completes operations and calls their callbacks.
/// `revents` is what poll(2) returned. Calling it when nothing has happened does no harm. Returns 0, or -1 when the
/// connection cannot be used any more.
#[unsafe(no_mangle)]
pub extern "C" fn nfs_service(nfs: *mut nfs_context, revents: c_int) -> c_int {
    let _ = revents;
    service(nfs)
}

/// Returns the number of asynchronous operations that are not complete.
#[unsafe(no_mangle)]
pub extern "C" fn nfs_queue_length(nfs: *mut nfs_context) -> c_int {
    queue_length(nfs)
}

/// Starts a thread that serves the context from now on, so that the program need not: callbacks run on that thread,
/// and synchronous calls work from any other. The thread does not run signal handlers. Returns 0 or -errno,
/// -EALREADY when there is such a thread.
#[cfg(not(libnfs_abi = "13"))]
#[unsafe(no_mangle)]
pub extern "C" fn nfs_mt_service_thread_start(nfs: *mut nfs_context) -> c_int {
    guard(nfs, |context| context.client.start_service().map(|()| 0))
}

/// Ends the thread of nfs_mt_service_thread_start(), which nfs_destroy_context() does as well. Returns when a callback
/// that it runs has returned, unless it is called from there. Calls that are not complete go on when the context is
/// served.
#[cfg(not(libnfs_abi = "13"))]
#[unsafe(no_mangle)]
pub extern "C" fn nfs_mt_service_thread_stop(nfs: *mut nfs_context) {
    guard_or(nfs, |_| (), |context| context.client.stop_service());
}

pub fn descriptor(handle: impl ContextHandle) -> c_int {
    guard_or(handle, |_| -1, |context| Ok(context.client.descriptor().unwrap_or(-1)))
}

pub fn events(handle: impl ContextHandle) -> c_int {
    guard_or(
        handle,
        |_| 0,
        |context| {
            context.client.prepare_wait();
            Ok(libc::POLLIN.into())
        },
    )
}

pub fn service(handle: impl ContextHandle) -> c_int {
    guard_or(handle, |_| -1, |context| context.client.service().map(|()| 0))
}

pub fn queue_length(handle: impl ContextHandle) -> c_int {
    guard(handle, |context| Ok(c_int::try_from(context.client.queue_length()).unwrap_or(c_int::MAX)))
}
