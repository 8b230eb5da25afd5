//! How a server knows a mount: the client ID, the session and its slots. When the server has forgotten them, one task
//! makes them anew, and all calls wait for it.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::compound::{Compound, Results};
use super::nfs::Loss;
use super::owner::Names;
use super::session::{Channel, ClientId, ClientOwner, NewSession};
use super::slots::{Sequence, Slots};
use super::status::{self, nfs_error};
use crate::error::{Error, Result};
use crate::rpc::{Credential, Message, SlotTable, Ticket};
use crate::sync::lock;

/// See the module.
pub struct Registration {
    pub minor: u32,
    pub owner: ClientOwner,
    pub names: Names,
    state: Mutex<State>,
    /// There were losses since a call went well.
    unwell: AtomicBool,
    /// Seconds.
    lease: AtomicU32,
    /// The client ID of the last session.
    client: AtomicU64,
}

struct State {
    /// None while another one is made.
    session: Option<Arc<Session>>,
    /// Calls that wait for it.
    waiting: Vec<Waker>,
    /// Who makes it.
    recoverer: Option<Waker>,
    /// Why there is none to be had.
    failed: Option<Error>,
    /// Open files were forgotten though the client was not.
    lost_state: bool,
    /// That has happened so often since a call went well.
    losses: u32,
}

/// A server that has forgotten open files so often in a row is not asked again.
const MOST_LOSSES: u32 = 5;

/// A session, and the client ID that it belongs to.
pub struct Session {
    pub client: u64,
    pub channel: Channel,
    minor: u32,
    /// Of the mount.
    credential: Credential,
    slots: Mutex<Slots>,
    /// What the server last said of its state: see [`super::numbers::sequence_status`].
    flags: AtomicU32,
}

/// A slot for one call.
pub struct TakenSlot {
    session: Arc<Session>,
    pub sequence: Sequence,
    /// No call was made in it so far.
    unused: bool,
}

impl Registration {
    pub fn new(minor: u32, owner: ClientOwner, session: Arc<Session>) -> Self {
        let registration = Self::without_session(minor, owner);
        registration.client.store(session.client, Ordering::Relaxed);
        lock(&registration.state).session = Some(session);
        registration
    }

    /// One whose session is still to be made.
    pub fn without_session(minor: u32, owner: ClientOwner) -> Self {
        let (unwell, lease, client) = (AtomicBool::new(false), AtomicU32::new(60), AtomicU64::new(0));
        let state = State {
            session: None,
            waiting: Vec::new(),
            recoverer: None,
            failed: None,
            lost_state: false,
            losses: 0,
        };
        Self { minor, owner, names: Names::default(), state: Mutex::new(state), unwell, lease, client }
    }

    /// The session, if there is one now.
    pub fn current(&self) -> Option<Arc<Session>> {
        lock(&self.state).session.clone()
    }

    /// The session; waits while another one is made.
    pub async fn session(&self) -> Result<Arc<Session>> {
        poll_fn(|context| self.poll_session(context)).await
    }

    fn poll_session(&self, context: &mut Context<'_>) -> Poll<Result<Arc<Session>>> {
        let mut state = lock(&self.state);
        match (&state.session, &state.failed) {
            (Some(session), _) => Poll::Ready(Ok(session.clone())),
            (None, Some(error)) => Poll::Ready(Err(error.clone())),
            (None, None) => {
                state.waiting.push(context.waker().clone());
                Poll::Pending
            }
        }
    }

    /// The server does not know this session any more, or open files: whoever makes it anew opens them again. An error when
    /// that does not help.
    pub fn lost(&self, session: &Arc<Session>, loss: Loss) -> Result<()> {
        let recoverer = {
            let mut state = lock(&self.state);
            if !state.session.as_ref().is_some_and(|current| Arc::ptr_eq(current, session)) {
                return Ok(()); // somebody has said so before
            }
            if state.losses >= MOST_LOSSES {
                let status = if let Loss::State(status) = loss { status } else { status::BADSESSION };
                return Err(nfs_error(status));
            }
            state.losses += 1;
            state.lost_state |= loss != Loss::Session;
            state.session = None;
            state.recoverer.take()
        };
        self.unwell.store(true, Ordering::Relaxed);
        lock(&session.slots).end();
        recoverer.into_iter().for_each(Waker::wake);
        Ok(())
    }

    /// A call was answered as it should be.
    pub fn went_well(&self) {
        if self.unwell.load(Ordering::Relaxed) {
            self.unwell.store(false, Ordering::Relaxed);
            lock(&self.state).losses = 0;
        }
    }

