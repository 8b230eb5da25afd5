//! Records, headers and refusals (RFC 5531), told in the reply to a LOOKUP.

use std::io;
use std::thread::sleep;
use std::time::Duration;

use super::{Fails, Lie, Succeeds, Survives, reply};
use crate::server::{Call, LOOKUP, READ, record};
use crate::xdr::Xdr;

const LAST: u32 = 1 << 31;
const REPLY: u32 = 1;

fn words(words: &[u32]) -> Vec<u8> {
    Xdr::new().words(words).done()
}

pub fn lies() -> Vec<Lie> {
    let mut lies = headers();
    lies.extend(refusals());
    lies.extend(records());
    lies.extend(cut_and_long());
    lies.extend(order());
    lies
}

/// A header, after the xid.
fn header(name: String, expect: super::Expect, words_behind_xid: &[u32]) -> Lie {
    let header = words(words_behind_xid);
    reply(name, "stat", expect, LOOKUP, move |call| call.header(&header))
}

fn with_verifier(name: &str, expect: super::Expect, flavor: u32, verifier: Vec<u8>) -> Lie {
    reply(name, "stat", expect, LOOKUP, move |call| {
        let start = Xdr::new().words(&[REPLY, 0, flavor]).opaque(&verifier).words(&[0]);
        let body = call.honest();
        call.header(&start.raw(&body).done())
    })
}

