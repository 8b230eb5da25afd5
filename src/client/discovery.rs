//! Finding the NFS servers of the local networks by asking every portmapper at once.

use std::net::{SocketAddr, SocketAddrV4};
use std::time::{Duration, Instant};

use crate::error::Result;
use crate::io::{Datagrams, broadcast_addresses};
use crate::rpc;
use crate::v3::{Mount, PORTMAPPER_PORT};

/// How often the question is sent: datagrams get lost.
const ROUNDS: u32 = 3;

/// Addresses of the servers that answer within `wait`, each once, as text.
///
/// Portmappers forward a NULL call to their mount service (CALLIT, RFC 1833, section 3) and stay silent when
/// they have none.
pub fn find_local_servers(wait: Duration) -> Result<Vec<Vec<u8>>> {
    let question = rpc::callit(Mount::PROGRAM, Mount::VERSION, 0)?;
    let socket = Datagrams::open()?;
    let start = Instant::now();
    let mut found: Vec<SocketAddr> = Vec::new();
    for round in 1..=ROUNDS {
        for address in broadcast_addresses()? {
            // An interface may be down, or refuse broadcasts: the others may not.
            let _ = socket.send(&question, SocketAddrV4::new(address, PORTMAPPER_PORT).into());
        }
        let until = start + wait * round / ROUNDS;
        while let Some((answer, server)) = socket.receive(until)? {
            if rpc::answers(&question, &answer) && !found.iter().any(|known| known.ip() == server.ip()) {
                found.push(server);
            }
        }
    }
    Ok(found.iter().map(|server| server.ip().to_string().into_bytes()).collect())
}
