//! Locks as all layers take them.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex whose data is right after every single change, so that a panic elsewhere does not matter.
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
