//! NFS version 4 (RFC 7530, RFC 8881, RFC 7862, RFC 8276).
#![allow(dead_code, reason = "some operations are for what is still to come")]

mod attributes;
mod compound;
mod data;
mod establish;
#[cfg(test)]
mod exactly_once;
mod files;
mod io;
mod lock;
mod names;
mod nfs;
mod numbers;
mod objects;
mod open;
mod owner;
mod readdir;
mod registration;
mod session;
mod slots;
mod state;
mod stateid;
mod status;

use crate::attributes::Handle;
use crate::error::Error;
pub use data::{InSlot, OpenHandle, Reading, Writing};
pub use establish::{Caller, MINORS};
pub use nfs::Nfs;
pub use objects::Found;
pub use open::{Claim, Create, Opened};
pub use readdir::Entry;
pub use registration::{Registration, Session, TakenSlot};
pub use session::ClientOwner;
pub use state::{Access, FileState};

/// The error of an OPEN that was to make a new file: a name that something else than a file has is taken, too.
pub fn taken_by_another_kind(error: Error) -> Error {
    use status::{EXIST, ISDIR, SYMLINK, WRONG_TYPE, nfs_error};
    match error.status() {
        Some(ISDIR | SYMLINK | WRONG_TYPE) => nfs_error(EXIST),
        _ => error,
    }
}

/// What transfers of a file name.
pub fn open_handle((handle, state): (&Handle, &FileState)) -> OpenHandle {
    OpenHandle { handle: *handle, stateid: state.stateid() }
}
