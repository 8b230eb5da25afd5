//! Mounting in five round trips: portmapper, ports, MOUNT and NFS side by side, MNT with EXPORT, FSINFO with GETATTR; in two when
//! the process has mounted it a moment ago.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use super::directory_cache::DirectoryCache;
use super::exports::{Asking, Nested, SharedMount};
use super::inode::{Inodes, Lives};
use super::lock_manager::Locks;
use super::reconnect::{Service, Supervisor};
use super::server_cache::{self, Key, Known};
use super::{Client, Settings};
use crate::attributes::{FileType, Handle, Limits};
use crate::error::{Error, Result};
use crate::executor::join;
use crate::io::{Connecting, PortKind, Stream, resolve};
use crate::rpc::Transport;
use crate::sync::lock;
use crate::v3::{Export, Mount, Nfs, PORTMAPPER_PORT, PortMapper};
use crate::v4::{Caller, Registration};

/// How long connecting and mounting may take when no timeout is set.
const DEFAULT_TIME: Duration = Duration::from_secs(60);

/// How long a server is given to answer where it was last.
const KNOWN_TIME: Duration = Duration::from_secs(5);

/// How much longer than everything else the list of exports may take.
const EXPORTS_TIME: Duration = Duration::from_secs(5);

/// Ports below this one are for the superuser's programs (IPPORT_RESERVED).
const FIRST_UNRESERVED: u16 = 1024;

/// How long the server is given to hear of an unmount. It does not need to know.
const UMOUNT_TIME: Duration = Duration::from_secs(5);

/// The range that a server's limits are brought into, bytes: the upper end is that of libnfs, and larger transfers go in
/// pieces side by side anyway.
const TRANSFER: std::ops::RangeInclusive<u32> = 512..=1 << 20;

/// A mounted export.
pub struct Mounted {
    pub life: MountLife,
    pub transport: Transport,
    pub inodes: Inodes,
    pub lives: Lives,
    pub root: Handle,
    /// The file system of the root.
    pub fsid: u64,
    pub limits: Limits,
    /// The server as it was asked for, and the directory without a slash at its end.
    pub server: Vec<u8>,
    pub export: Vec<u8>,
    pub mount_service: SocketAddr,
    nfs_service: SocketAddr,
    /// The port that the first connection to it comes from.
    source_port: u16,
    /// CREATE EXCLUSIVE is not supported.
    pub lacks_exclusive: AtomicBool,
    pub locks: Locks,
    pub directories: DirectoryCache,
    pub nested: Arc<Nested>,
    /// How many roots had been found when the directories were forgotten for that.
    pub roots_seen: AtomicU64,
    /// The questions for their roots that are under way.
    pub asking: Asking,
    /// A connection to the mount service, as long as somebody who has many questions keeps it.
    pub mount_connection: Mutex<Weak<SharedMount>>,
    /// How an NFSv4 server knows the mount.
    pub registration: Option<Arc<Registration>>,
}

/// Whether a mount has ended: what was opened on it is not to be used any more, whatever is mounted later.
#[derive(Clone, Default)]
pub struct MountLife(Arc<AtomicBool>);

impl MountLife {
    pub fn end(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// EBADF when it has ended.
    pub fn check(&self) -> Result<()> {
        match self.0.load(Ordering::SeqCst) {
            true => Err(Error::new(libc::EBADF, "the export that it was opened on has been unmounted")),
            false => Ok(()),
        }
    }
}

/// Where the two services of a server are.
struct Services {
    mount: SocketAddr,
    nfs: SocketAddr,
}

impl Client {
    /// Mounts `export` of `server`; EPERM when something is mounted already.
    pub async fn mount(self: Arc<Self>, server: Vec<u8>, export: Vec<u8>) -> Result<()> {
        let deadline = self.mount_deadline();
        // A URL of a file in the root of the server's name space has no path.
        let export = if export.is_empty() { b"/".to_vec() } else { export };
        let mounted = self.reactor.until(deadline, self.establish(&server, &export, deadline)).await;
        let mut mounted = mounted.map_err(|error| {
            let mut place = server.clone();
            place.push(b':');
            place.extend_from_slice(&export);
            error.during("mount").at(&place)
        })?;
        *lock(&self.working_directory) = b"/".to_vec();
        self.debug(2, &format_args!("connected to {}", mounted.nfs_service));
        mounted.server = server;
        self.begin_mount(mounted, 0)
    }

