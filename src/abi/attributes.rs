//! Attributes of files.

use libc::{c_char, c_int, c_void, stat};

use super::arguments::{Out, file, path_or_here};
use super::callback::{Callback, Record};
use super::guard::guard;
use super::objects::Context;
use super::types::{NFS_BLKSIZE, nfs_cb, nfs_context, nfs_stat_64, nfsfh};
use crate::client::{Attributes, LastLink};
use crate::error::Result;

/// Reads the attributes of a file (RFC 1813, GETATTR). nfs_stat64() returns more of them and should be used instead.
/// Returns 0 or -errno.
///
/// # Safety
/// `path` is NULL or a C string; the place for the result is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_stat(nfs: *mut nfs_context, path: *const c_char, st: *mut stat) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let (path, out) = unsafe { (path_or_here(path), Out::new(st)?) };
        out.write(stat::from(&context.run(|client| client.stat(path, LastLink::Follow))?))
    })
}

/// Like nfs_stat(), asynchronous. The callback gets 0 and the attributes, a struct stat *.
///
/// # Safety
/// `path` is NULL or a C string; `cb` can be called with `private_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_stat_async(
    nfs: *mut nfs_context,
    path: *const c_char,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let (path, callback) = unsafe { (path_or_here(path), Callback::new(nfs, cb, private_data)?) };
        submit_stat::<stat>(context, callback, path, LastLink::Follow)
    })
}

/// Reads the attributes of a file (RFC 1813, GETATTR) and stores them in `*st`. Returns 0 or -errno. A symbolic link at
/// the end of the path is followed; see nfs_lstat64().
///
/// # Safety
/// `path` is NULL or a C string; the place for the result is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_stat64(
    nfs: *mut nfs_context,
    path: *const c_char,
    st: *mut nfs_stat_64,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let (path, out) = unsafe { (path_or_here(path), Out::new(st)?) };
        out.write(nfs_stat_64::from(&context.run(|client| client.stat(path, LastLink::Follow))?))
    })
}

/// Like nfs_stat64(), asynchronous. The callback gets 0 and the attributes, a struct nfs_stat_64 *.
///
/// # Safety
/// `path` is NULL or a C string; `cb` can be called with `private_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_stat64_async(
    nfs: *mut nfs_context,
    path: *const c_char,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let (path, callback) = unsafe { (path_or_here(path), Callback::new(nfs, cb, private_data)?) };
        submit_stat::<nfs_stat_64>(context, callback, path, LastLink::Follow)
    })
}

/// Like nfs_stat64(), but of a symbolic link itself when the path ends in one.
///
/// # Safety
/// `path` is NULL or a C string; the place for the result is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_lstat64(
    nfs: *mut nfs_context,
    path: *const c_char,
    st: *mut nfs_stat_64,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let (path, out) = unsafe { (path_or_here(path), Out::new(st)?) };
        out.write(nfs_stat_64::from(&context.run(|client| client.stat(path, LastLink::Keep))?))
    })
}

/// Like nfs_lstat64(), asynchronous. The callback gets 0 and the attributes, a struct nfs_stat_64 *.
///
/// # Safety
/// `path` is NULL or a C string; `cb` can be called with `private_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_lstat64_async(
    nfs: *mut nfs_context,
    path: *const c_char,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let (path, callback) = unsafe { (path_or_here(path), Callback::new(nfs, cb, private_data)?) };
        submit_stat::<nfs_stat_64>(context, callback, path, LastLink::Keep)
    })
}

/// Reads the attributes of an open file. nfs_fstat64() returns more of them and should be used instead. Returns 0 or
/// -errno.
///
/// # Safety
/// the place for the result is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_fstat(nfs: *mut nfs_context, nfsfh: *mut nfsfh, st: *mut stat) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let out = unsafe { Out::new(st)? };
        let file = file(context, nfsfh)?;
        out.write(stat::from(&context.run(|client| client.fstat(file))?))
    })
}

/// Like nfs_fstat(), asynchronous. The callback gets 0 and the attributes, a struct stat *.
///
/// # Safety
/// `cb` can be called with `private_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_fstat_async(
    nfs: *mut nfs_context,
    nfsfh: *mut nfsfh,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let callback = unsafe { Callback::new(nfs, cb, private_data)? };
        let file = file(context, nfsfh)?;
        let client = context.client.clone();
        context.submit(callback, async move { Ok(Record(stat::from(&client.fstat(file).await?))) })
    })
}

/// Reads the attributes of an open file (RFC 1813, GETATTR). Returns 0 or -errno.
///
/// # Safety
/// the place for the result is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_fstat64(
    nfs: *mut nfs_context,
    nfsfh: *mut nfsfh,
    st: *mut nfs_stat_64,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let out = unsafe { Out::new(st)? };
        let file = file(context, nfsfh)?;
        out.write(nfs_stat_64::from(&context.run(|client| client.fstat(file))?))
    })
}

