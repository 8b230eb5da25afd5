//! From a server's bytes to what C gets: single replies, and whole calls; and URLs.

use std::ffi::{CStr, CString, c_void};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ptr;
use std::time::Duration;

use libc::c_int;
use socket2::Socket;

use super::access::nfs_access_async;
use super::acl::{fattr3_acl, nfs3_getacl_async};
use super::attributes::{nfs_fstat64_async, nfs_lstat64_async, nfs_stat64_async};
use super::context::{nfs_destroy_context, nfs_get_error, nfs_init_context};
use super::data::{nfs_pread_async, nfs_pwrite_async};
use super::directory::{nfs_closedir, nfs_opendir_async, nfs_readdir};
use super::event::nfs_service;
use super::exports::List;
use super::file::{nfs_close_async, nfs_creat_async, nfs_open_async};
use super::file_system::nfs_statvfs64_async;
use super::links::{nfs_link_async, nfs_readlink_async, nfs_symlink_async};
use super::mount::nfs_chdir_async;
use super::namespace::{
    nfs_mkdir_async, nfs_mknod_async, nfs_rename_async, nfs_rmdir_async, nfs_unlink_async,
};
use super::objects::CONTEXTS;
use super::permissions::nfs_chmod_async;
use super::position::{nfs_fsync_async, nfs_lseek_async};
use super::types::{nfs_cb, nfs_context, nfs_stat_64, nfsfh};
use super::url::{nfs_destroy_url, nfs_parse_url_dir, nfs_parse_url_full, nfs_parse_url_incomplete};
use crate::attributes::{FileType, Handle, Limits, SetAttributes};
use crate::error::Result;
use crate::io::{Block, Source, Stream};
use crate::rpc::Credential;
use crate::rpc::fuzzing::{Bench, record, reply};
use crate::transfer::Stability;
use crate::v3::{Creation, Lock, LockCall, LockManager, LockOwner, Mount, Nfs, PortMapper};

/// Runs `operation` on a bench and answers its calls with `body`: as the result of a success, or with a header of its
/// own where the input brings one.
struct Answering<'a> {
    bench: Bench,
    chunk: usize,
    body: &'a [u8],
    bare: bool,
}

impl Answering<'_> {
    fn to<T>(&self, operation: impl Future<Output = Result<T>>) -> Option<T> {
        // Twice at most: what asks again gets the same answer.
        let mut left = 2;
        let answered = self.bench.run(operation, self.chunk, |xid| {
            left -= 1;
            match (left, self.bare) {
                (..0, _) => vec![0xff; 8],
                (_, true) => record(&[&xid.to_be_bytes(), self.body].concat()),
                (_, false) => reply(xid, self.body),
            }
        });
        answered?.ok()
    }
}

