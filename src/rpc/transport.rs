//! A connection as operations hold it: it stays open as long as one of them does.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::answer::Completion;
use super::connection::Connection;
use super::pending::Pending;
use super::request::{Request, Retry};
use crate::error::{Error, Result};
use crate::io::{self, LinkId, Reactor, Stream, Wire};

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

    /// As one whose connection is lost, and which is supervised.
    pub fn unconnected(reactor: &Arc<Reactor<Connection>>, why: &Error) -> Self {
        let mut connection = Connection::new(first_xid());
        connection.supervise();
        connection.lost(why);
        Self(Arc::new(Link { reactor: reactor.clone(), id: reactor.attach_unconnected(connection) }))
    }

    /// For whoever makes another connection when this one is lost. Calls survive that from now on.
    pub fn supervise(&self) -> Supervision {
        let Link { reactor, id } = &*self.0;
        reactor.with(*id, Connection::supervise);
        Supervision { reactor: reactor.clone(), id: *id }
    }

    /// The loss of the connection ends its calls from now on.
    pub fn end_supervision(&self) {
        let Link { reactor, id } = &*self.0;
        reactor.with(*id, Connection::end_supervision);
    }

    /// Whether two handles are of one connection.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The connection itself, for a test that plays the server.
    #[cfg(any(test, fuzzing))]
    pub(super) fn with<R>(&self, act: impl FnOnce(&mut Connection) -> R) -> Option<R> {
        self.0.reactor.with(self.0.id, act)
    }

    /// The time.
    pub fn now(&self) -> Instant {
        self.0.reactor.now()
    }

    /// How calls that begin from now on are repeated.
    pub fn set_retry(&self, retry: Option<Retry>) {
        let Link { reactor, id } = &*self.0;
        reactor.with(*id, |connection| connection.set_retry(retry));
    }

    /// Ends the calls that `which` selects by their records, as long as they wait for another connection.
    pub fn fail_calls(&self, which: impl Fn(&[u8]) -> bool, error: &Error) {
        let Link { reactor, id } = &*self.0;
        reactor.with(*id, |connection| connection.fail_calls(which, error));
    }

    /// Closes the connection now: calls that are pending end with an error, and so do later ones.
    pub fn close(&self) {
        let Link { reactor, id } = &*self.0;
        reactor.detach(*id, &Error::new(libc::ENOTCONN, "the connection is closed"));
    }

    /// Does nothing for a while.
    pub async fn sleep(&self, duration: Duration) {
        self.0.reactor.sleep(duration).await;
    }

    /// Queues a call whose result `completion` gets, perhaps before this returns. `make` is given memory for the message.
    pub fn submit<T: Completion + 'static>(
        &self,
        make: impl FnOnce(Vec<u8>, &T) -> Request,
        completion: Box<T>,
    ) {
        let Link { reactor, id } = &*self.0;
        let mut completion = Some(completion);
        reactor.with(*id, |connection| {
            if let Some(completion) = completion.take() {
                if connection.is_idle() {
                    connection.wake(reactor.now());
                }
                let request = make(connection.memory(), &completion);
                connection.submit(request, completion);
            }
        });
        if let Some(completion) = completion {
            completion.complete(Err(Error::new(libc::ENOTCONN, "the connection is closed")));
        }
    }

    /// Queues a call at once.
    pub fn start(&self, request: Request) -> Pending {
        self.start_in(|_| request)
    }

    /// As [`Transport::start`]; `make` is given memory for the message.
    pub fn start_in(&self, make: impl FnOnce(Vec<u8>) -> Request) -> Pending {
        Pending::start(&self.0.reactor, self.0.id, make)
    }
}

/// What a supervisor knows of a transport whose connection it makes anew. Does not keep it open.
pub struct Supervision {
    reactor: Arc<Reactor<Connection>>,
    id: LinkId,
}

impl Supervision {
    /// The error, when the connection is lost and calls wait for another one, or `at_once`; None when nobody needs it
    /// any more.
    pub async fn lost(&self, at_once: impl Fn() -> bool) -> Option<Error> {
        poll_fn(|context| {
            let at_once = at_once();
            let lost =
                self.reactor.with(self.id, |connection| connection.poll_lost(context.waker(), at_once));
            lost.unwrap_or(Poll::Ready(None))
        })
        .await
    }

    /// Replies so far.
    pub fn answered(&self) -> u64 {
        self.reactor.with(self.id, |connection| connection.answered()).unwrap_or(0)
    }

    /// Sends what is pending on another connection.
    pub fn resume(&self, stream: Stream) -> Result<()> {
        self.reactor.resume(self.id, stream).map(drop)
    }

    /// Gives up: what is pending ends with `error`.
    pub fn fail(&self, error: &Error) {
        self.reactor.with(self.id, |connection| connection.fail(error));
    }
}

/// Servers recognise repeated calls by their xid, so connections should not begin with the same one.
fn first_xid() -> u32 {
    io::random() as u32
}
