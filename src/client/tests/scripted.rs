//! A server whose answers a test makes up: NFS, MOUNT and the lock manager on one port.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use super::procedures::{MOUNT, NLM};
use super::proxy::word;
use crate::sync::lock;

/// A call as the server has received it.
#[derive(Clone)]
pub struct Call {
    pub program: u32,
    pub procedure: u32,
    pub xid: u32,
    /// Where it came from.
    pub port: u16,
    pub arguments: Vec<u8>,
}

/// What becomes of it.
pub enum Answer {
    Body(Vec<u8>),
    /// The connection is closed.
    Close,
}

pub struct Scripted {
    pub port: u16,
    calls: Mutex<Vec<Call>>,
    connections: Mutex<Vec<TcpStream>>,
}

type Script = dyn FnMut(&Call) -> Option<Answer> + Send;

impl Scripted {
    /// What the script leaves open, is answered as by a server with an empty root directory.
    pub fn start(script: impl FnMut(&Call) -> Option<Answer> + Send + 'static) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Arc::new(Self { port, calls: Mutex::default(), connections: Mutex::default() });
        let script: Arc<Mutex<Script>> = Arc::new(Mutex::new(script));
        let accepting = server.clone();
        thread::spawn(move || {
            for connection in listener.incoming() {
                let (server, script) = (accepting.clone(), script.clone());
                lock(&server.connections).push(connection.as_ref().unwrap().try_clone().unwrap());
                thread::spawn(move || server.serve(connection.unwrap(), &script));
            }
        });
        server
    }

    fn serve(&self, mut connection: TcpStream, script: &Mutex<Script>) {
        let port = connection.peer_addr().unwrap().port();
        let mut mark = [0; 4];
        while connection.read_exact(&mut mark).is_ok() {
            let mut record = vec![0; (u32::from_be_bytes(mark) & 0x7fff_ffff) as usize];
            if connection.read_exact(&mut record).is_err() {
                return;
            }
            let (xid, program, procedure) = (word(&record, 0), word(&record, 12), word(&record, 20));
            let credential = 32 + word(&record, 28).next_multiple_of(4) as usize;
            let call = Call { program, procedure, xid, port, arguments: record[credential + 8..].to_vec() };
            lock(&self.calls).push(call.clone());
            let answer = lock(script)(&call);
            let body = match answer {
                Some(Answer::Close) => {
                    let _ = connection.shutdown(Shutdown::Both);
                    return;
                }
                Some(Answer::Body(body)) => body,
                None => usual(&call),
            };
            let reply = [words(&[xid, 1, 0, 0, 0, 0]), body].concat();
            let record = [words(&[reply.len() as u32 | 0x8000_0000]), reply].concat();
            if connection.write_all(&record).is_err() {
                return;
            }
        }
    }

    /// Ends all connections.
    pub fn close_all(&self) {
        for connection in lock(&self.connections).drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }

    /// The calls there were since this was asked last.
    pub fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut *lock(&self.calls))
    }
}

pub fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

pub fn opaque(bytes: &[u8]) -> Vec<u8> {
    let mut encoded = words(&[bytes.len() as u32]);
    encoded.extend_from_slice(bytes);
    encoded.resize(encoded.len().next_multiple_of(4), 0);
    encoded
}

/// The strings at the beginning of arguments.
pub fn strings(mut arguments: &[u8], count: usize) -> Vec<Vec<u8>> {
    let mut strings = Vec::new();
    for _ in 0..count {
        let length = word(arguments, 0) as usize;
        strings.push(arguments[4..][..length].to_vec());
        arguments = &arguments[4 + length.next_multiple_of(4)..];
    }
    strings
}

/// fattr3.
pub fn attributes(kind: u32, nlink: u32, fileid: u32) -> Vec<u8> {
    let mut attributes = words(&[kind, 0o755, nlink, 0, 0]);
    attributes.extend(words(&[0, 0, 0, 0, 0, 0, 0, 1, 0, fileid]));
    attributes.extend(words(&[0; 6]));
    attributes
}

/// The reply of LOOKUP.
pub fn found(handle: &[u8], attributes: &[u8]) -> Vec<u8> {
    [words(&[0]), opaque(handle), words(&[1]), attributes.to_vec(), words(&[0])].concat()
}

/// The reply of CREATE.
pub fn made(handle: &[u8]) -> Vec<u8> {
    [words(&[0, 1]), opaque(handle), words(&[0, 0, 0])].concat()
}

/// A failure without attributes: the flags of so many of them follow the status.
pub fn refusal(status: u32, flags: usize) -> Answer {
    Answer::Body(words(&[&[status][..], &[0; 4][..flags]].concat()))
}

fn usual(call: &Call) -> Vec<u8> {
    const NOENT: u32 = 2;
    match (call.program, call.procedure) {
        (MOUNT, 1) => [words(&[0]), opaque(b"root"), words(&[1, 1])].concat(),
        (NLM, _) => [opaque(&strings(&call.arguments, 1)[0]), words(&[0])].concat(),
        (_, 1) => [words(&[0]), attributes(2, 2, 1)].concat(),
        (_, 2) => words(&[0; 3]),
        (_, 3) => words(&[NOENT, 0]),
        (_, 4) => words(&[0, 0, 0x3f]),
        (_, 19) => words(&[0, 0, 65536, 65536, 1, 65536, 65536, 1, 65536, 0, 1 << 20, 0, 1, 0x1b]),
        _ => words(&[0, 0, 0, 0, 0]),
    }
}
