//! One connection as the system knows it: a TCP or a Unix socket.

use std::{
    io::{self, Read},
    net::{Shutdown, SocketAddr},
};

use mio::{Interest, Registry, Token, event::Source};

/// A connected socket and what is known of its state, which lies beside the
/// tag: so a transport takes eight bytes.
#[derive(Debug)]
pub(crate) enum Transport {
    Tcp(State, mio::net::TcpStream),
    #[cfg(unix)]
    Unix(State, mio::net::UnixStream),
}

/// What is known of a connection's state.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// There may be bytes to read.
    pub(super) readable: bool,
    /// The peer has closed its end, or the connection is broken: reading will
    /// tell, behind the last bytes.
    pub(super) read_closed: bool,
    /// It is in the ready list.
    pub(super) listed: bool,
    /// A test has failed a call, and owes the edge that would follow.
    #[cfg(test)]
    pub(super) owes_readable: bool,
    #[cfg(test)]
    pub(super) owes_writable: bool,
}

impl Transport {
    pub(super) fn tcp(stream: mio::net::TcpStream) -> Self {
        // Small messages must not wait for the acknowledgement of others. A
        // socket that can't do it is slower, not wrong.
        if let Err(error) = stream.set_nodelay(true) {
            log::debug!("TCP_NODELAY: {error}");
        }
        Self::Tcp(State::default(), stream)
    }

    #[cfg(unix)]
    pub(super) fn unix(stream: mio::net::UnixStream) -> Self {
        Self::Unix(State::default(), stream)
    }

    pub(super) fn state(&self) -> &State {
        match self {
            Self::Tcp(state, _) => state,
            #[cfg(unix)]
            Self::Unix(state, _) => state,
        }
    }

    pub(super) fn state_mut(&mut self) -> &mut State {
        match self {
            Self::Tcp(state, _) => state,
            #[cfg(unix)]
            Self::Unix(state, _) => state,
        }
    }

    pub(super) fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        #[cfg(all(test, target_os = "linux"))]
        if let Some(error) = super::faults::read() {
            self.state_mut().owes_readable = error.kind() == io::ErrorKind::WouldBlock;
            return Err(error);
        }
        match self {
            Self::Tcp(_, stream) => stream.read(space),
            #[cfg(unix)]
            Self::Unix(_, stream) => stream.read(space),
        }
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(super) fn write_vectored(&mut self, pieces: &[io::IoSlice<'_>]) -> io::Result<usize> {
        use std::io::Write;
        match self {
            Self::Tcp(_, stream) => stream.write_vectored(pieces),
            #[cfg(unix)]
            Self::Unix(_, stream) => stream.write_vectored(pieces),
        }
    }

    /// Closes our end.
    pub(super) fn finish(&mut self) {
        let finished = match self {
            Self::Tcp(_, stream) => stream.shutdown(Shutdown::Write),
            #[cfg(unix)]
            Self::Unix(_, stream) => stream.shutdown(Shutdown::Write),
        };
        if let Err(error) = finished {
            log::debug!("shutdown: {error}");
        }
    }

    pub(super) fn peer(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(_, stream) => stream.peer_addr().ok(),
            #[cfg(unix)]
            Self::Unix(..) => None,
        }
    }

    pub(super) fn register(
        &mut self,
        registry: &Registry,
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        match self {
            Self::Tcp(_, stream) => stream.register(registry, token, interest),
            #[cfg(unix)]
            Self::Unix(_, stream) => stream.register(registry, token, interest),
        }
    }

    pub(super) fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        match self {
            Self::Tcp(_, stream) => stream.deregister(registry),
            #[cfg(unix)]
            Self::Unix(_, stream) => stream.deregister(registry),
        }
    }
}

#[cfg(unix)]
impl std::os::fd::AsFd for Transport {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        match self {
            Self::Tcp(_, stream) => stream.as_fd(),
            Self::Unix(_, stream) => stream.as_fd(),
        }
    }
}

/// All transports, by the key of their connection.
#[derive(Debug, Default)]
pub(crate) struct Transports(Vec<Option<Transport>>);

impl Transports {
    pub(super) fn get(&self, key: u32) -> Option<&Transport> {
        self.0.get(key as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, key: u32) -> Option<&mut Transport> {
        self.0.get_mut(key as usize)?.as_mut()
    }

    pub(super) fn insert(&mut self, key: u32, transport: Transport) {
        let index = key as usize;
        if self.0.len() <= index {
            self.0.resize_with(index + 1, || None);
        }
        self.0[index] = Some(transport);
    }

    pub(super) fn remove(&mut self, key: u32) -> Option<Transport> {
        self.0.get_mut(key as usize)?.take()
    }
}
