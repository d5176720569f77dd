//! Series with their exceptions.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use almanac_contract::{Attempt, Changed, Connector as _, ErrorKind, Form, RemoteObject};
use almanac_outlook::sim::CALENDAR;
use almanac_simulator::Fault;
use http::Method;
use jiff::civil::date;
use serde_json::json;

use crate::support::{World, create, delete, fetch, form, list, push, series, single, there, update, world};

/// When the instances are at the vendor, in UTC, and what they are called.
fn instances(world: &World, object: &RemoteObject) -> Vec<String> {
    let all = world.sim.with(|graph| graph.instances(&object.id.0));
    all.into_iter().map(|(at, subject)| format!("{} {subject}", at.strftime("%d %H:%M"))).collect()
}

/// The same series two hours later, with its exceptions.
fn later() -> Form {
    form(
        "BEGIN:VEVENT\nUID:series@almanac.example\nDTSTAMP:20260101T000000Z\nSUMMARY:Group\n\
         DTSTART;TZID=Europe/Vienna:20260302T110000\nDTEND;TZID=Europe/Vienna:20260302T120000\n\
         RRULE:FREQ=DAILY;COUNT=6\nEXDATE;TZID=Europe/Vienna:20260304T110000\nEND:VEVENT\n\
         BEGIN:VEVENT\nUID:series@almanac.example\nDTSTAMP:20260101T000000Z\nSUMMARY:Group later\n\
         RECURRENCE-ID;TZID=Europe/Vienna:20260303T110000\n\
         DTSTART;TZID=Europe/Vienna:20260303T130000\nDTEND;TZID=Europe/Vienna:20260303T140000\nEND:VEVENT\n",
    )
}

/// The series without its exceptions.
fn plain() -> Form {
    form(
        "BEGIN:VEVENT\nUID:series@almanac.example\nDTSTAMP:20260101T000000Z\nSUMMARY:Group\n\
         DTSTART;TZID=Europe/Vienna:20260302T090000\nDTEND;TZID=Europe/Vienna:20260302T100000\n\
         RRULE:FREQ=DAILY;COUNT=6\nEND:VEVENT\n",
    )
}

const AS_WRITTEN: [&str; 5] =
    ["02 08:00 Group", "03 10:00 Group later", "05 08:00 Group", "06 08:00 Group", "07 08:00 Group"];

#[tokio::test]
async fn a_series_is_created_with_its_cancelled_and_moved_instances() {
    let world = world().await;
    let device = world.device();
    let made = create(&device, &series()).await;
    assert!(made.form == device.project(&series()), "the zone is Vienna again, and not Berlin");
    assert_eq!(instances(&world, &made), AS_WRITTEN);
}

/// Graph drops the exceptions of a series whose time changes.
#[tokio::test]
async fn exceptions_are_put_back_after_the_series_was_moved() {
    let world = world().await;
    let device = world.device();
    let made = create(&device, &series()).await;
    let moved = update(&device, &later(), &made).await.unwrap();
    assert!(moved.form == device.project(&later()));
    assert_eq!(
        instances(&world, &made),
        ["02 10:00 Group", "03 12:00 Group later", "05 10:00 Group", "06 10:00 Group", "07 10:00 Group"]
    );
}

/// Pitfall 29: an instance that is an exception already is changed again.
#[tokio::test]
async fn an_exception_is_changed_a_second_time() {
    let world = world().await;
    let device = world.device();
    let mut known = create(&device, &series()).await;
    for hour in ["13", "14"] {
        let text = series();
        let lines = |from: &str, to: &str| {
            format!(
                "BEGIN:VEVENT\nUID:series@almanac.example\nDTSTAMP:20260101T000000Z\nSUMMARY:Group\n\
                 DTSTART;TZID=Europe/Vienna:20260302T090000\nDTEND;TZID=Europe/Vienna:20260302T100000\n\
                 RRULE:FREQ=DAILY;COUNT=6\nEXDATE;TZID=Europe/Vienna:20260304T090000\nEND:VEVENT\n\
                 BEGIN:VEVENT\nUID:series@almanac.example\nDTSTAMP:20260101T000000Z\nSUMMARY:Group later\n\
                 RECURRENCE-ID;TZID=Europe/Vienna:20260303T090000\n\
                 DTSTART;TZID=Europe/Vienna:20260303T{from}0000\nDTEND;TZID=Europe/Vienna:20260303T{to}0000\nEND:VEVENT\n"
            )
        };
        let next = form(&lines(hour, &(hour.parse::<u8>().unwrap() + 1).to_string()));
        assert!(next != text);
        known = update(&device, &next, &known).await.unwrap();
        assert!(known.form == device.project(&next));
    }
}

#[tokio::test]
async fn a_changed_instance_that_is_to_be_as_its_series_again_is_so() {
    let world = world().await;
    let device = world.device();
    let made = create(&device, &plain()).await;
    world.sim.with(|graph| {
        assert!(graph.change_instance(&made.id.0, date(2026, 3, 3), &json!({ "subject": "Theirs" })));
    });
    let known = there(&device, &made.id).await;
    assert!(known.form != made.form);
    let back = update(&device, &plain(), &known).await.unwrap();
    assert!(back.form == made.form);
    assert!(instances(&world, &made).iter().all(|instance| instance.ends_with(" Group")));
}

