//! Locks of open files, kept by the server's lock manager, to which a connection is made for the first of them.
//!
//! The server never waits for a lock in our place: it would have to call back when it has it. Whoever waits asks
//! again and again. It does not know when a file is closed either, so every file that may have locks is remembered,
//! and its locks are given back when it is closed, or else when the mount ends. The protocol's way of giving back
//! all locks at once (FREE_ALL) is no help: it is for a machine that has restarted, and takes those of its other
//! programs too.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use libc::c_int;

use super::commit::is_final;
use super::held_ranges::{HeldRange, HeldRanges};
use super::lock_manager::Backoff;
use super::mount::Mounted;
use super::{Client, File, reclaim};
use crate::error::{Error, Result};
use crate::executor::{AsyncMutex, AsyncMutexGuard, all};
use crate::sync::lock;
use crate::v3::{Lock, LockCall, LockOwner, LockStatus};

/// How long to wait for calls that may still be carried out.
const STRAY_TIME: Duration = Duration::from_millis(10);

/// How long to wait before a server in its grace period is asked again to take locks back, and for how long.
const GRACE_PAUSE: Duration = Duration::from_millis(200);
const GRACE_TIME: Duration = Duration::from_secs(120);

/// How long the server is given to take back the locks of a file that is closed.
const CLOSE_TIME: Duration = Duration::from_secs(5);

/// How long it is given to take back all of them when the context is destroyed.
const LAST_TIME: Duration = Duration::from_secs(1);

/// What an open file needs to have locks. Most files never have one.
#[derive(Default)]
pub struct Locking {
    closed: AtomicBool,
    state: OnceLock<LockState>,
}

/// The locks of one open file.
#[derive(Clone)]
pub struct LockState(Arc<State>);

struct State {
    owner: LockOwner,
    /// The file is being closed: nothing is taken again.
    closed: AtomicBool,
    /// The server has lost them, and did not give them again.
    lost: AtomicBool,
    why_lost: Mutex<String>,
    /// As far as the server has answered.
    held: Mutex<HeldRanges>,
    /// Held during a call.
    turn: AsyncMutex,
}

impl Locking {
    /// EIO when the locks of the file are lost.
    pub fn check(&self) -> Result<()> {
        self.state.get().map_or(Ok(()), LockState::check)
    }

    fn open(&self) -> Result<()> {
        match self.closed.load(Ordering::SeqCst) {
            true => Err(Error::new(libc::EBADF, "the file was closed meanwhile")),
            false => Ok(()),
        }
    }

    fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        if let Some(LockState(state)) = self.state.get() {
            state.closed.store(true, Ordering::SeqCst);
        }
    }

    fn state(&self) -> &LockState {
        self.state.get_or_init(|| {
            let [closed, lost] = [const { AtomicBool::new(false) }; 2];
            let (why_lost, held, turn) = Default::default();
            LockState(Arc::new(State { owner: LockOwner::new(), closed, lost, why_lost, held, turn }))
        })
    }
}

impl LockState {
    pub fn owner(&self) -> LockOwner {
        self.0.owner
    }

    /// See [`Locking::check`].
    pub fn check(&self) -> Result<()> {
        if self.0.lost.load(Ordering::Acquire) { Err(reclaim::lost(&lock(&self.0.why_lost))) } else { Ok(()) }
    }

    /// The calls for the locks of one file are made one after the other.
    pub(super) async fn turn(&self) -> AsyncMutexGuard<'_> {
        self.0.turn.lock().await
    }

    /// What is to be taken again when the server has restarted: nothing of a file that is being closed.
    pub(super) fn held(&self) -> Vec<HeldRange> {
        let over = self.0.closed.load(Ordering::SeqCst) || self.0.lost.load(Ordering::Acquire);
        if over { Vec::new() } else { lock(&self.0.held).as_slice().to_vec() }
    }

    pub(super) fn hold(&self, wanted: &Lock) {
        lock(&self.0.held).lock(HeldRange::new(wanted.offset, wanted.length, wanted.exclusive));
    }

    pub(super) fn forget(&self, offset: u64, length: u64) {
        let range = HeldRange::new(offset, length, true);
        lock(&self.0.held).unlock(range.first, range.last);
    }

    /// They could not be taken again.
    pub(super) fn lose(&self, why: &Error) {
        if !self.0.closed.load(Ordering::SeqCst) {
            *lock(&self.0.why_lost) = why.to_string();
            self.0.lost.store(true, Ordering::Release);
            lock(&self.0.held).clear();
        }
    }
}

/// What happens to bytes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// They are locked for reading.
    Shared,
    /// They are locked for writing.
    Exclusive,
    /// They are no longer locked.
    Unlock,
}

/// Bytes of a file, as struct flock has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub whence: c_int,
    pub start: i64,
    /// 0, or the highest number, for all bytes there will ever be.
    pub length: u64,
}

