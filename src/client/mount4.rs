//! Mounting with NFSv4, and keeping the mount alive: three calls behind the connection, no portmapper and no MOUNT.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::Client;
use super::mount::Mounted;
use crate::attributes::FileType;
use crate::error::{Error, Result};
use crate::io::{PortKind, host_name, random, resolve};
use crate::rpc::{Credential, Transport};
use crate::v4::{Caller, Claim, ClientOwner, MINORS, Nfs, Registration, Session};

/// Where NFSv4 is, unless the program says something else (RFC 8881, section 2.9.3).
pub const PORT: u16 = 2049;

/// Room in a reply beside the data of a READ, bytes.
const BESIDE_DATA: u32 = 4096;

/// A lease may be said to be this long, seconds.
const LEASE: std::ops::RangeInclusive<u32> = 3..=3600;

/// A server that refuses a session so often in a row is not asked again for a while.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_secs(1);
const LONG_PAUSE: Duration = Duration::from_secs(15);

impl Client {
    pub(super) async fn establish_v4(
        &self,
        server: &[u8],
        export: &[u8],
        deadline: Instant,
    ) -> Result<Mounted> {
        let (port, minor) = {
            let settings = self.settings();
            (settings.nfs_port.unwrap_or(PORT), settings.minor)
        };
        let minors = match minor {
            None => &MINORS[..],
            Some(minor) => match MINORS.iter().position(|known| *known == minor) {
                Some(index) => &MINORS[index..=index],
                None => {
                    let cause = format!("NFS version 4.{minor} is not there yet");
                    return Err(Error::new(libc::ENOSYS, cause));
                }
            },
        };
        let addresses = resolve(&self.reactor, server, deadline).await?;
        let addresses = addresses.into_iter().map(|mut address| {
            address.set_port(port);
            address
        });
        let stream = self.connect(addresses, PortKind::Reserved).established(&self.reactor, deadline).await?;
        stream.notice_silence();
        let (address, source_port) = (stream.peer(), stream.local_port());
        let transport = Transport::new(&self.reactor, stream);
        let credential = self.credential()?;
        let caller = Caller { transport: &transport, credential: &credential, deadline: Some(deadline) };
        let registration = Arc::new(caller.register(minors, self.client_owner()).await?);
        let nfs =
            Nfs::new(transport.clone(), credential.clone(), registration.clone(), None, self.reactor.clone());
        let names: Vec<&[u8]> = export.split(|byte| *byte == b'/').filter(|name| !name.is_empty()).collect();
        let root = nfs.until(deadline).mount(&names).await?;
        let attributes = root.fattr.attributes()?;
        if attributes.kind != FileType::Directory {
            return Err(Error::new(libc::ENOTDIR, "what the server exports is not a directory"));
        }
        let longest = registration.current().map_or(BESIDE_DATA, |session| {
            session.channel.response.min(session.channel.request).saturating_sub(BESIDE_DATA)
        });
        let mut limits = root.fattr.limits(0);
        (limits.read_max, limits.write_max) = (limits.read_max.min(longest), limits.write_max.min(longest));
        let lease = root.fattr.lease_time.unwrap_or_default().clamp(*LEASE.start(), *LEASE.end());
        registration.set_lease(Duration::from_secs(lease.into()));
        let mut mounted = Mounted::new(
            self,
            transport,
            (address, source_port),
            root.handle,
            attributes.fsid,
            limits,
            export,
        );
        mounted.registration = Some(registration);
        Ok(mounted)
    }

    /// Who we are for servers: another client for each context, so that none ends the state of another.
    fn client_owner(&self) -> ClientOwner {
        let settings = self.settings();
        let made = || {
            let host = host_name().unwrap_or_default();
            let mut name = b"libnfs ".to_vec();
            name.extend_from_slice(&host);
            name.extend_from_slice(format!(" {} {:016x}", std::process::id(), random()).as_bytes());
            name
        };
        ClientOwner {
            verifier: settings.client_verifier.unwrap_or_else(|| random().to_be_bytes()),
            owner: settings.client_name.clone().unwrap_or_else(made),
        }
    }

