//! READ, WRITE and COMMIT, and the limits that FSINFO sets them (RFC 1813).

use std::io;

use super::{Expect, Fails, Lie, Succeeds, Survives, body, reply};
use crate::server::{COMMIT, Call, FSINFO, READ, WRITE, contents, read_reply};
use crate::xdr::Xdr;

pub fn lies() -> Vec<Lie> {
    let mut lies = reads();
    lies.extend(writes());
    lies.extend(limits());
    lies
}

/// What a READ is answered with: from where and how much was asked, the count, the end of file, and how much data comes.
fn read(name: &str, action: &'static str, expect: Expect, answer: fn(u64, u32) -> (u32, bool, u32)) -> Lie {
    reply(name, action, expect, READ, move |call| {
        let (offset, asked) = call.range();
        let (count, eof, length) = answer(offset, asked);
        let reply = read_reply(count, eof, &contents(offset, length)).done();
        call.answer(&reply)
    })
}

fn reads() -> Vec<Lie> {
    let mut lies = vec![
        read("one byte more than asked", "read", Fails, |_, asked| (asked + 1, false, asked + 1)),
        read("one byte more, not counted", "read", Fails, |_, asked| (asked, false, asked + 1)),
        read("64 KiB more than asked", "read", Fails, |_, asked| (asked + 65536, false, asked + 65536)),
        read("32 MiB more than asked", "read", Fails, |_, _| (32 << 20, false, 32 << 20)),
        read("a count above the data", "read", Fails, |_, asked| (asked, false, asked / 2)),
        read("a count below the data", "read", Survives, |_, asked| (asked / 2, false, asked)),
        read("a count of 2^32 - 1", "read", Fails, |_, asked| (u32::MAX, false, asked)),
        read("a count and no data", "read", Fails, |_, asked| (asked, true, 0)),
        read("data and no count", "read", Fails, |_, asked| (0, true, asked)),
        read("nothing, and not the end", "read", Survives, |_, _| (0, false, 0)),
        read("nothing, and not the end, of much", "read16", Survives, |_, _| (0, false, 0)),
        read("everything, and the end", "read", Succeeds, |_, asked| (asked, true, asked)),
        read("a part, and the end", "read", Succeeds, |_, asked| (asked / 2, true, asked / 2)),
        read("a part, and not the end", "read", Succeeds, |_, asked| {
            (asked.div_ceil(2), false, asked.div_ceil(2))
        }),
        read("a part each, and not the end, of much", "read16", Survives, |_, asked| {
            (asked.div_ceil(3), false, asked.div_ceil(3))
        }),
        read("one byte each time", "read", Survives, |_, _| (1, false, 1)),
        read("one byte each time, of much", "read16", Survives, |_, _| (1, false, 1)),
        reply("one byte each time, just in time", "read", Fails, READ, |call| {
            std::thread::sleep(std::time::Duration::from_millis(300));
            let reply = read_reply(1, false, &contents(call.range().0, 1)).done();
            call.answer(&reply)
        }),
        read("cached: one byte more than asked", "read-cached", Fails, |_, asked| {
            (asked + 1, false, asked + 1)
        }),
        read("cached: nothing, and not the end", "read-cached", Survives, |_, _| (0, false, 0)),
        reply("half of the data, then a reset", "read16", Fails, READ, |call| {
            let reply = call.success(&call.honest());
            call.raw(&crate::server::record(&reply)[..reply.len() / 2])?;
            reset(call)
        }),
    ];
    for length in [1 << 31, u32::MAX - 3, u32::MAX, 1 << 24] {
        let reply = Xdr::new().words(&[0, 0, length, 0, length, 1, 2, 3]).done();
        lies.push(body(format!("data of {length} bytes that do not come"), "read", Fails, READ, reply));
    }
    lies
}

/// Closes with a reset.
fn reset(call: &Call<'_>) -> io::Result<()> {
    super::connections::reset_on_close(call.stream)?;
    Err(io::ErrorKind::ConnectionReset.into())
}

/// What a WRITE is answered with: count, committed, verifier.
fn write(name: &str, action: &'static str, expect: Expect, answer: fn(&Call<'_>, u32) -> [u32; 4]) -> Lie {
    reply(name, action, expect, WRITE, move |call| {
        let words = answer(call, call.range().1);
        let reply = Xdr::new().words(&[0, 0, 0]).words(&words).done();
        call.answer(&reply)
    })
}

fn writes() -> Vec<Lie> {
    vec![
        write("one byte more than sent", "write", Fails, |_, sent| [sent + 1, 0, 7, 7]),
        write("2^32 - 1 bytes taken", "write", Fails, |_, _| [u32::MAX, 0, 7, 7]),
        write("nothing taken", "write", Fails, |_, _| [0, 0, 7, 7]),
        write("half taken each time", "write", Succeeds, |_, sent| [sent.div_ceil(2), 0, 7, 7]),
        write("one byte taken each time", "write", Survives, |_, _| [1, 0, 7, 7]),
        write("one byte taken each time, of much", "write16", Survives, |_, _| [1, 0, 7, 7]),
        write("committed 3", "write", Survives, |_, sent| [sent, 3, 7, 7]),
        write("committed 2^32 - 1", "write", Survives, |_, sent| [sent, u32::MAX, 7, 7]),
        write("not stable as asked", "write-sync", Fails, |_, sent| [sent, 0, 7, 7]),
        write("another verifier each time", "write", Fails, |call, sent| [sent, 0, 9, call.before]),
        write("another verifier each time, of much", "write16", Fails, |call, sent| {
            [sent, 0, 9, call.before]
        }),
        // What is lost again is at last written in a way that needs no COMMIT.
        reply("another verifier of each COMMIT", "write", Succeeds, COMMIT, |call| {
            let reply = Xdr::new().words(&[0, 0, 0, 9, call.before]).done();
            call.answer(&reply)
        }),
        body("a verifier cut short", "write", Fails, COMMIT, Xdr::new().words(&[0, 0, 0, 9]).done()),
    ]
}

/// FSINFO: rtmax, rtpref, rtmult, wtmax, wtpref, wtmult, dtpref, maxfilesize, time_delta, properties.
fn limits() -> Vec<Lie> {
    let fsinfo = |words: [u32; 12]| Xdr::new().words(&[0, 0]).words(&words).done();
    let mut lies = Vec::new();
    for (name, expect, words) in [
        ("limits of 0", Succeeds, [0; 12]),
        ("limits of 1", Succeeds, [1; 12]),
        ("limits of 2^31", Succeeds, [1 << 31; 12]),
        ("limits of 2^32 - 1", Succeeds, [u32::MAX; 12]),
        ("preferences above the limits", Succeeds, [4096, 65536, 3, 4096, 65536, 5, u32::MAX, 0, 0, 0, 0, 0]),
    ] {
        for action in ["read", "write", "list"] {
            lies.push(body(format!("{action}: {name}"), action, expect, FSINFO, fsinfo(words)));
        }
        // In pieces of 512 bytes, 16 MiB take their time, and may.
        if words != [1; 12] {
            lies.push(body(format!("much: {name}"), "read16", Survives, FSINFO, fsinfo(words)));
            lies.push(body(format!("much written: {name}"), "write16", Survives, FSINFO, fsinfo(words)));
        }
    }
    lies.push(body("no limits at all", "mount", Fails, FSINFO, Xdr::new().words(&[10004, 0]).done()));
    lies
}
