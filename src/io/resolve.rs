//! Host names to addresses, within a deadline.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::link::Wire;
use super::reactor::Reactor;
use super::thread::spawn;
use super::waiter::Notifier;
use crate::error::{Error, Result};

/// This machine's name, at most 255 bytes.
pub fn host_name() -> Result<Vec<u8>> {
    let mut name = vec![0u8; 256];
    // SAFETY: the pointer and the length describe the buffer.
    if unsafe { libc::gethostname(name.as_mut_ptr().cast(), name.len()) } != 0 {
        return Err(std::io::Error::last_os_error().into());
    }
    let length = name.iter().position(|&byte| byte == 0).unwrap_or(name.len()).min(255);
    name.truncate(length);
    Ok(name)
}

/// The addresses of `host` (a name, an IPv4 or IPv6 address, or an IPv6 address in brackets), port 0.
///
/// A numeric address is answered at once. A name goes to getaddrinfo(3), which knows no deadline, on a thread
/// that ends with the answer; when `deadline` passes first, the answer is thrown away.
pub async fn resolve<W: Wire>(
    reactor: &Reactor<W>,
    host: &[u8],
    deadline: Instant,
) -> Result<Vec<SocketAddr>> {
    let invalid =
        || Error::new(libc::EINVAL, format!("{:?} is not a host name", String::from_utf8_lossy(host)));
    let host = std::str::from_utf8(host).map_err(|_| invalid())?;
    let host = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    if host.is_empty() {
        return Err(Error::new(libc::EINVAL, "the server's name is empty"));
    }
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, 0)]);
    }
    let answer = Arc::new(Answer { notifier: Notifier::new()?, result: Mutex::new(None) });
    ask(host.to_owned(), answer.clone())?;
    reactor
        .ready(answer.notifier.as_raw_fd(), libc::POLLIN, Some(deadline))
        .await
        .map_err(|error| Error::new(error.errno(), format!("resolve {host}: {error}")))?;
    let result = answer.result.lock().unwrap_or_else(PoisonError::into_inner).take();
    result.unwrap_or_else(|| Err(Error::new(libc::EIO, format!("resolve {host}: no answer"))))
}

struct Answer {
    notifier: Notifier,
    result: Mutex<Option<Result<Vec<SocketAddr>>>>,
}

fn ask(host: String, answer: Arc<Answer>) -> Result<()> {
    let lookup = move || {
        let result = match (host.as_str(), 0).to_socket_addrs() {
            Ok(found) => {
                let mut addresses: Vec<SocketAddr> = found.collect();
                addresses.dedup();
                Ok(addresses)
            }
            Err(error) => Err(Error::system(format_args!("resolve {host}"), &error)),
        };
        *answer.result.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        answer.notifier.notify();
    };
    spawn("nfs-resolve", 256 << 10, lookup).map(drop)
}
