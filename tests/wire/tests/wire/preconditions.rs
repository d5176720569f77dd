//! Conditional requests: RFC 9110 section 13, RFC 4918 section 10.4; each is a precondition of the commit itself.

use std::sync::Barrier;

use almanac_harness::ics;

use crate::erika;

#[test]
fn put_with_a_stale_etag_is_refused_and_writes_nothing() {
    let (_daemon, erika, client) = erika();
    let path = erika.object("a.ics");
    let first = client.put(&path, ics::event("a", "One", "20261201T090000Z")).expect(201).etag();
    let second = client
        .put_request(&path, ics::event("a", "Two", "20261201T090000Z"))
        .header("If-Match", &first)
        .send()
        .expect(204)
        .etag();
    let stale = client
        .put_request(&path, ics::event("a", "Three", "20261201T090000Z"))
        .header("If-Match", &first)
        .send();
    let _ = stale.expect(412);
    let got = client.get(&path).expect(200);
    assert!(got.text().contains("SUMMARY:Two"));
    assert_eq!(got.etag(), second);
}

#[test]
fn if_match_and_if_none_match_know_the_star() {
    let (_daemon, erika, client) = erika();
    let path = erika.object("a.ics");
    let put = |name: &str, value: &str| {
        client.put_request(&path, ics::simple("a")).header(name, value).send().status
    };
    assert_eq!(put("If-Match", "*"), 412, "nothing is there");
    assert_eq!(put("If-Match", "\"x\""), 412);
    assert!(client.members(&erika.calendar()).is_empty());
    assert_eq!(put("If-None-Match", "*"), 201);
    assert_eq!(put("If-None-Match", "*"), 412, "something is there");
    assert_eq!(put("If-Match", "*"), 204);
}

#[test]
fn lists_weak_tags_and_nonsense_in_if_match() {
    let (_daemon, erika, client) = erika();
    let path = erika.object("a.ics");
    let etag = client.put(&path, ics::simple("a")).expect(201).etag();
    let weak = client.put_request(&path, ics::simple("a")).header("If-Match", format!("W/{etag}")).send();
    let _ = weak.expect(412); // strong comparison (RFC 9110 section 13.1.1)
    let list =
        client.put_request(&path, ics::simple("a")).header("If-Match", format!("\"no\", {etag}")).send();
    let _ = list.expect(204);
    for nonsense in ["", "abc", "\"", "\"a", "W/", "\"a\" \"b\""] {
        let answer = client.put_request(&path, ics::simple("a")).header("If-Match", nonsense).send();
        assert_eq!(answer.status, 400, "{nonsense:?}: {answer}");
    }
}

#[test]
fn a_get_with_the_current_etag_is_304() {
    let (_daemon, erika, client) = erika();
    let path = erika.object("a.ics");
    let etag = client.put(&path, ics::simple("a")).expect(201).etag();
    let get = |value: &str| client.request("GET", &path).header("If-None-Match", value).send();
    assert_eq!(get(&etag).expect(304).etag(), etag);
    let _ = get(&format!("W/{etag}")).expect(304);
    let _ = get("*").expect(304);
    let _ = get("\"other\"").expect(200);
    let head = client.request("HEAD", &path).header("If-None-Match", &etag).send();
    let _ = head.expect(304);
    let _ = client.request("GET", &path).header("If-Match", "\"other\"").send().expect(412);
}

#[test]
fn the_if_header_is_evaluated() {
    let (_daemon, erika, client) = erika();
    let path = erika.object("a.ics");
    let etag = client.put(&path, ics::simple("a")).expect(201).etag();
    let put = |value: String| client.put_request(&path, ics::simple("a")).header("If", value).send();
    let _ = put("([\"stale\"])".into()).expect(412);
    let _ = put(format!("(Not [{etag}])")).expect(412);
    let _ = put("(<urn:uuid:00000000-0000-0000-0000-000000000000>)".into()).expect(412);
    let etag = put(format!("([{etag}])")).expect(204).etag();
    let etag = put(format!("([\"stale\"]) ([{etag}])")).expect(204).etag();
    let _ = put(format!("(Not <DAV:no-lock> [{etag}])")).expect(204);
    let _ = put("((((".into()).expect(400);
}

#[test]
fn delete_of_a_collection_can_be_conditional_too() {
    let (_daemon, erika, client) = erika();
    let answer = client.request("DELETE", &erika.calendar()).header("If-Match", "\"stale\"").send();
    let _ = answer.expect(412);
    let _ = client.get(&erika.calendar()).expect(200);
}

