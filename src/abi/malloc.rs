//! Memory from malloc(), for results that C may free() itself.

use libc::{c_char, c_void};

use crate::error::{Error, Result};

/// Moves `value` into memory from malloc().
pub fn boxed<T>(value: T) -> Result<*mut T> {
    let memory = allocate(size_of::<T>())?.cast::<T>();
    // SAFETY: malloc() returned memory of this size, aligned for every C type.
    unsafe { memory.write(value) };
    Ok(memory)
}

/// Moves values into memory from malloc(), one behind the other. NULL when there are none.
pub fn array<T>(values: impl ExactSizeIterator<Item = T>) -> Result<*mut T> {
    if values.len() == 0 {
        return Ok(std::ptr::null_mut());
    }
    let count = values.len();
    let memory = allocate(count.saturating_mul(size_of::<T>()))?.cast::<T>();
    for (index, value) in values.take(count).enumerate() {
        // SAFETY: malloc() returned memory for as many values, aligned for every C type.
        unsafe { memory.add(index).write(value) };
    }
    Ok(memory)
}

/// A copy of `bytes` with a NUL byte behind it. They contain none.
pub fn string(bytes: &[u8]) -> Result<*mut c_char> {
    let memory = allocate(bytes.len() + 1)?.cast::<u8>();
    // SAFETY: the memory is new and has room for the bytes and one more.
    unsafe {
        memory.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        memory.add(bytes.len()).write(0);
    }
    Ok(memory.cast())
}

/// Like [`string`], but NULL for None.
pub fn optional_string(bytes: Option<&[u8]>) -> Result<*mut c_char> {
    bytes.map_or(Ok(std::ptr::null_mut()), string)
}

fn allocate(size: usize) -> Result<*mut c_void> {
    // SAFETY: malloc() may be asked for any size.
    let memory = unsafe { libc::malloc(size) };
    if memory.is_null() {
        Err(Error::new(libc::ENOMEM, format!("no memory for {size} bytes")))
    } else {
        Ok(memory)
    }
}

/// Frees what this module, or C itself, allocated.
///
/// # Safety
/// `memory` is NULL or from malloc(), and not used again.
pub unsafe fn free<T>(memory: *mut T) {
    // SAFETY: by the caller's contract.
    unsafe { libc::free(memory.cast()) }
}
