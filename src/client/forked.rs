//! A context in a child of the process that has made it. The connection and what is under way on it are the parent's: so
//! are the data that the server may still lose, and the locks. The child has a context of its own with the same settings
//! and the same mount, of which only what does not change is taken over, or what [`Client::hold`] has made sure of.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Instant;

use super::file::{Position, writes};
use super::inode::Inodes;
use super::locks::Locking;
use super::{Client, File, server_cache};
use crate::error::{Error, Result};
use crate::io;
use crate::sync::{Held, hold, lock, try_lock};

/// For a fork: what all contexts share.
pub fn hold_shared(until: Instant, held: &mut Vec<Box<dyn Held>>) {
    server_cache::hold(until, held);
    io::hold_spare_blocks(until, held);
    io::hold_spare_chunks(until, held);
}

impl Client {
    /// For a fork: so that the child can make a context of this one.
    pub fn hold<'a>(&'a self, until: Instant, held: &mut Vec<Box<dyn Held + 'a>>) {
        hold(&self.settings, until, held);
        hold(&self.mounted, until, held);
        hold(&self.working_directory, until, held);
        self.reactor.hold(until, held);
    }

    /// In a child: the context that it goes on with. Closes the copies of the parent's descriptors.
    pub fn of_child(&self) -> Result<Arc<Self>> {
        let locked =
            || Error::new(libc::EBADF, "another thread was changing the context when the process forked");
        let settings = try_lock(&self.settings).ok_or_else(locked)?.clone();
        let working_directory = try_lock(&self.working_directory).ok_or_else(locked)?.clone();
        let mounted = try_lock(&self.mounted).ok_or_else(locked)?.clone();
        self.reactor.abandon();
        let client = Self::with_id(self.id, settings)?;
        *lock(&client.working_directory) = working_directory;
        if let Some(mounted) = &mounted {
            client.mount_of_parent(mounted)?;
        }
        Ok(client)
    }
}

impl File {
    /// In a child, for its context: the same file, at the same position.
    pub fn of_child(&self, client: &Client) -> Arc<Self> {
        let mounted = lock(&client.mounted).clone();
        let of_former_mount = Inodes::new(Arc::default());
        let inodes = mounted.as_ref().map_or(&of_former_mount, |mounted| &mounted.inodes);
        let inode = inodes.open(&self.handle, self.inode.fsid);
        let position = Position::default();
        position.set(self.position.get());
        Arc::new(Self {
            client: self.client,
            mount: self.mount.clone(),
            handle: self.handle,
            flags: self.flags,
            path: self.path.clone(),
            position,
            errors: inode.errors.cursor(),
            is_gone: AtomicBool::new(false),
            has_state: AtomicBool::new(false),
            writer: writes(self.flags).then(|| inode.open_for_writing()),
            inode,
            read_to: AtomicU64::new(0),
            locking: Locking::default(),
        })
    }
}
