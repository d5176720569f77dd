//! What is sent when an event is created or changed.

use almanac_contract::{
    Attempt, Connector as _, ErrorKind, Field, Instance, Mark, PushKey, Pushed, Role, Value,
};
use almanac_outlook::sim::CALENDAR;
use almanac_simulator::Fault;
use http::Method;
use serde_json::{Value as Json, json};

use crate::support::{calendar, create, delete, fetch, mark, push, series, single, there, update, world};

fn meeting() -> Json {
    json!({
        "subject": "Meeting", "showAs": "oof", "body": { "contentType": "html", "content": "<p>Please <b>come</b></p>" },
        "start": { "dateTime": "2026-03-02T09:00:00", "timeZone": "W. Europe Standard Time" },
        "end": { "dateTime": "2026-03-02T10:00:00", "timeZone": "W. Europe Standard Time" },
        "attendees": [
            { "type": "required", "emailAddress": { "name": "Ben", "address": "ben@almanac.example" } },
            { "type": "optional", "emailAddress": { "name": "Cleo", "address": "cleo@almanac.example" } },
        ],
    })
}

/// Pitfall 2, 9: an answer that was lost is looked up, and nothing is made twice.
#[tokio::test]
async fn a_creation_whose_answer_was_lost_is_found_again() {
    let world = world().await;
    let device = world.device();
    world.sim.plan(|request| {
        (request.method == Method::POST && request.path.ends_with("/events")).then_some(Fault::DoneAndLost)
    });
    let event = single("a@almanac.example", "A");
    let error = push(&device, &event, None, Attempt::First).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unclear);
    world.sim.calm();
    let Pushed::Found(found) = push(&device, &event, None, Attempt::Again).await.unwrap() else { panic!() };
    assert_eq!(found.mark, Some(mark(&event)));
    // One who forgot that he has tried is told the same by the transaction.
    let again = push(&device, &event, None, Attempt::First).await.unwrap();
    let (Pushed::Written(object) | Pushed::Found(object)) = again;
    assert_eq!(object.id, found.id);
    assert_eq!(world.sim.with(|graph| graph.ids(CALENDAR)).len(), 1);
}

#[tokio::test]
async fn a_foreign_event_with_our_digest_and_another_mark_is_not_taken_for_ours() {
    let world = world().await;
    let device = world.device();
    let event = single("a@almanac.example", "A");
    create(&device, &event).await;
    let other = Mark { link: "link-2".into(), uid: event.uid.clone() };
    assert!(device.find(&calendar(), &PushKey("00".into()), &other).await.unwrap().is_none());
}

/// Pitfall 2: a duplicate of our event is another event, though it has everything that we left on ours.
#[tokio::test]
async fn a_copy_that_a_person_makes_is_not_taken_for_ours() {
    let world = world().await;
    let device = world.device();
    let event = single("a@almanac.example", "A");
    let mut made = create(&device, &event).await;
    for title in ["B", "C"] {
        let copy = world.sim.with(|graph| graph.copy(&made.id.0)).unwrap();
        let copied = there(&device, &almanac_contract::RemoteId(copy)).await;
        assert_eq!(copied.mark, None);
        assert_ne!(copied.form.uid, event.uid);
        let found = device.find(&calendar(), &PushKey("00".into()), &mark(&event)).await.unwrap();
        assert_eq!(found.unwrap().id, made.id);
        made = update(&device, &single("a@almanac.example", title), &made).await.unwrap();
    }
}

/// Pitfall 59 to 61, 66: what a change does not concern stays as it is at the vendor, and nobody is invited by us.
#[tokio::test]
async fn guests_bodies_and_states_of_others_stay_when_a_title_changes() {
    let world = world().await;
    let device = world.device();
    let id = world.sim.with(|graph| graph.create(CALENDAR, &meeting())).unwrap();
    let invited = world.sim.with(|graph| std::mem::take(&mut graph.mails));
    assert_eq!(invited.all(), 2, "Outlook has invited them");
    let known = there(&device, &almanac_contract::RemoteId(id.clone())).await;
    assert_eq!((known.mails, known.role), (2, Role::Owner), "a change would mail both");
    let part = known.form.parts.get(&Instance::Master).unwrap();
    assert!(part.contains_key(&Field::Attendee("ben@almanac.example".into())));
    assert_eq!(part.get(&Field::Description), Some(&Value::Text("Please come".into())));
    let mut form = known.form.clone();
    let title = Value::Text("Another title".into());
    form.parts.get_mut(&Instance::Master).unwrap().insert(Field::Summary, title);
    world.sim.take_seen();
    update(&device, &form, &known).await.unwrap();
    let sent = world.sim.take_seen();
    let patch = sent.iter().find(|seen| seen.request.method == Method::PATCH).unwrap();
    let body: Json = serde_json::from_slice(&patch.request.body).unwrap();
    let names: Vec<&String> = body.as_object().unwrap().keys().collect();
    assert_eq!(names, ["singleValueExtendedProperties", "subject"]);
    assert_eq!(patch.request.header("if-match"), Some(known.version.0.as_str()));
    let now = world.sim.with(|graph| graph.event(&id)).unwrap();
    assert_eq!((&now["showAs"], now["attendees"].as_array().unwrap().len()), (&json!("oof"), 2));
    assert_eq!(world.sim.with(|graph| graph.mails.all()), 2, "as many as were announced");
}

