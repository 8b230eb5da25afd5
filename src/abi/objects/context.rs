//! Contexts, and what the border keeps for them.

use std::ffi::CString;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use libc::c_char;

use super::credentials::Credentials;
use super::forked::Forked;
use super::rpc::RpcHandle;
use super::{DIRECTORIES, FILES, Table};
use crate::abi::messages::{Messages, c_string};
use crate::client::{Client, Settings};
use crate::error::{Error, Result};
use crate::sync::{lock, lock_until, try_lock};

/// What a `struct nfs_context *` stands for.
pub struct Context {
    pub client: Arc<Client>,
    messages: Mutex<Messages>,
    /// What nfs_getcwd() has handed out.
    pub working_directory: Mutex<CString>,
    /// What nfs_set_auth() has been given.
    pub credentials: Mutex<Option<Credentials>>,
    /// What nfs_get_rpc_context() has handed out.
    pub rpc_handle: Mutex<RpcHandle>,
}

impl Context {
    /// A new connection, not yet mounted.
    pub fn new() -> Result<Self> {
        super::forked::watch();
        Ok(Self::of(new_client()?))
    }

    /// In a child of the process that has made it: the context that it goes on with.
    pub fn of_child(&self) -> Result<Self> {
        let context = Self::of(self.client.of_child()?);
        *lock(&context.rpc_handle) = try_lock(&self.rpc_handle).as_deref().copied().unwrap_or_default();
        Ok(context)
    }

    /// Whether it has no RPC handle beside its own. For a fork.
    pub fn has_one_handle(&self, until: Instant) -> bool {
        lock_until(&self.rpc_handle, until).is_some_and(|rpc| !rpc.is_asked_for())
    }

    fn of(client: Arc<Client>) -> Self {
        let (messages, working_directory, credentials, rpc_handle) = Default::default();
        Self { client, messages, working_directory, credentials, rpc_handle }
    }

    /// Runs one operation to its end.
    pub fn run<T, F>(&self, operation: impl FnOnce(Arc<Client>) -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        self.client.run(operation(self.client.clone()))
    }

    /// Keeps the sentence of an error for nfs_get_error(), and tells it when nfs_set_debug() wants that.
    pub fn set_error(&self, error: &Error) {
        self.client.debug(if error.is_ordinary() { 2 } else { 1 }, error);
        lock(&self.messages).set(c_string(&error.to_string()));
    }

    /// Tells what nfs_set_debug() asks for.
    pub fn tell(&self, sentence: &str) {
        self.client.debug(1, &sentence);
    }

    /// The sentence of the latest error, for C.
    pub fn latest_error(&self) -> *mut c_char {
        lock(&self.messages).hand_out()
    }

    /// A handle for an object of this context: it ends with it, at once when that is over.
    pub fn hand_out<T: Forked, H>(&self, table: &Table<T, H>, object: Arc<T>) -> Result<*mut H> {
        let handle = table.insert(object)?;
        // From here on shut_down() finds it.
        if let Err(error) = self.client.still_open() {
            let _ = table.take(handle);
            return Err(error);
        }
        Ok(handle)
    }

    /// Ends everything. The context's own handle is closed already: callbacks that run now cannot start anything.
    pub fn shut_down(&self) {
        lock(&self.rpc_handle).close();
        self.client.shut_down();
        let id = self.client.id();
        FILES.take_all(|file| file.file().client_id() == id);
        DIRECTORIES.take_all(|directory| directory.client_id() == id);
    }
}

/// A client that acts as the user and group of the process.
pub fn new_client() -> Result<Arc<Client>> {
    // SAFETY: these only read the credentials of the process.
    let (uid, gid) = unsafe { (libc::getuid(), libc::getgid()) };
    Client::new(Settings::new(uid, gid))
}
