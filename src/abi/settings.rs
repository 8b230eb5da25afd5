//! Settings of a context.

use libc::{c_char, c_int};

use super::arguments::{bits, text};
#[cfg(not(libnfs_abi = "13"))]
use super::guard::guard;
use super::guard::guard_or;
use super::objects::ContextHandle;
use super::types::nfs_context;
use crate::client::Settings;
use crate::error::{Error, Result};

/// Changes settings. Without a context there is nothing to change.
pub fn change(handle: impl ContextHandle, change: impl FnOnce(&mut Settings) -> Result<()>) {
    guard_or(handle, |_| (), |context| context.client.change_settings(change));
}

/// Changes settings, when nothing can go wrong.
pub fn set(handle: impl ContextHandle, set: impl FnOnce(&mut Settings)) {
    change(handle, |settings| {
        set(settings);
        Ok(())
    });
}

/// Reads a setting; `otherwise` without a context.
pub fn read<T>(handle: impl ContextHandle, otherwise: T, read: impl FnOnce(&Settings) -> T) -> T {
    guard_or(handle, |_| otherwise, |context| Ok(read(&context.client.settings())))
}

/// Chooses the network interface to connect from, by its name. NULL leaves the choice to the system.
///
/// # Safety
/// `ifname` is NULL or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_set_interface(nfs: *mut nfs_context, ifname: *const c_char) {
    // SAFETY: by the contract above.
    let name = unsafe { text(ifname, "") }.ok();
    set(nfs, |settings| settings.interface = name);
}

/// Returns 0. There is no table to size: it grows with the calls in flight. No effect.
#[cfg(not(libnfs_abi = "13"))]
#[unsafe(no_mangle)]
pub extern "C" fn nfs_set_hash_size(nfs: *mut nfs_context, hashes: c_int) -> c_int {
    let _ = hashes;
    guard(nfs, |_| Ok(0))
}

/// Returns how many bytes a single READ of the mounted server carries at most. Before the mount it is the limit that the
/// program has set, or 0.
#[unsafe(no_mangle)]
pub extern "C" fn nfs_get_readmax(nfs: *mut nfs_context) -> u64 {
    guard_or(nfs, |_| 0, |context| Ok(context.client.read_max()))
}

/// Returns how many bytes a single WRITE to the mounted server carries at most. Before the mount it is the limit that the
/// program has set, or 0.
#[unsafe(no_mangle)]
pub extern "C" fn nfs_get_writemax(nfs: *mut nfs_context) -> u64 {
    guard_or(nfs, |_| 0, |context| Ok(context.client.write_max()))
}

/// Limits a single READ to `readmax` bytes, when that is less than what the server allows. 0 removes the limit.
/// Larger reads are split, and need no care.
#[cfg(not(libnfs_abi = "13"))]
#[unsafe(no_mangle)]
pub extern "C" fn nfs_set_readmax(nfs: *mut nfs_context, readmax: u64) {
    set(nfs, |settings| settings.read_max = Some(readmax).filter(|&limit| limit > 0));
}

/// Limits a single WRITE to `writemax` bytes, when that is less than what the server allows. 0 removes the limit.
/// Larger writes are split, and need no care.
#[cfg(not(libnfs_abi = "13"))]
#[unsafe(no_mangle)]
pub extern "C" fn nfs_set_writemax(nfs: *mut nfs_context, writemax: u64) {
    set(nfs, |settings| settings.write_max = Some(writemax).filter(|&limit| limit > 0));
}

/// Sets how often the system sends a SYN before connecting fails. 0 leaves it to the system.
#[unsafe(no_mangle)]
pub extern "C" fn nfs_set_tcp_syncnt(nfs: *mut nfs_context, v: c_int) {
    set(nfs, |settings| settings.tcp_syncnt = u32::try_from(v).unwrap_or(0));
}

/// Sets how much is told on the standard error output, a line for each. 0 is nothing. 1 is what goes wrong between this
/// program and the server: connections that are lost and made again, calls without an answer, wrong arguments. 2 is also
/// what the server refuses, names that do not exist, and connections that are made.
#[unsafe(no_mangle)]
pub extern "C" fn nfs_set_debug(nfs: *mut nfs_context, level: c_int) {
    set(nfs, |settings| settings.debug = level);
}

/// Sets whether exports below the mounted one are mounted on the way. On unless switched off.
#[cfg(not(libnfs_abi = "13"))]
#[unsafe(no_mangle)]
pub extern "C" fn nfs_set_auto_traverse_mounts(nfs: *mut nfs_context, enabled: c_int) {
    set(nfs, |settings| settings.auto_traverse_mounts = enabled != 0);
}

/// Sets how often the library tries to connect again after a connection is lost, before calls fail. -1, the default,
/// means without limit; 0 means never.
#[unsafe(no_mangle)]
pub extern "C" fn nfs_set_autoreconnect(nfs: *mut nfs_context, num_retries: c_int) {
    set(nfs, |settings| settings.autoreconnect = num_retries.max(-1));
}

/// Sets the port of the server's NFS service. 0 asks the server's portmapper. What is no port, above 65535 or negative,
/// makes mounting fail with -EINVAL.
#[cfg(not(libnfs_abi = "13"))]
#[unsafe(no_mangle)]
pub extern "C" fn nfs_set_nfsport(nfs: *mut nfs_context, port: c_int) {
    change(nfs, |settings| set_port(&mut settings.nfs_port, port));
}

