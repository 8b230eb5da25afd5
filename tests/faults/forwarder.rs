//! A forwarder inside a lab's network that cuts the connections through it.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::random::Random;

/// Where it listens, and where it forwards to.
pub const PORT: u16 = 3049;
const NFS: u16 = 2049;

/// What a forwarder is to do, and what it has done.
pub struct Cuts {
    /// Connections to cut: the ones after these are left alone.
    pub wanted: usize,
    /// A connection is cut when so many bytes of replies have passed it at most. Calls are cut wherever they are then.
    pub within: u64,
    pub done: AtomicUsize,
    pub random: Mutex<Random>,
}

/// Starts a forwarder in the network of a lab, where a process with `marker` in its environment runs. It lives until
/// the lab ends.
pub fn start(marker: String, cuts: Arc<Cuts>) {
    thread::spawn(move || {
        enter_network(&network_of(&marker));
        let listener = TcpListener::bind(("127.0.0.1", PORT)).expect("a port of the lab");
        for client in listener.incoming() {
            let (Ok(client), Ok(server)) = (client, TcpStream::connect(("127.0.0.1", NFS))) else { continue };
            forward(client, server, &cuts);
        }
    });
}

/// The network namespace of the processes of a lab.
fn network_of(marker: &str) -> PathBuf {
    let own = fs::read_link("/proc/self/ns/net").expect("our network");
    loop {
        for process in fs::read_dir("/proc").expect("the processes").flatten() {
            let (environment, network) = (process.path().join("environ"), process.path().join("ns/net"));
            let environment = fs::read(environment).unwrap_or_default();
            let is_marked = environment.windows(marker.len()).any(|window| window == marker.as_bytes());
            if is_marked && fs::read_link(&network).is_ok_and(|network| network != own) {
                return network;
            }
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn enter_network(network: &PathBuf) {
    let network = File::open(network).expect("the network of the lab");
    // SAFETY: the descriptor is open; only this thread changes its network.
    assert_eq!(unsafe { libc::setns(network.as_raw_fd(), libc::CLONE_NEWNET) }, 0, "setns");
}

fn forward(client: TcpStream, server: TcpStream, cuts: &Arc<Cuts>) {
    let left = {
        let mut random = cuts.random.lock().expect("random numbers");
        let is_cut = cuts.done.load(Ordering::SeqCst) < cuts.wanted;
        if is_cut { 1 + random.below(cuts.within) as i64 } else { i64::MAX }
    };
    for (from, to, left) in [(&client, &server, i64::MAX), (&server, &client, left)] {
        let (from, to) = (from.try_clone().expect("a socket"), to.try_clone().expect("a socket"));
        let cuts = cuts.clone();
        thread::spawn(move || pump(from, to, left, &cuts));
    }
}

/// Hands on what comes, until the connection ends or is to be cut.
fn pump(mut from: TcpStream, mut to: TcpStream, mut left: i64, cuts: &Cuts) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let allowed = left.min(count as i64);
        left -= allowed;
        if to.write_all(&buffer[..allowed as usize]).is_err() {
            break;
        }
        if left == 0 {
            cuts.done.fetch_add(1, Ordering::SeqCst);
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
