//! Servers on the local network.

use std::time::Duration;

use super::guard::stop_panics;
use super::malloc;
use super::types::nfs_server_list;
use crate::client::find_local_servers;
use crate::error::Result;

/// How long servers have to answer.
const WAIT: Duration = Duration::from_secs(3);

/// Looks for NFS servers on the local network, with a broadcast to their portmappers, for three seconds. Returns the
/// first of a list, to be freed with free_nfs_srvr_list(), or NULL when there is none.
#[unsafe(no_mangle)]
pub extern "C" fn nfs_find_local_servers() -> *mut nfs_server_list {
    let list = stop_panics(|| List::new(&find_local_servers(WAIT)?));
    list.map_or(std::ptr::null_mut(), |list| std::mem::ManuallyDrop::new(list).0)
}

/// Frees a list of servers. NULL is left alone.
///
/// # Safety
/// `srv` is NULL, or came from nfs_find_local_servers() and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn free_nfs_srvr_list(srv: *mut nfs_server_list) {
    drop(List(srv));
}

/// A list in C's form, which owns its memory.
struct List(*mut nfs_server_list);

impl List {
    fn new(addresses: &[Vec<u8>]) -> Result<Self> {
        let mut list = Self(std::ptr::null_mut());
        for address in addresses.iter().rev() {
            let addr = malloc::string(address)?;
            list.0 = malloc::boxed(nfs_server_list { next: list.0, addr })?;
        }
        Ok(list)
    }
}

impl Drop for List {
    fn drop(&mut self) {
        // SAFETY: nodes and addresses were allocated by `new` and belong to the list; each is freed once.
        unsafe {
            while let Some(node) = self.0.as_mut() {
                self.0 = node.next;
                malloc::free(node.addr);
                malloc::free(node);
            }
        }
    }
}
