//! Paths to resources and back. A path is split, decoded exactly once, and checked segment by segment.

use std::sync::Arc;

use almanac_backend::{CollectionName, CollectionPath, Login, ObjectName, ObjectPath};
use http::Uri;
use http::uri::Scheme;

use crate::error::Failure;

/// What a path names. Whether it exists, and for whom, only the backend knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// `/`
    Root,
    /// `/dav/`
    Dav,
    /// `/dav/principals/`
    Principals,
    /// `/dav/principals/LOGIN/`
    Principal(Login),
    /// `/dav/calendars/`
    Homes,
    /// `/dav/calendars/LOGIN/`
    Home(Login),
    /// `/dav/calendars/LOGIN/NAME/`
    Collection(CollectionPath),
    /// `/dav/calendars/LOGIN/NAME/OBJECT`
    Object(ObjectPath),
    /// Below an object: nothing can be there, and its parent is no collection.
    BelowObject,
    /// A sound path outside of all of these: nothing is there.
    Nowhere,
}

impl Target {
    /// Reads the path of a request, as sent. A slash at the end makes no difference.
    ///
    /// # Errors
    /// `Failure::BadRequest` for a path that no resource can have: an encoding that is broken, doubled or
    /// hides a slash, a control character or a dot segment.
    pub(crate) fn parse(path: &str) -> Result<Self, Failure> {
        let Some(rest) = path.strip_prefix('/') else {
            return Err(Failure::BadRequest("the path is not absolute"));
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let segments = if rest.is_empty() {
            Vec::new()
        } else {
            rest.split('/').map(decode).collect::<Result<Vec<_>, _>>()?
        };
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let target = match segments.as_slice() {
            [] => Self::Root,
            ["dav"] => Self::Dav,
            ["dav", "principals"] => Self::Principals,
            ["dav", "principals", login] => Self::Principal(self::login(login)?),
            ["dav", "calendars"] => Self::Homes,
            ["dav", "calendars", login] => Self::Home(self::login(login)?),
            ["dav", "calendars", login, name] => Self::Collection(collection(login, name)?),
            ["dav", "calendars", login, name, object] => Self::Object(ObjectPath {
                collection: collection(login, name)?,
                name: ObjectName::new(object).map_err(|_| BAD_NAME)?,
            }),
            ["dav", "calendars", _, _, _, ..] => Self::BelowObject,
            _ => Self::Nowhere,
        };
        Ok(target)
    }

    /// The path of the resource, percent-encoded; collections end with a slash.
    pub(crate) fn href(&self) -> String {
        match self {
            Self::Root | Self::Nowhere | Self::BelowObject => "/".to_owned(),
            Self::Dav => "/dav/".to_owned(),
            Self::Principals => "/dav/principals/".to_owned(),
            Self::Principal(login) => principal_href(login),
            Self::Homes => "/dav/calendars/".to_owned(),
            Self::Home(login) => home_href(login),
            Self::Collection(path) => collection_href(path),
            Self::Object(path) => object_href(path),
        }
    }

    /// The path with names replaced by their kinds, for logs.
    pub(crate) fn route(&self) -> &'static str {
        match self {
            Self::Root => "/",
            Self::Dav => "/dav/",
            Self::Principals => "/dav/principals/",
            Self::Principal(_) => "/dav/principals/{principal}/",
            Self::Homes => "/dav/calendars/",
            Self::Home(_) => "/dav/calendars/{principal}/",
            Self::Collection(_) => "/dav/calendars/{principal}/{collection}/",
            Self::Object(_) | Self::BelowObject => "/dav/calendars/{principal}/{collection}/{object}",
            Self::Nowhere => "{other}",
        }
    }
}

/// `/dav/principals/LOGIN/`
pub(crate) fn principal_href(login: &Login) -> String {
    let mut href = "/dav/principals/".to_owned();
    push_segment(&mut href, login.as_str());
    href.push('/');
    href
}

