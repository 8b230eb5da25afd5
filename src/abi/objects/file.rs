//! Open files.

use std::sync::Arc;

use libc::{c_char, c_uint};
use once_cell::sync::OnceCell;

use crate::client::{Client, File};

/// What a `struct nfsfh *` stands for.
pub struct OpenFile {
    file: Arc<File>,
    /// What nfs_get_fh() has handed out.
    server_handle: OnceCell<ServerHandle>,
}

impl OpenFile {
    pub fn new(file: Arc<File>) -> Arc<Self> {
        Arc::new(Self { file, server_handle: OnceCell::new() })
    }

    pub fn file(&self) -> Arc<File> {
        self.file.clone()
    }

    /// In a child, for its context.
    pub fn of_child(&self, client: &Client) -> Arc<Self> {
        Self::new(self.file.of_child(client))
    }

    /// The same one each time.
    pub fn server_handle(&self) -> &ServerHandle {
        self.server_handle.get_or_init(|| ServerHandle::new(&self.file))
    }
}

/// What `struct nfs_fh` stands for.
#[repr(C)]
pub struct ServerHandle {
    length: c_uint,
    /// Those of `memory`.
    bytes: *mut c_char,
    memory: Vec<u8>,
}

// SAFETY: `bytes` belongs to `memory` and is followed by C alone.
unsafe impl Send for ServerHandle {}
// SAFETY: nothing in it changes.
unsafe impl Sync for ServerHandle {}

impl ServerHandle {
    fn new(file: &File) -> Self {
        let mut memory = file.server_handle().to_vec();
        Self { length: memory.len() as c_uint, bytes: memory.as_mut_ptr().cast(), memory }
    }
}
