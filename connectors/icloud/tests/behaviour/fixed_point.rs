//! Whatever is written under the projection reads back as it was written, created or changed from anything else.

use almanac_contract::{Attempt, Changed, Connector as _, Form};
use almanac_icloud::Scheduling;
use almanac_icloud::sim::Habits;
use proptest::prelude::*;

use crate::account::{account, event, form_of, server, work, write, written};

fn line() -> impl Strategy<Value = String> {
    let text = "[a-zA-Z0-9 ü€😀]{1,70}[a-z]";
    prop_oneof![
        text.prop_map(|text| format!("SUMMARY:{text}")),
        text.prop_map(|text| format!("DESCRIPTION:{text}\\n\\, {text}")),
        text.prop_map(|text| format!("LOCATION:{text}")),
        "[a-z]{1,6}".prop_map(|text| format!("CATEGORIES:{text},Work")),
        "[a-z]{1,6}"
            .prop_map(|name| format!("ATTENDEE;CN={name};PARTSTAT=ACCEPTED:mailto:{name}@example.org")),
        Just("ORGANIZER:mailto:ada@almanac.example".to_owned()),
        Just("TRANSP:TRANSPARENT".to_owned()),
        Just("STATUS:TENTATIVE".to_owned()),
        Just("CLASS:PRIVATE".to_owned()),
        Just("RRULE:FREQ=DAILY;COUNT=9".to_owned()),
        "[A-Z]{1,6}".prop_map(|name| format!("X-{name};X-P=1:a\\,b")),
        (1..60_u8).prop_map(|minutes| format!(
            "BEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT{minutes}M\r\nDESCRIPTION:A\r\nEND:VALARM"
        )),
        (4..9_u8).prop_map(|day| format!("EXDATE:202603{day:02}T090000Z")),
        (10..20_u8).prop_map(|day| format!("RDATE:202603{day:02}T090000Z")),
    ]
}

/// Properties that an event has once at most.
const ONCE: [&str; 8] =
    ["SUMMARY", "DESCRIPTION", "LOCATION", "ORGANIZER", "TRANSP", "STATUS", "CLASS", "RRULE"];

fn form() -> impl Strategy<Value = Form> {
    proptest::collection::vec(line(), 0..12).prop_map(|lines| {
        let mut kept: Vec<String> = Vec::new();
        for line in lines {
            let name = line.split([':', ';']).next().unwrap().to_owned();
            let there = kept.iter().any(|other| other.starts_with(&name));
            if !(there && ONCE.contains(&name.as_str())) {
                kept.push(line);
            }
        }
        // Components come after properties.
        kept.sort_by_key(|line| line.starts_with("BEGIN"));
        let text: String = kept.iter().map(|line| format!("{line}\r\n")).collect();
        form_of(&event("a@example", &text))
    })
}

async fn reads_back(scheduling: Scheduling, first: Form, second: Form) {
    let habits = Habits { schedules: scheduling == Scheduling::Server, ..Habits::default() };
    let server = server(habits).await;
    let account = account(&server.url(), scheduling);
    let mut known = None;
    for form in [account.project(&first), account.project(&second)] {
        let made = written(write(&account, &form, known.as_ref(), Attempt::First).await);
        assert!(made.form == form, "as it was answered");
        let Changed::Now(read) =
            account.fetch(&work(), std::slice::from_ref(&made.id)).await.unwrap().remove(0)
        else {
            panic!()
        };
        assert!(read.form == form, "as it was read");
        assert!(account.project(&read.form) == read.form, "the projection changes nothing more");
        known = Some(made);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_reads_back_as_it_was_written(first in form(), second in form(), schedules in any::<bool>()) {
        let scheduling = if schedules { Scheduling::Server } else { Scheduling::None };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(reads_back(scheduling, first, second));
    }
}
