//! Who turns the crank of a context: one thread at a time, or one thread alone.

use std::sync::{Condvar, Mutex, PoisonError};

use super::threads::{ThreadMark, this_thread};
use crate::sync::lock;

/// See the module.
#[derive(Default)]
pub struct Driver {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    busy: bool,
    waiters: usize,
    /// The thread that serves, while there is one.
    server: Option<ThreadMark>,
}

impl State {
    /// Whether the calling thread may turn it now.
    fn is_free(&self) -> bool {
        !self.busy && self.is_ours()
    }

    fn is_ours(&self) -> bool {
        self.server.is_none_or(|server| server == this_thread())
    }
}

/// The right to turn the crank; given back even when something panics.
pub struct DriverGuard<'a>(&'a Driver);

impl Drop for DriverGuard<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.busy = false;
        let nobody_else_may = state.server.is_some() && state.is_ours();
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
            state.server = None; // there is no later one
        }
        if state.waiters > 0 {
            self.0.changed.notify_all();
        }
    }
}

impl Driver {
    /// The right to turn it, when it is free for the calling thread.
    pub fn take(&self) -> Option<DriverGuard<'_>> {
        let mut state = lock(&self.state);
        if !state.is_free() {
            return None;
        }
        state.busy = true;
        Some(DriverGuard(self))
    }

    /// Waits until it is free for the calling thread, or the wait is `over`; see [`Driver::look_again`].
    pub fn wait(&self, over: impl Fn() -> bool) {
        let mut state = lock(&self.state);
        state.waiters += 1;
        while !state.is_free() && !over() {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.waiters -= 1;
    }

    /// Has the waiting threads ask whether their wait is over.
    pub fn look_again(&self) {
        if lock(&self.state).waiters > 0 {
            self.changed.notify_all();
        }
    }

    /// Does what must not be done while another thread turns.
    pub fn if_free(&self, action: impl FnOnce()) {
        let state = lock(&self.state);
        if state.is_free() {
            action();
        }
    }

    /// Whether turning it and running callbacks is left to the calling thread, or to nobody.
    pub fn is_ours(&self) -> bool {
        lock(&self.state).is_ours()
    }

    /// Leaves it to the calling thread alone, as long as that holds the result.
    pub fn serve(&self) -> ExclusiveDriver<'_> {
        lock(&self.state).server = Some(this_thread());
        ExclusiveDriver(self)
    }
}