impl Span {
    /// Offset and length as the lock manager wants them.
    fn range(self, base: u64) -> Result<(u64, u64)> {
        const LAST: u64 = i64::MAX as u64;
        let offset = base.checked_add_signed(self.start).filter(|offset| *offset <= LAST);
        let offset = offset.ok_or_else(|| Error::new(libc::EINVAL, "the bytes would not be in any file"))?;
        if self.length == 0 || self.length == u64::MAX {
            return Ok((offset, 0));
        }
        match offset.checked_add(self.length - 1) {
            Some(last) if last <= LAST => Ok((offset, self.length)),
            _ => Err(Error::new(libc::EOVERFLOW, "the last byte would not be in any file")),
        }
    }
}

impl Client {
    /// Locks or unlocks bytes of a file. When another owner has a lock there: EAGAIN, or with `wait` not before
    /// it is gone.
    pub async fn set_lock(
        self: Arc<Self>,
        file: Arc<File>,
        change: Change,
        at: Span,
        wait: bool,
    ) -> Result<()> {
        let set = async {
            permitted(&file, change)?;
            let (mounted, wanted, deadline) = self.locate(&file, change == Change::Exclusive, at).await?;
            if change == Change::Unlock {
                self.before_unlock(&file).await?;
                let unlock = self.insist(&mounted, file.locking.state(), LockCall::Unlock, &wanted, deadline);
                return granted(unlock.await?);
            }
            self.take(&mounted, &file, &wanted, deadline, wait).await?;
            file.inode.pages.invalidate(); // others may have written before they gave their lock back
            Ok(())
        };
        let operation = if change == Change::Unlock { "unlock" } else { "lock" };
        set.await.map_err(|error: Error| error.during(operation).at(&file.path))
    }

    /// What was written under a lock is stable before another owner gets that: sent again later, it would replace what
    /// the other one has written.
    async fn before_unlock(&self, file: &File) -> Result<()> {
        match self.make_stable(&self.session_of(file)?, &file.inode).await {
            Err(error) if !is_final(&error) => Err(error),
            _ => Ok(()), // told to those who have written
        }
    }

    /// Whether bytes of a file could be locked for writing; EACCES when another owner has a lock there.
    pub async fn test_lock(self: Arc<Self>, file: Arc<File>, at: Span) -> Result<()> {
        let test = async {
            let (mounted, wanted, deadline) = self.locate(&file, true, at).await?;
            match self.insist(&mounted, file.locking.state(), LockCall::Test, &wanted, deadline).await? {
                LockStatus::Denied => Err(Error::new(libc::EACCES, "another owner has a lock there")),
                status => granted(status),
            }
        };
        test.await.map_err(|error: Error| error.during("test lock").at(&file.path))
    }

    /// The bytes in question, where, and until when.
    async fn locate(
        &self,
        file: &File,
        exclusive: bool,
        at: Span,
    ) -> Result<(Arc<Mounted>, Lock, Option<Instant>)> {
        let session = self.session_of(file)?;
        if session.mounted.registration.is_some() {
            return Err(Error::new(libc::ENOSYS, "locks of NFS version 4 are not there yet"));
        }
        let deadline = session.nfs.deadline();
        let base = match at.whence {
            libc::SEEK_SET => 0,
            libc::SEEK_CUR => {
                let _turn = self.turn(file).await?;
                file.position.get()
            }
            libc::SEEK_END => self.size(&session, &file.inode).await?,
            whence => return Err(Error::new(libc::EINVAL, format!("whence {whence} is unknown"))),
        };
        let (offset, length) = at.range(base)?;
        let wanted =
            Lock { file: file.handle, owner: file.locking.state().owner(), exclusive, offset, length };
        Ok((session.mounted.clone(), wanted, deadline))
    }

    /// Gets a lock, and gives it back if the file was closed or the mount has ended in the meantime.
    async fn take(
        &self,
        mounted: &Arc<Mounted>,
        file: &File,
        wanted: &Lock,
        deadline: Option<Instant>,
        wait: bool,
    ) -> Result<()> {
        let mut backoff = Backoff::until(deadline);
        let open = || file.locking.open().and_then(|()| mounted.locks.open());
        loop {
            open()?;
            let status = self.insist(mounted, file.locking.state(), LockCall::Lock, wanted, deadline).await?;
            if status == LockStatus::Granted {
                let Err(error) = open() else { return Ok(()) };
                mounted.locks.remember(wanted.file, file.locking.state(), 0);
                self.give_back(mounted, wanted.owner, self.reactor.now() + CLOSE_TIME, false).await;
                return Err(error);
            }
            if status == LockStatus::Blocked {
                // It was told not to: without this it would give us the lock later.
                self.ask(mounted, file.locking.state(), LockCall::Cancel, wanted, deadline).await?;
            }
            if !wait || !matches!(status, LockStatus::Denied | LockStatus::Blocked) {
                return granted(status);
            }
            backoff.wait(self, "another owner has kept its lock all the time").await?;
        }
    }

