//! Making, naming and removing objects.

use std::sync::Arc;

use super::path::Naming;
use super::walk::Parent;
use super::{Client, LastLink, Session};
use crate::attributes::{Attributes, FileType, Handle, SetAttributes};
use crate::error::{Error, Result};

fn with_mode(mode: u32) -> SetAttributes {
    SetAttributes { mode: Some(mode & 0o7777), ..SetAttributes::default() }
}

impl Session {
    async fn attributes_of(&self, directory: &Handle, name: &[u8]) -> Result<Attributes> {
        match self.nfs.lookup(directory, name).await? {
            (_, Some(attributes)) => Ok(attributes),
            (handle, None) => self.nfs.getattr(&handle).await,
        }
    }

    /// ENOTDIR when it is something else, a link to a directory included.
    async fn is_directory(&self, place: &Parent<'_>) -> Result<()> {
        let (handle, attributes) = self.nfs.lookup(&place.directory, place.name).await?;
        let attributes = match attributes {
            Some(attributes) => attributes,
            None => self.nfs.getattr(&handle).await?,
        };
        match attributes.kind {
            FileType::Directory => Ok(()),
            _ => Err(Error::new(libc::ENOTDIR, "a slash behind the name of what is not a directory")),
        }
    }
}

impl Client {
    pub async fn mkdir(self: Arc<Self>, path: Vec<u8>, mode: u32) -> Result<()> {
        let (client, path) = (&*self, &path[..]);
        let make = self.on_paths(|session| async move {
            let place = client.name_at(&session, path, Naming::MakeDirectory).await?;
            session.mkdir(&place.directory, place.name, &with_mode(mode)).await.map(drop)
        });
        make.await.map_err(|error: Error| error.during("mkdir").at(path))
    }

    pub async fn rmdir(self: Arc<Self>, path: Vec<u8>) -> Result<()> {
        let (client, path) = (&*self, &path[..]);
        let remove = self.on_paths(|session| async move {
            let place = client.name_at(&session, path, Naming::RemoveDirectory).await?;
            session.rmdir(&place.directory, place.name).await
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
            let place = client.name_at(&session, path, Naming::Make).await?;
            let numbers = (libc::major(device), libc::minor(device));
            let set = with_mode(mode & 0o777);
            session.mknod(&place.directory, place.name, kind, numbers, &set).await.map(drop)
        });
        make.await.map_err(|error: Error| error.during("mknod").at(path))
    }

    pub async fn unlink(self: Arc<Self>, path: Vec<u8>) -> Result<()> {
        let (client, path) = (&*self, &path[..]);
        let remove = self.on_paths(|session| async move {
            let place = client.name_at(&session, path, Naming::Remove).await?;
            session.remove(&place.directory, place.name).await
        });
        remove.await.map_err(|error: Error| error.during("unlink").at(path))
    }

    /// Makes a symbolic link with any target.
    pub async fn symlink(self: Arc<Self>, target: Vec<u8>, link: Vec<u8>) -> Result<()> {
        let (client, target, link) = (&*self, &target[..], &link[..]);
        let make = self.on_paths(|session| async move {
            let place = client.name_at(&session, link, Naming::Make).await?;
            session.symlink(&place.directory, place.name, target, &with_mode(0o777)).await.map(drop)
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
            let from = client.name_at(&session, from, Naming::Rename).await?;
            let to = client.name_at(&session, to, Naming::Rename).await?;
            if from.slash || to.slash {
                session.is_directory(&from).await?;
            }
            let moved = session.mounted.directories.named(&from.directory, from.name);
            let result = session.rename((&from.directory, from.name), (&to.directory, to.name)).await;
            match result {
                Err(error) if error.may_be_done(libc::ENOENT) => {
                    // What has the new name now is what was known to have the old one before.
                    let there = session.nfs.lookup(&to.directory, to.name).await.ok();
                    let same = there.zip(moved).is_some_and(|((there, _), moved)| there == moved);
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
            let place = client.name_at(&session, new, Naming::Make).await?;
            match session.link(&file.handle, &place.directory, place.name).await {
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
