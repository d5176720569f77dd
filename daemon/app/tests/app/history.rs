//! What is remembered of changes: tokens of another life, old history, an index behind the log.

use almanac_app::{Ages, App};
use almanac_backend::{Backend, Refusal, Select};
use almanac_base::{Clock, CollectionId};
use almanac_store::records::{ChangeRecord, Document};
use almanac_store::{EngineKind, LogWrite, Space, Trim, Write};
use jiff::SignedDuration;
use tokio::test;

use crate::support::{PLENTY, World, at, event, object_at, open_app};
use crate::{anything, put, refusal};

async fn calendar_id(app: &App) -> CollectionId {
    let calendars = app.calendars(Some("nora")).await.unwrap();
    calendars.iter().find(|calendar| calendar.name == "calendar").unwrap().id
}

#[test]
async fn a_token_of_a_life_whose_mark_was_lost_is_refused() {
    let world = World::with(EngineKind::Redb, PLENTY).await;
    put(&world, &world.nora, "a.ics", "a", "2026-11-03T09:00:00Z").await;
    let collection = at("nora", "calendar");
    let token = world.app.changes(&world.nora, &collection, None, 100).await.unwrap().token;
    let world = world.reopened(PLENTY).await;
    world.app.changes(&world.nora, &collection, Some(&token), 100).await.unwrap();
    let world = world.reopened_after(PLENTY, |state| std::fs::remove_file(state.join("head")).unwrap()).await;
    let outcome = world.app.changes(&world.nora, &collection, Some(&token), 100).await;
    assert_eq!(refusal(outcome), Refusal::InvalidSyncToken);
    let again = world.app.changes(&world.nora, &collection, None, 100).await.unwrap();
    assert_eq!(again.members.len(), 1);
}

#[test]
async fn of_more_than_100_000_changes_those_older_than_90_days_are_forgotten() {
    let world = World::new().await;
    let (collection, id) = (at("nora", "calendar"), calendar_id(&world.app).await);
    let early = world.app.changes(&world.nora, &collection, None, 10).await.unwrap().token;
    let tenant = world.store.tenant(world.nora.tenant).unwrap();
    let change = ChangeRecord { name: "a.ics".to_owned(), at: world.clock.now().as_second() }.to_bytes();
    for _ in 0..10 {
        let entry = |_| LogWrite {
            collection: id,
            object: [1; 32],
            version: tenant.new_version(),
            value: change.clone(),
        };
        let write = Write { log: (0..10_050).map(entry).collect(), ..Write::new() };
        tenant.commit(write).await.unwrap();
    }
    let late = world.app.changes(&world.nora, &collection, None, 10).await.unwrap().token;

    world.clock.advance(SignedDuration::from_hours(24 * 89));
    assert_eq!(world.app.housekeeping(Ages::Trusted).await.unwrap().trimmed, 0, "not old yet");
    assert_eq!(world.app.changes(&world.nora, &collection, Some(&early), 10).await.unwrap().members.len(), 1);

    world.clock.advance(SignedDuration::from_hours(24 * 2));
    let mut trimmed = 0;
    let doubted = world.app.housekeeping(Ages::Doubted).await.unwrap();
    assert_eq!(doubted.trimmed, 0, "the clock may be ahead");
    while let more @ 1.. = world.app.housekeeping(Ages::Trusted).await.unwrap().trimmed {
        trimmed += more;
    }
    assert_eq!(trimmed, 500, "100,000 stay however old they are");
    let outcome = world.app.changes(&world.nora, &collection, Some(&early), 10).await;
    assert_eq!(refusal(outcome), Refusal::InvalidSyncToken);
    assert!(world.app.changes(&world.nora, &collection, Some(&late), 10).await.unwrap().members.is_empty());
}

/// An index that another writer left behind: brought forward from the log, or built anew where the log no longer
/// reaches back to it.
#[test]
async fn an_index_behind_the_log_is_brought_forward_or_built_anew() {
    for trimmed in [false, true] {
        let (world, engine) = World::watched(PLENTY).await;
        let (one, other) = (&world.app, open_app(&world.store, &world.clock, PLENTY).await);
        let (nora, collection) = (&world.nora, at("nora", "calendar"));
        for n in 0..20 {
            put(&world, nora, &format!("{n}.ics"), &n.to_string(), "2026-11-03T09:00:00Z").await;
        }
        let list = async || {
            let page = other.list(nora, &collection, &Select::default(), None, 100).await.unwrap();
            page.entries.iter().map(|entry| entry.name.as_str().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(list().await.len(), 20);
        let write = async |app: &App, name: &str| {
            let path = object_at("nora", "calendar", &format!("{name}.ics"));
            let body = event(name, "2026-11-03T09:00:00Z", "");
            app.put_object(nora, &path, &body, &anything()).await.unwrap();
        };
        write(one, "theirs").await;
        if trimmed {
            let trim = Trim { expired: &|_| true, keep_changes: 0, rows_max: 100 };
            let tenant = world.store.tenant(nora.tenant).unwrap();
            tenant.trim_history(calendar_id(one).await, &trim).await.unwrap();
        }
        write(&other, "ours").await;
        engine.rows_read();
        let names = list().await;
        assert!(names.len() == 22 && names.contains(&"theirs.ics".to_owned()), "{names:?}");
        let read = engine.rows_read().get(&Space::Summaries).copied().unwrap_or(0);
        assert_eq!(read, if trimmed { 22 } else { 2 });
    }
}
