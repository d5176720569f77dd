//! What no listing shows, and is not made a second time for that.

use almanac_contract::{Attempt, Connector as _, Form, Mark, Push, PushKey, Pushed, RemoteId};
use almanac_outlook::Outlook;
use almanac_outlook::sim::CALENDAR;
use serde_json::{Value, json};

use crate::support::{World, calendar, form, world};

fn at(day: &str, hour: u8) -> Value {
    json!({ "dateTime": format!("{day}T{hour:02}:00:00"), "timeZone": "W. Europe Standard Time" })
}

fn theirs(world: &World, event: &Value) -> RemoteId {
    RemoteId(world.sim.with(|graph| graph.create(CALENDAR, event)).unwrap())
}

/// An event of an hour from nine on, on a day such as `20240305`.
fn ours(day: &str, title: &str, more: &str) -> Form {
    form(&format!(
        "BEGIN:VEVENT\nUID:old@almanac.example\nDTSTAMP:20260101T000000Z\nSUMMARY:{title}\n\
         DTSTART;TZID=Europe/Vienna:{day}T090000\nDTEND;TZID=Europe/Vienna:{day}T100000\n{more}END:VEVENT\n"
    ))
}

/// What is met; if nothing is, it is created.
async fn all_found(device: &Outlook, form: &Form, link: &str, key: &str) -> Vec<RemoteId> {
    let form = device.project(form);
    let mark = Mark { link: link.into(), uid: form.uid.clone() };
    let found = device.unlisted(&calendar(), &form, &mark).await.unwrap();
    if found.is_empty() {
        let (calendar, key, attempt) = (calendar(), PushKey(key.into()), Attempt::First);
        let push = Push { calendar: &calendar, known: None, form: &form, mark: &mark, key: &key, attempt };
        assert!(matches!(device.push(&push).await, Ok(Pushed::Written(_))));
    }
    found.into_iter().map(|object| object.id).collect()
}

async fn found(device: &Outlook, form: &Form, link: &str, key: &str) -> Option<RemoteId> {
    all_found(device, form, link, key).await.into_iter().next()
}

fn count(world: &World) -> usize {
    world.sim.with(|graph| graph.ids(CALENDAR)).len()
}

#[tokio::test]
async fn an_equal_event_outside_of_the_window_is_found() {
    for (day, text) in [("2024-03-05", "20240305"), ("2030-03-05", "20300305")] {
        let world = world().await;
        let device = world.device();
        theirs(&world, &json!({ "subject": "Another", "start": at(day, 9), "end": at(day, 10) }));
        let id = theirs(&world, &json!({ "subject": "Old", "start": at(day, 9), "end": at(day, 10) }));
        world.asked();
        assert_eq!(found(&device, &ours(text, "Old", ""), "link-1", "0a").await, Some(id));
        assert!(world.asked().iter().all(|asked| asked.starts_with("GET ")));
        assert_eq!(count(&world), 2);
    }
}

#[tokio::test]
async fn an_equal_day_outside_of_the_window_is_found() {
    let world = world().await;
    let device = world.device();
    let day = json!({ "subject": "Old", "isAllDay": true, "start": at("2024-03-05", 0), "end": at("2024-03-06", 0) });
    let id = theirs(&world, &day);
    let wanted = form(
        "BEGIN:VEVENT\nUID:old@almanac.example\nDTSTAMP:20260101T000000Z\nSUMMARY:Old\n\
         DTSTART;VALUE=DATE:20240305\nDTEND;VALUE=DATE:20240306\nEND:VEVENT\n",
    );
    assert_eq!(found(&device, &wanted, "link-1", "0a").await, Some(id));
}

/// By the first instance that is there, and as the series that it is one of.
#[tokio::test]
async fn an_equal_series_that_has_ended_is_found() {
    let world = world().await;
    let device = world.device();
    let recurrence = json!({
        "pattern": { "type": "daily", "interval": 1 },
        "range": { "type": "numbered", "startDate": "2024-03-05", "numberOfOccurrences": 6 },
    });
    let day = "2024-03-05";
    let id = theirs(
        &world,
        &json!({ "subject": "Old", "start": at(day, 9), "end": at(day, 10), "recurrence": recurrence }),
    );
    assert!(world.sim.with(|graph| graph.cancel_instance(&id.0, jiff::civil::date(2024, 3, 5))));
    let more = "RRULE:FREQ=DAILY;COUNT=6\nEXDATE;TZID=Europe/Vienna:20240305T090000\n";
    assert_eq!(found(&device, &ours("20240305", "Old", more), "link-1", "0a").await, Some(id));
    // A single event at the time of an instance is no series.
    assert_eq!(found(&device, &ours("20240306", "Old", ""), "link-1", "0b").await, None);
    assert_eq!(count(&world), 2);
}

