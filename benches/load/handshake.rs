//! The client's half of the opening handshake (RFC 6455 §4.1), with a key that
//! never changes.

use std::net::{Ipv4Addr, SocketAddrV4};

use rustix::{
    fd::OwnedFd,
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with, sockopt},
};

use socket2::SockRef;

use crate::options::{Mode, Options};

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const PROOF: &[u8] = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const MOST_HEAD_BYTES: usize = 8192;

/// The segments of Ethernet, for which a server's kernel takes as much ahead
/// as for a client elsewhere: for the loopback's it would be megabytes.
const ETHERNET_SEGMENT_BYTES: u32 = 1448;
/// What browsers send beside it, with a cookie as sites have them.
const OF_BROWSERS: &str = "Pragma: no-cache\r\nCache-Control: no-cache\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36\r\n\
    Origin: http://127.0.0.1:3000\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-GB,en-US;q=0.9,en;q=0.8,de;q=0.7\r\n\
    Cookie: session=8f14e45fceea167a5a36dedd4bea2543c9f0f895fb98ab9159f51fd0297e236d\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";

pub fn request(options: &Options) -> Vec<u8> {
    request_for(&options.path, options)
}

pub fn request_for(path: &str, options: &Options) -> Vec<u8> {
    let more = if options.browser { OF_BROWSERS } else { "" };
    format!(
        "GET {path} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{more}\r\n",
        options.address
    )
    .into_bytes()
}

/// The length of the response's head, once it is whole and right.
pub fn response_length(bytes: &[u8]) -> Result<Option<usize>, String> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return if bytes.len() > MOST_HEAD_BYTES { Err("the response has no end".into()) } else { Ok(None) };
    };
    let head = &bytes[..end + 4];
    if !head.starts_with(b"HTTP/1.1 101") || !head.windows(PROOF.len()).any(|it| it == PROOF) {
        return Err(format!("no upgrade: {}", String::from_utf8_lossy(&head[..head.len().min(200)])));
    }
    Ok(Some(head.len()))
}

/// A connection that is being made, from 127.0.0.`source`: one address has
/// 28,000 ports only.
pub fn connect_from(source: u8, options: &Options) -> Result<OwnedFd, String> {
    connect_by(Some(Ipv4Addr::new(127, 0, 0, source)), options)
}

/// One from 127.0.0.1. Binding thousands to an address takes the system long to
/// find each a port; this does not.
pub fn connect_fast(options: &Options) -> Result<OwnedFd, String> {
    connect_by(None, options)
}

fn connect_by(from: Option<Ipv4Addr>, options: &Options) -> Result<OwnedFd, String> {
    let connecting = || -> Result<OwnedFd, Errno> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
        sockopt::set_tcp_nodelay(&socket, true)?;
        sockopt::set_socket_reuseaddr(&socket, true)?;
        // Closed with a reset, which leaves nothing behind in TIME_WAIT.
        sockopt::set_socket_linger(&socket, Some(std::time::Duration::ZERO))?;
        if let Some(from) = from {
            bind(&socket, &SocketAddrV4::new(from, 0))?;
        }
        if options.mode == Mode::Slow {
            let _ = SockRef::from(&socket).set_tcp_mss(ETHERNET_SEGMENT_BYTES);
        }
        match connect(&socket, &options.address) {
            Err(error) if error != Errno::INPROGRESS => Err(error),
            _ => Ok(socket),
        }
    };
    connecting().map_err(|error| format!("connect: {error}"))
}