/// `/dav/calendars/LOGIN/`
pub(crate) fn home_href(login: &Login) -> String {
    let mut href = "/dav/calendars/".to_owned();
    push_segment(&mut href, login.as_str());
    href.push('/');
    href
}

/// `/dav/calendars/LOGIN/NAME/`
pub(crate) fn collection_href(path: &CollectionPath) -> String {
    let mut href = home_href(&path.home);
    push_segment(&mut href, path.name.as_str());
    href.push('/');
    href
}

/// `/dav/calendars/LOGIN/NAME/OBJECT`
pub(crate) fn object_href(path: &ObjectPath) -> String {
    let mut href = collection_href(&path.collection);
    push_segment(&mut href, path.name.as_str());
    href
}

/// Appends one segment, percent-encoded: all but RFC 3986 unreserved characters and `@`, which is what
/// clients produce that normalise hrefs before they compare them (vdirsyncer 0.21).
pub(crate) fn push_segment(href: &mut String, name: &str) {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'@') {
            href.push(char::from(byte));
        } else {
            href.push('%');
            for nibble in [byte >> 4, byte & 15] {
                href.push(DIGITS.get(usize::from(nibble)).copied().unwrap_or('0'));
            }
        }
    }
}

/// The authorities by which a client may name this server in a URI of its own.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hosts {
    /// What the client asked for.
    pub(crate) requested: Option<Box<str>>,
    /// Ours: the public one and those of the listener.
    pub(crate) own: [Arc<[String]>; 2],
}

/// Why an href in a header or a body names nothing here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HrefError {
    /// Not a URI or path that a resource can have.
    Malformed,
    /// Another server's.
    Foreign,
}

impl Hosts {
    /// Whether an authority (`host` or `host:port`) is one of these, without case and without a default port.
    fn know(&self, authority: &str) -> bool {
        let wanted = normal_authority(authority);
        let own = self.own.iter().flat_map(|own| own.iter()).map(String::as_str);
        self.requested.as_deref().into_iter().chain(own).any(|known| normal_authority(known) == wanted)
    }

    /// What `href` names: an absolute path, or an absolute URI of this server (RFC 4918 section 8.3).
    pub(crate) fn target(&self, href: &str) -> Result<Target, HrefError> {
        let href = href.trim_matches([' ', '\t', '\r', '\n']);
        let path = if href.starts_with('/') && !href.starts_with("//") {
            href.split(['?', '#']).next().unwrap_or(href).to_owned()
        } else {
            let uri: Uri = href.parse().map_err(|_| HrefError::Malformed)?;
            let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
                return Err(HrefError::Malformed);
            };
            // A proxy that ends TLS without saying so leaves us with the wrong scheme: only the host counts.
            let http = *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS;
            if !http || !self.know(authority.as_str()) {
                return Err(HrefError::Foreign);
            }
            uri.path().to_owned()
        };
        Target::parse(&path).map_err(|_| HrefError::Malformed)
    }
}

fn normal_authority(authority: &str) -> String {
    let lower = authority.to_ascii_lowercase();
    let host = lower.strip_suffix(":443").or_else(|| lower.strip_suffix(":80")).unwrap_or(&lower);
    host.to_owned()
}

const BAD_NAME: Failure = Failure::BadRequest("the path holds a segment that no resource can have");

fn login(segment: &str) -> Result<Login, Failure> {
    Login::new(segment).map_err(|_| BAD_NAME)
}

fn collection(home: &str, name: &str) -> Result<CollectionPath, Failure> {
    Ok(CollectionPath { home: login(home)?, name: CollectionName::new(name).map_err(|_| BAD_NAME)? })
}

/// Decodes one segment, once, and refuses what could be read as another path by someone who decodes again.
fn decode(segment: &str) -> Result<String, Failure> {
    let octets = percent_decode(segment.as_bytes()).ok_or(BAD_NAME)?;
    let name = String::from_utf8(octets).map_err(|_| BAD_NAME)?;
    let hidden = |c: char| c.is_control() || matches!(c, '/' | '\\');
    if name.is_empty() || name == "." || name == ".." || name.chars().any(hidden) || is_doubly_encoded(&name)
    {
        return Err(BAD_NAME);
    }
    Ok(name)
}

