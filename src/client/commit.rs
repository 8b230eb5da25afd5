//! Written data becomes stable: COMMIT, and data that a restarted server has lost is sent again.
//!
//! Most data is written UNSTABLE, which lets the server write it to its disk when that suits it, and is kept here until
//! a COMMIT is answered with the verifier that the data was. What is kept is the library's own copy, which asynchronous
//! writes have in any case. Synchronous writes are copied up to [`COPIED`] bytes. Above that a copy costs about half of
//! what sending costs the processor, and the write is FILE_SYNC instead; but up to [`COPIED_IF_SLOW`] bytes only as long as
//! the server does that in no time, for on a real disk each FILE_SYNC is one more wait for it. In place of FILE_SYNC it
//! could be UNSTABLE with a COMMIT before the call returns: one round trip more, since a COMMIT sent right behind the
//! WRITEs may overtake them.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::per_file::PerFile;
use super::unstable::Unstable;
use super::{Client, File, Session};
use crate::attributes::Handle;
use crate::error::{Error, Result};
use crate::io::{BufferPool, Source, copy};
use crate::sync::lock;
use crate::v3::Stability;

/// Synchronous writes up to this size are copied and may stay unstable, bytes.
const COPIED: usize = 256 << 10;

/// Those up to this size are as well, when stable ones have turned out to be slow.
const COPIED_IF_SLOW: usize = 1 << 20;

/// That is when two of them, one after the other, take longer than this for a MiB: several times what copying takes.
const SLOW: Duration = Duration::from_micros(400);

/// As many are copied before one of them is stable again, and timed.
const UNTIMED: u32 = 63;

/// Memory that a context may keep, bytes. A write that exceeds it waits until its file is stable.
const MOST_KEPT: usize = 8 << 20;

/// Kept for one file, this much makes the library send a COMMIT before it is asked to, bytes.
const MUCH_KEPT: usize = 4 << 20;

/// The unstable data of all files of a context.
#[derive(Default)]
pub struct Written {
    files: PerFile<Unstable>,
    kept: Arc<AtomicUsize>,
    copies: Mutex<BufferPool>,
    /// How many writes between the two sizes are still to be copied: stable ones are slow.
    untimed: AtomicU32,
    /// The last one that was timed was slow.
    was_slow: AtomicBool,
}

impl Written {
    /// That of a file which is being opened.
    pub fn of(&self, file: &Handle) -> Arc<Unstable> {
        self.files.of(file, || Unstable::new(self.kept.clone()))
    }

    /// That of a file, if it is open.
    pub fn find(&self, file: &Handle) -> Option<Arc<Unstable>> {
        self.files.find(file)
    }

    fn is_too_much(&self) -> bool {
        self.kept.load(Ordering::Relaxed) > MOST_KEPT
    }
}

fn is_copied_if_slow(from: &Source) -> bool {
    !from.is_owned() && (COPIED + 1..=COPIED_IF_SLOW).contains(&from.len())
}

/// Whether the time of a write tells something.
pub fn is_timed(from: &Source, stability: Stability) -> bool {
    stability == Stability::FileSync && is_copied_if_slow(from)
}

impl Client {
    /// How a write is made: not stable at once only if the data can be kept.
    pub(super) fn stability(&self, file: &File, from: &Source) -> Stability {
        if file.flags & libc::O_SYNC != 0 {
            return Stability::FileSync;
        }
        let most = if from.is_owned() { MOST_KEPT } else { COPIED };
        let one_less = |untimed: u32| untimed.checked_sub(1);
        let is_kept = from.len() <= most
            || is_copied_if_slow(from)
                && self.written.untimed.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok();
        if is_kept { Stability::Unstable } else { Stability::FileSync }
    }

