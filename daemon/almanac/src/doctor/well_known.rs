//! Whether the running daemon answers `/.well-known/caldav` on its own addresses, with the certificate that is
//! configured now.

use std::io;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::ports::reachable;
use super::{Finding, Subject};
use crate::config::values::ListenAddress;
use crate::limits::{DOCTOR_ANSWER_BYTES_MAX, DOCTOR_WAIT};
use crate::listen::connect_unix;

pub(super) async fn findings(subject: &Subject) -> Vec<Finding> {
    let mut findings = Vec::new();
    for url in &subject.status.addresses.http {
        let answer = timeout(DOCTOR_WAIT, ask(subject, url)).await;
        let answer = answer.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        findings.push(judge(url, answer.as_deref().map_err(ToString::to_string)));
    }
    findings
}

/// The head of the answer.
async fn ask(subject: &Subject, url: &str) -> io::Result<String> {
    match reachable(url) {
        Some(ListenAddress::Unix(path)) => exchange(connect_unix(&path).await?, "localhost").await,
        Some(ListenAddress::Tcp(address)) => {
            let stream = TcpStream::connect(address).await?;
            let authority = address.to_string();
            match &subject.config.http.tls {
                Some(files) if url.starts_with("https:") => {
                    let certificate = CertificateDer::from_pem_file(&files.cert_file);
                    let connector = TlsConnector::from(only(certificate.map_err(io::Error::other)?)?);
                    let name = ServerName::from(address.ip());
                    exchange(connector.connect(name, stream).await?, &authority).await
                }
                _ => exchange(stream, &authority).await,
            }
        }
        None => Err(io::ErrorKind::InvalidInput.into()),
    }
}

async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, host: &str) -> io::Result<String> {
    let request = format!("GET /.well-known/caldav HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    match stream.take(DOCTOR_ANSWER_BYTES_MAX).read_to_end(&mut answer).await {
        // A close without a word is how HTTP over TLS may end.
        Err(error) if answer.is_empty() => Err(error),
        _ => Ok(String::from_utf8_lossy(&answer).into_owned()),
    }
}

fn judge(url: &str, answer: Result<&str, String>) -> Finding {
    const NAME: &str = "well-known";
    const REMEDY: &str = "look at the log; if the certificate was renewed, systemctl reload almanac";
    let answer = match answer {
        Ok(answer) => answer,
        Err(why) => return Finding::problem(NAME, format!("{url} does not answer: {why}"), REMEDY),
    };
    let mut lines = answer.lines();
    let status = lines.next().unwrap_or_default();
    let location = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("location").then_some(value.trim())
    });
    match location {
        Some(to) if status.starts_with("HTTP/1.1 30") => Finding::ok(NAME, format!("{url} leads to {to}")),
        _ => Finding::problem(NAME, format!("{url} answers \"{status}\" and leads nowhere"), REMEDY),
    }
}

/// Trusts one certificate, whatever it is called and whoever made it: ours.
#[derive(Debug)]
struct Only(CertificateDer<'static>, Arc<CryptoProvider>);

fn only(certificate: CertificateDer<'static>) -> io::Result<Arc<ClientConfig>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let builder = builder.map_err(io::Error::other)?.dangerous();
    let verifier = Arc::new(Only(certificate, provider));
    Ok(Arc::new(builder.with_custom_certificate_verifier(verifier).with_no_client_auth()))
}

impl ServerCertVerifier for Only {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if *certificate == self.0 {
            return Ok(ServerCertVerified::assertion());
        }
        Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.1.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.1.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.1.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn only_a_redirect_to_somewhere_is_well() {
        for (answer, level) in [
            (Ok("HTTP/1.1 301 Moved Permanently\r\nLocation: https://a.example/dav/\r\n\r\n"), Level::Ok),
            (Ok("HTTP/1.1 301 Moved Permanently\r\n\r\n"), Level::Problem),
            (Ok("HTTP/1.1 503 Service Unavailable\r\nlocation: /\r\n\r\n"), Level::Problem),
            (Ok(""), Level::Problem),
            (Err("refused".to_owned()), Level::Problem),
        ] {
            let finding = judge("https://127.0.0.1:1", answer);
            assert_eq!(finding.level, level, "{finding:?}");
        }
    }
}
