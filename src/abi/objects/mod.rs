//! What C holds handles of: contexts, files, directories. They know nothing of the exports, which use them.
//!
//! C never sees their addresses: a handle is the address of a slot in a [`Table`], which is looked up at each call.

mod context;
pub mod credentials;
mod directory;
mod file;
mod forked;
mod rpc;
mod table;

use std::sync::Arc;

pub use context::{Context, new_client};
pub use directory::OpenDirectory;
pub use file::OpenFile;
pub use table::Table;

use super::types::{nfs_context, nfsdir, nfsfh, rpc_context};
use crate::error::Result;

pub static CONTEXTS: Table<Context, nfs_context> = Table::new("the context", "has been destroyed");
pub static RPC_CONTEXTS: Table<Context, rpc_context> = Table::new("the RPC context", "has been destroyed");
pub static FILES: Table<OpenFile, nfsfh> = Table::new("the file", "is not open");
pub static DIRECTORIES: Table<OpenDirectory, nfsdir> = Table::new("the directory", "is not open");

/// A handle of a context, of either kind.
pub trait ContextHandle: Copy {
    /// EINVAL when it is NULL, EBADF when it is closed or was never one.
    fn context(self) -> Result<Arc<Context>>;

    /// Whether it was made by a process that has forked this one, and cannot be used here.
    fn is_inherited(self) -> bool;
}

impl ContextHandle for *mut nfs_context {
    fn context(self) -> Result<Arc<Context>> {
        CONTEXTS.get(self)
    }

    fn is_inherited(self) -> bool {
        CONTEXTS.is_inherited(self)
    }
}

impl ContextHandle for *mut rpc_context {
    fn context(self) -> Result<Arc<Context>> {
        RPC_CONTEXTS.get(self)
    }

    fn is_inherited(self) -> bool {
        RPC_CONTEXTS.is_inherited(self)
    }
}
