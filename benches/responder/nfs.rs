//! The procedures of NFSv3 (RFC 1813).

use crate::output::Output;
use crate::pattern::{self, PERIOD};
use crate::services::{Refusal, Server};
use crate::tree::{self, Kind, Listing};
use crate::xdr::{Reader, Writer};

pub const WRITE: u32 = 7;
/// The largest READ, WRITE and READDIR.
const MAXIMUM: u32 = 1 << 20;

const OK: u32 = 0;
const NOENT: u32 = 2;
const EXIST: u32 = 17;
const NOTDIR: u32 = 20;
const STALE: u32 = 70;

/// `None`: the arguments end too early.
type Done = Option<()>;

pub fn answer(
    procedure: u32,
    arguments: &[u8],
    server: &mut Server,
    output: &mut Output,
) -> Result<(), Refusal> {
    let mut reader = Reader::new(arguments);
    if procedure == WRITE {
        return write(&mut reader, server, output).ok_or(Refusal::Arguments);
    }
    let object = file(&mut reader).ok_or(Refusal::Arguments)?;
    let done = match procedure {
        1 => getattr(object, server, output),
        2 => setattr(object, &mut reader, server, output),
        3 => lookup(object, &mut reader, server, output),
        4 => access(object, &mut reader, server, output),
        6 => read(object, &mut reader, server, output),
        8 | 9 => create(object, procedure == 9, &mut reader, server, output),
        12 | 13 => remove(object, &mut reader, server, output),
        14 => rename(object, &mut reader, server, output),
        16 | 17 => readdir(object, procedure == 17, &mut reader, server, output),
        18 => fsstat(object, server, output),
        19 => fsinfo(object, server, output),
        20 => pathconf(object, server, output),
        21 => commit(object, server, output),
        _ => return Err(Refusal::Procedure),
    };
    done.ok_or(Refusal::Arguments)
}

fn file(reader: &mut Reader<'_>) -> Option<u64> {
    reader.opaque().map(tree::id_of)
}

/// A status, and the attributes of the object the call was for.
fn with_attributes(status: u32, object: u64, server: &Server, output: &mut Output) {
    let status = if server.tree.get(object).is_some() { status } else { STALE };
    output.small.u32(status);
    server.tree.post_op(object, &mut output.small);
}

/// A status and wcc_data: nothing from before, the attributes after.
fn with_wcc(status: u32, object: u64, server: &Server, output: &mut Output) {
    let status = if server.tree.get(object).is_some() { status } else { STALE };
    output.small.u32(status);
    output.small.u32(0);
    server.tree.post_op(object, &mut output.small);
}

fn getattr(object: u64, server: &Server, output: &mut Output) -> Done {
    output.small.u32(if server.tree.get(object).is_some() { OK } else { STALE });
    server.tree.attributes(object, &mut output.small);
    Some(())
}

/// sattr3; only the size is of interest.
fn new_size(reader: &mut Reader<'_>) -> Option<Option<u64>> {
    for _ in ["mode", "uid", "gid"] {
        if reader.u32()? == 1 {
            reader.u32()?;
        }
    }
    let size = if reader.u32()? == 1 { Some(reader.u64()?) } else { None };
    for _ in ["atime", "mtime"] {
        if reader.u32()? == 2 {
            reader.u64()?;
        }
    }
    Some(size)
}

fn setattr(object: u64, reader: &mut Reader<'_>, server: &mut Server, output: &mut Output) -> Done {
    if let Some(size) = new_size(reader)? {
        server.tree.resize(object, |_| size);
    }
    with_wcc(OK, object, server, output);
    Some(())
}

fn lookup(directory: u64, reader: &mut Reader<'_>, server: &Server, output: &mut Output) -> Done {
    match server.tree.lookup(directory, reader.opaque()?) {
        Some(found) => {
            output.small.u32(OK);
            tree::handle(found, &mut output.small);
            server.tree.post_op(found, &mut output.small);
            server.tree.post_op(directory, &mut output.small);
        }
        None => with_attributes(NOENT, directory, server, output),
    }
    Some(())
}

fn access(object: u64, reader: &mut Reader<'_>, server: &Server, output: &mut Output) -> Done {
    let wanted = reader.u32()?;
    with_attributes(OK, object, server, output);
    if server.tree.get(object).is_some() {
        output.small.u32(wanted);
    }
    Some(())
}

