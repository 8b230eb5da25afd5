//! Calls that are sent again: over another connection when theirs is lost, or on the same one when the server has not
//! answered for a long time.

use std::time::{Duration, Instant};

use super::{Connection, LineState};
use crate::error::Error;
use crate::rpc::Retry;

/// The time that calls wait is counted in ticks: one timer for the connection, and no work for each call. Time in which
/// nobody drives the connection does not count.
const TICK: Duration = Duration::from_secs(2);

/// A call without a reply is retransmitted after so many ticks: 60 seconds, as NFS clients in kernels do over TCP.
const PATIENCE: u32 = 30;

/// A connection that has carried nothing for so long is looked at before it is used.
const IDLE: Duration = Duration::from_millis(100);

/// See [`TICK`].
#[derive(Default)]
pub(super) struct Watch {
    /// When the next tick is due. Stands still while no call waits.
    next: Option<Instant>,
    tick: u32,
    /// A call that begins later than this finds the connection idle for [`IDLE`].
    fresh: Option<Instant>,
    /// It may have been closed while it was idle.
    doubtful: bool,
}

impl Connection {
    /// Whether no call waits: then [`Connection::wake`] precedes the next one.
    pub fn is_idle(&self) -> bool {
        self.waiting == 0
    }

    /// The time at which an idle connection gets a call.
    pub fn wake(&mut self, now: Instant) {
        let watch = &mut self.watch;
        watch.doubtful |= watch.fresh.is_some_and(|fresh| fresh <= now);
        watch.fresh = Some(now + IDLE);
        if watch.next.is_none_or(|next| next <= now) {
            watch.next = Some(now + TICK);
        }
    }

    /// The tick from which the time of a call counts that is sent now: the next one.
    pub(super) fn coming_tick(&self) -> u32 {
        self.watch.tick.saturating_add(1)
    }

    /// See [`crate::io::Wire::look_first`]. Whoever has borrowed the memory looks anyway.
    pub(super) fn is_doubtful(&mut self) -> bool {
        std::mem::take(&mut self.watch.doubtful) && !self.is_leased
    }

    pub(super) fn due_tick(&self) -> Option<Instant> {
        self.watch.next.filter(|_| self.waiting > 0)
    }

    /// Counts the tick that is due, and queues again what has waited for too long. True when the connection is to be
    /// given up: there was no reply to anything since the last time.
    pub(super) fn tick(&mut self, now: Instant) -> bool {
        if self.watch.next.is_none_or(|next| now < next) {
            return false;
        }
        self.watch.next = now.checked_add(TICK);
        self.watch.tick = self.watch.tick.saturating_add(1);
        let tick = self.watch.tick;
        if !matches!(self.line, LineState::Up) {
            return false;
        }
        let mut silent = false;
        for index in 0..self.sent.len() {
            let xid = self.sent[index];
            let Some(call) = self.calls.get_mut(xid).filter(|call| call.result.is_none()) else { continue };
            if call.tick.saturating_add(PATIENCE) > tick {
                break; // those behind it were sent later
            }
            silent |= call.repeated && call.answered == self.answered;
            (call.repeated, call.tick, call.answered) = (true, tick, self.answered);
            if !call.class.has_ticket() {
                call.retransmitted = true;
                self.queue.push_back(xid);
            }
        }
        if !self.queue.is_empty() {
            let (calls, queue) = (&self.calls, &self.queue);
            // Few calls are queued when there is no reply for that long.
            self.sent.retain(|xid| {
                let repeated = calls.get(*xid).is_some_and(|call| call.repeated && call.tick == tick);
                !(repeated && queue.contains(xid))
            });
        }
        silent
    }

    pub(super) fn first_look(&self, deadline: Option<Instant>) -> Option<Instant> {
        let Retry { after, times } = self.retry?;
        deadline?.checked_sub(after.checked_mul(times)?).filter(|_| times > 0)
    }

    /// Whether the server has said nothing at all while a call was waiting.
    pub(super) fn look(&mut self, xid: u32, instant: Instant) -> bool {
        let (Some(call), Some(retry)) = (self.calls.get_mut(xid), self.retry) else { return false };
        let silent = call.answered == self.answered;
        call.answered = self.answered;
        call.look = instant.checked_add(retry.after).filter(|next| Some(*next) < call.deadline);
        self.deadlines.extend(call.look.map(|next| (next, xid)));
        silent
    }

    /// The connection is lost: everything without an answer is sent again over the next one, in the old order and under
    /// the old xids. What was not handed to the socket as a whole has not reached the server as a call.
    pub(super) fn queue_again(&mut self, error: &Error) {
        self.forget_stream();
        self.abandon_stand_ins();
        let mut again = std::mem::take(&mut self.sent);
        again.retain(|xid| self.is_waiting(*xid));
        for xid in &again {
            if let Some(call) = self.calls.get_mut(*xid) {
                call.retransmitted = true;
            }
        }
        again.append(&mut self.queue);
        for xid in &again {
            if let Some(call) = self.calls.get_mut(*xid) {
                call.repeated = false;
            }
        }
        self.queue = again;
        self.watch.doubtful = false; // the next connection is not idle
        self.line = LineState::Down(error.clone());
        self.wake_supervisor();
    }
}
