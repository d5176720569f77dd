//! A client as small as can be, so that the machine's time goes to the servers: one connection, kept open if the
//! server does so, every wait with a deadline.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Where a server is, and how to sign in.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    pub(crate) address: SocketAddr,
    /// The path of the calendar collection, with a slash at its end.
    pub(crate) calendar: String,
    /// The value of the `Authorization` header.
    pub(crate) authorization: Option<String>,
}

/// A request as it is sent.
pub(crate) struct Request(Vec<u8>);

/// A whole answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) etag: Option<String>,
    pub(crate) body: Vec<u8>,
}

/// A connection, opened when it is first used.
pub(crate) struct Connection {
    address: SocketAddr,
    stream: Option<TcpStream>,
    unread: Vec<u8>,
}

impl Endpoint {
    /// The path of the resource `name`.
    pub(crate) fn path(&self, name: &str) -> String {
        format!("{}{name}", self.calendar)
    }

    pub(crate) fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Request {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.address);
        let authorization = self.authorization.as_deref().map(|value| ("Authorization", value));
        let length = body.len().to_string();
        let length = (!body.is_empty()).then_some(("Content-Length", length.as_str()));
        for (name, value) in authorization.into_iter().chain(length).chain(headers.iter().copied()) {
            head.push_str(name);
            head.push_str(": ");
            head.push_str(value);
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        head.push_str(body);
        Request(head.into_bytes())
    }
}

impl Answer {
    pub(crate) fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }
}

impl Connection {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, stream: None, unread: Vec::new() }
    }

    /// Connects, if it is not connected.
    pub(crate) fn open(&mut self) -> Result<&mut TcpStream> {
        if self.stream.is_none() {
            let stream = TcpStream::connect(self.address)?;
            stream.set_nodelay(true)?;
            self.unread.clear();
            self.stream = Some(stream);
        }
        self.stream.as_mut().ok_or_else(|| bad("no connection"))
    }

    /// Sends `request` and reads the answer; an error of kind `TimedOut` if it is not there at `deadline`.
    pub(crate) fn exchange(&mut self, request: &Request, deadline: Instant) -> Result<Answer> {
        let result = self.try_exchange(request, deadline);
        if !matches!(result, Ok((_, Persistence::Stays))) {
            self.stream = None;
        }
        result.map(|(answer, _)| answer)
    }

    fn try_exchange(&mut self, request: &Request, deadline: Instant) -> Result<(Answer, Persistence)> {
        self.open()?.write_all(&request.0)?;
        let end = loop {
            match find(&self.unread, b"\r\n\r\n") {
                Some(end) => break end + 4,
                None if self.fill(deadline)? == 0 => return Err(bad("closed before an answer")),
                None => {}
            }
        };
        let head: Vec<u8> = self.unread.drain(..end).collect();
        let head = Head::parse(std::str::from_utf8(&head).map_err(|_| bad("a head that is not UTF-8"))?)?;
        let body = match head.framing {
            Framing::Length(length) => self.take(length, deadline)?,
            Framing::Chunks => self.chunks(deadline)?,
            Framing::Close => {
                while self.fill(deadline)? > 0 {}
                std::mem::take(&mut self.unread)
            }
        };
        Ok((Answer { status: head.status, etag: head.etag, body }, head.persistence))
    }

    fn fill(&mut self, deadline: Instant) -> Result<usize> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        let stream = self.stream.as_mut().ok_or_else(|| bad("no connection"))?;
        stream.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
        let before = self.unread.len();
        self.unread.resize(before + 128 * 1024, 0);
        let count = stream.read(&mut self.unread[before..]);
        self.unread.truncate(before + *count.as_ref().unwrap_or(&0));
        count.map_err(|e| if e.kind() == ErrorKind::WouldBlock { ErrorKind::TimedOut.into() } else { e })
    }

    fn take(&mut self, count: usize, deadline: Instant) -> Result<Vec<u8>> {
        while self.unread.len() < count {
            if self.fill(deadline)? == 0 {
                return Err(bad("closed within a body"));
            }
        }
        let rest = self.unread.split_off(count);
        Ok(std::mem::replace(&mut self.unread, rest))
    }

    fn chunks(&mut self, deadline: Instant) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        let mut at = 0; // how far `unread` is read; it is cut once, at the end
        loop {
            let Some(line) = find(&self.unread[at..], b"\r\n") else {
                if self.fill(deadline)? == 0 {
                    return Err(bad("closed within a chunk"));
                }
                continue;
            };
            let size = std::str::from_utf8(&self.unread[at..at + line]).unwrap_or_default();
            let size = usize::from_str_radix(size.trim(), 16).map_err(|_| bad("a chunk size"))?;
            let from = at + line + 2;
            while self.unread.len() < from + size + 2 {
                if self.fill(deadline)? == 0 {
                    return Err(bad("closed within a chunk"));
                }
            }
            body.extend_from_slice(&self.unread[from..from + size]);
            at = from + size + 2;
            if size == 0 {
                self.unread.drain(..at);
                return Ok(body);
            }
        }
    }
}

