//! An NFSv3 server for measuring clients: it answers at once, from prepared memory, so that the client is the
//! bottleneck. One thread serves the portmapper, MOUNT and NFS on their usual ports; a fourth port is for the
//! program that measures.
//!
//! usage: responder ADDRESS [spin | corrupt]
//!
//! With `spin` it goes to sleep only when nothing came for a while, which spares the client the wake-up of a halted
//! processor. With `corrupt` one byte of every file is wrong, to see that it is noticed. It prints "ready" and
//! runs until it is killed.
//!
//! Commands, one line each, on port 9111: `reset` (the counters), `counters`, `verify ends`, `verify everything` (of
//! what is written). The answer is one line.

mod connection;
mod counters;
mod nfs;
mod output;
mod pattern;
mod services;
mod tree;
mod xdr;

use std::ffi::{c_int, c_short, c_ulong};
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::time::{Duration, Instant};

use connection::Connection;
use counters::Counters;
use pattern::Verify;
use services::{PORTS, Server};

const CONTROL: u16 = 9111;
const POLLIN: c_short = 1;
const POLLOUT: c_short = 4;

#[repr(C)]
struct PollFd {
    fd: RawFd,
    events: c_short,
    revents: c_short,
}

unsafe extern "C" {
    fn poll(fds: *mut PollFd, count: c_ulong, timeout: c_int) -> c_int;
}

/// For how long it keeps looking, when told to spin, before it sleeps.
const SPINNING: Duration = Duration::from_micros(500);

/// Waits until one of the sockets is ready; at first, when told to spin, by looking again and again.
fn wait(fds: &mut [PollFd], spin: bool) {
    let start = Instant::now();
    while spin && start.elapsed() < SPINNING {
        if ready(fds, 0) > 0 {
            return;
        }
    }
    ready(fds, -1);
}

fn ready(fds: &mut [PollFd], timeout: c_int) -> c_int {
    // SAFETY: `fds` is exclusively borrowed and as long as told; PollFd has the layout of struct pollfd.
    unsafe { poll(fds.as_mut_ptr(), fds.len() as c_ulong, timeout) }
}

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address =
        arguments.next().ok_or_else(|| io::Error::other("usage: responder ADDRESS [spin | corrupt]"))?;
    let option = arguments.next();
    let control = TcpListener::bind((&*address, CONTROL))?;
    let listeners = PORTS
        .iter()
        .map(|(port, _)| TcpListener::bind((&*address, *port)))
        .collect::<io::Result<Vec<_>>>()?;
    let mut server = Server {
        tree: tree::furnished(),
        pattern: pattern::pattern(option.as_deref() == Some("corrupt")),
        verify: Verify::Ends,
        counters: Counters::default(),
    };
    println!("ready");
    serve(&control, &listeners, option.as_deref() == Some("spin"), &mut server)
}

fn serve(
    control: &TcpListener,
    listeners: &[TcpListener],
    spin: bool,
    server: &mut Server,
) -> io::Result<()> {
    let mut connections: Vec<Connection> = Vec::new();
    let mut fds = Vec::new();
    loop {
        fds.clear();
        let mut watch = |fd, events| fds.push(PollFd { fd, events, revents: 0 });
        watch(control.as_raw_fd(), POLLIN);
        listeners.iter().for_each(|listener| watch(listener.as_raw_fd(), POLLIN));
        for connection in &connections {
            watch(connection.stream.as_raw_fd(), if connection.output.is_empty() { POLLIN } else { POLLOUT });
        }
        wait(&mut fds, spin);
        let mut ready = fds.iter().map(|fd| fd.revents != 0);
        if ready.next() == Some(true) {
            // A failed conversation is the other side's to notice.
            let _ = control.accept().and_then(|(stream, _)| converse(stream, server));
        }
        let mut accepted = Vec::new();
        for listener in listeners {
            if ready.next() == Some(true) {
                accepted.push(Connection::new(listener.accept()?.0)?);
                server.counters.connections += 1;
            }
        }
        connections.retain_mut(|connection| match ready.next() {
            Some(true) => go_on(connection, server),
            _ => true,
        });
        connections.append(&mut accepted);
    }
}

/// Whether the connection is to be kept.
fn go_on(connection: &mut Connection, server: &mut Server) -> bool {
    match connection.turn(server) {
        Ok(()) => true,
        Err(error) => {
            if error.kind() == io::ErrorKind::Other {
                eprintln!("responder: {error}");
            }
            false
        }
    }
}

/// One command of the program that measures.
fn converse(mut stream: TcpStream, server: &mut Server) -> io::Result<()> {
    let mut command = String::new();
    BufReader::new(&stream).read_line(&mut command)?;
    let answer = match command.trim() {
        "reset" => {
            server.counters = Counters::default();
            "ok\n".to_owned()
        }
        "verify ends" | "verify everything" => {
            server.verify = if command.contains("ends") { Verify::Ends } else { Verify::Everything };
            "ok\n".to_owned()
        }
        "counters" => server.counters.line(),
        _ => "unknown command\n".to_owned(),
    };
    stream.write_all(answer.as_bytes())
}
