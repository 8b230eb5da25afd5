//! One turn of the crank: send what is queued, wait, receive, end what is overdue.
//!
//! A reactor holds the connections of one context, the descriptors and instants its operations wait for, and
//! nothing else: it knows no protocol. It is driven by whoever needs progress (see `executor`).

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::os::fd::{AsRawFd, RawFd};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use libc::c_short;

use super::link::{Lease, Link, LinkId, Wire};
use super::socket::{PATIENCE, Stream};
use super::waiter::{Epoll, Notifier, POLL_IN, close_all, poll};
use crate::error::{Error, Result};

struct Wait {
    fd: RawFd,
    events: c_short,
    ready: bool,
    waker: Waker,
}

struct State<W> {
    links: Vec<Link<W>>,
    waits: BTreeMap<u64, Wait>,
    timers: BTreeMap<(Instant, u64), Waker>,
    next_id: u64,
    epoll: Option<Epoll>,
    /// Turns that have waited in recv(2) while more was to come.
    received: u32,
}

/// See the module.
pub struct Reactor<W> {
    state: Mutex<State<W>>,
    bell: Notifier,
    rung: AtomicBool,
    /// A thread is in poll(), or about to be: news must ring the bell.
    blocked: AtomicBool,
    /// See [`Reactor::abandon`].
    abandoned: AtomicBool,
}

impl<W: Wire> Reactor<W> {
    pub fn new() -> Result<Self> {
        let state = State {
            links: Vec::new(),
            waits: BTreeMap::new(),
            timers: BTreeMap::new(),
            next_id: 0,
            epoll: None,
            received: 0,
        };
        let [rung, blocked, abandoned] = [const { AtomicBool::new(false) }; 3];
        Ok(Self { state: Mutex::new(state), bell: Notifier::new()?, rung, blocked, abandoned })
    }

    fn state(&self) -> MutexGuard<'_, State<W>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time. Above this layer nobody reads a clock.
    pub fn now(&self) -> Instant {
        Instant::now()
    }

    /// Takes over a connected socket and the protocol spoken on it.
    pub fn attach(&self, stream: Stream, wire: W) -> LinkId {
        let mut state = self.state();
        let id = LinkId(state.take_id());
        let registered = POLL_IN;
        if let Some(epoll) = &state.epoll
            && let Err(error) = epoll.add(stream.as_raw_fd(), registered)
        {
            // Out of memory or watches: the program's loop would never hear of this connection.
            let error = Error::from(error);
            state.links.push(Link { id, wire, stream: None, registered });
            if let Some(link) = state.links.last_mut() {
                link.wire.fail(&error);
            }
            return id;
        }
        state.links.push(Link { id, wire, stream: Some(Arc::new(stream)), registered });
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
        (link.stream, link.registered) = (Some(Arc::new(stream)), POLL_IN);
        link.wire.resumed();
        Ok(true)
    }