    /// The mount is used from now on. Its connection is made again after so many `tries`.
    fn begin_mount(&self, mut mounted: Mounted, tries: i32) -> Result<()> {
        let client = self.myself.clone();
        mounted.locks = Locks::of(client.clone());
        let (supervision, address, port) =
            (mounted.transport.supervise(), mounted.nfs_service, mounted.source_port);
        let mounted = Arc::new(mounted);
        let service = Service::Nfs { mounted: Arc::downgrade(&mounted) };
        self.keep_registration(&mounted)?;
        self.replace_mount(Some(mounted));
        self.tell_retry();
        let supervisor = Supervisor { client, supervision, service, address, port, tries };
        self.executor.spawn_background(supervisor.run())
    }

    /// In a child of the process that has made this mount: the same one, to which a connection is made when it is needed.
    /// Its files are the same, and none has locks or data that may be lost.
    pub(super) fn mount_of_parent(&self, parents: &Mounted) -> Result<()> {
        let why = Error::new(libc::ENOTCONN, "this process was forked, and has no connection of its own");
        let Mounted { root, fsid, limits, mount_service, nfs_service, .. } = *parents;
        let locked =
            || Error::new(libc::EBADF, "another thread was changing the mount when the process forked");
        let nested = parents.nested.of_child().ok_or_else(locked)?;
        let lacks_exclusive = parents.lacks_exclusive.load(Ordering::Relaxed);
        let mounted = Mounted {
            life: parents.life.clone(),
            transport: Transport::unconnected(&self.reactor, &why),
            inodes: Inodes::new(self.retained.clone()),
            lives: Lives::default(),
            root,
            fsid,
            limits,
            server: parents.server.clone(),
            export: parents.export.clone(),
            mount_service,
            nfs_service,
            source_port: 0,
            lacks_exclusive: AtomicBool::new(lacks_exclusive),
            locks: Locks::default(),
            directories: DirectoryCache::default(),
            nested: Arc::new(nested),
            roots_seen: AtomicU64::default(),
            asking: Asking::default(),
            mount_connection: Mutex::default(),
            registration: parents.registration.as_ref().map(|parents| self.registration_of_child(parents)),
        };
        self.begin_mount(mounted, -1)
    }

    pub(super) fn mount_deadline(&self) -> Instant {
        let timeout = self.settings().timeout;
        self.reactor.now() + timeout.unwrap_or(DEFAULT_TIME)
    }

