//! Memory that file data moves through without a copy: the caller's buffers, or blocks of our own.

use std::cell::UnsafeCell;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::error::{Error, Result};
use crate::sync::{Held, hold};

/// Heap memory for data that the library itself hands to a callback.
///
/// Cloning a block shares it; the memory lives until the last clone and the last [`Destination`] are gone.
#[derive(Clone)]
pub struct Block {
    cells: Arc<Cells>,
    /// The bytes in use, from the first on.
    len: usize,
}

struct Cells {
    memory: NonNull<[UnsafeCell<u8>]>,
    /// It is a mapping of its own, and goes back to the system with the last clone, whatever malloc() thinks of it.
    is_mapped: bool,
}

impl Cells {
    fn len(&self) -> usize {
        self.memory.len()
    }
}

impl Drop for Cells {
    fn drop(&mut self) {
        if self.is_mapped {
            // SAFETY: mapped by `map` with this length, and nobody uses it any more.
            unsafe { unmap(self.memory.cast(), self.memory.len()) };
        } else {
            // SAFETY: the memory of a box, which nobody uses any more.
            drop(unsafe { Box::from_raw(self.memory.as_ptr()) });
        }
    }
}

impl From<Box<[UnsafeCell<u8>]>> for Cells {
    fn from(memory: Box<[UnsafeCell<u8>]>) -> Self {
        // SAFETY: a box is not NULL.
        Self { memory: unsafe { NonNull::new_unchecked(Box::into_raw(memory)) }, is_mapped: false }
    }
}

// SAFETY: the cells are written only through `Destination`s, which are disjoint windows.
unsafe impl Send for Cells {}
// SAFETY: as above; `Block` itself hands out nothing but the address.
unsafe impl Sync for Cells {}

/// Blocks to use again: reading in a steady stream allocates nothing.
static SPARE: Mutex<Vec<Arc<Cells>>> = Mutex::new(Vec::new());

/// Most spare blocks, and how large a block may be to become one: 4 MiB in all.
const SPARE_BLOCKS: usize = 64;
const SPARE_SIZE: usize = 64 << 10;

fn spare() -> MutexGuard<'static, Vec<Arc<Cells>>> {
    SPARE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// For a fork.
pub fn hold_spare_blocks(until: Instant, held: &mut Vec<Box<dyn Held>>) {
    hold(&SPARE, until, held);
}

