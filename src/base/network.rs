//! Networks, and what counts as one address.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use super::error::{Error, Result};

/// A part of the network that a configuration names: `10.0.0.0/8`, `fd00::/8`, a
/// single address, or `unix` for whoever comes over a Unix socket.
///
/// ```
/// use salon::Network;
/// let network: Network = "10.0.0.0/8".parse()?;
/// assert_eq!(network.to_string(), "10.0.0.0/8");
/// assert!("10.0.0.0/33".parse::<Network>().is_err());
/// # Ok::<(), salon::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// As many leading bits of the address count.
    Ip(IpAddr, u8),
    Unix,
}

impl Network {
    /// Whether a peer is in it; a peer without an address comes over a Unix socket.
    pub(crate) fn contains(&self, peer: Option<IpAddr>) -> bool {
        let (Kind::Ip(network, bits), Some(peer)) = (self.0, peer) else {
            return self.0 == Kind::Unix && peer.is_none();
        };
        match (network, peer.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(peer)) => {
                (u32::from(network) ^ u32::from(peer)).leading_zeros() >= u32::from(bits)
            }
            (IpAddr::V6(network), IpAddr::V6(peer)) => {
                (u128::from(network) ^ u128::from(peer)).leading_zeros() >= u32::from(bits)
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || Error::invalid(format!("a network is like 10.0.0.0/8, ::1 or unix, not {text:?}"));
        if text == "unix" {
            return Ok(Self(Kind::Unix));
        }
        let (address, bits) = text.split_once('/').map_or((text, None), |(it, bits)| (it, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let most: u8 = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), str::parse).map_err(|_| wrong())?;
        if bits > most {
            return Err(wrong());
        }
        // An IPv4 address in the form of IPv6 is what it is of the other: peers
        // are compared as that.
        match address.to_canonical() {
            IpAddr::V4(mapped) if address.is_ipv6() => {
                let bits = bits.checked_sub(96).ok_or_else(wrong)?;
                Ok(Self(Kind::Ip(mapped.into(), bits)))
            }
            _ => Ok(Self(Kind::Ip(address, bits))),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Kind::Ip(address, bits) => write!(f, "{address}/{bits}"),
            Kind::Unix => f.write_str("unix"),
        }
    }
}

/// What limits take for one client's address: an IPv4 address, or the 64 bits of
/// an IPv6 address that its provider gives out as one (RFC 6177).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Block(u128);

impl Block {
    pub(crate) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            // In the form of an IPv6 address, whose lower half says that it is none.
            IpAddr::V4(address) => Self(address.to_ipv6_mapped().into()),
            IpAddr::V6(address) => Self(u128::from(address) >> 64 << 64),
        }
    }
}

/// The address in a text: with or without a port, with or without brackets.
pub(crate) fn read_address(text: &str) -> Option<SocketAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let with_port = || text.parse::<SocketAddr>().ok();
    let address =
        bare.parse::<IpAddr>().map(|address| SocketAddr::new(address, 0)).ok().or_else(with_port)?;
    Some(SocketAddr::new(address.ip().to_canonical(), address.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(network: &str, address: &str) -> bool {
        network.parse::<Network>().unwrap().contains(Some(address.parse().unwrap()))
    }

    #[test]
    fn network_holds_the_addresses_that_begin_with_its_bits() {
        assert!(holds("10.0.0.0/8", "10.255.0.1"));
        assert!(!holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("192.0.2.7", "192.0.2.7") && !holds("192.0.2.7", "192.0.2.6"));
        assert!(holds("0.0.0.0/0", "203.0.113.9") && !holds("0.0.0.0/0", "::1"));
        assert!(holds("2001:db8::/32", "2001:db8:1::2") && !holds("2001:db8::/32", "2001:db9::"));
        // An IPv4 peer of a socket that listens for both.
        assert!(holds("10.0.0.0/8", "::ffff:10.1.2.3"));
        // And networks that are written like that.
        assert!(holds("::ffff:10.0.0.1", "10.0.0.1") && !holds("::ffff:10.0.0.1", "10.0.0.2"));
        assert!(holds("::ffff:10.0.0.0/104", "10.255.0.1") && !holds("::ffff:10.0.0.0/104", "11.0.0.1"));
        assert!(holds("::ffff:0.0.0.0/96", "203.0.113.9"));
        let unix: Network = "unix".parse().unwrap();
        assert!(unix.contains(None) && !unix.contains(Some([127, 0, 0, 1].into())));
        assert!(!"127.0.0.0/8".parse::<Network>().unwrap().contains(None));
    }

    #[test]
    fn what_is_no_network_is_an_error_that_shows_it() {
        for bad in [
            "",
            "10.0.0.0/33",
            "::/129",
            "10.0.0/8",
            "localhost",
            "10.0.0.0/",
            "10.0.0.0/-1",
            "/8",
            "::ffff:10.0.0.0/95",
        ] {
            let error = bad.parse::<Network>().unwrap_err();
            assert!(error.to_string().contains(&format!("{bad:?}")), "{error}");
        }
    }

    #[test]
    fn block_is_an_ipv4_address_or_half_an_ipv6_address() {
        let block = |text: &str| Block::of(text.parse().unwrap());
        assert_ne!(block("192.0.2.1"), block("192.0.2.2"));
        assert_eq!(block("192.0.2.1"), block("::ffff:192.0.2.1"));
        assert_eq!(block("2001:db8::1"), block("2001:db8::ffff:0:0:1"));
        assert_ne!(block("2001:db8::1"), block("2001:db8:0:1::1"));
        assert_ne!(block("::"), block("0.0.0.0"));
    }

    #[test]
    fn address_is_read_in_every_form_that_proxies_write() {
        let read = |text| read_address(text).map(|address| address.to_string());
        assert_eq!(read("192.0.2.1").as_deref(), Some("192.0.2.1:0"));
        assert_eq!(read("192.0.2.1:81").as_deref(), Some("192.0.2.1:81"));
        assert_eq!(read("2001:db8::1").as_deref(), Some("[2001:db8::1]:0"));
        assert_eq!(read("[2001:db8::1]").as_deref(), Some("[2001:db8::1]:0"));
        assert_eq!(read("[2001:db8::1]:81").as_deref(), Some("[2001:db8::1]:81"));
        for bad in ["", "unknown", "_hidden", "192.0.2.1:", "192.0.2.256", "[192.0.2.1", "a, b"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
