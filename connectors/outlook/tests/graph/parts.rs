//! What is said of a series of which only a part was written.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use almanac_contract::{Attempt, ErrorKind, Retry};
use almanac_simulator::{Fault, Reply};
use http::{Method, StatusCode};
use jiff::SignedDuration;

use crate::support::{create, form, push, series, world};

/// The series an hour later, with an instance cancelled that was moved, and one back that was cancelled.
fn later() -> almanac_contract::Form {
    form(
        "BEGIN:VEVENT\nUID:series@almanac.example\nDTSTAMP:20260101T000000Z\nSUMMARY:Group\n\
         DTSTART;TZID=Europe/Vienna:20260302T100000\nDTEND;TZID=Europe/Vienna:20260302T110000\n\
         RRULE:FREQ=DAILY;COUNT=6\nEXDATE;TZID=Europe/Vienna:20260303T100000\nEND:VEVENT\n",
    )
}

/// The same times, with the cancelled instance back.
fn revived() -> almanac_contract::Form {
    form(
        "BEGIN:VEVENT\nUID:series@almanac.example\nDTSTAMP:20260101T000000Z\nSUMMARY:Group\n\
         DTSTART;TZID=Europe/Vienna:20260302T090000\nDTEND;TZID=Europe/Vienna:20260302T100000\n\
         RRULE:FREQ=DAILY;COUNT=6\nEND:VEVENT\n",
    )
}

#[tokio::test]
async fn an_error_after_a_part_of_a_series_was_written_says_that_something_was() {
    for (before, after) in [
        (None, series()),
        (Some(series()), later()),
        (Some(series()), revived()),
        (Some(revived()), series()),
    ] {
        for (status, expected) in
            [(429, ErrorKind::Throttled), (503, ErrorKind::Unavailable), (401, ErrorKind::NeedsSignIn)]
        {
            let mut parts = 0;
            for stop in 0.. {
                let world = world().await;
                let device = world.device();
                let known = match &before {
                    Some(before) => Some(create(&device, before).await),
                    None => None,
                };
                let (asked, written) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
                let (counted, wrote) = (Arc::clone(&asked), Arc::clone(&written));
                world.sim.plan(move |request| {
                    let graph = !request.path.contains("/oauth2/");
                    if graph && counted.fetch_add(1, Ordering::SeqCst) >= stop {
                        let reply = Reply::new(StatusCode::from_u16(status).unwrap(), "{}");
                        return Some(Fault::Answer(reply.with("retry-after", "37")));
                    }
                    wrote.fetch_add(usize::from(graph && request.method != Method::GET), Ordering::SeqCst);
                    None
                });
                let Err(error) = push(&device, &after, known.as_ref(), Attempt::First).await else { break };
                if written.load(Ordering::SeqCst) == 0 {
                    assert_eq!(error.kind, expected, "{status} at {stop}");
                    continue;
                }
                parts += 1;
                assert_eq!(error.kind, ErrorKind::Unclear, "{status} at {stop}");
                let after = error.retry == Retry::After(SignedDuration::from_secs(37));
                assert_eq!(after, status != 401, "{status} at {stop}");
            }
            assert!(parts >= 2, "{parts} writes were followed by another request");
        }
    }
}
