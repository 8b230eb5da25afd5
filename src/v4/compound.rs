//! COMPOUND (RFC 8881, section 16.2): one call made of operations, and the results of as many of them as succeeded.
//!
//! Operations are encoded in place, and results are read in place. Each operation has its two functions side by side in
//! the file of its subject.

use super::numbers::{COMPOUND, PROGRAM, VERSION, op};
use super::status::{OK, nfs_error};
use crate::attributes::Handle;
use crate::error::{Error, Result};
use crate::rpc::{Credential, Message};
use crate::xdr::Reader;

/// A call that is being made.
pub struct Compound {
    message: Message,
    /// Where the number of operations stands in it.
    count_at: usize,
    count: u32,
}

impl Compound {
    pub fn new(memory: Vec<u8>, minor: u32, credential: &Credential) -> Self {
        let mut message = Message::call_in(memory, PROGRAM, VERSION, COMPOUND, credential);
        let arguments = message.arguments();
        put_u32(arguments, 0); // the tag is empty
        put_u32(arguments, minor);
        let count_at = arguments.len();
        put_u32(arguments, 0);
        Self { message, count_at, count: 0 }
    }

    /// Begins an operation; its arguments are to be appended.
    pub fn op(&mut self, number: u32) -> &mut Vec<u8> {
        self.count += 1;
        let arguments = self.message.arguments();
        put_u32(arguments, number);
        arguments
    }

    pub fn finish(mut self) -> Message {
        let count = self.count.to_be_bytes();
        if let Some(place) = self.message.arguments().get_mut(self.count_at..self.count_at + 4) {
            place.copy_from_slice(&count);
        }
        self.message
    }

    pub fn putrootfh(&mut self) {
        self.op(op::PUTROOTFH);
    }

    pub fn putfh(&mut self, handle: &Handle) {
        put_opaque(self.op(op::PUTFH), handle.as_bytes());
    }

    pub fn getfh(&mut self) {
        self.op(op::GETFH);
    }

    pub fn savefh(&mut self) {
        self.op(op::SAVEFH);
    }

    pub fn lookup(&mut self, name: &[u8]) {
        put_opaque(self.op(op::LOOKUP), name);
    }
}

pub fn put_u32(to: &mut Vec<u8>, word: u32) {
    to.extend_from_slice(&word.to_be_bytes());
}

pub fn put_words<const N: usize>(to: &mut Vec<u8>, words: [u32; N]) {
    to.extend_from_slice(words.map(u32::to_be_bytes).as_flattened());
}

pub fn put_u64(to: &mut Vec<u8>, long: u64) {
    to.extend_from_slice(&long.to_be_bytes());
}

/// Variable-length opaque data.
pub fn put_opaque(to: &mut Vec<u8>, bytes: &[u8]) {
    put_u32(to, bytes.len() as u32);
    to.extend_from_slice(bytes);
    to.extend_from_slice(&[0; 3][..bytes.len().wrapping_neg() & 3]);
}

/// The results of a call, read one after the other.
#[derive(Clone)]
pub struct Results<'a> {
    reader: Reader<'a>,
    status: u32,
    left: u32,
}

impl<'a> Results<'a> {
    /// `body` is that of a reply to COMPOUND.
    pub fn new(body: &'a [u8]) -> Result<Self> {
        let mut reader = Reader::new(body);
        let status = reader.u32()?;
        let _tag = reader.opaque()?;
        let left = reader.u32()?;
        if left == 0 && status == OK {
            return Err(Error::malformed("NFSv4: a reply without results"));
        }
        Ok(Self { reader, status, left })
    }

    /// The status of the whole: that of the last result.
    pub fn status(&self) -> u32 {
        self.status
    }

