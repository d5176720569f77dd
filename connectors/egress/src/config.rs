//! The section `[egress]` of the configuration, and whom TLS trusts.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;

use crate::guard::AllowError;
use crate::limits::CA_FILE_BYTES_MAX;

/// What the administrator says about outgoing requests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EgressConfig {
    /// Hosts, addresses and blocks that are open although they are not public (see [`crate::Guard::new`]). Default: none.
    pub allow: Vec<String>,
    /// A PEM file of certificate authorities to trust beside those of the system. Default: none.
    pub ca_file: Option<PathBuf>,
}

/// Why there is no client. Nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The allow-list cannot be read.
    #[error(transparent)]
    Allow(#[from] AllowError),
    /// The file of further authorities cannot be read, or holds none.
    #[error("read the certificate authorities in {path}; [egress] ca_file has to name a PEM file")]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What happened.
        #[source]
        source: io::Error,
    },
    /// There are none in any of the places of the system.
    #[error("find the system's certificate authorities; install the package ca-certificates")]
    NoAuthorities,
    /// The TLS library refuses its own defaults.
    #[error("set up TLS")]
    Tls(#[source] rustls::Error),
}

/// Where the distributions keep the authorities: Debian, Fedora, openSUSE, Alpine.
const SYSTEM: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// TLS that verifies the name of the URL against the system's authorities and those of `ca_file`.
pub(crate) fn tls(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, SetupError> {
    let mut roots = RootCertStore::empty();
    // A system's bundle may hold a certificate that we cannot read; the others count.
    if let Some(certificates) = SYSTEM.iter().find_map(|path| read(Path::new(path)).ok()) {
        roots.add_parsable_certificates(certificates);
    }
    if let Some(path) = ca_file {
        let added = read(path).and_then(|certificates| {
            certificates.into_iter().try_for_each(|c| roots.add(c).map_err(io::Error::other))
        });
        added.map_err(|source| SetupError::CaFile { path: path.to_owned(), source })?;
    }
    if roots.is_empty() {
        return Err(SetupError::NoAuthorities);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(SetupError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// All certificates of a PEM file; one at least.
fn read(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    if std::fs::metadata(path)?.len() > CA_FILE_BYTES_MAX {
        return Err(io::Error::other("the file is too large"));
    }
    let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
        .map_err(io::Error::other)?
        .collect::<Result<_, _>>()
        .map_err(io::Error::other)?;
    if certificates.is_empty() { Err(io::Error::other("no certificate in it")) } else { Ok(certificates) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_an_authority_is_refused_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (name, text) in [("empty.pem", ""), ("text.pem", "hello"), ("broken.pem", broken)] {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            assert!(tls(Some(&path)).unwrap_err().to_string().contains(name));
        }
        assert!(tls(Some(&folder.path().join("missing.pem"))).is_err());
    }
}
