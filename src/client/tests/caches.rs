//! What the page cache saves, and what it must not hide.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use nfs3_client::nfs3_types::nfs3::NFS_PROGRAM;

use super::proxy::proxy;
use super::{destination, mounted_at, server};
use crate::client::{Client, File, lock};
use crate::io::Source;

/// Two contexts on one server, and a count of the first one's READs.
fn contexts() -> (Arc<Client>, Arc<Client>, Arc<AtomicUsize>) {
    let (port, reads) = (server(), Arc::new(AtomicUsize::new(0)));
    let count = reads.clone();
    let proxied = proxy(port, move |passing| {
        if passing.procedure == NFS_PROGRAM::NFSPROC3_READ as u32 {
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    (mounted_at(proxied), mounted_at(port), reads)
}

fn open(client: &Arc<Client>) -> Arc<File> {
    client.run(client.clone().open(b"/cached".to_vec(), libc::O_RDWR | libc::O_CREAT, 0o600)).unwrap()
}

fn write(client: &Arc<Client>, file: &Arc<File>, offset: u64, bytes: &[u8]) {
    let source = Source::copied(bytes).unwrap();
    assert_eq!(client.run(client.clone().pwrite(file.clone(), offset, source)).unwrap(), bytes.len());
}

fn read(client: &Arc<Client>, file: &Arc<File>, offset: u64, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    let to = destination(&mut bytes);
    let count = client.run(client.clone().pread(file.clone(), offset, to)).unwrap();
    bytes.truncate(count);
    bytes
}

#[test]
fn reading_ahead_saves_calls_and_changes_nothing() {
    let (client, other, reads) = contexts();
    let data: Vec<u8> = (0..300_001u32).map(|index| (index / 5) as u8).collect();
    write(&other, &open(&other), 0, &data);
    client.change_settings(|settings| settings.readahead = 64 << 10);
    let file = open(&client);
    let mut back = Vec::new();
    loop {
        let bytes = read(&client, &file, back.len() as u64, 1000);
        back.extend_from_slice(&bytes);
        if bytes.len() < 1000 {
            break;
        }
    }
    assert!(back == data);
    let reads = reads.load(Ordering::SeqCst);
    assert!((4..=8).contains(&reads), "{reads} READs");
}

#[test]
fn own_changes_are_seen_at_once() {
    let (client, _, reads) = contexts();
    client.change_settings(|settings| settings.pagecache = 16);
    let (file, again) = (open(&client), open(&client));
    write(&client, &file, 0, b"one two three");
    assert_eq!(read(&client, &file, 4, 3), b"two");
    assert_eq!(read(&client, &again, 0, 100), b"one two three");
    assert_eq!(reads.load(Ordering::SeqCst), 1, "the same page for both handles");
    write(&client, &again, 4, b"2");
    assert_eq!(read(&client, &file, 4, 3), b"2wo");
    client.run(client.clone().truncate(b"/cached".to_vec(), 5)).unwrap();
    assert_eq!(read(&client, &file, 0, 100), b"one 2");
    client.run(client.clone().ftruncate(again, 6)).unwrap();
    assert_eq!(read(&client, &file, 0, 100), b"one 2\0");
    client.run(client.clone().open(b"/cached".to_vec(), libc::O_RDWR | libc::O_TRUNC, 0)).unwrap();
    assert_eq!(read(&client, &file, 0, 100), b"");
}

#[test]
fn changes_of_others_are_seen_after_the_time_to_live() {
    let (client, other, _) = contexts();
    client.change_settings(|settings| {
        (settings.pagecache, settings.pagecache_ttl) = (16, 1);
    });
    let (file, theirs) = (open(&client), open(&other));
    write(&other, &theirs, 0, b"old");
    assert_eq!(read(&client, &file, 0, 3), b"old");
    write(&other, &theirs, 0, b"new");
    assert_eq!(read(&client, &file, 0, 3), b"old", "that is what a cache is for");
    thread::sleep(Duration::from_millis(1050));
    assert_eq!(read(&client, &file, 0, 3), b"new");
    write(&other, &theirs, 0, b"now");
    client.invalidate(&file);
    assert_eq!(read(&client, &file, 0, 3), b"now");
}

#[test]
fn a_read_overtaken_by_a_write_is_not_kept() {
    // The first READ's reply is held back until the write has been answered.
    let (port, held) = (server(), Arc::new(Mutex::new(None)));
    let gate: Arc<Mutex<Option<std::sync::mpsc::Receiver<()>>>> = held.clone();
    let client = mounted_at(proxy(port, move |passing| {
        if passing.procedure == NFS_PROGRAM::NFSPROC3_READ as u32
            && let Some(gate) = lock(&gate).take()
        {
            let _ = gate.recv_timeout(Duration::from_secs(5));
        }
    }));
    client.change_settings(|settings| settings.pagecache = 16);
    let file = open(&client);
    write(&client, &file, 0, b"before");
    let (open_gate, gate) = std::sync::mpsc::channel();
    *lock(&held) = Some(gate);
    thread::scope(|scope| {
        let reader = scope.spawn(|| read(&client, &file, 0, 6));
        thread::sleep(Duration::from_millis(100));
        scope.spawn(|| write(&client, &file, 0, b"behind"));
        thread::sleep(Duration::from_millis(100));
        open_gate.send(()).unwrap();
        assert_eq!(reader.join().unwrap(), b"before");
    });
    assert_eq!(read(&client, &file, 0, 6), b"behind");
}
