//! The receiving half: which bytes of the stream belong to which call, and where they go.

use std::io::{self, IoSliceMut};

use super::super::message::{Split, body_offset};
use super::super::record::Piece;
use super::{Connection, Head, Phase};
use crate::error::{Error, Result};
use crate::io::{Receive, Received, STAGE};

/// Data for a sink up to this size is copied there from the stage: that costs less than one more system call.
const SMALL_SINK: usize = 16 << 10;

/// Bytes of mark and header in front of the body of a reply with an empty verifier.
const USUAL_HEADER: usize = 28;

/// Most replies, or what precedes their data, are no longer than this.
const USUAL_HEAD: usize = 320;

/// Room is made at once for no more of a reply than this, whatever its length is said to be.
const EXPECTED: usize = 1 << 20;

/// A late reply to a call that nobody waits for any more may be this long.
const MAX_UNWANTED: usize = 64 << 20;

/// Room for the rest of a reply whose data goes elsewhere: header, attributes, padding.
const MAX_BESIDE_DATA: usize = 64 << 10;

impl Connection {
    /// Digests received bytes.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) -> Result<()> {
        loop {
            match self.marks.next(&mut bytes) {
                Piece::Nothing => return Ok(()),
                Piece::Payload(payload) => self.payload(payload)?,
                Piece::End => self.end_of_record()?,
            }
        }
    }

    fn payload(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            match self.phase {
                Phase::Head => {
                    // In small steps: data behind the header is then copied once only.
                    let (now, later) = bytes.split_at(bytes.len().min(256));
                    self.head.reserve(USUAL_HEAD);
                    self.head.extend_from_slice(now);
                    bytes = later;
                    self.look_at_head();
                }
                Phase::Whole => {
                    self.head.reserve(bytes.len() + self.marks.left().min(EXPECTED));
                    self.head.extend_from_slice(bytes);
                    self.check_head_length();
                    return Ok(());
                }
                Phase::Data { xid, at, left, .. } => {
                    let (now, later) = bytes.split_at(bytes.len().min(left));
                    let sink = self.calls.get_mut(xid).and_then(|call| call.sink.as_mut());
                    if let Some(place) =
                        sink.and_then(|sink| sink.to.as_mut_slice().get_mut(at..at + now.len()))
                    {
                        place.copy_from_slice(now);
                    }
                    self.data_came(now.len());
                    if left == 0 {
                        self.check_length_behind_data(xid); // padding
                        return Ok(());
                    }
                    bytes = later;
                }
                Phase::Unwanted if self.marks.total() > MAX_UNWANTED => {
                    return Err(Error::malformed("RPC: the server sends a record without end"));
                }
                Phase::Unwanted => return Ok(()),
            }
        }
        Ok(())
    }

    fn data_came(&mut self, count: usize) {
        if let Phase::Data { at, left, .. } = &mut self.phase {
            *at += count;
            *left -= count;
        }
    }

    fn check_length_behind_data(&mut self, xid: u32) {
        let data = match self.phase {
            Phase::Data { at, .. } => at,
            _ => 0,
        };
        if self.marks.total() > data + MAX_BESIDE_DATA {
            self.refuse(xid, Error::malformed("RPC: the reply goes on and on behind its data"));
        }
    }

    fn check_head_length(&mut self) {
        let Some(xid) = self.head_xid() else { return };
        let limit = self.calls.get(xid).map_or(MAX_BESIDE_DATA, |call| call.limit);
        if self.head.len() > limit {
            let cause = format!("RPC: the reply is longer than the {limit} bytes it can have");
            self.refuse(xid, Error::malformed(cause));
        }
    }

    /// Ends the call that the current record answers. The rest of the record is skipped: other calls have nothing to
    /// do with it.
    fn refuse(&mut self, xid: u32, error: Error) {
        self.phase = Phase::Unwanted;
        self.head = Vec::new();
        self.unreadable(xid, error);
    }

    fn head_xid(&self) -> Option<u32> {
        Some(u32::from_be_bytes(self.head.first_chunk::<4>().copied()?))
    }

    /// Decides what the rest of the record is, as soon as its first bytes tell.
    fn look_at_head(&mut self) {
        let Some(xid) = self.head_xid() else { return };
        let Some(call) = self.calls.get_mut(xid).filter(|call| call.result.is_none()) else {
            return self.look_at_unwanted(xid);
        };
        let Some(sink) = &mut call.sink else {
            self.phase = Phase::Whole;
            return self.check_head_length();
        };
        let split = match body_offset(&self.head) {
            Ok(None) => Ok((0, Split::More)),
            Ok(Some(body)) => match (sink.split)(self.head.get(body..).unwrap_or_default()) {
                Ok(Split::Data { at, len }) if len > sink.to.len() => Err(Error::malformed(format!(
                    "the server sent {len} bytes of data where {} were asked for (at {at})",
                    sink.to.len()
                ))),
                split => split.map(|split| (body, split)),
            },
            Err(_) => Ok((0, Split::Whole)), // a refusal: told when the record is complete
        };
        match split {
            Ok((_, Split::More)) => self.check_head_length(),
            Ok((_, Split::Whole)) => {
                self.phase = Phase::Whole;
                self.check_head_length();
            }
            Ok((body, Split::Data { at, len })) => {
                let at = body + at;
                let early = self.head.get(at..).unwrap_or_default();
                let copied = early.len().min(len);
                if let Some(place) = sink.to.as_mut_slice().get_mut(..copied) {
                    place.copy_from_slice(&early[..copied]);
                }
                self.head.truncate(at);
                self.phase = Phase::Data { xid, at: copied, left: len - copied, body };
            }
            Err(error) => self.refuse(xid, error),
        }
    }

    fn end_of_record(&mut self) -> Result<()> {
        let phase = std::mem::replace(&mut self.phase, Phase::Head);
        let bytes = std::mem::take(&mut self.head);
        let (xid, received) = match phase {
            Phase::Unwanted => return Ok(()),
            Phase::Data { xid, left: 0, at, body } => {
                self.finish(xid, Ok(Head { bytes, body, received: Some(at) }));
                return Ok(());
            }
            Phase::Data { xid, left, .. } => {
                let error = Error::malformed(format!("the reply ends {left} bytes before its data does"));
                self.unreadable(xid, error);
                return Ok(());
            }
            Phase::Head | Phase::Whole => {
                let xid = bytes.first_chunk::<4>().map(|xid| u32::from_be_bytes(*xid));
                (xid.ok_or_else(|| Error::malformed("RPC: a record too short for a reply"))?, None)
            }
        };
        match body_offset(&bytes) {
            Ok(Some(body)) => self.finish(xid, Ok(Head { bytes, body, received })),
            Ok(None) => self.unreadable(xid, Error::malformed("RPC: a reply too short for its header")),
            Err(error) => self.unreadable(xid, error),
        }
        Ok(())
    }

    /// The memory that certainly comes next, the rest of the current fragment's data, with its length and that of
    /// the padding behind it.
    fn certain(&mut self) -> Option<(&mut [u8], usize, usize)> {
        let Phase::Data { xid, at, left, .. } = self.phase else { return None };
        let length = left.min(self.marks.left());
        let padding = self.marks.left() - length;
        let sink = self.calls.get_mut(xid)?.sink.as_mut()?;
        let place = sink.to.as_mut_slice().get_mut(at..at + length)?;
        (length > 0).then_some((place, length, padding))
    }

    /// How much to receive beyond what certainly is data, when the call at `position` in the order of sending is
    /// answered next. A large sink waits for its data: then just the header, so that the data itself is received in
    /// its place. It is never received ahead of its header: nothing but data goes into a sink.
    pub(super) fn stage_room(&self, position: usize) -> usize {
        let sink = self.sent.get(position).and_then(|xid| self.calls.get(*xid)?.sink.as_ref());
        match sink {
            Some(sink) if sink.to.len() > SMALL_SINK => USUAL_HEADER + sink.usual,
            _ => STAGE,
        }
    }

    pub(super) fn receive_into(&mut self, stage: &mut [u8], receive: &mut Receive<'_>) -> Result<Received> {
        let ahead = self.stage_room(1);
        if let Some((place, length, padding)) = self.certain() {
            let stage = &mut stage[..(padding + ahead).min(STAGE)];
            let room = length + stage.len();
            let slices = &mut [IoSliceMut::new(place), IoSliceMut::new(stage)];
            let Some(count) = received(receive(slices))? else { return Ok(Received::Nothing) };
            let direct = count.min(length);
            self.data_came(direct);
            self.marks.skip(direct);
            self.feed(&stage[..count - direct])?;
            return Ok(moved(count, room));
        }
        let stage = &mut stage[..if self.marks.idle() { self.stage_room(0) } else { STAGE }];
        let Some(count) = received(receive(&mut [IoSliceMut::new(stage)]))? else {
            return Ok(Received::Nothing);
        };
        self.feed(&stage[..count])?;
        Ok(moved(count, stage.len()))
    }
}

fn received(result: io::Result<usize>) -> Result<Option<usize>> {
    match result {
        Ok(count) => Ok(Some(count)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(None),
        Err(error) => Err(Error::system(format_args!("receive from the server"), &error)),
    }
}

fn moved(count: usize, room: usize) -> Received {
    if count == 0 { Received::Closed } else { Received::Bytes { count, room } }
}
