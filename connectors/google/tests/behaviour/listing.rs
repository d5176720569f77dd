//! What a listing tells.

use almanac_contract::{
    Changed, Connector as _, Coverage, DeltaToken, ErrorKind, Instance, Next, RemoteId, Role,
};
use serde_json::json;

use crate::support::{World, event, kind, series};

fn lesson(summary: &str) -> serde_json::Value {
    json!({
        "summary": summary,
        "start": { "dateTime": "2026-03-02T09:00:00+01:00", "timeZone": "Europe/Berlin" },
        "end": { "dateTime": "2026-03-02T10:00:00+01:00", "timeZone": "Europe/Berlin" },
    })
}

fn daily(summary: &str) -> serde_json::Value {
    let mut daily = lesson(summary);
    daily["recurrence"] = json!(["RRULE:FREQ=DAILY"]);
    daily
}

fn touched(lines: &[Changed]) -> Vec<&str> {
    lines
        .iter()
        .filter_map(|line| match line {
            Changed::Touched(id, None) => Some(id.0.as_str()),
            _ => None,
        })
        .collect()
}

#[tokio::test]
async fn pages_may_be_empty_and_only_the_last_has_the_token() {
    let world = World::new().await;
    world.elsewhere(|google, calendar| {
        (google.empty_pages, google.page_max) = (true, 2);
        for n in 0..5 {
            google.make(calendar, lesson(&format!("Lesson {n}"))).unwrap();
        }
    });
    let (mut page, mut sizes) = (None, Vec::new());
    let token = loop {
        let found = world.google.changes(&world.calendar, None, page.as_ref()).await.unwrap();
        assert_eq!(found.coverage, Coverage::Everything);
        sizes.push(found.changes.len());
        match found.next {
            Next::Page(next) => page = Some(next),
            Next::Done(token) => break token,
        }
    };
    assert_eq!(sizes, [0, 2, 0, 2, 0, 1]);
    assert!(world.changes(Some(&token)).await.unwrap().0.is_empty());
}

#[tokio::test]
async fn pitfall_32_a_member_of_a_series_touches_the_whole_of_it_once() {
    let world = World::new().await;
    let id = world.elsewhere(|google, calendar| google.make(calendar, daily("Group")).unwrap());
    let (lines, token) = world.changes(None).await.unwrap();
    assert_eq!(touched(&lines), [id.as_str()]);
    world.elsewhere(|google, calendar| {
        google.change(calendar, &format!("{id}_20260303T080000Z"), json!({ "summary": "Other" })).unwrap();
        google.remove(calendar, &format!("{id}_20260304T080000Z")).unwrap();
    });
    let (lines, token) = world.changes(Some(&token)).await.unwrap();
    assert_eq!((lines.len(), touched(&lines)), (1, vec![id.as_str()]));
    let form = world.there(&id).await.form;
    assert!(
        form == series("SUMMARY:Group|X:1", "").with_uid(&id).with("20260303", "Other").without("20260304")
    );
    world.elsewhere(|google, calendar| google.remove(calendar, &id).unwrap());
    let (lines, _) = world.changes(Some(&token)).await.unwrap();
    assert_eq!(lines, [Changed::Gone(RemoteId(id))]);
}

/// A daily series without an end, as it is expected.
struct Expected(almanac_contract::Form);

trait Shaped {
    fn with_uid(self, id: &str) -> Expected;
}

impl Shaped for almanac_contract::Form {
    fn with_uid(mut self, id: &str) -> Expected {
        use almanac_contract::{Field, Value};
        self.uid = format!("{id}@google.com");
        let master = self.parts.get_mut(&Instance::Master).unwrap();
        master.remove(&Field::Other("X".into(), 0));
        master.insert(Field::Rule, Value::Lines(vec!["FREQ=DAILY".into()]));
        Expected(self)
    }
}

impl Expected {
    fn at(day: &str) -> almanac_contract::Moment {
        let wall = format!("{}-{}-{}T09:00:00", &day[..4], &day[4..6], &day[6..]);
        almanac_contract::Moment::Zoned(wall.parse().unwrap(), "Europe/Berlin".into())
    }

