//! Vendors call: what changed there arrives at once, and whoever only pretends to be a vendor achieves nothing.

use std::time::{Duration, Instant};

use almanac_harness::{Client, Daemon, Person, Response};

use crate::played::{ACCOUNT, Call, Played, add, google, now, outlook};
use crate::practice::{link, options, practice, status_of, sync_at_last};

const PATIENCE: Duration = Duration::from_secs(30);

/// Changes of which the reaction is measured.
const MEASURED: usize = 100;

/// Asks until the answer is yes.
fn await_that(what: &str, mut is: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A daemon that asks its vendor for nothing by itself, but is called.
fn called(vendor: &dyn Played) -> (Daemon, Person) {
    polling(vendor, "1h")
}

/// A daemon that asks at intervals, and is called.
fn polling(vendor: &dyn Played, poll: &str) -> (Daemon, Person) {
    let options = options().set("sync.poll", poll).set("sync.hooks_url", "https://practice.example");
    let (daemon, erika) = practice(options);
    let _ = add(&daemon, vendor).ok();
    link(&daemon, &format!("{ACCOUNT}/{}", vendor.calendar()), "erika/calendar", "two-way");
    await_that("no channel was opened", || vendor.channels() == 1);
    await_that("the channel is not known", || !status_of(&daemon, ACCOUNT)["channel_expires"].is_null());
    sync_at_last(&daemon);
    for call in vendor.calls() {
        let _ = deliver(&daemon.anonymous(), &call).expect(202);
    }
    (daemon, erika)
}

/// Calls as the vendor does.
fn deliver(client: &Client, call: &Call) -> Response {
    let mut request = client.request("POST", &call.path).body(&call.body);
    for (name, value) in &call.headers {
        request = request.header(name, value);
    }
    request.send()
}

/// How many events there are here.
fn count(daemon: &Daemon, erika: &Person) -> usize {
    daemon.client(erika).members(&erika.calendar()).len()
}

fn arrives_when_the_vendor_calls(vendor: &dyn Played) {
    let (daemon, erika) = called(vendor);
    let client = daemon.anonymous();
    let mut took = Vec::new();
    for n in 0..MEASURED {
        vendor.make(&format!("There {n}"), 6 + n % 12);
        let calls = vendor.calls();
        assert!(!calls.is_empty(), "the vendor has something to say");
        let begun = Instant::now();
        for call in &calls {
            let _ = deliver(&client, call).expect(202);
        }
        await_that("the event did not come", || count(&daemon, &erika) == n + 1);
        took.push(begun.elapsed());
    }
    took.sort();
    println!(
        "from a call of {} to the event here: p50 {:?}, p99 {:?}",
        vendor.kind(),
        took[MEASURED / 2],
        took[MEASURED * 99 / 100]
    );
}

#[test]
fn what_changes_at_google_arrives_when_google_calls() {
    arrives_when_the_vendor_calls(&google());
}

#[test]
fn what_changes_at_outlook_arrives_when_graph_calls() {
    arrives_when_the_vendor_calls(&outlook());
}

/// The calls of the vendor, each with one part of its proof wrong.
fn forged(call: &Call) -> Vec<Call> {
    let headers = ["x-goog-channel-id", "x-goog-channel-token", "x-goog-resource-id"];
    let by_header = headers.into_iter().filter(|name| call.headers.iter().any(|(other, _)| other == name));
    let mut forged: Vec<Call> = by_header
        .map(|name| {
            let mut other = call.clone();
            other
                .headers
                .iter_mut()
                .filter(|(other, _)| other == name)
                .for_each(|(_, value)| value.push('0'));
            other
        })
        .collect();
    for name in ["subscriptionId", "clientState"] {
        let Ok(mut body) = serde_json::from_str::<serde_json::Value>(&call.body) else { continue };
        body["value"][0][name] = "of somebody else".into();
        forged.push(Call { body: body.to_string(), ..call.clone() });
    }
    let other = if call.path.ends_with("google") { "graph" } else { "google" };
    forged.push(Call { path: format!("/hooks/{other}"), ..call.clone() });
    forged.push(Call { headers: Vec::new(), body: "{}".to_owned(), ..call.clone() });
    forged
}

fn is_not_deceived(vendor: &dyn Played) {
    let (daemon, erika) = called(vendor);
    let client = daemon.anonymous();
    vendor.make("There", 9);
    let calls = vendor.calls();
    vendor.seen();
    let forged = forged(&calls[0]);
    assert!(forged.len() >= 4);
    for call in &forged {
        let _ = deliver(&client, call).expect(404);
    }
    // The genuine one comes last; had another led to a run, the event would be here before it.
    assert_eq!((count(&daemon, &erika), vendor.seen().len()), (0, 0));

    let times = 50;
    for call in calls.iter().cycle().take(times) {
        let _ = deliver(&client, call).expect(202);
    }
    await_that("the event did not come", || count(&daemon, &erika) == 1);
    sync_at_last(&daemon);
    let asked = vendor.seen().len();
    assert!(asked < times, "{times} calls of the same led to {asked} requests");
}

#[test]
fn whoever_is_not_google_causes_no_request_and_repeated_calls_few() {
    is_not_deceived(&google());
}

#[test]
fn whoever_is_not_graph_causes_no_request_and_repeated_calls_few() {
    is_not_deceived(&outlook());
}

#[test]
fn the_handshake_of_graph_is_answered_with_its_token_as_text() {
    let vendor = outlook();
    let (daemon, _) = called(&vendor);
    let path = "/hooks/graph?validationToken=Validation%3A+a%2Bb+%3Cb%3E";
    let answer = daemon.anonymous().request("POST", path).body("").send().expect(200);
    assert_eq!(answer.text(), "Validation: a+b <b>");
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
}

#[test]
fn a_lifecycle_notice_opens_the_subscription_anew() {
    let vendor = outlook();
    let (daemon, erika) = called(&vendor);
    vendor.with(|graph| graph.lifecycle("subscriptionRemoved"));
    assert_eq!(vendor.channels(), 0);
    for call in vendor.calls() {
        let _ = deliver(&daemon.anonymous(), &call).expect(202);
    }
    await_that("no other subscription was made", || vendor.channels() == 1);
    await_that("the subscription is not known", || !status_of(&daemon, ACCOUNT)["channel_expires"].is_null());
    vendor.make("There", 9);
    for call in vendor.calls() {
        let _ = deliver(&daemon.anonymous(), &call).expect(202);
    }
    await_that("the event did not come", || count(&daemon, &erika) == 1);
}

fn is_not_relied_upon_after_a_missed_call(vendor: &dyn Played) {
    let (daemon, erika) = polling(vendor, "100ms");
    let last_call = || status_of(&daemon, ACCOUNT)["last_call"].clone();
    vendor.make("There 1", 9);
    for call in vendor.calls() {
        let _ = deliver(&daemon.anonymous(), &call).expect(202);
    }
    await_that("no call was noted", || last_call().is_string());
    await_that("the event did not come", || count(&daemon, &erika) == 1);

    std::thread::sleep(Duration::from_millis(1_100)); // a call of the same second may have been about the same
    vendor.make("There 2", 10);
    assert!(!vendor.calls().is_empty(), "these are lost on the way");
    await_that("polling did not find the event", || count(&daemon, &erika) == 2);
    await_that("the channel still counts as alive", || last_call().is_null());

    // A call that comes just as polling finds the same may count as missed; the next one does not.
    await_that("no call proves it alive again", || {
        vendor.make("There later", 11);
        for call in vendor.calls() {
            let _ = deliver(&daemon.anonymous(), &call).expect(202);
        }
        last_call().is_string()
    });
}

#[test]
fn a_channel_of_google_that_missed_a_change_is_not_relied_upon_until_it_calls_again() {
    is_not_relied_upon_after_a_missed_call(&google());
}

#[test]
fn a_subscription_of_graph_that_missed_a_change_is_not_relied_upon_until_it_calls_again() {
    is_not_relied_upon_after_a_missed_call(&outlook());
}

#[test]
fn a_subscription_that_graph_wants_renewed_calls_on_and_stays_the_only_one() {
    let vendor = outlook();
    let (daemon, erika) = called(&vendor);
    let renewals = |vendor: &dyn Played| {
        let seen = vendor.seen();
        seen.iter()
            .filter(|seen| seen.request.method == "PATCH" && seen.request.path.contains("/subscriptions/"))
            .count()
    };
    vendor.seen();
    vendor.with(|graph| graph.lifecycle("reauthorizationRequired"));
    for call in vendor.calls() {
        let _ = deliver(&daemon.anonymous(), &call).expect(202);
    }
    await_that("it was not renewed", || renewals(&vendor) > 0);
    await_that("the subscription is not known", || {
        status_of(&daemon, ACCOUNT)["channel_expires"].as_str().is_some_and(|at| at > "2026-12-01")
    });
    assert_eq!(vendor.channels(), 1);
    vendor.make("There", 9);
    for call in vendor.calls() {
        let _ = deliver(&daemon.anonymous(), &call).expect(202);
    }
    await_that("the event did not come", || count(&daemon, &erika) == 1);
}

fn is_told_when_it_need_not_call(vendor: &dyn Played) {
    let (daemon, _) = called(vendor);
    let id = daemon.cli(&["link", "list", "--json"]).json()[0]["id"].as_str().unwrap().to_owned();
    let _ = daemon.cli(&["link", "pause", &id]).ok();
    assert_eq!(vendor.channels(), 0);
    let _ = daemon.cli(&["link", "resume", &id]).ok();
    await_that("no channel was opened again", || vendor.channels() == 1);
    let _ = daemon.cli(&["account", "disable", ACCOUNT]).ok();
    assert_eq!(vendor.channels(), 0);
    let _ = daemon.cli(&["account", "enable", ACCOUNT]).ok();
    await_that("no channel was opened again", || vendor.channels() == 1);
    let _ = daemon.cli(&["link", "remove", &id]).ok();
    assert_eq!(vendor.channels(), 0);
}

#[test]
fn google_is_told_when_it_need_not_call_any_more() {
    is_told_when_it_need_not_call(&google());
}

#[test]
fn graph_is_told_when_it_need_not_call_any_more() {
    is_told_when_it_need_not_call(&outlook());
}

#[test]
fn a_channel_of_a_few_seconds_is_opened_again_in_time() {
    let vendor = google();
    vendor.with(|sim| sim.channel_life_max = jiff::SignedDuration::from_secs(2));
    let (daemon, _) = polling(&vendor, "1h");
    let expires = || status_of(&daemon, ACCOUNT)["channel_expires"].clone();
    let mut seen = Vec::new();
    await_that("it is not opened again", || {
        vendor.with(|sim| sim.now = now());
        let now = expires();
        if now.is_string() && seen.last() != Some(&now) {
            seen.push(now);
        }
        seen.len() > 2
    });
}
