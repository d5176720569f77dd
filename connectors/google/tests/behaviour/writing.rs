//! How single events are written.

use almanac_contract::{
    Changed, Connector as _, ErrorKind, Field, Instance, PushKey, Pushed, RemoteId, Value,
};
use serde_json::json;

use crate::support::{World, event, kind, object};

#[tokio::test]
async fn pitfall_12_an_id_stays_taken_after_the_event_was_deleted() {
    let world = World::new().await;
    let form = event("20260302T090000", "SUMMARY:Visit");
    let made = world.made("0a1b", &form).await;
    assert_eq!(made.id.0, "alm0a1b");
    world.delete(&made).await.unwrap();
    assert_eq!(kind(world.create("0a1b", &form).await), ErrorKind::Gone, "the key is spent");
    world.elsewhere(|google, calendar| google.forget(calendar, "alm0a1b"));
    assert_eq!(kind(world.create("0a1b", &form).await), ErrorKind::Gone, "also when nobody remembers it");
    world.made("0a1c", &form).await;
}

#[tokio::test]
async fn the_mirror_of_another_object_is_not_found_under_its_id() {
    let world = World::new().await;
    let made = world.made("0a", &event("20260302T090000", "SUMMARY:Visit")).await;
    let other = object(
        "BEGIN:VEVENT|UID:b@almanac.example|DTSTART;TZID=Europe/Berlin:20260302T090000|DURATION:PT1H|SUMMARY:Other|END:VEVENT",
    );
    assert_eq!(kind(world.create("0a", &other).await), ErrorKind::Gone);
    let (key, mark) = (PushKey("0a".into()), crate::support::mark(&other));
    assert_eq!(world.google.find(&world.calendar, &key, &mark).await.unwrap(), None);
    assert!(world.there(&made.id.0).await == made, "nothing was written");
}

#[tokio::test]
async fn what_was_found_says_what_it_says_now() {
    let world = World::new().await;
    world.made("0a", &event("20260302T090000", "SUMMARY:Visit")).await;
    world.elsewhere(|google, calendar| {
        google.change(calendar, "alm0a", json!({ "summary": "Theirs" })).unwrap();
    });
    match world.create("0a", &event("20260302T090000", "SUMMARY:Visit")).await.unwrap() {
        Pushed::Found(found) => {
            assert!(found.form.master().unwrap()[&Field::Summary] == Value::Text("Theirs".into()));
        }
        Pushed::Written(_) => panic!("it was written again"),
    }
}

#[tokio::test]
async fn pitfalls_59_60_69_and_110_an_update_touches_only_what_differs_and_mails_nobody() {
    let world = World::new().await;
    let made = world.made("0a", &event("20260302T090000", "SUMMARY:Visit|LOCATION:Here")).await;
    let guests = json!([{ "email": "guest@example.org", "responseStatus": "accepted" }]);
    world.elsewhere(|google, calendar| {
        google.dictate(calendar, &made.id.0, &json!({
            "attendees": guests,
            "description": "<p>Join <a href=\"https://meet.example/x\">here</a></p>",
            "conferenceData": { "entryPoints": [{ "entryPointType": "video", "uri": "https://meet.example/x" }] },
            "attachments": [{ "fileUrl": "https://drive.example/x", "title": "x" }],
            "extendedProperties": { "private": { "theirs": "1" }, "shared": { "all": "2" } },
            "colorId": "3",
        }));
    });
    let known = world.there(&made.id.0).await;
    assert_eq!(known.mails, 0);
    let mut form = known.form.clone();
    form.parts.get_mut(&Instance::Master).unwrap().insert(Field::Summary, Value::Text("Long visit".into()));
    world.writes();
    world.update(&known, &form).await.unwrap();
    assert_eq!(world.writes(), [("PATCH".to_owned(), json!({ "summary": "Long visit" }))]);
    world.elsewhere(|google, calendar| {
        let event = google.event(calendar, &made.id.0).unwrap();
        assert_eq!(event["attendees"], guests);
        assert_eq!(event["extendedProperties"]["private"]["theirs"], "1");
        assert_eq!(event["colorId"], "3");
    });
    let known = world.there(&made.id.0).await;
    world.delete(&known).await.unwrap();
    assert_eq!(world.elsewhere(|google, _| google.mails.all()), 0);
}

