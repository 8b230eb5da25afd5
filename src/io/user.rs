//! Memory that the process keeps for its contexts goes with them.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::{buffer_pool, memory, stage};

/// How many there are, and how many there were at most since memory was last given back.
static USERS: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

/// What fewer have taken is not worth a walk through the memory of the program.
const MANY: usize = 256;

/// As long as there is one, memory is kept to be used again.
pub struct User(());

impl User {
    pub fn new() -> Self {
        MOST.fetch_max(USERS.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        Self(())
    }
}

impl Drop for User {
    fn drop(&mut self) {
        let left = USERS.fetch_sub(1, Ordering::SeqCst) - 1;
        if left == 0 {
            stage::give_spare_back();
            memory::give_spare_back();
            buffer_pool::give_spare_back();
        }
        let most = MOST.load(Ordering::SeqCst);
        let give_back = most >= MANY && left <= most / 4;
        if give_back && MOST.compare_exchange(most, left, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
            #[cfg(target_env = "gnu")]
            // SAFETY: takes no pointers. malloc() keeps what is free between what is not, unless it is told to look.
            unsafe {
                libc::malloc_trim(0);
            }
        }
    }
}
