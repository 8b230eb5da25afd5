//! How a write is made: UNSTABLE with a copy that is retained until a COMMIT, or FILE_SYNC.
//!
//! Most data is written UNSTABLE, which lets the server write it to its disk when that suits it, and is retained here
//! until a COMMIT is answered with the verifier that the data was. What is retained is the library's own copy, which
//! asynchronous writes have in any case. Synchronous writes are copied up to [`COPIED`] bytes. Above that a copy costs
//! about half of what sending costs the processor, and the write is FILE_SYNC instead; but up to [`COPIED_IF_SLOW`]
//! bytes only as long as the server does that in no time, for on a real disk each FILE_SYNC is one more wait for it. In
//! place of FILE_SYNC it could be UNSTABLE with a COMMIT before the call returns: one round trip more, since a COMMIT
//! sent right behind the WRITEs may overtake them.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use super::commit::MOST_RETAINED;
use super::{Client, File};
use crate::error::Result;
use crate::io::{BufferPool, Source, copy};
use crate::sync::lock;
use crate::transfer::Stability;

/// Synchronous writes up to this size are copied and may stay unstable, bytes.
const COPIED: usize = 256 << 10;

/// Those up to this size are as well, when stable ones have turned out to be slow.
const COPIED_IF_SLOW: usize = 1 << 20;

/// That is when two of them, one after the other, take longer than this for a MiB: several times what copying takes.
const SLOW: Duration = Duration::from_micros(400);

/// As many are copied before one of them is stable again, and timed.
const UNTIMED: u32 = 63;

/// What a context has found out, and its memory for copies.
#[derive(Default)]
pub struct WritePolicy {
    buffers: Mutex<BufferPool>,
    /// How many writes between the two sizes are still to be copied: stable ones are slow.
    untimed: AtomicU32,
    /// The last one that was timed was slow.
    was_slow: AtomicBool,
}

fn is_copied_if_slow(from: &Source) -> bool {
    !from.is_owned() && (COPIED + 1..=COPIED_IF_SLOW).contains(&from.len())
}

/// Whether the time of a write tells something.
pub fn is_timed(from: &Source, stability: Stability) -> bool {
    stability == Stability::FileSync && is_copied_if_slow(from)
}

impl Client {
    /// How a write is made: not stable at once only if the data can be retained.
    pub(super) fn stability(&self, file: &File, from: &Source) -> Stability {
        if file.flags & libc::O_SYNC != 0 {
            return Stability::FileSync;
        }
        let most = if from.is_owned() { MOST_RETAINED } else { COPIED };
        let one_less = |untimed: u32| untimed.checked_sub(1);
        let is_copied = from.len() <= most
            || is_copied_if_slow(from)
                && self
                    .write_policy
                    .untimed
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
                    .is_ok();
        if is_copied { Stability::Unstable } else { Stability::FileSync }
    }

    /// Takes note of how long a write has taken that [`is_timed`].
    pub(super) fn timed(&self, from: &Source, time: Duration) {
        let is_slow = time.as_micros() * (1 << 20) > SLOW.as_micros() * from.len() as u128;
        if self.write_policy.was_slow.swap(is_slow, Ordering::Relaxed) && is_slow {
            self.write_policy.untimed.store(UNTIMED, Ordering::Relaxed);
        }
    }

    /// A copy of bytes that the caller will not keep; ENOMEM when there is no room for it.
    pub fn copied(&self, bytes: &[u8]) -> Result<Source> {
        let room = lock(&self.write_policy.buffers).room(bytes.len());
        copy(room, bytes)
    }

    /// The same data, in memory of the library.
    pub(super) fn owned(&self, data: &Source) -> Result<Source> {
        if data.is_owned() { Ok(data.clone()) } else { self.copied(data.as_slice()) }
    }

    /// After data was made stable: memory that is not in use goes back to the system.
    pub(super) fn trim_buffers(&self) {
        if self.retained() == 0 && self.in_flight.load(Ordering::Relaxed) == 0 {
            lock(&self.write_policy.buffers).give_back();
        }
    }
}
