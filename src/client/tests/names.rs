//! What is known of directories, and what this context or another one changes.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use nfs3_client::nfs3_types::nfs3::NFS_PROGRAM;

use super::procedures::LOOKUP;
use super::proxy::{Passing, proxy, word};
use super::{mounted, mounted_at, server};
use crate::client::{Client, LastLink};
use crate::error::Result;
use crate::sync::lock;

/// The name that a LOOKUP asks for.
fn name<'a>(passing: &Passing<'a>) -> &'a [u8] {
    let at = 4 + (word(passing.arguments, 0) as usize).next_multiple_of(4);
    &passing.arguments[at + 4..][..word(passing.arguments, at) as usize]
}

fn stat(client: &Arc<Client>, path: &str) -> Result<u64> {
    let stat = client.run(client.clone().stat(path.as_bytes().to_vec(), LastLink::Follow));
    stat.map(|attributes| attributes.fileid)
}

fn errno(result: Result<u64>) -> i32 {
    result.err().map_or(0, |error| error.errno())
}

fn mkdir(client: &Arc<Client>, path: &str) {
    client.run(client.clone().mkdir(path.as_bytes().to_vec(), 0o755)).unwrap();
}

fn rename(client: &Arc<Client>, from: &str, to: &str) {
    let (from, to) = (from.as_bytes().to_vec(), to.as_bytes().to_vec());
    client.run(client.clone().rename(from, to)).unwrap();
}

fn create(client: &Arc<Client>, path: &str) -> Result<()> {
    let flags = libc::O_CREAT | libc::O_EXCL | libc::O_WRONLY;
    let file = client.run(client.clone().open(path.as_bytes().to_vec(), flags, 0o644))?;
    client.run(client.clone().close(file))
}

/// Another context that asks for every name.
fn forgetful(port: u16) -> Arc<Client> {
    let client = mounted_at(port);
    client.change_settings(|settings| settings.dircache = false);
    client
}

/// Another client renames the directory /a, which is known here; then this context changes that name itself.
fn changed_after_another(change: impl Fn(&Arc<Client>, &Arc<Client>)) -> (Arc<Client>, Arc<Client>) {
    let port = server();
    let (client, other) = (mounted_at(port), forgetful(port));
    mkdir(&client, "/a");
    mkdir(&client, "/b");
    create(&client, "/a/x").unwrap();
    stat(&client, "/a/x").unwrap();
    rename(&other, "/a", "/elsewhere");
    change(&client, &other);
    (client, other)
}

#[test]
fn a_directory_made_here_is_the_one_that_is_there() {
    let (client, other) = changed_after_another(|client, _| mkdir(client, "/a"));
    create(&client, "/a/new").unwrap();
    stat(&other, "/a/new").unwrap();
    assert_eq!(errno(stat(&other, "/elsewhere/new")), libc::ENOENT);
}

#[test]
fn nothing_is_below_a_file_made_here() {
    for flags in [libc::O_CREAT, libc::O_CREAT | libc::O_EXCL] {
        let (client, _) = changed_after_another(|client, _| {
            let open = client.clone().open(b"/a".to_vec(), flags | libc::O_WRONLY, 0o644);
            client.run(open).unwrap();
        });
        assert_eq!(errno(stat(&client, "/a/x")), libc::ENOTDIR);
    }
}

#[test]
fn nothing_is_below_what_was_removed_here() {
    let (client, _) = changed_after_another(|client, other| {
        create(other, "/a").unwrap();
        client.run(client.clone().unlink(b"/a".to_vec())).unwrap();
    });
    assert_eq!(errno(stat(&client, "/a/x")), libc::ENOENT);
    let (client, _) = changed_after_another(|client, other| {
        mkdir(other, "/a");
        client.run(client.clone().rmdir(b"/a".to_vec())).unwrap();
    });
    assert_eq!(errno(stat(&client, "/a/x")), libc::ENOENT);
}

#[test]
fn what_was_renamed_here_is_at_its_new_name() {
    let (client, _) = changed_after_another(|client, _| rename(client, "/b", "/a"));
    assert_eq!(errno(stat(&client, "/a/x")), libc::ENOENT);
    assert_eq!(errno(stat(&client, "/b/.")), libc::ENOENT);
}

