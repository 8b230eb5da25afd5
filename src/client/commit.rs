//! Written data becomes stable: COMMIT, and data that a restarted server has lost is sent again.
//!
//! Whoever comes after writes and needs their data stable (fsync, close, unlock, SETATTR) calls
//! [`Client::make_stable`]. Whoever shows what the server has (READ, sizes) asks [`Client::is_uncertain`] after its
//! reply, and calls [`Client::commit`] then, which is about what has been acknowledged only.

use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use super::inode::{Inode, Lost};
use super::mount::Mounted;
use super::session::{Session, Shared};
use super::{Client, File};
use crate::dialect::Nfs;
use crate::error::{Error, Result};
use crate::executor::{Promise, all};
use crate::io::Source;
use crate::sync::lock;
use crate::transfer::Stability;

/// Memory that a context may retain, with what is on its way and will have to be, bytes. A write for which there is no
/// room makes some before it is sent.
pub const MOST_RETAINED: usize = 8 << 20;

/// Retained for one file, this much makes the library send a COMMIT before it is asked to, bytes.
const MUCH_RETAINED: usize = 2 << 20;

/// Data is retained no longer than this before a COMMIT is sent.
const OLD: Duration = Duration::from_secs(30);

/// After this, what could not be made stable is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// How often data is sent again in one go before it is an error: with each round the server has restarted once more.
const ROUNDS: u32 = 8;

/// How long a write that waits for room sleeps before it looks again, the first time and at most.
const ROOM_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_ROOM_PAUSE: Duration = Duration::from_millis(16);

/// So many COMMITs in a row may fail before a write that waits for room does.
const FAILED_COMMITS: u64 = 4;

/// COMMITs that are under way at a time.
const WINDOW: usize = 32;

/// See [`Client::reserve`].
pub struct Reservation {
    in_flight: Arc<AtomicUsize>,
    length: usize,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.in_flight.fetch_sub(self.length, Ordering::Relaxed);
    }
}

impl Client {
    /// Bytes of data that the server may lose.
    pub(super) fn retained(&self) -> usize {
        self.retained.load(Ordering::SeqCst)
    }

    /// Whether the server may show older data, and another size, than was acknowledged.
    pub(super) fn is_uncertain(&self, mounted: &Mounted, inode: &Arc<Inode>) -> bool {
        inode.unstable.is_older(mounted.lives.current())
    }

    /// As [`Client::is_uncertain`], for any file of the mount.
    pub(super) fn is_any_uncertain(&self, mounted: &Mounted) -> bool {
        self.retained() > 0
            && mounted.lives.is_unchecked()
            && mounted.inodes.dirty().iter().any(|inode| self.is_uncertain(mounted, inode))
    }

    /// What was acknowledged before may be lost: the connection had to be made again, or the verifier has changed.
    pub(super) fn another_life(&self, mounted: &Mounted) {
        mounted.lives.begin_another();
        if self.retained() == 0 {
            return mounted.lives.checked(mounted.lives.current());
        }
        let Some(client) = self.myself.upgrade() else { return };
        if self.checking.swap(true, Ordering::SeqCst) {
            return;
        }
        let check = async move {
            if let Ok(session) = client.session() {
                // Whoever reads meanwhile waits for it, or tries again.
                let _ = client.check_all(&session).await;
            }
            client.checking.store(false, Ordering::SeqCst);
            Ok(())
        };
        let _ends_with_the_context = self.executor.spawn_background(check);
    }

    /// After data has been retained: it is made stable when it is old. `life` is that in which its WRITE began.
    pub(super) fn watch_retained(self: &Arc<Self>, mounted: &Mounted, life: u64) {
        if life != mounted.lives.current() {
            mounted.lives.begin_another(); // it is not known in which of them the server took it
        }
        if !self.flushing.load(Ordering::SeqCst) {
            self.start_flusher();
        }
    }

    /// Returns when all data of the file that was written before is on stable storage, also by writes that are under
    /// way now. Errors are those of [`Client::commit`].
    pub(super) async fn make_stable(&self, session: &Session, inode: &Arc<Inode>) -> Result<()> {
        if inode.order.is_busy() {
            Box::pin(self.wait_for(session, inode.order.barrier())).await?;
        }
        if inode.unstable.retained() == 0 {
            return Ok(());
        }
        Box::pin(self.commit(session, inode)).await
    }

