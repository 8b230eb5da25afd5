//! Types and constants of `libnfs-raw-nfs4.h`, as far as they are there.

#![allow(non_camel_case_types, reason = "the names are those of the original header")]
#![allow(dead_code, reason = "some are there for the header alone")]

use libc::{c_char, c_int, c_uint};

/// For nfs_set_version(): NFS version 4.
pub const NFS_V4: c_int = 4;

/// A text of `utf8string_len` bytes.
#[repr(C)]
pub struct utf8string {
    pub utf8string_len: c_uint,
    pub utf8string_val: *mut c_char,
}

/// One entry of an ACL (RFC 7530, section 6.2.1).
#[repr(C)]
pub struct nfsace4 {
    pub r#type: u32,
    pub flag: u32,
    pub access_mask: u32,
    pub who: utf8string,
}

/// An ACL of NFS version 4.
#[repr(C)]
pub struct fattr4_acl {
    pub fattr4_acl_len: c_uint,
    /// `fattr4_acl_len` entries.
    pub fattr4_acl_val: *mut nfsace4,
}

/// Would free the entries of an ACL that nfs4_getacl() has stored. No effect so far: it stores none.
#[cfg(not(libnfs_abi = "13"))]
#[unsafe(no_mangle)]
pub extern "C" fn nfs4_acl_free(nfs4acl: *mut fattr4_acl) {
    let _ = nfs4acl;
}
