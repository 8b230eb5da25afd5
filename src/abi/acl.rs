//! Access control lists of NFS version 3: `libnfs-raw-nfs.h`, as far as it is there.

#![allow(non_camel_case_types, reason = "the names are those of the original header")]
#![allow(dead_code, reason = "some are there for the header alone")]

use libc::{c_int, c_uint, c_void};

use super::arguments::{AclType, Out, file};
use super::callback::{Answer, Callback};
use super::guard::guard;
use super::malloc;
use super::types::{nfs_cb, nfs_context as NfsContext, nfsfh as NfsFile};
use crate::client::{Acl, AclEntry};
use crate::error::Result;

/// For nfs_set_version(): NFS version 3.
pub const NFS_V3: c_int = 3;

/// Bits of nfsacl_ace.perm.
pub const NFSACL_PERM_READ: c_int = 0x04;
pub const NFSACL_PERM_WRITE: c_int = 0x02;
pub const NFSACL_PERM_EXEC: c_int = 0x01;

/// Whom an entry is for. In a list of default entries the bit NFSACL_TYPE_DEFAULT is set.
#[repr(C)]
pub enum nfsacl_type {
    NFSACL_TYPE_USER_OBJ = 0x0001,
    NFSACL_TYPE_USER = 0x0002,
    NFSACL_TYPE_GROUP_OBJ = 0x0004,
    NFSACL_TYPE_GROUP = 0x0008,
    NFSACL_TYPE_CLASS_OBJ = 0x0010,
    /// Everybody else, in spite of the name.
    NFSACL_TYPE_CLASS = 0x0020,
    NFSACL_TYPE_DEFAULT = 0x1000,
    NFSACL_TYPE_DEFAULT_USER_OBJ = 0x1001,
    NFSACL_TYPE_DEFAULT_USER = 0x1002,
    NFSACL_TYPE_DEFAULT_GROUP_OBJ = 0x1004,
    NFSACL_TYPE_DEFAULT_GROUP = 0x1008,
    NFSACL_TYPE_DEFAULT_CLASS_OBJ = 0x1010,
    NFSACL_TYPE_DEFAULT_OTHER_OBJ = 0x1020,
}

/// One entry of an ACL.
#[repr(C)]
pub struct nfsacl_ace {
    pub r#type: AclType,
    /// The user or group, where the type asks for one.
    pub id: c_uint,
    /// What they may do, NFSACL_PERM_READ and its relatives.
    pub perm: c_uint,
}

/// The ACL of a file or a directory.
#[repr(C)]
pub struct fattr3_acl {
    pub ace_count: c_uint,
    /// `ace_count` entries. NULL when that is 0.
    pub ace: *mut nfsacl_ace,
    pub default_ace_count: c_uint,
    /// What a directory gives to new files in it: `default_ace_count` entries. NULL when that is 0.
    pub default_ace: *mut nfsacl_ace,
}

/// Reads the POSIX ACL of an open file or directory, with the NFSACL protocol beside NFS version 3. Stores it in
/// `*nfs3acl`, to be freed with nfs3_acl_free(); after an error it is empty. Returns 0 or -errno, -EOPNOTSUPP when
/// the server has no ACLs.
///
/// # Safety
/// `nfs3acl` is NULL or writable.
#[cfg(not(libnfs_abi = "13"))]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs3_getacl(
    nfs: *mut NfsContext,
    nfsfh: *mut NfsFile,
    nfs3acl: *mut fattr3_acl,
) -> c_int {
    // SAFETY: by the contract above.
    if let Ok(out) = unsafe { Out::new(nfs3acl) } {
        let _ = out.write(fattr3_acl::empty());
    }
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let out = unsafe { Out::new(nfs3acl)? };
        let file = file(context, nfsfh)?;
        let acl = context.run(|client| client.getacl(file))?;
        out.write(fattr3_acl::new(&acl)?)
    })
}

/// Like nfs3_getacl(), asynchronous. The callback gets 0 and a fattr3_acl, which is valid until it returns.
///
/// # Safety
/// `cb` can be called with `private_data`.
#[cfg(not(libnfs_abi = "13"))]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs3_getacl_async(
    nfs: *mut NfsContext,
    nfsfh: *mut NfsFile,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let callback = unsafe { Callback::new(nfs, cb, private_data)? };
        context.submit(callback, context.client.clone().getacl(file(context, nfsfh)?))
    })
}

/// Frees the entries of an ACL that nfs3_getacl() has stored, and empties it. NULL is left alone.
///
/// # Safety
/// `nfs3acl` is NULL, or as nfs3_getacl() or this function left it.
#[cfg(not(libnfs_abi = "13"))]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs3_acl_free(nfs3acl: *mut fattr3_acl) {
    // SAFETY: by the contract above.
    if let Some(acl) = unsafe { nfs3acl.as_mut() } {
        drop(Owned(std::mem::replace(acl, fattr3_acl::empty())));
    }
}

impl fattr3_acl {
    fn empty() -> Self {
        let none = std::ptr::null_mut();
        Self { ace_count: 0, ace: none, default_ace_count: 0, default_ace: none }
    }

    /// The ACL in memory from malloc().
    fn new(acl: &Acl) -> Result<Self> {
        let mut new = Owned(Self::empty());
        (new.0.ace_count, new.0.ace) = entries(&acl.entries)?;
        (new.0.default_ace_count, new.0.default_ace) = entries(&acl.default_entries)?;
        Ok(std::mem::replace(&mut new.0, Self::empty()))
    }
}

fn entries(entries: &[AclEntry]) -> Result<(c_uint, *mut nfsacl_ace)> {
    let convert = |entry: &AclEntry| nfsacl_ace { r#type: entry.kind, id: entry.id, perm: entry.permissions };
    // A reply does not hold as many as a c_uint cannot count.
    Ok((entries.len() as c_uint, malloc::array(entries.iter().map(convert))?))
}

/// An ACL that is freed when it goes out of use.
struct Owned(fattr3_acl);

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: the entries are from malloc(), and nobody has freed them.
        unsafe {
            malloc::free(self.0.ace);
            malloc::free(self.0.default_ace);
        }
    }
}

/// The address of a fattr3_acl.
impl Answer for Acl {
    fn give(self, callback: Callback) {
        match fattr3_acl::new(&self).map(Owned) {
            Ok(mut acl) => callback.call(0, (&raw mut acl.0).cast()),
            Err(error) => callback.fail(&error),
        }
    }
}

#[cfg(all(test, not(libnfs_abi = "13")))]
mod tests {
    use super::*;

    #[test]
    fn acls_are_converted_and_freed() {
        let entry = |kind, id, permissions| AclEntry { kind, id, permissions };
        let acl = Acl { entries: vec![entry(2, 1234, 4), entry(99, 0, 7)], default_entries: Vec::new() };
        let mut converted = fattr3_acl::new(&acl).unwrap();
        // SAFETY: two entries, as the count says; freed once with its entries, and once when empty.
        unsafe {
            let entries = std::slice::from_raw_parts(converted.ace, converted.ace_count as usize);
            assert_eq!(
                entries.iter().map(|ace| (ace.r#type, ace.id, ace.perm)).collect::<Vec<_>>(),
                [(2, 1234, 4), (99, 0, 7)]
            );
            assert!(converted.default_ace_count == 0 && converted.default_ace.is_null());
            nfs3_acl_free(&raw mut converted);
            assert!(converted.ace_count == 0 && converted.ace.is_null());
            nfs3_acl_free(&raw mut converted);
            nfs3_acl_free(std::ptr::null_mut());
        }
    }
}
