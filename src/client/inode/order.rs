//! The order of what changes the data of a file: WRITEs side by side, and what must not run beside them alone.
//!
//! A write belongs to the file from its submission on, also while it still waits for its turn or for memory: whoever
//! comes after it (close, fsync, SETATTR) waits for it. It is active while a WRITE is under way.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use crate::executor::Waiting;
use crate::sync::lock;

/// See the module.
#[derive(Default)]
pub struct WriteOrder(Mutex<State>);

#[derive(Default)]
struct State {
    /// Writes submitted and not ended, counted for each epoch: a barrier ends one. The last is that of writes that are
    /// submitted now.
    submitted: VecDeque<usize>,
    /// The number of the first of these epochs.
    first_epoch: u64,
    /// Writes with a WRITE under way.
    active: usize,
    exclusive: bool,
    waiting_exclusive: usize,
    wakers: Vec<(Waker, Waiting)>,
}

impl State {
    fn current_epoch(&self) -> u64 {
        self.first_epoch + (self.submitted.len() as u64).saturating_sub(1)
    }

    fn submit(&mut self) -> u64 {
        match self.submitted.back_mut() {
            Some(count) => *count += 1,
            None => self.submitted.push_back(1),
        }
        self.current_epoch()
    }

    /// Whether a WRITE may begin; it is counted then.
    fn activate(&mut self) -> bool {
        let excluded = self.exclusive || self.waiting_exclusive > 0;
        self.active += usize::from(!excluded);
        !excluded
    }

    fn end(&mut self, epoch: u64) {
        if let ([count], []) = self.submitted.as_mut_slices() {
            *count = count.saturating_sub(1);
            return;
        }
        if let Some(count) = self.submitted.get_mut(epoch.saturating_sub(self.first_epoch) as usize) {
            *count = count.saturating_sub(1);
        }
        // The current epoch stays: barriers refer to it.
        while self.submitted.len() > 1 && self.submitted.front() == Some(&0) {
            self.submitted.pop_front();
            self.first_epoch += 1;
        }
    }
}

/// A write that has been submitted; it ends with this.
pub struct Submission<'a> {
    order: &'a WriteOrder,
    epoch: u64,
    active: bool,
}

/// No WRITE is under way, and none begins.
pub struct ExclusiveGuard<'a>(&'a WriteOrder);

/// Somebody waits to be exclusive. Stops waiting also when the operation is cancelled.
struct Intent<'a>(&'a WriteOrder);

impl WriteOrder {
    /// Submits a write and makes it active, unless somebody excludes that; [`WriteOrder::end_write`] has to be called.
    pub fn try_begin_write(&self) -> Option<u64> {
        let mut state = lock(&self.0);
        state.activate().then(|| state.submit())
    }

    pub fn end_write(&self, epoch: u64) {
        self.change(|state| {
            state.active = state.active.saturating_sub(1);
            state.end(epoch);
        });
    }

    /// Submits a write that has to wait for something else before it is active.
    pub fn submit(&self) -> Submission<'_> {
        Submission { order: self, epoch: lock(&self.0).submit(), active: false }
    }

    /// As [`WriteOrder::try_begin_write`], until the result is dropped.
    pub fn try_write(&self) -> Option<Submission<'_>> {
        self.try_begin_write().map(|epoch| Submission { order: self, epoch, active: true })
    }

    /// Submits a write, and waits until it is active.
    pub async fn write(&self) -> Submission<'_> {
        match self.try_write() {
            Some(submission) => submission,
            None => {
                let mut submission = self.submit();
                let activate = |context: &mut Context<'_>| {
                    let mut state = lock(&self.0);
                    if state.activate() {
                        return Poll::Ready(());
                    }
                    state.wakers.push((context.waker().clone(), Waiting::begin()));
                    Poll::Pending
                };
                poll_fn(activate).await;
                submission.active = true;
                submission
            }
        }
    }

    /// Waits until no WRITE is under way, and keeps others from beginning.
    pub async fn exclusive(&self) -> ExclusiveGuard<'_> {
        lock(&self.0).waiting_exclusive += 1;
        let _intent = Intent(self);
        let begin = |context: &mut Context<'_>| {
            let mut state = lock(&self.0);
            if state.exclusive || state.active > 0 {
                state.wakers.push((context.waker().clone(), Waiting::begin()));
                return Poll::Pending;
            }
            state.exclusive = true;
            Poll::Ready(ExclusiveGuard(self))
        };
        poll_fn(begin).await
    }

    /// Waits until all writes that were submitted before this have ended. Others go on. Never part of a write.
    pub async fn barrier(&self) {
        let mut before = None;
        let wait = |context: &mut Context<'_>| {
            let mut state = lock(&self.0);
            let before = *before.get_or_insert_with(|| {
                let current = state.current_epoch();
                if state.submitted.back().is_some_and(|count| *count > 0) {
                    state.submitted.push_back(0);
                }
                current
            });
            let epochs = (before + 1).saturating_sub(state.first_epoch) as usize;
            if state.submitted.iter().take(epochs).all(|count| *count == 0) {
                return Poll::Ready(());
            }
            state.wakers.push((context.waker().clone(), Waiting::begin()));
            Poll::Pending
        };
        poll_fn(wait).await;
    }

    /// Whether a write has been submitted that has not ended.
    pub fn is_busy(&self) -> bool {
        lock(&self.0).submitted.iter().any(|count| *count > 0)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let wakers = {
            let mut state = lock(&self.0);
            change(&mut state);
            if state.wakers.is_empty() {
                return;
            }
            std::mem::take(&mut state.wakers)
        };
        wakers.into_iter().for_each(|(waker, _)| waker.wake());
    }
}

impl Drop for Submission<'_> {
    fn drop(&mut self) {
        match self.active {
            true => self.order.end_write(self.epoch),
            false => self.order.change(|state| state.end(self.epoch)),
        }
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
    fn what_is_submitted_and_not_active_holds_up_barriers_only() {
        let order = WriteOrder::default();
        let waiting = order.submit();
        assert!(poll(pin!(order.exclusive())).is_some() && poll(pin!(order.barrier())).is_none());
        let exclusive = poll(pin!(order.exclusive())).unwrap();
        let mut excluded = pin!(order.write());
        assert!(poll(excluded.as_mut()).is_none());
        drop(waiting);
        let mut barrier = pin!(order.barrier());
        assert!(poll(barrier.as_mut()).is_none(), "the excluded write was submitted before");
        drop(exclusive);
        drop(poll(excluded.as_mut()).unwrap());
        assert!(poll(barrier.as_mut()).is_some());
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
