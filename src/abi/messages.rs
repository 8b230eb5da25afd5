//! The sentences of a context: the latest error, and what nfs_get_error() has handed out.

use std::collections::VecDeque;
use std::ffi::CString;

use libc::c_char;

/// A sentence handed out stays in place until this many others have been.
const KEPT: usize = 64;

/// The latest error of a context. Handing a sentence out keeps it alive for a while.
#[derive(Debug, Default)]
pub struct Messages {
    latest: CString,
    handed_out: VecDeque<CString>,
}

impl Messages {
    pub fn set(&mut self, message: CString) {
        self.latest = message;
    }

    /// The latest sentence, empty when there was none.
    pub fn hand_out(&mut self) -> *mut c_char {
        if self.handed_out.back() != Some(&self.latest) {
            if self.handed_out.len() == KEPT {
                self.handed_out.pop_front();
            }
            self.handed_out.push_back(self.latest.clone());
        }
        self.handed_out.back().map_or(c"".as_ptr(), |message| message.as_ptr()).cast_mut()
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
    }
}
