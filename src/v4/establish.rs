//! The beginning of a mount, three calls: EXCHANGE_ID, CREATE_SESSION, and one COMPOUND that ends the time for reclaims
//! and walks to the root. The first two also make a session anew.

use std::sync::Arc;
use std::time::Instant;

use super::attributes::{Fattr, ROOT};
use super::compound::{Compound, Results};
use super::nfs::{MAX_REPLY, Nfs, Properties};
use super::numbers::op;
use super::owner::Names;
use super::registration::{Registration, Session};
use super::session::{Channel, ClientOwner};
use super::status::{self, nfs_error};
use crate::attributes::Handle;
use crate::error::{Error, Result};
use crate::rpc::{Answer, Backoff, CallClass, Credential, Request, Transport};

/// Minor versions that the library speaks, the best one first.
pub const MINORS: [u32; 2] = [2, 1];

/// What a mount needs to know of its root.
pub struct Root {
    pub handle: Handle,
    pub fattr: Fattr,
}

/// Who calls without a session.
pub struct Caller<'a> {
    pub transport: &'a Transport,
    pub credential: &'a Credential,
    pub deadline: Option<Instant>,
}

impl Caller<'_> {
    /// Makes the client known, in the first of these minor versions that the server has.
    pub async fn register(&self, minors: &[u32], owner: ClientOwner) -> Result<Registration> {
        let mut last = Error::new(libc::EPROTONOSUPPORT, "no minor version of NFSv4 was asked for");
        for minor in minors {
            match self.session(*minor, &owner).await {
                Err(error) if error.status() == Some(status::MINOR_VERS_MISMATCH) => last = error,
                session => return Ok(Registration::new(*minor, owner, session?)),
            }
        }
        Err(last)
    }

    /// Another session for this owner.
    pub async fn session(&self, minor: u32, owner: &ClientOwner) -> Result<Arc<Session>> {
        let identify = |compound: &mut Compound| compound.exchange_id(owner);
        let client = self.call(minor, identify, |results| results.exchange_id()).await?;
        let create = |compound: &mut Compound| compound.create_session(&client, &Channel::WANTED);
        let new = self.call(minor, create, |results| results.create_session()).await?;
        Ok(Session::new(minor, &client, &new, self.credential))
    }

    /// Ends a session and what the server knows of the client.
    pub async fn end(&self, registration: &Registration) -> Result<()> {
        let Some(session) = registration.current() else { return Ok(()) };
        let (minor, id, client) = (registration.minor, session.id(), session.client);
        let destroy = |compound: &mut Compound| compound.destroy_session(&id);
        self.call(minor, destroy, |results| results.next(op::DESTROY_SESSION).map(drop)).await?;
        let destroy = |compound: &mut Compound| compound.destroy_clientid(client);
        self.call(minor, destroy, |results| results.next(op::DESTROY_CLIENTID).map(drop)).await
    }

    async fn call<T>(
        &self,
        minor: u32,
        encode: impl Fn(&mut Compound),
        read: impl Fn(&mut Results<'_>) -> Result<T>,
    ) -> Result<T> {
        let mut backoff = Backoff::new();
        loop {
            let request = |memory| {
                let mut compound = Compound::new(memory, minor, self.credential);
                encode(&mut compound);
                let (message, deadline) = (compound.finish(), self.deadline);
                let (limit, class) = (MAX_REPLY, CallClass::Idempotent);
                Request { message, source: None, sink: None, deadline, limit, class }
            };
            let read = |answer: Answer<'_>| read(&mut Results::new(answer.body)?);
            match self.transport.start_in(request).read(read).await {
                Err(error) if super::nfs::is_busy(&error) => {
                    if !backoff.wait(self.transport, self.deadline).await {
                        return Err(nfs_error(status::DELAY));
                    }
                }
                result => return result,
            }
        }
    }
}

impl Nfs {
    /// Says that there is nothing to reclaim, and walks to the root of the mount.
    pub async fn mount(&self, path: &[&[u8]]) -> Result<Root> {
        let ask = |compound: &mut Compound| {
            compound.reclaim_complete();
            compound.putrootfh();
            path.iter().for_each(|name| compound.lookup(name));
            compound.getfh();
            compound.getattr(ROOT);
        };
        let read = |results: &mut Results<'_>, names: &Names| {
            results.reclaim_complete()?;
            results.next(op::PUTROOTFH)?;
            for _name in path {
                results.next(op::LOOKUP)?;
            }
            Ok(Root { handle: results.getfh()?, fattr: results.getattr(names)? })
        };
        self.call(Properties::HARMLESS, ask, read).await
    }
}
