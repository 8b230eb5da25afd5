//! READ and WRITE (RFC 1813, sections 3.3.6 and 3.3.7): encoded into the send queue, received into the caller's
//! memory.

use std::time::Instant;

use nfs3_client::nfs3_types::nfs3::{self, NFS_PROGRAM, nfsstat3};
use nfs3_client::nfs3_types::xdr_codec::Unpack;

use super::nfs::Nfs;
use super::object::FATTR3;
use super::status::{is, is_busy, nfs_error};
use crate::attributes::Handle;
use crate::error::{Error, Result};
use crate::io::{Destination, Source};
use crate::rpc::{Answer, CallClass, Completion, Message, Pending, Request, Sink, Split};
use crate::transfer::{ReadReply, Stability, WriteReply};
use crate::xdr::Reader;

/// Longest READ or WRITE reply beside its data, bytes.
const MAX_REPLY: usize = 4096;

/// Length of wcc_attr.
pub(super) const WCC_ATTR: usize = 24;

/// Body of a successful READ reply in front of the data, when it has attributes: status, flag, fattr3, count,
/// eof, length.
pub const USUAL_READ_BODY: usize = 4 + 4 + FATTR3 + 4 + 4 + 4;

/// A READ in flight.
pub struct Reading(Pending);

/// A WRITE in flight.
pub struct Writing(Pending, usize);

impl Nfs {
    /// Whether the record of a call is a READ or WRITE of this file.
    pub fn is_transfer_of(record: &[u8], file: &Handle) -> bool {
        let is_one = || -> Result<bool> {
            let mut reader = Reader::new(record);
            reader.take(12)?; // mark, xid, message type
            let [_rpc, program, _version, procedure] =
                [reader.u32()?, reader.u32()?, reader.u32()?, reader.u32()?];
            for _credential_and_verifier in 0..2 {
                reader.u32()?;
                reader.opaque()?;
            }
            let transfers = [NFS_PROGRAM::NFSPROC3_READ, NFS_PROGRAM::NFSPROC3_WRITE];
            let is_transfer = transfers.iter().any(|transfer| *transfer as u32 == procedure);
            Ok(program == nfs3::PROGRAM && is_transfer && reader.opaque()? == file.as_bytes())
        };
        is_one().unwrap_or(false)
    }

    /// The beginning of a call whose arguments begin with a file handle.
    pub(super) fn call_on(&self, memory: Vec<u8>, procedure: NFS_PROGRAM, file: &Handle) -> Message {
        let mut message =
            Message::call_in(memory, nfs3::PROGRAM, nfs3::VERSION, procedure as u32, &self.credential);
        put_opaque(message.arguments(), file.as_bytes());
        message
    }

    /// Asks for as many bytes as fit into `to`, which must be at most the server's limit. The call is on its way
    /// when this returns.
    pub fn read(&self, file: &Handle, offset: u64, to: Destination, deadline: Option<Instant>) -> Reading {
        let call = |memory| self.read_call(memory, file, offset, to, deadline);
        Reading(self.transport.start_in(call))
    }

    /// As [`Nfs::read`]; `completion` gets the reply, to be read by [`ReadReply::read`].
    pub fn submit_read(
        &self,
        file: &Handle,
        offset: u64,
        to: Destination,
        completion: Box<impl Completion + 'static>,
    ) {
        let deadline = self.deadline_of_piece();
        self.transport.submit(|memory, _| self.read_call(memory, file, offset, to, deadline), completion);
    }

    fn read_call(
        &self,
        memory: Vec<u8>,
        file: &Handle,
        offset: u64,
        to: Destination,
        deadline: Option<Instant>,
    ) -> Request {
        let mut message = self.call_on(memory, NFS_PROGRAM::NFSPROC3_READ, file);
        message.arguments().extend_from_slice(&offset.to_be_bytes());
        message.arguments().extend_from_slice(&(to.len() as u32).to_be_bytes());
        let sink = Some(Sink { to, split: split_read, usual: USUAL_READ_BODY });
        Request { message, source: None, sink, deadline, limit: MAX_REPLY, class: CallClass::Idempotent }
    }

    /// Sends `from`, which must be at most the server's limit. The call is on its way when this returns.
    pub fn write(
        &self,
        file: &Handle,
        offset: u64,
        from: Source,
        stability: Stability,
        deadline: Option<Instant>,
    ) -> Writing {
        let length = from.len();
        let call = |memory| self.write_call(memory, file, offset, from, stability, deadline);
        Writing(self.transport.start_in(call), length)
    }

    /// As [`Nfs::write`]; `completion` gets the reply, to be read by [`WriteReply::read`].
    pub fn submit_write(
        &self,
        file: &Handle,
        offset: u64,
        from: Source,
        stability: Stability,
        completion: Box<impl Completion + 'static>,
    ) {
        let deadline = self.deadline_of_piece();
        let call = |memory, _: &_| self.write_call(memory, file, offset, from, stability, deadline);
        self.transport.submit(call, completion);
    }

