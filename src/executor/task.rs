//! Asynchronous operations as the executor keeps them.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll, Wake, Waker};

use super::Executor;
use crate::error::{Error, Result};
use crate::sync::lock;

/// An operation of any type.
pub trait Task: Send + Sync {
    /// Goes on with it; true when it has ended just now.
    fn poll(self: Arc<Self>) -> bool;
    /// Gives it up, if it has not ended.
    fn cancel(&self, error: Error);
    /// Tells the end to whoever started it, once. Called with no lock held: it may call anything.
    fn complete(&self);
    /// Nobody waits for it.
    fn is_background(&self) -> bool;
    fn id(&self) -> usize;
}

/// A future of any type: an [`Operation`] is compiled once for each type of result, not for each of some fifty futures.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = Result<T>> + Send>>;

/// An operation and who is told its end.
pub struct Operation<T, D> {
    id: usize,
    background: bool,
    queued: AtomicBool,
    executor: Weak<Executor>,
    stage: Mutex<Stage<T, D>>,
}

enum Stage<T, D> {
    Running(BoxFuture<T>, D),
    Ended(Result<T>, D),
    Told,
}

impl<T, D> Operation<T, D>
where
    T: Send + 'static,
    D: FnOnce(Result<T>) + Send + 'static,
{
    /// It is to be polled once; after that it wakes itself.
    pub fn task(
        future: BoxFuture<T>,
        done: D,
        id: usize,
        background: bool,
        executor: Weak<Executor>,
    ) -> Arc<dyn Task> {
        let stage = Mutex::new(Stage::Running(future, done));
        Arc::new(Self { id, background, queued: AtomicBool::new(true), executor, stage })
    }
}

impl<T, D> Task for Operation<T, D>
where
    T: Send + 'static,
    D: FnOnce(Result<T>) + Send + 'static,
{
    fn poll(self: Arc<Self>) -> bool {
        self.queued.store(false, Ordering::SeqCst);
        let waker = Waker::from(self.clone());
        let mut stage = lock(&self.stage);
        let Stage::Running(future, _) = &mut *stage else { return false };
        let Poll::Ready(result) = future.as_mut().poll(&mut Context::from_waker(&waker)) else {
            return false;
        };
        stage.end(result);
        true
    }

    fn cancel(&self, error: Error) {
        lock(&self.stage).end(Err(error));
    }

    fn complete(&self) {
        let stage = std::mem::replace(&mut *lock(&self.stage), Stage::Told);
        if let Stage::Ended(result, done) = stage {
            done(result);
        }
    }

    fn is_background(&self) -> bool {
        self.background
    }

    fn id(&self) -> usize {
        self.id
    }
}

impl<T, D> Stage<T, D> {
    fn end(&mut self, result: Result<T>) {
        match std::mem::replace(self, Stage::Told) {
            Stage::Running(future, done) => {
                drop(future); // it lets go of the caller's memory
                *self = Stage::Ended(result, done);
            }
            other => *self = other,
        }
    }
}

impl<T, D> Wake for Operation<T, D>
where
    T: Send + 'static,
    D: FnOnce(Result<T>) + Send + 'static,
{
    fn wake(self: Arc<Self>) {
        let Some(executor) = self.executor.upgrade() else { return };
        if !self.queued.swap(true, Ordering::SeqCst) {
            executor.ready(self);
        }
    }
}

/// The operations that have not ended.
#[derive(Default)]
pub struct Tasks {
    /// Each in the place that is its id.
    live: Vec<Option<Arc<dyn Task>>>,
    free: Vec<usize>,
    foreground: usize,
}

impl Tasks {
    /// `make` is given the id.
    pub fn insert(&mut self, background: bool, make: impl FnOnce(usize) -> Arc<dyn Task>) -> Arc<dyn Task> {
        let id = self.free.pop().unwrap_or(self.live.len());
        let task = make(id);
        match self.live.get_mut(id) {
            Some(place) => *place = Some(task.clone()),
            None => self.live.push(Some(task.clone())),
        }
        self.foreground += usize::from(!background);
        task
    }

    /// False when it is not here any more: whoever has taken it goes on with it. Its id may be another's by now.
    pub fn remove(&mut self, task: &dyn Task) -> bool {
        let same = |live: &mut Arc<dyn Task>| std::ptr::addr_eq(Arc::as_ptr(live), task);
        let removed = self.live.get_mut(task.id()).and_then(|place| place.take_if(same)).is_some();
        if removed {
            self.free.push(task.id());
            self.foreground -= usize::from(!task.is_background());
        }
        removed
    }

    /// Those that somebody waits for.
    pub fn foreground(&self) -> usize {
        self.foreground
    }

    /// Those that somebody waits for, which are no longer here then.
    pub fn take_foreground(&mut self) -> Vec<Arc<dyn Task>> {
        let mut taken = Vec::new();
        for place in &mut self.live {
            if let Some(task) = place.take_if(|task| !task.is_background()) {
                self.free.push(task.id());
                taken.push(task);
            }
        }
        self.foreground = 0;
        taken
    }

    /// All of them; no other may be inserted after this.
    pub fn take_all(&mut self) -> Vec<Arc<dyn Task>> {
        (self.foreground, self.free) = (0, Vec::new());
        std::mem::take(&mut self.live).into_iter().flatten().collect()
    }
}
