//! `almanac profile`.

use std::path::PathBuf;

use clap::Args;

use super::login;
use crate::config::values::PublicUrl;

#[derive(Debug, Args)]
pub(crate) struct Profile {
    /// Whose calendars
    #[arg(value_parser = login)]
    pub(crate) login: String,
    /// The new file to write, which only its owner may read; stdout without this
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Under which name devices reach the server, instead of public_url: cal.example.org, cal.example.org:8443 or a URL
    #[arg(long, value_name = "HOST", value_parser = origin)]
    pub(crate) host: Option<PublicUrl>,
    /// Makes an app password and puts it into the file: whoever gets hold of the file has the calendars. Without this
    /// the device asks for one
    #[arg(long)]
    pub(crate) with_app_password: bool,
}

/// A host alone means TLS.
pub(super) fn origin(text: &str) -> Result<PublicUrl, &'static str> {
    if text.contains("://") { text.parse() } else { format!("https://{text}").parse() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_reached_by_tls_unless_a_url_says_otherwise() {
        for (text, expected) in [
            ("cal.example.org", Some("https://cal.example.org")),
            ("cal.example.org:8443", Some("https://cal.example.org:8443")),
            ("http://127.0.0.1:8008", Some("http://127.0.0.1:8008")),
            ("cal.example.org/dav/", None),
            ("a b", None),
            ("", None),
        ] {
            assert_eq!(origin(text).ok().map(|url| url.0).as_deref(), expected, "{text}");
        }
    }
}
