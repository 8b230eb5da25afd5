//! ONC RPC (RFC 5531): which program and procedure a call is for. The portmapper and MOUNT are answered here.

use std::rc::Rc;

use crate::counters::Counters;
use crate::nfs;
use crate::output::Output;
use crate::pattern::Verify;
use crate::tree::{self, Tree};
use crate::xdr::{Reader, Writer};

pub const PORTMAP: u32 = 100_000;
pub const NFS: u32 = 100_003;
pub const MOUNT: u32 = 100_005;
/// The ports, and the programs that live there.
pub const PORTS: [(u16, u32); 3] = [(111, PORTMAP), (2049, NFS), (20048, MOUNT)];

const TCP: u32 = 6;

/// Accept states.
const SUCCESS: u32 = 0;
const PROG_UNAVAIL: u32 = 1;
const PROG_MISMATCH: u32 = 2;
const PROC_UNAVAIL: u32 = 3;
const GARBAGE_ARGS: u32 = 4;

pub struct Server {
    pub tree: Tree,
    pub pattern: Rc<Vec<u8>>,
    pub verify: Verify,
    pub counters: Counters,
}

pub struct Call<'a> {
    pub xid: u32,
    pub program: u32,
    version: u32,
    pub procedure: u32,
    /// What lies behind the call's header, as far as it is there.
    pub arguments: &'a [u8],
}

impl<'a> Call<'a> {
    pub fn parse(record: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(record);
        let xid = reader.u32()?;
        if (reader.u32()?, reader.u32()?) != (0, 2) {
            return None;
        }
        let (program, version, procedure) = (reader.u32()?, reader.u32()?, reader.u32()?);
        for _ in ["credential", "verifier"] {
            reader.u32()?;
            reader.opaque()?;
        }
        Some(Call { xid, program, version, procedure, arguments: reader.rest() })
    }

    pub fn is_write(&self) -> bool {
        (self.program, self.procedure) == (NFS, nfs::WRITE)
    }
}

/// What a procedure's arguments led to, when not to results.
pub enum Refusal {
    Procedure,
    Arguments,
}

/// Answers one call. `None` when it is none.
pub fn answer(record: &[u8], server: &mut Server, output: &mut Output) -> Option<()> {
    let call = Call::parse(record)?;
    server.counters.call(call.program, call.procedure);
    let expected = match call.program {
        PORTMAP => 2,
        MOUNT | NFS => 3,
        _ => return refuse(&call, PROG_UNAVAIL, output),
    };
    if call.version != expected {
        refuse_version(&call, expected, output);
        return Some(());
    }
    output.begin(call.xid, SUCCESS);
    let results = match (call.program, call.procedure) {
        (_, 0) => Ok(()),
        (PORTMAP, 3) => getport(call.arguments, output).ok_or(Refusal::Arguments),
        (MOUNT, 1) => mnt(call.arguments, output).ok_or(Refusal::Arguments),
        (MOUNT, 3 | 4) => Ok(()), // UMNT, UMNTALL
        (MOUNT, 5) => {
            exports(output);
            Ok(())
        }
        (NFS, procedure) => nfs::answer(procedure, call.arguments, server, output),
        _ => Err(Refusal::Procedure),
    };
    match results {
        Ok(()) => output.end(),
        Err(refusal) => {
            output.forget();
            let state = if matches!(refusal, Refusal::Procedure) { PROC_UNAVAIL } else { GARBAGE_ARGS };
            refuse(&call, state, output)?;
        }
    }
    Some(())
}

fn refuse(call: &Call<'_>, state: u32, output: &mut Output) -> Option<()> {
    output.begin(call.xid, state);
    output.end();
    Some(())
}

fn refuse_version(call: &Call<'_>, version: u32, output: &mut Output) {
    output.begin(call.xid, PROG_MISMATCH);
    output.small.u32(version);
    output.small.u32(version);
    output.end();
}

/// PMAPPROC_GETPORT
fn getport(arguments: &[u8], output: &mut Output) -> Option<()> {
    let mut reader = Reader::new(arguments);
    let (program, _version, protocol, _port) = (reader.u32()?, reader.u32()?, reader.u32()?, reader.u32()?);
    let port =
        PORTS.iter().find(|(_, served)| *served == program && protocol == TCP).map_or(0, |(port, _)| *port);
    output.small.u32(port.into());
    Some(())
}

/// MOUNTPROC3_MNT: any path is the root; AUTH_SYS is wanted.
fn mnt(arguments: &[u8], output: &mut Output) -> Option<()> {
    Reader::new(arguments).opaque()?;
    output.small.u32(0);
    tree::handle(tree::ROOT, &mut output.small);
    output.small.u32(1);
    output.small.u32(1);
    Some(())
}

/// MOUNTPROC3_EXPORT: one, for everybody.
fn exports(output: &mut Output) {
    output.small.u32(1);
    output.small.opaque(b"/export");
    output.small.u32(0);
    output.small.u32(0);
}
