//! Who turns the crank: synchronous calls, event loops, and several threads in turns.
//!
//! Whoever needs progress turns the crank for all; another thread that comes meanwhile sends its own calls and
//! sleeps until its result is there or the crank is free. There is no thread of our own, unless the program asks for
//! one ([`Executor::serve`]), which then turns alone.

mod driver;
mod join;
mod rwlock;
mod service;
mod single;
mod task;
mod threads;

use std::collections::VecDeque;
use std::future::Future;
use std::os::fd::RawFd;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

pub use join::{all, join};
pub use rwlock::{AsyncRwLock, WriteGuard};
pub use service::ServiceThread;
pub use single::{Call, CallOperation, End};

use crate::error::{Error, Result};
use crate::io::Reactor;
use crate::rpc::Connection;
use crate::sync::lock;
use driver::Driver;
use single::SingleCall;
use task::{Operation, Task, Tasks};
use threads::Threads;

/// See the module.
pub struct Executor {
    reactor: Arc<Reactor<Connection>>,
    tasks: Mutex<Tasks>,
    ready: Mutex<VecDeque<Work>>,
    /// What is done, but its callback has not begun.
    completions: Mutex<VecDeque<Work>>,
    /// Operations of a single call that are not among the completions.
    singles: AtomicUsize,
    crank: Driver,
    /// Turns under way: what callbacks queue is sent at the end of the turn.
    servicing: AtomicUsize,
    closed: AtomicBool,
    threads: Threads,
    /// Signals of calls that are over, for further ones.
    signals: Mutex<Vec<Arc<Signal>>>,
    myself: Weak<Executor>,
}

/// An operation that can go on, or is complete.
enum Work {
    Task(Arc<dyn Task>),
    SingleCall(Box<dyn SingleCall>),
}

/// Wakes a thread that waits for its synchronous call, or ends one that serves.
pub struct Signal {
    woken: AtomicBool,
    executor: Weak<Executor>,
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
        let Some(executor) = self.executor.upgrade() else { return };
        executor.reactor.ring_if_blocked();
        executor.crank.look_again();
    }
}

/// Most spare signals: as many threads may call at a time without allocating one.
const SIGNALS: usize = 8;

/// How long a context that is shut down waits for other threads to leave it.
const LEAVING: Duration = Duration::from_secs(5);

impl Executor {
    pub fn new(reactor: Arc<Reactor<Connection>>) -> Arc<Self> {
        Arc::new_cyclic(|myself| Self {
            reactor,
            tasks: Mutex::default(),
            ready: Mutex::default(),
            completions: Mutex::default(),
            singles: AtomicUsize::new(0),
            crank: Driver::default(),
            servicing: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
            threads: Threads::default(),
            signals: Mutex::default(),
            myself: myself.clone(),
        })
    }

    /// EINTR after [`Executor::shut_down`].
    pub fn open(&self) -> Result<()> {
        match self.closed.load(Ordering::SeqCst) {
            false => Ok(()),
            true => Err(Error::new(libc::EINTR, "the context is being destroyed")),
        }
    }

    pub fn signal(&self) -> Arc<Signal> {
        Arc::new(Signal { woken: AtomicBool::new(false), executor: self.myself.clone() })
    }

    /// Turns the crank until `operation` is done; EINTR when the context is shut down meanwhile.
    pub fn run<T>(&self, operation: impl Future<Output = Result<T>>) -> Result<T> {
        let _inside = self.threads.enter();
        let spare = lock(&self.signals).pop();
        let mut signal = spare.unwrap_or_else(|| self.signal());
        let result = self.run_until(&signal, operation);
        if Arc::get_mut(&mut signal).is_some() {
            let mut signals = lock(&self.signals);
            if signals.len() < SIGNALS {
                signals.push(signal);
            }
        }
        result
    }

    fn run_until<T>(&self, signal: &Arc<Signal>, operation: impl Future<Output = Result<T>>) -> Result<T> {
        let mut operation = pin!(operation);
        let waker = Waker::from(signal.clone());
        let mut context = Context::from_waker(&waker);
        loop {
            signal.woken.store(false, Ordering::SeqCst);
            if let Poll::Ready(result) = operation.as_mut().poll(&mut context) {
                return result;
            }
            while !signal.woken.load(Ordering::SeqCst) {
                self.open()?;
                self.turn_for(signal)?;
            }
            self.open()?;
        }
    }

