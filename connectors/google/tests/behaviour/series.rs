//! How series are written.

use almanac_contract::{ErrorKind, Field, Form, Instance, RemoteObject, Value};
use almanac_simulator::Fault;
use serde_json::json;

use crate::support::{World, event, kind, moved, object, series};

const ID: &str = "alm0a";

fn methods(writes: &[(String, serde_json::Value)]) -> Vec<&str> {
    writes.iter().map(|(method, _)| method.as_str()).collect()
}

#[tokio::test]
async fn a_series_without_changed_instances_is_one_request() {
    let world = World::new().await;
    let made = world.made("0a", &series("SUMMARY:Group", "")).await;
    world.sim.take_seen();
    world.update(&made, &series("SUMMARY:Group of ten", "")).await.unwrap();
    assert_eq!(world.sim.take_seen().len(), 1);
}

#[tokio::test]
async fn an_instance_goes_through_all_states_and_back() {
    let world = World::new().await;
    let plain = series("SUMMARY:Group", "");
    let cancelled = series("SUMMARY:Group|EXDATE;TZID=Europe/Berlin:20260304T090000", "");
    let changed = series("SUMMARY:Group", &moved("20260304", "20260304T150000", "SUMMARY:Late"));
    let again = series("SUMMARY:Group", &moved("20260304", "20260305T070000", "SUMMARY:Late|LOCATION:Hall"));
    let steps = [&plain, &cancelled, &plain, &changed, &again, &cancelled, &changed, &plain, &cancelled];
    for inherits in [true, false] {
        world.elsewhere(|google, _| google.inherits = inherits);
        let key = if inherits { "0a" } else { "0b" };
        let mut known = world.made(key, &plain).await;
        for (n, step) in steps.into_iter().enumerate() {
            known = world.update(&known, step).await.unwrap();
            assert!(known.form == *step, "step {n}");
            assert!(world.there(&known.id.0).await == known, "step {n}");
        }
    }
}

#[tokio::test]
async fn pitfall_29_the_second_change_of_an_instance_is_written_like_the_first() {
    let world = World::new().await;
    let at =
        |to: &str, title: &str| series("SUMMARY:Group", &moved("20260304", to, &format!("SUMMARY:{title}")));
    let made = world.made("0a", &at("20260304T150000", "Late")).await;
    let made = world.update(&made, &at("20260304T160000", "Late")).await.unwrap();
    world.writes();
    let made = world.update(&made, &at("20260304T160000", "Very late")).await.unwrap();
    assert_eq!(world.writes(), [("PATCH".to_owned(), json!({ "summary": "Very late" }))]);
    assert!(made.form == at("20260304T160000", "Very late"));
}

#[tokio::test]
async fn pitfall_39_cancelling_one_instance_is_one_write_and_takes_no_other_with_it() {
    let world = World::new().await;
    let made = world.made("0a", &series("SUMMARY:Group", "")).await;
    world.writes();
    let cancelled = series("SUMMARY:Group|EXDATE;TZID=Europe/Berlin:20260304T090000", "");
    world.update(&made, &cancelled).await.unwrap();
    assert_eq!(world.writes(), [("PATCH".to_owned(), json!({ "status": "cancelled" }))]);
}

#[tokio::test]
async fn pitfalls_33_and_36_a_series_that_moves_takes_its_instances_along() {
    let world = World::new().await;
    let before = series(
        "SUMMARY:Group|EXDATE;TZID=Europe/Berlin:20260305T090000",
        &moved("20260304", "20260304T150000", "SUMMARY:Late"),
    );
    let made = world.made("0a", &before).await;
    let at = |n: &str, to: &str| {
        format!(
            "|BEGIN:VEVENT|UID:a@almanac.example|RECURRENCE-ID;TZID=Europe/Berlin:{n}|\
             DTSTART;TZID=Europe/Berlin:{to}|DURATION:PT1H|SUMMARY:Late|END:VEVENT"
        )
    };
    let after = object(&format!(
        "BEGIN:VEVENT|UID:a@almanac.example|DTSTART;TZID=Europe/Berlin:20260302T110000|DURATION:PT1H|\
         RRULE:FREQ=DAILY;COUNT=9|SUMMARY:Group|EXDATE;TZID=Europe/Berlin:20260306T110000|END:VEVENT{}",
        at("20260304T110000", "20260304T170000")
    ));
    let updated = world.update(&made, &after).await.unwrap();
    assert!(updated.form == after);
    let there = world.elsewhere(|google, calendar| google.events_of(calendar));
    assert_eq!(there.len(), 2, "the series and the instance that is moved now");
}

