//! Streams of requests with their bodies, cut anywhere: the same as uncut, and
//! no bytes make a panic.

use proptest::prelude::*;

use super::*;
use crate::codec::body::BodyReader;

const BODY_BYTES: u32 = 64;

/// What a stream of requests gives: each head, each body, then a fault or what
/// is missing.
fn outcome(pieces: &[&[u8]], limits: &Limits) -> Vec<String> {
    let mut seen = Vec::new();
    let fault = read_all(pieces, limits, &mut seen).err();
    seen.push(format!("{fault:?}"));
    seen
}

fn read_all(pieces: &[&[u8]], limits: &Limits, seen: &mut Vec<String>) -> Result<(), Fault> {
    let mut heads = HeadReader::default();
    let mut body = BodyReader::new(Framing::None, 0)?;
    let mut payload = Vec::new();
    for piece in pieces {
        let mut rest = *piece;
        loop {
            if !body.is_done() {
                rest = &rest[body.read(rest, &mut payload)?..];
                if !body.is_done() {
                    break;
                }
                seen.push(format!("{payload:?}"));
                payload.clear();
            }
            match heads.read(rest, limits)? {
                Head::More => break,
                Head::Whole { request, consumed } => {
                    rest = &rest[consumed..];
                    seen.push(describe(&request));
                    body = BodyReader::new(request.body(), BODY_BYTES)?;
                }
            }
        }
    }
    seen.push(format!("{:?} {body:?} {payload:?}", heads.partial));
    Ok(())
}

fn describe(request: &Request) -> String {
    let headers: Vec<_> = request.headers().map(|(name, value)| (name.to_owned(), value.to_vec())).collect();
    for (name, _) in &headers {
        assert!(request.header(&name.to_ascii_uppercase()).is_some(), "{name} is not found");
    }
    format!(
        "{} {} {} {} {:?} {headers:?} {:?} {}",
        request.method(),
        request.target(),
        request.path(),
        request.authority(),
        request.query("x"),
        request.body(),
        request.keep_alive(),
    )
}

/// Cuts bytes at places that may come in any order and repeat.
fn cut<'a>(bytes: &'a [u8], places: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<_> = places.iter().map(|place| place.index(bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

fn places() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    prop::collection::vec(any::<prop::sample::Index>(), 0..12)
}

/// A valid request with a body of each kind.
fn a_request() -> impl Strategy<Value = Vec<u8>> {
    let line = ("[A-Za-z-]{1,8}", "[ -~]{0,40}").prop_map(|(name, value)| format!("X{name}:{value}\r\n"));
    let body = prop::collection::vec(any::<u8>(), 1..16);
    (
        "(\r\n){0,2}",
        "GET|POST|PUT",
        "(http://b)?/([a-z]|%20){0,2}(\\?x=[a-z+]{0,4})?",
        prop::collection::vec(line, 0..4),
        body,
        0..3,
    )
        .prop_map(|(empty, method, target, lines, body, kind)| {
            let (framing, body) = match kind {
                0 => (String::new(), Vec::new()),
                1 => (format!("Content-Length: {}\r\n", body.len()), body),
                _ => {
                    let size = format!("{:X};a\r\n", body.len());
                    let body = [size.as_bytes(), &body, b"\r\n0\r\nA: b\r\n\r\n"].concat();
                    ("Transfer-Encoding: chunked\r\n".to_owned(), body)
                }
            };
            let lines = lines.concat();
            let head = format!("{empty}{method} {target} HTTP/1.1\r\nHost: a\r\n{lines}{framing}\r\n");
            [head.as_bytes(), &body].concat()
        })
}

/// Bytes that come close to being requests.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    const PIECES: [&str; 23] = [
        "GET ",
        "/",
        " HTTP/1.1\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n",
        "Host: a\r\n",
        "\r\n",
        "\r",
        "\n",
        "X:",
        " ",
        "%",
        "%41",
        "?",
        "http://",
        "Content-Length: ",
        "9",
        "Transfer-Encoding: chunked\r\n",
        "\0",
        "Expect: ",
        ":",
        "[",
        "]",
        "#",
    ];
    let piece = prop_oneof![
        4 => prop::sample::select(&PIECES[..]).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn requests_cut_anywhere_are_the_same_requests(
        requests in prop::collection::vec(a_request(), 1..4), places in places(),
    ) {
        let bytes = requests.concat();
        let whole = outcome(&[&bytes], &Limits::default());
        prop_assert_eq!(whole.last().map(String::as_str), Some("None"));
        prop_assert!(whole.len() >= requests.len() + 2);
        prop_assert_eq!(&outcome(&cut(&bytes, &places), &Limits::default()), &whole);
        let single: Vec<_> = bytes.chunks(1).collect();
        prop_assert_eq!(outcome(&single, &Limits::default()), whole);
    }

    #[test]
    fn any_bytes_cut_anywhere_give_the_same_outcome_and_no_panic(
        bytes in soup(), places in places(),
        head_bytes in 0u32..120, target_bytes in 0u32..20, header_lines in 0u32..4,
    ) {
        let limits = Limits { head_bytes, target_bytes, header_lines, ..Limits::default() };
        let whole = outcome(&[&bytes], &limits);
        prop_assert_eq!(outcome(&cut(&bytes, &places), &limits), whole);
    }

    #[test]
    fn a_request_with_a_few_bytes_changed_gives_no_panic(
        mut bytes in a_request(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let single: Vec<_> = bytes.chunks(1).collect();
        prop_assert_eq!(outcome(&single, &Limits::default()), outcome(&[&bytes], &Limits::default()));
    }
}
