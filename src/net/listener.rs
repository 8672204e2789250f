//! Where clients knock: TCP over IPv4 and IPv6, and Unix sockets; bound here,
//! or adopted from the host while already listening.

use std::{
    fmt, io,
    net::{SocketAddr, ToSocketAddrs},
};

use mio::{Interest, Registry, Token, event::Source};
use socket2::{Domain, Protocol, Socket, Type};

use super::transport::Transport;
use crate::base::{
    error::{Error, Result},
    limits::{BACKLOG, DESCRIPTOR_RESERVE},
};

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocalAddress {
    /// TCP; the port is the one that the system gave if 0 was asked for.
    Tcp(SocketAddr),
    /// A Unix socket at this path; empty for one without a name.
    Unix(String),
}

impl LocalAddress {
    /// The port, for TCP.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Tcp(address) => Some(address.port()),
            Self::Unix(_) => None,
        }
    }
}

impl fmt::Display for LocalAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{path}"),
        }
    }
}

/// A socket that takes clients.
#[derive(Debug)]
pub(crate) struct Listener {
    door: Door,
    /// There may be clients to take.
    pub(super) readable: bool,
}

#[derive(Debug)]
enum Door {
    Tcp(mio::net::TcpListener),
    #[cfg(unix)]
    Unix(mio::net::UnixListener),
}

impl Listener {
    /// Binds `host:port`, `[v6]:port` or `unix:/path`.
    pub(crate) fn bind(address: &str) -> Result<Self> {
        if let Some(path) = address.strip_prefix("unix:") {
            return Self::bind_unix(path);
        }
        let cant = |error| Error::io(format!("can't listen on {address:?}"), error);
        let mut last = None;
        let parsed = address.to_socket_addrs().map_err(|error| match error.kind() {
            io::ErrorKind::InvalidInput => Error::invalid(format!(
                "the address {address:?} is neither host:port, [v6]:port nor unix:/path"
            )),
            _ => cant(error),
        })?;
        for address in parsed {
            match bind_tcp(address) {
                Ok(listener) => return Ok(Self { door: Door::Tcp(listener), readable: true }),
                Err(error) => last = Some(error),
            }
        }
        Err(cant(last.unwrap_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name has no address"))))
    }

    #[cfg(unix)]
    fn bind_unix(path: &str) -> Result<Self> {
        // Linux would make up a name that nobody knows.
        if path.is_empty() {
            return Err(Error::invalid("the address of a Unix socket names a path: unix:/path"));
        }
        let cant = |error: io::Error| match error.kind() {
            io::ErrorKind::InvalidInput => {
                Error::invalid(format!("the path {path:?} can't be the address of a Unix socket: {error}"))
            }
            _ => Error::io(format!("can't listen on the Unix socket {path:?}"), error),
        };
        let bind = || mio::net::UnixListener::bind(path);
        let listener = match bind() {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_left_behind(path) => {
                std::fs::remove_file(path).and_then(|()| bind())
            }
            bound => bound,
        };
        Ok(Self { door: Door::Unix(listener.map_err(cant)?), readable: true })
    }

    #[cfg(not(unix))]
    fn bind_unix(_: &str) -> Result<Self> {
        Err(Error::invalid("this system has no Unix sockets"))
    }

    /// Takes over a socket that is bound and listens already.
    pub(crate) fn adopt_tcp(listener: std::net::TcpListener) -> Result<Self> {
        listener.set_nonblocking(true).map_err(|error| Error::io("can't adopt the listener", error))?;
        Ok(Self { door: Door::Tcp(mio::net::TcpListener::from_std(listener)), readable: true })
    }

    /// The same for a Unix socket.
    #[cfg(unix)]
    pub(crate) fn adopt_unix(listener: std::os::unix::net::UnixListener) -> Result<Self> {
        listener.set_nonblocking(true).map_err(|error| Error::io("can't adopt the listener", error))?;
        Ok(Self { door: Door::Unix(mio::net::UnixListener::from_std(listener)), readable: true })
    }

    pub(super) fn address(&self) -> io::Result<LocalAddress> {
        match &self.door {
            Door::Tcp(listener) => listener.local_addr().map(LocalAddress::Tcp),
            #[cfg(unix)]
            Door::Unix(listener) => listener.local_addr().map(|address| {
                let path = address.as_pathname().map(|path| path.to_string_lossy().into_owned());
                LocalAddress::Unix(path.unwrap_or_default())
            }),
        }
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match &mut self.door {
            Door::Tcp(listener) => listener.register(registry, token, Interest::READABLE),
            #[cfg(unix)]
            Door::Unix(listener) => listener.register(registry, token, Interest::READABLE),
        }
    }

    /// Whether somebody waits at the door, asked of the system without taking it in.
    pub(super) fn has_waiting(&self) -> bool {
        #[cfg(unix)]
        {
            use rustix::event::{PollFd, PollFlags, Timespec, poll};
            let door: &dyn std::os::fd::AsFd = match &self.door {
                Door::Tcp(listener) => listener,
                Door::Unix(listener) => listener,
            };
            let mut asked = [PollFd::new(&door, PollFlags::IN)];
            let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
            // Who can't be asked about may be there: it is tried again.
            !matches!(poll(&mut asked, Some(&at_once)), Ok(0))
        }
        #[cfg(not(unix))]
        {
            true
        }
    }

    pub(super) fn accept(&mut self) -> io::Result<(Transport, Option<SocketAddr>)> {
        #[cfg(all(test, target_os = "linux"))]
        if let Some(error) = super::faults::accept() {
            return Err(error);
        }
        match &mut self.door {
            Door::Tcp(listener) => {
                listener.accept().map(|(stream, peer)| (Transport::tcp(stream), Some(peer)))
            }
            #[cfg(unix)]
            Door::Unix(listener) => listener.accept().map(|(stream, _)| (Transport::unix(stream), None)),
        }
    }
}

/// Whether a file is the socket of a server that is gone: nobody answers there.
/// Neither does an ordinary file, which must stay.
#[cfg(unix)]
fn is_left_behind(path: &str) -> bool {
    use std::os::unix::fs::FileTypeExt;
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|it| it.file_type().is_socket());
    // Not blocking: a server that lives and is behind would make us wait.
    is_socket
        && mio::net::UnixStream::connect(path)
            .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

fn bind_tcp(address: SocketAddr) -> io::Result<mio::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A server that is started again must not wait for old connections to
    // time out. On Windows the option means something else.
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(mio::net::TcpListener::from_std(socket.into()))
}

/// How many connections the limit of descriptors allows, less a reserve.
pub(crate) fn descriptor_limit() -> usize {
    #[cfg(unix)]
    {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        let limit = limit.current.map_or(usize::MAX, |limit| limit as usize);
        limit.saturating_sub(DESCRIPTOR_RESERVE).max(1)
    }
    #[cfg(not(unix))]
    {
        usize::MAX - DESCRIPTOR_RESERVE
    }
}