    fn with(mut self, day: &str, summary: &str) -> Self {
        use almanac_contract::{Field, Value};
        let part = event(&format!("{day}T090000"), &format!("SUMMARY:{summary}"));
        let part = part.parts.into_values().next().unwrap();
        assert!(matches!(part.get(&Field::Time), Some(Value::Span(..))));
        self.0.parts.insert(Instance::At(Self::at(day)), part);
        self
    }

    fn without(mut self, day: &str) -> almanac_contract::Form {
        use almanac_contract::{Field, Value};
        let master = self.0.parts.get_mut(&Instance::Master).unwrap();
        master.insert(Field::Except(Self::at(day)), Value::Present);
        self.0
    }
}

#[tokio::test]
async fn pitfalls_25_and_37_a_cancelled_instance_that_is_there_again_is_read_again() {
    let world = World::new().await;
    let id = world.elsewhere(|google, calendar| google.make(calendar, daily("Group")).unwrap());
    let before = world.there(&id).await;
    let instance = format!("{id}_20260304T080000Z");
    world.elsewhere(|google, calendar| google.remove(calendar, &instance).unwrap());
    assert!(world.there(&id).await.form != before.form);
    world.elsewhere(|google, calendar| {
        let start = json!({ "dateTime": "2026-03-04T09:00:00+01:00", "timeZone": "Europe/Berlin" });
        let end = json!({ "dateTime": "2026-03-04T10:00:00+01:00", "timeZone": "Europe/Berlin" });
        let again = json!({ "status": "confirmed", "summary": "Group", "start": start, "end": end });
        google.change(calendar, &instance, again).unwrap();
    });
    let after = world.there(&id).await;
    assert!(after.form == before.form, "an instance that says what its series says is none of its own");
    assert_ne!(after.version, before.version);
}

#[tokio::test]
async fn pitfall_21_this_and_following_makes_two_series_that_are_read_apart() {
    let world = World::new().await;
    let id = world.elsewhere(|google, calendar| google.make(calendar, daily("Group")).unwrap());
    let (_, token) = world.changes(None).await.unwrap();
    let second = world.elsewhere(|google, calendar| {
        google.split(calendar, &format!("{id}_20260305T080000Z"), &json!({ "summary": "New group" })).unwrap()
    });
    assert!(second.contains("_R2026"));
    let (lines, _) = world.changes(Some(&token)).await.unwrap();
    assert_eq!(touched(&lines), [id.as_str(), second.as_str()]);
    let (first, second) = (world.there(&id).await, world.there(&second).await);
    assert_ne!(first.form.uid, second.form.uid);
    let rule = |object: &almanac_contract::RemoteObject| {
        object.form.master().unwrap()[&almanac_contract::Field::Rule].clone()
    };
    assert!(rule(&first) == almanac_contract::Value::Lines(vec!["FREQ=DAILY;UNTIL=20260305T075959Z".into()]));
    assert!(rule(&second) == almanac_contract::Value::Lines(vec!["FREQ=DAILY".into()]));
}

#[tokio::test]
async fn pitfall_20_a_listing_of_everything_reads_only_those_series_one_by_one_that_have_to_be() {
    let world = World::new().await;
    let (plain, changed) = world.elsewhere(|google, calendar| {
        google.page_max = 5;
        let mut plain = Vec::new();
        for n in 0..12 {
            plain.push(google.make(calendar, daily(&format!("Group {n}"))).unwrap());
            google.make(calendar, lesson("Lesson")).unwrap();
        }
        let changed = plain.remove(3);
        google
            .change(calendar, &format!("{changed}_20260303T080000Z"), json!({ "summary": "Other" }))
            .unwrap();
        (plain, changed)
    });
    world.sim.take_seen();
    let (lines, token) = world.changes(None).await.unwrap();
    assert_eq!(world.sim.take_seen().iter().filter(|seen| seen.request.method == "GET").count(), 10);
    assert_eq!(touched(&lines), [changed.as_str()]);
    for id in &plain {
        let line = lines.iter().filter(|line| line.id().0 == *id).collect::<Vec<_>>();
        let [Changed::Now(object)] = line.as_slice() else { panic!("{line:?}") };
        assert!(**object == world.there(id).await, "told as it is read");
    }
    assert_eq!(lines.len(), 24);
    assert!(world.changes(Some(&token)).await.unwrap().0.is_empty());
}

