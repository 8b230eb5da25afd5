//! What a context knows of a file of the server better than the server itself: one object for each file, shared by all
//! handles that have it open.
//!
//! Everything that must hold for the file, whoever does something with it, is decided here and in
//! [`commit`](super::commit): in which order its data changes ([`WriteOrder`]), which data the server may still lose
//! ([`Unstable`]), who is to hear of errors ([`ErrorSequence`]), which pages may be used ([`PageCache`]).

mod errors;
mod order;
mod page_cache;
mod unstable;

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};

use crate::attributes::Handle;
use crate::dialect::FileState;
use crate::executor::AsyncMutex;
use crate::map::Map;
use crate::sync::lock;

pub use errors::{ErrorCursor, ErrorSequence};
pub use order::WriteOrder;
pub use page_cache::{PageCache, Policy};
pub use unstable::{Lost, Unstable, Verifier};

/// See the module.
pub struct Inode {
    pub handle: Handle,
    /// The file system it is on.
    pub fsid: u64,
    /// What the server keeps for it while it is open.
    pub state: FileState,
    pub order: WriteOrder,
    pub unstable: Unstable,
    pub errors: ErrorSequence,
    pub pages: PageCache,
    /// Held by a write with O_APPEND, from asking for the size on.
    pub append: AsyncMutex,
    /// Held by whoever makes data stable: COMMITs of one file come one after another.
    pub commit: AsyncMutex,
    /// A COMMIT that nobody waits for is about to be sent, or under way.
    pub early_commit: AtomicBool,
    /// Handles that have it open for writing.
    writers: AtomicUsize,
}

/// A handle that has a file open for writing.
pub struct Writer(Arc<Inode>);

impl Inode {
    /// What transfers name.
    pub fn file(&self) -> (&Handle, &FileState) {
        (&self.handle, &self.state)
    }

    /// A handle is opened for writing.
    pub fn open_for_writing(self: &Arc<Self>) -> Writer {
        self.writers.fetch_add(1, Ordering::SeqCst);
        Writer(self.clone())
    }

    /// Handles that have it open for writing.
    pub fn writers(&self) -> usize {
        self.writers.load(Ordering::SeqCst)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if self.0.writers.fetch_sub(1, Ordering::SeqCst) == 1 {
            // Closing it has failed, and has told so: nothing of it is to reach the file later.
            self.0.unstable.give_up(u64::MAX);
        }
    }
}

/// The inodes of the open files of one mount.
pub struct Inodes {
    open: Mutex<OpenInodes>,
    /// Bytes of unstable data in all of them, and in those of former mounts.
    retained: Arc<AtomicUsize>,
}

#[derive(Default)]
struct OpenInodes {
    by_handle: Map<Handle, Weak<Inode>>,
    /// At so many, those that are closed are looked for.
    room: usize,
}

impl Inodes {
    pub fn new(retained: Arc<AtomicUsize>) -> Self {
        Self { open: Mutex::default(), retained }
    }

    /// That of a file which is being opened.
    pub fn open(&self, handle: &Handle, fsid: u64) -> Arc<Inode> {
        const FEW: usize = 8;
        let OpenInodes { by_handle, room } = &mut *lock(&self.open);
        if by_handle.len() >= *room {
            by_handle.retain(|_, inode| inode.strong_count() > 0);
            *room = (2 * by_handle.len()).max(FEW);
        }
        if let Some(inode) = by_handle.get(handle).and_then(Weak::upgrade) {
            return inode;
        }
        let inode = Arc::new(Inode {
            handle: *handle,
            fsid,
            state: FileState::default(),
            order: WriteOrder::default(),
            unstable: Unstable::new(self.retained.clone()),
            errors: ErrorSequence::default(),
            pages: PageCache::default(),
            append: AsyncMutex::default(),
            commit: AsyncMutex::default(),
            early_commit: AtomicBool::new(false),
            writers: AtomicUsize::new(0),
        });
        by_handle.insert(*handle, Arc::downgrade(&inode));
        inode
    }