/// Pitfall 103: a reminder that the mailbox would add by itself is not asked for.
#[tokio::test]
async fn an_event_without_an_alarm_gets_none_from_the_mailbox() {
    let world = world().await;
    let device = world.device();
    let made = create(&device, &single("a@almanac.example", "A")).await;
    let now = world.sim.with(|graph| graph.event(&made.id.0)).unwrap();
    assert_eq!(now["isReminderOn"], json!(false));
}

/// Immutable ids, UTC and plain texts are asked for with every request: none of it is remembered by the service.
#[tokio::test]
async fn every_request_says_what_it_prefers() {
    let world = world().await;
    let device = world.device();
    let known = create(&device, &series()).await;
    let one = create(&device, &single("a@almanac.example", "A")).await;
    device.fetch(&calendar(), &[known.id.clone(), one.id.clone()]).await.unwrap();
    crate::support::list(&device, None).await.unwrap();
    delete(&device, &known).await.unwrap();
    for seen in world.sim.take_seen().iter().filter(|seen| !seen.request.path.contains("/oauth2/")) {
        let prefer = seen.request.header("prefer").unwrap_or_default();
        for wish in
            ["IdType=\"ImmutableId\"", "outlook.timezone=\"UTC\"", "outlook.body-content-type=\"text\""]
        {
            assert!(prefer.contains(wish), "{} {}", seen.request.method, seen.request.path);
        }
        let body: Json = serde_json::from_slice(&seen.request.body).unwrap_or(Json::Null);
        for inner in body["requests"].as_array().into_iter().flatten() {
            assert!(inner["headers"]["Prefer"].as_str().unwrap().contains("ImmutableId"));
        }
    }
}

/// No name, UID or text of an event is in a URL, which others log.
#[tokio::test]
async fn nothing_of_an_event_is_in_a_url() {
    let world = world().await;
    let device = world.device();
    let event = single("canary-uid@almanac.example", "canary");
    create(&device, &event).await;
    push(&device, &event, None, Attempt::Again).await.unwrap();
    for seen in world.sim.take_seen() {
        assert!(!seen.request.path.contains("canary") && !seen.request.query.contains("canary"));
    }
}

#[tokio::test]
async fn a_calendar_that_may_only_be_read_is_not_written_to() {
    let world = world().await;
    let device = world.device();
    world.sim.with(|graph| graph.add_calendar("shared", "Shared", false));
    let event = device.project(&single("a@almanac.example", "A"));
    let (mark, key) = (mark(&event), PushKey("00".into()));
    let shared = almanac_contract::CalendarId("shared".into());
    let push = almanac_contract::Push {
        calendar: &shared,
        known: None,
        form: &event,
        mark: &mark,
        key: &key,
        attempt: Attempt::First,
    };
    assert_eq!(device.push(&push).await.unwrap_err().kind, ErrorKind::Forbidden);
}

/// One request for a change of a single event, none for one that changes nothing but a look.
#[tokio::test]
async fn a_change_of_a_single_event_takes_one_request() {
    let world = world().await;
    let device = world.device();
    let made = create(&device, &single("a@almanac.example", "A")).await;
    world.asked();
    let now = update(&device, &single("a@almanac.example", "B"), &made).await.unwrap();
    assert_eq!(world.asked().len(), 1);
    let same = update(&device, &single("a@almanac.example", "B"), &now).await.unwrap();
    assert_eq!(same.version, now.version);
    assert!(world.asked().iter().all(|asked| asked.starts_with("GET ")));
    assert_eq!(fetch(&device, &made.id).await, almanac_contract::Changed::Now(Box::new(now)));
}

/// A transaction that is taken though nothing bears the mark any more made what was deleted since.
#[tokio::test]
async fn a_transaction_of_what_was_deleted_is_spent() {
    let world = world().await;
    let device = world.device();
    let body = r#"{"error":{"code":"ErrorDuplicateTransactionId"}}"#;
    world.sim.plan(move |request| {
        let creates = request.method == Method::POST && request.path.ends_with("/events");
        creates.then(|| Fault::Answer(almanac_simulator::Reply::new(http::StatusCode::CONFLICT, body)))
    });
    let error = push(&device, &single("a@almanac.example", "A"), None, Attempt::First).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Gone);
}
