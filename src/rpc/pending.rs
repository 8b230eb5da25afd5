//! A call as an operation awaits it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::answer::Reply;
use super::connection::{Connection, Request};
use crate::error::{Error, Result};
use crate::io::{LinkId, Reactor};

/// The reply to a call under way. Dropping it gives the call up.
pub struct Pending {
    reactor: Arc<Reactor<Connection>>,
    link: LinkId,
    xid: Option<u32>,
}

impl Pending {
    /// Queues `request` on a link at once; it is sent with the others of this turn.
    pub fn start(reactor: &Arc<Reactor<Connection>>, link: LinkId, request: Request) -> Self {
        let xid = reactor.with(link, |connection| connection.start(request));
        Self { reactor: reactor.clone(), link, xid }
    }
}

impl Future for Pending {
    type Output = Result<Reply>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let closed = || Poll::Ready(Err(Error::new(libc::ENOTCONN, "the connection is closed")));
        let Some(xid) = self.xid else { return closed() };
        let result = self.reactor.with(self.link, |connection| connection.poll(xid, context.waker()));
        let result = result.unwrap_or_else(closed);
        if result.is_ready() {
            self.xid = None;
        }
        result
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(xid) = self.xid {
            self.reactor.with(self.link, |connection| connection.cancel(xid));
        }
    }
}
