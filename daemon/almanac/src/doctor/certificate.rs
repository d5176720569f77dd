//! The certificate of `[http.tls]`: whose it is, how long it is valid, whether the daemon can read it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use rustls::client::verify_server_name;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ParsedCertificate;
use webpki::EndEntityCert;

use super::der::validity;
use super::{Finding, Subject};
use crate::config::values::PublicUrl;
use crate::limits::CERTIFICATE_WARNING_DAYS;
use crate::tls;

const NAME: &str = "certificate";

pub(super) fn findings(subject: &Subject) -> Vec<Finding> {
    let Some(files) = &subject.config.http.tls else {
        return vec![Finding::ok(NAME, "none is set: [http.tls] is not used")];
    };
    let mode = |path: &Path| fs::metadata(path).map(|meta| meta.mode() & 0o7777).unwrap_or(0);
    let (cert_mode, key_mode) = (mode(&files.cert_file), mode(&files.key_file));
    if let Err(mistake) = tls::load(files) {
        return vec![Finding::problem(NAME, mistake.what, mistake.remedy)];
    }
    let Ok(certificate) = CertificateDer::from_pem_file(&files.cert_file) else {
        return vec![Finding::problem(NAME, "it was exchanged just now", "look again")];
    };
    let mut findings = vec![judge_time(validity(&certificate), subject.now)];
    findings.extend(judge_modes(cert_mode, key_mode));
    if let Some(host) = subject.config.http.public_url.as_ref().map(host) {
        findings.extend(judge_name(&host, &names(&certificate), fits(&certificate, &host)));
    }
    findings
}

/// The host of the public URL, without its port.
pub(super) fn host(url: &PublicUrl) -> String {
    let uri: Option<http::Uri> = url.0.parse().ok();
    uri.as_ref().and_then(http::Uri::host).unwrap_or_default().trim_matches(['[', ']']).to_owned()
}

/// The DNS names that a certificate is for.
pub(super) fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    EndEntityCert::try_from(certificate)
        .map(|certificate| certificate.valid_dns_names().map(str::to_owned).collect())
        .unwrap_or_default()
}

fn fits(certificate: &CertificateDer<'_>, host: &str) -> bool {
    let (Ok(certificate), Ok(name)) = (ParsedCertificate::try_from(certificate), ServerName::try_from(host))
    else {
        return false;
    };
    verify_server_name(&certificate, &name).is_ok()
}

fn judge_time(validity: Option<(Timestamp, Timestamp)>, now: Timestamp) -> Finding {
    const REMEDY: &str =
        "renew it and put the new files into the place of the old ones: they are read at once";
    let Some((from, until)) = validity else {
        return Finding::problem(NAME, "its time cannot be read", "give an X.509 certificate");
    };
    let left = until.duration_since(now);
    let days = left.as_hours() / 24;
    if now < from {
        Finding::problem(NAME, format!("not valid before {from:.0}"), "look at the clock of this machine")
    } else if left < SignedDuration::ZERO {
        Finding::problem(NAME, format!("expired at {until:.0}"), REMEDY)
    } else if days < CERTIFICATE_WARNING_DAYS {
        Finding::warning(NAME, format!("expires in {days} days, at {until:.0}"), REMEDY)
    } else {
        Finding::ok(NAME, format!("valid for {days} days, until {until:.0}; the key fits"))
    }
}

fn judge_modes(cert: u32, key: u32) -> Option<Finding> {
    if key & 0o027 != 0 {
        return Some(Finding::problem(
            NAME,
            format!("its key has mode {key:04o}"),
            "chmod 640 the key file, with a group that has no other member than the server",
        ));
    }
    (cert & 0o022 != 0).then(|| {
        Finding::problem(NAME, format!("its file has mode {cert:04o}"), "chmod 644 the certificate file")
    })
}

/// `fits`: whether the certificate is for the host of the public URL.
fn judge_name(host: &str, names: &[String], fits: bool) -> Option<Finding> {
    (!fits).then(|| {
        Finding::problem(
            NAME,
            format!("it is for {}, not for {host} of public_url", names.join(", ")),
            "get a certificate for that name, or correct public_url in [http]",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn a_certificate_is_well_for_three_weeks_or_more() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let validity = Some((at("2026-01-01T00:00:00Z"), at("2026-04-01T00:00:00Z")));
        for (now, level) in [
            ("2025-12-31T23:59:59Z", Level::Problem),
            ("2026-01-01T00:00:00Z", Level::Ok),
            ("2026-03-11T00:00:00Z", Level::Ok),
            ("2026-03-11T00:00:01Z", Level::Warning),
            ("2026-04-01T00:00:01Z", Level::Problem),
        ] {
            assert_eq!(judge_time(validity, at(now)).level, level, "{now}");
        }
        assert_eq!(judge_time(None, at("2026-01-01T00:00:00Z")).level, Level::Problem);
    }

    #[test]
    fn a_key_is_for_its_owner_and_its_group_to_read() {
        for (cert, key, level) in [
            (0o644, 0o600, None),
            (0o644, 0o640, None),
            (0o644, 0o644, Some(Level::Problem)),
            (0o644, 0o660, Some(Level::Problem)),
            (0o664, 0o600, Some(Level::Problem)),
        ] {
            assert_eq!(judge_modes(cert, key).map(|finding| finding.level), level, "{cert:o} {key:o}");
        }
    }

    #[test]
    fn a_certificate_is_for_the_host_of_the_public_url() {
        let made = rcgen::generate_simple_self_signed(vec!["*.a.example".to_owned(), "b.example".to_owned()]);
        let certificate = made.unwrap().cert.der().clone();
        assert_eq!(names(&certificate), ["*.a.example", "b.example"]);
        for (host, level) in [
            ("b.example", None),
            ("cal.a.example", None),
            ("c.example", Some(Level::Problem)),
            ("192.0.2.1", Some(Level::Problem)),
        ] {
            let finding = judge_name(host, &names(&certificate), fits(&certificate, host));
            assert_eq!(finding.as_ref().map(|finding| finding.level), level, "{finding:?}");
        }
    }

    #[test]
    fn the_host_of_a_public_url_has_no_port_and_no_brackets() {
        for (url, expected) in [
            ("https://cal.example.org", "cal.example.org"),
            ("https://cal.example.org:8443", "cal.example.org"),
            ("http://[::1]:8008", "::1"),
        ] {
            assert_eq!(host(&url.parse().unwrap()), expected);
        }
    }
}
