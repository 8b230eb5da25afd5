//! Servers that are busy fetching data from slow storage say NFS3ERR_JUKEBOX (RFC 1813, section 2.6): try again.

use std::time::{Duration, Instant};

use nfs3_client::nfs3_types::nfs3::nfsstat3;

use crate::rpc::Transport;

/// How long to wait before the next try.
pub struct Backoff(Duration);

impl Backoff {
    const FIRST: Duration = Duration::from_millis(100);
    /// After this wait, the sixth try is the last: 3.1 s in all.
    const LAST: Duration = Duration::from_millis(1600);

    pub fn new() -> Self {
        Self(Self::FIRST)
    }

    /// Waits, longer each time; false when it has been enough, or when the call would be overdue by then.
    pub async fn wait(&mut self, transport: &Transport, deadline: Option<Instant>) -> bool {
        if self.0 > Self::LAST || deadline.is_some_and(|deadline| transport.now() + self.0 >= deadline) {
            return false;
        }
        transport.sleep(self.0).await;
        self.0 *= 2;
        true
    }
}

/// Whether the body of an NFS reply asks to come again.
pub fn is_busy(body: &[u8]) -> bool {
    body.first_chunk() == Some(&(nfsstat3::NFS3ERR_JUKEBOX as u32).to_be_bytes())
}
