//! Reading and writing: large transfers in pieces of the server's size, in flight together.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::cache::Policy;
use super::commit::is_timed;
use super::unstable::Verifier;
use super::{Client, File, Session};
use crate::error::{Error, Result};
use crate::io::{Block, Destination, Source};
use crate::sync::lock;
use crate::v3::{Backoff, ReadReply, Reading, Stability, WriteReply, Writing};

/// Pieces of one transfer that are in flight at a time.
const WINDOW: usize = 32;

impl Client {
    /// Reads from `offset` until `to` is full or the file ends; returns the bytes read.
    pub async fn pread(self: Arc<Self>, file: Arc<File>, offset: u64, to: Destination) -> Result<usize> {
        let session = self.session();
        let read = async {
            let session = session?;
            match session.policy {
                Some(policy) => Box::pin(self.read_cached(&session, &file, policy, offset, to)).await,
                None => self.read_at(&session, &file, offset, to).await,
            }
        };
        read.await.map_err(|error: Error| error.during("read").at(&file.path))
    }

    /// As [`Client::pread`] at the file's position, which moves on.
    pub async fn read(self: Arc<Self>, file: Arc<File>, to: Destination) -> Result<usize> {
        let offset = *lock(&file.position);
        let count = self.pread(file.clone(), offset, to).await?;
        *lock(&file.position) = offset + count as u64;
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
        let sequential = file.read_to.load(Ordering::Relaxed) == offset;
        let cached = file.cache.copy(policy, self.reactor.now(), offset, to.as_mut_slice());
        let count = match (cached, policy.span(offset, to.len(), sequential)) {
            (Some(count), _) => count,
            (None, None) => self.read_at(session, file, offset, to).await?,
            (None, Some((start, length))) => {
                let (mut block, destination) = Block::with_destination(length)?;
                let (generation, now) = (file.cache.generation(), self.reactor.now());
                let count = self.read_at(session, file, start, destination).await?;
                let bytes = block.as_slice().and_then(|bytes| bytes.get(..count)).unwrap_or_default();
                file.cache.store(policy, now, generation, start, bytes, count < length);
                let wanted = bytes.get((offset - start) as usize..).unwrap_or_default();
                let count = wanted.len().min(to.len());
                to.as_mut_slice()[..count].copy_from_slice(&wanted[..count]);
                count
            }
        };
        file.read_to.store(offset + count as u64, Ordering::Relaxed);
        Ok(count)
    }

    async fn read_at(&self, session: &Session, file: &File, offset: u64, to: Destination) -> Result<usize> {
        let piece = session.read_piece;
        if to.len() > piece || offset.checked_add(to.len() as u64).is_none() {
            return Box::pin(read_pieces(session, file, offset, to, piece)).await;
        }
        if to.len() == 0 {
            return Ok(0);
        }
        let length = to.len();
        let reply = session.nfs.read(&file.handle, offset, to, session.nfs.deadline).done().await?;
        if is_complete(&reply, length) {
            return Ok(reply.count);
        }
        Box::pin(read_on(session, file, offset, length, reply)).await
    }

    /// Writes all of `from` at `offset`; returns the bytes written.
    pub async fn pwrite(self: Arc<Self>, file: Arc<File>, offset: u64, from: Source) -> Result<usize> {
        let session = self.session();
        let write = async { self.write_at(&session?, &file, offset, &from).await };
        file.cache.invalidate();
        let result = write.await;
        file.cache.invalidate();
        result.map_err(|error: Error| error.during("write").at(&file.path))
    }

    /// As [`Client::pwrite`] at the file's position, or at its end with O_APPEND; the position moves behind.
    pub async fn write(self: Arc<Self>, file: Arc<File>, from: Source) -> Result<usize> {
        let mut offset = *lock(&file.position);
        if file.flags & libc::O_APPEND != 0 && from.len() > 0 {
            let size = self.size(&file).await;
            offset = size.map_err(|error: Error| error.during("write").at(&file.path))?;
        }
        let count = self.pwrite(file.clone(), offset, from).await?;
        *lock(&file.position) = offset + count as u64;
        Ok(count)
    }

    async fn write_at(
        self: &Arc<Self>,
        session: &Session,
        file: &Arc<File>,
        offset: u64,
        from: &Source,
    ) -> Result<usize> {
        if offset.checked_add(from.len() as u64).is_none() {
            return Err(Error::new(libc::EFBIG, "no file is that long"));
        }
        file.unstable.tell_error()?;
        if from.len() == 0 {
            return Ok(0);
        }
        {
            let _order = file.unstable.order.read().await;
            let stability = self.stability(file, from);
            let began = is_timed(from, stability).then(|| self.reactor.now());
            self.send(session, file, offset, from, stability).await?;
            if let Some(began) = began {
                self.timed(from, self.reactor.now().saturating_duration_since(began));
            }
        }
        self.limit_unstable(session, file).await?;
        Ok(from.len())
    }

