//! The management listener: health, metrics, and nothing that a patient would mind.

use almanac_harness::{Client, ics};

use crate::erika;

#[test]
fn live_and_ready_answer_200_without_detail() {
    let (daemon, _erika, _client) = erika();
    for path in ["/health/live", "/health/ready"] {
        let answer = daemon.management(path).expect(200);
        assert!(answer.body.len() < 200, "{answer}");
    }
    let _ = daemon.management("/health/other").expect(404);
    let _ = daemon.management("/dav/").expect(404);
}

#[test]
fn metrics_are_prometheus_text_that_counts_requests_and_commits() {
    let (daemon, erika, client) = erika();
    let sum = |text: &str, name: &str| -> f64 {
        text.lines()
            .filter(|l| l.starts_with(name))
            .filter_map(|l| l.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    };
    let before = daemon.management("/metrics").expect(200);
    assert!(before.header("content-type").unwrap().starts_with("text/plain"), "{before}");
    for n in 0..5 {
        let _ = client.put(&erika.object(&n.to_string()), ics::simple(&n.to_string())).expect(201);
    }
    let after = daemon.management("/metrics").expect(200);
    let requests: Vec<_> =
        after.text().lines().filter(|l| l.starts_with("almanac_") && l.contains("requests")).collect();
    assert!(!requests.is_empty(), "{after}");
    let name = requests[0].split(['{', ' ']).next().unwrap();
    assert!(sum(after.text(), name) >= sum(before.text(), name) + 5.0, "{after}");
    for line in after.text().lines().filter(|l| !l.starts_with('#') && !l.is_empty()) {
        let (_, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
    assert!(!after.text().contains("erika"), "labels come from fixed lists");
}

#[test]
fn the_calendar_listener_has_no_management_and_the_other_no_calendars() {
    let (daemon, erika, client) = erika();
    for path in ["/health/live", "/health/ready", "/metrics"] {
        let _ = client.get(path).expect(404);
        let _ = daemon.anonymous().get(path).expect(401);
    }
    let status = daemon.cli(&["status", "--json"]).json();
    let address = status["addresses"]["management"][0]
        .as_str()
        .unwrap()
        .trim_start_matches("http://")
        .trim_end_matches('/')
        .to_owned();
    let management = Client::new(almanac_harness::Address::Tcp(address.parse().unwrap())).sign_in(&erika);
    let _ = management.get(&erika.calendar()).expect(404);
    let _ = management.request("DELETE", "/metrics").send().expect(405);
}
