//! Replies that wait to be sent: small bytes of their own, and pieces of prepared memory that are sent from where
//! they lie.

use std::io::{self, IoSlice, Write};
use std::net::TcpStream;
use std::ops::Range;
use std::rc::Rc;

use crate::xdr::Writer;

/// Pieces below this are copied: that is cheaper than one more element for the kernel to look at.
const COPY_BELOW: usize = 8 << 10;
/// As many slices as one system call takes.
const SLICES: usize = 1024;

#[derive(Default)]
pub struct Output {
    pub small: Vec<u8>,
    /// Prepared pieces, each with the place in `small` before which it is sent.
    prepared: Vec<(usize, Rc<Vec<u8>>, Range<usize>)>,
    /// How much of the whole is sent.
    sent: usize,
    record: usize,
    record_prepared: usize,
}

impl Output {
    pub fn is_empty(&self) -> bool {
        self.small.is_empty()
    }

    /// Begins a record: an accepted reply with the given accept_stat.
    pub fn begin(&mut self, xid: u32, accept_stat: u32) {
        self.record = self.small.len();
        self.record_prepared = 0;
        self.small.u32(0);
        for word in [xid, 1, 0, 0, 0, accept_stat] {
            self.small.u32(word);
        }
    }

    /// Takes the record that was begun back.
    pub fn forget(&mut self) {
        self.small.truncate(self.record);
        self.prepared.retain(|(place, _, _)| *place <= self.record);
    }

    /// Appends a piece of prepared memory.
    pub fn prepared(&mut self, bytes: &Rc<Vec<u8>>, range: Range<usize>) {
        if range.len() < COPY_BELOW {
            self.small.extend_from_slice(&bytes[range]);
        } else {
            self.record_prepared += range.len();
            self.prepared.push((self.small.len(), bytes.clone(), range));
        }
    }

    /// Ends the record: its length is known.
    pub fn end(&mut self) {
        let length = self.small.len() - self.record - 4 + self.record_prepared;
        let mark = (1 << 31 | length as u32).to_be_bytes();
        self.small[self.record..self.record + 4].copy_from_slice(&mark);
    }

    /// Sends what the socket takes.
    pub fn flush(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        while !self.is_empty() {
            let slices = self.slices();
            match stream.write_vectored(&slices[..slices.len().min(SLICES)]) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
            let whole =
                self.small.len() + self.prepared.iter().map(|(_, _, range)| range.len()).sum::<usize>();
            if self.sent == whole {
                self.small.clear();
                self.prepared.clear();
                self.sent = 0;
            }
        }
        Ok(())
    }

    /// All that is not sent yet.
    fn slices(&self) -> Vec<IoSlice<'_>> {
        let mut slices = Vec::with_capacity(2 * self.prepared.len() + 1);
        let mut skip = self.sent;
        let mut push = |bytes: &'_ [u8]| -> Option<usize> {
            let skipped = skip.min(bytes.len());
            skip -= skipped;
            (skipped < bytes.len()).then_some(skipped)
        };
        let mut from = 0;
        for (place, bytes, range) in &self.prepared {
            for piece in [&self.small[from..*place], &bytes[range.clone()]] {
                if let Some(skipped) = push(piece) {
                    slices.push(IoSlice::new(&piece[skipped..]));
                }
            }
            from = *place;
        }
        if let Some(skipped) = push(&self.small[from..]) {
            slices.push(IoSlice::new(&self.small[from..][skipped..]));
        }
        slices
    }
}
