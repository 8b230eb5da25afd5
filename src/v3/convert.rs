//! Between NFSv3's types and those that both dialects share.

use nfs3_client::nfs3_types::nfs3::{
    Nfs3Option, diropargs3, filename3, nfs_fh3, nfstime3, sattr3, set_atime, set_mtime,
};
use nfs3_client::nfs3_types::xdr_codec::Opaque;

use crate::attributes::{Handle, SetAttributes, SetTimes, Time};
use crate::error::{Error, Result};
use crate::xdr::Reader;

/// The longest handle, bytes (RFC 1813, section 2.4).
pub const NFS3_FHSIZE: usize = 64;

pub fn to_fh3(handle: &Handle) -> nfs_fh3 {
    nfs_fh3 { data: Opaque::owned(handle.as_bytes().to_vec()) }
}

/// nfs_fh3, which is shorter than what NFSv4 has.
pub fn handle(reader: &mut Reader<'_>) -> Result<Handle> {
    let bytes = reader.opaque()?;
    match bytes.len() {
        0..=NFS3_FHSIZE => Handle::new(bytes),
        length => Err(Error::malformed(format!("a file handle of {length} bytes"))),
    }
}

pub fn place<'a>(directory: &Handle, name: &'a [u8]) -> diropargs3<'a> {
    diropargs3 { dir: to_fh3(directory), name: filename3::from(name) }
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
