//! The descriptors a context waits on: poll(2) for synchronous calls, one epoll descriptor for event loops.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use libc::{c_int, c_short};

pub const POLL_IN: c_short = libc::POLLIN;

/// A descriptor that any thread makes readable, to wake whoever waits on it.
pub struct Notifier {
    event: OwnedFd,
    /// It has been notified since it was last cleared: once more would change nothing.
    notified: AtomicBool,
}

impl Notifier {
    pub fn new() -> io::Result<Self> {
        // SAFETY: eventfd takes no pointers; a non-negative result is a descriptor that we own.
        let event = unsafe { owned(libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC))? };
        Ok(Self { event, notified: AtomicBool::new(false) })
    }

    pub fn notify(&self) {
        if !self.notified.swap(true, Ordering::SeqCst) {
            let one = 1u64.to_ne_bytes();
            // SAFETY: `one` is valid for 8 bytes. A full counter (EAGAIN) is readable already.
            unsafe { libc::write(self.event.as_raw_fd(), one.as_ptr().cast(), one.len()) };
        }
    }

    /// Takes [`Notifier::notify`] back. Whoever does this has to look afterwards at what it may have been notified of.
    /// `readable` is what poll(2) has said: a notification on its way may still make it readable once.
    pub fn clear(&self, readable: bool) {
        if readable {
            let mut count = [0u8; 8];
            // SAFETY: `count` is valid for 8 bytes. Nothing to read (EAGAIN) is what we want.
            unsafe { libc::read(self.event.as_raw_fd(), count.as_mut_ptr().cast(), count.len()) };
        }
        // Behind the read: a notification in between wrote nothing, and is seen by the look that follows.
        self.notified.swap(false, Ordering::SeqCst);
    }

    /// Whoever is notified from now on does not hear of it. The descriptor, which is to be closed.
    pub fn abandon(&self) -> RawFd {
        self.notified.store(true, Ordering::SeqCst);
        self.event.as_raw_fd()
    }

    fn is_notified(&self) -> bool {
        self.notified.load(Ordering::SeqCst)
    }
}

impl AsRawFd for Notifier {
    fn as_raw_fd(&self) -> RawFd {
        self.event.as_raw_fd()
    }
}

/// poll(2) until one of `fds` is ready or `deadline` has passed; `revents` tell which.
pub fn poll(fds: &mut [libc::pollfd], deadline: Option<Instant>) -> io::Result<()> {
    loop {
        let timeout = deadline.map_or(-1, |deadline| milliseconds_until(deadline, Instant::now()));
        // SAFETY: the pointer and the count describe the slice.
        let ready = unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, timeout) };
        if ready >= 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Rounded up, so that a deadline has passed when poll times out.
fn milliseconds_until(deadline: Instant, now: Instant) -> c_int {
    let left = deadline.saturating_duration_since(now);
    left.as_nanos().div_ceil(1_000_000).min(i32::MAX as u128) as c_int
}

/// Closes descriptors whose owners are never used or dropped any more.
pub fn close_all(fds: &[RawFd]) {
    for fd in fds {
        // SAFETY: takes no pointers. The owners do not notice, as the caller says.
        unsafe { libc::close(*fd) };
    }
}

/// One descriptor that is readable when any registered one is ready, when the alarm goes off, or when it is notified.
pub struct Epoll {
    epoll: OwnedFd,
    alarm: OwnedFd,
    /// None until it is needed.
    notifier: Option<Notifier>,
    /// The program is to look at what it waits for, after [`Epoll::acknowledge`].
    must_look: bool,
    armed: Option<Instant>,
}