#[tokio::test]
async fn what_is_not_equal_or_bears_another_mark_is_not_taken_for_it() {
    let world = world().await;
    let device = world.device();
    let day = "2024-03-05";
    theirs(&world, &json!({ "subject": "Another", "start": at(day, 9), "end": at(day, 10) }));
    theirs(&world, &json!({ "subject": "Old", "start": at(day, 9), "end": at(day, 11) }));
    let mut twin = ours("20240305", "Old", "");
    twin.uid = "twin@almanac.example".to_owned();
    assert_eq!(found(&device, &twin, "link-1", "0a").await, None);
    assert_eq!(found(&device, &ours("20240305", "Old", ""), "link-1", "0b").await, None);
    assert_eq!(count(&world), 4);
}

/// Whatever it is called by now: the mark has its UID, and the iCalUId is it.
#[tokio::test]
async fn what_a_removed_link_wrote_and_what_has_the_uid_is_found() {
    let world = world().await;
    let device = world.device();
    assert_eq!(found(&device, &ours("20240305", "Old", ""), "link-1", "0a").await, None);
    let id = world.sim.with(|graph| graph.ids(CALENDAR)).remove(0);
    let renamed = ours("20240305", "Renamed", "");
    assert_eq!(found(&device, &renamed, "link-2", "0b").await, Some(RemoteId(id.clone())));
    // Of this link it is found wherever it is.
    assert_eq!(found(&device, &ours("20230101", "Moved", ""), "link-1", "0c").await, Some(RemoteId(id)));
    let id = theirs(
        &world,
        &json!({ "subject": "Theirs", "start": at("2023-03-05", 9), "end": at("2023-03-05", 10) }),
    );
    let mut same = ours("20230305", "Ours", "");
    same.uid = world.sim.with(|graph| graph.event(&id.0)).unwrap()["iCalUId"].as_str().unwrap().to_owned();
    assert_eq!(found(&device, &same, "link-1", "0d").await, Some(id));
    assert_eq!(count(&world), 2);
}

/// What a listing shows is met there.
#[tokio::test]
async fn a_creation_that_listings_show_takes_one_request() {
    let world = world().await;
    let device = world.device();
    let endless = "RRULE:FREQ=WEEKLY\n";
    for (n, wanted) in
        [ours("20260305", "Now", ""), ours("20240305", "Since", endless), ours("20270901", "Later", "")]
            .iter()
            .enumerate()
    {
        world.asked();
        assert_eq!(found(&device, wanted, "link-1", &format!("0{n}")).await, None);
        assert_eq!(world.asked().len(), 1, "{n}");
    }
}

#[tokio::test]
async fn of_several_equal_events_all_are_found_and_what_we_wrote_comes_first() {
    let world = world().await;
    let device = world.device();
    let event = json!({ "subject": "Old", "start": at("2024-03-05", 9), "end": at("2024-03-05", 10) });
    let mut expected = vec![theirs(&world, &event), theirs(&world, &event)];
    let wanted = ours("20240305", "Old", "");
    let mut met = all_found(&device, &wanted, "link-1", "0a").await;
    met.sort_unstable();
    assert_eq!(met, expected);
    assert_eq!(count(&world), 2);
    let mut other = wanted.clone();
    other.uid = "other@almanac.example".to_owned();
    let (calendar, mark) = (calendar(), Mark { link: "gone".into(), uid: other.uid.clone() });
    let (form, key) = (device.project(&other), PushKey("0b".into()));
    let push = Push {
        calendar: &calendar,
        known: None,
        form: &form,
        mark: &mark,
        key: &key,
        attempt: Attempt::First,
    };
    let Pushed::Written(written) = device.push(&push).await.unwrap() else { panic!("it was there") };
    expected.insert(0, written.id);
    let mut met = all_found(&device, &other, "link-1", "0c").await;
    met[1..].sort_unstable();
    assert_eq!(met, expected);
}
