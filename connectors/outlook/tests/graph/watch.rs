//! Subscriptions and the calls that they lead to.

use almanac_base::Secret;
use almanac_contract::{Channel, Connector as _, HookRequest, Received, SignalKind};
use almanac_outlook::sim::CALENDAR;
use jiff::SignedDuration;

use crate::support::{calendar, create, day, single, world};

fn channel() -> Channel {
    Channel {
        id: "channel-1".into(),
        address: "https://almanac.example/hooks/graph".into(),
        secret: Secret::new("shared".into()),
        until: day().saturating_add(SignedDuration::from_hours(24 * 365)).unwrap(),
    }
}

#[tokio::test]
async fn a_subscription_lasts_as_long_as_it_was_granted() {
    let world = world().await;
    let device = world.device();
    let watch = device.watch(&calendar(), &channel()).await.unwrap();
    let week = SignedDuration::from_hours(24 * 7);
    assert!(watch.until <= day().saturating_add(week).unwrap(), "no longer than Graph allows");
    let second = device.watch(&calendar(), &channel()).await;
    assert!(second.is_err(), "Graph has one for a resource");

    // It is renewed, for as long as it is granted now.
    world.sim.with(|graph| graph.grants = Some(SignedDuration::from_mins(4_230)));
    let renewed = device.renew(&watch, channel().until).await.unwrap().unwrap();
    assert_eq!(renewed.until, day().saturating_add(SignedDuration::from_mins(4_230)).unwrap());
    assert_eq!((renewed.channel, renewed.resource), (watch.channel.clone(), watch.resource.clone()));

    // What is not there any more is opened anew.
    device.unwatch(&watch).await.unwrap();
    assert_eq!(device.renew(&watch, channel().until).await.unwrap(), None);
    device.watch(&calendar(), &channel()).await.unwrap();
}

/// Pitfall 19, 98, 99: a call names its channel and proves itself; what changed is asked for.
#[tokio::test]
async fn calls_are_signals_of_their_channel() {
    let world = world().await;
    let device = world.device();
    let watch = device.watch(&calendar(), &channel()).await.unwrap();
    create(&device, &single("a@almanac.example", "A")).await;
    for event in ["missed", "reauthorizationRequired", "subscriptionRemoved"] {
        world.sim.with(|graph| graph.lifecycle(event));
    }
    let mut kinds = Vec::new();
    for hook in world.sim.with(|graph| graph.take_hooks()) {
        assert_eq!(hook.url, channel().address);
        let body = hook.body.to_string();
        let received = device.receive(&HookRequest { headers: &[], query: &[], body: body.as_bytes() });
        let Received::Signals(signals) = received else { panic!("{received:?}") };
        for signal in signals {
            assert_eq!((signal.channel.as_str(), signal.secret.expose()), (watch.channel.as_str(), "shared"));
            kinds.push(signal.kind);
        }
    }
    assert_eq!(kinds, [SignalKind::Changed, SignalKind::Missed, SignalKind::Renew, SignalKind::Closed]);
}

#[tokio::test]
async fn a_subscription_is_closed_and_closed_again() {
    let world = world().await;
    let device = world.device();
    let watch = device.watch(&calendar(), &channel()).await.unwrap();
    device.unwatch(&watch).await.unwrap();
    assert_eq!(world.sim.with(|graph| graph.watchers()), 0);
    device.unwatch(&watch).await.unwrap();
    world.sim.with(|graph| graph.remove_calendar(CALENDAR));
    let error = device.watch(&calendar(), &channel()).await.unwrap_err();
    assert_eq!(error.kind, almanac_contract::ErrorKind::CalendarGone);
}
