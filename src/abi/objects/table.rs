//! Tables of handles.
//!
//! A handle is the address of a slot in a table. It is only ever compared, never followed: an address that is not
//! a slot's, or whose slot is empty, is no handle. Slots are never freed, and an empty one rests for a long while
//! before it is used again, so a handle that was closed stays recognizable.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use once_cell::sync::OnceCell;

use super::forked::{Forked, Forks};
use crate::error::{Error, Result};
use crate::io;
use crate::sync::{Held, hold, lock, lock_until, try_lock};

/// Slots that must be empty before one of them is used again, the one that has been empty the longest. (Miri is slow.)
const RESTING: usize = if cfg!(miri) { 32 } else { 1024 };

/// The first block has this many slots, and each further one twice as many as the one before.
const FIRST_BLOCK: usize = 64;

const BLOCKS: usize = 20;

struct Slot<T> {
    object: Mutex<Option<Arc<T>>>,
    /// The process that the object belongs to. A child of it has a copy, which only [`Slot::inherit`] may look at.
    process: AtomicU32,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self { object: Mutex::new(None), process: AtomicU32::new(0) }
    }
}

impl<T> Slot<T> {
    /// Whether it holds a copy of an object of another process.
    fn is_inherited(&self) -> bool {
        let process = self.process.load(Ordering::Relaxed);
        process != 0 && process != io::process()
    }
}

impl<T: Forked> Slot<T> {
    /// In a child: puts what this process goes on with in the place of an object of its parent. False when that is nothing.
    #[cold]
    fn inherit(&self) -> bool {
        let mut forks = Forks::lock();
        if self.is_inherited() {
            let Some(mut object) = try_lock(&self.object) else { return false };
            if let Some(old) = &*object {
                let Some(new) = old.forked(&mut forks) else { return false };
                if !Arc::ptr_eq(old, &new) {
                    forks.keep(object.replace(new));
                }
            }
            self.process.store(io::process(), Ordering::Relaxed);
        }
        true
    }
}

/// The objects of one kind that C has handles for. `H` is the C type of the handle.
pub struct Table<T, H> {
    what: &'static str,
    gone: &'static str,
    blocks: [OnceCell<Box<[Slot<T>]>>; BLOCKS],
    spare: Mutex<Spare>,
    handle: PhantomData<fn() -> *mut H>,
}

/// Slots to use next, by number: slots are numbered through all blocks.
struct Spare {
    emptied: VecDeque<usize>,
    never_used: usize,
}

impl<T: Forked, H> Table<T, H> {
    pub const fn new(what: &'static str, gone: &'static str) -> Self {
        let spare = Spare { emptied: VecDeque::new(), never_used: 0 };
        let blocks = [const { OnceCell::new() }; BLOCKS];
        Self { what, gone, blocks, spare: Mutex::new(spare), handle: PhantomData }
    }

    /// A handle for `object`.
    pub fn insert(&self, object: Arc<T>) -> Result<*mut H> {
        let slot = self.spare_slot()?;
        slot.process.store(io::process(), Ordering::Relaxed);
        *lock(&slot.object) = Some(object);
        Ok(std::ptr::from_ref(slot).cast_mut().cast())
    }

    /// The object behind `handle`: EINVAL when that is NULL, EBADF when it is closed or was never one.
    pub fn get(&self, handle: *const H) -> Result<Arc<T>> {
        self.with_slot(handle, |object| object.clone())
    }

    /// What `look` takes from the object behind `handle`; it must not use this table. Errors as for [`Table::get`].
    pub fn look<R>(&self, handle: *const H, look: impl FnOnce(&T) -> R) -> Result<R> {
        self.with_slot(handle, |object| object.as_deref().map(look))
    }

    /// Closes `handle`. Of several callers at once only one gets the object.
    pub fn take(&self, handle: *const H) -> Result<Arc<T>> {
        let object = self.with_slot(handle, Option::take)?;
        if let Some((_, number)) = self.slot(handle.addr()) {
            lock(&self.spare).emptied.push_back(number);
        }
        Ok(object)
    }

    /// Closes the handles of all objects that `which` selects.
    pub fn take_all(&self, which: impl Fn(&T) -> bool) {
        for slot in self.slots() {
            let selected = !slot.is_inherited() && lock(&slot.object).as_deref().is_some_and(&which);
            if selected {
                // Somebody else may have been faster.
                let _ = self.take(std::ptr::from_ref(slot).cast());
            }
        }
    }

    /// The error of a handle that is NULL, or is not one.
    pub fn refusal(&self, handle: *const H) -> Error {
        if handle.is_null() {
            return Error::new(libc::EINVAL, format!("{} is NULL", self.what));
        }
        Error::new(libc::EBADF, format!("{} {}", self.what, self.gone))
    }

    fn with_slot<R>(
        &self,
        handle: *const H,
        change: impl FnOnce(&mut Option<Arc<T>>) -> Option<R>,
    ) -> Result<R> {
        let slot = self.slot(handle.addr()).map(|(slot, _)| slot);
        if let Some(slot) = slot.filter(|slot| slot.is_inherited())
            && !slot.inherit()
        {
            // Its mutex may be locked for ever, by a thread that only the parent has.
            let why = format!("{} belongs to the process that has forked this one", self.what);
            return Err(Error::new(libc::EBADF, why));
        }
        slot.and_then(|slot| change(&mut lock(&slot.object))).ok_or_else(|| self.refusal(handle))
    }

