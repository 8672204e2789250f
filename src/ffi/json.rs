//! Small JSON helpers, so that a host in C reads an argument and writes one
//! safely without a library of its own.

use std::{
    ffi::{c_char, c_int},
    panic::catch_unwind,
    ptr,
};

use super::{
    error::{fail, fail_with, salon_error},
    event::salon_bytes,
    text::{array, out, text, text_of_len},
};
use crate::base::{
    error::{Error, Result},
    json,
};

/// How deep these helpers look.
const DEPTH: u32 = 128;

fn guard(call: impl FnOnce() -> Result<isize> + std::panic::UnwindSafe) -> isize {
    match catch_unwind(call) {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => fail(&error) as isize,
        Err(_) => fail_with(salon_error::SALON_ERR_PANIC, "a bug in Salon was caught") as isize,
    }
}

fn no_json(fault: json::JsonFault) -> Error {
    Error::invalid(format!("this is not JSON: {fault}"))
}

/// # JSON
///
/// What a host needs to read an argument and to write one safely. These take no
/// server and may be called on any thread. SALON_ERR_INVALID for what is not
/// JSON, or nests deeper than 128.
///
/// ---
///
/// Finds the value that a JSON Pointer (RFC 6901) names, such as "/0/token"; ""
/// is the whole, "~1" in a name stands for a slash and "~0" for a tilde.
/// `value_out` gets its JSON text, which lies within `json` and lives as long.
/// SALON_ERR_NOT_FOUND if there is none. Of members with one name the last
/// counts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_json_get(
    json: *const c_char,
    json_len: usize,
    pointer: *const c_char,
    value_out: *mut salon_bytes,
) -> c_int {
    let found = guard(|| {
        // SAFETY: the header's contract for each pointer.
        let (text, pointer, place) = unsafe {
            (text_of_len(json, json_len, "json")?, text(pointer, "pointer")?, out(value_out, "value_out")?)
        };
        let value = find(text, pointer)?;
        *place = super::event::bytes_of(value.as_bytes());
        Ok(0)
    });
    found as c_int
}

fn find<'t>(text: &'t str, pointer: &str) -> Result<&'t str> {
    json::value(text, DEPTH).map_err(no_json)?;
    let mut value = text.trim_ascii();
    if pointer.is_empty() {
        return Ok(value);
    }
    let steps =
        pointer.strip_prefix('/').ok_or_else(|| Error::invalid("a JSON Pointer begins with a slash"))?;
    for step in steps.split('/') {
        let is_escaped = step.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
        if !is_escaped {
            return Err(Error::invalid("in a JSON Pointer ~ stands before 0 or 1"));
        }
        let step = step.replace("~1", "/").replace("~0", "~");
        let mut found = None;
        if value.starts_with('{') {
            json::object(value, DEPTH, |key, at| {
                if key == step {
                    found = Some(at);
                }
            })
            .map_err(no_json)?;
        } else if value.starts_with('[') {
            // RFC 6901 §4: no sign, no zero in front.
            let is_index = step == "0" || step.starts_with(|first: char| ('1'..='9').contains(&first));
            let wanted = if is_index { step.parse::<usize>().ok() } else { None };
            let mut index = 0;
            json::each(value, |at| {
                if Some(index) == wanted {
                    found = Some(at);
                }
                index += 1;
            })
            .map_err(no_json)?;
        }
        let at = found.ok_or_else(|| Error::not_found(format!("there is nothing at {pointer:?}")))?;
        value = value.get(at).unwrap_or_default();
    }
    Ok(value)
}

