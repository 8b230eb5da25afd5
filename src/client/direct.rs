//! Asynchronous READ and WRITE of one piece: a single call each, as long as the server does all of it at once.

use std::sync::Arc;

use super::data::{Taken, check, is_complete, read_on, write_on};
use super::session::{Session, Shared};
use super::{Client, File};
use crate::error::{Error, Result};
use crate::executor::{Call, CallOperation, End};
use crate::io::{Destination, Source};
use crate::rpc::Answer;
use crate::sync::lock;
use crate::v3::{ReadReply, Stability, WriteReply};

/// Where data is read or written.
#[derive(Clone, Copy)]
pub enum Place {
    At(u64),
    /// At the position of the file, which moves behind the data; with O_APPEND it is written at the end.
    Position,
}

impl Place {
    fn offset(self, file: &File) -> u64 {
        match self {
            Self::At(offset) => offset,
            Self::Position => *lock(&file.position),
        }
    }

    /// Data up to `end` has been read or written.
    fn passed(self, file: &File, end: u64) {
        if let Self::Position = self {
            *lock(&file.position) = end;
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
        let offset = place.offset(&file);
        let fits = offset.checked_add(to.len() as u64).is_some();
        let left = self.with_shared(|shared| {
            let with_one_call = |shared: &&Arc<Shared>| {
                fits && shared.policy.is_none() && (1..=shared.read_piece).contains(&to.len())
            };
            let Some(shared) = shared.ok().filter(with_one_call) else {
                return Ok::<_, Error>(Some((file, to, done)));
            };
            let (handle, length) = (file.handle, to.len());
            let read = Read { file, shared: shared.clone(), offset, length, place };
            let call = CallOperation::begin(&self.executor, read, done)?;
            shared.nfs.submit_read(&handle, offset, to, call);
            Ok(None)
        })?;
        match (left, place) {
            (None, _) => self.executor.submitted(),
            (Some((file, to, done)), Place::At(offset)) => {
                self.spawn(self.clone().pread(file, offset, to), done)?
            }
            (Some((file, to, done)), Place::Position) => self.spawn(self.clone().read(file, to), done)?,
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
        let offset = place.offset(&file);
        let appends = matches!(place, Place::Position) && file.flags & libc::O_APPEND != 0;
        let fits = !appends && offset.checked_add(from.len() as u64).is_some();
        let left = self.with_shared(|shared| {
            let with_one_call = |shared: &&Arc<Shared>| {
                fits && (1..=shared.write_piece).contains(&from.len()) && !file.unstable.has_error()
            };
            let shared = shared.ok().filter(with_one_call);
            let Some((shared, order)) = shared.zip(Order::enter(&file)) else {
                return Ok::<_, Error>(Some((file, from, done)));
            };
            file.cache.invalidate();
            let (handle, stability, data) = (file.handle, self.stability(&file, &from), from.clone());
            let (client, order) = (self.clone(), Some(order));
            let write = Write { client, file, order, shared: shared.clone(), offset, data, stability, place };
            let call = CallOperation::begin(&self.executor, write, done)?;
            shared.nfs.submit_write(&handle, offset, from, stability, call);
            Ok(None)
        })?;
        match (left, place) {
            (None, _) => self.executor.submitted(),
            (Some((file, from, done)), Place::At(offset)) => {
                self.spawn(self.clone().pwrite(file, offset, from), done)?;
            }
            (Some((file, from, done)), Place::Position) => {
                self.spawn(self.clone().write(file, from), done)?
            }
        }
        Ok(())
    }
}

struct Read {
    file: Arc<File>,
    shared: Arc<Shared>,
    offset: u64,
    length: usize,
    place: Place,
}

impl Call for Read {
    type Output = usize;
    type Reply = ReadReply;

    fn read(&self, answer: Answer<'_>) -> Result<ReadReply> {
        ReadReply::read(answer)
    }

    fn end(self, reply: Result<ReadReply>) -> End<usize> {
        match reply {
            Ok(reply) if is_complete(&reply, self.length) => End::Nothing(self.over(Ok(reply.count))),
            Ok(reply) => End::More(Box::pin(self.advance(reply))),
            Err(error) => End::Nothing(self.over(Err(error))),
        }
    }
}

impl Read {
    async fn advance(self, reply: ReadReply) -> Result<usize> {
        let session = Session::begin(self.shared.clone());
        let result = read_on(&session, &self.file, self.offset, self.length, reply).await;
        self.over(result)
    }

    fn over(&self, result: Result<usize>) -> Result<usize> {
        let count = result.map_err(|error| error.during("read").at(&self.file.path))?;
        self.place.passed(&self.file, self.offset + count as u64);
        Ok(count)
    }
}

/// A file whose data may change meanwhile: it shares [`super::unstable::Unstable::order`].
struct Order(Arc<File>);

impl Order {
    /// None when somebody has it alone.
    fn enter(file: &Arc<File>) -> Option<Self> {
        file.unstable.order.begin_read().then(|| Self(file.clone()))
    }
}

impl Drop for Order {
    fn drop(&mut self) {
        self.0.unstable.order.end_read();
    }
}

struct Write {
    client: Arc<Client>,
    file: Arc<File>,
    order: Option<Order>,
    shared: Arc<Shared>,
    offset: u64,
    data: Source,
    stability: Stability,
    place: Place,
}

impl Call for Write {
    type Output = usize;
    type Reply = WriteReply;

    fn read(&self, answer: Answer<'_>) -> Result<WriteReply> {
        WriteReply::read(&answer, self.data.len())
    }

    fn end(self, reply: Result<WriteReply>) -> End<usize> {
        match reply.and_then(|reply| check(reply, self.stability)) {
            Ok(reply) if reply.count == self.data.len() => {
                self.taken(Taken::by(&reply));
                match self.client.keeps_much(&self.file) {
                    false => End::Nothing(self.over(Ok(()))),
                    true => End::More(Box::pin(self.limit())),
                }
            }
            Ok(reply) => End::More(Box::pin(self.advance(reply))),
            Err(error) => End::Nothing(self.over(Err(error))),
        }
    }
}

impl Write {
    fn taken(&self, taken: Taken) {
        match taken {
            Taken::AllStable => self.file.unstable.forget(self.offset..self.offset + self.data.len() as u64),
            Taken::Unstable(verifier) => self.file.unstable.keep(self.offset, self.data.clone(), verifier),
        }
    }

    async fn advance(self, reply: WriteReply) -> Result<usize> {
        let session = Session::begin(self.shared.clone());
        match write_on(&session, &self.file, self.offset, &self.data, self.stability, reply).await {
            Ok(taken) => {
                self.taken(taken);
                self.limit().await
            }
            Err(error) => self.over(Err(error)),
        }
    }

    async fn limit(mut self) -> Result<usize> {
        self.order = None; // who makes the data stable may want it alone
        let session = Session::begin(self.shared.clone());
        let result = self.client.limit_unstable(&session, &self.file).await;
        self.over(result)
    }

    fn over(&self, result: Result<()>) -> Result<usize> {
        self.file.cache.invalidate();
        result.map_err(|error| error.during("write").at(&self.file.path))?;
        self.place.passed(&self.file, self.offset + self.data.len() as u64);
        Ok(self.data.len())
    }
}
