//! Connections that are lost, refused or silent, and how often another one is made.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::{Client, mounted_at, server};
use crate::client::{LastLink, Settings};
use crate::sync::lock;

/// What becomes of connections through a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Forwarded,
    /// Closed as soon as they are made.
    Closed,
    /// Taken, and never answered.
    Silent,
}

/// A forwarder in front of a server.
struct Gate {
    port: u16,
    fate: Mutex<Fate>,
    /// When a connection was made.
    made: Mutex<Vec<Instant>>,
    open: Mutex<Vec<TcpStream>>,
}

impl Gate {
    fn new(server: u16) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let gate = Arc::new(Self {
            port,
            fate: Mutex::new(Fate::Forwarded),
            made: Mutex::default(),
            open: Mutex::default(),
        });
        let accepting = gate.clone();
        thread::spawn(move || {
            listener.incoming().for_each(|client| accepting.accept(client.unwrap(), server))
        });
        gate
    }

    fn accept(&self, client: TcpStream, server: u16) {
        lock(&self.made).push(Instant::now());
        let fate = *lock(&self.fate);
        if fate == Fate::Closed {
            return;
        }
        lock(&self.open).push(client.try_clone().unwrap());
        if fate == Fate::Forwarded {
            let server = TcpStream::connect(("127.0.0.1", server)).unwrap();
            for (mut from, mut to) in
                [(client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client)]
            {
                thread::spawn(move || {
                    let mut buffer = [0; 4096];
                    while let Ok(count @ 1..) = from.read(&mut buffer)
                        && to.write_all(&buffer[..count]).is_ok()
                    {}
                });
            }
        }
    }

    /// From now on connections have another fate. Those there are end, unless the server just falls silent.
    fn change(&self, fate: Fate) {
        *lock(&self.fate) = fate;
        lock(&self.made).clear();
        for connection in lock(&self.open).drain(..) {
            connection.shutdown(Shutdown::Both).unwrap();
        }
    }

    fn made(&self) -> usize {
        lock(&self.made).len()
    }
}

fn stat(client: &Arc<Client>) -> i32 {
    let stat = client.clone().stat(b"/hello".to_vec(), LastLink::Follow);
    client.run(stat).map_or_else(|error| error.errno(), |_| 0)
}

/// Another program's timeout is as good: changed after the mount.
fn settings(client: &Client, change: impl FnOnce(&mut Settings)) {
    client.change_settings(change);
}

#[test]
fn as_many_tries_as_are_allowed() {
    for (allowed, limit) in [(0, 200), (1, 200), (3, 1000)] {
        let gate = Gate::new(server());
        let client = mounted_at(gate.port);
        settings(&client, |settings| settings.autoreconnect = allowed);
        assert_eq!(stat(&client), 0);
        gate.change(Fate::Closed);
        let start = Instant::now();
        assert_ne!(stat(&client), 0);
        assert_eq!(gate.made(), allowed as usize);
        // A busy machine is given ten times what the pauses add up to.
        assert!(start.elapsed() < Duration::from_millis(10 * limit), "{allowed}: {:?}", start.elapsed());
    }
}

#[test]
fn tries_without_limit_come_in_growing_pauses() {
    let gate = Gate::new(server());
    let client = mounted_at(gate.port);
    gate.change(Fate::Closed);
    settings(&client, |settings| settings.timeout = Some(Duration::from_millis(1500)));
    let start = Instant::now();
    assert_eq!(stat(&client), libc::ETIMEDOUT);
    assert!(start.elapsed() >= Duration::from_millis(1500));
    let made = lock(&gate.made).clone();
    // 0, 50, 100, 200, 400, 800 ms, or a quarter less.
    assert!((3..=7).contains(&made.len()), "{made:?}");
    for (number, pair) in made.windows(2).enumerate() {
        let pause = Duration::from_millis(50 << number);
        assert!(pair[1] - pair[0] >= pause * 3 / 4, "pause {number}: {:?}", pair[1] - pair[0]);
    }
    gate.change(Fate::Forwarded);
    settings(&client, |settings| settings.timeout = None);
    assert_eq!(stat(&client), 0);
}

#[test]
fn a_loss_found_before_the_program_waits_does_not_let_it_wait() {
    let gate = Gate::new(server());
    let client = mounted_at(gate.port);
    gate.change(Fate::Silent);
    client.descriptor().unwrap();
    let stat = || {
        let stat = client.clone().stat(b"/hello".to_vec(), LastLink::Follow);
        client.spawn(stat, |result| assert!(result.is_ok())).unwrap();
    };
    stat();
    while gate.made() == 0 || turn(&client, 100) {
        turn(&client, 100);
    }
    // Reset, not just ended: the next send is what tells.
    for connection in lock(&gate.open).drain(..) {
        socket2::SockRef::from(&connection).set_linger(Some(Duration::ZERO)).unwrap();
    }
    *lock(&gate.fate) = Fate::Forwarded;
    thread::sleep(Duration::from_millis(50));
    (0..3).for_each(|_| stat());
    while client.queue_length() > 0 {
        assert!(turn(&client, 2000), "the descriptor stays silent");
    }
}

/// As a program's event loop does. Whether there was an event in time.
fn turn(client: &Client, milliseconds: i32) -> bool {
    let fd = client.descriptor().unwrap();
    client.prepare_wait();
    let mut fds = [libc::pollfd { fd, events: libc::POLLIN, revents: 0 }];
    // SAFETY: the pointer and the count describe the array.
    let ready = unsafe { libc::poll(fds.as_mut_ptr(), 1, milliseconds) };
    client.service().unwrap();
    ready == 1
}

#[test]
fn a_silent_connection_is_replaced_when_calls_are_to_be_repeated() {
    for (retrans, fate, errno) in
        [(0, Fate::Forwarded, libc::ETIMEDOUT), (1, Fate::Forwarded, 0), (2, Fate::Silent, libc::ETIMEDOUT)]
    {
        let gate = Gate::new(server());
        *lock(&gate.fate) = Fate::Forwarded;
        let client = mounted_at(gate.port);
        // The connection there is ends, and the next one is never answered.
        gate.change(Fate::Silent);
        settings(&client, |settings| settings.timeout = Some(Duration::from_millis(1000)));
        assert_eq!(stat(&client), libc::ETIMEDOUT);
        assert_eq!(gate.made(), 1);
        *lock(&gate.fate) = fate;
        settings(&client, |settings| settings.retrans = retrans);
        let start = Instant::now();
        assert_eq!((retrans, stat(&client)), (retrans, errno));
        let timeouts = if errno == 0 { 1 } else { retrans + 1 };
        assert!(
            start.elapsed() >= Duration::from_millis(1000) * timeouts,
            "{retrans}: {:?}",
            start.elapsed()
        );
        assert_eq!(gate.made() as u32, 1 + if fate == Fate::Silent { retrans } else { retrans.min(1) });
    }
}
