//! The statuses of NFS by name, and as errnos.

use libc::{c_char, c_int};
use nfs3_client::nfs3_types::nfs3::nfsstat3;

use crate::v3::errno;

/// The name of a status of NFS version 3, such as "NFS3ERR_NOENT". It is not to be freed.
#[unsafe(no_mangle)]
pub extern "C" fn nfsstat3_to_str(error: c_int) -> *mut c_char {
    VERSION_3.name(error)
}

/// The negative errno for a status of NFS version 3; -ERANGE for what is none.
#[unsafe(no_mangle)]
pub extern "C" fn nfsstat3_to_errno(error: c_int) -> c_int {
    VERSION_3.errno(error)
}

/// The name of a status of NFS version 4, such as "NFS4ERR_NOENT". It is not to be freed.
#[unsafe(no_mangle)]
pub extern "C" fn nfsstat4_to_str(error: c_int) -> *mut c_char {
    VERSION_4.name(error)
}

/// The negative errno for a status of NFS version 4; -ERANGE for what is none.
#[unsafe(no_mangle)]
pub extern "C" fn nfsstat4_to_errno(error: c_int) -> c_int {
    VERSION_4.errno(error)
}

/// The statuses of a version. One text has all names: an address for each would take more room than the name.
struct Statuses {
    /// Number and errno.
    numbers: &'static [(u16, u8)],
    /// In the same order, each with a NUL behind it; after the last one, what is said of other numbers.
    names: &'static str,
}

impl Statuses {
    fn index(&self, status: c_int) -> Option<usize> {
        self.numbers.iter().position(|(number, _)| c_int::from(*number) == status)
    }

    fn name(&self, status: c_int) -> *mut c_char {
        let index = self.index(status).unwrap_or(self.numbers.len());
        let mut names = self.names.as_bytes();
        for _ in 0..index {
            let end = names.iter().position(|&byte| byte == 0).unwrap_or(0);
            names = names.get(end + 1..).unwrap_or(b"\0");
        }
        names.as_ptr().cast_mut().cast()
    }

    fn errno(&self, status: c_int) -> c_int {
        let found = self.index(status).and_then(|index| self.numbers.get(index));
        -found.map_or(libc::ERANGE, |(_, errno)| c_int::from(*errno))
    }
}

macro_rules! version_3 {
    ($($name:ident)*) => {
        const VERSION_3: Statuses = Statuses {
            numbers: &[$((nfsstat3::$name as u16, errno(nfsstat3::$name) as u8)),*],
            names: concat!($(stringify!($name), "\0",)* "unknown nfs error\0"),
        };
    };
}

macro_rules! version_4 {
    ($($number:literal $name:ident $errno:expr;)*) => {
        const VERSION_4: Statuses = Statuses {
            numbers: &[$(($number, $errno as u8)),*],
            names: concat!($(stringify!($name), "\0",)* "unknown nfsv4 error\0"),
        };
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

// RFC 7530, section 13.1. What has no errno of its own is EIO.
version_4! {
    0 NFS4_OK 0;
    1 NFS4ERR_PERM libc::EPERM;
    2 NFS4ERR_NOENT libc::ENOENT;
    5 NFS4ERR_IO libc::EIO;
    6 NFS4ERR_NXIO libc::ENXIO;
    13 NFS4ERR_ACCESS libc::EACCES;
    17 NFS4ERR_EXIST libc::EEXIST;
    18 NFS4ERR_XDEV libc::EXDEV;
    20 NFS4ERR_NOTDIR libc::ENOTDIR;
    21 NFS4ERR_ISDIR libc::EISDIR;
    22 NFS4ERR_INVAL libc::EINVAL;
    27 NFS4ERR_FBIG libc::EFBIG;
    28 NFS4ERR_NOSPC libc::ENOSPC;
    30 NFS4ERR_ROFS libc::EROFS;
    31 NFS4ERR_MLINK libc::EMLINK;
    63 NFS4ERR_NAMETOOLONG libc::ENAMETOOLONG;
    66 NFS4ERR_NOTEMPTY libc::ENOTEMPTY;
    69 NFS4ERR_DQUOT libc::EDQUOT;
    70 NFS4ERR_STALE libc::EIO;
    10001 NFS4ERR_BADHANDLE libc::EINVAL;
    10003 NFS4ERR_BAD_COOKIE libc::EINVAL;
    10004 NFS4ERR_NOTSUPP libc::EINVAL;
    10005 NFS4ERR_TOOSMALL libc::EIO;
    10006 NFS4ERR_SERVERFAULT libc::EIO;
    10007 NFS4ERR_BADTYPE libc::EINVAL;
    10008 NFS4ERR_DELAY libc::EIO;
    10009 NFS4ERR_SAME libc::EIO;
    10010 NFS4ERR_DENIED libc::EIO;
    10011 NFS4ERR_EXPIRED libc::EAGAIN;
    10012 NFS4ERR_LOCKED libc::EIO;
    10013 NFS4ERR_GRACE libc::EIO;
    10014 NFS4ERR_FHEXPIRED libc::EAGAIN;
    10015 NFS4ERR_SHARE_DENIED libc::EIO;
    10016 NFS4ERR_WRONGSEC libc::EIO;
    10017 NFS4ERR_CLID_INUSE libc::EIO;
    10018 NFS4ERR_RESOURCE libc::EIO;
    10019 NFS4ERR_MOVED libc::EIO;
    10020 NFS4ERR_NOFILEHANDLE libc::EIO;
    10021 NFS4ERR_MINOR_VERS_MISMATCH libc::EIO;
    10022 NFS4ERR_STALE_CLIENTID libc::EIO;
    10023 NFS4ERR_STALE_STATEID libc::EIO;
    10024 NFS4ERR_OLD_STATEID libc::EIO;
    10025 NFS4ERR_BAD_STATEID libc::EINVAL;
    10026 NFS4ERR_BAD_SEQID libc::EINVAL;
    10027 NFS4ERR_NOT_SAME libc::EIO;
    10028 NFS4ERR_LOCK_RANGE libc::EIO;
    10029 NFS4ERR_SYMLINK libc::EIO;
    10030 NFS4ERR_RESTOREFH libc::EIO;
    10031 NFS4ERR_LEASE_MOVED libc::ERANGE;
    10032 NFS4ERR_ATTRNOTSUPP libc::EINVAL;
    10033 NFS4ERR_NO_GRACE libc::EIO;
    10034 NFS4ERR_RECLAIM_BAD libc::EIO;
    10035 NFS4ERR_RECLAIM_CONFLICT libc::EIO;
    10036 NFS4ERR_BADZDR libc::EINVAL;
    10037 NFS4ERR_LOCKS_HELD libc::EIO;
    10038 NFS4ERR_OPENMODE libc::EIO;
    10039 NFS4ERR_BADOWNER libc::EINVAL;
    10040 NFS4ERR_BADCHAR libc::EINVAL;
    10041 NFS4ERR_BADNAME libc::EINVAL;
    10042 NFS4ERR_BAD_RANGE libc::EINVAL;
    10043 NFS4ERR_LOCK_NOTSUPP libc::EINVAL;
    10044 NFS4ERR_OP_ILLEGAL libc::EIO;
    10045 NFS4ERR_DEADLOCK libc::EIO;
    10046 NFS4ERR_FILE_OPEN libc::EIO;
    10047 NFS4ERR_ADMIN_REVOKED libc::EIO;
    10048 NFS4ERR_CB_PATH_DOWN libc::EIO;
}
