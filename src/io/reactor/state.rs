//! What a reactor knows, and what it does with its lock held.

use std::collections::BTreeMap;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use libc::c_short;

use super::super::link::{Lease, Link, LinkId, Wire};
use super::super::socket::{PATIENCE, Stream};
use super::super::waiter::Epoll;
use crate::error::Error;

pub(super) struct Wait {
    pub(super) fd: RawFd,
    pub(super) events: c_short,
    pub(super) ready: bool,
    pub(super) waker: Waker,
}

/// What the thread does that runs the event loop.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sleep {
    Awake,
    /// It waits in recv(2), where it cannot be woken, for [`PATIENCE`] at most.
    Receiving,
    /// It waits in poll(2), until then.
    Polling(Option<Instant>),
}

pub(super) struct State<W> {
    pub(super) links: Vec<Link<W>>,
    pub(super) waits: BTreeMap<u64, Wait>,
    pub(super) timers: BTreeMap<(Instant, u64), Waker>,
    /// Those that need not be on time: a thread that waits in recv(2) does not look at the clock for them.
    pub(super) lazy_timers: BTreeMap<(Instant, u64), Waker>,
    pub(super) next_id: u64,
    pub(super) epoll: Option<Epoll>,
    pub(super) sleep: Sleep,
    /// Turns that have waited in recv(2).
    pub(super) received: u32,
}

/// What one entry of poll(2) stands for: descriptors may be closed and their numbers used again meanwhile.
pub(super) enum Watched {
    Link(LinkId, Arc<Stream>),
    Wait(u64),
    Notifier,
}

pub(super) fn pollfd(fd: RawFd, events: c_short) -> libc::pollfd {
    libc::pollfd { fd, events, revents: 0 }
}

impl<W: Wire> State<W> {
    pub(super) fn take_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// What poll(2) is to look at. It is looked at as long as a thread sleeps.
    pub(super) fn watch(&mut self) -> (Vec<libc::pollfd>, Vec<Watched>) {
        let count = self.links.len() + self.waits.len() + 1;
        let (mut fds, mut watched) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for link in &mut self.links {
            link.watched = link.wanted();
            if let Some(stream) = &link.stream {
                fds.push(pollfd(stream.as_raw_fd(), link.watched));
                watched.push(Watched::Link(link.id, stream.clone()));
            }
        }
        for (id, wait) in &self.waits {
            fds.push(pollfd(wait.fd, wait.events));
            watched.push(Watched::Wait(*id));
        }
        (fds, watched)
    }

    /// Whether a thread that sleeps until then waits for too little.
    pub(super) fn is_missed(&self, until: Option<Instant>) -> bool {
        let earlier = self.alarm().is_some_and(|alarm| until.is_none_or(|until| alarm < until));
        earlier || self.links.iter().any(|link| link.stream.is_some() && link.wanted() & !link.watched != 0)
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let timer = self.timers.first_key_value().map(|((instant, _), _)| *instant);
        self.links.iter().filter_map(|link| link.wire.deadline()).chain(timer).min()
    }

    /// Whether it is worth a look at the clock.
    pub(super) fn is_time_to_look(&mut self) -> bool {
        const EACH: u32 = 16;
        self.received = self.received.wrapping_add(1);
        let was_idle =
            self.links.iter_mut().fold(false, |any, link| any | std::mem::take(&mut link.was_idle));
        was_idle || self.received.is_multiple_of(EACH)
    }

    /// When a turn that waits is to end.
    pub(super) fn alarm(&self) -> Option<Instant> {
        let lazy = self.lazy_timers.first_key_value().map(|((instant, _), _)| *instant);
        self.links.iter().filter_map(|link| link.wire.next_tick()).chain(self.deadline()).chain(lazy).min()
    }

    /// See [`Reactor::receive_once`]. Sends what is queued first.
    pub(super) fn lease(&mut self) -> Option<Lease> {
        self.flush();
        let mut live = self.links.iter_mut().filter(|link| link.stream.is_some());
        let (only, another) = (live.next()?, live.next());
        if another.is_some() || !self.waits.is_empty() {
            return None;
        }
        let lease = only.lease()?;
        match self.deadline() {
            Some(deadline) if deadline < Instant::now() + PATIENCE => {
                self.return_lease(lease, Err(std::io::ErrorKind::WouldBlock.into()));
                None
            }
            _ => {
                self.sleep = Sleep::Receiving;
                Some(lease)
            }
        }
    }

    pub(super) fn return_lease(&mut self, lease: Lease, received: std::io::Result<usize>) {
        let Some(index) = self.links.iter().position(|link| link.id == lease.link) else { return };
        if let Err(error) = self.links[index].return_lease(lease, received) {
            self.lose(index, &error);
        }
    }

    pub(super) fn flush(&mut self) {
        for index in 0..self.links.len() {
            if let Err(error) = self.links[index].flush() {
                self.lose(index, &error);
            }
        }
    }

    pub(super) fn dispatch(&mut self, fds: &[libc::pollfd], watched: &[Watched]) {
        for (fd, watched) in fds.iter().zip(watched).filter(|(fd, _)| fd.revents != 0) {
            match watched {
                Watched::Link(id, stream) => {
                    let same = |link: &Link<W>| link.id == *id && link.has(stream);
                    if fd.revents & !libc::POLLOUT != 0
                        && let Some(index) = self.links.iter().position(same)
                    {
                        self.receive(index);
                    }
                }
                Watched::Wait(id) => {
                    if let Some(wait) = self.waits.get_mut(id) {
                        wait.ready = true;
                        wait.waker.wake_by_ref();
                    }
                }
                Watched::Notifier => {}
            }
        }
    }

    pub(super) fn receive_all(&mut self) {
        // From the end, where a connection that is lost goes.
        for index in (0..self.links.len()).rev() {
            self.receive(index);
        }
    }

    pub(super) fn receive(&mut self, index: usize) {
        if let Err(error) = self.links[index].receive() {
            self.lose(index, &error);
        }
    }

    pub(super) fn finish_turn(&mut self, now: Instant) {
        self.expire(now);
        if let Some(epoll) = &mut self.epoll {
            epoll.acknowledge_alarm(now);
        }
        self.update_epoll();
    }

    pub(super) fn expire(&mut self, now: Instant) {
        for timers in [&mut self.timers, &mut self.lazy_timers] {
            while let Some(entry) = timers.first_entry()
                && entry.key().0 <= now
            {
                entry.remove().wake();
            }
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

    pub(super) fn lose(&mut self, index: usize, error: &Error) {
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

    pub(super) fn close(&self, link: &mut Link<W>) {
        if let Some(stream) = link.stream.take()
            && let Some(epoll) = &self.epoll
        {
            epoll.remove(stream.as_raw_fd());
        }
    }

    /// Brings the epoll descriptor up to date: POLLOUT where bytes are left, the alarm at the next deadline.
    pub(super) fn update_epoll(&mut self) {
        if self.epoll.is_none() {
            return;
        }
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
        if let Some(deadline) = deadline {
            epoll.alarm(deadline);
        }
    }
}
