//! One turn of the event loop: send what is queued, wait, receive, end what is overdue.
//!
//! A reactor holds the connections of one context, the descriptors and instants its operations wait for, and
//! nothing else: it knows no protocol. It is run by whoever needs progress (see `executor`).
//!
//! At most one thread at a time waits, in poll(2) or recv(2). What others queue meanwhile, they send themselves; when
//! that does not suffice (an earlier deadline, a socket that is full) they wake the one that waits.

mod state;

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::os::fd::{AsRawFd, RawFd};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use libc::c_short;
use once_cell::sync::OnceCell;

use super::link::{Link, LinkId, Wire};
use super::socket::{PATIENCE, Stream};
use super::user::User;
use super::waiter::{Epoll, Notifier, POLL_IN, close_all, poll};
use crate::error::{Error, Result};
use crate::sync::{Held, hold, try_lock};
use state::{Sleep, State, Wait, Watched, pollfd};

/// See the module.
pub struct Reactor<W> {
    state: Mutex<State<W>>,
    /// Ends a wait in poll(2). Made when another thread first has to, or may have to at any time.
    notifier: OnceCell<Notifier>,
    /// A thread is in poll(2), or about to be: news must wake it.
    polling: AtomicBool,
    /// See [`Reactor::abandon`].
    abandoned: AtomicBool,
    _user: User,
}

