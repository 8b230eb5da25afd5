//! RPC contexts: their life and their error, and what NFS contexts and files are to the raw interface.

use std::sync::Arc;

use libc::c_char;

use super::types::nfs_fh;
use crate::abi::context::latest_error;
use crate::abi::guard::{guard_or, stop_panics};
use crate::abi::objects::{Context, FILES, RPC_CONTEXTS};
use crate::abi::types::{nfs_context as NfsContext, nfsfh as NfsFile, rpc_context as RpcContext};
use crate::error::Error;
use crate::sync::lock;

/// Makes an RPC context that acts as the user and group of the process. Returns NULL when there is no memory or no
/// file descriptor left. To be freed with rpc_destroy_context().
#[unsafe(no_mangle)]
pub extern "C" fn rpc_init_context() -> *mut RpcContext {
    let made = stop_panics(|| RPC_CONTEXTS.insert(Arc::new(Context::new()?)));
    made.unwrap_or(std::ptr::null_mut())
}

/// Closes an RPC context. Callbacks of calls that are not complete are called before it returns. It may be called from
/// a callback of the same context. NULL, a context that was destroyed before, and one that came from
/// nfs_get_rpc_context() are left alone.
#[unsafe(no_mangle)]
pub extern "C" fn rpc_destroy_context(rpc: *mut RpcContext) {
    guard_or(
        rpc,
        |_| (),
        |context| {
            if lock(&context.rpc_handle).is(rpc) {
                return Err(Error::new(libc::EPERM, "the RPC context belongs to an NFS context"));
            }
            RPC_CONTEXTS.take(rpc)?.shut_down();
            Ok(())
        },
    );
}

/// Returns the RPC context of an NFS context: the same one each time. It has the same descriptor, settings, calls and
/// errors, and ends with the NFS context. Returns NULL when `nfs` cannot be used.
#[unsafe(no_mangle)]
pub extern "C" fn nfs_get_rpc_context(nfs: *mut NfsContext) -> *mut RpcContext {
    guard_or(nfs, |_| std::ptr::null_mut(), |context| lock(&context.rpc_handle).of(context))
}

/// Returns the server's handle of an open file. It is valid until the file is closed. Returns NULL when the file is
/// not open.
#[unsafe(no_mangle)]
pub extern "C" fn nfs_get_fh(nfsfh: *mut NfsFile) -> *mut nfs_fh {
    let found = stop_panics(|| {
        let open = FILES.get(nfsfh)?;
        Ok(std::ptr::from_ref(open.server_handle()).cast_mut().cast())
    });
    found.unwrap_or(std::ptr::null_mut())
}

/// Describes the latest error of the context. Never NULL; empty when there has been no error. The string belongs
/// to the context and is valid until sixty-four others have been handed out, or the context is destroyed.
#[unsafe(no_mangle)]
pub extern "C" fn rpc_get_error(rpc: *mut RpcContext) -> *mut c_char {
    latest_error(rpc)
}
