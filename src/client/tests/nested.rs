//! Exports below the mounted one, and objects of a directory that cannot be looked at.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use nfs3_client::nfs3_types::nfs3::nfsstat3;

use super::faults::refuse;
use super::procedures::{GETATTR, LOOKUP, MOUNT, NFS, READDIRPLUS};
use super::proxy::{Passing, proxy, proxy_with_mount, word};
use super::{mounted_at, server};
use crate::client::{Client, LastLink};
use crate::error::Result;
use crate::sync::lock;

const MNT: u32 = 1;

fn opaque(bytes: &[u8], at: usize) -> &[u8] {
    &bytes[at + 4..][..word(bytes, at) as usize]
}

/// The name that a LOOKUP asks for.
fn name<'a>(passing: &Passing<'a>) -> &'a [u8] {
    opaque(passing.arguments, 4 + (word(passing.arguments, 0) as usize).next_multiple_of(4))
}

/// A server whose directory /dir is said to be of another file system, and what its mount service says of it.
struct Nested {
    client: Arc<Client>,
    /// The status of MNT; OK: the root of the whole server is what is mounted there.
    mnt: Arc<AtomicU32>,
    /// The status of GETATTR of that root, if it is not 0.
    getattr: Arc<AtomicU32>,
    asked: Arc<AtomicUsize>,
}

fn nested() -> Nested {
    let (mnt, getattr, asked) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)), Arc::default());
    let (status, failing, count) = (mnt.clone(), getattr.clone(), Arc::clone(&asked));
    let root = Mutex::new(Vec::new());
    let port = proxy_with_mount(server(), move |passing| {
        if passing.program == MOUNT && passing.procedure == MNT {
            let path = opaque(passing.arguments, 0);
            if path != b"/dir" {
                *lock(&root) = passing.body.clone();
                return;
            }
            let _: usize = AtomicUsize::fetch_add(&count, 1, Ordering::SeqCst);
            *passing.body = match status.load(Ordering::SeqCst) {
                0 => lock(&root).clone(),
                status => status.to_be_bytes().to_vec(),
            };
        } else if passing.program == NFS && passing.procedure == LOOKUP && name(&passing) == b"dir" {
            let attributes = 4 + 4 + (word(passing.body, 4) as usize).next_multiple_of(4) + 4;
            passing.body[attributes + 44..][..8].copy_from_slice(&99u64.to_be_bytes());
        } else if passing.program == NFS && passing.procedure == GETATTR {
            let status = failing.load(Ordering::SeqCst);
            if status != 0 {
                *passing.body = status.to_be_bytes().to_vec();
            }
        }
    });
    Nested { client: mounted_at(port), mnt, getattr, asked }
}

impl Nested {
    fn stat(&self, path: &str) -> Result<()> {
        let stat = self.client.clone().stat(path.as_bytes().to_vec(), LastLink::Follow);
        self.client.run(stat).map(drop)
    }

    fn errno(&self, path: &str) -> i32 {
        self.stat(path).err().map_or(0, |error| error.errno())
    }

    fn asked(&self) -> usize {
        self.asked.swap(0, Ordering::SeqCst)
    }
}

#[test]
fn a_nested_export_is_asked_for_once() {
    let nested = nested();
    nested.client.change_settings(|settings| settings.dircache = false);
    for _ in 0..3 {
        nested.stat("/dir/hello").unwrap();
        assert_eq!(nested.errno("/dir/file-1"), libc::ENOENT, "it lies underneath");
    }
    assert_eq!(nested.asked(), 1);
}

#[test]
fn a_refusal_is_for_good_and_remembered() {
    // EPERM and EACCES may be for the port alone, and the reserved ones may be used up here.
    for status in [2, 20, 22, 63, 10004] {
        let nested = nested();
        nested.client.change_settings(|settings| settings.dircache = false);
        nested.mnt.store(status, Ordering::SeqCst);
        for _ in 0..3 {
            nested.stat("/dir/file-1").unwrap();
        }
        assert_eq!(nested.asked(), 1);
    }
}

#[test]
fn a_failure_is_an_error_and_not_remembered() {
    let nested = nested();
    for status in [5, 10006] {
        nested.mnt.store(status, Ordering::SeqCst);
        assert_eq!(nested.errno("/dir/file-1"), libc::EIO);
        assert_eq!(nested.errno("/dir/hello"), libc::EIO);
        let create = nested.client.clone().open(b"/dir/new".to_vec(), libc::O_CREAT | libc::O_WRONLY, 0o644);
        assert_eq!(nested.client.run(create).err().unwrap().errno(), libc::EIO);
    }
    nested.mnt.store(0, Ordering::SeqCst);
    nested.stat("/dir/hello").unwrap();
}

