//! Functions of other headers than `libnfs.h` that do not work yet, but belong to a context or a file. Each says
//! so: with -ENOSYS, and a sentence for nfs_get_error().

#![cfg(not(libnfs_abi = "13"))]
#![allow(non_camel_case_types, reason = "the names are those of the original headers")]

use libc::{c_int, c_void};

use super::guard::guard;
use super::types::{nfs_cb, nfs_context, nfsfh};
use crate::error::{Error, Result};

/// The answer of all functions here.
fn missing<T>(name: &str) -> Result<T> {
    Err(Error::new(libc::ENOSYS, format!("{name}() is not supported")))
}

/// An ACL of NFS version 4.
pub struct fattr4_acl(());

/// Reads the ACL of a file. Not supported: returns -ENOSYS.
#[unsafe(no_mangle)]
pub extern "C" fn nfs4_getacl(nfs: *mut nfs_context, nfsfh: *mut nfsfh, nfs4acl: *mut fattr4_acl) -> c_int {
    let _ = (nfsfh, nfs4acl);
    guard(nfs, |_| missing("nfs4_getacl"))
}

/// Like nfs4_getacl(), asynchronous. Not supported: returns -ENOSYS, and `cb` is not called.
#[unsafe(no_mangle)]
pub extern "C" fn nfs4_getacl_async(
    nfs: *mut nfs_context,
    nfsfh: *mut nfsfh,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    let _ = (nfsfh, cb, private_data);
    guard(nfs, |_| missing("nfs4_getacl_async"))
}