#[tokio::test]
async fn what_happens_between_the_pages_of_a_listing_is_told_then_or_with_its_token() {
    // After each page of the listing, in another run, other devices do all this.
    for after in 0.. {
        let world = World::new().await;
        let ids = world.elsewhere(|google, calendar| {
            google.page_max = 2;
            (0..8).map(|n| google.make(calendar, daily(&format!("Group {n}"))).unwrap()).collect::<Vec<_>>()
        });
        let (mut lines, mut page, mut pages) = (std::collections::BTreeMap::new(), None, 0);
        let token = loop {
            let found = world.google.changes(&world.calendar, None, page.as_ref()).await.unwrap();
            lines.extend(found.changes.into_iter().map(|line| (line.id().clone(), line)));
            if pages == after {
                world.elsewhere(|google, calendar| {
                    google
                        .change(calendar, &format!("{}_20260303T080000Z", ids[1]), json!({ "summary": "O" }))
                        .unwrap();
                    google.change(calendar, &ids[2], json!({ "recurrence": [] })).unwrap();
                    google.remove(calendar, &ids[3]).unwrap();
                    google.change(calendar, &ids[6], json!({ "summary": "Other" })).unwrap();
                    google.make(calendar, daily("New")).unwrap();
                });
            }
            pages += 1;
            match found.next {
                Next::Page(next) => page = Some(next),
                Next::Done(token) => break token,
            }
        };
        let (later, _) = world.changes(Some(&token)).await.unwrap();
        lines.extend(later.into_iter().map(|line| (line.id().clone(), line)));
        // What somebody knows who believed each line.
        let mut known = std::collections::BTreeMap::new();
        for (id, line) in lines {
            let line = if matches!(line, Changed::Touched(..)) { world.line(&id).await } else { line };
            if let Changed::Now(object) = line {
                known.insert(id, *object);
            }
        }
        let there = world.elsewhere(|google, calendar| google.events_of(calendar));
        let masters = there.iter().filter(|event| event.get("recurringEventId").is_none()).count();
        assert_eq!(known.len(), masters, "after page {after}");
        for (id, object) in known {
            assert!(object == world.there(&id.0).await, "after page {after}");
        }
        if after > pages {
            break;
        }
    }
}

#[tokio::test]
async fn pitfalls_2_and_21_a_copy_of_our_mark_on_another_event_is_none() {
    let world = World::new().await;
    let form = series("SUMMARY:Group", "");
    let made = world.made("0a", &form).await;
    let second = world
        .elsewhere(|google, calendar| google.split(calendar, "alm0a_20260305T080000Z", &json!({})).unwrap());
    let copy = world.elsewhere(|google, calendar| {
        let event = google.event(calendar, "alm0a").unwrap();
        google.plant(calendar, "copied00", &event);
        "copied00".to_owned()
    });
    let first = world.there(&made.id.0).await;
    assert_eq!((first.form.uid.as_str(), first.mark.is_some()), ("a@almanac.example", true));
    for id in [second, copy] {
        let object = world.there(&id).await;
        assert_ne!(object.form.uid, "a@almanac.example");
        assert_eq!(object.mark, None);
    }
}

#[tokio::test]
async fn pitfall_79_an_expired_token_asks_for_everything() {
    let world = World::new().await;
    let (_, token) = world.changes(None).await.unwrap();
    world.elsewhere(|google, _| google.expire_tokens());
    assert_eq!(kind(world.changes(Some(&token)).await), ErrorKind::DeltaExpired);
}

#[tokio::test]
async fn pitfall_8_a_token_of_another_listing_is_not_even_sent() {
    let world = World::new().await;
    let (_, token) = world.changes(None).await.unwrap();
    let other = DeltaToken(token.0.replacen('1', "2", 1));
    world.sim.take_seen();
    assert_eq!(kind(world.changes(Some(&other)).await), ErrorKind::DeltaExpired);
    assert_eq!(world.sim.take_seen().len(), 0);
    // One that Google itself does not know.
    let unknown = DeltaToken("1:s.x".into());
    assert_eq!(kind(world.changes(Some(&unknown)).await), ErrorKind::DeltaExpired);
}

