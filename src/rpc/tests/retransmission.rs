//! Calls that are sent again, and what is said of them.

use super::*;

fn at(start: Instant, seconds: u64) -> Instant {
    start + Duration::from_secs(seconds)
}

/// A supervised connection with one call, which is sent.
fn waiting(class: CallClass, now: Instant) -> (Connection, u32) {
    let mut connection = Connection::new(1);
    connection.supervise();
    connection.wake(now);
    let xid = connection.start(Request { class, ..request(None) });
    assert_eq!(drain(&mut connection, 1000).len(), 44);
    (connection, xid)
}

/// Lets time pass as a reactor does; the second at which something is to be sent, or the connection to be given up.
fn pass(connection: &mut Connection, start: Instant, seconds: std::ops::RangeInclusive<u64>) -> Option<u64> {
    seconds.into_iter().find(|second| {
        let now = at(start, *second);
        let due = connection.deadline().into_iter().chain(connection.next_tick()).any(|due| due <= now);
        due && connection.expire(now) || connection.has_outgoing()
    })
}

fn answer(connection: &mut Connection, xid: u32) {
    feed(connection, &record(&reply(xid, b"done"), &[]), &[1000]).unwrap();
}

#[test]
fn an_unanswered_call_is_retransmitted_after_a_minute_and_the_first_reply_is_taken() {
    let start = Instant::now();
    let (mut connection, xid) = waiting(CallClass::Cached, start);
    assert_eq!(pass(&mut connection, start, 1..=100), Some(62));
    let again = drain(&mut connection, 1000);
    assert_eq!((again.len(), &again[4..8]), (44, &xid.to_be_bytes()[..]));
    answer(&mut connection, xid); // late, to the first sending
    assert!(result(&mut connection, xid).unwrap().unwrap().retransmitted);
    answer(&mut connection, xid);
    let next = connection.start(request(None));
    drain(&mut connection, 1000);
    answer(&mut connection, next);
    assert!(!result(&mut connection, next).unwrap().unwrap().retransmitted);
    assert_eq!((connection.deadline(), connection.in_flight()), (None, 0));
}

#[test]
fn a_reply_before_the_repetition_is_sent_takes_it_back() {
    let start = Instant::now();
    let (mut connection, xid) = waiting(CallClass::Cached, start);
    assert_eq!(pass(&mut connection, start, 1..=100), Some(62));
    answer(&mut connection, xid);
    assert!(!connection.has_outgoing());
}

#[test]
fn a_repetition_half_sent_is_completed() {
    let start = Instant::now();
    let (mut connection, xid) = waiting(CallClass::Idempotent, start);
    pass(&mut connection, start, 1..=100);
    connection.sent(10);
    answer(&mut connection, xid);
    assert!(!result(&mut connection, xid).unwrap().unwrap().retransmitted, "it may be done twice");
    assert_eq!(drain(&mut connection, 1000).len(), 34);
}

#[test]
fn a_connection_on_which_other_replies_come_is_kept() {
    let start = Instant::now();
    let (mut connection, stuck) = waiting(CallClass::Cached, start);
    for minute in 0..10 {
        for second in 1..62 {
            assert_eq!(pass(&mut connection, start, 62 * minute + second..=62 * minute + second), None);
            let xid = connection.start(request(None));
            assert_eq!(drain(&mut connection, 1000).len(), 44);
            answer(&mut connection, xid);
            assert!(result(&mut connection, xid).unwrap().is_ok());
        }
        let second = 62 * (minute + 1);
        assert!(!connection.expire(at(start, second)));
        assert_eq!(drain(&mut connection, 1000)[4..8], stuck.to_be_bytes());
    }
}