/// Like nfs_fstat64(), asynchronous. The callback gets 0 and the attributes, a struct nfs_stat_64 *.
///
/// # Safety
/// `cb` can be called with `private_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_fstat64_async(
    nfs: *mut nfs_context,
    nfsfh: *mut nfsfh,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let callback = unsafe { Callback::new(nfs, cb, private_data)? };
        let file = file(context, nfsfh)?;
        let client = context.client.clone();
        context.submit(callback, async move { Ok(Record(nfs_stat_64::from(&client.fstat(file).await?))) })
    })
}

/// What C's block counts are counted in.
const BLOCK: u64 = 512;

/// The device number as makedev(3) packs it.
pub fn device(attributes: &Attributes) -> u64 {
    let (major, minor) = attributes.rdev;
    libc::makedev(major, minor)
}

/// Space in use, in the blocks of stat(2).
pub fn blocks(attributes: &Attributes) -> u64 {
    attributes.used.div_ceil(BLOCK)
}

impl From<&Attributes> for nfs_stat_64 {
    fn from(attributes: &Attributes) -> Self {
        Self {
            nfs_dev: attributes.fsid,
            nfs_ino: attributes.fileid,
            nfs_mode: attributes.st_mode().into(),
            nfs_nlink: attributes.nlink.into(),
            nfs_uid: attributes.uid.into(),
            nfs_gid: attributes.gid.into(),
            nfs_rdev: device(attributes),
            nfs_size: attributes.size,
            nfs_blksize: NFS_BLKSIZE as u64,
            nfs_blocks: blocks(attributes),
            nfs_atime: attributes.atime.seconds.into(),
            nfs_mtime: attributes.mtime.seconds.into(),
            nfs_ctime: attributes.ctime.seconds.into(),
            nfs_atime_nsec: attributes.atime.nanoseconds.into(),
            nfs_mtime_nsec: attributes.mtime.nanoseconds.into(),
            nfs_ctime_nsec: attributes.ctime.nanoseconds.into(),
            nfs_used: attributes.used,
        }
    }
}

/// The fields' types differ between machines.
#[allow(clippy::unnecessary_cast)]
impl From<&Attributes> for stat {
    fn from(attributes: &Attributes) -> Self {
        // SAFETY: the structure has nothing but numbers.
        let mut stat: stat = unsafe { std::mem::zeroed() };
        stat.st_dev = attributes.fsid as _;
        stat.st_ino = attributes.fileid as _;
        stat.st_mode = attributes.st_mode();
        stat.st_nlink = attributes.nlink as _;
        stat.st_uid = attributes.uid;
        stat.st_gid = attributes.gid;
        stat.st_rdev = device(attributes);
        stat.st_size = attributes.size as _;
        stat.st_blksize = NFS_BLKSIZE as _;
        stat.st_blocks = blocks(attributes) as _;
        (stat.st_atime, stat.st_atime_nsec) =
            (attributes.atime.seconds as _, attributes.atime.nanoseconds as _);
        (stat.st_mtime, stat.st_mtime_nsec) =
            (attributes.mtime.seconds as _, attributes.mtime.nanoseconds as _);
        (stat.st_ctime, stat.st_ctime_nsec) =
            (attributes.ctime.seconds as _, attributes.ctime.nanoseconds as _);
        stat
    }
}

/// Queues the reading of attributes, which the callback gets as a C structure.
fn submit_stat<S: for<'a> From<&'a Attributes> + Send + 'static>(
    context: &Context,
    callback: Callback,
    path: Vec<u8>,
    last: LastLink,
) -> Result<c_int> {
    let done = move |result: Result<Attributes>| callback.end(result.map(|it| Record(S::from(&it))));
    context.client.start_stat(path, last, done)?;
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attributes::FileType;
    use crate::client::Time;

    #[test]
    fn both_structures_tell_the_same() {
        let time = |seconds| Time { seconds, nanoseconds: seconds + 1 };
        let attributes = Attributes {
            kind: FileType::Regular,
            mode: 0o4755,
            nlink: 2,
            uid: 3,
            gid: u32::MAX,
            size: 1 << 40,
            used: 513,
            rdev: (4, 300),
            fsid: u64::MAX,
            fileid: 6,
            atime: time(10),
            mtime: time(20),
            ctime: time(30),
        };
        let (long, short) = (nfs_stat_64::from(&attributes), stat::from(&attributes));
        assert_eq!((long.nfs_mode, short.st_mode), (0o104755, 0o104755));
        assert_eq!((long.nfs_dev, long.nfs_ino, long.nfs_size), (u64::MAX, 6, 1 << 40));
        assert_eq!((short.st_dev, short.st_ino, short.st_size), (u64::MAX, 6, 1 << 40));
        assert_eq!((long.nfs_rdev, short.st_rdev), (0x10042c, 0x10042c));
        assert_eq!((long.nfs_blksize, long.nfs_blocks, long.nfs_used), (4096, 2, 513));
        assert_eq!((short.st_blksize, short.st_blocks), (4096, 2));
        assert_eq!((long.nfs_atime, long.nfs_mtime_nsec, long.nfs_ctime), (10, 21, 30));
        assert_eq!((short.st_atime, short.st_mtime_nsec, short.st_ctime), (10, 21, 30));
        assert_eq!((long.nfs_uid, long.nfs_gid, long.nfs_nlink), (3, u32::MAX.into(), 2));
    }
}
