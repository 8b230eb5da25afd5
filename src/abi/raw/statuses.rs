//! The statuses of NFS by name, and as errnos.

use std::ffi::CStr;

use libc::{c_char, c_int};
use nfs3_client::nfs3_types::nfs3::nfsstat3;

use crate::v3::errno;

/// The name of a status of NFS version 3, such as "NFS3ERR_NOENT". It is not to be freed.
#[unsafe(no_mangle)]
pub extern "C" fn nfsstat3_to_str(error: c_int) -> *mut c_char {
    of_version_3(error).map_or(c"unknown nfs error", |(_, name)| *name).as_ptr().cast_mut()
}

/// The negative errno for a status of NFS version 3; -ERANGE for what is none.
#[unsafe(no_mangle)]
pub extern "C" fn nfsstat3_to_errno(error: c_int) -> c_int {
    -of_version_3(error).map_or(libc::ERANGE, |(status, _)| errno(*status))
}

/// The name of a status of NFS version 4, such as "NFS4ERR_NOENT". It is not to be freed.
#[unsafe(no_mangle)]
pub extern "C" fn nfsstat4_to_str(error: c_int) -> *mut c_char {
    of_version_4(error).map_or(c"unknown nfsv4 error", |(_, name, _)| *name).as_ptr().cast_mut()
}

/// The negative errno for a status of NFS version 4; -ERANGE for what is none.
#[unsafe(no_mangle)]
pub extern "C" fn nfsstat4_to_errno(error: c_int) -> c_int {
    -of_version_4(error).map_or(libc::ERANGE, |(_, _, errno)| *errno)
}

fn of_version_3(number: c_int) -> Option<&'static (nfsstat3, &'static CStr)> {
    VERSION_3.iter().find(|(status, _)| *status as c_int == number)
}

fn of_version_4(number: c_int) -> Option<&'static (c_int, &'static CStr, c_int)> {
    VERSION_4.iter().find(|(status, ..)| *status == number)
}

macro_rules! version_3 {
    ($($name:ident)*) => {
        const VERSION_3: &[(nfsstat3, &CStr)] = &[$((
            nfsstat3::$name,
            match CStr::from_bytes_with_nul(concat!(stringify!($name), "\0").as_bytes()) {
                Ok(name) => name,
                Err(_) => c"",
            },
        )),*];
    };
}

// RFC 1813, section 2.6.
version_3! {
    NFS3_OK NFS3ERR_PERM NFS3ERR_NOENT NFS3ERR_IO NFS3ERR_NXIO NFS3ERR_ACCES NFS3ERR_EXIST NFS3ERR_XDEV
    NFS3ERR_NODEV NFS3ERR_NOTDIR NFS3ERR_ISDIR NFS3ERR_INVAL NFS3ERR_FBIG NFS3ERR_NOSPC NFS3ERR_ROFS
    NFS3ERR_MLINK NFS3ERR_NAMETOOLONG NFS3ERR_NOTEMPTY NFS3ERR_DQUOT NFS3ERR_STALE NFS3ERR_REMOTE
    NFS3ERR_BADHANDLE NFS3ERR_NOT_SYNC NFS3ERR_BAD_COOKIE NFS3ERR_NOTSUPP NFS3ERR_TOOSMALL
    NFS3ERR_SERVERFAULT NFS3ERR_BADTYPE NFS3ERR_JUKEBOX
}