fn read(object: u64, reader: &mut Reader<'_>, server: &mut Server, output: &mut Output) -> Done {
    let (offset, count) = (reader.u64()?, reader.u32()?.min(MAXIMUM));
    let Some(Kind::File { size }) = server.tree.get(object).map(|inode| &inode.kind) else {
        with_attributes(STALE, object, server, output);
        return Some(());
    };
    let rest = size.saturating_sub(offset);
    let count = rest.min(count.into()) as usize;
    with_attributes(OK, object, server, output);
    output.small.u32(count as u32);
    output.small.u32((count as u64 == rest).into());
    output.small.u32(count as u32);
    let start = offset as usize % PERIOD;
    output.prepared(&server.pattern, start..start + count.next_multiple_of(4));
    server.counters.read_bytes += count as u64;
    Some(())
}

/// A WRITE whose data comes in pieces.
pub struct Piece {
    xid: u32,
    object: u64,
    offset: u64,
    length: u64,
    /// What is still to come, with and without padding.
    remaining: usize,
    padding: usize,
    stable: u32,
    matches: bool,
}

/// The arguments of a WRITE up to its data, and how many of the call's bytes come after them.
pub fn piece(call: &crate::services::Call<'_>) -> Option<(Piece, usize)> {
    let mut reader = Reader::new(call.arguments);
    let piece = begin(call.xid, &mut reader)?;
    Some((piece, reader.rest().len()))
}

fn begin(xid: u32, reader: &mut Reader<'_>) -> Option<Piece> {
    let object = file(reader)?;
    let (offset, _count, stable) = (reader.u64()?, reader.u32()?, reader.u32()?);
    let remaining = reader.u32()? as usize;
    let padding = remaining.next_multiple_of(4) - remaining;
    Some(Piece { xid, object, offset, length: 0, remaining, padding, stable, matches: true })
}

impl Piece {
    pub fn is_complete(&self) -> bool {
        self.remaining + self.padding == 0
    }

    /// Looks at what is there of the data; returns how much that was.
    pub fn take(&mut self, waiting: &[u8], server: &Server) -> usize {
        let data = &waiting[..waiting.len().min(self.remaining)];
        let padding = self.padding.min(waiting.len() - data.len());
        self.matches &= pattern::matches(&server.pattern, server.verify, self.offset + self.length, data);
        self.length += data.len() as u64;
        self.remaining -= data.len();
        self.padding -= padding;
        data.len() + padding
    }

    fn results(&self, server: &mut Server, output: &mut Output) {
        server.counters.written_bytes += self.length;
        server.counters.mismatches += u64::from(!self.matches);
        let end = self.offset + self.length;
        server.tree.resize(self.object, |size| size.max(end));
        with_wcc(OK, self.object, server, output);
        if server.tree.get(self.object).is_some() {
            output.small.u32(self.length as u32);
            output.small.u32(self.stable);
            output.small.u64(VERIFIER);
        }
    }

    pub fn answer(self, server: &mut Server, output: &mut Output) {
        output.begin(self.xid, 0);
        self.results(server, output);
        output.end();
    }
}

/// The write verifier, and the cookie verifier as well.
const VERIFIER: u64 = 0x0073_6265_6e63_6865;

fn write(reader: &mut Reader<'_>, server: &mut Server, output: &mut Output) -> Done {
    let mut piece = begin(0, reader)?;
    piece.take(reader.rest(), server);
    if !piece.is_complete() {
        return None;
    }
    piece.results(server, output);
    Some(())
}

fn create(
    directory: u64,
    is_directory: bool,
    reader: &mut Reader<'_>,
    server: &mut Server,
    output: &mut Output,
) -> Done {
    let name = reader.opaque()?;
    let guarded = !is_directory && reader.u32()? == 1;
    let found = server.tree.lookup(directory, name);
    let made = match found {
        Some(_) if guarded || is_directory => None,
        Some(found) => {
            // An exclusive create has a verifier in the place of attributes.
            if let Some(Some(size)) = new_size(reader) {
                server.tree.resize(found, |_| size);
            }
            Some(found)
        }
        None if is_directory => server.tree.make(directory, name, Kind::Directory(Box::default())),
        None => server.tree.make(directory, name, Kind::File { size: 0 }),
    };
    match made {
        Some(made) => {
            output.small.u32(OK);
            output.small.u32(1);
            tree::handle(made, &mut output.small);
            server.tree.post_op(made, &mut output.small);
            output.small.u32(0);
            server.tree.post_op(directory, &mut output.small);
        }
        None => with_wcc(if found.is_some() { EXIST } else { NOTDIR }, directory, server, output),
    }
    Some(())
}

