//! One connection, byte by byte: what a well-behaved client library would not let a test send.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::response::{self, Response};

/// The longest a test waits for bytes. Far above every time-out a test sets: reaching it means the daemon hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where a listener is.
#[derive(Debug, Clone, PartialEq)]
pub enum Address {
    /// A TCP port, in clear.
    Tcp(SocketAddr),
    /// A unix socket.
    Unix(PathBuf),
}

impl Address {
    /// What the `Host` header says.
    #[must_use]
    pub fn authority(&self) -> String {
        match self {
            Self::Tcp(address) => address.to_string(),
            Self::Unix(_) => "localhost".into(),
        }
    }

    /// The TCP address.
    ///
    /// # Panics
    /// If it is a unix socket.
    #[must_use]
    pub fn tcp(&self) -> SocketAddr {
        match self {
            Self::Tcp(address) => *address,
            Self::Unix(path) => panic!("{} is no TCP address", path.display()),
        }
    }
}

/// Both directions of a stream.
trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// An open connection with what was read of it but not yet used.
pub struct Wire {
    stream: Box<dyn Stream>,
    tcp: Option<TcpStream>,
    pub(crate) unread: Vec<u8>,
}

impl Wire {
    /// Connects to `address`.
    ///
    /// # Errors
    /// Whatever the operating system says.
    pub fn connect(address: &Address) -> io::Result<Self> {
        match address {
            Address::Tcp(address) => {
                let stream = tcp(*address)?;
                Ok(Self { tcp: Some(stream.try_clone()?), stream: Box::new(stream), unread: Vec::new() })
            }
            Address::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                Ok(Self { tcp: None, stream: Box::new(stream), unread: Vec::new() })
            }
        }
    }

    /// Connects with TLS as a client of `config`, for the name `localhost`.
    ///
    /// # Errors
    /// Whatever the operating system or the handshake says.
    pub fn connect_tls(address: SocketAddr, config: &Arc<ClientConfig>) -> io::Result<Self> {
        let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
        let mut session = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
        let mut stream = tcp(address)?;
        while session.is_handshaking() {
            session.complete_io(&mut stream)?;
        }
        let tcp = Some(stream.try_clone()?);
        Ok(Self { stream: Box::new(StreamOwned::new(session, stream)), tcp, unread: Vec::new() })
    }

    /// Sends `bytes` as they are.
    ///
    /// # Errors
    /// If the daemon has closed the connection, or takes nothing for 30 s.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref())?;
        self.stream.flush()
    }

    /// Says that nothing more will be sent; the other direction stays open.
    pub fn finish(&mut self) {
        if let Some(tcp) = &self.tcp {
            let _ = tcp.shutdown(std::net::Shutdown::Write); // the daemon may have closed it already
        }
    }

    /// Closes the connection by a reset. One that is closed in order keeps its port for a minute, and tests make more
    /// requests in a minute than there are ports.
    pub(crate) fn reset(self) {
        if let Some(tcp) = &self.tcp {
            let _ = set_socket_linger(tcp, Some(Duration::ZERO)); // the only harm of a failure is a port
        }
    }

    /// Reads more bytes into `unread`; the number of bytes, 0 at the end of the stream.
    ///
    /// # Errors
    /// If the connection was reset, or nothing came for 30 s.
    pub fn fill(&mut self) -> io::Result<usize> {
        let mut buffer = [0; 16 * 1024];
        let count = self.stream.read(&mut buffer)?;
        self.unread.extend_from_slice(&buffer[..count]);
        Ok(count)
    }

    /// Reads one response to a request of `method`.
    ///
    /// # Errors
    /// If the connection ends before the response is whole.
    pub fn read_response(&mut self, method: &str) -> io::Result<Response> {
        response::read(self, method)
    }

    /// Reads until the daemon closes the connection; everything that came.
    ///
    /// # Panics
    /// If it does not close it within 30 s of silence: a hang.
    #[must_use]
    pub fn read_to_close(mut self) -> Vec<u8> {
        loop {
            match self.fill() {
                Ok(0) => return self.unread,
                Ok(_) => {}
                Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    panic!("the daemon kept the connection open")
                }
                Err(_) => return self.unread, // a reset closes it too
            }
        }
    }
}

fn tcp(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}
