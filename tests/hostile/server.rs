//! A server for one lie: honest in everything but the replies to one procedure, or in how it treats connections.
//!
//! It speaks the portmapper's protocol, MOUNT, NFS, NFSACL and NLM on the ports of all three, and has `/file` (1 GiB),
//! `/dir` with two names in it, and `/link`, which leads to `dir`.

use std::io::{self, Read, Write};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::sync::LazyLock;
use std::thread;

use crate::lies::{Connection, Lie, Tell};
use crate::xdr::{Xdr, attributes};

pub type Procedure = (u32, u32);

const PORTMAPPER: u32 = 100_000;
const NFS: u32 = 100_003;
const MOUNT: u32 = 100_005;
const NLM: u32 = 100_021;
const NFSACL: u32 = 100_227;

pub const GETPORT: Procedure = (PORTMAPPER, 3);
/// GETPORT has its number in version 2.
pub const GETADDR: Procedure = (PORTMAPPER, 3 + VERSION_3);
const VERSION_3: u32 = 1 << 16;
pub const MNT: Procedure = (MOUNT, 1);
pub const UMNT: Procedure = (MOUNT, 3);
pub const EXPORT: Procedure = (MOUNT, 5);
pub const GETATTR: Procedure = (NFS, 1);
pub const SETATTR: Procedure = (NFS, 2);
pub const LOOKUP: Procedure = (NFS, 3);
pub const ACCESS: Procedure = (NFS, 4);
pub const READLINK: Procedure = (NFS, 5);
pub const READ: Procedure = (NFS, 6);
pub const WRITE: Procedure = (NFS, 7);
pub const CREATE: Procedure = (NFS, 8);
pub const MKDIR: Procedure = (NFS, 9);
pub const RENAME: Procedure = (NFS, 14);
pub const READDIRPLUS: Procedure = (NFS, 17);
pub const FSSTAT: Procedure = (NFS, 18);
pub const FSINFO: Procedure = (NFS, 19);
pub const COMMIT: Procedure = (NFS, 21);
pub const GETACL: Procedure = (NFSACL, 1);
pub const NLM_LOCK: Procedure = (NLM, 22);

pub const NFS_PORT: u16 = 2049;
const PORTS: [u16; 4] = [111, NFS_PORT, 20048, 20032];

/// How many bytes of a call's header are in front of the credential.
const CALL_HEADER: usize = 24;

/// One call that has come, and the way to answer it.
pub struct Call<'a> {
    pub xid: u32,
    pub procedure: Procedure,
    pub arguments: &'a [u8],
    /// How many calls of this procedure this connection has had before.
    pub before: u32,
    pub stream: &'a mut TcpStream,
    /// Replies that are held back.
    pub held: &'a mut Vec<Vec<u8>>,
}

/// One record from its payload.
pub fn record(payload: &[u8]) -> Vec<u8> {
    [&(payload.len() as u32 | 1 << 31).to_be_bytes(), payload].concat()
}

impl Call<'_> {
    /// The payload of an accepted, successful reply.
    pub fn success(&self, body: &[u8]) -> Vec<u8> {
        Xdr::new().words(&[self.xid, 1, 0, 0, 0, 0]).raw(body).done()
    }

    pub fn answer(&mut self, body: &[u8]) -> io::Result<()> {
        let payload = self.success(body);
        self.stream.write_all(&record(&payload))
    }

    /// Sends a whole payload, but for the xid.
    pub fn header(&mut self, rest: &[u8]) -> io::Result<()> {
        let payload = [&self.xid.to_be_bytes(), rest].concat();
        self.stream.write_all(&record(&payload))
    }

    pub fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// The file handle that the arguments begin with.
    fn handle(&self) -> (&[u8], &[u8]) {
        opaque(self.arguments)
    }

    /// READ, WRITE: where, and how much.
    pub fn range(&self) -> (u64, u32) {
        let (offset, count, _) = self.range_and_stability();
        (offset, count)
    }

    /// READ, WRITE: where, how much, and of WRITE, how stable.
    fn range_and_stability(&self) -> (u64, u32, u32) {
        let rest = self.handle().1;
        let word =
            |at: usize| rest.get(at..at + 4).map_or(0, |word| u32::from_be_bytes(word.try_into().unwrap()));
        (u64::from(word(0)) << 32 | u64::from(word(4)), word(8), word(12))
    }

    /// What an honest server answers.
    pub fn honest(&self) -> Vec<u8> {
        let ok = || Xdr::new().words(&[0]);
        match self.procedure {
            GETPORT if self.arguments.starts_with(&NFS.to_be_bytes()) => Xdr::new().words(&[NFS_PORT.into()]),
            GETPORT if self.arguments.starts_with(&NLM.to_be_bytes()) => Xdr::new().words(&[20032]),
            GETPORT => Xdr::new().words(&[20048]),
            GETADDR if self.arguments.starts_with(&NFS.to_be_bytes()) => Xdr::new().opaque(b"::.8.1"),
            GETADDR => Xdr::new().opaque(b"::.78.80"),
            MNT => ok().opaque(b"root").words(&[1, 1]),
            UMNT => Xdr::new(),
            EXPORT => {
                Xdr::new().words(&[1]).opaque(b"/export").words(&[1]).opaque(b"everybody").words(&[0, 0])
            }
            GETATTR => ok().raw(&attributes(kind(self.handle().0))),
            LOOKUP => {
                let name = opaque(self.handle().1).0;
                let handle: &[u8] = match name {
                    b"link" | b"dir" => name,
                    b"new" => return Xdr::new().words(&[2, 0]).done(),
                    _ => b"file",
                };
                ok().opaque(handle).some(&attributes(kind(handle))).words(&[0])
            }
            ACCESS => ok().words(&[0, 0x3f]),
            READLINK => ok().words(&[0]).opaque(b"dir"),
            READ => {
                let (offset, count) = self.range();
                read_reply(count, false, &contents(offset, count))
            }
            WRITE => {
                let (_, count, stable) = self.range_and_stability();
                ok().words(&[0, 0, count, stable, 7, 7])
            }
            CREATE => ok().words(&[1]).opaque(b"file").some(&attributes(1)).words(&[0, 0]),
            MKDIR => ok().words(&[1]).opaque(b"dir").some(&attributes(2)).words(&[0, 0]),
            SETATTR => ok().words(&[0, 0]),
            RENAME => ok().words(&[0, 0, 0, 0]),
            READDIRPLUS => listing(&[entry(b".", 1), entry(b"..", 2), entry(b"file", 3)], true),
            FSSTAT => ok().words(&[0]).words(&[0, 1 << 30].repeat(6)).words(&[0]),
            FSINFO => {
                let mib = 1 << 20;
                ok().words(&[0, mib, mib, 4096, mib, mib, 4096, 4096, u32::MAX, u32::MAX, 0, 1, 0x1b])
            }
            COMMIT => ok().words(&[0, 0, 7, 7]),
            GETACL => ok().words(&[0, 15, 1, 1, 1, 0, 7, 0, 0]),
            (NLM, _) => Xdr::new().opaque(opaque(self.arguments).0).words(&[0]),
            _ => Xdr::new(),
        }
        .done()
    }
}

