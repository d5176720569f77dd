//! What was deleted and still answers to its name.

use almanac_contract::{Changed, Connector as _, RemoteId};
use almanac_outlook::Outlook;
use almanac_outlook::sim::CALENDAR;
use almanac_simulator::{Fault, Reply};
use http::{Method, StatusCode};
use serde_json::json;

use crate::support::{World, calendar, create, delete, fetch, list, series, single, there, world};

/// A mailbox that has made `world` forget nothing of what was deleted, with a series and a single event of ours.
async fn mailbox() -> (World, Outlook, [almanac_contract::RemoteObject; 2]) {
    let world = world().await;
    world.sim.with(|graph| graph.keeps_deleted = true);
    let device = world.device();
    let one = create(&device, &single("a@almanac.example", "A")).await;
    let many = create(&device, &series()).await;
    (world, device, [one, many])
}

/// Whoever deletes it: it is neither kept here nor made again.
#[tokio::test]
async fn what_was_deleted_and_still_resolves_is_gone() {
    for theirs in [false, true] {
        let (world, device, made) = mailbox().await;
        let (_, token) = list(&device, None).await.unwrap();
        for object in &made {
            if theirs {
                assert!(world.sim.with(|graph| graph.delete(&object.id.0)));
            } else {
                delete(&device, object).await.unwrap();
            }
        }
        let (lines, _) = list(&device, Some(&token)).await.unwrap();
        assert_eq!(lines.len(), 2);
        let ids = made.clone().map(|object| object.id);
        for line in device.fetch(&calendar(), &ids).await.unwrap() {
            assert!(matches!(line, Changed::Gone(_)), "{theirs}");
        }
        // It stays gone, however often it is asked for.
        assert_eq!(fetch(&device, &ids[0]).await, Changed::Gone(ids[0].clone()));
    }
}

#[tokio::test]
async fn what_has_only_left_the_window_stays() {
    let (world, device, [one, many]) = mailbox().await;
    let day = |day: &str, hour: u8| json!({ "dateTime": format!("{day}T{hour:02}:00:00"), "timeZone": "Europe/Vienna" });
    let (_, token) = list(&device, None).await.unwrap();
    let moved = json!({ "start": day("2031-03-05", 9), "end": day("2031-03-05", 10) });
    assert!(world.sim.with(|graph| graph.change(&one.id.0, &moved)));
    list(&device, Some(&token)).await.unwrap();
    there(&device, &one.id).await;
    // A series whose first instances are cancelled is looked for where it is.
    world.sim.with(|graph| {
        for n in [2, 3, 5] {
            assert!(graph.cancel_instance(&many.id.0, jiff::civil::date(2026, 3, n)));
        }
    });
    let line = |id: &RemoteId| json!({ "id": id.0, "@removed": { "reason": "deleted" } });
    let page = json!({ "value": [line(&many.id)], "@odata.deltaLink": "http://127.0.0.1/x" }).to_string();
    world.sim.plan(move |request| {
        let delta = request.path.ends_with("/delta");
        delta.then(|| Fault::Answer(Reply::new(StatusCode::OK, page.clone())))
    });
    list(&device, Some(&token)).await.unwrap();
    there(&device, &many.id).await;
}

/// Only what a listing said to be removed is looked at more closely.
#[tokio::test]
async fn what_no_listing_removed_takes_one_request() {
    let (world, device, [one, _]) = mailbox().await;
    world.asked();
    there(&device, &one.id).await;
    assert_eq!(world.asked().len(), 1);
}

/// The first deletion was done, and its answer lost.
#[tokio::test]
async fn what_cannot_be_deleted_because_it_is_deleted_is_deleted() {
    let (world, device, made) = mailbox().await;
    for object in &made {
        world.sim.plan(|request| (request.method == Method::DELETE).then_some(Fault::DoneAndLost));
        delete(&device, object).await.unwrap_err();
        world.sim.calm();
        delete(&device, object).await.unwrap();
    }
    assert!(world.sim.with(|graph| graph.ids(CALENDAR)).is_empty());
    // What is there and may not be deleted stays a refusal.
    let kept = create(&device, &single("b@almanac.example", "B")).await;
    world.sim.plan(|request| {
        let body = r#"{"error":{"code":"ErrorCannotDeleteObject"}}"#;
        let deletes = request.method == Method::DELETE;
        deletes.then(|| Fault::Answer(Reply::new(StatusCode::FORBIDDEN, body)))
    });
    let error = delete(&device, &kept).await.unwrap_err();
    assert_eq!(error.kind, almanac_contract::ErrorKind::Forbidden);
}
