//! Calls that change a name, or who may look names up: the directory cache forgets what they change.
//!
//! All operations make them through here, not through [`Session::nfs`](super::session::Shared::nfs).

use super::Session;
use super::directory_cache::DirectoryCache;
use crate::attributes::{FileType, Handle, SetAttributes};
use crate::dialect::{Access, Created, FileState, Opened};
use crate::error::Result;
use crate::v3::Creation;

/// A change under way. What was known of the name is forgotten when it begins, and again when it ends or is given up: a
/// LOOKUP meanwhile may have found either state.
struct Changing<'a> {
    cache: &'a DirectoryCache,
    directory: &'a Handle,
    /// None for the directory itself: what is below it.
    name: Option<&'a [u8]>,
}

impl<'a> Changing<'a> {
    fn begin(session: &'a Session, directory: &'a Handle, name: Option<&'a [u8]>) -> Self {
        let changing = Self { cache: &session.mounted.directories, directory, name };
        changing.forget();
        changing
    }

    fn forget(&self) {
        match self.name {
            Some(name) => self.cache.forget(self.directory, name),
            None => self.cache.forget_below(self.directory),
        }
    }
}

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        self.forget();
    }
}

impl Session {
    /// See [`crate::v3::Nfs::create`].
    pub(super) async fn make_file(
        &self,
        directory: &Handle,
        name: &[u8],
        set: &SetAttributes,
        how: Creation,
        access: Access,
    ) -> Result<Opened> {
        let _changing = Changing::begin(self, directory, Some(name));
        self.nfs.create(directory, name, set, how, access).await
    }

    pub(super) async fn mkdir(
        &self,
        directory: &Handle,
        name: &[u8],
        set: &SetAttributes,
    ) -> Result<Created> {
        let _changing = Changing::begin(self, directory, Some(name));
        self.nfs.mkdir(directory, name, set).await
    }

    pub(super) async fn symlink(
        &self,
        directory: &Handle,
        name: &[u8],
        target: &[u8],
        set: &SetAttributes,
    ) -> Result<Created> {
        let _changing = Changing::begin(self, directory, Some(name));
        self.nfs.symlink(directory, name, target, set).await
    }

    pub(super) async fn mknod(
        &self,
        directory: &Handle,
        name: &[u8],
        kind: FileType,
        device: (u32, u32),
        set: &SetAttributes,
    ) -> Result<Created> {
        let _changing = Changing::begin(self, directory, Some(name));
        self.nfs.mknod(directory, name, kind, device, set).await
    }

    pub(super) async fn remove(&self, directory: &Handle, name: &[u8]) -> Result<()> {
        let _changing = Changing::begin(self, directory, Some(name));
        self.nfs.remove(directory, name).await
    }

    pub(super) async fn rmdir(&self, directory: &Handle, name: &[u8]) -> Result<()> {
        let _changing = Changing::begin(self, directory, Some(name));
        let result = self.nfs.rmdir(directory, name).await;
        self.place_changed(name);
        result
    }

    pub(super) async fn rename(&self, from: (&Handle, &[u8]), to: (&Handle, &[u8])) -> Result<()> {
        let _from = Changing::begin(self, from.0, Some(from.1));
        let _to = Changing::begin(self, to.0, Some(to.1));
        let result = self.nfs.rename(from, to).await;
        self.place_changed(from.1);
        self.place_changed(to.1);
        result
    }

    /// The place of an export may be another directory now, or none.
    fn place_changed(&self, name: &[u8]) {
        if self.crosses {
            self.mounted.nested.name_changed(name);
        }
    }

    pub(super) async fn link(&self, file: &Handle, directory: &Handle, name: &[u8]) -> Result<()> {
        let _changing = Changing::begin(self, directory, Some(name));
        self.nfs.link(file, directory, name).await
    }

    /// Changes attributes; `state` is that of the object, if it is an open file. Who was allowed to search a directory may not be any more: that is asked anew.
    pub(super) async fn setattr(
        &self,
        object: &Handle,
        state: Option<&FileState>,
        set: &SetAttributes,
    ) -> Result<()> {
        let permissions = set.mode.is_some() || set.uid.is_some() || set.gid.is_some();
        let _changing = permissions.then(|| Changing::begin(self, object, None));
        self.nfs.setattr(object, state, set).await
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    /// Nobody else changes names.
    #[test]
    fn names_are_changed_here_only() {
        let calls = ["create", "mkdir", "symlink", "mknod", "remove", "rmdir", "rename", "link"];
        let client = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/client");
        for file in fs::read_dir(client).unwrap().map(|file| file.unwrap().path()) {
            if file.is_dir() || file.ends_with("names.rs") {
                continue;
            }
            let mut text = fs::read_to_string(&file).unwrap();
            text.retain(|letter| !letter.is_whitespace());
            for call in calls {
                assert!(!text.contains(&format!("nfs.{call}(")), "{} calls {call}", file.display());
            }
        }
    }
}