    /// As [`Executor::run`], after [`Executor::shut_down`]: nobody else turns the crank any more.
    pub fn run_last<T>(&self, operation: impl Future<Output = Result<T>>) -> Result<T> {
        let mut operation = pin!(operation);
        let signal = self.signal();
        let waker = Waker::from(signal.clone());
        let mut context = Context::from_waker(&waker);
        let busy = || Error::new(libc::EINTR, "a thread that cannot be interrupted is in the way");
        let _turning = self.crank.take().ok_or_else(busy)?;
        loop {
            signal.woken.store(false, Ordering::SeqCst);
            if let Poll::Ready(result) = operation.as_mut().poll(&mut context) {
                return result;
            }
            while !signal.woken.load(Ordering::SeqCst) {
                self.reactor.turn(|| !signal.woken.load(Ordering::SeqCst))?;
            }
        }
    }

    /// Turns the crank for all threads, and runs all callbacks, until `end` is woken or the context is shut down.
    /// `started` is called when this has begun.
    pub fn serve(&self, end: &Signal, started: impl FnOnce()) {
        const AFTER_AN_ERROR: Duration = Duration::from_millis(10);
        let _inside = self.threads.enter();
        let _serving = self.crank.serve();
        self.reactor.ring_if_blocked(); // who turns now is to make room
        started();
        while !end.woken.load(Ordering::SeqCst) && self.open().is_ok() {
            if self.turn_for(end).is_err() {
                thread::sleep(AFTER_AN_ERROR); // the system has no memory for poll(2): do not make it worse
            }
        }
    }

    /// Turns the crank once, or sleeps while another thread does.
    fn turn_for(&self, signal: &Signal) -> Result<()> {
        let Some(turning) = self.crank.take() else {
            self.reactor.flush();
            self.reactor.ring_if_blocked(); // our deadline may be the next one
            self.crank.wait(|| signal.woken.load(Ordering::SeqCst) || self.open().is_err());
            return Ok(());
        };
        let may_wait = || !signal.woken.load(Ordering::SeqCst) && !self.has_work() && self.open().is_ok();
        let result = self.reactor.turn(may_wait);
        drop(turning);
        if self.crank.is_ours() {
            self.run_ready();
            self.run_completions();
        }
        result
    }

    fn has_work(&self) -> bool {
        !lock(&self.ready).is_empty() || !lock(&self.completions).is_empty()
    }

    /// One turn of a program's own event loop.
    pub fn service(&self) -> Result<()> {
        let _inside = self.threads.enter();
        let Some(turning) = self.crank.take() else {
            self.reactor.flush();
            return Ok(());
        };
        let result = self.reactor.turn_now();
        drop(turning);
        self.servicing.fetch_add(1, Ordering::SeqCst);
        self.run_ready();
        self.run_completions();
        self.servicing.fetch_sub(1, Ordering::SeqCst);
        self.reactor.flush();
        if self.has_work() {
            self.reactor.ring();
        }
        result
    }

    /// The descriptor for the program's event loop.
    pub fn descriptor(&self) -> Result<RawFd> {
        let fd = self.reactor.descriptor()?;
        if self.has_work() {
            self.reactor.ring(); // it was done before there was a descriptor
        }
        Ok(fd)
    }

    /// Called before a program waits.
    pub fn prepare_wait(&self) {
        // While another thread turns, the bell may be there to wake that.
        self.crank.if_free(|| {
            if !self.has_work() {
                self.reactor.silence();
            }
        });
        self.reactor.flush();
        if self.has_work() {
            self.reactor.ring(); // a connection was found lost: somebody has to make another one
        }
    }

