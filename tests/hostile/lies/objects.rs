//! Statuses, flags, handles, attributes, links: the replies that name and describe objects (RFC 1813).

use super::{Expect, Fails, Lie, Succeeds, Survives, body, reply};
use crate::server::{
    ACCESS, COMMIT, CREATE, FSSTAT, GETACL, GETATTR, LOOKUP, MKDIR, NLM_LOCK, READ, READDIRPLUS, READLINK,
    RENAME, SETATTR, WRITE,
};
use crate::xdr::{Xdr, attributes, attributes_of_size};

const LENGTHS: [u32; 5] = [65, 1 << 16, 1 << 31, u32::MAX - 3, u32::MAX];

fn ok() -> Xdr {
    Xdr::new().words(&[0])
}

pub fn lies() -> Vec<Lie> {
    let mut lies = statuses();
    lies.extend(handles());
    lies.extend(odd_attributes());
    lies.extend(links());
    lies.extend(others());
    lies
}

fn statuses() -> Vec<Lie> {
    const CALLS: [(crate::server::Procedure, &str); 13] = [
        (LOOKUP, "stat"),
        (ACCESS, "access"),
        (READLINK, "readlink"),
        (READ, "read"),
        (WRITE, "write"),
        (COMMIT, "write"),
        (CREATE, "create"),
        (MKDIR, "mkdir"),
        (RENAME, "rename"),
        (SETATTR, "chmod"),
        (READDIRPLUS, "list"),
        (FSSTAT, "statvfs"),
        (GETACL, "acl"),
    ];
    const BUSY: u32 = 10008;
    let mut lies = Vec::new();
    for (procedure, action) in CALLS {
        for status in [3, 9999, 10010, 1 << 31, u32::MAX] {
            let reply = Xdr::new().words(&[status, 0, 0, 0, 0]).done();
            lies.push(body(format!("{action}: status {status}"), action, Fails, procedure, reply));
        }
        let busy = Xdr::new().words(&[BUSY, 0, 0, 0, 0]).done();
        lies.push(body(format!("{action}: always busy"), action, Fails, procedure, busy));
        lies.push(body(
            format!("{action}: success, and nothing else"),
            action,
            Fails,
            procedure,
            ok().done(),
        ));
        lies.push(body(format!("{action}: an empty body"), action, Fails, procedure, Vec::new()));
        for flag in [2, u32::MAX] {
            let reply = ok().words(&[flag; 60]).done();
            lies.push(body(format!("{action}: flags of {flag}"), action, Fails, procedure, reply));
        }
    }
    lies
}

fn handles() -> Vec<Lie> {
    let found = |length: u32, bytes: usize| {
        let handle = ok().words(&[length]).raw(&vec![7; bytes]);
        handle.some(&attributes(2)).words(&[0]).done()
    };
    let made = |length: u32, bytes: usize| {
        let handle = ok().words(&[1, length]).raw(&vec![7; bytes]);
        handle.some(&attributes(1)).words(&[0, 0]).done()
    };
    let mut lies = vec![
        body("a handle of 64 bytes", "stat", Succeeds, LOOKUP, found(64, 64)),
        body("a handle of 0 bytes", "stat", Survives, LOOKUP, found(0, 0)),
        body("a handle of 65 bytes, all there", "stat", Fails, LOOKUP, found(65, 68)),
        body("a handle of 64 KiB, all there", "stat", Fails, LOOKUP, found(1 << 16, 1 << 16)),
        body("a new handle of 65 bytes, all there", "create", Fails, CREATE, made(65, 68)),
        body("a new handle of 0 bytes", "create", Survives, CREATE, made(0, 0)),
        body(
            "no new handle, and nothing to look up",
            "create",
            Fails,
            CREATE,
            ok().words(&[0, 0, 0, 0]).done(),
        ),
    ];
    for length in LENGTHS {
        lies.push(body(format!("a handle of {length} bytes"), "stat", Fails, LOOKUP, found(length, 0)));
        lies.push(body(format!("a new handle of {length} bytes"), "create", Fails, CREATE, made(length, 0)));
    }
    lies
}

