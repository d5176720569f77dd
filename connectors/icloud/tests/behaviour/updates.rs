//! What a change leaves as it is: the store may know less of an object than the server has.

use almanac_contract::{
    Attempt, Changed, Connector as _, Field, Form, Instance, Moment, RemoteId, RemoteObject, Value,
};
use almanac_icloud::sim::{Habits, Server};
use almanac_icloud::{CalDav, Scheduling};
use almanac_simulator::Simulator;
use jiff::civil::{DateTime, date};

use crate::account::{account, event, form_of, server, work, write, written};

const NAME: &str = "made-by-a-person.ics";

const HIDDEN: &str = "SUMMARY:Jane Doe\r\nDESCRIPTION:Knee\r\nLOCATION:Room 3\r\nCATEGORIES:Surgery\r\n\
    ORGANIZER:mailto:ada@almanac.example\r\nATTENDEE;PARTSTAT=ACCEPTED:mailto:jane@almanac.example\r\n\
    BEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT15M\r\nDESCRIPTION:Jane\r\nEND:VALARM\r\n";

/// An object that somebody made at the server, and all there is known of it.
async fn made_there(text: &str, scheduling: Scheduling) -> (Simulator<Server>, CalDav, RemoteObject) {
    let schedules = scheduling == Scheduling::Server;
    let server = server(Habits { schedules, ..Habits::default() }).await;
    let account = account(&server.url(), scheduling);
    server.with(|server| server.put("work", NAME, text.as_bytes()));
    let id = RemoteId(format!("{}{NAME}", Server::path("work")));
    let known = match account.fetch(&work(), &[id]).await.unwrap().remove(0) {
        Changed::Now(known) => *known,
        other => panic!("{other:?}"),
    };
    (server, account, known)
}

fn text(server: &Simulator<Server>) -> String {
    String::from_utf8(server.with(|server| server.octets("work", NAME)).unwrap()).unwrap()
}

/// A form of which a link lets nothing be seen but when it is.
fn busy(form: &Form) -> Form {
    let mut form = form.clone();
    let timely = |field: &Field| matches!(field, Field::Time | Field::Rule | Field::Except(_));
    form.parts.values_mut().for_each(|part| part.retain(|field, _| timely(field)));
    form
}

fn at(day: i8, hour: i8) -> DateTime {
    date(2026, 3, day).at(hour, 0, 0, 0)
}

fn span(day: i8, hour: i8) -> Value {
    Value::Span(Moment::Utc(at(day, hour)), Moment::Utc(at(day, hour + 1)))
}

/// Moves a part, or makes an instance at another time.
fn moved(form: &Form, instance: Instance, to: Value) -> Form {
    let mut form = form.clone();
    form.parts.entry(instance).or_default().insert(Field::Time, to);
    form
}

#[tokio::test]
async fn an_event_of_which_only_times_are_known_keeps_all_else_when_it_is_moved() {
    for scheduling in [Scheduling::None, Scheduling::Server] {
        let (server, account, known) = made_there(&event("a@example", HIDDEN), scheduling).await;
        let known = RemoteObject { form: busy(&known.form), ..known };
        let form = moved(&known.form, Instance::Master, span(5, 14));
        let now = written(write(&account, &form, Some(&known), Attempt::First).await);
        let text = text(&server);
        for line in HIDDEN.lines().chain(["DTSTART:20260305T140000Z", "DTEND:20260305T150000Z"]) {
            assert!(text.contains(line), "{scheduling:?}: {line}");
        }
        assert!(now.form.master().unwrap().contains_key(&Field::Summary), "what is told of it is all of it");
    }
}

