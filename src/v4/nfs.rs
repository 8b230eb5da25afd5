//! NFSv4.1 as one operation sees it: who asks, how much time there is, and calls made of operations, each in a slot.
//!
//! What every call has in common is here and nowhere else: a slot is waited for, SEQUENCE precedes the operations, a busy
//! server (NFS4ERR_DELAY, NFS4ERR_GRACE) is asked again, and a session that the server has forgotten is made anew before
//! the call is.

use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::compound::{Compound, Results};
use super::owner::Names;
use super::registration::{Registration, Session, TakenSlot};
use super::slots::Sequence;
use super::status::{self, nfs_error};
use crate::error::{Error, Result};
use crate::io::{Reactor, Source};
use crate::rpc::{Answer, Backoff, CallClass, Connection, Credential, Pending, Request, Sink, Transport};

/// Longest reply of a call without data, bytes.
pub(super) const MAX_REPLY: usize = 16 << 10;

/// See the module.
#[derive(Clone)]
pub struct Nfs {
    service: Arc<Service>,
    /// When the operation is overdue.
    pub deadline: Option<Instant>,
    /// Where calls go while the session is made anew: into this one. Others wait.
    within: Option<Arc<Session>>,
}

/// What operations share.
pub struct Service {
    pub transport: Transport,
    pub credential: Credential,
    pub registration: Arc<Registration>,
    /// How long an operation may take, or one piece of a transfer.
    timeout: Option<Duration>,
    reactor: Arc<Reactor<Connection>>,
}

impl Deref for Nfs {
    type Target = Service;

    fn deref(&self) -> &Service {
        &self.service
    }
}

/// What is to be known of a call beside its operations.
#[derive(Debug, Clone, Copy)]
pub(super) struct Properties {
    /// The server is to keep the reply: the call must not be done twice.
    pub cache: bool,
    /// Longest reply, bytes.
    pub limit: usize,
}

impl Properties {
    /// Of a call that may be done twice.
    pub const HARMLESS: Self = Self { cache: false, limit: MAX_REPLY };
    /// Of one that may not.
    pub const ONCE: Self = Self { cache: true, limit: MAX_REPLY };
}

/// What became of a call.
pub(super) enum Outcome<T> {
    Done(T),
    /// The server asks to come again later.
    Busy,
    /// Sent twice, it was done the first time, and its reply was not kept.
    Unkept,
    /// The session is gone, or state that the call has named; nothing was done, unless the call had been sent twice.
    Lost(Loss),
}

/// What a server has forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    Session,
    /// Open files, with this status.
    State(u32),
}

/// Appends the operations of a call.
type Encode<'a> = dyn Fn(&mut Compound) + Send + Sync + 'a;
/// Reads their results.
type Read<'a> = dyn FnMut(&mut Results<'_>, &Names) -> Result<()> + Send + 'a;

impl Nfs {
    pub fn new(
        transport: Transport,
        credential: Credential,
        registration: Arc<Registration>,
        timeout: Option<Duration>,
        reactor: Arc<Reactor<Connection>>,
    ) -> Self {
        let service = Arc::new(Service { transport, credential, registration, timeout, reactor });
        Self { service, deadline: None, within: None }
    }

    /// For an operation that begins now.
    pub fn begun_now(&self) -> Self {
        Self { deadline: self.deadline_of_piece(), ..self.clone() }
    }

    /// For an operation that is overdue at `deadline`.
    pub fn until(self, deadline: Instant) -> Self {
        Self { deadline: Some(deadline), ..self }
    }

    /// The same, as somebody else.
    pub fn as_user(&self, user: &Credential) -> Self {
        if self.credential == *user {
            return self.clone();
        }
        let Service { transport, registration, timeout, reactor, .. } = &*self.service;
        let nfs = Self::new(transport.clone(), user.clone(), registration.clone(), *timeout, reactor.clone());
        Self { deadline: self.deadline, within: self.within.clone(), ..nfs }
    }

