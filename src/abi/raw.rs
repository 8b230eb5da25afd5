//! RPC contexts: `libnfs-raw.h`, as far as it is there.
//!
//! An RPC context is a [`Context`] under another type of handle: one of its own, or that of an NFS context.

#![allow(non_camel_case_types, reason = "the names are those of the original header")]
#![allow(dead_code, reason = "some are there for the header alone")]

use std::sync::Arc;

use libc::{c_char, c_int, c_uint};

use super::auth::AUTH as Auth;
use super::context::{Context, latest_error};
use super::event::{descriptor, events, queue_length, service};
use super::guard::{guard_or, stop_panics};
use super::handle::{FILES, RPC_CONTEXTS};
#[cfg(not(libnfs_abi = "13"))]
use super::identity::set_groups;
use super::identity::{set_auth, set_gid, set_uid};
use super::lock;
use super::settings::{read, set};
use super::types::{nfs_context as NfsContext, nfsfh as NfsFile, rpc_context as RpcContext};
use crate::client::{File, Settings};
use crate::error::{Error, Result};

/// What a callback of an RPC is told: the reply is there.
pub const RPC_STATUS_SUCCESS: c_int = 0;

/// There is no reply, and will be none.
pub const RPC_STATUS_ERROR: c_int = 1;

/// The context was destroyed before there was a reply.
pub const RPC_STATUS_CANCEL: c_int = 2;

/// There was no reply in time.
pub const RPC_STATUS_TIMEOUT: c_int = 3;

/// A server's handle of a file. It has the layout of struct nfs_fh3: the length as an unsigned int, then the address
/// of the bytes.
pub struct nfs_fh(());

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
    if let Some(copy) = RPC_CONTEXTS.inherited(rpc) {
        return copy.client.abandon();
    }
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
        let handle = open.server_handle.get_or_init(|| ServerHandle::new(&open.file()));
        Ok(std::ptr::from_ref(handle).cast_mut().cast())
    });
    found.unwrap_or(std::ptr::null_mut())
}

/// Describes the latest error of the context. Never NULL; empty when there has been no error. The string belongs
/// to the context and is valid until sixty-four others have been handed out, or the context is destroyed.
#[unsafe(no_mangle)]
pub extern "C" fn rpc_get_error(rpc: *mut RpcContext) -> *mut c_char {
    latest_error(rpc)
}

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

/// Makes the context use `auth` from the next call on, until rpc_set_uid() or a relative changes it again. The
/// context owns `auth` from now on and frees it. NULL goes back to the context's uid and gid.
///
/// # Safety
/// `auth` is NULL, or came from libnfs_authunix_create() or a relative and is not used by the caller any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpc_set_auth(rpc: *mut RpcContext, auth: *mut Auth) {
    // SAFETY: by the contract above.
    unsafe { set_auth(rpc, auth) }
}

/// Makes the following calls act as user `uid`, with AUTH_SYS.
#[unsafe(no_mangle)]
pub extern "C" fn rpc_set_uid(rpc: *mut RpcContext, uid: c_int) {
    set_uid(rpc, uid);
}

/// Makes the following calls act with group `gid`, with AUTH_SYS.
#[unsafe(no_mangle)]
pub extern "C" fn rpc_set_gid(rpc: *mut RpcContext, gid: c_int) {
    set_gid(rpc, gid);
}

/// Makes the following calls act with `len` further groups, with AUTH_SYS, which carries the first 16 of them.
///
/// # Safety
/// `gids` has `len` elements, or `len` is 0.
#[cfg(not(libnfs_abi = "13"))]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpc_set_auxiliary_gids(rpc: *mut RpcContext, len: u32, gids: *mut u32) {
    // SAFETY: by the contract above.
    unsafe { set_groups(rpc, len, gids) }
}

/// Sets how long a call may take, in milliseconds. 0 or negative is as long as it takes, and for
/// mount_getexports_async() a minute.
#[unsafe(no_mangle)]
pub extern "C" fn rpc_set_timeout(rpc: *mut RpcContext, timeout: c_int) {
    set(rpc, |settings| settings.set_timeout(timeout));
}

/// Returns what rpc_set_timeout() has set. -1 at first.
#[unsafe(no_mangle)]
pub extern "C" fn rpc_get_timeout(rpc: *mut RpcContext) -> c_int {
    read(rpc, -1, Settings::timeout_milliseconds)
}

/// The handle that an NFS context has as an RPC context.
#[derive(Default)]
pub enum RpcHandle {
    #[default]
    NotAskedFor,
    Open(*mut RpcContext),
    Closed,
}

// SAFETY: the address is compared and handed out, never followed.
unsafe impl Send for RpcHandle {}

impl RpcHandle {
    /// The handle of `context`, which this one belongs to; EBADF when that is destroyed.
    fn of(&mut self, context: &Arc<Context>) -> Result<*mut RpcContext> {
        if let Self::NotAskedFor = self {
            *self = Self::Open(RPC_CONTEXTS.insert(context.clone())?);
        }
        match self {
            Self::Open(rpc) => Ok(*rpc),
            _ => Err(RPC_CONTEXTS.refusal(std::ptr::dangling())),
        }
    }

    fn is(&self, rpc: *mut RpcContext) -> bool {
        matches!(self, Self::Open(open) if *open == rpc)
    }

    /// Ends it with its context.
    pub fn close(&mut self) {
        if let Self::Open(rpc) = std::mem::replace(self, Self::Closed) {
            // It is open: this alone closes it.
            let _ = RPC_CONTEXTS.take(rpc);
        }
    }
}

/// What `struct nfs_fh` stands for.
#[repr(C)]
pub struct ServerHandle {
    length: c_uint,
    /// Those of `memory`.
    bytes: *mut c_char,
    memory: Vec<u8>,
}

// SAFETY: `bytes` belongs to `memory` and is followed by C alone.
unsafe impl Send for ServerHandle {}
// SAFETY: nothing in it changes.
unsafe impl Sync for ServerHandle {}

impl ServerHandle {
    fn new(file: &File) -> Self {
        let mut memory = file.server_handle().to_vec();
        Self { length: memory.len() as c_uint, bytes: memory.as_mut_ptr().cast(), memory }
    }
}
