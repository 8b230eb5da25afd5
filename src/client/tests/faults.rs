//! Servers that are busy, that lack a procedure or lie.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use nfs3_client::nfs3_types::nfs3::{NFS_PROGRAM, nfsstat3};

use super::procedures::{COMMIT, LOOKUP, READ, READDIRPLUS, WRITE};
use super::proxy::{Passing, proxy, word};
use super::{destination, mounted_at, server};
use crate::client::{Client, File, LastLink};
use crate::io::Source;

fn mounted(tamper: impl FnMut(Passing<'_>) + Send + 'static) -> Arc<Client> {
    mounted_at(proxy(server(), tamper))
}

/// A failure without attributes; enough words for any procedure.
pub fn refuse(body: &mut Vec<u8>, status: nfsstat3, procedure: u32) {
    let words = if procedure == WRITE || procedure == COMMIT { 2 } else { 1 };
    *body = (status as u32).to_be_bytes().into_iter().chain([0; 8].into_iter().take(4 * words)).collect();
}

pub fn open(client: &Arc<Client>, path: &[u8]) -> Arc<File> {
    client.run(client.clone().open(path.to_vec(), libc::O_RDWR | libc::O_CREAT, 0o600)).unwrap()
}

fn names(client: &Arc<Client>) -> Vec<Vec<u8>> {
    let directory = client.run(client.clone().opendir(b"/dir".to_vec())).unwrap();
    assert!(directory.entries.iter().all(|entry| entry.attributes.is_some()));
    let mut names: Vec<_> = directory.entries.iter().map(|entry| entry.name.to_vec()).collect();
    names.sort();
    names.retain(|name| name.starts_with(b"file-"));
    names
}

#[test]
fn a_server_without_readdirplus_is_listed_all_the_same() {
    let client = mounted(|passing| {
        if passing.procedure == READDIRPLUS {
            refuse(passing.body, nfsstat3::NFS3ERR_NOTSUPP, READDIRPLUS);
        }
    });
    assert_eq!(names(&client).len(), 50);
}

#[test]
fn a_bad_cookie_begins_the_listing_anew() {
    let mut refused = 0;
    let client = mounted(move |passing| {
        let handle = word(passing.arguments, 0) as usize;
        let cookie = passing.procedure == READDIRPLUS && passing.arguments[4 + handle..][..8] != [0; 8];
        if cookie && refused < 2 {
            refused += 1;
            refuse(passing.body, nfsstat3::NFS3ERR_BAD_COOKIE, READDIRPLUS);
        }
    });
    client.change_settings(|settings| settings.readdir_maxcount = 3000);
    client.change_settings(|settings| settings.readdir_dircount = 3000);
    let names = names(&client);
    let mut once = names.clone();
    once.dedup();
    assert_eq!((names.len(), once.len()), (50, 50));
}

#[test]
fn a_listing_without_end_is_an_error() {
    let client = mounted(|passing| {
        if passing.procedure == READDIRPLUS {
            let eof = passing.body.len() - 4;
            passing.body[eof..].copy_from_slice(&[0; 4]);
        }
    });
    let error = client.run(client.clone().opendir(b"/dir".to_vec())).err().unwrap();
    assert_eq!(error.errno(), libc::EIO, "{error}");
}

#[test]
fn a_busy_server_is_asked_again() {
    let mut busy = 0;
    let client = mounted(move |passing| {
        if [LOOKUP, READ, WRITE].contains(&passing.procedure) {
            busy += 1;
            if busy % 3 != 0 {
                refuse(passing.body, nfsstat3::NFS3ERR_JUKEBOX, passing.procedure);
            }
        }
    });
    let file = open(&client, b"/hello");
    let source = Source::copied(b"jello").unwrap();
    assert_eq!(client.run(client.clone().pwrite(file.clone(), 0, source)).unwrap(), 5);
    let mut back = [0; 20];
    assert_eq!(client.run(client.clone().pread(file, 0, destination(&mut back))).unwrap(), 12);
    assert_eq!(&back[..12], b"jello world\n");
}

#[test]
fn a_server_that_stays_busy_is_eagain_when_the_time_is_over() {
    let client = mounted(|passing| {
        if passing.procedure == LOOKUP {
            refuse(passing.body, nfsstat3::NFS3ERR_JUKEBOX, LOOKUP);
        }
    });
    client.change_settings(|settings| settings.timeout = Some(Duration::from_millis(700)));
    // The last try has 100 ms; a machine that stops for as long makes it ETIMEDOUT.
    let told = (0..5).any(|_| {
        let start = Instant::now();
        let error = client.run(client.clone().stat(b"/hello".to_vec(), LastLink::Follow)).unwrap_err();
        assert!(start.elapsed() >= Duration::from_millis(500), "{error} after {:?}", start.elapsed());
        error.errno() == libc::EAGAIN
    });
    assert!(told);
}

#[test]
fn without_a_timeout_there_is_no_end_to_waiting_for_a_busy_server() {
    let start = Instant::now();
    let busy = move |procedures: &'static [u32]| {
        move |passing: Passing<'_>| {
            if procedures.contains(&passing.procedure) && start.elapsed() < Duration::from_secs(5) {
                refuse(passing.body, nfsstat3::NFS3ERR_JUKEBOX, passing.procedure);
            }
        }
    };
    // A call decoded in place, a typed one, and pieces of a transfer, side by side.
    thread::scope(|scope| {
        scope.spawn(|| {
            let client = mounted(busy(&[NFS_PROGRAM::NFSPROC3_GETATTR as u32]));
            client.run(client.clone().stat(b"/".to_vec(), LastLink::Follow)).unwrap();
        });
        scope.spawn(|| {
            let client = mounted(busy(&[NFS_PROGRAM::NFSPROC3_MKDIR as u32]));
            client.run(client.clone().mkdir(b"/new".to_vec(), 0o755)).unwrap();
        });
        let client = mounted(busy(&[READ, WRITE]));
        let file = open(&client, b"/hello");
        let source = Source::copied(b"jello").unwrap();
        assert_eq!(client.run(client.clone().pwrite(file.clone(), 0, source)).unwrap(), 5);
        let mut back = [0; 20];
        assert_eq!(client.run(client.clone().pread(file, 0, destination(&mut back))).unwrap(), 12);
    });
    assert!(start.elapsed() > Duration::from_secs(5));
}

#[test]
fn a_server_that_takes_less_gets_the_rest_later() {
    let client = mounted(|passing| {
        if passing.procedure == WRITE {
            let count = passing.body.len() - 16;
            let half = word(passing.body, count).div_ceil(2);
            passing.body[count..count + 4].copy_from_slice(&half.to_be_bytes());
        }
    });
    let file = open(&client, b"/new");
    let data: Vec<u8> = (0..100_000u32).map(|index| (index / 3) as u8).collect();
    let source = Source::copied(&data).unwrap();
    assert_eq!(client.run(client.clone().write(file.clone(), source)).unwrap(), data.len());
    let mut back = vec![0; data.len()];
    assert_eq!(client.run(client.clone().pread(file, 0, destination(&mut back))).unwrap(), data.len());
    assert!(back == data);
}
