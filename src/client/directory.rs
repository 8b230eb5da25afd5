//! Directories: read whole at opendir, listed from memory.

use std::collections::HashSet;
use std::sync::Arc;

use super::entries::{Entries, Entry};
use super::mount::MountLife;
use super::{Client, LastLink, Session};
use crate::attributes::{Attributes, Handle};
use crate::dialect::{DirEntry, Nfs, PageEnd, Place};
use crate::error::{Error, Result};
use crate::executor::all;

/// Bytes of a reply when nothing else is set: large, so that round trips are few.
const REPLY_BYTES: u32 = 512 << 10;

/// More entries than any directory has that a program could want to hold in memory.
const MAX_ENTRIES: usize = 16 << 20;

/// Memory for the entries of one directory, bytes: that of a few million.
const MAX_BYTES: usize = 1 << 30;

/// How often a listing begins anew because the directory has changed meanwhile.
const MAX_RESTARTS: u32 = 5;

/// Lookups in flight at a time.
const LOOKUPS: usize = 32;

/// A directory as it was when it was opened.
pub struct Directory {
    /// The id of the context it was opened with.
    pub client_id: u64,
    /// In the server's order.
    pub entries: Entries,
    pub mount: MountLife,
}

impl Client {
    pub async fn opendir(self: Arc<Self>, path: Vec<u8>) -> Result<Directory> {
        let (client, path) = (&*self, &path);
        let open = self.on_paths(|session| async move {
            let walked = client.walk_to(&session, path, LastLink::Follow, false).await?;
            let place = walked.canonical().to_vec();
            let handle = walked.object()?.handle;
            let mut entries = client.read_directory(&session, &handle, &place).await?;
            if client.is_any_uncertain(&session.mounted) {
                // The sizes may be those of before what was written last.
                client.check_all(&session).await?;
                entries = client.read_directory(&session, &handle, &place).await?;
            }
            Ok(Directory { client_id: client.id(), entries, mount: session.mounted.life.clone() })
        });
        open.await.map_err(|error: Error| error.during("opendir").at(path))
    }

    async fn read_directory(&self, session: &Session, directory: &Handle, path: &[u8]) -> Result<Entries> {
        let (dircount, maxcount) = {
            let settings = self.settings();
            let or_default = |count: u32| if count == 0 { REPLY_BYTES } else { count };
            (or_default(settings.readdir_dircount), or_default(settings.readdir_maxcount))
        };
        // The server may show what lies underneath.
        let (exports, unasked) = match session.crosses {
            true => session.mounted.nested.names_in(path, session.nfs.credential(), self.reactor.now()),
            false => (Vec::new(), 0),
        };
        let mut plus = true;
        let mut listing = Listing::default();
        let mut restarts = 0;
        loop {
            let place = listing.place;
            let each = |mut entry: DirEntry<'_>| {
                if !exports.is_empty()
                    && exports.binary_search_by(|export| export[..].cmp(entry.name)).is_ok()
                {
                    entry.attributes = None;
                }
                listing.add(&entry)
            };
            let end = match plus {
                true => session.nfs.readdirplus(directory, place, dircount, maxcount, each).await,
                false => session.nfs.readdir(directory, place, maxcount, each).await,
            };
            match end {
                Ok(end) => {
                    if listing.turn_page(end)? {
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
        match listing.incomplete {
            true => {
                let _shared = self.share_mount_service(&session.mounted, unasked).await;
                self.complete(session, directory, path, &listing.entries).await
            }
            false => Ok(listing.entries),
        }
    }

    /// Asks for the attributes that did not come with their entries.
    async fn complete(
        &self,
        session: &Session,
        directory: &Handle,
        path: &[u8],
        entries: &Entries,
    ) -> Result<Entries> {
        let mut complete = Entries::default();
        let mut left = entries.iter();
        loop {
            let mut some: Vec<_> = left.by_ref().take(LOOKUPS).collect();
            if some.is_empty() {
                return Ok(complete);
            }
            let mut lookups = Vec::new();
            for entry in some.iter_mut().filter(|entry| entry.attributes.is_none()) {
                lookups.push(Box::pin(async {
                    entry.attributes = self.attributes_of(session, directory, path, entry.name).await?;
                    Ok(())
                }));
            }
            all(lookups).await?;
            for Entry { name, fileid, attributes } in some {
                complete.push(&DirEntry { name, fileid, attributes })?;
            }
        }
    }

    /// The attributes of an object in a directory. One that is gone by now has none, nor has one that the server cannot
    /// look at, or that nobody can make sense of: that is no reason not to list the others.
    async fn attributes_of(
        &self,
        session: &Session,
        directory: &Handle,
        path: &[u8],
        name: &[u8],
    ) -> Result<Option<Attributes>> {
        let place = [path, b"/", name].concat();
        let mut is_export = session.is_export(&place, self.reactor.now());
        loop {
            if is_export {
                match self.look_at_nested(session, &place).await {
                    Ok(Ok(None)) => {} // what lies underneath is what the path means
                    Ok(root) => return Ok(root.ok().flatten().map(|root| root.attributes)),
                    Err(error) if is_answer(&error) => return Ok(None),
                    Err(error) => return Err(error),
                }
            }
            let attributes = match session.nfs.lookup(directory, name).await {
                Ok((_, Some(attributes))) => Ok(attributes),
                Ok((handle, None)) => session.nfs.getattr(&handle).await,
                Err(error) if Nfs::is_other_export(&error) && !is_export => {
                    is_export = true;
                    continue;
                }
                Err(error) => Err(error),
            };
            return match attributes {
                Ok(attributes) => Ok(Some(attributes)),
                Err(error) if is_answer(&error) => Ok(None),
                Err(error) => Err(error),
            };
        }
    }
}

/// Whether a server has said something, be it that it cannot understand the call.
pub fn is_answer(error: &Error) -> bool {
    const REJECTED: [libc::c_int; 4] = [libc::EIO, libc::EACCES, libc::EPROTONOSUPPORT, libc::EOPNOTSUPP];
    error.status().is_some() || error.mount_status().is_some() || REJECTED.contains(&error.errno())
}

/// A listing as far as it has come.
#[derive(Default)]
struct Listing {
    entries: Entries,
    /// Some entries have no attributes.
    incomplete: bool,
    place: Place,
    /// The places that pages began at.
    seen: HashSet<u64>,
}

impl Listing {
    fn add(&mut self, entry: &DirEntry<'_>) -> Result<()> {
        self.incomplete |= entry.attributes.is_none();
        self.entries.push(entry)
    }

    /// True when that was the last page.
    fn turn_page(&mut self, end: PageEnd) -> Result<bool> {
        match end {
            PageEnd { eof: true, .. } => Ok(true),
            _ if self.entries.len() > MAX_ENTRIES || self.entries.memory() > MAX_BYTES => {
                Err(Error::malformed("the server's listing is longer than any"))
            }
            PageEnd { next: Some(place), .. } if self.seen.insert(place.0) => {
                self.place = place;
                Ok(false)
            }
            _ => Err(Error::malformed("the server's listing goes round in circles")),
        }
    }
}
