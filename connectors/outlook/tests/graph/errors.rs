//! What the engine is told when Graph refuses, waits or fails.

use std::error::Error as _;

use almanac_contract::{Attempt, Connector as _, ConnectorError, ErrorKind, Retry};
use almanac_simulator::{Exchange, Fault, Reply};
use http::{Method, StatusCode};
use jiff::SignedDuration;

use crate::support::{calendar, create, list, push, single, update, world};

fn answer(status: u16, code: &str) -> Reply {
    let body = format!(r#"{{"error":{{"code":"{code}","message":"patient canary"}}}}"#);
    Reply::new(StatusCode::from_u16(status).unwrap(), body)
}

fn to_graph(request: &Exchange) -> bool {
    !request.path.contains("/oauth2/")
}

fn shows_nothing(error: &ConnectorError) {
    let mut text = format!("{error} {error:?}");
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!("{cause} {cause:?}"));
        source = cause.source();
    }
    assert!(!text.contains("canary"), "{text}");
}

#[tokio::test]
async fn each_refusal_of_a_write_is_what_the_engine_has_to_do_about_it() {
    let world = world().await;
    let device = world.device();
    let made = create(&device, &single("a@almanac.example", "A")).await;
    #[rustfmt::skip]
    let table = [
        (412, "ErrorIrresolvableConflict", ErrorKind::Conflict),
        (409, "ErrorIrresolvableConflict", ErrorKind::Conflict),
        (404, "ErrorItemNotFound", ErrorKind::Gone),
        (403, "ErrorAccessDenied", ErrorKind::Forbidden),
        (429, "ApplicationThrottled", ErrorKind::Throttled),
        (503, "ServiceUnavailable", ErrorKind::Unavailable),
        (500, "InternalServerError", ErrorKind::Unclear),
        (504, "GatewayTimeout", ErrorKind::Unclear),
        (401, "InvalidAuthenticationToken", ErrorKind::NeedsSignIn),
    ];
    for (status, code, expected) in table {
        world.sim.plan(move |request| to_graph(request).then(|| Fault::Answer(answer(status, code))));
        let error = update(&device, &single("a@almanac.example", "B"), &made).await.unwrap_err();
        assert_eq!(error.kind, expected, "{status}");
        shows_nothing(&error);
    }
    world.sim.plan(|request| to_graph(request).then(|| Fault::Answer(answer(400, "ErrorInvalidRequest"))));
    let error = push(&device, &single("b@almanac.example", "B"), None, Attempt::First).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Refused(_)));
    shows_nothing(&error);
}

#[tokio::test]
async fn a_pause_that_graph_asks_for_is_passed_on() {
    let world = world().await;
    let device = world.device();
    world.sim.plan(|request| {
        to_graph(request)
            .then(|| Fault::Answer(answer(429, "ApplicationThrottled").with("retry-after", "17")))
    });
    let error = list(&device, None).await.unwrap_err();
    assert_eq!(
        (error.kind, error.retry),
        (ErrorKind::Throttled, Retry::After(SignedDuration::from_secs(17)))
    );
}

/// `MailboxConcurrency` hits single requests of a batch whose own status is 200.
#[tokio::test]
async fn a_pause_within_a_batch_is_passed_on() {
    let world = world().await;
    let device = world.device();
    let one = create(&device, &single("a@almanac.example", "A")).await;
    let two = create(&device, &single("b@almanac.example", "B")).await;
    world.sim.plan(|request| {
        let body = r#"{"responses":[
            {"id":"1","status":429,"headers":{"Retry-After":"9"},"body":{"error":{"code":"MailboxConcurrency"}}},
            {"id":"0","status":404,"body":{"error":{"code":"ErrorItemNotFound"}}}]}"#;
        request.path.ends_with("$batch").then(|| Fault::Answer(Reply::new(StatusCode::OK, body)))
    });
    let error = device.fetch(&calendar(), &[one.id, two.id]).await.unwrap_err();
    assert_eq!((error.kind, error.retry), (ErrorKind::Throttled, Retry::After(SignedDuration::from_secs(9))));
}

#[tokio::test]
async fn a_lost_answer_to_a_read_is_no_doubt_and_one_to_a_write_is() {
    let world = world().await;
    let device = world.device();
    let made = create(&device, &single("a@almanac.example", "A")).await;
    for fault in [Fault::Lost, Fault::DoneAndLost, Fault::Cut(3)] {
        let planned = fault.clone();
        world.sim.plan(move |request| to_graph(request).then(|| planned.clone()));
        let read = device.fetch(&calendar(), std::slice::from_ref(&made.id)).await.unwrap_err();
        assert_eq!(read.kind, ErrorKind::Unavailable, "{fault:?}");
        let wrote = push(&device, &single("b@almanac.example", "B"), None, Attempt::First).await.unwrap_err();
        assert_eq!(wrote.kind, ErrorKind::Unclear, "{fault:?}");
    }
}

#[tokio::test]
async fn foreign_text_is_malformed_and_never_more() {
    let world = world().await;
    let device = world.device();
    for body in ["", "<html>", "[]", r#"{"value":3}"#, r#"{"value":[{"id":7}]}"#, r#"{"value":[]}"#, "\u{0}"]
    {
        world.sim.plan(move |request| {
            (to_graph(request) && request.method == Method::GET)
                .then(|| Fault::Answer(Reply::new(StatusCode::OK, body)))
        });
        assert_eq!(list(&device, None).await.unwrap_err().kind, ErrorKind::Malformed, "{body}");
    }
}
