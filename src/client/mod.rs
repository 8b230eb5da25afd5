//! The context: operations on paths, files and directories, each written once as an `async fn`.

mod acl;
mod attributes;
mod commit;
mod data;
mod direct;
mod directory;
mod directory_cache;
mod discovery;
mod entries;
mod exports;
mod file;
mod forked;
mod held_ranges;
mod inode;
mod lock_manager;
mod locks;
mod mount;
mod mount4;
mod names;
mod namespace;
mod path;
mod reclaim;
mod reconnect;
mod server_cache;
mod session;
mod settings;
mod stability;
mod stat;
#[cfg(test)]
mod tests;
mod walk;

use std::fmt::Display;
use std::future::Future;
use std::ops::Deref;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::task::Waker;

use crate::attributes::Limits;
pub use crate::attributes::{Attributes, FileSystem, Time};
pub use crate::v3::{Acl, AclEntry, Export};
pub use direct::Place;
pub use directory::Directory;
pub use discovery::find_local_servers;
pub use entries::Entries;
pub use file::File;
pub use forked::hold_shared;
pub use locks::{Change, Span};
pub use mount::{MountLife, exports};
pub use settings::Settings;
pub use walk::LastLink;

use crate::error::{Error, Result};
use crate::executor::{Executor, ServiceThread};
use crate::io::{self, Reactor};
use crate::rpc::Connection;
use crate::sync::lock;
use mount::Mounted;
use session::{Session, Shared};
use stability::WritePolicy;

/// One NFS context. Shared by its operations; every method may be called from any thread.
pub struct Client {
    id: u64,
    reactor: Arc<Reactor<Connection>>,
    executor: Arc<Executor>,
    settings: Mutex<Settings>,
    mounted: Mutex<Option<Arc<Mounted>>>,
    /// None until it is needed.
    shared: Mutex<Option<Arc<Shared>>>,
    working_directory: Mutex<Vec<u8>>,
    /// Bytes of written data that the server may lose, of all files.
    retained: Arc<AtomicUsize>,
    /// Bytes of data on its way that will have to be retained.
    in_flight: Arc<AtomicUsize>,
    /// Writes for which there is no room.
    wait_for_room: Mutex<Vec<Waker>>,
    /// COMMITs for the sake of room that have failed: how many, and why the last one.
    failed_commits: Mutex<(u64, Option<Error>)>,
    /// A task finds out whether the server has what was acknowledged.
    checking: AtomicBool,
    myself: Weak<Client>,
    /// A task makes stable what is old.
    flushing: AtomicBool,
    write_policy: WritePolicy,
    service: Mutex<Option<ServiceThread>>,
    /// The connection of the mount is lost for good.
    unreachable: AtomicBool,
}

impl Client {
    /// A context that is not mounted yet.
    pub fn new(settings: Settings) -> Result<Arc<Self>> {
        static NEXT_ID: AtomicU64 = AtomicU64::new(1);
        Self::with_id(NEXT_ID.fetch_add(1, Ordering::Relaxed), settings)
    }

    fn with_id(id: u64, settings: Settings) -> Result<Arc<Self>> {
        let reactor = Arc::new(Reactor::new()?);
        Ok(Arc::new_cyclic(|myself| Self {
            id,
            executor: Executor::new(reactor.clone()),
            reactor,
            settings: Mutex::new(settings),
            mounted: Mutex::new(None),
            working_directory: Mutex::new(b"/".to_vec()),
            shared: Mutex::new(None),
            retained: Arc::default(),
            in_flight: Arc::default(),
            wait_for_room: Mutex::default(),
            failed_commits: Mutex::default(),
            checking: AtomicBool::new(false),
            myself: myself.clone(),
            flushing: AtomicBool::new(false),
            write_policy: WritePolicy::default(),
            service: Mutex::new(None),
            unreachable: AtomicBool::new(false),
        }))
    }

    /// Differs from one context of the process to the next.
    pub fn id(&self) -> u64 {
        self.id
    }

    pub fn settings(&self) -> impl Deref<Target = Settings> {
        lock(&self.settings)
    }

