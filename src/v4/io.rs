//! READ, WRITE and COMMIT (RFC 8881, sections 18.22, 18.32 and 18.3), between the socket and the caller's memory.

use super::compound::{Compound, Results, put_u32, put_u64};
use super::numbers::op;
use super::stateid::StateId;
use crate::error::{Error, Result};
use crate::rpc::Split;
use crate::xdr::Reader;

/// Body of a usual READ reply in front of the data: status, tag, count; SEQUENCE; PUTFH; READ with end and length.
pub const USUAL_READ_BODY: usize = 12 + 44 + 8 + 16;

/// What follows the status of SEQUENCE.
const SEQUENCED: usize = 36;

impl Compound {
    pub fn read(&mut self, stateid: &StateId, offset: u64, count: u32) {
        let arguments = self.op(op::READ);
        stateid.put(arguments);
        put_u64(arguments, offset);
        put_u32(arguments, count);
    }

    /// The last operation: `length` bytes of data follow the message.
    pub fn write(&mut self, stateid: &StateId, offset: u64, stable_how: u32, length: u32) {
        let arguments = self.op(op::WRITE);
        stateid.put(arguments);
        put_u64(arguments, offset);
        put_u32(arguments, stable_how);
        put_u32(arguments, length);
    }

    /// Of the whole file.
    pub fn commit(&mut self) {
        let arguments = self.op(op::COMMIT);
        put_u64(arguments, 0);
        put_u32(arguments, 0);
    }
}

/// What WRITE says: how many bytes, how stable they are (stable_how4), and the verifier.
pub type Written = (u32, u32, [u8; 8]);

impl Results<'_> {
    /// Whether the file ends behind the data. The data itself is elsewhere.
    pub fn read(&mut self) -> Result<bool> {
        self.next(op::READ)?.flag()
    }

    pub fn write(&mut self) -> Result<Written> {
        let reader = self.next(op::WRITE)?;
        Ok((reader.u32()?, reader.u32()?, *reader.array()?))
    }

    pub fn commit(&mut self) -> Result<[u8; 8]> {
        self.next(op::COMMIT)?.array().copied()
    }
}

/// Where the data of a READ begins in a reply: {SEQUENCE, PUTFH, READ}, or {PUTFH, READ}.
pub fn split_read(body: &[u8]) -> Result<Split> {
    let mut reader = Reader::new(body);
    let find = |reader: &mut Reader<'_>| -> Result<Option<usize>> {
        if reader.u32()? != 0 {
            return Ok(None); // some operation has failed
        }
        let _tag = reader.opaque()?;
        for _operation in 0..reader.u32()?.min(3) {
            let (operation, status) = (reader.u32()?, reader.u32()?);
            match operation {
                _ if status != 0 => return Ok(None),
                op::SEQUENCE => reader.take(SEQUENCED).map(drop)?,
                op::PUTFH => {}
                op::READ => {
                    let _eof = reader.u32()?;
                    return reader.u32().map(|length| Some(length as usize));
                }
                _ => return Ok(None),
            }
        }
        Ok(None)
    };
    match find(&mut reader) {
        Ok(Some(len)) => Ok(Split::Data { at: reader.position(), len }),
        Ok(None) => Ok(Split::Whole),
        Err(_) if body.len() < 2 * USUAL_READ_BODY => Ok(Split::More),
        Err(_) => Err(Error::malformed("NFSv4: the reply to READ has no beginning")),
    }
}
