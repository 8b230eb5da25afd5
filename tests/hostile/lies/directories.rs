//! READDIRPLUS and READDIR (RFC 1813, sections 3.3.16 and 3.3.17).

use super::{Expect, Fails, Lie, Succeeds, Survives, body, reply};
use crate::server::{LOOKUP, READDIRPLUS, entry, listing, opaque};
use crate::xdr::Xdr;

pub fn lies() -> Vec<Lie> {
    let mut lies = names();
    lies.extend(pages());
    lies.extend(lengths());
    lies
}

fn name(what: &str, expect: Expect, name: &[u8]) -> Lie {
    body(
        what,
        "list",
        expect,
        READDIRPLUS,
        listing(&[entry(b"a", 1), entry(name, 2), entry(b"b", 3)], true).done(),
    )
}

fn names() -> Vec<Lie> {
    vec![
        name("an empty name", Fails, b""),
        name("a slash", Fails, b"/"),
        name("a name with a slash in it", Fails, b"../../etc/passwd"),
        name("a name with a NUL in it", Fails, b"one\0two"),
        name("a name of NULs", Fails, &[0; 8]),
        name("a second dot", Survives, b"."),
        name("dots", Survives, b".."),
        name("the same name again", Survives, b"a"),
        name("a name of 255 bytes", Succeeds, &[b'x'; 255]),
        name("a name of 4096 bytes", Survives, &[b'x'; 4096]),
        name("a name of 64 KiB", Fails, &[b'x'; 64 << 10]),
        name("a name that is not UTF-8", Succeeds, b"\xff\xfe"),
    ]
}

/// The cookie of a READDIRPLUS call.
fn cookie(arguments: &[u8]) -> u64 {
    opaque(arguments).1.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// Pages that depend on the cookie.
fn page(what: &str, expect: Expect, page: fn(u64) -> Vec<u8>) -> Lie {
    reply(what, "list", expect, READDIRPLUS, move |call| {
        let body = page(cookie(call.arguments));
        call.answer(&body)
    })
}

/// `count` entries behind a cookie, each with a name of `length` bytes.
fn entries(cookie: u64, count: u64, length: usize) -> Vec<Vec<u8>> {
    (cookie..cookie + count)
        .map(|number| entry(format!("{number:0length$}").as_bytes(), number + 1))
        .collect()
}

fn pages() -> Vec<Lie> {
    let status = |status: u32| Xdr::new().words(&[status, 0]).done();
    vec![
        page("a cookie that never moves", Fails, |_| listing(&[entry(b"a", 7)], false).done()),
        page("a cookie of 0", Fails, |_| listing(&[entry(b"a", 0)], false).done()),
        page("cookies by turns", Fails, |cookie| {
            listing(&[entry(b"a", 3 - cookie.clamp(1, 2))], false).done()
        }),
        page("cookies that go back", Fails, |cookie| {
            listing(&[entry(b"a", cookie.wrapping_sub(1) % 5)], false).done()
        }),
        page("an empty page, and not the end", Fails, |_| listing(&[], false).done()),
        page("an empty page, and the end", Succeeds, |_| listing(&[], true).done()),
        page("a listing without end", Fails, |cookie| listing(&entries(cookie, 50, 9), false).done()),
        // No faster than this, or the listing takes what memory it may until the time is over.
        reply("a listing of long names without end", "list", Fails, READDIRPLUS, |call| {
            std::thread::sleep(std::time::Duration::from_millis(5));
            let body = listing(&entries(cookie(call.arguments), 30, 4000), false).done();
            call.answer(&body)
        }),
        page("a listing without end, an entry at a time", Fails, |cookie| {
            listing(&entries(cookie, 1, 5), false).done()
        }),
        reply("a listing without end, just in time", "list", Fails, READDIRPLUS, |call| {
            std::thread::sleep(std::time::Duration::from_millis(300));
            let body = listing(&entries(cookie(call.arguments), 1, 5), false).done();
            call.answer(&body)
        }),
        page("3.5 MiB in one page", Survives, |cookie| listing(&entries(cookie, 28_000, 9), true).done()),
        page("3.5 MiB of small entries in one page", Survives, |cookie| {
            let entries: Vec<_> = (cookie..95_000)
                .map(|number| {
                    Xdr::new().words(&[1, 0, 9]).opaque(b"abc").u64(number + 1).words(&[0, 0]).done()
                })
                .collect();
            listing(&entries, true).done()
        }),
        page("30 MiB in one page", Fails, |cookie| listing(&entries(cookie, 240_000, 9), true).done()),
        reply("another verifier each time", "list", Succeeds, READDIRPLUS, |call| {
            let at = cookie(call.arguments);
            let page = Xdr::new().words(&[0, 0, 5, at as u32]).raw(&entries(at, 1, 3).concat());
            let body = page.words(&[0, (at >= 20).into()]).done();
            call.answer(&body)
        }),
        body("always a bad cookie", "list", Fails, READDIRPLUS, status(10003)),
        body("always too small", "list", Fails, READDIRPLUS, status(10005)),
        body(
            "READDIRPLUS is not supported, and READDIR says nothing",
            "list",
            Fails,
            READDIRPLUS,
            status(10004),
        ),
        reply("a bad cookie for the second page", "list", Fails, READDIRPLUS, move |call| {
            let body = match cookie(call.arguments) {
                0 => listing(&entries(0, 3, 3), false).done(),
                _ => status(10003),
            };
            call.answer(&body)
        }),
        reply("entries without attributes that cannot be looked up", "list", Survives, READDIRPLUS, |call| {
            let bare = |name: &[u8]| Xdr::new().words(&[1, 0, 9]).opaque(name).u64(1).words(&[0, 0]).done();
            let body = listing(&[bare(b"new"), bare(b"new")], true).done();
            call.answer(&body)
        }),
        reply("a file in the place of the directory", "list", Survives, LOOKUP, |call| {
            let found =
                Xdr::new().words(&[0]).opaque(b"file").some(&crate::xdr::attributes(1)).words(&[0]).done();
            call.answer(&found)
        }),
    ]
}

fn lengths() -> Vec<Lie> {
    let mut lies = Vec::new();
    for length in [1 << 16, 1 << 20, 1 << 31, u32::MAX - 3, u32::MAX] {
        let start = || Xdr::new().words(&[0, 0, 5, 5, 1, 0, 9]);
        let name = start().words(&[length]).raw(&[b'x'; 64]).done();
        lies.push(body(
            format!("a name of {length} bytes that do not come"),
            "list",
            Fails,
            READDIRPLUS,
            name,
        ));
        let handle = start().opaque(b"name").u64(1).words(&[0, 1, length]).raw(&[0; 64]).done();
        lies.push(body(format!("an entry's handle of {length} bytes"), "list", Fails, READDIRPLUS, handle));
    }
    for flag in [2, u32::MAX] {
        let next = Xdr::new().words(&[0, 0, 5, 5, flag]).raw(&entry(b"a", 1)[4..]).words(&[0, 1]).done();
        lies.push(body(format!("a list whose flag is {flag}"), "list", Succeeds, READDIRPLUS, next));
    }
    lies
}
