//! A configuration profile for Apple's devices (`.mobileconfig`): opened there, it adds the account of one person.
//!
//! Its identifiers follow from the person's id, so a second profile takes the place of the first on a device, and a
//! backup that was restored elsewhere gives the same ones.

use std::fmt::Write as _;

use http::Uri;
use ring::digest::{SHA256, digest};
use uuid::{Builder, Uuid};

use crate::config::values::PublicUrl;
use crate::failure::Failure;

/// What one profile says.
pub(crate) struct Profile<'a> {
    /// The person's id, which no other person ever has.
    pub(crate) id: &'a str,
    pub(crate) login: &'a str,
    pub(crate) server: &'a PublicUrl,
    /// An app password, if the file is to hold one.
    pub(crate) password: Option<&'a str>,
}

/// A value of a property list.
#[derive(Clone, Copy)]
enum Value<'a> {
    Text(&'a str),
    Number(u16),
    Flag(bool),
}

impl Profile<'_> {
    /// The file: a property list in XML.
    ///
    /// # Errors
    /// The server has no host.
    pub(crate) fn to_plist(&self) -> Result<String, Failure> {
        let no_host = || Failure::failed("the URL of the server has no host", "name one with --host");
        let uri: Uri = self.server.0.parse().map_err(|_| no_host())?;
        let host = uri.host().ok_or_else(no_host)?;
        let tls = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        // Of the characters of a login, a path encodes this one.
        let principal = format!("{}/dav/principals/{}/", self.server.0, self.login.replace('+', "%2B"));
        let (outer, inner) = (self.uuid("profile").to_string(), self.uuid("account").to_string());
        let name = format!("{} at {host}", self.login);

        let mut account = Dict { text: String::new(), indent: "\t\t\t" };
        account.put("PayloadType", Value::Text("com.apple.caldav.account"));
        account.put("PayloadVersion", Value::Number(1));
        account.put("PayloadIdentifier", Value::Text(&format!("almanac.{outer}.account")));
        account.put("PayloadUUID", Value::Text(&inner));
        account.put("PayloadDisplayName", Value::Text("Calendars"));
        account.put("CalDAVAccountDescription", Value::Text(&name));
        account.put("CalDAVHostName", Value::Text(host));
        account.put("CalDAVPort", Value::Number(port));
        account.put("CalDAVUseSSL", Value::Flag(tls));
        account.put("CalDAVPrincipalURL", Value::Text(&principal));
        account.put("CalDAVUsername", Value::Text(self.login));
        if let Some(password) = self.password {
            account.put("CalDAVPassword", Value::Text(password));
        }

        let mut profile = Dict { text: String::new(), indent: "\t" };
        profile.put("PayloadType", Value::Text("Configuration"));
        profile.put("PayloadVersion", Value::Number(1));
        profile.put("PayloadIdentifier", Value::Text(&format!("almanac.{outer}")));
        profile.put("PayloadUUID", Value::Text(&outer));
        profile.put("PayloadDisplayName", Value::Text(&format!("Calendars of {name}")));
        profile.put("PayloadDescription", Value::Text("Adds a calendar account."));
        let (profile, account) = (profile.text, account.text);
        Ok(format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n\
             <plist version=\"1.0\">\n<dict>\n{profile}\t<key>PayloadContent</key>\n\
             \t<array>\n\t\t<dict>\n{account}\t\t</dict>\n\t</array>\n</dict>\n</plist>\n"
        ))
    }

    /// Always the same for one person and one purpose.
    fn uuid(&self, purpose: &str) -> Uuid {
        let hash = digest(&SHA256, format!("almanac {purpose} {}", self.id).as_bytes());
        let bytes = hash.as_ref().first_chunk().copied().unwrap_or_default();
        Builder::from_custom_bytes(bytes).into_uuid()
    }
}

/// The entries of a dictionary, one after the other.
struct Dict {
    text: String,
    indent: &'static str,
}

impl Dict {
    fn put(&mut self, key: &str, value: Value<'_>) {
        let value = match value {
            Value::Text(text) => format!("<string>{}</string>", escaped(text)),
            Value::Number(number) => format!("<integer>{number}</integer>"),
            Value::Flag(flag) => format!("<{flag}/>"),
        };
        let indent = self.indent;
        let _ = writeln!(self.text, "{indent}<key>{key}</key>\n{indent}{value}");
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plist(login: &str, server: &str, password: Option<&str>) -> String {
        let server = server.parse().unwrap();
        Profile { id: "usr_1", login, server: &server, password }.to_plist().unwrap()
    }

    #[test]
    fn host_port_and_tls_follow_from_the_url() {
        for (server, host, port, tls) in [
            ("https://cal.example.org", "cal.example.org", 443, "true"),
            ("https://cal.example.org:8443", "cal.example.org", 8443, "true"),
            ("http://127.0.0.1", "127.0.0.1", 80, "false"),
        ] {
            let text = plist("nora", server, None);
            assert!(text.contains(&format!("<string>{host}</string>")), "{text}");
            assert!(text.contains(&format!("<integer>{port}</integer>")), "{text}");
            assert!(text.contains(&format!("<key>CalDAVUseSSL</key>\n\t\t\t<{tls}/>")), "{text}");
            assert!(text.contains(&format!("<string>{server}/dav/principals/nora/</string>")), "{text}");
        }
    }

    #[test]
    fn what_means_something_in_xml_or_in_a_path_is_escaped() {
        assert!(plist("a+b", "https://c", Some("<&>")).contains("<string>&lt;&amp;&gt;</string>"));
        assert!(plist("a+b", "https://c", None).contains("/dav/principals/a%2Bb/"));
    }

    #[test]
    fn there_is_no_password_unless_it_is_given() {
        assert!(!plist("nora", "https://c", None).contains("Password"));
    }

    #[test]
    fn the_identifiers_are_those_of_the_person_and_differ_from_each_other() {
        let server: PublicUrl = "https://c".parse().unwrap();
        let of = |id| Profile { id, login: "nora", server: &server, password: None };
        assert_eq!(of("usr_1").uuid("profile"), of("usr_1").uuid("profile"));
        assert_ne!(of("usr_1").uuid("profile"), of("usr_1").uuid("account"));
        assert_ne!(of("usr_1").uuid("profile"), of("usr_2").uuid("profile"));
    }
}