    /// What follows the status of the next result, which must be that of `operation` and a success.
    pub fn next(&mut self, operation: u32) -> Result<&mut Reader<'a>> {
        match self.next_or_failed(operation)? {
            OK => Ok(&mut self.reader),
            status => Err(nfs_error(status)),
        }
    }

    /// The status of the next result, which must be that of `operation`; what follows it is to be read then.
    pub fn next_or_failed(&mut self, operation: u32) -> Result<u32> {
        if self.left == 0 {
            // The call was refused before this operation: for the number of its operations, for instance.
            return Err(match self.status {
                OK => Error::malformed(format!("NFSv4: there is no result of operation {operation}")),
                status => nfs_error(status),
            });
        }
        self.left -= 1;
        let number = self.reader.u32()?;
        let status = self.reader.u32()?;
        if number != operation && !(number == op::ILLEGAL && status != OK) {
            return Err(Error::malformed(format!(
                "NFSv4: the result of operation {number} where that of {operation} was due"
            )));
        }
        // The first failure is the last result.
        if status != OK && (self.left > 0 || status != self.status) {
            return Err(Error::malformed("NFSv4: the results go on behind a failure"));
        }
        if status == OK && self.left == 0 && self.status != OK {
            return Err(Error::malformed("NFSv4: a failure without its result"));
        }
        Ok(status)
    }

    pub fn reader(&mut self) -> &mut Reader<'a> {
        &mut self.reader
    }

    /// The current file handle is set.
    pub fn putfh(&mut self) -> Result<()> {
        self.next(op::PUTFH).map(drop)
    }

    pub fn savefh(&mut self) -> Result<()> {
        self.next(op::SAVEFH).map(drop)
    }

    pub fn getfh(&mut self) -> Result<Handle> {
        Handle::new(self.next(op::GETFH)?.opaque()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    #[test]
    fn operations_are_counted() {
        let credential = Credential::raw(0, b"").unwrap();
        let mut compound = Compound::new(Vec::new(), 1, &credential);
        compound.putfh(&Handle::new(b"abcde").unwrap());
        compound.lookup(b"n");
        let mut message = compound.finish();
        let bytes = message.arguments();
        let tail = words(&[0, 1, 2, op::PUTFH, 5]);
        let at = bytes.len() - tail.len() - 8 - 12;
        assert_eq!(bytes[at..at + tail.len()], tail);
        assert_eq!(
            &bytes[at + tail.len()..],
            [&b"abcde\0\0\0"[..], &words(&[op::LOOKUP, 1]), b"n\0\0\0"].concat()
        );
    }

    #[test]
    fn results_are_those_of_the_operations() {
        let body = words(&[0, 0, 2, op::PUTFH, 0, op::GETFH, 0, 4, 0x6162_6364]);
        let mut results = Results::new(&body).unwrap();
        results.putfh().unwrap();
        assert_eq!(results.getfh().unwrap().as_bytes(), b"abcd");
        assert_eq!(results.getfh().unwrap_err().errno(), libc::EIO);
        for length in 0..body.len() {
            let read = |body| {
                let mut results = Results::new(body)?;
                results.putfh()?;
                results.getfh()
            };
            assert!(read(&body[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn a_failure_is_the_last_result() {
        let failed = words(&[2, 0, 2, op::PUTFH, 0, op::LOOKUP, 2]);
        let mut results = Results::new(&failed).unwrap();
        results.putfh().unwrap();
        assert_eq!(results.next(op::LOOKUP).unwrap_err().errno(), libc::ENOENT);
        for lie in [
            vec![2, 0, 2, op::PUTFH, 2, op::LOOKUP, 0], // goes on behind a failure
            vec![2, 0, 1, op::PUTFH, 0],                // no failure is there
            vec![0, 0, 1, op::PUTFH, 2],                // and the whole is a success
            vec![0, 0, 2, op::LOOKUP, 0, op::LOOKUP, 0], // another operation
            vec![0, 0, 0],
        ] {
            let body = words(&lie);
            let read = |body| {
                let mut results = Results::new(body)?;
                results.putfh()?;
                results.next(op::LOOKUP).map(drop)
            };
            assert_eq!(read(&body).unwrap_err().errno(), libc::EIO, "{lie:?}");
        }
        // An operation that the server does not have at all.
        let illegal = words(&[10_044, 0, 1, op::ILLEGAL, 10_044]);
        assert_eq!(Results::new(&illegal).unwrap().putfh().unwrap_err().errno(), libc::EOPNOTSUPP);
        // Refused as a whole.
        let refused = words(&[10_021, 0, 0]);
        assert_eq!(Results::new(&refused).unwrap().putfh().unwrap_err().errno(), libc::EPROTONOSUPPORT);
    }
}