/// One reply to one call. The first byte of the input says which call (and, by its highest bit, that the input has
/// the header of the reply behind the xid, too), the second in what pieces the reply comes; the body follows.
pub fn replies(input: &[u8]) {
    let [which, chunk, body @ ..] = input else { return };
    let (Ok(bench), Ok(credential), Ok(object)) =
        (Bench::new(), Credential::raw(0, &[]), Handle::new(b"object"))
    else {
        return;
    };
    let (transport, reactor) = (bench.transport.clone(), bench.reactor.clone());
    let deadline = reactor.now() + Duration::from_secs(3600);
    let chunk = if *chunk == 0 { usize::MAX } else { usize::from(*chunk) * 16 };
    let nfs = Nfs::new(transport.clone(), credential.clone(), None, reactor);
    let answering = Answering { bench, chunk, body, bare: which & 0x80 != 0 };
    let set = SetAttributes::default();
    let (from, to) = ((&object, &b"from"[..]), (&object, &b"to"[..]));
    match which & 0x7f {
        0 => drop(answering.to(nfs.getattr(&object))),
        1 => drop(answering.to(nfs.setattr(&object, &set))),
        2 => drop(answering.to(nfs.lookup(&object, b"name"))),
        3 => drop(answering.to(nfs.access(&object, 63))),
        4 => drop(answering.to(nfs.readlink(&object))),
        5 => read(&answering, &nfs, &object),
        6 => write(&answering, &nfs, &object),
        7 => drop(answering.to(nfs.create(&object, b"name", &set, Creation::exclusive()))),
        8 => drop(answering.to(nfs.mkdir(&object, b"name", &set))),
        9 => drop(answering.to(nfs.symlink(&object, b"name", b"target", &set))),
        10 => drop(answering.to(nfs.mknod(&object, b"name", FileType::Fifo, (0, 0), &set))),
        11 => drop(answering.to(nfs.remove(&object, b"name"))),
        12 => drop(answering.to(nfs.rmdir(&object, b"name"))),
        13 => drop(answering.to(nfs.rename(from, to))),
        14 => drop(answering.to(nfs.link(&object, &object, b"name"))),
        15 => drop(answering.to(nfs.readdir(&object, (0, [0; 8]), 65536, |_| Ok(())))),
        16 => drop(answering.to(nfs.readdirplus(&object, (0, [0; 8]), 65536, 65536, |_| Ok(())))),
        17 => drop(answering.to(nfs.fsstat(&object))),
        18 => drop(answering.to(nfs.fsinfo(&object))),
        19 => drop(answering.to(nfs.commit(&object))),
        20 => drop(answering.to(nfs.getacl(&object))),
        which @ 21..=23 => {
            let mount = Mount { transport, credential, deadline, is_privileged: false };
            match which {
                21 => drop(answering.to(mount.mnt(b"/export"))),
                22 => drop(answering.to(mount.umnt(b"/export"))),
                _ => {
                    let exports = answering.to(mount.exports()).unwrap_or_default();
                    drop(List::new(&exports));
                }
            }
        }
        which @ 24..=25 => {
            let address: IpAddr =
                if which == 24 { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
            let port_mapper = PortMapper { transport, server: (address, 111).into(), deadline };
            assert_ne!(answering.to(port_mapper.port(100_003, 3)), Some(0), "nobody listens on port 0");
        }
        which @ 26..=29 => {
            let calls = [LockCall::Test, LockCall::Lock, LockCall::Cancel, LockCall::Unlock];
            let owner = LockOwner::new();
            let lock = Lock { file: object, owner, exclusive: true, offset: 0, length: 0 };
            let manager = LockManager { transport, credential, deadline: None };
            let _status = answering.to(manager.call(calls[usize::from(which - 26)], &lock));
        }
        30 => assert!(!crate::rpc::answers(&[0, 0, 0, 1], body) || body.len() >= 24),
        _ => {}
    }
}

fn read(answering: &Answering<'_>, nfs: &Nfs, file: &Handle) {
    for room in [100, 40_000] {
        let Ok((mut block, destination)) = Block::with_destination(room) else { return };
        let reading = nfs.read(file, 0, destination, None);
        if let Some(read) = answering.to(reading.done()) {
            let whole = read.to.as_ref().map_or(0, crate::io::Destination::len);
            assert!(read.count <= room && whole == room);
        }
        assert!(block.as_slice().is_some(), "the call has let go of the memory");
    }
}

fn write(answering: &Answering<'_>, nfs: &Nfs, file: &Handle) {
    let Ok(source) = Source::copied(&[7; 100]) else { return };
    let writing = nfs.write(file, 0, source, Stability::Unstable, None);
    if let Some(written) = answering.to(writing.done()) {
        assert!(written.count <= 100);
    }
}

/// A URL in each of its forms, with its arguments applied to a context.
pub fn url(input: &[u8]) {
    let Ok(text) = CString::new(input) else { return };
    let nfs = nfs_init_context();
    for parse in [nfs_parse_url_full, nfs_parse_url_dir, nfs_parse_url_incomplete] {
        for context in [nfs, ptr::null_mut()] {
            // SAFETY: a C string; what was returned is looked at, and freed once.
            unsafe {
                let url = parse(context, text.as_ptr());
                if let Some(url) = url.as_ref() {
                    for part in [url.server, url.path, url.file].iter().filter(|part| !part.is_null()) {
                        assert!(CStr::from_ptr(*part).count_bytes() <= input.len());
                    }
                }
                nfs_destroy_url(url);
            }
        }
    }
    nfs_destroy_context(nfs);
}

/// Whole calls by the C interface. The first byte of the input says which; the rest is what the server answers: for
/// each call in turn a length of two bytes and as many bytes, which make a body, or, where the highest bit of the
/// length is set, all that follows the xid. When there are no more, the server closes the connection.
pub fn calls(input: &[u8]) {
    let Some((&which, answers)) = input.split_first() else { return };
    let Some(mut player) = Player::new(answers) else { return };
    let (nfs, me) = (player.nfs, ptr::from_mut(&mut *player.seen).cast::<c_void>());
    let path = c"/directory/name".as_ptr();
    let other = c"other".as_ptr();
    // SAFETY: C strings, handles that the library gave, and a callback with what it expects.
    unsafe {
        let mut call = |check: Check, start: &dyn Fn(nfs_cb) -> c_int| player.call(check, start);
        match which % 20 {
            0 => call(attributes, &|done| nfs_stat64_async(nfs, path, done, me)),
            1 => call(attributes, &|done| nfs_lstat64_async(nfs, path, done, me)),
            2 => call(nothing, &|done| nfs_access_async(nfs, path, 7, done, me)),
            3 => call(text, &|done| nfs_readlink_async(nfs, path, done, me)),
            4 => call(directory, &|done| nfs_opendir_async(nfs, path, done, me)),
            5 => call(statvfs, &|done| nfs_statvfs64_async(nfs, path, done, me)),
            6 => call(nothing, &|done| nfs_mkdir_async(nfs, path, done, me)),
            7 => call(nothing, &|done| nfs_rmdir_async(nfs, path, done, me)),
            8 => call(nothing, &|done| nfs_unlink_async(nfs, path, done, me)),
            9 => call(nothing, &|done| nfs_rename_async(nfs, path, other, done, me)),
            10 => call(nothing, &|done| nfs_link_async(nfs, path, other, done, me)),
            11 => call(nothing, &|done| nfs_symlink_async(nfs, other, path, done, me)),
            12 => call(nothing, &|done| nfs_mknod_async(nfs, path, 0o10644, 0, done, me)),
            13 => call(nothing, &|done| nfs_chmod_async(nfs, path, 0o600, done, me)),
            14 => call(nothing, &|done| nfs_chdir_async(nfs, path, done, me)),
            15 => call(directory, &|done| nfs_opendir_async(nfs, c"/".as_ptr(), done, me)),
            16 => call(handle, &|done| nfs_creat_async(nfs, path, 0o644, done, me)),
            17 => player.file(libc::O_RDWR | libc::O_CREAT, &FILE_CALLS),
            18 => player.file(libc::O_RDWR, &[FileCall::Read(50_000), FileCall::Read(3), FileCall::Close]),
            _ => player.file(libc::O_RDWR, &[FileCall::Write(3000), FileCall::Fsync, FileCall::Close]),
        };
    }
}

/// What is done with an open file.
#[derive(Clone, Copy)]
enum FileCall {
    Read(u64),
    Write(u64),
    Stat,
    Seek,
    Acl,
    Fsync,
    Close,
}

const FILE_CALLS: [FileCall; 8] = [
    FileCall::Write(100),
    FileCall::Read(100),
    FileCall::Stat,
    FileCall::Seek,
    FileCall::Acl,
    FileCall::Fsync,
    FileCall::Read(5000),
    FileCall::Close,
];

/// Looks at what a successful call brought. The status is what the callback got.
type Check = unsafe fn(nfs: *mut nfs_context, status: c_int, data: *mut c_void);

/// What the callback has seen.
struct Seen {
    calls: u32,
    status: c_int,
    data: *mut c_void,
    check: Check,
}

unsafe extern "C" fn callback(status: c_int, nfs: *mut nfs_context, data: *mut c_void, seen: *mut c_void) {
    // SAFETY: `calls` gives a `Seen`; an error brings a sentence, and a success what the call's check expects.
    unsafe {
        let seen = &mut *seen.cast::<Seen>();
        (seen.calls, seen.status, seen.data) = (seen.calls + 1, status, data);
        if status < 0 {
            assert!(status > -4096, "{status} is no errno");
            assert!(!CStr::from_ptr(data.cast()).is_empty(), "an error without a sentence");
        } else {
            (seen.check)(nfs, status, data);
        }
    }
}

unsafe fn nothing(_nfs: *mut nfs_context, _status: c_int, _data: *mut c_void) {}

unsafe fn handle(_nfs: *mut nfs_context, _status: c_int, data: *mut c_void) {
    assert!(!data.is_null());
}

unsafe fn text(_nfs: *mut nfs_context, _status: c_int, data: *mut c_void) {
    // SAFETY: readlink brings a C string.
    assert!(unsafe { CStr::from_ptr(data.cast()) }.count_bytes() <= 64 << 10);
}

unsafe fn attributes(_nfs: *mut nfs_context, _status: c_int, data: *mut c_void) {
    // SAFETY: stat brings this structure.
    let stat = unsafe { data.cast::<nfs_stat_64>().read() };
    assert!(stat.nfs_mode >> 12 != 0 && stat.nfs_mode >> 16 == 0);
}

unsafe fn statvfs(_nfs: *mut nfs_context, _status: c_int, data: *mut c_void) {
    assert!(!data.is_null());
}

unsafe fn acl(_nfs: *mut nfs_context, _status: c_int, data: *mut c_void) {
    // SAFETY: getacl brings this structure with as many entries as it counts.
    unsafe {
        let acl = data.cast::<fattr3_acl>().read();
        for index in 0..acl.ace_count as usize {
            std::hint::black_box(acl.ace.add(index).read());
        }
        for index in 0..acl.default_ace_count as usize {
            std::hint::black_box(acl.default_ace.add(index).read());
        }
    }
}

unsafe fn data(_nfs: *mut nfs_context, status: c_int, data: *mut c_void) {
    // SAFETY: a read brings as many bytes as its status counts.
    let bytes = unsafe { std::slice::from_raw_parts(data.cast::<u8>(), status as usize) };
    std::hint::black_box(bytes.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte)));
}

