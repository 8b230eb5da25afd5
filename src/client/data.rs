//! Reading and writing: large transfers in pieces of the server's size, in flight together.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::inode::{Inode, Policy, Verifier};
use super::mount::Mounted;
use super::session::{Session, Shared};
use super::stability::is_timed;
use super::{Client, File};
use crate::attributes::FileType;
use crate::dialect::{Nfs, Reading, Writing};
use crate::error::{Error, Result};
use crate::io::{Block, Destination, Source};
use crate::rpc::Backoff;
use crate::transfer::{ReadReply, Stability, WriteReply};

/// Pieces of one transfer that are in flight at a time.
const WINDOW: usize = 32;

impl Client {
    /// Reads from `offset` until `to` is full or the file ends; returns the bytes read.
    pub async fn pread(self: Arc<Self>, file: Arc<File>, offset: u64, to: Destination) -> Result<usize> {
        let read = async {
            let session = self.session_of(&file)?;
            match session.policy {
                Some(policy) => Box::pin(self.read_cached(&session, &file, policy, offset, to)).await,
                None => self.read_at(&session, &file.inode, offset, to).await,
            }
        };
        read.await.map_err(|error: Error| error.during("read").at(&file.path))
    }

    /// As [`Client::pread`] at the file's position, which moves on.
    pub async fn read(self: Arc<Self>, file: Arc<File>, to: Destination) -> Result<usize> {
        let turn = self.turn(&file).await;
        let _turn = turn.map_err(|error| error.during("read").at(&file.path))?;
        let offset = file.position.get();
        let count = self.pread(file.clone(), offset, to).await?;
        file.position.set(offset + count as u64);
        Ok(count)
    }

    /// Reads through the page cache, and ahead of a sequential reader.
    async fn read_cached(
        &self,
        session: &Session,
        file: &File,
        policy: Policy,
        offset: u64,
        mut to: Destination,
    ) -> Result<usize> {
        let (inode, pages) = (&file.inode, &file.inode.pages);
        let sequential = file.read_to.load(Ordering::Relaxed) == offset;
        let cached = pages.copy(policy, self.reactor.now(), offset, to.as_mut_slice());
        let count = match (cached, policy.span(offset, to.len(), sequential)) {
            (Some(count), _) => count,
            (None, None) => self.read_at(session, inode, offset, to).await?,
            (None, Some((start, length))) => {
                let (mut block, destination) = Block::with_destination(length)?;
                let (generation, now) = (pages.generation(), self.reactor.now());
                let count = self.read_at(session, inode, start, destination).await?;
                let bytes = block.as_slice().and_then(|bytes| bytes.get(..count)).unwrap_or_default();
                pages.store(policy, now, generation, start, bytes, count < length);
                let wanted = bytes.get((offset - start) as usize..).unwrap_or_default();
                let count = wanted.len().min(to.len());
                to.as_mut_slice()[..count].copy_from_slice(&wanted[..count]);
                count
            }
        };
        file.read_to.store(offset + count as u64, Ordering::Relaxed);
        Ok(count)
    }

    async fn read_at(
        &self,
        session: &Session,
        inode: &Arc<Inode>,
        offset: u64,
        to: Destination,
    ) -> Result<usize> {
        let piece = session.read_piece;
        if to.len() > piece || offset.checked_add(to.len() as u64).is_none() {
            return Box::pin(self.read_pieces(session, inode, offset, to, piece)).await;
        }
        if to.len() == 0 {
            return Ok(0);
        }
        let length = to.len();
        let reply = session.nfs.read(inode.file(), offset, to, session.nfs.deadline()).done().await?;
        if self.is_complete(session, inode, &reply, length) {
            return Ok(reply.count);
        }
        Box::pin(self.read_on(session, inode, offset, length, reply)).await
    }

    /// Reads in pieces of a size that the server takes, many at a time.
    async fn read_pieces(
        &self,
        session: &Session,
        inode: &Arc<Inode>,
        offset: u64,
        mut to: Destination,
        piece: usize,
    ) -> Result<usize> {
        let mut flight: VecDeque<Piece> = VecDeque::new();
        let mut next = offset;
        let mut total = 0;
        loop {
            while flight.len() < WINDOW && to.len() > 0 && next.checked_add(to.len() as u64).is_some() {
                let window = to.split_front(piece);
                let (at, length) = (next, window.len());
                next += length as u64;
                let deadline = session.nfs.deadline_of_piece();
                let reading = session.nfs.read(inode.file(), at, window, deadline);
                flight.push_back(Piece { at, length, reading });
            }
            let Some(Piece { at, length, reading }) = flight.pop_front() else { return Ok(total) };
            let reply = reading.done().await?;
            let count = match self.is_complete(session, inode, &reply, length) {
                true => reply.count,
                false => self.read_on(session, inode, at, length, reply).await?,
            };
            total += count;
            if count < length {
                return Ok(total);
            }
        }
    }

