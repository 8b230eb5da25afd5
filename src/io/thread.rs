//! Threads of the library.

use std::thread::{Builder, JoinHandle};

use crate::error::{Error, Result, words};

/// Starts a thread that never runs the program's signal handlers. `stack` is in bytes.
pub fn spawn(name: &str, stack: usize, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    let blocked = SignalsBlocked::new();
    let spawned = Builder::new().name(name.into()).stack_size(stack).spawn(body);
    drop(blocked);
    spawned.map_err(|error| Error::new(libc::EAGAIN, format!("no thread {name}: {}", words(&error))))
}

/// Writes a line to the standard error output, in one piece. Takes no lock, which another thread may hold when the program
/// forks. Without such an output nobody wants to know.
pub fn tell(line: &str) {
    // SAFETY: the pointer and the length describe the line.
    unsafe { libc::write(libc::STDERR_FILENO, line.as_ptr().cast(), line.len()) };
}

/// Signals blocked in this thread; a thread started meanwhile inherits that.
struct SignalsBlocked(libc::sigset_t);

impl SignalsBlocked {
    fn new() -> Self {
        // SAFETY: sigset_t is plain data, set by the calls below before it is used.
        let (mut all, mut before): (libc::sigset_t, libc::sigset_t) = unsafe { std::mem::zeroed() };
        // SAFETY: both sets are valid for the calls.
        unsafe {
            libc::sigfillset(&mut all);
            libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before);
        }
        Self(before)
    }
}

impl Drop for SignalsBlocked {
    fn drop(&mut self) {
        // SAFETY: the set was filled in by pthread_sigmask.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.0, std::ptr::null_mut()) };
    }
}