unsafe fn directory(nfs: *mut nfs_context, _status: c_int, data: *mut c_void) {
    // SAFETY: entries are valid until the directory is closed.
    while let Some(entry) = unsafe { nfs_readdir(nfs, data.cast()).as_ref() } {
        // SAFETY: the name of an entry is a C string.
        let name = unsafe { CStr::from_ptr(entry.name) }.to_bytes();
        assert!(!name.is_empty() && !name.contains(&b'/'), "a name that leads elsewhere");
    }
    nfs_closedir(nfs, data.cast());
}

/// A context, and the server at the other end of its connection.
struct Player<'a> {
    nfs: *mut nfs_context,
    server: Socket,
    answers: &'a [u8],
    calls: Vec<u8>,
    seen: Box<Seen>,
}

impl<'a> Player<'a> {
    fn new(answers: &'a [u8]) -> Option<Self> {
        let (stream, server) = Stream::pair().ok()?;
        let nfs = nfs_init_context();
        let client = CONTEXTS.get(nfs).ok()?.client.clone();
        client.change_settings(|settings| settings.auto_traverse_mounts = false);
        client.adopt(stream, b"root", Limits { read_max: 4096, write_max: 1024, readdir: 4096 }).ok()?;
        let seen = Seen { calls: 0, status: 0, data: ptr::null_mut(), check: nothing };
        Some(Self { nfs, server, answers, calls: Vec::new(), seen: Box::new(seen) })
    }

