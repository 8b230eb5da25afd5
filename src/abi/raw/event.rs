//! The event loop of a program that makes calls on an RPC context.

use libc::c_int;

use crate::abi::event::{descriptor, events, queue_length, service};
use crate::abi::types::rpc_context as RpcContext;

/// Returns the file descriptor to wait on with poll(2), for the events that rpc_which_events() returns, before
/// rpc_service() is called. It also becomes readable when a deadline has passed. It stays the same for the life of the
/// context and belongs to it: do not read from it. Returns -1 if there is none.
#[unsafe(no_mangle)]
pub extern "C" fn rpc_get_fd(rpc: *mut RpcContext) -> c_int {
    descriptor(rpc)
}

/// Returns the events, as for poll(2), to wait for on rpc_get_fd(). Call it each time before waiting.
#[unsafe(no_mangle)]
pub extern "C" fn rpc_which_events(rpc: *mut RpcContext) -> c_int {
    events(rpc)
}

/// Does the work that is pending, without waiting: sends, receives, completes calls and calls their callbacks.
/// `revents` is what poll(2) returned. Calling it when nothing has happened does no harm. Returns 0, or -1 when the
/// context cannot be used any more.
#[unsafe(no_mangle)]
pub extern "C" fn rpc_service(rpc: *mut RpcContext, revents: c_int) -> c_int {
    let _ = revents;
    service(rpc)
}

/// Returns how many asynchronous calls are not complete.
#[unsafe(no_mangle)]
pub extern "C" fn rpc_queue_length(rpc: *mut RpcContext) -> c_int {
    queue_length(rpc)
}
