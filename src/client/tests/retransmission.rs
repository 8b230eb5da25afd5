//! What a program is told of calls that were sent twice, and where they come from.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use super::mounted_at;
use super::procedures::{CREATE, LINK, LOOKUP, MKDIR, RENAME, SETATTR};
use super::proxy::word;
use super::scripted::{Answer, Call, Scripted, attributes, found, made, opaque, refusal, strings, words};
use crate::client::{Client, LastLink};
use crate::error::{Error, Result};

const NOENT: u32 = 2;
const EXIST: u32 = 17;
const NOTSUPP: u32 = 10004;

const REGULAR: u32 = 1;
const DIRECTORY: u32 = 2;

fn procedures(calls: &[Call]) -> Vec<u32> {
    calls.iter().map(|call| call.procedure).collect()
}

/// The first call of `procedure` loses its connection, the second one is answered like this.
fn twice(procedure: u32, answer: fn() -> Answer) -> impl FnMut(&Call) -> Option<Answer> + Send {
    let mut lost = false;
    move |call| match call.procedure == procedure {
        true if !lost => {
            lost = true;
            Some(Answer::Close)
        }
        true => Some(answer()),
        false => None,
    }
}

fn is_doubtful(error: &Error, errno: i32) -> bool {
    error.errno() == errno && error.to_string().contains("retransmitted")
}

fn create_new(client: &Arc<Client>) -> Result<()> {
    let flags = libc::O_CREAT | libc::O_EXCL | libc::O_RDWR;
    client.run(client.clone().open(b"/new".to_vec(), flags, 0o640)).map(drop)
}

#[test]
fn a_renamed_directory_is_proven_by_its_handle() {
    for (known, there, succeeds) in
        [(true, &b"dir"[..], true), (true, b"another", false), (false, b"dir", false)]
    {
        let mut script = twice(RENAME, || refusal(NOENT, 4));
        let mut renamed = false;
        let server = Scripted::start(move |call| {
            renamed |= call.procedure == RENAME;
            let name = || strings(&call.arguments, 2).remove(1);
            match call.procedure {
                LOOKUP if renamed && name() == b"to" => {
                    Some(Answer::Body(found(there, &attributes(DIRECTORY, 2, 7))))
                }
                LOOKUP if name() == b"from" => {
                    Some(Answer::Body(found(b"dir", &attributes(DIRECTORY, 2, 7))))
                }
                _ => script(call),
            }
        });
        let client = mounted_at(server.port);
        if known {
            client.run(client.clone().stat(b"/from".to_vec(), LastLink::Follow)).unwrap();
        }
        let renamed = client.run(client.clone().rename(b"/from".to_vec(), b"/to".to_vec()));
        match renamed {
            Ok(()) => assert!(succeeds, "{known} {there:?}"),
            Err(error) => assert!(!succeeds && is_doubtful(&error, libc::ENOENT), "{known}: {error}"),
        }
    }
}

#[test]
fn a_link_is_proven_by_the_file_and_its_number_of_names() {
    for (fileid, nlink, succeeds) in [(7, 2, true), (7, 1, false), (8, 2, false)] {
        let mut script = twice(LINK, || refusal(EXIST, 3));
        let server = Scripted::start(move |call| {
            let name = || strings(&call.arguments, 2).remove(1);
            match call.procedure {
                LOOKUP if name() == b"file" => Some(Answer::Body(found(b"file", &attributes(REGULAR, 1, 7)))),
                LOOKUP if name() == b"new" => {
                    Some(Answer::Body(found(b"new", &attributes(REGULAR, nlink, fileid))))
                }
                _ => script(call),
            }
        });
        let client = mounted_at(server.port);
        match client.run(client.clone().link(b"/file".to_vec(), b"/new".to_vec())) {
            Ok(()) => assert!(succeeds, "{fileid} {nlink}"),
            Err(error) => assert!(!succeeds && is_doubtful(&error, libc::EEXIST), "{error}"),
        }
    }
}

/// The server knows the verifier again, or does not.
#[test]
fn an_exclusive_create_is_the_servers_to_decide() {
    const EXCLUSIVE: u32 = 2;
    for (answer, succeeds) in [(false, true), (true, false)] {
        let refuse: fn() -> Answer = || refusal(EXIST, 2);
        let accept: fn() -> Answer = || Answer::Body(made(b"file"));
        let server = Scripted::start(twice(CREATE, if answer { refuse } else { accept }));
        let client = mounted_at(server.port);
        server.calls();
        let result = create_new(&client);
        let calls = server.calls();
        let creates: Vec<&Call> = calls.iter().filter(|call| call.procedure == CREATE).collect();
        assert_eq!(creates.len(), 2);
        assert_eq!((creates[0].xid, &creates[0].arguments), (creates[1].xid, &creates[1].arguments));
        let how = &creates[0].arguments[16..];
        assert!(word(how, 0) == EXCLUSIVE && how.len() == 12 && how[4..] != [0; 8]);
        match result {
            Ok(()) => {
                assert!(succeeds);
                let set = calls.last().unwrap();
                // The file's handle; the mode is set to 0640.
                assert_eq!((set.procedure, &set.arguments[8..16]), (SETATTR, &words(&[1, 0o640])[..]));
            }
            Err(error) => {
                assert!(!succeeds && is_doubtful(&error, libc::EEXIST), "{error}");
                assert_eq!(procedures(&calls), [CREATE, CREATE], "nothing is looked at, nothing is changed");
            }
        }
    }
}

