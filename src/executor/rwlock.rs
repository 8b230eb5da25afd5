//! A lock that is awaited: held by any number of readers, or by one writer.

use std::future::poll_fn;
use std::sync::Mutex;
use std::task::{Poll, Waker};

use crate::sync::lock;

/// See the module. A waiting writer comes before readers that come later.
#[derive(Default)]
pub struct AsyncRwLock(Mutex<State>);

#[derive(Default)]
struct State {
    readers: usize,
    writing: bool,
    /// Writers that wait.
    waiting_writers: usize,
    wakers: Vec<Waker>,
}

/// The lock, held by a reader.
pub struct ReadGuard<'a>(&'a AsyncRwLock);

/// The lock, held by the writer.
pub struct WriteGuard<'a>(&'a AsyncRwLock);

/// A waiting writer; it stops waiting also when its operation is cancelled.
struct WriteIntent<'a>(&'a AsyncRwLock);

impl AsyncRwLock {
    pub async fn read(&self) -> ReadGuard<'_> {
        poll_fn(|context| {
            let mut state = lock(&self.0);
            if state.writing || state.waiting_writers > 0 {
                state.wakers.push(context.waker().clone());
                return Poll::Pending;
            }
            state.readers += 1;
            Poll::Ready(ReadGuard(self))
        })
        .await
    }

    /// As [`AsyncRwLock::read`], without waiting; false when there is a writer. After true, [`AsyncRwLock::end_read`]
    /// has to be called.
    pub fn begin_read(&self) -> bool {
        let mut state = lock(&self.0);
        let free = !state.writing && state.waiting_writers == 0;
        state.readers += usize::from(free);
        free
    }

    pub fn end_read(&self) {
        self.change(|state| state.readers -= 1);
    }

    pub async fn write(&self) -> WriteGuard<'_> {
        lock(&self.0).waiting_writers += 1;
        let _intent = WriteIntent(self);
        poll_fn(|context| {
            let mut state = lock(&self.0);
            if state.writing || state.readers > 0 {
                state.wakers.push(context.waker().clone());
                return Poll::Pending;
            }
            state.writing = true;
            Poll::Ready(WriteGuard(self))
        })
        .await
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let wakers = {
            let mut state = lock(&self.0);
            change(&mut state);
            let nobody_can_proceed = state.writing || state.readers > 0 && state.waiting_writers > 0;
            if nobody_can_proceed { Vec::new() } else { std::mem::take(&mut state.wakers) }
        };
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Drop for ReadGuard<'_> {
    fn drop(&mut self) {
        self.0.end_read();
    }
}

impl Drop for WriteGuard<'_> {
    fn drop(&mut self) {
        self.0.change(|state| state.writing = false);
    }
}

impl Drop for WriteIntent<'_> {
    fn drop(&mut self) {
        self.0.change(|state| state.waiting_writers -= 1);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Wake};

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn now<T>(future: impl Future<Output = T>) -> Option<T> {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        }
    }

    #[test]
    fn many_share_it_and_one_has_it_alone() {
        let rwlock = AsyncRwLock::default();
        let (first, second) = (now(rwlock.read()).unwrap(), now(rwlock.read()).unwrap());
        assert!(now(rwlock.write()).is_none());
        drop((first, second));
        let writing = now(rwlock.write()).unwrap();
        assert!(now(rwlock.write()).is_none() && now(rwlock.read()).is_none());
        drop(writing);
        assert!(now(rwlock.read()).is_some());
    }

    #[test]
    fn who_wants_it_alone_comes_first_and_all_are_woken() {
        let (rwlock, count) = (AsyncRwLock::default(), Arc::new(Count::default()));
        let waker = Waker::from(count.clone());
        let mut context = Context::from_waker(&waker);
        let first = now(rwlock.read()).unwrap();
        let mut writing = Box::pin(rwlock.write());
        assert!(writing.as_mut().poll(&mut context).is_pending());
        let mut shared = Box::pin(rwlock.read());
        assert!(shared.as_mut().poll(&mut context).is_pending(), "somebody waits to have it writing");
        drop(first);
        assert_eq!(count.0.load(Ordering::SeqCst), 2);
        assert!(shared.as_mut().poll(&mut context).is_pending());
        drop(writing); // given up
        assert_eq!(count.0.load(Ordering::SeqCst), 3);
        assert!(shared.as_mut().poll(&mut context).is_ready());
    }
}
