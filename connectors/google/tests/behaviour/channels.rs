//! Google calls.

use almanac_base::Secret;
use almanac_contract::{Channel, Connector as _, ErrorKind, HookRequest, Received, SignalKind, Watch};
use almanac_google::sim::Hook;
use jiff::{SignedDuration, Timestamp};

use crate::support::{World, event, kind, now};

fn channel(id: &str, until: Timestamp) -> Channel {
    Channel {
        id: id.to_owned(),
        address: "https://almanac.example/hooks/google".to_owned(),
        secret: Secret::new("s3cret".to_owned()),
        until,
    }
}

fn days(days: i64) -> Timestamp {
    now().saturating_add(SignedDuration::from_hours(24 * days)).unwrap()
}

fn signal(world: &World, hook: &Hook) -> (String, String, SignalKind) {
    assert_eq!(hook.address, "https://almanac.example/hooks/google");
    let request = HookRequest { headers: &hook.headers, query: &[], body: b"" };
    match world.google.receive(&request) {
        Received::Signals(signals) if signals.len() == 1 => {
            let signal = &signals[0];
            (signal.channel.clone(), signal.secret.expose().to_owned(), signal.kind)
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_channel_signals_until_it_is_closed() {
    let world = World::new().await;
    let open = world.google.watch(&world.calendar, &channel("one", days(30))).await.unwrap();
    assert_eq!((open.channel.as_str(), open.until), ("one", days(7)), "as long as Google grants");
    world.made("0a", &event("20260302T090000", "")).await;
    let hooks = world.elsewhere(|google, _| google.take_hooks());
    let told: Vec<_> = hooks.iter().map(|hook| signal(&world, hook)).collect();
    let said = |kind| ("one".to_owned(), "s3cret".to_owned(), kind);
    assert_eq!(told, [said(SignalKind::Opened), said(SignalKind::Changed)], "our own writes, too");
    for _ in 0..2 {
        world.google.unwatch(&open).await.unwrap();
    }
    world.made("0b", &event("20260302T090000", "")).await;
    assert!(world.elsewhere(|google, _| google.take_hooks()).is_empty());
}

#[tokio::test]
async fn pitfall_98_a_channel_is_renewed_by_another_before_it_ends() {
    let world = World::new().await;
    let old = world.google.watch(&world.calendar, &channel("old", days(1))).await.unwrap();
    let again = world.google.watch(&world.calendar, &channel("old", days(2))).await;
    assert!(matches!(kind(again), ErrorKind::Refused(_)), "a name is used once");
    let new = world.google.watch(&world.calendar, &channel("new", days(2))).await.unwrap();
    assert_ne!(new.resource, "");
    world.google.unwatch(&old).await.unwrap();
    world.elsewhere(|google, _| {
        google.take_hooks();
        google.now = days(1);
    });
    world.made("0a", &event("20260302T090000", "")).await;
    assert_eq!(world.elsewhere(|google, _| google.take_hooks()).len(), 1);
    world.elsewhere(|google, _| google.now = days(2));
    assert_eq!(world.elsewhere(|google, _| google.channels()), 0);
}

#[tokio::test]
async fn a_channel_that_google_would_not_take_is_not_asked_for() {
    let world = World::new().await;
    let long = channel(&"x".repeat(65), days(1));
    assert!(matches!(kind(world.google.watch(&world.calendar, &long).await), ErrorKind::Refused(_)));
    let plain = Channel { address: "http://almanac.example/".to_owned(), ..channel("one", days(1)) };
    assert!(matches!(kind(world.google.watch(&world.calendar, &plain).await), ErrorKind::Refused(_)));
    let nobody = Watch { channel: "none".to_owned(), resource: "none".to_owned(), until: days(1) };
    world.google.unwatch(&nobody).await.unwrap();
}
