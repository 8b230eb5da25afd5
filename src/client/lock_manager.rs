//! The server's lock manager: finding it, asking it, and remembering which files may have locks there.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use super::Client;
use super::locks::LockState;
use super::mount::Mounted;
use super::reconnect::{Service, Supervisor};
use crate::attributes::Handle;
use crate::error::{Error, Result};
use crate::io::PortKind;
use crate::rpc::Transport;
use crate::sync::lock;
use crate::v3::{Lock, LockCall, LockManager, LockOwner, LockStatus, PORTMAPPER_PORT, PortMapper};

/// How long to wait before a lock is asked for again, the first time and at most.
const PAUSE: std::ops::RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(1);

/// How long finding the lock manager may take when no timeout is set.
const FIND_TIME: Duration = Duration::from_secs(60);

/// Waits between two tries, longer each time.
pub struct Backoff {
    next: Duration,
    deadline: Option<Instant>,
}

impl Backoff {
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
    /// Whose mount it is.
    client: Weak<Client>,
    /// The server has a lock manager: it has answered.
    known: AtomicBool,
    connection: Mutex<Option<Transport>>,
    holders: Mutex<Holders>,
    reclaim: Mutex<ReclaimState>,
}

/// How far the locks have been taken again.
#[derive(Default)]
struct ReclaimState {
    active: bool,
    /// How often the lock manager has answered since that began.
    answers: usize,
    /// It was lost again after that.
    again: bool,
}

#[derive(Default)]
struct Holders {
    by_owner: BTreeMap<LockOwner, LockHolder>,
    /// The mount has ended: nobody gets a lock any more.
    closed: bool,
}

/// A file that may have locks.
#[derive(Clone)]
pub struct LockHolder {
    pub file: Handle,
    pub locking: LockState,
    /// Calls for locks that may still be carried out: they have not been answered, or were sent more than once.
    pub unanswered: usize,
}

impl Locks {
    pub fn of(client: Weak<Client>) -> Self {
        Self { client, ..Self::default() }
    }

    /// Remembers that a file may have locks, `calls` more that are being asked for among them.
    pub fn remember(&self, file: Handle, locking: &LockState, calls: usize) {
        let mut holders = lock(&self.holders);
        let new = || LockHolder { file, locking: locking.clone(), unanswered: 0 };
        holders.by_owner.entry(locking.owner()).or_insert_with(new).unanswered += calls;
    }

    fn answered(&self, owner: LockOwner) {
        if let Some(holder) = lock(&self.holders).by_owner.get_mut(&owner) {
            holder.unanswered = holder.unanswered.saturating_sub(1);
        }
    }

    /// The file of an owner that may have locks. Its unanswered calls are forgotten.
    pub fn holder(&self, owner: LockOwner) -> Option<LockHolder> {
        let mut holders = lock(&self.holders);
        let holder = holders.by_owner.get_mut(&owner)?;
        let found = holder.clone();
        holder.unanswered = 0;
        Some(found)
    }

    /// The files that have locks to take again after a restart.
    pub fn holders(&self) -> Vec<LockHolder> {
        let holders = lock(&self.holders);
        let closed = holders.closed;
        let have = |holder: &&LockHolder| !closed && !holder.locking.held().is_empty();
        holders.by_owner.values().filter(have).cloned().collect()
    }

    /// Whether the locks are to be taken again by who asks. Otherwise another task is at it, and begins again if it has
    /// had an answer.
    pub fn begin_reclaim(&self) -> bool {
        let mut reclaim = lock(&self.reclaim);
        reclaim.again |= reclaim.active && reclaim.answers > 0;
        !std::mem::replace(&mut reclaim.active, true)
    }

    pub fn is_reclaiming(&self) -> bool {
        lock(&self.reclaim).active
    }

    /// Another task is about to take them again, over the connection there is now.
    pub fn is_reclaiming_soon(&self) -> bool {
        let reclaim = lock(&self.reclaim);
        reclaim.active && reclaim.answers == 0
    }

    /// A round of that begins.
    pub fn begin_reclaim_round(&self) {
        let mut reclaim = lock(&self.reclaim);
        (reclaim.answers, reclaim.again) = (0, false);
    }

    /// How often the lock manager has answered in this round.
    pub fn answers(&self) -> usize {
        lock(&self.reclaim).answers
    }

