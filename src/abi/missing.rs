//! Functions of other headers than `libnfs.h` that do not work yet, but belong to a context or a file. Each says
//! so: with -ENOSYS, and a sentence for nfs_get_error().

#![cfg_attr(libnfs_abi = "13", allow(dead_code, unused_imports, reason = "this ABI has none of them"))]

use libc::{c_int, c_void};

use super::guard::guard;
use super::raw::nfs4::fattr4_acl;
use super::types::{nfs_cb, nfs_context as NfsContext, nfsfh as NfsFile};
use crate::error::{Error, Result};

/// The answer of all functions here.
fn missing<T>(name: &str) -> Result<T> {
    Err(Error::new(libc::ENOSYS, format!("{name}() is not supported")))
}

/// Reads the ACL of a file. Not supported: returns -ENOSYS.
#[cfg(not(libnfs_abi = "13"))]
#[unsafe(no_mangle)]
pub extern "C" fn nfs4_getacl(nfs: *mut NfsContext, nfsfh: *mut NfsFile, nfs4acl: *mut fattr4_acl) -> c_int {
    let _ = (nfsfh, nfs4acl);
    guard(nfs, |_| missing("nfs4_getacl"))
}

/// Like nfs4_getacl(), asynchronous. Not supported: returns -ENOSYS, and `cb` is not called.
#[cfg(not(libnfs_abi = "13"))]
#[unsafe(no_mangle)]
pub extern "C" fn nfs4_getacl_async(
    nfs: *mut NfsContext,
    nfsfh: *mut NfsFile,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    let _ = (nfsfh, cb, private_data);
    guard(nfs, |_| missing("nfs4_getacl_async"))
}
