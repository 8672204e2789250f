//! The PROXY protocol, versions 1 and 2: what a proxy that passes bytes through
//! says about whom it speaks for, before the first of these bytes. (The PROXY
//! protocol, HAProxy Technologies, 2020; §2.1 and §2.2.)

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    str,
};

use super::http::Fault;
use crate::base::limits::PROXY_BYTES;

/// What came of the first bytes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// The header is not whole yet.
    More,
    /// Its first `consumed` bytes are the header. `None`: the proxy speaks for
    /// itself, or for someone without an address.
    Whole { source: Option<SocketAddr>, consumed: usize },
}

/// Begins version 2.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Begins version 1.
const WORD: &[u8] = b"PROXY ";
/// Bytes of a line of version 1, its end included (§2.1).
const LINE_BYTES: usize = 107;
/// Bytes of version 2 before the addresses.
const FIXED_BYTES: usize = 16;

/// Reads the header, of which `bytes` are all that has come.
pub(crate) fn read(bytes: &[u8]) -> Result<Read, Fault> {
    if begins_alike(bytes, SIGNATURE) {
        read_binary(bytes)
    } else if begins_alike(bytes, WORD) {
        read_line(bytes)
    } else {
        Err(Fault::bad("a PROXY header is due here"))
    }
}

fn begins_alike(bytes: &[u8], start: &[u8]) -> bool {
    bytes.iter().zip(start).all(|(one, other)| one == other)
}

/// §2.1: `PROXY TCP4 192.0.2.1 192.0.2.2 4711 80` and CR LF.
fn read_line(bytes: &[u8]) -> Result<Read, Fault> {
    const WRONG: Fault = Fault::bad("the PROXY header is malformed");
    let line = bytes.get(..LINE_BYTES).unwrap_or(bytes);
    let Some(end) = line.iter().position(|byte| *byte == b'\n') else {
        return if line.len() < LINE_BYTES { Ok(Read::More) } else { Err(WRONG) };
    };
    let consumed = end + 1;
    let line = line.get(..end).and_then(|line| line.strip_suffix(b"\r")).ok_or(WRONG)?;
    let line = str::from_utf8(line).map_err(|_| WRONG)?;
    let mut words = line.split(' ').skip(1);
    let mut word = || words.next().ok_or(WRONG);
    let family = word()?;
    if family == "UNKNOWN" {
        return Ok(Read::Whole { source: None, consumed });
    }
    let (source, _, port, _) = (word()?, word()?, word()?, word()?);
    let (source, port): (IpAddr, u16) =
        (source.parse().map_err(|_| WRONG)?, port.parse().map_err(|_| WRONG)?);
    let is_right = match family {
        "TCP4" => source.is_ipv4(),
        "TCP6" => source.is_ipv6(),
        _ => false,
    };
    if !is_right || words.next().is_some() {
        return Err(WRONG);
    }
    Ok(Read::Whole { source: Some(SocketAddr::new(source.to_canonical(), port)), consumed })
}

