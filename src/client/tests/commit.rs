//! Servers that restart between WRITE and COMMIT, and lose what they have not made stable.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use nfs3_client::nfs3_types::nfs3::nfsstat3;

use super::super::File;
use super::faults::{open, refuse};
use super::procedures::{COMMIT, WRITE};
use super::proxy::{Passing, proxy, word};
use super::{Client, destination, mounted_at};
use crate::io::Source;
use crate::sync::lock;

const UNSTABLE: u32 = 0;

/// What the proxy has seen, and what it is to say.
#[derive(Default)]
struct Server {
    /// Its verifier.
    life: AtomicU64,
    /// The verifier is another one in each reply.
    restless: bool,
    /// Stable writes take a while.
    slow: bool,
    unstable: AtomicUsize,
    stable: AtomicUsize,
    commits: AtomicUsize,
    /// Refuses calls of this procedure.
    refusal: Mutex<Option<(u32, nfsstat3)>>,
}

impl Server {
    fn pass(&self, passing: Passing<'_>) {
        let Passing { procedure, arguments, body, .. } = passing;
        if ![WRITE, COMMIT].contains(&procedure) {
            return;
        }
        let refusal = lock(&self.refusal).filter(|(refused, _)| *refused == procedure);
        let verifier = body.len() - 8;
        body[verifier..].copy_from_slice(&self.life.load(Ordering::SeqCst).to_be_bytes());
        self.life.fetch_add(u64::from(self.restless), Ordering::SeqCst);
        if procedure == COMMIT {
            self.commits.fetch_add(1, Ordering::SeqCst);
        } else if word(arguments, 4 + word(arguments, 0).next_multiple_of(4) as usize + 12) == UNSTABLE {
            self.unstable.fetch_add(1, Ordering::SeqCst);
            body[verifier - 4..verifier].copy_from_slice(&UNSTABLE.to_be_bytes());
        } else {
            self.stable.fetch_add(1, Ordering::SeqCst);
            if self.slow {
                thread::sleep(Duration::from_millis(2));
            }
        }
        if let Some((_, status)) = refusal {
            refuse(body, status, procedure);
        }
    }

    fn counts(&self) -> [usize; 3] {
        [&self.unstable, &self.stable, &self.commits].map(|count| count.swap(0, Ordering::SeqCst))
    }

    fn refuse(&self, refusal: Option<(u32, nfsstat3)>) {
        *lock(&self.refusal) = refusal;
    }
}

/// A client of a server that can restart, and one that goes around the proxy.
struct Lab {
    server: Arc<Server>,
    client: Arc<Client>,
    direct: Arc<Client>,
    file: Arc<File>,
}

impl Lab {
    fn new(server: Server) -> Self {
        let (server, port) = (Arc::new(server), super::server());
        let behind = server.clone();
        let client = mounted_at(proxy(port, move |passing| behind.pass(passing)));
        let file = open(&client, b"/file");
        Self { server, client, direct: mounted_at(port), file }
    }

    fn write(&self, offset: u64, data: Source) {
        let length = data.len();
        let write = self.client.clone().pwrite(self.file.clone(), offset, data);
        assert_eq!(self.client.run(write).unwrap(), length);
    }

    fn fsync(&self) -> i32 {
        self.client
            .run(self.client.clone().fsync(self.file.clone()))
            .map_or_else(|error| error.errno(), |()| 0)
    }

    /// The server restarts, and has lost everything behind `length`: there are zeros.
    fn restart(&self, length: u64) {
        let file = open(&self.direct, b"/file");
        let size = self.direct.run(self.direct.clone().fstat(file.clone())).unwrap().size;
        let zeros = owned(&vec![0; (size - length) as usize]);
        self.direct.run(self.direct.clone().pwrite(file, length, zeros)).unwrap();
        self.server.life.fetch_add(1000, Ordering::SeqCst);
    }

    fn content(&self) -> Vec<u8> {
        let file = open(&self.direct, b"/file");
        let mut content = vec![0; 4 << 20];
        let read = self.direct.clone().pread(file, 0, destination(&mut content));
        let count = self.direct.run(read).unwrap();
        content.truncate(count);
        content
    }
}

fn owned(bytes: &[u8]) -> Source {
    Source::copied(bytes).unwrap()
}

/// As synchronous calls do.
fn foreign(bytes: &[u8]) -> Source {
    // SAFETY: the tests keep the bytes until the call is over.
    unsafe { Source::foreign(bytes.as_ptr(), bytes.len()) }
}

