//! Replies, and who gets them.

use std::task::Waker;

use crate::error::Result;
use crate::io::Destination;

/// An accepted, successful reply.
pub struct Reply {
    pub(super) head: Head,
    /// The memory of the sink.
    pub to: Option<Destination>,
    /// The call was sent more than once, and is none that may be: the server may have done it the first time.
    pub retransmitted: bool,
}

impl Reply {
    /// The procedure's result.
    pub fn body(&self) -> &[u8] {
        self.head.body()
    }

    /// As a completion gets it.
    pub fn answer(&mut self) -> Answer<'_> {
        Answer { body: self.head.body(), received: self.head.received, to: self.to.take() }
    }
}

/// An accepted, successful reply, as long as it is in the connection's memory.
pub struct Answer<'a> {
    /// The procedure's result.
    pub body: &'a [u8],
    /// Bytes that went into the sink; the body ends where they began then.
    pub received: Option<usize>,
    /// The memory of the sink.
    pub to: Option<Destination>,
}

/// What gets the result of a call when there is no task that awaits it.
pub trait Completion: Send {
    /// Called once, in the middle of a turn: it may read the reply and queue itself, and nothing else.
    fn complete(self: Box<Self>, result: Result<Answer<'_>>);
}

/// Who gets the result of a call.
pub(super) enum Caller {
    /// Polls, and is woken when it has left a waker.
    Task(Option<Waker>),
    Completion(Box<dyn Completion>),
    /// Nobody: it takes the turn of a call that was given up.
    Nobody,
}

/// A reply from its xid on; data that has gone to a sink, and what follows it, is not there.
#[derive(Default)]
pub(super) struct Head {
    pub bytes: Vec<u8>,
    /// Where the body begins.
    pub body: usize,
    /// Bytes that went into the sink.
    pub received: Option<usize>,
}

impl Head {
    pub fn body(&self) -> &[u8] {
        self.bytes.get(self.body..).unwrap_or_default()
    }
}
