//! Asynchronous calls on a context that nothing is mounted on, so that every one of them fails when it is served.

use std::ffi::{CStr, c_void};
use std::ptr;

use libc::c_int;

use super::attributes::nfs_stat64_async;
use super::context::{nfs_destroy_context, nfs_get_error, nfs_init_context};
use super::data::nfs_pread;
use super::event::{nfs_queue_length, nfs_service};
use super::file::{nfs_close, nfs_open};
use super::objects::CONTEXTS;
use super::settings::{nfs4_set_client_name, nfs4_set_verifier};
use super::types::{nfs_context, nfsfh};

/// What a callback has seen.
#[derive(Default)]
struct Seen {
    calls: u32,
    status: c_int,
    sentence: String,
    destroy: bool,
}

unsafe extern "C" fn callback(status: c_int, nfs: *mut nfs_context, data: *mut c_void, seen: *mut c_void) {
    // SAFETY: the tests give a `Seen`, and an error brings a sentence.
    let (seen, sentence) = unsafe { (&mut *seen.cast::<Seen>(), CStr::from_ptr(data.cast())) };
    seen.calls += 1;
    seen.status = status;
    seen.sentence = sentence.to_str().unwrap().to_string();
    if seen.destroy {
        nfs_destroy_context(nfs);
        assert_eq!(stat(nfs, seen), -libc::EBADF, "nothing can be started any more");
    } else if nfs_queue_length(nfs) >= 0 {
        // SAFETY: the sentence stays until others have been handed out.
        assert_eq!(unsafe { CStr::from_ptr(nfs_get_error(nfs)) }, sentence);
    }
}

fn stat(nfs: *mut nfs_context, seen: &mut Seen) -> c_int {
    // SAFETY: a C string, and a callback with what it expects.
    unsafe { nfs_stat64_async(nfs, c"/".as_ptr(), Some(callback), ptr::from_mut(seen).cast()) }
}

#[test]
fn a_callback_runs_once_and_not_at_once() {
    let (nfs, mut seen) = (nfs_init_context(), Seen::default());
    assert_eq!((stat(nfs, &mut seen), seen.calls, nfs_queue_length(nfs)), (0, 0, 1));
    assert_eq!((nfs_service(nfs, 0), seen.calls, nfs_queue_length(nfs)), (0, 1, 0));
    assert_eq!((nfs_service(nfs, 0), seen.calls, seen.status), (0, 1, -libc::ENOTCONN));
    assert!(!seen.sentence.is_empty());
    nfs_destroy_context(nfs);
    assert_eq!(seen.calls, 1);
}

#[test]
fn callbacks_run_when_the_context_is_destroyed() {
    let (nfs, mut first, mut second) = (nfs_init_context(), Seen::default(), Seen::default());
    assert_eq!((stat(nfs, &mut first), stat(nfs, &mut second)), (0, 0));
    nfs_destroy_context(nfs);
    assert_eq!((first.calls, second.calls), (1, 1));
    assert!(first.status < 0 && second.status < 0);
    nfs_destroy_context(nfs);
}

#[test]
fn a_callback_may_destroy_the_context() {
    let (nfs, mut first, mut second) = (nfs_init_context(), Seen::default(), Seen::default());
    first.destroy = true;
    assert_eq!((stat(nfs, &mut first), stat(nfs, &mut second)), (0, 0));
    nfs_service(nfs, 0);
    assert_eq!((first.calls, second.calls), (1, 1));
    assert_eq!(nfs_service(nfs, 0), -1);
}

#[test]
fn without_a_callback_nothing_is_started() {
    let nfs = nfs_init_context();
    // SAFETY: NULL is refused.
    assert_eq!(unsafe { nfs_stat64_async(nfs, c"/".as_ptr(), None, ptr::null_mut()) }, -libc::EINVAL);
    assert_eq!(nfs_queue_length(nfs), 0);
    nfs_destroy_context(nfs);
}

#[test]
fn what_is_no_file_is_refused() {
    let nfs = nfs_init_context();
    let (mut file, mut byte): (*mut nfsfh, u8) = (ptr::null_mut(), 0);
    // SAFETY: valid places for the results.
    unsafe {
        assert_eq!(nfs_open(nfs, c"/".as_ptr(), 0, &raw mut file), -libc::ENOTCONN);
        assert!(file.is_null());
        assert_eq!(nfs_pread(nfs, file, 0, 1, (&raw mut byte).cast()), -libc::EINVAL);
        assert_eq!(nfs_pread(nfs, nfs.cast(), 0, 1, (&raw mut byte).cast()), -libc::EBADF);
    }
    assert_eq!((nfs_close(nfs, file), nfs_close(nfs, nfs.cast())), (-libc::EINVAL, -libc::EBADF));
    nfs_destroy_context(nfs);
}

#[test]
fn what_version_4_needs_is_remembered() {
    let nfs = nfs_init_context();
    let remembered = || {
        let context = CONTEXTS.get(nfs).unwrap();
        let settings = context.client.settings();
        (settings.client_name.clone(), settings.client_verifier)
    };
    assert_eq!(remembered(), (None, None));
    // SAFETY: a C string, eight bytes, NULL.
    unsafe {
        nfs4_set_client_name(nfs, c"somebody".as_ptr());
        nfs4_set_verifier(nfs, b"12345678".as_ptr().cast());
        assert_eq!(remembered(), (Some(b"somebody".to_vec()), Some(*b"12345678")));
        nfs4_set_client_name(nfs, ptr::null());
        nfs4_set_verifier(nfs, ptr::null());
    }
    assert_eq!(remembered(), (None, None));
    nfs_destroy_context(nfs);
}
