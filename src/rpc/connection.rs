//! Any number of calls in flight on one stream: the table of xids, the send queue, replies to their callers.

mod abandoned;
mod receive;
mod retransmission;

use std::collections::{BTreeSet, VecDeque};
use std::io::IoSlice;
use std::task::{Poll, Waker};
use std::time::Instant;

use super::answer::{Answer, Caller, Completion, Head, Reply};
use super::calls::Calls;
use super::record::Marks;
use super::request::{CallClass, Request, Retry, Sink, Ticket};
use crate::error::{Error, Result};
use crate::io::{Receive, Received, Source, Stage, Wire};
use retransmission::Watch;

/// Records whose memory is kept for further ones, and what one may take, bytes.
const SPARE_RECORDS: usize = 64;
const SPARE_RECORD: usize = 1024;

/// Calls that may stand in the order of sending after they were answered, beside as many as wait.
const STALE_SENT: usize = 64;

struct Call {
    record: Vec<u8>,
    /// Empty when there is no data.
    source: Source,
    sink: Option<Sink>,
    deadline: Option<Instant>,
    limit: usize,
    caller: Caller,
    class: CallClass,
    /// It is sent a second time: the server may have done it already.
    retransmitted: bool,
    /// So on the connection there is.
    repeated: bool,
    /// When it was sent, in ticks of the connection's watch.
    tick: u32,
    /// When to look whether the server has said anything, and how many replies there were before.
    look: Option<Instant>,
    answered: u64,
    result: Option<Result<Reply>>,
}

/// What is done with the payload of the record that is coming in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Collected in `head`; it may turn out to have data for a sink.
    Head,
    /// Collected in `head` to its end.
    Whole,
    /// Goes to the sink of `xid`. The body of the reply begins at `body` in `head`.
    Data { xid: u32, at: usize, left: usize, body: usize },
    /// Nobody waits for it.
    Unwanted,
}

/// See the module.
pub struct Connection {
    calls: Calls<Call>,
    deadlines: BTreeSet<(Instant, u32)>,
    waiting: usize,
    /// Calls to send, in order; `sent_of_first` bytes of the first are gone.
    queue: VecDeque<u32>,
    sent_of_first: usize,
    /// The rest of a record whose call was given up while it was being sent.
    orphan: VecDeque<u8>,
    /// Calls sent, in order; those answered meanwhile may still stand here.
    sent: VecDeque<u32>,
    marks: Marks,
    phase: Phase,
    head: Vec<u8>,
    /// Somebody waits for the next bytes, and receives them.
    is_leased: bool,
    failed: Option<Error>,
    line: LineState,
    /// Replies so far.
    answered: u64,
    retry: Option<Retry>,
    watch: Watch,
    /// Who makes another connection when this one is lost.
    supervisor: Option<Waker>,
    /// Memory for records.
    spare: Vec<Vec<u8>>,
    /// Calls that were given up, whose slots are free when their replies have come.
    abandoned: Vec<(u32, Ticket)>,
}

/// Whether there is a connection, and whether there may be another one.
#[derive(Debug, Clone)]
enum LineState {
    /// The only one there will be.
    SingleCall,
    Up,
    Down(Error),
}

impl Connection {
    /// `first_xid` should differ from one connection to the next: servers remember xids.
    pub fn new(first_xid: u32) -> Self {
        Self {
            calls: Calls::new(first_xid),
            deadlines: BTreeSet::new(),
            waiting: 0,
            queue: VecDeque::new(),
            sent_of_first: 0,
            orphan: VecDeque::new(),
            sent: VecDeque::new(),
            marks: Marks::default(),
            phase: Phase::Head,
            head: Vec::new(),
            is_leased: false,
            failed: None,
            line: LineState::SingleCall,
            answered: 0,
            retry: None,
            watch: Watch::default(),
            supervisor: None,
            spare: Vec::new(),
            abandoned: Vec::new(),
        }
    }

    /// From now on calls survive the loss of the connection: somebody polls [`Connection::poll_lost`] and makes
    /// another one.
    pub fn supervise(&mut self) {
        if let LineState::SingleCall = self.line {
            self.line = LineState::Up;
        }
    }

    /// Nobody makes another connection any more.
    pub fn end_supervision(&mut self) {
        if let LineState::Down(error) = std::mem::replace(&mut self.line, LineState::SingleCall) {
            self.fail(&error);
        }
    }

