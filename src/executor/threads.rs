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
    /// Each, and how many calls deep it is.
    threads: Vec<(ThreadMark, usize)>,
    /// Somebody waits for them to leave.
    awaited: bool,
}

/// A thread that is inside.
pub struct Visit<'a>(&'a Threads);

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        let (mut inside, this) = (lock(&self.0.inside), this_thread());
        if let Some(index) = inside.threads.iter().position(|(thread, _)| *thread == this) {
            inside.threads[index].1 -= 1;
            if inside.threads[index].1 == 0 {
                inside.threads.swap_remove(index);
                if inside.awaited {
                    self.0.left.notify_all();
                }
            }
        }
    }
}

impl Threads {
    pub fn enter(&self) -> Visit<'_> {
        let (mut inside, this) = (lock(&self.inside), this_thread());
        match inside.threads.iter_mut().find(|(thread, _)| *thread == this) {
            Some((_, depth)) => *depth += 1,
            None => inside.threads.push((this, 1)),
        }
        Visit(self)
    }

    /// Waits until all others have left; false when that takes too long.
    pub fn wait_for_others(&self, limit: Duration) -> bool {
        let (mut inside, this) = (lock(&self.inside), this_thread());
        inside.awaited = true;
        let others = |inside: &mut Inside| inside.threads.iter().any(|(thread, _)| *thread != this);
        match self.left.wait_timeout_while(inside, limit, others) {
            Ok((_, waited)) => !waited.timed_out(),
            Err(_) => false, // a thread has panicked: nobody knows
        }
    }
}
