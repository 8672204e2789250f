//! What a request head means, and what makes it wrong (RFC 9110; RFC 9112 §3,
//! §6 and §9): method, target, host, fields that may occur once, the body's
//! framing, and whether the connection lives on.

use std::net::Ipv6Addr;

use super::{Fault, Request, percent::hex};

pub(super) const UNKNOWN_METHOD: Fault = Fault::new(501, "this method is not known here");
pub(super) const BAD_FIELD: Fault = Fault::bad("a header line must be a name, a colon and a value");
const BAD_TARGET: Fault = Fault::bad("the request target must be a path or an http URL");
const BAD_HOST: Fault = Fault::bad("the host is not a valid one");
const BAD_LENGTH: Fault = Fault::bad("Content-Length must be digits, and below 2^63");

/// How the body behind a request head is framed (RFC 9112 §6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Framing {
    /// There is none.
    #[default]
    None,
    /// So many bytes, maybe zero.
    Length(u64),
    /// Chunks.
    Chunked,
}

/// What the head's version and fields say about the connection.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Meaning {
    pub(super) minor: u8,
    pub(super) body: Framing,
    pub(super) keep_alive: bool,
    pub(super) expect_continue: bool,
    pub(super) upgrade: bool,
}

// RFC 9110 §9.1: an unknown method is 501. CONNECT asks for a tunnel, which no
// resource here gives (§9.3.6, §15.6.2). Methods have a case.
pub(super) fn check_method(method: &str) -> Result<(), Fault> {
    match method {
        "GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "PATCH" | "OPTIONS" | "TRACE" => Ok(()),
        _ => Err(UNKNOWN_METHOD),
    }
}

/// The parts of a target.
pub(super) struct Target<'a> {
    pub(super) authority: Option<&'a str>,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
}

// RFC 9112 §3.2: origin form and absolute form. The asterisk form is refused,
// and authority form belongs to CONNECT alone.
pub(super) fn split_target(target: &str) -> Result<Target<'_>, Fault> {
    let (before, query) = match target.find('?') {
        Some(at) => (target.get(..at).unwrap_or_default(), target.get(at + 1..).unwrap_or_default()),
        None => (target, ""),
    };
    if before.starts_with('/') {
        return Ok(Target { authority: None, path: before, query });
    }
    let (scheme, rest) = before.split_once("://").ok_or(BAD_TARGET)?;
    if !["http", "https", "ws", "wss"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return Err(BAD_TARGET);
    }
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    // User information would come before an `@`, which no host holds: a recipient
    // should refuse it (RFC 9110 §4.2.4).
    check_host(authority.as_bytes())?;
    Ok(Target { authority: Some(authority), path, query })
}

// RFC 9110 §7.2: host, and maybe a colon and a port. RFC 3986 §3.2.2 says what
// a host is; one of http is never empty (RFC 9110 §4.2.1).
fn check_host(host: &[u8]) -> Result<(), Fault> {
    let (name, port) = if let [b'[', rest @ ..] = host {
        let end = rest.iter().position(|&byte| byte == b']').ok_or(BAD_HOST)?;
        let (address, port) = rest.split_at(end);
        let address = std::str::from_utf8(address).map_err(|_| BAD_HOST)?;
        address.parse::<Ipv6Addr>().map_err(|_| BAD_HOST)?;
        (None, port.get(1..).unwrap_or_default())
    } else {
        let (name, port) = host.split_at(host.iter().position(|&byte| byte == b':').unwrap_or(host.len()));
        (Some(name), port)
    };
    let name_is_right = name.is_none_or(is_registered_name);
    let port_is_right = match port {
        [] | [b':'] => true,
        [b':', digits @ ..] => decimal(digits).is_some_and(|port| port <= u64::from(u16::MAX)),
        _ => false,
    };
    if name_is_right && port_is_right { Ok(()) } else { Err(BAD_HOST) }
}

// RFC 3986 §3.2.2, reg-name; an IPv4 address is one too.
fn is_registered_name(mut name: &[u8]) -> bool {
    if name.is_empty() {
        return false;
    }
    loop {
        name = match name {
            [] => return true,
            [b'%', high, low, rest @ ..] if hex(*high).is_some() && hex(*low).is_some() => rest,
            [b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')', rest @ ..]
            | [b'*' | b'+' | b',' | b';' | b'=', rest @ ..] => rest,
            [byte, rest @ ..] if byte.is_ascii_alphanumeric() => rest,
            _ => return false,
        }
    }
}

