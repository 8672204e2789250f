//! [`Request`]: a whole request head, kept as the bytes that came and the
//! places of its parts in them.

use std::{
    borrow::Cow,
    fmt,
    io::BufRead,
    iter,
    net::SocketAddr,
    str,
    sync::atomic::{AtomicU64, Ordering},
};

use super::{Fault, Framing, Line, is_token, percent, rules, trim};
use crate::base::Millis;

/// The head of an HTTP request: what a client asked for, and the handshake of
/// a client that became a WebSocket.
///
/// Header values are bytes, because HTTP does not promise that they are text
/// (RFC 9110 §5.5); they come without the white space around them.
/// [`header_str`](Self::header_str) serves where only text makes sense.
pub struct Request {
    /// The whole head, with the empty line at its end. Visible ASCII in the
    /// request line, any bytes but control bytes in values.
    bytes: Box<[u8]>,
    method_end: u32,
    target_end: u32,
    /// The host and port in a target of absolute form, else empty.
    authority: Part,
    /// The path as it was sent; `decoded` holds it if it was escaped.
    path: Part,
    decoded: Option<Box<str>>,
    /// Where the query begins; it ends with the target.
    query: u32,
    /// The [`mark`]s of all header names. The lines themselves are found when they
    /// are asked for: for most of those that are kept nobody asks.
    marks: u32,
    /// Where it came from, as far as its connection has an address.
    peer: Option<SocketAddr>,
    /// When it was complete.
    at: Millis,
    /// The same in milliseconds since 1970, once somebody has asked; else 0.
    time_ms: AtomicU64,
    pub(super) meaning: rules::Meaning,
}

/// A bit that a header's name sets, and few others do: most of the headers that
/// are asked for are not there. Case does not matter.
fn mark(name: &[u8]) -> u32 {
    let letter = |byte: Option<&u8>| byte.map_or(0, |byte| usize::from(byte | 0x20));
    1 << ((3 * (name.len() + letter(name.first())) + letter(name.last())) % 32)
}

/// A range of a head's bytes.
#[derive(Clone, Copy, Default)]
pub(super) struct Part {
    start: u32,
    end: u32,
}

impl Part {
    fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// The place of `inner`, a slice of `bytes`, in it. An empty one is anywhere.
    fn find(bytes: &[u8], inner: &[u8]) -> Self {
        if inner.is_empty() {
            return Self::default();
        }
        let start = (inner.as_ptr() as usize).wrapping_sub(bytes.as_ptr() as usize) as u32;
        Self { start, end: start.wrapping_add(inner.len() as u32) }
    }
}

/// Header lines whose places are found without an allocation.
const FEW_LINES: usize = 24;

impl Request {
    /// Makes a request of a head that the scanner has found whole.
    pub(super) fn parse(bytes: Box<[u8]>, line: Line) -> Result<Self, Fault> {
        let marks = check_fields(&bytes, line)?;
        let mut request = Self {
            bytes,
            method_end: line.method_end,
            target_end: line.target_end,
            authority: Part::default(),
            path: Part::default(),
            decoded: None,
            query: line.target_end,
            marks,
            peer: None,
            at: 0,
            time_ms: AtomicU64::new(0),
            meaning: rules::Meaning { minor: line.minor, ..rules::Meaning::default() },
        };
        rules::check_method(request.method())?;
        request.split_target()?;
        request.meaning = rules::interpret(&request)?;
        Ok(request)
    }

    fn split_target(&mut self) -> Result<(), Fault> {
        let target = rules::split_target(self.target())?;
        let authority = Part::find(&self.bytes, target.authority.unwrap_or_default().as_bytes());
        let path = Part::find(&self.bytes, target.path.as_bytes());
        let query = self.target_end - target.query.len() as u32;
        let decoded = match percent::decode_path(target.path)? {
            // An absolute target may leave the path out: then it is `/` (RFC 9112 §3.2.1).
            Cow::Borrowed("") => Some("/".into()),
            Cow::Borrowed(_) => None,
            Cow::Owned(path) => Some(path.into_boxed_str()),
        };
        (self.authority, self.path, self.query, self.decoded) = (authority, path, query, decoded);
        Ok(())
    }

