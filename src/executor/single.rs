//! Asynchronous operations that a single call completes, as long as its reply is the usual one: they are neither a task
//! nor a future. What is unusual goes on as a task.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::{Executor, Generation};
use crate::error::Result;
use crate::rpc::{Answer, Completion};

/// The operation, as the executor keeps it.
pub trait SingleCall: Send {
    /// Called when the call is over. Itself, when the operation is complete; None when a task goes on with it.
    fn advance(self: Box<Self>, executor: &Executor) -> Option<Box<dyn SingleCall>>;
    /// Tells the end to whoever started it. Called with no lock held: it may call anything.
    fn complete(self: Box<Self>);
}

/// The call of such an operation, and what follows from its reply.
pub trait Call: Send + 'static {
    type Output: Send + 'static;
    type Reply: Send + 'static;

    /// Reads the reply, in the middle of a turn.
    fn read(&self, answer: Answer<'_>) -> Result<Self::Reply>;

    /// Takes note of the reply.
    fn end(self, reply: Result<Self::Reply>) -> End<Self::Output>;
}

/// What is left to do when the call is over.
pub enum End<T> {
    Nothing(Result<T>),
    More(Pin<Box<dyn Future<Output = Result<T>> + Send>>),
}

/// An operation with its call under way.
pub struct CallOperation<C: Call, D> {
    began: Generation,
    /// Until the call is over.
    executor: Option<Arc<Executor>>,
    /// Until it is known what follows from the reply.
    call: Option<C>,
    reply: Option<Result<C::Reply>>,
    result: Option<Result<C::Output>>,
    done: D,
}

impl<C: Call, D: FnOnce(Result<C::Output>) + Send + 'static> CallOperation<C, D> {
    /// To be told the reply to the call. `done` is told the end.
    pub fn begin(executor: &Arc<Executor>, call: C, done: D) -> Result<Box<Self>> {
        let began = executor.begin()?;
        Ok(Box::new(Self {
            began,
            executor: Some(executor.clone()),
            call: Some(call),
            reply: None,
            result: None,
            done,
        }))
    }
}

impl<C: Call, D> CallOperation<C, D> {
    /// None when its reply has come.
    pub fn call(&self) -> Option<&C> {
        self.call.as_ref()
    }
}

impl<C: Call, D: FnOnce(Result<C::Output>) + Send + 'static> Completion for CallOperation<C, D> {
    fn complete(mut self: Box<Self>, result: Result<Answer<'_>>) {
        let Some(executor) = self.executor.take() else { return };
        let Some(call) = &self.call else { return };
        self.reply = Some(result.and_then(|answer| call.read(answer)));
        executor.answered(self);
    }
}

impl<C: Call, D: FnOnce(Result<C::Output>) + Send + 'static> SingleCall for CallOperation<C, D> {
    fn advance(mut self: Box<Self>, executor: &Executor) -> Option<Box<dyn SingleCall>> {
        match self.call.take()?.end(self.reply.take()?) {
            End::Nothing(result) => self.result = Some(result),
            End::More(rest) => {
                let began = self.began;
                let (error, done) = executor.start(rest, self.done, false, Some(began)).err()?;
                let result = Some(Err(error));
                self = Box::new(Self { began, executor: None, call: None, reply: None, result, done });
            }
        }
        Some(self)
    }

    fn complete(self: Box<Self>) {
        let Self { result, done, .. } = *self;
        if let Some(result) = result {
            done(result);
        }
    }
}
