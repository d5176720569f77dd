//! A request that is signed in, routed and read: what every method works on.

use almanac_backend::{Caller, Overwrite};
use almanac_davxml::Element;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, header};
use http_body::Body as _;
use http_body_util::BodyExt;

use crate::error::Failure;
use crate::header::{Depth, Prefer};
use crate::target::{Hosts, HrefError, Target};
use crate::zones::StandardZones;
use crate::{Body, BoxError, Settings};

/// The error by which a listener's body says that the client was too slow: answered with 408.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body did not arrive in time")]
pub struct BodyTimedOut;

/// One request, its body read and bounded.
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) caller: Caller,
    pub(crate) target: Target,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// By which names the client may mean this server in hrefs.
    pub(crate) hosts: Hosts,
}

impl Request {
    /// The `Depth` header (RFC 4918 section 10.2).
    pub(crate) fn depth(&self) -> Result<Option<Depth>, Failure> {
        crate::header::depth(&self.headers)
    }

    /// Which definitions of time zones are wanted: the `CalDAV-Timezones` header (RFC 7809 section 7.1).
    pub(crate) fn zones(&self) -> StandardZones {
        match self.headers.get("caldav-timezones").map(http::HeaderValue::as_bytes) {
            Some(b"T" | b"t") => StandardZones::Complete,
            Some(b"F" | b"f") => StandardZones::LeaveOut,
            _ => StandardZones::AsStored,
        }
    }

    /// What the client would like best (RFC 7240, RFC 8144, `Brief`).
    pub(crate) fn prefer(&self) -> Prefer {
        crate::header::prefer(&self.headers)
    }

    /// The `Overwrite` header (RFC 4918 section 10.6).
    pub(crate) fn overwrite(&self) -> Result<Overwrite, Failure> {
        crate::header::overwrite(&self.headers)
    }

    /// The `Destination` header (RFC 4918 section 10.3).
    pub(crate) fn destination(&self) -> Result<Target, Failure> {
        let mut values = self.headers.get_all("destination").iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err(Failure::BadRequest("one Destination header is needed"));
        };
        let href = value.to_str().map_err(|_| Failure::BadRequest("the Destination is not a URI"))?;
        self.hosts.target(href).map_err(|error| match error {
            HrefError::Malformed => Failure::BadRequest("the Destination is not a URI that can exist here"),
            HrefError::Foreign => Failure::ForeignDestination,
        })
    }

    /// The body as XML; `None` if there is no body.
    pub(crate) fn xml(&self, settings: &Settings) -> Result<Option<Element>, Failure> {
        if self.body.is_empty() {
            return Ok(None);
        }
        if !crate::header::media_type(&self.headers).is_none_or(|media| media.may_be_xml()) {
            return Err(Failure::MediaType("send the body as application/xml"));
        }
        Ok(almanac_davxml::parse(&self.body, &settings.xml)?)
    }
}

/// Reads a body of at most `bytes_max` octets; a longer one is refused by its declared length already.
pub(crate) async fn read_body(
    headers: &HeaderMap,
    mut body: Body,
    bytes_max: usize,
) -> Result<Bytes, Failure> {
    let declared =
        headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let least = declared.unwrap_or(0).max(body.size_hint().lower());
    if usize::try_from(least).map_or(true, |least| least > bytes_max) {
        return Err(Failure::BodyTooLarge);
    }
    let mut octets = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame.map_err(|error| broken_off(&error))?.into_data() else { continue };
        if octets.len().saturating_add(piece.len()) > bytes_max {
            return Err(Failure::BodyTooLarge);
        }
        octets.extend_from_slice(&piece);
    }
    Ok(octets.freeze())
}

fn broken_off(error: &BoxError) -> Failure {
    if error.is::<BodyTimedOut>() {
        Failure::BodyTimedOut
    } else if error.is::<http_body_util::LengthLimitError>() {
        Failure::BodyTooLarge
    } else {
        Failure::BadRequest("the body broke off")
    }
}
