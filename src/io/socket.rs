//! TCP sockets: connecting without blocking, from a reserved port where the system permits it.

use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use once_cell::sync::Lazy;
use socket2::{Domain, Protocol, Socket, Type};

use super::link::Wire;
use super::reactor::Reactor;
use crate::error::{Error, Result};

/// Which source port a connection comes from. Servers may insist on a reserved one (below 1024).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortKind {
    Any,
    /// A reserved port when the process may bind one and there is one left, any other otherwise: a server that insists on
    /// a reserved one says so itself.
    Reserved,
    /// This one: that of a connection that is lost. EADDRINUSE or EADDRNOTAVAIL while something of it is left.
    Again(u16),
}

const RESERVED: std::ops::RangeInclusive<u16> = 512..=1023;

/// The process takes its reserved ports in turn, so that one is reused as late as possible.
static NEXT_RESERVED: Lazy<AtomicU16> = Lazy::new(|| AtomicU16::new(std::process::id() as u16));

fn next_reserved_port() -> u16 {
    RESERVED.start() + NEXT_RESERVED.fetch_add(1, Ordering::Relaxed) % RESERVED.len() as u16
}

/// When a connection has last found none of them free. Trying them all takes several milliseconds.
/// Milliseconds of [`uptime`]; 0 for never. No mutex: a child would find it locked, if another thread had it at the fork.
static EXHAUSTED: AtomicU64 = AtomicU64::new(0);

/// For how long only some are tried then, unless a connection of the process gives one back.
const EXHAUSTED_TIME: Duration = Duration::from_secs(1);

/// How many. Another server is reached from the first of them.
const SOME_RESERVED: usize = 4;

fn set_exhausted(is: bool) {
    EXHAUSTED.store(if is { uptime() } else { 0 }, Ordering::Relaxed);
}

/// Milliseconds, never 0.
fn uptime() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the time is written to `now`.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    (now.tv_sec as u64 * 1000 + now.tv_nsec as u64 / 1_000_000).max(1)
}

/// How many reserved ports to try.
fn reserved_tries() -> usize {
    let since = EXHAUSTED.load(Ordering::Relaxed);
    let exhausted = since != 0 && uptime().saturating_sub(since) < EXHAUSTED_TIME.as_millis() as u64;
    if exhausted { SOME_RESERVED } else { RESERVED.len() }
}

/// A server that is gone, with its machine, is noticed when it has answered nothing for so long, seconds: neither data
/// nor the probes that are sent when there has been no data for [`IDLE`] seconds. A machine answers probes by itself, no
/// matter how busy or stuck its NFS service is.
const SILENCE: libc::c_int = 15;
const IDLE: libc::c_int = 10;
const BETWEEN_PROBES: libc::c_int = 5;

/// How long [`Stream::receive_patiently`] waits at most.
pub const PATIENCE: Duration = Duration::from_millis(100);

/// A connected TCP socket.
pub struct Stream {
    socket: Socket,
    peer: SocketAddr,
    /// It waits in `receive_patiently` instead of failing at once.
    patient: AtomicBool,
    /// Behind the socket: it is closed first.
    _port: Option<ReservedPort>,
}

/// The reserved port that a socket comes from.
struct ReservedPort;

impl Drop for ReservedPort {
    fn drop(&mut self) {
        set_exhausted(false);
    }
}

impl Stream {
    fn new(socket: Socket, peer: SocketAddr, port: Option<ReservedPort>) -> Self {
        Self { socket, peer, patient: AtomicBool::new(false), _port: port }
    }

    /// The server's address.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// The port it comes from; 0 when the system does not tell.
    pub fn local_port(&self) -> u16 {
        let address = self.socket.local_addr().ok().and_then(|address| address.as_socket());
        address.map_or(0, |address| address.port())
    }

