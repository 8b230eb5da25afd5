//! Credentials that C makes, and gives away to a context.

#![allow(
    non_camel_case_types,
    clippy::upper_case_acronyms,
    reason = "the names are those of the original header"
)]

use libc::c_char;

use crate::abi::malloc;
use crate::error::Result;
use crate::rpc::Credential;

/// The flavor of nobody in particular (RFC 5531, section 8.2).
pub const AUTH_NONE: u32 = 0;

/// A credential or a verifier.
#[repr(C)]
pub struct opaque_auth {
    pub oa_flavor: u32,
    pub oa_base: *mut c_char,
    pub oa_length: u32,
}

impl opaque_auth {
    fn new(flavor: u32, body: &[u8]) -> Result<Self> {
        let oa_base = if body.is_empty() { std::ptr::null_mut() } else { malloc::string(body)? };
        Ok(Self { oa_flavor: flavor, oa_base, oa_length: body.len() as u32 })
    }

    /// The body of the credential.
    ///
    /// # Safety
    /// `oa_base` is NULL or has `oa_length` bytes.
    pub unsafe fn body(&self) -> &[u8] {
        if self.oa_base.is_null() {
            return &[];
        }
        // SAFETY: by the caller's contract.
        unsafe { std::slice::from_raw_parts(self.oa_base.cast(), self.oa_length as usize) }
    }
}

/// What a caller proves its identity with. Everything in it comes from malloc().
#[repr(C)]
pub struct AUTH {
    pub ah_cred: opaque_auth,
    pub ah_verf: opaque_auth,
    pub ah_private: *mut c_char,
}

/// The credentials that a context owns.
pub struct Credentials(*mut AUTH);

// SAFETY: the structure belongs to the context alone, behind a mutex.
unsafe impl Send for Credentials {}

impl Drop for Credentials {
    fn drop(&mut self) {
        // SAFETY: C gave the structure away with nfs_set_auth().
        unsafe { destroy(self.0) }
    }
}

/// What a credential says, copied. None when there is none.
///
/// # Safety
/// `auth` is NULL or a valid credential.
pub unsafe fn credential(auth: *const AUTH) -> Result<Option<Credential>> {
    // SAFETY: by the caller's contract.
    unsafe {
        auth.as_ref().map(|auth| Credential::raw(auth.ah_cred.oa_flavor, auth.ah_cred.body())).transpose()
    }
}

/// Takes `auth` over, and frees what `owned` was before unless that is the same.
///
/// # Safety
/// `auth` is NULL or a credential that nobody else frees.
pub unsafe fn keep(owned: &mut Option<Credentials>, auth: *mut AUTH) {
    if owned.as_ref().is_none_or(|owned| owned.0 != auth) {
        *owned = (!auth.is_null()).then_some(Credentials(auth));
    }
}

/// A credential, and the verifier of nobody.
pub fn create(flavor: u32, body: &[u8]) -> Result<*mut AUTH> {
    let (ah_cred, ah_verf) = (opaque_auth::new(flavor, body)?, opaque_auth::new(AUTH_NONE, &[])?);
    malloc::boxed(AUTH { ah_cred, ah_verf, ah_private: std::ptr::null_mut() })
}

/// Frees a credential.
///
/// # Safety
/// `auth` is NULL, or came from [`create`] and is not used again.
pub unsafe fn destroy(auth: *mut AUTH) {
    // SAFETY: by the caller's contract.
    unsafe {
        if let Some(auth) = auth.as_ref() {
            malloc::free(auth.ah_cred.oa_base);
            malloc::free(auth.ah_verf.oa_base);
        }
        malloc::free(auth);
    }
}
