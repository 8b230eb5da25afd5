//! Between NFSv3's types and those that both dialects share.

use nfs3_client::nfs3_types::nfs3::{
    Nfs3Option, diropargs3, fattr3, filename3, ftype3, nfs_fh3, nfstime3, post_op_attr, post_op_fh3, sattr3,
    set_atime, set_mtime,
};
use nfs3_client::nfs3_types::xdr_codec::Opaque;

use crate::attributes::{Attributes, FileType, Handle, SetAttributes, SetTimes, Time};
use crate::error::Result;

pub fn to_fh3(handle: &Handle) -> nfs_fh3 {
    nfs_fh3 { data: Opaque::owned(handle.as_bytes().to_vec()) }
}

pub fn from_fh3(handle: &nfs_fh3) -> Result<Handle> {
    Handle::new(&handle.data)
}

pub fn from_post_op_fh3(handle: &post_op_fh3) -> Result<Option<Handle>> {
    match handle {
        Nfs3Option::Some(handle) => from_fh3(handle).map(Some),
        Nfs3Option::None => Ok(None),
    }
}

pub fn place<'a>(directory: &Handle, name: &'a [u8]) -> diropargs3<'a> {
    diropargs3 { dir: to_fh3(directory), name: filename3::from(name) }
}

impl From<&fattr3> for Attributes {
    fn from(attributes: &fattr3) -> Self {
        Self {
            kind: match attributes.type_ {
                ftype3::NF3REG => FileType::Regular,
                ftype3::NF3DIR => FileType::Directory,
                ftype3::NF3BLK => FileType::Block,
                ftype3::NF3CHR => FileType::Character,
                ftype3::NF3LNK => FileType::Link,
                ftype3::NF3SOCK => FileType::Socket,
                ftype3::NF3FIFO => FileType::Fifo,
            },
            mode: attributes.mode & 0o7777,
            nlink: attributes.nlink,
            uid: attributes.uid,
            gid: attributes.gid,
            size: attributes.size,
            used: attributes.used,
            rdev: (attributes.rdev.specdata1, attributes.rdev.specdata2),
            fsid: attributes.fsid,
            fileid: attributes.fileid,
            atime: attributes.atime.into(),
            mtime: attributes.mtime.into(),
            ctime: attributes.ctime.into(),
        }
    }
}

pub fn from_post_op_attr(attributes: &post_op_attr) -> Option<Attributes> {
    match attributes {
        Nfs3Option::Some(attributes) => Some(attributes.into()),
        Nfs3Option::None => None,
    }
}

impl From<nfstime3> for Time {
    fn from(time: nfstime3) -> Self {
        Self { seconds: time.seconds, nanoseconds: time.nseconds }
    }
}

impl From<Time> for nfstime3 {
    fn from(time: Time) -> Self {
        Self { seconds: time.seconds, nseconds: time.nanoseconds }
    }
}

fn optional<T: nfs3_client::nfs3_types::xdr_codec::Pack + nfs3_client::nfs3_types::xdr_codec::Unpack>(
    value: Option<T>,
) -> Nfs3Option<T> {
    value.map_or(Nfs3Option::None, Nfs3Option::Some)
}

impl From<&SetAttributes> for sattr3 {
    fn from(set: &SetAttributes) -> Self {
        let (atime, mtime) = match set.times {
            None => (set_atime::DONT_CHANGE, set_mtime::DONT_CHANGE),
            Some(SetTimes::Now) => (set_atime::SET_TO_SERVER_TIME, set_mtime::SET_TO_SERVER_TIME),
            Some(SetTimes::To { atime, mtime }) => {
                (set_atime::SET_TO_CLIENT_TIME(atime.into()), set_mtime::SET_TO_CLIENT_TIME(mtime.into()))
            }
        };
        Self {
            mode: optional(set.mode),
            uid: optional(set.uid),
            gid: optional(set.gid),
            size: optional(set.size),
            atime,
            mtime,
        }
    }
}