    /// A round is over; true when that was all.
    pub fn end_reclaim_round(&self) -> bool {
        let mut reclaim = lock(&self.reclaim);
        reclaim.active = reclaim.again;
        !reclaim.again
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

    /// There are no supervisors any more: a connection that is lost is an error, and another one is made by the call
    /// that meets it.
    pub fn end_supervision(&self) {
        if let Some(transport) = &*lock(&self.connection) {
            transport.end_supervision();
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
        mounted: &Arc<Mounted>,
        locking: &LockState,
        call: LockCall,
        wanted: &Lock,
        deadline: Option<Instant>,
    ) -> Result<LockStatus> {
        let mut backoff = Backoff::until(deadline);
        loop {
            let answer = {
                // One after the other, so that what is taken again after a restart is what is held.
                let _turn = locking.turn().await;
                locking.check()?;
                if call == LockCall::Unlock {
                    locking.forget(wanted.offset, wanted.length);
                }
                let answer = self.ask(mounted, locking, call, wanted, deadline).await;
                if let (LockCall::Lock, Ok(LockStatus::Granted)) = (call, &answer) {
                    locking.hold(wanted);
                }
                answer
            };
            match answer {
                Ok(LockStatus::GracePeriod) => {}
                Err(error) if self.may_pass(mounted, &error) => {}
                result => return result,
            }
            backoff.wait(self, "the server did not come back from its restart in time").await?;
        }
    }

    /// Whether an error may be due to a restart of the server.
    pub(super) fn may_pass(&self, mounted: &Mounted, error: &Error) -> bool {
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

    /// Makes one call, the first on a mount over a new connection, which is kept. When that is lost for good, the call
    /// is made once more over another one.
    pub(super) async fn ask(
        &self,
        mounted: &Arc<Mounted>,
        locking: &LockState,
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
                    let made = self.connect_to_lock_manager(mounted, deadline).await;
                    made.map_err(|error| locks.explain(error))?
                }
            };
            let takes = matches!(call, LockCall::Lock | LockCall::Reclaim);
            if takes {
                locks.remember(wanted.file, locking, 1);
            }
            let credential = self.credential()?;
            let manager = LockManager { transport: transport.clone(), credential, deadline };
            let result = manager.call(call, wanted).await;
            match result {
                Ok((status, retransmitted)) => {
                    locks.known.store(true, Ordering::SeqCst);
                    lock(&locks.reclaim).answers += 1;
                    if takes && !retransmitted {
                        locks.answered(wanted.owner);
                    }
                    return Ok(status);
                }
                Err(error) => {
                    lock(&locks.connection).take_if(|kept| kept.is_same(&transport));
                    if is_new || error.errno() == libc::ETIMEDOUT {
                        return Err(locks.explain(error));
                    }
                    kept = None;
                }
            }
        }
    }

    /// Makes the connection that is kept, with a supervisor.
    async fn connect_to_lock_manager(
        &self,
        mounted: &Arc<Mounted>,
        deadline: Option<Instant>,
    ) -> Result<Transport> {
        let deadline = deadline.unwrap_or_else(|| self.reactor.now() + FIND_TIME);
        let address = self.find_lock_manager(mounted.mount_service, deadline).await?;
        self.keep_lock_manager(mounted, address, deadline).await
    }

    pub(super) async fn keep_lock_manager(
        &self,
        mounted: &Arc<Mounted>,
        address: SocketAddr,
        deadline: Instant,
    ) -> Result<Transport> {
        let connecting = self.connect([address], PortKind::Reserved);
        let stream = connecting.established(&self.reactor, deadline).await?;
        stream.notice_silence();
        let port = stream.local_port();
        let transport = Transport::new(&self.reactor, stream);
        let client = mounted.locks.client.clone();
        if client.strong_count() > 0 && self.still_open().is_ok() {
            let service = Service::LockManager { mounted: Arc::downgrade(mounted) };
            let supervision = transport.supervise();
            let supervisor = Supervisor { client, supervision, service, address, port, tries: 0 };
            self.executor.spawn_background(supervisor.run())?;
        }
        *lock(&mounted.locks.connection) = Some(transport.clone());
        Ok(transport)
    }

    /// Where the portmapper says that the lock manager of a server is.
    pub(super) async fn find_lock_manager(
        &self,
        mut server: SocketAddr,
        deadline: Instant,
    ) -> Result<SocketAddr> {
        server.set_port(PORTMAPPER_PORT);
        let connecting = self.connect([server], PortKind::Any);
        let transport = Transport::new(&self.reactor, connecting.established(&self.reactor, deadline).await?);
        let portmapper = PortMapper { transport, server, deadline };
        server.set_port(portmapper.port(LockManager::PROGRAM, LockManager::VERSION).await?);
        Ok(server)
    }
}
