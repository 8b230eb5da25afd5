//! Locks that are taken again after the server has restarted.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use super::mounted_at;
use super::procedures::{LOOKUP, NFS, NLM};
use super::proxy::word;
use super::scripted::{Answer, Call, Scripted, attributes, found, opaque, strings, words};
use crate::client::{Change, Client, File, LastLink, Span};
use crate::sync::lock;

const UNLOCK: u32 = 4;
const NM_LOCK: u32 = 22;

const GRANTED: u32 = 0;
const DENIED: u32 = 1;
const GRACE: u32 = 4;

/// Bytes of an NM_LOCK in front of offset, length, reclaim and state, from the end.
fn tail(call: &Call) -> (u32, u32, bool) {
    let at = call.arguments.len() - 24;
    (word(&call.arguments, at + 4), word(&call.arguments, at + 12), word(&call.arguments, at + 16) == 1)
}

/// The answers of a lock manager to reclaimed and to plain locks, which may change.
#[derive(Default)]
struct Manager {
    reclaim: AtomicU32,
    plain: AtomicU32,
}

fn setting() -> (Arc<Scripted>, Arc<Manager>, Arc<Client>, Arc<File>) {
    let manager = Arc::new(Manager::default());
    let answers = manager.clone();
    let server = Scripted::start(move |call| match (call.program, call.procedure) {
        (NLM, NM_LOCK) => {
            let status = if tail(call).2 { &answers.reclaim } else { &answers.plain };
            let cookie = opaque(&strings(&call.arguments, 1)[0]);
            Some(Answer::Body([cookie, words(&[status.load(Ordering::SeqCst)])].concat()))
        }
        (NFS, LOOKUP) => Some(Answer::Body(found(b"file", &attributes(1, 1, 7)))),
        _ => None,
    });
    let client = mounted_at(server.port);
    let mounted = lock(&client.mounted).clone().unwrap();
    let address = ([127, 0, 0, 1], server.port).into();
    let deadline = client.reactor.now() + std::time::Duration::from_secs(5);
    client.run(client.keep_lock_manager(&mounted, address, deadline)).unwrap();
    let file = client.run(client.clone().open(b"/file".to_vec(), libc::O_RDWR, 0)).unwrap();
    (server, manager, client, file)
}

fn change(client: &Arc<Client>, file: &Arc<File>, change: Change, start: i64, length: u64) -> i32 {
    let at = Span { whence: libc::SEEK_SET, start, length };
    let set = client.clone().set_lock(file.clone(), change, at, false);
    client.run(set).map_or_else(|error| error.errno(), |()| 0)
}

/// NFS and lock calls after a restart of the server, up to the end of a stat.
fn restart(server: &Scripted, client: &Arc<Client>) -> Vec<Call> {
    server.calls();
    server.close_all();
    client.run(client.clone().stat(b"/file".to_vec(), LastLink::Follow)).unwrap();
    server.calls()
}

fn locks(calls: &[Call]) -> Vec<(u32, u32, bool)> {
    calls.iter().filter(|call| call.procedure == NM_LOCK).map(tail).collect()
}

#[test]
fn in_the_grace_period_what_is_held_is_reclaimed_before_anything_else() {
    let (server, manager, client, file) = setting();
    assert_eq!(change(&client, &file, Change::Exclusive, 100, 50), 0);
    assert_eq!(change(&client, &file, Change::Unlock, 120, 10), 0);
    assert_eq!(change(&client, &file, Change::Shared, 500, 0), 0);
    manager.plain.store(GRACE, Ordering::SeqCst);
    let calls = restart(&server, &client);
    assert_eq!(locks(&calls), [(100, 20, true), (130, 20, true), (500, 0, true)]);
    assert_eq!(calls.last().unwrap().procedure, LOOKUP);
    file.locking.check().unwrap();
    // What is given back is not taken again.
    assert_eq!(change(&client, &file, Change::Unlock, 0, 0), 0);
    assert_eq!(locks(&restart(&server, &client)), []);
}

#[test]
fn a_connection_lost_without_a_restart_does_not_lose_locks() {
    let (server, manager, client, file) = setting();
    assert_eq!(change(&client, &file, Change::Exclusive, 0, 10), 0);
    manager.reclaim.store(GRACE, Ordering::SeqCst);
    assert_eq!(locks(&restart(&server, &client)), [(0, 10, true), (0, 10, false)]);
    file.locking.check().unwrap();
    assert_eq!(change(&client, &file, Change::Unlock, 0, 10), 0);
}

#[test]
fn refused_locks_are_lost_until_the_file_is_closed() {
    for (reclaim, plain) in [(GRACE, DENIED), (DENIED, GRACE), (DENIED, DENIED)] {
        let (server, manager, client, file) = setting();
        let other = client.run(client.clone().open(b"/file".to_vec(), libc::O_RDWR, 0)).unwrap();
        assert_eq!(change(&client, &file, Change::Exclusive, 0, 10), 0);
        manager.reclaim.store(reclaim, Ordering::SeqCst);
        manager.plain.store(plain, Ordering::SeqCst);
        restart(&server, &client);
        let error = file.locking.check().unwrap_err();
        assert_eq!(error.errno(), libc::EIO);
        assert!(error.to_string().contains("lost the locks"), "{error}");
        for what in [Change::Unlock, Change::Exclusive, Change::Shared] {
            assert_eq!(change(&client, &file, what, 0, 10), libc::EIO);
        }
        manager.plain.store(GRANTED, Ordering::SeqCst);
        assert_eq!(change(&client, &other, Change::Exclusive, 0, 10), 0, "another handle");
        server.calls();
        client.run(client.clone().close(file)).unwrap();
        assert!(
            server.calls().iter().any(|call| call.procedure == UNLOCK),
            "the server may have some of them"
        );
    }
}

#[test]
fn a_server_that_does_not_decide_is_asked_again() {
    let (server, manager, client, file) = setting();
    assert_eq!(change(&client, &file, Change::Exclusive, 0, 10), 0);
    manager.reclaim.store(GRACE, Ordering::SeqCst);
    manager.plain.store(GRACE, Ordering::SeqCst);
    let seen: Arc<Mutex<usize>> = Arc::default();
    let (deciding, counted) = (manager.clone(), seen.clone());
    std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(200));
        *lock(&counted) = 1;
        deciding.plain.store(GRANTED, Ordering::SeqCst);
    });
    let calls = restart(&server, &client);
    assert!(*lock(&seen) == 1 && locks(&calls).len() > 4, "{:?}", locks(&calls));
    file.locking.check().unwrap();
}