impl<W: Wire> Reactor<W> {
    pub fn new() -> Result<Self> {
        let state = State {
            links: Vec::with_capacity(1),
            waits: BTreeMap::new(),
            timers: BTreeMap::new(),
            lazy_timers: BTreeMap::new(),
            next_id: 0,
            epoll: None,
            sleep: Sleep::Awake,
            received: 0,
        };
        let [polling, abandoned] = [const { AtomicBool::new(false) }; 2];
        Ok(Self {
            state: Mutex::new(state),
            notifier: OnceCell::new(),
            polling,
            abandoned,
            _user: User::new(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State<W>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends a wait in poll(2) that another thread is in, or about to be. If it does not look at the notifier, for there was
    /// none, or there is no descriptor for one, it waits no longer than [`PATIENCE`].
    fn notify(&self) {
        if let Ok(notifier) = self.notifier.get_or_try_init(Notifier::new) {
            notifier.notify();
        }
    }

    /// The time. Above this layer nobody reads a clock.
    pub fn now(&self) -> Instant {
        Instant::now()
    }

    /// As [`Reactor::attach`], for a link that has no connection yet.
    pub fn attach_unconnected(&self, wire: W) -> LinkId {
        let mut state = self.state();
        let id = LinkId(state.take_id());
        state.links.push(Link::new(id, wire, None));
        id
    }

    /// Takes over a connected socket and the protocol spoken on it.
    pub fn attach(&self, stream: Stream, wire: W) -> LinkId {
        let mut state = self.state();
        let id = LinkId(state.take_id());
        if let Some(epoll) = &state.epoll
            && let Err(error) = epoll.add(stream.as_raw_fd(), POLL_IN)
        {
            // Out of memory or watches: the program's loop would never hear of this connection.
            let mut link = Link::new(id, wire, None);
            link.wire.fail(&Error::from(error));
            state.links.push(link);
            return id;
        }
        state.links.push(Link::new(id, wire, Some(stream)));
        self.wake_if_missed(&state);
        id
    }

    /// Gives a link that has lost its connection another one; false when the link is detached.
    pub fn resume(&self, id: LinkId, stream: Stream) -> Result<bool> {
        let mut state = self.state();
        let state = &mut *state;
        let Some(link) = state.links.iter_mut().find(|link| link.id == id) else { return Ok(false) };
        if let Some(epoll) = &state.epoll {
            epoll.add(stream.as_raw_fd(), POLL_IN)?;
        }
        (link.stream, link.registered, link.watched) = (Some(Arc::new(stream)), POLL_IN, 0);
        link.wire.resumed();
        self.wake_if_missed(state);
        Ok(true)
    }

    /// In a child of the process that has made it: closes the descriptors, and leaves alone what they stand for, with
    /// which the parent goes on. It must not be used or dropped afterwards.
    pub fn abandon(&self) {
        // A thread that only the parent has may have held the lock.
        let state = try_lock(&self.state);
        if self.abandoned.swap(true, Ordering::SeqCst) {
            return;
        }
        if let Some(mut state) = state {
            for stream in state.links.iter_mut().filter_map(|link| link.stream.take()) {
                match Arc::try_unwrap(stream) {
                    Ok(ours) => drop(ours),
                    // Such a thread was about to use it.
                    Err(theirs) => {
                        close_all(&[theirs.as_raw_fd()]);
                        std::mem::forget(theirs);
                    }
                }
            }
            state.epoll = None;
        }
        if let Some(notifier) = self.notifier.get() {
            close_all(&[notifier.abandon()]);
        }
    }

    /// For a fork: so that the child can abandon it.
    pub fn hold<'a>(&'a self, until: Instant, held: &mut Vec<Box<dyn Held + 'a>>) {
        hold(&self.state, until, held);
    }

    /// Closes a connection; calls still pending on it end with `error`.
    pub fn detach(&self, id: LinkId, error: &Error) {
        let mut state = self.state();
        if let Some(index) = state.links.iter().position(|link| link.id == id) {
            let mut link = state.links.swap_remove(index);
            link.wire.fail(error);
            state.close(&mut link);
        }
    }

    /// Gives access to the protocol on a link; None when it is detached.
    pub fn with<R>(&self, id: LinkId, action: impl FnOnce(&mut W) -> R) -> Option<R> {
        let mut state = self.state();
        state.links.iter_mut().find(|link| link.id == id).map(|link| action(&mut link.wire))
    }

    /// As [`Reactor::with`], for all links.
    pub fn with_all(&self, action: impl FnMut(&mut W)) {
        self.state().links.iter_mut().map(|link| &mut link.wire).for_each(action);
    }

    /// Waits until `fd` is ready for `events`, ETIMEDOUT when `deadline` comes first.
    ///
    /// The caller keeps `fd` open until the future is done or dropped.
    pub async fn ready(&self, fd: RawFd, events: c_short, deadline: Option<Instant>) -> Result<()> {
        let wait = WaitGuard { reactor: self, id: self.state().take_id(), fd };
        let is_ready = poll_fn(|context| {
            let mut state = self.state();
            let state = &mut *state;
            if let Some(wait) = state.waits.get_mut(&wait.id) {
                wait.waker.clone_from(context.waker());
                return if wait.ready { Poll::Ready(Ok(())) } else { Poll::Pending };
            }
            let waker = context.waker().clone();
            state.waits.insert(wait.id, Wait { fd, events, ready: false, waker });
            if self.polling.load(Ordering::SeqCst) {
                self.notify(); // who waits does not watch it
            }
            match &state.epoll {
                Some(epoll) => match epoll.add(fd, events) {
                    Ok(()) => Poll::Pending,
                    Err(error) => Poll::Ready(Err(error.into())),
                },
                None => Poll::Pending,
            }
        });
        match deadline {
            Some(deadline) => self.until(deadline, is_ready).await,
            None => is_ready.await,
        }
    }

    /// `operation`, or ETIMEDOUT when `deadline` comes first; the operation is dropped then.
    pub async fn until<T>(&self, deadline: Instant, operation: impl Future<Output = Result<T>>) -> Result<T> {
        let mut operation = pin!(operation);
        let timer = TimerGuard { reactor: self, key: (deadline, self.state().take_id()) };
        poll_fn(|context| {
            if let Poll::Ready(result) = operation.as_mut().poll(context) {
                return Poll::Ready(result);
            }
            if self.now() >= deadline {
                return Poll::Ready(Err(Error::new(libc::ETIMEDOUT, "the deadline has passed")));
            }
            self.state().timers.insert(timer.key, context.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// Does nothing for a while.
    pub async fn sleep(&self, duration: Duration) {
        let _over = self.until(self.now() + duration, std::future::pending::<Result<()>>()).await;
    }

    /// Does nothing for a while, or somewhat longer.
    pub async fn sleep_lazily(&self, duration: Duration) {
        let end = self.now() + duration;
        let timer = LazyTimerGuard { reactor: self, key: (end, self.state().take_id()) };
        poll_fn(|context| {
            if self.now() >= end {
                return Poll::Ready(());
            }
            self.state().lazy_timers.insert(timer.key, context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Sends what is queued, as far as the sockets take it.
    pub fn flush(&self) {
        self.flush_in(&mut self.state());
    }

    fn flush_in(&self, state: &mut State<W>) {
        state.flush();
        state.update_epoll();
        self.wake_if_missed(state);
    }

    /// Wakes the thread that waits, if there is something that it does not wait for.
    fn wake_if_missed(&self, state: &State<W>) {
        if let Sleep::Polling(until) = state.sleep
            && state.is_missed(until)
        {
            self.notify();
        }
    }

    /// New calls were queued outside of a turn, by an `_async` function. They are sent at once, unless the program's
    /// own loop is going to, together with others that may follow.
    pub fn submitted(&self) {
        let mut state = self.state();
        if state.sleep == Sleep::Awake {
            let is_busy = state.links.iter().any(|link| link.wire.in_flight() > 1);
            match &mut state.epoll {
                None => return, // whoever runs the event loop next sends them
                Some(epoll) if is_busy => return epoll.notify(),
                Some(_) => {}
            }
        }
        self.flush_in(&mut state);
    }

    /// Ends a wait in poll(2), if a thread is in one.
    pub fn notify_if_polling(&self) {
        if self.polling.load(Ordering::SeqCst) {
            self.notify();
        }
    }

    /// Makes the program's descriptor readable, if there is one.
    pub fn notify_program(&self) {
        if let Some(epoll) = &mut self.state().epoll {
            epoll.notify();
        }
    }

    /// As [`Reactor::notify_program`], when callbacks have run elsewhere: the program may have looked before that, and be
    /// about to wait.
    pub fn notify_program_to_look(&self) {
        if let Some(epoll) = &mut self.state().epoll {
            epoll.notify_to_look();
        }
    }

    /// As [`Reactor::run_pending`], when another thread receives: ends what is overdue, and the alarm that told of it.
    pub fn look_at_clock(&self) {
        let mut state = self.state();
        if let Some(epoll) = &mut state.epoll {
            epoll.acknowledge();
        }
        state.flush();
        state.finish_turn(self.now());
        self.wake_if_missed(&state);
    }

    /// Before the program waits: takes [`Reactor::notify_program`] back, and sends what is queued. Whoever calls this has
    /// to look afterwards whether there is something to notify the program of.
    pub fn prepare_wait(&self) {
        let mut state = self.state();
        if let Some(epoll) = &mut state.epoll {
            epoll.clear();
        }
        self.flush_in(&mut state);
    }

    /// When the next deadline of anything is.
    pub fn deadline(&self) -> Option<Instant> {
        self.state().deadline()
    }

    /// Ends what is overdue. Any thread may do that.
    pub fn expire(&self) {
        let now = self.now();
        self.state().expire(now);
    }

    /// The one descriptor a program's event loop needs: readable when a turn has something to do.
    pub fn descriptor(&self) -> Result<RawFd> {
        let mut state = self.state();
        if let Some(epoll) = &state.epoll {
            return Ok(epoll.as_raw_fd());
        }
        let epoll = Epoll::new()?;
        for link in &mut state.links {
            if let Some(stream) = &link.stream {
                epoll.add(stream.as_raw_fd(), POLL_IN)?;
                link.registered = POLL_IN;
            }
        }
        for wait in state.waits.values() {
            epoll.add(wait.fd, wait.events)?;
        }
        let fd = epoll.as_raw_fd();
        state.epoll = Some(epoll);
        state.flush();
        state.update_epoll();
        Ok(fd)
    }

    /// One turn. `may_wait` is asked last, when news from other threads would already end the wait; without
    /// `may_receive` that is possible at any time.
    pub fn run_once(&self, may_wait: impl Fn() -> bool, may_receive: bool) -> Result<()> {
        if may_receive && self.receive_once(&may_wait) {
            return Ok(());
        }
        if !may_receive {
            let _ = self.notifier.get_or_try_init(Notifier::new);
        }
        let notifier = self.notifier.get();
        let (mut fds, watched, deadline) = {
            let mut state = self.state();
            state.flush();
            let (mut fds, mut watched) = state.watch();
            let mut deadline = state.alarm();
            match notifier {
                Some(notifier) => {
                    fds.push(pollfd(notifier.as_raw_fd(), POLL_IN));
                    watched.push(Watched::Notifier);
                }
                None => {
                    let patience = self.now() + PATIENCE;
                    deadline = Some(deadline.map_or(patience, |deadline| deadline.min(patience)));
                }
            }
            state.sleep = Sleep::Polling(deadline);
            self.polling.store(true, Ordering::SeqCst);
            (fds, watched, deadline)
        };
        let deadline = if may_wait() { deadline } else { Some(self.now()) };
        let polled = poll(&mut fds, deadline);
        let mut state = self.state();
        state.sleep = Sleep::Awake;
        self.polling.store(false, Ordering::SeqCst);
        if let Some(notifier) = notifier {
            notifier.clear(fds.last().is_some_and(|fd| fd.revents != 0));
        }
        polled.map_err(Error::from)?;
        state.dispatch(&fds, &watched);
        state.finish_turn(self.now());
        Ok(())
    }

    /// A turn that has nothing to wait for but the next reply can wait in recv(2) itself, which saves poll(2). It cannot be
    /// woken there, so it does not take longer than [`PATIENCE`]. False when there is more to wait for.
    ///
    /// The link is without its memory meanwhile: nobody else receives, for only who runs the event loop does.
    fn receive_once(&self, may_wait: impl Fn() -> bool) -> bool {
        let Some(mut lease) = self.state().lease() else { return false };
        let received = may_wait().then(|| lease.stream.receive_patiently(&mut lease.memory[..lease.room]));
        let mut state = self.state();
        state.sleep = Sleep::Awake;
        let done = matches!(received, Some(Ok(_)));
        state.return_lease(lease, received.unwrap_or(Err(std::io::ErrorKind::WouldBlock.into())));
        if done {
            // No deadline was near when this began: the next turn is early enough for them. Ticks need not be on time.
            if state.is_time_to_look() {
                state.expire(self.now());
            }
            state.update_epoll();
        }
        done
    }

    /// One turn without waiting, for a program that has waited by itself. Asks every socket, whatever the program saw.
    pub fn run_pending(&self) -> Result<()> {
        let mut state = self.state();
        if let Some(epoll) = &mut state.epoll {
            epoll.acknowledge();
        }
        state.flush();
        if state.waits.is_empty() {
            state.receive_all();
        } else {
            let (mut fds, watched) = state.watch();
            poll(&mut fds, Some(self.now()))?;
            state.dispatch(&fds, &watched);
        }
        state.finish_turn(self.now());
        Ok(())
    }
}

struct WaitGuard<'a, W: Wire> {
    reactor: &'a Reactor<W>,
    id: u64,
    fd: RawFd,
}

impl<W: Wire> Drop for WaitGuard<'_, W> {
    fn drop(&mut self) {
        let mut state = self.reactor.state();
        if state.waits.remove(&self.id).is_some()
            && let Some(epoll) = &state.epoll
        {
            epoll.remove(self.fd);
        }
    }
}

struct LazyTimerGuard<'a, W: Wire> {
    reactor: &'a Reactor<W>,
    key: (Instant, u64),
}

impl<W: Wire> Drop for LazyTimerGuard<'_, W> {
    fn drop(&mut self) {
        self.reactor.state().lazy_timers.remove(&self.key);
    }
}

struct TimerGuard<'a, W: Wire> {
    reactor: &'a Reactor<W>,
    key: (Instant, u64),
}

impl<W: Wire> Drop for TimerGuard<'_, W> {
    fn drop(&mut self) {
        self.reactor.state().timers.remove(&self.key);
    }
}
