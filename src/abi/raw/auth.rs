//! Ready-made credentials (RFC 5531, section 8.2 and appendix A).

use libc::c_char;

use crate::abi::arguments::{numbers, text};
use crate::abi::guard::stop_panics;
use crate::abi::objects::credentials::{AUTH, AUTH_NONE, create, destroy};

const AUTH_SYS: u32 = 1;

/// AUTH_SYS carries at most this many groups.
const MAX_GROUPS: usize = 16;

/// AUTH_SYS allows a machine name of this many bytes.
const MAX_NAME: usize = 255;

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
    unsafe { destroy(auth) }
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