/// §2.2: the signature, version and command, family and transport, length,
/// addresses, and what is of no interest here.
fn read_binary(bytes: &[u8]) -> Result<Read, Fault> {
    const WRONG: Fault = Fault::bad("the PROXY header is malformed");
    let Some(&[version, family, high, low]) = bytes.get(SIGNATURE.len()..FIXED_BYTES) else {
        return Ok(Read::More);
    };
    let consumed = FIXED_BYTES + usize::from(u16::from_be_bytes([high, low]));
    if consumed > PROXY_BYTES || !matches!(version, 0x20 | 0x21) {
        return Err(WRONG);
    }
    let Some(body) = bytes.get(FIXED_BYTES..consumed) else { return Ok(Read::More) };
    let source = match (version, family) {
        (0x21, 0x11) => {
            let [a, b, c, d, _, _, _, _, high, low] = *body.first_chunk().ok_or(WRONG)?;
            (body.len() >= 12).then(|| SocketAddr::from(([a, b, c, d], u16::from_be_bytes([high, low]))))
        }
        (0x21, 0x21) => {
            let address = Ipv6Addr::from(*body.first_chunk::<16>().ok_or(WRONG)?);
            let port = body.get(32..36).ok_or(WRONG)?.first_chunk().ok_or(WRONG)?;
            Some(SocketAddr::new(IpAddr::V6(address).to_canonical(), u16::from_be_bytes(*port)))
        }
        // LOCAL: a health check. Other families have no address for us.
        _ => return Ok(Read::Whole { source: None, consumed }),
    };
    Ok(Read::Whole { source: Some(source.ok_or(WRONG)?), consumed })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(bytes: &[u8]) -> Result<Option<String>, u16> {
        // However it is cut, nothing but the whole says anything.
        let at = (0..bytes.len()).find(|at| read(&bytes[..*at]) != Ok(Read::More));
        assert_eq!(at.filter(|_| read(bytes).is_ok()), None);
        let behind = [bytes, b"GET / HTTP/1.1\r\n"].concat();
        match read(&behind).map_err(|fault| fault.status)? {
            Read::Whole { source, consumed } => {
                assert_eq!(consumed, bytes.len());
                Ok(source.map(|source| source.to_string()))
            }
            Read::More => panic!("more is wanted"),
        }
    }

    fn binary(version: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([version, family]);
        bytes.extend((body.len() as u16).to_be_bytes());
        bytes.extend(body);
        bytes
    }

    #[test]
    fn line_of_version_1_names_the_client() {
        let read = |line: &str| whole(line.as_bytes());
        let v4 = read("PROXY TCP4 192.0.2.1 198.51.100.9 4711 80\r\n");
        assert_eq!(v4, Ok(Some("192.0.2.1:4711".to_owned())));
        let v6 = read("PROXY TCP6 2001:db8::1 2001:db8::2 4711 80\r\n");
        assert_eq!(v6, Ok(Some("[2001:db8::1]:4711".to_owned())));
        assert_eq!(read("PROXY UNKNOWN\r\n"), Ok(None));
        assert_eq!(read("PROXY UNKNOWN ff:: ff:: 1 2\r\n"), Ok(None));
    }

    #[test]
    fn header_of_version_2_names_the_client_and_may_hold_more() {
        let v4 = [192, 0, 2, 1, 198, 51, 100, 9, 0x12, 0x67, 0, 80];
        assert_eq!(whole(&binary(0x21, 0x11, &v4)), Ok(Some("192.0.2.1:4711".to_owned())));
        let with_more = [&v4[..], &[4, 0, 1, 0]].concat();
        assert_eq!(whole(&binary(0x21, 0x11, &with_more)), Ok(Some("192.0.2.1:4711".to_owned())));
        let mut v6 = [0; 36];
        (v6[0], v6[1], v6[2], v6[3], v6[15], v6[32], v6[33]) = (0x20, 1, 0xd, 0xb8, 1, 0x12, 0x67);
        assert_eq!(whole(&binary(0x21, 0x21, &v6)), Ok(Some("[2001:db8::1]:4711".to_owned())));
        // A health check, a Unix socket, nothing at all.
        assert_eq!(whole(&binary(0x20, 0x11, &v4)), Ok(None));
        assert_eq!(whole(&binary(0x21, 0x31, &[7; 216])), Ok(None));
        assert_eq!(whole(&binary(0x21, 0x00, &[])), Ok(None));
    }

    #[test]
    fn what_is_no_header_is_400() {
        for bad in [
            "GET / HTTP/1.1\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.9 4711\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.9 4711 80 9\r\n",
            "PROXY TCP4 2001:db8::1 2001:db8::2 4711 80\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.9 65536 80\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.9 4711 80\n",
            "PROXY UDP4 192.0.2.1 198.51.100.9 4711 80\r\n",
        ] {
            assert_eq!(read(bad.as_bytes()).map_err(|fault| fault.status), Err(400), "{bad}");
        }
        let endless = [WORD, &[b'x'; LINE_BYTES]].concat();
        assert!(read(&endless).is_err());
        for bad in [binary(0x11, 0x11, &[0; 12]), binary(0x22, 0x11, &[0; 12]), binary(0x21, 0x11, &[0; 11])]
        {
            assert!(read(&bad).is_err(), "{bad:?}");
        }
        assert!(read(&binary(0x21, 0x21, &[0; 35])).is_err());
        assert!(read(&binary(0x21, 0x00, &[0; PROXY_BYTES - FIXED_BYTES])).is_ok());
        assert!(read(&binary(0x21, 0x00, &[0; PROXY_BYTES])).is_err());
    }
}
