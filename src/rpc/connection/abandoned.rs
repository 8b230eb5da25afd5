//! Calls in slots of a session that were given up: their replies are waited for all the same, since the slot is taken
//! until then.

use super::{Call, Connection, LineState, Phase};
use crate::error::Error;
use crate::io::Source;
use crate::rpc::answer::Caller;
use crate::rpc::message::body_offset;
use crate::rpc::{CallClass, Ticket};

/// This much of a reply tells what became of its slot, bytes: headers of RPC and COMPOUND, and SEQUENCE.
const TELLING: usize = 128;

/// Replies to stand-ins have no more than SEQUENCE.
const LIMIT: usize = 1024;

impl Connection {
    /// The call of a slot ends: with its reply, or without one.
    pub(super) fn leave_slot(&mut self, xid: u32, unsent: bool, reply: Option<&[u8]>) {
        let Some(call) = self.calls.get_mut(xid) else { return };
        let retransmitted = call.retransmitted;
        let CallClass::Slot(ticket) = std::mem::replace(&mut call.class, CallClass::Idempotent) else {
            return;
        };
        match (reply, self.phase) {
            (Some(body), _) => ticket.session.answered(ticket.slot, Some(body)),
            (None, _) if unsent && !retransmitted || self.failed.is_some() => {
                ticket.session.never_sent(ticket.slot)
            }
            // The reply has come, all but its data.
            (None, Phase::Data { xid: current, body, .. }) if current == xid => {
                ticket.session.answered(ticket.slot, self.head.get(body..));
            }
            // It was sent over a former connection, and will not be over this one.
            (None, _) if unsent && matches!(self.line, LineState::Up) => self.stand_in_for(ticket),
            (None, _) => self.abandoned.push((xid, ticket)),
        }
    }

    /// As [`Connection::finish`], for a reply that says nothing.
    pub(super) fn unreadable(&mut self, xid: u32, error: Error) {
        let waiting = self.calls.get_mut(xid).filter(|call| call.result.is_none());
        if let Some(CallClass::Slot(ticket)) =
            waiting.map(|call| std::mem::replace(&mut call.class, CallClass::Idempotent))
        {
            ticket.session.answered(ticket.slot, None);
        }
        self.finish(xid, Err(error));
    }

    /// What is coming in is no reply that somebody waits for.
    #[cold]
    pub(super) fn look_at_unwanted(&mut self, xid: u32) {
        if self.abandoned.iter().any(|(other, _)| *other == xid) {
            if self.head.len() < TELLING {
                return; // the end of the record may come first
            }
            let body = body_offset(&self.head).ok().flatten();
            let head = std::mem::take(&mut self.head);
            self.abandoned_answered(xid, body.and_then(|body| head.get(body..)));
        }
        self.head.clear();
        self.phase = Phase::Unwanted;
    }

    /// The reply to a call has come that nobody waits for.
    #[cold]
    pub(super) fn abandoned_answered(&mut self, xid: u32, body: Option<&[u8]>) {
        if let Some(index) = self.abandoned.iter().position(|(other, _)| *other == xid) {
            let (_, Ticket { session, slot }) = self.abandoned.swap_remove(index);
            session.answered(slot, body);
        }
    }

    /// There is another connection. The calls that were given up are not sent again, as their data may be gone; instead
    /// of each goes one that does nothing, in its slot.
    pub(super) fn stand_in(&mut self) {
        for (_, ticket) in std::mem::take(&mut self.abandoned) {
            self.stand_in_for(ticket);
        }
    }

    fn stand_in_for(&mut self, ticket: Ticket) {
        let (message, answered) = (ticket.session.stand_in(ticket.slot), self.answered);
        let xid = self.calls.add(|xid| Call {
            record: message.seal(xid, 0).0,
            source: Source::default(),
            sink: None,
            deadline: None,
            limit: LIMIT,
            caller: Caller::Nobody,
            class: CallClass::Slot(ticket),
            retransmitted: true,
            repeated: false,
            tick: 0,
            look: None,
            answered,
            result: None,
        });
        self.waiting += 1;
        self.queue.push_back(xid);
    }

    /// The connection is lost: stand-ins wait for the next one, and nobody makes it for their sake.
    pub(super) fn abandon_stand_ins(&mut self) {
        let stands_in = |call: &Call| matches!(call.caller, Caller::Nobody);
        let of_nobody: Vec<u32> =
            self.calls.iter().filter(|(_, call)| stands_in(call)).map(|(xid, _)| xid).collect();
        for xid in of_nobody {
            self.finish(xid, Err(Error::new(libc::ECONNRESET, "the connection is lost")));
        }
    }
}