    /// Tells `what` on the standard error output, if nfs_set_debug() wants to know of this level: 1 is what went wrong
    /// between us and the server, 2 also what it refuses and when connections are made.
    pub fn debug(&self, level: i32, what: &dyn Display) {
        if self.settings().debug >= level {
            io::tell(&format!("libnfs:{level} {what}\n"));
        }
    }

    /// Calls that begin from now on, also those of a mounted connection, follow the changed settings.
    pub fn change_settings<T>(&self, change: impl FnOnce(&mut Settings) -> T) -> T {
        let result = change(&mut lock(&self.settings));
        self.tell_retry();
        self.forget_shared();
        result
    }

    /// A connection has to know when it is to send again.
    fn tell_retry(&self) {
        let mounted = lock(&self.mounted).clone();
        if let Some(mounted) = mounted {
            let retry = self.settings().retry();
            mounted.transport.set_retry(retry);
        }
    }

    /// The former mount.
    fn replace_mount(&self, mounted: Option<Arc<Mounted>>) -> Option<Arc<Mounted>> {
        let former = std::mem::replace(&mut *lock(&self.mounted), mounted);
        if let Some(former) = &former {
            former.life.end();
        }
        self.unreachable.store(false, Ordering::SeqCst);
        self.forget_shared();
        former
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

    /// One turn without waiting. ENOTCONN when no connection is made again any more.
    pub fn service(&self) -> Result<()> {
        self.executor.service()?;
        if self.unreachable.load(Ordering::SeqCst) { self.service_last() } else { Ok(()) }
    }

    /// A program that hears of it may never come back: the callbacks of what has failed run before that.
    #[cold]
    fn service_last(&self) -> Result<()> {
        self.executor.service()?;
        Err(Error::new(libc::ENOTCONN, "the connection is lost, and is not made again any more"))
    }

    /// Operations whose callback has not run yet.
    pub fn queue_length(&self) -> usize {
        self.executor.length()
    }

    /// Starts a thread that serves the context; EALREADY when there is one.
    pub fn start_service(&self) -> Result<()> {
        let mut service = lock(&self.service);
        if service.is_some() {
            return Err(Error::new(libc::EALREADY, "the context has a service thread already"));
        }
        *service = Some(ServiceThread::start(&self.executor)?);
        Ok(())
    }

    /// Ends the thread, after the callback that it may be in; ESRCH when there is none.
    pub fn stop_service(&self) -> Result<()> {
        let service = lock(&self.service).take();
        service.map(ServiceThread::stop).ok_or_else(|| Error::new(libc::ESRCH, "there is no service thread"))
    }

    /// Before an umount: ends all operations that are under way, if something is mounted. When this returns, none of
    /// them uses its caller's memory any more.
    pub fn end_operations_of_mount(&self) {
        if lock(&self.mounted).is_some() {
            let why = "the export was unmounted before the call was complete";
            self.executor.cancel_operations(&Error::new(libc::EINTR, why));
        }
    }

    /// Ends all that is under way with EINTR, callbacks included, gives all locks back and closes the connection.
    pub fn shut_down(&self) {
        let alone = self.executor.shut_down();
        let service = lock(&self.service).take();
        if let (true, Some(service)) = (alone, service) {
            service.stop();
        }
        if let Some(mounted) = self.replace_mount(None) {
            self.release_all_locks_now(&mounted);
        }
    }

    /// Most bytes of one READ; when not mounted the program's own limit, or 0.
    pub fn read_max(&self) -> u64 {
        self.limit(|limits| limits.read_max, |settings| settings.read_max)
    }

    /// As [`Client::read_max`], of one WRITE.
    pub fn write_max(&self) -> u64 {
        self.limit(|limits| limits.write_max, |settings| settings.write_max)
    }

    fn limit(&self, server: fn(&Limits) -> u32, own: fn(&Settings) -> Option<u64>) -> u64 {
        let server = lock(&self.mounted).as_ref().map(|mounted| server(&mounted.limits).into());
        let own = own(&self.settings());
        server.into_iter().chain(own).min().unwrap_or(0)
    }

    /// The current directory, from the root of the export on.
    pub fn working_directory(&self) -> Vec<u8> {
        lock(&self.working_directory).clone()
    }
}