    /// How calls that begin from now on are repeated. Their deadlines have to leave the time for it.
    pub fn set_retry(&mut self, retry: Option<Retry>) {
        self.retry = retry;
    }

    /// Ready with the error when the connection is lost and calls wait for another one, or `at_once`; None when there
    /// will be none.
    pub fn poll_lost(&mut self, waker: &Waker, at_once: bool) -> Poll<Option<Error>> {
        match &self.line {
            _ if self.failed.is_some() => Poll::Ready(None),
            LineState::Down(error) if at_once || self.waiting > 0 => Poll::Ready(Some(error.clone())),
            _ => {
                self.supervisor = Some(waker.clone());
                Poll::Pending
            }
        }
    }

    /// Replies so far: whether a connection was good for anything.
    pub fn answered(&self) -> u64 {
        self.answered
    }

    fn wake_supervisor(&mut self) {
        if let Some(waker) = self.supervisor.take() {
            waker.wake();
        }
    }

    #[cfg(test)]
    pub fn sent_length(&self) -> usize {
        self.sent.len()
    }

    /// Queues a call that is polled; the xid names it from now on.
    pub fn start(&mut self, request: Request) -> u32 {
        self.queue(request, Caller::Task(None))
    }

    /// Queues a call whose result `completion` gets.
    pub fn submit(&mut self, request: Request, completion: Box<dyn Completion>) {
        self.queue(request, Caller::Completion(completion));
    }

    /// Memory for a message.
    pub fn memory(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_default()
    }

    fn queue(&mut self, request: Request, caller: Caller) -> u32 {
        let Request { message, source, sink, deadline, limit, class } = request;
        let source = source.unwrap_or_default();
        let (look, mut refused) = (self.first_look(deadline), self.failed.clone());
        let (tick, answered) = (0, self.answered);
        let xid = self.calls.add(|xid| {
            let (record, sealed) = message.seal(xid, source.len());
            refused = refused.take().or(sealed.err());
            let (retransmitted, repeated, result) = (false, false, None);
            Call {
                record,
                source,
                sink,
                deadline,
                limit,
                caller,
                class,
                retransmitted,
                repeated,
                tick,
                look,
                answered,
                result,
            }
        });
        self.waiting += 1;
        self.deadlines.extend(deadline.map(|deadline| (deadline, xid)));
        self.deadlines.extend(look.map(|look| (look, xid)));
        self.queue.push_back(xid);
        if let Some(error) = refused {
            self.finish(xid, Err(error));
        }
        if matches!(self.line, LineState::Down(_)) {
            self.wake_supervisor();
        }
        xid
    }

    /// The result of a call, once.
    pub fn poll(&mut self, xid: u32, waker: &Waker) -> Poll<Result<Reply>> {
        self.poll_over(xid, waker).map(|call| call.and_then(|(_, reply)| reply))
    }

