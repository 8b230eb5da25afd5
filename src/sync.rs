//! Locks as all layers take them.

use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

/// Locks a mutex whose data is right after every single change, so that a panic elsewhere does not matter.
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As [`lock`], if the mutex is free.
pub fn try_lock<T: ?Sized>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// What is held while the process forks: the guards of mutexes, which a child could otherwise find locked for ever.
pub trait Held {}

impl<T> Held for T {}

/// As [`lock`], for a fork. Not after `until`: fork() may be called in a signal handler, on top of whoever has the lock.
pub fn lock_until<T: ?Sized>(mutex: &Mutex<T>, until: Instant) -> Option<MutexGuard<'_, T>> {
    const PAUSE: Duration = Duration::from_micros(50);
    loop {
        match try_lock(mutex) {
            None if Instant::now() < until => thread::sleep(PAUSE),
            guard => return guard,
        }
    }
}

/// As [`lock_until`], to be held for longer.
pub fn hold<'a, T: ?Sized>(mutex: &'a Mutex<T>, until: Instant, held: &mut Vec<Box<dyn Held + 'a>>) {
    if let Some(guard) = lock_until(mutex, until) {
        held.push(Box::new(guard));
    }
}
