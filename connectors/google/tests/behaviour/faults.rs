//! What goes wrong on the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use almanac_contract::{ErrorKind, Pushed, Retry};
use almanac_google::sim::{GoogleSim, refusal};
use almanac_simulator::{Fault, Reply};
use http::{Method, StatusCode};
use jiff::SignedDuration;

use crate::support::{World, event, kind, moved, series};

#[tokio::test]
async fn refusals_are_told_apart_by_their_reason() {
    let world = World::new().await;
    for (status, reason, expected) in [
        (403, "rateLimitExceeded", ErrorKind::Throttled),
        (403, "userRateLimitExceeded", ErrorKind::Throttled),
        (403, "quotaExceeded", ErrorKind::Throttled),
        (429, "rateLimitExceeded", ErrorKind::Throttled),
        (403, "forbidden", ErrorKind::CalendarGone),
        (404, "notFound", ErrorKind::CalendarGone),
        (500, "backendError", ErrorKind::Unavailable),
        (503, "backendError", ErrorKind::Unavailable),
    ] {
        world.sim.plan(move |request| {
            (request.method == Method::GET).then(|| Fault::Answer(refusal(status, reason)))
        });
        let error = world.changes(None).await.unwrap_err();
        assert_eq!(error.kind, expected, "{status} {reason}");
        assert!(!error.to_string().contains("Jane"), "what Google says is not repeated");
    }
}

#[tokio::test]
async fn a_pause_is_as_long_as_google_asks_for() {
    let world = World::new().await;
    world.sim.plan(|request| {
        let reply = refusal(429, "rateLimitExceeded").with("retry-after", "37");
        (request.method == Method::GET).then_some(Fault::Answer(reply))
    });
    let error = world.changes(None).await.unwrap_err();
    assert_eq!(error.retry, Retry::After(SignedDuration::from_secs(37)));
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_unclear_and_found_later() {
    let world = World::new().await;
    let form = event("20260302T090000", "SUMMARY:Visit");
    for (n, fault) in [Fault::DoneAndLost, Fault::Cut(20)].into_iter().enumerate() {
        let key = format!("0{n}");
        let posts = |request: &almanac_simulator::Exchange| request.path.ends_with("/events");
        world.sim.plan(move |request| posts(request).then(|| fault.clone()));
        assert_eq!(kind(world.create(&key, &form).await), ErrorKind::Unclear);
        world.sim.calm();
        assert!(matches!(world.create(&key, &form).await.unwrap(), Pushed::Found(_)));
    }
    assert_eq!(world.elsewhere(|google, calendar| google.events_of(calendar)).len(), 2);
}

#[tokio::test]
async fn a_listing_whose_answer_was_lost_has_told_nothing() {
    let world = World::new().await;
    for fault in [Fault::Lost, Fault::DoneAndLost, Fault::Cut(20)] {
        world.sim.plan(move |request| (request.method == Method::GET).then(|| fault.clone()));
        assert_eq!(kind(world.changes(None).await), ErrorKind::Unavailable);
    }
}

#[tokio::test]
async fn pitfalls_4_and_73_an_answer_that_is_not_whole_is_an_error() {
    let world = World::new().await;
    for body in
        ["", "{}", "[]", "<html>", r#"{"items":[{"summary":"x"}],"nextSyncToken":"s"}"#, r#"{"items":[]}"#]
    {
        world.sim.plan(move |request| {
            (request.method == Method::GET).then(|| Fault::Answer(Reply::new(StatusCode::OK, body)))
        });
        assert_eq!(kind(world.changes(None).await), ErrorKind::Malformed, "{body}");
    }
}

#[tokio::test]
async fn an_id_that_would_lead_elsewhere_is_not_asked_for() {
    let world = World::new().await;
    let ids = ["..", ".", ""].map(|id| almanac_contract::RemoteId(id.to_owned()));
    for id in ids {
        use almanac_contract::Connector as _;
        world.sim.take_seen();
        let found = world.google.fetch(&world.calendar, &[id]).await;
        assert!(found.is_err());
        let paths: Vec<String> = world.sim.take_seen().into_iter().map(|seen| seen.request.path).collect();
        assert!(paths.iter().all(|path| !path.ends_with('/')), "{paths:?}");
    }
}

#[tokio::test]
async fn pitfall_75_a_calendar_that_may_not_be_seen_any_more_says_nothing_of_its_events() {
    let world = World::new().await;
    let made = world.made("0a", &event("20260302T090000", "")).await;
    let (_, token) = world.changes(None).await.unwrap();
    world.elsewhere(GoogleSim::remove_calendar);
    assert_eq!(kind(world.changes(Some(&token)).await), ErrorKind::CalendarGone);
    use almanac_contract::Connector as _;
    for id in [made.id, almanac_contract::RemoteId("_imported".to_owned())] {
        let found = world.google.fetch(&world.calendar, &[id]).await;
        assert_eq!(kind(found), ErrorKind::CalendarGone);
    }
    assert_eq!(kind(world.create("0b", &event("20260302T090000", "")).await), ErrorKind::CalendarGone);
}

/// A pause or an outage in the middle of a series: what was written before is there.
#[tokio::test]
async fn an_error_after_a_part_of_a_series_was_written_says_that_something_was() {
    let before = series("SUMMARY:Group", "");
    let after = series(
        "SUMMARY:Group of ten|EXDATE;TZID=Europe/Berlin:20260305T090000",
        &moved("20260304", "20260304T150000", "SUMMARY:Late"),
    );
    for (known, status, expected) in [
        (false, 429, ErrorKind::Throttled),
        (true, 429, ErrorKind::Throttled),
        (true, 503, ErrorKind::Unavailable),
        (true, 401, ErrorKind::NeedsSignIn),
    ] {
        let mut parts = 0;
        for stop in 0.. {
            let world = World::new().await;
            let known = if known { Some(world.made("0a", &before).await) } else { None };
            let (asked, written) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let (counted, wrote) = (Arc::clone(&asked), Arc::clone(&written));
            world.sim.plan(move |request| {
                let calendar = request.path.contains("/events");
                if calendar && counted.fetch_add(1, Ordering::SeqCst) >= stop {
                    return Some(Fault::Answer(refusal(status, "any").with("retry-after", "37")));
                }
                wrote.fetch_add(usize::from(calendar && request.method != Method::GET), Ordering::SeqCst);
                None
            });
            let outcome = match &known {
                Some(known) => world.update(known, &after).await.map(drop),
                None => world.create("0a", &after).await.map(drop),
            };
            let Err(error) = outcome else { break };
            if written.load(Ordering::SeqCst) == 0 {
                assert_eq!(error.kind, expected, "{status} at {stop}");
                continue;
            }
            parts += 1;
            assert_eq!(error.kind, ErrorKind::Unclear, "{status} at {stop}");
            let paused = status == 429 || status == 503;
            assert_eq!(
                error.retry == Retry::After(SignedDuration::from_secs(37)),
                paused,
                "{status} at {stop}"
            );
        }
        assert!(parts >= 2, "{status}: {parts} writes were followed by another request");
    }
}