    /// Gives the connection up. What was not delivered is dropped, and the port is free as soon as the socket is closed:
    /// the server is told by a reset, so that there is no TIME_WAIT. Whoever waits in `receive_patiently` returns.
    pub fn abort(&self) {
        // What fails here has been disconnected already.
        let _ = self.socket.shutdown(std::net::Shutdown::Both);
        let _ = self.socket.set_linger(Some(Duration::ZERO));
        // A child of this process, or a thread that waits, may keep the socket open.
        // SAFETY: sockaddr is a structure of numbers, for which zeroes are valid.
        let mut nowhere: libc::sockaddr = unsafe { std::mem::zeroed() };
        nowhere.sa_family = libc::AF_UNSPEC as libc::sa_family_t;
        let length = size_of_val(&nowhere) as libc::socklen_t;
        // SAFETY: the pointer and the length describe `nowhere`.
        unsafe { libc::connect(self.as_raw_fd(), &nowhere, length) };
    }

    /// Makes the connection end when the server's machine is gone, instead of some quarter of an hour later or never.
    pub fn notice_silence(&self) {
        let options = [
            (libc::SOL_SOCKET, libc::SO_KEEPALIVE, 1),
            (libc::IPPROTO_TCP, libc::TCP_KEEPIDLE, IDLE),
            (libc::IPPROTO_TCP, libc::TCP_KEEPINTVL, BETWEEN_PROBES),
            (libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT, SILENCE * 1000),
        ];
        for (level, option, value) in options {
            set_option(&self.socket, level, option, value);
        }
    }

    /// Sends without waiting and without raising SIGPIPE; returns how many bytes the system took.
    pub fn send(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
        match slices {
            [one] => {
                // SAFETY: the pointer and the length describe the slice.
                let sent = unsafe { libc::send(self.as_raw_fd(), one.as_ptr().cast(), one.len(), flags) };
                moved(sent)
            }
            several => self.socket.send_vectored_with_flags(several, flags),
        }
    }

    /// Receives without waiting; 0 means that the server has closed the connection.
    pub fn receive(&self, slices: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        // SAFETY: msghdr is a structure of numbers and pointers, for which zeroes are valid.
        let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
        // IoSliceMut has the layout of iovec.
        (message.msg_iov, message.msg_iovlen) = (slices.as_mut_ptr().cast(), slices.len() as _);
        // SAFETY: the message describes the slices, which stay borrowed during the call.
        moved(unsafe { libc::recvmsg(self.as_raw_fd(), &mut message, libc::MSG_DONTWAIT) })
    }

    /// Waits for bytes, up to [`PATIENCE`]; EAGAIN when none came.
    pub fn receive_patiently(&self, memory: &mut [u8]) -> io::Result<usize> {
        if !self.patient.swap(true, Ordering::Relaxed) {
            self.socket.set_read_timeout(Some(PATIENCE))?;
            self.socket.set_nonblocking(false)?;
        }
        // SAFETY: the pointer and the length describe the slice.
        moved(unsafe { libc::recv(self.as_raw_fd(), memory.as_mut_ptr().cast(), memory.len(), 0) })
    }
}

/// The result of a system call that counts bytes.
fn moved(count: isize) -> io::Result<usize> {
    usize::try_from(count).map_err(|_| io::Error::last_os_error())
}

#[cfg(any(test, fuzzing))]
impl Stream {
    /// A connection within the process, and its other end.
    pub fn pair() -> io::Result<(Self, Socket)> {
        let (socket, server) = Socket::pair(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        server.set_nonblocking(true)?;
        Ok((Self::new(socket, SocketAddr::from((Ipv6Addr::LOCALHOST, 0)), None), server))
    }
}

impl AsRawFd for Stream {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// What is set on a socket before it connects.
#[derive(Debug, Clone, Default)]
pub struct SocketOptions {
    /// How often a SYN is sent; 0 for the system's own number.
    pub syncnt: u32,
    /// The network interface to connect from; None for the system's choice.
    pub interface: Option<Vec<u8>>,
}

/// A connection being made: the first address is tried at once, the next ones as long as that fails.
pub struct Connecting {
    addresses: VecDeque<SocketAddr>,
    ports: PortKind,
    options: SocketOptions,
    attempt: Option<Stream>,
    error: Error,
}

impl Connecting {
    /// Starts connecting.
    pub fn start(
        addresses: impl IntoIterator<Item = SocketAddr>,
        ports: PortKind,
        options: SocketOptions,
    ) -> Self {
        let error = Error::new(libc::EADDRNOTAVAIL, "the server's name has no address");
        let addresses = addresses.into_iter().collect();
        let mut new = Self { addresses, ports, options, attempt: None, error };
        new.try_next();
        new
    }

