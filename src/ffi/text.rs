//! Texts and bytes across the border: checked on the way in, kept with a NUL
//! behind them on the way out.

use std::{
    ffi::{CStr, c_char, c_int, c_void},
    ptr, slice,
};

use super::{event::salon_bytes, server::count};
use crate::base::error::{Error, Result};

/// A NUL-terminated text of the host's; null is an error.
pub(super) unsafe fn text<'a>(pointer: *const c_char, what: &str) -> Result<&'a str> {
    // SAFETY: the same contract.
    unsafe { optional_text(pointer, what) }?.ok_or_else(|| Error::invalid(format!("{what} is null")))
}

/// The same, where null means that there is none.
pub(super) unsafe fn optional_text<'a>(pointer: *const c_char, what: &str) -> Result<Option<&'a str>> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: the header demands a NUL-terminated text that lives through the call.
    let text = unsafe { CStr::from_ptr(pointer) };
    text.to_str().map(Some).map_err(|_| Error::invalid(format!("{what} is not UTF-8")))
}

/// `len` bytes of the host's; null is fine for none.
pub(super) unsafe fn bytes<'a>(pointer: *const c_void, len: usize, what: &str) -> Result<&'a [u8]> {
    if len == 0 {
        return Ok(&[]);
    }
    if pointer.is_null() {
        return Err(Error::invalid(format!("{what} is null, and its length is {len}")));
    }
    if len > isize::MAX as usize {
        return Err(Error::invalid(format!("{what} can't have {len} bytes")));
    }
    // SAFETY: the header demands that many readable bytes that live through the call.
    Ok(unsafe { slice::from_raw_parts(pointer.cast(), len) })
}

/// `len` bytes of UTF-8.
pub(super) unsafe fn text_of_len<'a>(pointer: *const c_char, len: usize, what: &str) -> Result<&'a str> {
    // SAFETY: the same contract.
    let bytes = unsafe { bytes(pointer.cast(), len, what) }?;
    std::str::from_utf8(bytes).map_err(|_| Error::invalid(format!("{what} is not UTF-8")))
}

/// An array of the host's; null is fine for none.
pub(super) unsafe fn array<'a, T>(pointer: *const T, count: usize, what: &str) -> Result<&'a [T]> {
    if count == 0 {
        return Ok(&[]);
    }
    if pointer.is_null() {
        return Err(Error::invalid(format!("{what} is null, and its count is {count}")));
    }
    if count > isize::MAX as usize / size_of::<T>().max(1) {
        return Err(Error::invalid(format!("{what} can't have {count} entries")));
    }
    // SAFETY: the header demands that many readable entries that live through the call.
    Ok(unsafe { slice::from_raw_parts(pointer, count) })
}

/// Arguments as JSON; null stands for none.
pub(super) unsafe fn optional_args<'a>(pointer: *const c_char, len: usize) -> Result<Option<&'a str>> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: the same contract.
    unsafe { text_of_len(pointer, len, "args") }.map(Some)
}

/// An array of texts.
pub(super) unsafe fn texts<'a>(
    pointer: *const *const c_char,
    count: usize,
    what: &str,
) -> Result<Vec<&'a str>> {
    // SAFETY: the same contract, for the array and for each text.
    unsafe { array(pointer, count, what)?.iter().map(|pointer| text(*pointer, what)).collect() }
}

/// An array of byte strings.
pub(super) unsafe fn blobs<'a>(
    pointer: *const salon_bytes,
    count: usize,
    what: &str,
) -> Result<Vec<&'a [u8]>> {
    // SAFETY: the same contract, for the array and for each entry.
    unsafe { array(pointer, count, what)?.iter().map(|it| bytes(it.ptr, it.len, what)).collect() }
}

/// Where an answer goes; null is an error.
pub(super) unsafe fn out<'a, T>(pointer: *mut T, what: &str) -> Result<&'a mut T> {
    // SAFETY: the header demands null or a place for a `T`.
    unsafe { pointer.as_mut() }.ok_or_else(|| Error::invalid(format!("{what} is null")))
}

/// Writes a value to where an answer goes, unless that is null.
pub(super) unsafe fn put<T>(pointer: *mut T, value: T) {
    if !pointer.is_null() {
        // SAFETY: the header demands null or a place for a `T`.
        unsafe { pointer.write(value) };
    }
}

/// Checks the `size` of a struct. That of a pointer is what `sizeof` gives for
/// one by mistake, and no struct is that small.
fn check_struct(size: usize, what: &str) -> Result<()> {
    if size <= size_of::<*const ()>() || size > 1 << 16 {
        return Err(Error::invalid(format!("{what}.size is {size}; set it to sizeof({what})")));
    }
    Ok(())
}