#[test]
fn what_is_missing_is_404_whatever_the_headers_want_of_it() {
    let (_daemon, erika, client) = erika();
    let missing = erika.object("none.ics");
    for tag in ["*", "\"x\""] {
        let _ = client.request("DELETE", &missing).header("If-Match", tag).send().expect(404);
        for method in ["COPY", "MOVE"] {
            let request = client.request(method, &missing).header("Destination", erika.object("b.ics"));
            let _ = request.header("If-Match", tag).send().expect(404); // RFC 9110 section 13.2.1
        }
    }
    assert!(client.members(&erika.calendar()).is_empty());
}

/// The statuses of 16 requests that are sent at once.
fn at_once(send: impl Fn(usize) -> u16 + Sync) -> Vec<u16> {
    let barrier = Barrier::new(16);
    let mut statuses: Vec<u16> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16)
            .map(|n| {
                let (send, barrier) = (&send, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    send(n)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    statuses.sort_unstable();
    statuses
}

/// One `won` and 15 times 412.
fn one(won: u16) -> Vec<u16> {
    [vec![won], vec![412; 15]].concat()
}

#[test]
fn of_16_parallel_puts_with_one_if_header_exactly_one_wins() {
    let (_daemon, erika, client) = erika();
    let path = erika.object("a.ics");
    let etag = client.put(&path, ics::simple("a")).expect(201).etag();
    let statuses = at_once(|_| {
        client.put_request(&path, ics::simple("a")).header("If", format!("([{etag}])")).send().status
    });
    assert_eq!(statuses, one(204));
}

#[test]
fn of_16_parallel_copies_and_moves_to_one_name_without_overwrite_exactly_one_wins() {
    let (_daemon, erika, client) = erika();
    let second = erika.collection("second");
    let _ = client.request("MKCALENDAR", &second).send().expect(201);
    for n in 0..16 {
        let _ = client.put(&erika.object(&format!("{n}.ics")), ics::simple(&n.to_string())).expect(201);
    }
    for (method, target) in [("COPY", "copied.ics"), ("MOVE", "moved.ics")] {
        let target = format!("{second}{target}");
        let statuses = at_once(|n| {
            let request = client.request(method, &erika.object(&format!("{n}.ics")));
            request.header("Destination", &target).header("Overwrite", "F").send().status
        });
        assert_eq!(statuses, one(201), "{method}");
        if method == "COPY" {
            let _ = client.delete(&target).expect(204);
        }
    }
    assert_eq!(client.members(&second), ["moved.ics"]);
    assert_eq!(client.members(&erika.calendar()).len(), 15, "only the winner has left");
}

#[test]
fn of_64_parallel_puts_with_one_etag_exactly_one_wins() {
    let (_daemon, erika, client) = erika();
    let path = erika.object("a.ics");
    let etag = client.put(&path, ics::simple("a")).expect(201).etag();
    let barrier = Barrier::new(64);
    let answers: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..64)
            .map(|n| {
                let (client, path, etag, barrier) = (&client, &path, &etag, &barrier);
                scope.spawn(move || {
                    let body = ics::event("a", &format!("Writer {n}"), "20261201T090000Z");
                    barrier.wait();
                    (n, client.put_request(path, body).header("If-Match", etag).send())
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    let winners: Vec<_> = answers.iter().filter(|(_, a)| a.status == 204).collect();
    assert_eq!(winners.len(), 1, "{:?}", answers.iter().map(|(_, a)| a.status).collect::<Vec<_>>());
    assert!(answers.iter().all(|(_, a)| matches!(a.status, 204 | 412)));
    let got = client.get(&path).expect(200);
    assert!(got.text().contains(&format!("Writer {}\r", winners[0].0)), "{got}");
    assert_eq!(got.etag(), winners[0].1.etag());
}

#[test]
fn of_16_parallel_creates_exactly_one_wins() {
    let (_daemon, erika, client) = erika();
    let path = erika.object("new.ics");
    let barrier = Barrier::new(16);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16)
            .map(|_| {
                let (client, path, barrier) = (&client, &path, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    client.put_request(path, ics::simple("new")).header("If-None-Match", "*").send().status
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|s| **s == 201).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|s| **s == 412).count(), 15, "{statuses:?}");
}

#[test]
fn of_16_parallel_writers_of_one_uid_exactly_one_wins() {
    let (_daemon, erika, client) = erika();
    let barrier = Barrier::new(16);
    let answers: Vec<u16> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16)
            .map(|n| {
                let (client, path, barrier) = (&client, erika.object(&format!("{n}.ics")), &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    client.put(&path, ics::simple("same")).status
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert_eq!(answers.iter().filter(|s| **s == 201).count(), 1, "{answers:?}");
    assert_eq!(answers.iter().filter(|s| **s == 403).count(), 15, "{answers:?}");
    assert_eq!(client.members(&erika.calendar()).len(), 1);
}
