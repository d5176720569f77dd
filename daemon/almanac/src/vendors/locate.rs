//! Where the calendars of a mail address are, for people who know no more than that address (RFC 6764 section 6).

use std::fs;
use std::net::SocketAddr;

use almanac_egress::Target;
use almanac_egress::dns::{Service, resolver, services, texts};
use tokio::time::timeout;

use crate::failure::Failure;
use crate::limits::DOCTOR_WAIT;

/// What the DNS says of a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Said {
    /// Nothing, or nobody could be asked.
    Nothing,
    /// There are no calendars.
    None,
    /// They are at this URL, on this host.
    At { url: String, host: String },
}

/// The URL where discovery begins, for the calendars of `address`; the system's resolver is asked if none is given.
///
/// # Errors
/// It is no address, its domain has no calendars, or its DNS leads to somebody else: what the DNS says is not authenticated, so the
/// password goes there only if the person says so.
pub(crate) async fn locate(address: &str, asked: Option<SocketAddr>) -> Result<String, Failure> {
    let domain = domain(address).ok_or_else(|| {
        Failure::usage(
            "nobody says where the server is",
            "give --url https://SERVER/, or as --username a mail address, whose domain says it",
        )
    })?;
    let system = || fs::read_to_string("/etc/resolv.conf").ok().as_deref().and_then(resolver);
    let said = match asked.or_else(system) {
        Some(resolver) => timeout(DOCTOR_WAIT, ask(resolver, &domain)).await.unwrap_or(Said::Nothing),
        None => Said::Nothing,
    };
    judge(&domain, said)
}

/// The domain of a mail address, in ASCII.
fn domain(address: &str) -> Option<String> {
    let (_, domain) = address.rsplit_once('@')?;
    let target = Target::parse(&format!("https://{domain}/")).ok()?;
    let domain = target.url().domain()?;
    (target.url().path() == "/" && target.url().port().is_none()).then(|| domain.to_owned())
}

async fn ask(resolver: SocketAddr, domain: &str) -> Said {
    // The records of `_caldav`, without the s, lead to servers without TLS.
    let name = format!("_caldavs._tcp.{domain}");
    let Ok(services) = services(resolver, &name).await else { return Said::Nothing };
    let Some(Service { port, target, .. }) = services.into_iter().next() else { return Said::Nothing };
    if target.is_empty() {
        return Said::None;
    }
    let texts = texts(resolver, &name).await.unwrap_or_default();
    let path = texts.iter().find_map(|text| text.strip_prefix("path=")).unwrap_or("/");
    let port = if port == 443 { String::new() } else { format!(":{port}") };
    Said::At { url: format!("https://{target}{port}{path}"), host: target }
}

fn judge(domain: &str, said: Said) -> Result<String, Failure> {
    match said {
        Said::Nothing => Ok(format!("https://{domain}/")),
        Said::None => Err(Failure::failed(
            format!("the DNS of {domain} says that it has no calendars"),
            "give --url https://SERVER/ if you know better",
        )),
        Said::At { url, host } => {
            let own = host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
            if own && Target::parse(&url).is_ok_and(|target| target.url().host_str() == Some(&host)) {
                return Ok(url);
            }
            Err(Failure::failed(
                format!("the DNS of {domain} leads to {host}, which is somebody else's server"),
                format!("if your password may go there, add --url {url}"),
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::UdpSocket;

    use super::*;

    fn at(url: &str, host: &str) -> Said {
        Said::At { url: url.to_owned(), host: host.to_owned() }
    }

    #[test]
    fn only_a_mail_address_has_a_domain() {
        for (address, expected) in [
            ("ada@example.org", Some("example.org")),
            ("ada@Example.ORG", Some("example.org")),
            ("ada@m\u{fc}nster.example", Some("xn--mnster-3ya.example")),
            ("ada", None),
            ("ada@", None),
            ("ada@192.0.2.1", None),
            ("ada@example.org:8443", None),
            ("ada@example.org/path", None),
        ] {
            assert_eq!(domain(address).as_deref(), expected, "{address}");
        }
    }

    #[test]
    fn a_password_stays_within_the_domain_of_its_address() {
        for (said, expected) in [
            (Said::Nothing, Ok("https://example.org/")),
            (Said::None, Err("no calendars")),
            (
                at("https://cal.example.org:8443/dav", "cal.example.org"),
                Ok("https://cal.example.org:8443/dav"),
            ),
            (at("https://example.org/", "example.org"), Ok("https://example.org/")),
            (at("https://cal.example.com/", "cal.example.com"), Err("somebody else's")),
            (at("https://badexample.org/", "badexample.org"), Err("somebody else's")),
            // A path that makes another host of it.
            (at("https://cal.example.org@evil.example/", "cal.example.org"), Err("somebody else's")),
            (at("https://cal.example.org.evil.example/", "cal.example.org"), Err("somebody else's")),
        ] {
            match (judge("example.org", said.clone()), expected) {
                (Ok(url), Ok(expected)) => assert_eq!(url, expected),
                (Err(failure), Err(expected)) => {
                    assert!(failure.to_string().contains(expected), "{failure}");
                }
                (judged, _) => panic!("{said:?}: {judged:?}"),
            }
        }
    }

    /// Answers two questions: where the service is, and its path.
    #[tokio::test]
    async fn the_dns_of_an_address_gives_host_port_and_path() {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let serving = async {
            for _ in 0..2 {
                let mut bytes = [0; 512];
                let (count, from) = socket.recv_from(&mut bytes).await.unwrap();
                let mut answer = bytes[..count].to_vec();
                (answer[2], answer[3]) = (0x81, 0x80);
                if answer[count - 3] == 33 {
                    answer[7] = 2;
                    // A server for want of a better one, then the better one; 26 is where `example.org` stands.
                    for (priority, host) in [(9, b"old"), (1, b"cal")] {
                        answer.extend([0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 60, 0, 12]);
                        answer.extend([0, priority, 0, 1, 0x20, 0xfb, 3]);
                        answer.extend(host);
                        answer.extend([0xc0, 26]);
                    }
                } else {
                    answer[7] = 1;
                    answer.extend([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60, 0, 10]);
                    answer.extend(b"\x09path=/dav");
                }
                socket.send_to(&answer, from).await.unwrap();
            }
        };
        let (found, ()) = tokio::join!(locate("ada@example.org", Some(address)), serving);
        assert_eq!(found.unwrap(), "https://cal.example.org:8443/dav");
    }

    #[tokio::test]
    async fn without_an_answer_the_domain_itself_is_asked() {
        let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        tokio::time::pause();
        let found = locate("ada@example.org", silent.local_addr().ok()).await;
        assert_eq!(found.unwrap(), "https://example.org/");
    }
}
