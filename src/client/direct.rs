//! Asynchronous READ and WRITE of one piece: a single call each, as long as the server does all of it at once.

use std::sync::Arc;

use super::commit::Reservation;
use super::data::{WriteOutcome, Written, check, write_on};
use super::session::{Session, Shared};
use super::{Client, File};
use crate::dialect::InSlot;
use crate::error::{Error, Result};
use crate::executor::{Call, CallOperation, End};
use crate::io::{Destination, Source};
use crate::rpc::Answer;
use crate::transfer::{ReadReply, Stability, WriteReply};

/// Where data is read or written.
#[derive(Clone, Copy)]
pub enum Place {
    At(u64),
    /// At the position of the file, which moves behind the data; with O_APPEND it is written at the end.
    Position,
}

/// The place of one transfer, taken from all others at the position as long as this lives.
struct Claim {
    file: Arc<File>,
    offset: u64,
    at_position: bool,
}

impl Claim {
    /// None when somebody else reads or writes at the position.
    fn new(file: &Arc<File>, place: Place) -> Option<Self> {
        let (offset, at_position) = match place {
            Place::At(offset) => (offset, false),
            Place::Position if file.position.order.try_lock() => (file.position.get(), true),
            Place::Position => return None,
        };
        Some(Self { file: file.clone(), offset, at_position })
    }

    /// Whether `length` bytes fit behind its offset.
    fn fits(&self, length: usize) -> bool {
        self.offset.checked_add(length as u64).is_some()
    }

    /// This many bytes have been read or written.
    fn passed(&self, count: usize) {
        if self.at_position {
            self.file.position.set(self.offset + count as u64);
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.at_position {
            self.file.position.order.unlock();
        }
    }
}

impl Client {
    /// Reads from `place` on until `to` is full or the file ends. `done` gets the number of bytes, as
    /// [`Client::spawn`] says.
    pub fn start_read(
        self: &Arc<Self>,
        file: Arc<File>,
        place: Place,
        to: Destination,
        done: impl FnOnce(Result<usize>) + Send + 'static,
    ) -> Result<()> {
        let left = self.with_shared(|shared| {
            let with_one_call = |shared: &&Arc<Shared>| {
                shared.policy.is_none() && (1..=shared.read_piece).contains(&to.len()) && file.check().is_ok()
            };
            let shared = shared.ok().filter(with_one_call);
            let claim = shared.and_then(|_| Claim::new(&file, place)).filter(|claim| claim.fits(to.len()));
            let Some((shared, claim)) = shared.zip(claim) else { return Ok::<_, Error>(Some((to, done))) };
            let Some(slot) = shared.nfs.slot() else { return Ok(Some((to, done))) };
            let (offset, length, in_slot) = (claim.offset, to.len(), shared.nfs.in_slot(&slot));
            let read = Read { client: self.clone(), claim, shared: shared.clone(), length, in_slot };
            let call = CallOperation::begin(&self.executor, read, done)?;
            shared.nfs.submit_read(slot, file.inode.file(), offset, to, call);
            Ok(None)
        })?;
        match (left, place) {
            (None, _) => self.executor.submitted(),
            (Some((to, done)), Place::At(offset)) => {
                self.spawn(self.clone().pread(file, offset, to), done)?
            }
            (Some((to, done)), Place::Position) => self.spawn(self.clone().read(file, to), done)?,
        }
        Ok(())
    }

    /// Writes all of `from` at `place`. `done` gets the number of bytes, as [`Client::spawn`] says.
    pub fn start_write(
        self: &Arc<Self>,
        file: Arc<File>,
        place: Place,
        from: Source,
        done: impl FnOnce(Result<usize>) + Send + 'static,
    ) -> Result<()> {
        let appends = matches!(place, Place::Position) && file.appends();
        let left = self.with_shared(|shared| {
            let with_one_call = |shared: &&Arc<Shared>| {
                !appends
                    && (1..=shared.write_piece).contains(&from.len())
                    && file.check().is_ok()
                    && file.writable().is_ok()
                    && !file.inode.errors.has_news(&file.errors)
                    && !self.is_full()
            };
            let shared = shared.ok().filter(with_one_call);
            let claim = shared.and_then(|_| Claim::new(&file, place)).filter(|claim| claim.fits(from.len()));
            let Some((shared, claim)) = shared.zip(claim) else { return Ok::<_, Error>(Some((from, done))) };
            let Some(slot) = shared.nfs.slot() else { return Ok(Some((from, done))) };
            let Some(order) = Order::enter(&file) else { return Ok(Some((from, done))) };
            let in_slot = shared.nfs.in_slot(&slot);
            file.inode.pages.invalidate();
            let (offset, stability, data) = (claim.offset, self.stability(&file, &from), from.clone());
            let (client, own, life) = (self.clone(), shared.clone(), shared.mounted.lives.current());
            let _reservation = self.reserve(&from, stability);
            let order = Some(order);
            let write =
                Write { client, claim, order, shared: own, data, stability, life, in_slot, _reservation };
            let call = CallOperation::begin(&self.executor, write, done)?;
            shared.nfs.submit_write(slot, file.inode.file(), offset, from, stability, call);
            Ok(None)
        })?;
        match (left, place) {
            (None, _) => self.executor.submitted(),
            (Some((from, done)), Place::At(offset)) => {
                self.spawn(self.clone().pwrite(file, offset, from), done)?;
            }
            (Some((from, done)), Place::Position) => self.spawn(self.clone().write(file, from), done)?,
        }
        Ok(())
    }
}

struct Read {
    client: Arc<Client>,
    claim: Claim,
    shared: Arc<Shared>,
    length: usize,
    in_slot: InSlot,
}

impl Call for Read {
    type Output = usize;
    type Reply = ReadReply;

