//! Series with instances that Outlook does not take: nothing half-made stays, and nothing is stuck.

use almanac_contract::{Attempt, Changed, Connector as _, ErrorKind, Form, Pushed, RemoteId};
use almanac_outlook::sim::CALENDAR;
use almanac_simulator::{Exchange, Fault, Reply};
use http::{Method, StatusCode};
use serde_json::Value;

use crate::support::{World, create, delete, fetch, form, push, series, single, there, update, world};

/// A daily series from the 2nd to the 7th at this hour; each pair moves the instance of a day to another day.
fn daily(hour: u8, off: &[u8], moves: &[(u8, u8)]) -> Form {
    let span = |day: u8, from: u8| {
        format!(
            "DTSTART;TZID=Europe/Vienna:202603{day:02}T{from:02}0000\nDTEND;TZID=Europe/Vienna:202603{day:02}T{:02}0000\n",
            from + 1
        )
    };
    let head = "BEGIN:VEVENT\nUID:series@almanac.example\nDTSTAMP:20260101T000000Z\nSUMMARY:Group\n";
    let mut lines = format!("{head}{}RRULE:FREQ=DAILY;COUNT=6\n", span(2, hour));
    for day in off {
        lines.push_str(&format!("EXDATE;TZID=Europe/Vienna:202603{day:02}T{hour:02}0000\n"));
    }
    lines.push_str("END:VEVENT\n");
    for (from, to) in moves {
        lines.push_str(&format!(
            "{head}RECURRENCE-ID;TZID=Europe/Vienna:202603{from:02}T{hour:02}0000\n{}END:VEVENT\n",
            span(*to, hour + 2)
        ));
    }
    form(&lines)
}

/// Graph refuses every change of an instance.
fn refused(request: &Exchange) -> Option<Fault> {
    let body = r#"{"error":{"code":"ErrorOccurrenceCrossingBoundary"}}"#;
    let instance = request.method != Method::GET && request.path.contains(".o");
    instance.then(|| Fault::Answer(Reply::new(StatusCode::BAD_REQUEST, body)))
}

/// The note that is left on an event, if any.
fn note(world: &World, id: &RemoteId) -> Option<String> {
    let event = world.sim.with(|graph| graph.event(&id.0)).unwrap();
    let left = event["singleValueExtendedProperties"].as_array().cloned().unwrap_or_default();
    let value = |one: &Value| one["value"].as_str().map(str::to_owned);
    left.iter().find(|one| one["id"].as_str().unwrap().ends_with("AlmanacPending")).and_then(value)
}

#[tokio::test]
async fn an_instance_that_would_pass_its_neighbour_is_refused_and_nothing_is_sent() {
    let world = world().await;
    let device = world.device();
    let passing = daily(9, &[], &[(3, 5)]);
    let error = push(&device, &passing, None, Attempt::First).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Refused(_)));
    let made = create(&device, &series()).await;
    world.asked();
    for known in [daily(9, &[], &[(3, 4)]), daily(11, &[], &[(4, 2)])] {
        let error = update(&device, &known, &made).await.unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Refused(_)));
    }
    assert!(world.asked().is_empty());
    assert_eq!(there(&device, &made.id).await, made);
}

/// None may meet another even on its way: room is made first.
#[tokio::test]
async fn instances_that_make_room_for_each_other_are_moved_in_the_order_that_outlook_takes() {
    let world = world().await;
    let device = world.device();
    let ahead = daily(9, &[5], &[(3, 4), (4, 5)]);
    let made = create(&device, &ahead).await;
    assert!(made.form == device.project(&ahead));
    let mut known = made;
    for next in [daily(9, &[5], &[]), daily(11, &[2], &[(3, 2), (4, 3)]), daily(11, &[2], &[]), ahead] {
        known = update(&device, &next, &known).await.unwrap();
        assert!(known.form == device.project(&next));
    }
}

#[tokio::test]
async fn a_series_of_which_an_instance_is_refused_is_taken_back() {
    let world = world().await;
    let device = world.device();
    world.sim.plan(refused);
    let error = push(&device, &series(), None, Attempt::First).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Refused(_)));
    assert!(world.sim.with(|graph| graph.ids(CALENDAR)).is_empty());
    assert_eq!(world.sim.with(|graph| graph.mails.all()), 0);
}

/// A person may invite somebody in between, whom a deletion would mail.
#[tokio::test]
async fn a_series_that_cannot_be_taken_back_is_found_by_the_next_attempt_as_it_is() {
    for status in [503, 403, 412] {
        let world = world().await;
        let device = world.device();
        world.sim.plan(move |request| {
            let deletes = request.method == Method::DELETE && !request.path.contains(".o");
            let reply = || Fault::Answer(Reply::new(StatusCode::from_u16(status).unwrap(), "{}"));
            if deletes { Some(reply()) } else { refused(request) }
        });
        let error = push(&device, &series(), None, Attempt::First).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unclear, "{status}");
        let again = push(&device, &series(), None, Attempt::Again).await.unwrap();
        let Pushed::Found(found) = again else { panic!("{status}") };
        assert!(found.form == device.project(&daily(9, &[], &[])), "as it is");
        assert_eq!(note(&world, &found.id).as_deref(), Some("done"));
        assert_eq!(world.sim.with(|graph| graph.ids(CALENDAR)).len(), 1);
        world.sim.calm();
        assert!(update(&device, &series(), &found).await.unwrap().form == device.project(&series()));
    }
}

/// What Outlook does not take is not waited for: the series is read as it is, and what it does take is done.
#[tokio::test]
async fn a_note_that_outlook_refuses_is_taken_away() {
    let world = world().await;
    let device = world.device();
    let made = create(&device, &series()).await;
    world.sim.plan(|request| refused(request).filter(|_| request.method == Method::PATCH));
    let error = update(&device, &daily(11, &[5], &[(3, 3)]), &made).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Refused(_)));
    assert!(note(&world, &made.id).is_some_and(|note| note != "done"));
    let read = there(&device, &made.id).await;
    assert!(read.form == device.project(&daily(11, &[5], &[])));
    assert_eq!(note(&world, &made.id).as_deref(), Some("done"));
    world.sim.calm();
    let wanted = daily(11, &[5], &[(3, 3)]);
    assert!(update(&device, &wanted, &read).await.unwrap().form == device.project(&wanted));
}

#[tokio::test]
async fn a_newer_version_and_a_deletion_overrule_a_note() {
    for deletes in [false, true] {
        let world = world().await;
        let device = world.device();
        let made = create(&device, &series()).await;
        world.sim.plan(refused);
        update(&device, &daily(11, &[5], &[(3, 3)]), &made).await.unwrap_err();
        // The engine knows the version before the write, and looks when it is told that there is another.
        if deletes {
            assert_eq!(delete(&device, &made).await.unwrap_err().kind, ErrorKind::Conflict);
            let now = there(&device, &made.id).await;
            delete(&device, &now).await.unwrap();
            assert_eq!(fetch(&device, &made.id).await, Changed::Gone(made.id));
            continue;
        }
        let newer = daily(12, &[], &[]);
        assert_eq!(update(&device, &newer, &made).await.unwrap_err().kind, ErrorKind::Conflict);
        let now = there(&device, &made.id).await;
        assert!(update(&device, &newer, &now).await.unwrap().form == device.project(&newer));
        let one = single("series@almanac.example", "Group");
        let now = there(&device, &made.id).await;
        assert!(update(&device, &one, &now).await.unwrap().form == device.project(&one));
    }
}
