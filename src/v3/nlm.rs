//! Locks on files: version 4 of the network lock manager (NLM), which serves beside NFSv3 (X/Open XNFS, chapter 14).
//!
//! All locks are asked for as unmonitored ones (NM_LOCK). Monitored ones (LOCK) are for clients that run a status
//! monitor, through which the server would tell them of its restart; we do not, and a server that has no monitor of
//! its own refuses them.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Instant;

use once_cell::sync::{Lazy, OnceCell};

use super::data::put_opaque;
use crate::attributes::Handle;
use crate::error::{Error, Result};
use crate::rpc::{CallClass, Credential, Message, Request, Transport};
use crate::xdr::Reader;

/// Longest reply, bytes: the holder of a lock, of which TEST tells, is at most 1 KiB.
const MAX_REPLY: usize = 4096;

/// Who has a lock: one open file of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LockOwner(u64);

impl LockOwner {
    /// Somebody new. Servers may tell owners apart by the client's address and [`LockOwner::svid`] alone, so the
    /// numbers of one process must not be those of another, or of its fork.
    pub fn new() -> Self {
        static RANDOM: Lazy<RandomState> = Lazy::new(RandomState::new);
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let start = RANDOM.hash_one(std::process::id());
        Self(start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)))
    }

    /// The owner as a process number, with 30 random bits, above those that clients in kernels use.
    fn svid(self) -> u32 {
        self.0 as u32 & 0x3fff_ffff | 0x4000_0000
    }
}

/// Bytes of a file, and who locks them.
#[derive(Debug, Clone, Copy)]
pub struct Lock {
    pub file: Handle,
    pub owner: LockOwner,
    /// For writing; nobody else may have a lock then.
    pub exclusive: bool,
    pub offset: u64,
    /// 0 for all bytes from `offset` on.
    pub length: u64,
}

/// What is done with a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockCall {
    /// Asks whether it could be had.
    Test,
    /// Takes it, if that is possible at once.
    Lock,
    /// Takes it as one that was held before the server restarted.
    Reclaim,
    /// Ends the server's wait for it.
    Cancel,
    /// Gives it back.
    Unlock,
}

/// What the server says (nlm4_stats).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockStatus {
    Granted,
    /// Another owner's lock is in the way.
    Denied,
    NoLocks,
    /// The server waits for the lock, though it was not told to.
    Blocked,
    /// The server has restarted, and gives out no locks while its clients claim theirs: ask again.
    GracePeriod,
    Deadlock,
    ReadOnly,
    Stale,
    TooBig,
    Failed,
}

impl LockStatus {
    const ALL: [Self; 10] = [
        Self::Granted,
        Self::Denied,
        Self::NoLocks,
        Self::Blocked,
        Self::GracePeriod,
        Self::Deadlock,
        Self::ReadOnly,
        Self::Stale,
        Self::TooBig,
        Self::Failed,
    ];

    /// The error of a call that was not granted.
    pub fn error(self) -> Error {
        let (errno, cause) = match self {
            Self::Granted => (libc::EIO, "NLM4_GRANTED"),
            Self::Denied => (libc::EAGAIN, "another owner has a lock there (NLM4_DENIED)"),
            Self::NoLocks => (libc::ENOLCK, "the server gives out no more locks (NLM4_DENIED_NOLOCKS)"),
            Self::Blocked => (libc::EAGAIN, "another owner has a lock there (NLM4_BLOCKED)"),
            Self::GracePeriod => (libc::EAGAIN, "the server has restarted (NLM4_DENIED_GRACE_PERIOD)"),
            Self::Deadlock => (libc::EDEADLK, "the wait would never end (NLM4_DEADLCK)"),
            Self::ReadOnly => (libc::EROFS, "the file system is read-only (NLM4_ROFS)"),
            Self::Stale => (libc::ESTALE, "the file is gone (NLM4_STALE_FH)"),
            Self::TooBig => (libc::EFBIG, "the server has no files that long (NLM4_FBIG)"),
            Self::Failed => (libc::ENOLCK, "the server cannot lock this file (NLM4_FAILED)"),
        };
        Error::new(errno, cause)
    }
}

/// The lock manager of one server, over one connection and until one deadline.
pub struct LockManager {
    pub transport: Transport,
    pub credential: Credential,
    pub deadline: Option<Instant>,
}

impl LockManager {
    pub const PROGRAM: u32 = 100_021;
    pub const VERSION: u32 = 4;

    /// Makes one call. An error is one of the connection, or of a service that does not have the call. Also says whether
    /// it was sent more than once, so that it may be carried out late.
    pub async fn call(&self, call: LockCall, lock: &Lock) -> Result<(LockStatus, bool)> {
        const TEST: u32 = 1;
        const LOCK: u32 = 2;
        const CANCEL: u32 = 3;
        const UNLOCK: u32 = 4;
        const NM_LOCK: u32 = 22;
        match call {
            LockCall::Test => self.start(TEST, call, lock).await,
            LockCall::Cancel => self.start(CANCEL, call, lock).await,
            LockCall::Unlock => self.start(UNLOCK, call, lock).await,
            LockCall::Lock | LockCall::Reclaim => match self.start(NM_LOCK, call, lock).await {
                Err(error) if error.errno() == libc::EOPNOTSUPP => self.start(LOCK, call, lock).await,
                result => result,
            },
        }
    }

