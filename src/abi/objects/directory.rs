//! Open directories.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use once_cell::sync::OnceCell;

use crate::abi::types::{nfs_context, nfsdirent};
use crate::client::{Attributes, Directory, Entries, MountLife};
use crate::error::Result;
use crate::sync::{lock, try_lock};

/// A directory with its entries as C sees them.
pub struct OpenDirectory {
    client_id: u64,
    mount: MountLife,
    /// The address that is the context's handle.
    context: usize,
    length: usize,
    /// Of the next entry.
    position: AtomicUsize,
    /// Until the first entry is asked for.
    packed: Mutex<Option<Entries>>,
    records: OnceCell<Records>,
}

/// One record for each entry. They point to each other and to the names, and stay what they are: a program may keep
/// them until it closes the directory.
#[derive(Default)]
struct Records {
    records: Box<[UnsafeCell<nfsdirent>]>,
    _names: Box<[u8]>,
}

// SAFETY: the records are written before anybody else sees them, and from then on by C alone.
unsafe impl Send for Records {}
// SAFETY: as above.
unsafe impl Sync for Records {}

impl OpenDirectory {
    /// Of the context whose handle is `nfs`.
    pub fn new(nfs: *mut nfs_context, directory: Directory) -> Arc<Self> {
        let Directory { client_id, entries, mount } = directory;
        let (length, position) = (entries.len(), AtomicUsize::new(0));
        Arc::new(Self {
            client_id,
            mount,
            context: nfs.addr(),
            length,
            position,
            packed: Mutex::new(Some(entries)),
            records: OnceCell::new(),
        })
    }

    /// In a child, for its context; None when another thread was reading the first entry at the fork. What C may have
    /// pointers to stays in its place.
    pub fn of_child(self: &Arc<Self>) -> Option<Arc<Self>> {
        if self.records.get().is_some() {
            return Some(self.clone());
        }
        let entries = try_lock(&self.packed)?.take()?;
        let (mount, position) = (self.mount.clone(), AtomicUsize::new(self.position.load(Ordering::Relaxed)));
        let (packed, records) = (Mutex::new(Some(entries)), OnceCell::new());
        Some(Arc::new(Self { mount, position, packed, records, ..**self }))
    }

    pub fn client_id(&self) -> u64 {
        self.client_id
    }

    /// EBADF when its mount has ended.
    pub fn check(&self) -> Result<()> {
        self.mount.check()
    }

    /// Whether it was opened with the context whose handle is `nfs`.
    pub fn is_of(&self, nfs: *mut nfs_context) -> bool {
        nfs.addr() == self.context
    }

    pub fn seek(&self, position: usize) {
        self.position.store(position, Ordering::Relaxed);
    }

    /// Where the next entry is, if there is one.
    pub fn position(&self) -> Option<usize> {
        let position = self.position.load(Ordering::Relaxed);
        (position < self.length).then_some(position)
    }

    /// The record of the next entry: each one once, of however many threads. `record` makes one of an entry's name,
    /// fileid and attributes; it is called for all of them before the first one is handed out.
    pub fn next(
        &self,
        record: impl Fn(*const u8, u64, Option<&Attributes>) -> nfsdirent,
    ) -> Option<*mut nfsdirent> {
        let records = &self.records.get_or_init(|| Records::new(lock(&self.packed).take(), record)).records;
        let step = |position| (position < records.len()).then_some(position + 1);
        let position = self.position.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step);
        records.get(position.ok()?).map(UnsafeCell::get)
    }
}

impl Records {
    /// As the records grow, what they are made of shrinks.
    fn new(
        entries: Option<Entries>,
        record: impl Fn(*const u8, u64, Option<&Attributes>) -> nfsdirent,
    ) -> Self {
        let Some(entries) = entries else { return Self::default() };
        let mut records = Vec::with_capacity(entries.len());
        let names = entries.unpack(|name, fileid, attributes| {
            records.push(UnsafeCell::new(record(name, fileid, attributes.as_ref())));
        });
        let mut records = records.into_boxed_slice();
        for index in 1..records.len() {
            let next = records[index].get();
            records[index - 1].get_mut().next = next;
        }
        Self { records, _names: names }
    }
}