/// A call that fails, or whose answer does not come in time, may have been carried out.
#[test]
fn what_a_call_may_have_changed_is_forgotten_as_well() {
    let port = server();
    let (lose, lost) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (ask, tell) = (lose.clone(), lost.clone());
    let client = mounted_at(proxy(port, move |passing| {
        if passing.procedure == NFS_PROGRAM::NFSPROC3_RENAME as u32 && ask.load(Ordering::SeqCst) {
            *passing.delay = Duration::from_secs(60);
            tell.store(true, Ordering::SeqCst);
        }
    }));
    mkdir(&client, "/a");
    create(&client, "/a/x").unwrap();
    stat(&client, "/a/x").unwrap();
    lose.store(true, Ordering::SeqCst);
    client.change_settings(|settings| settings.timeout = Some(Duration::from_millis(300)));
    let rename = client.run(client.clone().rename(b"/a".to_vec(), b"/b".to_vec()));
    assert_eq!(rename.unwrap_err().errno(), libc::ETIMEDOUT);
    assert!(lost.load(Ordering::SeqCst));
    assert_eq!(errno(stat(&client, "/a/x")), libc::ENOENT);
}

/// The reply to a LOOKUP comes after the directory was renamed, and another one made in its place.
fn overtaken(start: impl FnOnce(&Arc<Client>, mpsc::Sender<()>)) {
    let port = server();
    let armed = Arc::new(AtomicBool::new(false));
    let late = armed.clone();
    let client = mounted_at(proxy(port, move |passing| {
        if passing.procedure == LOOKUP && name(&passing) == b"a" && late.swap(false, Ordering::SeqCst) {
            *passing.delay = Duration::from_millis(300);
        }
    }));
    let other = forgetful(port);
    mkdir(&other, "/a");
    mkdir(&other, "/a/sub");
    create(&other, "/a/x").unwrap();
    let (sender, done) = mpsc::channel();
    armed.store(true, Ordering::SeqCst);
    start(&client, sender);
    while armed.load(Ordering::SeqCst) {
        client.run(client.clone().fstatvfs_of_root()).unwrap();
    }
    rename(&client, "/a", "/b");
    mkdir(&client, "/a");
    while done.try_recv().is_err() {
        client.run(client.clone().fstatvfs_of_root()).unwrap();
    }
    create(&client, "/a/new").unwrap();
    stat(&other, "/a/new").unwrap();
    assert_eq!(errno(stat(&other, "/b/new")), libc::ENOENT);
}

impl Client {
    /// A call that looks nothing up.
    async fn fstatvfs_of_root(self: Arc<Self>) -> Result<()> {
        self.session()?.nfs.fsstat(&self.session()?.mounted.root).await.map(drop)
    }
}

#[test]
fn a_late_lookup_does_not_bring_back_what_was_renamed() {
    overtaken(|client, done| {
        let stat = client.clone().stat(b"/a/x".to_vec(), LastLink::Follow);
        client.spawn(stat, move |_| done.send(()).unwrap()).unwrap();
    });
}

#[test]
fn nor_does_one_of_an_asynchronous_stat() {
    overtaken(|client, done| {
        client.start_stat(b"/a".to_vec(), LastLink::Follow, move |_| done.send(()).unwrap()).unwrap();
    });
}

