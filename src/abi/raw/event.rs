//! The event loop of a program that makes calls on an RPC context.

use libc::c_int;

use crate::abi::event::{descriptor, events, queue_length, service};
use crate::abi::types::rpc_context as RpcContext;

/// Returns a file descriptor to wait on, for the events that rpc_which_events() tells, before rpc_service() is
/// called. It is readable as well when a call runs out of time, and stays the same for the life of the context.
/// It belongs to the context: never read from it. Returns -1 when there is nothing to wait for.
#[unsafe(no_mangle)]
pub extern "C" fn rpc_get_fd(rpc: *mut RpcContext) -> c_int {
    descriptor(rpc)
}

/// Returns the events of poll(2) to wait for on rpc_get_fd(). To be called each time before waiting.
#[unsafe(no_mangle)]
pub extern "C" fn rpc_which_events(rpc: *mut RpcContext) -> c_int {
    events(rpc)
}

/// Does what there is to do without waiting: sends, receives, finishes calls and runs their callbacks. `revents` is
/// what poll(2) told; to call it when nothing has happened does no harm. Returns 0, or -1 when the context cannot be
/// used any more.
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
