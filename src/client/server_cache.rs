//! What the process remembers of servers: where their services are, and the roots of their exports.
//!
//! Programs mount the same export again and again, with a context for each thread or file. What is remembered lives for
//! [`LIFE`], and is dropped when it fails; then everything is asked anew.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::exports::Nested;
use crate::attributes::Handle;
use crate::sync::{self, Held, lock};

const LIFE: Duration = Duration::from_secs(10);

/// Most exports.
const MOST: usize = 64;

/// A list, which is kept when the process ends: a leak checker finds what there is no pointer to the beginning of, such as
/// the memory of a hash table, possibly lost.
static EXPORTS: Mutex<Vec<(Key, Known, Instant)>> = Mutex::new(Vec::new());

/// An export as the program names it, with the ports that it has chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    pub server: Vec<u8>,
    pub export: Vec<u8>,
    pub mount_port: Option<u16>,
    pub nfs_port: Option<u16>,
    /// Exports below it are asked for.
    pub crosses: bool,
}

/// Where it is.
#[derive(Clone)]
pub struct Known {
    pub mount_service: SocketAddr,
    pub nfs_service: SocketAddr,
    pub root: Handle,
    pub nested: Arc<Nested>,
}

/// For a fork.
pub fn hold(until: Instant, held: &mut Vec<Box<dyn Held>>) {
    sync::hold(&EXPORTS, until, held);
}

pub fn get(key: &Key, now: Instant) -> Option<Known> {
    let exports = lock(&EXPORTS);
    let (_, known, since) = exports.iter().find(|(other, ..)| other == key)?;
    (now.saturating_duration_since(*since) < LIFE).then(|| known.clone())
}

pub fn keep(key: Key, known: Known, now: Instant) {
    let mut exports = lock(&EXPORTS);
    exports.retain(|(other, _, since)| *other != key && now.saturating_duration_since(*since) < LIFE);
    if exports.len() < MOST {
        exports.push((key, known, now));
    }
}

pub fn forget(key: &Key) {
    lock(&EXPORTS).retain(|(other, ..)| other != key);
}