#[tokio::test]
async fn an_instance_of_which_only_times_are_known_has_all_else_of_its_series_when_it_is_moved() {
    for scheduling in [Scheduling::None, Scheduling::Server] {
        let series = event("a@example", &format!("RRULE:FREQ=DAILY;COUNT=5\r\n{HIDDEN}"));
        let (server, account, known) = made_there(&series, scheduling).await;
        let known = RemoteObject { form: busy(&known.form), ..known };
        let instance = Instance::At(Moment::Utc(at(4, 9)));
        let form = moved(&known.form, instance.clone(), span(4, 14));
        let now = written(write(&account, &form, Some(&known), Attempt::First).await);
        let part = now.form.parts.get(&instance).unwrap();
        assert_eq!(part.get(&Field::Summary), Some(&Value::Text("Jane Doe".into())));
        assert_eq!(part.keys().filter(|field| matches!(field, Field::Attendee(_))).count(), 1);
        assert_eq!(part.keys().filter(|field| matches!(field, Field::Alarm(..))).count(), 1);
        assert!(!part.contains_key(&Field::Rule));
        // Moved once more, and then as its series again.
        let known = RemoteObject { form: busy(&now.form), ..now };
        let again = moved(&known.form, instance.clone(), span(4, 16));
        let now = written(write(&account, &again, Some(&known), Attempt::First).await);
        assert_eq!(text(&server).matches("SUMMARY:Jane Doe").count(), 2);
        let known = RemoteObject { form: busy(&now.form), ..now };
        let mut plain = known.form.clone();
        plain.parts.remove(&instance);
        let now = written(write(&account, &plain, Some(&known), Attempt::First).await);
        assert!(!now.form.parts.contains_key(&instance));
        assert_eq!(text(&server).matches("SUMMARY:Jane Doe").count(), 1);
    }
}

#[tokio::test]
async fn what_is_known_and_not_wanted_is_taken_away() {
    let (server, account, known) = made_there(&event("a@example", HIDDEN), Scheduling::None).await;
    let mut form = known.form.clone();
    form.parts.get_mut(&Instance::Master).unwrap().retain(|field, _| *field == Field::Time);
    let now = written(write(&account, &form, Some(&known), Attempt::First).await);
    assert!(now.form == form);
    for name in ["SUMMARY", "LOCATION", "ATTENDEE", "VALARM"] {
        assert!(!text(&server).contains(name), "{name}");
    }
    assert!(form_of(&text(&server)) == form);
}

#[tokio::test]
async fn a_change_leaves_no_mark_on_what_a_person_made_and_keeps_that_of_another_link() {
    for (line, link) in [("", None), ("X-ALMANAC-LINK:lnk_2 a@example\r\n", Some("lnk_2"))] {
        let lines = format!("{line}SUMMARY:A\r\n");
        let (server, account, known) = made_there(&event("a@example", &lines), Scheduling::None).await;
        let form = moved(&known.form, Instance::Master, span(5, 14));
        let now = written(write(&account, &form, Some(&known), Attempt::First).await);
        assert_eq!(now.mark.map(|mark| mark.link).as_deref(), link);
        assert_eq!(text(&server).matches("X-ALMANAC-LINK").count(), usize::from(link.is_some()));
    }
}

#[tokio::test]
async fn a_changed_instance_does_not_take_the_mark_of_its_series_with_it() {
    let (server, account, _) = made_there(&event("other@example", ""), Scheduling::None).await;
    let series = form_of(&event("a@example", "SUMMARY:A\r\nRRULE:FREQ=DAILY;COUNT=5\r\n"));
    let made = written(write(&account, &series, None, Attempt::First).await);
    let mut form = moved(&series, Instance::At(Moment::Utc(at(4, 9))), span(4, 14));
    let title = (Field::Summary, Value::Text("A".into()));
    form.parts.values_mut().for_each(|part| part.extend([title.clone()]));
    let now = written(write(&account, &form, Some(&made), Attempt::First).await);
    assert!(now.form == form && now.mark == made.mark);
    let name = made.id.0.rsplit('/').next().unwrap();
    let text = String::from_utf8(server.with(|server| server.octets("work", name)).unwrap()).unwrap();
    assert_eq!(text.matches("X-ALMANAC-LINK").count(), 1);
}
