//! What the connector needs to be told, and what is known of some servers.

use std::sync::Arc;

use almanac_base::{Clock, Secret};
use almanac_egress::throttle::Pace;
use almanac_egress::{Client, Target};

/// A server that people know by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preset {
    /// Its name on the command line.
    pub name: &'static str,
    /// Where its discovery begins; `None`: everybody has a server of his own, and says where.
    pub url: Option<&'static str>,
    /// What follows the address that a person gives for his own server.
    pub path: &'static str,
    /// The domain whose hosts are all its own, so that the password may go from one to the other; `None`: to its origin only.
    pub family: Option<&'static str>,
    /// What a person has to know to sign in.
    pub sign_in: &'static str,
}

/// The servers that are known by name. Everything else about them is found by discovery.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "icloud",
        url: Some("https://caldav.icloud.com/"),
        path: "",
        family: Some("icloud.com"),
        sign_in: "the e-mail address of the Apple Account and an app-specific password from account.apple.com",
    },
    Preset {
        name: "yahoo",
        url: Some("https://caldav.calendar.yahoo.com/"),
        path: "",
        family: Some("yahoo.com"),
        sign_in: "the e-mail address and an app password from the account's security page",
    },
    Preset {
        name: "fastmail",
        url: Some("https://caldav.fastmail.com/"),
        path: "",
        family: Some("fastmail.com"),
        sign_in: "the e-mail address and an app password with access to calendars",
    },
    Preset {
        name: "nextcloud",
        url: None,
        path: "remote.php/dav/",
        family: None,
        sign_in: "the address of the server, the login and an app password from its security settings",
    },
];

/// The server of this name.
#[must_use]
pub fn preset(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name.eq_ignore_ascii_case(name))
}

impl Preset {
    /// Where discovery begins, for a server at `address` if everybody has his own. `None` if there is no address.
    #[must_use]
    pub fn begin(&self, address: Option<&str>) -> Option<String> {
        match (self.url, address) {
            (_, Some(address)) => {
                let address = address.trim_end_matches('/');
                let whole = address.ends_with(self.path.trim_end_matches('/')) && !self.path.is_empty();
                Some(format!("{address}/{}", if whole { "" } else { self.path }))
            }
            (Some(url), None) => Some(url.to_owned()),
            (None, None) => None,
        }
    }
}

/// Whether the server mails people by itself when an object with guests is written (RFC 6638).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheduling {
    /// It does, or nobody knows: guests are never written.
    Server,
    /// It does not: guests are kept as everything else is. [`crate::CalDav::probe`] tells.
    None,
}

/// What makes a connector.
pub struct Setup {
    /// What goes out.
    pub client: Arc<Client>,
    /// How fast this account may ask; see [`crate::PACE`].
    pub pace: Arc<Pace>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where discovery begins.
    pub url: Target,
    /// The name to sign in with.
    pub username: String,
    /// The password, an app-specific one where the server has such.
    pub password: Secret,
    /// Whether the server mails people by itself. It is told and not looked up, since a projection never changes.
    pub scheduling: Scheduling,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preset_begins_at_its_own_address_or_at_the_one_that_is_given() {
        for (name, address, expected) in [
            ("icloud", None, Some("https://caldav.icloud.com/")),
            ("iCloud", Some("http://127.0.0.1:1"), Some("http://127.0.0.1:1/")),
            ("nextcloud", None, None),
            (
                "nextcloud",
                Some("https://cloud.example.org"),
                Some("https://cloud.example.org/remote.php/dav/"),
            ),
            ("nextcloud", Some("https://example.org/nc/"), Some("https://example.org/nc/remote.php/dav/")),
            ("nextcloud", Some("https://a.test/remote.php/dav"), Some("https://a.test/remote.php/dav/")),
        ] {
            assert_eq!(preset(name).unwrap().begin(address).as_deref(), expected, "{name} {address:?}");
        }
        assert_eq!(preset("exchange"), None);
    }
}
