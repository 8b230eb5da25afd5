//! Asynchronous stat by a single call: a LOOKUP in a directory that is known, as long as its reply tells it all.

use std::sync::Arc;
use std::time::Instant;

use super::Client;
use super::directory_cache::Directory;
use super::path::{Normal, is_normal, last_of};
use super::session::{Session, Shared};
use super::walk::{LastLink, MOVED, Object, is_other_file_system};
use crate::attributes::{Attributes, FileType, Handle};
use crate::dialect::Nfs;
use crate::error::{Error, Result};
use crate::executor::{Call, CallOperation, End};
use crate::rpc::Answer;
use crate::v3::read_found;

impl Client {
    /// The attributes of what is at `path`. `done` gets them, as [`Client::spawn`] says.
    pub fn start_stat(
        self: &Arc<Self>,
        path: Vec<u8>,
        last: LastLink,
        done: impl FnOnce(Result<Attributes>) + Send + 'static,
    ) -> Result<()> {
        let normal = (!is_normal(&path)).then(|| self.normal(&path).unwrap_or_default());
        let is_more = normal.as_ref().is_some_and(Normal::is_more);
        let normal = normal.map(|normal| normal.path);
        let left = self.with_shared(|shared| {
            let normal_path = normal.as_ref().unwrap_or(&path);
            let parts = last_of(normal_path);
            let known = |shared: &Arc<Shared>| shared.known_parent(normal_path, parts, self.reactor.now());
            let shared = shared.ok().filter(|shared| !is_more && shared.nfs.submits_lookups());
            let Some((shared, directory)) = shared.and_then(|shared| Some((shared, known(shared)?))) else {
                return Ok::<_, Error>(Some((path, done)));
            };
            let (client, own, deadline) = (self.clone(), shared.clone(), shared.nfs.deadline_of_piece());
            let generation = shared.mounted.directories.generation();
            let lookup = Lookup { client, shared: own, deadline, path, normal, directory, generation, last };
            let call = CallOperation::begin(&self.executor, lookup, done)?;
            shared.nfs.submit_lookup(
                &directory.handle,
                |call| call.call().map_or(&[], |lookup| last_of(lookup.normal()).1),
                deadline,
                call,
            );
            Ok(None)
        })?;
        match left {
            None => self.executor.submitted(),
            Some((path, done)) => self.spawn(self.clone().stat(path, last), done)?,
        }
        Ok(())
    }
}

struct Lookup {
    client: Arc<Client>,
    shared: Arc<Shared>,
    deadline: Option<Instant>,
    path: Vec<u8>,
    /// As [`Client::normal`] makes it, if that is something else.
    normal: Option<Vec<u8>>,
    directory: Directory,
    /// Of the directory cache, before the call.
    generation: u64,
    last: LastLink,
}

impl Call for Lookup {
    type Output = Attributes;
    type Reply = (Handle, Option<Attributes>);

    fn read(&self, answer: Answer<'_>) -> Result<Self::Reply> {
        read_found(answer.body)
    }

    fn end(self, reply: Result<Self::Reply>) -> End<Attributes> {
        let is_end = |attributes: &Attributes| {
            let is_link = attributes.kind == FileType::Link && self.last == LastLink::Follow;
            !is_link && !is_other_file_system(&self.directory, attributes)
        };
        let below_root = !last_of(self.normal()).0.is_empty();
        match reply {
            Ok((handle, Some(attributes)))
                if is_end(&attributes) && !self.client.is_any_uncertain(&self.shared.mounted) =>
            {
                if attributes.kind == FileType::Directory {
                    let found = Object { handle, attributes: attributes.clone() };
                    let (parent, now) = (&self.directory.handle, self.client.reactor.now());
                    self.shared.remember(self.normal(), &found, parent, self.generation, now);
                }
                End::Nothing(Ok(attributes))
            }
            Err(error) if below_root && MOVED.contains(&error.errno()) => {
                End::More(Box::pin(self.walk(false)))
            }
            Err(error) if !is_rare(&error) => End::Nothing(Err(error.during("lookup").at(&self.path))),
            _ => End::More(Box::pin(self.walk(true))),
        }
    }
}

/// An error that is not the last word.
fn is_rare(error: &Error) -> bool {
    Nfs::is_other_export(error)
        || error.is_undecodable()
        || [libc::EAGAIN, libc::ESTALE].contains(&error.errno())
}

impl Lookup {
    fn normal(&self) -> &[u8] {
        self.normal.as_ref().unwrap_or(&self.path)
    }

    /// All of the path; not `trusting` what is known when that may be wrong.
    async fn walk(self, trusting: bool) -> Result<Attributes> {
        let Self { client, shared, deadline, path, normal, last, .. } = self;
        let mut session = Session::begin(shared);
        session.nfs.set_deadline(deadline);
        let (client, normal) = (&*client, normal.as_ref().unwrap_or(&path));
        let walk = client.on_paths_in(session, |session| async move {
            let object = client.walk_all(&session, normal.clone(), last, false, trusting).await?.object()?;
            match client.uncertain(&session, &object.handle) {
                None => Ok(object.attributes),
                Some(inode) => client.current_attributes(&session, &inode).await,
            }
        });
        walk.await.map_err(|error| error.during("stat").at(&path))
    }
}
