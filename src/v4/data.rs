//! READ, WRITE and COMMIT as verbs: encoded into the send queue, received into the caller's memory.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use super::compound::Results;
use super::io::{USUAL_READ_BODY, split_read};
use super::nfs::{Nfs, Outcome, Properties, outcome};
use super::owner::Names;
use super::registration::{Registration, Session, TakenSlot};
use super::slots::Sequence;
use super::stateid::StateId;
use crate::attributes::Handle;
use crate::error::{Error, Result};
use crate::io::{Destination, Source};
use crate::rpc::{Answer, Completion, Pending, Sink};
use crate::transfer::{ReadReply, Stability, WriteReply};

/// Longest READ or WRITE reply beside its data, bytes.
const MAX_REPLY: usize = 4096;

const TRANSFER: Properties = Properties { cache: false, limit: MAX_REPLY };

/// What the reply to a call is read with.
#[derive(Clone)]
pub struct InSlot {
    registration: Arc<Registration>,
    session: Arc<Session>,
    sequence: Sequence,
}

/// A transfer in flight, or one that waits for a slot.
pub enum Transfer<T> {
    Started(Pending, InSlot),
    Waiting(Pin<Box<dyn Future<Output = Result<T>> + Send>>),
}

pub type Reading = Transfer<ReadReply>;
/// With the number of bytes.
pub struct Writing(Transfer<WriteReply>, usize);

impl InSlot {
    pub fn new(nfs: &Nfs, slot: &TakenSlot) -> Self {
        let registration = nfs.registration.clone();
        Self { registration, session: slot.session().clone(), sequence: slot.sequence }
    }

    /// What `read` says; None when the call is to be made again: the server is busy, or the session is made anew.
    fn outcome<T>(&self, body: &[u8], read: impl FnOnce(&mut Results<'_>) -> Result<T>) -> Result<Option<T>> {
        match outcome(body, &self.sequence, read)? {
            Outcome::Done(value) => {
                self.registration.went_well();
                Ok(Some(value))
            }
            // READ and WRITE may be done again.
            Outcome::Busy | Outcome::Unkept => Ok(None),
            Outcome::Lost(loss) => self.registration.lost(&self.session, loss).map(|()| None),
        }
    }

    pub fn read(&self, answer: Answer<'_>) -> Result<ReadReply> {
        let received = answer.received;
        let read = |results: &mut Results<'_>| {
            results.putfh()?;
            let eof = results.read()?;
            let count = results.reader().u32()? as usize;
            match received {
                Some(received) if received == count => Ok((count, eof)),
                None if count == 0 => Ok((0, eof)),
                _ => Err(Error::malformed("NFSv4: the data of READ is not where it should be")),
            }
        };
        let done = self.outcome(answer.body, read)?;
        let (count, eof) = done.unwrap_or_default();
        Ok(ReadReply { busy: done.is_none(), invalid: None, count, eof, to: answer.to })
    }

    pub fn write(&self, answer: &Answer<'_>, length: usize) -> Result<WriteReply> {
        let read = |results: &mut Results<'_>| {
            results.putfh()?;
            let (count, committed, verifier) = results.write()?;
            if count as usize > length {
                return Err(Error::malformed(format!("the reply to WRITE of {length} bytes says {count}")));
            }
            let (count, stability) = (count as usize, Stability::done(committed));
            Ok(WriteReply { busy: false, count, stability, verifier })
        };
        Ok(self.outcome(answer.body, read)?.unwrap_or(WriteReply::BUSY))
    }
}

/// What READs and WRITEs of an open file name.
#[derive(Debug, Clone, Copy)]
pub struct OpenHandle {
    pub handle: Handle,
    pub stateid: StateId,
}

impl Nfs {
    /// Asks for as many bytes as fit into `to`, which must be at most the server's limit. If there is a slot, the call is
    /// on its way when this returns.
    pub fn read(&self, file: OpenHandle, offset: u64, to: Destination, deadline: Option<Instant>) -> Reading {
        let nfs = self.due(deadline);
        match self.try_slot() {
            Some(slot) => {
                let in_slot = InSlot::new(self, &slot);
                Transfer::Started(nfs.start_read(slot, file, offset, to), in_slot)
            }
            None => Transfer::Waiting(Box::pin(async move {
                let slot = nfs.slot().await?;
                let in_slot = InSlot::new(&nfs, &slot);
                nfs.start_read(slot, file, offset, to).read(|answer| in_slot.read(answer)).await
            })),
        }
    }

