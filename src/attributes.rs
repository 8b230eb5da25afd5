//! What both dialects of NFS speak about: objects, their attributes, their file system.

use crate::error::{Error, Result};
use crate::map::Fingerprint;

/// A file handle: up to 64 bytes that only the server understands (RFC 1813, section 2.3.3). NFSv4 has up to 128; longer
/// ones than these are an error so far, since every operation copies handles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handle {
    length: u8,
    bytes: [u8; Handle::MAX],
}

impl Fingerprint for Handle {
    fn fingerprint(&self) -> u64 {
        self.as_bytes().fingerprint()
    }
}

impl Handle {
    pub const MAX: usize = 64;

    pub fn new(bytes: &[u8]) -> Result<Self> {
        let mut handle = Self { length: bytes.len() as u8, bytes: [0; Self::MAX] };
        match handle.bytes.get_mut(..bytes.len()) {
            Some(place) => place.copy_from_slice(bytes),
            None => return Err(Error::malformed(format!("a file handle of {} bytes", bytes.len()))),
        }
        Ok(handle)
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

/// What kind of object a handle names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileType {
    Regular,
    Directory,
    Block,
    Character,
    Link,
    Socket,
    Fifo,
}

impl FileType {
    /// The inverse of [`FileType::nfs3`].
    pub fn from_nfs3(number: u32) -> Option<Self> {
        const ALL: [FileType; 7] = [
            FileType::Regular,
            FileType::Directory,
            FileType::Block,
            FileType::Character,
            FileType::Link,
            FileType::Socket,
            FileType::Fifo,
        ];
        ALL.get((number as usize).wrapping_sub(1)).copied()
    }

    /// The number that NFSv3 gives it (ftype3), which is also `nfsdirent.type`.
    pub fn nfs3(self) -> u32 {
        match self {
            Self::Regular => 1,
            Self::Directory => 2,
            Self::Block => 3,
            Self::Character => 4,
            Self::Link => 5,
            Self::Socket => 6,
            Self::Fifo => 7,
        }
    }

    /// The S_IFMT bits of `st_mode`.
    pub fn s_ifmt(self) -> u32 {
        match self {
            Self::Regular => libc::S_IFREG,
            Self::Directory => libc::S_IFDIR,
            Self::Block => libc::S_IFBLK,
            Self::Character => libc::S_IFCHR,
            Self::Link => libc::S_IFLNK,
            Self::Socket => libc::S_IFSOCK,
            Self::Fifo => libc::S_IFIFO,
        }
    }
}

/// An instant as the server keeps it, since 1970 UTC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Time {
    pub seconds: u32,
    pub nanoseconds: u32,
}

/// The attributes of an object (RFC 1813, fattr3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attributes {
    pub kind: FileType,
    /// Permission bits, 07777.
    pub mode: u32,
    pub nlink: u32,
    pub uid: u32,
    pub gid: u32,
    /// Bytes.
    pub size: u64,
    /// Bytes of disk in use.
    pub used: u64,
    /// Major and minor number of a device.
    pub rdev: (u32, u32),
    pub fsid: u64,
    pub fileid: u64,
    pub atime: Time,
    pub mtime: Time,
    pub ctime: Time,
}

impl Attributes {
    /// `st_mode`: type and permission bits.
    pub fn st_mode(&self) -> u32 {
        self.kind.s_ifmt() | self.mode
    }
}

/// What to change of an object; None leaves it.
#[derive(Debug, Clone, Copy, Default)]
pub struct SetAttributes {
    pub mode: Option<u32>,
    pub uid: Option<u32>,
    pub gid: Option<u32>,
    pub size: Option<u64>,
    pub times: Option<SetTimes>,
}

/// Which times an object gets.
#[derive(Debug, Clone, Copy)]
pub enum SetTimes {
    /// The server's current time, for both.
    Now,
    To {
        atime: Time,
        mtime: Time,
    },
}

/// Sizes and limits of a file system (RFC 1813, FSSTAT).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSystem {
    pub total_bytes: u64,
    pub free_bytes: u64,
    pub available_bytes: u64,
    pub total_files: u64,
    pub free_files: u64,
    pub available_files: u64,
    pub fsid: u64,
}

/// What the server is able and prepared to transfer at once (RFC 1813, FSINFO), bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub read_max: u32,
    pub write_max: u32,
    /// Preferred size of a READDIR reply.
    pub readdir: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_have_at_most_64_bytes() {
        assert_eq!(Handle::new(&[7; 64]).unwrap().as_bytes(), [7; 64]);
        assert_eq!(Handle::new(b"").unwrap().as_bytes(), b"");
        assert!(Handle::new(&[7; 65]).is_err());
        assert!(Handle::new(&[7; 300]).is_err());
    }
}
