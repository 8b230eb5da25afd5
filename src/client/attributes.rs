//! Attributes of objects by path or by open file, and of file systems.

use std::sync::Arc;

use libc::c_int;
use nfs3_client::nfs3_types::nfs3::{ACCESS3_EXECUTE, ACCESS3_LOOKUP, ACCESS3_MODIFY, ACCESS3_READ};

use super::commit::is_final;
use super::inode::Inode;
use super::walk::Object;
use super::{Client, File, LastLink, Session};
use crate::attributes::{Attributes, FileSystem, FileType, Handle, SetAttributes, SetTimes, Time};
use crate::dialect::Nfs;
use crate::error::{Error, Result};

impl Client {
    pub async fn stat(self: Arc<Self>, path: Vec<u8>, last: LastLink) -> Result<Attributes> {
        let (client, path) = (&*self, &path);
        let operation = self.on_paths(|session| async move {
            let object = client.walk(&session, path, last).await?;
            match client.uncertain(&session, &object.handle) {
                None => Ok(object.attributes),
                Some(inode) => Box::pin(client.current_attributes(&session, &inode)).await,
            }
        });
        operation.await.map_err(|error: Error| error.during("stat").at(path))
    }

    pub async fn fstat(self: Arc<Self>, file: Arc<File>) -> Result<Attributes> {
        let operation = async { self.current_attributes(&self.session_of(&file)?, &file.inode).await };
        operation.await.map_err(|error| error.during("fstat").at(&file.path))
    }

    /// The file, if it is open and the server may show it as it was before what was written last.
    pub(super) fn uncertain(&self, session: &Session, object: &Handle) -> Option<Arc<Inode>> {
        if !self.is_any_uncertain(&session.mounted) {
            return None;
        }
        session.mounted.inodes.find(object).filter(|inode| self.is_uncertain(&session.mounted, inode))
    }

    /// What the server says of an open file, with all that was written.
    pub(super) async fn current_attributes(
        &self,
        session: &Session,
        inode: &Arc<Inode>,
    ) -> Result<Attributes> {
        let mut looks_at_length = true;
        loop {
            let attributes = session.nfs.getattr(&inode.handle).await?;
            // Shorter than what was written: another client has truncated it, or the server has restarted unnoticed.
            let is_short = std::mem::take(&mut looks_at_length)
                && inode.unstable.retained() > 0
                && attributes.size < inode.unstable.end();
            if !is_short && !self.is_uncertain(&session.mounted, inode) {
                return Ok(attributes);
            }
            Box::pin(self.commit(session, inode)).await?;
        }
    }

    /// Where an open file ends.
    pub(super) async fn size(&self, session: &Session, inode: &Arc<Inode>) -> Result<u64> {
        Ok(self.current_attributes(session, inode).await?.size)
    }

    /// Changes an object. If it is an open file, what was written before is in front of the change, and stays so when
    /// the server restarts.
    pub(super) async fn set(&self, session: &Session, object: &Handle, set: &SetAttributes) -> Result<()> {
        match session.mounted.inodes.find(object) {
            None => session.setattr(object, None, set).await,
            Some(inode) => Box::pin(self.set_open(session, &inode, set)).await,
        }
    }

    async fn set_open(&self, session: &Session, inode: &Arc<Inode>, set: &SetAttributes) -> Result<()> {
        let Some(size) = set.size else {
            // A WRITE that is sent again later would change the times, or not be allowed any more.
            match self.make_stable(session, inode).await {
                Err(error) if !is_final(&error) => return Err(error),
                _ => {} // told to those who have written
            }
            return session.setattr(&inode.handle, Some(&inode.state), set).await;
        };
        self.wait_for(session, inode.order.barrier()).await?;
        let _alone = self.wait_for(session, inode.order.exclusive()).await?;
        inode.pages.invalidate();
        let result = session.setattr(&inode.handle, Some(&inode.state), set).await;
        inode.pages.invalidate();
        if result.is_ok() {
            inode.unstable.forget(size..u64::MAX);
        }
        result
    }

    async fn set_path(
        &self,
        operation: &'static str,
        path: &[u8],
        last: LastLink,
        set: &SetAttributes,
    ) -> Result<()> {
        let change = self.on_paths(|session| async move {
            let object = self.walk(&session, path, last).await?;
            self.set(&session, &object.handle, set).await
        });
        change.await.map_err(|error| error.during(operation).at(path))
    }

    async fn set_file(&self, operation: &'static str, file: &File, set: &SetAttributes) -> Result<()> {
        let change = async {
            if set.size.is_some() {
                file.writable()?;
            }
            self.set(&self.session_of(file)?, &file.handle, set).await
        };
        change.await.map_err(|error| error.during(operation).at(&file.path))
    }

    pub async fn chmod(self: Arc<Self>, path: Vec<u8>, last: LastLink, mode: u32) -> Result<()> {
        self.set_path("chmod", &path, last, &mode_only(mode)).await
    }