    /// How long the server keeps state without hearing of us.
    pub fn lease(&self) -> Duration {
        Duration::from_secs(self.lease.load(Ordering::Relaxed).into())
    }

    pub fn set_lease(&self, lease: Duration) {
        self.lease.store(lease.as_secs().try_into().unwrap_or(u32::MAX), Ordering::Relaxed);
    }

    /// Whether the server has forgotten the client that the last session was of, and with it everything.
    pub fn is_another_client(&self, session: &Session) -> bool {
        self.client.swap(session.client, Ordering::Relaxed) != session.client
    }

    /// Whether open files are to be opened again, though the server knows the client.
    pub fn take_lost_state(&self) -> bool {
        std::mem::take(&mut lock(&self.state).lost_state)
    }

    /// Waits until there is no session.
    pub async fn until_lost(&self) {
        poll_fn(|context| {
            let mut state = lock(&self.state);
            if state.session.is_none() && state.failed.is_none() {
                return Poll::Ready(());
            }
            state.recoverer = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// There is another one; or, with an error, there is none to be had.
    pub fn resume(&self, session: Result<Arc<Session>>) {
        let waiting = {
            let mut state = lock(&self.state);
            match session {
                Ok(session) => (state.session, state.failed) = (Some(session), None),
                Err(error) => state.failed = Some(error),
            }
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }
}

impl Session {
    pub fn new(minor: u32, client: &ClientId, new: &NewSession, credential: &Credential) -> Arc<Self> {
        let granted = new.channel.requests.min(Channel::WANTED.requests);
        Arc::new(Self {
            client: client.id,
            channel: new.channel,
            minor,
            credential: credential.clone(),
            slots: Mutex::new(Slots::new(new.id, granted)),
            flags: AtomicU32::new(0),
        })
    }

    /// A slot, if one is free.
    pub fn try_take(self: &Arc<Self>) -> Option<TakenSlot> {
        let sequence = lock(&self.slots).take()?;
        Some(TakenSlot { session: self.clone(), sequence, unused: true })
    }

    /// A slot, as soon as one is free. None when the session has ended.
    pub async fn take(self: &Arc<Self>) -> Option<TakenSlot> {
        let take = |context: &mut Context<'_>| {
            let mut slots = lock(&self.slots);
            if slots.has_ended() {
                return Poll::Ready(None);
            }
            slots.poll_take(context).map(Some)
        };
        let sequence = poll_fn(take).await?;
        Some(TakenSlot { session: self.clone(), sequence, unused: true })
    }

    /// Flags of the server's state that have come since the last time.
    pub fn take_flags(&self) -> u32 {
        self.flags.swap(0, Ordering::Relaxed)
    }

    /// No slot is taken.
    pub fn is_idle(&self) -> bool {
        lock(&self.slots).is_idle()
    }

    pub fn id(&self) -> super::slots::SessionId {
        lock(&self.slots).session()
    }
}

impl TakenSlot {
    pub fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// A call goes out in it: the connection knows from now on when it is free again.
    pub fn ticket(&mut self) -> Ticket {
        self.unused = false;
        Ticket { session: self.session.clone(), slot: self.sequence.slot }
    }
}

impl Drop for TakenSlot {
    fn drop(&mut self) {
        if self.unused {
            lock(&self.session.slots).free(self.sequence.slot);
        }
    }
}

impl SlotTable for Session {
    fn answered(&self, slot: u32, body: Option<&[u8]>) {
        let mut slots = lock(&self.slots);
        let sequence = slots.sequence(slot);
        let read = |body| Results::new(body)?.sequence(&sequence);
        match body.map(read) {
            Some(Ok(Ok(sequenced))) => {
                if sequenced.flags != 0 {
                    self.flags.fetch_or(sequenced.flags, Ordering::Relaxed);
                }
                slots.set_target(sequenced.target);
                slots.done(slot);
            }
            // It is to be sent again as it was.
            Some(Ok(Err(status::DELAY))) => slots.free(slot),
            // The session is gone, or nobody knows in which state the slot is: then so will the next call in it find.
            _ => slots.done(slot),
        }
    }

    fn never_sent(&self, slot: u32) {
        lock(&self.slots).free(slot);
    }

    fn stand_in(&self, slot: u32) -> Message {
        let mut compound = Compound::new(Vec::new(), self.minor, &self.credential);
        compound.sequence(&lock(&self.slots).sequence(slot), false);
        compound.finish()
    }
}
