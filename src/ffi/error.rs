//! Error codes, and the sentence that goes with the last one.

use std::{
    cell::RefCell,
    ffi::{CStr, CString, c_char, c_int},
};

use crate::base::error::{Error, ErrorKind};

/// What a call can answer. Zero or more is success, every failure is negative.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum salon_error {
    /// Success.
    SALON_OK = 0,
    /// A null pointer, a text that is not UTF-8, JSON that is none, or a value out of range.
    SALON_ERR_INVALID = -1,
    /// No such socket, namespace, request, timer or ack; also a stale id.
    SALON_ERR_NOT_FOUND = -2,
    /// The call does not fit the object's state (say, accepting twice).
    SALON_ERR_STATE = -3,
    /// A limit of the configuration is reached.
    SALON_ERR_LIMIT = -4,
    /// The socket's send queue is full; the message was not queued.
    SALON_ERR_BACKPRESSURE = -5,
    /// The operating system refused; see salon_last_error().
    SALON_ERR_IO = -6,
    /// The server is shut down, or the remote's server is gone.
    SALON_ERR_CLOSED = -7,
    /// No answer came in time; only in SALON_EVENT_ACK.
    SALON_ERR_TIMEOUT = -8,
    /// Called from a second thread while another call is running, or re-entered.
    SALON_ERR_BUSY = -9,
    /// A bug in Salon was caught. The server answers this to every later call.
    SALON_ERR_PANIC = -99,
}

use salon_error as code;

impl salon_error {
    pub(super) fn of(kind: ErrorKind) -> c_int {
        (match kind {
            ErrorKind::Invalid => code::SALON_ERR_INVALID,
            ErrorKind::NotFound => code::SALON_ERR_NOT_FOUND,
            ErrorKind::State => code::SALON_ERR_STATE,
            ErrorKind::Limit => code::SALON_ERR_LIMIT,
            ErrorKind::Backpressure => code::SALON_ERR_BACKPRESSURE,
            ErrorKind::Io => code::SALON_ERR_IO,
            ErrorKind::Closed => code::SALON_ERR_CLOSED,
        }) as c_int
    }
}

thread_local! {
    static LAST: RefCell<CString> = RefCell::default();
}

/// Notes why a call failed, and answers its code.
pub(super) fn fail(error: &Error) -> c_int {
    note(&error.to_string());
    salon_error::of(error.kind())
}

/// The same for what only this floor knows.
pub(super) fn fail_with(code: salon_error, why: &str) -> c_int {
    note(why);
    code as c_int
}

fn note(why: &str) {
    let text = CString::new(why.replace('\0', "\u{fffd}")).unwrap_or_default();
    // A thread that ends has none any more.
    let _ = LAST.try_with(|last| {
        if let Ok(mut last) = last.try_borrow_mut() {
            *last = text;
        }
    });
}

/// Names an error code in a few English words. Never null; the text is static.
#[unsafe(no_mangle)]
pub extern "C" fn salon_strerror(code: c_int) -> *const c_char {
    let text: &CStr = match code {
        0.. => c"success",
        -1 => c"invalid argument",
        -2 => c"not found",
        -3 => c"wrong state",
        -4 => c"limit reached",
        -5 => c"send queue full",
        -6 => c"system error",
        -7 => c"closed",
        -8 => c"no answer in time",
        -9 => c"busy",
        -99 => c"internal error",
        _ => c"unknown error",
    };
    text.as_ptr()
}

/// Why the last call that failed on this thread has failed: one sentence. Never
/// null; empty before the first failure. It stays until the next call that fails
/// on this thread; calls that succeed leave it alone.
#[unsafe(no_mangle)]
pub extern "C" fn salon_last_error() -> *const c_char {
    LAST.try_with(|last| last.try_borrow().map_or(c"".as_ptr(), |last| last.as_ptr())).unwrap_or(c"".as_ptr())
}