/// A mapping of zeroed memory: it takes no more of the machine's than is touched.
pub(super) fn map(len: usize) -> Option<NonNull<u8>> {
    let (access, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: asks for new memory, wherever there is room.
    let start = unsafe { libc::mmap(std::ptr::null_mut(), len, access, flags, -1, 0) };
    if start == libc::MAP_FAILED { None } else { NonNull::new(start.cast()) }
}

/// Gives it back to the system.
///
/// # Safety
/// It came from [`map`] with this length, and nobody uses it any more.
pub(super) unsafe fn unmap(start: NonNull<u8>, len: usize) {
    // SAFETY: by the contract above.
    unsafe { libc::munmap(start.as_ptr().cast(), len) };
}

/// Frees the spare blocks.
pub(super) fn give_spare_back() {
    let blocks = std::mem::take(&mut *spare());
    drop(blocks);
}

impl From<Vec<u8>> for Block {
    fn from(bytes: Vec<u8>) -> Self {
        let (len, slice) = (bytes.len(), Box::into_raw(bytes.into_boxed_slice()));
        // SAFETY: just taken out of its box; UnsafeCell<u8> has the layout of u8.
        let memory = unsafe { Box::from_raw(slice as *mut [UnsafeCell<u8>]) };
        Self { cells: Arc::new(memory.into()), len }
    }
}

impl Block {
    /// Memory of `len` bytes, with zeroes or with what was in it before; ENOMEM when the system has no such amount.
    pub fn new(len: usize) -> Result<Self> {
        if len <= SPARE_SIZE {
            let mut spare = spare();
            let fits = |cells: &Arc<Cells>| (len..=2 * len).contains(&cells.len());
            if let Some(index) = spare.iter().rposition(fits) {
                return Ok(Self { cells: spare.swap_remove(index), len });
            }
        }
        Self::zeroed(len)
    }

    /// Lets the memory be used again, when nobody else holds it.
    pub fn recycle(self) {
        let Self { mut cells, len: _ } = self;
        if (1..=SPARE_SIZE).contains(&cells.len()) && Arc::get_mut(&mut cells).is_some() {
            let mut spare = spare();
            if spare.len() < SPARE_BLOCKS {
                spare.push(cells);
            }
        }
    }

    /// Zeroed memory of `len` bytes; ENOMEM when the system has no such amount.
    fn zeroed(len: usize) -> Result<Self> {
        if len == 0 {
            return Ok(Self { cells: Arc::new(Cells::from(Box::default())), len });
        }
        let layout = std::alloc::Layout::array::<u8>(len)
            .map_err(|_| Error::new(libc::EINVAL, format!("a buffer of {len} bytes cannot exist")))?;
        // SAFETY: the layout is not of size zero.
        let start = unsafe { std::alloc::alloc_zeroed(layout) };
        if start.is_null() {
            return Err(Error::new(libc::ENOMEM, format!("no memory for {len} bytes")));
        }
        let slice = std::ptr::slice_from_raw_parts_mut(start.cast::<UnsafeCell<u8>>(), len);
        // SAFETY: freshly allocated with the layout of [u8; len], which UnsafeCell<u8> shares, and initialised.
        let memory = unsafe { Box::from_raw(slice) };
        Ok(Self { cells: Arc::new(memory.into()), len })
    }

    /// A mapping of its own, of zeroed memory of `len` bytes; ENOMEM when the system has no such amount.
    pub fn mapped(len: usize) -> Result<Self> {
        if cfg!(miri) {
            return Self::zeroed(len);
        }
        let no_memory = || Error::new(libc::ENOMEM, format!("no memory for {len} bytes"));
        let start = map(len).ok_or_else(no_memory)?.cast();
        let cells = Cells { memory: NonNull::slice_from_raw_parts(start, len), is_mapped: true };
        Ok(Self { cells: Arc::new(cells), len })
    }

    /// A window over the whole block. At most one may be alive at a time.
    ///
    /// # Safety
    /// No other destination over this block is alive, and the memory is not read through [`Block::as_ptr`]
    /// until the one returned here has been dropped.
    pub unsafe fn destination(&self) -> Destination {
        // SAFETY: by the contract above.
        unsafe { self.window(0, self.len()) }
    }

    /// A window over the part of at most `len` bytes from `at` on.
    ///
    /// # Safety
    /// As for [`Block::destination`], about this part.
    pub unsafe fn window(&self, at: usize, len: usize) -> Destination {
        let at = at.min(self.len());
        // SAFETY: `at <= self.len()`, so the result stays within or one past the same allocation.
        let start = unsafe { self.as_ptr().add(at) };
        Destination { start: start.cast_mut(), len: len.min(self.len() - at), _keep: Some(self.clone()) }
    }

    /// Memory together with the only window over it.
    pub fn with_destination(len: usize) -> Result<(Self, Destination)> {
        let block = Self::new(len)?;
        // SAFETY: nobody else holds the block, and `as_slice` refuses while the window is alive.
        let destination = unsafe { block.destination() };
        Ok((block, destination))
    }

    /// The bytes, once no destination and no clone is left.
    pub fn as_slice(&mut self) -> Option<&[u8]> {
        let cells = Arc::get_mut(&mut self.cells)?;
        // SAFETY: `get_mut` shows that nobody else can reach the cells, which are initialised, and `len` at least.
        Some(unsafe { std::slice::from_raw_parts(cells.memory.as_ptr().cast(), self.len) })
    }

    /// Where the memory starts.
    pub fn as_ptr(&self) -> *const u8 {
        self.cells.memory.as_ptr().cast()
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.len
    }
}

/// A window of memory that READ data is received into. Windows never overlap.
pub struct Destination {
    start: *mut u8,
    len: usize,
    _keep: Option<Block>,
}

impl Default for Destination {
    /// No memory.
    fn default() -> Self {
        Self { start: std::ptr::NonNull::dangling().as_ptr(), len: 0, _keep: None }
    }
}

// SAFETY: a destination is the only way to its bytes while it lives (contract of its constructors).
unsafe impl Send for Destination {}

impl Destination {
    /// A window over memory owned by somebody else.
    ///
    /// # Safety
    /// `start..start + len` stays valid for writes, and is used by nobody else, until this value and everything
    /// split from it have been dropped.
    pub unsafe fn foreign(start: *mut u8, len: usize) -> Self {
        Self { start, len, _keep: None }
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Cuts off and returns the first `at` bytes (all of them when there are fewer).
    pub fn split_front(&mut self, at: usize) -> Self {
        let at = at.min(self.len);
        let front = Self { start: self.start, len: at, _keep: self._keep.clone() };
        // SAFETY: `at <= len`, so the result stays within or one past the same allocation.
        self.start = unsafe { self.start.add(at) };
        self.len -= at;
        front
    }

    /// One window over both, the inverse of [`Destination::split_front`]; None when `behind` does not follow this one.
    pub fn join(self, behind: Self) -> Option<Self> {
        if self.len == 0 {
            return Some(behind);
        }
        let follows = behind.len == 0 || self.start.wrapping_add(self.len) == behind.start;
        follows.then(|| Self { len: self.len + behind.len, ..self })
    }

    /// The bytes.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        if self.len == 0 {
            return &mut [];
        }
        // SAFETY: valid and exclusive by the contract of the constructors; splitting keeps windows disjoint.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.len) }
    }
}

