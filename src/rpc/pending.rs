//! A call as an operation awaits it.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::answer::{Answer, Reply};
use super::connection::Connection;
use super::request::Request;
use crate::error::{Error, Result};
use crate::io::{LinkId, Reactor};

/// The reply to a call under way. Dropping it gives the call up.
pub struct Pending {
    reactor: Arc<Reactor<Connection>>,
    link: LinkId,
    xid: Option<u32>,
}

impl Pending {
    /// Queues a call on a link at once; it is sent with the others of this turn. `make` is given memory for the message.
    pub fn start(
        reactor: &Arc<Reactor<Connection>>,
        link: LinkId,
        make: impl FnOnce(Vec<u8>) -> Request,
    ) -> Self {
        let xid = reactor.with(link, |connection| {
            if connection.is_idle() {
                connection.wake(reactor.now());
            }
            let request = make(connection.memory());
            connection.start(request)
        });
        Self { reactor: reactor.clone(), link, xid }
    }

    /// What `read` makes of the reply, where it lies.
    pub async fn read<T>(mut self, read: impl FnOnce(Answer<'_>) -> Result<T>) -> Result<T> {
        let mut read = Some(read);
        poll_fn(|context| {
            self.poll_with(|connection, xid| {
                let read = |answer: Answer<'_>| match read.take() {
                    Some(read) => read(answer),
                    None => Err(Error::new(libc::EINVAL, "the reply has been read")),
                };
                connection.poll_reading(xid, context.waker(), read)
            })
        })
        .await
    }

    fn poll_with<T>(
        &mut self,
        poll: impl FnOnce(&mut Connection, u32) -> Poll<Result<T>>,
    ) -> Poll<Result<T>> {
        let closed = || Poll::Ready(Err(Error::new(libc::ENOTCONN, "the connection is closed")));
        let Some(xid) = self.xid else { return closed() };
        let result = self.reactor.with(self.link, |connection| poll(connection, xid));
        let result = result.unwrap_or_else(closed);
        if result.is_ready() {
            self.xid = None;
        }
        result
    }
}

impl Future for Pending {
    type Output = Result<Reply>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_with(|connection, xid| connection.poll(xid, context.waker()))
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(xid) = self.xid {
            self.reactor.with(self.link, |connection| connection.cancel(xid));
        }
    }
}
