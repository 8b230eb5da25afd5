//! A connection whose server is whoever calls: from bytes to replies, without a socket's delays.

use std::future::Future;
use std::io::{IoSlice, IoSliceMut};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::connection::Connection;
use super::message::{Message, Split};
use super::request::{CallClass, Request, Sink};
use super::{Credential, Transport};
use crate::error::{Error, Result};
use crate::io::{Block, OUTGOING_SLICES, Reactor, Stream, Wire};

const LAST_FRAGMENT: u32 = 0x8000_0000;

/// `payload` as one record.
pub fn record(payload: &[u8]) -> Vec<u8> {
    [&(payload.len() as u32 | LAST_FRAGMENT).to_be_bytes(), payload].concat()
}

/// The record of an accepted, successful reply.
pub fn reply(xid: u32, body: &[u8]) -> Vec<u8> {
    let header = [xid, 1, 0, 0, 0, 0].map(u32::to_be_bytes);
    record(&[&header.concat(), body].concat())
}

/// Lets the connection receive `stream`, at most `chunk` bytes at a time.
fn feed(connection: &mut Connection, mut stream: &[u8], chunk: usize) -> Result<()> {
    while !stream.is_empty() {
        let mut limit = chunk.max(1);
        connection.incoming(&mut |slices: &mut [IoSliceMut<'_>]| {
            let before = stream.len();
            for slice in slices {
                let count = slice.len().min(stream.len()).min(limit);
                let (now, later) = stream.split_at(count);
                slice[..count].copy_from_slice(now);
                (stream, limit) = (later, limit - count);
            }
            Ok(before - stream.len())
        })?;
    }
    Ok(())
}

/// Takes up to `limit` bytes of what is to be sent.
fn take_outgoing(connection: &mut Connection, limit: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while connection.has_outgoing() && bytes.len() < limit {
        let mut slices: [IoSlice<'_>; OUTGOING_SLICES] = std::array::from_fn(|_| IoSlice::new(&[]));
        let used = connection.outgoing(&mut slices);
        let some = slices[..used].iter().flat_map(|slice| slice.iter()).take(limit - bytes.len());
        let before = bytes.len();
        bytes.extend(some);
        let count = bytes.len() - before;
        connection.sent(count);
    }
    bytes
}

/// A transport that leads to the caller.
pub struct Bench {
    pub reactor: Arc<Reactor<Connection>>,
    pub transport: Transport,
}

impl Bench {
    pub fn new() -> Result<Self> {
        let reactor = Arc::new(Reactor::new()?);
        let (stream, _) = Stream::pair()?;
        Ok(Self { transport: Transport::new(&reactor, stream), reactor })
    }

    /// Runs an operation, every call of which is answered with the bytes that `answer` makes for its xid, received
    /// in pieces of at most `chunk`. None when the operation wants to wait.
    pub fn run<T>(
        &self,
        operation: impl Future<Output = Result<T>>,
        chunk: usize,
        mut answer: impl FnMut(u32) -> Vec<u8>,
    ) -> Option<Result<T>> {
        let mut operation = pin!(operation);
        loop {
            if let Poll::Ready(result) = operation.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                return Some(result);
            }
            let calls = self.transport.with(|connection| take_outgoing(connection, usize::MAX))?;
            let xids = xids(&calls);
            if xids.is_empty() {
                return None;
            }
            for xid in xids {
                let bytes = answer(xid);
                self.transport.with(|connection| {
                    if let Err(error) = feed(connection, &bytes, chunk) {
                        connection.fail(&error);
                    }
                });
            }
        }
    }
}

/// The xids of the calls in a stream.
pub fn xids(mut calls: &[u8]) -> Vec<u32> {
    let mut xids = Vec::new();
    while let Some((mark, rest)) = calls.split_first_chunk::<4>()
        && let Some(xid) = rest.first_chunk::<4>()
    {
        xids.push(u32::from_be_bytes(*xid));
        let length = (u32::from_be_bytes(*mark) & !LAST_FRAGMENT) as usize;
        calls = rest.get(length..).unwrap_or_default();
    }
    xids
}

/// A call of [`connection`], and the memory that its data goes to.
struct Asked {
    xid: u32,
    block: Option<Block>,
    /// What the block held when the call was over.
    kept: Option<Vec<u8>>,
}