#[tokio::test]
async fn every_write_says_that_nobody_is_told_and_keeps_calls_and_files() {
    let world = World::new().await;
    let made = world.made("0a", &event("20260302T090000", "SUMMARY:Visit")).await;
    let made = world.update(&made, &event("20260302T100000", "SUMMARY:Visit")).await.unwrap();
    world.delete(&made).await.unwrap();
    let mut seen = world.sim.take_seen();
    seen.retain(|seen| ["POST", "PATCH", "DELETE"].contains(&seen.request.method.as_str()));
    seen.retain(|seen| seen.request.path.contains("/events"));
    assert_eq!(seen.len(), 3);
    for seen in seen {
        assert!(seen.request.query.contains("sendUpdates=none"), "{}", seen.request.query);
        if seen.request.method != "DELETE" {
            assert!(seen.request.query.contains("conferenceDataVersion=1"));
            assert!(seen.request.query.contains("supportsAttachments=true"));
        }
    }
}

#[tokio::test]
async fn pitfalls_46_and_55_an_event_becomes_a_whole_day_and_a_time_again() {
    let world = World::new().await;
    let timed = event("20260302T090000", "SUMMARY:Visit");
    let day =
        object("BEGIN:VEVENT|UID:a@almanac.example|DTSTART;VALUE=DATE:20260302|SUMMARY:Visit|END:VEVENT");
    let made = world.made("0a", &timed).await;
    let made = world.update(&made, &day).await.unwrap();
    assert!(made.form == day);
    world.elsewhere(|google, calendar| {
        let event = google.event(calendar, "alm0a").unwrap();
        assert_eq!(
            (&event["start"], &event["end"]),
            (&json!({ "date": "2026-03-02" }), &json!({ "date": "2026-03-03" }))
        );
    });
    let made = world.update(&made, &timed).await.unwrap();
    assert!(made.form == timed);
}

#[tokio::test]
async fn pitfall_88_an_update_carries_the_version_it_was_decided_from() {
    let world = World::new().await;
    let form = event("20260302T090000", "SUMMARY:Visit");
    let made = world.made("0a", &form).await;
    world.elsewhere(|google, calendar| {
        google.change(calendar, "alm0a", json!({ "location": "There" })).unwrap();
    });
    let ours = event("20260302T090000", "SUMMARY:Ours");
    assert_eq!(kind(world.update(&made, &ours).await), ErrorKind::Conflict);
    assert_eq!(kind(world.delete(&made).await), ErrorKind::Conflict);
    world.elsewhere(|google, calendar| {
        assert_eq!(google.event(calendar, "alm0a").unwrap()["summary"], "Visit");
    });
}

#[tokio::test]
async fn pitfalls_83_and_90_what_is_gone_already_is_deleted() {
    let world = World::new().await;
    let form = event("20260302T090000", "SUMMARY:Visit");
    let made = world.made("0a", &form).await;
    world.elsewhere(|google, calendar| google.remove(calendar, "alm0a").unwrap());
    world.sim.take_seen();
    world.delete(&made).await.unwrap();
    let statuses: Vec<u16> = world.sim.take_seen().iter().map(|seen| seen.status.unwrap().as_u16()).collect();
    assert_eq!(statuses, [412, 200], "refused, and looked at once");
    world.elsewhere(|google, calendar| google.forget(calendar, "alm0a"));
    world.delete(&made).await.unwrap();
    assert_eq!(world.line(&made.id).await, Changed::Gone(made.id.clone()));
    assert_eq!(kind(world.update(&made, &event("20260302T100000", "")).await), ErrorKind::Gone);
}