    /// What `read` makes of the reply, once; the memory of both is used again.
    pub fn poll_reading<T>(
        &mut self,
        xid: u32,
        waker: &Waker,
        read: impl FnOnce(Answer<'_>) -> Result<T>,
    ) -> Poll<Result<T>> {
        self.poll_over(xid, waker).map(|call| {
            let (record, reply) = call?;
            let mut reply = reply?;
            let result = read(reply.answer());
            self.use_again(record, Ok(reply.head));
            result
        })
    }

    /// The record and the result of a call that is over.
    fn poll_over(&mut self, xid: u32, waker: &Waker) -> Poll<Result<(Vec<u8>, Result<Reply>)>> {
        let over = || Poll::Ready(Err(Error::new(libc::EINVAL, "the call is over")));
        let Some(call) = self.calls.get_mut(xid) else { return over() };
        let Some(result) = call.result.take() else {
            match &mut call.caller {
                Caller::Task(Some(old)) => old.clone_from(waker),
                caller => *caller = Caller::Task(Some(waker.clone())),
            }
            return Poll::Pending;
        };
        let record = std::mem::take(&mut call.record);
        self.calls.forget(xid);
        Poll::Ready(Ok((record, result)))
    }

    /// Nobody waits for this call any more: its memory is not touched from now on.
    pub fn cancel(&mut self, xid: u32) {
        self.finish(xid, Err(Error::new(libc::ECANCELED, "given up")));
        self.calls.forget(xid);
    }

    /// Ends the calls that have a completion.
    pub fn abandon_completions(&mut self, error: &Error) {
        let completes = |call: &Call| matches!(call.caller, Caller::Completion(_));
        let mut abandoned: Vec<u32> =
            self.calls.iter().filter(|(_, call)| completes(call)).map(|(xid, _)| xid).collect();
        abandoned.sort_unstable(); // in the order of their beginning
        for xid in abandoned {
            self.finish(xid, Err(error.clone()));
        }
    }

    /// Ends the calls that `which` selects by their records.
    pub fn fail_calls(&mut self, which: impl Fn(&[u8]) -> bool, error: &Error) {
        let waiting = |call: &Call| call.result.is_none() && which(&call.record);
        let mut failed: Vec<u32> =
            self.calls.iter().filter(|(_, call)| waiting(call)).map(|(xid, _)| xid).collect();
        failed.sort_unstable(); // in the order of their beginning
        for xid in failed {
            self.finish(xid, Err(error.clone()));
        }
    }

    fn finish(&mut self, xid: u32, result: Result<Head>) {
        let unsent = self.forget_unsent(xid);
        let Some(call) = self.calls.get_mut(xid).filter(|call| call.result.is_none()) else {
            return self.abandoned_answered(xid, result.as_ref().ok().map(Head::body));
        };
        if call.class.has_ticket() {
            self.leave_slot(xid, unsent, result.as_ref().ok().map(Head::body));
        }
        let Some(call) = self.calls.get_mut(xid) else { return };
        self.answered += u64::from(result.is_ok());
        self.waiting -= 1;
        for instant in [call.deadline, call.look].into_iter().flatten() {
            self.deadlines.remove(&(instant, xid));
        }
        match &mut call.caller {
            Caller::Task(waker) => {
                let waker = waker.take();
                call.source = Source::default();
                let to = call.sink.take().map(|sink| sink.to);
                let retransmitted = call.retransmitted && call.class.doubtful();
                call.result = Some(result.map(|head| Reply { head, to, retransmitted }));
                waker.into_iter().for_each(Waker::wake);
            }
            Caller::Completion(_) => {
                let (to, record) = (call.sink.take().map(|sink| sink.to), std::mem::take(&mut call.record));
                let caller = std::mem::replace(&mut call.caller, Caller::Task(None));
                self.calls.forget(xid);
                if let Caller::Completion(completion) = caller {
                    completion.complete(match &result {
                        Ok(head) => Ok(Answer { body: head.body(), received: head.received, to }),
                        Err(error) => Err(error.clone()),
                    });
                }
                self.use_again(record, result);
            }
            Caller::Nobody => self.calls.forget(xid),
        }
        if matches!(self.phase, Phase::Data { xid: current, .. } if current == xid) {
            self.phase = Phase::Unwanted;
        }
        while self.sent.front().is_some_and(|sent| *sent == xid || !self.is_waiting(*sent)) {
            self.sent.pop_front();
        }
    }

    /// Keeps memory for further calls and replies.
    fn use_again(&mut self, mut record: Vec<u8>, result: Result<Head>) {
        if self.spare.len() < SPARE_RECORDS && record.capacity() <= SPARE_RECORD {
            record.clear();
            self.spare.push(record);
        }
        if let Ok(Head { mut bytes, .. }) = result
            && bytes.capacity() <= SPARE_RECORD
            && self.head.capacity() == 0
        {
            bytes.clear();
            self.head = bytes;
        }
    }

    fn drop_answered(&mut self) {
        let calls = &self.calls;
        self.sent.retain(|xid| calls.get(*xid).is_some_and(|call| call.result.is_none()));
    }

    fn is_waiting(&self, xid: u32) -> bool {
        self.calls.get(xid).is_some_and(|call| call.result.is_none())
    }

    /// Nothing of the old stream matters to the next one.
    fn forget_stream(&mut self) {
        (self.sent_of_first, self.phase, self.marks) = (0, Phase::Head, Marks::default());
        self.orphan.clear();
        self.head.clear();
    }

    /// Takes a call out of the send queue; true when nothing of it was sent on this connection. A record that has begun
    /// must end, from a copy.
    fn forget_unsent(&mut self, xid: u32) -> bool {
        let Some(index) = self.queue.iter().position(|queued| *queued == xid) else { return false };
        self.queue.remove(index);
        let begun = index == 0 && self.sent_of_first > 0;
        if begun {
            if let Some(call) = self.calls.get(xid) {
                self.orphan.extend(call.parts().into_iter().flatten().skip(self.sent_of_first));
            }
            self.sent_of_first = 0;
        }
        !begun
    }
}

impl Call {
    /// What goes on the wire: the record, the data, its padding.
    fn parts(&self) -> [&[u8]; 3] {
        let data = self.source.as_slice();
        [&self.record, data, &[0; 3][..data.len().wrapping_neg() & 3]]
    }
}

impl Wire for Connection {
    fn has_outgoing(&self) -> bool {
        !matches!(self.line, LineState::Down(_)) && (!self.queue.is_empty() || !self.orphan.is_empty())
    }

