//! A connection as operations hold it: it stays open as long as one of them does.

use std::sync::Arc;
use std::time::Duration;

use super::connection::{Connection, Pending, Request};
use crate::error::Error;
use crate::io::{LinkId, Reactor, Stream};

/// A shared handle to one RPC connection; the last one closes it.
#[derive(Clone)]
pub struct Transport(Arc<Link>);

struct Link {
    reactor: Arc<Reactor<Connection>>,
    id: LinkId,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.reactor.detach(self.id, &Error::new(libc::ENOTCONN, "the connection is closed"));
    }
}

impl Transport {
    /// Speaks RPC on a connected socket from now on.
    pub fn new(reactor: &Arc<Reactor<Connection>>, stream: Stream) -> Self {
        let id = reactor.attach(stream, Connection::new(first_xid()));
        Self(Arc::new(Link { reactor: reactor.clone(), id }))
    }

    /// Does nothing for a while.
    pub async fn sleep(&self, duration: Duration) {
        self.0.reactor.sleep(duration).await;
    }

    /// Queues a call at once.
    pub fn start(&self, request: Request) -> Pending {
        Pending::start(&self.0.reactor, self.0.id, request)
    }
}

/// Servers recognise repeated calls by their xid, so connections should not begin with the same one.
fn first_xid() -> u32 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish() as u32
}