    /// Sends data; what the server has not made stable is kept.
    pub(super) async fn send(
        &self,
        session: &Session,
        file: &File,
        offset: u64,
        from: &Source,
        stability: Stability,
    ) -> Result<()> {
        let piece = session.write_piece;
        let mut copy = None;
        let taken = if from.len() <= piece {
            let deadline = session.nfs.deadline_of_piece();
            let writing = session.nfs.write(&file.handle, offset, from.clone(), stability, deadline);
            if stability == Stability::Unstable && !from.is_owned() {
                self.reactor.flush();
                copy = Some(self.owned(from)?); // while the server is at work
            }
            finish_write(session, file, offset, from, stability, writing).await?
        } else {
            Box::pin(write_pieces(session, file, offset, from, piece, stability)).await?
        };
        match (taken, copy) {
            (Taken::AllStable, _) => file.unstable.forget(offset..offset + from.len() as u64),
            (Taken::Unstable(verifier), Some(copy)) => file.unstable.keep(offset, copy, verifier),
            (Taken::Unstable(verifier), None) => file.unstable.keep(offset, self.owned(from)?, verifier),
        }
        Ok(())
    }
}

/// Writes in pieces of a size that the server takes, many at a time.
async fn write_pieces(
    session: &Session,
    file: &File,
    offset: u64,
    from: &Source,
    piece: usize,
    stability: Stability,
) -> Result<Taken> {
    let mut flight = VecDeque::new();
    let (mut sent, mut taken) = (0, Taken::AllStable);
    loop {
        while flight.len() < WINDOW && sent < from.len() {
            let (data, at) = (from.slice(sent, piece), offset + sent as u64);
            sent += data.len();
            let deadline = session.nfs.deadline_of_piece();
            let writing = session.nfs.write(&file.handle, at, data.clone(), stability, deadline);
            flight.push_back((writing, at, data));
        }
        let Some((writing, at, data)) = flight.pop_front() else { return Ok(taken) };
        taken = taken.and(finish_write(session, file, at, &data, stability, writing).await?);
    }
}

/// Waits until a piece has been written.
async fn finish_write(
    session: &Session,
    file: &File,
    at: u64,
    data: &Source,
    stability: Stability,
    writing: Writing,
) -> Result<Taken> {
    let reply = check(writing.done().await?, stability)?;
    match reply.count == data.len() {
        true => Ok(Taken::by(&reply)),
        false => Box::pin(write_on(session, file, at, data, stability, reply)).await,
    }
}

/// Sends the rest when the server takes less than it was sent, and again when it is busy. The rest has one deadline.
pub(super) async fn write_on(
    session: &Session,
    file: &File,
    at: u64,
    data: &Source,
    stability: Stability,
    mut reply: WriteReply,
) -> Result<Taken> {
    let (mut done, mut taken) = (reply.count, Taken::by(&reply));
    let (mut backoff, deadline) = (Backoff::new(), session.nfs.deadline_of_piece());
    while done < data.len() {
        if reply.busy && !backoff.wait(&session.nfs.transport, deadline).await {
            return Err(busy());
        }
        let rest = data.slice(done, data.len());
        let writing = session.nfs.write(&file.handle, at + done as u64, rest, stability, deadline);
        reply = check(writing.done().await?, stability)?;
        done += reply.count;
        taken = taken.and(Taken::by(&reply));
    }
    Ok(taken)
}

/// Reads in pieces of a size that the server takes, many at a time.
async fn read_pieces(
    session: &Session,
    file: &File,
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
            let reading = session.nfs.read(&file.handle, at, window, deadline);
            flight.push_back(Piece { at, length, reading });
        }
        let Some(Piece { at, length, reading }) = flight.pop_front() else { return Ok(total) };
        let reply = reading.done().await?;
        let count = match is_complete(&reply, length) {
            true => reply.count,
            false => read_on(session, file, at, length, reply).await?,
        };
        total += count;
        if count < length {
            return Ok(total);
        }
    }
}

/// Nothing is left to ask for.
pub(super) fn is_complete(reply: &ReadReply, length: usize) -> bool {
    !reply.busy && (reply.count == 0 || reply.count == length || reply.eof)
}

/// Asks for the rest when the server sends less than it was asked for, and again when it is busy; returns all bytes of
/// the piece. The rest has one deadline, into however many parts it falls.
pub(super) async fn read_on(
    session: &Session,
    file: &File,
    mut at: u64,
    mut length: usize,
    mut reply: ReadReply,
) -> Result<usize> {
    let mut total = 0;
    let (mut backoff, deadline) = (Backoff::new(), session.nfs.deadline_of_piece());
    while !is_complete(&reply, length) {
        if reply.busy && !backoff.wait(&session.nfs.transport, deadline).await {
            return Err(busy());
        }
        total += reply.count;
        at += reply.count as u64;
        length -= reply.count;
        let Some(rest) = reply.rest.take() else { return Ok(total) };
        reply = session.nfs.read(&file.handle, at, rest, deadline).done().await?;
    }
    Ok(total + reply.count)
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
pub(super) enum Taken {
    AllStable,
    /// Some of it is unstable, under this verifier; None when that has changed.
    Unstable(Option<Verifier>),
}

impl Taken {
    pub fn by(reply: &WriteReply) -> Self {
        let stable = reply.count == 0 || reply.stability == Stability::FileSync;
        if stable { Self::AllStable } else { Self::Unstable(Some(reply.verifier)) }
    }

    /// Of two parts together.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::AllStable, taken) | (taken, Self::AllStable) => taken,
            (Self::Unstable(one), Self::Unstable(another)) => Self::Unstable(one.filter(|_| one == another)),
        }
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
