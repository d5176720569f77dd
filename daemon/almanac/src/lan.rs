//! `serve --demo --lan`: a self-signed certificate, made once, so that phones on the same network can try the demo.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::Path;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use rcgen::{Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair};
use ring::digest;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::config::Tls;
use crate::config::values::ListenAddress;
use crate::demo::write_private;
use crate::failure::{Failure, chain};

/// Every address of this machine. That of IPv6 takes IPv4 as well, but not every machine speaks IPv6.
pub(crate) fn everywhere(port: u16) -> ListenAddress {
    let v6 = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).is_ok();
    let ip: IpAddr = if v6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
    ListenAddress::Tcp(SocketAddr::new(ip, port))
}

/// Certificate and key of this state folder, made if there are none.
///
/// # Errors
/// They cannot be made or written.
pub(crate) fn certificate(state: &Path, now: Timestamp) -> Result<Tls, Failure> {
    let tls = Tls { cert_file: state.join("lan-cert.pem"), key_file: state.join("lan-key.pem") };
    if tls.cert_file.exists() && tls.key_file.exists() {
        return Ok(tls);
    }
    let (certificate, key) = make(now).map_err(|error| failed(&error))?;
    std::fs::create_dir_all(state).map_err(|error| failed(&error))?;
    write_private(&tls.key_file, key.serialize_pem().as_bytes()).map_err(|error| failed(&error))?;
    write_private(&tls.cert_file, certificate.pem().as_bytes()).map_err(|error| failed(&error))?;
    Ok(tls)
}

/// Apple's systems refuse a server certificate that is valid for more than 825 days or not made for servers
/// (iOS 13, macOS 10.15), even if the user wants to trust it.
fn make(now: Timestamp) -> Result<(Certificate, KeyPair), rcgen::Error> {
    let day = |days: i64| {
        let date = now.to_zoned(TimeZone::UTC).date().saturating_add(days.days());
        let (month, day) = (u8::try_from(date.month()).unwrap_or(1), u8::try_from(date.day()).unwrap_or(1));
        rcgen::date_time_ymd(i32::from(date.year()), month, day)
    };
    let mut params = CertificateParams::new(names())?;
    params.not_before = day(-1);
    params.not_after = day(820);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.distinguished_name.push(DnType::CommonName, "Almanac demo");
    let key = KeyPair::generate()?;
    Ok((params.self_signed(&key)?, key))
}

fn failed(error: &dyn std::error::Error) -> Failure {
    Failure::failed(
        format!("cannot make a certificate: {}", chain(error)),
        "give your own in [http.tls], or start without --lan",
    )
}

/// The names and addresses that the certificate is for.
fn names() -> Vec<String> {
    let mut names = vec!["localhost".to_owned(), address().to_string()];
    if let Ok(host) = std::fs::read_to_string("/proc/sys/kernel/hostname") {
        let host = host.trim().to_ascii_lowercase();
        names.push(format!("{host}.local"));
        names.push(host);
    }
    names
}

/// This machine's address on the network: the one that a packet to elsewhere would leave from. None is sent.
pub(crate) fn address() -> IpAddr {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0));
    let connected =
        socket.and_then(|socket| socket.connect(("192.0.2.1", 9)).and_then(|()| socket.local_addr()));
    connected.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |local| local.ip())
}

/// The SHA-256 fingerprint of a certificate, as clients show it.
///
/// # Errors
/// The file is not a certificate.
pub(crate) fn fingerprint(cert_file: &Path) -> Result<String, Failure> {
    let certificate = CertificateDer::from_pem_file(cert_file).map_err(|error| failed(&error))?;
    let mut text = String::new();
    for byte in digest::digest(&digest::SHA256, &certificate).as_ref() {
        let _ = write!(text, "{}{byte:02X}", if text.is_empty() { "" } else { ":" });
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_certificate_is_made_once_and_can_be_served() {
        let folder = tempfile::tempdir().unwrap();
        let now = "2026-03-01T10:00:00Z".parse().unwrap();
        let first = certificate(folder.path(), now).unwrap();
        let print = fingerprint(&first.cert_file).unwrap();
        assert_eq!(print.len(), 32 * 3 - 1);
        assert_eq!(fingerprint(&certificate(folder.path(), now).unwrap().cert_file).unwrap(), print);
        assert!(crate::tls::load(&first).is_ok());
    }
}