    /// The method, in the case it was sent in: `GET`, `POST` ...
    #[must_use]
    pub fn method(&self) -> &str {
        self.text(Part { start: 0, end: self.method_end })
    }

    /// The target as it was sent: `/chat?x=1`, or `http://host/chat?x=1`.
    #[must_use]
    pub fn target(&self) -> &str {
        self.text(Part { start: self.method_end + 1, end: self.target_end })
    }

    /// The target's path, percent-decoded and otherwise literal: no dots are
    /// resolved, no slashes folded. Begins with `/`.
    #[must_use]
    pub fn path(&self) -> &str {
        self.decoded.as_deref().unwrap_or_else(|| self.text(self.path))
    }

    /// What follows the target's first `?`, as it was sent; empty if nothing does.
    #[must_use]
    pub fn raw_query(&self) -> &str {
        self.text(Part { start: self.query, end: self.target_end })
    }

    /// The names and values of the query, in the order they were sent, decoded
    /// as forms are: `+` is a space, a malformed escape stands for itself, and
    /// what is not UTF-8 becomes U+FFFD. A name without `=` has an empty value.
    pub fn query_pairs(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        self.raw_query().split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (percent::decode_form(name), percent::decode_form(value))
        })
    }

    /// The value of a name in the query, decoded; the last one if there are several.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<Cow<'_, str>> {
        self.query_pairs().filter(|(found, _)| found == name).last().map(|(_, value)| value)
    }

    /// The host and, if given, the port that the client means: from a target of
    /// absolute form, else from `Host` (RFC 9112 §3.2.2). Empty only if an
    /// HTTP/1.0 client names none.
    #[must_use]
    pub fn authority(&self) -> &str {
        match self.text(self.authority) {
            "" => self.header_str("host").unwrap_or_default(),
            authority => authority,
        }
    }

    /// The value of a header's first line. The name's case does not matter.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.header_lines(name).next()
    }

    /// The same as text; `None` also when the value is not UTF-8.
    #[must_use]
    pub fn header_str(&self, name: &str) -> Option<&str> {
        self.header(name).and_then(|value| str::from_utf8(value).ok())
    }

    /// The `Origin` header: which web page opened the connection (RFC 6454 §7).
    /// Programs that are no browsers send none.
    #[must_use]
    pub fn origin(&self) -> Option<&str> {
        self.header_str("origin")
    }

    /// The subprotocols that the client offers, the one it likes best first
    /// (RFC 6455 §4.1).
    pub fn subprotocols(&self) -> impl Iterator<Item = &str> {
        self.list("sec-websocket-protocol").filter_map(|protocol| str::from_utf8(protocol).ok())
    }

    /// The client's address; `None` over a Unix socket.
    #[must_use]
    pub fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// When it came, in milliseconds since 1970: made of the engine's time when
    /// somebody asks, and kept, because two clocks never answer twice the same.
    pub(crate) fn time_ms(&self, of: impl FnOnce(Millis) -> u64) -> u64 {
        let known = self.time_ms.load(Ordering::Relaxed);
        if known != 0 {
            return known;
        }
        let time_ms = of(self.at);
        match self.time_ms.compare_exchange(0, time_ms, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => time_ms,
            Err(known) => known,
        }
    }

    pub(crate) fn arrived(mut self, peer: Option<SocketAddr>, at: Millis) -> Self {
        (self.peer, self.at) = (peer, at);
        self
    }

    /// All header lines, names as they were sent, in the order they were sent.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.fields().map(|(name, value)| (str::from_utf8(name).unwrap_or_default(), value))
    }

    /// The minor version: 0 for HTTP/1.0, else 1 or more.
    #[must_use]
    pub fn minor_version(&self) -> u8 {
        self.meaning.minor
    }

    /// The values of all lines of a header.
    pub(crate) fn header_lines(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let name = name.as_bytes();
        let lines = (self.marks & mark(name) != 0).then(|| self.lines());
        lines.into_iter().flatten().filter_map(move |line| match line.split_at_checked(name.len()) {
            Some((found, [b':', value @ ..])) if found.eq_ignore_ascii_case(name) => Some(trim(value)),
            _ => None,
        })
    }

    /// Names and values of the header lines.
    fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.lines().filter_map(|line| {
            let colon = line.iter().position(|&byte| byte == b':')?;
            let (name, value) = line.split_at_checked(colon)?;
            Some((name, trim(value.get(1..)?)))
        })
    }

    /// The header lines, each of which the scanner has seen to end in CR LF; the
    /// empty one at the end comes with them.
    fn lines(&self) -> impl Iterator<Item = &[u8]> {
        let fields = self.target_end as usize + " HTTP/1.1\r\n".len();
        let mut rest = self.bytes.get(fields..).unwrap_or_default();
        iter::from_fn(move || {
            let before = rest;
            // Quicker than `split`, which looks at one byte after the other.
            let length = rest.skip_until(b'\n').unwrap_or(0);
            before.get(..length)?.strip_suffix(b"\r\n")
        })
    }

    /// The members of a list header whose members hold no quoted commas: its
    /// lines are one list, and empty members do not count (RFC 9110 §5.3, §5.6.1).
    pub(crate) fn list(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.header_lines(name)
            .flat_map(|line| line.split(|&byte| byte == b','))
            .map(trim)
            .filter(|member| !member.is_empty())
    }

    /// Whether a list header has a member, whatever its case.
    pub(crate) fn list_contains(&self, name: &str, token: &str) -> bool {
        self.list(name).any(|member| member.eq_ignore_ascii_case(token.as_bytes()))
    }

    /// How the body behind the head is framed.
    pub(crate) fn body(&self) -> Framing {
        self.meaning.body
    }

    /// Whether the connection may serve another request after this one.
    pub(crate) fn keep_alive(&self) -> bool {
        self.meaning.keep_alive
    }

    /// Whether the client waits for `100 Continue` before it sends the body.
    pub(crate) fn expect_continue(&self) -> bool {
        self.meaning.expect_continue
    }

    /// Whether the client asks to speak WebSocket on this connection. Then the
    /// request is a handshake and nothing else: right or refused.
    pub(crate) fn is_upgrade(&self) -> bool {
        self.meaning.upgrade
    }

    /// A part that the scanner or `httparse` has found to be ASCII.
    fn text(&self, part: Part) -> &str {
        str::from_utf8(part.of(&self.bytes)).unwrap_or_default()
    }
}