#[test]
fn a_root_that_cannot_be_looked_at_is_an_error() {
    let nested = nested();
    nested.getattr.store(nfsstat3::NFS3ERR_IO as u32, Ordering::SeqCst);
    assert_eq!(nested.errno("/dir/file-1"), libc::EIO);
    nested.getattr.store(0, Ordering::SeqCst);
    nested.stat("/dir/hello").unwrap();
    assert_eq!(nested.asked(), 1, "its root is known");
}

#[test]
fn a_stale_root_is_asked_for_again() {
    let nested = nested();
    nested.client.change_settings(|settings| settings.dircache = false);
    nested.stat("/dir/hello").unwrap();
    assert_eq!(nested.asked(), 1);
    nested.getattr.store(nfsstat3::NFS3ERR_STALE as u32, Ordering::SeqCst);
    assert_eq!(nested.errno("/dir/hello"), libc::ESTALE);
    assert!(nested.asked() >= 1);
    nested.getattr.store(0, Ordering::SeqCst);
    nested.stat("/dir/hello").unwrap();
}

/// The entries of /dir that have attributes, and those that have none.
fn entries(tamper: impl FnMut(Passing<'_>) + Send + 'static) -> Result<(usize, Vec<Vec<u8>>)> {
    let client = mounted_at(proxy(server(), tamper));
    client.change_settings(|settings| settings.timeout = Some(std::time::Duration::from_secs(2)));
    let directory = client.run(client.clone().opendir(b"/dir".to_vec()))?;
    let without = directory.entries.iter().filter(|entry| entry.attributes.is_none());
    let without: Vec<_> = without.map(|entry| entry.name.to_vec()).collect();
    Ok((directory.entries.len() - without.len(), without))
}

/// Lists /dir by READDIR; `spoil` changes the reply to LOOKUP of one of its files.
fn with_one_spoilt(mut spoil: impl FnMut(&mut Vec<u8>) + Send + 'static) -> Result<(usize, Vec<Vec<u8>>)> {
    entries(move |passing| {
        if passing.procedure == READDIRPLUS {
            refuse(passing.body, nfsstat3::NFS3ERR_NOTSUPP, READDIRPLUS);
        } else if passing.procedure == LOOKUP && name(&passing) == b"file-7" {
            spoil(passing.body);
        }
    })
}

#[test]
fn one_object_does_not_make_a_directory_unreadable() {
    let whole = entries(|_| ()).unwrap();
    assert!(whole.0 >= 50 && whole.1.is_empty(), "{whole:?}");
    let statuses = [
        nfsstat3::NFS3ERR_IO,
        nfsstat3::NFS3ERR_NXIO,
        nfsstat3::NFS3ERR_ACCES,
        nfsstat3::NFS3ERR_NAMETOOLONG,
        nfsstat3::NFS3ERR_STALE,
        nfsstat3::NFS3ERR_BADHANDLE,
        nfsstat3::NFS3ERR_SERVERFAULT,
        nfsstat3::NFS3ERR_JUKEBOX,
    ];
    for status in statuses {
        let listed = with_one_spoilt(move |body| refuse(body, status, LOOKUP)).unwrap();
        assert_eq!(listed, (whole.0 - 1, vec![b"file-7".to_vec()]), "{status}");
    }
    let unknown = |body: &mut Vec<u8>| {
        let attributes = 4 + 4 + (word(body, 4) as usize).next_multiple_of(4) + 4;
        body[attributes..][..4].copy_from_slice(&[0, 0, 0, 9]);
    };
    assert_eq!(with_one_spoilt(unknown).unwrap(), (whole.0 - 1, vec![b"file-7".to_vec()]));
}

#[test]
fn what_is_no_answer_ends_a_listing() {
    let error = entries(|passing| {
        if passing.procedure == READDIRPLUS {
            refuse(passing.body, nfsstat3::NFS3ERR_NOTSUPP, READDIRPLUS);
        } else if passing.procedure == LOOKUP && name(&passing) == b"file-7" {
            *passing.delay = std::time::Duration::from_secs(60);
        }
    });
    assert_eq!(error.unwrap_err().errno(), libc::ETIMEDOUT);
}