#[tokio::test]
async fn a_series_becomes_a_single_event_and_a_series_again() {
    let world = World::new().await;
    let many = series("SUMMARY:Group", &moved("20260304", "20260304T150000", "SUMMARY:Late"));
    let one = event("20260302T090000", "SUMMARY:Group");
    let mut known = world.made("0a", &many).await;
    for form in [&one, &many, &one] {
        known = world.update(&known, form).await.unwrap();
        assert!(known.form == *form);
    }
}

#[tokio::test]
async fn pitfall_42_extra_and_cancelled_instances_go_together() {
    let world = World::new().await;
    let zone = "TZID=Europe/Berlin";
    let form = series(&format!("RDATE;{zone}:20260401T090000|EXDATE;{zone}:20260303T090000"), "");
    let made = world.made("0a", &form).await;
    assert!(made.form == form);
    let later = series(&format!("RDATE;{zone}:20260402T090000|EXDATE;{zone}:20260304T090000"), "");
    assert!(world.update(&made, &later).await.unwrap().form == later);
}

#[tokio::test]
async fn what_is_cancelled_and_never_was_stays_told() {
    let world = World::new().await;
    let form = series("SUMMARY:Group|EXDATE;TZID=Europe/Berlin:20260501T090000", "");
    let made = world.made("0a", &series("SUMMARY:Group", "")).await;
    assert!(world.update(&made, &form).await.unwrap().form == form);
}

#[tokio::test]
async fn an_instance_that_the_rule_does_not_make_is_refused_before_anything_is_written() {
    let world = World::new().await;
    let form = series("SUMMARY:Group", &moved("20260501", "20260501T150000", ""));
    assert!(matches!(kind(world.create("0a", &form).await), ErrorKind::Refused(_)));
    let made = world.made("0b", &series("SUMMARY:Group", "")).await;
    world.writes();
    assert!(matches!(kind(world.update(&made, &form).await), ErrorKind::Refused(_)));
    assert!(world.writes().is_empty());
}

#[tokio::test]
async fn an_instance_that_somebody_changed_meanwhile_is_a_conflict() {
    let world = World::new().await;
    let changed = series("SUMMARY:Group", &moved("20260304", "20260304T150000", "SUMMARY:Late"));
    let made = world.made("0a", &changed).await;
    world.elsewhere(|google, calendar| {
        google.change(calendar, &format!("{ID}_20260304T080000Z"), json!({ "location": "Hall" })).unwrap();
    });
    world.writes();
    assert_eq!(kind(world.update(&made, &series("SUMMARY:Ours", "")).await), ErrorKind::Conflict);
    assert_eq!(kind(world.delete(&made).await), ErrorKind::Conflict);
    assert!(world.writes().is_empty());
}

#[tokio::test]
async fn the_second_half_of_a_split_series_is_written_like_any_other() {
    let world = World::new().await;
    world.made("0a", &series("SUMMARY:Group", "")).await;
    let id = world.elsewhere(|google, calendar| {
        google.split(calendar, &format!("{ID}_20260305T080000Z"), &json!({})).unwrap()
    });
    let known = world.there(&id).await;
    let mut form = known.form.clone();
    let wanted = series(
        "EXDATE;TZID=Europe/Berlin:20260307T090000",
        &moved("20260308", "20260308T150000", "SUMMARY:Late"),
    );
    let except = wanted.master().unwrap().keys().find(|field| matches!(field, Field::Except(_))).unwrap();
    form.parts.get_mut(&Instance::Master).unwrap().insert(except.clone(), Value::Present);
    form.parts.extend(wanted.parts.into_iter().filter(|(instance, _)| *instance != Instance::Master));
    let updated = world.update(&known, &form).await.unwrap();
    assert!(updated.form == form);
}

