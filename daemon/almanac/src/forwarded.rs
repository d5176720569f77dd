//! Who asks, by which scheme and under which name: from the connection, or from a trusted proxy's headers.

use std::net::IpAddr;

use http::HeaderMap;

use crate::config::values::TrustedProxy;

/// Where a request comes from, after forwarded headers were believed or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The client's address; `None` behind a unix socket whose peer says nothing.
    pub(crate) peer: Option<IpAddr>,
    /// Whether the client speaks TLS, to us or to the proxy.
    pub(crate) secure: bool,
    /// The authority the client asked for, if a trusted proxy told.
    pub(crate) host: Option<String>,
}

const FORWARDED: &str = "forwarded";
const FOR: &str = "x-forwarded-for";
const PROTO: &str = "x-forwarded-proto";
const HOST: &str = "x-forwarded-host";

/// Reads the forwarded headers if `peer` is trusted, and removes them in any case.
///
/// `Forwarded` (RFC 7239) wins over `X-Forwarded-*`. Of a list of clients, the last that is not itself a
/// trusted proxy counts: what stands before it could have been written by anyone.
pub(crate) fn resolve(
    headers: &mut HeaderMap,
    peer: Option<IpAddr>,
    secure: bool,
    trusted: &[TrustedProxy],
) -> Origin {
    let direct = Origin { peer, secure, host: None };
    let believed = trusted.iter().any(|proxy| proxy.covers(peer));
    let origin = match (believed, headers.contains_key(FORWARDED)) {
        (false, _) => direct,
        (true, true) => from_forwarded(headers, &direct, trusted),
        (true, false) => from_x_forwarded(headers, &direct, trusted),
    };
    for name in [FORWARDED, FOR, PROTO, HOST] {
        headers.remove(name);
    }
    origin
}

fn from_forwarded(headers: &HeaderMap, direct: &Origin, trusted: &[TrustedProxy]) -> Origin {
    let elements: Vec<Vec<(String, String)>> =
        values(headers, FORWARDED).iter().map(|element| pairs(element)).collect();
    let find = |name: &str, element: &Vec<(String, String)>| {
        element.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
    };
    let clients: Vec<String> = elements.iter().filter_map(|element| find("for", element)).collect();
    // The nearest proxy, whom we trust, wrote the last element.
    let nearest = |name: &str| elements.iter().rev().find_map(|element| find(name, element));
    with(direct, &clients, nearest("proto").as_deref(), nearest("host"), trusted)
}

fn from_x_forwarded(headers: &HeaderMap, direct: &Origin, trusted: &[TrustedProxy]) -> Origin {
    let last = |name| values(headers, name).pop();
    with(direct, &values(headers, FOR), last(PROTO).as_deref(), last(HOST), trusted)
}

fn with(
    direct: &Origin,
    clients: &[String],
    proto: Option<&str>,
    host: Option<String>,
    trusted: &[TrustedProxy],
) -> Origin {
    let client = clients
        .iter()
        .rev()
        .map_while(|text| address(text))
        .find(|address| !trusted.iter().any(|proxy| proxy.covers(Some(*address))));
    let secure = match proto {
        Some(proto) if proto.eq_ignore_ascii_case("https") => true,
        Some(proto) if proto.eq_ignore_ascii_case("http") => false,
        _ => direct.secure,
    };
    let host = host
        .filter(|host| host.parse::<http::uri::Authority>().is_ok_and(|host| !host.as_str().contains('@')));
    Origin { peer: client.or(direct.peer), secure, host }
}

/// The elements of a list header over all its lines.
fn values(headers: &HeaderMap, name: &str) -> Vec<String> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(|element| element.trim().to_owned())
        .filter(|element| !element.is_empty())
        .collect()
}

/// `for=192.0.2.1;proto=https` as pairs, names in lower case, quotes removed.
fn pairs(element: &str) -> Vec<(String, String)> {
    element
        .split(';')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().trim_matches('"').to_owned()))
        .collect()
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim_matches('"');
    let bare = text.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(inner, _)| inner);
    bare.unwrap_or(text)
        .parse()
        .ok()
        .or_else(|| text.parse::<std::net::SocketAddr>().ok().map(|socket| socket.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(
        peer: Option<&str>,
        lines: &[(&'static str, &'static str)],
    ) -> (String, bool, Option<String>) {
        let trusted = ["10.0.0.0/8".parse().unwrap(), "unix".parse().unwrap()];
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        let origin = resolve(&mut headers, peer.map(|peer| peer.parse().unwrap()), false, &trusted);
        assert!(headers.is_empty(), "nothing behind the listener may read them");
        (origin.peer.map(|peer| peer.to_string()).unwrap_or_default(), origin.secure, origin.host)
    }

    #[test]
    fn a_stranger_is_not_believed() {
        let lines = [
            (FOR, "1.1.1.1"),
            (PROTO, "https"),
            (HOST, "evil.example"),
            (FORWARDED, "for=2.2.2.2;proto=https"),
        ];
        assert_eq!(resolved(Some("203.0.113.1"), &lines), ("203.0.113.1".into(), false, None));
    }

    #[test]
    fn a_trusted_proxy_is_believed_in_either_form() {
        let host = Some("cal.example.org".to_owned());
        let lines = [(FOR, "203.0.113.7"), (PROTO, "https"), (HOST, "cal.example.org")];
        assert_eq!(resolved(Some("10.0.0.1"), &lines), ("203.0.113.7".into(), true, host.clone()));
        assert_eq!(resolved(None, &lines), ("203.0.113.7".into(), true, host.clone()));
        let lines =
            [(FORWARDED, "For=\"[2001:db8::7]:4711\";Proto=HTTPS;host=cal.example.org"), (FOR, "9.9.9.9")];
        assert_eq!(resolved(Some("10.0.0.1"), &lines), ("2001:db8::7".into(), true, host));
    }

    #[test]
    fn what_a_client_wrote_before_the_proxy_is_not_believed() {
        for lines in [
            vec![(FOR, "6.6.6.6, 203.0.113.7, 10.0.0.2")],
            vec![(FOR, "6.6.6.6"), (FOR, "203.0.113.7")],
            vec![(FORWARDED, "for=6.6.6.6, for=203.0.113.7, for=10.0.0.2")],
        ] {
            assert_eq!(resolved(Some("10.0.0.1"), &lines).0, "203.0.113.7", "{lines:?}");
        }
        // The unreadable one was written by the proxy: nothing before it counts.
        assert_eq!(resolved(Some("10.0.0.1"), &[(FOR, "6.6.6.6, unknown")]).0, "10.0.0.1");
        assert!(!resolved(Some("10.0.0.1"), &[(PROTO, "https, http")]).1);
    }

    #[test]
    fn a_host_that_is_no_authority_is_ignored() {
        for host in ["a b", "user@cal.example.org", "/x"] {
            assert_eq!(resolved(Some("10.0.0.1"), &[(HOST, host)]).2, None, "{host}");
        }
    }
}