    /// Waits for other operations, which may have no deadline, no longer than a call of this one may take.
    pub(super) async fn wait_for<T>(&self, session: &Session, others: impl Future<Output = T>) -> Result<T> {
        match session.nfs.deadline_of_piece() {
            Some(deadline) => self.reactor.until(deadline, async { Ok(others.await) }).await,
            None => Ok(others.await),
        }
    }

    /// Returns when all data of the file that has been acknowledged is on stable storage. An error that is final has
    /// been recorded for the handles of the writers; the data is given up then, and only then.
    pub(super) async fn commit(&self, session: &Session, inode: &Arc<Inode>) -> Result<()> {
        if inode.unstable.retained() == 0 {
            return Ok(());
        }
        let _turn = match inode.commit.try_guard() {
            Some(turn) => turn,
            None => self.wait_for(session, inode.commit.lock()).await?,
        };
        let mut mark = inode.unstable.mark();
        let mut stability = Stability::Unstable;
        for _ in 0..ROUNDS {
            let Some(writer) = inode.unstable.writer(mark) else { return Ok(()) };
            match session.nfs.as_user(&writer).commit(&inode.handle).await {
                Ok(verifier) => {
                    self.note_verifier(&session.mounted, inode, verifier);
                    inode.unstable.committed(mark, verifier);
                    std::mem::take(&mut *lock(&self.wait_for_room)).into_iter().for_each(Waker::wake);
                }
                // The server has no COMMIT, but says that data is unstable: it is made stable by WRITE.
                Err(error) if Nfs::lacks_procedure(&error) => stability = Stability::FileSync,
                Err(error) if is_final(&error) => {
                    inode.unstable.give_up(mark);
                    inode.errors.record(error.clone());
                    return Err(error);
                }
                Err(error) => return Err(error),
            }
            if !inode.unstable.has_any(mark) {
                return Ok(());
            }
            self.send_again(session, inode, mark, stability).await?;
            (mark, stability) = (inode.unstable.mark(), Stability::FileSync);
        }
        Err(Error::new(libc::EIO, "the server loses written data again and again"))
    }

    /// Sends what the server has lost, unstable first, and stable when that was lost too. Old data must not overtake
    /// new data, so that no other WRITE is under way meanwhile.
    ///
    /// It runs by itself: should this operation be overdue, the WRITEs are still on their way, and nothing newer must
    /// be sent before they are answered. They have no deadline for that reason.
    async fn send_again(
        &self,
        session: &Session,
        inode: &Arc<Inode>,
        mark: u64,
        stability: Stability,
    ) -> Result<()> {
        let over = || Error::new(libc::EINTR, "the context is being destroyed");
        let (client, promise) = (self.myself.upgrade().ok_or_else(over)?, Promise::new());
        let (own, inode, kept) = (Session::begin(session.shared().clone()), inode.clone(), promise.clone());
        self.executor.spawn_background(async move {
            kept.keep(client.send_lost(&own, &inode, mark, stability).await);
            Ok(())
        })?;
        self.reactor.flush();
        self.wait_for(session, promise.kept()).await?
    }

