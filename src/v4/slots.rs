//! The slots of a session (RFC 8881, section 2.10.6): each carries one call at a time, numbered in sequence, and the
//! server keeps its last reply. A call that is sent twice in its slot under its number is done once.
//!
//! A slot is free again when the reply to its call has come, and not before: whoever gives up a call leaves the slot to
//! it. Were it used again, the server would take the next call for a repetition.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use crate::error::{Error, Result};
use crate::xdr::Reader;

/// Slots that are asked for. Linux and nfs-ganesha give 64.
pub const WANTED: u32 = 256;

/// Bits of a word of [`Slots::busy`].
const WORD: u32 = u64::BITS;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionId(pub [u8; 16]);

/// What SEQUENCE carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sequence {
    pub session: SessionId,
    pub sequence: u32,
    pub slot: u32,
    /// The highest slot in use.
    pub highest: u32,
}

/// What the server says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sequenced {
    /// The highest slot that the server wants to see used.
    pub target: u32,
    /// See [`super::numbers::sequence_status`].
    pub flags: u32,
}

/// The table of one session. See the module.
pub struct Slots {
    session: SessionId,
    /// The number of the next call of each slot.
    next: Vec<u32>,
    /// A bit for each slot that has a call.
    busy: [u64; (WANTED / WORD) as usize],
    /// Slots that may be taken: the server may make them fewer, and more again.
    usable: u32,
    waiting: VecDeque<Waker>,
}

impl Slots {
    /// `granted` is what the server has agreed to; at least one.
    pub fn new(session: SessionId, granted: u32) -> Self {
        let granted = granted.clamp(1, WANTED);
        let busy = [0; (WANTED / WORD) as usize];
        Self { session, next: vec![1; granted as usize], busy, usable: granted, waiting: VecDeque::new() }
    }

    pub fn session(&self) -> SessionId {
        self.session
    }

    /// Takes the lowest free slot.
    pub fn take(&mut self) -> Option<Sequence> {
        let slot = self.lowest_free().filter(|slot| *slot < self.usable)?;
        let sequence = *self.next.get(slot as usize)?;
        self.busy[(slot / WORD) as usize] |= 1 << (slot % WORD);
        Some(Sequence { session: self.session, sequence, slot, highest: self.highest_busy() })
    }

    /// What the call in this slot carries.
    pub fn sequence(&self, slot: u32) -> Sequence {
        let sequence = self.next.get(slot as usize).copied().unwrap_or_default();
        Sequence { session: self.session, sequence, slot, highest: self.highest_busy().max(slot) }
    }

    /// As [`Slots::take`], when there is one.
    pub fn poll_take(&mut self, context: &mut Context<'_>) -> Poll<Sequence> {
        match self.take() {
            Some(sequence) => Poll::Ready(sequence),
            None => {
                self.waiting.push_back(context.waker().clone());
                Poll::Pending
            }
        }
    }

    /// The call has been done: the next one of its slot has the next number.
    pub fn done(&mut self, slot: u32) {
        if let Some(next) = self.next.get_mut(slot as usize) {
            *next = next.wrapping_add(1);
        }
        self.free(slot);
    }

    /// The call never came to be executed: its number is still to be used.
    pub fn free(&mut self, slot: u32) {
        if let Some(word) = self.busy.get_mut((slot / WORD) as usize) {
            *word &= !(1 << (slot % WORD));
        }
        self.waiting.pop_front().into_iter().for_each(Waker::wake);
    }

    /// The server wants no slot above `target` to be used, or gives more of those that were agreed to.
    pub fn set_target(&mut self, target: u32) {
        if self.has_ended() {
            return;
        }
        let usable = target.saturating_add(1).min(self.next.len() as u32);
        if usable > self.usable {
            self.waiting.drain(..).for_each(Waker::wake);
        }
        self.usable = usable;
    }

    /// Nobody gets a slot of this session any more: who waits looks for another one.
    pub fn end(&mut self) {
        self.usable = 0;
        self.waiting.drain(..).for_each(Waker::wake);
    }

    pub fn has_ended(&self) -> bool {
        self.usable == 0
    }

