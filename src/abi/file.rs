//! Opening, making and closing files.

use libc::{O_ACCMODE, O_CREAT, O_RDONLY, O_TRUNC, O_WRONLY, c_char, c_int, c_void};

use super::arguments::{Out, bits, file, given_path, path_or_here};
use super::callback::Callback;
use super::guard::guard;
use super::objects::{Context, FILES, OpenFile};
use super::types::{nfs_cb, nfs_context, nfsfh};
use crate::error::Result;

/// Opens a file and stores its handle in `*nfsfh`, or NULL after an error. Close it with nfs_close(). Returns 0 or
/// -errno.
///
/// `flags` are those of open(2). O_CREAT creates the file with the permissions 0666 without those of nfs_umask().
/// O_EXCL, O_TRUNC (with O_WRONLY or O_RDWR), O_APPEND, O_SYNC, O_NOFOLLOW and O_DIRECTORY have their usual meaning.
/// Other flags are ignored.
///
/// # Safety
/// `path` is NULL or a C string; the place for the result is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_open(
    nfs: *mut nfs_context,
    path: *const c_char,
    flags: c_int,
    nfsfh: *mut *mut nfsfh,
) -> c_int {
    // SAFETY: by the contract above.
    let out = unsafe { Out::for_handle(nfsfh) };
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let path = unsafe { path_or_here(path) };
        open(context, path, flags, usual_mode(context), out?)
    })
}

/// Like nfs_open(), asynchronous. The callback gets 0 and the file, a struct nfsfh *.
///
/// # Safety
/// `path` is NULL or a C string; `cb` can be called with `private_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_open_async(
    nfs: *mut nfs_context,
    path: *const c_char,
    flags: c_int,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let (path, callback) = unsafe { (path_or_here(path), Callback::new(nfs, cb, private_data)?) };
        context.submit(callback, context.client.clone().open(path, flags, usual_mode(context)))
    })
}

/// Like nfs_open(), but O_CREAT creates the file with exactly the permissions `mode`.
///
/// # Safety
/// `path` is NULL or a C string; the place for the result is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_open2(
    nfs: *mut nfs_context,
    path: *const c_char,
    flags: c_int,
    mode: c_int,
    nfsfh: *mut *mut nfsfh,
) -> c_int {
    // SAFETY: by the contract above.
    let out = unsafe { Out::for_handle(nfsfh) };
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let path = unsafe { path_or_here(path) };
        open(context, path, flags, bits(mode), out?)
    })
}

/// Like nfs_open2(), asynchronous. The callback gets 0 and the file, a struct nfsfh *.
///
/// # Safety
/// `path` is NULL or a C string; `cb` can be called with `private_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_open2_async(
    nfs: *mut nfs_context,
    path: *const c_char,
    flags: c_int,
    mode: c_int,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let (path, callback) = unsafe { (path_or_here(path), Callback::new(nfs, cb, private_data)?) };
        context.submit(callback, context.client.clone().open(path, flags, bits(mode)))
    })
}

/// Creates a file with exactly the permissions `mode`, or empties the file if it exists. Opens it for reading and
/// writing, and stores its handle in `*nfsfh`, or NULL after an error. Returns 0 or -errno.
///
/// # Safety
/// `path` is NULL or a C string; the place for the result is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_creat(
    nfs: *mut nfs_context,
    path: *const c_char,
    mode: c_int,
    nfsfh: *mut *mut nfsfh,
) -> c_int {
    // SAFETY: by the contract above.
    let out = unsafe { Out::for_handle(nfsfh) };
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let path = unsafe { given_path(path)? };
        open(context, path, creating(O_TRUNC), bits(mode), out?)
    })
}

/// Like nfs_creat(), asynchronous. The callback gets 0 and the file, a struct nfsfh *.
///
/// # Safety
/// `path` is NULL or a C string; `cb` can be called with `private_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_creat_async(
    nfs: *mut nfs_context,
    path: *const c_char,
    mode: c_int,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let (path, callback) = unsafe { (given_path(path)?, Callback::new(nfs, cb, private_data)?) };
        context.submit(callback, context.client.clone().open(path, creating(O_TRUNC), bits(mode)))
    })
}

/// Like nfs_creat(), with flags of open(2): O_EXCL fails with -EEXIST when the file is there, O_TRUNC empties it,
/// O_APPEND and O_SYNC are known as well.
///
/// # Safety
/// `path` is NULL or a C string; the place for the result is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_create(
    nfs: *mut nfs_context,
    path: *const c_char,
    flags: c_int,
    mode: c_int,
    nfsfh: *mut *mut nfsfh,
) -> c_int {
    // SAFETY: by the contract above.
    let out = unsafe { Out::for_handle(nfsfh) };
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let path = unsafe { given_path(path)? };
        open(context, path, creating(flags), bits(mode), out?)
    })
}

/// Like nfs_create(), asynchronous. The callback gets 0 and the file, a struct nfsfh *.
///
/// # Safety
/// `path` is NULL or a C string; `cb` can be called with `private_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_create_async(
    nfs: *mut nfs_context,
    path: *const c_char,
    flags: c_int,
    mode: c_int,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let (path, callback) = unsafe { (given_path(path)?, Callback::new(nfs, cb, private_data)?) };
        context.submit(callback, context.client.clone().open(path, creating(flags), bits(mode)))
    })
}

/// Closes a file, after everything written to it has reached the server's stable storage. Returns 0 or -errno. An error
/// means that data may be lost. The handle is invalid afterwards, also after an error.
#[unsafe(no_mangle)]
pub extern "C" fn nfs_close(nfs: *mut nfs_context, nfsfh: *mut nfsfh) -> c_int {
    guard(nfs, |context| {
        file(context, nfsfh)?;
        let file = FILES.take(nfsfh)?.file();
        context.run(|client| client.close(file))?;
        Ok(0)
    })
}

/// Like nfs_close(), asynchronous. The callback gets 0. The handle is invalid as soon as the function returns.
///
/// # Safety
/// `cb` can be called with `private_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_close_async(
    nfs: *mut nfs_context,
    nfsfh: *mut nfsfh,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let callback = unsafe { Callback::new(nfs, cb, private_data)? };
        file(context, nfsfh)?;
        context.submit(callback, context.client.clone().close(FILES.take(nfsfh)?.file()))
    })
}

fn open(context: &Context, path: Vec<u8>, flags: c_int, mode: u32, out: Out<*mut nfsfh>) -> Result<c_int> {
    let file = context.run(|client| client.open(path, flags, mode))?;
    out.write(context.hand_out(&FILES, OpenFile::new(file))?)
}

/// The permissions of a file made by nfs_open().
fn usual_mode(context: &Context) -> u32 {
    0o666 & !context.client.settings().umask
}

/// The flags to make a file with. It is to be written, whatever else was asked for.
fn creating(flags: c_int) -> c_int {
    let access = if flags & O_ACCMODE == O_RDONLY { O_WRONLY } else { 0 };
    flags | access | O_CREAT
}