    /// The same, for operations that take as long as they take.
    pub fn without_timeout(&self) -> Self {
        let Service { transport, credential, registration, reactor, .. } = &*self.service;
        Self::new(transport.clone(), credential.clone(), registration.clone(), None, reactor.clone())
    }

    /// The same, for whoever makes the session anew.
    pub fn within(&self, session: &Arc<Session>) -> Self {
        Self { within: Some(session.clone()), ..self.clone() }
    }

    /// The same, for a call that is overdue at `deadline`, if ever.
    pub(super) fn due(&self, deadline: Option<Instant>) -> Self {
        Self { deadline, ..self.clone() }
    }

    /// When a piece of a transfer that begins now is overdue.
    pub fn deadline_of_piece(&self) -> Option<Instant> {
        self.timeout.map(|timeout| self.reactor.now() + timeout)
    }

    /// Makes a call of what `encode` appends. `read` gets the results behind that of SEQUENCE, where they lie; an error
    /// that asks to come again must be of an operation in front of which nothing was changed.
    pub(super) async fn call<T: Send>(
        &self,
        properties: Properties,
        encode: impl Fn(&mut Compound) + Send + Sync,
        read: impl Fn(&mut Results<'_>, &Names) -> Result<T> + Send + Sync,
    ) -> Result<T> {
        let mut value = None;
        let mut keep = |results: &mut Results<'_>, names: &Names| {
            value = Some(read(results, names)?);
            Ok(())
        };
        self.exchange(properties, &encode, &mut keep).await?;
        value.ok_or_else(|| Error::malformed("NFSv4: a reply that nobody has read"))
    }

    /// The part of [`Nfs::call`] that is the same for all of them, and compiled once.
    fn exchange<'a>(
        &'a self,
        properties: Properties,
        encode: &'a Encode<'a>,
        read: &'a mut Read<'a>,
    ) -> Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>> {
        Box::pin(self.exchange_now(properties, encode, read))
    }

    async fn exchange_now(
        &self,
        properties: Properties,
        encode: &Encode<'_>,
        read: &mut Read<'_>,
    ) -> Result<()> {
        let doubtful = match self.call_once(properties, encode, read).await? {
            Outcome::Done(()) => return Ok(()),
            Outcome::Busy => false,
            Outcome::Lost(_) | Outcome::Unkept => properties.cache,
        };
        // What is rare is boxed.
        Box::pin(self.call_again(properties, encode, read, doubtful)).await
    }

    async fn call_again(
        &self,
        properties: Properties,
        encode: &Encode<'_>,
        read: &mut Read<'_>,
        mut doubtful: bool,
    ) -> Result<()> {
        let mut backoff = Backoff::new();
        // With another session it is tried at once.
        while doubtful || backoff.wait(&self.transport, self.deadline).await {
            let outcome = self.call_once(properties, encode, read).await;
            match outcome.map_err(|error| error.with_retransmitted(doubtful))? {
                Outcome::Done(()) => return Ok(()),
                Outcome::Busy => doubtful = false,
                Outcome::Lost(_) | Outcome::Unkept => doubtful = properties.cache,
            }
        }
        Err(nfs_error(status::DELAY))
    }

    async fn call_once(
        &self,
        properties: Properties,
        encode: &Encode<'_>,
        read: &mut Read<'_>,
    ) -> Result<Outcome<()>> {
        let slot = self.slot().await?;
        let (session, sequence) = (slot.session().clone(), slot.sequence);
        let pending = self.start(slot, properties, encode, None, None);
        let names = &self.registration.names;
        let outcome = pending
            .read(|answer: Answer<'_>| outcome(answer.body, &sequence, |results| read(results, names)))
            .await?;
        match outcome {
            Outcome::Lost(loss) => self.registration.lost(&session, loss)?,
            _ => self.registration.went_well(),
        }
        Ok(outcome)
    }

    /// A slot for a call of this operation.
    pub(super) async fn slot(&self) -> Result<TakenSlot> {
        if let Some(slot) = self.try_slot() {
            return Ok(slot);
        }
        Box::pin(self.in_time(async {
            loop {
                let session = match &self.within {
                    Some(session) => session.clone(),
                    None => self.registration.session().await?,
                };
                match (session.take().await, &self.within) {
                    (Some(slot), _) => return Ok(slot),
                    (None, None) => {} // it has ended meanwhile
                    (None, Some(_)) => return Err(nfs_error(status::BADSESSION)),
                }
            }
        }))
        .await
    }

    /// As [`Nfs::slot`], if there is one now.
    pub fn try_slot(&self) -> Option<TakenSlot> {
        match &self.within {
            Some(session) => session.try_take(),
            None => self.registration.current()?.try_take(),
        }
    }

    /// The longest reply that a server of this session sends, bytes.
    pub(super) fn longest_reply(&self) -> u32 {
        self.current_session().map_or(MAX_REPLY as u32, |session| session.channel.response)
    }

    pub(super) fn current_session(&self) -> Option<Arc<Session>> {
        self.within.clone().or_else(|| self.registration.current())
    }

    async fn in_time<T>(&self, operation: impl Future<Output = Result<T>>) -> Result<T> {
        match self.deadline {
            Some(deadline) => self.reactor.until(deadline, operation).await,
            None => operation.await,
        }
    }

    /// Sends a call; `source` is data that follows it, `sink` where data of its reply goes.
    pub(super) fn start(
        &self,
        mut slot: TakenSlot,
        properties: Properties,
        encode: impl FnOnce(&mut Compound),
        source: Option<Source>,
        sink: Option<Sink>,
    ) -> Pending {
        self.transport.start_in(|memory| self.request(memory, &mut slot, properties, encode, source, sink))
    }

    pub(super) fn request(
        &self,
        memory: Vec<u8>,
        slot: &mut TakenSlot,
        properties: Properties,
        encode: impl FnOnce(&mut Compound),
        source: Option<Source>,
        sink: Option<Sink>,
    ) -> Request {
        let mut compound = Compound::new(memory, self.registration.minor, &self.credential);
        compound.sequence(&slot.sequence, properties.cache);
        encode(&mut compound);
        let class = CallClass::Slot(slot.ticket());
        let (message, deadline, limit) = (compound.finish(), self.deadline, properties.limit);
        Request { message, source, sink, deadline, limit, class }
    }
}

