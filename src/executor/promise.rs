//! The result of an operation that runs by itself, for others who wait for it.

use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use super::Waiting;
use crate::sync::lock;

/// See the module. Whoever waits may stop waiting; the operation goes on.
pub struct Promise<T>(Arc<Mutex<State<T>>>);

struct State<T> {
    result: Option<T>,
    waiting: Option<(Waker, Waiting)>,
}

impl<T> Clone for Promise<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Promise<T> {
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(State { result: None, waiting: None })))
    }

    pub fn keep(&self, result: T) {
        let waiting = {
            let mut state = lock(&self.0);
            state.result = Some(result);
            state.waiting.take()
        };
        if let Some((waker, _)) = waiting {
            waker.wake();
        }
    }

    /// Waits for the result, which one only gets.
    pub async fn kept(&self) -> T {
        poll_fn(|context| {
            let mut state = lock(&self.0);
            match state.result.take() {
                Some(result) => Poll::Ready(result),
                None => {
                    state.waiting = Some((context.waker().clone(), Waiting::begin()));
                    Poll::Pending
                }
            }
        })
        .await
    }
}
