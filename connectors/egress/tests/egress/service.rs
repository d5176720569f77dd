//! Tokens without a person: a signed assertion, and the application's own secret.

use std::sync::Arc;

use almanac_base::{ManualClock, Secret};
use almanac_egress::oauth::{Account, Credentials, KeyError, OauthError, ServiceAccount};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::{Value, json};

use crate::oauth::{Keeper, application, field, start};
use crate::support::{Server, client, status, text};

/// A key made for these tests; it opens nothing.
const KEY: &str = include_str!("fixtures/service.pem");
const PUBLIC: &[u8] = include_bytes!("fixtures/service.pub.der");

const ANSWER: &str = r#"{"access_token":"access","token_type":"Bearer","expires_in":3600}"#;

fn service(token_uri: &str, key: &str) -> Result<ServiceAccount, KeyError> {
    let file = json!({
        "type": "service_account", "client_email": "sync@project.test", "private_key_id": "key-1",
        "private_key": key, "token_uri": token_uri,
    });
    let scopes = vec!["calendar".to_owned(), "freebusy".to_owned()];
    ServiceAccount::from_json(&Secret::new(file.to_string()), scopes, Some("desk@clinic.test".into()))
}

fn account(credentials: Credentials) -> Account {
    let clock = Arc::new(ManualClock::new(start()));
    Account::new(Arc::new(client()), clock, credentials, Arc::new(Keeper::default()), None)
}

#[tokio::test]
async fn a_service_account_signs_what_it_asks_for() {
    let server = Server::plain(|_| text(ANSWER)).await;
    let account = account(Credentials::Service(service(&server.url("/token"), KEY).unwrap()));
    for _ in 0..2 {
        assert_eq!(account.access_token().await.unwrap().expose(), "access");
    }
    assert_eq!(server.seen().len(), 1);
    let seen = &server.seen()[0];
    assert_eq!(seen.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(field(seen, "grant_type").as_deref(), Some("urn:ietf:params:oauth:grant-type:jwt-bearer"));
    let assertion = field(seen, "assertion").unwrap();
    let (signed, signature) = assertion.rsplit_once('.').unwrap();
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, PUBLIC)
        .verify(signed.as_bytes(), &decode(signature))
        .unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let value = |text: &str| serde_json::from_slice::<Value>(&decode(text)).unwrap();
    assert_eq!(value(header), json!({ "alg": "RS256", "typ": "JWT", "kid": "key-1" }));
    let issued = start().as_second();
    assert_eq!(
        value(claims),
        json!({
            "iss": "sync@project.test", "sub": "desk@clinic.test", "scope": "calendar freebusy",
            "aud": server.url("/token"), "iat": issued, "exp": issued + 1_800,
        })
    );
}

#[tokio::test]
async fn an_application_asks_with_its_own_secret() {
    let server = Server::plain(|_| text(ANSWER)).await;
    let account = account(Credentials::Application(application(&server)));
    assert_eq!(account.access_token().await.unwrap().expose(), "access");
    let seen = &server.seen()[0];
    assert_eq!(field(seen, "grant_type").as_deref(), Some("client_credentials"));
    assert_eq!(field(seen, "client_secret").as_deref(), Some("the-secret"));
    assert_eq!(field(seen, "scope").as_deref(), Some("calendar.events offline_access"));
}

#[tokio::test]
async fn an_assertion_that_is_refused_is_tried_again_since_nobody_can_sign_in() {
    let server = Server::plain(|_| status(400, r#"{"error":"invalid_grant"}"#)).await;
    let account = account(Credentials::Service(service(&server.url("/token"), KEY).unwrap()));
    for _ in 0..2 {
        assert!(matches!(account.access_token().await, Err(OauthError::Refused("invalid_grant"))));
    }
    assert_eq!(server.seen().len(), 2);
}

#[test]
fn a_file_that_is_no_service_account_is_refused() {
    assert!(matches!(service("https://a.test/", "no key"), Err(KeyError::Key)));
    assert!(matches!(service("ftp://a.test/", KEY), Err(KeyError::Address(_))));
    let not_json = ServiceAccount::from_json(&Secret::new("x".into()), Vec::new(), None);
    assert!(matches!(not_json, Err(KeyError::Form)));
}
