//! A vendor that asks for a pause gets it, and one that is out of order for a moment is asked again.

use almanac_harness::ics;
use almanac_simulator::{Fault, Reply};
use http::StatusCode;

use crate::played::{ACCOUNT, Played, google, linked, outlook};
use crate::practice::{link, status_of, sync_at_last, titles};

/// The vendor answers so many questions with this status and this `Retry-After`.
fn busy(vendor: &dyn Played, mut times: usize, status: u16, seconds: &'static str) {
    vendor.plan(Box::new(move |_| {
        let reply = Reply::new(StatusCode::from_u16(status).unwrap(), "{}").with("retry-after", seconds);
        times = times.checked_sub(1)?;
        Some(Fault::Answer(reply))
    }));
}

fn rests_as_long_as_it_is_asked_to(vendor: &dyn Played) {
    let (mut daemon, erika) = linked(vendor);
    let calendar = format!("{ACCOUNT}/{}", vendor.calendar());
    let second = format!("{}second/", erika.home());
    let _ = daemon.client(&erika).request("MKCALENDAR", &second).send().expect(201);
    link(&daemon, &calendar, "erika/second", "pull");
    sync_at_last(&daemon);
    vendor.seen();
    busy(vendor, 1, 429, "3600");
    let said = daemon.cli(&["sync", "now"]).failed(1);
    assert!(said.contains("asks for a pause"), "{said}");
    assert_eq!(vendor.seen().len(), 1, "the other link does not ask either");
    assert!(status_of(&daemon, ACCOUNT)["throttled_until"].is_string());
    for _ in 0..2 {
        let _ = daemon.cli(&["sync", "now"]).failed(1);
        daemon.restart();
        let status = status_of(&daemon, ACCOUNT);
        assert!(status["state"] == "throttled" && status["throttled_until"].is_string(), "{status}");
    }
    assert_eq!(vendor.seen().len(), 0, "neither a person nor a restart makes the pause shorter");
}

#[test]
fn a_pause_that_google_asks_for_counts_for_all_links_and_outlives_a_restart() {
    rests_as_long_as_it_is_asked_to(&google());
}

#[test]
fn a_pause_that_graph_asks_for_counts_for_all_links_and_outlives_a_restart() {
    rests_as_long_as_it_is_asked_to(&outlook());
}

#[test]
fn a_sync_goes_on_when_the_vendor_was_out_of_order_for_a_moment() {
    let vendor = google();
    let (daemon, erika) = linked(&vendor);
    let text = ics::event("here@practice.example", "Here", "20261202T090000Z");
    let _ = daemon.client(&erika).put(&erika.object("here.ics"), text).expect(201);
    vendor.make("There", 9);
    for (status, seconds) in [(503, "0"), (429, "1"), (500, "0")] {
        busy(&vendor, 2, status, seconds);
        let _ = daemon.cli(&["sync", "now"]).ok();
    }
    assert_eq!(vendor.titles(), ["Here", "There"]);
    assert_eq!(titles(&daemon, &erika), ["Here", "There"]);
}

#[test]
fn a_whole_comparison_is_begun_again_as_one_after_a_fault() {
    let vendor = google();
    let (daemon, _) = linked(&vendor);
    vendor.seen();
    busy(&vendor, 1, 503, "0");
    let _ = daemon.cli(&["sync", "now", "--full"]).ok();
    let seen = vendor.seen();
    let whole = |query: &str| !query.contains("syncToken");
    let listings: Vec<bool> = seen
        .iter()
        .filter(|seen| seen.request.path.ends_with("/events"))
        .map(|seen| whole(&seen.request.query))
        .collect();
    assert!(listings.len() >= 2 && listings[0] && listings[1], "{listings:?}");
}
