//! Who runs the event loop: synchronous calls, event loops of programs, and several threads in turns.
//!
//! Whoever needs progress runs it for all; another thread that comes meanwhile sends its own calls and sleeps until its
//! result is there, the event loop is free, or something is overdue. There is no thread of our own, unless the program
//! asks for one ([`Executor::serve`]), which then runs the event loop and all callbacks.
//!
//! Whatever a thread does to operations of others, it ends with [`Executor::settle`]: nobody else has to remember what
//! was queued, advanced or completed.

mod driver;
mod join;
#[cfg(test)]
mod model;
mod mutex;
mod promise;
mod service;
mod single;
mod task;
mod threads;

use std::cell::Cell;
use std::collections::VecDeque;
use std::future::Future;
use std::os::fd::RawFd;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

pub use join::{all, join};
pub use mutex::{AsyncMutex, AsyncMutexGuard, Waiting};
pub use promise::Promise;
pub use service::ServiceThread;
pub use single::{Call, CallOperation, End};

use crate::error::{Error, Result};
use crate::io::{self, Reactor};
use crate::rpc::Connection;
use crate::sync::lock;
use driver::Driver;
use single::SingleCall;
use task::{BoxFuture, Operation, Task, Tasks};
use threads::Threads;
pub use threads::{ThreadMark, this_thread};

/// See the module.
pub struct Executor {
    reactor: Arc<Reactor<Connection>>,
    tasks: Mutex<Tasks>,
    ready: Mutex<VecDeque<Work>>,
    /// What is done, but its callback has not begun.
    completions: Mutex<VecDeque<Work>>,
    /// Operations of a single call that are not among the completions.
    singles: AtomicUsize,
    driver: Driver,
    /// There may be something to do for [`Executor::settle`].
    unsettled: AtomicBool,
    closed: AtomicBool,
    /// Whose it is.
    process: AtomicU32,
    /// Changes when operations are cancelled: synchronous calls that have begun before end.
    cancellations: AtomicU64,
    /// Why they were cancelled last.
    cancelled: Mutex<Option<Error>>,
    threads: Threads,
    /// Signals of calls that are over, for further ones.
    signals: Mutex<Vec<Arc<Signal>>>,
    myself: Weak<Executor>,
}

thread_local! {
    /// The address of the executor whose callback the thread is in.
    static CALLBACK: Cell<usize> = const { Cell::new(0) };
}

/// Restores what was there before, also when a callback panics.
struct Innermost(usize);

impl Drop for Innermost {
    fn drop(&mut self) {
        CALLBACK.set(self.0);
    }
}

/// An operation that can go on, or is complete.
enum Work {
    Task(Arc<dyn Task>),
    Single(Box<dyn SingleCall>),
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
        executor.reactor.notify_if_polling();
        executor.driver.look_again();
    }
}

