//! What questions cost, counted in rows read and never in time.

use almanac_backend::{Backend, MemberState, Refusal, Select};
use almanac_store::{EngineKind, Space};
use tokio::test;

use crate::support::{PLENTY, World, at, event, object_at};
use crate::{anything, calendar, listing, put, refusal, window};

/// The memory for an index that never fits.
const NONE: usize = 0;

#[test]
async fn listings_syncs_and_busy_time_read_no_object() {
    for cache_bytes in [PLENTY, NONE] {
        let (world, engine) = World::watched(cache_bytes).await;
        for n in 0..20 {
            put(&world, &world.nora, &format!("{n}.ics"), &n.to_string(), "2026-11-03T09:00:00Z").await;
        }
        let (app, nora, collection) = (&world.app, &world.nora, at("nora", "calendar"));
        engine.rows_read();
        let week = window("2026-11-01/2026-11-08");
        let select = Select { window: Some(week), ..Select::default() };
        assert_eq!(
            app.list(nora, &collection, &Select::default(), None, 100).await.unwrap().entries.len(),
            20
        );
        assert_eq!(app.list(nora, &collection, &select, None, 100).await.unwrap().entries.len(), 20);
        assert_eq!(app.busy(nora, &collection, &week).await.unwrap().len(), 1);
        let all = app.changes(nora, &collection, None, 100).await.unwrap();
        assert_eq!(all.members.len(), 20);
        let before = engine.rows_read();
        assert_eq!(before.get(&Space::Objects), None, "{cache_bytes}: {before:?}");

        put(&world, nora, "0.ics", "0", "2026-11-04T09:00:00Z").await;
        engine.rows_read();
        assert_eq!(app.changes(nora, &collection, Some(&all.token), 100).await.unwrap().members.len(), 1);
        let rows = engine.rows_read();
        assert_eq!(rows.get(&Space::Objects), None, "{cache_bytes}: {rows:?}");
    }
}

#[test]
async fn a_sync_after_one_change_reads_a_few_rows_however_large_the_calendar_is() {
    for cache_bytes in [PLENTY, NONE] {
        let (world, engine) = World::watched(cache_bytes).await;
        for n in 0..1_000 {
            put(&world, &world.nora, &format!("{n}.ics"), &n.to_string(), "2026-11-03T09:00:00Z").await;
        }
        let (app, nora, collection) = (&world.app, &world.nora, at("nora", "calendar"));
        let token = app.changes(nora, &collection, None, 2_000).await.unwrap().token;
        let etag = put(&world, nora, "7.ics", "7", "2026-11-04T09:00:00Z").await;
        engine.rows_read();
        let changes = app.changes(nora, &collection, Some(&token), 2_000).await.unwrap();
        assert!(
            matches!(&changes.members[..], [one] if matches!(&one.state, MemberState::Present(it) if it.etag == etag))
        );
        let rows = engine.rows_read();
        assert!(rows.values().sum::<usize>() <= 6, "{cache_bytes}: {rows:?}");
        if cache_bytes == PLENTY {
            let day = Select { window: Some(window("2026-11-04/2026-11-05")), ..Select::default() };
            assert_eq!(app.list(nora, &collection, &day, None, 100).await.unwrap().entries.len(), 1);
            assert_eq!(engine.rows_read().values().sum::<usize>(), 0, "a listing is answered from memory");
        }
    }
}

#[test]
async fn an_index_is_kept_while_it_fits_and_goes_when_another_needs_its_room() {
    // Room for all, for one, for none.
    for (cache_bytes, again, after_another) in [(PLENTY, 0, 0), (20_000, 0, 25), (NONE, 25, 25)] {
        let (world, engine) = World::watched(cache_bytes).await;
        let (app, nora) = (&world.app, &world.nora);
        app.create_collection(nora, &at("nora", "second"), calendar()).await.unwrap();
        for name in ["calendar", "second"] {
            for n in 0..25 {
                let body = event(&n.to_string(), "2026-11-03T09:00:00Z", "");
                let path = object_at("nora", name, &format!("{n}.ics"));
                app.put_object(nora, &path, &body, &anything()).await.unwrap();
            }
        }
        let summaries_read = async |name: &str| {
            engine.rows_read();
            let page = app.list(nora, &at("nora", name), &Select::default(), None, 100).await.unwrap();
            assert_eq!(page.entries.len(), 25);
            engine.rows_read().get(&Space::Summaries).copied().unwrap_or(0)
        };
        assert!(summaries_read("calendar").await >= 25, "built from the summaries");
        assert_eq!(summaries_read("calendar").await, again, "{cache_bytes}");
        assert!(summaries_read("second").await >= 25);
        assert_eq!(summaries_read("calendar").await, after_another, "{cache_bytes}");
    }
}

