//! Asynchronous calls: what C is told when they are complete.

use std::ffi::{CString, c_void};
use std::sync::Arc;

use libc::c_int;

use super::arguments::counted;
use super::messages::c_string;
use super::objects::{Context, ContextHandle, DIRECTORIES, FILES, OpenDirectory, OpenFile};
use super::types::{nfs_cb, nfs_context, rpc_cb, rpc_context};
use crate::client::{Directory, File};
use crate::error::{Error, Result};
use crate::io::Block;

/// A callback with its arguments. It is called once.
pub struct Callback {
    function: Function,
    private_data: *mut c_void,
}

/// What is called, and which handle it is given.
#[derive(Clone, Copy)]
enum Function {
    Nfs(unsafe extern "C" fn(c_int, *mut nfs_context, *mut c_void, *mut c_void), *mut nfs_context),
    Rpc(unsafe extern "C" fn(*mut rpc_context, c_int, *mut c_void, *mut c_void), *mut rpc_context),
}

impl Function {
    /// EBADF when it is being destroyed: then nobody can ask for its error any more.
    fn context(self) -> Result<Arc<Context>> {
        match self {
            Self::Nfs(_, nfs) => nfs.context(),
            Self::Rpc(_, rpc) => rpc.context(),
        }
    }
}

// SAFETY: the pointers are not followed here; whoever turns the crank of a context, from whichever thread, calls
// its callbacks, and that is the contract of the asynchronous functions.
unsafe impl Send for Callback {}

impl Callback {
    /// EINVAL when `function` is NULL.
    ///
    /// # Safety
    /// `function` can be called with `private_data` until it has been, from any thread that serves the context.
    pub unsafe fn new(nfs: *mut nfs_context, function: nfs_cb, data: *mut c_void) -> Result<Self> {
        let function = Function::Nfs(function.ok_or_else(null)?, nfs);
        Ok(Self { function, private_data: data })
    }

    /// Like [`Callback::new`].
    ///
    /// # Safety
    /// `function` can be called with `private_data` until it has been, from any thread that serves the context.
    pub unsafe fn of_rpc(rpc: *mut rpc_context, function: rpc_cb, data: *mut c_void) -> Result<Self> {
        let function = Function::Rpc(function.ok_or_else(null)?, rpc);
        Ok(Self { function, private_data: data })
    }

    pub(super) fn call(self, status: c_int, data: *mut c_void) {
        // SAFETY: by the contract of `new`; `data` is what the function's documentation says, and outlives the call.
        unsafe {
            match self.function {
                Function::Nfs(function, nfs) => function(status, nfs, data, self.private_data),
                Function::Rpc(function, rpc) => function(rpc, status, data, self.private_data),
            }
        }
    }

    /// The context it is given, NULL when that is an RPC context.
    fn nfs(&self) -> *mut nfs_context {
        match self.function {
            Function::Nfs(_, nfs) => nfs,
            Function::Rpc(..) => std::ptr::null_mut(),
        }
    }

    /// Tells the end, whatever came to it.
    fn into_end<T: Answer>(self) -> impl FnOnce(Result<T>) + Send {
        move |result| self.end(result)
    }

    /// Tells the end.
    pub fn end<T: Answer>(self, result: Result<T>) {
        match result {
            Ok(answer) => answer.give(self),
            Err(error) => self.fail(&error),
        }
    }

    /// Tells an error: its sentence can be read from `data` and from nfs_get_error().
    pub(super) fn fail(self, error: &Error) {
        if let Ok(context) = self.function.context() {
            context.set_error(error);
        }
        let sentence = c_string(&error.to_string());
        self.call(-error.errno().max(1), sentence.as_ptr().cast_mut().cast());
    }
}

fn null() -> Error {
    Error::new(libc::EINVAL, "the callback is NULL")
}

impl Context {
    /// Queues an operation. `callback` learns the end.
    pub fn submit<T: Answer>(
        &self,
        callback: Callback,
        operation: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<c_int> {
        self.client.spawn(operation, callback.into_end())?;
        Ok(0)
    }
}

/// A result as callbacks get it.
pub trait Answer: Send + 'static {
    fn give(self, callback: Callback);
}

/// Nothing but success.
impl Answer for () {
    fn give(self, callback: Callback) {
        callback.call(0, std::ptr::null_mut());
    }
}

/// A number in place of the error.
pub struct Number(pub c_int);

impl Answer for Number {
    fn give(self, callback: Callback) {
        callback.call(self.0, std::ptr::null_mut());
    }
}

/// The address of a C structure.
pub struct Record<T>(pub T);

impl<T: Send + 'static> Answer for Record<T> {
    fn give(mut self, callback: Callback) {
        callback.call(0, (&raw mut self.0).cast());
    }
}

/// The address of a string.
impl Answer for CString {
    fn give(self, callback: Callback) {
        callback.call(0, self.as_ptr().cast_mut().cast());
    }
}

/// Data that was read: its address, and its length in place of the error.
pub struct Data(pub Block, pub usize);

impl Answer for Data {
    fn give(self, callback: Callback) {
        let Self(block, length) = self;
        let start = if block.len() == 0 { std::ptr::null() } else { block.as_ptr() };
        callback.call(counted(length), start.cast_mut().cast());
        block.recycle();
    }
}

/// A handle.
impl Answer for Arc<File> {
    fn give(self, callback: Callback) {
        match FILES.insert(OpenFile::new(self)) {
            Ok(handle) => callback.call(0, handle.cast()),
            Err(error) => callback.fail(&error),
        }
    }
}

/// A handle.
impl Answer for Directory {
    fn give(self, callback: Callback) {
        match DIRECTORIES.insert(OpenDirectory::new(callback.nfs(), self)) {
            Ok(handle) => callback.call(0, handle.cast()),
            Err(error) => callback.fail(&error),
        }
    }
}