#[test]
fn verifiers_differ() {
    let server = Scripted::start(|call| (call.procedure == CREATE).then(|| Answer::Body(made(b"file"))));
    let client = mounted_at(server.port);
    server.calls();
    (0..50).for_each(|_| create_new(&client).unwrap());
    let mut verifiers: Vec<Vec<u8>> = server
        .calls()
        .iter()
        .filter(|call| call.procedure == CREATE)
        .map(|call| call.arguments[call.arguments.len() - 8..].to_vec())
        .collect();
    verifiers.sort();
    verifiers.dedup();
    assert_eq!(verifiers.len(), 50);
}

#[test]
fn a_server_without_exclusive_create_is_asked_once_and_nothing_is_guessed() {
    let mut number = 0;
    let server = Scripted::start(move |call| {
        (call.procedure == CREATE).then(|| {
            number += 1;
            match number {
                1 => refusal(NOTSUPP, 2),
                2 => Answer::Body(made(b"file")),
                3 => Answer::Close,
                _ => refusal(EXIST, 2),
            }
        })
    });
    let client = mounted_at(server.port);
    server.calls();
    create_new(&client).unwrap();
    let error = create_new(&client).unwrap_err();
    assert!(is_doubtful(&error, libc::EEXIST), "{error}");
    let calls = server.calls();
    assert_eq!(procedures(&calls), [CREATE; 4]);
    let how: Vec<u32> = calls.iter().map(|call| word(&call.arguments, 16)).collect();
    assert_eq!(how, [2, 1, 1, 1]);
}

#[test]
fn a_repetition_has_the_old_xid_and_comes_from_the_old_port_again_and_again() {
    let mut lost = 0;
    let server = Scripted::start(move |call| {
        (call.procedure == MKDIR && lost < 3).then(|| {
            lost += 1;
            Answer::Close
        })
    });
    let client = mounted_at(server.port);
    server.calls();
    client.run(client.clone().mkdir(b"/new".to_vec(), 0o755)).unwrap();
    let calls = server.calls();
    assert_eq!(procedures(&calls), [MKDIR; 4]);
    assert!(calls.iter().all(|call| (call.xid, call.port) == (calls[0].xid, calls[0].port)));
}

#[test]
fn when_the_old_port_is_taken_another_one_does() {
    let server = Scripted::start(|_| None);
    let client = mounted_at(server.port);
    let stat = || client.run(client.clone().stat(b"/none".to_vec(), LastLink::Follow)).unwrap_err().errno();
    assert_eq!(stat(), libc::ENOENT);
    let old = server.calls().last().unwrap().port;
    let _taken = TcpListener::bind(("127.0.0.1", old)).unwrap();
    server.close_all();
    std::thread::sleep(Duration::from_millis(150));
    assert_eq!(stat(), libc::ENOENT);
    assert_ne!(server.calls().last().unwrap().port, old);
}

/// An asynchronous call on a connection that the server has closed meanwhile was never sent before.
#[test]
fn a_connection_closed_while_idle_is_noticed_before_an_asynchronous_call() {
    let server = Scripted::start(|call| (call.procedure == MKDIR).then(|| refusal(EXIST, 2)));
    let client = mounted_at(server.port);
    client.descriptor().unwrap();
    for _ in 0..3 {
        server.close_all();
        std::thread::sleep(Duration::from_millis(150));
        server.calls();
        let (sender, receiver) = std::sync::mpsc::channel();
        let mkdir = client.clone().mkdir(b"/dir".to_vec(), 0o755);
        client.spawn(mkdir, move |result| sender.send(result.unwrap_err()).unwrap()).unwrap();
        let error = loop {
            client.prepare_wait();
            client.service().unwrap();
            if let Ok(error) = receiver.try_recv() {
                break error;
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        assert_eq!(error.errno(), libc::EEXIST);
        assert!(!error.to_string().contains("retransmitted"), "{error}");
        assert_eq!(procedures(&server.calls()), [MKDIR]);
    }
}

/// Between LOOKUP and CREATE another client makes the file.
#[test]
fn truncating_holds_for_a_file_that_another_client_has_made_meanwhile() {
    for (size, flags, truncates) in [(0, libc::O_TRUNC, false), (5, libc::O_TRUNC, true), (5, 0, false)] {
        let server = Scripted::start(move |call| {
            let mut attributes = attributes(REGULAR, 1, 7);
            attributes[27] = size;
            let made = [words(&[0, 1]), opaque(b"file"), words(&[1]), attributes, words(&[0, 0])].concat();
            (call.procedure == CREATE).then_some(Answer::Body(made))
        });
        let client = mounted_at(server.port);
        server.calls();
        let flags = flags | libc::O_CREAT | libc::O_WRONLY;
        client.run(client.clone().open(b"/new".to_vec(), flags, 0o640)).unwrap();
        let calls = procedures(&server.calls());
        assert_eq!(calls.contains(&SETATTR), truncates, "{size} {flags}: {calls:?}");
    }
}
