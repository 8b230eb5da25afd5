//! Who a context acts as.

use libc::c_int;

use super::arguments::bits;
#[cfg(not(libnfs_abi = "13"))]
use super::arguments::numbers;
use super::guard::guard_or;
use super::objects::ContextHandle;
use super::objects::credentials::{AUTH as Auth, credential, keep};
#[cfg(not(libnfs_abi = "13"))]
use super::settings::change;
use super::settings::set;
use super::types::nfs_context;
use crate::sync::lock;

/// Makes the context use `auth` from the next call on, until nfs_set_uid() or a relative changes it again. The
/// context owns `auth` from now on and frees it. NULL goes back to the context's uid and gid.
///
/// # Safety
/// `auth` is NULL, or came from libnfs_authunix_create() or a relative and is not used by the caller any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_set_auth(nfs: *mut nfs_context, auth: *mut Auth) {
    // SAFETY: by the contract above.
    unsafe { set_auth(nfs, auth) }
}

/// Makes the following calls act as user `uid`, with AUTH_SYS.
#[unsafe(no_mangle)]
pub extern "C" fn nfs_set_uid(nfs: *mut nfs_context, uid: c_int) {
    set_uid(nfs, uid);
}

/// Makes the following calls act with group `gid`, with AUTH_SYS.
#[unsafe(no_mangle)]
pub extern "C" fn nfs_set_gid(nfs: *mut nfs_context, gid: c_int) {
    set_gid(nfs, gid);
}

/// Makes the following calls act with `len` further groups, with AUTH_SYS, which carries the first 16 of them.
///
/// # Safety
/// `gids` has `len` elements, or `len` is 0.
#[cfg(not(libnfs_abi = "13"))]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_set_auxiliary_gids(nfs: *mut nfs_context, len: u32, gids: *mut u32) {
    // SAFETY: by the contract above.
    unsafe { set_groups(nfs, len, gids) }
}

/// Makes a context use `auth`, and takes that over.
///
/// # Safety
/// `auth` is NULL or a credential that nobody else frees.
pub unsafe fn set_auth(handle: impl ContextHandle, auth: *mut Auth) {
    guard_or(
        handle,
        |_| (),
        |context| {
            // SAFETY: NULL or a credential by the contract above.
            let copied = unsafe { credential(auth) };
            // SAFETY: the caller gives it away, whatever it says.
            unsafe { keep(&mut lock(&context.credentials), auth) };
            let copied = copied?;
            context.client.change_settings(|settings| settings.auth = copied);
            Ok(())
        },
    );
}

pub fn set_uid(handle: impl ContextHandle, uid: c_int) {
    set(handle, |settings| (settings.uid, settings.auth) = (bits(uid), None));
}

pub fn set_gid(handle: impl ContextHandle, gid: c_int) {
    set(handle, |settings| (settings.gid, settings.auth) = (bits(gid), None));
}

/// Sets the auxiliary groups.
///
/// # Safety
/// `gids` has `len` elements, or `len` is 0.
#[cfg(not(libnfs_abi = "13"))]
pub unsafe fn set_groups(handle: impl ContextHandle, len: u32, gids: *mut u32) {
    change(handle, |settings| {
        // SAFETY: by the contract above.
        (settings.groups, settings.auth) = (unsafe { numbers(gids, len)? }, None);
        Ok(())
    });
}
