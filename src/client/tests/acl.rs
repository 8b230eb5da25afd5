//! ACLs, from a server that a proxy gives them to.

use std::sync::Arc;

use super::procedures::NFSACL;
use super::proxy::{proxy, word};
use super::{mounted, mounted_at, server};
use crate::client::{AclEntry, Client};
use crate::error::Result;
use crate::v3::Acl;

const GETACL: u32 = 1;

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// What a file has on a server that answers GETACL with one of `replies` after the other.
fn answered(replies: &[&[u32]]) -> Result<Acl> {
    let mut replies: Vec<_> = replies.iter().rev().map(|reply| words(reply)).collect();
    getacl(&mounted_at(proxy(server(), move |passing| {
        if passing.program == NFSACL {
            let mask = word(passing.arguments, passing.arguments.len() - 4);
            assert_eq!((passing.procedure, mask), (GETACL, 0xf));
            *passing.body = replies.pop().unwrap();
        }
    })))
}

fn getacl(client: &Arc<Client>) -> Result<Acl> {
    let file = client.run(client.clone().open(b"/hello".to_vec(), libc::O_RDONLY, 0)).unwrap();
    client.run(client.clone().getacl(file))
}

#[test]
fn an_acl_arrives() {
    let acl = answered(&[&[0, 0, 0xf, 2, 2, 1, 0, 6, 2, 1234, 4, 1, 1, 0x1001, 0, 7]]).unwrap();
    let entry = |kind, id, permissions| AclEntry { kind, id, permissions };
    assert_eq!(acl.entries, [entry(1, 0, 6), entry(2, 1234, 4)]);
    assert_eq!(acl.default_entries, [entry(0x1001, 0, 7)]);
}

#[test]
fn a_server_that_is_busy_is_asked_again() {
    const JUKEBOX: u32 = 10008;
    let acl = answered(&[&[JUKEBOX, 0], &[JUKEBOX, 0], &[0, 0, 0xf, 0, 0, 0, 0]]).unwrap();
    assert!(acl.entries.is_empty() && acl.default_entries.is_empty());
}

#[test]
fn a_server_without_acls_is_eopnotsupp() {
    const NOTSUPP: u32 = 10004;
    for error in [getacl(&mounted()).unwrap_err(), answered(&[&[NOTSUPP, 0]]).unwrap_err()] {
        assert_eq!(error.errno(), libc::EOPNOTSUPP, "{error}");
        assert!(error.to_string().starts_with("getacl /hello: no ACLs: "), "{error}");
    }
}

#[test]
fn counts_that_lie_are_an_error() {
    let error = answered(&[&[0, 0, 0xf, u32::MAX, u32::MAX, 1, 0, 6]]).unwrap_err();
    assert_eq!(error.errno(), libc::EIO, "{error}");
}