    pub fn is_idle(&self) -> bool {
        self.busy == [0; (WANTED / WORD) as usize]
    }

    fn lowest_free(&self) -> Option<u32> {
        let (index, word) = (0..).zip(self.busy).find(|(_, word)| *word != u64::MAX)?;
        Some(index * WORD + word.trailing_ones())
    }

    fn highest_busy(&self) -> u32 {
        let (index, word) = (0..).zip(self.busy).filter(|(_, word)| *word != 0).last().unwrap_or((0, 1));
        index * WORD + word.ilog2()
    }
}

impl Sequence {
    /// What follows the status of SEQUENCE in the reply; an error when it is that of another call.
    pub fn read(&self, reader: &mut Reader<'_>) -> Result<Sequenced> {
        let session = SessionId(*reader.array()?);
        let (sequence, slot) = (reader.u32()?, reader.u32()?);
        let (_highest, target, flags) = (reader.u32()?, reader.u32()?, reader.u32()?);
        if (session, sequence, slot) != (self.session, self.sequence, self.slot) {
            return Err(Error::malformed("NFSv4: the reply belongs to another slot or session"));
        }
        Ok(Sequenced { target, flags })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn slots(granted: u32) -> Slots {
        Slots::new(SessionId([7; 16]), granted)
    }

    #[test]
    fn the_lowest_free_slot_is_taken() {
        let mut slots = slots(3);
        let taken: Vec<Sequence> = (0..3).map(|_| slots.take().unwrap()).collect();
        assert_eq!(
            taken.iter().map(|one| (one.slot, one.sequence)).collect::<Vec<_>>(),
            [(0, 1), (1, 1), (2, 1)]
        );
        assert!(slots.take().is_none());
        slots.done(1);
        let again = slots.take().unwrap();
        assert_eq!((again.slot, again.sequence, again.highest), (1, 2, 2));
        slots.free(2);
        slots.done(1);
        assert_eq!(slots.take().unwrap(), Sequence { slot: 1, sequence: 3, highest: 1, ..again });
    }

    #[test]
    fn the_server_shrinks_the_table_and_grows_it_again() {
        let mut slots = slots(64);
        slots.set_target(0);
        assert_eq!(slots.take().unwrap().slot, 0);
        let mut context = Context::from_waker(Waker::noop());
        assert!(slots.poll_take(&mut context).is_pending());
        slots.set_target(u32::MAX);
        assert_eq!((slots.usable, slots.waiting.len()), (64, 0));
        assert!(slots.poll_take(&mut context).is_ready());
        slots.end();
        assert!(slots.take().is_none());
        for granted in [0, u32::MAX] {
            let mut slots = Slots::new(SessionId([0; 16]), granted);
            let count = std::iter::from_fn(|| slots.take()).count();
            assert_eq!(count as u32, granted.clamp(1, WANTED));
        }
    }

    proptest! {
        #[test]
        fn a_slot_carries_one_call_at_a_time_in_sequence(
            steps in prop::collection::vec((0..4u8, any::<prop::sample::Index>(), 0..80u32), 0..400),
        ) {
            let mut slots = slots(64);
            let mut busy: Vec<Sequence> = Vec::new();
            let mut last: HashMap<u32, u32> = HashMap::new();
            for (step, which, target) in steps {
                match step {
                    0 | 1 => {
                        if let Some(taken) = slots.take() {
                            prop_assert!(busy.iter().all(|other| other.slot != taken.slot));
                            prop_assert_eq!(taken.sequence, last.get(&taken.slot).copied().unwrap_or(0) + 1);
                            busy.push(taken);
                            let highest = busy.iter().map(|one| one.slot).max();
                            prop_assert_eq!(Some(taken.highest), highest);
                        }
                    }
                    2 if !busy.is_empty() => {
                        let one = busy.swap_remove(which.index(busy.len()));
                        slots.done(one.slot);
                        last.insert(one.slot, one.sequence);
                    }
                    3 => slots.set_target(target),
                    _ => {}
                }
                prop_assert_eq!(slots.is_idle(), busy.is_empty());
            }
        }
    }
}