    fn read(&self, answer: Answer<'_>) -> Result<ReadReply> {
        self.in_slot.read(answer)
    }

    fn end(self, reply: Result<ReadReply>) -> End<usize> {
        let inode = &self.claim.file.inode;
        match reply {
            Ok(reply) if self.client.is_complete(&self.shared, inode, &reply, self.length) => {
                End::Nothing(self.over(Ok(reply.count)))
            }
            Ok(reply) => End::More(Box::pin(self.advance(reply))),
            Err(error) => End::Nothing(self.over(Err(error))),
        }
    }
}

impl Read {
    async fn advance(self, reply: ReadReply) -> Result<usize> {
        let session = Session::begin(self.shared.clone());
        let (inode, offset) = (&self.claim.file.inode, self.claim.offset);
        let result = self.client.read_on(&session, inode, offset, self.length, reply).await;
        self.over(result)
    }

    fn over(&self, result: Result<usize>) -> Result<usize> {
        let count = result.map_err(|error| error.during("read").at(&self.claim.file.path))?;
        self.claim.passed(count);
        Ok(count)
    }
}

/// A WRITE in the order of its file.
struct Order {
    file: Arc<File>,
    epoch: u64,
}

impl Order {
    /// None when somebody excludes WRITEs.
    fn enter(file: &Arc<File>) -> Option<Self> {
        let epoch = file.inode.order.try_begin_write()?;
        Some(Self { file: file.clone(), epoch })
    }
}

impl Drop for Order {
    fn drop(&mut self) {
        self.file.inode.order.end_write(self.epoch);
    }
}

struct Write {
    client: Arc<Client>,
    claim: Claim,
    order: Option<Order>,
    shared: Arc<Shared>,
    data: Source,
    stability: Stability,
    /// The life of the server that it was sent in.
    life: u64,
    in_slot: InSlot,
    _reservation: Reservation,
}

impl Call for Write {
    type Output = usize;
    type Reply = WriteReply;

    fn read(&self, answer: Answer<'_>) -> Result<WriteReply> {
        self.in_slot.write(&answer, self.data.len())
    }

    fn end(mut self, reply: Result<WriteReply>) -> End<usize> {
        match reply.and_then(|reply| check(reply, self.stability)) {
            Ok(reply) if reply.count == self.data.len() => {
                self.taken(WriteOutcome::of(&reply));
                End::Nothing(self.over(Ok(())))
            }
            Ok(reply) => End::More(Box::pin(self.advance(reply))),
            Err(error) => End::Nothing(self.over(Err(error))),
        }
    }
}

impl Write {
    fn taken(&mut self, outcome: WriteOutcome) {
        let (mounted, inode) = (&self.shared.mounted, &self.claim.file.inode);
        let (offset, data, length) = (self.claim.offset, self.data.clone(), self.data.len());
        let written = Written { offset, data, length, life: self.life };
        self.client.written(mounted, inode, written, &outcome, &self.shared.nfs);
        self.order = None; // who makes the data stable may want to be alone
        if !outcome.is_stable {
            self.client.watch_retained(mounted, self.life);
            self.client.limit_retained(&self.shared, inode);
        }
    }

    async fn advance(mut self, reply: WriteReply) -> Result<usize> {
        let nfs = self.shared.nfs.begun_now();
        let (inode, offset) = (&self.claim.file.inode, self.claim.offset);
        let outcome = write_on(&nfs, inode, offset, &self.data, self.stability, reply).await;
        let result = outcome.map(|outcome| self.taken(outcome));
        self.over(result)
    }

    fn over(&self, result: Result<()>) -> Result<usize> {
        self.claim.file.inode.pages.invalidate();
        let file = &self.claim.file;
        result.map_err(|error| file.refused(error).during("write").at(&file.path))?;
        self.claim.passed(self.data.len());
        Ok(self.data.len())
    }
}