/// Bytes of the file: `tests/programs/hostile.c` knows what each should be.
pub fn contents(offset: u64, count: u32) -> Vec<u8> {
    const PERIOD: usize = 1 << 20;
    static PATTERN: LazyLock<Vec<u8>> =
        LazyLock::new(|| (0..PERIOD as u64).map(|at| (at.wrapping_mul(7) + (at >> 12)) as u8).collect());
    let mut bytes = Vec::with_capacity(count as usize);
    let mut at = offset as usize % PERIOD;
    while bytes.len() < count as usize {
        let some = &PATTERN[at..PERIOD.min(at + count as usize - bytes.len())];
        bytes.extend_from_slice(some);
        at = 0;
    }
    bytes
}

pub fn read_reply(count: u32, eof: bool, data: &[u8]) -> Xdr {
    Xdr::new().words(&[0, 0, count, eof.into()]).opaque(data)
}

/// An entry of a listing: its name, its cookie, no attributes.
pub fn entry(name: &[u8], cookie: u64) -> Vec<u8> {
    Xdr::new().words(&[1, 0, 9]).opaque(name).u64(cookie).some(&attributes(1)).words(&[0]).done()
}

/// A READDIRPLUS reply.
pub fn listing(entries: &[Vec<u8>], eof: bool) -> Xdr {
    Xdr::new().words(&[0, 0, 5, 5]).raw(&entries.concat()).words(&[0, eof.into()])
}

fn kind(handle: &[u8]) -> u32 {
    match handle {
        b"file" => 1,
        b"link" => 5,
        _ => 2,
    }
}

/// Opaque data and what is behind it.
pub fn opaque(bytes: &[u8]) -> (&[u8], &[u8]) {
    let Some((length, rest)) = bytes.split_first_chunk::<4>() else { return (&[], &[]) };
    let length = u32::from_be_bytes(*length) as usize;
    let data = rest.get(..length).unwrap_or_default();
    (data, rest.get(length.next_multiple_of(4)..).unwrap_or_default())
}

/// Starts the server at an address, with a thread for each connection; it lives as long as the test.
pub fn start(address: IpAddr, lie: &'static Lie) {
    for port in PORTS {
        let listener =
            TcpListener::bind((address, port)).unwrap_or_else(|error| panic!("{address}:{port}: {error}"));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                thread::spawn(move || {
                    // A client that does not like what it hears closes the connection.
                    let _ = converse(stream, port, lie);
                });
            }
        });
    }
}

fn converse(mut stream: TcpStream, port: u16, lie: &Lie) -> io::Result<()> {
    stream.set_nodelay(true)?;
    if let (Tell::Connecting(treat), NFS_PORT) = (&lie.tell, port)
        && treat(&mut stream)? == Connection::Over
    {
        return Ok(());
    }
    let mut before = std::collections::HashMap::<Procedure, u32>::new();
    let mut held = Vec::new();
    let mut mark = [0; 4];
    loop {
        stream.read_exact(&mut mark)?;
        let mut bytes = vec![0; (u32::from_be_bytes(mark) & 0x7fff_ffff) as usize];
        stream.read_exact(&mut bytes)?;
        let word =
            |at: usize| bytes.get(at..at + 4).map_or(0, |word| u32::from_be_bytes(word.try_into().unwrap()));
        let version = if (word(12), word(16)) == (PORTMAPPER, 3) { VERSION_3 } else { 0 };
        let procedure = (word(12), word(20) + version);
        let behind_credential = opaque(bytes.get(CALL_HEADER + 4..).unwrap_or_default()).1;
        let arguments = opaque(behind_credential.get(4..).unwrap_or_default()).1;
        let count = before.entry(procedure).or_default();
        let mut call =
            Call { xid: word(0), procedure, arguments, before: *count, stream: &mut stream, held: &mut held };
        *count += 1;
        match &lie.tell {
            Tell::Reply(of, tell) if *of == procedure => tell(&mut call)?,
            _ => {
                let body = call.honest();
                call.answer(&body)?;
            }
        }
    }
}
