//! Times without a zone, zones at the edges of the world, and a newer time-zone database.

use almanac_backend::{Backend, PropertyChange, Select};
use almanac_ical::series::Window;
use almanac_ical::zone::{Zone, tzdb_version};
use almanac_ical::{CalendarObject, ComponentKind, Limits};
use almanac_store::records::{Document, SummaryRecord};
use almanac_store::{EngineKind, Order, Record, Space, Write, prefix_range};
use tokio::test;

use crate::support::{PLENTY, World, at, object_at, person};
use crate::{anything, listing, put, window};
use almanac_app::Ages;

/// From one time of November 2026 to another, as in "03T00:00".
fn november(from: &str, to: &str) -> Window {
    let instant = |text: &str| format!("2026-11-{text}:00Z").parse().unwrap();
    Window { start: instant(from), end: instant(to) }
}

fn without_zone(uid: &str, times: &str) -> CalendarObject {
    let text = format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:{uid}\r\nDTSTAMP:20261101T000000Z\r\n\
         {times}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    );
    CalendarObject::parse(text.as_bytes(), &Limits::default()).unwrap()
}

#[test]
async fn floating_times_are_in_the_zone_of_the_tenant_where_nothing_else_says_one() {
    for cache_bytes in [PLENTY, 0] {
        let world = World::with(EngineKind::Memory, cache_bytes).await;
        world.app.add_tenant("Sakura", Some("Asia/Tokyo")).await.unwrap();
        let yuki = person(&world.app, "yuki", "Sakura").await;
        let nine = without_zone("a", "DTSTART:20261103T090000\r\nDURATION:PT1H");
        world
            .app
            .put_object(&yuki, &object_at("yuki", "calendar", "a.ics"), &nine, &anything())
            .await
            .unwrap();
        for (window, found) in [
            (november("03T00:00", "03T00:30"), 1),
            (november("02T23:00", "03T00:00"), 0),
            (november("03T09:00", "03T09:30"), 0),
        ] {
            let select = Select { window: Some(window), ..Select::default() };
            assert_eq!(listing(&world, &yuki, &select).await.len(), found);
            assert_eq!(world.app.busy(&yuki, &at("yuki", "calendar"), &window).await.unwrap().len(), found);
        }
    }
}

#[test]
async fn floating_times_and_days_are_found_at_both_edges_of_the_world() {
    let hour = without_zone("hour", "DTSTART:20261103T090000\r\nDURATION:PT1H");
    let day = without_zone("day", "DTSTART;VALUE=DATE:20261105");
    let edges = [
        ("Pacific/Kiritimati", ["02T19:00", "02T20:00"], ["04T10:00", "05T10:00"]),
        ("Etc/GMT+12", ["03T21:00", "03T22:00"], ["05T12:00", "06T12:00"]),
    ];
    for cache_bytes in [PLENTY, 0] {
        let world = World::with(EngineKind::Memory, cache_bytes).await;
        let (app, nora, calendar) = (&world.app, &world.nora, at("nora", "calendar"));
        for (name, object) in [("hour.ics", &hour), ("day.ics", &day)] {
            app.put_object(nora, &object_at("nora", "calendar", name), object, &anything()).await.unwrap();
        }
        for (zone, [hour_from, hour_to], [day_from, day_to]) in edges {
            let id = [PropertyChange::TimezoneId(Some(zone.to_owned()))];
            app.change_properties(nora, &calendar, &id, &anything()).await.unwrap();
            let minutes = |text: &str, by: i64| {
                let at = format!("2026-11-{text}:00Z").parse::<jiff::Timestamp>().unwrap();
                at + jiff::SignedDuration::from_mins(by)
            };
            for (from, to, name) in [(hour_from, hour_to, "hour.ics"), (day_from, day_to, "day.ics")] {
                for (start, end, found) in [
                    (minutes(from, 0), minutes(from, 1), true),
                    (minutes(to, -1), minutes(to, 0), true),
                    (minutes(from, -1), minutes(from, 0), false),
                    (minutes(to, 0), minutes(to, 1), false),
                ] {
                    let window = Window { start, end };
                    let busy = app.busy(nora, &calendar, &window).await.unwrap();
                    assert!(name == "day.ics" || busy.is_empty() != found, "{zone}: {name} {start}");
                    // The zone of the calendar, and one that the client names.
                    for zone in [None, Zone::iana(zone)] {
                        let select = Select { window: Some(window), zone, ..Select::default() };
                        let names: Vec<_> = listing(&world, nora, &select).await.into_keys().collect();
                        assert_eq!(names == [name], found, "{name} {start}: {names:?}");
                    }
                }
            }
        }
    }
}

/// The summary of the only object there is.
async fn summary(world: &World) -> (almanac_store::Key, Record, SummaryRecord) {
    let tenant = world.store.tenant(world.nora.tenant).unwrap();
    let page = tenant.scan(Space::Summaries, prefix_range(&[]), 10, Order::Ascending).await.unwrap();
    let (key, row) = page.rows.into_iter().next().unwrap();
    let summary = SummaryRecord::from_bytes(&row.value).unwrap();
    (key, row, summary)
}

#[test]
async fn summaries_of_another_zone_database_are_computed_again_and_renewed_without_a_change() {
    for cache_bytes in [PLENTY, 0] {
        let world = World::with(EngineKind::Redb, PLENTY).await;
        let etag = put(&world, &world.nora, "a.ics", "a", "2026-11-03T09:00:00Z").await;
        let token = world.app.changes(&world.nora, &at("nora", "calendar"), None, 10).await.unwrap().token;
        let (key, row, original) = summary(&world).await;
        let old = SummaryRecord { first: 0, last: 0, tzdb: "1999a".to_owned(), ..original.clone() };
        let write = Write::new().put(Space::Summaries, key, row.version, old.to_bytes());
        world.store.tenant(world.nora.tenant).unwrap().commit(write).await.unwrap();

        let world = world.reopened(cache_bytes).await;
        let select = Select {
            kind: Some(ComponentKind::Event),
            window: Some(window("2026-11-03/2026-11-04")),
            ..Select::default()
        };
        assert_eq!(listing(&world, &world.nora, &select).await["a.ics"], etag);
        assert_eq!(world.app.housekeeping(Ages::Trusted).await.unwrap().renewed, 1);
        let (_, renewed, now) = summary(&world).await;
        assert_eq!((now.tzdb.as_str(), &now), (tzdb_version(), &original));
        assert_eq!(renewed.version, row.version);
        assert_eq!(world.app.housekeeping(Ages::Trusted).await.unwrap().renewed, 0);
        assert_eq!(listing(&world, &world.nora, &select).await["a.ics"], etag);
        let quiet = world.app.changes(&world.nora, &at("nora", "calendar"), Some(&token), 10).await.unwrap();
        assert!(quiet.members.is_empty() && quiet.token == token);
    }
}
