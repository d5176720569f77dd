//! The mark is on what we created, and on nothing that people made: what bears it may be purged.

use almanac_contract::{Attempt, Connector as _, Field, Form, Mark, Push, PushKey, Pushed, RemoteId, Value};
use almanac_outlook::Outlook;
use almanac_outlook::sim::CALENDAR;
use almanac_simulator::Fault;
use http::Method;
use serde_json::{Value as Json, json};

use crate::support::{World, calendar, create, form, mark, there, update, world};

fn at(day: u8, hour: u8) -> Json {
    json!({ "dateTime": format!("2026-03-{day:02}T{hour:02}:00:00"), "timeZone": "Europe/Vienna" })
}

/// What a person made in Outlook: a single event, and a daily series.
fn made_there(world: &World) -> [RemoteId; 2] {
    let single = json!({ "subject": "Theirs", "start": at(2, 9), "end": at(2, 10) });
    let recurrence = json!({
        "pattern": { "type": "daily", "interval": 1 },
        "range": { "type": "numbered", "startDate": "2026-03-02", "numberOfOccurrences": 6 },
    });
    let series =
        json!({ "subject": "Theirs", "start": at(2, 9), "end": at(2, 10), "recurrence": recurrence });
    [single, series].map(|event| RemoteId(world.sim.with(|graph| graph.create(CALENDAR, &event)).unwrap()))
}

fn titled(form: &Form, title: &str) -> Form {
    let mut form = form.clone();
    for part in form.parts.values_mut() {
        part.insert(Field::Summary, Value::Text(title.to_owned()));
    }
    form
}

/// What is left on an event, by the last word of each name.
fn left_on(world: &World, id: &RemoteId) -> Vec<String> {
    let event = world.sim.with(|graph| graph.event(&id.0)).unwrap();
    let all = event["singleValueExtendedProperties"].as_array().cloned().unwrap_or_default();
    all.iter().map(|one| one["id"].as_str().unwrap().rsplit(' ').next().unwrap().to_owned()).collect()
}

async fn found(device: &Outlook, form: &Form) -> bool {
    device.find(&calendar(), &PushKey("00".into()), &mark(form)).await.unwrap().is_some()
}

#[tokio::test]
async fn a_change_leaves_no_mark_on_what_a_person_made() {
    let world = world().await;
    let device = world.device();
    for id in made_there(&world) {
        let known = there(&device, &id).await;
        let now = update(&device, &titled(&known.form, "Ours"), &known).await.unwrap();
        assert_eq!(now.mark, None);
        assert!(there(&device, &id).await == now);
        assert!(left_on(&world, &id).iter().all(|name| name == "AlmanacZones" || name == "AlmanacRule"));
        assert!(!found(&device, &now.form).await);
    }
}

/// What a write leaves to be done is done also where no mark is.
#[tokio::test]
async fn a_series_of_a_person_is_moved_with_its_exceptions_though_the_write_was_broken_off() {
    let world = world().await;
    let device = world.device();
    let [_, id] = made_there(&world);
    let known = there(&device, &id).await;
    let wanted = form(&format!(
        "BEGIN:VEVENT\nUID:{uid}\nDTSTAMP:20260101T000000Z\nSUMMARY:Theirs\n\
         DTSTART;TZID=Europe/Vienna:20260302T110000\nDTEND;TZID=Europe/Vienna:20260302T120000\n\
         RRULE:FREQ=DAILY;COUNT=6\nEXDATE;TZID=Europe/Vienna:20260304T110000\nEND:VEVENT\n",
        uid = known.form.uid
    ));
    world.sim.plan(|request| {
        (request.method == Method::DELETE && request.path.contains(".o")).then_some(Fault::Lost)
    });
    update(&device, &wanted, &known).await.unwrap_err();
    world.sim.calm();
    let now = there(&device, &id).await;
    assert!(now.form.parts == device.project(&wanted).parts);
    assert_eq!(now.mark, None);
}

#[tokio::test]
async fn a_change_keeps_the_mark_of_another_link() {
    let world = world().await;
    let device = world.device();
    let event = crate::support::single("a@almanac.example", "A");
    let made = create(&device, &event).await;
    for title in ["B", "C"] {
        let known = there(&device, &made.id).await;
        let form = device.project(&titled(&known.form, title));
        let (mark, key) = (Mark { link: "link-2".into(), ..mark(&form) }, PushKey("0f".into()));
        let known =
            Some(almanac_contract::Known { id: &made.id, version: &known.version, form: &known.form });
        let (calendar, attempt) = (calendar(), Attempt::First);
        let push = Push { calendar: &calendar, known, form: &form, mark: &mark, key: &key, attempt };
        let Pushed::Written(now) = device.push(&push).await.unwrap() else { panic!("found") };
        assert_eq!(now.mark, made.mark);
        assert_eq!(there(&device, &made.id).await.mark, made.mark);
    }
}

/// Our change of a person's duplicate does not make the mark valid that was copied with it.
#[tokio::test]
async fn a_change_makes_no_mark_of_a_copied_one() {
    let world = world().await;
    let device = world.device();
    let made = create(&device, &crate::support::series()).await;
    let copy = RemoteId(world.sim.with(|graph| graph.copy(&made.id.0)).unwrap());
    let known = there(&device, &copy).await;
    let now = update(&device, &titled(&known.form, "Ours"), &known).await.unwrap();
    assert_eq!(now.mark, None);
    assert_eq!(there(&device, &copy).await.mark, None);
}