/// Sets the port of the server's MOUNT service. 0 asks the server's portmapper. What is no port, above 65535 or negative,
/// makes mounting fail with -EINVAL.
#[cfg(not(libnfs_abi = "13"))]
#[unsafe(no_mangle)]
pub extern "C" fn nfs_set_mountport(nfs: *mut nfs_context, port: c_int) {
    change(nfs, |settings| set_port(&mut settings.mount_port, port));
}

#[cfg(not(libnfs_abi = "13"))]
fn set_port(setting: &mut Option<u16>, port: c_int) -> Result<()> {
    let number = u16::try_from(port);
    *setting = Some(number.unwrap_or(Settings::NO_PORT)).filter(|_| port != 0);
    number.map(drop).map_err(|_| Error::new(libc::EINVAL, format!("{port} is not a port")))
}

/// Sets how much of a directory one READDIRPLUS asks for, in bytes: `dircount` of names, and `maxcount` in all
/// (RFC 1813, section 3.3.17).
#[cfg(not(libnfs_abi = "13"))]
#[unsafe(no_mangle)]
pub extern "C" fn nfs_set_readdir_max_buffer_size(nfs: *mut nfs_context, dircount: u32, maxcount: u32) {
    set(nfs, |settings| (settings.readdir_dircount, settings.readdir_maxcount) = (dircount, maxcount));
}

/// Sets the NFS version of the next mount, NFS_V3 or NFS_V4. Returns 0, or -1 for any other number. With version 4 the
/// server's highest minor version is used, 4.2 or 4.1; 4.0 is not there yet.
#[unsafe(no_mangle)]
pub extern "C" fn nfs_set_version(nfs: *mut nfs_context, version: c_int) -> c_int {
    guard_or(
        nfs,
        |_| -1,
        |context| {
            if !(3..=4).contains(&version) {
                return Err(Error::new(libc::EINVAL, format!("NFS version {version} is not supported")));
            }
            context
                .client
                .change_settings(|settings| (settings.version, settings.minor) = (bits(version), None));
            Ok(0)
        },
    )
}

/// Returns the NFS version of the context, 3 or 4.
#[cfg(not(libnfs_abi = "13"))]
#[unsafe(no_mangle)]
pub extern "C" fn nfs_get_version(nfs: *mut nfs_context) -> c_int {
    guard(nfs, |context| Ok(context.client.settings().version as c_int))
}

/// Sets how long, in milliseconds, a synchronous call sleeps at most before it looks at the time again. It is kept for
/// nfs_get_poll_timeout(). No effect otherwise: calls wake when something happens and when their time is over.
#[cfg(not(libnfs_abi = "13"))]
#[unsafe(no_mangle)]
pub extern "C" fn nfs_set_poll_timeout(nfs: *mut nfs_context, milliseconds: c_int) {
    set(nfs, |settings| settings.set_poll_timeout(milliseconds));
}

/// Returns what nfs_set_poll_timeout() has set.
#[cfg(not(libnfs_abi = "13"))]
#[unsafe(no_mangle)]
pub extern "C" fn nfs_get_poll_timeout(nfs: *mut nfs_context) -> c_int {
    read(nfs, -1, Settings::poll_timeout_milliseconds)
}

/// Sets how long a mount, and after that each call to the server, may take, in milliseconds. 0 or a negative number
/// means no limit; a mount then ends after 60 seconds.
#[unsafe(no_mangle)]
pub extern "C" fn nfs_set_timeout(nfs: *mut nfs_context, milliseconds: c_int) {
    set(nfs, |settings| settings.set_timeout(milliseconds));
}

/// Returns what nfs_set_timeout() has set. -1 at first.
#[unsafe(no_mangle)]
pub extern "C" fn nfs_get_timeout(nfs: *mut nfs_context) -> c_int {
    read(nfs, -1, Settings::timeout_milliseconds)
}

/// Sets the name that an NFS version 4 server knows this client by. It must be another one for each client of the
/// server. NULL has a name made. No effect so far.
///
/// # Safety
/// `id` is NULL or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs4_set_client_name(nfs: *mut nfs_context, id: *const c_char) {
    // SAFETY: by the contract above.
    let name = unsafe { text(id, "") }.ok();
    set(nfs, |settings| settings.client_name = name);
}

/// Sets the eight bytes by which an NFS version 4 server distinguishes a restarted client from the one before. NULL
/// lets the library choose them. No effect so far.
///
/// # Safety
/// `verifier` is NULL or has eight bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs4_set_verifier(nfs: *mut nfs_context, verifier: *const c_char) {
    // SAFETY: by the contract above; bytes need no alignment.
    let verifier = unsafe { verifier.cast::<[u8; 8]>().as_ref() }.copied();
    set(nfs, |settings| settings.client_verifier = verifier);
}

/// Sets the permission bits that nfs_open() removes from those of a file it creates, and returns the former ones. They
/// are 022 at first. Functions that take the permissions as an argument use them unchanged.
#[unsafe(no_mangle)]
pub extern "C" fn nfs_umask(nfs: *mut nfs_context, mask: u16) -> u16 {
    guard_or(
        nfs,
        |_| 0,
        |context| {
            let mask = mask.into();
            let former =
                context.client.change_settings(|settings| std::mem::replace(&mut settings.umask, mask));
            Ok(u16::try_from(former).unwrap_or(u16::MAX))
        },
    )
}
