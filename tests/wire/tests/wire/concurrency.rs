//! Many clients at once: a client that follows the changes misses none, and every reader sees whole objects.

use std::collections::BTreeMap;

use almanac_harness::{Client, Person, ics};

use crate::erika;

const WRITERS: usize = 6;
const WRITES: usize = 60;

/// Creates, replaces and deletes a few objects over and over.
fn write(client: &Client, erika: &Person, writer: usize) {
    for n in 0..WRITES {
        let name = format!("{writer}-{}", n % 7);
        let path = erika.object(&name);
        if n % 3 == 2 {
            assert!(matches!(client.delete(&path).status, 204 | 404));
        } else {
            let body = ics::event(&name, &format!("Write {n}"), "20261201T090000Z");
            assert!(matches!(client.put(&path, body).status, 201 | 204));
        }
    }
}

/// Brings `known` up to date; the new token.
fn follow(client: &Client, erika: &Person, token: &str, known: &mut BTreeMap<String, String>) -> String {
    let delta = client.sync(&erika.calendar(), token).multistatus();
    for entry in &delta.entries {
        match entry.status {
            Some(404) => known.remove(&entry.href),
            _ => known.insert(entry.href.clone(), entry.text("D:getetag").to_owned()),
        };
    }
    delta.sync_token.unwrap()
}

#[test]
fn a_client_that_syncs_while_others_write_misses_nothing() {
    let (_daemon, erika, client) = erika();
    let (mut known, mut token) = (BTreeMap::new(), String::new());
    std::thread::scope(|scope| {
        let (client, erika) = (&client, &erika);
        let writers: Vec<_> =
            (0..WRITERS).map(|writer| scope.spawn(move || write(client, erika, writer))).collect();
        while writers.iter().any(|writer| !writer.is_finished()) {
            token = follow(client, erika, &token, &mut known);
        }
    });
    follow(&client, &erika, &token, &mut known);
    let listing = client.propfind(&erika.calendar(), "1", &["D:getetag"]).multistatus();
    let members = listing.entries.iter().filter(|e| !e.href.ends_with('/'));
    let listed: BTreeMap<_, _> = members.map(|e| (e.href.clone(), e.text("D:getetag").to_owned())).collect();
    assert_eq!(known, listed);
}

#[test]
fn etag_and_data_of_one_answer_always_belong_together() {
    let (_daemon, erika, client) = erika();
    let path = erika.object("a.ics");
    let _ = client.put(&path, ics::event("a", "Write 0", "20261201T090000Z")).expect(201);
    let written = std::sync::Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for n in 1..=100 {
                let body = ics::event("a", &format!("Write {n}"), "20261201T090000Z");
                let etag = client.put(&path, &body).expect(204).etag();
                written.lock().unwrap().insert(etag, body);
            }
        });
        let mut seen = Vec::new();
        while !writer.is_finished() {
            let inside = format!("<D:prop><D:getetag/><C:calendar-data/></D:prop><D:href>{path}</D:href>");
            let answer =
                client.report_request(&erika.calendar(), "C:calendar-multiget", &inside).send().multistatus();
            let entry = answer.only();
            seen.push((entry.text("D:getetag").to_owned(), entry.text("C:calendar-data").to_owned()));
            let got = client.get(&path);
            seen.push((got.etag(), got.text().to_owned()));
        }
        let written = written.lock().unwrap();
        for (etag, body) in seen.iter().filter(|(_, body)| !body.contains("Write 0")) {
            assert_eq!(written.get(etag), Some(body));
        }
    });
}

#[test]
fn a_calendar_that_is_deleted_under_its_writers_leaves_nothing_behind() {
    let (_daemon, erika, client) = erika();
    let path = erika.collection("short");
    for round in 0..5 {
        let _ = client.request("MKCALENDAR", &path).send().expect(201);
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let (client, path) = (&client, &path);
                scope.spawn(move || {
                    for n in 0..20 {
                        let name = format!("{round}-{writer}-{n}");
                        let status = client.put(&format!("{path}{name}.ics"), ics::simple(&name)).status;
                        assert!(matches!(status, 201 | 409), "{status}");
                    }
                });
            }
            let _ = client.delete(&path).expect(204);
        });
        let _ = client.propfind(&path, "0", &["D:getetag"]).expect(404);
    }
    let _ = client.request("MKCALENDAR", &path).send().expect(201);
    assert!(client.members(&path).is_empty());
    let _ = client.put(&format!("{path}a.ics"), ics::simple("0-0-0")).expect(201);
}