#[tokio::test]
async fn a_title_and_a_cancelled_instance_change_together() {
    let world = World::new().await;
    let made = world.made("0a", &series("SUMMARY:Group", "")).await;
    let wanted = series("SUMMARY:Group of ten|EXDATE;TZID=Europe/Berlin:20260304T090000", "");
    assert!(world.update(&made, &wanted).await.unwrap().form == wanted);
}

#[tokio::test]
async fn a_write_of_an_instance_carries_its_version_and_touches_no_other() {
    let world = World::new().await;
    let at = |title: &str| {
        let parts = [
            moved("20260304", "20260304T150000", "SUMMARY:Late"),
            moved("20260305", "20260305T150000", title),
        ];
        series("SUMMARY:Group|EXDATE;TZID=Europe/Berlin:20260306T090000", &parts.concat())
    };
    let made = world.made("0a", &at("SUMMARY:One")).await;
    world.sim.take_seen();
    world.update(&made, &at("SUMMARY:Two")).await.unwrap();
    let mut seen = world.sim.take_seen();
    seen.retain(|seen| seen.request.method != http::Method::GET);
    assert_eq!(seen.len(), 1);
    assert!(seen[0].request.path.ends_with("_20260305T080000Z"));
    assert!(seen[0].request.header("if-match").is_some());
}

/// All the forms that a push broken off between any two requests may have to come from.
async fn converges(world: &World, known: Form, wanted: &Form) {
    let mut requests = 0;
    loop {
        let key = format!("{requests:02x}");
        let made = world.made(&key, &known).await;
        let mut left = requests;
        world.sim.plan(move |request| {
            if request.method == http::Method::GET {
                return None;
            }
            left -= 1;
            (left < 0).then_some(Fault::DoneAndLost)
        });
        let outcome = world.update(&made, wanted).await;
        world.sim.calm();
        match outcome {
            Ok(updated) => {
                assert!(updated.form == *wanted);
                break;
            }
            Err(error) => assert_eq!(error.kind, ErrorKind::Unclear),
        }
        // Read, and written again: whatever was done before.
        let now = world.there(&made.id.0).await;
        let updated = world.update(&now, wanted).await.unwrap();
        assert!(updated.form == *wanted, "broken off after {requests} writes");
        requests += 1;
    }
    assert!(requests > 1, "nothing was broken off between two writes");
}

#[tokio::test]
async fn a_push_that_was_broken_off_anywhere_is_carried_on_by_the_next() {
    let world = World::new().await;
    let before = series(
        "SUMMARY:Group|EXDATE;TZID=Europe/Berlin:20260305T090000",
        &moved("20260304", "20260304T150000", "SUMMARY:Late"),
    );
    let after = series(
        "SUMMARY:Group of ten|EXDATE;TZID=Europe/Berlin:20260304T090000",
        &[
            moved("20260305", "20260305T150000", "SUMMARY:Late"),
            moved("20260306", "20260306T070000", "SUMMARY:Early"),
        ]
        .concat(),
    );
    converges(&world, before, &after).await;
}

#[tokio::test]
async fn a_creation_that_was_broken_off_is_found_and_completed() {
    let world = World::new().await;
    let wanted = series("SUMMARY:Group", &moved("20260304", "20260304T150000", "SUMMARY:Late"));
    world.sim.plan(|request| (request.method == http::Method::PATCH).then_some(Fault::Lost));
    assert_eq!(kind(world.create("0a", &wanted).await), ErrorKind::Unclear);
    world.sim.calm();
    let found = match world.create("0a", &wanted).await.unwrap() {
        almanac_contract::Pushed::Found(found) => *found,
        almanac_contract::Pushed::Written(_) => panic!("it was made twice"),
    };
    assert!(found.form == series("SUMMARY:Group", ""));
    assert!(world.update(&found, &wanted).await.unwrap().form == wanted);
    assert_eq!(world.elsewhere(|google, calendar| google.events_of(calendar)).len(), 2);
    assert_eq!(methods(&world.writes()).iter().filter(|method| **method == "POST").count(), 2);
}

