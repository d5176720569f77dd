//! Signing in: the URL to open, the redirect to a loopback port, the exchange of the code.

use std::sync::Arc;

use almanac_base::Secret;
use almanac_egress::oauth::{Loopback, OauthError, RedirectError, parse_redirect};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use url::Url;

use crate::oauth::{application, field, start};
use crate::support::{HERE, SHORT, Server, client, patient, status, text};

fn parameter(url: &str, name: &str) -> Option<String> {
    Url::parse(url).unwrap().query_pairs().find(|(n, _)| n == name).map(|(_, value)| value.into_owned())
}

/// What a browser would do with `path`.
async fn browse(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect((HERE, port)).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_person_signs_in_through_a_loopback_redirect() {
    let server = Server::plain(|_| {
        text(r#"{"access_token":"a","refresh_token":"r","token_type":"Bearer","expires_in":3599,"scope":"calendar.events"}"#)
    })
    .await;
    let application = application(&server);
    let loopback = Loopback::open().await.unwrap();
    let (port, redirect) = (loopback.port(), loopback.redirect());
    let sign_in = application.begin(&redirect).unwrap();
    let of = |name: &str| parameter(&sign_in.url, name).unwrap_or_default();
    assert!(sign_in.url.starts_with("https://accounts.test/authorize?tenant=1&"), "{}", sign_in.url);
    assert_eq!((of("response_type"), of("client_id")), ("code".to_owned(), "the-client".to_owned()));
    assert_eq!(
        (of("redirect_uri"), of("scope")),
        (redirect.clone(), "calendar.events offline_access".to_owned())
    );
    assert_eq!((of("access_type"), of("prompt")), ("offline".to_owned(), "consent".to_owned()));
    assert_eq!(
        (of("code_challenge_method"), of("state")),
        ("S256".to_owned(), sign_in.state.expose().to_owned())
    );
    assert!(!sign_in.url.contains("the-secret") && !sign_in.url.contains(sign_in.verifier.expose()));

    let back = format!("/?state={}&code=4%2Fthe-code", sign_in.state.expose());
    let (code, ()) = tokio::join!(loopback.accept(&sign_in.state, patient().whole), async {
        assert!(browse(port, "/favicon.ico").await.starts_with("HTTP/1.1 404"));
        assert!(browse(port, "/?state=forged&code=evil").await.starts_with("HTTP/1.1 400"));
        drop(TcpStream::connect((HERE, port)).await.unwrap());
        assert!(browse(port, &back).await.starts_with("HTTP/1.1 200"));
    });
    let tokens = application.finish(&Arc::new(client()), &sign_in, &code.unwrap(), start()).await.unwrap();
    assert_eq!((tokens.access.expose(), tokens.refresh.unwrap().expose()), ("a", "r"));
    assert_eq!(tokens.expires_at, "2026-11-28T12:59:59Z".parse().unwrap());
    assert_eq!(tokens.scopes.unwrap(), ["calendar.events"], "the person granted less than was asked for");

    let seen = &server.seen()[0];
    assert_eq!(field(seen, "code").as_deref(), Some("4/the-code"));
    assert_eq!(field(seen, "redirect_uri"), Some(redirect));
    let verifier = field(seen, "code_verifier").unwrap();
    let challenge = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()));
    assert_eq!(challenge, of("code_challenge"));
}

#[tokio::test]
async fn a_redirect_that_says_no_or_never_comes_ends_the_wait() {
    let state = Secret::new("s".into());
    let loopback = Loopback::open().await.unwrap();
    let port = loopback.port();
    let denied = "/?error=access_denied&state=s";
    let (outcome, answer) = tokio::join!(loopback.accept(&state, patient().whole), browse(port, denied));
    assert_eq!(outcome.unwrap_err(), RedirectError::Denied);
    assert!(answer.contains("Not signed in"));
    let loopback = Loopback::open().await.unwrap();
    assert_eq!(loopback.accept(&state, SHORT).await.unwrap_err(), RedirectError::TimedOut);
}

#[tokio::test]
async fn two_sign_ins_share_nothing_and_a_spent_code_begins_anew() {
    let server = Server::plain(|_| status(400, r#"{"error":"invalid_grant"}"#)).await;
    let application = application(&server);
    let (one, two) = (
        application.begin("http://127.0.0.1:1/").unwrap(),
        application.begin("http://127.0.0.1:1/").unwrap(),
    );
    assert_ne!(one.state.expose(), two.state.expose());
    assert_ne!(one.verifier.expose(), two.verifier.expose());
    let pasted = format!("http://127.0.0.1:1/?code=c&state={}", one.state.expose());
    assert_eq!(parse_redirect(&pasted, &two.state).unwrap_err(), RedirectError::State);
    let code = parse_redirect(&pasted, &one.state).unwrap();
    let outcome = application.finish(&Arc::new(client()), &one, &code, start()).await;
    assert!(matches!(outcome, Err(OauthError::NeedsSignIn)));
}
