//! A lock that is awaited: held by any number who share it, or by one alone.

use std::future::poll_fn;
use std::sync::Mutex;
use std::task::{Poll, Waker};

use super::lock;

/// See the module. Whoever wants it alone comes before those who would share it from then on.
#[derive(Default)]
pub struct Gate(Mutex<State>);

#[derive(Default)]
struct State {
    sharing: usize,
    alone: bool,
    /// How many wait to have it alone.
    wanted: usize,
    wakers: Vec<Waker>,
}

/// The gate, held with others.
pub struct Shared<'a>(&'a Gate);

/// The gate, held alone.
pub struct Alone<'a>(&'a Gate);

/// A wish to have it alone, which ends also when the operation is given up.
struct Wish<'a>(&'a Gate);

impl Gate {
    pub async fn shared(&self) -> Shared<'_> {
        poll_fn(|context| {
            let mut state = lock(&self.0);
            if state.alone || state.wanted > 0 {
                state.wakers.push(context.waker().clone());
                return Poll::Pending;
            }
            state.sharing += 1;
            Poll::Ready(Shared(self))
        })
        .await
    }

    /// As [`Gate::shared`], if nobody is in the way; whoever enters has to [`Gate::leave`].
    pub fn enter(&self) -> bool {
        let mut state = lock(&self.0);
        let free = !state.alone && state.wanted == 0;
        state.sharing += usize::from(free);
        free
    }

    pub fn leave(&self) {
        self.change(|state| state.sharing -= 1);
    }

    pub async fn alone(&self) -> Alone<'_> {
        lock(&self.0).wanted += 1;
        let _wish = Wish(self);
        poll_fn(|context| {
            let mut state = lock(&self.0);
            if state.alone || state.sharing > 0 {
                state.wakers.push(context.waker().clone());
                return Poll::Pending;
            }
            state.alone = true;
            Poll::Ready(Alone(self))
        })
        .await
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let wakers = {
            let mut state = lock(&self.0);
            change(&mut state);
            let nobody_can_enter = state.alone || state.sharing > 0 && state.wanted > 0;
            if nobody_can_enter { Vec::new() } else { std::mem::take(&mut state.wakers) }
        };
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Drop for Shared<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        self.0.change(|state| state.alone = false);
    }
}

impl Drop for Wish<'_> {
    fn drop(&mut self) {
        self.0.change(|state| state.wanted -= 1);
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
        let gate = Gate::default();
        let (first, second) = (now(gate.shared()).unwrap(), now(gate.shared()).unwrap());
        assert!(now(gate.alone()).is_none());
        drop((first, second));
        let alone = now(gate.alone()).unwrap();
        assert!(now(gate.alone()).is_none() && now(gate.shared()).is_none());
        drop(alone);
        assert!(now(gate.shared()).is_some());
    }

    #[test]
    fn who_wants_it_alone_comes_first_and_all_are_woken() {
        let (gate, count) = (Gate::default(), Arc::new(Count::default()));
        let waker = Waker::from(count.clone());
        let mut context = Context::from_waker(&waker);
        let first = now(gate.shared()).unwrap();
        let mut alone = Box::pin(gate.alone());
        assert!(alone.as_mut().poll(&mut context).is_pending());
        let mut shared = Box::pin(gate.shared());
        assert!(shared.as_mut().poll(&mut context).is_pending(), "somebody waits to have it alone");
        drop(first);
        assert_eq!(count.0.load(Ordering::SeqCst), 2);
        assert!(shared.as_mut().poll(&mut context).is_pending());
        drop(alone); // given up
        assert_eq!(count.0.load(Ordering::SeqCst), 3);
        assert!(shared.as_mut().poll(&mut context).is_ready());
    }
}
