//! Which process this is: fork() duplicates memory and descriptors, but what the descriptors stand for (connections,
//! epoll sets) remains one thing, and belongs to the process that has made it.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU32, Ordering};

use once_cell::sync::Lazy;

/// A word that the kernel sets to zero in a child; None where it does not know how (before Linux 4.14).
static WORD: Lazy<Option<&'static AtomicU32>> = Lazy::new(wiped_on_fork);

/// A number that this process has, and none of its relatives. Costs no system call.
pub fn process() -> u32 {
    let Some(word) = *WORD else { return std::process::id() };
    match word.load(Ordering::Relaxed) {
        0 => {
            // No number of the system's: in another name space it may be the same as the parent's.
            let process = fresh();
            word.store(process, Ordering::Relaxed);
            process
        }
        process => process,
    }
}

/// Not 0.
fn fresh() -> u32 {
    let mut bytes = [0; 4];
    // SAFETY: the pointer and the length describe the bytes.
    let filled = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
    match (filled, u32::from_ne_bytes(bytes)) {
        (4, number) if number != 0 => number,
        _ => std::process::id(),
    }
}

fn wiped_on_fork() -> Option<&'static AtomicU32> {
    let word = page()?;
    // SAFETY: the page is ours.
    let wiped = unsafe { libc::madvise(word.as_ptr().cast(), PAGE, libc::MADV_WIPEONFORK) };
    (wiped == 0).then_some(word)
}

const PAGE: usize = 4096;

/// A word in a page of its own.
fn page() -> Option<&'static AtomicU32> {
    if cfg!(miri) {
        return None; // it knows no such memory, or not how to wipe it
    }
    let (access, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: asks for new memory, wherever there is room.
    let page = unsafe { libc::mmap(std::ptr::null_mut(), PAGE, access, flags, -1, 0) };
    // SAFETY: zeroed memory, aligned to a page, that is never given back and used as this atomic only.
    (page != libc::MAP_FAILED).then(|| unsafe { &*page.cast::<AtomicU32>() })
}

/// A number that neither this process nor a relative has had: what std calls random is the same in a child.
pub fn random() -> u64 {
    RandomState::new().hash_one(process())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "it knows no fork()")]
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
