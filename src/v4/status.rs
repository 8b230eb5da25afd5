//! Statuses of NFSv4 as errors (nfsstat4; RFC 8881, section 15.1).

use libc::c_int;

use crate::error::Error;

pub const OK: u32 = 0;
pub const NOENT: u32 = 2;
pub const EXIST: u32 = 17;
pub const NOTDIR: u32 = 20;
pub const ISDIR: u32 = 21;
pub const STALE: u32 = 70;
pub const BADHANDLE: u32 = 10_001;
pub const NOTSUPP: u32 = 10_004;
pub const DELAY: u32 = 10_008;
pub const SAME: u32 = 10_009;
pub const DENIED: u32 = 10_010;
pub const EXPIRED: u32 = 10_011;
pub const GRACE: u32 = 10_013;
pub const FHEXPIRED: u32 = 10_014;
pub const RESOURCE: u32 = 10_018;
pub const MOVED: u32 = 10_019;
pub const MINOR_VERS_MISMATCH: u32 = 10_021;
pub const STALE_CLIENTID: u32 = 10_022;
pub const STALE_STATEID: u32 = 10_023;
pub const OLD_STATEID: u32 = 10_024;
pub const BAD_STATEID: u32 = 10_025;
pub const NOT_SAME: u32 = 10_027;
pub const SYMLINK: u32 = 10_029;
pub const ATTRNOTSUPP: u32 = 10_032;
pub const NO_GRACE: u32 = 10_033;
pub const RECLAIM_BAD: u32 = 10_034;
pub const OP_ILLEGAL: u32 = 10_044;
pub const ADMIN_REVOKED: u32 = 10_047;
pub const BADSESSION: u32 = 10_052;
pub const CONN_NOT_BOUND_TO_SESSION: u32 = 10_055;
pub const SEQ_MISORDERED: u32 = 10_063;
pub const RETRY_UNCACHED_REP: u32 = 10_068;
pub const SEQ_FALSE_RETRY: u32 = 10_076;
pub const DEADSESSION: u32 = 10_078;
pub const WRONG_TYPE: u32 = 10_083;
pub const DELEG_REVOKED: u32 = 10_087;