fn odd_attributes() -> Vec<Lie> {
    let lookup = |attributes: Vec<u8>| ok().opaque(b"file").some(&attributes).words(&[0]).done();
    let as_getattr = |attributes: Vec<u8>| ok().raw(&attributes).done();
    let mut lies = Vec::new();
    for kind in [0, 8, 1 << 31, u32::MAX] {
        let name = format!("an object of type {kind}");
        lies.push(body(name.clone(), "stat", Fails, LOOKUP, lookup(attributes(kind))));
        lies.push(body(name, "mount", Fails, GETATTR, as_getattr(attributes(kind))));
    }
    for kind in [1, 3, 4, 5, 6, 7] {
        lies.push(body(
            format!("a root of type {kind}"),
            "mount",
            Fails,
            GETATTR,
            as_getattr(attributes(kind)),
        ));
    }
    let all_ones = Xdr::new().words(&[1]).raw(&[0xff; 80]).done();
    let largest = attributes_of_size(1, u64::MAX);
    for action in ["stat", "read", "write", "access"] {
        let name = format!("{action}: attributes of ones");
        lies.push(body(name, action, Survives, LOOKUP, lookup(all_ones.clone())));
    }
    for (action, expect) in [("read-end", Fails), ("append", Fails), ("read-cached", Survives)] {
        let largest = largest.clone();
        lies.push(reply(format!("{action}: a size of 2^64 - 1"), action, expect, GETATTR, move |call| {
            let body = if call.before == 0 { call.honest() } else { as_getattr(largest.clone()) };
            call.answer(&body)
        }));
    }
    lies
}

fn target(name: &str, expect: Expect, text: Vec<u8>) -> Lie {
    body(name, "readlink", expect, READLINK, ok().words(&[0]).opaque(&text).done())
}

fn links() -> Vec<Lie> {
    let follow = |name: &str, text: Vec<u8>| {
        body(name, "walk", Fails, READLINK, ok().words(&[0]).opaque(&text).done())
    };
    let mut lies = vec![
        target("an empty target", Survives, Vec::new()),
        target("a target with a NUL in it", Survives, b"one\0two".to_vec()),
        target("a target of 64 KiB", Survives, vec![b'x'; 64 << 10]),
        target("a target of 1 MiB", Fails, vec![b'x'; 1 << 20]),
        follow("a link to itself", b"link".to_vec()),
        follow("a link that grows", b"link/x/x/x/x".to_vec()),
        follow("a link of 32768 names", b"x/".repeat(32768)),
        follow("a link of 32768 links", b"link/".repeat(13107)),
        follow("a link above the root", b"../../../..".to_vec()),
        // Every name is a link, and every link has three more in it.
        reply("a maze of links", "walk", Fails, LOOKUP, |call| {
            let found = ok().opaque(b"link").some(&attributes(5)).words(&[0]).done();
            call.answer(&found)
        }),
        // Each answer comes in time, but only just.
        reply("a path that takes for ever", "walk", Fails, LOOKUP, |call| {
            std::thread::sleep(std::time::Duration::from_millis(400));
            let found = ok().opaque(b"link").some(&attributes(5)).words(&[0]).done();
            call.answer(&found)
        }),
    ];
    for length in LENGTHS {
        let reply = ok().words(&[0, length]).raw(b"abcd").done();
        lies.push(body(format!("a target of {length} bytes"), "readlink", Fails, READLINK, reply));
    }
    lies
}

fn others() -> Vec<Lie> {
    let ones = |words: usize| ok().words(&[0]).words(&vec![u32::MAX; words]).done();
    let mut lies = vec![
        body("every right there is, and more", "access", Survives, ACCESS, ones(1)),
        body("a file system of ones", "statvfs", Survives, FSSTAT, ones(13)),
        body("a file system of nothing", "statvfs", Survives, FSSTAT, ok().words(&[0; 14]).done()),
    ];
    for count in [1 << 16, 1 << 28, 1 << 31, u32::MAX] {
        for counts in [[count, count], [count, 0], [0, count]] {
            let acl = ok().words(&[0, 15]).words(&counts).words(&[1, 0, 7, 0, 0]).done();
            lies.push(body(format!("an ACL of {counts:?}"), "acl", Fails, GETACL, acl));
        }
    }
    for (name, cookie, status) in [
        ("another call's lock", &b"other"[..], 0),
        ("a lock of status 10", b"", 10),
        ("a lock that is always in grace", b"", 4),
        ("a lock that is always blocked", b"", 3),
        ("a lock of status 2^32 - 1", b"", u32::MAX),
    ] {
        lies.push(body(name, "lock", Fails, NLM_LOCK, Xdr::new().opaque(cookie).words(&[status]).done()));
    }
    for length in LENGTHS {
        let reply = Xdr::new().words(&[length, 0, 0]).done();
        lies.push(body(format!("a lock's cookie of {length} bytes"), "lock", Fails, NLM_LOCK, reply));
    }
    lies
}