    async fn send_lost(
        &self,
        session: &Session,
        inode: &Arc<Inode>,
        mark: u64,
        stability: Stability,
    ) -> Result<()> {
        let _alone = self.wait_for(session, inode.order.exclusive()).await?;
        for Lost { offset, data, writer } in inode.unstable.lost(mark)? {
            let nfs = session.nfs.as_user(&writer).without_timeout();
            match self.send(session, &nfs, inode, offset, &data, stability).await {
                Ok(()) => {}
                Err(error) if is_final(&error) => {
                    inode.unstable.forget(offset..offset + data.len() as u64);
                    inode.errors.record(error.clone());
                    return Err(error);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// As [`Client::make_stable`], for what a handle has written: tells it an error of any data that it may have
    /// written, once.
    pub(super) async fn make_stable_for(&self, session: &Session, file: &File) -> Result<()> {
        let inode = &file.inode;
        let result = self.make_stable(session, inode).await;
        if file.writer.is_none() {
            return result;
        }
        inode.errors.check(&file.errors)?;
        match result {
            Err(error) if !is_final(&error) => Err(error),
            _ => file.is_there(session).await, // an error is recorded, and told to this handle
        }
    }

    /// As [`Client::commit`], for all these files, as many as possible; the first error.
    async fn commit_all(&self, session: &Session, inodes: &[Arc<Inode>]) -> Result<()> {
        let first = Mutex::new(None);
        for some in inodes.chunks(WINDOW) {
            let commits = some.iter().map(|inode| {
                Box::pin(async {
                    if let Err(error) = self.commit(session, inode).await {
                        lock(&first).get_or_insert(error);
                    }
                    Ok(())
                })
            });
            all(commits.collect()).await?;
        }
        lock(&first).take().map_or(Ok(()), Err)
    }

    /// Makes sure that the server has all that was acknowledged, whatever has become of it.
    pub(super) async fn check_all(&self, session: &Session) -> Result<()> {
        let lives = &session.mounted.lives;
        let life = lives.current();
        self.commit_all(session, &session.mounted.inodes.dirty()).await?;
        lives.checked(life);
        Ok(())
    }

    /// Before a mount ends: what cannot be made stable now is given up, and told when its file is closed.
    pub(super) async fn settle_all(&self, session: &Session, deadline: Instant) {
        let dirty = session.mounted.inodes.dirty();
        let result = self.reactor.until(deadline, self.commit_all(session, &dirty)).await;
        for inode in dirty.iter().filter(|inode| inode.unstable.retained() > 0) {
            let unmounted = || Error::new(libc::EIO, "the export was unmounted before the data was stable");
            inode.errors.record(result.clone().err().unwrap_or_else(unmounted));
            inode.unstable.give_up(u64::MAX);
        }
    }
}

/// Memory and age.
impl Client {
    /// Whether a write has to wait until other data is stable.
    pub(super) fn is_full(&self) -> bool {
        self.retained.load(Ordering::Relaxed) + self.in_flight.load(Ordering::Relaxed) > MOST_RETAINED
    }

    /// Data that is being sent will have to be retained, as long as the result lives.
    pub(super) fn reserve(&self, from: &Source, stability: Stability) -> Reservation {
        let length = if stability == Stability::Unstable { from.len() } else { 0 };
        self.in_flight.fetch_add(length, Ordering::Relaxed);
        Reservation { in_flight: self.in_flight.clone(), length }
    }

    /// Before a write, when [`Client::is_full`]: makes data stable, that of the files with the most of it first, until
    /// half of the memory is free, so that not every write has to. Nobody waits for a file whose COMMIT is not answered
    /// when others make room.
    pub(super) async fn make_room(self: &Arc<Self>, session: &Session) -> Result<()> {
        let deadline = session.nfs.deadline_of_piece();
        let mut pause = ROOM_PAUSE;
        let failed_before = lock(&self.failed_commits).0;
        while self.is_full() {
            // Where COMMIT is refused again and again, or there is no connection any more, there will be no room.
            if let (failed, Some(error)) = &*lock(&self.failed_commits)
                && failed - failed_before >= FAILED_COMMITS
            {
                return Err(error.clone());
            }
            let mut left = self.retained();
            for inode in session.mounted.inodes.dirty() {
                if left <= MOST_RETAINED / 2 {
                    break;
                }
                left = left.saturating_sub(inode.unstable.retained());
                self.commit_alone(session.shared(), &inode);
            }
            if deadline.is_some_and(|deadline| self.reactor.now() >= deadline) {
                return Err(Error::new(
                    libc::ETIMEDOUT,
                    "the server did not make earlier data stable in time",
                ));
            }
            // Woken when a COMMIT has made some; errors of writes make some, too.
            let room = poll_fn(|context| match self.is_full() {
                false => Poll::Ready(Ok(())),
                true => {
                    let mut waiting = lock(&self.wait_for_room);
                    if !waiting.iter().any(|waker| waker.will_wake(context.waker())) {
                        waiting.push(context.waker().clone());
                    }
                    Poll::Pending
                }
            });
            let _ = self.reactor.until(self.reactor.now() + pause, room).await;
            pause = (pause * 2).min(LONGEST_ROOM_PAUSE);
        }
        Ok(())
    }

    /// After a write: a COMMIT that nobody waits for, when much is retained for the file.
    pub(super) fn limit_retained(self: &Arc<Self>, shared: &Arc<Shared>, inode: &Arc<Inode>) {
        if inode.unstable.retained() > MUCH_RETAINED {
            self.commit_alone(shared, inode);
        }
    }

    /// A COMMIT that nobody waits for, unless there is one already.
    fn commit_alone(self: &Arc<Self>, shared: &Arc<Shared>, inode: &Arc<Inode>) {
        if inode.early_commit.swap(true, Ordering::SeqCst) {
            return;
        }
        let (client, session, inode) = (self.clone(), Session::begin(shared.clone()), inode.clone());
        let commit = async move {
            // Recorded if it is final, and otherwise tried again by whoever comes next.
            if let Err(error) = client.commit(&session, &inode).await
                && !Nfs::is_busy(&error)
            {
                let mut failed = lock(&client.failed_commits);
                *failed = (failed.0 + 1, Some(error));
            }
            inode.early_commit.store(false, Ordering::SeqCst);
            Ok(())
        };
        if self.executor.spawn_background(commit).is_ok() {
            self.reactor.flush();
        }
    }

    fn start_flusher(self: &Arc<Self>) {
        if !self.flushing.swap(true, Ordering::SeqCst) {
            let flusher = flush_old(Arc::downgrade(self));
            if self.executor.spawn_background(flusher).is_err() {
                self.flushing.store(false, Ordering::SeqCst); // the context ends
            }
        }
    }

    /// One look at what is retained: makes old data stable, and all data that may be lost. Returns when to look again.
    fn flush_old(self: &Arc<Self>) -> Option<Duration> {
        let session = self.session().ok()?;
        let (now, mounted) = (self.reactor.now(), &session.mounted);
        let age = |inode: &Arc<Inode>| {
            inode.unstable.since().map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
        };
        let dirty = mounted.inodes.dirty();
        for inode in &dirty {
            if age(inode) >= OLD || self.is_uncertain(mounted, inode) {
                self.commit_alone(session.shared(), inode);
            }
        }
        if dirty.is_empty() {
            self.trim_buffers();
        }
        dirty.iter().map(age).map(|age| if age < OLD { OLD - age } else { AGAIN }).min()
    }

    /// Takes note of the verifier in a reply to WRITE or COMMIT.
    pub(super) fn note_verifier(&self, mounted: &Mounted, inode: &Arc<Inode>, verifier: [u8; 8]) {
        if inode.unstable.note(verifier) {
            self.note_of_file_system(mounted, inode, verifier);
        }
    }

    pub(super) fn note_of_file_system(&self, mounted: &Mounted, inode: &Inode, verifier: [u8; 8]) {
        if mounted.lives.has_changed(inode.fsid, verifier) {
            self.another_life(mounted);
        }
    }
}

/// Runs as long as data is retained.
async fn flush_old(client: Weak<Client>) -> Result<()> {
    let mut pause = Duration::ZERO;
    loop {
        let Some(reactor) = client.upgrade().map(|client| client.reactor.clone()) else { return Ok(()) };
        reactor.sleep_lazily(pause).await; // without holding the context
        let Some(client) = client.upgrade() else { return Ok(()) };
        match client.flush_old() {
            Some(next) => pause = next,
            None => {
                client.flushing.store(false, Ordering::SeqCst);
                let is_dirty =
                    client.session().is_ok_and(|session| !session.mounted.inodes.dirty().is_empty());
                if !is_dirty || client.flushing.swap(true, Ordering::SeqCst) {
                    return Ok(());
                }
                pause = AGAIN;
            }
        }
    }
}

/// Whether the server has refused for good, rather than being busy or out of reach.
pub fn is_final(error: &Error) -> bool {
    error.status().is_some() && !Nfs::is_busy(error)
}
