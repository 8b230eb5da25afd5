//! A longer way to a server: connections to one address are passed on to another one, with a delay and, if wanted, a
//! limit to what is under way, as TCP has it on a long way.
//!
//! usage: forwarder FROM TO MILLISECONDS WINDOW
//!
//! Each direction takes half of the time. WINDOW is in bytes; 0 is no limit. A connection is taken at once, but what
//! is sent first on it waits for as long as the making of a connection takes. Prints "ready" and runs until it is
//! killed.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// The portmapper, NFS, MOUNT.
const PORTS: [u16; 3] = [111, 2049, 20048];
const CHUNK: usize = 256 << 10;

#[derive(Clone, Copy)]
struct Way {
    round_trip: Duration,
    window: usize,
    /// When the connection is there, as seen by the one who makes it.
    connected: Instant,
}

/// Bytes, and when they arrive.
type Travelling = (Instant, Vec<u8>);

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [from, to, milliseconds, window] = &arguments[..] else {
        return Err(io::Error::other("usage: forwarder FROM TO MILLISECONDS WINDOW"));
    };
    let number = |text: &String| text.parse::<u32>().map_err(io::Error::other);
    let round_trip = Duration::from_millis(number(milliseconds)?.into());
    let window = number(window)? as usize;
    let mut threads = Vec::new();
    for port in PORTS {
        let listener = TcpListener::bind((&**from, port))?;
        let to = to.clone();
        threads.push(thread::spawn(move || {
            for client in listener.incoming() {
                let way = Way { round_trip, window, connected: Instant::now() + round_trip };
                if let Err(error) = client.and_then(|client| connect(client, &to, port, way)) {
                    eprintln!("forwarder: {error}");
                }
            }
        }));
    }
    println!("ready");
    threads.into_iter().for_each(|thread| drop(thread.join()));
    Ok(())
}

fn connect(client: TcpStream, to: &str, port: u16, way: Way) -> io::Result<()> {
    let server = TcpStream::connect((to, port))?;
    for stream in [&client, &server] {
        stream.set_nodelay(true)?;
    }
    for (source, destination) in [(client.try_clone()?, server.try_clone()?), (server, client)] {
        let (sender, receiver) = channel();
        thread::spawn(move || take(source, &sender, way));
        thread::spawn(move || deliver(destination, &receiver));
    }
    Ok(())
}

/// Reads what is sent, as far as the window allows; the end is an empty piece.
fn take(mut source: TcpStream, sender: &Sender<Travelling>, way: Way) {
    let mut acknowledgements: VecDeque<(Instant, usize)> = VecDeque::new();
    let mut under_way = 0;
    let mut buffer = vec![0; CHUNK];
    loop {
        let room = if way.window == 0 { CHUNK } else { CHUNK.min(way.window - under_way) };
        if room == 0 {
            let Some((arrival, length)) = acknowledgements.pop_front() else { return };
            thread::sleep(arrival.saturating_duration_since(Instant::now()));
            under_way -= length;
            continue;
        }
        let count = source.read(&mut buffer[..room]).unwrap_or(0);
        let sent = Instant::now().max(way.connected);
        while let Some(&(arrival, length)) = acknowledgements.front() {
            if arrival > sent {
                break;
            }
            acknowledgements.pop_front();
            under_way -= length;
        }
        if way.window != 0 {
            acknowledgements.push_back((sent + way.round_trip, count));
            under_way += count;
        }
        let gone = sender.send((sent + way.round_trip / 2, buffer[..count].to_vec())).is_err();
        if count == 0 || gone {
            return;
        }
    }
}

fn deliver(mut destination: TcpStream, receiver: &Receiver<Travelling>) {
    for (arrival, bytes) in receiver {
        thread::sleep(arrival.saturating_duration_since(Instant::now()));
        if bytes.is_empty() || destination.write_all(&bytes).is_err() {
            break;
        }
    }
    // Whoever closed does not listen any more.
    let _ = destination.shutdown(Shutdown::Write);
}