/// A minute of every minute: 1,440 instances a day.
async fn put_dense(world: &World, n: usize) {
    let body = event(&format!("dense{n}"), "2026-11-01T00:00:00Z", "RRULE:FREQ=MINUTELY\r\n");
    let path = object_at("nora", "calendar", &format!("dense{n}.ics"));
    world.app.put_object(&world.nora, &path, &body, &anything()).await.unwrap();
}

#[test]
async fn busy_time_of_many_dense_series_is_refused_where_each_alone_is_answered() {
    let world = World::new().await;
    let (collection, months) = (at("nora", "calendar"), window("2026-11-01/2026-12-31"));
    put_dense(&world, 0).await;
    let busy = world.app.busy(&world.nora, &collection, &months).await.unwrap();
    assert_eq!(busy.len(), 1, "hours that overlap are one time");
    for n in 1..50 {
        put_dense(&world, n).await;
    }
    let outcome = world.app.busy(&world.nora, &collection, &months).await;
    assert_eq!(refusal(outcome), Refusal::MaxInstances);
    let day = window("2026-11-02/2026-11-03");
    assert_eq!(world.app.busy(&world.nora, &collection, &day).await.unwrap().len(), 1);
}

#[test]
async fn a_series_beyond_its_budget_is_listed_and_does_not_spoil_the_answer_for_others() {
    for cache_bytes in [PLENTY, NONE] {
        let world = World::with(EngineKind::Memory, cache_bytes).await;
        let body = event(
            "costly",
            "2000-01-01T00:00:00Z",
            "RRULE:FREQ=SECONDLY;BYSECOND=1;BYMINUTE=1;BYHOUR=1;COUNT=9999\r\n",
        );
        let path = object_at("nora", "calendar", "costly.ics");
        world.app.put_object(&world.nora, &path, &body, &anything()).await.unwrap();
        for n in 0..50 {
            let body = event(&n.to_string(), "2026-11-01T09:00:00Z", "RRULE:FREQ=WEEKLY\r\n");
            let path = object_at("nora", "calendar", &format!("{n}.ics"));
            world.app.put_object(&world.nora, &path, &body, &anything()).await.unwrap();
        }
        for (days, found) in [("2026-11-08/2026-11-09", 51), ("2026-11-09/2026-11-10", 1)] {
            let select = Select { window: Some(window(days)), ..Select::default() };
            let names = listing(&world, &world.nora, &select).await;
            assert_eq!(names.len(), found, "{days}");
        }
    }
}

#[test]
async fn a_window_over_much_of_a_calendar_is_listed_whole_in_pages_of_any_size() {
    for cache_bytes in [PLENTY, NONE] {
        let world = World::with(EngineKind::Memory, cache_bytes).await;
        for n in 0..200 {
            let start = if n % 4 == 0 { "2026-12-24T09:00:00Z" } else { "2026-11-03T09:00:00Z" };
            put(&world, &world.nora, &format!("{n}.ics"), &n.to_string(), start).await;
        }
        let select = Select { window: Some(window("2026-11-01/2026-11-08")), ..Select::default() };
        for limit in [1, 3, 64, 149, 150, 1_000] {
            let (mut names, mut after) = (std::collections::BTreeSet::new(), None);
            loop {
                let collection = at("nora", "calendar");
                let page =
                    world.app.list(&world.nora, &collection, &select, after.as_ref(), limit).await.unwrap();
                assert!(page.entries.len() <= limit);
                for entry in &page.entries {
                    assert!(names.insert(entry.name.as_str().to_owned()), "listed twice");
                }
                after = page.entries.last().map(|entry| entry.name.clone());
                if !page.more {
                    break;
                }
            }
            assert_eq!(names.len(), 150, "pages of {limit}");
        }
    }
}