/// RFC 7530, section 13.1. What has no errno of its own is EIO.
const VERSION_4: &[(c_int, &CStr, c_int)] = &[
    (0, c"NFS4_OK", 0),
    (1, c"NFS4ERR_PERM", libc::EPERM),
    (2, c"NFS4ERR_NOENT", libc::ENOENT),
    (5, c"NFS4ERR_IO", libc::EIO),
    (6, c"NFS4ERR_NXIO", libc::ENXIO),
    (13, c"NFS4ERR_ACCESS", libc::EACCES),
    (17, c"NFS4ERR_EXIST", libc::EEXIST),
    (18, c"NFS4ERR_XDEV", libc::EXDEV),
    (20, c"NFS4ERR_NOTDIR", libc::ENOTDIR),
    (21, c"NFS4ERR_ISDIR", libc::EISDIR),
    (22, c"NFS4ERR_INVAL", libc::EINVAL),
    (27, c"NFS4ERR_FBIG", libc::EFBIG),
    (28, c"NFS4ERR_NOSPC", libc::ENOSPC),
    (30, c"NFS4ERR_ROFS", libc::EROFS),
    (31, c"NFS4ERR_MLINK", libc::EMLINK),
    (63, c"NFS4ERR_NAMETOOLONG", libc::ENAMETOOLONG),
    (66, c"NFS4ERR_NOTEMPTY", libc::ENOTEMPTY),
    (69, c"NFS4ERR_DQUOT", libc::EDQUOT),
    (70, c"NFS4ERR_STALE", libc::EIO),
    (10001, c"NFS4ERR_BADHANDLE", libc::EINVAL),
    (10003, c"NFS4ERR_BAD_COOKIE", libc::EINVAL),
    (10004, c"NFS4ERR_NOTSUPP", libc::EINVAL),
    (10005, c"NFS4ERR_TOOSMALL", libc::EIO),
    (10006, c"NFS4ERR_SERVERFAULT", libc::EIO),
    (10007, c"NFS4ERR_BADTYPE", libc::EINVAL),
    (10008, c"NFS4ERR_DELAY", libc::EIO),
    (10009, c"NFS4ERR_SAME", libc::EIO),
    (10010, c"NFS4ERR_DENIED", libc::EIO),
    (10011, c"NFS4ERR_EXPIRED", libc::EAGAIN),
    (10012, c"NFS4ERR_LOCKED", libc::EIO),
    (10013, c"NFS4ERR_GRACE", libc::EIO),
    (10014, c"NFS4ERR_FHEXPIRED", libc::EAGAIN),
    (10015, c"NFS4ERR_SHARE_DENIED", libc::EIO),
    (10016, c"NFS4ERR_WRONGSEC", libc::EIO),
    (10017, c"NFS4ERR_CLID_INUSE", libc::EIO),
    (10018, c"NFS4ERR_RESOURCE", libc::EIO),
    (10019, c"NFS4ERR_MOVED", libc::EIO),
    (10020, c"NFS4ERR_NOFILEHANDLE", libc::EIO),
    (10021, c"NFS4ERR_MINOR_VERS_MISMATCH", libc::EIO),
    (10022, c"NFS4ERR_STALE_CLIENTID", libc::EIO),
    (10023, c"NFS4ERR_STALE_STATEID", libc::EIO),
    (10024, c"NFS4ERR_OLD_STATEID", libc::EIO),
    (10025, c"NFS4ERR_BAD_STATEID", libc::EINVAL),
    (10026, c"NFS4ERR_BAD_SEQID", libc::EINVAL),
    (10027, c"NFS4ERR_NOT_SAME", libc::EIO),
    (10028, c"NFS4ERR_LOCK_RANGE", libc::EIO),
    (10029, c"NFS4ERR_SYMLINK", libc::EIO),
    (10030, c"NFS4ERR_RESTOREFH", libc::EIO),
    (10031, c"NFS4ERR_LEASE_MOVED", libc::ERANGE),
    (10032, c"NFS4ERR_ATTRNOTSUPP", libc::EINVAL),
    (10033, c"NFS4ERR_NO_GRACE", libc::EIO),
    (10034, c"NFS4ERR_RECLAIM_BAD", libc::EIO),
    (10035, c"NFS4ERR_RECLAIM_CONFLICT", libc::EIO),
    (10036, c"NFS4ERR_BADZDR", libc::EINVAL),
    (10037, c"NFS4ERR_LOCKS_HELD", libc::EIO),
    (10038, c"NFS4ERR_OPENMODE", libc::EIO),
    (10039, c"NFS4ERR_BADOWNER", libc::EINVAL),
    (10040, c"NFS4ERR_BADCHAR", libc::EINVAL),
    (10041, c"NFS4ERR_BADNAME", libc::EINVAL),
    (10042, c"NFS4ERR_BAD_RANGE", libc::EINVAL),
    (10043, c"NFS4ERR_LOCK_NOTSUPP", libc::EINVAL),
    (10044, c"NFS4ERR_OP_ILLEGAL", libc::EIO),
    (10045, c"NFS4ERR_DEADLOCK", libc::EIO),
    (10046, c"NFS4ERR_FILE_OPEN", libc::EIO),
    (10047, c"NFS4ERR_ADMIN_REVOKED", libc::EIO),
    (10048, c"NFS4ERR_CB_PATH_DOWN", libc::EIO),
];