    /// Nothing is left to ask for, and what the server has said counts.
    pub(super) fn is_complete(
        &self,
        session: &Shared,
        inode: &Arc<Inode>,
        reply: &ReadReply,
        length: usize,
    ) -> bool {
        is_whole(reply, length) && !self.is_uncertain(&session.mounted, inode)
    }

    /// Asks for the rest when the server sends less than it was asked for, again when it is busy, and for everything
    /// when it may have lost what was written; returns all bytes of the piece. The rest has one deadline, into however
    /// many parts it falls.
    pub(super) async fn read_on(
        &self,
        session: &Session,
        inode: &Arc<Inode>,
        at: u64,
        length: usize,
        mut reply: ReadReply,
    ) -> Result<usize> {
        let (mut backoff, deadline) = (Backoff::new(), session.nfs.deadline_of_piece());
        let (mut front, mut total) = (Destination::default(), 0);
        loop {
            // The bytes of the piece that have been asked for in this call, and those in front of them.
            let Some(mut rest) = reply.to.take() else { return Ok(total + reply.count) };
            if self.is_uncertain(&session.mounted, inode) {
                self.commit(session, inode).await?;
                let Some(whole) = front.join(rest) else { return Ok(total + reply.count) };
                (front, total) = (Destination::default(), 0);
                reply = session.nfs.read(inode.file(), at, whole, deadline).done().await?;
                continue;
            }
            if let Some(error) = reply.invalid.take() {
                let file = Box::pin(self.current_attributes(session, inode)).await?;
                // What is no regular file has no end: it cannot be read.
                let is_end = file.kind == FileType::Regular && file.size <= at + total as u64;
                return if is_end { Ok(total) } else { Err(error) };
            }
            if is_whole(&reply, length - total) {
                return Ok(total + reply.count);
            }
            if reply.busy && !backoff.wait(session.nfs.transport(), deadline).await {
                return Err(busy());
            }
            total += reply.count;
            let read = rest.split_front(reply.count);
            front = match front.join(read) {
                Some(front) => front,
                None => return Ok(total),
            };
            reply = session.nfs.read(inode.file(), at + total as u64, rest, deadline).done().await?;
        }
    }

    /// Writes all of `from` at `offset`; returns the bytes written.
    pub async fn pwrite(self: Arc<Self>, file: Arc<File>, offset: u64, from: Source) -> Result<usize> {
        let session = self.session_of(&file);
        let write = async { self.write_at(&session?, &file, offset, &from).await };
        file.inode.pages.invalidate();
        let result = write.await;
        file.inode.pages.invalidate();
        result.map_err(|error: Error| error.during("write").at(&file.path))
    }

    /// As [`Client::pwrite`] at the file's position, or at its end with O_APPEND; the position moves behind.
    pub async fn write(self: Arc<Self>, file: Arc<File>, from: Source) -> Result<usize> {
        // Whoever comes after it waits for it, also while it waits for its turn.
        let mut _submission = None;
        let turn = match file.position.order.try_guard() {
            Some(turn) => Ok(turn),
            None => {
                _submission = Some(file.inode.order.submit());
                self.turn(&file).await
            }
        };
        let _turn = turn.map_err(|error| error.during("write").at(&file.path))?;
        if file.appends() && from.len() > 0 {
            return Box::pin(self.append(&file, from)).await;
        }
        let offset = file.position.get();
        let count = self.pwrite(file.clone(), offset, from).await?;
        file.position.set(offset + count as u64);
        Ok(count)
    }

    /// Writes where the server says that the file ends. Between this and the WRITE another client may append as well:
    /// NFSv3 has no way to prevent that.
    async fn append(self: &Arc<Self>, file: &Arc<File>, from: Source) -> Result<usize> {
        let _submission = file.inode.order.submit();
        let size = async {
            let session = self.session_of(file)?;
            file.writable()?;
            let turn = self.wait_for(&session, file.inode.append.lock()).await?;
            let size = self.size(&session, &file.inode).await;
            Ok((turn, size.map_err(|error| file.refused(error))?))
        };
        let (_turn, offset) = size.await.map_err(|error: Error| error.during("write").at(&file.path))?;
        let count = self.clone().pwrite(file.clone(), offset, from).await?;
        file.position.set(offset + count as u64);
        Ok(count)
    }

