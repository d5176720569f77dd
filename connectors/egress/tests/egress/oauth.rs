//! Tokens of a signed-in account: one renewal for all, kept before used, dead only when the server says so.

use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use almanac_base::{ManualClock, Secret};
use almanac_egress::oauth::{Account, Application, Credentials, OauthError, TokenKeeper, Tokens};
use almanac_egress::{EgressError, Kind, Sent, Target};
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;
use url::form_urlencoded;

use crate::support::{HERE, Seen, Server, client, status, text, with_header};

pub(crate) fn start() -> Timestamp {
    "2026-11-28T12:00:00Z".parse().unwrap()
}

pub(crate) fn application(server: &Server) -> Application {
    Application {
        authorize: Target::parse("https://accounts.test/authorize?tenant=1").unwrap(),
        token: Target::parse(&server.url("/token")).unwrap(),
        client_id: "the-client".into(),
        client_secret: Some(Secret::new("the-secret".into())),
        scopes: vec!["calendar.events".into(), "offline_access".into()],
        extra: vec![("access_type".into(), "offline".into()), ("prompt".into(), "consent".into())],
    }
}

pub(crate) fn form(seen: &Seen) -> Vec<(String, String)> {
    form_urlencoded::parse(&seen.body).into_owned().collect()
}

pub(crate) fn field(seen: &Seen, name: &str) -> Option<String> {
    form(seen).into_iter().find(|(n, _)| n == name).map(|(_, value)| value)
}

/// Keeps tokens in memory, or fails.
#[derive(Default)]
pub(crate) struct Keeper {
    pub(crate) kept: Mutex<Vec<(String, Option<String>)>>,
    /// When the sign-in ends, as it was last kept.
    pub(crate) ends: Mutex<Option<Timestamp>>,
    pub(crate) broken: AtomicBool,
}

#[async_trait]
impl TokenKeeper for Keeper {
    async fn keep(&self, tokens: &Tokens) -> Result<(), Arc<dyn Error + Send + Sync>> {
        if self.broken.load(SeqCst) {
            return Err(Arc::new(std::io::Error::other("the disk is full")));
        }
        let refresh = tokens.refresh.as_ref().map(|token| token.expose().to_owned());
        *self.ends.lock().unwrap() = tokens.sign_in_ends;
        self.kept.lock().unwrap().push((tokens.access.expose().to_owned(), refresh));
        Ok(())
    }
}

struct Stage {
    account: Arc<Account>,
    keeper: Arc<Keeper>,
    clock: Arc<ManualClock>,
}

/// An account whose access token has just ended.
fn stage(server: &Server) -> Stage {
    let keeper = Arc::new(Keeper::default());
    let clock = Arc::new(ManualClock::new(start()));
    let tokens = Tokens {
        access: Secret::new("access-0".into()),
        refresh: Some(Secret::new("refresh-0".into())),
        expires_at: start(),
        scopes: None,
        sign_in_ends: None,
    };
    let credentials = Credentials::Person(application(server));
    let account = Account::new(Arc::new(client()), clock.clone(), credentials, keeper.clone(), Some(tokens));
    Stage { account: Arc::new(account), keeper, clock }
}

