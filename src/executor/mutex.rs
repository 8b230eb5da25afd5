//! A lock that is awaited, and given to those who wait in the order in which they came.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use crate::sync::lock;

/// Operations of the process that wait for others of their context, which other threads may run.
static WAITING: AtomicUsize = AtomicUsize::new(0);

/// Whether an operation may be woken by another thread, so that a thread which runs an event loop has to hear of it.
pub fn is_any_waiting() -> bool {
    WAITING.load(Ordering::SeqCst) > 0
}

/// An operation waits for others, as long as this lives.
#[derive(Debug)]
pub struct Waiting(());

impl Waiting {
    pub fn begin() -> Self {
        WAITING.fetch_add(1, Ordering::SeqCst);
        Self(())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        WAITING.fetch_sub(1, Ordering::SeqCst);
    }
}

/// See the module. A waiting operation that is cancelled leaves the queue.
#[derive(Default)]
pub struct AsyncMutex(Mutex<State>);

#[derive(Default)]
struct State {
    locked: bool,
    /// Those who wait. The lock is handed over: who is no longer here has it.
    queue: VecDeque<(u64, Waker, Waiting)>,
    next_id: u64,
}

/// The lock, held until this is dropped.
pub struct AsyncMutexGuard<'a>(&'a AsyncMutex);

/// See [`AsyncMutex::lock`].
pub struct Acquire<'a> {
    mutex: &'a AsyncMutex,
    /// The place in the queue, from the first poll on until the lock has been taken.
    id: Option<u64>,
}

impl AsyncMutex {
    /// Waits for the lock. The place in the queue is taken when this is first polled.
    pub fn lock(&self) -> Acquire<'_> {
        Acquire { mutex: self, id: None }
    }

    /// Takes the lock if it is free. After true, [`AsyncMutex::unlock`] has to be called.
    pub fn try_lock(&self) -> bool {
        let mut state = lock(&self.0);
        !std::mem::replace(&mut state.locked, true)
    }

    /// As [`AsyncMutex::try_lock`], until the result is dropped.
    pub fn try_guard(&self) -> Option<AsyncMutexGuard<'_>> {
        self.try_lock().then(|| AsyncMutexGuard(self))
    }

    pub fn unlock(&self) {
        let next = {
            let mut state = lock(&self.0);
            let next = state.queue.pop_front();
            state.locked = next.is_some();
            next
        };
        if let Some((_, waker, _)) = next {
            waker.wake();
        }
    }
}

impl<'a> Future for Acquire<'a> {
    type Output = AsyncMutexGuard<'a>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mutex = self.mutex;
        let mut state = lock(&mutex.0);
        let id = match self.id {
            None if !state.locked => {
                state.locked = true;
                return Poll::Ready(AsyncMutexGuard(mutex));
            }
            None => {
                state.next_id += 1;
                state.next_id
            }
            Some(id) => id,
        };
        match state.queue.iter_mut().find(|(waiting, ..)| *waiting == id) {
            Some((_, waker, _)) => waker.clone_from(context.waker()),
            None if self.id.is_some() => {
                self.id = None;
                return Poll::Ready(AsyncMutexGuard(mutex));
            }
            None => state.queue.push_back((id, context.waker().clone(), Waiting::begin())),
        }
        self.id = Some(id);
        Poll::Pending
    }
}

impl Drop for Acquire<'_> {
    fn drop(&mut self) {
        let Some(id) = self.id else { return };
        let handed_over = {
            let mut state = lock(&self.mutex.0);
            let before = state.queue.len();
            state.queue.retain(|(waiting, ..)| *waiting != id);
            state.queue.len() == before
        };
        if handed_over {
            self.mutex.unlock();
        }
    }
}

impl Drop for AsyncMutexGuard<'_> {
    fn drop(&mut self) {
        self.0.unlock();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    fn poll<F: Future>(future: Pin<&mut F>) -> Option<F::Output> {
        match future.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }

    #[test]
    fn those_who_wait_get_it_in_order() {
        let mutex = AsyncMutex::default();
        let first = poll(pin!(mutex.lock())).unwrap();
        let (mut second, mut third) = (pin!(mutex.lock()), pin!(mutex.lock()));
        assert!(poll(second.as_mut()).is_none() && poll(third.as_mut()).is_none() && !mutex.try_lock());
        drop(first);
        assert!(!mutex.try_lock(), "it is the second's, who has not looked yet");
        assert!(poll(third.as_mut()).is_none());
        let second = poll(second.as_mut()).unwrap();
        drop(second);
        let third = poll(third.as_mut()).unwrap();
        drop(third);
        assert!(mutex.try_lock());
        mutex.unlock();
        assert!(poll(pin!(mutex.lock())).is_some());
    }

    #[test]
    fn who_is_cancelled_passes_it_on() {
        let mutex = AsyncMutex::default();
        let first = poll(pin!(mutex.lock())).unwrap();
        let mut second = Box::pin(mutex.lock());
        let mut third = Box::pin(mutex.lock());
        let mut fourth = pin!(mutex.lock());
        assert!(poll(second.as_mut()).is_none() && poll(third.as_mut()).is_none());
        assert!(poll(fourth.as_mut()).is_none());
        drop(third); // while it waits
        drop(first);
        drop(second); // after the lock was handed to it
        assert!(poll(fourth.as_mut()).is_some());
        assert!(mutex.try_lock());
    }
}
