//! What the process remembers of servers: where their services are, and the roots of their exports.
//!
//! Programs mount the same export again and again, with a context for each thread or file. What is remembered lives for
//! [`LIFE`], and is dropped when it fails; then everything is asked anew.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use once_cell::sync::Lazy;

use super::exports::Nested;
use crate::attributes::Handle;
use crate::sync::lock;

const LIFE: Duration = Duration::from_secs(10);

/// Most exports.
const MOST: usize = 64;

static EXPORTS: Lazy<Mutex<HashMap<Key, (Known, Instant)>>> = Lazy::new(Mutex::default);

/// An export as the program names it, with the ports that it has chosen.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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

pub fn get(key: &Key, now: Instant) -> Option<Known> {
    let exports = lock(&EXPORTS);
    let (known, since) = exports.get(key)?;
    (now.saturating_duration_since(*since) < LIFE).then(|| known.clone())
}

pub fn keep(key: Key, known: Known, now: Instant) {
    let mut exports = lock(&EXPORTS);
    exports.retain(|_, (_, since)| now.saturating_duration_since(*since) < LIFE);
    if exports.len() < MOST {
        exports.insert(key, (known, now));
    }
}

pub fn forget(key: &Key) {
    lock(&EXPORTS).remove(key);
}
