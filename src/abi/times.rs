//! Times of files.

use libc::{c_char, c_int, c_long, c_void, time_t, timeval, utimbuf};

use super::arguments::path_or_here;
use super::callback::Callback;
use super::guard::guard;
use super::types::{nfs_cb, nfs_context};
use crate::client::{LastLink, Time};
use crate::error::{Error, Result};

/// Sets the times of the last access, `times[0]`, and of the last change, `times[1]` (RFC 1813, SETATTR).
/// NULL sets both to the server's time. Returns 0 or -errno: -EOVERFLOW for a time before 1970 or after 2106.
///
/// # Safety
/// `path` is NULL or a C string, `times` is NULL or has two elements.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_utimes(
    nfs: *mut nfs_context,
    path: *const c_char,
    times: *mut timeval,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let (path, times) = unsafe { (path_or_here(path), pair(times)?) };
        context.run(|client| client.utimes(path, LastLink::Follow, times))?;
        Ok(0)
    })
}

/// Like nfs_utimes(), asynchronous. The callback gets 0.
///
/// # Safety
/// `path` is NULL or a C string, `times` is NULL or has two elements; `cb` can be called with `private_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_utimes_async(
    nfs: *mut nfs_context,
    path: *const c_char,
    times: *mut timeval,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let (path, times, callback) =
            unsafe { (path_or_here(path), pair(times)?, Callback::new(nfs, cb, private_data)?) };
        context.submit(callback, context.client.clone().utimes(path, LastLink::Follow, times))
    })
}

/// Sets the times of the last access, `times[0]`, and of the last change, `times[1]` (RFC 1813, SETATTR).
/// NULL sets both to the server's time. A symbolic link at the end is changed itself. Returns 0 or -errno.
///
/// # Safety
/// `path` is NULL or a C string, `times` is NULL or has two elements.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_lutimes(
    nfs: *mut nfs_context,
    path: *const c_char,
    times: *mut timeval,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let (path, times) = unsafe { (path_or_here(path), pair(times)?) };
        context.run(|client| client.utimes(path, LastLink::Keep, times))?;
        Ok(0)
    })
}

/// Like nfs_lutimes(), asynchronous. The callback gets 0.
///
/// # Safety
/// `path` is NULL or a C string, `times` is NULL or has two elements; `cb` can be called with `private_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_lutimes_async(
    nfs: *mut nfs_context,
    path: *const c_char,
    times: *mut timeval,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let (path, times, callback) =
            unsafe { (path_or_here(path), pair(times)?, Callback::new(nfs, cb, private_data)?) };
        context.submit(callback, context.client.clone().utimes(path, LastLink::Keep, times))
    })
}

/// Like nfs_utimes(), in whole seconds.
///
/// # Safety
/// `path` is NULL or a C string, `times` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_utime(nfs: *mut nfs_context, path: *const c_char, times: *mut utimbuf) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let (path, times) = unsafe { (path_or_here(path), seconds(times)?) };
        context.run(|client| client.utimes(path, LastLink::Follow, times))?;
        Ok(0)
    })
}

/// Like nfs_utime(), asynchronous. The callback gets 0.
///
/// # Safety
/// `path` is NULL or a C string, `times` is NULL or valid; `cb` can be called with `private_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_utime_async(
    nfs: *mut nfs_context,
    path: *const c_char,
    times: *mut utimbuf,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let (path, times, callback) =
            unsafe { (path_or_here(path), seconds(times)?, Callback::new(nfs, cb, private_data)?) };
        context.submit(callback, context.client.clone().utimes(path, LastLink::Follow, times))
    })
}

/// Access and modification time; None for a NULL.
///
/// # Safety
/// `times` is NULL or has two elements.
unsafe fn pair(times: *const timeval) -> Result<Option<[Time; 2]>> {
    if times.is_null() {
        return Ok(None);
    }
    // SAFETY: by the caller's contract.
    let [access, change] = unsafe { times.cast::<[timeval; 2]>().read() };
    Ok(Some([time(access.tv_sec, access.tv_usec)?, time(change.tv_sec, change.tv_usec)?]))
}

/// Access and modification time; None for a NULL.
///
/// # Safety
/// `times` is NULL or valid.
unsafe fn seconds(times: *const utimbuf) -> Result<Option<[Time; 2]>> {
    // SAFETY: by the caller's contract.
    let times = unsafe { times.as_ref() };
    times.map(|times| Ok([time(times.actime, 0)?, time(times.modtime, 0)?])).transpose()
}

/// A time as NFSv3 has it: its seconds begin in 1970 and end in 2106 (nfstime3, RFC 1813, section 2.5). EOVERFLOW for
/// others, EINVAL for what is no part of a second.
fn time(seconds: time_t, microseconds: c_long) -> Result<Time> {
    let nanoseconds =
        u32::try_from(microseconds).ok().filter(|&micro| micro < 1_000_000).map(|micro| micro * 1000);
    let nanoseconds = nanoseconds.ok_or_else(|| {
        Error::new(libc::EINVAL, format!("{microseconds} microseconds are no part of a second"))
    })?;
    let outside = |_| Error::new(libc::EOVERFLOW, format!("NFS version 3 has no second {seconds}"));
    Ok(Time { seconds: u32::try_from(seconds).map_err(outside)?, nanoseconds })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_and_out_of_range() {
        let times = |times: [(time_t, c_long); 2]| {
            let times = times.map(|(tv_sec, tv_usec)| timeval { tv_sec, tv_usec });
            // SAFETY: two elements.
            unsafe { pair(times.as_ptr()) }
                .map(|times| times.map(|times| times.map(|t| (t.seconds, t.nanoseconds))))
        };
        assert_eq!(
            times([(5, 6), (u32::MAX.into(), 999_999)]).unwrap(),
            Some([(5, 6000), (u32::MAX, 999_999_000)])
        );
        assert_eq!(times([(0, 0), (1 << 31, 1)]).unwrap(), Some([(0, 0), (1 << 31, 1000)]));
        for wrong in [-1, 1 << 32, time_t::MIN, time_t::MAX] {
            assert_eq!(times([(0, 0), (wrong, 0)]).unwrap_err().errno(), libc::EOVERFLOW);
            assert_eq!(times([(wrong, 0), (0, 0)]).unwrap_err().errno(), libc::EOVERFLOW);
            let utimbuf = utimbuf { actime: 0, modtime: wrong };
            // SAFETY: a valid structure.
            assert_eq!(unsafe { super::seconds(&utimbuf) }.unwrap_err().errno(), libc::EOVERFLOW);
        }
        for wrong in [(0, -1), (0, 1_000_000)] {
            assert_eq!(times([(0, 0), wrong]).unwrap_err().errno(), libc::EINVAL);
        }
        // SAFETY: NULL is allowed.
        assert!(unsafe {
            pair(std::ptr::null()).unwrap().is_none() && seconds(std::ptr::null()).unwrap().is_none()
        });
    }
}