#[tokio::test]
async fn pitfall_106_one_event_that_nobody_understands_does_not_hide_the_others() {
    let world = World::new().await;
    let (one, other, series) = world.elsewhere(|google, calendar| {
        let ids = ["One", "Two"].map(|summary| google.make(calendar, lesson(summary)).unwrap());
        let series = google.make(calendar, daily("Group")).unwrap();
        let [one, other] = ids;
        google.dictate(calendar, &one, &json!({ "start": { "dateTime": "tomorrow" } }));
        (one, other, series)
    });
    let (lines, _) = world.changes(None).await.unwrap();
    assert!(lines.iter().any(|line| matches!(line, Changed::Unreadable(id, _) if id.0 == one)));
    assert!(lines.iter().any(|line| matches!(line, Changed::Now(object) if object.id.0 == other)));
    assert_eq!(touched(&lines), [series.as_str()]);
    world.sim.with(|checked| checked.complaints.clear()); // it is meant not to fit
}

#[tokio::test]
async fn pitfalls_28_and_87_what_a_fetch_does_not_show_is_an_error_and_not_gone() {
    let world = World::new().await;
    let id = world.elsewhere(|google, calendar| {
        let id = google.make(calendar, daily("Group")).unwrap();
        google.dictate(calendar, &id, &json!({ "iCalUID": "imported@example.org" }));
        id
    });
    // It is there, and the search for its members comes back empty.
    world.sim.plan(|request| {
        let search = request.query.contains("iCalUID=imported");
        let nothing = r#"{"kind":"calendar#events","items":[]}"#;
        search.then(|| {
            almanac_simulator::Fault::Answer(almanac_simulator::Reply::new(http::StatusCode::OK, nothing))
        })
    });
    let found = world.google.fetch(&world.calendar, &[RemoteId(id.clone())]).await;
    assert_eq!(kind(found), ErrorKind::Malformed);
    world.sim.calm();
    assert_eq!(world.there(&id).await.form.uid, "imported@example.org");
}

#[tokio::test]
async fn pitfalls_27_and_43_single_instances_of_a_foreign_series_are_an_object() {
    let world = World::new().await;
    // One whose series is at Google, and one from elsewhere: its series' id holds the UID "foobar".
    for (series, uid) in [("foreign1", "foreign1@google.com"), ("_cpnmuoj1e8", "foobar")] {
        world.elsewhere(|google, calendar| {
            let mut event = lesson("Conference");
            event["recurringEventId"] = json!(series);
            event["originalStartTime"] = event["start"].clone();
            event["iCalUID"] = json!(uid);
            event["organizer"] = json!({ "email": "chair@example.org" });
            event["attendees"] =
                json!([{ "email": "chair@example.org" }, { "email": calendar, "self": true }]);
            google.plant(calendar, &format!("{series}_20260302T080000Z"), &event);
        });
        let (lines, _) = world.changes(None).await.unwrap();
        assert!(touched(&lines).contains(&series));
        let object = world.there(series).await;
        assert_eq!((object.role, object.form.uid.as_str()), (Role::Attendee, uid));
        assert!(object.form.master().is_none() && object.form.parts.len() == 1);
        assert!(world.google.refuses(&object.form).is_some(), "and is nothing that can be written");
        assert!(matches!(kind(world.delete(&object).await), ErrorKind::Refused(_)));
    }
}

#[tokio::test]
async fn pitfall_49_times_keep_their_zone_whatever_zone_the_calendar_is_shown_in() {
    let world = World::new().await;
    for zone in ["America/New_York", "Australia/Adelaide", "UTC"] {
        world.elsewhere(|google, calendar| {
            google.calendar_mut(calendar).unwrap().time_zone = zone.into();
        });
        let id = world.elsewhere(|google, calendar| google.make(calendar, lesson("Lesson")).unwrap());
        let expected = event("20260302T090000", "SUMMARY:Lesson");
        assert!(world.there(&id).await.form.parts == expected.parts, "{zone}");
    }
}