fn remove(directory: u64, reader: &mut Reader<'_>, server: &mut Server, output: &mut Output) -> Done {
    let removed = server.tree.remove(directory, reader.opaque()?);
    with_wcc(if removed.is_some() { OK } else { NOENT }, directory, server, output);
    Some(())
}

fn rename(from: u64, reader: &mut Reader<'_>, server: &mut Server, output: &mut Output) -> Done {
    let name = reader.opaque()?;
    let to = file(reader)?;
    let renamed = server.tree.rename((from, name), (to, reader.opaque()?));
    with_wcc(if renamed.is_some() { OK } else { NOENT }, from, server, output);
    output.small.u32(0);
    server.tree.post_op(to, &mut output.small);
    Some(())
}

/// READDIR and READDIRPLUS: a part of the prepared listing.
fn readdir(
    directory: u64,
    plus: bool,
    reader: &mut Reader<'_>,
    server: &mut Server,
    output: &mut Output,
) -> Done {
    let (cookie, _verifier) = (reader.u64()? as usize, reader.u64()?);
    let names = if plus { reader.u32()? } else { u32::MAX };
    let maximum = reader.u32()?.min(MAXIMUM) as usize;
    let Some(listing) = server.tree.listing(directory, plus) else {
        with_attributes(NOTDIR, directory, server, output);
        return Some(());
    };
    with_attributes(OK, directory, server, output);
    output.small.u64(VERIFIER);
    // The status, attributes, verifier and the two words behind the entries count as well.
    let last = last_entry(&listing, cookie, names as usize, maximum.saturating_sub(112));
    let end_of = |entry: usize| if entry == 0 { 0 } else { listing.ends[entry - 1] };
    let from = cookie.min(listing.ends.len());
    output.prepared(&listing.bytes, end_of(from)..end_of(last));
    output.small.u32(0);
    output.small.u32((last == listing.ends.len()).into());
    Some(())
}

/// The cookie of the last entry that fits behind `cookie`; one always fits.
fn last_entry(listing: &Listing, cookie: usize, names: usize, bytes: usize) -> usize {
    let before = |values: &[usize]| {
        if cookie == 0 { 0 } else { values.get(cookie - 1).copied().unwrap_or(usize::MAX) }
    };
    let fits = |values: &[usize], room: usize| {
        let end = before(values).saturating_add(room);
        values.partition_point(|value| *value <= end)
    };
    let last = fits(&listing.ends, bytes).min(fits(&listing.names, names));
    last.max(cookie + 1).min(listing.ends.len())
}

fn fsstat(object: u64, server: &Server, output: &mut Output) -> Done {
    with_attributes(OK, object, server, output);
    for value in [1 << 40, 1 << 39, 1 << 39, 1 << 20, 1 << 19, 1 << 19] {
        output.small.u64(value);
    }
    output.small.u32(0);
    Some(())
}

fn fsinfo(object: u64, server: &Server, output: &mut Output) -> Done {
    with_attributes(OK, object, server, output);
    for value in [MAXIMUM, MAXIMUM, 4096, MAXIMUM, MAXIMUM, 4096, MAXIMUM] {
        output.small.u32(value);
    }
    output.small.u64(i64::MAX as u64);
    output.small.u64(1);
    output.small.u32(0x1b); // hard links, symbolic links, homogeneous, times can be set
    Some(())
}

fn pathconf(object: u64, server: &Server, output: &mut Output) -> Done {
    with_attributes(OK, object, server, output);
    for value in [1024, 255, 1, 1, 0, 1] {
        output.small.u32(value);
    }
    Some(())
}

fn commit(object: u64, server: &Server, output: &mut Output) -> Done {
    with_wcc(OK, object, server, output);
    if server.tree.get(object).is_some() {
        output.small.u64(VERIFIER);
    }
    Some(())
}