/// The octets of `text`; `None` if a percent sign is not followed by two hexadecimal digits.
fn percent_decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.iter().copied();
    while let Some(byte) = rest.next() {
        octets.push(if byte == b'%' { hex(rest.next()?)? << 4 | hex(rest.next()?)? } else { byte });
    }
    Some(octets)
}

/// Whether a second decoding would uncover a separator, a dot, a control character or a further encoding.
/// Harmless leftovers stay possible: some clients make names of UIDs that hold `%40`.
fn is_doubly_encoded(name: &str) -> bool {
    name.as_bytes().windows(3).any(|three| match three {
        [b'%', high, low] => match (hex(*high), hex(*low)) {
            (Some(high), Some(low)) => {
                let octet = high << 4 | low;
                !(b' '..0x7f).contains(&octet) || matches!(octet, b'/' | b'\\' | b'.' | b'%')
            }
            _ => false,
        },
        _ => false,
    })
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_href_of_this_server_is_a_path_or_a_uri_with_one_of_its_authorities() {
        let own = |host: &str| Arc::from([host.to_owned()]);
        let hosts = Hosts {
            requested: Some("cal.example".into()),
            own: [own("[::1]:8008"), own("Other.example:443")],
        };
        let home = Ok(Target::Home(Login::new("erika").unwrap()));
        let rows = [
            ("/dav/calendars/erika/", home.clone()),
            ("\n  /dav/calendars/erika/\n", home.clone()),
            ("/dav/calendars/erika/?a#b", home.clone()),
            ("http://cal.example/dav/calendars/erika/", home.clone()),
            ("HTTPS://CAL.EXAMPLE:443/dav/calendars/erika", home.clone()),
            ("http://cal.example:80/dav/calendars/erika", home.clone()),
            ("http://[::1]:8008/dav/calendars/erika/", home.clone()),
            ("https://other.example/dav/calendars/erika/", home),
            ("http://[::1]/dav/calendars/erika/", Err(HrefError::Foreign)),
            ("http://cal.example:81/dav/", Err(HrefError::Foreign)),
            ("http://cal.example.evil/dav/", Err(HrefError::Foreign)),
            ("http://evil@cal.example/dav/", Err(HrefError::Foreign)),
            ("mailto:erika@cal.example", Err(HrefError::Malformed)),
            ("//cal.example/dav/", Err(HrefError::Malformed)),
            ("dav/", Err(HrefError::Malformed)),
            ("../", Err(HrefError::Malformed)),
            ("", Err(HrefError::Malformed)),
            ("/dav/%", Err(HrefError::Malformed)),
            ("http://cal.example/dav/calendars/%2e%2e/", Err(HrefError::Malformed)),
        ];
        for (href, expected) in rows {
            assert_eq!(hosts.target(href), expected, "{href}");
        }
    }

    #[test]
    fn an_href_leads_back_to_its_target_whatever_the_name() {
        for name in ["a", "a b", "ä;=+@.ics", "100%", "%41", "?#", "~'()*!$&,:", "日本", "..."] {
            let collection = CollectionPath {
                home: Login::new("erika@example.org").unwrap(),
                name: CollectionName::new(name).unwrap(),
            };
            let object = ObjectPath { collection: collection.clone(), name: ObjectName::new(name).unwrap() };
            for target in [
                Target::Root,
                Target::Dav,
                Target::Principals,
                Target::Principal(collection.home.clone()),
                Target::Homes,
                Target::Home(collection.home.clone()),
                Target::Collection(collection),
                Target::Object(object),
            ] {
                let href = target.href();
                assert!(href.is_ascii() && !href.contains([' ', '?', '#', '+', ';', '&']), "{href}");
                assert!(Target::parse(&href).is_ok_and(|parsed| parsed == target), "{href}");
            }
        }
    }
}
