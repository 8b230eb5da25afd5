//! The server's lock manager: finding it, asking it, and remembering which files may have locks there.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::Client;
use super::mount::Mounted;
use crate::attributes::Handle;
use crate::error::{Error, Result};
use crate::io::{Connecting, PortKind};
use crate::rpc::Transport;
use crate::sync::lock;
use crate::v3::{Lock, LockCall, LockManager, LockOwner, LockStatus, PORTMAPPER_PORT, PortMapper};

/// How long to wait before a lock is asked for again, the first time and at most.
const PAUSE: std::ops::RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(1);

/// How long finding the lock manager may take when no timeout is set.
const FIND_TIME: Duration = Duration::from_secs(60);

/// Waits between two tries, longer each time.
pub struct Pauses {
    next: Duration,
    deadline: Option<Instant>,
}

impl Pauses {
    pub fn until(deadline: Option<Instant>) -> Self {
        Self { next: *PAUSE.start(), deadline }
    }

    /// Waits. ETIMEDOUT, and `why` there was no end to it, when the time is over.
    pub async fn wait(&mut self, client: &Client, why: &'static str) -> Result<()> {
        let left = self.deadline.map(|deadline| deadline.saturating_duration_since(client.reactor.now()));
        client.reactor.sleep(left.map_or(self.next, |left| left.min(self.next))).await;
        if left.is_some_and(|left| left <= self.next) {
            return Err(Error::new(libc::ETIMEDOUT, why));
        }
        self.next = (self.next * 2).min(*PAUSE.end());
        Ok(())
    }
}

/// What a mount knows of its locks.
#[derive(Default)]
pub struct Locks {
    /// The server has a lock manager: it has answered.
    known: AtomicBool,
    connection: Mutex<Option<Transport>>,
    holders: Mutex<Holders>,
}

#[derive(Default)]
struct Holders {
    by_owner: BTreeMap<LockOwner, Holder>,
    /// The mount has ended: nobody gets a lock any more.
    closed: bool,
}

/// A file that may have locks.
#[derive(Debug, Clone, Copy)]
pub struct Holder {
    pub file: Handle,
    /// Calls for locks that have not been answered: they may still be carried out.
    pub unanswered: usize,
}

impl Locks {
    /// Remembers that a file may have locks, `calls` more that are being asked for among them.
    pub fn remember(&self, wanted: &Lock, calls: usize) {
        let mut holders = lock(&self.holders);
        let new = Holder { file: wanted.file, unanswered: 0 };
        holders.by_owner.entry(wanted.owner).or_insert(new).unanswered += calls;
    }

    fn answered(&self, owner: LockOwner) {
        if let Some(holder) = lock(&self.holders).by_owner.get_mut(&owner) {
            holder.unanswered = holder.unanswered.saturating_sub(1);
        }
    }

    /// The file of an owner that may have locks. Unanswered calls are told of once.
    pub fn holder(&self, owner: LockOwner) -> Option<Holder> {
        let mut holders = lock(&self.holders);
        let holder = holders.by_owner.get_mut(&owner)?;
        let found = *holder;
        holder.unanswered = 0;
        Some(found)
    }

    /// The locks of an owner have been given back.
    pub fn forget(&self, owner: LockOwner) {
        lock(&self.holders).by_owner.remove(&owner);
    }

    /// Nobody gets a lock any more; returns who may have some.
    pub fn close(&self) -> Vec<LockOwner> {
        let mut holders = lock(&self.holders);
        holders.closed = true;
        holders.by_owner.keys().copied().collect()
    }

    /// ENOTCONN when nobody gets a lock any more.
    pub fn open(&self) -> Result<()> {
        match lock(&self.holders).closed {
            true => Err(Error::new(libc::ENOTCONN, "the mount has ended meanwhile")),
            false => Ok(()),
        }
    }

    /// Makes errors of a server that has no lock manager say so.
    fn explain(&self, error: Error) -> Error {
        let missing = [libc::EPROTONOSUPPORT, libc::EOPNOTSUPP, libc::ECONNREFUSED];
        if missing.contains(&error.errno()) && !self.known.load(Ordering::SeqCst) {
            return Error::new(
                libc::ENOLCK,
                format!("the server has no lock manager (NLM version 4): {error}"),
            );
        }
        error
    }
}

impl Client {
    /// Makes a call, again and again while the server restarts, or has done so and lets only old locks be claimed.
    pub(super) async fn insist(
        &self,
        mounted: &Mounted,
        call: LockCall,
        wanted: &Lock,
        deadline: Option<Instant>,
    ) -> Result<LockStatus> {
        let mut pauses = Pauses::until(deadline);
        loop {
            match self.ask(mounted, call, wanted, deadline).await {
                Ok(LockStatus::GracePeriod) => {}
                Err(error) if self.may_pass(mounted, &error) => {}
                result => return result,
            }
            pauses.wait(self, "the server did not come back from its restart in time").await?;
        }
    }

    /// Whether an error may be due to a restart of the server.
    fn may_pass(&self, mounted: &Mounted, error: &Error) -> bool {
        let passing = [
            libc::ECONNREFUSED,
            libc::ECONNRESET,
            libc::EPIPE,
            libc::EHOSTUNREACH,
            libc::ENETUNREACH,
            libc::EPROTONOSUPPORT,
        ];
        let known = mounted.locks.known.load(Ordering::SeqCst);
        known && passing.contains(&error.errno()) && self.settings().autoreconnect != 0
    }

    /// Makes one call, the first on a mount over a new connection, which is kept. Servers close one that was idle for
    /// some minutes: then the call is made once more, over another one.
    pub(super) async fn ask(
        &self,
        mounted: &Mounted,
        call: LockCall,
        wanted: &Lock,
        deadline: Option<Instant>,
    ) -> Result<LockStatus> {
        let locks = &mounted.locks;
        let mut kept = lock(&locks.connection).clone();
        loop {
            let is_new = kept.is_none();
            let transport = match kept {
                Some(transport) => transport,
                None => {
                    self.find_lock_manager(mounted, deadline).await.map_err(|error| locks.explain(error))?
                }
            };
            if call == LockCall::Lock {
                locks.remember(wanted, 1);
            }
            let credential = self.credential()?;
            let manager = LockManager { transport: transport.clone(), credential, deadline };
            let result = manager.call(call, wanted).await;
            *lock(&locks.connection) = result.is_ok().then_some(transport);
            match result {
                Ok(status) => {
                    locks.known.store(true, Ordering::SeqCst);
                    if call == LockCall::Lock {
                        locks.answered(wanted.owner);
                    }
                    return Ok(status);
                }
                Err(error) if is_new || error.errno() == libc::ETIMEDOUT => {
                    return Err(locks.explain(error));
                }
                Err(_) => kept = None,
            }
        }
    }

    async fn find_lock_manager(&self, mounted: &Mounted, deadline: Option<Instant>) -> Result<Transport> {
        let deadline = deadline.unwrap_or_else(|| self.reactor.now() + FIND_TIME);
        let mut server = mounted.mount_service;
        server.set_port(PORTMAPPER_PORT);
        let options = self.settings().socket_options();
        let connecting = Connecting::start([server], PortKind::Any, options.clone());
        let transport = Transport::new(&self.reactor, connecting.established(&self.reactor, deadline).await?);
        let portmapper = PortMapper { transport, server, deadline };
        server.set_port(portmapper.port(LockManager::PROGRAM, LockManager::VERSION).await?);
        let connecting = Connecting::start([server], PortKind::Reserved, options);
        Ok(Transport::new(&self.reactor, connecting.established(&self.reactor, deadline).await?))
    }
}