    /// Takes note of how long a write has taken that [`is_timed`].
    pub(super) fn timed(&self, from: &Source, time: Duration) {
        let is_slow = time.as_micros() * (1 << 20) > SLOW.as_micros() * from.len() as u128;
        if self.written.was_slow.swap(is_slow, Ordering::Relaxed) && is_slow {
            self.written.untimed.store(UNTIMED, Ordering::Relaxed);
        }
    }

    /// A copy of bytes that the caller will not keep; ENOMEM when there is no room for it.
    pub fn copied(&self, bytes: &[u8]) -> Result<Source> {
        let room = lock(&self.written.copies).room(bytes.len());
        copy(room, bytes)
    }

    /// The same data, in memory of the library.
    pub(super) fn owned(&self, data: &Source) -> Result<Source> {
        if data.is_owned() { Ok(data.clone()) } else { self.copied(data.as_slice()) }
    }

    /// After a file was closed: memory that is not in use goes back to the system.
    pub(super) fn trim_copies(&self) {
        if self.written.kept.load(Ordering::Relaxed) == 0 {
            lock(&self.written.copies).give_back();
        }
    }

    /// Returns when all that was written to the file is on stable storage, and tells an error that nobody has been told
    /// yet.
    pub(super) async fn make_stable(&self, file: &File) -> Result<()> {
        let stable = self.commit(&self.session()?, file).await;
        file.unstable.tell_error().and(stable)
    }

    /// Keeps the memory for unstable data within its bounds, after a write.
    pub(super) async fn limit_unstable(self: &Arc<Self>, session: &Session, file: &Arc<File>) -> Result<()> {
        let unstable = &file.unstable;
        if self.written.is_too_much() {
            return Box::pin(self.make_room(session, file)).await;
        }
        if self.keeps_much(file) && !unstable.committing.swap(true, Ordering::SeqCst) {
            self.executor.spawn_background(self.clone().commit_early(file.clone()))?;
            self.reactor.flush();
        }
        Ok(())
    }

    /// Whether there is more than [`Client::limit_unstable`] leaves alone.
    pub(super) fn keeps_much(&self, file: &File) -> bool {
        let committing = file.unstable.committing.load(Ordering::SeqCst);
        self.written.is_too_much() || !committing && file.unstable.kept() > MUCH_KEPT
    }

    async fn make_room(&self, session: &Session, file: &File) -> Result<()> {
        let _room = file.unstable.room.write().await;
        match self.written.is_too_much() {
            true => self.commit(session, file).await,
            false => Ok(()),
        }
    }

    /// A COMMIT that nobody waits for, so that memory comes free.
    async fn commit_early(self: Arc<Self>, file: Arc<File>) -> Result<()> {
        let result = async { self.commit(&self.session()?, &file).await }.await;
        file.unstable.committing.store(false, Ordering::SeqCst);
        match result {
            Err(error) if was_answered(&error) => file.unstable.set_error(error),
            _ => {} // the data is kept: fsync or close will try again
        }
        Ok(())
    }

    /// COMMIT. What the server has lost, because it restarted after it had taken it, is sent again: unstable first, and
    /// stable when that is lost too.
    async fn commit(&self, session: &Session, file: &File) -> Result<()> {
        let unstable = &file.unstable;
        for stability in [Stability::Unstable, Stability::FileSync] {
            let mark = unstable.mark();
            let give_up = |error: Error| {
                if was_answered(&error) {
                    unstable.give_up(mark); // and told: by fsync and close, not by every further one of them
                }
                error
            };
            let verifier = session.nfs.commit(&file.handle).await.map_err(give_up)?;
            if unstable.committed(mark, verifier) {
                return Ok(());
            }
            let _order = unstable.order.write().await;
            for (offset, data) in unstable.lost(mark)? {
                self.send(session, file, offset, &data, stability).await.map_err(give_up)?;
            }
        }
        Ok(())
    }
}

/// Whether the server itself refused, rather than being out of reach.
fn was_answered(error: &Error) -> bool {
    error.status().is_some()
}
