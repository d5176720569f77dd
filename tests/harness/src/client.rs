//! A client that sends exactly what it is told: one connection per request.

use std::io;
use std::sync::Arc;

use rustls::ClientConfig;

use crate::base64;
use crate::person::Person;
use crate::response::Response;
use crate::wire::{Address, Wire};

/// The namespace declarations of every body that is made here.
pub const NAMESPACES: &str = r#"xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav" xmlns:CS="http://calendarserver.org/ns/" xmlns:A="http://apple.com/ns/ical/""#;

/// Sends requests to one listener, with or without credentials.
#[derive(Clone)]
pub struct Client {
    address: Address,
    authorization: Option<String>,
    tls: Option<Arc<ClientConfig>>,
}

/// A request that is being put together; [`Request::send`] sends it.
#[must_use]
pub struct Request {
    client: Client,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Client {
    /// A client without credentials.
    #[must_use]
    pub fn new(address: Address) -> Self {
        Self { address, authorization: None, tls: None }
    }

    /// The same client, signed in as `person`.
    #[must_use]
    pub fn sign_in(&self, person: &Person) -> Self {
        self.sign_in_with(&person.login, &person.secret)
    }

    /// The same client with these credentials, right or wrong.
    #[must_use]
    pub fn sign_in_with(&self, login: &str, secret: &str) -> Self {
        let pair = base64::encode(format!("{login}:{secret}").as_bytes());
        Self { authorization: Some(format!("Basic {pair}")), ..self.clone() }
    }

    /// The same client, speaking TLS.
    #[must_use]
    pub fn with_tls(&self, config: ClientConfig) -> Self {
        Self { tls: Some(Arc::new(config)), ..self.clone() }
    }

    /// The listener.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The value of the `Authorization` header, for requests written by hand.
    ///
    /// # Panics
    /// If the client is not signed in.
    #[must_use]
    pub fn authorization(&self) -> &str {
        self.authorization.as_deref().expect("a client that is signed in")
    }

    /// A new connection.
    ///
    /// # Errors
    /// Whatever the operating system or the handshake says.
    pub fn connect(&self) -> io::Result<Wire> {
        match &self.tls {
            Some(config) => Wire::connect_tls(self.address.tcp(), config),
            None => Wire::connect(&self.address),
        }
    }

    /// A request; `target` is put into the request line as it is.
    pub fn request(&self, method: &str, target: &str) -> Request {
        Request {
            client: self.clone(),
            method: method.into(),
            target: target.into(),
            headers: Vec::new(),
            body: None,
        }
    }

    /// GET.
    #[must_use]
    pub fn get(&self, path: &str) -> Response {
        self.request("GET", path).send()
    }

    /// PUT of a calendar object, with no precondition.
    #[must_use]
    pub fn put(&self, path: &str, ics: impl AsRef<[u8]>) -> Response {
        self.put_request(path, ics).send()
    }

    /// PUT of a calendar object; headers can still be added.
    pub fn put_request(&self, path: &str, ics: impl AsRef<[u8]>) -> Request {
        self.request("PUT", path).header("Content-Type", "text/calendar; charset=utf-8").body(ics)
    }

    /// DELETE.
    #[must_use]
    pub fn delete(&self, path: &str) -> Response {
        self.request("DELETE", path).send()
    }

    /// PROPFIND for the properties named like `D:getetag`.
    #[must_use]
    pub fn propfind(&self, path: &str, depth: &str, props: &[&str]) -> Response {
        self.propfind_request(path, depth, props).send()
    }

    /// PROPFIND for the properties named; headers can still be added.
    pub fn propfind_request(&self, path: &str, depth: &str, props: &[&str]) -> Request {
        let body = format!("<D:propfind {NAMESPACES}>{}</D:propfind>", prop(props));
        self.request("PROPFIND", path).header("Depth", depth).xml(&body)
    }

    /// PROPPATCH with the inside of a `DAV:propertyupdate`.
    #[must_use]
    pub fn proppatch(&self, path: &str, instructions: &str) -> Response {
        let body = format!("<D:propertyupdate {NAMESPACES}>{instructions}</D:propertyupdate>");
        self.request("PROPPATCH", path).xml(&body).send()
    }

    /// REPORT with depth 1; `name` is the root element (`C:calendar-query`), `inside` its content.
    #[must_use]
    pub fn report(&self, path: &str, name: &str, inside: &str) -> Response {
        self.report_request(path, name, inside).header("Depth", "1").send()
    }

    /// REPORT without a depth; headers can still be added.
    pub fn report_request(&self, path: &str, name: &str, inside: &str) -> Request {
        self.request("REPORT", path).xml(&format!("<{name} {NAMESPACES}>{inside}</{name}>"))
    }

    /// A sync-collection REPORT (RFC 6578) for ETags; the empty token asks for everything.
    #[must_use]
    pub fn sync(&self, path: &str, token: &str) -> Response {
        self.sync_request(path, token).send()
    }

    /// The same, still to be sent.
    pub fn sync_request(&self, path: &str, token: &str) -> Request {
        let inside = format!(
            "<D:sync-token>{token}</D:sync-token><D:sync-level>1</D:sync-level>{}",
            prop(&["D:getetag"])
        );
        self.report_request(path, "D:sync-collection", &inside)
    }

    /// A time-range query for ETags on VEVENT.
    #[must_use]
    pub fn events_between(&self, path: &str, start: &str, end: &str) -> Response {
        let inside = format!(
            "{}<C:filter><C:comp-filter name=\"VCALENDAR\"><C:comp-filter name=\"VEVENT\">\
             <C:time-range start=\"{start}\" end=\"{end}\"/></C:comp-filter></C:comp-filter></C:filter>",
            prop(&["D:getetag"])
        );
        self.report(path, "C:calendar-query", &inside)
    }

    /// The sorted member names of a collection, by PROPFIND.
    #[must_use]
    #[track_caller]
    pub fn members(&self, path: &str) -> Vec<String> {
        let listing = self.propfind(path, "1", &["D:getetag"]).multistatus();
        listing.members().into_iter().map(str::to_owned).collect()
    }
}

/// A `DAV:prop` with these names.
#[must_use]
pub fn prop(names: &[&str]) -> String {
    let inside: String = names.iter().map(|name| format!("<{name}/>")).collect();
    format!("<D:prop>{inside}</D:prop>")
}

impl Request {
    /// Adds a header field.
    pub fn header(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.headers.push((name.into(), value.as_ref().into()));
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = Some(body.as_ref().to_vec());
        self
    }

