//! Where the password of an account may go: to the origin that it was given for, which is scheme, host and port.
//!
//! A server may lead to others. They get it only where all hosts of a domain are known to be of the same owner, as Apple's
//! are (from caldav.icloud.com to p42-caldav.icloud.com); a name alone does not tell, since below many domains everybody can
//! have a host.

use almanac_base::Secret;
use almanac_egress::{Request, Target};

use crate::config::PRESETS;

/// The port of https, where alone the hosts of a family are.
const HTTPS: u16 = 443;

/// Name and password, and the origin for which they were given.
pub(crate) struct Credentials {
    pub(crate) given_for: Target,
    pub(crate) username: String,
    pub(crate) password: Secret,
    /// What simulators that stand for one family are reached by: they are ports of one host.
    #[cfg(feature = "sim")]
    pub(crate) simulated: Vec<Target>,
}

impl Credentials {
    /// The request with the password; `None` if it must not go there.
    pub(crate) fn sign(&self, request: Request) -> Option<Request> {
        let trusted = trusts(&self.given_for, &request.target);
        #[cfg(feature = "sim")]
        let trusted = trusted || self.simulated.iter().any(|other| other.same_origin(&request.target));
        trusted.then(|| request.basic(&self.username, &self.password))
    }
}

/// Whether what was given for `first` may go to `other`.
fn trusts(first: &Target, other: &Target) -> bool {
    first.same_origin(other) || family(first).is_some_and(|first| family(other) == Some(first))
}

/// The domain of one owner that a target is in; `None`: it is on its own.
fn family(target: &Target) -> Option<&'static str> {
    let families = PRESETS.iter().filter_map(|preset| preset.family);
    let mut of_it = families.filter(|family| belongs(target.host(), family));
    of_it.next().filter(|_| !target.is_plain() && target.port() == HTTPS)
}

fn belongs(host: &str, family: &str) -> bool {
    host == family || host.strip_suffix(family).is_some_and(|rest| rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_goes_to_its_origin_and_to_known_families_only() {
        #[rustfmt::skip]
        let table = [
            ("https://caldav.icloud.com/",    "https://p42-caldav.icloud.com/1/", true),
            ("https://caldav.icloud.com/",    "https://p42-caldav.icloud.com:443/", true),
            ("https://p42-caldav.icloud.com/", "https://p43-caldav.icloud.com/", true),
            ("https://caldav.icloud.com/",    "https://icloud.com/", true),
            ("https://caldav.icloud.com/",    "https://p42-caldav.icloud.com:8443/", false),
            ("https://caldav.icloud.com:8443/", "https://p42-caldav.icloud.com/", false),
            ("https://caldav.icloud.com/",    "https://caldav.icloud.com.evil.test/", false),
            ("https://caldav.icloud.com/",    "https://evilicloud.com/", false),
            ("https://caldav.icloud.com/",    "https://caldav.fastmail.com/", false),
            ("https://caldav.icloud.com/",    "http://caldav.icloud.com/", false),
            ("https://caldav.calendar.yahoo.com/", "https://caldav.yahoo.com/", true),
            ("https://caldav.fastmail.com/",  "https://d1.caldav.fastmail.com/", true),
            ("https://example.org/",          "https://example.org:443/dav/", true),
            ("https://example.org/",          "https://EXAMPLE.org/", true),
            ("https://example.org/",          "https://example.org:8443/", false),
            ("https://example.org/",          "https://dav.example.org/", false),
            ("https://ada.duckdns.org/",      "https://eve.duckdns.org/", false),
            ("https://dav.clinic.co.uk/",     "https://www.clinic.co.uk/", false),
            ("https://10.0.0.1/",             "https://10.0.0.1:8443/", false),
            ("https://[::1]/",                "https://[::2]/", false),
            ("http://127.0.0.1:1/",           "http://127.0.0.1:1/", true),
            ("http://127.0.0.1:1/",           "http://127.0.0.1:2/", false),
        ];
        for (first, other, expected) in table {
            let target = |text| Target::parse(text).unwrap();
            assert_eq!(trusts(&target(first), &target(other)), expected, "{first} {other}");
        }
    }
}