#[tokio::test]
async fn what_the_person_has_from_elsewhere_is_read_and_not_written() {
    let world = World::new().await;
    for (kind_of, words) in
        [("birthday", "contacts"), ("fromGmail", "Gmail"), ("outOfOffice", "out-of-office")]
    {
        let id = world.elsewhere(|google, calendar| {
            let day = json!({ "start": { "date": "2026-03-02" }, "end": { "date": "2026-03-03" }, "summary": "Away" });
            let id = google.make(calendar, day).unwrap();
            google.dictate(calendar, &id, &json!({ "eventType": kind_of }));
            id
        });
        let object = world.there(&id).await;
        assert!(object.form.master().unwrap()[&Field::Summary] == Value::Text("Away".into()));
        let ours = object.form.clone();
        for outcome in [world.update(&object, &ours).await.map(drop), world.delete(&object).await] {
            match kind(outcome) {
                ErrorKind::Refused(reason) => assert!(reason.0.contains(words), "{}", reason.0),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn pitfalls_103_and_105_reminders_come_and_go_with_the_alarms() {
    let world = World::new().await;
    let alarm =
        |trigger: &str| format!("BEGIN:VALARM|ACTION:DISPLAY|DESCRIPTION:Now|TRIGGER:{trigger}|END:VALARM");
    let made = world.made("0a", &event("20260302T090000", &alarm("-PT15M"))).await;
    let reminders =
        || world.elsewhere(|google, calendar| google.event(calendar, "alm0a").unwrap()["reminders"].clone());
    let popup = |minutes: i64| json!({ "useDefault": false, "overrides": [{ "method": "popup", "minutes": minutes }] });
    assert_eq!(reminders(), popup(15));
    let made = world.update(&made, &event("20260302T090000", &alarm("-PT30M"))).await.unwrap();
    assert_eq!(reminders(), popup(30));
    let made = world.update(&made, &event("20260302T090000", "")).await.unwrap();
    assert_eq!(reminders(), json!({ "useDefault": false }));
    // The calendar's own reminders are no alarms, and stay through other changes.
    world.elsewhere(|google, calendar| {
        google.change(calendar, "alm0a", json!({ "reminders": { "useDefault": true } })).unwrap();
    });
    let known = world.there("alm0a").await;
    assert!(known.form == made.form);
    world.update(&known, &event("20260302T090000", "SUMMARY:Visit")).await.unwrap();
    assert_eq!(reminders(), json!({ "useDefault": true }));
}

#[tokio::test]
async fn pitfall_57_what_google_refuses_is_refused_before_it_is_sent() {
    let world = World::new().await;
    let moment = object("BEGIN:VEVENT|UID:a@almanac.example|DTSTART:20260302T090000Z|END:VEVENT");
    world.sim.take_seen();
    assert!(matches!(kind(world.create("0a", &moment).await), ErrorKind::Refused(_)));
    assert_eq!(world.sim.take_seen().len(), 0);
}

#[tokio::test]
async fn pitfalls_14_and_15_texts_stay_as_they_are() {
    let world = World::new().await;
    let text = "DESCRIPTION:<b>Bring</b> &amp\\; come\\n\\n\\n😀 e\u{301}\\, at nine";
    let made = world.made("0a", &event("20260302T090000", text)).await;
    let read = world.there("alm0a").await;
    assert!(read.form == made.form && read.form == event("20260302T090000", text));
}

#[tokio::test]
async fn an_event_with_guests_that_we_push_has_none_at_google() {
    let world = World::new().await;
    let people = "ORGANIZER:mailto:a@almanac.example|ATTENDEE:mailto:b@almanac.example";
    world.made("0a", &event("20260302T090000", people)).await;
    world.elsewhere(|google, calendar| {
        assert_eq!(google.event(calendar, "alm0a").unwrap().get("attendees"), None);
        assert_eq!(google.mails.all(), 0);
    });
    assert_eq!(world.line(&RemoteId("nothing1".into())).await, Changed::Gone(RemoteId("nothing1".into())));
}