    /// Closes the descriptors that a child has inherited, and leaves alone what they stand for: the parent goes on with
    /// that. Nothing is to be done with the reactor afterwards, and it must not be dropped.
    pub fn abandon(&self) {
        if self.abandoned.swap(true, Ordering::SeqCst) {
            return;
        }
        let mut fds = vec![self.bell.as_raw_fd()];
        // A thread that only the parent has may have held the lock.
        if let Ok(state) = self.state.try_lock() {
            fds.extend(state.links.iter().filter_map(|link| Some(link.stream.as_ref()?.as_raw_fd())));
            fds.extend(state.epoll.iter().flat_map(Epoll::descriptors));
        }
        close_all(&fds);
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

    /// Sends what is queued, as far as the sockets take it.
    pub fn flush(&self) {
        let mut state = self.state();
        state.flush();
        state.tell_epoll();
    }

    /// New calls were queued outside of a turn, by an `_async` function: the program's loop must come round.
    pub fn submitted(&self) {
        let mut state = self.state();
        if state.epoll.is_none() && !self.blocked.load(Ordering::SeqCst) {
            return; // whoever turns the crank sends them
        }
        let busy = state.links.iter().any(|link| link.wire.in_flight() > 1);
        if busy {
            drop(state);
            self.ring(); // more may follow: send them together
        } else {
            state.flush();
            state.tell_epoll();
        }
    }

    /// Makes the descriptor readable and ends a wait in [`Reactor::turn`].
    pub fn ring(&self) {
        if !self.rung.swap(true, Ordering::SeqCst) {
            self.bell.ring();
        }
    }

    /// As [`Reactor::ring`], if a thread waits.
    pub fn ring_if_blocked(&self) {
        if self.blocked.load(Ordering::SeqCst) {
            self.ring();
        }
    }

    /// Takes [`Reactor::ring`] back.
    pub fn silence(&self) {
        if self.rung.swap(false, Ordering::SeqCst) {
            self.bell.silence();
        }
    }

    /// The one descriptor a program's event loop needs: readable when a turn has something to do.
    pub fn descriptor(&self) -> Result<RawFd> {
        let mut state = self.state();
        if let Some(epoll) = &state.epoll {
            return Ok(epoll.as_raw_fd());
        }
        let epoll = Epoll::new()?;
        epoll.add(self.bell.as_raw_fd(), POLL_IN)?;
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
        state.tell_epoll();
        Ok(fd)
    }

    /// Whether a program's event loop drives this reactor.
    pub fn has_descriptor(&self) -> bool {
        self.state().epoll.is_some()
    }

    /// One turn. `may_wait` is asked last, when news from other threads would already ring the bell.
    pub fn turn(&self, may_wait: impl Fn() -> bool) -> Result<()> {
        if self.turn_receiving(&may_wait) {
            return Ok(());
        }
        let mut fds = Vec::with_capacity(4);
        let deadline = {
            let mut state = self.state();
            state.flush();
            state.watched(&mut fds);
            fds.push(pollfd(self.bell.as_raw_fd(), POLL_IN));
            self.blocked.store(true, Ordering::SeqCst);
            state.alarm()
        };
        let deadline = if may_wait() { deadline } else { Some(self.now()) };
        let polled = poll(&mut fds, deadline);
        self.blocked.store(false, Ordering::SeqCst);
        self.silence();
        polled.map_err(Error::from)?;
        self.finish_turn(&fds);
        Ok(())
    }

    /// A turn that has nothing to wait for but the next reply can wait in recv(2) itself, which saves poll(2). The
    /// bell is not heard there, so it does not take longer than [`PATIENCE`]. False when there is more to wait for.
    ///
    /// The link is without its memory meanwhile: nobody else receives, for only who turns does.
    fn turn_receiving(&self, may_wait: impl Fn() -> bool) -> bool {
        let Some(mut loan) = self.state().lend() else { return false };
        let received = may_wait().then(|| loan.stream.receive_patiently(&mut loan.memory[..loan.room]));
        let mut state = self.state();
        let done = matches!(received, Some(Ok(_)));
        state.take_back(loan, received.unwrap_or(Err(std::io::ErrorKind::WouldBlock.into())));
        if done {
            if state.may_be_overdue() {
                state.expire(self.now());
            }
            state.tell_epoll();
        }
        done
    }

    /// One turn for a program that has waited by itself. Asks every socket, whatever the program saw.
    pub fn turn_now(&self) -> Result<()> {
        self.silence();
        let mut fds = Vec::new();
        {
            let mut state = self.state();
            state.flush();
            let waiting = !state.waits.is_empty();
            state.watched(&mut fds);
            if !waiting {
                fds.iter_mut().for_each(|fd| fd.revents = fd.events);
            }
        }
        if fds.iter().any(|fd| fd.revents == 0) {
            poll(&mut fds, Some(self.now()))?;
        }
        self.finish_turn(&fds);
        Ok(())
    }

    fn finish_turn(&self, fds: &[libc::pollfd]) {
        let mut state = self.state();
        for fd in fds.iter().filter(|fd| fd.revents != 0) {
            state.dispatch(fd);
        }
        let now = self.now();
        state.expire(now);
        if let Some(epoll) = &mut state.epoll {
            epoll.alarm_heard(now);
        }
        state.tell_epoll();
    }
}

fn pollfd(fd: RawFd, events: c_short) -> libc::pollfd {
    libc::pollfd { fd, events, revents: 0 }
}

impl<W: Wire> State<W> {
    fn take_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn watched(&self, fds: &mut Vec<libc::pollfd>) {
        for link in &self.links {
            if let Some(stream) = &link.stream {
                fds.push(pollfd(stream.as_raw_fd(), link.wanted()));
            }
        }
        fds.extend(self.waits.values().map(|wait| pollfd(wait.fd, wait.events)));
    }

    fn deadline(&self) -> Option<Instant> {
        let timer = self.timers.first_key_value().map(|((instant, _), _)| *instant);
        self.links.iter().filter_map(|link| link.wire.deadline()).chain(timer).min()
    }