#[tokio::test]
async fn pitfalls_38_and_48_instances_stay_right_through_the_change_of_the_clocks() {
    let world = World::new().await;
    let form = object(
        "BEGIN:VEVENT|UID:a@almanac.example|DTSTART;TZID=Europe/Berlin:20260323T090000|DURATION:PT1H|\
         RRULE:FREQ=WEEKLY;COUNT=4|EXDATE;TZID=Europe/Berlin:20260406T090000|END:VEVENT|\
         BEGIN:VEVENT|UID:a@almanac.example|RECURRENCE-ID;TZID=Europe/Berlin:20260330T090000|\
         DTSTART;TZID=Europe/Berlin:20260330T100000|DURATION:PT1H|END:VEVENT",
    );
    let made = world.made("0a", &form).await;
    assert!(made.form == form);
    world.elsewhere(|google, calendar| {
        let instance = google.event(calendar, &format!("{ID}_20260330T070000Z")).unwrap();
        assert_eq!(instance["start"]["dateTime"], "2026-03-30T04:00:00-04:00");
    });
}

/// A link that shows only times must not take the rest from what people made.
#[tokio::test]
async fn a_series_of_which_only_times_are_known_keeps_all_else_when_its_instances_are_moved() {
    let world = World::new().await;
    let both = |first: &str, second: &str| format!("{first}{second}");
    let there = series(
        "SUMMARY:Group|LOCATION:Hall",
        &both(
            &moved("20260304", "20260304T150000", "SUMMARY:Late|LOCATION:Cellar"),
            &moved("20260305", "20260305T090000", "SUMMARY:Another title"),
        ),
    );
    let known = busy(world.made("0a", &there).await);
    let wanted = series(
        "",
        &both(
            &moved("20260304", "20260304T160000", ""), // once more
            &moved("20260306", "20260306T110000", ""), // for the first time
        ),
    );
    let mut wanted = world.project(&wanted);
    wanted.parts.values_mut().for_each(|part| part.retain(|field, _| is_of_time(field)));
    let now = world.update(&known, &wanted).await.unwrap();
    let expected = series(
        "SUMMARY:Group|LOCATION:Hall",
        &both(
            &both(
                &moved("20260304", "20260304T160000", "SUMMARY:Late|LOCATION:Cellar"),
                &moved("20260305", "20260305T090000", "SUMMARY:Another title"),
            ),
            &moved("20260306", "20260306T110000", "SUMMARY:Group|LOCATION:Hall"),
        ),
    );
    assert!(now.form == expected);
    // The whole series an hour later: it has other instances then, and its name.
    let known = busy(now);
    let later = object(
        "BEGIN:VEVENT|UID:a@almanac.example|DTSTART;TZID=Europe/Berlin:20260302T100000|DURATION:PT1H|\
         RRULE:FREQ=DAILY;COUNT=9|END:VEVENT",
    );
    let now = world.update(&known, &later).await.unwrap();
    assert_eq!(now.form.parts.len(), 1);
    assert_eq!(now.form.master().unwrap().get(&Field::Summary), Some(&Value::Text("Group".into())));
}

fn is_of_time(field: &Field) -> bool {
    matches!(field, Field::Time | Field::Rule | Field::Except(_) | Field::Extra(_))
}

/// What a link that shows only times knows of an object.
fn busy(mut object: RemoteObject) -> RemoteObject {
    object.form.parts.values_mut().for_each(|part| part.retain(|field, _| is_of_time(field)));
    object
}