    fn write_call(
        &self,
        memory: Vec<u8>,
        file: &Handle,
        offset: u64,
        from: Source,
        stability: Stability,
        deadline: Option<Instant>,
    ) -> Request {
        let mut message = self.call_on(memory, NFS_PROGRAM::NFSPROC3_WRITE, file);
        let (length, arguments) = (from.len(), message.arguments());
        arguments.extend_from_slice(&offset.to_be_bytes());
        for word in [length as u32, stability.stable_how(), length as u32] {
            arguments.extend_from_slice(&word.to_be_bytes());
        }
        Request {
            message,
            source: Some(from),
            sink: None,
            deadline,
            limit: MAX_REPLY,
            class: CallClass::Idempotent,
        }
    }
}

impl Reading {
    pub async fn done(self) -> Result<ReadReply> {
        self.0.read(read_reply).await
    }
}

/// The reply to a READ.
pub fn read_reply(reply: Answer<'_>) -> Result<ReadReply> {
    let mut reader = Reader::new(reply.body);
    if let Err(error) = status(&mut reader) {
        return refused(error, reply.to);
    }
    // The size there may be older than the data: it is no limit.
    skip_optional(&mut reader, FATTR3)?;
    let (count, eof, length) = (reader.u32()? as usize, reader.u32()? != 0, reader.u32()?);
    let received = reply.received.unwrap_or(0);
    let contradicts = count > received || count == 0 && received > 0;
    if contradicts || length as usize != received {
        return Err(Error::malformed(format!("the reply to READ says {count} bytes and brings {received}")));
    }
    Ok(ReadReply { busy: false, invalid: None, count, eof, to: reply.to })
}

/// The reply with a status that is none of success.
#[cold]
fn refused(error: Error, to: Option<Destination>) -> Result<ReadReply> {
    let busy = is(&error, nfsstat3::NFS3ERR_JUKEBOX);
    let invalid = match is(&error, nfsstat3::NFS3ERR_INVAL) {
        true => Some(error),
        false if busy => None,
        false => return Err(error),
    };
    Ok(ReadReply { busy, invalid, count: 0, eof: false, to })
}

impl Writing {
    pub async fn done(self) -> Result<WriteReply> {
        let Self(pending, length) = self;
        pending.read(|reply| write_reply(&reply, length)).await
    }
}

/// The reply to a WRITE of `length` bytes.
pub fn write_reply(reply: &Answer<'_>, length: usize) -> Result<WriteReply> {
    if is_busy(reply.body) {
        return Ok(WriteReply::BUSY);
    }
    let mut reader = Reader::new(reply.body);
    status(&mut reader)?;
    skip_optional(&mut reader, WCC_ATTR)?;
    skip_optional(&mut reader, FATTR3)?;
    let (count, committed) = (reader.u32()? as usize, reader.u32()?);
    let mut verifier = [0; 8];
    verifier.copy_from_slice(reader.take(8)?);
    if count > length {
        return Err(Error::malformed(format!("the reply to WRITE of {length} bytes says {count}")));
    }
    let stability = Stability::done(committed);
    Ok(WriteReply { busy: false, count, stability, verifier })
}

pub(super) fn put_opaque(to: &mut Vec<u8>, bytes: &[u8]) {
    to.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
    to.extend_from_slice(bytes);
    to.resize(to.len() + (bytes.len().wrapping_neg() & 3), 0);
}

pub(super) fn status(reader: &mut Reader<'_>) -> Result<()> {
    let word = reader.u32()?;
    match nfsstat3::unpack(&mut &word.to_be_bytes()[..]) {
        Ok((nfsstat3::NFS3_OK, _)) => Ok(()),
        Ok((status, _)) => Err(nfs_error(status)),
        Err(_) => Err(Error::malformed(format!("NFS status {word} is unknown")).with_status(word)),
    }
}

pub(super) fn skip_optional(reader: &mut Reader<'_>, length: usize) -> Result<()> {
    if reader.flag()? {
        reader.take(length)?;
    }
    Ok(())
}

/// Finds the data in the body of a READ reply.
pub fn split_read(body: &[u8]) -> Result<Split> {
    let mut reader = Reader::new(body);
    let mut walk = || -> Result<Option<usize>> {
        if reader.u32()? != nfsstat3::NFS3_OK as u32 {
            return Ok(None);
        }
        if reader.u32()? != 0 {
            reader.take(FATTR3)?;
        }
        reader.take(8)?; // count, eof
        reader.u32().map(|length| Some(length as usize))
    };
    match walk() {
        Ok(Some(len)) => Ok(Split::Data { at: reader.position(), len }),
        Ok(None) => Ok(Split::Whole),
        Err(_) => Ok(Split::More),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_data_with_and_without_attributes() {
        let reply = |attributes: bool| {
            let mut body = vec![0u8; 4];
            body.extend_from_slice(&u32::from(attributes).to_be_bytes());
            body.resize(body.len() + if attributes { FATTR3 } else { 0 }, 9);
            body.extend_from_slice(&[0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0, 5]);
            body
        };
        for (attributes, at) in [(true, USUAL_READ_BODY), (false, USUAL_READ_BODY - FATTR3)] {
            let body = reply(attributes);
            for length in 0..body.len() {
                assert_eq!(split_read(&body[..length]).unwrap(), Split::More);
            }
            assert_eq!(split_read(&body).unwrap(), Split::Data { at, len: 5 });
        }
        assert_eq!(split_read(&[0, 0, 0, 70]).unwrap(), Split::Whole);
    }
}
