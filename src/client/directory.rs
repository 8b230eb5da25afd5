//! Directories: read whole at opendir, listed from memory.

use std::collections::HashSet;
use std::ffi::CString;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Client, LastLink, Session};
use crate::attributes::{Attributes, Handle};
use crate::error::{Error, Result};
use crate::v3::DirEntry;

/// Bytes of a READDIRPLUS reply when nothing else is set: large, so that round trips are few.
const REPLY_BYTES: u32 = 128 << 10;

/// More entries than any directory has that a program could want to hold in memory.
const MAX_ENTRIES: usize = 16 << 20;

/// A directory as it was when it was opened.
pub struct Directory {
    client: u64,
    entries: Vec<Entry>,
    position: AtomicUsize,
}

/// One name in a directory.
pub struct Entry {
    pub name: CString,
    pub fileid: u64,
    /// None when the server gave none.
    pub attributes: Option<Attributes>,
}

impl Directory {
    /// The id of the context it was opened with.
    pub fn client_id(&self) -> u64 {
        self.client
    }

    /// All entries, in the server's order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The next entry; the position moves on.
    pub fn next(&self) -> Option<&Entry> {
        let entry = self.entries.get(self.tell())?;
        self.position.fetch_add(1, Ordering::Relaxed);
        Some(entry)
    }

    pub fn seek(&self, position: usize) {
        self.position.store(position, Ordering::Relaxed);
    }

    pub fn tell(&self) -> usize {
        self.position.load(Ordering::Relaxed)
    }
}

impl Client {
    pub async fn opendir(self: Arc<Self>, path: Vec<u8>) -> Result<Arc<Directory>> {
        let open = async {
            let session = self.session()?;
            let object = self.walk(&session, &path, LastLink::Follow).await?;
            let entries = self.read_directory(&session, &object.handle).await?;
            Ok(Arc::new(Directory { client: self.id(), entries, position: AtomicUsize::new(0) }))
        };
        open.await.map_err(|error: Error| error.during("opendir").at(&path))
    }

    async fn read_directory(&self, session: &Session, directory: &Handle) -> Result<Vec<Entry>> {
        let (dircount, maxcount) = {
            let settings = self.settings();
            let or_default = |count: u32| if count == 0 { REPLY_BYTES } else { count };
            (or_default(settings.readdir_dircount), or_default(settings.readdir_maxcount))
        };
        let mut entries = Vec::new();
        let (mut cookie, mut verifier) = (0, [0; 8]);
        let mut seen = HashSet::new();
        loop {
            let page = session.nfs.readdirplus(directory, cookie, verifier, dircount, maxcount).await?;
            let last = page.entries.last().map(|entry| entry.cookie);
            for entry in page.entries {
                entries.push(checked(entry)?);
            }
            if page.eof {
                return Ok(entries);
            }
            match last {
                Some(last) if seen.insert(last) && entries.len() < MAX_ENTRIES => cookie = last,
                _ => return Err(Error::malformed("the server's listing goes round in circles")),
            }
            verifier = page.verifier;
        }
    }
}

/// A name that leads elsewhere, or nowhere, would be a trap for the program.
fn checked(entry: DirEntry) -> Result<Entry> {
    let DirEntry { name, fileid, attributes, .. } = entry;
    if name.is_empty() || name.contains(&b'/') {
        return Err(Error::malformed(format!("{:?} is not a file name", String::from_utf8_lossy(&name))));
    }
    let name = CString::new(name).map_err(|_| Error::malformed("a file name with a NUL in it"))?;
    Ok(Entry { name, fileid, attributes })
}
