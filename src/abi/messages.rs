//! The sentences of a context: the latest error of each thread, and what nfs_get_error() has handed out.

use std::collections::VecDeque;
use std::ffi::CString;

use libc::c_char;

use crate::executor::{ThreadMark, this_thread};

/// A sentence handed out stays in place until this many others have been.
const KEPT: usize = 64;

/// Threads whose latest error is remembered.
const THREADS: usize = 64;

/// The latest errors of a context. Handing a sentence out keeps it alive for a while.
#[derive(Debug, Default)]
pub struct Messages {
    /// One of each thread, the latest of all at the end.
    latest: VecDeque<(ThreadMark, CString)>,
    handed_out: VecDeque<CString>,
}

impl Messages {
    /// The latest sentence of the calling thread.
    pub fn set(&mut self, message: CString) {
        let this = this_thread();
        self.latest.retain(|(thread, _)| *thread != this);
        if self.latest.len() == THREADS {
            self.latest.pop_front();
        }
        self.latest.push_back((this, message));
    }

    /// The latest sentence of the calling thread, or of any when that has had no error; empty when there was none.
    pub fn hand_out(&mut self) -> *mut c_char {
        let this = this_thread();
        let own = self.latest.iter().find(|(thread, _)| *thread == this).or(self.latest.back());
        let Some((_, latest)) = own else { return c"".as_ptr().cast_mut() };
        // One that was handed out before is the latest again, so that it stays.
        let before = self.handed_out.iter().rposition(|message| message == latest);
        let message =
            before.and_then(|index| self.handed_out.remove(index)).unwrap_or_else(|| latest.clone());
        let pointer = message.as_ptr().cast_mut(); // what it points to does not move
        if self.handed_out.len() == KEPT {
            self.handed_out.pop_front();
        }
        self.handed_out.push_back(message);
        pointer
    }
}

/// `text` for C: what follows a NUL byte would be lost, so there is none.
pub fn c_string(text: &str) -> CString {
    CString::new(text.replace('\0', "\\0")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use super::*;

    #[test]
    fn what_was_handed_out_stays_for_a_while() {
        let mut messages = Messages::default();
        let first = messages.hand_out();
        // SAFETY: the sentence handed out last.
        assert_eq!(unsafe { CStr::from_ptr(first) }, c"");
        messages.set(c_string("one\0two"));
        let second = messages.hand_out();
        assert_eq!(messages.hand_out(), second, "the same sentence is not copied again");
        for number in 0..KEPT - 1 {
            messages.set(c_string(&number.to_string()));
            messages.hand_out();
        }
        // SAFETY: as many others as are kept have not yet been handed out.
        assert_eq!(unsafe { CStr::from_ptr(second) }, c"one\\0two");
        messages.set(c_string("one\0two"));
        assert_eq!(messages.hand_out(), second, "it is handed out once more");
        for number in KEPT..2 * KEPT - 1 {
            messages.set(c_string(&number.to_string()));
            messages.hand_out();
        }
        // SAFETY: as above.
        assert_eq!(unsafe { CStr::from_ptr(second) }, c"one\\0two");
    }

    #[test]
    fn each_thread_has_its_own() {
        fn text(messages: &mut Messages) -> String {
            // SAFETY: it was handed out just now.
            unsafe { CStr::from_ptr(messages.hand_out()) }.to_string_lossy().into_owned()
        }
        let mut messages = Messages::default();
        messages.set(c_string("mine"));
        let messages = std::sync::Mutex::new(messages);
        let other = |act: &(dyn Fn(&mut Messages) + Sync)| {
            std::thread::scope(|scope| drop(scope.spawn(|| act(&mut crate::sync::lock(&messages))).join()));
        };
        other(&|messages| {
            assert_eq!(text(messages), "mine", "one that has had no error hears of the latest");
            messages.set(c_string("yours"));
            assert_eq!(text(messages), "yours");
        });
        assert_eq!(text(&mut crate::sync::lock(&messages)), "mine");
        for _ in 0..3 * THREADS {
            other(&|messages| messages.set(c_string("others")));
        }
        assert!(crate::sync::lock(&messages).latest.len() <= THREADS);
    }
}