    /// Makes one call and serves it. False when it failed, or waits for a better time.
    fn call(&mut self, check: Check, start: &dyn Fn(nfs_cb) -> c_int) -> bool {
        (self.seen.calls, self.seen.status, self.seen.check) = (0, 0, check);
        if start(Some(callback)) != 0 {
            return false;
        }
        let mut idle = 0;
        while self.seen.calls == 0 && idle < 4 {
            nfs_service(self.nfs, c_int::from(libc::POLLIN));
            idle = if self.answer() { 0 } else { idle + 1 };
        }
        assert!(self.seen.calls <= 1);
        // SAFETY: the sentence stays until others have been handed out.
        let sentence = unsafe { CStr::from_ptr(nfs_get_error(self.nfs)) }.to_string_lossy();
        assert!(!sentence.starts_with("an error in the library itself"), "{sentence}");
        self.seen.calls == 1 && self.seen.status >= 0
    }

    fn file(&mut self, flags: c_int, calls: &[FileCall]) -> bool {
        let (nfs, me) = (self.nfs, ptr::from_mut(&mut *self.seen).cast::<c_void>());
        let path = c"/directory/name".as_ptr();
        // SAFETY: a C string, and a callback with what it expects.
        if !self.call(handle, &|done| unsafe { nfs_open_async(nfs, path, flags, done, me) }) {
            return false;
        }
        let file = self.seen.data.cast::<nfsfh>();
        let bytes = [7u8; 4096];
        for call in calls {
            // SAFETY: an open file, a buffer of that size, and a callback with what it expects.
            let done = unsafe {
                match *call {
                    FileCall::Read(count) => {
                        let done = self.call(data, &|done| nfs_pread_async(nfs, file, 10, count, done, me));
                        assert!(self.seen.status <= count as c_int, "more than was asked for");
                        done
                    }
                    FileCall::Write(count) => self.call(nothing, &|done| {
                        nfs_pwrite_async(nfs, file, 0, count, bytes.as_ptr().cast(), done, me)
                    }),
                    FileCall::Stat => self.call(attributes, &|done| nfs_fstat64_async(nfs, file, done, me)),
                    FileCall::Seek => {
                        self.call(nothing, &|done| nfs_lseek_async(nfs, file, -1, libc::SEEK_END, done, me))
                    }
                    FileCall::Acl => self.call(acl, &|done| nfs3_getacl_async(nfs, file, done, me)),
                    FileCall::Fsync => self.call(nothing, &|done| nfs_fsync_async(nfs, file, done, me)),
                    FileCall::Close => self.call(nothing, &|done| nfs_close_async(nfs, file, done, me)),
                }
            };
            if !done && self.seen.calls == 0 {
                return false;
            }
        }
        true
    }

