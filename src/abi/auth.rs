//! Ready-made credentials (RFC 5531, section 8.2 and appendix A).

#![allow(
    non_camel_case_types,
    clippy::upper_case_acronyms,
    reason = "the names are those of the original header"
)]

use libc::c_char;

use super::arguments::text;
use super::guard::stop_panics;
use super::malloc;
use crate::error::{Error, Result};
use crate::rpc::Credential;

const AUTH_NONE: u32 = 0;
const AUTH_SYS: u32 = 1;

/// AUTH_SYS carries at most this many groups.
const MAX_GROUPS: usize = 16;

/// AUTH_SYS allows a machine name of this many bytes.
const MAX_NAME: usize = 255;

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
    unsafe fn body(&self) -> &[u8] {
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
        unsafe { libnfs_auth_destroy(self.0) }
    }
}

/// Makes the credential of nobody in particular. NULL when there is no memory.
#[unsafe(no_mangle)]
pub extern "C" fn libnfs_authnone_create() -> *mut AUTH {
    stop_panics(|| create(AUTH_NONE, &[])).unwrap_or(std::ptr::null_mut())
}

/// Makes an AUTH_SYS credential for a user, its group and up to 16 further groups (more are ignored), from the
/// machine `host`. NULL when there is no memory or an argument is.
///
/// # Safety
/// `host` is a C string, `groups` has `len` elements or `len` is 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libnfs_authunix_create(
    host: *const c_char,
    uid: u32,
    gid: u32,
    len: u32,
    groups: *mut u32,
) -> *mut AUTH {
    let made = stop_panics(|| {
        // SAFETY: by the contract above.
        let (host, groups) = unsafe { (text(host, "the host")?, numbers(groups, len)?) };
        create(AUTH_SYS, &sys(&host, uid, gid, &groups))
    });
    made.unwrap_or(std::ptr::null_mut())
}

/// Makes an AUTH_SYS credential for the user and group of the process. NULL when there is no memory.
#[unsafe(no_mangle)]
pub extern "C" fn libnfs_authunix_create_default() -> *mut AUTH {
    // SAFETY: these only read the credentials of the process.
    let (uid, gid) = unsafe { (libc::getuid(), libc::getgid()) };
    stop_panics(|| create(AUTH_SYS, &sys(b"libnfs", uid, gid, &[]))).unwrap_or(std::ptr::null_mut())
}

/// Frees a credential that was not given to a context. NULL is left alone.
///
/// # Safety
/// `auth` is NULL, or came from a function of this family and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libnfs_auth_destroy(auth: *mut AUTH) {
    // SAFETY: by the contract above.
    unsafe {
        if let Some(auth) = auth.as_ref() {
            malloc::free(auth.ah_cred.oa_base);
            malloc::free(auth.ah_verf.oa_base);
        }
        malloc::free(auth);
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

fn create(flavor: u32, body: &[u8]) -> Result<*mut AUTH> {
    let (ah_cred, ah_verf) = (opaque_auth::new(flavor, body)?, opaque_auth::new(AUTH_NONE, &[])?);
    malloc::boxed(AUTH { ah_cred, ah_verf, ah_private: std::ptr::null_mut() })
}

/// The XDR form of an AUTH_SYS body. The stamp is arbitrary.
fn sys(host: &[u8], uid: u32, gid: u32, groups: &[u32]) -> Vec<u8> {
    let host = &host[..host.len().min(MAX_NAME)];
    let groups = &groups[..groups.len().min(MAX_GROUPS)];
    let mut body = Vec::new();
    let mut put = |number: u32| body.extend_from_slice(&number.to_be_bytes());
    put(0);
    put(host.len() as u32);
    body.extend_from_slice(host);
    body.resize(body.len().next_multiple_of(4), 0);
    for &number in [uid, gid, groups.len() as u32].iter().chain(groups) {
        body.extend_from_slice(&number.to_be_bytes());
    }
    body
}

/// A copy of an array of numbers.
///
/// # Safety
/// `array` is NULL or has `len` elements.
pub unsafe fn numbers(array: *const u32, len: u32) -> Result<Vec<u32>> {
    match (array.is_null(), len) {
        (_, 0) => Ok(Vec::new()),
        (true, _) => Err(Error::new(libc::EINVAL, "the list of groups is NULL")),
        // SAFETY: by the caller's contract.
        (false, _) => Ok(unsafe { std::slice::from_raw_parts(array, len as usize) }.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sys_is_in_xdr_form() {
        let body = sys(b"hosty", 1, 2, &[7, 8]);
        assert_eq!(body[4..8], [0, 0, 0, 5]);
        assert_eq!(&body[8..16], b"hosty\0\0\0");
        assert_eq!(body[16..], [0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 7, 0, 0, 0, 8]);
        assert_eq!(sys(&[b'x'; 999], 1, 2, &[3; 99]).len(), 4 + 4 + 256 + 12 + 64);
    }

    #[test]
    #[cfg_attr(miri, ignore = "it knows no getuid()")]
    fn the_default_is_oneself() {
        let auth = libnfs_authunix_create_default();
        // SAFETY: a credential that is destroyed once.
        unsafe {
            assert_eq!((*auth).ah_cred.body()[16..20], libc::getuid().to_be_bytes());
            libnfs_auth_destroy(auth);
        }
    }

    #[test]
    fn created_and_destroyed() {
        let mut groups = [3u32; 20];
        // SAFETY: valid arguments; each credential is destroyed once.
        unsafe {
            let auth = libnfs_authunix_create(c"host".as_ptr(), 1, 2, 20, groups.as_mut_ptr());
            assert_eq!(((*auth).ah_cred.oa_flavor, (*auth).ah_cred.oa_length), (AUTH_SYS, 24 + 64));
            assert_eq!((*auth).ah_cred.body()[23], 16);
            libnfs_auth_destroy(auth);
            libnfs_auth_destroy(libnfs_authnone_create());
            libnfs_auth_destroy(std::ptr::null_mut());
            assert!(libnfs_authunix_create(std::ptr::null(), 1, 2, 0, groups.as_mut_ptr()).is_null());
        }
    }
}