enum Framing {
    Length(usize),
    Chunks,
    Close,
}

enum Persistence {
    Stays,
    Closes,
}

struct Head {
    status: u16,
    etag: Option<String>,
    framing: Framing,
    persistence: Persistence,
}

impl Head {
    fn parse(head: &str) -> Result<Self> {
        let mut lines = head.split("\r\n");
        let first = lines.next().unwrap_or_default();
        let status = first.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status: u16 = status.ok_or_else(|| bad("a status line"))?;
        let persistence =
            if first.starts_with("HTTP/1.1 ") { Persistence::Stays } else { Persistence::Closes };
        let mut head = Self { status, etag: None, framing: Framing::Close, persistence };
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "content-length" => {
                    head.framing = Framing::Length(value.parse().map_err(|_| bad("a Content-Length"))?);
                }
                "transfer-encoding" => head.framing = Framing::Chunks,
                "connection" if value.eq_ignore_ascii_case("close") => head.persistence = Persistence::Closes,
                "etag" => head.etag = Some(value.to_owned()),
                _ => {}
            }
        }
        match head.framing {
            _ if status == 204 || status == 304 => head.framing = Framing::Length(0),
            Framing::Close => head.persistence = Persistence::Closes,
            Framing::Length(_) | Framing::Chunks => {}
        }
        Ok(head)
    }
}

fn bad(what: &'static str) -> Error {
    Error::new(ErrorKind::InvalidData, what)
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn answered(bytes: &'static [u8]) -> (Result<Answer>, bool) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut connection = Connection::new(listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            assert!(stream.read(&mut request).unwrap() > 0);
            stream.write_all(bytes).unwrap();
        });
        let deadline = Instant::now() + Duration::from_secs(10);
        let answer = connection.exchange(&Request(b"GET / HTTP/1.1\r\n\r\n".to_vec()), deadline);
        server.join().unwrap();
        (answer, connection.stream.is_some())
    }

    #[test]
    fn all_three_framings_are_read_and_a_cut_one_is_an_error() {
        let (answer, stays) = answered(b"HTTP/1.1 200 OK\r\nETag: \"e\"\r\nContent-Length: 4\r\n\r\nbody");
        let answer = answer.unwrap();
        assert_eq!(
            (answer.status, answer.etag.as_deref(), answer.body.as_slice()),
            (200, Some("\"e\""), &b"body"[..])
        );
        assert!(stays);
        let (answer, stays) =
            answered(b"HTTP/1.1 207 X\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n");
        assert_eq!((answer.unwrap().body.as_slice(), stays), (&b"body"[..], true));
        let (answer, stays) = answered(b"HTTP/1.0 200 OK\r\n\r\nbody");
        assert_eq!((answer.unwrap().body.as_slice(), stays), (&b"body"[..], false));
        assert!(answered(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbody").0.is_err());
    }
}