/// Pitfall 25, 37: what is cancelled stays so, and what is brought back comes back.
#[tokio::test]
async fn cancelled_instances_are_brought_back_when_they_are_wanted_again() {
    let world = world().await;
    let device = world.device();
    let made = create(&device, &series()).await;
    let back = update(&device, &plain(), &made).await.unwrap();
    assert!(back.form == device.project(&plain()));
    assert_eq!(instances(&world, &made).len(), 6);
    let again = update(&device, &series(), &back).await.unwrap();
    assert!(again.form == device.project(&series()));
    assert_eq!(instances(&world, &made), AS_WRITTEN);
}

/// Pitfall 31, 39: Graph gives no sign of a cancelled occurrence but that its series changed.
#[tokio::test]
async fn an_instance_that_somebody_cancels_in_outlook_is_an_exception_of_the_series() {
    let world = world().await;
    let device = world.device();
    let made = create(&device, &plain()).await;
    let (_, token) = list(&device, None).await.unwrap();
    world.sim.with(|graph| {
        assert!(graph.cancel_instance(&made.id.0, date(2026, 3, 4)));
        let at =
            |hour| json!({ "dateTime": format!("2026-03-03T{hour}:00:00"), "timeZone": "Europe/Vienna" });
        let moved = json!({ "subject": "Group later", "start": at(11), "end": at(12) });
        assert!(graph.change_instance(&made.id.0, date(2026, 3, 3), &moved));
    });
    let (lines, _) = list(&device, Some(&token)).await.unwrap();
    assert!(lines.iter().all(|line| *line == Changed::Touched(made.id.clone(), None)), "{lines:?}");
    assert!(there(&device, &made.id).await.form == device.project(&series()));
}

/// Pitfall 33: after a series was rescheduled its instances have other ids, and nobody says that the old ones are gone.
#[tokio::test]
async fn a_series_that_somebody_reschedules_in_outlook_leaves_nothing_behind() {
    let world = world().await;
    let device = world.device();
    let made = create(&device, &series()).await;
    let (_, token) = list(&device, None).await.unwrap();
    world.sim.with(|graph| {
        let at =
            |hour| json!({ "dateTime": format!("2026-03-02T{hour}:00:00"), "timeZone": "Europe/Vienna" });
        assert!(graph.change(&made.id.0, &json!({ "start": at(15), "end": at(16) })));
    });
    let (lines, _) = list(&device, Some(&token)).await.unwrap();
    assert!(lines.iter().all(|line| line.id() == &made.id));
    let now = there(&device, &made.id).await.form;
    assert_eq!(now.parts.len(), 1, "its exceptions are gone with its old times");
}

#[tokio::test]
async fn an_instance_that_would_pass_its_neighbour_is_refused_with_a_reason() {
    let world = world().await;
    let device = world.device();
    let made = create(&device, &plain()).await;
    let passing = form(
        "BEGIN:VEVENT\nUID:series@almanac.example\nDTSTAMP:20260101T000000Z\nSUMMARY:Group\n\
         DTSTART;TZID=Europe/Vienna:20260302T090000\nDTEND;TZID=Europe/Vienna:20260302T100000\n\
         RRULE:FREQ=DAILY;COUNT=6\nEND:VEVENT\n\
         BEGIN:VEVENT\nUID:series@almanac.example\nDTSTAMP:20260101T000000Z\nSUMMARY:Group\n\
         RECURRENCE-ID;TZID=Europe/Vienna:20260303T090000\n\
         DTSTART;TZID=Europe/Vienna:20260305T110000\nDTEND;TZID=Europe/Vienna:20260305T120000\nEND:VEVENT\n",
    );
    let error = update(&device, &passing, &made).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Refused(_)), "{error}");
}

#[tokio::test]
async fn an_instance_that_somebody_changed_since_is_a_conflict() {
    let world = world().await;
    let device = world.device();
    let made = create(&device, &series()).await;
    let change = json!({ "subject": "Theirs" });
    assert!(world.sim.with(|graph| graph.change_instance(&made.id.0, date(2026, 3, 5), &change)));
    assert_eq!(update(&device, &later(), &made).await.unwrap_err().kind, ErrorKind::Conflict);
    assert_eq!(delete(&device, &made).await.unwrap_err().kind, ErrorKind::Conflict);
    assert!(instances(&world, &made).contains(&"05 08:00 Theirs".to_owned()), "nothing was written");
}

#[tokio::test]
async fn a_single_event_becomes_a_series_and_a_single_event_again() {
    let world = world().await;
    let device = world.device();
    let uid = "series@almanac.example";
    let one = create(&device, &single(uid, "Group")).await;
    let many = update(&device, &series(), &one).await.unwrap();
    assert!(many.id == one.id && many.form == device.project(&series()));
    let again = update(&device, &single(uid, "Group"), &many).await.unwrap();
    assert!(again.id == one.id && again.form == device.project(&single(uid, "Group")));
}

