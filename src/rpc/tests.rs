//! The connection without a network: the test plays server and clock.

mod retransmission;
mod slots;

use std::future::Future;
use std::io::{self, IoSlice, IoSliceMut};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::Credential;
use super::answer::Reply;
use super::connection::Connection;
use super::message::{Message, Split};
use super::request::{CallClass, Request, Retry, Sink};
use crate::error::{Error, Result};
use crate::io::{Block, OUTGOING_SLICES, Received, Source, Wire};
use crate::xdr::Reader;

const LAST: u32 = 0x8000_0000;

/// Bytes of body in front of the data in `data_reply`.
const USUAL: usize = 8;

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// A tiny READ: the body is one word and opaque data.
fn split(body: &[u8]) -> Result<Split> {
    let mut reader = Reader::new(body);
    match (reader.u32(), reader.u32()) {
        (Ok(0), Ok(len)) => Ok(Split::Data { at: USUAL, len: len as usize }),
        (Ok(_), Ok(_)) => Ok(Split::Whole),
        _ => Ok(Split::More),
    }
}

fn request(deadline: Option<Instant>) -> Request {
    let message = Message::call(1, 2, 3, &Credential::raw(0, &[]).unwrap());
    Request { message, source: None, sink: None, deadline, limit: 1000, class: CallClass::Cached }
}

fn read_request(block: &Block, usual: usize) -> Request {
    // SAFETY: the block's only destination; the tests look at it when the call is over.
    let to = unsafe { block.destination() };
    Request { sink: Some(Sink { to, split, usual }), ..request(None) }
}

fn contents(block: &Block) -> Vec<u8> {
    // SAFETY: called when no destination of the block is left.
    unsafe { std::slice::from_raw_parts(block.as_ptr(), block.len()) }.to_vec()
}

fn reply(xid: u32, body: &[u8]) -> Vec<u8> {
    [words(&[xid, 1, 0, 0, 0, 0]), body.to_vec()].concat()
}