fn headers() -> Vec<Lie> {
    let xid = |name: &str, change: fn(u32) -> u32| {
        reply(name, "stat", Fails, LOOKUP, move |call| {
            call.xid = change(call.xid);
            let body = call.honest();
            call.answer(&body)
        })
    };
    let mut lies = vec![
        xid("the next xid", |xid| xid.wrapping_add(1)),
        xid("the xid before", |xid| xid.wrapping_sub(1)),
        xid("xid 0", |_| 0),
        xid("xid inverted", |xid| !xid),
        with_verifier("a verifier of 400 bytes of an unknown flavor", Succeeds, 0xdead, vec![7; 400]),
        with_verifier("a verifier of 401 bytes", Survives, 1, vec![7; 401]),
        with_verifier("a verifier of 64 KiB", Survives, 6, vec![7; 64 << 10]),
        header("nothing behind the xid".into(), Fails, &[]),
    ];
    for kind in [0, 2, u32::MAX] {
        lies.push(header(format!("message type {kind}"), Fails, &[kind, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
    }
    for length in [1 << 31, u32::MAX, u32::MAX - 3, 1000] {
        lies.push(header(
            format!("a verifier of {length} bytes that do not come"),
            Fails,
            &[REPLY, 0, 0, length, 0],
        ));
    }
    lies
}

fn refusals() -> Vec<Lie> {
    let mut lies = Vec::new();
    for stat in [2, 77, u32::MAX] {
        lies.push(header(format!("reply_stat {stat}"), Fails, &[REPLY, stat, 0, 0, 0, 0]));
        lies.push(header(format!("reject_stat {stat}"), Fails, &[REPLY, 1, stat, 0, 0]));
    }
    lies.push(header("RPC versions 3 to 2".into(), Fails, &[REPLY, 1, 0, 3, 2]));
    lies.push(header("a rejection cut short".into(), Fails, &[REPLY, 1]));
    for stat in (0..15).chain([u32::MAX]) {
        lies.push(header(format!("auth_stat {stat}"), Fails, &[REPLY, 1, 1, stat]));
    }
    for stat in (1..7).chain([u32::MAX]) {
        lies.push(header(format!("accept_stat {stat}"), Fails, &[REPLY, 0, 0, 0, stat]));
        lies.push(header(
            format!("accept_stat {stat} and more"),
            Fails,
            &[REPLY, 0, 0, 0, stat, 9, 1, 0, 0, 0],
        ));
    }
    lies
}

/// Sends until the client has had enough.
fn for_ever(call: &mut Call<'_>, bytes: &[u8]) -> io::Result<()> {
    loop {
        call.raw(bytes)?;
    }
}

/// An honest reply, one fragment for each piece of `size` bytes.
fn fragmented(call: &mut Call<'_>, size: usize) -> io::Result<()> {
    let payload = call.success(&call.honest());
    let pieces = payload.len().div_ceil(size);
    let mut bytes = Vec::with_capacity(payload.len() + 4 * pieces);
    for (index, piece) in payload.chunks(size).enumerate() {
        let last = if index + 1 == pieces { LAST } else { 0 };
        bytes.extend_from_slice(&(piece.len() as u32 | last).to_be_bytes());
        bytes.extend_from_slice(piece);
    }
    call.raw(&bytes)
}

/// An honest reply in pieces of one byte, with a pause behind each.
fn drip(call: &mut Call<'_>, pause: Duration) -> io::Result<()> {
    for byte in record(&call.success(&call.honest())) {
        call.raw(&[byte])?;
        sleep(pause);
    }
    Ok(())
}

fn records() -> Vec<Lie> {
    let stat = |name: &str, expect, tell: fn(&mut Call<'_>) -> io::Result<()>| {
        reply(name, "stat", expect, LOOKUP, tell)
    };
    let mut lies = vec![
        stat("fragments of one byte", Succeeds, |call| fragmented(call, 1)),
        stat("fragments of seven bytes", Succeeds, |call| fragmented(call, 7)),
        reply("data in fragments of one byte", "read", Succeeds, READ, |call| fragmented(call, 1)),
        reply("data in fragments of 1000 bytes", "read16", Succeeds, READ, |call| fragmented(call, 1000)),
        stat("segments of one byte", Succeeds, |call| drip(call, Duration::ZERO)),
        stat("one byte a second", Fails, |call| drip(call, Duration::from_secs(1))),
        reply("data one byte a second", "read", Fails, READ, |call| drip(call, Duration::from_secs(1))),
        stat("empty fragments, then a reply", Succeeds, |call| {
            call.raw(&[0; 4000])?;
            fragmented(call, 5)
        }),
        stat("empty fragments without end", Fails, |call| for_ever(call, &[0; 64 << 10])),
        stat("an empty record", Fails, |call| call.raw(&words(&[LAST]))),
        stat("empty records without end", Fails, |call| for_ever(call, &words(&[LAST; 1000]))),
        stat("ones without end", Fails, |call| for_ever(call, &[0xff; 64 << 10])),
        stat("a record without end", Fails, |call| {
            let start = Xdr::new()
                .words(&[1 << 20, call.xid, REPLY, 0, 0, 0, 0])
                .raw(&vec![0; (1 << 20) - 24])
                .done();
            call.raw(&start)?;
            for_ever(call, &[&words(&[1 << 20])[..], &vec![0; 1 << 20]].concat())
        }),
        stat("a stranger's record without end", Fails, |call| {
            for_ever(call, &[&words(&[1 << 20, !call.xid])[..], &vec![0; (1 << 20) - 4]].concat())
        }),
        reply("data and then a record without end", "read", Fails, READ, |call| {
            let payload = call.success(&call.honest());
            call.raw(&[&words(&[payload.len() as u32])[..], &payload].concat())?;
            for_ever(call, &[&words(&[1 << 20])[..], &vec![0; 1 << 20]].concat())
        }),
    ];
    for length in [0x7fff_ffff, 1 << 30, 1 << 20] {
        lies.push(reply(
            format!("a fragment of {length} bytes, and silence"),
            "stat",
            Fails,
            LOOKUP,
            move |call| {
                let start = words(&[length | LAST, call.xid, REPLY, 0, 0, 0, 0, 0]);
                call.raw(&start)
            },
        ));
        lies.push(reply(format!("{length} bytes of data, and silence"), "read", Fails, READ, move |call| {
            let start =
                words(&[length | LAST, call.xid, REPLY, 0, 0, 0, 0, 0, 0, length, 0, length, 1, 2, 3]);
            call.raw(&start)
        }));
    }
    for length in 1..4 {
        lies.push(reply(format!("a record of {length} bytes"), "stat", Fails, LOOKUP, move |call| {
            call.raw(&record(&[7; 3][..length]))
        }));
    }
    lies
}

fn cut_and_long() -> Vec<Lie> {
    let mut lies = Vec::new();
    for (procedure, action) in [(LOOKUP, "stat"), (READ, "read")] {
        for keep in [1, 4, 8, 12, 23, 24, 27, 28, 30, 32, 36, 40, 90] {
            lies.push(reply(
                format!("{action}: cut to {keep} bytes"),
                action,
                Fails,
                procedure,
                move |call| {
                    let payload = call.success(&call.honest());
                    call.raw(&record(&payload[..keep]))
                },
            ));
            lies.push(reply(
                format!("{action}: closed after {keep} bytes"),
                action,
                Fails,
                procedure,
                move |call| {
                    let bytes = record(&call.success(&call.honest()));
                    call.raw(&bytes[..keep])?;
                    Err(io::ErrorKind::ConnectionAborted.into())
                },
            ));
        }
        for (more, expect) in [(1, Survives), (4, Survives), (1 << 20, Survives), (30 << 20, Survives)] {
            lies.push(reply(
                format!("{action}: {more} bytes more"),
                action,
                expect,
                procedure,
                move |call| {
                    let body = [call.honest(), vec![0xee; more]].concat();
                    call.answer(&body)
                },
            ));
        }
    }
    lies
}

fn order() -> Vec<Lie> {
    let repeated = |times: usize| {
        move |call: &mut Call<'_>| {
            let bytes = record(&call.success(&call.honest())).repeat(times);
            call.raw(&bytes)
        }
    };
    vec![
        reply("every reply three times", "stat", Succeeds, LOOKUP, repeated(3)),
        reply("every reply ten thousand times", "stat", Succeeds, LOOKUP, repeated(10_000)),
        reply("data three times", "read16", Succeeds, READ, repeated(3)),
        reply("a reply to every xid around", "stat", Survives, LOOKUP, |call| {
            let body = call.honest();
            for xid in call.xid.wrapping_sub(50)..call.xid.wrapping_add(50) {
                let payload = Xdr::new().words(&[xid, REPLY, 0, 0, 0, 0]).raw(&body).done();
                call.raw(&record(&payload))?;
            }
            Ok(())
        }),
        reply("data in the reverse order", "read16", Succeeds, READ, |call| {
            let payload = call.success(&call.honest());
            call.held.push(record(&payload));
            if call.held.len() < 16 {
                return Ok(());
            }
            while let Some(last) = call.held.pop() {
                call.raw(&last)?;
            }
            Ok(())
        }),
        reply("fragments of two replies by turns", "read16", Fails, READ, |call| {
            let payload = call.success(&call.honest());
            call.held.push(payload);
            if call.held.len() < 2 {
                return Ok(());
            }
            let held = std::mem::take(call.held);
            for chunk in 0..100 {
                for payload in &held {
                    let piece = &payload[chunk * 1000..][..1000];
                    call.raw(&[&words(&[1000])[..], piece].concat())?;
                }
            }
            Ok(())
        }),
    ]
}
