//! What happens when the connection to a mounted server is lost: another one is made, and what has no answer yet is
//! sent again under its old xid.

use std::net::SocketAddr;
use std::sync::Weak;
use std::time::Duration;

use super::Client;
use crate::error::{Error, Result};
use crate::io::{Connecting, PortKind, Stream, resolve};
use crate::rpc::Line;
use crate::sync::lock;

/// Waits between two tries: doubled each time, and varied, so that the clients of a server do not come all at once.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How long one try may take.
const TRY_TIME: Duration = Duration::from_secs(10);

/// Keeps one line up until it is no longer needed, or `nfs_set_autoreconnect` allows no further try.
pub async fn keep_up(
    client: Weak<Client>,
    line: Line,
    server: Vec<u8>,
    mut address: SocketAddr,
) -> Result<()> {
    let (mut tries, mut pause, mut answered) = (0, FIRST_PAUSE, line.answered());
    while let Some(error) = line.lost().await {
        let Some(client) = client.upgrade() else { return Ok(()) };
        if line.answered() != answered {
            // The last connection was good for something.
            (tries, pause, answered) = (0, FIRST_PAUSE, line.answered());
        }
        let allowed = client.settings().autoreconnect;
        if allowed >= 0 && tries >= allowed {
            line.fail(&error);
            return Ok(());
        }
        if tries > 0 {
            client.reactor.sleep(varied(pause)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        tries = tries.saturating_add(1);
        if let Ok(stream) = client.connect_again(&server, address).await {
            address = stream.peer();
            stream.notice_silence();
            if let Some(mounted) = lock(&client.mounted).clone() {
                client.connection_was_replaced(&mounted);
            }
            line.resume(stream)?;
        }
    }
    Ok(())
}

impl Client {
    /// The address that was good last, or whatever the server's name and its portmapper say now.
    async fn connect_again(&self, server: &[u8], address: SocketAddr) -> Result<Stream> {
        let deadline = self.reactor.now() + TRY_TIME;
        let options = self.settings().socket_options();
        let half = self.reactor.now() + TRY_TIME / 2;
        let connecting = Connecting::start([address], PortKind::Reserved, options.clone());
        if let Ok(stream) = connecting.established(&self.reactor, half).await {
            return Ok(stream);
        }
        let afresh = async {
            let addresses = resolve(&self.reactor, server, deadline).await?;
            let nfs_port = self.settings().nfs_port;
            let service = self.find_nfs(addresses, nfs_port, deadline).await?;
            if service == address {
                return Err(Error::new(libc::ECONNREFUSED, "the server is where it was, and silent"));
            }
            let connecting = Connecting::start([service], PortKind::Reserved, options);
            connecting.established(&self.reactor, deadline).await
        };
        self.reactor.until(deadline, afresh).await
    }
}

/// Between three quarters and all of a pause.
fn varied(pause: Duration) -> Duration {
    use std::hash::{BuildHasher, Hasher, RandomState};
    let random = RandomState::new().build_hasher().finish() % 256;
    pause * 3 / 4 + pause / 4 * random as u32 / 256
}