/// The text that a JSON string stands for, as snprintf() would write it: at most
/// `cap` bytes with a zero byte at the end, cut after a whole character if need
/// be. Answers how many bytes the whole has, without the zero byte, or a negative
/// salon_error; `buf` may be null if `cap` is 0, and may be `json` itself. A
/// client can write zero bytes into a text: compare the answer with strlen()
/// where that matters.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_json_text(
    json: *const c_char,
    json_len: usize,
    buf: *mut c_char,
    cap: usize,
) -> isize {
    guard(|| {
        // SAFETY: the header's contract for each pointer.
        let text = unsafe { text_of_len(json, json_len, "json") }?.trim_ascii();
        json::value(text, DEPTH).map_err(no_json)?;
        // A text of its own: `buf` may be where the JSON is.
        let text =
            json::unescape(text).ok_or_else(|| Error::invalid("this is not a JSON string"))?.into_owned();
        // SAFETY: the same.
        unsafe { print(&text, buf, cap) }
    })
}

/// Writes a text as snprintf() would.
unsafe fn print(text: &str, buf: *mut c_char, cap: usize) -> Result<isize> {
    if cap > 0 {
        if buf.is_null() {
            return Err(Error::invalid("buf is null, and its capacity is not 0"));
        }
        let mut end = text.len().min(cap - 1);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        // SAFETY: the header demands room for `cap` bytes, of which `end` and a
        // zero are written.
        unsafe {
            ptr::copy_nonoverlapping(text.as_ptr(), buf.cast::<u8>(), end);
            buf.cast::<u8>().add(end).write(0);
        }
    }
    Ok(text.len() as isize)
}

/// The value of a JSON number. SALON_ERR_INVALID for anything else.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_json_number(
    json: *const c_char,
    json_len: usize,
    number_out: *mut f64,
) -> c_int {
    let found = guard(|| {
        // SAFETY: the header's contract for each pointer.
        let (text, place) = unsafe { (text_of_len(json, json_len, "json")?, out(number_out, "number_out")?) };
        *place =
            serde_json::from_str(text).map_err(|error| Error::invalid(format!("no JSON number: {error}")))?;
        Ok(0)
    });
    found as c_int
}

/// Writes JSON from a pattern, as snprintf() would: each `?` outside a string
/// becomes the next of `texts` as a JSON string, each `#` the next one as it
/// stands, which must be JSON itself. "[{\"text\":?}]" is safe whatever the text
/// holds. Answers how many bytes the whole has, without the zero byte; if that is
/// not less than `cap`, it was cut. SALON_ERR_INVALID if texts are missing or
/// left over, are not UTF-8, or if the whole is not JSON.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_json_bind(
    buf: *mut c_char,
    cap: usize,
    format: *const c_char,
    texts: *const salon_bytes,
    text_count: usize,
) -> isize {
    guard(|| {
        // SAFETY: the header's contract for each pointer.
        let (format, texts) = unsafe { (text(format, "format")?, array(texts, text_count, "texts")?) };
        let mut texts = texts.iter();
        let mut next = || -> Result<&str> {
            let bytes = texts.next().ok_or_else(|| Error::invalid("the format wants more texts"))?;
            // SAFETY: the same.
            unsafe { text_of_len(bytes.ptr.cast(), bytes.len, "a text") }
        };
        let mut written = String::with_capacity(format.len() + 64);
        let (mut in_string, mut escaped) = (false, false);
        for character in format.chars() {
            match character {
                '?' if !in_string => {
                    written.push('"');
                    written.push_str(&json::escape(next()?));
                    written.push('"');
                }
                '#' if !in_string => {
                    let value = next()?;
                    json::value(value, DEPTH).map_err(no_json)?;
                    written.push_str(value);
                }
                _ => {
                    let quotes = character == '"' && !escaped;
                    in_string ^= quotes;
                    escaped = in_string && character == '\\' && !escaped;
                    written.push(character);
                }
            }
        }
        if texts.next().is_some() {
            return Err(Error::invalid("the format wants fewer texts"));
        }
        json::value(&written, DEPTH).map_err(no_json)?;
        // SAFETY: the same.
        unsafe { print(&written, buf, cap) }
    })
}
