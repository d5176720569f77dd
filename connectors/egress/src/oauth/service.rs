//! Access without a person: what an administrator has granted to an application.

use std::fmt;
use std::sync::Arc;

use almanac_base::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Method};
use jiff::Timestamp;
use oauth2::HttpRequest;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;
use url::form_urlencoded;
use zeroize::Zeroizing;

use super::transport::{read, transport};
use super::{Application, OauthError, Tokens};
use crate::client::Client;
use crate::guard::{Refusal, Target};
use crate::limits::ASSERTION_LIFE;

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// What an account gets its tokens with.
#[derive(Debug)]
pub enum Credentials {
    /// A person's refresh token.
    Person(Application),
    /// The application's own id and secret (Entra).
    Application(Application),
    /// A signed assertion (Google).
    Service(ServiceAccount),
}

/// A service account and what it asks for. `Debug` shows nothing of it.
pub struct ServiceAccount {
    token: Target,
    email: String,
    key: RsaKeyPair,
    key_id: Option<String>,
    scopes: Vec<String>,
    subject: Option<String>,
}

/// Why the file of a service account cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It is not the JSON of one.
    #[error("read the service account: it is not the JSON file that the vendor gave out")]
    Form,
    /// Its key is not an RSA key in PKCS #8.
    #[error("read the service account: its private_key cannot be used")]
    Key,
    /// Its token endpoint cannot be used.
    #[error("read the service account: its token_uri cannot be used")]
    Address(#[source] Refusal),
}

/// The vendor's file.
#[derive(Deserialize)]
struct File {
    client_email: String,
    private_key: String,
    private_key_id: Option<String>,
    token_uri: String,
}

impl ServiceAccount {
    /// Reads the vendor's JSON file. `subject` is the person it stands in for (domain-wide delegation).
    ///
    /// # Errors
    /// If it is not such a file, or its key or address cannot be used.
    pub fn from_json(json: &Secret, scopes: Vec<String>, subject: Option<String>) -> Result<Self, KeyError> {
        let file: File = serde_json::from_str(json.expose()).map_err(|_| KeyError::Form)?;
        let pem = Zeroizing::new(file.private_key);
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| KeyError::Key)?;
        let key = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).map_err(|_| KeyError::Key)?;
        let token = Target::parse(&file.token_uri).map_err(KeyError::Address)?;
        Ok(Self { token, email: file.client_email, key, key_id: file.private_key_id, scopes, subject })
    }

    async fn tokens(&self, client: &Arc<Client>, now: Timestamp) -> Result<Tokens, OauthError> {
        let assertion = self.assertion(now)?;
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", JWT_BEARER)
            .append_pair("assertion", &assertion)
            .finish();
        let mut request = HttpRequest::new(form.into_bytes());
        *request.method_mut() = Method::POST;
        *request.uri_mut() =
            self.token.url().as_str().parse().map_err(|_| OauthError::Address(Refusal::Unreadable))?;
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let answer = read(&transport(client, now)(request).await?)?;
        Ok(Tokens::from_answer(&answer, None, now))
    }

    /// A JWT (RFC 7523 section 3), signed with RS256.
    fn assertion(&self, now: Timestamp) -> Result<Zeroizing<String>, OauthError> {
        let mut header = serde_json::json!({ "alg": "RS256", "typ": "JWT" });
        if let (Some(header), Some(id)) = (header.as_object_mut(), &self.key_id) {
            header.insert("kid".into(), id.as_str().into());
        }
        let issued = now.as_second();
        let mut claims = serde_json::json!({
            "iss": self.email,
            "scope": self.scopes.join(" "),
            "aud": self.token.url().as_str(),
            "iat": issued,
            "exp": issued.saturating_add(ASSERTION_LIFE.as_secs()),
        });
        if let (Some(claims), Some(subject)) = (claims.as_object_mut(), &self.subject) {
            claims.insert("sub".into(), subject.as_str().into());
        }
        let encode = |text: String| URL_SAFE_NO_PAD.encode(text);
        let signed = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let mut signature = vec![0; self.key.public().modulus_len()];
        let random = SystemRandom::new();
        let outcome = self.key.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature);
        outcome.map_err(|_| OauthError::Sign)?;
        Ok(Zeroizing::new(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))))
    }
}

impl Credentials {
    /// New tokens, after `before` if there are some.
    pub(super) async fn tokens(
        &self,
        client: &Arc<Client>,
        before: Option<&Tokens>,
        now: Timestamp,
    ) -> Result<Tokens, OauthError> {
        let outcome = match self {
            Self::Person(application) => match before {
                Some(before) => return application.refresh(client, before, now).await,
                None => return Err(OauthError::NeedsSignIn),
            },
            Self::Application(application) => application.client_credentials(client, now).await,
            Self::Service(service) => service.tokens(client, now).await,
        };
        // Nobody could sign in: it is the key, the grant or the clock that an administrator has to repair.
        outcome.map_err(|error| match error {
            OauthError::NeedsSignIn => OauthError::Refused("invalid_grant"),
            other => other,
        })
    }
}

impl fmt::Debug for ServiceAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServiceAccount({:?})", self.token)
    }
}
