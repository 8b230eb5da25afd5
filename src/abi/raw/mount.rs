//! Types and constants of `libnfs-raw-mount.h` (RFC 1813, appendix I).

#![allow(non_camel_case_types, reason = "the names are those of the original header")]
#![allow(dead_code, reason = "some are there for the header alone")]

use libc::{c_char, c_int};

/// The longest path of an export, in bytes.
pub const MNTPATHLEN: c_int = 1024;

/// The longest name of a client, in bytes.
pub const MNTNAMLEN: c_int = 255;

/// The longest file handle of NFS version 3, in bytes.
pub const FHSIZE3: c_int = 64;

/// The length of a file handle of NFS version 2, in bytes.
pub const FHSIZE: c_int = 32;

/// The path of an export.
pub type dirpath = *mut c_char;

/// The name of a client, or of a group of clients.
pub type name = *mut c_char;

/// A list of clients; NULL is the empty one.
pub type groups = *mut groupnode;

/// A list of exports; NULL is the empty one.
pub type exports = *mut exportnode;

/// Clients that an export is for.
#[repr(C)]
pub struct groupnode {
    pub gr_name: name,
    pub gr_next: groups,
}

/// An exported directory.
#[repr(C)]
pub struct exportnode {
    pub ex_dir: dirpath,
    /// Who may mount it. NULL is everybody.
    pub ex_groups: groups,
    pub ex_next: exports,
}
