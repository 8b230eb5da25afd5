//! The order of what changes the data of a file: WRITEs side by side, and what must not run beside them alone.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use crate::sync::lock;

/// See the module.
#[derive(Default)]
pub struct WriteOrder(Mutex<State>);

#[derive(Default)]
struct State {
    /// WRITEs under way, counted for each epoch: a barrier ends one. The last is the epoch of those that begin now.
    active: VecDeque<usize>,
    /// The number of the first of these epochs.
    first_epoch: u64,
    exclusive: bool,
    waiting_exclusive: usize,
    wakers: Vec<Waker>,
}

impl State {
    fn current_epoch(&self) -> u64 {
        self.first_epoch + (self.active.len() as u64).saturating_sub(1)
    }

    fn begin(&mut self) -> u64 {
        match self.active.back_mut() {
            Some(count) => *count += 1,
            None => self.active.push_back(1),
        }
        self.current_epoch()
    }

    fn end(&mut self, epoch: u64) {
        if let Some(count) = self.active.get_mut(epoch.saturating_sub(self.first_epoch) as usize) {
            *count = count.saturating_sub(1);
        }
        // The current epoch stays: barriers refer to it.
        while self.active.len() > 1 && self.active.front() == Some(&0) {
            self.active.pop_front();
            self.first_epoch += 1;
        }
    }

    fn is_idle(&self) -> bool {
        self.active.iter().all(|count| *count == 0)
    }
}

/// A WRITE under way.
pub struct WriteGuard<'a> {
    order: &'a WriteOrder,
    epoch: u64,
}

/// No WRITE is under way, and none begins.
pub struct ExclusiveGuard<'a>(&'a WriteOrder);

/// Somebody waits to be exclusive. Stops waiting also when the operation is cancelled.
struct Intent<'a>(&'a WriteOrder);

impl WriteOrder {
    /// Begins a WRITE, unless somebody excludes them; it is to be ended by [`WriteOrder::end_write`].
    pub fn try_begin_write(&self) -> Option<u64> {
        let mut state = lock(&self.0);
        let excluded = state.exclusive || state.waiting_exclusive > 0;
        (!excluded).then(|| state.begin())
    }

    pub fn end_write(&self, epoch: u64) {
        self.change(|state| state.end(epoch));
    }

    /// Begins a WRITE. Those who wait to be exclusive come first.
    pub async fn write(&self) -> WriteGuard<'_> {
        let begin = |context: &mut Context<'_>| {
            let mut state = lock(&self.0);
            if state.exclusive || state.waiting_exclusive > 0 {
                state.wakers.push(context.waker().clone());
                return Poll::Pending;
            }
            Poll::Ready(WriteGuard { order: self, epoch: state.begin() })
        };
        poll_fn(begin).await
    }

    /// Waits until no WRITE is under way, and keeps others from beginning.
    pub async fn exclusive(&self) -> ExclusiveGuard<'_> {
        lock(&self.0).waiting_exclusive += 1;
        let _intent = Intent(self);
        let begin = |context: &mut Context<'_>| {
            let mut state = lock(&self.0);
            if state.exclusive || !state.is_idle() {
                state.wakers.push(context.waker().clone());
                return Poll::Pending;
            }
            state.exclusive = true;
            Poll::Ready(ExclusiveGuard(self))
        };
        poll_fn(begin).await
    }

    /// Waits until all WRITEs that have begun before this have ended. Others go on.
    pub async fn barrier(&self) {
        let mut before = None;
        let wait = |context: &mut Context<'_>| {
            let mut state = lock(&self.0);
            let before = *before.get_or_insert_with(|| {
                let current = state.current_epoch();
                if state.active.back().is_some_and(|count| *count > 0) {
                    state.active.push_back(0);
                }
                current
            });
            let epochs = (before + 1).saturating_sub(state.first_epoch) as usize;
            if state.active.iter().take(epochs).all(|count| *count == 0) {
                return Poll::Ready(());
            }
            state.wakers.push(context.waker().clone());
            Poll::Pending
        };
        poll_fn(wait).await;
    }

    /// Whether a WRITE is under way.
    pub fn is_busy(&self) -> bool {
        !lock(&self.0).is_idle()
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let wakers = {
            let mut state = lock(&self.0);
            change(&mut state);
            std::mem::take(&mut state.wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Drop for WriteGuard<'_> {
    fn drop(&mut self) {
        self.order.end_write(self.epoch);
    }
}

impl Drop for ExclusiveGuard<'_> {
    fn drop(&mut self) {
        self.0.change(|state| state.exclusive = false);
    }
}

impl Drop for Intent<'_> {
    fn drop(&mut self) {
        self.0.change(|state| state.waiting_exclusive -= 1);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::{Pin, pin};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    fn poll<F: Future>(future: Pin<&mut F>) -> Option<F::Output> {
        match future.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }

    #[test]
    fn a_barrier_waits_for_what_began_before_it_only() {
        let order = WriteOrder::default();
        assert!(poll(pin!(order.barrier())).is_some());
        let first = poll(pin!(order.write())).unwrap();
        let mut early = pin!(order.barrier());
        assert!(poll(early.as_mut()).is_none());
        let second = poll(pin!(order.write())).unwrap();
        let mut late = pin!(order.barrier());
        assert!(poll(late.as_mut()).is_none());
        drop(first);
        assert!(poll(early.as_mut()).is_some() && poll(late.as_mut()).is_none());
        let third = order.try_begin_write().unwrap();
        drop(second);
        assert!(poll(late.as_mut()).is_some() && order.is_busy());
        order.end_write(third);
        assert!(!order.is_busy() && poll(pin!(order.barrier())).is_some());
    }

    #[test]
    fn what_is_exclusive_waits_and_comes_before_later_writes() {
        let order = WriteOrder::default();
        let write = poll(pin!(order.write())).unwrap();
        let mut exclusive = Box::pin(order.exclusive());
        assert!(poll(exclusive.as_mut()).is_none());
        assert!(order.try_begin_write().is_none() && poll(pin!(order.write())).is_none());
        drop(write);
        let alone = poll(exclusive.as_mut()).unwrap();
        assert!(poll(pin!(order.exclusive())).is_none() && order.try_begin_write().is_none());
        drop((alone, exclusive));
        order.end_write(order.try_begin_write().unwrap());
    }

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn all_who_wait_are_woken_also_when_a_wait_is_cancelled() {
        let (order, count) = (WriteOrder::default(), Arc::new(Count::default()));
        let waker = Waker::from(count.clone());
        let mut context = Context::from_waker(&waker);
        let write = poll(pin!(order.write())).unwrap();
        let mut exclusive = Box::pin(order.exclusive());
        assert!(exclusive.as_mut().poll(&mut context).is_pending());
        let mut other = Box::pin(order.write());
        assert!(other.as_mut().poll(&mut context).is_pending());
        drop(exclusive); // cancelled
        assert_eq!(count.0.load(Ordering::SeqCst), 2);
        assert!(other.as_mut().poll(&mut context).is_ready());
        drop(write);
    }
}
