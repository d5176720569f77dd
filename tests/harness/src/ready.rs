//! The line by which the daemon says that it is ready, and where.

use std::net::SocketAddr;

use crate::wire::Address;

/// The addresses of the ready line.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Ready {
    /// Every listener, in the order of the configuration.
    pub(crate) http: Vec<Address>,
    /// The management listener.
    pub(crate) management: Option<Address>,
}

/// Whether `line` is the ready line.
pub(crate) fn is_ready(line: &str) -> bool {
    line.contains("almanac ready ")
}

/// Reads `almanac ready http=http://127.0.0.1:8008 management=http://127.0.0.1:8009 state=...`.
///
/// A list of addresses is separated by commas, or the word `http=` is repeated.
pub(crate) fn parse(line: &str) -> Ready {
    let mut ready = Ready::default();
    for word in line.split_whitespace() {
        let Some((key, value)) = word.split_once('=') else { continue };
        let mut addresses = value.split(',').filter_map(address);
        match key {
            "http" | "https" => ready.http.extend(addresses),
            "management" => ready.management = addresses.next_back(),
            _ => {}
        }
    }
    ready
}

fn address(text: &str) -> Option<Address> {
    if let Some(path) = text.strip_prefix("unix:") {
        return Some(Address::Unix(path.into()));
    }
    let authority = text.split_once("://").map_or(text, |(_, rest)| rest).trim_end_matches('/');
    authority.parse::<SocketAddr>().ok().map(Address::Tcp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_of_an_address_are_read() {
        let ready = parse(
            "almanac ready http=http://127.0.0.1:4711,https://[::1]:4712,unix:/run/a.sock management=127.0.0.1:4713 state=/x",
        );
        assert_eq!(
            ready,
            Ready {
                http: vec![
                    Address::Tcp("127.0.0.1:4711".parse().unwrap()),
                    Address::Tcp("[::1]:4712".parse().unwrap()),
                    Address::Unix("/run/a.sock".into()),
                ],
                management: Some(Address::Tcp("127.0.0.1:4713".parse().unwrap())),
            }
        );
    }
}
