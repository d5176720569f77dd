//! A link that shows only times must not take the rest from what people made.

use almanac_contract::{Connector as _, Field, Form, RemoteObject, Value};

use crate::support::{create, form, update, world};

/// The instance of a day at nine, from `hour` on.
fn instance(day: u8, hour: u8, more: &str) -> String {
    format!(
        "BEGIN:VEVENT\nUID:series@almanac.example\nDTSTAMP:20260101T000000Z\n\
         RECURRENCE-ID;TZID=Europe/Vienna:202603{day:02}T090000\n\
         DTSTART;TZID=Europe/Vienna:202603{day:02}T{hour:02}0000\n\
         DTEND;TZID=Europe/Vienna:202603{day:02}T{:02}0000\n{more}END:VEVENT\n",
        hour + 1
    )
}

fn series(hour: u8, more: &str, instances: &[String]) -> Form {
    form(&format!(
        "BEGIN:VEVENT\nUID:series@almanac.example\nDTSTAMP:20260101T000000Z\n\
         DTSTART;TZID=Europe/Vienna:20260302T{hour:02}0000\nDTEND;TZID=Europe/Vienna:20260302T{:02}0000\n\
         RRULE:FREQ=DAILY;COUNT=6\n{more}END:VEVENT\n{}",
        hour + 1,
        instances.concat()
    ))
}

fn busy(mut form: Form) -> Form {
    let is_of_time = |field: &Field| matches!(field, Field::Time | Field::Rule | Field::Except(_));
    form.parts.values_mut().for_each(|part| part.retain(|field, _| is_of_time(field)));
    form
}

fn known(object: RemoteObject) -> RemoteObject {
    RemoteObject { form: busy(object.form), ..object }
}

#[tokio::test]
async fn a_series_of_which_only_times_are_known_keeps_all_else_when_its_instances_are_moved() {
    let world = world().await;
    let device = world.device();
    let late = "SUMMARY:Late\nLOCATION:Cellar\n";
    let there = series(
        9,
        "SUMMARY:Group\nLOCATION:Hall\n",
        &[instance(4, 15, late), instance(5, 9, "SUMMARY:Another title\n")],
    );
    let made = known(create(&device, &there).await);
    let wanted = series(9, "", &[instance(4, 16, ""), instance(6, 11, "")]);
    let now = update(&device, &busy(wanted), &made).await.unwrap();
    let expected = series(
        9,
        "SUMMARY:Group\nLOCATION:Hall\n",
        &[
            instance(4, 16, late),
            instance(5, 9, "SUMMARY:Another title\n"),
            instance(6, 11, "SUMMARY:Group\nLOCATION:Hall\n"),
        ],
    );
    assert!(now.form == device.project(&expected));
    // The whole series an hour later: it has other instances then, and its name.
    let now = update(&device, &busy(series(10, "", &[])), &known(now)).await.unwrap();
    assert_eq!(now.form.parts.len(), 1);
    assert_eq!(now.form.master().unwrap().get(&Field::Summary), Some(&Value::Text("Group".into())));
}
