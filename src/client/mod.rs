//! The context: operations on paths, files and directories, each written once as an `async fn`.

mod acl;
mod attributes;
mod cache;
mod commit;
mod crank;
mod data;
mod directory;
mod discovery;
mod entries;
mod executor;
mod file;
mod gate;
mod join;
mod known;
mod lock_manager;
mod locks;
mod mount;
mod namespace;
mod path;
mod per_file;
mod reconnect;
mod remembered;
mod service;
mod settings;
mod task;
#[cfg(test)]
mod tests;
mod threads;
mod unstable;

use std::future::Future;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use crate::attributes::{Attributes, FileSystem, Time};
pub use crate::v3::{Acl, AclEntry, Export};
pub use directory::Directory;
pub use discovery::find_local_servers;
pub use entries::{Entries, Entry};
pub use file::File;
pub use locks::{Change, Span};
pub use mount::exports;
pub use path::LastLink;
pub use settings::Settings;

use crate::error::{Error, Result};
use crate::io::Reactor;
use crate::rpc::{Connection, Credential};
use crate::v3::Nfs;
use cache::Caches;
use commit::Written;
use executor::Executor;
use mount::Mounted;
use service::ServiceThread;

/// One NFS context. Shared by its operations; every method may be called from any thread.
pub struct Client {
    id: u64,
    reactor: Arc<Reactor<Connection>>,
    executor: Arc<Executor>,
    settings: Mutex<Settings>,
    mounted: Mutex<Option<Arc<Mounted>>>,
    working_directory: Mutex<Vec<u8>>,
    credential: Mutex<Option<(Identity, Credential)>>,
    caches: Caches,
    written: Written,
    service: Mutex<Option<ServiceThread>>,
}

/// Who a credential was made for.
type Identity = (u32, u32, Vec<u32>);

/// What one operation works with: the server as this caller may use it, and the mount.
struct Session {
    nfs: Nfs,
    mounted: Arc<Mounted>,
    /// Directories come upon are remembered.
    remembers: bool,
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Client {
    /// A context that is not mounted yet.
    pub fn new(settings: Settings) -> Result<Arc<Self>> {
        static NEXT_ID: AtomicU64 = AtomicU64::new(1);
        let reactor = Arc::new(Reactor::new()?);
        Ok(Arc::new(Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            executor: Executor::new(reactor.clone()),
            reactor,
            settings: Mutex::new(settings),
            mounted: Mutex::new(None),
            working_directory: Mutex::new(b"/".to_vec()),
            credential: Mutex::new(None),
            caches: Caches::default(),
            written: Written::default(),
            service: Mutex::new(None),
        }))
    }

    /// Differs from one context of the process to the next.
    pub fn id(&self) -> u64 {
        self.id
    }

    pub fn settings(&self) -> MutexGuard<'_, Settings> {
        lock(&self.settings)
    }

    /// To be called when a timeout has changed: a mounted connection has to know.
    pub fn settings_changed(&self) {
        let mounted = lock(&self.mounted).clone();
        if let Some(mounted) = mounted {
            let retry = self.settings().retry();
            mounted.transport.set_retry(retry);
        }
    }

    /// EINTR after [`Client::shut_down`].
    pub fn still_open(&self) -> Result<()> {
        self.executor.open()
    }

    /// Runs one operation to its end; others of this context go on meanwhile.
    pub fn run<T>(&self, operation: impl Future<Output = Result<T>>) -> Result<T> {
        self.executor.run(operation)
    }

    /// Starts an operation. `done` is called once, from a later [`Client::service`], [`Client::run`] or
    /// [`Client::shut_down`]; never when this returns an error.
    pub fn spawn<T: Send + 'static>(
        &self,
        operation: impl Future<Output = Result<T>> + Send + 'static,
        done: impl FnOnce(Result<T>) + Send + 'static,
    ) -> Result<()> {
        self.executor.spawn(operation, done)
    }

    /// The descriptor for the program's event loop, the same as long as the context lives; ENOTCONN as long as
    /// there is nothing to wait for.
    pub fn descriptor(&self) -> Result<RawFd> {
        if lock(&self.mounted).is_none() && self.queue_length() == 0 {
            return Err(Error::new(libc::ENOTCONN, "nothing is mounted and nothing is under way"));
        }
        self.executor.descriptor()
    }

    /// Sends what is queued, before the program waits.
    pub fn prepare_wait(&self) {
        self.executor.prepare_wait();
    }

    /// One turn without waiting.
    pub fn service(&self) -> Result<()> {
        self.executor.service()
    }

    /// Operations whose callback has not run yet.
    pub fn queue_length(&self) -> usize {
        self.executor.length()
    }

    /// Ends all that is under way with EINTR, callbacks included, gives all locks back and closes the connection.
    pub fn shut_down(&self) {
        let alone = self.executor.shut_down();
        let service = lock(&self.service).take();
        if let (true, Some(service)) = (alone, service) {
            service.stop();
        }
        let mounted = lock(&self.mounted).take();
        if let Some(mounted) = mounted {
            self.release_all_locks_now(&mounted);
        }
    }

    /// In a child of the process that has made the context: closes the copies of its descriptors. The context itself
    /// lives on in the parent.
    pub fn abandon(&self) {
        self.reactor.abandon();
    }

    /// Most bytes of one READ, 0 when not mounted.
    pub fn read_max(&self) -> u64 {
        let server = lock(&self.mounted).as_ref().map_or(0, |mounted| u64::from(mounted.limits.read_max));
        self.settings().read_max.map_or(server, |own| own.min(server))
    }

    /// Most bytes of one WRITE, 0 when not mounted.
    pub fn write_max(&self) -> u64 {
        let server = lock(&self.mounted).as_ref().map_or(0, |mounted| u64::from(mounted.limits.write_max));
        self.settings().write_max.map_or(server, |own| own.min(server))
    }

    /// The current directory, from the root of the export on.
    pub fn working_directory(&self) -> Vec<u8> {
        lock(&self.working_directory).clone()
    }

    fn session(&self) -> Result<Session> {
        let mounted = lock(&self.mounted).clone();
        let mounted = mounted.ok_or_else(|| Error::new(libc::ENOTCONN, "nothing is mounted"))?;
        let credential = self.credential()?;
        let (timeout, remembers) = {
            let settings = self.settings();
            (settings.call_timeout(), settings.dircache)
        };
        let (transport, reactor) = (mounted.transport.clone(), self.reactor.clone());
        let deadline = timeout.map(|timeout| reactor.now() + timeout);
        let nfs = Nfs { transport, credential, timeout, deadline, reactor };
        Ok(Session { nfs, mounted, remembers })
    }

    /// The credential of the next call; encoded again only when the identity has changed.
    fn credential(&self) -> Result<Credential> {
        let settings = self.settings();
        if let Some(ready_made) = &settings.auth {
            return Ok(ready_made.clone());
        }
        let mut cached = lock(&self.credential);
        if let Some(((uid, gid, groups), credential)) = cached.as_ref()
            && (*uid, *gid, groups) == (settings.uid, settings.gid, &settings.groups)
        {
            return Ok(credential.clone());
        }
        let credential = Credential::sys(settings.uid, settings.gid, &settings.groups)?;
        let identity = (settings.uid, settings.gid, settings.groups.clone());
        *cached = Some((identity, credential.clone()));
        Ok(credential)
    }
}