/// Bytes that WRITE data is sent from. Cheap to clone and to cut.
#[derive(Clone)]
pub struct Source {
    start: *const u8,
    len: usize,
    keep: Option<Block>,
}

impl Default for Source {
    /// No bytes.
    fn default() -> Self {
        Self { start: std::ptr::null(), len: 0, keep: None }
    }
}

impl From<Destination> for Source {
    /// What has been written to the window.
    fn from(window: Destination) -> Self {
        Self { start: window.start, len: window.len, keep: window._keep }
    }
}

// SAFETY: the bytes are only read, and stay valid (contract of `foreign`, or owned by `keep`).
unsafe impl Send for Source {}
// SAFETY: as above.
unsafe impl Sync for Source {}

impl Source {
    /// Bytes owned by somebody else.
    ///
    /// # Safety
    /// `start..start + len` stays valid and unchanged until this value and all its clones and slices are gone.
    pub unsafe fn foreign(start: *const u8, len: usize) -> Self {
        Self { start, len, keep: None }
    }

    /// A copy of `bytes`, for calls that outlive the caller's buffer; ENOMEM when there is no room for it.
    pub fn copied(bytes: &[u8]) -> Result<Self> {
        let mut copy = Vec::new();
        copy.try_reserve_exact(bytes.len()).map_err(|_| {
            Error::new(libc::ENOMEM, format!("no memory for a copy of {} bytes", bytes.len()))
        })?;
        copy.extend_from_slice(bytes);
        let block = Block::from(copy);
        Ok(Self { start: block.as_ptr(), len: block.len(), keep: Some(block) })
    }

    /// Whether the bytes are its own: they stay, whatever becomes of the caller's memory.
    pub fn is_owned(&self) -> bool {
        self.keep.is_some()
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// The part of at most `len` bytes from `at` on.
    pub fn slice(&self, at: usize, len: usize) -> Self {
        let at = at.min(self.len);
        // SAFETY: `at <= self.len`, so the result stays within or one past the same allocation.
        let start = unsafe { self.start.add(at) };
        Self { start, len: len.min(self.len - at), keep: self.keep.clone() }
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        if self.len == 0 {
            return &[];
        }
        // SAFETY: valid and unchanged by the contract of `foreign`, or kept by `keep`.
        unsafe { std::slice::from_raw_parts(self.start, self.len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_disjoint_and_keep_the_block() {
        let block = Block::zeroed(10).unwrap();
        // SAFETY: the only destination of this block, dropped before the bytes are read.
        let mut rest = unsafe { block.destination() };
        let mut front = rest.split_front(4);
        front.as_mut_slice().fill(1);
        rest.as_mut_slice().fill(2);
        assert_eq!((front.len(), rest.len(), rest.split_front(0).len()), (4, 6, 0));
        let mut whole = front.join(rest).unwrap();
        assert_eq!((whole.as_mut_slice()[3], whole.as_mut_slice()[4]), (1, 2));
        let (front, back) = (whole.split_front(4), whole);
        assert!(back.join(front).is_none());
        // SAFETY: no destination is left.
        let bytes = unsafe { std::slice::from_raw_parts(block.as_ptr(), block.len()) };
        assert_eq!(bytes, [1, 1, 1, 1, 2, 2, 2, 2, 2, 2]);
    }

    #[test]
    fn source_slices_stay_inside() {
        let source = Source::copied(b"abcdef").unwrap();
        assert_eq!(source.slice(2, 3).as_slice(), b"cde");
        assert_eq!(source.slice(5, 9).as_slice(), b"f");
        assert_eq!(source.slice(9, 9).as_slice(), b"");
    }

    #[test]
    fn absurd_sizes_are_refused() {
        assert_eq!(Block::zeroed(usize::MAX).err().unwrap().errno(), libc::EINVAL);
        assert_eq!(Block::zeroed(isize::MAX as usize).err().unwrap().errno(), libc::ENOMEM);
        assert_eq!(Block::zeroed(0).unwrap().len(), 0);
    }
}
