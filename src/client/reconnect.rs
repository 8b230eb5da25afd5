//! What happens when a connection to a mounted server is lost: another one is made, and what has no answer yet is
//! sent again under its old xid.
//!
//! Each connection has a supervisor, which waits until it is lost while calls wait for it, makes another one from the
//! same source port (by address, port and xid the server's duplicate request cache knows a call), takes the locks
//! again, and lets the calls go on. Whatever fails in that is tried again, as often as `nfs_set_autoreconnect` allows.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::Client;
use super::mount::Mounted;
use crate::error::{Error, Result};
use crate::io::{self, Connecting, PortKind, Stream, resolve};
use crate::rpc::Supervision;
use crate::sync::lock;

/// Waits between two tries: doubled each time, and varied, so that the clients of a server do not come all at once.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How long one try may take.
const TRY_TIME: Duration = Duration::from_secs(10);

/// How long the port of the lost connection is waited for. It is free as soon as the last thread has let go of the
/// connection, unless it is in TIME_WAIT.
const PORT_TIME: Duration = Duration::from_secs(1);
const PORT_PAUSE: Duration = Duration::from_millis(10);

/// Makes the connections of one transport. See the module.
pub struct Supervisor {
    pub client: Weak<Client>,
    pub supervision: Supervision,
    pub service: Service,
    /// Where the service was last.
    pub address: SocketAddr,
    /// The port that the connections come from; 0 when it is not known.
    pub port: u16,
    /// Connections that failed: -1 when there has been none yet, so that the first one does not count.
    pub tries: i32,
}

/// What is at the other end.
pub enum Service {
    Nfs {
        mounted: Weak<Mounted>,
    },
    /// The lock manager beside it.
    LockManager {
        mounted: Weak<Mounted>,
    },
}

impl Supervisor {
    /// Returns when the transport is no longer needed, or when no further try is allowed.
    pub fn run(self) -> Pin<Box<dyn Future<Output = Result<()>> + Send>> {
        Box::pin(self.keep_connected())
    }

    async fn keep_connected(mut self) -> Result<()> {
        let (mut tries, mut pause, mut answered) = (self.tries, FIRST_PAUSE, self.supervision.answered());
        while let Some(error) = self.supervision.lost(|| tries >= 0 && self.is_the_last()).await {
            let Some(client) = self.client.upgrade() else { return Ok(()) };
            if self.supervision.answered() != answered {
                // The last connection was good for something.
                (tries, pause, answered) = (0, FIRST_PAUSE, self.supervision.answered());
            }
            let allowed = client.settings().autoreconnect;
            if allowed >= 0 && tries >= allowed {
                client.debug(1, &format_args!("{}: {error}; no further connection is made", self.address));
                client.lost_for_good(&self.service);
                self.supervision.fail(&error);
                return Ok(());
            }
            if tries > 0 {
                client.reactor.sleep(varied(pause)).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            tries = tries.saturating_add(1);
            client.debug(1, &format_args!("{}: {error}; connecting again", self.address));
            // Boxed: a connection that is not lost has no use for the memory.
            match Box::pin(self.reconnect(&client)).await {
                Ok(()) => client.debug(2, &format_args!("connected to {}", self.address)),
                // Refused, or no socket, no memory, no room in the epoll descriptor: the same again.
                Err(error) => client.debug(1, &error),
            }
        }
        Ok(())
    }

    /// Whether no other connection is allowed.
    fn is_the_last(&self) -> bool {
        self.client.upgrade().is_some_and(|client| client.settings().autoreconnect == 0)
    }

    async fn reconnect(&mut self, client: &Arc<Client>) -> Result<()> {
        let stream = client.connect_again(&self.service, self.address, self.port).await?;
        (self.address, self.port) = (stream.peer(), stream.local_port());
        stream.notice_silence();
        match &self.service {
            Service::Nfs { mounted } => {
                // If the server has restarted, nothing is read or written under locks it has forgotten.
                if let Some(mounted) = mounted.upgrade() {
                    client.reclaim_locks(&mounted).await;
                    client.another_life(&mounted);
                }
                self.supervision.resume(stream)
            }
            Service::LockManager { mounted } => {
                self.supervision.resume(stream)?;
                // Over this connection, which may be lost again meanwhile: another task does it.
                match mounted.upgrade() {
                    Some(mounted) => client.reclaim_locks_later(mounted),
                    None => Ok(()),
                }
            }
        }
    }
}

impl Client {
    /// The mount is of no use any more, unless another one has taken its place.
    fn lost_for_good(&self, service: &Service) {
        let Service::Nfs { mounted } = service else { return };
        let current = lock(&self.mounted);
        let is_current =
            current.as_ref().is_some_and(|current| std::ptr::eq(Arc::as_ptr(current), mounted.as_ptr()));
        self.unreachable.fetch_or(is_current, Ordering::SeqCst);
    }

    /// The address that was good last, or whatever the server's name and its portmapper say now.
    async fn connect_again(&self, service: &Service, address: SocketAddr, port: u16) -> Result<Stream> {
        let now = self.reactor.now();
        let (half, deadline) = (now + TRY_TIME / 2, now + TRY_TIME);
        if let Ok(stream) = self.connect_from(address, port, half).await {
            return Ok(stream);
        }
        let afresh = async {
            let found = match service {
                Service::Nfs { mounted } => {
                    let server = mounted.upgrade().map(|mounted| mounted.server.clone()).unwrap_or_default();
                    let addresses = resolve(&self.reactor, &server, deadline).await?;
                    let is_v4 = mounted.upgrade().is_some_and(|mounted| mounted.registration.is_some());
                    let port = self.settings().nfs_port.or(is_v4.then_some(super::mount4::PORT));
                    self.find_nfs(addresses, port, deadline).await?
                }
                Service::LockManager { .. } => self.find_lock_manager(address, deadline).await?,
            };
            if found == address {
                return Err(Error::new(libc::ECONNREFUSED, "the server is where it was, and silent"));
            }
            self.connect_from(found, port, deadline).await
        };
        self.reactor.until(deadline, afresh).await
    }

    /// Connects from `port`, or from another one when that cannot be had.
    async fn connect_from(&self, address: SocketAddr, port: u16, deadline: Instant) -> Result<Stream> {
        let options = self.settings().socket_options();
        let connect = |ports| {
            let connecting = Connecting::start([address], ports, options.clone());
            connecting.established(&self.reactor, deadline)
        };
        let until = (self.reactor.now() + PORT_TIME).min(deadline);
        let mut wanted = port != 0;
        while wanted {
            match connect(PortKind::Again(port)).await {
                Err(error) if [libc::EADDRINUSE, libc::EADDRNOTAVAIL].contains(&error.errno()) => {
                    wanted = self.reactor.now() < until;
                    self.reactor.sleep(PORT_PAUSE).await;
                }
                // A reserved port, and the process has given up the right to it.
                Err(error) if [libc::EACCES, libc::EPERM].contains(&error.errno()) => wanted = false,
                result => return result,
            }
        }
        connect(PortKind::Reserved).await
    }
}

/// Between three quarters and all of a pause.
fn varied(pause: Duration) -> Duration {
    pause * 3 / 4 + pause / 4 * (io::random() % 256) as u32 / 256
}
