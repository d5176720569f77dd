//! What a feed needs to be told.

use std::sync::Arc;

use almanac_base::{Clock, Secret};
use almanac_egress::throttle::Pace;
use almanac_egress::{Client, Refusal, Target};

/// By what the objects of a feed are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Identity {
    /// By their UIDs, unless these are found to be made anew with each reading.
    #[default]
    Detect,
    /// By their UIDs, whatever is found.
    Uid,
    /// By what they say, whatever is found.
    Content,
}

/// What a feed is read with.
pub struct Setup {
    /// The way out.
    pub client: Arc<Client>,
    /// How fast it is asked.
    pub pace: Arc<Pace>,
    /// What `Retry-After` is measured by.
    pub clock: Arc<dyn Clock>,
    /// Where it is ([`target`]). The URL is a secret.
    pub url: Target,
    /// A name and a password, where the feed wants them.
    pub credentials: Option<(String, Secret)>,
    /// By what its objects are told apart.
    pub identity: Identity,
}

/// The target of a feed's URL as people get it: `webcal://` and `webcals://` are names that calendar programs have for
/// https.
///
/// # Errors
/// As [`Target::parse`].
pub fn target(url: &str) -> Result<Target, Refusal> {
    let url = url.trim();
    // A parser of URLs leaves out line ends: what stood in the next line would become part of the address.
    if url.contains(|c: char| c.is_ascii_control()) {
        return Err(Refusal::Unreadable);
    }
    let secure = ["webcal://", "webcals://"].iter().find_map(|scheme| {
        let (start, rest) = url.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    });
    match secure {
        Some(rest) => Target::parse(&format!("https://{rest}")),
        None => Target::parse(url),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webcal_url_is_asked_over_https() {
        for (url, expected) in [
            ("webcal://a.test/x?y", Ok("https://a.test/x?y")),
            (" WebCal://a.test/x\n", Ok("https://a.test/x")),
            ("webcals://a.test/", Ok("https://a.test/")),
            ("https://a.test/x", Ok("https://a.test/x")),
            ("https://a.test/x\nnext line", Err(Refusal::Unreadable)),
            ("webcal://a.test/x\r\n\ty", Err(Refusal::Unreadable)),
            ("webcal:a.test", Err(Refusal::Scheme)),
            ("file:///etc/passwd", Err(Refusal::Scheme)),
            ("webcal://u:p@a.test/", Err(Refusal::UserInfo)),
        ] {
            let found = target(url).map(|target| target.url().to_string());
            assert_eq!(found, expected.map(str::to_owned), "{url}");
        }
    }
}
