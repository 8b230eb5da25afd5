//! Copies of small data in memory that is used again and again: fresh memory costs a page fault for every page, which
//! is several times what copying costs.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::memory::{Block, Destination, Source};
use crate::error::Result;
use crate::sync::{Held, hold};

/// Memory is taken from the system in pieces of this size, bytes.
const CHUNK: usize = 1 << 20;

/// The most that a context has at a time, chunks: what it may retain, and writes of the program that wait for room.
const CHUNKS: usize = 32;

/// What the process keeps of them when nobody uses them, chunks: a program that writes one small file after another needs
/// one again and again.
const SPARE: usize = 1;

/// Copies begin at multiples of this.
const ALIGNMENT: usize = 64;

static SPARES: Mutex<Vec<Block>> = Mutex::new(Vec::new());

/// For a fork.
pub fn hold_spare_chunks(until: Instant, held: &mut Vec<Box<dyn Held>>) {
    hold(&SPARES, until, held);
}

fn spares() -> MutexGuard<'static, Vec<Block>> {
    SPARES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives what the process keeps back to the system.
pub(super) fn give_spare_back() {
    let chunks = std::mem::take(&mut *spares());
    drop(chunks);
}

/// See the module.
#[derive(Default)]
pub struct BufferPool {
    /// The last one is being filled.
    chunks: Vec<Block>,
    filled: usize,
}

impl BufferPool {
    /// Room for a copy of `len` bytes, to be filled and made a [`Source`]; None when other memory has to be found.
    pub fn room(&mut self, len: usize) -> Option<Destination> {
        if self.chunks.is_empty() || len > CHUNK - self.filled {
            self.next_chunk(len)?;
        }
        let chunk = self.chunks.last()?;
        // SAFETY: what is behind `filled` has not been given out since nobody else had the chunk.
        let room = unsafe { chunk.window(self.filled, len) };
        self.filled = (self.filled + len).next_multiple_of(ALIGNMENT).min(CHUNK);
        Some(room)
    }

    /// Goes on with a chunk that nobody uses any more, or with a new one.
    fn next_chunk(&mut self, len: usize) -> Option<()> {
        if len > CHUNK {
            return None;
        }
        let unused = self.chunks.iter_mut().position(|chunk| chunk.as_slice().is_some());
        let chunk = match unused {
            Some(index) => self.chunks.remove(index),
            None if self.chunks.len() < CHUNKS => {
                let spare = spares().pop();
                spare.map_or_else(|| Block::mapped(CHUNK), Ok).ok()?
            }
            None => return None,
        };
        self.chunks.push(chunk);
        self.filled = 0;
        Some(())
    }

    /// Gives memory that nobody uses back to the system, but for what the process keeps.
    pub fn give_back(&mut self) {
        if self.chunks.is_empty() {
            return;
        }
        self.filled = CHUNK;
        self.chunks.retain_mut(|chunk| {
            let unused = chunk.as_slice().is_some();
            if unused {
                let mut spares = spares();
                if spares.len() < SPARE {
                    spares.push(chunk.clone());
                }
            }
            !unused
        });
    }
}

/// A copy of `bytes` in the room found for it, or else in memory of its own; ENOMEM when there is none.
pub fn copy(room: Option<Destination>, bytes: &[u8]) -> Result<Source> {
    match room {
        Some(mut room) if room.len() == bytes.len() => {
            room.as_mut_slice().copy_from_slice(bytes);
            Ok(room.into())
        }
        _ => Source::copied(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copied(copies: &mut BufferPool, bytes: &[u8]) -> Option<Source> {
        let room = copies.room(bytes.len());
        room.is_some().then(|| copy(room, bytes).unwrap())
    }

    #[test]
    fn copies_are_disjoint_and_memory_is_used_again() {
        let mut copies = BufferPool::default();
        for round in 0..50u8 {
            let lengths = [1, 100, 4096, 300_000, CHUNK, 77];
            let made: Vec<_> = lengths
                .iter()
                .enumerate()
                .map(|(index, len)| copied(&mut copies, &vec![round ^ index as u8; *len]).unwrap())
                .collect();
            for (index, (source, len)) in made.iter().zip(lengths).enumerate() {
                assert!(
                    source.len() == len && source.as_slice().iter().all(|byte| *byte == round ^ index as u8)
                );
            }
        }
        assert_eq!(copies.chunks.len(), 3);
        copies.give_back();
        assert!(copies.chunks.is_empty() && copied(&mut copies, b"again").is_some());
    }

    #[test]
    fn what_has_no_room_is_copied_elsewhere() {
        let mut copies = BufferPool::default();
        let made: Vec<_> = (0..CHUNKS).map(|_| copied(&mut copies, &[1; CHUNK]).unwrap()).collect();
        assert!(copied(&mut copies, b"x").is_none() && copied(&mut copies, &[0; CHUNK + 1]).is_none());
        assert_eq!(copy(None, b"elsewhere").unwrap().as_slice(), b"elsewhere");
        drop(made);
        let kept = copied(&mut copies, b"x").unwrap();
        copies.give_back();
        assert_eq!((copies.chunks.len(), kept.as_slice()), (1, &b"x"[..]));
        assert_eq!(copied(&mut copies, b"y").unwrap().as_slice(), b"y");
        assert_eq!(kept.as_slice(), b"x");
    }
}
