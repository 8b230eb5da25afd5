//! Memory that is received into, when what comes has no better place to go: a connection has some for a turn only, so
//! that one which is idle takes none.

use std::ops::{Deref, DerefMut};
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicPtr, Ordering};

use super::memory::{map, unmap};

/// Bytes received at once when they have no better place to go.
pub const STAGE: usize = 64 << 10;

/// Most that are kept to be used again: as many threads may wait for replies at a time without asking for fresh memory.
const SPARE: usize = 64;

type Memory = [u8; STAGE];

/// No mutex: a child of this process would find it locked for ever, if another thread had it when that forked.
static SPARES: [AtomicPtr<Memory>; SPARE] = [const { AtomicPtr::new(null_mut()) }; SPARE];

/// See the module. Dropping it makes it a spare one.
pub struct Stage(NonNull<Memory>);

// SAFETY: it owns its memory, as a box does.
unsafe impl Send for Stage {}

impl Stage {
    /// Has zeroes in it, or what was received before.
    pub fn borrow() -> Self {
        let mut spares = SPARES.iter().filter(|spare| !spare.load(Ordering::Relaxed).is_null());
        let taken = spares.find_map(|spare| NonNull::new(spare.swap(null_mut(), Ordering::Acquire)));
        Self(taken.unwrap_or_else(fresh))
    }
}

#[cold]
fn fresh() -> NonNull<Memory> {
    if cfg!(miri) {
        return NonNull::from(Box::leak(Box::new([0; STAGE])));
    }
    let full = || std::alloc::handle_alloc_error(std::alloc::Layout::new::<Memory>());
    map(STAGE).unwrap_or_else(full).cast()
}

/// # Safety
/// It came from [`fresh`], and nobody uses it any more.
unsafe fn free(memory: NonNull<Memory>) {
    if cfg!(miri) {
        // SAFETY: by the contract above, a box.
        return drop(unsafe { Box::from_raw(memory.as_ptr()) });
    }
    // SAFETY: by the contract above.
    unsafe { unmap(memory.cast(), STAGE) };
}

impl Drop for Stage {
    fn drop(&mut self) {
        let keep = |spare: &AtomicPtr<Memory>| {
            spare.load(Ordering::Relaxed).is_null()
                && spare
                    .compare_exchange(null_mut(), self.0.as_ptr(), Ordering::Release, Ordering::Relaxed)
                    .is_ok()
        };
        if !SPARES.iter().any(keep) {
            // SAFETY: it came from `fresh`, and nobody else has it.
            unsafe { free(self.0) };
        }
    }
}

impl Deref for Stage {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: it owns the memory, which is initialised.
        unsafe { self.0.as_ref() }
    }
}

impl DerefMut for Stage {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above.
        unsafe { self.0.as_mut() }
    }
}

/// Gives the spare ones back to the system.
pub(super) fn give_spare_back() {
    for spare in &SPARES {
        if let Some(memory) = NonNull::new(spare.swap(null_mut(), Ordering::Acquire)) {
            // SAFETY: it came from `fresh`, and nobody else has it.
            unsafe { free(memory) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_disjoint_and_used_again() {
        let threads: Vec<_> = (0..4u8)
            .map(|number| {
                std::thread::spawn(move || {
                    for round in 0..200u8 {
                        let mut stages: Vec<_> = (0..SPARE / 2).map(|_| Stage::borrow()).collect();
                        for (index, stage) in stages.iter_mut().enumerate() {
                            (stage[0], stage[STAGE - 1]) = (number ^ round, index as u8);
                        }
                        for (index, stage) in stages.iter().enumerate() {
                            assert_eq!((stage[0], stage[STAGE - 1]), (number ^ round, index as u8));
                        }
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}