/// Walks from several threads and asynchronous ones, all of whose LOOKUPs come late by chance, beside renames.
#[test]
fn renames_beside_walks() {
    let port = server();
    let random = Mutex::new(0x2545_f491_4f6c_dd1d_u64);
    let client = mounted_at(proxy(port, move |passing| {
        if passing.procedure == LOOKUP && [&b"p"[..], b"sub"].contains(&name(&passing)) {
            let mut random = lock(&random);
            *random ^= *random << 13;
            *random ^= *random >> 7;
            *random ^= *random << 17;
            *passing.delay = Duration::from_micros(*random % 4000);
        }
    }));
    let other = forgetful(port);
    let over = AtomicBool::new(false);
    mkdir(&client, "/p");
    mkdir(&client, "/p/sub");
    thread::scope(|scope| {
        for path in ["/p/sub/new", "/p/sub", "/p/new"] {
            let (client, over) = (&client, &over);
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    let _ = stat(client, path);
                    client.start_stat(path.as_bytes().to_vec(), LastLink::Follow, drop).unwrap();
                }
            });
        }
        let mut wrong = Vec::new();
        for round in 0..150 {
            let old = format!("/dir/old-{round}");
            rename(&client, "/p", &old);
            mkdir(&client, "/p");
            mkdir(&client, "/p/sub");
            for path in ["/p/new", "/p/sub/new"] {
                if create(&client, path).is_err() || stat(&other, path).is_err() {
                    wrong.push((round, path));
                }
            }
        }
        over.store(true, Ordering::Relaxed);
        assert!(wrong.is_empty(), "{wrong:?}");
    });
    client.shut_down();
}

/// How many names below /dir are looked up for /dir/sub/x.
fn searches(act: impl FnOnce(&Arc<Client>)) -> usize {
    let searches = Arc::new(AtomicUsize::new(0));
    let count = searches.clone();
    let client = mounted_at(proxy(server(), move |passing| {
        if passing.procedure == LOOKUP && name(&passing) == b"sub" {
            count.fetch_add(1, Ordering::SeqCst);
        }
    }));
    mkdir(&client, "/dir/sub");
    create(&client, "/dir/sub/x").unwrap();
    stat(&client, "/dir/sub/x").unwrap();
    let before = searches.load(Ordering::SeqCst);
    act(&client);
    stat(&client, "/dir/sub/x").unwrap();
    searches.load(Ordering::SeqCst) - before
}

#[test]
fn who_may_search_a_directory_is_asked_again_after_chmod_and_chown() {
    let dir = || b"/dir".to_vec();
    assert_eq!(searches(|_| ()), 0);
    assert_eq!(
        searches(|client| client.run(client.clone().chmod(dir(), LastLink::Follow, 0o700)).unwrap()),
        1
    );
    assert_eq!(searches(|client| client.run(client.clone().chown(dir(), LastLink::Keep, 1, 1)).unwrap()), 1);
    assert_eq!(
        searches(|client| client.run(client.clone().chmod(b"/".to_vec(), LastLink::Follow, 0o700)).unwrap()),
        1
    );
    let open = |client: &Arc<Client>| client.run(client.clone().open(dir(), libc::O_RDONLY, 0)).unwrap();
    assert_eq!(searches(|client| client.run(client.clone().fchmod(open(client), 0o700)).unwrap()), 1);
    assert_eq!(searches(|client| client.run(client.clone().fchown(open(client), 1, u32::MAX)).unwrap()), 1);
    assert_eq!(
        searches(|client| client.run(client.clone().utimes(dir(), LastLink::Follow, None)).unwrap()),
        0
    );
    let file = || b"/dir/sub/x".to_vec();
    assert_eq!(
        searches(|client| client.run(client.clone().chmod(file(), LastLink::Follow, 0o600)).unwrap()),
        0
    );
}

/// Paths that end in a slash or in `.`, or leave what is no directory by `..`.
#[test]
fn what_a_path_asks_for_is_a_directory() {
    let client = mounted();
    for path in
        ["/hello/", "/hello/.", "hello//", "/hello/..", "/hello/../dir", "/dir/../hello/", "/dir/file-1/../x"]
    {
        assert_eq!(errno(stat(&client, path)), libc::ENOTDIR, "{path}");
        let (sender, receiver) = mpsc::channel();
        let done = move |result: Result<_>| sender.send(result.map(|_| 0)).unwrap();
        client.start_stat(path.as_bytes().to_vec(), LastLink::Follow, done).unwrap();
        while client.queue_length() > 0 {
            stat(&client, "/").unwrap();
        }
        assert_eq!(errno(receiver.recv().unwrap()), libc::ENOTDIR, "{path}");
        let open = client.run(client.clone().open(path.as_bytes().to_vec(), libc::O_RDONLY, 0));
        assert_eq!(errno(open.map(|_| 0)), libc::ENOTDIR, "{path}");
    }
    for path in ["/missing/..", "/missing/", "/dir/missing/../file-1"] {
        assert_eq!(errno(stat(&client, path)), libc::ENOENT, "{path}");
    }
    for path in ["/dir/", "/dir/.", "/dir/../dir//", "/", "", ".", "/dir/../hello"] {
        stat(&client, path).unwrap();
    }
    client.run(client.clone().chdir(b"/dir/".to_vec())).unwrap();
    stat(&client, "../hello").unwrap();
    assert_eq!(errno(stat(&client, "file-1/")), libc::ENOTDIR);
    assert_eq!(errno(stat(&client, "file-1/../file-2")), libc::ENOTDIR);
}

