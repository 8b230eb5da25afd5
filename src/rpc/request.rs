//! What a call is made of, and what a second sending of it means.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::message::{Message, Split};
use crate::error::Result;
use crate::io::{Destination, Source};

/// One call to make.
pub struct Request {
    pub message: Message,
    /// Data that follows the message, padded here: WRITE's.
    pub source: Option<Source>,
    /// Where data in the reply goes: READ's.
    pub sink: Option<Sink>,
    pub deadline: Option<Instant>,
    /// The longest reply (beside data that goes to the sink) that is taken for one.
    pub limit: usize,
    pub class: CallClass,
}

/// What it means that the server gets a call twice: it was sent again because its connection was lost before the
/// reply came, or because there was no reply for a long time.
#[derive(Clone)]
pub enum CallClass {
    /// The second execution changes nothing more and has the same reply.
    Idempotent,
    /// Executed once thanks to the server's cache of replies, which knows a call by the client's address, port and
    /// xid. Without it (the server has restarted, or has none) the second execution is refused though the first one
    /// has done the work.
    Cached,
    /// The call carries a verifier by which the server recognises it itself: CREATE EXCLUSIVE.
    Verified,
    /// Sent in a slot of a session, whose reply cache makes it exactly once (NFSv4.1). Must not be repeated on the
    /// connection it was sent on (RFC 8881, section 2.9.2). The slot stays taken until the reply has come, also when
    /// the caller has given up.
    Slot(Ticket),
}

impl CallClass {
    /// Whether a refusal may come from the call's own first sending.
    pub fn doubtful(&self) -> bool {
        matches!(self, Self::Cached | Self::Verified)
    }

    /// Whether the server has to be let answer, whoever waits for it.
    pub fn has_ticket(&self) -> bool {
        matches!(self, Self::Slot(_))
    }
}

/// One slot of a session.
#[derive(Clone)]
pub struct Ticket {
    pub session: Arc<dyn SlotTable>,
    pub slot: u32,
}

/// The slots of a session, as a connection knows them. Called in the middle of a turn.
pub trait SlotTable: Send + Sync {
    /// The reply to the call in this slot has come; None when it cannot be read.
    fn answered(&self, slot: u32, body: Option<&[u8]>);

    /// The call was given up before any of it was sent.
    fn never_sent(&self, slot: u32);

    /// A call that does nothing but to take the turn of the one in this slot, which nobody waits for any more and whose
    /// data may be gone.
    fn stand_in(&self, slot: u32) -> Message;
}

/// The place for the data of a reply, and the way to find that data.
pub struct Sink {
    pub to: Destination,
    /// Finds the data in the body of a successful reply.
    pub split: fn(&[u8]) -> Result<Split>,
    /// How many bytes of body usually precede the data. Where it is wrong, some data is copied.
    pub usual: usize,
}

/// How often, before its deadline, a call is sent again over another connection when the server says nothing at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// The time between two of them, and between the last and the deadline.
    pub after: Duration,
    pub times: u32,
}
