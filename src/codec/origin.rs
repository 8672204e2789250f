//! Origins (RFC 6454 §6 and §7; RFC 6455 §4.2.2 and §10.2): whose page a
//! browser's request comes from. An origin is compared as a whole: a part of
//! it, such as how it ends, belongs to whoever registers a fitting name.

use super::http::Request;

/// Whether an `Origin` is one of a list. Scheme and host have no case, a port
/// that is the scheme's own may be left out, and `null` is an origin of its own.
pub(crate) fn is_listed(origin: &[u8], list: &[String]) -> bool {
    let origin = without_default_port(origin);
    list.iter().any(|listed| without_default_port(listed.as_bytes()).eq_ignore_ascii_case(origin))
}

/// Whether a page of this `Origin` was served from where the request goes to:
/// the same host and port. The scheme cannot be compared, because whoever took
/// TLS off a connection is not seen here.
pub(crate) fn is_same(origin: &[u8], request: &Request) -> bool {
    let Some((scheme, authority)) = split(origin) else {
        return false;
    };
    let port = default_port(scheme);
    let own = without_port(request.authority().as_bytes(), port);
    !port.is_empty() && without_port(authority, port).eq_ignore_ascii_case(own)
}

fn without_default_port(origin: &[u8]) -> &[u8] {
    match split(origin) {
        Some((scheme, _)) => without_port(origin, default_port(scheme)),
        None => origin,
    }
}

fn without_port<'a>(authority: &'a [u8], port: &[u8]) -> &'a [u8] {
    if port.is_empty() { authority } else { authority.strip_suffix(port).unwrap_or(authority) }
}

/// A scheme's own port, behind a colon; empty for schemes that are not the web's.
fn default_port(scheme: &[u8]) -> &'static [u8] {
    match scheme {
        _ if scheme.eq_ignore_ascii_case(b"http") => b":80",
        _ if scheme.eq_ignore_ascii_case(b"https") => b":443",
        _ => b"",
    }
}

/// Scheme and authority; `null` has neither.
fn split(origin: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = origin.windows(3).position(|three| three == b"://")?;
    Some((origin.get(..at)?, origin.get(at + 3..)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::limits::Limits,
        codec::http::{Head, HeadReader},
    };

    // Row 3.6.
    #[test]
    fn a_listed_origin_is_compared_as_a_whole() {
        let list = ["https://example.com".to_owned(), "http://a:3000".to_owned()];
        for origin in
            ["https://example.com", "HTTPS://Example.COM", "https://example.com:443", "http://a:3000"]
        {
            assert!(is_listed(origin.as_bytes(), &list), "{origin}");
        }
        for origin in [
            "http://example.com",
            "https://example.com.evil.org",
            "https://evilexample.com",
            "https://evil.org/https://example.com",
            "https://example.com:8443",
            "https://example.com:80",
            "http://a",
            "http://a:30000",
            "example.com",
            "null",
            "",
        ] {
            assert!(!is_listed(origin.as_bytes(), &list), "{origin}");
        }
        assert!(is_listed(b"null", &["null".to_owned()]));
        assert!(!is_listed(b"https://a", &["null".to_owned()]));
    }

    // Row 3.6.
    #[test]
    fn the_same_origin_has_the_same_host_and_port() {
        let same = |origin: &str, host: &str| {
            let bytes = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
            match HeadReader::default().read(bytes.as_bytes(), &Limits::default()) {
                Ok(Head::Whole { request, .. }) => is_same(origin.as_bytes(), &request),
                other => panic!("{other:?}"),
            }
        };
        assert!(same("http://localhost:3000", "localhost:3000"));
        assert!(same("https://Example.com", "example.com"));
        assert!(same("https://example.com", "example.com:443"));
        assert!(same("http://[::1]:80", "[::1]"));
        assert!(!same("http://localhost:3001", "localhost:3000"));
        assert!(!same("http://localhost", "localhost:3000"));
        assert!(!same("http://evil.org", "example.com"));
        assert!(!same("http://evil.example.com", "example.com"));
        assert!(!same("https://example.com", "example.com:80"));
        assert!(!same("moz-extension://example.com", "example.com"));
        assert!(!same("null", "null"));
        assert!(!same("", "a"));
    }
}