/// Each status with its name behind `NFS4ERR_` and its errno.
const TABLE: [(u32, &str, c_int); 92] = [
    (1, "PERM", libc::EPERM),
    (NOENT, "NOENT", libc::ENOENT),
    (5, "IO", libc::EIO),
    (6, "NXIO", libc::ENXIO),
    (13, "ACCESS", libc::EACCES),
    (EXIST, "EXIST", libc::EEXIST),
    (18, "XDEV", libc::EXDEV),
    (NOTDIR, "NOTDIR", libc::ENOTDIR),
    (ISDIR, "ISDIR", libc::EISDIR),
    (22, "INVAL", libc::EINVAL),
    (27, "FBIG", libc::EFBIG),
    (28, "NOSPC", libc::ENOSPC),
    (30, "ROFS", libc::EROFS),
    (31, "MLINK", libc::EMLINK),
    (63, "NAMETOOLONG", libc::ENAMETOOLONG),
    (66, "NOTEMPTY", libc::ENOTEMPTY),
    (69, "DQUOT", libc::EDQUOT),
    (STALE, "STALE", libc::ESTALE),
    (BADHANDLE, "BADHANDLE", libc::EIO),
    (10_003, "BAD_COOKIE", libc::EIO),
    (NOTSUPP, "NOTSUPP", libc::EINVAL),
    (10_005, "TOOSMALL", libc::EIO),
    (10_006, "SERVERFAULT", libc::EIO),
    (10_007, "BADTYPE", libc::EINVAL),
    (DELAY, "DELAY", libc::EAGAIN),
    (SAME, "SAME", libc::EIO),
    (DENIED, "DENIED", libc::EAGAIN),
    (EXPIRED, "EXPIRED", libc::EIO),
    (10_012, "LOCKED", libc::EAGAIN),
    (GRACE, "GRACE", libc::EAGAIN),
    (FHEXPIRED, "FHEXPIRED", libc::ESTALE),
    (10_015, "SHARE_DENIED", libc::EACCES),
    (10_016, "WRONGSEC", libc::EACCES),
    (10_017, "CLID_INUSE", libc::EIO),
    (RESOURCE, "RESOURCE", libc::EAGAIN),
    (MOVED, "MOVED", libc::EREMOTE),
    (10_020, "NOFILEHANDLE", libc::EIO),
    (MINOR_VERS_MISMATCH, "MINOR_VERS_MISMATCH", libc::EPROTONOSUPPORT),
    (STALE_CLIENTID, "STALE_CLIENTID", libc::EIO),
    (STALE_STATEID, "STALE_STATEID", libc::EIO),
    (OLD_STATEID, "OLD_STATEID", libc::EIO),
    (BAD_STATEID, "BAD_STATEID", libc::EIO),
    (10_026, "BAD_SEQID", libc::EIO),
    (NOT_SAME, "NOT_SAME", libc::EIO),
    (10_028, "LOCK_RANGE", libc::EINVAL),
    (SYMLINK, "SYMLINK", libc::ELOOP),
    (10_030, "RESTOREFH", libc::EIO),
    (10_031, "LEASE_MOVED", libc::EIO),
    (ATTRNOTSUPP, "ATTRNOTSUPP", libc::EINVAL),
    (NO_GRACE, "NO_GRACE", libc::EIO),
    (RECLAIM_BAD, "RECLAIM_BAD", libc::EIO),
    (10_035, "RECLAIM_CONFLICT", libc::EIO),
    (10_036, "BADXDR", libc::EIO),
    (10_037, "LOCKS_HELD", libc::EBUSY),
    (10_038, "OPENMODE", libc::EBADF),
    (10_039, "BADOWNER", libc::EINVAL),
    (10_040, "BADCHAR", libc::EINVAL),
    (10_041, "BADNAME", libc::EINVAL),
    (10_042, "BAD_RANGE", libc::EINVAL),
    (10_043, "LOCK_NOTSUPP", libc::EINVAL),
    (OP_ILLEGAL, "OP_ILLEGAL", libc::EOPNOTSUPP),
    (10_045, "DEADLOCK", libc::EDEADLK),
    (10_046, "FILE_OPEN", libc::EBUSY),
    (ADMIN_REVOKED, "ADMIN_REVOKED", libc::EIO),
    (10_048, "CB_PATH_DOWN", libc::EIO),
    (10_049, "BADIOMODE", libc::EIO),
    (10_050, "BADLAYOUT", libc::EIO),
    (10_051, "BAD_SESSION_DIGEST", libc::EIO),
    (BADSESSION, "BADSESSION", libc::EIO),
    (10_053, "BADSLOT", libc::EIO),
    (10_054, "COMPLETE_ALREADY", libc::EIO),
    (CONN_NOT_BOUND_TO_SESSION, "CONN_NOT_BOUND_TO_SESSION", libc::EIO),
    (10_056, "DELEG_ALREADY_WANTED", libc::EIO),
    (10_057, "BACK_CHAN_BUSY", libc::EIO),
    (SEQ_MISORDERED, "SEQ_MISORDERED", libc::EIO),
    (10_064, "SEQUENCE_POS", libc::EIO),
    (10_065, "REQ_TOO_BIG", libc::EIO),
    (10_066, "REP_TOO_BIG", libc::EIO),
    (10_067, "REP_TOO_BIG_TO_CACHE", libc::EIO),
    (RETRY_UNCACHED_REP, "RETRY_UNCACHED_REP", libc::EIO),
    (10_070, "TOO_MANY_OPS", libc::EIO),
    (10_071, "OP_NOT_IN_SESSION", libc::EIO),
    (10_074, "CLIENTID_BUSY", libc::EIO),
    (SEQ_FALSE_RETRY, "SEQ_FALSE_RETRY", libc::EIO),
    (DEADSESSION, "DEADSESSION", libc::EIO),
    (10_079, "ENCR_ALG_UNSUPP", libc::EIO),
    (10_081, "NOT_ONLY_OP", libc::EIO),
    (10_082, "WRONG_CRED", libc::EACCES),
    (WRONG_TYPE, "WRONG_TYPE", libc::EINVAL),
    (DELEG_REVOKED, "DELEG_REVOKED", libc::EIO),
    (10_095, "NOXATTR", libc::ENODATA),
    (10_096, "XATTR2BIG", libc::E2BIG),
];

/// The name of a status, without `NFS4ERR_`, and its errno.
fn known(status: u32) -> Option<(&'static str, c_int)> {
    TABLE.iter().find(|(number, ..)| *number == status).map(|(_, name, errno)| (*name, *errno))
}

/// A failed operation.
#[cold]
pub fn nfs_error(status: u32) -> Error {
    let error = match known(status) {
        Some((name, errno)) => Error::new(errno, format!("NFS4ERR_{name}")),
        None => Error::malformed(format!("{status} is no status of NFSv4")),
    };
    error.with_status(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_in_order_and_have_an_errno() {
        assert!(TABLE.windows(2).all(|two| two[0].0 < two[1].0));
        assert!(TABLE.iter().all(|(_, _, errno)| *errno > 0));
        assert_eq!(nfs_error(NOENT).errno(), libc::ENOENT);
        assert_eq!(nfs_error(BADSESSION).to_string(), "NFS4ERR_BADSESSION");
        assert_eq!((nfs_error(7).errno(), nfs_error(7).status()), (libc::EIO, Some(7)));
    }
}