impl Epoll {
    pub fn new() -> io::Result<Self> {
        // SAFETY: takes no pointers; a non-negative result is a descriptor that we own.
        let epoll = unsafe { owned(libc::epoll_create1(libc::EPOLL_CLOEXEC))? };
        // SAFETY: as above.
        let alarm = unsafe {
            owned(libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_NONBLOCK | libc::TFD_CLOEXEC))?
        };
        let new = Self { epoll, alarm, notifier: None, must_look: false, armed: None };
        new.add(new.alarm.as_raw_fd(), libc::POLLIN)?;
        Ok(new)
    }

    fn new_notifier(&self) -> io::Result<Notifier> {
        let notifier = Notifier::new()?;
        self.add(notifier.as_raw_fd(), libc::POLLIN)?;
        Ok(notifier)
    }

    pub fn add(&self, fd: RawFd, events: c_short) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd, events)
    }

    pub fn change(&self, fd: RawFd, events: c_short) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, fd, events)
    }

    pub fn remove(&self, fd: RawFd) {
        // Closing the descriptor would do the same unless the program has duplicated it.
        let _ = self.control(libc::EPOLL_CTL_DEL, fd, 0);
    }

    fn control(&self, operation: c_int, fd: RawFd, events: c_short) -> io::Result<()> {
        // POLLIN, POLLOUT, POLLERR and POLLHUP have the values of their EPOLL namesakes.
        let mut event = libc::epoll_event { events: events as u32, u64: 0 };
        // SAFETY: `event` is valid for the duration of the call.
        match unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), operation, fd, &mut event) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Makes the descriptor readable until it is cleared.
    pub fn notify(&mut self) {
        if self.notifier.is_none() {
            self.notifier = self.new_notifier().ok();
        }
        match &self.notifier {
            Some(notifier) => notifier.notify(),
            // There is no descriptor left: an alarm does as well, though it is not taken back before the next turn.
            None => self.alarm(Instant::now()),
        }
    }

    /// As [`Epoll::notify`], for what the program may have looked at already before it waits: only
    /// [`Epoll::acknowledge`] takes it back.
    pub fn notify_to_look(&mut self) {
        self.must_look = true;
        self.notify();
    }

    /// Takes [`Epoll::notify`] back.
    pub fn clear(&mut self) {
        if let Some(notifier) = &self.notifier
            && !self.must_look
            && notifier.is_notified()
        {
            notifier.clear(true);
        }
    }

    /// Takes everything back: the program looks at what it waits for when this is over.
    pub fn acknowledge(&mut self) {
        self.must_look = false;
        self.clear();
    }

    /// Makes the descriptor readable at `deadline`, unless it will be earlier anyway.
    pub fn alarm(&mut self, deadline: Instant) {
        if self.armed.is_some_and(|armed| armed <= deadline) {
            return; // one that has gone off stays readable until it is acknowledged
        }
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_nanos(1));
        let value = libc::timespec {
            tv_sec: left.as_secs().min(i32::MAX as u64) as libc::time_t,
            tv_nsec: left.subsec_nanos().into(),
        };
        let interval = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        let spec = libc::itimerspec { it_interval: interval, it_value: value };
        // SAFETY: `spec` is valid for the call; the old value is not asked for.
        unsafe { libc::timerfd_settime(self.alarm.as_raw_fd(), 0, &spec, std::ptr::null_mut()) };
        self.armed = Some(deadline);
    }

    /// Ends an alarm that has gone off.
    pub fn acknowledge_alarm(&mut self, now: Instant) {
        if self.armed.is_some_and(|armed| armed <= now) {
            let mut count = [0u8; 8];
            // SAFETY: `count` is valid for 8 bytes.
            unsafe { libc::read(self.alarm.as_raw_fd(), count.as_mut_ptr().cast(), count.len()) };
            self.armed = None;
        }
    }
}

impl AsRawFd for Epoll {
    fn as_raw_fd(&self) -> RawFd {
        self.epoll.as_raw_fd()
    }
}

/// # Safety
/// `fd` is negative after a failed system call, or a descriptor that nobody else owns.
unsafe fn owned(fd: c_int) -> io::Result<OwnedFd> {
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: by contract, a fresh descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::{AsFd, BorrowedFd};

    /// Whether `fd` is ready for `events` at once.
    fn ready_now(fd: BorrowedFd<'_>, events: c_short) -> bool {
        let mut fds = [libc::pollfd { fd: fd.as_raw_fd(), events, revents: 0 }];
        poll(&mut fds, Some(Instant::now())).is_ok() && fds[0].revents != 0
    }

    #[test]
    fn notices_and_the_alarm_make_the_descriptor_readable() {
        let mut epoll = Epoll::new().unwrap();
        assert!(!ready_now(epoll.epoll.as_fd(), libc::POLLIN));
        epoll.notify();
        epoll.notify();
        assert!(ready_now(epoll.epoll.as_fd(), libc::POLLIN));
        epoll.clear();
        assert!(!ready_now(epoll.epoll.as_fd(), libc::POLLIN));
        let now = Instant::now();
        epoll.alarm(now);
        let mut fds = [libc::pollfd { fd: epoll.as_raw_fd(), events: libc::POLLIN, revents: 0 }];
        poll(&mut fds, Some(now + Duration::from_secs(5))).unwrap();
        assert_ne!(fds[0].revents, 0);
        epoll.acknowledge_alarm(Instant::now());
        assert!(!ready_now(epoll.epoll.as_fd(), libc::POLLIN));
    }

    #[test]
    fn a_notifier_that_was_cleared_can_be_notified_again() {
        let notifier = Notifier::new().unwrap();
        for readable in [true, false, true] {
            notifier.notify();
            assert!(ready_now(notifier.event.as_fd(), libc::POLLIN));
            notifier.clear(readable);
        }
        assert!(!ready_now(notifier.event.as_fd(), libc::POLLIN));
    }

    #[test]
    fn poll_timeouts_round_up() {
        let now = Instant::now();
        assert_eq!(milliseconds_until(now, now), 0);
        assert_eq!(milliseconds_until(now + Duration::from_micros(1), now), 1);
        assert_eq!(milliseconds_until(now + Duration::from_secs(1 << 40), now), i32::MAX);
    }
}
