//! One connection of a reactor: its socket, and the protocol spoken on it.

use std::io::{self, IoSlice, IoSliceMut};
use std::sync::Arc;
use std::time::Instant;

use libc::c_short;

use super::socket::Stream;
use super::stage::Stage;
use super::waiter::POLL_IN;
use crate::error::{Error, Result};

/// A protocol engine without socket and clock: bytes and time come in as parameters.
pub trait Wire: Send + 'static {
    /// Whether there is something to send.
    fn has_outgoing(&self) -> bool;
    /// Whether the connection is to be looked at before it is used: it was idle, and may have been closed. True once.
    fn look_first(&mut self) -> bool;
    /// Puts the bytes to send next into `slices`, in order; returns how many slices that took.
    fn outgoing<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize;
    /// The first `count` of those bytes have been sent.
    fn sent(&mut self, count: usize);
    /// Calls `receive` with the memory that the next bytes belong in, then digests them. Returns how many bytes
    /// came, and how many had room. An error means that the stream makes no sense any more.
    fn incoming(&mut self, receive: &mut Receive<'_>) -> Result<Received>;
    /// Leases the memory that the next bytes belong in to whoever waits for them, and says how many are wanted; None
    /// when they have a better place to go. Nothing is received otherwise until it is returned.
    fn lease(&mut self) -> Option<(Stage, usize)>;
    /// Takes it back, and digests the first `count` bytes.
    fn return_lease(&mut self, memory: Stage, count: usize) -> Result<()>;
    /// How many calls have no answer yet.
    fn in_flight(&self) -> usize;
    /// When the next call is overdue.
    fn deadline(&self) -> Option<Instant>;
    /// When it wants to look at how long its calls have waited. Need not be on time.
    fn next_tick(&self) -> Option<Instant>;
    /// Ends the calls that are overdue at `now`. True when the connection is to be given up for another one.
    fn expire(&mut self, now: Instant) -> bool;
    /// The connection is gone. True when what is pending waits for another one.
    fn lost(&mut self, error: &Error) -> bool;
    /// There is another connection: what is pending is sent again.
    fn resumed(&mut self);
    /// There will be no connection any more: everything pending ends with `error`.
    fn fail(&mut self, error: &Error);
}

/// Most slices that one send gathers.
pub const OUTGOING_SLICES: usize = 64;

/// Enough for a single call, and soon filled in.
const FEW_SLICES: usize = 4;

/// The socket's side of [`Wire::incoming`].
pub type Receive<'a> = dyn FnMut(&mut [IoSliceMut<'_>]) -> io::Result<usize> + 'a;

/// What one [`Wire::incoming`] moved.
pub enum Received {
    /// Nothing there yet.
    Nothing,
    /// The server has closed the connection.
    Closed,
    /// `count` bytes came where `room` would have fitted.
    Bytes { count: usize, room: usize },
}

/// Names one connection of a reactor, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkId(pub(super) u64);

pub struct Link<W> {
    pub id: LinkId,
    pub wire: W,
    /// None once the connection is gone.
    pub stream: Option<Arc<Stream>>,
    /// The events this link is registered for in the epoll descriptor.
    pub registered: c_short,
    /// The events that a thread which sleeps in poll(2) or recv(2) waits for.
    pub watched: c_short,
    /// It has not been used for a while: it is worth a look at the clock.
    pub was_idle: bool,
}

/// What a thread needs to wait for the next bytes of a link while others use that.
pub struct Lease {
    pub link: LinkId,
    pub stream: Arc<Stream>,
    pub memory: Stage,
    /// How many bytes are wanted.
    pub room: usize,
}

/// Bytes received from one link before the others get their turn.
const FAIR_SHARE: usize = 8 << 20;

impl<W: Wire> Link<W> {
    pub fn new(id: LinkId, wire: W, stream: Option<Stream>) -> Self {
        Self { id, wire, stream: stream.map(Arc::new), registered: POLL_IN, watched: 0, was_idle: false }
    }

    /// Whether this is still its stream.
    pub fn has(&self, stream: &Arc<Stream>) -> bool {
        self.stream.as_ref().is_some_and(|own| Arc::ptr_eq(own, stream))
    }

    pub fn wanted(&self) -> c_short {
        if self.wire.has_outgoing() { POLL_IN | libc::POLLOUT } else { POLL_IN }
    }

    pub fn flush(&mut self) -> Result<()> {
        if self.stream.is_some() && self.wire.look_first() {
            self.was_idle = true;
            self.receive()?;
        }
        let Some(stream) = &self.stream else { return Ok(()) };
        while self.wire.has_outgoing() {
            let mut few = [IoSlice::new(&[]); FEW_SLICES];
            let mut many;
            let count = self.wire.outgoing(&mut few);
            let slices = if count < FEW_SLICES {
                &few[..count]
            } else {
                many = [IoSlice::new(&[]); OUTGOING_SLICES];
                let count = self.wire.outgoing(&mut many);
                &many[..count]
            };
            match stream.send(slices) {
                Ok(sent) => self.wire.sent(sent),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // One errno for a connection that is lost, whoever meets it first.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Err(closed()),
                Err(error) => return Err(Error::system(format_args!("send to the server"), &error)),
            }
        }
        Ok(())
    }

    pub fn receive(&mut self) -> Result<()> {
        let Some(stream) = &self.stream else { return Ok(()) };
        let mut total = 0;
        while total < FAIR_SHARE {
            match self.wire.incoming(&mut |slices| stream.receive(slices))? {
                Received::Nothing => return Ok(()),
                Received::Closed => return Err(closed()),
                // Less than what would have fitted: the socket is drained.
                Received::Bytes { count, room } if count < room => return Ok(()),
                Received::Bytes { count, .. } => total += count,
            }
        }
        Ok(())
    }

    /// For a thread that waits for nothing but the next bytes; None when there is more to do than that.
    pub fn lease(&mut self) -> Option<Lease> {
        let stream = self.stream.as_ref().filter(|_| !self.wire.has_outgoing())?;
        let (memory, room) = self.wire.lease()?;
        Some(Lease { link: self.id, stream: stream.clone(), memory, room })
    }

    /// Takes a lease back, with what came meanwhile; an error of the socket is that of the connection.
    pub fn return_lease(&mut self, lease: Lease, received: io::Result<usize>) -> Result<()> {
        if !self.has(&lease.stream) {
            return self.wire.return_lease(lease.memory, 0); // the end of a connection that is gone
        }
        match received {
            Ok(count) => {
                self.wire.return_lease(lease.memory, count)?;
                match count {
                    0 => Err(closed()),
                    count if count == lease.room => self.receive(),
                    _ => Ok(()),
                }
            }
            Err(error) => {
                self.wire.return_lease(lease.memory, 0)?;
                match error.kind() {
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(()),
                    _ => Err(Error::system(format_args!("receive from the server"), &error)),
                }
            }
        }
    }
}

fn closed() -> Error {
    Error::new(libc::ECONNRESET, "the server closed the connection")
}
