//! The one place where bytes leave: `send` for one piece, a gathering send for
//! several. A host that is not written in Rust may have left SIGPIPE as it is,
//! so no call here may raise it.

use std::io::{self, IoSlice};

use super::transport::{Transport, Transports};
use crate::engine::Wire;

impl Wire for Transports {
    fn send(&mut self, connection: u32, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let Some(transport) = self.get_mut(connection) else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        send(transport, pieces)
    }

    fn finish(&mut self, connection: u32) {
        if let Some(transport) = self.get_mut(connection) {
            transport.finish();
        }
    }
}

#[cfg(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly"
))]
fn send(transport: &mut Transport, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
    use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg};
    let sent = match pieces {
        [piece] => rustix::net::send(&*transport, piece, SendFlags::NOSIGNAL),
        pieces => sendmsg(&*transport, pieces, &mut SendAncillaryBuffer::default(), SendFlags::NOSIGNAL),
    };
    sent.map_err(io::Error::from)
}

/// Apple's sockets are made so that they do not raise it (SO_NOSIGPIPE), and
/// Windows has no signals.
#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly"
)))]
fn send(transport: &mut Transport, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
    transport.write_vectored(pieces)
}
