//! The thread that serves a context when the program does not want to.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::Wake;
use std::thread::JoinHandle;

use super::executor::Signal;
use super::threads::{ThreadMark, this_thread};
use super::{Client, lock};
use crate::error::{Error, Result};
use crate::io;

/// What callbacks may need, as in the main thread of most programs.
const STACK: usize = 8 << 20;

/// A thread that turns the crank.
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

impl Client {
    /// Starts a thread that serves the context; EALREADY when there is one.
    pub fn start_service(&self) -> Result<()> {
        let mut service = lock(&self.service);
        if service.is_some() {
            return Err(Error::new(libc::EALREADY, "the context has a service thread already"));
        }
        self.executor.open()?; // later nobody would end it
        let (executor, end) = (self.executor.clone(), self.executor.signal());
        let (signal, started) = (end.clone(), Arc::new(Started::default()));
        let starting = started.clone();
        let thread = io::spawn("nfs-service", STACK, move || executor.serve(&signal, || starting.tell()))?;
        let mark = started.wait();
        *service = Some(ServiceThread { mark, end, thread });
        Ok(())
    }

    /// Ends the thread, after the callback that it may be in; ESRCH when there is none.
    pub fn stop_service(&self) -> Result<()> {
        let service = lock(&self.service).take();
        service.map(ServiceThread::stop).ok_or_else(|| Error::new(libc::ESRCH, "there is no service thread"))
    }
}
