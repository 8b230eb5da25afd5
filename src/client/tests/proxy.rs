//! A server that misbehaves on purpose: an honest one behind a proxy that changes its replies.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::procedures::{MOUNT, NFS, NFSACL};
use crate::sync::lock;

/// One reply on its way: which procedure it answers, the call's arguments, and the body, to be changed. A refusal has
/// no body; with one it becomes a success.
pub struct Passing<'a> {
    /// NFS or NFSACL.
    pub program: u32,
    pub procedure: u32,
    pub arguments: &'a [u8],
    pub body: &'a mut Vec<u8>,
    /// How long the reply is held back, others passing it.
    pub delay: &'a mut Duration,
}

/// Headers without verifiers, as the in-memory server writes them.
const REPLY_HEADER: usize = 24;

/// Where a header says whether the call was a success.
const ACCEPT_STAT: usize = 20;

type Tamper = dyn FnMut(Passing<'_>) + Send;

/// Puts a proxy in front of the server on `port`; returns its own port. It lives as long as the test process.
pub fn proxy(port: u16, tamper: impl FnMut(Passing<'_>) + Send + 'static) -> u16 {
    proxy_for(&[NFS, NFSACL], port, tamper)
}

/// As [`proxy`], with the mount service.
pub fn proxy_with_mount(port: u16, tamper: impl FnMut(Passing<'_>) + Send + 'static) -> u16 {
    proxy_for(&[NFS, NFSACL, MOUNT], port, tamper)
}

fn proxy_for(programs: &'static [u32], port: u16, tamper: impl FnMut(Passing<'_>) + Send + 'static) -> u16 {
    let tamper: Arc<Mutex<Tamper>> = Arc::new(Mutex::new(tamper));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for client in listener.incoming() {
            let (client, server) = (client.unwrap(), TcpStream::connect(("127.0.0.1", port)).unwrap());
            let calls: Arc<Mutex<HashMap<u32, Vec<u8>>>> = Arc::default();
            let (noted, from, mut to) =
                (calls.clone(), client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || {
                records(from, |call| {
                    lock(&noted).insert(word(&call, 0), call.clone());
                    send(&mut to, &call)
                })
            });
            let (tamper, to) = (tamper.clone(), Arc::new(Mutex::new(client)));
            thread::spawn(move || {
                records(server, |mut reply| {
                    let call = lock(&calls).remove(&word(&reply, 0)).unwrap_or_default();
                    let program = word(&call, 12);
                    let mut delay = Duration::ZERO;
                    if programs.contains(&program) {
                        let mut body = reply.split_off(REPLY_HEADER);
                        let credential = 32 + word(&call, 28).next_multiple_of(4) as usize;
                        let arguments = &call[credential + 8..];
                        let procedure = word(&call, 20);
                        let passing =
                            Passing { program, procedure, arguments, body: &mut body, delay: &mut delay };
                        lock(&tamper)(passing);
                        if !body.is_empty() {
                            reply[ACCEPT_STAT..].fill(0);
                        }
                        reply.append(&mut body);
                    }
                    if delay.is_zero() {
                        return send(&mut lock(&to), &reply);
                    }
                    let to = to.clone();
                    thread::spawn(move || {
                        thread::sleep(delay);
                        let _ = send(&mut lock(&to), &reply);
                    });
                    Ok(())
                })
            });
        }
    });
    own
}

/// The word at an offset of a record; 0 behind its end.
pub fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).map_or(0, |word| u32::from_be_bytes(word.try_into().unwrap()))
}

/// Hands on every record until either side is gone.
fn records(mut from: TcpStream, mut each: impl FnMut(Vec<u8>) -> std::io::Result<()>) {
    let mut mark = [0; 4];
    while from.read_exact(&mut mark).is_ok() {
        let mut record = vec![0; (u32::from_be_bytes(mark) & 0x7fff_ffff) as usize];
        if from.read_exact(&mut record).is_err() || each(record).is_err() {
            return;
        }
    }
}

fn send(to: &mut TcpStream, record: &[u8]) -> std::io::Result<()> {
    to.write_all(&[&(record.len() as u32 | 0x8000_0000).to_be_bytes(), record].concat())
}