    fn outgoing<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        if !self.has_outgoing() {
            return 0;
        }
        let mut free = slices.iter_mut();
        let mut count = 0;
        let mut put = |part: &'a [u8]| {
            let Some(slice) = free.next() else { return false };
            *slice = IoSlice::new(part);
            count += 1;
            true
        };
        let (orphan, more) = self.orphan.as_slices();
        for part in [orphan, more] {
            if !part.is_empty() {
                put(part);
            }
        }
        let mut skip = self.sent_of_first;
        'queue: for call in self.queue.iter().filter_map(|xid| self.calls.get(*xid)) {
            for part in call.parts() {
                let sent = skip.min(part.len());
                skip -= sent;
                if sent < part.len() && !put(&part[sent..]) {
                    break 'queue;
                }
            }
        }
        count
    }

    fn look_first(&mut self) -> bool {
        // While the stage is leased, whoever has it receives.
        !self.is_leased && self.is_doubtful()
    }

    fn sent(&mut self, mut count: usize) {
        let orphan = count.min(self.orphan.len());
        self.orphan.drain(..orphan);
        count -= orphan;
        let tick = self.coming_tick();
        while let Some(xid) = self.queue.front().copied() {
            let call = self.calls.get_mut(xid);
            let length: usize =
                call.as_ref().map_or(0, |call| call.parts().iter().map(|part| part.len()).sum());
            if self.sent_of_first + count < length {
                self.sent_of_first += count;
                return;
            }
            if let Some(call) = call {
                call.tick = tick;
            }
            count -= length - self.sent_of_first;
            self.sent_of_first = 0;
            self.queue.pop_front();
            if self.sent.len() >= STALE_SENT && self.sent.len() >= 2 * self.waiting {
                self.drop_answered(); // one at the front is never answered, and those behind it are
            }
            self.sent.push_back(xid);
        }
    }

    fn incoming(&mut self, receive: &mut Receive<'_>) -> Result<Received> {
        self.receive_into(&mut Stage::borrow(), receive)
    }

    fn lease(&mut self) -> Option<(Stage, usize)> {
        let room = self.marks.idle().then(|| self.stage_room(0))?;
        self.is_leased = true;
        Some((Stage::borrow(), room))
    }

    fn return_lease(&mut self, memory: Stage, count: usize) -> Result<()> {
        self.is_leased = false;
        self.feed(memory.get(..count).unwrap_or_default())
    }

    fn in_flight(&self) -> usize {
        self.waiting
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    fn next_tick(&self) -> Option<Instant> {
        self.due_tick()
    }

    fn expire(&mut self, now: Instant) -> bool {
        let mut silent = false;
        while let Some((instant, xid)) = self.deadlines.first().copied()
            && instant <= now
        {
            self.deadlines.pop_first();
            if self.calls.get(xid).is_some_and(|call| call.look == Some(instant)) {
                silent |= self.look(xid, instant);
            } else {
                self.finish(xid, Err(Error::new(libc::ETIMEDOUT, "the server did not answer in time")));
            }
        }
        silent |= self.tick(now);
        silent && matches!(self.line, LineState::Up)
    }

    fn lost(&mut self, error: &Error) -> bool {
        if matches!(self.line, LineState::SingleCall) || self.failed.is_some() {
            return false;
        }
        self.queue_again(error);
        true
    }

    fn resumed(&mut self) {
        self.line = LineState::Up;
        self.stand_in();
    }

    fn fail(&mut self, error: &Error) {
        self.failed = Some(error.clone());
        self.forget_stream();
        self.queue.clear();
        self.sent.clear();
        self.abandoned.clear();
        self.wake_supervisor();
        let mut waiting: Vec<u32> = self.calls.iter().map(|(xid, _)| xid).collect();
        waiting.sort_unstable(); // in the order of their beginning
        for xid in waiting {
            self.finish(xid, Err(error.clone()));
        }
    }
}