    fn start_read(&self, slot: TakenSlot, file: OpenHandle, offset: u64, to: Destination) -> Pending {
        let count = to.len() as u32;
        let sink = Sink { to, split: split_read, usual: USUAL_READ_BODY };
        let encode = |compound: &mut super::compound::Compound| {
            compound.putfh(&file.handle);
            compound.read(&file.stateid, offset, count);
        };
        self.start(slot, TRANSFER, encode, None, Some(sink))
    }

    /// Sends `from`, which must be at most the server's limit. If there is a slot, the call is on its way when this
    /// returns.
    pub fn write(
        &self,
        file: OpenHandle,
        offset: u64,
        from: Source,
        stability: Stability,
        deadline: Option<Instant>,
    ) -> Writing {
        let (length, nfs) = (from.len(), self.due(deadline));
        let transfer = match self.try_slot() {
            Some(slot) => {
                let in_slot = InSlot::new(self, &slot);
                Transfer::Started(nfs.start_write(slot, file, offset, from, stability), in_slot)
            }
            None => Transfer::Waiting(Box::pin(async move {
                let slot = nfs.slot().await?;
                let in_slot = InSlot::new(&nfs, &slot);
                let pending = nfs.start_write(slot, file, offset, from, stability);
                pending.read(|answer| in_slot.write(&answer, length)).await
            })),
        };
        Writing(transfer, length)
    }

    fn start_write(
        &self,
        slot: TakenSlot,
        file: OpenHandle,
        offset: u64,
        from: Source,
        stability: Stability,
    ) -> Pending {
        let length = from.len() as u32;
        let encode = |compound: &mut super::compound::Compound| {
            compound.putfh(&file.handle);
            compound.write(&file.stateid, offset, stability.stable_how(), length);
        };
        self.start(slot, TRANSFER, encode, Some(from), None)
    }

    /// Makes all unstable data of a file stable; returns the verifier.
    pub async fn commit(&self, file: &Handle) -> Result<[u8; 8]> {
        let ask = |compound: &mut super::compound::Compound| {
            compound.putfh(file);
            compound.commit();
        };
        let read = |results: &mut Results<'_>, _: &Names| {
            results.putfh()?;
            results.commit()
        };
        self.call(Properties::HARMLESS, ask, read).await
    }

    /// As [`Nfs::read`], in a slot that was taken before; `completion` gets the reply, to be read by [`InSlot::read`].
    pub fn submit_read(
        &self,
        mut slot: TakenSlot,
        file: OpenHandle,
        offset: u64,
        to: Destination,
        completion: Box<impl Completion + 'static>,
    ) {
        let count = to.len() as u32;
        let sink = Sink { to, split: split_read, usual: USUAL_READ_BODY };
        let encode = |compound: &mut super::compound::Compound| {
            compound.putfh(&file.handle);
            compound.read(&file.stateid, offset, count);
        };
        let request = |memory, _: &_| self.request(memory, &mut slot, TRANSFER, encode, None, Some(sink));
        self.transport.submit(request, completion);
    }

    /// As [`Nfs::write`], in a slot that was taken before; `completion` gets the reply, to be read by [`InSlot::write`].
    pub fn submit_write(
        &self,
        mut slot: TakenSlot,
        file: OpenHandle,
        offset: u64,
        from: Source,
        stability: Stability,
        completion: Box<impl Completion + 'static>,
    ) {
        let length = from.len() as u32;
        let encode = |compound: &mut super::compound::Compound| {
            compound.putfh(&file.handle);
            compound.write(&file.stateid, offset, stability.stable_how(), length);
        };
        let request = |memory, _: &_| self.request(memory, &mut slot, TRANSFER, encode, Some(from), None);
        self.transport.submit(request, completion);
    }
}

impl Reading {
    pub async fn done(self) -> Result<ReadReply> {
        match self {
            Self::Started(pending, in_slot) => pending.read(|answer| in_slot.read(answer)).await,
            Self::Waiting(whole) => whole.await,
        }
    }
}

impl Writing {
    pub async fn done(self) -> Result<WriteReply> {
        let Self(transfer, length) = self;
        match transfer {
            Transfer::Started(pending, in_slot) => {
                pending.read(|answer| in_slot.write(&answer, length)).await
            }
            Transfer::Waiting(whole) => whole.await,
        }
    }
}
