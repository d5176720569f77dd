//! Where the password of an account may go.
//!
//! It was given for one host. A server may lead to others (iCloud: from caldav.icloud.com to p42-caldav.icloud.com), and
//! they get it if they are of the same family: the same host, or a host below the parent domain of the first.

use almanac_base::Secret;
use almanac_egress::{Request, Target};

/// Name and password, and the host for which they were given.
pub(crate) struct Credentials {
    pub(crate) given_for: Target,
    pub(crate) username: String,
    pub(crate) password: Secret,
}

impl Credentials {
    /// The request with the password; `None` if it must not go there.
    pub(crate) fn sign(&self, request: Request) -> Option<Request> {
        trusts(&self.given_for, &request.target).then(|| request.basic(&self.username, &self.password))
    }
}

/// Whether what was given for `first` may go to `other`.
fn trusts(first: &Target, other: &Target) -> bool {
    if other.is_plain() && !first.is_plain() {
        return false;
    }
    let (first, other) = (first.host(), other.host());
    first == other || family(first).is_some_and(|family| belongs(other, family))
}

/// The domain whose hosts are all of one owner, as far as a name tells; `None`: only the host itself.
fn family(host: &str) -> Option<&str> {
    let is_address = host.starts_with('[') || host.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let labels = host.split('.').count();
    if is_address || labels < 2 {
        return None;
    }
    if labels == 2 {
        return Some(host); // example.org: the hosts below it
    }
    let (_, parent) = host.split_once('.')?;
    // `co.uk`, `com.au`: below it are other people.
    let public = match parent.split_once('.') {
        Some((second, top)) => !top.contains('.') && top.len() == 2 && second.len() <= 3,
        None => true,
    };
    if public { Some(host) } else { Some(parent) }
}

fn belongs(host: &str, family: &str) -> bool {
    host == family || host.strip_suffix(family).is_some_and(|rest| rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_goes_to_hosts_of_one_family_only() {
        #[rustfmt::skip]
        let table = [
            ("https://caldav.icloud.com/",    "https://p42-caldav.icloud.com/1/", true),
            ("https://caldav.icloud.com/",    "https://p42-caldav.icloud.com:443/", true),
            ("https://caldav.icloud.com/",    "https://icloud.com/", true),
            ("https://caldav.icloud.com/",    "https://caldav.icloud.com.evil.test/", false),
            ("https://caldav.icloud.com/",    "https://evilicloud.com/", false),
            ("https://caldav.icloud.com/",    "https://example.org/", false),
            ("https://caldav.icloud.com/",    "http://caldav.icloud.com/", false),
            ("https://example.org/",          "https://dav.example.org/", true),
            ("https://example.org/",          "https://example.com/", false),
            ("https://clinic.co.uk/",         "https://dav.clinic.co.uk/", true),
            ("https://clinic.co.uk/",         "https://other.co.uk/", false),
            ("https://dav.clinic.co.uk/",     "https://www.clinic.co.uk/", true),
            ("https://dav.clinic.com.au/",    "https://other.com.au/", false),
            ("https://10.0.0.1/",             "https://10.0.0.1:8443/", true),
            ("https://10.0.0.1/",             "https://20.0.0.1/", false),
            ("https://[::1]/",                "https://[::2]/", false),
            ("https://localhost/",            "https://evil.localhost/", false),
            ("http://127.0.0.1:1/",           "http://127.0.0.1:2/", true),
        ];
        for (first, other, expected) in table {
            let target = |text| Target::parse(text).unwrap();
            assert_eq!(trusts(&target(first), &target(other)), expected, "{first} {other}");
        }
    }
}
