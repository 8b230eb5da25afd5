//! Exactly once, without a network: a server with slots and a reply cache, and a connection whose bytes a property test
//! loses, repeats, reorders and gives up.

use std::collections::HashMap;
use std::io::{IoSlice, IoSliceMut};
use std::sync::Arc;
use std::task::{Poll, Waker};

use proptest::prelude::*;

use super::compound::{Compound, Results};
use super::nfs::{Outcome, outcome};
use super::numbers::op;
use super::registration::Session;
use super::session::{Channel, ClientId, NewSession};
use super::slots::{Sequence, SessionId};
use super::status;
use crate::error::Error;
use crate::io::{Received, Wire};
use crate::rpc::{CallClass, Connection, Credential, Request};
use crate::xdr::Reader;

const LAST: u32 = 0x8000_0000;

/// What a server keeps for a slot: the number of its last call, and its reply.
#[derive(Default, Clone)]
struct Slot {
    sequence: u32,
    reply: Vec<u8>,
}

/// Removes names, and counts how often it did.
#[derive(Default)]
struct Server {
    sessions: HashMap<[u8; 16], Vec<Slot>>,
    removed: HashMap<u32, u32>,
    /// Calls that break the rules of slots.
    misordered: u32,
    /// The highest slot it wants to see.
    target: u32,
}

impl Server {
    fn begin_session(&mut self, id: u8, slots: u32) -> NewSession {
        self.sessions.insert([id; 16], vec![Slot::default(); slots as usize]);
        self.target = slots - 1;
        NewSession { id: SessionId([id; 16]), channel: Channel { requests: slots, ..Channel::WANTED } }
    }

    /// The reply to a record.
    fn answer(&mut self, record: &[u8]) -> Vec<u8> {
        let mut reader = Reader::new(record);
        let xid = reader.u32().unwrap();
        reader.take(5 * 4).unwrap(); // call, version of RPC, program, version, procedure
        for _credential_and_verifier in 0..2 {
            reader.u32().unwrap();
            reader.opaque().unwrap();
        }
        let (_tag, _minor, count) = (reader.opaque().unwrap(), reader.u32().unwrap(), reader.u32().unwrap());
        assert_eq!(reader.u32().unwrap(), op::SEQUENCE);
        let session = *reader.array::<16>().unwrap();
        let (sequence, slot) = (reader.u32().unwrap(), reader.u32().unwrap());
        reader.take(8).unwrap();
        let name = (count > 1).then(|| {
            assert_eq!(reader.u32().unwrap(), op::REMOVE);
            u32::from_be_bytes(reader.opaque().unwrap().try_into().unwrap())
        });
        let body = self.compound(session, sequence, slot, name);
        [words(&[xid, 1, 0, 0, 0, 0]), body].concat()
    }

    fn compound(&mut self, session: [u8; 16], sequence: u32, slot: u32, name: Option<u32>) -> Vec<u8> {
        let refuse = |status| words(&[status, 0, 1, op::SEQUENCE, status]);
        let Some(slots) = self.sessions.get_mut(&session) else { return refuse(status::BADSESSION) };
        let Some(place) = slots.get_mut(slot as usize) else { return refuse(10_053) };
        if sequence == place.sequence {
            return place.reply.clone();
        }
        if sequence != place.sequence + 1 {
            self.misordered += 1;
            return refuse(status::SEQ_MISORDERED);
        }
        let mut reply = words(&[0, 0, 1 + u32::from(name.is_some()), op::SEQUENCE, 0]);
        reply.extend_from_slice(&session);
        reply.extend(words(&[sequence, slot, self.target, self.target, 0]));
        if let Some(name) = name {
            *self.removed.entry(name).or_default() += 1;
            reply.extend(words(&[op::REMOVE, 0, 1, 0, 0, 0, 0]));
        }
        *place = Slot { sequence, reply: reply.clone() };
        reply
    }
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// A call under way: its xid, what it carries, which name it removes.
struct Call {
    xid: u32,
    sequence: Sequence,
    name: u32,
}

struct Lab {
    server: Server,
    connection: Connection,
    session: Arc<Session>,
    calls: Vec<Call>,
    next_name: u32,
    given_up: Vec<u32>,
    done: Vec<u32>,
    /// On their way to the server, and from it.
    sent: Vec<u8>,
    replies: Vec<Vec<u8>>,
}

impl Lab {
    fn new(slots: u32) -> Self {
        let mut server = Server::default();
        let new = server.begin_session(1, slots);
        let credential = Credential::raw(0, b"").unwrap();
        let client = ClientId { id: 1, sequence: 1, confirmed: false };
        let session = Session::new(1, &client, &new, &credential);
        let mut connection = Connection::new(1);
        connection.supervise();
        let (calls, given_up, done, sent, replies) = Default::default();
        Self { server, connection, session, calls, next_name: 0, given_up, done, sent, replies }
    }

    fn begin(&mut self) {
        let Some(mut slot) = self.session.try_take() else { return };
        let (name, sequence) = (self.next_name, slot.sequence);
        self.next_name += 1;
        let mut compound = Compound::new(Vec::new(), 1, &Credential::raw(0, b"").unwrap());
        compound.sequence(&sequence, true);
        compound.remove(&name.to_be_bytes());
        let (message, class) = (compound.finish(), CallClass::Slot(slot.ticket()));
        let request = Request { message, source: None, sink: None, deadline: None, limit: 4096, class };
        let xid = self.connection.start(request);
        self.calls.push(Call { xid, sequence, name });
    }

