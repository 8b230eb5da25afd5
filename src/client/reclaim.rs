//! A server that restarts forgets its locks. They are taken again before anything else goes over a new connection.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Client;
use super::lock_manager::{Backoff, LockHolder};
use super::mount::Mounted;
use crate::error::{Error, Result};
use crate::executor::all;
use crate::v3::{Lock, LockCall, LockStatus};

/// As long as usual grace periods are: for so long a lock manager is waited for that does not decide.
const RECLAIM_TIME: Duration = Duration::from_secs(90);

/// A lock manager that has said nothing at all for so long is given up: calls that need no lock wait meanwhile, too.
const SILENCE_TIME: Duration = Duration::from_secs(10);

/// After this, it is asked over another connection.
const TRY_TIME: Duration = Duration::from_secs(3);

/// How long a call for locks that is under way is waited for.
const TURN_TIME: Duration = Duration::from_secs(2);

/// How often to look whether another task is done with that.
const BESIDE_ANOTHER: Duration = Duration::from_millis(5);

impl Client {
    /// Takes the locks of all open files again. What cannot be had is lost, and the file says so from then on.
    pub(super) async fn reclaim_locks(&self, mounted: &Arc<Mounted>) {
        let locks = &mounted.locks;
        if locks.holders().is_empty() {
            return;
        }
        if !locks.begin_reclaim() {
            while locks.is_reclaiming() {
                self.reactor.sleep(BESIDE_ANOTHER).await; // the task of the other connection does it
            }
            return;
        }
        loop {
            locks.begin_reclaim_round();
            self.reclaim_all(mounted).await;
            if locks.end_reclaim_round() {
                return;
            }
        }
    }

    async fn reclaim_all(&self, mounted: &Arc<Mounted>) {
        let holders = mounted.locks.holders();
        let deadline = self.reactor.now() + RECLAIM_TIME;
        let reclaims = holders.iter().map(|holder| {
            Box::pin(async move {
                if let Err(error) = self.reclaim_in_time(mounted, holder, deadline).await {
                    holder.locking.lose(&error);
                    // What was written under them must not replace what whoever has them now writes.
                    let error = lost(&error.to_string());
                    mounted.fail_calls_on(&holder.file, &error);
                    if let Some(inode) = mounted.inodes.find(&holder.file)
                        && inode.unstable.retained() > 0
                    {
                        inode.errors.record(error);
                        inode.unstable.give_up(u64::MAX);
                    }
                }
                Ok(())
            })
        });
        let _cannot_fail = all(reclaims.collect()).await;
    }

    /// As [`Client::reclaim_locks`], by a task of its own.
    pub(super) fn reclaim_locks_later(self: &Arc<Self>, mounted: Arc<Mounted>) -> Result<()> {
        if mounted.locks.holders().is_empty() || mounted.locks.is_reclaiming_soon() {
            return Ok(());
        }
        let client = Arc::downgrade(self);
        self.executor.spawn_background(async move {
            if let Some(client) = client.upgrade() {
                client.reclaim_locks(&mounted).await;
            }
            Ok(())
        })
    }

    /// As [`Client::reclaim`], as long as the lock manager says anything.
    async fn reclaim_in_time(
        &self,
        mounted: &Arc<Mounted>,
        holder: &LockHolder,
        deadline: Instant,
    ) -> Result<()> {
        let mut reclaim = Box::pin(self.reclaim(mounted, holder, deadline));
        loop {
            let (answers, now) = (mounted.locks.answers(), self.reactor.now());
            let over = async { Ok(reclaim.as_mut().await) };
            match self.reactor.until(deadline.min(now + SILENCE_TIME), over).await {
                Ok(result) => return result,
                Err(_) if mounted.locks.answers() != answers && self.reactor.now() < deadline => {}
                Err(_) => return Err(Error::new(libc::ETIMEDOUT, "the lock manager does not answer")),
            }
        }
    }

    async fn reclaim(&self, mounted: &Arc<Mounted>, holder: &LockHolder, deadline: Instant) -> Result<()> {
        // A call for these locks that is not answered must not keep all others waiting.
        let turn = async { Ok(holder.locking.turn().await) };
        let _turn = self.reactor.until(self.reactor.now() + TURN_TIME, turn).await.ok();
        for range in holder.locking.held() {
            let lock = Lock {
                file: holder.file,
                owner: holder.locking.owner(),
                exclusive: range.exclusive,
                offset: range.first,
                length: range.length(),
            };
            self.reclaim_range(mounted, holder, &lock, deadline).await?;
        }
        Ok(())
    }

    async fn reclaim_range(
        &self,
        mounted: &Arc<Mounted>,
        holder: &LockHolder,
        lock: &Lock,
        deadline: Instant,
    ) -> Result<()> {
        let mut backoff = Backoff::until(Some(deadline));
        loop {
            mounted.locks.open()?;
            let of_try = deadline.min(self.reactor.now() + TRY_TIME);
            match self.reclaim_once(mounted, holder, lock, of_try).await {
                Ok(LockStatus::Granted) => return Ok(()),
                Ok(LockStatus::GracePeriod) => {}
                Err(error) if error.errno() == libc::ETIMEDOUT || self.may_pass(mounted, &error) => {}
                Ok(status) => return Err(status.error()),
                Err(error) => return Err(error),
            }
            backoff.wait(self, "the lock manager did not come back in time").await?;
        }
    }

    /// While the server is in its grace period it grants what is reclaimed, and nothing else; afterwards the other way
    /// round. Both are refused with the same status.
    async fn reclaim_once(
        &self,
        mounted: &Arc<Mounted>,
        holder: &LockHolder,
        lock: &Lock,
        deadline: Instant,
    ) -> Result<LockStatus> {
        let reclaimed = self.ask(mounted, &holder.locking, LockCall::Reclaim, lock, Some(deadline)).await?;
        if reclaimed == LockStatus::Granted {
            return Ok(reclaimed);
        }
        let status = self.ask(mounted, &holder.locking, LockCall::Lock, lock, Some(deadline)).await?;
        if status == LockStatus::Blocked {
            self.ask(mounted, &holder.locking, LockCall::Cancel, lock, Some(deadline)).await?;
        }
        match (reclaimed, status) {
            // Refused within the grace period: another client has reclaimed it. That it may be free again afterwards
            // is no comfort.
            (refused, LockStatus::GracePeriod) if refused != LockStatus::GracePeriod => Ok(refused),
            _ => Ok(status),
        }
    }
}

/// The error of everything that is done through a file whose locks are lost.
pub(super) fn lost(why: &str) -> Error {
    Error::new(
        libc::EIO,
        format!("the server has lost the locks of this file, and they could not be taken again: {why}"),
    )
}
