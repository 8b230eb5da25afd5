//! The thread that serves a context when the program does not want to.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::Wake;
use std::thread::JoinHandle;

use super::threads::{ThreadMark, this_thread};
use super::{Executor, Signal};
use crate::error::Result;
use crate::io;
use crate::sync::lock;

/// What callbacks may need, as in the main thread of most programs.
const STACK: usize = 8 << 20;

/// A thread that runs the event loop.
pub struct ServiceThread {
    mark: ThreadMark,
    end: Arc<Signal>,
    thread: JoinHandle<()>,
}

impl ServiceThread {
    /// Ends the thread, and waits for that unless it is the calling one: its callback has to return first.
    pub fn stop(self) {
        self.end.wake_by_ref();
        if self.mark != this_thread() {
            // An error is a panic that has been reported.
            let _ = self.thread.join();
        }
    }
}

/// Which thread has started.
#[derive(Default)]
struct Started {
    mark: Mutex<Option<ThreadMark>>,
    told: Condvar,
}

impl Started {
    fn tell(&self) {
        *lock(&self.mark) = Some(this_thread());
        self.told.notify_one();
    }

    fn wait(&self) -> ThreadMark {
        let mut mark = lock(&self.mark);
        loop {
            if let Some(mark) = *mark {
                return mark;
            }
            mark = self.told.wait(mark).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl ServiceThread {
    /// Starts a thread that runs the event loop of the executor from now on.
    pub fn start(executor: &Arc<Executor>) -> Result<Self> {
        executor.open()?; // later nobody would end it
        let (executor, end) = (executor.clone(), executor.signal());
        let (signal, started) = (end.clone(), Arc::new(Started::default()));
        let starting = started.clone();
        let thread = io::spawn("nfs-service", STACK, move || executor.serve(&signal, || starting.tell()))?;
        Ok(Self { mark: started.wait(), end, thread })
    }
}
