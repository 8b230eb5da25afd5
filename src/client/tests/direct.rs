//! Asynchronous operations of a single call: as the others in all they tell, however unusual the reply.

use std::pin::pin;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use nfs3_client::nfs3_types::nfs3::nfsstat3;

use super::faults::{open, refuse};
use super::procedures::{LOOKUP, READ, WRITE};
use super::proxy::{Passing, proxy, word};
use super::{mounted, mounted_at, server};
use crate::attributes::Attributes;
use crate::client::{Client, LastLink, Place};
use crate::error::Result;
use crate::io::{Block, Source};

/// Serves the context until the operation is complete.
fn served<T>(client: &Arc<Client>, result: &Receiver<T>) -> T {
    let limit = Instant::now() + Duration::from_secs(20);
    loop {
        if let Ok(result) = result.try_recv() {
            return result;
        }
        assert!(Instant::now() < limit, "nothing was told");
        client.service().unwrap();
        thread::sleep(Duration::from_micros(200));
    }
}

fn read(client: &Arc<Client>, path: &[u8], place: Place, length: usize) -> Result<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    let (mut block, to) = Block::with_destination(length).unwrap();
    let done = move |result| sender.send(result).unwrap();
    client.start_read(open(client, path), place, to, done).unwrap();
    let count = served(client, &receiver)?;
    Ok(block.as_slice().unwrap()[..count].to_vec())
}

fn write(client: &Arc<Client>, path: &[u8], place: Place, data: &[u8]) -> Result<usize> {
    let (sender, receiver) = mpsc::channel();
    let done = move |result| sender.send(result).unwrap();
    client.start_write(open(client, path), place, Source::copied(data).unwrap(), done).unwrap();
    served(client, &receiver)
}

fn stat(client: &Arc<Client>, path: &[u8], last: LastLink) -> Result<Attributes> {
    let (sender, receiver) = mpsc::channel();
    client.start_stat(path.to_vec(), last, move |result| sender.send(result).unwrap()).unwrap();
    served(client, &receiver)
}

#[test]
fn what_is_written_is_read() {
    let client = mounted();
    let data: Vec<u8> = (0..100_000u32).map(|index| (index / 7) as u8).collect();
    assert_eq!(write(&client, b"/new", Place::At(0), &data).unwrap(), data.len());
    assert!(read(&client, b"/new", Place::At(0), 200_000).unwrap() == data);
    assert_eq!(read(&client, b"/new", Place::Position, 10).unwrap(), data[..10]);
    assert_eq!(read(&client, b"/new", Place::At(99_990), 100).unwrap(), data[99_990..]);
    assert_eq!(read(&client, b"/new", Place::At(1 << 40), 100).unwrap(), b"");
    assert_eq!(read(&client, b"/new", Place::At(5), 0).unwrap(), b"");
    assert_eq!(write(&client, b"/new", Place::At(5), b"").unwrap(), 0);
    assert_eq!(write(&client, b"/new", Place::At(u64::MAX), b"xx").unwrap_err().errno(), libc::EFBIG);
}

#[test]
fn the_position_moves() {
    let client = mounted();
    let file = open(&client, b"/new");
    let (sender, receiver) = mpsc::channel();
    for part in [&b"one"[..], b"two", b"three"] {
        let (sender, source) = (sender.clone(), Source::copied(part).unwrap());
        client
            .start_write(file.clone(), Place::Position, source, move |it| sender.send(it).unwrap())
            .unwrap();
        served(&client, &receiver).unwrap();
    }
    assert_eq!(file.position.get(), 11);
    assert_eq!(read(&client, b"/new", Place::At(0), 100).unwrap(), b"onetwothree");
}

#[test]
fn short_and_busy_replies_are_followed_up() {
    let mut calls = 0;
    let client = mounted_at(proxy(server(), move |passing: Passing<'_>| {
        calls += 1;
        if passing.procedure == WRITE && calls % 3 == 0 {
            let count = passing.body.len() - 16;
            let half = word(passing.body, count).div_ceil(2);
            passing.body[count..count + 4].copy_from_slice(&half.to_be_bytes());
        } else if [READ, WRITE].contains(&passing.procedure) && calls % 3 == 1 {
            refuse(passing.body, nfsstat3::NFS3ERR_JUKEBOX, passing.procedure);
        }
    }));
    let data: Vec<u8> = (0..5000u32).map(|index| (index / 3) as u8).collect();
    for round in 0..4 {
        let offset = round * 5000;
        assert_eq!(write(&client, b"/new", Place::At(offset), &data).unwrap(), data.len());
        assert!(read(&client, b"/new", Place::At(offset), data.len()).unwrap() == data);
    }
}

