//! A calendar here and one at Google or Outlook are kept equal, also when the daemon is killed between two calls.

use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use almanac_harness::{Daemon, Person, ics};
use almanac_simulator::Fault;

use crate::played::{ACCOUNT, Played, google, linked, outlook};
use crate::practice::{named, status_of, sync, sync_at_last, titles, writes};

/// How late an answer is that nobody waits for.
const LATE: Duration = Duration::from_secs(5);

fn event(uid: &str, title: &str) -> String {
    ics::event(uid, title, "20261202T090000Z")
}

/// A weekly series whose second instance has another title, and whose third is cancelled.
fn series(uid: &str, title: &str) -> String {
    let head = format!("BEGIN:VEVENT\nUID:{uid}\nDTSTAMP:20261101T080000Z\nDURATION:PT1H\n");
    ics::calendar(&format!(
        "{head}SUMMARY:{title}\nDTSTART:20261203T090000Z\nRRULE:FREQ=WEEKLY;COUNT=5\nEXDATE:20261217T090000Z\nEND:VEVENT\n\
         {head}SUMMARY:{title} moved\nRECURRENCE-ID:20261210T090000Z\nDTSTART:20261211T100000Z\nEND:VEVENT\n"
    ))
}

fn converges_and_then_writes_nothing(vendor: &dyn Played) {
    let (daemon, erika) = linked(vendor);
    let client = daemon.client(&erika);
    let _ = client.put(&erika.object("here.ics"), event("here@practice.example", "Here")).expect(201);
    let _ = client.put(&erika.object("series.ics"), series("series@practice.example", "Series")).expect(201);
    let there = vendor.make("There", 9);
    sync_at_last(&daemon);
    assert_eq!(titles(&daemon, &erika), ["Here", "Series", "There"]);
    assert_eq!(vendor.titles(), ["Here", "Series", "There"]);

    vendor.retitle(&there, "There later");
    let _ = client.put(&erika.object("here.ics"), event("here@practice.example", "Here later")).expect(204);
    let copy = vendor.events().into_iter().find(|(_, title)| title == "Series").unwrap().0;
    vendor.retitle(&copy, "Series later");
    sync_at_last(&daemon);
    assert_eq!(titles(&daemon, &erika), ["Here later", "Series later", "There later"]);
    assert_eq!(vendor.titles(), ["Here later", "Series later", "There later"]);

    vendor.seen();
    for _ in 0..2 {
        assert_eq!(writes(&sync(&daemon)), 0);
    }
    let written = |seen: &almanac_simulator::Seen| {
        !vendor.is_token(&seen.request)
            && seen.request.method != "GET"
            && !seen.request.path.contains("$batch")
    };
    assert_eq!(vendor.seen().iter().filter(|seen| written(seen)).count(), 0);

    let _ = client.delete(&erika.object("here.ics")).expect(204);
    vendor.remove(&there);
    sync_at_last(&daemon);
    assert_eq!(titles(&daemon, &erika), ["Series later"]);
    assert_eq!((vendor.titles(), vendor.mails()), (vec!["Series later".to_owned()], 0));
}

#[test]
fn a_calendar_at_google_and_one_here_become_equal_and_then_nothing_is_written() {
    converges_and_then_writes_nothing(&google());
}

#[test]
fn a_calendar_at_outlook_and_one_here_become_equal_and_then_nothing_is_written() {
    converges_and_then_writes_nothing(&outlook());
}

/// When the daemon is killed.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Moment {
    /// The vendor has not done what it was asked.
    Before,
    /// It has, and the answer is on its way.
    After,
}

/// Stops the daemon's `nth` request from now on, and those behind it. Says so when it has come; what it is told then, the
/// vendor does.
fn stop_at(vendor: &dyn Played, nth: usize, moment: Moment) -> Receiver<()> {
    let (told, came) = sync_channel(1);
    let mut count = 0;
    vendor.plan(Box::new(move |_| {
        count += 1;
        if count < nth {
            return None;
        }
        let _ = told.try_send(());
        Some(match moment {
            // The connection that a dead program left: nobody reads this.
            Moment::Before => Fault::Answer(almanac_simulator::Reply::new(http::StatusCode::BAD_GATEWAY, "")),
            Moment::After => Fault::Late(LATE),
        })
    }));
    came
}

/// Makes, changes and deletes on both sides.
fn work(daemon: &Daemon, erika: &Person, vendor: &dyn Played, round: usize) {
    let client = daemon.client(erika);
    let name = |what: &str| erika.object(&format!("{what}-{round}.ics"));
    let uid = |what: &str, round: usize| format!("{what}-{round}@practice.example");
    let _ = client.put(&name("new"), event(&uid("new", round), &format!("New {round}"))).expect(201);
    let _ =
        client.put(&name("series"), series(&uid("series", round), &format!("Series {round}"))).expect(201);
    vendor.make(&format!("There {round}"), 8 + round % 12);
    if round > 0 {
        let before = round - 1;
        let renamed = event(&uid("new", before), &format!("New {before} later"));
        let _ = client.put(&erika.object(&format!("new-{before}.ics")), renamed).expect(204);
    }
    // Few: many in an hour would be held for a person.
    if round % 4 == 2 && round < 16 {
        let before = round - 1;
        let there = named(daemon, erika, &format!("There {before}"));
        let _ = client.delete(&erika.object(&there)).expect(204);
    }
}

fn is_never_torn(vendor: &dyn Played) {
    let (mut daemon, erika) = linked(vendor);
    let mut kills = 0;
    for round in 0.. {
        let moment = if round % 2 == 0 { Moment::After } else { Moment::Before };
        let came = stop_at(vendor, 1 + round, moment);
        work(&daemon, &erika, vendor, round);
        let mut running = daemon.begin_cli(&["sync", "now"]);
        let reached = loop {
            match came.recv_timeout(Duration::from_millis(20)) {
                Ok(()) => break true,
                Err(RecvTimeoutError::Timeout) if running.try_wait().unwrap().is_none() => {}
                Err(_) => break came.try_recv().is_ok(),
            }
        };
        if reached {
            daemon.kill9();
            kills += 1;
        }
        running.wait().unwrap();
        vendor.calm();
        if reached {
            daemon.boot();
        }
        sync_at_last(&daemon);
        assert_eq!(titles(&daemon, &erika), vendor.titles(), "killed {moment:?} request {}", 1 + round);
        assert_eq!(vendor.mails(), 0);
        if !reached {
            break;
        }
    }
    println!("killed {kills} times");
    assert!(kills >= 5, "it was killed {kills} times only");
    assert_eq!(status_of(&daemon, ACCOUNT)["parked"], 0);
    assert_eq!(writes(&sync(&daemon)), 0);
}

#[test]
fn a_kill_between_any_two_calls_to_google_duplicates_nothing() {
    is_never_torn(&google());
}

#[test]
fn a_kill_between_any_two_calls_to_outlook_duplicates_nothing() {
    is_never_torn(&outlook());
}
