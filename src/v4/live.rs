//! Beside a real server, by hand: V4_SERVER=127.0.0.1:2049 V4_PATH=/export.
use std::sync::Arc;
use std::time::Duration;

use super::data::OpenHandle;
use super::establish::{Caller, MINORS};
use super::nfs::Nfs;
use super::open::{Claim, Create};
use super::session::ClientOwner;
use super::stateid::StateId;
use crate::attributes::SetAttributes;
use crate::client::{Client, Settings};
use crate::io::{Block, Connecting, PortKind, Source};
use crate::rpc::{Credential, Transport};
use crate::transfer::Stability;

#[test]
fn works() {
    let Ok(server) = std::env::var("V4_SERVER") else { return };
    let path = std::env::var("V4_PATH").unwrap();
    let client = Client::new(Settings::new(0, 0)).unwrap();
    let reactor = client.reactor.clone();
    let work = async {
        let deadline = reactor.now() + Duration::from_secs(20);
        let connecting = Connecting::start(
            [server.parse().unwrap()],
            PortKind::Reserved,
            Settings::new(0, 0).socket_options(),
        );
        let stream = connecting.established(&reactor, deadline).await?;
        let transport = Transport::new(&reactor, stream);
        let credential = Credential::sys(0, 0, &[])?;
        let caller = Caller { transport: &transport, credential: &credential, deadline: Some(deadline) };
        let owner = ClientOwner { verifier: *b"12345678", owner: b"live test".to_vec() };
        let registration = Arc::new(caller.register(&MINORS, owner).await?);
        println!("minor {} {:?}", registration.minor, registration.current().unwrap().channel);
        let nfs =
            Nfs::new(transport.clone(), credential.clone(), registration.clone(), None, reactor.clone());
        let names: Vec<&[u8]> = path.split('/').filter(|name| !name.is_empty()).map(str::as_bytes).collect();
        let root = nfs.mount(&names).await?;
        println!("root {:?} {:?}", root.handle, root.fattr);
        let mode = |mode| SetAttributes { mode: Some(mode), ..Default::default() };
        let directory = nfs.mkdir(&root.handle, b"d", &mode(0o750)).await?.unwrap();
        println!("mkdir {:?}", directory.1);
        println!("mkdir again {}", nfs.mkdir(&root.handle, b"d", &mode(0o750)).await.unwrap_err());
        nfs.symlink(&directory.0, b"l", b"target", &mode(0o777)).await?;
        let (opened, found) = nfs
            .open(&directory.0, Claim::Name(b"f"), 3, Create::Exclusive(*b"verifier", &mode(0o640)))
            .await?;
        println!("open {opened:?} {found:?}");
        let file = OpenHandle { handle: found.unwrap().0, stateid: opened.stateid.newest() };
        let data = vec![7u8; 100_000];
        let wrote = nfs.write(file, 0, Source::copied(&data)?, Stability::Unstable, None).done().await?;
        println!("write {wrote:?}");
        println!("commit {:?}", nfs.commit(&file.handle).await?);
        let (block, to) = Block::with_destination(100_000)?;
        let read = nfs.read(file, 10, to, None).done().await?;
        println!("read {} {}", read.count, read.eof);
        drop(read);
        let mut block = block;
        assert!(block.as_slice().unwrap()[..99_990].iter().all(|byte| *byte == 7));
        let anonymous = OpenHandle { stateid: StateId::ANONYMOUS, ..file };
        let (_block, to) = Block::with_destination(100)?;
        println!("anonymous read {:?}", nfs.read(anonymous, 0, to, None).done().await.map(|read| read.count));
        let mut again = Vec::new();
        for _ in 0..100 {
            let (block, to) = Block::with_destination(1000)?;
            again.push((block, nfs.read(file, 0, to, None)));
        }
        for (_, reading) in again {
            assert_eq!(reading.done().await?.count, 1000);
        }
        println!("close {:?}", nfs.close(&file.handle, &opened.stateid).await);
        println!(
            "setattr {:?}",
            nfs.setattr(&file.handle, None, &SetAttributes { uid: Some(12), size: Some(5), ..mode(0o600) })
                .await
        );
        println!("walk {:?}", nfs.walk(&root.handle, &[b"d", b"f"]).await?);
        println!("walk {:?}", nfs.walk(&root.handle, &[b"d", b"l", b"x"]).await?);
        println!("walk {:?}", nfs.walk(&root.handle, &[b"d", b"no", b"x"]).await?);
        println!("readlink {:?}", nfs.walk(&root.handle, &[b"d", b"l"]).await?.0[1].0.as_bytes().len());
        let end = nfs
            .readdir(&directory.0, (0, [0; 8]), (8192, 65536), |entry| {
                println!("entry {} {:?}", String::from_utf8_lossy(entry.name), entry.fattr.attributes());
                Ok(())
            })
            .await?;
        println!("readdir {end:?}");
        nfs.rename((&directory.0, b"f"), (&root.handle, b"g")).await?;
        nfs.link(&file.handle, &directory.0, b"h").await?;
        println!("statvfs {:?}", nfs.file_system(&root.handle).await?);
        println!("unlink {}", nfs.remove(&root.handle, b"d", false).await.unwrap_err());
        println!("rmdir {}", nfs.remove(&root.handle, b"g", true).await.unwrap_err());
        println!("access {:?}", nfs.access(&root.handle, 0x3f).await?);
        // Another session: the former is lost.
        let session = registration.current().unwrap();
        registration.lost(&session, super::nfs::Loss::Session).unwrap();
        registration.resume(Ok(caller.session(registration.minor, &registration.owner).await?));
        println!("after another session {:?}", nfs.getattr(&root.handle).await?);
        for (at, name) in
            [(root.handle, &b"g"[..]), (directory.0, b"h"), (directory.0, b"l"), (root.handle, b"d")]
        {
            nfs.remove(&at, name, name == b"d").await?;
        }
        Ok(())
    };
    client.run(work).unwrap();
}
