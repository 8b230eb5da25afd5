//! Calls in slots of a session: sent again over another connection only, and their slots are free when they are answered.

use std::sync::{Arc, Mutex};

use super::*;
use crate::rpc::{SlotTable, Ticket};
use crate::sync::lock;

/// What a session is told.
#[derive(Default)]
struct Session(Mutex<Vec<String>>);

impl Session {
    fn told(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.0))
    }
}

impl SlotTable for Session {
    fn answered(&self, slot: u32, body: Option<&[u8]>) {
        let body = body.map_or("?".into(), String::from_utf8_lossy);
        lock(&self.0).push(format!("{slot} answered {body}"));
    }

    fn never_sent(&self, slot: u32) {
        lock(&self.0).push(format!("{slot} never sent"));
    }

    fn stand_in(&self, slot: u32) -> Message {
        Message::call(1, 2, 100 + slot, &Credential::raw(0, &[]).unwrap())
    }
}

fn connection() -> (Connection, Arc<Session>) {
    let mut connection = Connection::new(1);
    connection.supervise();
    (connection, Arc::default())
}

fn in_slot(session: &Arc<Session>, slot: u32) -> Request {
    Request { class: CallClass::Slot(Ticket { session: session.clone(), slot }), ..request(None) }
}

fn answer(connection: &mut Connection, xid: u32) {
    feed(connection, &record(&reply(xid, b"done"), &[]), &[1000]).unwrap();
}

fn lose(connection: &mut Connection) {
    assert!(connection.lost(&Error::new(libc::ECONNRESET, "gone")));
    connection.resumed();
}

/// The procedures of calls that go out.
fn procedures(connection: &mut Connection) -> Vec<u32> {
    let bytes = drain(connection, 10_000);
    let word = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    let mut at = 0;
    std::iter::from_fn(|| {
        let procedure = (at < bytes.len()).then(|| word(at + 24))?;
        at += 4 + (word(at) & !LAST) as usize;
        Some(procedure)
    })
    .collect()
}

#[test]
fn a_slot_is_free_when_its_call_is_answered() {
    let (mut connection, session) = connection();
    let xid = connection.start(in_slot(&session, 5));
    drain(&mut connection, 1000);
    assert_eq!(session.told(), [""; 0]);
    answer(&mut connection, xid);
    assert_eq!(session.told(), ["5 answered done"]);
    assert!(result(&mut connection, xid).unwrap().is_ok());
    answer(&mut connection, xid);
    assert_eq!(session.told(), [""; 0]);
}

#[test]
fn a_call_in_a_slot_is_not_repeated_on_its_connection() {
    let start = Instant::now();
    let (mut connection, session) = connection();
    connection.wake(start);
    let xid = connection.start(in_slot(&session, 0));
    drain(&mut connection, 1000);
    let at = |seconds| start + Duration::from_secs(seconds);
    let silent = (1..=200).find(|second| connection.expire(at(*second)));
    assert!(!connection.has_outgoing());
    assert!((120..=130).contains(&silent.unwrap()), "given up after two minutes of silence: {silent:?}");
    lose(&mut connection);
    assert_eq!(drain(&mut connection, 1000)[4..8], xid.to_be_bytes());
    answer(&mut connection, xid);
    assert_eq!(session.told(), ["0 answered done"]);
}

#[test]
fn a_call_that_was_given_up_keeps_its_slot_until_it_is_answered() {
    let (mut connection, session) = connection();
    let (first, second) = (connection.start(in_slot(&session, 0)), connection.start(in_slot(&session, 1)));
    connection.cancel(second); // nothing of it was sent
    assert_eq!(session.told(), ["1 never sent"]);
    drain(&mut connection, 1000);
    connection.cancel(first);
    assert_eq!((session.told(), connection.in_flight()), (vec![], 0));
    answer(&mut connection, first);
    assert_eq!(session.told(), ["0 answered done"]);

    // A long reply in small pieces.
    let third = connection.start(in_slot(&session, 2));
    drain(&mut connection, 1000);
    connection.cancel(third);
    feed(&mut connection, &record(&reply(third, &[b'x'; 5000]), &[]), &[7]).unwrap();
    let told = session.told();
    assert!(told.len() == 1 && told[0].starts_with("2 answered xxx"), "{told:?}");
}

#[test]
fn what_was_given_up_is_not_sent_again_but_something_in_its_slot() {
    let (mut connection, session) = connection();
    let first = connection.start(in_slot(&session, 7));
    let second = connection.start(in_slot(&session, 8));
    drain(&mut connection, 1000);
    connection.cancel(first);
    lose(&mut connection);
    assert_eq!(procedures(&mut connection), [3, 107]);
    lose(&mut connection);
    assert_eq!(procedures(&mut connection), [3, 107], "again");
    let stand_in = connection.start(request(None)) - 1;
    answer(&mut connection, stand_in);
    answer(&mut connection, second);
    assert_eq!(session.told(), ["7 answered done", "8 answered done"]);
    lose(&mut connection);
    assert_eq!(procedures(&mut connection), [3], "the last call only");
}

#[test]
fn a_call_that_ends_in_the_middle_of_its_data_leaves_its_slot() {
    let (mut connection, session) = connection();
    let block = Block::new(1000).unwrap();
    let read = Request { class: in_slot(&session, 1).class, ..read_request(&block, USUAL) };
    let xid = connection.start(read);
    drain(&mut connection, 1000);
    let whole = record(&data_reply(xid, &[1; 1000]), &[]);
    feed(&mut connection, &whole[..500], &[500]).unwrap();
    connection.cancel(xid);
    assert_eq!(session.told().len(), 1);
    feed(&mut connection, &whole[500..], &[500]).unwrap();
    let next = connection.start(request(None));
    drain(&mut connection, 1000);
    answer(&mut connection, next);
    assert!(result(&mut connection, next).unwrap().is_ok());
    assert_eq!(session.told(), [""; 0]);
}

#[test]
fn a_reply_that_cannot_be_read_is_a_reply() {
    let (mut connection, session) = connection();
    let xid = connection.start(in_slot(&session, 4));
    drain(&mut connection, 1000);
    feed(&mut connection, &record(&reply(xid, &[0; 2000]), &[]), &[1000]).unwrap(); // longer than it may be
    assert!(result(&mut connection, xid).unwrap().is_err());
    assert_eq!(session.told(), ["4 answered ?"]);
}

#[test]
fn a_slot_is_left_once_whatever_happens() {
    let (mut connection, session) = connection();
    let xids: Vec<u32> = (0..20).map(|slot| connection.start(in_slot(&session, slot))).collect();
    drain(&mut connection, 100_000);
    for xid in &xids[..5] {
        connection.cancel(*xid);
    }
    lose(&mut connection);
    drain(&mut connection, 100_000);
    for xid in &xids[5..] {
        answer(&mut connection, *xid);
    }
    let next = connection.start(request(None));
    for stand_in in next - 5..next {
        answer(&mut connection, stand_in);
    }
    let mut told = session.told();
    told.sort();
    told.dedup();
    assert_eq!(told.len(), 20);
    connection.fail(&Error::new(libc::ENOTCONN, "closed"));
    assert_eq!(session.told(), [""; 0]);
}
