//! Reading an HTTP/1.1 response (RFC 9112 sections 4 to 7) strictly: a frame the RFC forbids is a failed test.

use std::io;

use crate::wire::Wire;
use crate::xml::{Element, Multistatus};

/// A whole response.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// All header fields in their order; the names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, without its transfer coding.
    pub body: Vec<u8>,
}

impl Response {
    /// The value of the header field `name`, if it is there.
    ///
    /// # Panics
    /// If it is there twice.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let all = self.header_values(name);
        assert!(all.len() <= 1, "{name} was sent {} times: {all:?}", all.len());
        all.first().copied()
    }

    /// All values of the header field `name`.
    #[must_use]
    pub fn header_values(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str()).collect()
    }

    /// The strong ETag of the answer.
    ///
    /// # Panics
    /// If there is none, or a weak one.
    #[must_use]
    pub fn etag(&self) -> String {
        let etag = self.header("etag").unwrap_or_else(|| panic!("no ETag: {self}"));
        assert!(etag.starts_with('"') && etag.ends_with('"') && etag.len() > 2, "not a strong ETag: {etag}");
        etag.to_owned()
    }

    /// The body as text.
    ///
    /// # Panics
    /// If it is not UTF-8.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a body in UTF-8")
    }

    /// The response, if it has `status`.
    ///
    /// # Panics
    /// If it has another one.
    #[must_use]
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self}");
        self
    }

    /// The body of a 207.
    ///
    /// # Panics
    /// If it is no 207 with a well-formed `DAV:multistatus`.
    #[must_use]
    #[track_caller]
    pub fn multistatus(&self) -> Multistatus {
        assert_eq!(self.status, 207, "{self}");
        let kind = self.header("content-type").unwrap_or_default();
        assert!(kind.contains("xml"), "a multistatus of type {kind}");
        Multistatus::parse(self.text())
    }

    /// The one precondition named in the `DAV:error` body (RFC 4918 section 16), as `D:name` or `C:name`.
    ///
    /// # Panics
    /// If the body names none, or more than one.
    #[must_use]
    #[track_caller]
    pub fn precondition(&self) -> String {
        self.error_element().name
    }

    /// The element in the `DAV:error` body.
    ///
    /// # Panics
    /// If there is not exactly one.
    #[must_use]
    #[track_caller]
    pub fn error_element(&self) -> Element {
        let root = Element::parse(self.text()).unwrap_or_else(|e| panic!("no XML body ({e}): {self}"));
        assert_eq!(root.name, "D:error", "{self}");
        assert_eq!(root.children.len(), 1, "exactly one precondition: {self}");
        root.children[0].clone()
    }

    /// Asserts a refusal: `status` with a body that names exactly `precondition`.
    ///
    /// # Panics
    /// If it is anything else.
    #[track_caller]
    pub fn expect_refused(&self, status: u16, precondition: &str) {
        assert_eq!(self.status, status, "{self}");
        assert_eq!(self.precondition(), precondition, "{self}");
    }
}

impl std::fmt::Display for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "HTTP {}", self.status)?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {value}")?;
        }
        let body = String::from_utf8_lossy(&self.body);
        write!(f, "\n{}", body.chars().take(4000).collect::<String>())
    }
}

/// Reads one final response from `wire`; interim ones (1xx) are skipped.
pub(crate) fn read(wire: &mut Wire, method: &str) -> io::Result<Response> {
    loop {
        let head = read_head(wire)?;
        let (status, headers) = parse_head(&head)?;
        if status < 200 {
            continue;
        }
        let body = read_body(wire, method, status, &headers)?;
        return Ok(Response { status, headers, body });
    }
}

fn bad(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

fn read_head(wire: &mut Wire) -> io::Result<String> {
    loop {
        if let Some(end) = wire.unread.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = wire.unread.drain(..end + 4).collect::<Vec<u8>>();
            return String::from_utf8(head).map_err(|_| bad("a head that is not UTF-8"));
        }
        if wire.fill()? == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "closed before a response"));
        }
    }
}

type Headers = Vec<(String, String)>;

fn parse_head(head: &str) -> io::Result<(u16, Headers)> {
    let mut lines = head.trim_end().split("\r\n");
    let status_line = lines.next().unwrap_or_default();
    let status = status_line
        .strip_prefix("HTTP/1.1 ")
        .or_else(|| status_line.strip_prefix("HTTP/1.0 "))
        .and_then(|rest| rest.get(..3))
        .and_then(|code| code.parse().ok())
        .ok_or_else(|| bad(format!("a status line {status_line:?}")))?;
    let headers = lines
        .map(|line| {
            let (name, value) = line.split_once(':').ok_or_else(|| bad(format!("a header line {line:?}")))?;
            Ok((name.to_ascii_lowercase(), value.trim().to_owned()))
        })
        .collect::<io::Result<_>>()?;
    Ok((status, headers))
}

fn read_body(wire: &mut Wire, method: &str, status: u16, headers: &Headers) -> io::Result<Vec<u8>> {
    if method == "HEAD" || status == 204 || status == 304 {
        return Ok(Vec::new());
    }
    let find = |name: &str| headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
    if find("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        return read_chunks(wire);
    }
    match find("content-length") {
        Some(length) => take(wire, length.parse().map_err(|_| bad("a Content-Length"))?),
        None => {
            while wire.fill()? > 0 {}
            Ok(std::mem::take(&mut wire.unread))
        }
    }
}

fn take(wire: &mut Wire, count: usize) -> io::Result<Vec<u8>> {
    while wire.unread.len() < count {
        if wire.fill()? == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "closed within a body"));
        }
    }
    Ok(wire.unread.drain(..count).collect())
}

fn take_line(wire: &mut Wire) -> io::Result<String> {
    loop {
        if let Some(end) = wire.unread.windows(2).position(|w| w == b"\r\n") {
            let line = take(wire, end + 2)?;
            return Ok(String::from_utf8_lossy(&line[..end]).into_owned());
        }
        if wire.fill()? == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "closed within a chunk"));
        }
    }
}

fn read_chunks(wire: &mut Wire) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = usize::from_str_radix(take_line(wire)?.trim(), 16).map_err(|_| bad("a chunk size"))?;
        if size == 0 {
            while !take_line(wire)?.is_empty() {}
            return Ok(body);
        }
        body.extend(take(wire, size)?);
        if !take_line(wire)?.is_empty() {
            return Err(bad("a chunk that is longer than its size"));
        }
    }
}
