//! Making, naming and removing objects.

use std::sync::Arc;

use super::{Client, LastLink, Session};
use crate::attributes::{Attributes, FileType, Handle, SetAttributes};
use crate::error::{Error, Result};

fn with_mode(mode: u32) -> SetAttributes {
    SetAttributes { mode: Some(mode & 0o7777), ..SetAttributes::default() }
}

/// A directory's name may end in slashes.
fn without_slashes(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|byte| *byte != b'/').map_or(path.len().min(1), |last| last + 1);
    &path[..end]
}

impl Session {
    async fn attributes_of(&self, directory: &Handle, name: &[u8]) -> Result<Attributes> {
        match self.nfs.lookup(directory, name).await? {
            (_, Some(attributes)) => Ok(attributes),
            (handle, None) => self.nfs.getattr(&handle).await,
        }
    }
}

impl Client {
    pub async fn mkdir(self: Arc<Self>, path: Vec<u8>, mode: u32) -> Result<()> {
        let (client, path) = (&*self, &path[..]);
        let make = self.on_paths(|session| async move {
            let place = client.parent(&session, without_slashes(path)).await?;
            session.nfs.mkdir(&place.directory, place.name, &with_mode(mode)).await.map(drop)
        });
        make.await.map_err(|error: Error| error.during("mkdir").at(path))
    }

    pub async fn rmdir(self: Arc<Self>, path: Vec<u8>) -> Result<()> {
        let (client, path) = (&*self, &path[..]);
        let remove = self.on_paths(|session| async move {
            let place = client.parent(&session, without_slashes(path)).await?;
            let result = session.nfs.rmdir(&place.directory, place.name).await;
            session.mounted.directories.forget(&place.path());
            result
        });
        remove.await.map_err(|error: Error| error.during("rmdir").at(path))
    }

    /// Makes a device, socket or fifo; `mode` has its type in the S_IFMT bits.
    pub async fn mknod(self: Arc<Self>, path: Vec<u8>, mode: u32, device: u64) -> Result<()> {
        let (client, path) = (&*self, &path[..]);
        let make = self.on_paths(|session| async move {
            let kind = match mode & libc::S_IFMT {
                libc::S_IFCHR => FileType::Character,
                libc::S_IFBLK => FileType::Block,
                libc::S_IFSOCK => FileType::Socket,
                libc::S_IFIFO => FileType::Fifo,
                _ => return Err(Error::new(libc::EINVAL, "only devices, sockets and fifos can be made")),
            };
            let place = client.parent(&session, path).await?;
            let numbers = (libc::major(device), libc::minor(device));
            let set = with_mode(mode & 0o777);
            session.nfs.mknod(&place.directory, place.name, kind, numbers, &set).await.map(drop)
        });
        make.await.map_err(|error: Error| error.during("mknod").at(path))
    }

    pub async fn unlink(self: Arc<Self>, path: Vec<u8>) -> Result<()> {
        let (client, path) = (&*self, &path[..]);
        let remove = self.on_paths(|session| async move {
            let place = client.parent(&session, path).await?;
            session.nfs.remove(&place.directory, place.name).await
        });
        remove.await.map_err(|error: Error| error.during("unlink").at(path))
    }

    /// Makes a symbolic link with any target.
    pub async fn symlink(self: Arc<Self>, target: Vec<u8>, link: Vec<u8>) -> Result<()> {
        let (client, target, link) = (&*self, &target[..], &link[..]);
        let make = self.on_paths(|session| async move {
            let place = client.parent(&session, link).await?;
            session.nfs.symlink(&place.directory, place.name, target, &with_mode(0o777)).await.map(drop)
        });
        make.await.map_err(|error: Error| error.during("symlink").at(link))
    }

    pub async fn readlink(self: Arc<Self>, path: Vec<u8>) -> Result<Vec<u8>> {
        let (client, path) = (&*self, &path[..]);
        let read = self.on_paths(|session| async move {
            let object = client.walk(&session, path, LastLink::Keep).await?;
            session.nfs.readlink(&object.handle).await
        });
        read.await.map_err(|error: Error| error.during("readlink").at(path))
    }

    pub async fn rename(self: Arc<Self>, from: Vec<u8>, to: Vec<u8>) -> Result<()> {
        let (client, from, to) = (&*self, &from[..], &to[..]);
        let rename = self.on_paths(|session| async move {
            let from = client.parent(&session, from).await?;
            let to = client.parent(&session, to).await?;
            let moved = session.known(&from.path(), session.nfs.transport.now());
            let result = session.nfs.rename((&from.directory, from.name), (&to.directory, to.name)).await;
            session.mounted.directories.forget(&from.path());
            session.mounted.directories.forget(&to.path());
            match result {
                Err(error) if error.may_be_done(libc::ENOENT) => {
                    // What has the new name now is what was known to have the old one before.
                    let there = session.nfs.lookup(&to.directory, to.name).await.ok();
                    let same = there.zip(moved).is_some_and(|((there, _), moved)| there == moved.handle);
                    same.then_some(()).ok_or(error)
                }
                result => result,
            }
        });
        rename.await.map_err(|error: Error| error.during("rename").at(from))
    }

    /// Gives an existing file one more name.
    pub async fn link(self: Arc<Self>, existing: Vec<u8>, new: Vec<u8>) -> Result<()> {
        let (client, existing, new) = (&*self, &existing[..], &new[..]);
        let link = self.on_paths(|session| async move {
            let file = client.walk(&session, existing, LastLink::Follow).await?;
            let place = client.parent(&session, new).await?;
            match session.nfs.link(&file.handle, &place.directory, place.name).await {
                Err(error) if error.may_be_done(libc::EEXIST) => {
                    // It is the same file, and has one more name than before the call.
                    let there = session.attributes_of(&place.directory, place.name).await;
                    let before = &file.attributes;
                    let same = there.is_ok_and(|there| {
                        (there.fsid, there.fileid) == (before.fsid, before.fileid)
                            && there.nlink > before.nlink
                    });
                    same.then_some(()).ok_or(error)
                }
                result => result,
            }
        });
        link.await.map_err(|error: Error| error.during("link").at(existing))
    }
}

#[cfg(test)]
mod tests {
    use super::without_slashes;

    #[test]
    fn trailing_slashes() {
        assert_eq!(without_slashes(b"/a//"), b"/a");
        assert_eq!(without_slashes(b"a"), b"a");
        assert_eq!(without_slashes(b"///"), b"/");
        assert_eq!(without_slashes(b""), b"");
    }
}