    /// Whether it is worth a look at the clock. Ticks need not be on time.
    fn may_be_overdue(&mut self) -> bool {
        const EACH: u32 = 16;
        if self.timers.is_empty() && self.links.iter().all(|link| link.wire.in_flight() == 0) {
            return false;
        }
        self.received = self.received.wrapping_add(1);
        self.deadline().is_some() || self.received.is_multiple_of(EACH)
    }

    /// When a turn that waits is to end.
    fn alarm(&self) -> Option<Instant> {
        self.links.iter().filter_map(|link| link.wire.next_tick()).chain(self.deadline()).min()
    }

    /// See [`Reactor::turn_receiving`]. Sends what is queued first.
    fn lend(&mut self) -> Option<Lease> {
        self.flush();
        let mut live = self.links.iter_mut().filter(|link| link.stream.is_some());
        let (only, another) = (live.next()?, live.next());
        if another.is_some() || !self.waits.is_empty() {
            return None;
        }
        let loan = only.lend()?;
        match self.deadline() {
            Some(deadline) if deadline < Instant::now() + PATIENCE => {
                self.take_back(loan, Err(std::io::ErrorKind::WouldBlock.into()));
                None
            }
            _ => Some(loan),
        }
    }

    fn take_back(&mut self, loan: Lease, received: std::io::Result<usize>) {
        let Some(index) = self.links.iter().position(|link| link.id == loan.link) else { return };
        if let Err(error) = self.links[index].take_back(loan, received) {
            self.lose(index, &error);
        }
    }

    fn flush(&mut self) {
        for index in 0..self.links.len() {
            if let Err(error) = self.links[index].flush() {
                self.lose(index, &error);
            }
        }
    }

    fn dispatch(&mut self, fd: &libc::pollfd) {
        let same = |link: &Link<W>| link.stream.as_ref().is_some_and(|stream| stream.as_raw_fd() == fd.fd);
        if let Some(index) = self.links.iter().position(same) {
            if fd.revents & !libc::POLLOUT != 0
                && let Err(error) = self.links[index].receive()
            {
                self.lose(index, &error);
            }
        } else if let Some(wait) = self.waits.values_mut().find(|wait| wait.fd == fd.fd) {
            wait.ready = true;
            wait.waker.wake_by_ref();
        }
    }

    fn expire(&mut self, now: Instant) {
        while let Some(entry) = self.timers.first_entry() {
            if entry.key().0 > now {
                break;
            }
            entry.remove().wake();
        }
        // From the end, where a connection that is lost goes.
        for index in (0..self.links.len()).rev() {
            let wire = &mut self.links[index].wire;
            let due = wire.deadline().into_iter().chain(wire.next_tick()).any(|due| due <= now);
            if due && wire.expire(now) {
                self.lose(index, &Error::new(libc::ETIMEDOUT, "the server says nothing"));
            }
        }
    }

    fn lose(&mut self, index: usize, error: &Error) {
        let mut link = self.links.swap_remove(index);
        if link.wire.lost(error) {
            // The next connection comes from the same port.
            link.stream.iter().for_each(|stream| stream.abort());
        } else {
            link.wire.fail(error);
        }
        self.close(&mut link);
        self.links.push(link); // its calls still fetch their errors here
    }

    fn close(&self, link: &mut Link<W>) {
        if let Some(stream) = link.stream.take()
            && let Some(epoll) = &self.epoll
        {
            epoll.remove(stream.as_raw_fd());
        }
    }

    /// Brings the epoll descriptor up to date: POLLOUT where bytes are left, the alarm at the next deadline.
    fn tell_epoll(&mut self) {
        let deadline = self.alarm();
        let Some(epoll) = &mut self.epoll else { return };
        for link in &mut self.links {
            let wanted = link.wanted();
            if let Some(stream) = &link.stream
                && wanted != link.registered
                && epoll.change(stream.as_raw_fd(), wanted).is_ok()
            {
                link.registered = wanted;
            }
        }
        if deadline.is_some() {
            epoll.alarm(deadline, Instant::now());
        }
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

struct TimerGuard<'a, W: Wire> {
    reactor: &'a Reactor<W>,
    key: (Instant, u64),
}

impl<W: Wire> Drop for TimerGuard<'_, W> {
    fn drop(&mut self) {
        self.reactor.state().timers.remove(&self.key);
    }
}