/// Copies the part of a struct that the host's header knows: `size` says how
/// much that is. What is beyond is zero, which means the default; so is all of
/// a null one. `T` is a struct of numbers and pointers that begins with `size`.
pub(super) unsafe fn sized<T: Copy>(pointer: *const T, what: &str) -> Result<T> {
    // SAFETY: all zeros are a value of numbers and pointers.
    let mut value: T = unsafe { std::mem::zeroed() };
    if pointer.is_null() {
        return Ok(value);
    }
    // SAFETY: each such struct begins with its size.
    let size = unsafe { pointer.cast::<usize>().read() };
    check_struct(size, what)?;
    // SAFETY: the host has `size` bytes there, and no more than ours are copied.
    unsafe {
        ptr::copy_nonoverlapping(
            pointer.cast::<u8>(),
            ptr::from_mut(&mut value).cast::<u8>(),
            size.min(size_of::<T>()),
        );
    }
    Ok(value)
}

/// The other way: fills as much of the host's struct as its `size` allows.
pub(super) unsafe fn fill<T: Copy>(pointer: *mut T, value: T, what: &str) -> Result<()> {
    // SAFETY: the header demands null or a struct that begins with its size.
    let size = unsafe { out(pointer.cast::<usize>(), what) }.map(|size| *size)?;
    check_struct(size, what)?;
    // SAFETY: the host has `size` bytes there; its own size is put back.
    unsafe {
        ptr::copy_nonoverlapping(
            ptr::from_ref(&value).cast::<u8>(),
            pointer.cast::<u8>(),
            size.min(size_of::<T>()),
        );
        pointer.cast::<usize>().write(size);
    }
    Ok(())
}

/// Hands a text out, with a NUL behind it.
pub(super) unsafe fn give(
    keeper: &mut Keeper,
    value: Option<&[u8]>,
    place: *mut salon_bytes,
) -> Result<c_int> {
    // SAFETY: the header demands a place for the answer.
    let place = unsafe { out(place, "value_out") }?;
    let value = value.ok_or_else(|| Error::not_found("there is no such value"))?;
    *place = salon_bytes { ptr: keeper.keep(value).cast(), len: value.len() };
    Ok(0)
}

/// Hands an array of names out, each with a NUL behind it, and answers how many.
pub(super) unsafe fn give_names(
    keeper: &mut Keeper,
    names: &[impl AsRef<str>],
    place: *mut *const salon_bytes,
) -> c_int {
    let entries = names.iter().map(|name| keeper.keep_name(name.as_ref())).collect();
    // SAFETY: the header demands null or a place for the answer.
    unsafe { put(place, keeper.keep_array(entries)) };
    count(names.len())
}

/// Texts that are handed out: each with a NUL behind it, at an address that
/// stays until the next poll.
#[derive(Debug, Default)]
pub(super) struct Keeper {
    blocks: Vec<Box<[u8]>>,
    used: usize,
    /// The namespace kept last: where it lies, and where it was kept.
    nsp: Option<(*const [u8], *const c_char)>,
    arrays: Vec<Box<[salon_bytes]>>,
}

const BLOCK: usize = 16 << 10;

impl Keeper {
    /// Forgets all of them.
    pub(super) fn clear(&mut self) {
        self.blocks.truncate(1);
        if self.blocks.first().is_some_and(|block| block.len() > BLOCK) {
            self.blocks.clear();
        }
        self.used = 0;
        self.nsp = None;
        self.arrays.clear();
    }

    /// Keeps a text.
    pub(super) fn keep(&mut self, bytes: &[u8]) -> *const c_char {
        let wanted = bytes.len() + 1;
        let room = self.blocks.last().map_or(0, |block| block.len() - self.used);
        if room < wanted {
            self.blocks.push(vec![0; wanted.max(BLOCK)].into_boxed_slice());
            self.used = 0;
        }
        let start = self.used;
        self.used += wanted;
        let place = self.blocks.last_mut().and_then(|block| block.get_mut(start..start + wanted));
        let Some(place) = place else { return c"".as_ptr() };
        place[..bytes.len()].copy_from_slice(bytes);
        place[bytes.len()] = 0;
        place.as_ptr().cast()
    }

    /// Keeps the name of a namespace, which lies in the turn and mostly is where
    /// that of the event before is.
    #[inline]
    pub(super) fn keep_nsp(&mut self, nsp: &str) -> *const c_char {
        let lies = ptr::from_ref(nsp.as_bytes());
        match self.nsp {
            Some((last, kept)) if ptr::eq(last, lies) => kept,
            _ => {
                let kept = self.keep(nsp.as_bytes());
                self.nsp = Some((lies, kept));
                kept
            }
        }
    }

    /// Keeps a name, as an entry of an array.
    pub(super) fn keep_name(&mut self, name: &str) -> salon_bytes {
        salon_bytes { ptr: self.keep(name.as_bytes()).cast(), len: name.len() }
    }

    /// Keeps an array of bytes that lie elsewhere.
    pub(super) fn keep_array(&mut self, entries: Vec<salon_bytes>) -> *const salon_bytes {
        if entries.is_empty() {
            return ptr::NonNull::dangling().as_ptr();
        }
        self.arrays.push(entries.into_boxed_slice());
        self.arrays.last().map_or(ptr::null(), |array| array.as_ptr())
    }
}