    /// Answers what has been asked; false when that was nothing.
    fn answer(&mut self) -> bool {
        let mut buffer = [0; 16 << 10];
        while let Ok(count @ 1..) = self.server.read(&mut buffer) {
            self.calls.extend_from_slice(&buffer[..count]);
        }
        let mut answered = false;
        while let Some((mark, rest)) = self.calls.split_first_chunk::<4>() {
            let length = (u32::from_be_bytes(*mark) & 0x7fff_ffff) as usize;
            let (Some(xid), true) = (rest.first_chunk::<4>(), rest.len() >= length) else { break };
            let xid = u32::from_be_bytes(*xid);
            self.calls.drain(..4 + length);
            answered = true;
            self.send(xid);
        }
        answered
    }

    fn send(&mut self, xid: u32) {
        let Some((length, rest)) = self.answers.split_first_chunk::<2>() else {
            let _closed_before = self.server.shutdown(std::net::Shutdown::Both);
            return;
        };
        let length = u16::from_be_bytes(*length);
        let (answer, later) = rest.split_at(rest.len().min(usize::from(length & 0x7fff)));
        self.answers = later;
        let bytes = match length & 0x8000 {
            0 => reply(xid, answer),
            _ => record(&[&xid.to_be_bytes(), answer].concat()),
        };
        // A socket that is full, or closed, cuts the reply short.
        let _ = self.server.write(&bytes);
    }
}

impl Drop for Player<'_> {
    fn drop(&mut self) {
        nfs_destroy_context(self.nfs);
    }
}
