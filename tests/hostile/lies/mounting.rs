//! The portmapper (RFC 1833) and MOUNT (RFC 1813, appendix I).

use super::{Fails, Lie, Succeeds, Survives, body, reply};
use crate::server::{EXPORT, GETADDR, GETPORT, MNT, UMNT};
use crate::xdr::Xdr;

pub fn lies() -> Vec<Lie> {
    let mut lies = ports();
    lies.extend(mounts());
    lies.extend(exports());
    lies
}

fn ports() -> Vec<Lie> {
    let mut lies = Vec::new();
    // Nobody listens on port 9, and on 111 nobody speaks MOUNT or NFS: the honest server does, for the test's sake.
    for port in [0, 9, 65536, 65536 + 2049, 1 << 31, u32::MAX] {
        for action in ["mount", "exports"] {
            let reply = Xdr::new().words(&[port]).done();
            lies.push(body(format!("{action}: port {port}"), action, Fails, GETPORT, reply));
        }
    }
    for text in
        ["", "8.1", "1", ".", "::.8.", "::.8.256", "::.-8.1", "::.0.0", "::. 8.1", "::.8.1\0", "\u{fffd}.8.1"]
    {
        // What is in front of the port is not looked at.
        let expect = if text.ends_with("8.1") && !text.contains(' ') { Survives } else { Fails };
        let reply = Xdr::new().opaque(text.as_bytes()).done();
        lies.push(body(format!("the address {text:?}"), "mount", expect, GETADDR, reply));
    }
    let long = Xdr::new().opaque(&b".8.1".repeat(1 << 20)).done();
    lies.push(body("an address of 4 MiB", "mount", Fails, GETADDR, long));
    for length in [1 << 16, 1 << 31, u32::MAX - 3, u32::MAX] {
        let reply = Xdr::new().words(&[length]).raw(b"::.8.1\0\0").done();
        lies.push(body(format!("an address of {length} bytes"), "mount", Fails, GETADDR, reply));
    }
    lies.push(body("half a port", "mount", Fails, GETPORT, vec![8, 1]));
    lies.push(body("no port", "mount", Fails, GETPORT, Vec::new()));
    lies.push(body("two ports", "mount", Survives, GETPORT, Xdr::new().words(&[2049, 20048]).done()));
    lies
}

fn mounts() -> Vec<Lie> {
    let root = |length: u32, bytes: usize| Xdr::new().words(&[0, length]).raw(&vec![7; bytes]);
    let mut lies = vec![
        body("a root of 0 bytes", "mount", Survives, MNT, root(0, 0).words(&[1, 1]).done()),
        body("a root of 65 bytes", "mount", Fails, MNT, root(65, 68).words(&[1, 1]).done()),
        body("a root of 64 bytes and no flavors", "mount", Succeeds, MNT, root(64, 64).words(&[0]).done()),
        body(
            "flavors nobody knows",
            "mount",
            Survives,
            MNT,
            root(8, 8).words(&[3, 77, u32::MAX, 1 << 31]).done(),
        ),
        body(
            "100,000 flavors",
            "mount",
            Survives,
            MNT,
            root(8, 8).words(&[100_000]).words(&[1; 100_000]).done(),
        ),
        body("success and nothing else", "mount", Fails, MNT, Xdr::new().words(&[0]).done()),
        reply("no end of the reply to UMNT", "umount", Survives, UMNT, |call| {
            call.raw(&[0x7f, 0xff, 0xff, 0xff])?;
            loop {
                call.raw(&[0; 4096])?;
            }
        }),
    ];
    for status in [13, 10003, 10007, 1 << 31, u32::MAX] {
        lies.push(body(
            format!("mount status {status}"),
            "mount",
            Fails,
            MNT,
            Xdr::new().words(&[status]).done(),
        ));
    }
    for count in [1 << 28, 1 << 30, 1 << 31, u32::MAX] {
        let flavors = root(8, 8).words(&[count, 1, 1]).done();
        lies.push(body(format!("{count} flavors that do not come"), "mount", Succeeds, MNT, flavors));
        lies.push(body(format!("a root of {count} bytes"), "mount", Fails, MNT, root(count, 64).done()));
    }
    lies
}

fn exports() -> Vec<Lie> {
    let export = |path: &[u8]| Xdr::new().words(&[1]).opaque(path).words(&[0]).done();
    let group = |name: &[u8]| Xdr::new().words(&[1]).opaque(name).done();
    let list = |exports: &[u8]| Xdr::new().raw(exports).words(&[0]).done();
    let mut lies = vec![
        body("a path of 64 KiB", "exports", Survives, EXPORT, list(&export(&[b'/'; 64 << 10]))),
        body(
            "a path of 64 KiB and one byte",
            "exports",
            Fails,
            EXPORT,
            list(&export(&[b'/'; (64 << 10) + 1])),
        ),
        body("a path with a NUL in it", "exports", Survives, EXPORT, list(&export(b"/a\0b"))),
        body("an empty path", "exports", Survives, EXPORT, list(&export(b""))),
        body(
            "40,000 exports",
            "exports",
            Survives,
            EXPORT,
            list(&export(b"/an/export/of/60/bytes/").repeat(40_000)),
        ),
        body("340,000 exports", "exports", Survives, EXPORT, list(&export(b"").repeat(340_000))),
        body(
            "500,000 groups",
            "exports",
            Survives,
            EXPORT,
            Xdr::new().words(&[1]).opaque(b"/").raw(&group(b"").repeat(500_000)).words(&[0, 0]).done(),
        ),
        body("a list with flags of 2", "exports", Fails, EXPORT, Xdr::new().words(&[2; 10]).done()),
        body("a list that ends early", "exports", Fails, EXPORT, export(b"/a")),
    ];
    for (name, element) in [("exports", export(b"/export")), ("groups", group(b"group"))] {
        lies.push(reply(format!("{name} without end"), "exports", Fails, EXPORT, move |call| {
            let start =
                if name == "groups" { Xdr::new().words(&[1]).opaque(b"/").done() } else { Vec::new() };
            let payload = call.success(&start);
            call.raw(&[&(payload.len() as u32).to_be_bytes()[..], &payload].concat())?;
            let some = element.repeat(1000);
            loop {
                call.raw(&[&(some.len() as u32).to_be_bytes()[..], &some].concat())?;
            }
        }));
    }
    lies.push(reply("a path without end", "exports", Fails, EXPORT, |call| {
        let payload = call.success(&Xdr::new().words(&[1, u32::MAX - 3]).done());
        call.raw(&[&(payload.len() as u32).to_be_bytes()[..], &payload].concat())?;
        loop {
            call.raw(&[&[0, 0, 16, 0], &[b'x'; 4096][..]].concat())?;
        }
    }));
    for length in [1 << 31, u32::MAX - 3, u32::MAX] {
        let path = Xdr::new().words(&[1, length]).raw(&[b'/'; 64]).done();
        lies.push(body(format!("a path of {length} bytes"), "exports", Fails, EXPORT, path));
        let name = Xdr::new().words(&[1]).opaque(b"/").words(&[1, length]).raw(&[b'g'; 64]).done();
        lies.push(body(format!("a group of {length} bytes"), "exports", Fails, EXPORT, name));
    }
    lies
}
