//! UDP broadcasts.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Instant;

use crate::error::Result;

/// A socket that may broadcast.
pub struct Datagrams(UdpSocket);

impl Datagrams {
    pub fn open() -> Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        socket.set_broadcast(true)?;
        Ok(Self(socket))
    }

    pub fn send(&self, datagram: &[u8], to: SocketAddr) -> Result<()> {
        self.0.send_to(datagram, to)?;
        Ok(())
    }

    /// The next datagram and its sender; None when `until` has come.
    pub fn receive(&self, until: Instant) -> Result<Option<(Vec<u8>, SocketAddr)>> {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        self.0.set_read_timeout(Some(left))?;
        let mut buffer = [0; 2048];
        match self.0.recv_from(&mut buffer) {
            Ok((length, from)) => Ok(Some((buffer[..length].to_vec(), from))),
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Ok(None),
                // An unreachable port of an earlier datagram: its news, not ours.
                io::ErrorKind::ConnectionRefused | io::ErrorKind::Interrupted => self.receive(until),
                _ => Err(error.into()),
            },
        }
    }
}

/// The IPv4 broadcast address of every interface that is up and has one.
pub fn broadcast_addresses() -> Result<Vec<Ipv4Addr>> {
    let mut first: *mut libc::ifaddrs = std::ptr::null_mut();
    // SAFETY: `first` is valid for the result.
    if unsafe { libc::getifaddrs(&mut first) } != 0 {
        return Err(io::Error::last_os_error().into());
    }
    let wanted = (libc::IFF_UP | libc::IFF_BROADCAST) as u32;
    let mut found = Vec::new();
    let mut next = first;
    // SAFETY: getifaddrs made a list that ends in NULL and is alive until freeifaddrs.
    while let Some(interface) = unsafe { next.as_ref() } {
        next = interface.ifa_next;
        let address = interface.ifa_ifu.cast::<libc::sockaddr_in>();
        if interface.ifa_flags & wanted != wanted || interface.ifa_addr.is_null() || address.is_null() {
            continue;
        }
        // SAFETY: not NULL; the family of an interface's address tells the type of all its addresses.
        let address = unsafe {
            if i32::from((*interface.ifa_addr).sa_family) != libc::AF_INET {
                continue;
            }
            (*address).sin_addr.s_addr
        };
        found.push(Ipv4Addr::from(u32::from_be(address)));
    }
    // SAFETY: made by getifaddrs, freed once, not used any more.
    unsafe { libc::freeifaddrs(first) };
    Ok(found)
}