    /// In a child of the process that has made the mount: another client for the server.
    pub(super) fn registration_of_child(&self, parents: &Registration) -> Arc<Registration> {
        let registration = Registration::without_session(parents.minor, self.client_owner());
        registration.set_lease(parents.lease());
        Arc::new(registration)
    }

    /// Renews the lease of a mount, and makes its session anew when the server has forgotten it.
    pub(super) fn keep_registration(&self, mounted: &Arc<Mounted>) -> Result<()> {
        let Some(registration) = &mounted.registration else { return Ok(()) };
        let keeper = Keeper {
            client: self.myself.clone(),
            mounted: Arc::downgrade(mounted),
            registration: registration.clone(),
        };
        self.executor.spawn_background(keeper.run())
    }
}

/// See [`Client::keep_registration`].
struct Keeper {
    client: Weak<Client>,
    mounted: Weak<Mounted>,
    registration: Arc<Registration>,
}

impl Keeper {
    fn run(self) -> Pin<Box<dyn Future<Output = Result<()>> + Send>> {
        Box::pin(self.keep())
    }

    async fn keep(self) -> Result<()> {
        let Some(reactor) = self.client.upgrade().map(|client| client.reactor.clone()) else { return Ok(()) };
        loop {
            let renewal = self.registration.lease() * 2 / 3;
            let lost = async {
                self.registration.until_lost().await;
                Ok(())
            };
            let lost = reactor.until(reactor.now() + renewal, lost).await.is_ok();
            let (Some(client), Some(mounted)) = (self.client.upgrade(), self.mounted.upgrade()) else {
                return Ok(());
            };
            let nfs = match self.nfs(&client, &mounted) {
                Ok(nfs) => nfs,
                // Nobody makes a session any more: who waits for one is told.
                Err(error) => {
                    self.registration.resume(Err(error.clone()));
                    return Err(error);
                }
            };
            if lost {
                self.make_again(&client, &mounted, &nfs).await;
            } else {
                // Should it fail, the next call finds out why.
                let deadline = reactor.now() + renewal;
                let _renewed = Box::pin(nfs.until(deadline).renew()).await;
            }
        }
    }

    fn nfs(&self, client: &Client, mounted: &Mounted) -> Result<Nfs> {
        let (transport, credential) = (mounted.transport.clone(), client.credential()?);
        Ok(Nfs::new(transport, credential, self.registration.clone(), None, client.reactor.clone()))
    }

    /// Makes a session, and opens the files again that the server has forgotten. Calls wait for it.
    async fn make_again(&self, client: &Client, mounted: &Mounted, nfs: &Nfs) {
        let registration = &self.registration;
        let (transport, credential): (&Transport, &Credential) = (&nfs.transport, &nfs.credential);
        let caller = Caller { transport, credential, deadline: None };
        let mut tries = 0;
        let session = loop {
            match caller.session(registration.minor, &registration.owner).await {
                Ok(session) => break session,
                Err(error) => {
                    tries += 1;
                    let refused = tries >= TRIES || error.status().is_none();
                    if refused {
                        registration.resume(Err(error));
                    }
                    client.reactor.sleep(if refused { LONG_PAUSE } else { PAUSE }).await;
                    if self.mounted.strong_count() <= 1 {
                        return; // nobody but this has it any more
                    }
                }
            }
        };
        if registration.is_another_client(&session) || registration.take_lost_state() {
            self.open_again(client, mounted, nfs, &session).await;
        }
        registration.resume(Ok(session));
        client.another_life(mounted);
    }

    async fn open_again(&self, client: &Client, mounted: &Mounted, nfs: &Nfs, session: &Arc<Session>) {
        let nfs = nfs.within(session);
        let mut left = Vec::new();
        for inode in mounted.inodes.open_files() {
            // In the time after a restart that is for this.
            if let Err(_not_in_grace) = nfs.reopen(&inode.handle, &inode.state, Claim::Previous).await {
                left.push(inode);
            }
        }
        let _complete = nfs.reclaim_complete().await;
        for inode in left {
            if let Err(error) = nfs.reopen(&inode.handle, &inode.state, Claim::Current).await {
                client.debug(1, &format_args!("a file cannot be opened again: {error}"));
            }
        }
    }
}
