//! Whether the DNS leads clients here that know no more than an address `somebody@example.org` (RFC 6764 section 3).

use std::fs;
use std::net::{IpAddr, SocketAddr};

use almanac_egress::dns::{Service, resolver, services};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::time::timeout;

use super::certificate::{host, names};
use super::{Finding, Subject};
use crate::limits::DOCTOR_WAIT;

const NAME: &str = "DNS";

/// What is known of one name.
type Asked = (String, Result<Vec<Service>, String>);

pub(super) async fn findings(subject: &Subject) -> Vec<Finding> {
    let Some(host) = public_name(subject) else {
        return vec![Finding::warning(
            NAME,
            "nobody says under which name clients find this server",
            "set public_url in [http]",
        )];
    };
    let system = || fs::read_to_string("/etc/resolv.conf").ok().as_deref().and_then(resolver);
    let Some(resolver) = subject.options.resolver.or_else(system) else {
        return vec![Finding::ok(NAME, "not asked: /etc/resolv.conf names no resolver")];
    };
    match timeout(DOCTOR_WAIT, ask(resolver, &host)).await {
        Ok(asked) => vec![judge(&host, &asked)],
        Err(_) => vec![Finding::warning(
            NAME,
            format!("the resolver {resolver} does not answer"),
            "look at /etc/resolv.conf",
        )],
    }
}

/// The host of the public URL, else the first public name of the certificate.
fn public_name(subject: &Subject) -> Option<String> {
    let http = &subject.config.http;
    let is_public = |name: &String| {
        name.contains('.')
            && !name.starts_with('*')
            && !name.ends_with(".local")
            && name.parse::<IpAddr>().is_err()
    };
    let named = http.public_url.as_ref().map(host).filter(is_public);
    named.or_else(|| {
        let certificate = CertificateDer::from_pem_file(&http.tls.as_ref()?.cert_file).ok()?;
        names(&certificate).into_iter().find(is_public)
    })
}

/// Asks for the services of the host and of the domain above it, which is what addresses end with as a rule.
async fn ask(resolver: SocketAddr, host: &str) -> Vec<Asked> {
    let above = host.split_once('.').map(|(_, domain)| domain).filter(|domain| domain.contains('.'));
    let mut asked = Vec::new();
    for domain in above.into_iter().chain([host]) {
        for service in ["_caldavs", "_caldav"] {
            let name = format!("{service}._tcp.{domain}");
            let answer = services(resolver, &name).await;
            asked.push((name, answer));
        }
    }
    asked
}

fn judge(host: &str, asked: &[Asked]) -> Finding {
    let all = || asked.iter().flat_map(|(name, answer)| answer.iter().flatten().map(move |s| (name, s)));
    let ours = || all().filter(|(_, service)| service.target == host.to_ascii_lowercase());
    if let Some((name, service)) = ours().find(|(name, _)| name.starts_with("_caldav.")) {
        return Finding::warning(
            NAME,
            format!("{name} leads to {}:{} without TLS", service.target, service.port),
            "remove that record: clients would send passwords in clear",
        );
    }
    if let Some((name, service)) = ours().next() {
        return Finding::ok(NAME, format!("{name} leads to {}:{}", service.target, service.port));
    }
    if let Some((name, service)) = all().next() {
        return Finding::warning(
            NAME,
            format!("{name} leads to {}, not to {host}", service.target),
            "correct the record, or public_url in [http]",
        );
    }
    if let Some((name, Err(why))) = asked.iter().find(|(_, answer)| answer.is_err()) {
        return Finding::warning(NAME, format!("{name}: {why}"), "look at the resolver of this machine");
    }
    let domain = asked.first().map(|(name, _)| name.trim_start_matches("_caldavs._tcp.")).unwrap_or(host);
    Finding::warning(
        NAME,
        format!("no record _caldavs._tcp leads to {host}: people have to type the address of the server"),
        format!("add to the DNS: _caldavs._tcp.{domain}. SRV 0 1 443 {host}."),
    )
}

#[cfg(test)]
mod tests {
    use tokio::net::UdpSocket;

    use super::*;
    use crate::doctor::Level;

    fn leads(name: &str, target: &str) -> Asked {
        (name.to_owned(), Ok(vec![Service { priority: 0, weight: 1, port: 443, target: target.to_owned() }]))
    }

    #[test]
    fn the_dns_is_well_if_it_leads_here_by_tls_alone() {
        let none = |name: &str| (name.to_owned(), Ok(Vec::new()));
        let (tls, clear) = ("_caldavs._tcp.example.org", "_caldav._tcp.example.org");
        let refused = (tls.to_owned(), Err("code 2".to_owned()));
        for (asked, level, word) in [
            (vec![leads(tls, "cal.example.org"), none(clear)], Level::Ok, "443"),
            (vec![leads(tls, "other.example.org"), none(clear)], Level::Warning, "not to"),
            (
                vec![leads(tls, "cal.example.org"), leads(clear, "cal.example.org")],
                Level::Warning,
                "without TLS",
            ),
            (vec![refused, none(clear)], Level::Warning, "code 2"),
            (vec![none(tls), none(clear)], Level::Warning, "no record"),
        ] {
            let finding = judge("cal.example.org", &asked);
            assert_eq!(finding.level, level, "{finding:?}");
            assert!(finding.seen.contains(word), "{finding:?}");
        }
        let finding = judge("cal.example.org", &[none(tls)]);
        let record = "_caldavs._tcp.example.org. SRV 0 1 443 cal.example.org.";
        assert!(finding.remedy.unwrap().ends_with(record));
    }

    /// A resolver that knows one service.
    #[tokio::test]
    async fn the_domain_above_is_asked_first_and_an_answer_is_taken_from_the_wire() {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let serving = async {
            let mut names = Vec::new();
            for _ in 0..4 {
                let mut bytes = [0; 512];
                let (count, from) = socket.recv_from(&mut bytes).await.unwrap();
                let mut answer = bytes[..count].to_vec();
                let known = names.is_empty();
                names.push(String::from_utf8_lossy(&bytes[13..count]).into_owned());
                (answer[2], answer[3]) = (0x81, if known { 0x80 } else { 0x83 });
                if known {
                    answer[7] = 1;
                    answer.extend([0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 60, 0, 12, 0, 0, 0, 1, 1, 0xbb]);
                    answer.extend([3, b'c', b'a', b'l', 0xc0, 26]);
                }
                // A stranger's answer comes first, and is not believed.
                let mut forged = answer.clone();
                forged[0] ^= 1;
                socket.send_to(&forged, from).await.unwrap();
                socket.send_to(&answer, from).await.unwrap();
            }
            names
        };
        let (asked, names) = tokio::join!(ask(address, "cal.example.org"), serving);
        assert!(names[0].contains("_tcp\u{7}example\u{3}org"), "{names:?}");
        assert_eq!(asked[0], leads("_caldavs._tcp.example.org", "cal.example.org"));
        assert!(asked[1..].iter().all(|(_, answer)| answer == &Ok(Vec::new())), "{asked:?}");
    }
}
