//! Who an RPC context acts as, and how long its calls may take.

use libc::c_int;

#[cfg(not(libnfs_abi = "13"))]
use crate::abi::identity::set_groups;
use crate::abi::identity::{set_auth, set_gid, set_uid};
use crate::abi::objects::credentials::AUTH as Auth;
use crate::abi::settings::{read, set};
use crate::abi::types::rpc_context as RpcContext;
use crate::client::Settings;

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