    async fn establish(&self, server: &[u8], export: &[u8], deadline: Instant) -> Result<Mounted> {
        if lock(&self.mounted).is_some() {
            return Err(Error::new(libc::EPERM, "the context has a mount already"));
        }
        if self.settings().version == 4 {
            return Box::pin(self.establish_v4(server, export, deadline)).await;
        }
        let key = {
            let (server, export, settings) = (server.to_vec(), export.to_vec(), self.settings());
            let (mount_port, nfs_port) = (settings.mount_port, settings.nfs_port);
            Key { server, export, mount_port, nfs_port, crosses: settings.auto_traverse_mounts }
        };
        if [key.mount_port, key.nfs_port].contains(&Some(Settings::NO_PORT)) {
            return Err(Error::new(libc::EINVAL, "a port has been set that is none"));
        }
        let now = self.reactor.now();
        if let Some(known) = server_cache::get(&key, now) {
            // If the server is not there any more, time is needed to find out where it is.
            let half = now + (deadline.saturating_duration_since(now) / 2).min(KNOWN_TIME);
            let mounted = self.reactor.until(half, self.mount_known(&known, export, half)).await;
            if mounted.is_ok() {
                return mounted;
            }
            server_cache::forget(&key);
        }
        let addresses = resolve(&self.reactor, server, deadline).await?;
        let services = self.find_services(addresses, (key.mount_port, key.nfs_port), deadline).await?;
        let mount_stream = self.connect([services.mount], PortKind::Reserved);
        let nfs_stream = self.connect([services.nfs], PortKind::Reserved);
        let both = join(
            mount_stream.established(&self.reactor, deadline),
            nfs_stream.established(&self.reactor, deadline),
        );
        let (mount_stream, nfs_stream) = both.await;
        let mount = self.mount_client_on(mount_stream?, deadline)?;
        let nfs_stream = nfs_stream?;
        nfs_stream.notice_silence();
        let port = nfs_stream.local_port();
        let transport = Transport::new(&self.reactor, nfs_stream);
        let first = mount.mnt(export);
        let exports = key.crosses.then(|| mount.exports());
        let root = match first.await {
            // The question for the exports may have been too much for the server.
            Err(error) if exports.is_some() && error.mount_status().is_none() => {
                let mount = Box::pin(self.mount_client(services.mount, deadline)).await?;
                or_without_slashes(&mount, export, mount.mnt(export).await).await?
            }
            answer => or_without_slashes(&mount, export, answer).await?,
        };
        let (mount_service, nfs_service) = (services.mount, services.nfs);
        let mut known = Known { mount_service, nfs_service, root, nested: Arc::default() };
        let mut mounted = self.mount_root((transport, port), &known, export, deadline).await?;
        if let Some(exports) = exports {
            let now = self.reactor.now();
            let until = now + (deadline.saturating_duration_since(now) / 2).min(EXPORTS_TIME);
            match self.reactor.until(until, exports).await {
                Ok(exports) => {
                    known.nested = Arc::new(Nested::below(export, &exports));
                    mounted.nested = known.nested.clone();
                }
                // The next mount asks anew.
                Err(error) if error.errno() == libc::ETIMEDOUT => return Ok(mounted),
                Err(_) => {} // a server need not tell
            }
        }
        server_cache::keep(key, known, self.reactor.now());
        Ok(mounted)
    }

    /// Mounts an export whose root and services are known: two round trips.
    async fn mount_known(&self, known: &Known, export: &[u8], deadline: Instant) -> Result<Mounted> {
        let connecting = self.connect([known.nfs_service], PortKind::Reserved);
        let stream = connecting.established(&self.reactor, deadline).await?;
        stream.notice_silence();
        let port = stream.local_port();
        let transport = Transport::new(&self.reactor, stream);
        self.mount_root((transport, port), known, export, deadline).await
    }

    /// The last step: what the server says of the root.
    async fn mount_root(
        &self,
        (transport, source_port): (Transport, u16),
        known: &Known,
        export: &[u8],
        deadline: Instant,
    ) -> Result<Mounted> {
        let Known { mount_service, nfs_service, root, ref nested } = *known;
        let nfs = Nfs::new(transport.clone(), self.credential()?, None, self.reactor.clone()).until(deadline);
        let (limits, attributes) = join(nfs.fsinfo(&root), nfs.getattr(&root)).await;
        let attributes = attributes?;
        if attributes.kind != FileType::Directory {
            return Err(Error::new(libc::ENOTDIR, "what the server exports is not a directory"));
        }
        let service = (nfs_service, source_port);
        let mounted = Mounted::new(self, transport, service, root, attributes.fsid, limits?, export);
        Ok(Mounted { mount_service, nested: nested.clone(), ..mounted })
    }

    pub(super) fn connect(
        &self,
        addresses: impl IntoIterator<Item = SocketAddr>,
        ports: PortKind,
    ) -> Connecting {
        Connecting::start(addresses, ports, self.settings().socket_options())
    }

