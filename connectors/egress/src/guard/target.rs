//! A URL that was read strictly: what a request is for.

use std::fmt;

use http::uri::PathAndQuery;
use url::{Host, Position, Url};

use super::Refusal;
use crate::limits::URL_BYTES_MAX;

/// An absolute https (or http) URL without user name, password or fragment.
///
/// `Debug` shows the origin only: paths and queries hold secrets of feeds, and names.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    url: Url,
    /// Without a dot at the end.
    host: String,
    port: u16,
}

impl Target {
    /// Reads a URL as browsers do (so `0x7f.1` is 127.0.0.1, and names are in IDNA form), then refuses what no request of
    /// ours needs.
    ///
    /// # Errors
    /// Every [`Refusal`] but those of addresses and redirects.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        if text.len() > URL_BYTES_MAX {
            return Err(Refusal::TooLong);
        }
        let url = Url::parse(text).map_err(|_| Refusal::Unreadable)?;
        if url.fragment().is_some() {
            return Err(Refusal::Fragment);
        }
        Self::from_url(url)
    }

    /// The target that `reference`, as of a `Location` or an `href`, means here; a fragment is dropped.
    ///
    /// # Errors
    /// As [`Target::parse`], and [`Refusal::Downgrade`] for one that leads from https to http.
    pub fn join(&self, reference: &str) -> Result<Self, Refusal> {
        if reference.len() > URL_BYTES_MAX {
            return Err(Refusal::TooLong);
        }
        let mut url = self.url.join(reference).map_err(|_| Refusal::Unreadable)?;
        url.set_fragment(None);
        let target = Self::from_url(url)?;
        if target.is_plain() && !self.is_plain() { Err(Refusal::Downgrade) } else { Ok(target) }
    }

    fn from_url(url: Url) -> Result<Self, Refusal> {
        if !matches!(url.scheme(), "https" | "http") {
            return Err(Refusal::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refusal::UserInfo);
        }
        let host = url.host_str().unwrap_or_default();
        let host = host.strip_suffix('.').unwrap_or(host).to_owned();
        let port = url.port_or_known_default().filter(|port| *port != 0).ok_or(Refusal::NoHost)?;
        if host.is_empty() {
            return Err(Refusal::NoHost);
        }
        let target = Self { url, host, port };
        target.path_and_query()?;
        Ok(target)
    }

    /// The URL. The caller answers for where it goes.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The host as it is asked for: a name in IDNA form, an IPv4 address, or an IPv6 address in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, be it named or the scheme's own.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether the request would travel without TLS.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.url.scheme() == "http"
    }

    /// Whether both have the same scheme, host and port: whether credentials for one may go to the other.
    #[must_use]
    pub fn same_origin(&self, other: &Self) -> bool {
        self.is_plain() == other.is_plain() && self.host == other.host && self.port == other.port
    }

    /// The address, if the host is one.
    pub(crate) fn literal(&self) -> Option<std::net::IpAddr> {
        match self.url.host()? {
            Host::Domain(_) => None,
            Host::Ipv4(address) => Some(address.into()),
            Host::Ipv6(address) => Some(address.into()),
        }
    }

    /// The value of the `Host` field.
    pub(crate) fn authority(&self) -> String {
        match self.url.port() {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
    }

    /// What stands in the request line.
    pub(crate) fn path_and_query(&self) -> Result<PathAndQuery, Refusal> {
        self.url[Position::BeforePath..Position::AfterQuery].try_into().map_err(|_| Refusal::Unreadable)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({}://{}:{})", self.url.scheme(), self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Row<T> = (&'static str, Result<T, Refusal>);

    #[test]
    fn a_url_is_read_as_browsers_do() {
        #[rustfmt::skip]
        let table: &[Row<(&str, u16)>] = &[
            ("https://a.test/x?y=1",           Ok(("a.test", 443))),
            ("HTTPS://A.TEST:8443/",           Ok(("a.test", 8443))),
            ("https://a.test./",               Ok(("a.test", 443))),
            ("http://a.test/",                 Ok(("a.test", 80))),
            ("https://münchen.example/",       Ok(("xn--mnchen-3ya.example", 443))),
            ("https://EXAMPLE.test/",          Ok(("example.test", 443))),
            ("https://2130706433/",            Ok(("127.0.0.1", 443))),
            ("https://0x7f.1/",                Ok(("127.0.0.1", 443))),
            ("https://0177.0.0.01/",           Ok(("127.0.0.1", 443))),
            ("https://127.1/",                 Ok(("127.0.0.1", 443))),
            ("https://127。0。0。1/",            Ok(("127.0.0.1", 443))),
            ("https://①②⑦.0.0.1/",             Ok(("127.0.0.1", 443))),
            ("https://%31%32%37.0.0.1/",       Ok(("127.0.0.1", 443))),
            ("https://[::ffff:7f00:1]/",       Ok(("[::ffff:7f00:1]", 443))),
            ("https://[::1]:444/",             Ok(("[::1]", 444))),
            ("https://a.test\\@b.test/",       Ok(("a.test", 443))), // a backslash ends the host
            ("https:a.test/",                  Ok(("a.test", 443))),
            ("https://256.0.0.1/",             Err(Refusal::Unreadable)),
            ("https://1.2.3.4.5/",             Err(Refusal::Unreadable)),
            ("https://[fe80::1%25eth0]/",      Err(Refusal::Unreadable)),
            ("https://a b/",                   Err(Refusal::Unreadable)),
            ("https:///",                      Err(Refusal::Unreadable)),
            ("/x",                             Err(Refusal::Unreadable)),
            ("",                               Err(Refusal::Unreadable)),
            ("https://u@a.test/",              Err(Refusal::UserInfo)),
            ("https://u:p@a.test/",            Err(Refusal::UserInfo)),
            ("https://:p@a.test/",             Err(Refusal::UserInfo)),
            ("https://a.test@10.0.0.1/",       Err(Refusal::UserInfo)),
            ("https://a.test/#x",              Err(Refusal::Fragment)),
            ("https://a.test/#",               Err(Refusal::Fragment)),
            ("https://a.test:0/",              Err(Refusal::NoHost)),
            ("ftp://a.test/",                  Err(Refusal::Scheme)),
            ("file:///etc/passwd",             Err(Refusal::Scheme)),
            ("gopher://a.test/",               Err(Refusal::Scheme)),
            ("unix:/run/x.sock",               Err(Refusal::Scheme)),
            ("webcal://a.test/",               Err(Refusal::Scheme)),
            ("data:text/plain,x",              Err(Refusal::Scheme)),
        ];
        for (text, expected) in table {
            let found = Target::parse(text).map(|t| (t.host().to_owned(), t.port()));
            assert_eq!(found, expected.map(|(host, port)| (host.to_owned(), port)), "{text}");
        }
        assert_eq!(Target::parse(&format!("https://a.test/{}", "x".repeat(9_000))), Err(Refusal::TooLong));
    }

    #[test]
    fn a_redirect_may_not_lead_from_https_to_http() {
        let here = Target::parse("https://a.test/one/two?q").unwrap();
        #[rustfmt::skip]
        let table: &[Row<&str>] = &[
            ("three",                Ok("https://a.test/one/three")),
            ("/three#part",          Ok("https://a.test/three")),
            ("//b.test/",            Ok("https://b.test/")),
            ("https://b.test:1/",    Ok("https://b.test:1/")),
            ("http://a.test/",       Err(Refusal::Downgrade)),
            ("http://127.0.0.1/",    Err(Refusal::Downgrade)),
            ("https://u:p@a.test/",  Err(Refusal::UserInfo)),
            ("javascript:alert(1)",  Err(Refusal::Scheme)),
        ];
        for (reference, expected) in table {
            let found = here.join(reference).map(|t| t.url().to_string());
            assert_eq!(found, expected.map(str::to_owned), "{reference}");
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let target = |text| Target::parse(text).unwrap();
        let here = target("https://a.test/x");
        assert!(here.same_origin(&target("https://A.test:443/y?z")));
        for other in ["https://a.test:444/x", "https://b.test/x", "http://a.test:443/x", "https://x.a.test/x"]
        {
            assert!(!here.same_origin(&target(other)), "{other}");
        }
    }

    #[test]
    fn debug_shows_the_origin_only() {
        let target = Target::parse("https://feeds.test/secret-of-erika?token=abc").unwrap();
        assert_eq!(format!("{target:?}"), "Target(https://feeds.test:443)");
    }
}