fn data_reply(xid: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = reply(xid, &words(&[0, data.len() as u32]));
    bytes.extend_from_slice(data);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// One record in fragments of the given sizes; what is left makes the last one.
fn record(payload: &[u8], sizes: &[usize]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = payload;
    for size in sizes {
        let (fragment, later) = rest.split_at(rest.len().min(*size));
        bytes.extend(words(&[fragment.len() as u32]));
        bytes.extend_from_slice(fragment);
        rest = later;
    }
    bytes.extend(words(&[rest.len() as u32 | LAST]));
    bytes.extend_from_slice(rest);
    bytes
}

/// Lets the connection receive `stream` in chunks of at most the given sizes.
fn feed(connection: &mut Connection, stream: &[u8], sizes: &[usize]) -> Result<()> {
    let mut sizes = sizes.iter().cycle();
    let mut rest = stream;
    while !rest.is_empty() {
        let limit = *sizes.next().unwrap();
        connection.incoming(&mut |slices: &mut [IoSliceMut<'_>]| {
            let mut count = 0;
            for slice in slices {
                let part = slice.len().min(rest.len()).min(limit - count);
                slice[..part].copy_from_slice(&rest[..part]);
                rest = &rest[part..];
                count += part;
            }
            Ok(count)
        })?;
    }
    Ok(())
}

/// Sends everything, at most `limit` bytes at a time.
fn drain(connection: &mut Connection, limit: usize) -> Vec<u8> {
    let mut sent = Vec::new();
    while connection.has_outgoing() {
        let count = {
            let mut slices: [IoSlice<'_>; OUTGOING_SLICES] = std::array::from_fn(|_| IoSlice::new(&[]));
            let used = connection.outgoing(&mut slices);
            let bytes: Vec<u8> = slices[..used].iter().flat_map(|slice| slice.to_vec()).collect();
            let count = bytes.len().min(limit);
            sent.extend_from_slice(&bytes[..count]);
            count
        };
        connection.sent(count);
    }
    sent
}

fn result(connection: &mut Connection, xid: u32) -> Option<Result<Reply>> {
    match connection.poll(xid, Waker::noop()) {
        Poll::Ready(result) => Some(result),
        Poll::Pending => None,
    }
}

fn errno(connection: &mut Connection, xid: u32) -> i32 {
    result(connection, xid).expect("done").err().expect("an error").errno()
}

#[test]
fn replies_find_their_calls_in_any_order() {
    let mut connection = Connection::new(u32::MAX - 1);
    let xids: Vec<u32> = (0..4).map(|_| connection.start(request(None))).collect();
    assert_eq!(xids, [u32::MAX - 1, u32::MAX, 0, 1]);
    let sent = drain(&mut connection, 7);
    assert_eq!(sent.len(), 4 * 44);
    for xid in [1, 0, u32::MAX - 1, u32::MAX] {
        feed(&mut connection, &record(&reply(xid, &words(&[xid])), &[]), &[1000]).unwrap();
    }
    for xid in xids {
        assert_eq!(result(&mut connection, xid).unwrap().unwrap().body(), xid.to_be_bytes());
    }
    assert_eq!(connection.in_flight(), 0);
}

#[test]
fn unknown_and_repeated_xids_are_skipped() {
    let mut connection = Connection::new(5);
    let xid = connection.start(request(None));
    drain(&mut connection, 1000);
    let stranger = record(&reply(77, &[0; 3000]), &[10, 2000]);
    let known = record(&reply(xid, b"abcd"), &[]);
    feed(&mut connection, &[stranger, known.clone(), known].concat(), &[100]).unwrap();
    assert_eq!(result(&mut connection, xid).unwrap().unwrap().body(), b"abcd");
}

#[test]
fn a_reply_longer_than_its_limit_is_an_error_and_others_go_on() {
    let block = Block::new(100).unwrap();
    for is_read in [false, true] {
        let mut connection = Connection::new(5);
        let long = match is_read {
            true => connection.start(read_request(&block, USUAL)),
            false => connection.start(request(None)),
        };
        let other = connection.start(request(None));
        drain(&mut connection, 1000);
        let payload = [data_reply(long, &[7; 100]), vec![0; 100_000]].concat();
        feed(&mut connection, &record(&payload, &[]), &[300]).unwrap();
        assert_eq!(errno(&mut connection, long), libc::EIO);
        feed(&mut connection, &record(&reply(other, b"good"), &[]), &[300]).unwrap();
        assert_eq!(result(&mut connection, other).unwrap().unwrap().body(), b"good");
    }
}

#[test]
fn a_record_without_end_ends_the_connection() {
    let mut connection = Connection::new(5);
    let xid = connection.start(request(None));
    drain(&mut connection, 1000);
    let fragment = [words(&[1 << 20]), reply(xid, &[0; (1 << 20) - 24])].concat();
    let error = (0..100).find_map(|_| feed(&mut connection, &fragment, &[1 << 20]).err()).expect("an end");
    assert_eq!(errno(&mut connection, xid), libc::EIO);
    connection.fail(&error);
    let late = connection.start(request(None));
    assert_eq!(errno(&mut connection, late), libc::EIO);
    assert!(!connection.has_outgoing());
}

#[test]
fn a_record_too_short_for_a_reply_is_an_error() {
    for length in 0..24 {
        let mut connection = Connection::new(5);
        let xid = connection.start(request(None));
        let outcome = feed(&mut connection, &record(&reply(xid, &[])[..length], &[]), &[1000]);
        assert!(if length < 4 { outcome.is_err() } else { errno(&mut connection, xid) == libc::EIO });
    }
}

#[test]
fn deadlines_pass_in_their_order() {
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let mut connection = Connection::new(1);
    let xids: Vec<u32> = [Some(at(30)), Some(at(10)), None, Some(at(20))]
        .map(|deadline| connection.start(request(deadline)))
        .into();
    drain(&mut connection, 1000);
    assert_eq!(connection.deadline(), Some(at(10)));
    connection.expire(at(9));
    assert!(result(&mut connection, xids[1]).is_none());
    connection.expire(at(20));
    assert_eq!(errno(&mut connection, xids[1]), libc::ETIMEDOUT);
    assert_eq!(errno(&mut connection, xids[3]), libc::ETIMEDOUT);
    assert_eq!(connection.deadline(), Some(at(30)));
    feed(&mut connection, &record(&reply(xids[0], b""), &[]), &[1000]).unwrap();
    assert_eq!(connection.deadline(), None);
    feed(&mut connection, &record(&reply(xids[1], b"late"), &[]), &[1000]).unwrap();
    assert_eq!(connection.in_flight(), 1);
}

#[test]
fn a_silent_server_is_asked_again_before_the_deadline() {
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let mut connection = Connection::new(1);
    connection.supervise();
    connection.set_retry(Some(Retry { after: Duration::from_secs(10), times: 2 }));
    let lost = Error::new(libc::ETIMEDOUT, "silent");
    let first = connection.start(request(Some(at(30))));
    let second = connection.start(request(Some(at(31))));
    drain(&mut connection, 1000);
    assert_eq!(connection.deadline(), Some(at(10)));
    assert!(connection.expire(at(10)), "nothing was heard");
    assert!(connection.lost(&lost) && !connection.expire(at(11)), "once is enough");
    connection.resumed();
    assert_eq!(drain(&mut connection, 1000).len(), 88);
    feed(&mut connection, &record(&reply(second, b""), &[]), &[1000]).unwrap();
    assert!(!connection.expire(at(20)), "the server is there, and busy with the first call");
    assert!(!connection.expire(at(29)) && !connection.expire(at(30)));
    assert_eq!(errno(&mut connection, first), libc::ETIMEDOUT);
    assert!(result(&mut connection, second).unwrap().unwrap().retransmitted);
    assert_eq!(connection.deadline(), None);
}

#[test]
fn a_call_given_up_half_sent_leaves_the_stream_whole() {
    let mut connection = Connection::new(1);
    let data: Vec<u8> = (0..101).collect();
    let source = || Some(Source::copied(&data).unwrap());
    let first = connection.start(Request { source: source(), ..request(None) });
    let second = connection.start(Request { source: source(), ..request(None) });
    let third = connection.start(request(None));
    connection.sent(50);
    connection.cancel(first);
    connection.cancel(second);
    let rest = drain(&mut connection, 33);
    // The first record is completed, the second never begins, the third follows.
    assert_eq!(rest.len(), (44 + 104 - 50) + 44);
    assert_eq!(rest[..95], data[6..]);
    assert_eq!(rest[rest.len() - 40..][..4], third.to_be_bytes());
}

#[test]
fn data_longer_than_asked_for_is_refused() {
    for (usual, room) in [(0, 10), (USUAL, 10)] {
        let (mut connection, block) = (Connection::new(1), Block::new(room).unwrap());
        let xid = connection.start(read_request(&block, usual));
        drain(&mut connection, 1000);
        feed(&mut connection, &record(&data_reply(xid, &[7; 11]), &[]), &[1000]).unwrap();
        assert_eq!(errno(&mut connection, xid), libc::EIO);
        let next = connection.start(request(None));
        feed(&mut connection, &record(&reply(next, b"next"), &[]), &[1000]).unwrap();
        assert_eq!(result(&mut connection, next).unwrap().unwrap().body(), b"next");
    }
}

#[test]
fn data_cut_short_is_an_error() {
    let (mut connection, block) = (Connection::new(1), Block::new(10).unwrap());
    let xid = connection.start(read_request(&block, USUAL));
    drain(&mut connection, 1000);
    let payload = data_reply(xid, &[7; 10]);
    feed(&mut connection, &record(&payload[..payload.len() - 5], &[]), &[1000]).unwrap();
    assert_eq!(errno(&mut connection, xid), libc::EIO);
}

#[test]
fn a_cancelled_read_is_not_written_any_more() {
    let (mut connection, block) = (Connection::new(1), Block::new(100).unwrap());
    let xid = connection.start(read_request(&block, USUAL));
    drain(&mut connection, 1000);
    let stream = record(&data_reply(xid, &[7; 100]), &[]);
    feed(&mut connection, &stream[..60], &[1000]).unwrap();
    connection.cancel(xid);
    feed(&mut connection, &stream[60..], &[1000]).unwrap();
    assert_eq!(contents(&block).iter().filter(|byte| **byte == 7).count(), 60 - 36);
    let next = connection.start(request(None));
    feed(&mut connection, &record(&reply(next, b"next"), &[]), &[1000]).unwrap();
    assert_eq!(result(&mut connection, next).unwrap().unwrap().body(), b"next");
}

#[test]
fn a_refused_read_brings_its_status() {
    let (mut connection, block) = (Connection::new(1), Block::new(100).unwrap());
    let xid = connection.start(read_request(&block, USUAL));
    drain(&mut connection, 1000);
    feed(&mut connection, &record(&reply(xid, &words(&[70, 0])), &[]), &[1000]).unwrap();
    let reply = result(&mut connection, xid).unwrap().unwrap();
    assert_eq!((reply.body(), reply.head.received), (&words(&[70, 0])[..], None));
}

#[test]
fn what_has_no_answer_survives_a_lost_connection() {
    let mut connection = Connection::new(1);
    connection.supervise();
    let error = Error::new(libc::ECONNRESET, "gone");
    let block = Block::new(40_000).unwrap();
    let read = connection.start(read_request(&block, USUAL));
    let answered = connection.start(request(None));
    let given_up = connection.start(request(None));
    drain(&mut connection, 1000);
    let data: Vec<u8> = (0..40_000u32).map(|index| (index / 9) as u8).collect();
    let whole = record(&data_reply(read, &data), &[]);
    feed(&mut connection, &record(&reply(answered, b"done"), &[]), &[1000]).unwrap();
    feed(&mut connection, &whole[..20_000], &[3000]).unwrap();
    let unsent = connection.start(request(None));
    connection.sent(10);
    connection.cancel(given_up);
    assert!(connection.lost(&error));
    assert!(!connection.has_outgoing() && connection.in_flight() == 2);
    assert!(matches!(connection.poll_lost(Waker::noop(), false), Poll::Ready(Some(_))));
    connection.resumed();
    let sent = drain(&mut connection, 1000);
    assert_eq!(sent.len(), 88);
    assert_eq!((&sent[4..8], &sent[48..52]), (&read.to_be_bytes()[..], &unsent.to_be_bytes()[..]));
    feed(&mut connection, &whole, &[5000]).unwrap();
    feed(&mut connection, &record(&reply(unsent, b""), &[]), &[1000]).unwrap();
    let reply = result(&mut connection, read).unwrap().unwrap();
    assert!(reply.retransmitted && reply.head.received == Some(40_000));
    drop(reply);
    assert!(contents(&block) == data);
    assert!(!result(&mut connection, unsent).unwrap().unwrap().retransmitted);
    assert_eq!(result(&mut connection, answered).unwrap().unwrap().body(), b"done");
    assert!(connection.poll_lost(Waker::noop(), false).is_pending());
    connection.fail(&error);
    assert!(matches!(connection.poll_lost(Waker::noop(), false), Poll::Ready(None)));
}

#[test]
fn nothing_and_the_end_are_told_apart() {
    let mut connection = Connection::new(1);
    let nothing = connection.incoming(&mut |_| Err(io::ErrorKind::WouldBlock.into()));
    assert!(matches!(nothing, Ok(Received::Nothing)));
    assert!(matches!(connection.incoming(&mut |_| Ok(0)), Ok(Received::Closed)));
    assert!(connection.incoming(&mut |_| Err(io::ErrorKind::ConnectionReset.into())).is_err());
}

/// Small and large, at both sides of where data is copied.
fn sizes() -> impl Strategy<Value = usize> {
    prop_oneof![0usize..3000, 16_000usize..40_000]
}

proptest! {
    /// Reads and other calls, answered in any order, in any fragments, received in any chunks, with right and
    /// wrong guesses of the header's length: each gets its own bytes and nothing else is touched.
    #[test]
    fn any_order_any_fragments_any_chunks(
        calls in prop::collection::vec((sizes(), any::<bool>(), prop::sample::select(vec![0, USUAL, 12])), 1..8),
        order in any::<prop::sample::Index>(),
        fragments in prop::collection::vec(0usize..500, 0..3),
        chunks in prop::collection::vec(1usize..9000, 1..6),
    ) {
        let mut connection = Connection::new(1);
        let mut expected = Vec::new();
        for (number, (length, is_read, usual)) in calls.iter().enumerate() {
            let data: Vec<u8> = (0..*length).map(|index| (index + number * 31) as u8 | 1).collect();
            let block = Block::new(length + 20_000).unwrap();
            let xid = match is_read {
                true => connection.start(read_request(&block, *usual)),
                false => connection.start(Request { limit: 100_000, ..request(None) }),
            };
            expected.push((xid, data, block, *is_read));
        }
        drain(&mut connection, 10_000);
        let turn = order.index(expected.len());
        expected.rotate_left(turn);
        let mut stream = Vec::new();
        for (xid, data, _, _) in &expected {
            stream.extend(record(&data_reply(*xid, data), &fragments));
        }
        feed(&mut connection, &stream, &chunks).unwrap();
        for (xid, data, block, is_read) in expected {
            let reply = result(&mut connection, xid).expect("answered").map_err(|error: Error| error.to_string());
            let reply = reply.unwrap();
            if is_read {
                prop_assert_eq!(reply.head.received, Some(data.len()));
                drop(reply);
                let bytes = contents(&block);
                prop_assert_eq!(&bytes[..data.len()], &data[..]);
                prop_assert!(bytes[data.len()..].iter().all(|byte| *byte == 0), "nothing but data");
            } else {
                prop_assert_eq!(&reply.body()[8..8 + data.len()], &data[..]);
            }
        }
    }

    /// A server that sends anything at all gets errors, not panics.
    #[test]
    fn garbage_is_survived(
        stream in prop::collection::vec(prop::sample::select(vec![0u8, 0, 0, 0, 0x80, 1, 2, 40, 255]), 0..600),
        chunks in prop::collection::vec(1usize..200, 1..4),
    ) {
        let mut connection = Connection::new(1);
        let block = Block::new(64).unwrap();
        let read = connection.start(read_request(&block, USUAL));
        let other = connection.start(request(None));
        drain(&mut connection, 1000);
        if let Err(error) = feed(&mut connection, &stream, &chunks) {
            connection.fail(&error);
            prop_assert!(result(&mut connection, read).is_some());
            prop_assert!(result(&mut connection, other).is_some());
        }
    }
}

/// The future of a call must be able to travel with its operation.
#[allow(dead_code)]
fn pending_is_send(pending: super::Pending) -> impl Future + Send {
    pending
}