    /// Finds the ports that are not given, both in one round trip.
    async fn find_services(
        &self,
        addresses: Vec<SocketAddr>,
        (mount_port, nfs_port): (Option<u16>, Option<u16>),
        deadline: Instant,
    ) -> Result<Services> {
        let at = |mut address: SocketAddr, port: u16| {
            address.set_port(port);
            address
        };
        if let (Some(mount_port), Some(nfs_port), [address]) = (mount_port, nfs_port, &addresses[..]) {
            return Ok(Services { mount: at(*address, mount_port), nfs: at(*address, nfs_port) });
        }
        // Of several addresses, the first that answers: on the port that must be known, or the portmapper's.
        let known = if nfs_port.is_some() && mount_port.is_some() { nfs_port } else { None };
        let probe = known.unwrap_or(PORTMAPPER_PORT);
        let connecting = self.connect(addresses.into_iter().map(|address| at(address, probe)), PortKind::Any);
        let stream = connecting.established(&self.reactor, deadline).await?;
        let server = stream.peer();
        if let (Some(mount_port), Some(nfs_port)) = (mount_port, nfs_port) {
            return Ok(Services { mount: at(server, mount_port), nfs: at(server, nfs_port) });
        }
        let transport = Transport::new(&self.reactor, stream);
        let portmapper = PortMapper { transport, server, deadline };
        let port = async |known: Option<u16>, program, version| match known {
            Some(port) => Ok(port),
            None => portmapper.port(program, version).await,
        };
        let (mount_port, nfs_port) = join(
            port(mount_port, Mount::PROGRAM, Mount::VERSION),
            port(nfs_port, Nfs::PROGRAM, Nfs::VERSION),
        )
        .await;
        let mount_port = mount_port.map_err(|error| error.during("find the port of MOUNT"))?;
        let nfs_port = nfs_port.map_err(|error| error.during("find the port of NFS"))?;
        Ok(Services { mount: at(server, mount_port), nfs: at(server, nfs_port) })
    }

    /// The address of NFS alone.
    pub(super) async fn find_nfs(
        &self,
        addresses: Vec<SocketAddr>,
        port: Option<u16>,
        deadline: Instant,
    ) -> Result<SocketAddr> {
        // The port of MOUNT is not needed: any number saves the question.
        Ok(self.find_services(addresses, (Some(0), port), deadline).await?.nfs)
    }

    pub(super) async fn mount_client(&self, service: SocketAddr, deadline: Instant) -> Result<Mount> {
        let connecting = self.connect([service], PortKind::Reserved);
        self.mount_client_on(connecting.established(&self.reactor, deadline).await?, deadline)
    }

    fn mount_client_on(&self, stream: Stream, deadline: Instant) -> Result<Mount> {
        let is_privileged = stream.local_port() < FIRST_UNRESERVED;
        let transport = Transport::new(&self.reactor, stream);
        Ok(Mount { transport, credential: self.credential()?, deadline, is_privileged })
    }

