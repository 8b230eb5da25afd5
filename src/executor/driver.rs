//! Who runs the event loop of a context: one thread at a time, or a service thread while it is not in a callback.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::threads::{ThreadMark, this_thread};
use crate::sync::lock;

/// See the module.
#[derive(Default)]
pub struct Driver {
    state: Mutex<State>,
    changed: Condvar,
    /// There is a thread that serves.
    is_served: AtomicBool,
}

#[derive(Default)]
struct State {
    busy: bool,
    waiters: usize,
    /// The thread that serves, while there is one.
    server: Option<ThreadMark>,
    /// Callbacks that it is in: others may run the event loop meanwhile.
    server_away: usize,
}

impl State {
    /// Whether the calling thread may run it now.
    fn is_free(&self) -> bool {
        !self.busy && (self.server_away > 0 || self.is_ours())
    }

    fn is_ours(&self) -> bool {
        self.server.is_none_or(|server| server == this_thread())
    }
}

/// The right to run the event loop; given back even when something panics.
pub struct DriverGuard<'a>(&'a Driver);

impl Drop for DriverGuard<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.busy = false;
        let nobody_else_may = state.server.is_some() && state.server_away == 0 && state.is_ours();
        if state.waiters > 0 && !nobody_else_may {
            self.0.changed.notify_all();
        }
    }
}

/// Being the thread that serves; given up even when something panics.
pub struct ExclusiveDriver<'a>(&'a Driver);

impl Drop for ExclusiveDriver<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        if state.is_ours() {
            (state.server, state.server_away) = (None, 0); // there is no later one
            self.0.is_served.store(false, Ordering::SeqCst);
        }
        if state.waiters > 0 {
            self.0.changed.notify_all();
        }
    }
}

/// The thread that serves is in a callback.
pub struct Away<'a>(&'a Driver);

impl Drop for Away<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.server_away = state.server_away.saturating_sub(1);
    }
}

impl Driver {
    /// The right to run it, when it is free for the calling thread.
    pub fn take(&self) -> Option<DriverGuard<'_>> {
        let mut state = lock(&self.state);
        if !state.is_free() {
            return None;
        }
        state.busy = true;
        Some(DriverGuard(self))
    }

    /// Waits until it is free for the calling thread, the wait is `over` (see [`Driver::look_again`]), or `until`.
    pub fn wait(&self, over: impl Fn() -> bool, until: Option<Instant>) {
        let mut state = lock(&self.state);
        state.waiters += 1;
        while !state.is_free() && !over() {
            state = match until.map(|until| until.saturating_duration_since(Instant::now())) {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => break,
                Some(left) => {
                    let waited = self.changed.wait_timeout(state, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        state.waiters -= 1;
    }

    /// Has the waiting threads ask whether their wait is over.
    pub fn look_again(&self) {
        if lock(&self.state).waiters > 0 {
            self.changed.notify_all();
        }
    }

    /// Whether callbacks are left to the calling thread, or to nobody.
    pub fn is_ours(&self) -> bool {
        lock(&self.state).is_ours()
    }

    /// Whether there is a thread that serves.
    pub fn is_served(&self) -> bool {
        self.is_served.load(Ordering::SeqCst)
    }

    /// Leaves it to the calling thread alone, as long as that holds the result.
    pub fn serve(&self) -> ExclusiveDriver<'_> {
        lock(&self.state).server = Some(this_thread());
        self.is_served.store(true, Ordering::SeqCst);
        ExclusiveDriver(self)
    }

    /// For a callback: if the calling thread is the one that serves, others run the event loop until the result is
    /// dropped.
    pub fn step_away(&self) -> Option<Away<'_>> {
        let mut state = lock(&self.state);
        if state.server != Some(this_thread()) {
            return None;
        }
        state.server_away += 1;
        if state.waiters > 0 {
            self.changed.notify_all();
        }
        Some(Away(self))
    }
}
