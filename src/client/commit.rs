//! Written data becomes stable: COMMIT, and data that a restarted server has lost is sent again.
//!
//! Most data is written UNSTABLE, which lets the server write it to its disk when that suits it, and is kept here until
//! a COMMIT is answered with the verifier that the data was. What is kept is the library's own copy, which asynchronous
//! writes have in any case. Synchronous writes are copied up to [`COPIED`] bytes; above that a copy costs about half of
//! what sending costs, and the write is FILE_SYNC instead. In place of that it could be UNSTABLE with a COMMIT before
//! the call returns: one round trip more, since a COMMIT sent right behind the WRITEs may overtake them, and nothing
//! gained for the usual write of one piece. On nfs-ganesha on a disk (VFS, fsync for each), 256 MiB in pieces of 1 MiB take
//! 0.4 s unstable, and 0.5 to 0.65 s either way.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::per_file::PerFile;
use super::unstable::Unstable;
use super::{Client, File, Session, lock};
use crate::attributes::Handle;
use crate::error::{Error, Result};
use crate::io::{Copies, Source, copy};
use crate::v3::Stability;

/// Synchronous writes up to this size are copied and may stay unstable, bytes.
const COPIED: usize = 256 << 10;

/// Memory that a context may keep, bytes. A write that exceeds it waits until its file is stable.
const MOST_KEPT: usize = 8 << 20;

/// Kept for one file, this much makes the library send a COMMIT before it is asked to, bytes.
const MUCH_KEPT: usize = 4 << 20;

/// The unstable data of all files of a context.
#[derive(Default)]
pub struct Written {
    files: PerFile<Unstable>,
    kept: Arc<AtomicUsize>,
    copies: Mutex<Copies>,
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

impl File {
    /// How a write is made: not stable at once only if the data can be kept.
    pub(super) fn stability(&self, from: &Source) -> Stability {
        let can_be_kept = from.len() <= if from.is_owned() { MOST_KEPT } else { COPIED };
        let at_once = self.flags & libc::O_SYNC != 0 || !can_be_kept;
        if at_once { Stability::FileSync } else { Stability::Unstable }
    }
}

impl Client {
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
        if unstable.kept() > MUCH_KEPT && !unstable.committing.swap(true, Ordering::SeqCst) {
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
        let _room = file.unstable.room.alone().await;
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
            let _order = unstable.order.alone().await;
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