/// The receiving half under a program that starts and gives up calls, and a server that sends anything at all.
///
/// The first byte of the input says how many bytes of instructions follow; the rest is what the server sends. Three
/// calls, with the xids 1 to 3, are on their way before the first instruction: one without a sink, one with a small,
/// one with a large one.
pub fn connection(input: &[u8], split: fn(&[u8]) -> Result<Split>, usual: usize) {
    let Some((&count, rest)) = input.split_first() else { return };
    let (instructions, mut stream) = rest.split_at(rest.len().min(count.into()));
    let mut game = Game::new(split, usual);
    for (_, room) in (0..3).zip([0, 600, 40_000]) {
        game.start(room);
    }
    game.drain(usize::MAX);
    for &instruction in instructions {
        let size = usize::from(instruction >> 3);
        let mut receive = |game: &mut Game, length: usize| {
            let (now, later) = stream.split_at(stream.len().min(length));
            stream = later;
            game.receive(now, length);
        };
        match instruction & 7 {
            0 => receive(&mut game, size + 1),
            1 => receive(&mut game, (size + 1) * 64),
            2 => game.start(0),
            3 => game.start(1 + size * 900),
            4 => game.give_up(size),
            5 => game.drain(size * 16),
            6 => game.lose(),
            _ => game.expire(size as u64),
        }
        game.check();
    }
    game.receive(stream, usize::MAX);
    game.check();
    game.end();
}

struct Game {
    connection: Connection,
    split: fn(&[u8]) -> Result<Split>,
    usual: usize,
    start: Instant,
    calls: Vec<Asked>,
    failed: bool,
}

impl Game {
    fn new(split: fn(&[u8]) -> Result<Split>, usual: usize) -> Self {
        let mut connection = Connection::new(1);
        connection.supervise();
        Self { connection, split, usual, start: Instant::now(), calls: Vec::new(), failed: false }
    }

    fn start(&mut self, room: usize) {
        let Ok(credential) = Credential::raw(0, &[]) else { return };
        let block = if room > 0 { Block::new(room).ok() } else { None };
        let sink = block.as_ref().map(|block| Sink {
            // SAFETY: the block's only destination; it is looked at when the call is over, which drops that.
            to: unsafe { block.destination() },
            split: self.split,
            usual: self.usual,
        });
        let deadline = Some(self.start + Duration::from_secs(self.calls.len() as u64 % 32));
        let message = Message::call(1, 2, 3, &credential);
        let xid = self.connection.start(Request {
            message,
            source: None,
            sink,
            deadline,
            limit: 4096,
            class: CallClass::Cached,
        });
        self.calls.push(Asked { xid, block, kept: None });
    }

    fn receive(&mut self, bytes: &[u8], chunk: usize) {
        if self.failed {
            return;
        }
        if let Err(error) = feed(&mut self.connection, bytes, chunk) {
            self.failed = true;
            self.connection.fail(&error);
        }
    }

    fn give_up(&mut self, number: usize) {
        if let Some(call) = self.calls.get_mut(number) {
            self.connection.cancel(call.xid);
            call.keep();
        }
    }

    fn drain(&mut self, limit: usize) {
        take_outgoing(&mut self.connection, limit);
    }

    fn lose(&mut self) {
        if !self.failed {
            assert!(self.connection.lost(&Error::new(libc::ECONNRESET, "gone")));
            self.connection.resumed();
        }
    }

    fn expire(&mut self, seconds: u64) {
        self.connection.expire(self.start + Duration::from_secs(seconds));
    }

    /// Fetches results, and looks at the memory of calls that are over.
    fn check(&mut self) {
        for call in self.calls.iter_mut().filter(|call| call.kept.is_none()) {
            let Poll::Ready(result) = self.connection.poll(call.xid, Waker::noop()) else { continue };
            if let Ok(reply) = &result {
                let room = call.block.as_ref().map_or(0, Block::len);
                assert!(reply.head.received.unwrap_or(0) <= room, "more than there is room for");
                assert!(reply.body().len() <= 4096, "longer than the limit");
            }
            drop(result);
            call.keep();
        }
        let waiting = self.calls.iter().filter(|call| call.kept.is_none()).count();
        assert_eq!(self.connection.in_flight(), waiting);
        assert!(!self.failed || waiting == 0, "a call outlives its connection");
    }

    /// Ends all calls: what was over before has not been written to any more.
    fn end(mut self) {
        self.connection.fail(&Error::new(libc::ENOTCONN, "over"));
        self.check();
        for call in &mut self.calls {
            let kept = call.kept.take();
            call.keep();
            assert!(kept == call.kept, "memory that was handed back has been written to");
        }
    }
}

impl Asked {
    fn keep(&mut self) {
        // The last clone of the block: its destination has been dropped with the call.
        let bytes = self.block.as_mut().map(|block| block.as_slice().expect("the call has let go").to_vec());
        self.kept = Some(bytes.unwrap_or_default());
    }
}
