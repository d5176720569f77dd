//! Sockets: from an address of the configuration to connections.

use std::fs::{self, File};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::net::sockopt::set_socket_send_buffer_size;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::caps::{Caps, Slot};
use crate::config::values::ListenAddress;
use crate::connection::{Client, Server};
use crate::failure::Failure;
use crate::front::{Current, Front};
use crate::handed::Socket;
use crate::limits::{ACCEPT_REST, BACKLOG, SEND_BUFFER_BYTES};
use crate::supervisor::{Importance, Supervisor};

/// A socket that waits for connections.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, SocketFile),
}

/// The file of a unix socket. One that we made is removed when dropped.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    maker: Maker,
}

#[derive(Debug, PartialEq, Eq)]
enum Maker {
    Us,
    ServiceManager,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.maker == Maker::Us {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A connection as it came in.
#[derive(Debug)]
pub(crate) enum Accepted {
    Tcp(TcpStream, SocketAddr),
    Unix(UnixStream),
}

impl Listener {
    /// Takes an address. A socket file that nobody listens on any more is replaced.
    ///
    /// `mode` is that of the file of a unix socket.
    ///
    /// # Errors
    /// One sentence with the address; nothing is bound.
    pub(crate) async fn bind(address: &ListenAddress, mode: u32) -> Result<Self, Failure> {
        let bound = match address {
            ListenAddress::Tcp(address) => bind_tcp(*address).map(Self::Tcp),
            ListenAddress::Unix(path) => bind_unix(path, mode).await,
        };
        bound.map_err(|error| {
            let remedy = match error.kind() {
                io::ErrorKind::AddrInUse => {
                    "stop the other process, or choose another port; port 0 finds a free one"
                }
                io::ErrorKind::PermissionDenied => {
                    "choose a port above 1023 and a path that this user may write"
                }
                io::ErrorKind::AddrNotAvailable => "choose an address that this machine has",
                _ => "choose another address",
            };
            Failure::failed(format!("cannot listen on {address}: {error}"), remedy)
        })
    }

    /// Takes over the sockets `handed`, or else binds the addresses `configured`.
    ///
    /// # Errors
    /// As [`Listener::bind`].
    pub(crate) async fn all(
        handed: Vec<Socket>,
        configured: &[ListenAddress],
        mode: u32,
    ) -> Result<Vec<Self>, Failure> {
        let mut listeners = Vec::new();
        if handed.is_empty() {
            for address in configured {
                listeners.push(Self::bind(address, mode).await?);
            }
        }
        for socket in handed {
            let address = socket.address();
            listeners.push(Self::adopt(socket).map_err(|error| {
                Failure::failed(
                    format!("cannot use the socket {address}: {error}"),
                    "look at its socket unit",
                )
            })?);
        }
        Ok(listeners)
    }

    fn adopt(socket: Socket) -> io::Result<Self> {
        let address = socket.address();
        match (socket, address) {
            (Socket::Unix(listener), ListenAddress::Unix(path)) => {
                listener.set_nonblocking(true)?;
                let file = SocketFile { path, maker: Maker::ServiceManager };
                UnixListener::from_std(listener).map(|listener| Self::Unix(listener, file))
            }
            (Socket::Tcp(listener), _) => {
                listener.set_nonblocking(true)?;
                TcpListener::from_std(listener).map(Self::Tcp)
            }
            (Socket::Unix(_), ListenAddress::Tcp(_)) => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    /// The address as it really is: with the port that the system chose.
    pub(crate) fn address(&self) -> ListenAddress {
        match self {
            Self::Tcp(listener) => ListenAddress::Tcp(
                listener.local_addr().unwrap_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 0))),
            ),
            Self::Unix(_, file) => ListenAddress::Unix(file.path.clone()),
        }
    }

    /// The next connection. An error of `accept`, such as too few file descriptors, is waited out.
    pub(crate) async fn accept(&self) -> Accepted {
        loop {
            let accepted = match self {
                Self::Tcp(listener) => {
                    listener.accept().await.map(|(stream, peer)| Accepted::Tcp(stream, peer))
                }
                Self::Unix(listener, _) => listener.accept().await.map(|(stream, _)| Accepted::Unix(stream)),
            };
            match accepted {
                Ok(accepted) => {
                    if let Accepted::Tcp(stream, _) = &accepted {
                        // Answers are written whole: waiting for more to send would only add latency.
                        let _ = stream.set_nodelay(true);
                        let _ = set_socket_send_buffer_size(stream, SEND_BUFFER_BYTES); // else it is only larger
                    }
                    return accepted;
                }
                // The client left before it was accepted: no reason to wait.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    tracing::warn!(%error, listener = %self.address(), "cannot accept connections at the moment");
                    sleep(ACCEPT_REST).await;
                }
            }
        }
    }
}

fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restart must not wait for old connections in TIME_WAIT.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

async fn bind_unix(path: &Path, mode: u32) -> io::Result<Listener> {
    if let Ok(there) = fs::symlink_metadata(path) {
        if !there.file_type().is_socket() || connect_unix(path).await.is_ok() {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        fs::remove_file(path)?;
    }
    // The process's umask keeps others out until the mode is set.
    let listener = {
        let (short, _folder) = short(path)?;
        UnixListener::bind(short)?
    };
    let file = SocketFile { path: path.to_owned(), maker: Maker::Us };
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    Ok(Listener::Unix(listener, file))
}

/// Connects to a unix socket, however long its path is.
pub(crate) async fn connect_unix(path: &Path) -> io::Result<UnixStream> {
    let (short, _folder) = short(path)?;
    UnixStream::connect(short).await
}

/// The kernel takes at most 107 bytes of path: a longer one is reached through its open folder, which has to stay
/// open while the path is used.
fn short(path: &Path) -> io::Result<(PathBuf, Option<File>)> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok((path.to_owned(), None));
    };
    if path.as_os_str().len() < 100 {
        return Ok((path.to_owned(), None));
    }
    let folder = File::open(folder)?;
    let short = Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(name);
    Ok((short, Some(folder)))
}

/// Serves the connections of one listener until the supervisor asks to stop.
pub(crate) fn serve(supervisor: &Supervisor, listener: Listener, front: Current, caps: Arc<Caps>) {
    let tasks = supervisor.clone();
    let stopping = supervisor.stopping();
    let accepting = async move {
        loop {
            let accepted = listener.accept().await;
            let peer = accepted.peer();
            let Some(slot) = caps.admit(peer) else { continue };
            let connection = connection(accepted, front.load_full(), slot);
            tasks.spawn("http.connection", Importance::Ordinary, connection);
        }
    };
    supervisor.spawn("http.listener", Importance::Vital, async move {
        stopping.run_until_cancelled_owned(accepting).await;
    });
}

async fn connection(accepted: Accepted, front: Arc<Front>, _slot: Slot) {
    let server = Arc::clone(&front.server);
    let tls = front.tls.clone().map(TlsAcceptor::from);
    match accepted {
        Accepted::Unix(stream) => {
            server.serve(stream, Client { peer: None, secure: false, hosts: [].into() }).await;
        }
        Accepted::Tcp(stream, peer) => {
            let hosts =
                stream.local_addr().map(|local| hosts(local, tls.is_some())).unwrap_or_default().into();
            let client = Client { peer: Some(peer.ip().to_canonical()), secure: tls.is_some(), hosts };
            match tls {
                None => server.serve(stream, client).await,
                Some(tls) => {
                    if let Some(stream) = handshake(&tls, stream, &server).await {
                        server.serve(stream, client).await;
                    }
                }
            }
        }
    }
}

/// `None`: it failed, or the server is stopping.
async fn handshake<S>(
    tls: &TlsAcceptor,
    stream: S,
    server: &Server,
) -> Option<tokio_rustls::server::TlsStream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let patience = server.limits.handshake_timeout.0;
    let stopping = server.supervisor.stopping();
    let reason = match stopping.run_until_cancelled(timeout(patience, tls.accept(stream))).await? {
        Ok(Ok(stream)) => return Some(stream),
        Ok(Err(_)) => "handshake",
        Err(_) => "handshake-timeout",
    };
    server.metrics.connection_ended_by_us(reason);
    tracing::debug!(reason, "no TLS connection came about");
    None
}