/// Tells what began before operations were cancelled from what began after it.
#[derive(Debug, Clone, Copy)]
pub struct Generation(u64);

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
            driver: Driver::default(),
            unsettled: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            process: AtomicU32::new(io::process()),
            cancellations: AtomicU64::new(0),
            cancelled: Mutex::default(),
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

    /// Runs the event loop until `operation` is done; EINTR when the context is shut down meanwhile, and the reason
    /// when operations are cancelled.
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
        self.settle();
        result
    }

    fn run_until<T>(&self, signal: &Arc<Signal>, operation: impl Future<Output = Result<T>>) -> Result<T> {
        let mut operation = pin!(operation);
        let began = self.cancellations.load(Ordering::SeqCst);
        let waker = Waker::from(signal.clone());
        let mut context = Context::from_waker(&waker);
        loop {
            signal.woken.store(false, Ordering::SeqCst);
            if let Poll::Ready(result) = operation.as_mut().poll(&mut context) {
                return result;
            }
            self.open()?; // after it has begun: what shuts down later cancels it
            while !signal.woken.load(Ordering::SeqCst) {
                if self.is_cancelled(began) {
                    return Err(self.cancellation());
                }
                self.turn(signal, began)?;
            }
        }
    }

    /// Whether synchronous calls that have begun then are to end.
    fn is_cancelled(&self, began: u64) -> bool {
        self.cancellations.load(Ordering::SeqCst) != began
    }

    /// Why operations were cancelled last.
    #[cold]
    fn cancellation(&self) -> Error {
        let why = lock(&self.cancelled).clone();
        why.unwrap_or_else(|| Error::new(libc::EINTR, "the call was cancelled"))
    }

    /// As [`Executor::run`], after [`Executor::shut_down`]: nobody else runs the event loop any more.
    pub fn run_last<T>(&self, operation: impl Future<Output = Result<T>>) -> Result<T> {
        let mut operation = pin!(operation);
        let signal = self.signal();
        let waker = Waker::from(signal.clone());
        let mut context = Context::from_waker(&waker);
        let busy = || Error::new(libc::EINTR, "a thread that cannot be interrupted is in the way");
        let _driving = self.driver.take().ok_or_else(busy)?;
        loop {
            signal.woken.store(false, Ordering::SeqCst);
            if let Poll::Ready(result) = operation.as_mut().poll(&mut context) {
                return result;
            }
            while !signal.woken.load(Ordering::SeqCst) {
                self.reactor.run_once(|| !signal.woken.load(Ordering::SeqCst), true)?;
            }
        }
    }

    /// Runs the event loop for all threads, and all callbacks, until `end` is woken or the context is shut down.
    /// `started` is called when this has begun.
    pub fn serve(&self, end: &Signal, started: impl FnOnce()) {
        const AFTER_AN_ERROR: Duration = Duration::from_millis(10);
        let _inside = self.threads.enter();
        let serving = self.driver.serve();
        self.reactor.notify_if_polling(); // who waits now is to make room
        started();
        loop {
            let began = self.cancellations.load(Ordering::SeqCst);
            if end.woken.load(Ordering::SeqCst) || self.open().is_err() || self.is_of_parent() {
                break; // after that was read: what shuts down later ends the turn
            }
            if self.turn(end, began).is_err() {
                thread::sleep(AFTER_AN_ERROR); // the system has no memory for poll(2): do not make it worse
            }
        }
        drop(serving);
        self.unsettled.store(true, Ordering::SeqCst);
        self.settle();
    }

    /// One turn of the event loop, or a sleep while another thread runs it. It ends early when the signal is woken, or
    /// when what has `begun` then is cancelled.
    #[inline(never)] // every synchronous call has one
    fn turn(&self, signal: &Signal, begun: u64) -> Result<()> {
        let over = || self.is_cancelled(begun);
        let may_wait = || !signal.woken.load(Ordering::SeqCst) && !self.has_work() && !over();
        let result = match self.driver.take() {
            Some(driving) => {
                // Where there is a wait for others, or for submissions, that must be possible to end at any time.
                let may_receive = !self.driver.is_served() && !mutex::is_any_waiting();
                let result = self.reactor.run_once(may_wait, may_receive);
                drop(driving);
                result
            }
            None => {
                self.reactor.flush();
                let (deadline, completes) = (self.reactor.deadline(), self.may_complete());
                // Asked while the driver's state is locked: it must not be looked at there.
                let is_over = || {
                    let has_work =
                        !lock(&self.ready).is_empty() || completes && !lock(&self.completions).is_empty();
                    signal.woken.load(Ordering::SeqCst) || has_work || over()
                };
                self.driver.wait(is_over, deadline);
                if deadline.is_some_and(|deadline| deadline <= self.reactor.now()) {
                    self.reactor.expire();
                }
                Ok(())
            }
        };
        self.run_ready();
        if self.has_completions() {
            self.run_completions();
            // The program's own loop may wait for what its callbacks have done here.
            self.reactor.notify_program_to_look();
        }
        self.settle();
        result
    }

    /// Whether the calling thread may run callbacks from a synchronous call. In a callback it may not: they would run on
    /// top of each other without end.
    fn may_complete(&self) -> bool {
        self.driver.is_ours() && !self.threads.is_in_callback()
    }

    /// Whether there are callbacks to run for the calling thread.
    fn has_completions(&self) -> bool {
        !lock(&self.completions).is_empty() && self.may_complete()
    }

    /// Whether there is something to do for the calling thread.
    fn has_work(&self) -> bool {
        !lock(&self.ready).is_empty() || self.has_completions()
    }

    /// Whether there is something to do for anybody.
    fn has_any_work(&self) -> bool {
        !lock(&self.ready).is_empty() || !lock(&self.completions).is_empty()
    }

    /// The end of everything that a thread does here: operations that can advance do so, what they have queued is sent,
    /// deadlines are armed, and whoever may run the callbacks that are due hears of them.
    fn settle(&self) {
        while self.unsettled.swap(false, Ordering::SeqCst) {
            self.advance_ready();
            self.reactor.flush();
            if !lock(&self.completions).is_empty() {
                self.notify_program();
                self.reactor.notify_if_polling();
                self.driver.look_again();
            }
        }
    }

    /// There is something to do for the program's own event loop, unless a thread serves: that does it then.
    fn notify_program(&self) {
        if !self.driver.is_served() {
            self.reactor.notify_program();
        }
    }

    /// One turn of a program's own event loop.
    pub fn service(&self) -> Result<()> {
        let _inside = self.threads.enter();
        // Another thread may be waiting for replies meanwhile: then there is nothing to receive.
        let result = match self.driver.take() {
            Some(driving) => {
                let result = self.reactor.run_pending();
                drop(driving);
                result
            }
            None => {
                self.reactor.look_at_clock();
                Ok(())
            }
        };
        self.run_ready();
        if self.driver.is_ours() {
            self.run_completions();
        }
        self.unsettled.store(true, Ordering::SeqCst);
        self.settle();
        result
    }

    /// The descriptor for the program's event loop.
    pub fn descriptor(&self) -> Result<RawFd> {
        let fd = self.reactor.descriptor()?;
        if self.has_any_work() {
            self.reactor.notify_program(); // it was done before there was a descriptor
        }
        Ok(fd)
    }

    /// Called before a program waits.
    pub fn prepare_wait(&self) {
        self.reactor.prepare_wait();
        if self.has_any_work() {
            self.notify_program();
        }
    }

    /// Starts an operation at once; EINTR after [`Executor::shut_down`].
    pub fn spawn<T: Send + 'static>(
        &self,
        operation: impl Future<Output = Result<T>> + Send + 'static,
        done: impl FnOnce(Result<T>) + Send + 'static,
    ) -> Result<()> {
        let _inside = self.threads.enter(); // whoever shuts down waits for what becomes complete here
        self.start(Box::pin(operation), done, false, None).map_err(|(error, _)| error)?;
        self.submitted();
        Ok(())
    }

    /// An operation of a single call begins: it is to be [`Executor::answered`]. EINTR after [`Executor::shut_down`].
    pub(super) fn begin(&self) -> Result<Generation> {
        // In this order: whoever shuts down waits for those that have begun.
        self.singles.fetch_add(1, Ordering::SeqCst);
        let generation = Generation(self.cancellations.load(Ordering::SeqCst));
        self.open().map(|()| generation).inspect_err(|_| {
            self.singles.fetch_sub(1, Ordering::SeqCst);
        })
    }

    /// The call of such an operation is over. In the middle of a turn.
    pub fn answered(&self, single: Box<dyn SingleCall>) {
        self.push_ready(Work::Single(single));
    }

    /// Whoever runs the event loop learns of operations that were started outside of a turn.
    pub fn submitted(&self) {
        if self.is_in_callback_now() {
            return; // the end of the turn sends it, together with what other callbacks submit
        }
        if self.driver.is_served() {
            self.reactor.flush(); // the thread that serves may be in a callback
        } else {
            self.reactor.submitted();
        }
        self.settle();
    }

    /// Whether the innermost callback that the calling thread is in is one of this context.
    fn is_in_callback_now(&self) -> bool {
        CALLBACK.get() == std::ptr::from_ref(self).addr()
    }

    /// Starts something that nobody waits for: it ends by itself or with the context.
    pub fn spawn_background(
        &self,
        operation: impl Future<Output = Result<()>> + Send + 'static,
    ) -> Result<()> {
        self.start(Box::pin(operation), drop, true, None).map_err(|(error, _)| error)
    }

    /// As [`Executor::spawn`], for who is inside; an error comes with `done`. An operation that `began` before operations
    /// were cancelled is not started.
    pub(super) fn start<T: Send + 'static, D: FnOnce(Result<T>) + Send + 'static>(
        &self,
        operation: BoxFuture<T>,
        done: D,
        background: bool,
        began: Option<Generation>,
    ) -> std::result::Result<(), (Error, D)> {
        let task = {
            let mut tasks = lock(&self.tasks);
            if let Err(error) = self.open() {
                return Err((error, done));
            }
            if began.is_some_and(|Generation(began)| self.is_cancelled(began)) {
                return Err((self.cancellation(), done));
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
        self.push_ready(Work::Task(task));
    }

    fn push_ready(&self, work: Work) {
        lock(&self.ready).push_back(work);
        self.unsettled.store(true, Ordering::SeqCst);
        self.reactor.notify_if_polling();
    }

    fn push_completion(&self, completions: &mut VecDeque<Work>, work: Work) {
        completions.push_back(work);
        self.unsettled.store(true, Ordering::SeqCst);
    }

    /// Goes on with what can. What that has queued and completed is left to [`Executor::settle`], which another thread
    /// may have begun before it was there.
    fn run_ready(&self) {
        if self.advance_ready() {
            self.unsettled.store(true, Ordering::SeqCst);
        }
    }

    /// As [`Executor::run_ready`], for who settles afterwards; false when there was nothing.
    fn advance_ready(&self) -> bool {
        let mut due = std::mem::take(&mut *lock(&self.ready));
        let some = !due.is_empty();
        for work in due.drain(..) {
            match work {
                Work::Task(task) => self.poll_task(task),
                Work::Single(single) => self.advance(single),
            }
        }
        let mut ready = lock(&self.ready);
        if ready.capacity() == 0 {
            *ready = due; // its memory is good for the next ones
        }
        some
    }

    fn poll_task(&self, task: Arc<dyn Task>) {
        if !task.clone().poll() {
            return;
        }
        // Both at once: nobody may count an operation as neither pending nor completed.
        let mut tasks = lock(&self.tasks);
        if tasks.remove(&*task) && !task.is_background() {
            self.push_completion(&mut lock(&self.completions), Work::Task(task));
        }
    }

    fn advance(&self, single: Box<dyn SingleCall>) {
        let complete = single.advance(self);
        // Both at once, as above.
        let mut completions = lock(&self.completions);
        if let Some(complete) = complete {
            self.push_completion(&mut completions, Work::Single(complete));
        }
        self.singles.fetch_sub(1, Ordering::SeqCst);
    }

    /// Runs the callbacks that are due now; what they cause is due in the next turn.
    fn run_completions(&self) {
        let due = lock(&self.completions).len();
        self.complete(due);
    }

    /// Runs some callbacks; false when there was none.
    fn complete(&self, most: usize) -> bool {
        if most == 0 {
            return false;
        }
        let _in_callback = self.threads.enter_callback();
        let _innermost = Innermost(CALLBACK.replace(std::ptr::from_ref(self).addr()));
        let _away = if self.driver.is_served() { self.driver.step_away() } else { None };
        for index in 0..most {
            let next = lock(&self.completions).pop_front(); // the lock is given back before the callback runs
            match next {
                Some(Work::Task(task)) => task.complete(),
                Some(Work::Single(single)) => single.complete(),
                None => return index > 0,
            }
            // It may have submitted something.
            self.unsettled.store(true, Ordering::SeqCst);
            if self.is_of_parent() {
                self.leave_to_parent();
                return false;
            }
        }
        true
    }

    /// This is a child of the process that has made it.
    fn is_of_parent(&self) -> bool {
        self.process.load(Ordering::Relaxed) != io::process()
    }

    /// A callback has forked, and returned in the child: what is under way goes on in the parent only.
    #[cold]
    fn leave_to_parent(&self) {
        self.reactor.abandon();
        self.mark_cancelled(&Error::new(
            libc::EBADF,
            "the call belongs to the process that has forked this one",
        ));
    }

    /// Operations whose callback has not begun.
    pub fn length(&self) -> usize {
        let tasks = lock(&self.tasks);
        let completions = lock(&self.completions);
        tasks.foreground() + completions.len() + self.singles.load(Ordering::SeqCst)
    }

    /// Ends all operations that are under way, but for those that nobody waits for: when this returns, none of them uses
    /// memory of its caller any more. Their callbacks are due with `error`, and synchronous calls of other threads
    /// return it. What begins later is not concerned.
    pub fn cancel_operations(&self, error: &Error) {
        let _inside = self.threads.enter();
        let live = {
            let mut tasks = lock(&self.tasks);
            self.mark_cancelled(error); // with the lock held: what began before starts no task afterwards
            tasks.take_foreground()
        };
        self.cancel(live, error);
        self.settle();
    }

    fn mark_cancelled(&self, error: &Error) {
        *lock(&self.cancelled) = Some(error.clone());
        self.cancellations.fetch_add(1, Ordering::SeqCst);
    }

    fn cancel(&self, tasks: Vec<Arc<dyn Task>>, error: &Error) {
        for task in tasks {
            task.cancel(error.clone());
            if !task.is_background() {
                self.push_completion(&mut lock(&self.completions), Work::Task(task));
            }
        }
        self.reactor.with_all(|connection| connection.abandon_completions(error));
        self.run_ready();
        self.reactor.notify_if_polling();
        self.driver.look_again();
    }

    /// Gives up all operations: their callbacks run with EINTR, and the calls of other threads return, before this
    /// does. No new ones start. A thread that does not come back from a callback is not waited for for ever: then this
    /// is false.
    pub fn shut_down(&self) -> bool {
        self.closed.store(true, Ordering::SeqCst);
        let live = lock(&self.tasks).take_all();
        self.complete_all(live);
        let mut alone = self.threads.wait_for_others(LEAVING);
        let limit = self.reactor.now() + LEAVING;
        loop {
            self.complete_all(Vec::new()); // what the others began and completed on their way out
            if self.singles.load(Ordering::SeqCst) == 0 || !alone {
                return alone;
            }
            thread::yield_now(); // somebody is about to make a call
            alone = self.reactor.now() < limit;
        }
    }

    fn complete_all(&self, tasks: Vec<Arc<dyn Task>>) {
        let error = Error::new(libc::EINTR, "the context was destroyed");
        self.mark_cancelled(&error);
        self.cancel(tasks, &error);
        while self.complete(1) {}
    }
}
