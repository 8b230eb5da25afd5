//! GETATTR, LOOKUP and ACCESS (RFC 1813, sections 3.3.1, 3.3.3 and 3.3.4): what most operations consist of, encoded
//! and decoded in place.

use std::time::Instant;

use nfs3_client::nfs3_types::nfs3::{NFS_PROGRAM, nfsstat3};

use super::convert::handle;
use super::data::{put_opaque, skip_optional, status};
use super::nfs::Nfs;
use super::status::{about_names, is_busy, nfs_error};
use crate::attributes::{Attributes, FileType, Handle, Time};
use crate::error::{Error, Result};
use crate::rpc::{Answer, Backoff, CallClass, Completion, Pending, Reply, Request};
use crate::xdr::Reader;

/// Longest reply of these calls, bytes.
const MAX_REPLY: usize = 4096;

/// Length of fattr3.
pub(super) const FATTR3: usize = 84;

impl Nfs {
    pub async fn getattr(&self, object: &Handle) -> Result<Attributes> {
        let read = |mut reader: Reader<'_>| attributes(&mut reader);
        self.ask_briefly(NFS_PROGRAM::NFSPROC3_GETATTR, object, |_| (), read).await
    }

    pub async fn lookup(&self, directory: &Handle, name: &[u8]) -> Result<(Handle, Option<Attributes>)> {
        let put_name = |arguments: &mut Vec<u8>| put_opaque(arguments, name);
        match self.ask_briefly(NFS_PROGRAM::NFSPROC3_LOOKUP, directory, put_name, found).await {
            Err(error) => Err(about_names(error, name.len())),
            found => found,
        }
    }

    /// As [`Nfs::lookup`]; `completion` has the name and gets the reply, to be read by [`read_found`].
    pub fn submit_lookup<T: Completion + 'static>(
        &self,
        directory: &Handle,
        name: impl FnOnce(&T) -> &[u8],
        deadline: Option<Instant>,
        completion: Box<T>,
    ) {
        let call = |memory, completion: &T| {
            let mut message = self.call_on(memory, NFS_PROGRAM::NFSPROC3_LOOKUP, directory);
            put_opaque(message.arguments(), name(completion));
            Request {
                message,
                source: None,
                sink: None,
                deadline,
                limit: MAX_REPLY,
                class: CallClass::Idempotent,
            }
        };
        self.transport.submit(call, completion);
    }

    /// Which of the ACCESS3_* bits in `access` the server grants.
    pub async fn access(&self, object: &Handle, access: u32) -> Result<u32> {
        let bits = |arguments: &mut Vec<u8>| arguments.extend_from_slice(&access.to_be_bytes());
        let read = |mut reader: Reader<'_>| {
            skip_optional(&mut reader, FATTR3)?;
            reader.u32()
        };
        self.ask_briefly(NFS_PROGRAM::NFSPROC3_ACCESS, object, bits, read).await
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
        let ask = || {
            let call = self.start_call_on(procedure, object, limit, &arguments);
            async { call.await.map(|reply| if is_busy(reply.body()) { None } else { Some(reply) }) }
        };
        match ask().await? {
            Some(reply) => Ok(reply),
            None => Box::pin(self.ask_again(ask)).await,
        }
    }

    /// As [`Nfs::ask`], for short replies: `read` gets what follows the status, where it lies.
    async fn ask_briefly<T>(
        &self,
        procedure: NFS_PROGRAM,
        object: &Handle,
        arguments: impl Fn(&mut Vec<u8>),
        read: impl Fn(Reader<'_>) -> Result<T>,
    ) -> Result<T> {
        let read = |reply: Answer<'_>| {
            if is_busy(reply.body) { Ok(None) } else { result(reply.body).and_then(&read).map(Some) }
        };
        let ask = || self.start_call_on(procedure, object, MAX_REPLY, &arguments).read(read);
        match ask().await? {
            Some(value) => Ok(value),
            None => Box::pin(self.ask_again(ask)).await,
        }
    }

    fn start_call_on(
        &self,
        procedure: NFS_PROGRAM,
        object: &Handle,
        limit: usize,
        arguments: impl Fn(&mut Vec<u8>),
    ) -> Pending {
        let deadline = self.deadline;
        self.transport.start_in(|memory| {
            let mut message = self.call_on(memory, procedure, object);
            arguments(message.arguments());
            Request { message, source: None, sink: None, deadline, limit, class: CallClass::Idempotent }
        })
    }

    /// None is the reply of a server that is busy.
    async fn ask_again<T, F>(&self, ask: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<Option<T>>>,
    {
        let mut backoff = Backoff::new();
        while backoff.wait(&self.transport, self.deadline).await {
            if let Some(value) = ask().await? {
                return Ok(value);
            }
        }
        Err(nfs_error(nfsstat3::NFS3ERR_JUKEBOX))
    }
}

/// What follows the status of a reply.
fn result(body: &[u8]) -> Result<Reader<'_>> {
    let mut reader = Reader::new(body);
    status(&mut reader)?;
    Ok(reader)
}

/// What LOOKUP has found.
pub fn read_found(body: &[u8]) -> Result<(Handle, Option<Attributes>)> {
    result(body).and_then(found)
}

fn found(mut reader: Reader<'_>) -> Result<(Handle, Option<Attributes>)> {
    Ok((handle(&mut reader)?, optional_attributes(&mut reader)?))
}

/// fattr3.
pub(super) fn attributes(reader: &mut Reader<'_>) -> Result<Attributes> {
    let bytes: &[u8; FATTR3] = reader.array()?;
    decode(bytes).ok_or_else(|| {
        let kind = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        let error = Error::malformed(format!("{kind} is no type of file"));
        error.with_status(nfsstat3::NFS3_OK as u32) // the server has answered
    })
}

/// None for a type of file that NFSv3 does not know.
fn decode(bytes: &[u8; FATTR3]) -> Option<Attributes> {
    let word = |index: usize| {
        let at = 4 * index;
        u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
    };
    let long = |index: usize| u64::from(word(index)) << 32 | u64::from(word(index + 1));
    let time = |index: usize| Time { seconds: word(index), nanoseconds: word(index + 1) };
    Some(Attributes {
        kind: FileType::from_nfs3(word(0))?,
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

/// post_op_attr of one of many objects: one of an unknown type spoils nothing but itself.
pub(super) fn listed_attributes(reader: &mut Reader<'_>) -> Result<Option<Attributes>> {
    if reader.flag()? { Ok(decode(reader.array()?)) } else { Ok(None) }
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
        let time = |seconds| Time { seconds, nanoseconds: seconds + 1 };
        let expected = Attributes {
            kind: FileType::Link,
            mode: 0o751,
            nlink: 2,
            uid: 3,
            gid: 4,
            size: 5 << 40,
            used: 6 << 40,
            rdev: (7, 8),
            fsid: 9 << 40,
            fileid: 10 << 40,
            atime: time(11),
            mtime: time(13),
            ctime: time(15),
        };
        assert_eq!(ours, expected);
        for length in 0..FATTR3 {
            assert!(attributes(&mut Reader::new(&bytes[..length])).is_err());
        }
        bytes[3] = 8;
        assert!(attributes(&mut Reader::new(&bytes)).is_err());
    }
}