    pub async fn fchmod(self: Arc<Self>, file: Arc<File>, mode: u32) -> Result<()> {
        self.set_file("fchmod", &file, &mode_only(mode)).await
    }

    /// Gives the object to `uid` and `gid`; `u32::MAX` leaves either.
    pub async fn chown(self: Arc<Self>, path: Vec<u8>, last: LastLink, uid: u32, gid: u32) -> Result<()> {
        self.set_path("chown", &path, last, &owner_only(uid, gid)).await
    }

    pub async fn fchown(self: Arc<Self>, file: Arc<File>, uid: u32, gid: u32) -> Result<()> {
        self.set_file("fchown", &file, &owner_only(uid, gid)).await
    }

    /// Sets atime and mtime, to the server's time when none are given.
    pub async fn utimes(
        self: Arc<Self>,
        path: Vec<u8>,
        last: LastLink,
        times: Option<[Time; 2]>,
    ) -> Result<()> {
        let times = times.map_or(SetTimes::Now, |[atime, mtime]| SetTimes::To { atime, mtime });
        let set = SetAttributes { times: Some(times), ..SetAttributes::default() };
        self.set_path("utimes", &path, last, &set).await
    }

    pub async fn truncate(self: Arc<Self>, path: Vec<u8>, length: u64) -> Result<()> {
        self.set_path("truncate", &path, LastLink::Follow, &size_only(length)).await
    }

    pub async fn ftruncate(self: Arc<Self>, file: Arc<File>, length: u64) -> Result<()> {
        self.set_file("ftruncate", &file, &size_only(length)).await
    }

    /// EACCES unless all of `mode` (R_OK, W_OK, X_OK) is granted.
    pub async fn access(self: Arc<Self>, path: Vec<u8>, mode: c_int) -> Result<()> {
        let check = async {
            let mode = mode & (libc::R_OK | libc::W_OK | libc::X_OK);
            match self.granted(&path).await? & mode == mode {
                true => Ok(()),
                false => Err(Error::new(libc::EACCES, "permission denied")),
            }
        };
        check.await.map_err(|error| error.during("access").at(&path))
    }

    /// Which of R_OK, W_OK and X_OK are granted.
    pub async fn access2(self: Arc<Self>, path: Vec<u8>) -> Result<c_int> {
        self.granted(&path).await.map_err(|error| error.during("access").at(&path))
    }

    async fn granted(&self, path: &[u8]) -> Result<c_int> {
        let ask = self.on_paths(|session| async move {
            let object = self.walk(&session, path, LastLink::Follow).await?;
            session.permissions(&object).await
        });
        ask.await
    }

    /// Sizes of the file system that `path` is on.
    pub async fn statvfs(self: Arc<Self>, path: Vec<u8>) -> Result<FileSystem> {
        let (client, path) = (&*self, &path);
        let ask = self.on_paths(|session| async move {
            let object = client.walk(&session, path, LastLink::Follow).await?;
            session.nfs.fsstat(&object.handle).await
        });
        ask.await.map_err(|error| error.during("statvfs").at(path))
    }
}

impl Session {
    /// What the server grants on an object (ACCESS, RFC 1813, section 3.3.4), as R_OK, W_OK and X_OK.
    pub(super) async fn permissions(&self, object: &Object) -> Result<c_int> {
        let execute =
            if object.attributes.kind == FileType::Directory { ACCESS3_LOOKUP } else { ACCESS3_EXECUTE };
        let pairs = [(ACCESS3_READ, libc::R_OK), (ACCESS3_MODIFY, libc::W_OK), (execute, libc::X_OK)];
        let asked = pairs.iter().fold(0, |all, (bit, _)| all | bit);
        let granted = self.nfs.access(&object.handle, asked).await?;
        Ok(pairs.iter().filter(|(bit, _)| granted & bit != 0).fold(0, |all, (_, mode)| all | mode))
    }

    /// Whether all that is needed may be granted: also when the server cannot tell, and will when it comes to that.
    pub(super) async fn may_grant(&self, object: &Object, needed: c_int) -> Result<bool> {
        const CANNOT_TELL: [c_int; 4] = [libc::EIO, libc::EINVAL, libc::EOPNOTSUPP, libc::EPROTONOSUPPORT];
        match self.permissions(object).await {
            Ok(granted) => Ok(granted & needed == needed),
            Err(error) if CANNOT_TELL.contains(&error.errno()) && !Nfs::is_gone(&error) => Ok(true),
            Err(error) => Err(error),
        }
    }
}

fn mode_only(mode: u32) -> SetAttributes {
    SetAttributes { mode: Some(mode & 0o7777), ..SetAttributes::default() }
}

fn size_only(length: u64) -> SetAttributes {
    SetAttributes { size: Some(length), ..SetAttributes::default() }
}

fn owner_only(uid: u32, gid: u32) -> SetAttributes {
    let given = |id: u32| (id != u32::MAX).then_some(id);
    SetAttributes { uid: given(uid), gid: given(gid), ..SetAttributes::default() }
}
