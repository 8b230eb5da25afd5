//! Functions of `libnfs.h` that do not work yet. Each says so: with -ENOSYS or NULL, and a sentence for
//! nfs_get_error().

use libc::c_char;

use super::guard::guard_or;
use super::types::nfs_context;
use crate::error::{Error, Result};

/// The answer of all functions here.
pub fn missing<T>(name: &str) -> Result<T> {
    Err(Error::new(libc::ENOSYS, format!("{name}() is not supported")))
}

/// Sets the name of this client for NFS version 4. Not supported: only nfs_get_error() tells.
#[unsafe(no_mangle)]
pub extern "C" fn nfs4_set_client_name(nfs: *mut nfs_context, id: *const c_char) {
    let _ = id;
    guard_or(nfs, |_| (), |_| missing("nfs4_set_client_name"));
}

/// Sets the verifier of this client for NFS version 4, eight bytes. Not supported: only nfs_get_error() tells.
#[unsafe(no_mangle)]
pub extern "C" fn nfs4_set_verifier(nfs: *mut nfs_context, verifier: *const c_char) {
    let _ = verifier;
    guard_or(nfs, |_| (), |_| missing("nfs4_set_verifier"));
}
