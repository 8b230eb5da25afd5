//! Programs and procedures that the tests look for on the wire (RFC 1813).

use nfs3_client::nfs3_types::nfs3::NFS_PROGRAM;

pub const NFS: u32 = 100_003;
pub const MOUNT: u32 = 100_005;
pub const NLM: u32 = 100_021;
pub const NFSACL: u32 = 100_227;

pub const GETATTR: u32 = NFS_PROGRAM::NFSPROC3_GETATTR as u32;
pub const SETATTR: u32 = NFS_PROGRAM::NFSPROC3_SETATTR as u32;
pub const LOOKUP: u32 = NFS_PROGRAM::NFSPROC3_LOOKUP as u32;
pub const READ: u32 = NFS_PROGRAM::NFSPROC3_READ as u32;
pub const WRITE: u32 = NFS_PROGRAM::NFSPROC3_WRITE as u32;
pub const CREATE: u32 = NFS_PROGRAM::NFSPROC3_CREATE as u32;
pub const MKDIR: u32 = NFS_PROGRAM::NFSPROC3_MKDIR as u32;
pub const RENAME: u32 = NFS_PROGRAM::NFSPROC3_RENAME as u32;
pub const LINK: u32 = NFS_PROGRAM::NFSPROC3_LINK as u32;
pub const READDIRPLUS: u32 = NFS_PROGRAM::NFSPROC3_READDIRPLUS as u32;
pub const COMMIT: u32 = NFS_PROGRAM::NFSPROC3_COMMIT as u32;