#[test]
fn names_with_slashes_behind_them() {
    let client = mounted();
    mkdir(&client, "/new//");
    mkdir(&client, "/other");
    rename(&client, "/new/", "/dir/moved/");
    stat(&client, "/dir/moved").unwrap();
    let result = |result: Result<()>| result.err().map_or(0, |error| error.errno());
    let (c, path) = (&client, |path: &str| path.as_bytes().to_vec());
    let rename = |from: &str, to: &str| result(c.run(c.clone().rename(path(from), path(to))));
    let unlink = |from: &str| result(c.run(c.clone().unlink(path(from))));
    let rmdir = |from: &str| result(c.run(c.clone().rmdir(path(from))));
    let mkdir = |from: &str| result(c.run(c.clone().mkdir(path(from), 0o755)));
    let link = |from: &str, to: &str| result(c.run(c.clone().link(path(from), path(to))));
    let symlink = |to: &str| result(c.run(c.clone().symlink(path("x"), path(to))));
    let open = |from: &str, flags| result(c.run(c.clone().open(path(from), flags, 0o644)).map(drop));
    assert_eq!(rename("/hello/", "/x"), libc::ENOTDIR);
    assert_eq!(rename("/hello", "/x/"), libc::ENOTDIR);
    assert_eq!(rename("/missing/", "/x"), libc::ENOENT);
    for (from, to) in [("/other/.", "/x"), ("/other/..", "/x"), ("/other", "/dir/."), ("/other", "/dir/..")] {
        assert_eq!(rename(from, to), libc::EINVAL, "{from} {to}");
    }
    assert_eq!((rename("/", "/x"), rename("/other", "/")), (libc::EBUSY, libc::EBUSY));
    assert_eq!(
        (unlink("/hello/"), unlink("/other/"), unlink("/")),
        (libc::ENOTDIR, libc::EISDIR, libc::EISDIR)
    );
    assert_eq!(
        (rmdir("/other/."), rmdir("/dir/.."), rmdir("/")),
        (libc::EINVAL, libc::ENOTEMPTY, libc::EBUSY)
    );
    assert_eq!((mkdir("/"), mkdir("/dir/."), mkdir("/hello/.")), (libc::EEXIST, libc::EEXIST, libc::ENOTDIR));
    assert_eq!((link("/hello/", "/x"), link("/hello", "/x/")), (libc::ENOTDIR, libc::ENOENT));
    assert_eq!(
        (symlink("/x/"), symlink("/hello/"), symlink("/")),
        (libc::ENOENT, libc::ENOTDIR, libc::EEXIST)
    );
    for flags in [libc::O_CREAT | libc::O_WRONLY, libc::O_CREAT | libc::O_EXCL | libc::O_WRONLY] {
        assert_eq!(open("/x/", flags), libc::EISDIR);
        assert_eq!(open("/dir/", flags), libc::EISDIR);
        assert_eq!(open("/hello/", flags), libc::ENOTDIR);
        assert_eq!(open("/missing/.", flags), libc::ENOENT);
        assert_eq!(open("", flags), libc::ENOENT);
    }
    assert_eq!((unlink(""), rmdir(""), mkdir(""), symlink("")), (2, 2, 2, 2), "ENOENT");
    assert_eq!((rename("", "/x"), rename("/other", ""), link("/hello", "")), (2, 2, 2), "ENOENT");
    assert_eq!(rmdir("/other//"), 0);
    assert_eq!(errno(stat(&client, "/x")), libc::ENOENT);
}
