//! How a server knows a mount: the client ID, the session and its slots. When the server has forgotten them, one task
//! makes them anew, and all calls wait for it.

use std::future::poll_fn;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use super::compound::{Compound, Results};
use super::owner::Names;
use super::session::{Channel, ClientId, ClientOwner, NewSession};
use super::slots::{Sequence, Slots};
use super::status;
use crate::error::{Error, Result};
use crate::rpc::{Credential, Message, SlotTable, Ticket};
use crate::sync::lock;

/// See the module.
pub struct Registration {
    pub minor: u32,
    pub owner: ClientOwner,
    pub names: Names,
    state: Mutex<State>,
}

struct State {
    /// None while another one is made.
    session: Option<Arc<Session>>,
    /// Calls that wait for it.
    waiting: Vec<Waker>,
    /// Who makes it.
    recoverer: Option<Waker>,
    /// Why there will be none.
    failed: Option<Error>,
}

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
        let state = State { session: Some(session), waiting: Vec::new(), recoverer: None, failed: None };
        Self { minor, owner, names: Names::default(), state: Mutex::new(state) }
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

    /// The server does not know this session any more.
    pub fn lost(&self, session: &Arc<Session>) {
        let recoverer = {
            let mut state = lock(&self.state);
            if !state.session.as_ref().is_some_and(|current| Arc::ptr_eq(current, session)) {
                return; // somebody has said so before
            }
            state.session = None;
            state.recoverer.take()
        };
        lock(&session.slots).end();
        recoverer.into_iter().for_each(Waker::wake);
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
