//! Locks on parts of files.

use std::sync::Arc;

use libc::{c_int, c_void};

use super::arguments::{FcntlOp, LockOp, file};
use super::callback::Callback;
use super::guard::guard;
use super::types::{nfs_cb, nfs_context, nfs4_fcntl_op, nfs4_flock, nfs4_lock_op, nfsfh};
use crate::client::{Change, Client, File, Span};
use crate::error::{Error, Result};

/// Locks, tests or unlocks `count` bytes of a file from its position on, or with 0 all that there will ever be, like
/// lockf(3). NFS4_F_LOCK locks them for writing, and waits while another owner has a lock there. NFS4_F_TLOCK does
/// not wait: it returns -EAGAIN then. NFS4_F_TEST returns 0 when NFS4_F_TLOCK would, and -EACCES when another owner has
/// a lock there. NFS4_F_ULOCK unlocks. Returns 0 or -errno.
///
/// Locks are those of the server's lock manager (NLM, X/Open XNFS); -ENOLCK when it has none. They belong to the
/// open file: another nfs_open() of the same file is another owner, in the same context too. nfs_close(), nfs_umount()
/// and nfs_destroy_context() give them back. They keep out other locks, not reads and writes.
///
/// To wait means to ask again, after 10 milliseconds first and each second at last, until the time of
/// nfs_set_timeout() is over (-ETIMEDOUT), or for ever when there is none. Nobody keeps the order of those who wait.
/// After an error that leaves open whether the server has locked, as -ETIMEDOUT does, unlock or close the file.
#[unsafe(no_mangle)]
pub extern "C" fn nfs_lockf(nfs: *mut nfs_context, nfsfh: *mut nfsfh, op: LockOp, count: u64) -> c_int {
    guard(nfs, |context| {
        let (file, request) = (file(context, nfsfh)?, Request::lockf(op, count)?);
        context.run(|client| request.carry_out(client, file))?;
        Ok(0)
    })
}

/// Like nfs_lockf(), asynchronous. The callback gets 0.
///
/// # Safety
/// `cb` can be called with `private_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_lockf_async(
    nfs: *mut nfs_context,
    nfsfh: *mut nfsfh,
    op: LockOp,
    count: u64,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let callback = unsafe { Callback::new(nfs, cb, private_data)? };
        let (file, request) = (file(context, nfsfh)?, Request::lockf(op, count)?);
        context.submit(callback, request.carry_out(context.client.clone(), file))
    })
}

/// Sets or removes a lock, `arg`, a struct nfs4_flock *, like fcntl(2): F_RDLCK locks for reading, which others may do
/// as well, F_WRLCK for writing, F_UNLCK unlocks. NFS4_F_SETLK returns -EAGAIN while another owner has a lock there;
/// NFS4_F_SETLKW waits. `l_start` counts from the beginning of the file (SEEK_SET), from its position (SEEK_CUR) or
/// from its end (SEEK_END), and may be a negative number there; an `l_len` of 0 is all bytes from there on. `*arg` is
/// not changed. Returns 0 or -errno. For what a lock is, and what it is to wait, see nfs_lockf().
///
/// # Safety
/// `arg` is NULL or a struct nfs4_flock.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_fcntl(
    nfs: *mut nfs_context,
    nfsfh: *mut nfsfh,
    cmd: FcntlOp,
    arg: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let (file, request) = (file(context, nfsfh)?, unsafe { Request::fcntl(cmd, arg)? });
        context.run(|client| request.carry_out(client, file))?;
        Ok(0)
    })
}

/// Like nfs_fcntl(), asynchronous. `*arg` is copied. The callback gets 0.
///
/// # Safety
/// `arg` is NULL or a struct nfs4_flock; `cb` can be called with `private_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_fcntl_async(
    nfs: *mut nfs_context,
    nfsfh: *mut nfsfh,
    cmd: FcntlOp,
    arg: *mut c_void,
    cb: nfs_cb,
    private_data: *mut c_void,
) -> c_int {
    guard(nfs, |context| {
        // SAFETY: by the contract above.
        let callback = unsafe { Callback::new(nfs, cb, private_data)? };
        // SAFETY: by the contract above.
        let (file, request) = (file(context, nfsfh)?, unsafe { Request::fcntl(cmd, arg)? });
        context.submit(callback, request.carry_out(context.client.clone(), file))
    })
}

/// What a caller wants to be done.
enum Request {
    Set { change: Change, at: Span, wait: bool },
    Test { at: Span },
}

impl Request {
    fn lockf(op: LockOp, count: u64) -> Result<Self> {
        const LOCK: c_int = nfs4_lock_op::NFS4_F_LOCK as c_int;
        const TLOCK: c_int = nfs4_lock_op::NFS4_F_TLOCK as c_int;
        const ULOCK: c_int = nfs4_lock_op::NFS4_F_ULOCK as c_int;
        const TEST: c_int = nfs4_lock_op::NFS4_F_TEST as c_int;
        let at = Span { whence: libc::SEEK_CUR, start: 0, length: count };
        match op {
            LOCK | TLOCK => Ok(Self::Set { change: Change::Exclusive, at, wait: op == LOCK }),
            ULOCK => Ok(Self::Set { change: Change::Unlock, at, wait: false }),
            TEST => Ok(Self::Test { at }),
            _ => Err(Error::new(libc::EINVAL, format!("the operation {op} is unknown"))),
        }
    }

    /// # Safety
    /// `arg` is NULL or a struct nfs4_flock.
    unsafe fn fcntl(cmd: FcntlOp, arg: *const c_void) -> Result<Self> {
        const SETLK: c_int = nfs4_fcntl_op::NFS4_F_SETLK as c_int;
        const SETLKW: c_int = nfs4_fcntl_op::NFS4_F_SETLKW as c_int;
        if cmd != SETLK && cmd != SETLKW {
            return Err(Error::new(libc::EINVAL, format!("the command {cmd} is unknown")));
        }
        if arg.is_null() {
            return Err(Error::new(libc::EINVAL, "the lock is NULL"));
        }
        // SAFETY: a struct nfs4_flock by the caller's contract.
        let lock = unsafe { arg.cast::<nfs4_flock>().read() };
        let change = match lock.l_type {
            kind if kind == c_int::from(libc::F_RDLCK) => Change::Shared,
            kind if kind == c_int::from(libc::F_WRLCK) => Change::Exclusive,
            kind if kind == c_int::from(libc::F_UNLCK) => Change::Unlock,
            kind => return Err(Error::new(libc::EINVAL, format!("the lock type {kind} is unknown"))),
        };
        let start = lock.l_start.cast_signed();
        let at = Span { whence: lock.l_whence, start, length: lock.l_len };
        Ok(Self::Set { change, at, wait: cmd == SETLKW })
    }

    async fn carry_out(self, client: Arc<Client>, file: Arc<File>) -> Result<()> {
        match self {
            Self::Set { change, at, wait } => client.set_lock(file, change, at, wait).await,
            Self::Test { at } => client.test_lock(file, at).await,
        }
    }
}