#[test]
fn refusals_say_what_they_are_about() {
    let client = mounted_at(proxy(server(), |passing: Passing<'_>| {
        if [READ, WRITE].contains(&passing.procedure) {
            refuse(passing.body, nfsstat3::NFS3ERR_NOSPC, passing.procedure);
        }
    }));
    for (error, operation) in [
        (read(&client, b"/hello", Place::At(0), 5).unwrap_err(), "read /hello: "),
        (write(&client, b"/hello", Place::At(0), b"x").unwrap_err(), "write /hello: "),
    ] {
        assert_eq!(error.errno(), libc::ENOSPC);
        assert!(error.to_string().starts_with(operation), "{error}");
    }
}

/// In a tree that is known, and in one that is not.
#[test]
fn stat_is_stat() {
    let client = mounted();
    let paths = [
        "/hello",
        "hello",
        "/dir",
        "/dir/file-7",
        "dir//file-7",
        "/dir/../hello",
        "/",
        "",
        ".",
        "/missing",
        "/dir/missing",
        "/hello/below",
        "/../..",
    ];
    for _ in 0..2 {
        for (path, last) in paths
            .iter()
            .flat_map(|path| [(path.as_bytes(), LastLink::Follow), (path.as_bytes(), LastLink::Keep)])
        {
            let told =
                |result: Result<Attributes>| result.map_err(|error| (error.errno(), error.to_string()));
            let expected = told(client.run(client.clone().stat(path.to_vec(), last)));
            assert_eq!(told(stat(&client, path, last)), expected, "{}", String::from_utf8_lossy(path));
        }
    }
}

#[test]
fn a_known_directory_that_was_replaced_is_found_again() {
    let (port, path) = (server(), |name: &str| name.as_bytes().to_vec());
    let (client, other) = (mounted_at(port), mounted_at(port));
    other.run(other.clone().mkdir(path("/box"), 0o755)).unwrap();
    drop(open(&other, b"/box/old"));
    assert!(stat(&client, b"/box/old", LastLink::Follow).is_ok());
    assert!(stat(&client, b"/box/old", LastLink::Follow).is_ok());
    other.run(other.clone().unlink(path("/box/old"))).unwrap();
    other.run(other.clone().rmdir(path("/box"))).unwrap();
    other.run(other.clone().mkdir(path("/box"), 0o755)).unwrap();
    drop(open(&other, b"/box/new"));
    assert!(stat(&client, b"/box/new", LastLink::Follow).is_ok());
    assert_eq!(stat(&client, b"/box/old", LastLink::Follow).unwrap_err().errno(), libc::ENOENT);
}

#[test]
fn one_deadline_covers_all_of_a_stat() {
    let client = mounted_at(proxy(server(), |passing: Passing<'_>| {
        if passing.procedure == LOOKUP {
            refuse(passing.body, nfsstat3::NFS3ERR_JUKEBOX, LOOKUP);
        }
    }));
    client.change_settings(|settings| settings.timeout = Some(Duration::from_millis(500)));
    let start = Instant::now();
    let error = stat(&client, b"/hello", LastLink::Follow).unwrap_err();
    assert_eq!(error.errno(), libc::EAGAIN, "{error}");
    assert!(start.elapsed() < Duration::from_millis(600), "{:?}", start.elapsed());
}