/// A server that rotates: the n-th answer has the n-th tokens, and takes the refresh token before only.
async fn rotating() -> Server {
    let next = Mutex::new(0);
    Server::plain(move |seen| {
        let mut next = next.lock().unwrap();
        if field(seen, "refresh_token") != Some(format!("refresh-{next}")) {
            return status(400, r#"{"error":"invalid_grant","error_description":"erika@clinic.test"}"#);
        }
        *next += 1;
        let answer = format!(
            r#"{{"access_token":"access-{next}","refresh_token":"refresh-{next}","token_type":"Bearer","expires_in":3600}}"#
        );
        text(&answer)
    })
    .await
}

async fn token(account: &Account) -> Result<String, OauthError> {
    account.access_token().await.map(|token| token.expose().to_owned())
}

#[tokio::test]
async fn fifty_who_ask_at_once_cause_one_request() {
    let server = rotating().await;
    let stage = stage(&server);
    let mut asking = JoinSet::new();
    for _ in 0..50 {
        let account = Arc::clone(&stage.account);
        asking.spawn(async move { token(&account).await.unwrap() });
    }
    assert!(asking.join_all().await.iter().all(|token| token == "access-1"));
    assert_eq!(server.seen().len(), 1);
    assert_eq!(*stage.keeper.kept.lock().unwrap(), [("access-1".to_owned(), Some("refresh-1".to_owned()))]);
    let seen = &server.seen()[0];
    assert_eq!(field(seen, "grant_type").as_deref(), Some("refresh_token"));
    assert_eq!(field(seen, "client_id").as_deref(), Some("the-client"));
    assert_eq!(field(seen, "client_secret").as_deref(), Some("the-secret"));
}

#[tokio::test]
async fn the_end_of_a_refresh_token_is_known_until_another_one_comes() {
    let answers = [
        r#"{"access_token":"a","token_type":"Bearer","expires_in":60,"refresh_token_expires_in":604799}"#,
        r#"{"access_token":"b","token_type":"Bearer","expires_in":60}"#,
        r#"{"access_token":"c","token_type":"Bearer","expires_in":60,"refresh_token":"refresh-1"}"#,
        r#"{"access_token":"d","token_type":"Bearer","expires_in":60,"refresh_token_expires_in":"60"}"#,
        r#"{"access_token":"e","token_type":"Bearer","expires_in":60,"refresh_token_expires_in":[]}"#,
    ];
    let next = Mutex::new(answers.into_iter());
    let server = Server::plain(move |_| text(next.lock().unwrap().next().unwrap())).await;
    let stage = stage(&server);
    let end = start() + SignedDuration::from_secs(604_799);
    let last = start() + SignedDuration::from_mins(4);
    for expected in [Some(end), Some(end), None, Some(last), Some(last)] {
        token(&stage.account).await.unwrap();
        assert_eq!(*stage.keeper.ends.lock().unwrap(), expected);
        stage.clock.advance(SignedDuration::from_mins(1));
    }
}

#[tokio::test]
async fn a_token_is_renewed_shortly_before_its_end_and_when_it_was_refused() {
    let server = rotating().await;
    let stage = stage(&server);
    assert_eq!(token(&stage.account).await.unwrap(), "access-1");
    stage.clock.advance(SignedDuration::from_mins(58));
    assert_eq!(token(&stage.account).await.unwrap(), "access-1");
    stage.clock.advance(SignedDuration::from_mins(1));
    assert_eq!(token(&stage.account).await.unwrap(), "access-2");
    let refused = Secret::new("access-2".into());
    for _ in 0..2 {
        let after = stage.account.access_token_after(&refused).await.unwrap();
        assert_eq!(after.expose(), "access-3", "renewed once for all who were refused");
    }
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn an_access_token_is_not_given_out_before_its_rotated_refresh_token_is_kept() {
    let server = rotating().await;
    let stage = stage(&server);
    stage.keeper.broken.store(true, SeqCst);
    for _ in 0..2 {
        assert!(matches!(token(&stage.account).await, Err(OauthError::Keep(_))));
    }
    assert_eq!(server.seen().len(), 1, "the old refresh token is spent and not sent again");
    stage.keeper.broken.store(false, SeqCst);
    assert_eq!(token(&stage.account).await.unwrap(), "access-1");
    assert_eq!(server.seen().len(), 1);
    assert_eq!(*stage.keeper.kept.lock().unwrap(), [("access-1".to_owned(), Some("refresh-1".to_owned()))]);

    // Kept late, and by then too old: renewed with the token that came with it.
    stage.keeper.broken.store(true, SeqCst);
    stage.clock.advance(SignedDuration::from_hours(2));
    assert!(token(&stage.account).await.is_err());
    stage.clock.advance(SignedDuration::from_hours(2));
    stage.keeper.broken.store(false, SeqCst);
    assert_eq!(token(&stage.account).await.unwrap(), "access-3");
}

#[tokio::test]
async fn a_renewal_that_its_caller_leaves_is_finished_by_the_next() {
    let (asked, mut waiting) = tokio::sync::mpsc::channel::<()>(1);
    let (release, released) = std::sync::mpsc::sync_channel::<()>(1);
    let released = Mutex::new(released);
    let server = Server::plain(move |_| {
        asked.try_send(()).unwrap();
        tokio::task::block_in_place(|| released.lock().unwrap().recv().unwrap());
        text(
            r#"{"access_token":"access-1","refresh_token":"refresh-1","token_type":"Bearer","expires_in":3600}"#,
        )
    });
    // The server runs beside the test, so that it can be kept waiting.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let server = runtime.spawn(server).await.unwrap();
    let stage = stage(&server);
    tokio::select! {
        biased;
        _ = token(&stage.account) => panic!("the server has not answered"),
        _ = waiting.recv() => {} // and the one who asked is gone
    }
    release.send(()).unwrap();
    assert_eq!(token(&stage.account).await.unwrap(), "access-1");
    assert_eq!(server.seen().len(), 1);
    runtime.shutdown_background();
}

#[tokio::test]
async fn invalid_grant_ends_it_for_good_without_another_request() {
    let server = Server::plain(|_| {
        status(400, r#"{"error":"invalid_grant","error_description":"erika@clinic.test has left"}"#)
    })
    .await;
    let stage = stage(&server);
    for _ in 0..3 {
        let error = token(&stage.account).await.unwrap_err();
        assert!(matches!(error, OauthError::NeedsSignIn));
        assert!(!format!("{error} {error:?}").contains("erika"));
    }
    assert_eq!(server.seen().len(), 1);
    assert!(stage.keeper.kept.lock().unwrap().is_empty());
}

#[tokio::test]
async fn every_other_failure_leaves_the_tokens_alive() {
    #[rustfmt::skip]
    let table: &[(u16, &str, &str)] = &[
        (401, r#"{"error":"invalid_client","error_description":"erika"}"#, "Refused(\"invalid_client\")"),
        (400, r#"{"error":"unauthorized_client"}"#,                      "Refused(\"unauthorized_client\")"),
        (400, r#"{"error":"interaction_erika"}"#,                        "Refused(\"other\")"),
        (400, r#"{"error":"temporarily_unavailable"}"#,                  "Temporary { retry_after: None }"),
        (503, r#"{"error":"invalid_grant"}"#,                            "Temporary { retry_after: Some(7s) }"),
        (500, "<html>erika</html>",                                      "Temporary { retry_after: Some(7s) }"),
        (429, "",                                                        "Temporary { retry_after: Some(7s) }"),
        (400, "<html>erika</html>",                                      "Answer"),
        (200, "<html>erika</html>",                                      "Answer"),
        (302, "",                                                        "Answer"),
    ];
    for (code, body, expected) in table {
        let first = AtomicBool::new(true);
        let server = Server::plain(move |_| {
            if first.swap(false, SeqCst) {
                return with_header(
                    with_header(status(*code, body), "retry-after", "7"),
                    "location",
                    "/elsewhere",
                );
            }
            text(r#"{"access_token":"access-1","token_type":"bearer","expires_in":3600}"#)
        })
        .await;
        let stage = stage(&server);
        let error = token(&stage.account).await.unwrap_err();
        assert_eq!(format!("{error:?}"), *expected, "{code} {body}");
        assert_eq!(token(&stage.account).await.unwrap(), "access-1", "{code} {body}");
        assert_eq!(server.seen().len(), 2, "no redirect was followed");
        let kept = stage.keeper.kept.lock().unwrap().clone();
        assert_eq!(
            kept,
            [("access-1".to_owned(), Some("refresh-0".to_owned()))],
            "not rotated: the old one stays"
        );
    }
}

#[tokio::test]
async fn a_server_that_hangs_up_leaves_the_tokens_alive() {
    let server = Server::raw(HERE, |_| async {}).await;
    let stage = stage(&server);
    for _ in 0..2 {
        let error = token(&stage.account).await.unwrap_err();
        let OauthError::Egress(EgressError { kind: Kind::Protocol(Sent::Maybe | Sent::No), .. }) = error
        else {
            panic!("{error:?}");
        };
    }
    assert_eq!(server.connections(), 2);
}