impl fmt::Debug for Request {
    /// Without the headers and the query: they hold what should not be in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method())
            .field("path", &self.path())
            .finish_non_exhaustive()
    }
}

// RFC 9112 §5: name, colon, value. `httparse` refuses white space before the
// colon (§5.1) and names that are no tokens. Answers the marks of the names.
fn check_fields(bytes: &[u8], line: Line) -> Result<u32, Fault> {
    let lines = bytes.get(line.fields as usize..).unwrap_or_default();
    let count = line.field_lines as usize;
    let mut few = [httparse::EMPTY_HEADER; FEW_LINES];
    let mut many = Vec::new();
    let space = if count <= FEW_LINES {
        few.as_mut_slice()
    } else {
        many.resize(count, httparse::EMPTY_HEADER);
        many.as_mut_slice()
    };
    let Ok(httparse::Status::Complete((length, found))) = httparse::parse_headers(lines, space) else {
        return Err(rules::BAD_FIELD);
    };
    // Two parsers that disagree would be a way to smuggle.
    if length != lines.len() || found.len() != count {
        return Err(rules::BAD_FIELD);
    }
    let mut marks = 0;
    for name in found.iter().map(|field| field.name.as_bytes()) {
        if !is_token(name) {
            return Err(rules::BAD_FIELD);
        }
        marks |= mark(name);
    }
    Ok(marks)
}