    /// Whether it is the handle of another process, of which this one can make nothing.
    pub fn is_inherited(&self, handle: *const H) -> bool {
        self.slot(handle.addr()).is_some_and(|(slot, _)| slot.is_inherited())
    }

    /// For a fork: none of the mutexes is locked in the child.
    pub fn hold<'a>(&'a self, until: Instant, held: &mut Vec<Box<dyn Held + 'a>>) {
        hold(&self.spare, until, held);
        self.slots().for_each(|slot| hold(&slot.object, until, held));
    }

    /// All objects, for a fork.
    pub fn objects(&self, until: Instant) -> impl Iterator<Item = Arc<T>> {
        let slots = self.slots().filter(|slot| !slot.is_inherited());
        slots.filter_map(move |slot| lock_until(&slot.object, until)?.clone())
    }

    fn slots(&self) -> impl Iterator<Item = &Slot<T>> {
        self.blocks.iter().filter_map(OnceCell::get).flat_map(|block| block.iter())
    }

    fn slot(&self, address: usize) -> Option<(&Slot<T>, usize)> {
        for (block, slots) in self.blocks.iter().enumerate() {
            // Which of two blocks that are new comes first is up to the threads that make them.
            let Some(slots) = slots.get() else { continue };
            let offset = address.wrapping_sub(slots.as_ptr().addr());
            if offset < size_of_val::<[Slot<T>]>(slots) {
                let index = offset / size_of::<Slot<T>>();
                let aligned = offset % size_of::<Slot<T>>() == 0;
                return aligned.then(|| (&slots[index], number(block, index)));
            }
        }
        None
    }

    fn spare_slot(&self) -> Result<&Slot<T>> {
        let mut spare = lock(&self.spare);
        let exhausted = spare.never_used == number(BLOCKS, 0);
        let number = if spare.emptied.len() >= RESTING || exhausted {
            let emptied = spare.emptied.pop_front();
            emptied.ok_or_else(|| Error::new(libc::ENFILE, "too many handles are open"))?
        } else {
            spare.never_used += 1;
            spare.never_used - 1
        };
        let (block, index) = place(number);
        let slots = || (0..FIRST_BLOCK << block).map(|_| Slot::default()).collect();
        Ok(&self.blocks[block].get_or_init(slots)[index])
    }
}

/// The number of a slot.
fn number(block: usize, index: usize) -> usize {
    FIRST_BLOCK * ((1 << block) - 1) + index
}

/// The inverse of [`number`].
fn place(number: usize) -> (usize, usize) {
    let block = (number / FIRST_BLOCK + 1).ilog2() as usize;
    (block, number - self::number(block, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Forked for u32 {
        fn forked(self: &Arc<Self>, _: &mut Forks) -> Option<Arc<Self>> {
            None
        }
    }

    #[test]
    fn numbers_and_places_agree() {
        for n in (0..5000).chain([number(BLOCKS, 0) - 1]) {
            let (block, index) = place(n);
            assert!(block < BLOCKS && index < FIRST_BLOCK << block);
            assert_eq!(number(block, index), n);
        }
    }

    #[test]
    fn a_closed_handle_is_recognized() {
        static TABLE: Table<u32, u8> = Table::new("the thing", "is gone");
        let handle = TABLE.insert(Arc::new(1)).unwrap();
        assert_eq!(*TABLE.get(handle).unwrap(), 1);
        assert_eq!(*TABLE.take(handle).unwrap(), 1);
        for _ in 0..RESTING - 1 {
            let other = TABLE.insert(Arc::new(2)).unwrap();
            assert_ne!(other, handle);
            TABLE.take(other).unwrap();
            assert_eq!(TABLE.get(handle).unwrap_err().errno(), libc::EBADF);
            assert_eq!(TABLE.take(handle).unwrap_err().to_string(), "the thing is gone");
        }
        assert_eq!(TABLE.insert(Arc::new(3)).unwrap(), handle, "the longest empty slot comes first");
    }

    #[test]
    fn what_is_no_handle_is_refused() {
        static TABLE: Table<u32, u8> = Table::new("the thing", "is gone");
        let handle = TABLE.insert(Arc::new(1)).unwrap();
        let mut elsewhere = 0;
        assert_eq!(TABLE.get(std::ptr::null()).unwrap_err().errno(), libc::EINVAL);
        for wrong in [
            handle.wrapping_add(1),
            handle.wrapping_add(size_of::<Slot<u32>>() * 63),
            handle.wrapping_sub(size_of::<Slot<u32>>()),
            &raw mut elsewhere,
        ] {
            assert_eq!(TABLE.get(wrong).unwrap_err().errno(), libc::EBADF);
        }
    }

    #[test]
    fn take_all_takes_the_selected() {
        static TABLE: Table<u32, u8> = Table::new("the thing", "is gone");
        let handles: Vec<_> = (0..200).map(|n| TABLE.insert(Arc::new(n)).unwrap()).collect();
        TABLE.take_all(|n| n % 2 == 0);
        for (n, &handle) in handles.iter().enumerate() {
            assert_eq!(TABLE.get(handle).is_ok(), n % 2 == 1);
        }
    }
}
