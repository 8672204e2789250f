//! The JSON helpers of the C API.
#![allow(
    unsafe_code,
    clippy::undocumented_unsafe_blocks,
    reason = "a C API; each test keeps the header's rules"
)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    ffi::{CStr, c_int},
    ptr, slice,
};

use salon::ffi::{salon_error::*, *};

fn sentence() -> String {
    unsafe { CStr::from_ptr(salon_last_error()) }.to_str().unwrap().to_owned()
}

fn get(json: &str, pointer: &CStr) -> Result<String, c_int> {
    let mut value = salon_bytes { ptr: ptr::null(), len: 0 };
    let answer =
        unsafe { salon_json_get(json.as_ptr().cast(), json.len(), pointer.as_ptr(), &raw mut value) };
    if answer < 0 {
        return Err(answer);
    }
    let bytes = unsafe { slice::from_raw_parts(value.ptr.cast::<u8>(), value.len) };
    Ok(str::from_utf8(bytes).unwrap().to_owned())
}

#[test]
fn json_pointer_finds_what_rfc_6901_says() {
    let json = r#" [ {"token":"é", "a/b":1, "m~n":[2, 3], "":4, "~1":5, "d":1, "d":2}, null ] "#;
    for (pointer, value) in [
        (c"/0/token", "\"é\""),
        (c"/0/a~1b", "1"),
        (c"/0/m~0n/1", "3"),
        (c"/0/m~0n", "[2, 3]"),
        (c"/0/", "4"),
        (c"/0/~01", "5"),
        (c"/0/d", "2"),
        (c"/1", "null"),
    ] {
        assert_eq!(get(json, pointer).as_deref(), Ok(value), "{pointer:?}");
    }
    assert_eq!(get(json, c"").unwrap(), json.trim());
    for missing in [c"/2", c"/-", c"/01", c"/+1", c"/x", c"/0/x", c"/1/0", c"/0/d/e"] {
        assert_eq!(get(json, missing), Err(SALON_ERR_NOT_FOUND as c_int), "{missing:?}");
    }
    for bad in [c"0", c"/~2", c"/~", c"/\xff"] {
        assert_eq!(get(json, bad), Err(SALON_ERR_INVALID as c_int), "{bad:?}");
    }
    for bad in ["", "[", "[1] 2", "{\"a\":}", &"[".repeat(1_000_000)] {
        assert_eq!(get(bad, c"/0"), Err(SALON_ERR_INVALID as c_int));
    }
}

#[test]
fn json_text_is_unescaped_and_cut_between_characters() {
    let text = |json: &str, cap: usize| {
        let mut buf = vec![b'#'; 64];
        let answer =
            unsafe { salon_json_text(json.as_ptr().cast(), json.len(), buf.as_mut_ptr().cast(), cap) };
        (answer, buf)
    };
    let (whole, buf) = text(r#" "a\n\"\u00e9\ud83d\ude00\u0000z" "#, 64);
    assert_eq!(whole, 11);
    assert_eq!(&buf[..12], "a\n\"é😀\0z\0".as_bytes());
    for (cap, kept) in [(1, ""), (2, "a"), (3, "a"), (4, "aé"), (7, "aé"), (8, "aé😀"), (9, "aé😀")] {
        let (whole, buf) = text("\"aé😀\"", cap);
        assert_eq!(whole, 7);
        assert_eq!(&buf[..kept.len() + 1], [kept, "\0"].concat().as_bytes(), "{cap}");
        assert_eq!(buf[cap], b'#', "nothing beyond");
    }
    assert_eq!(text("\"abc\"", 0), (3, vec![b'#'; 64]));
    for bad in ["", "1", "abc", "\"", "\"a\"b", "\"\\x\"", "\"\\ud800\"", "[\"a\"]"] {
        assert_eq!(text(bad, 64).0, SALON_ERR_INVALID as isize, "{bad}");
    }
    // In place.
    for json in ["\"abc\"", "\"a\\u0062c\""] {
        let mut own = json.as_bytes().to_vec();
        let at = own.as_mut_ptr();
        assert_eq!(unsafe { salon_json_text(at.cast(), own.len(), at.cast(), own.len()) }, 3);
        assert_eq!(&own[..4], b"abc\0");
    }
    let null = unsafe { salon_json_text(c"\"\"".as_ptr(), 2, ptr::null_mut(), 1) };
    assert_eq!(null, SALON_ERR_INVALID as isize);
}

#[test]
fn json_number_is_a_number_and_nothing_else() {
    let number = |json: &str| {
        let mut number = f64::NAN;
        let answer = unsafe { salon_json_number(json.as_ptr().cast(), json.len(), &raw mut number) };
        if answer == 0 { Ok(number) } else { Err(answer) }
    };
    for (json, value) in [("0", 0.0), (" -1.5e3 ", -1500.0), ("9007199254740993", 9007199254740992.0)] {
        assert_eq!(number(json), Ok(value), "{json}");
    }
    for bad in ["", "01", "1x", "\"1\"", "null", "[1]", "NaN", "1e999", "+1"] {
        assert_eq!(number(bad), Err(SALON_ERR_INVALID as c_int), "{bad}");
    }
}

#[test]
fn json_is_bound_safely_whatever_the_texts_hold() {
    let bind = |format: &CStr, texts: &[&[u8]]| {
        let texts: Vec<_> =
            texts.iter().map(|text| salon_bytes { ptr: text.as_ptr().cast(), len: text.len() }).collect();
        let mut buf = [0u8; 256];
        let count = texts.len();
        let answer = unsafe {
            salon_json_bind(buf.as_mut_ptr().cast(), buf.len(), format.as_ptr(), texts.as_ptr(), count)
        };
        let text = CStr::from_bytes_until_nul(&buf).unwrap().to_str().unwrap().to_owned();
        if answer < 0 {
            return Err(answer);
        }
        assert_eq!(answer as usize, text.len());
        Ok(text)
    };
    assert_eq!(
        bind(c"[{\"text\":?,\"n\":#}]", &[b"\"},{\"\\\n\0", b"[1, 2]"]).as_deref(),
        Ok("[{\"text\":\"\\\"},{\\\"\\\\\\n\\u0000\",\"n\":[1, 2]}]")
    );
    // Signs inside strings are text.
    assert_eq!(bind(c"[\"? # \\\" ?\",?]", &[b"x"]).as_deref(), Ok("[\"? # \\\" ?\",\"x\"]"));
    assert_eq!(bind(c"[?]", &[b""]).as_deref(), Ok("[\"\"]"));
    let invalid = Err(SALON_ERR_INVALID as c_int as isize);
    assert_eq!(bind(c"[?,?]", &[b"x"]), invalid);
    assert!(sentence().contains("more texts"));
    assert_eq!(bind(c"[?]", &[b"x", b"y"]), invalid);
    assert!(sentence().contains("fewer texts"));
    assert_eq!(bind(c"[#]", &[b"1,2"]), invalid);
    assert_eq!(bind(c"[#]", &[b""]), invalid);
    assert_eq!(bind(c"[?]", &[b"\xff"]), invalid);
    assert_eq!(bind(c"[?", &[b"x"]), invalid);
    assert_eq!(bind(c"", &[]), invalid);
    // The length of the whole, also when it is cut.
    let mut small = [b'#'; 4];
    let text = salon_bytes { ptr: "éé".as_ptr().cast(), len: 4 };
    let whole = unsafe { salon_json_bind(small.as_mut_ptr().cast(), 4, c"[?]".as_ptr(), &text, 1) };
    assert_eq!((whole, &small[..3]), (8, &b"[\"\0"[..]));
}
