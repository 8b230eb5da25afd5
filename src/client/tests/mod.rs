//! Operations against the in-memory server of `nfs3_server`, on a port of the loopback interface.

mod acl;
mod caches;
mod commit;
mod direct;
mod faults;
mod names;
mod nested;
mod procedures;
mod proxy;
mod reclaim;
mod reconnect;
mod retransmission;
mod scripted;
mod service;

use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use nfs3_server::memfs::{MemFs, MemFsConfig};
use nfs3_server::tcp::{NFSTcp, NFSTcpListener};

use super::{Client, LastLink, Settings};
use crate::io::{Block, Destination, Source};
use crate::sync::lock;

/// Starts a server that lives as long as the test process; returns its port.
fn server() -> u16 {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut config = MemFsConfig::default();
            config.add_dir("/dir");
            config.add_file("/hello", b"hello world\n".as_slice());
            for number in 0..50 {
                config.add_file(&format!("/dir/file-{number}"), vec![b'x'; number]);
            }
            let listener = NFSTcpListener::bind("127.0.0.1:0", MemFs::new(config).unwrap()).await.unwrap();
            sender.send(listener.get_listen_port()).unwrap();
            listener.handle_forever().await.unwrap();
        });
    });
    receiver.recv().unwrap()
}

fn mounted() -> Arc<Client> {
    mounted_at(server())
}

fn mounted_at(port: u16) -> Arc<Client> {
    let client = Client::new(Settings::new(0, 0)).unwrap();
    client.change_settings(|settings| {
        (settings.nfs_port, settings.mount_port) = (Some(port), Some(port));
    });
    client.run(client.clone().mount(b"127.0.0.1".to_vec(), b"/".to_vec())).unwrap();
    client
}

fn destination(memory: &mut [u8]) -> Destination {
    // SAFETY: the tests keep the memory until the operation is done and look at it only then.
    unsafe { Destination::foreign(memory.as_mut_ptr(), memory.len()) }
}

#[test]
fn writes_and_reads_back_in_pieces() {
    let client = mounted();
    client.change_settings(|settings| settings.read_max = Some(10_000));
    client.change_settings(|settings| settings.write_max = Some(7_000));
    let flags = libc::O_CREAT | libc::O_RDWR;
    let file = client.run(client.clone().open(b"/dir/new".to_vec(), flags, 0o644)).unwrap();
    let data: Vec<u8> = (0..300_000u32).map(|index| (index / 7) as u8).collect();
    let source = Source::copied(&data).unwrap();
    assert_eq!(client.run(client.clone().write(file.clone(), source)).unwrap(), data.len());
    let mut back = vec![0; data.len() + 100];
    let count = client.run(client.clone().pread(file.clone(), 0, destination(&mut back))).unwrap();
    assert_eq!(count, data.len());
    assert!(back[..count] == data[..]);
    assert_eq!(client.run(client.clone().lseek(file.clone(), -5, libc::SEEK_END)).unwrap(), 299_995);
    let mut tail = [0; 10];
    assert_eq!(client.run(client.clone().read(file.clone(), destination(&mut tail))).unwrap(), 5);
    assert_eq!(tail[..5], data[299_995..]);
    client.run(client.clone().close(file)).unwrap();
    let attributes = client.run(client.clone().stat(b"dir/new".to_vec(), LastLink::Follow)).unwrap();
    assert_eq!(attributes.size, 300_000);
}

#[test]
fn spawned_operations_complete_inside_service_only() {
    let client = mounted();
    let results = Arc::new(Mutex::new(Vec::new()));
    let file = client.run(client.clone().open(b"/hello".to_vec(), libc::O_RDONLY, 0)).unwrap();
    for index in 0..20usize {
        let (results, block) = (results.clone(), Block::new(5).unwrap());
        // SAFETY: the block's only destination.
        let read = client.clone().pread(file.clone(), index as u64, unsafe { block.destination() });
        client.spawn(read, move |result| lock(&results).push((index, result.unwrap()))).unwrap();
    }
    assert_eq!((client.queue_length(), lock(&results).len()), (20, 0));
    let fd = client.descriptor().unwrap();
    let start = Instant::now();
    while client.queue_length() > 0 {
        client.prepare_wait();
        let mut fds = [libc::pollfd { fd, events: libc::POLLIN, revents: 0 }];
        // SAFETY: the pointer and the count describe the array.
        assert_eq!(unsafe { libc::poll(fds.as_mut_ptr(), 1, 5000) }, 1, "the descriptor stays silent");
        client.service().unwrap();
        assert!(start.elapsed() < Duration::from_secs(10));
    }
    let mut results = lock(&results).clone();
    results.sort_unstable();
    let expected: Vec<_> = (0..20).map(|index| (index, 5.min(12usize.saturating_sub(index)))).collect();
    assert_eq!(results, expected);
}

