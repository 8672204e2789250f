//! One connection as the system knows it: a TCP or a Unix socket.

use std::{
    io::{self, Read},
    net::{Shutdown, SocketAddr},
};

use mio::{Interest, Registry, Token, event::Source};

/// A connected socket and what is known of its state.
#[derive(Debug)]
pub(crate) struct Transport {
    stream: Stream,
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

#[derive(Debug)]
enum Stream {
    Tcp(mio::net::TcpStream),
    #[cfg(unix)]
    Unix(mio::net::UnixStream),
}

impl Transport {
    pub(super) fn tcp(stream: mio::net::TcpStream) -> Self {
        // Small messages must not wait for the acknowledgement of others. A
        // socket that can't do it is slower, not wrong.
        if let Err(error) = stream.set_nodelay(true) {
            log::debug!("TCP_NODELAY: {error}");
        }
        Self::new(Stream::Tcp(stream))
    }

    #[cfg(unix)]
    pub(super) fn unix(stream: mio::net::UnixStream) -> Self {
        Self::new(Stream::Unix(stream))
    }

    fn new(stream: Stream) -> Self {
        Self {
            stream,
            readable: false,
            read_closed: false,
            listed: false,
            #[cfg(test)]
            owes_readable: false,
            #[cfg(test)]
            owes_writable: false,
        }
    }

    pub(super) fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        #[cfg(all(test, target_os = "linux"))]
        if let Some(error) = super::faults::read() {
            self.owes_readable = error.kind() == io::ErrorKind::WouldBlock;
            return Err(error);
        }
        match &mut self.stream {
            Stream::Tcp(stream) => stream.read(space),
            #[cfg(unix)]
            Stream::Unix(stream) => stream.read(space),
        }
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(super) fn write_vectored(&mut self, pieces: &[io::IoSlice<'_>]) -> io::Result<usize> {
        use std::io::Write;
        match &mut self.stream {
            Stream::Tcp(stream) => stream.write_vectored(pieces),
            #[cfg(unix)]
            Stream::Unix(stream) => stream.write_vectored(pieces),
        }
    }

    /// Closes our end.
    pub(super) fn finish(&mut self) {
        let finished = match &self.stream {
            Stream::Tcp(stream) => stream.shutdown(Shutdown::Write),
            #[cfg(unix)]
            Stream::Unix(stream) => stream.shutdown(Shutdown::Write),
        };
        if let Err(error) = finished {
            log::debug!("shutdown: {error}");
        }
    }

    pub(super) fn peer(&self) -> Option<SocketAddr> {
        match &self.stream {
            Stream::Tcp(stream) => stream.peer_addr().ok(),
            #[cfg(unix)]
            Stream::Unix(_) => None,
        }
    }

    pub(super) fn register(
        &mut self,
        registry: &Registry,
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        match &mut self.stream {
            Stream::Tcp(stream) => stream.register(registry, token, interest),
            #[cfg(unix)]
            Stream::Unix(stream) => stream.register(registry, token, interest),
        }
    }

    pub(super) fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        match &mut self.stream {
            Stream::Tcp(stream) => stream.deregister(registry),
            #[cfg(unix)]
            Stream::Unix(stream) => stream.deregister(registry),
        }
    }
}

#[cfg(unix)]
impl std::os::fd::AsFd for Transport {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        match &self.stream {
            Stream::Tcp(stream) => stream.as_fd(),
            Stream::Unix(stream) => stream.as_fd(),
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
