//! The exports of a server.

use libc::{c_char, c_int, c_void};

use super::arguments::text;
use super::callback::{Answer, Callback};
use super::guard::{guard, stop_panics};
use super::malloc;
use super::objects::new_client;
use super::raw::mount::{exportnode as ExportNode, groupnode};
use super::types::{rpc_cb, rpc_context};
use crate::client::{self, Export};
use crate::error::Result;

/// Asks a server for its exports (RFC 1813, section 5.2.5). Returns the first of a list, to be freed with
/// mount_free_export_list(), or NULL when there is none or after an error.
///
/// # Safety
/// `server` is NULL or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mount_getexports(server: *const c_char) -> *mut ExportNode {
    // SAFETY: passed on.
    unsafe { exports(server, None) }
}

/// Like mount_getexports(), but gives up after `timeout` milliseconds without an answer; 0 or less never.
///
/// # Safety
/// `server` is NULL or a C string.
#[cfg(not(libnfs_abi = "13"))]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mount_getexports_timeout(server: *const c_char, timeout: c_int) -> *mut ExportNode {
    // SAFETY: passed on.
    unsafe { exports(server, Some(timeout)) }
}

/// Like mount_getexports(), asynchronous, over connections that the RPC context makes for it. Its own timeout applies.
/// The callback gets 0 and the address of a list (a struct exportnode **, which the original headers call exports *),
/// valid until it returns; or a negative errno and a sentence. Returns 0 or -errno.
///
/// # Safety
/// `server` is NULL or a C string; `cb` can be called with `private_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mount_getexports_async(
    rpc: *mut rpc_context,
    server: *const c_char,
    cb: rpc_cb,
    private_data: *mut c_void,
) -> c_int {
    guard(rpc, |context| {
        // SAFETY: by the contract above.
        let (server, callback) =
            unsafe { (text(server, "the server")?, Callback::of_rpc(rpc, cb, private_data)?) };
        context.submit(callback, client::exports(context.client.clone(), server))
    })
}

/// Frees a list of exports. NULL is left alone.
///
/// # Safety
/// `exports` is NULL, or came from mount_getexports() and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mount_free_export_list(exports: *mut ExportNode) {
    // SAFETY: by the contract above.
    drop(unsafe { List::from_raw(exports) });
}

/// The common part.
///
/// # Safety
/// `server` is NULL or a C string.
unsafe fn exports(server: *const c_char, timeout: Option<c_int>) -> *mut ExportNode {
    let list = stop_panics(|| {
        // SAFETY: by the caller's contract.
        let server = unsafe { text(server, "the server")? };
        let client = new_client()?;
        if let Some(milliseconds) = timeout {
            client.change_settings(|settings| settings.set_timeout(milliseconds));
        }
        let result = client.run(client::exports(client.clone(), server));
        client.shut_down();
        List::new(&result?)
    });
    list.map_or(std::ptr::null_mut(), List::into_raw)
}

/// An export list in C's form, which owns its memory.
pub struct List(*mut ExportNode);

impl List {
    pub fn new(exports: &[Export]) -> Result<Self> {
        let mut list = Self(std::ptr::null_mut());
        for export in exports.iter().rev() {
            let ex_dir = malloc::string(until_nul(&export.directory))?;
            list.0 = malloc::boxed(ExportNode { ex_dir, ex_groups: std::ptr::null_mut(), ex_next: list.0 })?;
            for group in export.groups.iter().rev() {
                // SAFETY: the node made above.
                let node = unsafe { &mut *list.0 };
                let gr_name = malloc::string(until_nul(group))?;
                node.ex_groups = malloc::boxed(groupnode { gr_name, gr_next: node.ex_groups })?;
            }
        }
        Ok(list)
    }

    /// Takes a list over.
    ///
    /// # Safety
    /// `list` is NULL or came from `into_raw`, and is not used again.
    unsafe fn from_raw(list: *mut ExportNode) -> Self {
        Self(list)
    }

    fn into_raw(self) -> *mut ExportNode {
        std::mem::ManuallyDrop::new(self).0
    }
}

impl Drop for List {
    fn drop(&mut self) {
        // SAFETY: nodes and names were allocated by `new` and belong to the list; each is freed once.
        unsafe {
            while let Some(node) = self.0.as_mut() {
                while let Some(group) = node.ex_groups.as_mut() {
                    node.ex_groups = group.gr_next;
                    malloc::free(group.gr_name);
                    malloc::free(group);
                }
                self.0 = node.ex_next;
                malloc::free(node.ex_dir);
                malloc::free(node);
            }
        }
    }
}

/// The address of the list, which is freed after the callback.
impl Answer for Vec<Export> {
    fn give(self, callback: Callback) {
        match List::new(&self) {
            Ok(mut list) => callback.call(0, (&raw mut list.0).cast()),
            Err(error) => callback.fail(&error),
        }
    }
}

/// What C can see of a name.
fn until_nul(text: &[u8]) -> &[u8] {
    text.split(|&byte| byte == 0).next().unwrap_or_default()
}
