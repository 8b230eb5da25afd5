//! A thread that serves the context.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use super::proxy::proxy;
use super::{mounted, mounted_at, server};
use crate::client::{Client, LastLink};
use crate::error::Result;

/// Starts an operation; its thread's name and its result come through the channel.
fn spawn(client: &Arc<Client>) -> mpsc::Receiver<(Option<String>, Result<()>)> {
    let (sender, receiver) = mpsc::channel();
    let stat = client.clone().stat(b"/hello".to_vec(), LastLink::Follow);
    client
        .spawn(stat, move |result| {
            sender.send((thread::current().name().map(str::to_owned), result.map(drop))).unwrap();
        })
        .unwrap();
    receiver
}

const SOON: Duration = Duration::from_secs(10);

#[test]
fn callbacks_run_on_the_thread() {
    let client = mounted();
    client.start_service().unwrap();
    assert_eq!(client.start_service().unwrap_err().errno(), libc::EALREADY);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..100 {
                    client.run(client.clone().stat(b"/hello".to_vec(), LastLink::Follow)).unwrap();
                    let (name, result) = spawn(&client).recv_timeout(SOON).unwrap();
                    assert_eq!((name.as_deref(), result.is_ok()), (Some("nfs-service"), true));
                }
            });
        }
    });
    client.stop_service().unwrap();
    assert_eq!(client.stop_service().unwrap_err().errno(), libc::ESRCH);
    let later = spawn(&client);
    while client.queue_length() > 0 {
        client.run(client.clone().stat(b"/".to_vec(), LastLink::Follow)).unwrap();
    }
    let (name, result) = later.recv_timeout(SOON).unwrap();
    assert!(name.as_deref() != Some("nfs-service") && result.is_ok());
}

#[test]
fn an_operation_that_needs_no_server_is_told_at_once() {
    let client = mounted();
    client.start_service().unwrap();
    thread::sleep(Duration::from_millis(50)); // it waits by now
    let (sender, receiver) = mpsc::channel();
    client.spawn(async { Ok(()) }, move |result| sender.send(result).unwrap()).unwrap();
    receiver.recv_timeout(SOON).unwrap().unwrap();
    client.shut_down();
}

#[test]
fn new_connections_and_deadlines_do_not_wait_for_the_old_ones() {
    let client = Client::new(crate::client::Settings::new(0, 0)).unwrap();
    let port = server();
    client.change_settings(|settings| {
        (settings.nfs_port, settings.mount_port) = (Some(port), Some(port));
    });
    client.start_service().unwrap();
    thread::sleep(Duration::from_millis(50));
    let (sender, receiver) = mpsc::channel();
    let mount = client.clone().mount(b"127.0.0.1".to_vec(), b"/".to_vec());
    client.spawn(mount, move |result| sender.send(result).unwrap()).unwrap();
    receiver.recv_timeout(SOON).unwrap().unwrap();
    client.shut_down();
    assert_eq!(client.start_service().unwrap_err().errno(), libc::EINTR, "nobody would end it");
}

/// A server that has stopped answering.
fn silent() -> Arc<Client> {
    let silent = Arc::new(AtomicBool::new(false));
    let asked = silent.clone();
    let client = mounted_at(proxy(server(), move |_| {
        while asked.load(Ordering::Relaxed) {
            thread::park();
        }
    }));
    silent.store(true, Ordering::Relaxed);
    client
}

#[test]
fn shutting_down_ends_the_thread_and_the_calls_of_others() {
    let client = silent();
    client.start_service().unwrap();
    let pending = spawn(&client);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let mut result = Ok(());
            while result.is_ok() {
                result = client.run(client.clone().stat(b"/hello".to_vec(), LastLink::Follow)).map(drop);
            }
            result.unwrap_err().errno()
        });
        thread::sleep(Duration::from_millis(100));
        client.shut_down();
        assert_eq!(waiting.join().unwrap(), libc::EINTR);
    });
    assert_eq!(pending.recv_timeout(SOON).unwrap().1.unwrap_err().errno(), libc::EINTR);
}

#[test]
fn shutting_down_ends_a_call_within_a_callback() {
    let client = silent();
    client.start_service().unwrap();
    let (sender, receiver) = mpsc::channel();
    let inner = client.clone();
    let callback = move |_| {
        sender.send(Ok(())).unwrap();
        sender.send(inner.run(inner.clone().stat(b"/hello".to_vec(), LastLink::Follow)).map(drop)).unwrap();
    };
    client.spawn(async { Ok(()) }, callback).unwrap();
    receiver.recv_timeout(SOON).unwrap().unwrap();
    thread::sleep(Duration::from_millis(50));
    client.shut_down();
    assert_eq!(receiver.recv_timeout(SOON).unwrap().unwrap_err().errno(), libc::EINTR);
}

#[test]
fn a_callback_may_end_the_thread_and_the_context() {
    let client = mounted();
    client.start_service().unwrap();
    let (sender, receiver) = mpsc::channel();
    let inner = client.clone();
    let callback = move |_| {
        inner.stop_service().unwrap();
        inner.start_service().unwrap();
        inner.shut_down();
        sender.send(()).unwrap();
    };
    client.spawn(async { Ok(()) }, callback).unwrap();
    receiver.recv_timeout(SOON).unwrap();
}
