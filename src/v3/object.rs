//! GETATTR, LOOKUP and ACCESS (RFC 1813, sections 3.3.1, 3.3.3 and 3.3.4): what most operations consist of, encoded
//! and decoded in place.

use std::time::Instant;

use nfs3_client::nfs3_types::nfs3::NFS_PROGRAM;

use super::data::{put_opaque, skip_optional, status};
use super::nfs::Nfs;
use super::patience::{Patience, is_busy};
use crate::attributes::{Attributes, FileType, Handle, Time};
use crate::error::{Error, Result};
use crate::rpc::{Pending, Reply, Request, Told};
use crate::xdr::Reader;

/// Longest reply of these calls, bytes.
const MAX_REPLY: usize = 4096;

/// Length of fattr3.
pub(super) const FATTR3: usize = 84;

impl Nfs {
    pub async fn getattr(&self, object: &Handle) -> Result<Attributes> {
        let reply = self.ask(NFS_PROGRAM::NFSPROC3_GETATTR, object, MAX_REPLY, |_| ()).await?;
        let mut reader = Reader::new(reply.body());
        status(&mut reader)?;
        attributes(&mut reader)
    }

    pub async fn lookup(&self, directory: &Handle, name: &[u8]) -> Result<(Handle, Option<Attributes>)> {
        let name = |arguments: &mut Vec<u8>| put_opaque(arguments, name);
        let reply = self.ask(NFS_PROGRAM::NFSPROC3_LOOKUP, directory, MAX_REPLY, name).await?;
        read_found(reply.body())
    }

    /// As [`Nfs::lookup`]; `told` has the name and gets the reply, to be read by [`read_found`].
    pub fn tell_lookup<T: Told + 'static>(
        &self,
        directory: &Handle,
        name: impl FnOnce(&T) -> &[u8],
        deadline: Option<Instant>,
        told: Box<T>,
    ) {
        let call = |memory, told: &T| {
            let mut message = self.call_on_in(memory, NFS_PROGRAM::NFSPROC3_LOOKUP, directory);
            put_opaque(message.arguments(), name(told));
            Request { message, source: None, sink: None, deadline, limit: MAX_REPLY }
        };
        self.transport.tell(call, told);
    }

    /// Which of the ACCESS3_* bits in `access` the server grants.
    pub async fn access(&self, object: &Handle, access: u32) -> Result<u32> {
        let bits = |arguments: &mut Vec<u8>| arguments.extend_from_slice(&access.to_be_bytes());
        let reply = self.ask(NFS_PROGRAM::NFSPROC3_ACCESS, object, MAX_REPLY, bits).await?;
        let mut reader = Reader::new(reply.body());
        status(&mut reader)?;
        skip_optional(&mut reader, FATTR3)?;
        reader.u32()
    }

    /// Makes a call whose arguments begin with a file handle; again, as long as the server says that it is busy
    /// fetching the data (NFS3ERR_JUKEBOX).
    pub(super) async fn ask(
        &self,
        procedure: NFS_PROGRAM,
        object: &Handle,
        limit: usize,
        arguments: impl Fn(&mut Vec<u8>),
    ) -> Result<Reply> {
        let deadline = self.deadline;
        let start = || {
            let mut message = self.call_on(procedure, object);
            arguments(message.arguments());
            self.transport.start(Request { message, source: None, sink: None, deadline, limit })
        };
        let reply = start().await?;
        if is_busy(reply.body()) { Box::pin(self.ask_again(reply, start)).await } else { Ok(reply) }
    }

    async fn ask_again(&self, mut reply: Reply, start: impl Fn() -> Pending) -> Result<Reply> {
        let mut patience = Patience::new();
        while is_busy(reply.body()) && patience.wait(&self.transport, self.deadline).await {
            reply = start().await?;
        }
        Ok(reply)
    }
}

/// What LOOKUP has found.
pub fn read_found(body: &[u8]) -> Result<(Handle, Option<Attributes>)> {
    let mut reader = Reader::new(body);
    status(&mut reader)?;
    Ok((Handle::new(reader.opaque()?)?, optional_attributes(&mut reader)?))
}

/// fattr3.
pub(super) fn attributes(reader: &mut Reader<'_>) -> Result<Attributes> {
    let bytes: &[u8; FATTR3] = reader.array()?;
    let word = |index: usize| {
        let at = 4 * index;
        u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
    };
    let long = |index: usize| u64::from(word(index)) << 32 | u64::from(word(index + 1));
    let time = |index: usize| Time { seconds: word(index), nanoseconds: word(index + 1) };
    let unknown = || Error::malformed(format!("{} is no type of file", word(0)));
    Ok(Attributes {
        kind: FileType::from_nfs3(word(0)).ok_or_else(unknown)?,
        mode: word(1) & 0o7777,
        nlink: word(2),
        uid: word(3),
        gid: word(4),
        size: long(5),
        used: long(7),
        rdev: (word(9), word(10)),
        fsid: long(11),
        fileid: long(13),
        atime: time(15),
        mtime: time(17),
        ctime: time(19),
    })
}

/// post_op_attr.
pub(super) fn optional_attributes(reader: &mut Reader<'_>) -> Result<Option<Attributes>> {
    reader.flag()?.then(|| attributes(reader)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use nfs3_client::nfs3_types::nfs3::{fattr3, ftype3, nfstime3, specdata3};
    use nfs3_client::nfs3_types::xdr_codec::Pack;

    #[test]
    fn attributes_are_read_as_the_typed_client_writes_them() {
        let time = |seconds| nfstime3 { seconds, nseconds: seconds + 1 };
        let theirs = fattr3 {
            type_: ftype3::NF3LNK,
            mode: 0o120_751,
            nlink: 2,
            uid: 3,
            gid: 4,
            size: 5 << 40,
            used: 6 << 40,
            rdev: specdata3 { specdata1: 7, specdata2: 8 },
            fsid: 9 << 40,
            fileid: 10 << 40,
            atime: time(11),
            mtime: time(13),
            ctime: time(15),
        };
        let mut bytes = Vec::new();
        theirs.pack(&mut bytes).unwrap();
        assert_eq!(bytes.len(), FATTR3);
        let ours = attributes(&mut Reader::new(&bytes)).unwrap();
        assert_eq!(ours, (&theirs).into());
        for length in 0..FATTR3 {
            assert!(attributes(&mut Reader::new(&bytes[..length])).is_err());
        }
        bytes[3] = 8;
        assert!(attributes(&mut Reader::new(&bytes)).is_err());
    }
}