    /// That of a file, if it is open.
    pub fn find(&self, handle: &Handle) -> Option<Arc<Inode>> {
        lock(&self.open).by_handle.get(handle).and_then(Weak::upgrade)
    }

    /// Those of open files.
    pub fn open_files(&self) -> Vec<Arc<Inode>> {
        lock(&self.open).by_handle.iter().filter_map(|(_, inode)| inode.upgrade()).collect()
    }

    /// Those with data that the server may lose, those with the most of it first.
    pub fn dirty(&self) -> Vec<Arc<Inode>> {
        let all = self.open_files();
        let retained =
            |inode: Arc<Inode>| Some((inode.unstable.retained(), inode)).filter(|(size, _)| *size > 0);
        let mut dirty: Vec<(usize, Arc<Inode>)> = all.into_iter().filter_map(retained).collect();
        dirty.sort_unstable_by_key(|(size, _)| std::cmp::Reverse(*size));
        dirty.into_iter().map(|(_, inode)| inode).collect()
    }
}

/// The lives of a server, as far as a client can tell: another one may have begun when its connection was lost or its
/// write verifier has changed.
pub struct Lives {
    /// The one that what is sent now reaches.
    current: AtomicU64,
    /// All data that was acknowledged in an earlier one is known to be there.
    checked: AtomicU64,
    /// The last verifier, by file system: some servers have one for each.
    verifiers: Mutex<Map<u64, Verifier>>,
}

impl Default for Lives {
    fn default() -> Self {
        Self { current: AtomicU64::new(1), checked: AtomicU64::new(1), verifiers: Mutex::default() }
    }
}

impl Lives {
    pub fn current(&self) -> u64 {
        self.current.load(Ordering::SeqCst)
    }

    /// Data that was acknowledged before may be lost.
    pub fn begin_another(&self) {
        self.current.fetch_add(1, Ordering::SeqCst);
    }

    /// Whether acknowledged data may be lost, so that the server shows older data in its place.
    pub fn is_unchecked(&self) -> bool {
        self.checked.load(Ordering::SeqCst) != self.current()
    }

    /// All that was acknowledged before `life` is there.
    pub fn checked(&self, life: u64) {
        self.checked.fetch_max(life, Ordering::SeqCst);
    }

    /// Takes note of a verifier that is new for a file of this file system; true when it is new for that as well.
    pub fn has_changed(&self, fsid: u64, verifier: Verifier) -> bool {
        let former = lock(&self.verifiers).insert(fsid, verifier);
        former.is_some_and(|former| former != verifier)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::io::Source;
    use crate::rpc::Credential;

    #[test]
    fn inodes_are_shared_while_they_are_open() {
        let inodes = Inodes::new(Arc::default());
        let handle = Handle::new(b"file").unwrap();
        let (one, other) = (inodes.open(&handle, 1), inodes.open(&handle, 1));
        assert!(Arc::ptr_eq(&one, &other) && inodes.dirty().is_empty());
        let writer = one.open_for_writing();
        let data = Source::copied(b"data").unwrap();
        one.unstable.retain(0, data, None, 1, &Credential::raw(0, b"").unwrap(), Instant::now);
        assert_eq!((inodes.dirty().len(), one.writers()), (1, 1));
        drop(writer);
        assert!(inodes.dirty().is_empty(), "nobody is left to be told");
        drop((one, other));
        assert!(inodes.find(&handle).is_none());
    }

    #[test]
    fn a_changed_verifier_is_another_life_for_its_file_system() {
        let lives = Lives::default();
        for (fsid, verifier, changed) in [(1, 1, false), (2, 2, false), (1, 1, false), (2, 3, true)] {
            assert_eq!(lives.has_changed(fsid, [verifier; 8]), changed);
        }
        lives.begin_another();
        assert!(lives.is_unchecked());
        let life = lives.current();
        lives.begin_another();
        lives.checked(life);
        assert!(lives.is_unchecked(), "it has restarted once more meanwhile");
        lives.checked(lives.current());
        assert!(!lives.is_unchecked());
    }
}
