//! Which process this is: fork() duplicates memory and descriptors, but what the descriptors stand for (connections,
//! epoll sets) remains one thing, and belongs to the process that has made it.

use std::sync::atomic::{AtomicU32, Ordering};

use once_cell::sync::Lazy;

/// A word that the kernel sets to zero in a child; None where it does not know how (before Linux 4.14).
static WORD: Lazy<Option<&'static AtomicU32>> = Lazy::new(wiped_on_fork);

/// The last number that was given out. A child goes on where its parent was.
static LAST: AtomicU32 = AtomicU32::new(0);

/// A number that differs between a process and those it was forked from, and is the same as long as it lives. Costs no
/// system call.
pub fn process() -> u32 {
    let Some(word) = *WORD else { return std::process::id() };
    match word.load(Ordering::Relaxed) {
        0 => {
            let new = LAST.fetch_add(1, Ordering::Relaxed) + 1;
            // Of several threads that come here at once, the first one's number counts.
            word.compare_exchange(0, new, Ordering::Relaxed, Ordering::Relaxed)
                .map_or_else(|other| other, |_| new)
        }
        number => number,
    }
}

fn wiped_on_fork() -> Option<&'static AtomicU32> {
    const SIZE: usize = 4096;
    let (access, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: asks for new memory, wherever there is room.
    let page = unsafe { libc::mmap(std::ptr::null_mut(), SIZE, access, flags, -1, 0) };
    if page == libc::MAP_FAILED {
        return None;
    }
    // SAFETY: the page is ours.
    if unsafe { libc::madvise(page, SIZE, libc::MADV_WIPEONFORK) } != 0 {
        // SAFETY: nobody uses the page.
        unsafe { libc::munmap(page, SIZE) };
        return None;
    }
    // SAFETY: zeroed memory, aligned to a page, that is never given back and used as this atomic only.
    Some(unsafe { &*page.cast::<AtomicU32>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_has_another_number() {
        let before = process();
        assert_eq!(process(), before);
        // SAFETY: the child calls nothing that takes locks or memory.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let differs = process() != before && process() == process();
            // SAFETY: ends the child at once.
            unsafe { libc::_exit(i32::from(!differs)) };
        }
        let mut status = -1;
        // SAFETY: the status is valid for the call.
        unsafe { libc::waitpid(child, &mut status, 0) };
        assert_eq!((status, process()), (0, before));
    }
}