    async fn start(&self, procedure: u32, call: LockCall, lock: &Lock) -> Result<(LockStatus, bool)> {
        static COOKIE: AtomicU32 = AtomicU32::new(1);
        let cookie = COOKIE.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let mut message = Message::call(Self::PROGRAM, Self::VERSION, procedure, &self.credential);
        put_arguments(message.arguments(), cookie, call, lock, host_name()?);
        let (deadline, limit) = (self.deadline, MAX_REPLY);
        // Granted a second time, a lock may outlast the call that gives it back.
        let class = if call == LockCall::Lock { CallClass::Cached } else { CallClass::Idempotent };
        let request = Request { message, source: None, sink: None, deadline, limit, class };
        let reply = self.transport.start(request).await?;
        Ok((status(reply.body(), cookie)?, reply.retransmitted))
    }
}

/// This machine's name, asked once per process: a lock is given back under the name it was taken under.
fn host_name() -> Result<&'static [u8]> {
    static NAME: OnceCell<Vec<u8>> = OnceCell::new();
    NAME.get_or_try_init(crate::io::host_name).map(Vec::as_slice)
}

fn put_arguments(to: &mut Vec<u8>, cookie: [u8; 4], call: LockCall, lock: &Lock, host: &[u8]) {
    let words = |to: &mut Vec<u8>, words: &[u32]| {
        to.extend(words.iter().flat_map(|word| word.to_be_bytes()));
    };
    let (do_not_wait, no_state) = (0, 0);
    let waited = 1;
    put_opaque(to, &cookie);
    match call {
        LockCall::Test => words(to, &[lock.exclusive.into()]),
        LockCall::Lock | LockCall::Reclaim => words(to, &[do_not_wait, lock.exclusive.into()]),
        LockCall::Cancel => words(to, &[waited, lock.exclusive.into()]),
        LockCall::Unlock => {}
    }
    put_opaque(to, host);
    put_opaque(to, lock.file.as_bytes());
    put_opaque(to, &[format!("{:016x}@", lock.owner.0).as_bytes(), host].concat());
    words(to, &[lock.owner.svid()]);
    to.extend_from_slice(&lock.offset.to_be_bytes());
    to.extend_from_slice(&lock.length.to_be_bytes());
    if let LockCall::Lock | LockCall::Reclaim = call {
        words(to, &[(call == LockCall::Reclaim).into(), no_state]);
    }
}

/// The status in a reply. What TEST tells of the lock that is in the way follows it; nobody has asked for that.
fn status(body: &[u8], cookie: [u8; 4]) -> Result<LockStatus> {
    let mut reader = Reader::new(body);
    let returned = reader.opaque()?;
    // nfs-ganesha leaves it out when it does not know the file.
    if !returned.is_empty() && returned != cookie {
        return Err(Error::malformed("the lock service answers another call"));
    }
    let word = reader.u32()?;
    let status = usize::try_from(word).ok().and_then(|word| LockStatus::ALL.get(word));
    status.copied().ok_or_else(|| Error::malformed(format!("NLM status {word} is unknown")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lock() -> Lock {
        let file = Handle::new(b"file").unwrap();
        Lock { file, owner: LockOwner(0xabcd_ef01_2345_6789), exclusive: true, offset: 5, length: 7 }
    }

    fn arguments(call: LockCall) -> Vec<u8> {
        let mut bytes = Vec::new();
        put_arguments(&mut bytes, *b"cook", call, &lock(), b"me");
        bytes
    }

    #[test]
    fn arguments_are_those_of_the_protocol() {
        let alock = b"\0\0\0\x02me\0\0\0\0\0\x04file\0\0\0\x13abcdef0123456789@me\0\x63\x45\x67\x89\
                      \0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\x07";
        let cookie = b"\0\0\0\x04cook";
        let exclusive = b"\0\0\0\x01";
        assert_eq!(arguments(LockCall::Unlock), [&cookie[..], alock].concat());
        assert_eq!(arguments(LockCall::Test), [&cookie[..], exclusive, alock].concat());
        let waited = b"\0\0\0\x01";
        assert_eq!(arguments(LockCall::Cancel), [&cookie[..], waited, exclusive, alock].concat());
        let at_once = b"\0\0\0\0";
        let new = b"\0\0\0\0\0\0\0\0";
        assert_eq!(arguments(LockCall::Lock), [&cookie[..], at_once, exclusive, alock, new].concat());
        let held_before = b"\0\0\0\x01\0\0\0\0";
        assert_eq!(
            arguments(LockCall::Reclaim),
            [&cookie[..], at_once, exclusive, alock, held_before].concat()
        );
    }

    #[test]
    fn replies() {
        let reply = |cookie: &[u8], word: u32| {
            let mut body = Vec::new();
            put_opaque(&mut body, cookie);
            body.extend_from_slice(&word.to_be_bytes());
            status(&body, *b"cook").map_err(|error| error.errno())
        };
        for (word, expected) in LockStatus::ALL.into_iter().enumerate() {
            assert_eq!(reply(b"cook", word as u32), Ok(expected));
        }
        assert_eq!(reply(b"cook", 10), Err(libc::EIO));
        assert_eq!(reply(b"cooked", 0), Err(libc::EIO));
        assert_eq!(reply(b"", 7), Ok(LockStatus::Stale));
        assert!(status(b"\0\0\0\x04cook\0\0\0", *b"cook").is_err());
    }

    #[test]
    fn owners_differ() {
        let owners: Vec<_> = (0..1000).map(|_| LockOwner::new()).collect();
        let mut numbers: Vec<_> = owners.iter().map(|owner| owner.svid()).collect();
        numbers.sort();
        numbers.dedup();
        assert_eq!(numbers.len(), owners.len());
        assert!(numbers.iter().all(|svid| (0x4000_0000..0x8000_0000).contains(svid)));
    }

    proptest! {
        #[test]
        fn garbage_never_panics(body in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = status(&body, [0; 4]);
        }
    }
}