#[test]
fn what_a_restarted_server_has_lost_is_sent_again() {
    let lab = Lab::new(Server::default());
    let data: Vec<u8> = (0..1_500_000u32).map(|index| (index / 5) as u8).collect();
    for (index, piece) in data.chunks(100_000).enumerate() {
        let piece = if index % 2 == 0 { owned(piece) } else { foreign(piece) };
        lab.write(index as u64 * 100_000, piece);
    }
    lab.restart(250_000);
    assert_eq!(lab.fsync(), 0);
    assert!(lab.content() == data);
    lab.server.counts();
    assert_eq!(lab.fsync(), 0);
    assert_eq!(lab.server.counts(), [0; 3], "nothing is sent a third time");
}

#[test]
fn close_sends_again_as_well_and_old_data_does_not_come_back() {
    let lab = Lab::new(Server::default());
    lab.write(0, owned(&[1; 1000]));
    lab.restart(0);
    lab.write(200, foreign(&[2; 300]));
    lab.client.run(lab.client.clone().truncate(b"/file".to_vec(), 900)).unwrap();
    lab.client.run(lab.client.clone().close(lab.file.clone())).unwrap();
    assert!(lab.content() == [&[1; 200][..], &[2; 300], &[1; 400]].concat());
}

#[test]
fn a_server_that_restarts_all_the_time_gets_the_data_stable() {
    let lab = Lab::new(Server { restless: true, ..Server::default() });
    lab.write(0, owned(b"again and again"));
    lab.restart(0);
    assert_eq!(lab.fsync(), 0);
    assert_eq!((lab.content(), lab.server.counts()), (b"again and again".to_vec(), [2, 1, 2]));
}

#[test]
fn large_synchronous_writes_are_not_copied_but_stable_at_once() {
    let lab = Lab::new(Server::default());
    let data = vec![7; 1 << 20];
    lab.write(0, foreign(&data));
    let [unstable, stable, commits] = lab.server.counts();
    assert!(unstable == 0 && stable > 0 && commits == 0);
    assert!(lab.file.inode.unstable.retained() == 0);
    lab.write(0, owned(&data));
    assert!(lab.server.counts()[0] > 0 && lab.file.inode.unstable.retained() >= data.len());
}

#[test]
fn they_are_copied_when_stable_ones_are_slow() {
    let lab = Lab::new(Server { slow: true, ..Server::default() });
    let (data, small) = (vec![7; 1 << 20], vec![8; 300 << 10]);
    for _ in 0..2 {
        lab.write(0, foreign(&data));
    }
    let [unstable, stable, _] = lab.server.counts();
    assert!(unstable == 0 && stable > 0);
    for _ in 0..10 {
        lab.write(0, foreign(&data));
        lab.write(0, foreign(&small));
    }
    let [unstable, stable, _] = lab.server.counts();
    assert!(unstable > 0 && stable == 0);
    lab.restart(0);
    assert_eq!(lab.fsync(), 0);
    assert!(lab.content() == [&small[..], &data[small.len()..]].concat());
    lab.server.counts();
    for _ in 0..100 {
        lab.write(0, foreign(&small));
    }
    let [unstable, stable, _] = lab.server.counts();
    assert!((1..20).contains(&stable) && unstable > 80, "now and then one is timed: {stable}, {unstable}");
}

#[test]
fn memory_for_unstable_data_is_bounded() {
    let lab = Lab::new(Server::default());
    let data = owned(&vec![7; 1 << 20]);
    for round in 0..40 {
        lab.write(round % 3 * (1 << 20), owned(data.as_slice()));
        assert!(lab.file.inode.unstable.retained() < 9 << 20);
    }
    let other = open(&lab.client, b"/other");
    for round in 0..64 {
        let write = lab.client.clone().pwrite(other.clone(), round << 20, owned(data.as_slice()));
        lab.client.run(write).unwrap();
        assert!(lab.file.inode.unstable.retained() + other.inode.unstable.retained() < 9 << 20);
    }
    assert!(lab.server.counts()[2] >= 4, "nobody has asked for these COMMITs");
}

#[test]
fn an_error_of_a_commit_that_nobody_asked_for_is_told_once() {
    let lab = Lab::new(Server::default());
    lab.server.refuse(Some((COMMIT, nfsstat3::NFS3ERR_NOSPC)));
    let data = vec![7; 256 << 10];
    let mut errors = Vec::new();
    for _ in 0..40 {
        let write = lab.client.clone().write(lab.file.clone(), foreign(&data));
        if let Err(error) = lab.client.run(write) {
            lab.server.refuse(None);
            errors.push(error.errno());
        }
    }
    assert_eq!((errors, lab.fsync()), (vec![libc::ENOSPC], 0));
}

#[test]
fn data_that_cannot_be_sent_again_is_told_once() {
    let lab = Lab::new(Server::default());
    lab.write(0, owned(b"no room"));
    lab.restart(0);
    lab.server.refuse(Some((WRITE, nfsstat3::NFS3ERR_NOSPC)));
    assert_eq!((lab.fsync(), lab.fsync()), (libc::ENOSPC, 0));
}
