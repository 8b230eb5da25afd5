//! Directories: read whole at opendir, listed from memory.

use std::collections::HashSet;
use std::ffi::CString;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::join::all;
use super::{Client, LastLink, Session};
use crate::attributes::{Attributes, Handle};
use crate::error::{Error, Result};
use crate::v3::{DirEntry, DirPage, Nfs, Place};

/// Bytes of a READDIRPLUS reply when nothing else is set: large, so that round trips are few.
const REPLY_BYTES: u32 = 128 << 10;

/// More entries than any directory has that a program could want to hold in memory.
const MAX_ENTRIES: usize = 16 << 20;

/// How often a listing begins anew because the directory has changed meanwhile.
const MAX_RESTARTS: u32 = 5;

/// Lookups in flight at a time.
const LOOKUPS: usize = 32;

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
            let walked = self.walk_to(&session, &path, LastLink::Follow, false).await?;
            let place = walked.canonical();
            let entries = self.read_directory(&session, &walked.object()?.handle, &place).await?;
            Ok(Arc::new(Directory { client: self.id(), entries, position: AtomicUsize::new(0) }))
        };
        open.await.map_err(|error: Error| error.during("opendir").at(&path))
    }

    async fn read_directory(&self, session: &Session, directory: &Handle, path: &[u8]) -> Result<Vec<Entry>> {
        let (dircount, maxcount) = {
            let settings = self.settings();
            let or_default = |count: u32| if count == 0 { REPLY_BYTES } else { count };
            (or_default(settings.readdir_dircount), or_default(settings.readdir_maxcount))
        };
        let mut plus = true;
        let mut listing = Listing::default();
        let mut restarts = 0;
        loop {
            let page = match plus {
                true => session.nfs.readdirplus(directory, listing.place, dircount, maxcount).await,
                false => session.nfs.readdir(directory, listing.place, maxcount).await,
            };
            match page {
                Ok(page) => {
                    if listing.add(page)? {
                        break;
                    }
                }
                Err(error) if plus && Nfs::lacks_readdirplus(&error) => {
                    (plus, listing) = (false, Listing::default());
                }
                Err(error) if Nfs::is_bad_cookie(&error) && restarts < MAX_RESTARTS => {
                    (restarts, listing) = (restarts + 1, Listing::default());
                }
                Err(error) => return Err(error),
            }
        }
        let mut entries = listing.entries;
        for some in entries.chunks_mut(LOOKUPS) {
            let mut lookups = Vec::new();
            for entry in some {
                if entry.attributes.is_none() {
                    lookups.push(Box::pin(self.complete(session, directory, path, entry)));
                }
            }
            all(lookups).await?;
        }
        Ok(entries)
    }

    /// Asks for the attributes that did not come with an entry. An object that is gone by then has none.
    async fn complete(
        &self,
        session: &Session,
        directory: &Handle,
        path: &[u8],
        entry: &mut Entry,
    ) -> Result<()> {
        let name = entry.name.to_bytes();
        match session.nfs.lookup(directory, name).await {
            Ok((_, Some(attributes))) => entry.attributes = Some(attributes),
            Ok((handle, None)) => entry.attributes = session.nfs.getattr(&handle).await.ok(),
            Err(error) if Nfs::is_other_export(&error) => {
                if let Some(root) = self.nested_export(session, &[path, b"/", name].concat()).await {
                    entry.attributes = session.nfs.getattr(&root).await.ok();
                }
            }
            Err(error) if GONE.contains(&error.errno()) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// Errnos of an object that cannot be looked at, which is no reason not to list it.
const GONE: [libc::c_int; 4] = [libc::ENOENT, libc::ESTALE, libc::EACCES, libc::EXDEV];

/// A listing as far as it has come.
#[derive(Default)]
struct Listing {
    entries: Vec<Entry>,
    place: Place,
    /// The places that pages began at.
    seen: HashSet<u64>,
}

impl Listing {
    /// Adds the next page; true when it was the last one.
    fn add(&mut self, page: DirPage) -> Result<bool> {
        let last = page.entries.last().map(|entry| entry.cookie);
        for entry in page.entries {
            self.entries.push(checked(entry)?);
        }
        if page.eof {
            return Ok(true);
        }
        match last {
            Some(last) if self.seen.insert(last) && self.entries.len() < MAX_ENTRIES => {
                self.place = (last, page.verifier);
                Ok(false)
            }
            _ => Err(Error::malformed("the server's listing goes round in circles")),
        }
    }
}

/// A name that leads elsewhere, or nowhere, would be a trap for the program.
fn checked(entry: DirEntry) -> Result<Entry> {
    let DirEntry { name, fileid, attributes, cookie: _ } = entry;
    if name.is_empty() || name.contains(&b'/') {
        return Err(Error::malformed(format!("{:?} is not a file name", String::from_utf8_lossy(&name))));
    }
    let name = CString::new(name).map_err(|_| Error::malformed("a file name with a NUL in it"))?;
    Ok(Entry { name, fileid, attributes })
}