    /// Ends the mount. Whether the server hears of it does not matter: its list of mounts is advice only
    /// (RFC 1813, section 5.2.2).
    pub async fn umount(self: Arc<Self>) -> Result<()> {
        let session = self.session();
        let mounted = self.replace_mount(None); // nothing begins from here on
        let mounted =
            mounted.ok_or_else(|| Error::new(libc::ENOTCONN, "nothing is mounted").during("umount"))?;
        *lock(&self.working_directory) = b"/".to_vec();
        let time = self.settings().timeout.map_or(UMOUNT_TIME, |timeout| timeout.min(UMOUNT_TIME));
        let deadline = self.reactor.now() + time;
        if let Ok(session) = session {
            self.settle_all(&session, deadline).await;
        }
        let tell = async {
            if let Some(registration) = &mounted.registration {
                let (transport, credential) = (&mounted.transport, &self.credential()?);
                let caller = Caller { transport, credential, deadline: Some(deadline) };
                return caller.end(registration).await;
            }
            let mount = self.mount_client(mounted.mount_service, deadline).await?;
            mount.umnt(&mounted.export).await
        };
        let release = async {
            self.release_all_locks(&mounted, deadline).await;
            Ok(())
        };
        let _unheard = join(self.reactor.until(deadline, tell), self.reactor.until(deadline, release)).await;
        mounted.transport.close(); // also for data that is still being sent again
        Ok(())
    }
}

#[cfg(any(test, fuzzing))]
impl Client {
    /// Takes what is at the other end of a connection for a server that has been mounted from.
    pub fn adopt(&self, stream: crate::io::Stream, root: &[u8], limits: Limits) -> Result<()> {
        let service = (stream.peer(), stream.local_port());
        let transport = Transport::new(&self.reactor, stream);
        let mounted = Mounted::new(self, transport, service, Handle::new(root)?, 1, limits, b"/export");
        *lock(&self.mounted) = Some(Arc::new(mounted));
        Ok(())
    }
}

/// The root of an export as it was named; where the server has refused that, without slashes at the end.
async fn or_without_slashes(mount: &Mount, export: &[u8], answer: Result<Handle>) -> Result<Handle> {
    match answer {
        Err(error) if Mount::is_refusal(&error) && export != without_last_slashes(export) => {
            mount.mnt(without_last_slashes(export)).await
        }
        answer => answer,
    }
}

/// The name of the root keeps its slash.
fn without_last_slashes(export: &[u8]) -> &[u8] {
    let end = export.iter().rposition(|&byte| byte != b'/').unwrap_or(0);
    export.get(..=end).unwrap_or(export)
}

/// The exports of a server, over connections of their own.
pub async fn exports(client: Arc<Client>, server: Vec<u8>) -> Result<Vec<Export>> {
    let deadline = client.mount_deadline();
    let ask = async {
        let addresses = resolve(&client.reactor, &server, deadline).await?;
        let mount_port = client.settings().mount_port;
        // The port of NFS is not needed: any number saves the question.
        let services = client.find_services(addresses, (mount_port, Some(0)), deadline).await?;
        client.mount_client(services.mount, deadline).await?.exports().await
    };
    client.reactor.until(deadline, ask).await.map_err(|error| error.during("list the exports of").at(&server))
}

impl Mounted {
    /// A mount with nothing in it so far. Where the service is comes with the port that it was connected to from.
    pub fn new(
        client: &Client,
        transport: Transport,
        (nfs_service, source_port): (SocketAddr, u16),
        root: Handle,
        fsid: u64,
        limits: Limits,
        export: &[u8],
    ) -> Self {
        Self {
            life: MountLife::default(),
            transport,
            inodes: Inodes::new(client.retained.clone()),
            lives: Lives::default(),
            root,
            fsid,
            limits: sensible(limits),
            server: Vec::new(),
            export: without_last_slashes(export).to_vec(),
            mount_service: nfs_service,
            nfs_service,
            source_port,
            lacks_exclusive: AtomicBool::new(false),
            locks: Locks::default(),
            directories: DirectoryCache::default(),
            nested: Arc::default(),
            roots_seen: AtomicU64::default(),
            asking: Asking::default(),
            mount_connection: Mutex::default(),
            registration: None,
        }
    }

    /// The way to every directory is looked up anew. True if some were known, now or since that was the number of
    /// [`Mounted::forgotten_places`]: another operation may have forgotten what this one has used.
    pub fn forget_places(&self, since: u64) -> bool {
        self.directories.clear();
        self.nested.forget();
        self.forgotten_places() != since
    }

    /// Changes when the way to a directory is forgotten, by whomever.
    pub fn forgotten_places(&self) -> u64 {
        self.directories.forgotten().wrapping_add(self.nested.forgotten())
    }

    /// Ends the READs and WRITEs of a file that wait to be sent.
    pub fn fail_calls_on(&self, file: &Handle, error: &Error) {
        self.transport.fail_calls(|call| Nfs::is_transfer_of(call, file), error);
    }

    /// The server's name for a path of the export.
    pub fn below(&self, path: &[u8]) -> Vec<u8> {
        [self.export.strip_suffix(b"/").unwrap_or(&self.export), path].concat()
    }
}

/// Limits as they can be used: a server may say 0, or more than any machine has.
fn sensible(limits: Limits) -> Limits {
    let within = |limit: u32, otherwise: u32| {
        if limit == 0 { otherwise } else { limit.clamp(*TRANSFER.start(), *TRANSFER.end()) }
    };
    Limits {
        read_max: within(limits.read_max, 4096),
        write_max: within(limits.write_max, 4096),
        readdir: within(limits.readdir, 4096),
    }
}