    /// Starts an operation at once; EINTR after [`Executor::shut_down`].
    pub fn spawn<T: Send + 'static>(
        &self,
        operation: impl Future<Output = Result<T>> + Send + 'static,
        done: impl FnOnce(Result<T>) + Send + 'static,
    ) -> Result<()> {
        let _inside = self.threads.enter(); // whoever shuts down waits for what becomes complete here
        self.start(operation, done, false).map_err(|(error, _)| error)?;
        self.submitted();
        Ok(())
    }

    /// An operation of a single call begins: it is to be [`Executor::answered`]. EINTR after [`Executor::shut_down`].
    pub(super) fn begin(&self) -> Result<()> {
        // In this order: whoever shuts down waits for those that have begun.
        self.singles.fetch_add(1, Ordering::SeqCst);
        self.open().inspect_err(|_| {
            self.singles.fetch_sub(1, Ordering::SeqCst);
        })
    }

    /// The call of such an operation is over. In the middle of a turn.
    pub fn answered(&self, single: Box<dyn SingleCall>) {
        lock(&self.ready).push_back(Work::SingleCall(single));
        self.reactor.ring_if_blocked();
    }

    /// Whoever turns the crank learns of operations that were started outside of a turn.
    pub fn submitted(&self) {
        if self.servicing.load(Ordering::SeqCst) == 0 {
            self.reactor.submitted();
            if self.has_work() && self.reactor.has_descriptor() {
                self.reactor.ring();
            }
        }
        self.reactor.ring_if_blocked(); // whoever turns does not know of this yet
    }

    /// Starts something that nobody waits for: it ends by itself or with the context.
    pub fn spawn_background(
        &self,
        operation: impl Future<Output = Result<()>> + Send + 'static,
    ) -> Result<()> {
        self.start(operation, drop, true).map_err(|(error, _)| error)
    }

    /// As [`Executor::spawn`], for who is inside; an error comes with `done`.
    pub(super) fn start<T: Send + 'static, D: FnOnce(Result<T>) + Send + 'static>(
        &self,
        operation: impl Future<Output = Result<T>> + Send + 'static,
        done: D,
        background: bool,
    ) -> std::result::Result<(), (Error, D)> {
        let task = {
            let mut tasks = lock(&self.tasks);
            if let Err(error) = self.open() {
                return Err((error, done));
            }
            tasks.insert(background, |id| {
                Operation::task(operation, done, id, background, self.myself.clone())
            })
        };
        self.poll_task(task);
        Ok(())
    }

    /// Called when a task can go on.
    pub(super) fn ready(&self, task: Arc<dyn Task>) {
        lock(&self.ready).push_back(Work::Task(task));
        self.reactor.ring_if_blocked();
    }

    /// Goes on with what can.
    fn run_ready(&self) {
        let mut due = std::mem::take(&mut *lock(&self.ready));
        for work in due.drain(..) {
            match work {
                Work::Task(task) => self.poll_task(task),
                Work::SingleCall(single) => self.advance(single),
            }
        }
        let mut ready = lock(&self.ready);
        if ready.capacity() == 0 {
            *ready = due; // its memory is good for the next ones
        }
    }

    fn poll_task(&self, task: Arc<dyn Task>) {
        if !task.clone().poll() {
            return;
        }
        // Both at once: nobody may count an operation as neither pending nor completed.
        let mut tasks = lock(&self.tasks);
        tasks.remove(&*task);
        if !task.is_background() {
            lock(&self.completions).push_back(Work::Task(task));
        }
    }

    fn advance(&self, single: Box<dyn SingleCall>) {
        let complete = single.advance(self);
        // Both at once, as above.
        let mut completions = lock(&self.completions);
        completions.extend(complete.map(Work::SingleCall));
        self.singles.fetch_sub(1, Ordering::SeqCst);
    }

    /// Runs the callbacks that are due now; what they cause is due in the next turn.
    fn run_completions(&self) {
        let due = lock(&self.completions).len();
        for _ in 0..due {
            if !self.run_completion() {
                return;
            }
        }
    }

    /// False when there is none.
    fn run_completion(&self) -> bool {
        let next = lock(&self.completions).pop_front(); // the lock is given back before the callback runs
        match next {
            Some(Work::Task(task)) => task.complete(),
            Some(Work::SingleCall(single)) => single.complete(),
            None => return false,
        }
        true
    }

    /// Operations whose callback has not begun.
    pub fn length(&self) -> usize {
        let tasks = lock(&self.tasks);
        let completions = lock(&self.completions);
        tasks.foreground() + completions.len() + self.singles.load(Ordering::SeqCst)
    }

    /// Gives up all operations: their callbacks run with EINTR, and the calls of other threads return, before this
    /// does. No new ones start. A thread that does not come back from a callback is not waited for for ever: then this
    /// is false.
    pub fn shut_down(&self) -> bool {
        self.closed.store(true, Ordering::SeqCst);
        self.reactor.ring_if_blocked();
        self.crank.look_again();
        let live = lock(&self.tasks).take_all();
        for task in live {
            task.cancel(Error::new(libc::EINTR, "the context was destroyed"));
            if !task.is_background() {
                lock(&self.completions).push_back(Work::Task(task));
            }
        }
        self.complete_all();
        let mut alone = self.threads.wait_for_others(LEAVING);
        let limit = self.reactor.now() + LEAVING;
        loop {
            self.complete_all(); // what the others began and completed on their way out
            if self.singles.load(Ordering::SeqCst) == 0 || !alone {
                return alone;
            }
            thread::yield_now(); // somebody is about to make a call
            alone = self.reactor.now() < limit;
        }
    }

    fn complete_all(&self) {
        let error = Error::new(libc::EINTR, "the context was destroyed");
        self.reactor.with_all(|connection| connection.abandon_completions(&error));
        self.run_ready();
        while self.run_completion() {}
    }
}