    async fn write_at(
        self: &Arc<Self>,
        session: &Session,
        file: &Arc<File>,
        offset: u64,
        from: &Source,
    ) -> Result<usize> {
        file.writable()?;
        if offset.checked_add(from.len() as u64).is_none() {
            return Err(Error::new(libc::EFBIG, "no file is that long"));
        }
        let inode = &file.inode;
        inode.errors.check(&file.errors)?;
        if from.len() == 0 {
            return Ok(0);
        }
        let mut _submission = None;
        if self.is_full() {
            _submission = Some(inode.order.submit());
            Box::pin(self.make_room(session)).await?;
        }
        {
            // Counted from here on: many may wait for their turn.
            let stability = self.stability(file, from);
            let _reservation = self.reserve(from, stability);
            let _order = match inode.order.try_write() {
                Some(order) => order,
                None => Box::pin(self.wait_for(session, inode.order.write())).await?,
            };
            let life = session.mounted.lives.current();
            let began = is_timed(from, stability).then(|| self.reactor.now());
            let sent = self.send(session, &session.nfs, inode, offset, from, stability).await;
            sent.map_err(|error| file.refused(error))?;
            if let Some(began) = began {
                self.timed(from, self.reactor.now().saturating_duration_since(began));
            }
            if stability == Stability::Unstable {
                self.watch_retained(&session.mounted, life);
            }
        }
        self.limit_retained(session.shared(), inode);
        Ok(from.len())
    }

    /// Sends data as the user of `nfs`; what the server has not made stable is retained.
    pub(super) async fn send(
        &self,
        session: &Session,
        nfs: &Nfs,
        inode: &Arc<Inode>,
        offset: u64,
        from: &Source,
        stability: Stability,
    ) -> Result<()> {
        let (piece, life) = (session.write_piece, session.mounted.lives.current());
        let mut copy = None;
        let outcome = if from.len() <= piece {
            let deadline = nfs.deadline_of_piece();
            let writing = nfs.write(inode.file(), offset, from.clone(), stability, deadline);
            if stability == Stability::Unstable && !from.is_owned() {
                self.reactor.flush();
                copy = Some(self.owned(from)?); // while the server is at work
            }
            finish_write(nfs, inode, offset, from, stability, writing).await?
        } else {
            match Box::pin(write_pieces(nfs, inode, offset, from, piece, stability)).await {
                Ok(outcome) => outcome,
                Err((error, pieces)) => {
                    // What the server has taken is newer than what was retained of these places.
                    for (at, length, outcome) in pieces {
                        let piece = from.slice((at - offset) as usize, length);
                        let data = if outcome.is_stable { Source::default() } else { self.owned(&piece)? };
                        let written = Written { offset: at, data, length, life };
                        self.written(&session.mounted, inode, written, &outcome, nfs);
                    }
                    return Err(error);
                }
            }
        };
        let data = match copy {
            Some(copy) => copy,
            None if outcome.is_stable => Source::default(),
            None => self.owned(from)?,
        };
        let written = Written { offset, data, length: from.len(), life };
        self.written(&session.mounted, inode, written, &outcome, nfs);
        Ok(())
    }

    /// Takes note of data that the server has taken, written as the user of `nfs`.
    pub(super) fn written(
        &self,
        mounted: &Mounted,
        inode: &Arc<Inode>,
        written: Written,
        outcome: &WriteOutcome,
        nfs: &Nfs,
    ) {
        let Written { offset, data, length, life } = written;
        let verifier = outcome.verifier;
        if outcome.is_stable {
            self.note_verifier(mounted, inode, verifier);
            return inode.unstable.forget(offset..offset + length as u64);
        }
        let of_all = (!outcome.restarted).then_some(verifier);
        let now = || self.reactor.now();
        if inode.unstable.retain(offset, data, of_all, life, nfs.credential(), now) {
            self.note_of_file_system(mounted, inode, verifier);
        }
        if outcome.restarted {
            self.another_life(mounted);
        }
    }
}

/// Data that the server has taken.
pub(super) struct Written {
    pub offset: u64,
    /// To be retained, if it is not stable.
    pub data: Source,
    pub length: usize,
    /// The life of the server in which it was sent.
    pub life: u64,
}

/// The offset and the length of a piece that the server has taken.
type TakenPiece = (u64, usize, WriteOutcome);

