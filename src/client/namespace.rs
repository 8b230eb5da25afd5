//! Making, naming and removing objects.

use std::sync::Arc;

use super::{Client, LastLink};
use crate::attributes::{FileType, SetAttributes};
use crate::error::{Error, Result};

fn with_mode(mode: u32) -> SetAttributes {
    SetAttributes { mode: Some(mode & 0o7777), ..SetAttributes::default() }
}

/// A directory's name may end in slashes.
fn without_slashes(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|byte| *byte != b'/').map_or(path.len().min(1), |last| last + 1);
    &path[..end]
}

impl Client {
    pub async fn mkdir(self: Arc<Self>, path: Vec<u8>, mode: u32) -> Result<()> {
        let make = async {
            let session = self.session()?;
            let (directory, name) = self.parent(&session, without_slashes(&path)).await?;
            session.nfs.mkdir(&directory, name, &with_mode(mode)).await.map(drop)
        };
        make.await.map_err(|error: Error| error.during("mkdir").at(&path))
    }

    pub async fn rmdir(self: Arc<Self>, path: Vec<u8>) -> Result<()> {
        let remove = async {
            let session = self.session()?;
            let (directory, name) = self.parent(&session, without_slashes(&path)).await?;
            session.nfs.rmdir(&directory, name).await
        };
        remove.await.map_err(|error: Error| error.during("rmdir").at(&path))
    }

    /// Makes a device, socket or fifo; `mode` has its type in the S_IFMT bits.
    pub async fn mknod(self: Arc<Self>, path: Vec<u8>, mode: u32, device: u64) -> Result<()> {
        let make = async {
            let kind = match mode & libc::S_IFMT {
                libc::S_IFCHR => FileType::Character,
                libc::S_IFBLK => FileType::Block,
                libc::S_IFSOCK => FileType::Socket,
                libc::S_IFIFO => FileType::Fifo,
                _ => return Err(Error::new(libc::EINVAL, "only devices, sockets and fifos can be made")),
            };
            let session = self.session()?;
            let (directory, name) = self.parent(&session, &path).await?;
            let numbers = (libc::major(device), libc::minor(device));
            session.nfs.mknod(&directory, name, kind, numbers, &with_mode(mode & 0o777)).await.map(drop)
        };
        make.await.map_err(|error: Error| error.during("mknod").at(&path))
    }

    pub async fn unlink(self: Arc<Self>, path: Vec<u8>) -> Result<()> {
        let remove = async {
            let session = self.session()?;
            let (directory, name) = self.parent(&session, &path).await?;
            session.nfs.remove(&directory, name).await
        };
        remove.await.map_err(|error: Error| error.during("unlink").at(&path))
    }

    /// Makes a symbolic link with any target.
    pub async fn symlink(self: Arc<Self>, target: Vec<u8>, link: Vec<u8>) -> Result<()> {
        let make = async {
            let session = self.session()?;
            let (directory, name) = self.parent(&session, &link).await?;
            session.nfs.symlink(&directory, name, &target, &with_mode(0o777)).await.map(drop)
        };
        make.await.map_err(|error: Error| error.during("symlink").at(&link))
    }

    pub async fn readlink(self: Arc<Self>, path: Vec<u8>) -> Result<Vec<u8>> {
        let read = async {
            let session = self.session()?;
            let object = self.walk(&session, &path, LastLink::Keep).await?;
            session.nfs.readlink(&object.handle).await
        };
        read.await.map_err(|error: Error| error.during("readlink").at(&path))
    }

    pub async fn rename(self: Arc<Self>, from: Vec<u8>, to: Vec<u8>) -> Result<()> {
        let rename = async {
            let session = self.session()?;
            let (from_directory, from_name) = self.parent(&session, &from).await?;
            let (to_directory, to_name) = self.parent(&session, &to).await?;
            session.nfs.rename((&from_directory, from_name), (&to_directory, to_name)).await
        };
        rename.await.map_err(|error: Error| error.during("rename").at(&from))
    }

    /// Gives an existing file one more name.
    pub async fn link(self: Arc<Self>, existing: Vec<u8>, new: Vec<u8>) -> Result<()> {
        let link = async {
            let session = self.session()?;
            let file = self.walk(&session, &existing, LastLink::Follow).await?;
            let (directory, name) = self.parent(&session, &new).await?;
            session.nfs.link(&file.handle, &directory, name).await
        };
        link.await.map_err(|error: Error| error.during("link").at(&existing))
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