impl Accepted {
    fn peer(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp(_, peer) => Some(peer.ip().to_canonical()),
            Self::Unix(_) => None,
        }
    }
}

/// The authorities under which a client may have reached the socket address `local`.
fn hosts(local: SocketAddr, secure: bool) -> Vec<String> {
    let ip = local.ip().to_canonical();
    let mut names = vec![if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() }];
    if ip.is_loopback() {
        names.push("localhost".to_owned());
    }
    // Not read from /proc: a service may be kept from seeing it.
    let host = rustix::system::uname().nodename().to_string_lossy().to_ascii_lowercase();
    names.push(format!("{host}.local"));
    names.push(host);
    let default_port = if secure { 443 } else { 80 };
    let with_port: Vec<String> = names.iter().map(|name| format!("{name}:{}", local.port())).collect();
    if local.port() == default_port { [with_port, names].concat() } else { with_port }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn port_zero_becomes_a_real_port_and_a_taken_one_is_refused_with_a_remedy() {
        let any: ListenAddress = "127.0.0.1:0".parse().unwrap();
        let first = Listener::bind(&any, 0o600).await.unwrap();
        let ListenAddress::Tcp(real) = first.address() else { panic!("tcp") };
        assert_ne!(real.port(), 0);
        let failure = Listener::bind(&first.address(), 0o600).await.unwrap_err();
        assert!(failure.what.contains(&real.to_string()) && failure.remedy.contains("port"), "{failure}");
    }

    #[tokio::test]
    async fn what_is_sent_on_a_connection_waits_for_nothing_and_what_is_not_taken_is_bounded() {
        let listener = Listener::bind(&"127.0.0.1:0".parse().unwrap(), 0o600).await.unwrap();
        let ListenAddress::Tcp(address) = listener.address() else { panic!("tcp") };
        let (accepted, connected) = tokio::join!(listener.accept(), TcpStream::connect(address));
        let Accepted::Tcp(stream, _) = accepted else { panic!("tcp") };
        assert!(connected.is_ok() && stream.nodelay().unwrap());
        let buffer = rustix::net::sockopt::socket_send_buffer_size(&stream).unwrap();
        assert!(buffer <= 2 * SEND_BUFFER_BYTES, "{buffer}"); // the kernel keeps half of it for itself
    }

    #[tokio::test]
    async fn a_socket_file_left_behind_is_replaced_and_one_in_use_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.sock");
        let address = ListenAddress::Unix(path.clone());
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let listener = Listener::bind(&address, 0o600).await.unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(Listener::bind(&address, 0o600).await.is_err());
        drop(listener);
        assert!(!path.exists());
        fs::write(&path, "precious").unwrap();
        assert!(Listener::bind(&address, 0o600).await.is_err());
        assert_eq!(fs::read(&path).unwrap(), b"precious");
    }

    #[tokio::test]
    async fn a_socket_may_have_a_path_longer_than_the_kernel_takes() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("x".repeat(200));
        fs::create_dir(&deep).unwrap();
        let path = deep.join("s.sock");
        let listener = Listener::bind(&ListenAddress::Unix(path.clone()), 0o600).await.unwrap();
        let (accepted, connected) = tokio::join!(listener.accept(), connect_unix(&path));
        assert!(matches!(accepted, Accepted::Unix(_)) && connected.is_ok());
    }

    #[test]
    fn a_listener_is_known_by_its_address_and_by_localhost_if_that_is_true() {
        let found = hosts("127.0.0.1:8008".parse().unwrap(), false);
        assert!(found.contains(&"127.0.0.1:8008".to_owned()) && found.contains(&"localhost:8008".to_owned()));
        let found = hosts("[2001:db8::1]:443".parse().unwrap(), true);
        assert!(
            found.contains(&"[2001:db8::1]".to_owned()) && found.contains(&"[2001:db8::1]:443".to_owned())
        );
        assert!(!found.iter().any(|name| name.starts_with("localhost")));
    }
}
