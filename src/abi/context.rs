//! Contexts: their life, their error, and what the border keeps for them.

use std::ffi::CString;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use libc::c_char;

use super::auth::Credentials;
use super::guard::stop_panics;
use super::handle::{CONTEXTS, ContextHandle, DIRECTORIES, FILES, Table};
use super::lock;
use super::messages::{Messages, c_string};
use super::raw::RpcHandle;
use super::types::nfs_context;
use crate::client::{Client, Settings};
use crate::error::{Error, Result};

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
        Ok(Self {
            client: new_client()?,
            messages: Mutex::default(),
            working_directory: Mutex::default(),
            credentials: Mutex::default(),
            rpc_handle: Mutex::default(),
        })
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
        let sentence = error.to_string();
        if self.client.settings().debug > 0 {
            // In one piece, between those of other threads. Without such an output nobody wants to know.
            let _ = io::stderr().write_all(format!("libnfs: {sentence}\n").as_bytes());
        }
        lock(&self.messages).set(c_string(&sentence));
    }

    /// A handle for an object of this context: it ends with it, at once when that is over.
    pub fn hand_out<T, H>(&self, table: &Table<T, H>, object: Arc<T>) -> Result<*mut H> {
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

/// Makes a context that acts as the user and group of the process. Returns NULL when there is no memory or no
/// file descriptor left. To be freed with nfs_destroy_context().
#[unsafe(no_mangle)]
pub extern "C" fn nfs_init_context() -> *mut nfs_context {
    let made = stop_panics(|| CONTEXTS.insert(Arc::new(Context::new()?)));
    made.unwrap_or(std::ptr::null_mut())
}

/// Closes a context: its connections, its open files and directories, and the memory of all of them. Callbacks of
/// operations that are not complete are called with -EINTR before it returns. It may be called from a callback of
/// the same context. NULL, or a context that was destroyed before, is left alone. A child of the process that made the
/// context closes its own copies of the descriptors, and nothing else happens.
#[unsafe(no_mangle)]
pub extern "C" fn nfs_destroy_context(nfs: *mut nfs_context) {
    // There is nobody left to tell of a failure.
    let _ = stop_panics(|| {
        match CONTEXTS.inherited(nfs) {
            Some(copy) => copy.client.abandon(),
            None => CONTEXTS.take(nfs)?.shut_down(),
        }
        Ok(())
    });
}

/// Describes the latest error of the context. Never NULL; empty when there has been no error. The string belongs
/// to the context and is valid until sixty-four others have been handed out, or the context is destroyed.
#[unsafe(no_mangle)]
pub extern "C" fn nfs_get_error(nfs: *mut nfs_context) -> *mut c_char {
    latest_error(nfs)
}

pub fn latest_error(handle: impl ContextHandle) -> *mut c_char {
    match handle.context() {
        Ok(context) => lock(&context.messages).hand_out(),
        Err(error) if error.errno() == libc::EINVAL => c"the context is NULL".as_ptr().cast_mut(),
        Err(_) if handle.is_inherited() => {
            c"the context belongs to the process that has forked this one".as_ptr().cast_mut()
        }
        Err(_) => c"the context has been destroyed".as_ptr().cast_mut(),
    }
}