/// Stops at each request of the write in turn, then does what the engine does: read, and write again.
#[tokio::test]
async fn a_write_that_stops_anywhere_comes_to_the_same_end() {
    for done in [false, true] {
        for stop in 0.. {
            let world = world().await;
            let device = world.device();
            let count = Arc::new(AtomicUsize::new(0));
            let counted = Arc::clone(&count);
            world.sim.plan(move |request| {
                let writes = !request.path.ends_with("$batch")
                    && !request.path.contains("/oauth2/")
                    && request.method != Method::GET;
                let fault = if done { Fault::DoneAndLost } else { Fault::Lost };
                (writes && counted.fetch_add(1, Ordering::SeqCst) == stop).then_some(fault)
            });
            let mut known: Option<RemoteObject> = None;
            for (form, attempts) in [(series(), 4), (later(), 4), (plain(), 4)] {
                for attempt in 0..attempts {
                    let sent = if attempt == 0 { Attempt::First } else { Attempt::Again };
                    let wrote = push(&device, &form, known.as_ref(), sent).await;
                    if let Err(error) = &wrote {
                        let expected = [ErrorKind::Unclear, ErrorKind::Unavailable, ErrorKind::Conflict];
                        assert!(expected.contains(&error.kind), "{error}");
                    }
                    let ids = world.sim.with(|graph| graph.ids(CALENDAR));
                    known = match ids.as_slice() {
                        [] => None,
                        [id] => match fetch(&device, &almanac_contract::RemoteId(id.clone())).await {
                            Changed::Now(object) => Some(*object),
                            other => panic!("{other:?}"),
                        },
                        _ => panic!("the series is there twice"),
                    };
                    let wanted = device.project(&form);
                    if known.as_ref().is_some_and(|known| known.form == wanted) {
                        break;
                    }
                    assert!(attempt + 1 < attempts, "stopped at {stop}: it does not come to its end");
                }
            }
            if count.load(Ordering::SeqCst) <= stop {
                assert!(stop > 6, "{stop} writes were tried");
                break; // all were
            }
        }
    }
}

/// The engine takes what it reads for somebody's wish. So a series reads as it was before a write or as after it, wherever the
/// write stopped: never as one whose exceptions somebody removed.
#[tokio::test]
async fn a_series_reads_as_before_a_write_or_as_after_it_wherever_it_stopped() {
    let writes =
        [(None, series()), (Some(series()), later()), (Some(series()), plain()), (Some(later()), series())];
    for (before, after) in &writes {
        for done in [false, true] {
            for stop in 0.. {
                let world = world().await;
                let device = world.device();
                let known = match before {
                    Some(before) => Some(create(&device, before).await),
                    None => None,
                };
                let count = Arc::new(AtomicUsize::new(0));
                let counted = Arc::clone(&count);
                world.sim.plan(move |request| {
                    let writes = !request.path.ends_with("$batch")
                        && !request.path.contains("/oauth2/")
                        && request.method != Method::GET;
                    let fault = if done { Fault::DoneAndLost } else { Fault::Lost };
                    (writes && counted.fetch_add(1, Ordering::SeqCst) == stop).then_some(fault)
                });
                let outcome = push(&device, after, known.as_ref(), Attempt::First).await;
                world.sim.calm();
                let Some(id) = world.sim.with(|graph| graph.ids(CALENDAR)).pop() else { continue };
                let read = there(&device, &almanac_contract::RemoteId(id)).await;
                let is = |form: &Form| read.form == device.project(form);
                assert!(is(after) || before.as_ref().is_some_and(is), "stopped at {stop}");
                if outcome.is_ok() {
                    assert!(stop > 1 && is(after));
                    break;
                }
                update(&device, after, &read).await.unwrap();
                assert_eq!(instances(&world, &read).len(), if *after == plain() { 6 } else { 5 });
            }
        }
    }
}

/// A person who duplicates a series in the middle of a write gets a copy, and no work of ours on it.
#[tokio::test]
async fn a_note_on_a_copy_is_none() {
    let world = world().await;
    let device = world.device();
    let made = create(&device, &series()).await;
    world.sim.plan(|request| {
        (request.method != Method::GET && request.path.contains(".o")).then_some(Fault::Lost)
    });
    update(&device, &later(), &made).await.unwrap_err();
    world.sim.calm();
    let copy = world.sim.with(|graph| graph.copy(&made.id.0)).unwrap();
    world.asked();
    let copied = there(&device, &almanac_contract::RemoteId(copy)).await;
    assert!(copied.mark.is_none() && copied.form.parts.len() == 1);
    assert!(world.asked().iter().all(|asked| asked.starts_with("GET ")));
}

/// An instance is a part of its series, and no object that could be fetched.
#[tokio::test]
async fn an_instance_is_no_object() {
    let world = world().await;
    let device = world.device();
    let made = create(&device, &series()).await;
    let event = world.sim.with(|graph| graph.event(&made.id.0)).unwrap();
    let id = almanac_contract::RemoteId(event["exceptionOccurrences"][0]["id"].as_str().unwrap().to_owned());
    assert_eq!(fetch(&device, &id).await, Changed::Gone(id));
}