#[test]
fn a_connection_that_stays_silent_after_a_repetition_is_given_up() {
    let start = Instant::now();
    let (mut connection, xid) = waiting(CallClass::Cached, start);
    assert_eq!(pass(&mut connection, start, 1..=100), Some(62));
    drain(&mut connection, 1000);
    assert_eq!(pass(&mut connection, start, 63..=200), Some(124));
    assert!(connection.lost(&Error::new(libc::ETIMEDOUT, "silent")));
    connection.resumed();
    assert_eq!(drain(&mut connection, 1000)[4..8], xid.to_be_bytes());
    // The next one has its own minute, on the connection there is.
    assert_eq!(pass(&mut connection, start, 125..=300), Some(186));
    assert!(connection.has_outgoing());
}

#[test]
fn time_in_which_nobody_drives_the_connection_does_not_count() {
    let start = Instant::now();
    let (mut connection, _) = waiting(CallClass::Cached, start);
    assert!(!connection.expire(at(start, 3600)) && !connection.has_outgoing());
    assert_eq!(pass(&mut connection, start, 3601..=4000), Some(3600 + 60));
}

#[test]
fn calls_that_begin_one_after_the_other_have_a_minute_each() {
    let start = Instant::now();
    let (mut connection, first) = waiting(CallClass::Cached, start);
    assert_eq!(pass(&mut connection, start, 1..=29), None);
    let second = connection.start(request(None));
    drain(&mut connection, 1000);
    assert_eq!(pass(&mut connection, start, 30..=100), Some(62));
    assert_eq!(drain(&mut connection, 1000)[4..8], first.to_be_bytes());
    answer(&mut connection, first);
    let again = pass(&mut connection, start, 61..=100).expect("the second one, too");
    assert!((89..=94).contains(&again), "{again}");
    assert_eq!(drain(&mut connection, 1000)[4..8], second.to_be_bytes());
}

#[test]
fn only_what_may_not_be_done_twice_is_said_to_be_retransmitted() {
    for (class, doubtful) in
        [(CallClass::Idempotent, false), (CallClass::Cached, true), (CallClass::Verified, true)]
    {
        let (mut connection, xid) = waiting(class, Instant::now());
        connection.lost(&Error::new(libc::ECONNRESET, "gone"));
        connection.resumed();
        drain(&mut connection, 1000);
        answer(&mut connection, xid);
        assert_eq!(result(&mut connection, xid).unwrap().unwrap().retransmitted, doubtful, "{doubtful}");
    }
}

#[test]
fn an_unsupervised_connection_repeats_nothing() {
    let start = Instant::now();
    let mut connection = Connection::new(1);
    connection.wake(start);
    connection.start(request(None));
    drain(&mut connection, 1000);
    assert_eq!(pass(&mut connection, start, 1..=1000), None);
}

#[test]
fn only_an_idle_connection_is_looked_at_and_once() {
    let start = Instant::now();
    let later = |milliseconds| start + Duration::from_millis(milliseconds);
    let (mut connection, xid) = waiting(CallClass::Cached, start);
    assert!(!connection.look_first(), "a new connection");
    answer(&mut connection, xid);
    connection.wake(later(99));
    assert!(!connection.look_first(), "a busy sequence");
    connection.wake(later(199));
    assert!(connection.look_first() && !connection.look_first());
    connection.wake(later(400));
    assert!(connection.lost(&Error::new(libc::ECONNRESET, "gone")));
    connection.resumed();
    assert!(!connection.look_first(), "another connection");
}

#[test]
fn one_reply_that_never_comes_does_not_make_the_order_of_sending_grow() {
    let mut connection = Connection::new(1);
    connection.supervise();
    let never = connection.start(request(None));
    drain(&mut connection, 1000);
    for _ in 0..10_000 {
        let xid = connection.start(request(None));
        drain(&mut connection, 1000);
        answer(&mut connection, xid);
        assert!(result(&mut connection, xid).is_some());
    }
    assert!(connection.sent_length() <= 2 * 64, "{} xids", connection.sent_length());
    assert!(connection.lost(&Error::new(libc::ECONNRESET, "gone")));
    connection.resumed();
    let again = drain(&mut connection, 1000);
    assert_eq!((again.len(), &again[4..8]), (44, &never.to_be_bytes()[..]));
}