/// Digits and nothing else, below 2^63.
fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits
        .iter()
        .try_fold(0u64, |number, digit| {
            let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
            number.checked_mul(10)?.checked_add(digit)
        })
        .filter(|&number| number <= i64::MAX as u64)
}

/// The fields of requests that hold one value, not a list (RFC 9110, RFC 6454
/// §7, RFC 6455 §11.3).
const ONCE: [&str; 19] = [
    "host",
    "content-length",
    "content-type",
    "origin",
    "authorization",
    "proxy-authorization",
    "sec-websocket-key",
    "sec-websocket-version",
    "user-agent",
    "referer",
    "from",
    "date",
    "range",
    "if-range",
    "if-modified-since",
    "if-unmodified-since",
    "max-forwards",
    "access-control-request-method",
    "content-location",
];

// RFC 9110 §5.3: a field that is no list must not occur twice.
fn check_once(request: &Request) -> Result<(), Fault> {
    let mut seen = 0u32;
    for (name, _) in request.headers() {
        if let Some(at) = ONCE.iter().position(|once| name.eq_ignore_ascii_case(once)) {
            if seen & 1 << at != 0 {
                return Err(Fault::bad("a header that may occur once occurs twice"));
            }
            seen |= 1 << at;
        }
    }
    Ok(())
}

/// Checks the fields that every request may have, and says what they mean.
pub(super) fn interpret(request: &Request) -> Result<Meaning, Fault> {
    check_once(request)?;
    let is_1_0 = request.minor_version() == 0;
    // RFC 9112 §3.2: HTTP/1.1 without a host, or any with one that is none, is 400.
    match request.header("host") {
        Some(host) => check_host(host)?,
        None if is_1_0 => {}
        None => return Err(Fault::bad("Host is missing")),
    }
    let body = framing(request)?;
    Ok(Meaning {
        minor: request.minor_version(),
        body,
        keep_alive: keep_alive(request, body),
        // RFC 9110 §10.1.1: to be ignored from HTTP/1.0.
        expect_continue: !is_1_0 && expects_continue(request)? && body != Framing::None,
        // RFC 9110 §7.8: an Upgrade in HTTP/1.0 must be ignored.
        upgrade: !is_1_0 && request.list_contains("upgrade", "websocket"),
    })
}

// RFC 9112 §6.3.
fn framing(request: &Request) -> Result<Framing, Fault> {
    let length = request.header("content-length");
    if request.header("transfer-encoding").is_some() {
        // RFC 9112 §6.1: both is what request smuggling looks like.
        if length.is_some() {
            return Err(Fault::bad("Content-Length and Transfer-Encoding exclude each other"));
        }
        check_codings(request)?;
        return Ok(Framing::Chunked);
    }
    match length {
        Some(digits) => Ok(Framing::Length(decimal(digits).ok_or(BAD_LENGTH)?)),
        None => Ok(Framing::None),
    }
}

// RFC 9112 §6.1, §6.3, §7: the last coding is `chunked`, which occurs once; no
// other is known here. A parameter makes it another coding.
fn check_codings(request: &Request) -> Result<(), Fault> {
    let is_chunked = |coding: &[u8]| coding.eq_ignore_ascii_case(b"chunked");
    let codings = request.list("transfer-encoding");
    let (count, chunked, last) = codings.fold((0, 0, false), |(count, chunked, _), coding| {
        let is = is_chunked(coding);
        (count + 1, chunked + i32::from(is), is)
    });
    if !last {
        return Err(Fault::bad("the last transfer coding must be chunked"));
    }
    match (chunked, count) {
        (1, 1) => Ok(()),
        (1, _) => Err(Fault::new(501, "no transfer coding but chunked is known here")),
        (_, _) => Err(Fault::bad("chunked must not be applied twice")),
    }
}

// RFC 9112 §9.3. After an encoding in HTTP/1.0 the framing is in doubt, so that
// connection closes whatever it asks for (§6.1).
fn keep_alive(request: &Request, body: Framing) -> bool {
    if request.list_contains("connection", "close") {
        return false;
    }
    request.minor_version() > 0
        || (body != Framing::Chunked && request.list_contains("connection", "keep-alive"))
}

// RFC 9110 §10.1.1: any expectation but `100-continue` is 417.
fn expects_continue(request: &Request) -> Result<bool, Fault> {
    let mut expects = false;
    for member in request.list("expect") {
        if !member.eq_ignore_ascii_case(b"100-continue") {
            return Err(Fault::new(417, "no expectation but 100-continue can be met"));
        }
        expects = true;
    }
    Ok(expects)
}
