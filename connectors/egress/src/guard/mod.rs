//! Where an outgoing request may go. Pure.
//!
//! A URL that a user, a server or a vendor named must not make Almanac talk to its own host, the clinic's network or the
//! platform below it. So a [`Target`] is read strictly, and each address it leads to is checked by [`Guard::check`] before
//! anything is sent there; only the administrator's allow-list opens what is closed.

mod address;
mod allow;
mod target;

use std::fmt;
use std::net::IpAddr;

pub use address::Class;
pub use allow::AllowError;
use allow::Entry;
pub use target::Target;

use crate::limits::ALLOW_ENTRIES_MAX;

/// Why a request is not sent. Nothing has left the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is not an absolute URL.
    #[error("it is no URL")]
    Unreadable,
    /// It is longer than any URL has to be.
    #[error("the URL is too long")]
    TooLong,
    /// Neither https nor http.
    #[error("the URL must begin with https://")]
    Scheme,
    /// Plain http to somewhere else than an allowed loopback address.
    #[error("plain http goes to loopback addresses in [egress] allow only; use https")]
    PlainHttp,
    /// A user name or password before the host.
    #[error("the URL carries a user name or password; give them apart from it")]
    UserInfo,
    /// Something after a `#`.
    #[error("the URL has a fragment (#...); leave it out")]
    Fragment,
    /// Port 0, or no host.
    #[error("the URL names no host or port that can be reached")]
    NoHost,
    /// All addresses of the host are closed; the class of the first is told.
    #[error("the host has a {0} address; if it is meant, name it in [egress] allow")]
    Address(Class),
    /// A redirect from https to http.
    #[error("the server redirects from https to http")]
    Downgrade,
    /// More redirects than are followed.
    #[error("the server redirects too often")]
    TooManyRedirects,
}

/// The rule, with the administrator's exceptions.
#[derive(Clone, Default)]
pub struct Guard {
    allow: Vec<Entry>,
}

impl Guard {
    /// A guard that lets through, besides public addresses, what `allow` names: host names, addresses and blocks of
    /// addresses (CIDR), each with an optional port (`cal.lan`, `cal.lan:8443`, `10.0.0.0/8`, `[fd00::/8]:443`).
    ///
    /// A host name stands for every address it has when it is asked for.
    ///
    /// # Errors
    /// Names the first entry that cannot be read, and why.
    pub fn new(allow: &[String]) -> Result<Self, AllowError> {
        if allow.len() > ALLOW_ENTRIES_MAX {
            return Err(AllowError::TooMany);
        }
        Ok(Self { allow: allow.iter().map(|text| Entry::parse(text)).collect::<Result<_, _>>()? })
    }

    /// Whether a request for `target` may be sent to `address`, which is one of its host's.
    ///
    /// # Errors
    /// [`Refusal::Address`] or [`Refusal::PlainHttp`].
    pub fn check(&self, target: &Target, address: IpAddr) -> Result<(), Refusal> {
        let class = address::closed(address);
        if let Some(class) = class {
            let allowed = self.allow.iter().any(|entry| entry.covers(target.host(), address, target.port()));
            if !allowed {
                return Err(Refusal::Address(class));
            }
        }
        if target.is_plain() && class != Some(Class::Loopback) {
            return Err(Refusal::PlainHttp);
        }
        Ok(())
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Guard({} exceptions)", self.allow.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(allow: &[&str]) -> Guard {
        Guard::new(&allow.iter().map(|&text| text.to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn closed_addresses_open_only_by_name_block_and_port() {
        #[rustfmt::skip]
        let table: &[(&[&str], &str, &str, bool)] = &[
            (&[],                      "https://a.test/",        "93.184.216.34",    true),
            (&[],                      "https://a.test/",        "10.0.0.1",         false),
            (&[],                      "http://a.test/",         "93.184.216.34",    false), // plain and public
            (&["93.184.216.34"],       "http://a.test/",         "93.184.216.34",    false), // allowed, yet plain
            (&["127.0.0.1"],           "http://a.test/",         "127.0.0.1",        true),
            (&["127.0.0.1"],           "http://a.test/",         "::ffff:127.0.0.1", true),
            (&["10.0.0.1"],            "http://a.test/",         "10.0.0.1",         false),
            (&["127.0.0.1:8080"],      "http://a.test:8080/",    "127.0.0.1",        true),
            (&["127.0.0.1:8080"],      "http://a.test:8081/",    "127.0.0.1",        false),
            (&["127.0.0.1"],           "http://a.test/",         "127.0.0.2",        false),
            (&["10.0.0.0/8"],          "https://a.test/",        "10.255.1.2",       true),
            (&["10.0.0.0/8"],          "https://a.test/",        "11.0.0.1",         true),  // public anyway
            (&["10.0.0.0/8:443"],      "https://a.test/",        "10.1.2.3",         true),
            (&["10.0.0.0/8:443"],      "https://a.test:8443/",   "10.1.2.3",         false),
            (&["10.0.0.0/8"],          "https://a.test/",        "192.168.0.1",      false),
            (&["cal.lan"],             "https://cal.lan/",       "192.168.0.1",      true),
            (&["cal.lan"],             "https://CAL.LAN./",      "192.168.0.1",      true),
            (&["cal.lan"],             "https://evil.cal.lan/",  "192.168.0.1",      false),
            (&["cal.lan:8443"],        "https://cal.lan/",       "192.168.0.1",      false),
            (&["cal.lan"],             "http://cal.lan/",        "192.168.0.1",      false),
            (&["localhost"],           "http://localhost:5232/", "::1",              true),
            (&["fd00::/8"],            "https://a.test/",        "fd12::1",          true),
            (&["[fd00::/8]:443"],      "https://a.test:444/",    "fd12::1",          false),
            (&["[::1]:443"],           "https://[::1]/",         "::1",              true),
            (&["münchen.lan"],         "https://xn--mnchen-3ya.lan/", "10.0.0.1",    true),
            (&["127.0.0.0/8"],         "https://a.test/",        "64:ff9b::7f00:1",  false), // only the plain forms
        ];
        for (allow, url, address, open) in table {
            let target = Target::parse(url).unwrap();
            let answer = guard(allow).check(&target, address.parse().unwrap());
            assert_eq!(answer.is_ok(), *open, "{allow:?} {url} {address}: {answer:?}");
        }
    }

    #[test]
    fn an_entry_that_cannot_be_meant_is_named() {
        for bad in [
            "",
            "*",
            "*.lan",
            "10.0.0.1/8",
            "10.0.0.0/33",
            "fd00::/129",
            "cal.lan:0",
            "cal.lan:99999",
            "a b",
            "https://cal.lan",
            "[::1",
            "[::1]443",
            "[10.0.0.1]",
            "10.0.0.0/8/8",
            "10.0.0.0/",
            "user@cal.lan",
            ":80",
        ] {
            let error = Guard::new(&[bad.to_owned()]).unwrap_err();
            assert!(error.to_string().contains(bad), "{bad}: {error}");
        }
        assert!(matches!(Guard::new(&vec!["a.lan".to_owned(); 1_001]), Err(AllowError::TooMany)));
    }
}
