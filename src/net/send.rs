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
        #[cfg(all(test, target_os = "linux"))]
        if let Some(planned) = super::faults::send(pieces) {
            return send_as_planned(transport, pieces, planned);
        }
        send(transport, pieces)
    }

    fn finish(&mut self, connection: u32) {
        if let Some(transport) = self.get_mut(connection) {
            transport.finish();
        }
    }
}

/// A short send, or an error. Behind it comes an edge.
#[cfg(all(test, target_os = "linux"))]
fn send_as_planned(
    transport: &mut Transport,
    pieces: &[IoSlice<'_>],
    planned: io::Result<usize>,
) -> io::Result<usize> {
    transport.state_mut().owes_writable =
        !matches!(&planned, Err(error) if error.kind() != io::ErrorKind::WouldBlock);
    let bytes: Vec<u8> = pieces.iter().flat_map(|piece| piece.iter().copied()).collect();
    send(transport, &[IoSlice::new(bytes.get(..planned?).unwrap_or_default())])
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