#[test]
fn a_silent_server_is_etimedout() {
    let client = mounted_at(proxy(server(), |passing: Passing<'_>| {
        if [LOOKUP, READ, WRITE].contains(&passing.procedure) {
            thread::sleep(Duration::from_secs(1));
        }
    }));
    let file = open(&client, b"/hello");
    client.change_settings(|settings| settings.timeout = Some(Duration::from_millis(200)));
    let (sender, receiver) = mpsc::channel();
    let start = Instant::now();
    let (tell, (_block, to)) = (sender.clone(), Block::with_destination(5).unwrap());
    client.start_read(file.clone(), Place::At(0), to, move |it| tell.send(it.map(drop)).unwrap()).unwrap();
    let (tell, source) = (sender.clone(), Source::copied(b"x").unwrap());
    client.start_write(file, Place::At(0), source, move |it| tell.send(it.map(drop)).unwrap()).unwrap();
    client
        .start_stat(b"/hello".to_vec(), LastLink::Keep, move |it| sender.send(it.map(drop)).unwrap())
        .unwrap();
    for _ in 0..3 {
        assert_eq!(served(&client, &receiver).unwrap_err().errno(), libc::ETIMEDOUT);
    }
    assert!((180..400).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
    assert_eq!(client.queue_length(), 0);
}

#[test]
fn a_write_waits_for_who_sends_old_data_again() {
    let client = mounted();
    let file = open(&client, b"/new");
    let mut alone = pin!(file.inode.order.exclusive());
    let Poll::Ready(alone) = alone.as_mut().poll(&mut Context::from_waker(Waker::noop())) else { panic!() };
    let (sender, receiver) = mpsc::channel();
    let source = Source::copied(b"new data").unwrap();
    client.start_write(file.clone(), Place::At(0), source, move |it| sender.send(it).unwrap()).unwrap();
    for _ in 0..50 {
        client.service().unwrap();
        thread::sleep(Duration::from_millis(1));
    }
    assert!(receiver.try_recv().is_err() && client.queue_length() == 1);
    drop(alone);
    assert_eq!(served(&client, &receiver).unwrap(), 8);
}

#[test]
fn shutting_down_tells_each_once() {
    let client = mounted();
    let file = open(&client, b"/hello");
    let told = Arc::new(Mutex::new(vec![0; 30]));
    for number in 0..30 {
        let told = told.clone();
        let tell = move |errno: Option<i32>| {
            assert_eq!(errno, Some(libc::EINTR));
            told.lock().unwrap()[number] += 1;
        };
        match number % 3 {
            0 => {
                let (_block, to) = Block::with_destination(5).unwrap();
                let done = move |result: Result<usize>| tell(result.err().map(|error| error.errno()));
                client.start_read(file.clone(), Place::At(0), to, done).unwrap();
            }
            1 => {
                let done = move |result: Result<usize>| tell(result.err().map(|error| error.errno()));
                let source = Source::copied(b"hello").unwrap();
                client.start_write(file.clone(), Place::At(0), source, done).unwrap();
            }
            _ => {
                let done = move |result: Result<Attributes>| tell(result.err().map(|error| error.errno()));
                client.start_stat(b"/hello".to_vec(), LastLink::Follow, done).unwrap();
            }
        }
    }
    assert_eq!(client.queue_length(), 30);
    client.shut_down();
    assert_eq!((client.queue_length(), &*told.lock().unwrap()), (0, &vec![1; 30]));
    let (_block, to) = Block::with_destination(5).unwrap();
    let late = client.start_read(file, Place::At(0), to, |_| panic!("it did not begin"));
    assert!([libc::EINTR, libc::ENOTCONN].contains(&late.unwrap_err().errno()));
}

/// Others begin operations while one thread ends them all.
#[test]
fn shutting_down_among_threads_loses_none() {
    for _ in 0..20 {
        let client = mounted();
        let file = open(&client, b"/hello");
        let (begun, ended) = (Arc::new(Mutex::new(0)), Arc::new(Mutex::new(0)));
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    loop {
                        let (ended, (_block, to)) = (ended.clone(), Block::with_destination(5).unwrap());
                        let done = move |_| *ended.lock().unwrap() += 1;
                        if client.start_read(file.clone(), Place::At(0), to, done).is_err() {
                            return;
                        }
                        *begun.lock().unwrap() += 1;
                    }
                });
            }
            scope.spawn(|| while client.still_open().is_ok() && client.service().is_ok() {});
            thread::sleep(Duration::from_millis(5));
            client.shut_down();
        });
        assert_eq!(*begun.lock().unwrap(), *ended.lock().unwrap());
        assert_eq!(client.queue_length(), 0);
    }
}
