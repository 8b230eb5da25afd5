//! Statuses of NFSv3, MOUNT and RPC as errors.

use libc::c_int;
use nfs3_client::nfs3_types::mount::mountstat3;
use nfs3_client::nfs3_types::nfs3::nfsstat3;
use nfs3_client::nfs3_types::xdr_codec::Unpack;

use crate::error::Error;

/// The errno of an NFSv3 status (RFC 1813, section 2.6).
pub const fn errno(status: nfsstat3) -> c_int {
    match status {
        nfsstat3::NFS3_OK => 0,
        nfsstat3::NFS3ERR_PERM => libc::EPERM,
        nfsstat3::NFS3ERR_NOENT => libc::ENOENT,
        nfsstat3::NFS3ERR_IO => libc::EIO,
        nfsstat3::NFS3ERR_NXIO => libc::ENXIO,
        nfsstat3::NFS3ERR_ACCES => libc::EACCES,
        nfsstat3::NFS3ERR_EXIST => libc::EEXIST,
        nfsstat3::NFS3ERR_XDEV => libc::EXDEV,
        nfsstat3::NFS3ERR_NODEV => libc::ENODEV,
        nfsstat3::NFS3ERR_NOTDIR => libc::ENOTDIR,
        nfsstat3::NFS3ERR_ISDIR => libc::EISDIR,
        nfsstat3::NFS3ERR_INVAL => libc::EINVAL,
        nfsstat3::NFS3ERR_FBIG => libc::EFBIG,
        nfsstat3::NFS3ERR_NOSPC => libc::ENOSPC,
        nfsstat3::NFS3ERR_ROFS => libc::EROFS,
        nfsstat3::NFS3ERR_MLINK => libc::EMLINK,
        nfsstat3::NFS3ERR_NAMETOOLONG => libc::ENAMETOOLONG,
        nfsstat3::NFS3ERR_NOTEMPTY => libc::ENOTEMPTY,
        nfsstat3::NFS3ERR_DQUOT => libc::EDQUOT,
        nfsstat3::NFS3ERR_STALE => libc::ESTALE,
        nfsstat3::NFS3ERR_NOTSUPP | nfsstat3::NFS3ERR_BADTYPE => libc::EINVAL,
        nfsstat3::NFS3ERR_JUKEBOX => libc::EAGAIN,
        nfsstat3::NFS3ERR_REMOTE
        | nfsstat3::NFS3ERR_BADHANDLE
        | nfsstat3::NFS3ERR_NOT_SYNC
        | nfsstat3::NFS3ERR_BAD_COOKIE
        | nfsstat3::NFS3ERR_TOOSMALL
        | nfsstat3::NFS3ERR_SERVERFAULT => libc::EIO,
    }
}

/// A failed NFS procedure.
pub fn nfs_error(status: nfsstat3) -> Error {
    Error::new(errno(status), status.to_string()).with_status(status as u32)
}

/// The error of a call whose arguments have names, the longest of so many bytes: where Linux refuses one as too long, it
/// says that it cannot decode the arguments.
pub fn about_names(error: Error, longest: usize) -> Error {
    // NFS3_MAXNAMLEN of Linux, and NAME_MAX; the protocol itself has no limit.
    const MAX_NAME: usize = 255;
    if error.is_undecodable() && longest > MAX_NAME {
        return Error::new(libc::ENAMETOOLONG, "the server takes no name of that length (GARBAGE_ARGS)");
    }
    error
}

/// Whether the body of an NFS reply asks to come again.
pub fn is_busy(body: &[u8]) -> bool {
    body.first_chunk() == Some(&(nfsstat3::NFS3ERR_JUKEBOX as u32).to_be_bytes())
}

/// Whether an error is this NFS status.
pub fn is(error: &Error, status: nfsstat3) -> bool {
    error.status() == Some(status as u32)
}

/// A refused or failed MNT.
pub fn mount_error(status: u32) -> Error {
    let word = status;
    let Ok((status, _)) = mountstat3::unpack(&mut &word.to_be_bytes()[..]) else {
        return Error::malformed(format!("MOUNT status {word} is unknown"));
    };
    let errno = match status {
        mountstat3::MNT3_OK => libc::EIO,
        mountstat3::MNT3ERR_PERM => libc::EPERM,
        mountstat3::MNT3ERR_NOENT => libc::ENOENT,
        mountstat3::MNT3ERR_IO => libc::EIO,
        mountstat3::MNT3ERR_ACCES => libc::EACCES,
        mountstat3::MNT3ERR_NOTDIR => libc::ENOTDIR,
        mountstat3::MNT3ERR_INVAL => libc::EINVAL,
        mountstat3::MNT3ERR_NAMETOOLONG => libc::ENAMETOOLONG,
        mountstat3::MNT3ERR_NOTSUPP => libc::EINVAL,
        mountstat3::MNT3ERR_SERVERFAULT => libc::EIO,
    };
    Error::new(errno, status.to_string()).with_mount_status(word)
}

/// Whether a MNT was refused for good: the directory is not exported, or not to this caller.
pub fn is_refusal(error: &Error) -> bool {
    const REFUSALS: [mountstat3; 7] = [
        mountstat3::MNT3ERR_PERM,
        mountstat3::MNT3ERR_NOENT,
        mountstat3::MNT3ERR_ACCES,
        mountstat3::MNT3ERR_NOTDIR,
        mountstat3::MNT3ERR_INVAL,
        mountstat3::MNT3ERR_NAMETOOLONG,
        mountstat3::MNT3ERR_NOTSUPP,
    ];
    REFUSALS.iter().any(|refusal| error.mount_status() == Some(*refusal as u32))
}