    /// Sets an XML body.
    pub fn xml(self, body: &str) -> Self {
        self.header("Content-Type", "application/xml; charset=utf-8").body(body)
    }

    /// The bytes that [`Request::send`] would send.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        let given = |name: &str| self.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
        let mut add = |name: &str, value: &str| {
            head.push_str(name);
            head.push_str(": ");
            head.push_str(value);
            head.push_str("\r\n");
        };
        if !given("host") {
            add("Host", &self.client.address.authority());
        }
        if let Some(authorization) = self.client.authorization.as_deref().filter(|_| !given("authorization"))
        {
            add("Authorization", authorization);
        }
        if let Some(body) =
            self.body.as_ref().filter(|_| !given("content-length") && !given("transfer-encoding"))
        {
            add("Content-Length", &body.len().to_string());
        }
        for (name, value) in &self.headers {
            add(name, value);
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        bytes
    }

    /// Sends it on an own connection and reads the answer.
    ///
    /// # Panics
    /// If there is no whole, valid response.
    #[must_use]
    #[track_caller]
    pub fn send(self) -> Response {
        match self.try_send() {
            Ok(response) => response,
            Err(e) => panic!("{} {}: {e}", self.method, self.target),
        }
    }

    /// Sends it on an own connection and reads the answer, even if the daemon answered before it had taken all.
    ///
    /// # Errors
    /// If there is no whole, valid response.
    pub fn try_send(&self) -> io::Result<Response> {
        let mut wire = self.client.connect()?;
        let sent = wire.send(self.to_bytes());
        let response = wire.read_response(&self.method).map_err(|e| sent.err().unwrap_or(e))?;
        wire.reset();
        Ok(response)
    }
}