#[test]
fn several_threads_share_one_context() {
    let client = mounted();
    thread::scope(|scope| {
        for number in 0..6u32 {
            let client = &client;
            scope.spawn(move || {
                let path = format!("/dir/thread-{number}").into_bytes();
                let flags = libc::O_CREAT | libc::O_RDWR;
                let file = client.run(client.clone().open(path, flags, 0o600)).unwrap();
                for round in 0..50u64 {
                    let data = [number as u8; 1000];
                    let source = Source::copied(&data).unwrap();
                    client.run(client.clone().pwrite(file.clone(), round * 1000, source)).unwrap();
                    let mut back = [0; 1000];
                    let to = destination(&mut back);
                    client.run(client.clone().pread(file.clone(), round * 1000, to)).unwrap();
                    assert_eq!(back, data);
                }
            });
        }
    });
    let directory = client.run(client.clone().opendir(b"/dir".to_vec())).unwrap();
    let threads = directory.entries.iter().filter(|entry| entry.name.starts_with(b"thread-"));
    assert_eq!(threads.count(), 6);
}

#[test]
fn shutting_down_calls_back_once() {
    let client = mounted();
    let (sender, receiver) = mpsc::channel();
    let stat = client.clone().stat(b"/hello".to_vec(), LastLink::Follow);
    client
        .spawn(stat, move |result| sender.send(result.map(drop).map_err(|error| error.errno())).unwrap())
        .unwrap();
    client.shut_down();
    assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [Err(libc::EINTR)]);
    assert_eq!(client.spawn(async { Ok(()) }, |_| ()).unwrap_err().errno(), libc::EINTR);
    let stat = client.run(client.clone().stat(b"/hello".to_vec(), LastLink::Follow));
    assert_eq!(stat.unwrap_err().errno(), libc::ENOTCONN);
}

#[test]
fn shutting_down_ends_the_calls_of_other_threads() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let client = Client::new(Settings::new(0, 0)).unwrap();
    client.change_settings(|settings| {
        (settings.nfs_port, settings.mount_port) = (Some(port), Some(port));
    });
    // Three threads wait for a server that says nothing; one of them turns the crank.
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let client = client.clone();
            thread::spawn(move || client.run(client.clone().mount(b"127.0.0.1".to_vec(), b"/".to_vec())))
        })
        .collect();
    thread::sleep(Duration::from_millis(200));
    let start = Instant::now();
    client.shut_down();
    assert!(waiting.iter().all(|thread| thread.is_finished()) || start.elapsed() < Duration::from_secs(1));
    for thread in waiting {
        assert_eq!(thread.join().unwrap().unwrap_err().errno(), libc::EINTR);
    }
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[test]
fn a_silent_server_meets_the_deadline() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let client = Client::new(Settings::new(0, 0)).unwrap();
    client.change_settings(|settings| {
        settings.timeout = Some(Duration::from_millis(200));
        (settings.nfs_port, settings.mount_port) = (Some(port), Some(port));
    });
    let start = Instant::now();
    let error = client.run(client.clone().mount(b"127.0.0.1".to_vec(), b"/".to_vec())).unwrap_err();
    assert_eq!(error.errno(), libc::ETIMEDOUT, "{error}");
    assert!((180..400).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
}

/// What is asked for often fits into the memory that malloc has at hand: glibc keeps blocks of up to 1,032 bytes.
#[test]
fn frequent_operations_are_small() {
    let client = mounted();
    let file = client.run(client.clone().open(b"/hello".to_vec(), 0, 0)).unwrap();
    let mut memory = [0; 8];
    assert!(size_of_val(&client.clone().pread(file.clone(), 0, destination(&mut memory))) < 900);
    let size = size_of_val(&client.clone().pwrite(file.clone(), 0, Source::default()));
    assert!(size < 1000, "{size} bytes");
}