    /// Gives back all locks of a file that is being closed. What fails now is tried again when the mount ends.
    pub(super) async fn release_locks(&self, file: &File) {
        file.locking.close();
        let Some(state) = file.locking.state.get() else { return };
        let Some(mounted) = lock(&self.mounted).clone() else { return };
        let time = self.settings().timeout.map_or(CLOSE_TIME, |timeout| timeout.min(CLOSE_TIME));
        let owner = state.owner();
        if self.give_back(&mounted, owner, self.reactor.now() + time, false).await {
            return;
        }
        // Closing does not wait for the end of a grace period.
        let Some(client) = self.myself.upgrade() else { return };
        let _ends_with_the_context = self.executor.spawn_background(async move {
            client.give_back(&mounted, owner, client.reactor.now() + GRACE_TIME, true).await;
            Ok(())
        });
    }

    /// Gives back all locks of all files of a mount that has ended.
    pub(super) async fn release_all_locks(&self, mounted: &Arc<Mounted>, deadline: Instant) {
        let owners = mounted.locks.close();
        let Some((first, others)) = owners.split_first() else { return };
        // The first one tells whether a new connection is needed.
        self.give_back(mounted, *first, deadline, true).await;
        let others = others.iter().map(|owner| {
            Box::pin(async {
                self.give_back(mounted, *owner, deadline, true).await;
                Ok(())
            })
        });
        let _cannot_fail = all(others.collect()).await;
    }

    /// As [`Client::release_all_locks`], from outside of the operations, which are over.
    pub(super) fn release_all_locks_now(&self, mounted: &Arc<Mounted>) {
        mounted.locks.end_supervision();
        let deadline = self.reactor.now() + LAST_TIME;
        let release = async {
            self.release_all_locks(mounted, deadline).await;
            Ok(())
        };
        // There is nobody left to tell of a failure.
        let _ = self.executor.run_last(self.reactor.until(deadline, release));
    }

    /// False when the server is in its grace period, in which it takes nothing back; who is `patient` waits for its end.
    async fn give_back(
        &self,
        mounted: &Arc<Mounted>,
        owner: LockOwner,
        deadline: Instant,
        patient: bool,
    ) -> bool {
        while let Some(holder) = mounted.locks.holder(owner) {
            holder.locking.forget(0, 0); // from here on nobody takes them again
            let turn = async { Ok(holder.locking.turn().await) };
            let Ok(_turn) = self.reactor.until(deadline, turn).await else { return true };
            let everything = Lock { file: holder.file, owner, exclusive: true, offset: 0, length: 0 };
            let unlock = self.ask(mounted, &holder.locking, LockCall::Unlock, &everything, Some(deadline));
            match unlock.await {
                // They may have been taken again already.
                Ok(LockStatus::GracePeriod) if !patient => return false,
                Ok(LockStatus::GracePeriod) => self.reactor.sleep(GRACE_PAUSE).await,
                // A server that has restarted since knows nothing of the locks anyway.
                Ok(_) if holder.unanswered == 0 => {
                    mounted.locks.forget(owner);
                    return true;
                }
                Ok(_) => self.reactor.sleep(STRAY_TIME).await,
                Err(_) => return true,
            }
            if self.reactor.now() >= deadline {
                return true;
            }
        }
        true
    }
}

fn granted(status: LockStatus) -> Result<()> {
    if status == LockStatus::Granted { Ok(()) } else { Err(status.error()) }
}

/// A file can be locked for what it was opened for.
fn permitted(file: &File, change: Change) -> Result<()> {
    match (change, file.flags & libc::O_ACCMODE) {
        (Change::Exclusive, libc::O_RDONLY) => {
            Err(Error::new(libc::EBADF, "a lock for writing, but the file is open for reading only"))
        }
        (Change::Shared, libc::O_WRONLY) => {
            Err(Error::new(libc::EBADF, "a lock for reading, but the file is open for writing only"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans() {
        let range = |start, length, base| {
            let at = Span { whence: libc::SEEK_SET, start, length };
            at.range(base).map_err(|error| error.errno())
        };
        const LAST: u64 = i64::MAX as u64;
        assert_eq!(range(5, 10, 100), Ok((105, 10)));
        assert_eq!(range(-5, 5, 5), Ok((0, 5)));
        assert_eq!(range(5, 0, 0), Ok((5, 0)));
        assert_eq!(range(5, u64::MAX, 0), Ok((5, 0)));
        assert_eq!(range(i64::MAX, 1, 0), Ok((LAST, 1)));
        assert_eq!(range(0, 1 << 63, 0), Ok((0, 1 << 63)));
        assert_eq!(range(1, 1 << 63, 0), Err(libc::EOVERFLOW));
        assert_eq!(range(5, u64::MAX - 1, 0), Err(libc::EOVERFLOW));
        assert_eq!(range(-6, 5, 5), Err(libc::EINVAL));
        assert_eq!(range(i64::MAX, 5, 5), Err(libc::EINVAL));
        assert_eq!(range(i64::MAX, 5, u64::MAX), Err(libc::EINVAL));
    }
}
