//! Verbs on the state of open files.

use super::attributes::OBJECT;
use super::compound::{Compound, Results};
use super::nfs::{Nfs, Properties, is_busy};
use super::objects::Found;
use super::open::{Claim, Create, OpenOwner, Opened};
use super::owner::Names;
use super::state::{Access, FileState, Release};
use super::stateid::StateId;
use crate::attributes::{Handle, SetAttributes, SetTimes};
use crate::error::Result;

/// The times of a file that was made just now.
const NOW: SetAttributes =
    SetAttributes { mode: None, uid: None, gid: None, size: None, times: Some(SetTimes::Now) };

impl Nfs {
    /// Opens a file: by its name in `place`, or, with another claim, `place` itself.
    pub async fn open(
        &self,
        place: &Handle,
        claim: Claim<'_>,
        access: u32,
        create: Create<'_>,
    ) -> Result<(Opened, Option<Found>)> {
        let ask = |compound: &mut Compound| {
            compound.putfh(place);
            let owner = OpenOwner { client: self.client_id(), owner: &self.registration.owner.owner };
            compound.open(access, &owner, &create, &claim);
            if let Create::Exclusive(..) = create {
                // Servers keep the verifier in the times.
                compound.setattr(&StateId::ANONYMOUS, &NOW);
            }
            compound.getfh();
            compound.getattr(OBJECT);
        };
        let read = |results: &mut Results<'_>, names: &Names| {
            results.putfh()?;
            let opened = results.open()?;
            if let Create::Exclusive(..) = create {
                results.setattr().ok();
            }
            // It is open, whatever follows.
            let found =
                results.getfh().and_then(|handle| Ok((handle, results.getattr(names)?.attributes()?)));
            Ok((opened, found.ok()))
        };
        self.call(Properties::ONCE, ask, read).await
    }

    /// A handle of the file is closed: gives back what no other one needs.
    pub async fn release(&self, file: &Handle, state: &FileState, access: Access) -> Result<()> {
        match state.release(access) {
            Release::Nothing => Ok(()),
            Release::Close(stateid) => self.close(file, &stateid).await,
            Release::Downgrade(stateid, access) => {
                state.downgraded(self.open_downgrade(file, &stateid, access.bits()).await?);
                Ok(())
            }
        }
    }

    pub async fn close(&self, file: &Handle, stateid: &StateId) -> Result<()> {
        let ask = |compound: &mut Compound| {
            compound.putfh(file);
            compound.close(stateid);
        };
        let read = |results: &mut Results<'_>, _: &Names| {
            results.putfh()?;
            match results.close() {
                // Then it is closed.
                Err(error) if error.status().is_some() && !is_busy(&error) => Ok(()),
                closed => closed,
            }
        };
        self.call(Properties::ONCE, ask, read).await
    }

    /// Opens a file again after the server has forgotten it: as one that was open before the server restarted, or anew.
    pub async fn reopen(&self, file: &Handle, state: &FileState, claim: Claim<'_>) -> Result<()> {
        let Some(access) = state.access() else { return Ok(()) };
        let (opened, _) = self.open(file, claim, access.bits(), Create::No).await?;
        state.reopened(opened.stateid);
        Ok(())
    }

    /// Says that no more is reclaimed.
    pub async fn reclaim_complete(&self) -> Result<()> {
        let ask = |compound: &mut Compound| compound.reclaim_complete();
        let read = |results: &mut Results<'_>, _: &Names| results.reclaim_complete();
        self.call(Properties::HARMLESS, ask, read).await
    }

    /// Renews the lease: SEQUENCE does.
    pub async fn renew(&self) -> Result<()> {
        self.call(Properties::HARMLESS, |_| {}, |_, _| Ok(())).await
    }

    pub async fn open_downgrade(&self, file: &Handle, stateid: &StateId, access: u32) -> Result<StateId> {
        let ask = |compound: &mut Compound| {
            compound.putfh(file);
            compound.open_downgrade(stateid, access);
        };
        let read = |results: &mut Results<'_>, _: &Names| {
            results.putfh()?;
            results.open_downgrade()
        };
        self.call(Properties::ONCE, ask, read).await
    }

    /// Of the session that the next call goes into.
    fn client_id(&self) -> u64 {
        self.current_session().map_or(0, |session| session.client)
    }
}
