//! What the open files of a context share when they are the same object of the server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};

use crate::attributes::Handle;
use crate::sync::lock;

/// One `T` for each file that is open.
pub struct PerFile<T>(Mutex<HashMap<Handle, Weak<T>>>);

impl<T> Default for PerFile<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> PerFile<T> {
    /// That of a file which is being opened.
    pub fn of(&self, file: &Handle, make: impl FnOnce() -> T) -> Arc<T> {
        let mut open = lock(&self.0);
        if let Some(shared) = open.get(file).and_then(Weak::upgrade) {
            return shared;
        }
        open.retain(|_, shared| shared.strong_count() > 0);
        let shared = Arc::new(make());
        open.insert(*file, Arc::downgrade(&shared));
        shared
    }

    /// That of a file, if it is open.
    pub fn find(&self, file: &Handle) -> Option<Arc<T>> {
        lock(&self.0).get(file).and_then(Weak::upgrade)
    }
}