/// Writes in pieces of a size that the server takes, many at a time. After an error no piece is under way any more.
async fn write_pieces(
    nfs: &Nfs,
    inode: &Arc<Inode>,
    offset: u64,
    from: &Source,
    piece: usize,
    stability: Stability,
) -> std::result::Result<WriteOutcome, (Error, Vec<TakenPiece>)> {
    let mut flight = VecDeque::new();
    let mut taken = Vec::with_capacity(from.len().div_ceil(piece.max(1)));
    let (mut sent, mut outcome, mut failed) = (0, None, None);
    loop {
        while failed.is_none() && flight.len() < WINDOW && sent < from.len() {
            let (data, at) = (from.slice(sent, piece), offset + sent as u64);
            sent += data.len();
            let writing = nfs.write(inode.file(), at, data.clone(), stability, nfs.deadline_of_piece());
            flight.push_back((writing, at, data));
        }
        let Some((writing, at, data)) = flight.pop_front() else { break };
        match finish_write(nfs, inode, at, &data, stability, writing).await {
            Ok(next) => {
                outcome = WriteOutcome::and(outcome, next);
                taken.push((at, data.len(), next));
            }
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    match (failed, outcome) {
        (None, Some(outcome)) => Ok(outcome),
        (Some(error), _) => Err((error, taken)),
        (None, None) => Err((Error::new(libc::EINVAL, "there is nothing to write"), taken)),
    }
}

/// Waits until a piece has been written.
async fn finish_write(
    nfs: &Nfs,
    inode: &Arc<Inode>,
    at: u64,
    data: &Source,
    stability: Stability,
    writing: Writing,
) -> Result<WriteOutcome> {
    let reply = check(writing.done().await?, stability)?;
    match reply.count == data.len() {
        true => Ok(WriteOutcome::of(&reply)),
        false => Box::pin(write_on(nfs, inode, at, data, stability, reply)).await,
    }
}

/// Sends the rest when the server takes less than it was sent, and again when it is busy. The rest has one deadline.
pub(super) async fn write_on(
    nfs: &Nfs,
    inode: &Arc<Inode>,
    at: u64,
    data: &Source,
    stability: Stability,
    mut reply: WriteReply,
) -> Result<WriteOutcome> {
    let (mut done, mut outcome) = (0, None);
    let (mut backoff, deadline) = (Backoff::new(), nfs.deadline_of_piece());
    loop {
        if !reply.busy {
            done += reply.count;
            outcome = WriteOutcome::and(outcome, WriteOutcome::of(&reply));
        } else if !backoff.wait(nfs.transport(), deadline).await {
            return Err(busy());
        }
        if done >= data.len()
            && let Some(outcome) = outcome
        {
            return Ok(outcome);
        }
        let rest = data.slice(done, data.len());
        let writing = nfs.write(inode.file(), at + done as u64, rest, stability, deadline);
        reply = check(writing.done().await?, stability)?;
    }
}

/// Nothing is left to ask for.
fn is_whole(reply: &ReadReply, length: usize) -> bool {
    !reply.busy && reply.invalid.is_none() && (reply.count == 0 || reply.count == length || reply.eof)
}

struct Piece {
    at: u64,
    length: usize,
    reading: Reading,
}

fn busy() -> Error {
    Error::new(libc::EAGAIN, "the server stays busy (NFS3ERR_JUKEBOX)")
}

/// What the replies to all WRITEs of some data say together.
#[derive(Clone, Copy)]
pub(super) struct WriteOutcome {
    /// All of it is on stable storage.
    pub is_stable: bool,
    /// Of the last reply.
    verifier: Verifier,
    /// The server has restarted before it had all.
    restarted: bool,
}

impl WriteOutcome {
    pub fn of(reply: &WriteReply) -> Self {
        let is_stable = reply.stability == Stability::FileSync;
        Self { is_stable, verifier: reply.verifier, restarted: false }
    }

    /// Of what came before, if anything did, and what comes next.
    fn and(before: Option<Self>, next: Self) -> Option<Self> {
        let Some(before) = before else { return Some(next) };
        let restarted = before.restarted || before.verifier != next.verifier && !before.is_stable;
        Some(Self { is_stable: before.is_stable && next.is_stable, restarted, ..next })
    }
}

pub(super) fn check(reply: WriteReply, asked: Stability) -> Result<WriteReply> {
    if reply.busy {
        return Ok(reply);
    }
    if reply.count == 0 {
        return Err(Error::malformed("the server took none of the data"));
    }
    if asked == Stability::FileSync && reply.stability == Stability::Unstable {
        return Err(Error::malformed("the server did not make the data stable"));
    }
    Ok(reply)
}
