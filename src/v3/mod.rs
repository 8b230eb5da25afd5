//! NFS version 3 and MOUNT version 3 (RFC 1813), the lock manager beside them (XNFS), and the portmapper that finds
//! them (RFC 1833).

mod acl;
mod convert;
mod data;
mod mount;
mod nfs;
mod nlm;
mod object;
mod readdir;
mod status;

pub use acl::{Acl, AclEntry};
pub use data::{Reading, Writing, read_reply, write_reply};
#[cfg(any(test, fuzzing))]
pub use data::{USUAL_READ_BODY, split_read};
pub use mount::{Export, Mount, PORTMAPPER_PORT, PortMapper};
pub use nfs::{Created, Creation, Nfs};
pub use nlm::{Lock, LockCall, LockManager, LockOwner, LockStatus};
pub use object::read_found;
pub use readdir::{DirEntry, PageEnd, Place};
pub use status::errno;
