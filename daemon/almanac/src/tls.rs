//! TLS by rustls and ring: TLS 1.2 and 1.3, HTTP/2 preferred.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::Tls;
use crate::config::origin::Mistake;
use crate::failure::chain;

/// Reads certificate and key. The key is read once: afterwards its file is not needed.
///
/// # Errors
/// The key whose file cannot be used, and why.
pub(crate) fn load(files: &Tls) -> Result<Arc<ServerConfig>, Mistake> {
    let certificates: Vec<_> = CertificateDer::pem_file_iter(&files.cert_file)
        .and_then(Iterator::collect)
        .map_err(|error| unreadable(&["http.tls.cert_file"], &files.cert_file, &error))?;
    if certificates.is_empty() {
        return Err(Mistake::new(
            &["http.tls.cert_file"],
            format!("{} holds no certificate", files.cert_file.display()),
            "give a PEM file with the certificate chain, the server's own first",
        ));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key_file)
        .map_err(|error| unreadable(&["http.tls.key_file"], &files.key_file, &error))?;
    server_config(certificates, key).map_err(|error| {
        Mistake::new(
            &["http.tls.key_file", "http.tls.cert_file"],
            format!("the certificate and the key cannot be used: {error}"),
            "give the key that belongs to the first certificate of cert_file",
        )
    })
}

/// The settings of a TLS server with this certificate chain.
pub(crate) fn server_config(
    certificates: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(certificates, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn unreadable(keys: &'static [&'static str], file: &Path, error: &dyn std::error::Error) -> Mistake {
    Mistake::new(
        keys,
        format!("cannot read {}: {}", file.display(), chain(error)),
        "give a PEM file that this user may read",
    )
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_pair_that_belongs_together_is_accepted_and_anything_else_names_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let one = rcgen::generate_simple_self_signed(vec!["a.example".to_owned()]).unwrap();
        let other = rcgen::generate_simple_self_signed(vec!["b.example".to_owned()]).unwrap();
        let (cert, key) = (write("c.pem", &one.cert.pem()), write("k.pem", &one.signing_key.serialize_pem()));
        let (foreign, empty) = (write("f.pem", &other.signing_key.serialize_pem()), write("e.pem", ""));
        let load = |cert_file: &Path, key_file: &Path| {
            load(&Tls { cert_file: cert_file.to_owned(), key_file: key_file.to_owned() })
        };
        assert!(load(&cert, &key).is_ok());
        let missing = folder.path().join("missing.pem");
        for (cert, key, expected) in [
            (&cert, &foreign, "http.tls.key_file"),
            (&cert, &empty, "http.tls.key_file"),
            (&cert, &missing, "http.tls.key_file"),
            (&empty, &key, "http.tls.cert_file"),
            (&missing, &key, "http.tls.cert_file"),
        ] {
            let mistake = load(cert, key).unwrap_err();
            assert_eq!(mistake.keys[0], expected, "{mistake:?}");
        }
    }
}