    fn try_next(&mut self) {
        self.attempt = None;
        while let Some(address) = self.addresses.pop_front() {
            match open(address, self.ports, &self.options) {
                Ok(stream) => {
                    self.attempt = Some(stream);
                    return;
                }
                Err(error) => self.error = failed(address, &error),
            }
        }
    }

    /// Waits until one address has answered; each gets an even share of the time that is left.
    pub async fn established<W: Wire>(mut self, reactor: &Reactor<W>, deadline: Instant) -> Result<Stream> {
        while let Some(stream) = self.attempt.take() {
            let address = stream.peer;
            let share = deadline.saturating_duration_since(reactor.now()) / (self.addresses.len() as u32 + 1);
            let until = reactor.now() + share;
            match reactor.ready(stream.as_raw_fd(), libc::POLLOUT, Some(until)).await {
                Ok(()) => match stream.socket.take_error() {
                    Ok(None) => return Ok(stream),
                    Ok(Some(error)) | Err(error) => self.error = failed(address, &error),
                },
                Err(error) => {
                    self.error = Error::new(error.errno(), format!("connect to {address}: {error}"))
                }
            }
            drop(stream);
            self.try_next();
        }
        Err(self.error)
    }
}

fn failed(address: SocketAddr, error: &io::Error) -> Error {
    Error::system(format_args!("connect to {address}"), error)
}

/// A socket whose connect(2) has succeeded or is under way.
fn open(address: SocketAddr, ports: PortKind, options: &SocketOptions) -> io::Result<Stream> {
    let mut reserved = if ports == PortKind::Reserved { reserved_tries() } else { 0 };
    let tries_all = reserved == RESERVED.len();
    loop {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        socket.set_reuse_address(true)?; // another connection may have to come from the same port
        if options.syncnt > 0 {
            set_syncnt(&socket, options.syncnt);
        }
        if let Some(interface) = &options.interface {
            socket.bind_device(Some(interface))?;
        }
        if let PortKind::Again(port) = ports {
            bind(&socket, address, port)?;
        }
        let mut port = None;
        while reserved > 0 && port.is_none() {
            reserved -= 1;
            match bind(&socket, address, next_reserved_port()) {
                Ok(()) => port = Some(ReservedPort),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(_) => reserved = 0, // not permitted: an ephemeral port, unless the server minds
            }
        }
        match socket.connect(&address.into()) {
            Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable && port.is_some() => {
                // The same four-tuple is in use, or still in TIME_WAIT: another port, in the end any that is free.
                std::mem::forget(port);
                if reserved == 0 && tries_all {
                    set_exhausted(true);
                }
            }
            Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => return Err(error),
            _connecting => return Ok(Stream::new(socket, address, port)),
        }
    }
}

fn bind(socket: &Socket, server: SocketAddr, port: u16) -> io::Result<()> {
    let any = match server.ip() {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    socket.bind(&SocketAddr::new(any, port).into())
}

fn set_syncnt(socket: &Socket, count: u32) {
    set_option(socket, libc::IPPROTO_TCP, libc::TCP_SYNCNT, count.min(127) as libc::c_int);
}

/// Sets a socket option that is a number. A refusal leaves what the system has chosen.
fn set_option(socket: &Socket, level: libc::c_int, option: libc::c_int, value: libc::c_int) {
    // SAFETY: the pointer and the length describe `value`.
    unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw const value).cast(),
            size_of_val(&value) as libc::socklen_t,
        )
    };
}