    /// Up to `count` bytes leave.
    fn send(&mut self, count: usize) {
        let mut slices: [IoSlice<'_>; 64] = std::array::from_fn(|_| IoSlice::new(&[]));
        let used = self.connection.outgoing(&mut slices);
        let bytes: Vec<u8> = slices[..used].iter().flat_map(|slice| slice.to_vec()).take(count).collect();
        self.connection.sent(bytes.len());
        self.sent.extend(bytes);
    }

    /// The server answers all whole records that have arrived.
    fn serve(&mut self) {
        while let Some(mark) = self.sent.first_chunk::<4>() {
            let length = 4 + (u32::from_be_bytes(*mark) & !LAST) as usize;
            if self.sent.len() < length {
                return;
            }
            let record: Vec<u8> = self.sent.drain(..length).collect();
            let reply = self.server.answer(&record[4..]);
            self.replies.push([words(&[reply.len() as u32 | LAST]), reply].concat());
        }
    }

    fn receive(&mut self, which: impl FnOnce(usize) -> usize) {
        if self.replies.is_empty() {
            return;
        }
        let reply = self.replies.swap_remove(which(self.replies.len()));
        let mut rest = &reply[..];
        while !rest.is_empty() {
            let received = self.connection.incoming(&mut |slices: &mut [IoSliceMut<'_>]| {
                let mut count = 0;
                for slice in slices {
                    let part = slice.len().min(rest.len());
                    slice[..part].copy_from_slice(&rest[..part]);
                    rest = &rest[part..];
                    count += part;
                }
                Ok(count)
            });
            assert!(matches!(received.unwrap(), Received::Bytes { .. }));
        }
        self.collect();
    }

    /// Takes the results of calls that are over.
    fn collect(&mut self) {
        let calls = std::mem::take(&mut self.calls);
        for call in calls {
            match self.connection.poll(call.xid, Waker::noop()) {
                Poll::Pending => self.calls.push(call),
                Poll::Ready(reply) => {
                    let reply = reply.unwrap();
                    let read = |results: &mut Results<'_>| results.remove();
                    match outcome(reply.body(), &call.sequence, read).unwrap() {
                        Outcome::Done(()) => self.done.push(call.name),
                        Outcome::Busy | Outcome::Unkept | Outcome::Lost(_) => {
                            panic!("the slots are out of step")
                        }
                    }
                }
            }
        }
    }

    /// Everything that is under way is lost; what the server has done is done.
    fn lose(&mut self) {
        self.sent.clear();
        self.replies.clear();
        assert!(self.connection.lost(&Error::new(libc::ECONNRESET, "gone")));
        self.connection.resumed();
    }

    fn give_up(&mut self, which: prop::sample::Index) {
        if !self.calls.is_empty() {
            let call = self.calls.swap_remove(which.index(self.calls.len()));
            self.connection.cancel(call.xid);
            self.given_up.push(call.name);
        }
    }

    fn settle(&mut self) {
        while self.connection.has_outgoing() || !self.sent.is_empty() || !self.replies.is_empty() {
            self.send(usize::MAX);
            self.serve();
            while !self.replies.is_empty() {
                self.receive(|_| 0);
            }
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Begin,
    Send(usize),
    Serve,
    Receive(prop::sample::Index),
    Lose,
    GiveUp(prop::sample::Index),
    Target(u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => Just(Step::Begin),
        6 => (1..400usize).prop_map(Step::Send),
        4 => Just(Step::Serve),
        6 => any::<prop::sample::Index>().prop_map(Step::Receive),
        1 => Just(Step::Lose),
        2 => any::<prop::sample::Index>().prop_map(Step::GiveUp),
        1 => (0..8u32).prop_map(Step::Target),
    ]
}

proptest! {
    #[test]
    fn nothing_is_done_twice_or_lost(slots in 1..8u32, steps in prop::collection::vec(step(), 0..300)) {
        let mut lab = Lab::new(slots);
        for step in steps {
            match step {
                Step::Begin => lab.begin(),
                Step::Send(count) => lab.send(count),
                Step::Serve => lab.serve(),
                Step::Receive(which) => lab.receive(|count| which.index(count)),
                Step::Lose => lab.lose(),
                Step::GiveUp(which) => lab.give_up(which),
                Step::Target(target) => lab.server.target = target.min(slots - 1),
            }
        }
        lab.settle();
        prop_assert_eq!(lab.server.misordered, 0);
        prop_assert!(lab.calls.is_empty(), "{} calls are never answered", lab.calls.len());
        for name in &lab.done {
            prop_assert_eq!(lab.server.removed.get(name), Some(&1), "done: {}", name);
        }
        for name in &lab.given_up {
            prop_assert!(lab.server.removed.get(name).is_none_or(|count| *count == 1), "given up: {}", name);
        }
        prop_assert_eq!(lab.done.len() + lab.given_up.len(), lab.next_name as usize);
        // All slots are free again, and in step with the server.
        prop_assert!(lab.session.is_idle());
        lab.server.target = slots - 1;
        for _round in 0..2 {
            (0..slots).for_each(|_| lab.begin());
            lab.settle();
        }
        prop_assert_eq!((lab.server.misordered, lab.calls.len()), (0, 0));
    }
}