/// What the reply to a call says, SEQUENCE first.
pub(super) fn outcome<T>(
    body: &[u8],
    sequence: &Sequence,
    read: impl FnOnce(&mut Results<'_>) -> Result<T>,
) -> Result<Outcome<T>> {
    let mut results = Results::new(body)?;
    match results.sequence(sequence)? {
        Ok(_) => {}
        Err(status::DELAY) => return Ok(Outcome::Busy),
        Err(status::RETRY_UNCACHED_REP) => return Ok(Outcome::Unkept),
        // The others say that the session is gone, or that its slots are not what we think they are: then it has to go.
        Err(_) => return Ok(Outcome::Lost(Loss::Session)),
    }
    match read(&mut results) {
        Err(error) if is_busy(&error) => Ok(Outcome::Busy),
        Err(error) if error.status() == Some(status::RETRY_UNCACHED_REP) => Ok(Outcome::Unkept),
        Err(error) if is_state_lost(&error) => {
            Ok(Outcome::Lost(Loss::State(error.status().unwrap_or_default())))
        }
        result => result.map(Outcome::Done),
    }
}

/// Whether the server has forgotten a state that the call has named.
fn is_state_lost(error: &Error) -> bool {
    use status::{ADMIN_REVOKED, BAD_STATEID, DELEG_REVOKED, EXPIRED, OLD_STATEID, STALE_STATEID};
    let lost = [EXPIRED, STALE_STATEID, OLD_STATEID, BAD_STATEID, ADMIN_REVOKED, DELEG_REVOKED];
    error.status().is_some_and(|status| lost.contains(&status))
}

/// Whether the server asks to come again.
pub fn is_busy(error: &Error) -> bool {
    matches!(error.status(), Some(status::DELAY | status::GRACE))
}
