//! The CalDAV server protocol: one HTTP request in, one response out.
//!
//! It knows no socket, disk, vendor or clinic rule: it speaks to storage through
//! [`almanac_backend::Backend`] only. Start with `service.rs` (sign-in, then the table of methods), then
//! `put.rs` as the shortest method that writes; every status is picked by `error.rs`.
//!
//! RFC 4791 (CalDAV), RFC 4918 (WebDAV), RFC 3744 (principals and privileges), RFC 6578 (sync), RFC 5689
//! (extended MKCOL), RFC 5995 (add-member), RFC 6764 (well-known), RFC 7240 and RFC 8144 (Prefer), RFC 7809 (time
//! zones by name), RFC 9110.

mod auth;
mod batch;
mod calendar_data;
mod conditions;
mod copy_move;
mod delete;
mod error;
mod filter;
mod get;
mod header;
mod if_header;
mod limits;
mod mkcol;
mod options;
mod post;
mod propfind;
mod proppatch;
mod props;
mod put;
mod report;
mod request;
mod resource;
mod response;
mod service;
mod stream;
mod target;
mod well_known;
mod zones;

use std::error::Error;
use std::net::IpAddr;
use std::sync::Arc;

use almanac_base::RequestId;
use bytes::Bytes;
use http::uri::Scheme;
use http_body_util::combinators::UnsyncBoxBody;

pub use limits::Limits;
pub use request::BodyTimedOut;
pub use service::Service;

/// What went wrong below: a source without a type of its own.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// The body of a request or of a response. A response body does its work while it is read, in the task
/// that reads it; dropping it stops the work.
pub type Body = UnsyncBoxBody<Bytes, BoxError>;

/// How the service behaves; the daemon fills it from its configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The URL under which clients reach the server, without a path, if the operator gave one.
    pub public_url: Option<String>,
    /// The realm of the sign-in (RFC 7617 section 2).
    pub realm: String,
    /// The bounds of XML bodies.
    pub xml: almanac_davxml::Limits,
    /// The bounds of calendar objects.
    pub ical: almanac_ical::Limits,
    /// The other bounds of a request.
    pub limits: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            public_url: None,
            realm: "Almanac".to_owned(),
            xml: almanac_davxml::Limits::default(),
            ical: almanac_ical::Limits::default(),
            limits: Limits::default(),
        }
    }
}

/// What the listener knows of a request beyond its octets. Forwarded headers are resolved already.
#[derive(Debug, Clone)]
pub struct Edge {
    /// The id of the request, for logs.
    pub request_id: RequestId,
    /// How the client reached the server.
    pub scheme: Scheme,
    /// The authorities (`host` or `host:port`) under which the listeners can be reached.
    pub listener_hosts: Arc<[String]>,
    /// Who is at the other end; none for a unix socket.
    pub peer: Option<IpAddr>,
}
