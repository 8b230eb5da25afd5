//! The threads that are inside a context.

use std::sync::{Condvar, Mutex};
use std::time::Duration;

use crate::sync::lock;

/// Tells threads apart, without the allocation that std makes for the name of a thread that C has started.
pub type ThreadMark = usize;

pub fn this_thread() -> ThreadMark {
    thread_local!(static MARK: u8 = const { 0 });
    MARK.with(|mark| std::ptr::from_ref(mark).addr())
}

/// See the module.
#[derive(Default)]
pub struct Threads {
    inside: Mutex<Inside>,
    left: Condvar,
}

#[derive(Default)]
struct Inside {
    threads: Vec<Thread>,
    /// Somebody waits for them to leave.
    awaited: bool,
}

struct Thread {
    mark: ThreadMark,
    /// How many calls deep it is.
    depth: usize,
    /// How many callbacks of the context it is in.
    callbacks: usize,
}

impl Inside {
    fn find(&mut self) -> Option<(usize, &mut Thread)> {
        let this = this_thread();
        self.threads.iter_mut().enumerate().find(|(_, thread)| thread.mark == this)
    }
}

/// A thread that is inside.
pub struct Visit<'a>(&'a Threads);

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        let mut inside = lock(&self.0.inside);
        let Some((index, thread)) = inside.find() else { return };
        thread.depth -= 1;
        if thread.depth == 0 {
            inside.threads.swap_remove(index);
            if inside.awaited {
                self.0.left.notify_all();
            }
        }
    }
}

/// A thread that is in a callback.
pub struct CallbackVisit<'a> {
    threads: &'a Threads,
    _inside: Visit<'a>,
}

impl Drop for CallbackVisit<'_> {
    fn drop(&mut self) {
        if let Some((_, thread)) = lock(&self.threads.inside).find() {
            thread.callbacks -= 1;
        }
    }
}

impl Threads {
    pub fn enter(&self) -> Visit<'_> {
        let mut inside = lock(&self.inside);
        match inside.find() {
            Some((_, thread)) => thread.depth += 1,
            None => inside.threads.push(Thread { mark: this_thread(), depth: 1, callbacks: 0 }),
        }
        Visit(self)
    }

    /// The calling thread runs a callback.
    pub fn enter_callback(&self) -> CallbackVisit<'_> {
        let visit = self.enter();
        if let Some((_, thread)) = lock(&self.inside).find() {
            thread.callbacks += 1;
        }
        CallbackVisit { threads: self, _inside: visit }
    }

    /// Whether the calling thread is in a callback.
    pub fn is_in_callback(&self) -> bool {
        lock(&self.inside).find().is_some_and(|(_, thread)| thread.callbacks > 0)
    }

    /// Waits until all others have left; false when that takes too long.
    pub fn wait_for_others(&self, limit: Duration) -> bool {
        let (mut inside, this) = (lock(&self.inside), this_thread());
        inside.awaited = true;
        let others = |inside: &mut Inside| inside.threads.iter().any(|thread| thread.mark != this);
        match self.left.wait_timeout_while(inside, limit, others) {
            Ok((_, waited)) => !waited.timed_out(),
            Err(_) => false, // a thread has panicked: nobody knows
        }
    }
}
