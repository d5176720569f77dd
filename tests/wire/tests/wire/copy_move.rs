//! COPY and MOVE: RFC 4918 sections 9.8 and 9.9, RFC 4791 section 5.3.

use almanac_harness::{Client, Person, Response, ics};

use crate::erika;

fn send(client: &Client, method: &str, from: &str, to: &str) -> Response {
    client.request(method, from).header("Destination", to).send()
}

fn second(client: &Client, erika: &Person) -> String {
    let path = erika.collection("second");
    let _ = client.request("MKCALENDAR", &path).send().expect(201);
    path
}

#[test]
fn a_move_takes_the_bytes_and_leaves_nothing() {
    let (_daemon, erika, client) = erika();
    let target = format!("{}b.ics", second(&client, &erika));
    let body = ics::simple("a");
    let _ = client.put(&erika.object("a.ics"), &body).expect(201);
    let _ = send(&client, "MOVE", &erika.object("a.ics"), &target).expect(201);
    let _ = client.get(&erika.object("a.ics")).expect(404);
    assert_eq!(client.get(&target).expect(200).body, body.as_bytes());
    let _ = client.put(&erika.object("again.ics"), &body).expect(201);
}

#[test]
fn a_copy_within_one_calendar_would_double_the_uid() {
    let (_daemon, erika, client) = erika();
    let target = second(&client, &erika);
    let _ = client.put(&erika.object("a.ics"), ics::simple("a")).expect(201);
    let same = send(&client, "COPY", &erika.object("a.ics"), &erika.object("b.ics"));
    same.expect_refused(403, "C:no-uid-conflict");
    let _ = send(&client, "COPY", &erika.object("a.ics"), &format!("{target}b.ics")).expect(201);
    assert_eq!(client.get(&format!("{target}b.ics")).body, client.get(&erika.object("a.ics")).body);
    let clash = send(&client, "MOVE", &erika.object("a.ics"), &format!("{target}c.ics"));
    clash.expect_refused(403, "C:no-uid-conflict");
    let _ = client.get(&erika.object("a.ics")).expect(200);
}

#[test]
fn overwrite_decides_what_happens_to_a_target_that_exists() {
    let (_daemon, erika, client) = erika();
    let target = format!("{}b.ics", second(&client, &erika));
    let _ = client.put(&erika.object("a.ics"), ics::event("a", "New", "20261201T090000Z")).expect(201);
    let _ = client.put(&target, ics::event("a", "Old", "20261201T090000Z")).expect(201);
    let no = client
        .request("COPY", &erika.object("a.ics"))
        .header("Destination", &target)
        .header("Overwrite", "F")
        .send();
    let _ = no.expect(412);
    assert!(client.get(&target).text().contains("SUMMARY:Old"));
    let _ = client
        .request("COPY", &erika.object("a.ics"))
        .header("Destination", &target)
        .header("Overwrite", "T")
        .send()
        .expect(204);
    assert!(client.get(&target).text().contains("SUMMARY:New"));
    let _ = send(&client, "MOVE", &erika.object("a.ics"), &target).expect(204);
    let _ = client.get(&erika.object("a.ics")).expect(404);
    let odd = client
        .request("MOVE", &target)
        .header("Destination", erika.object("x.ics"))
        .header("Overwrite", "maybe")
        .send();
    let _ = odd.expect(400);
}

#[test]
fn destinations_in_every_form() {
    let (_daemon, erika, client) = erika();
    let _ = client.put(&erika.object("a.ics"), ics::simple("a")).expect(201);
    let absolute = format!("http://{}{}", client.address().authority(), erika.object("b.ics"));
    let _ = send(&client, "MOVE", &erika.object("a.ics"), &absolute).expect(201);
    let from = erika.object("b.ics");
    for (foreign, status) in [
        ("http://other.example/dav/calendars/erika/calendar/c.ics", 502),
        ("https://evil.example/", 502),
        ("//other.example/x", 400),
        ("ftp://x/y", 502),
    ] {
        let answer = send(&client, "MOVE", &from, foreign);
        assert_eq!(answer.status, status, "{foreign}: {answer}");
    }
    let _ = client.request("MOVE", &from).send().expect(400);
    for bad in [
        "",
        "c.ics",
        "http://",
        "\u{7f}",
        "/dav/calendars/erika/calendar/../x/c.ics",
        "/dav/calendars/erika/calendar/%2e%2e/c.ics",
    ] {
        let answer = send(&client, "MOVE", &from, bad);
        assert_eq!(answer.status, 400, "{bad:?}: {answer}");
    }
    let missing = send(&client, "MOVE", &from, &format!("{}c.ics", erika.collection("none")));
    let _ = missing.expect(409);
    let itself = send(&client, "MOVE", &from, &from);
    let _ = itself.expect(403);
    let _ = client.get(&from).expect(200);
}

#[test]
fn a_move_to_a_calendar_that_does_not_take_the_component_is_refused() {
    let (_daemon, erika, client) = erika();
    let _ = client.put(&erika.object("a.ics"), ics::simple("a")).expect(201);
    let answer =
        send(&client, "MOVE", &erika.object("a.ics"), &format!("{}a.ics", erika.collection("tasks")));
    answer.expect_refused(403, "C:supported-calendar-component");
    let _ = client.get(&erika.object("a.ics")).expect(200);
}

#[test]
fn a_move_with_a_stale_etag_moves_nothing() {
    let (_daemon, erika, client) = erika();
    let etag = client.put(&erika.object("a.ics"), ics::simple("a")).expect(201).etag();
    let with = |etag: &str| {
        client
            .request("MOVE", &erika.object("a.ics"))
            .header("Destination", erika.object("b.ics"))
            .header("If-Match", etag)
            .send()
    };
    let _ = with("\"stale\"").expect(412);
    let _ = with(&etag).expect(201);
}

#[test]
fn a_moved_object_appears_in_both_sync_reports() {
    let (_daemon, erika, client) = erika();
    let second = second(&client, &erika);
    let _ = client.put(&erika.object("a.ics"), ics::simple("a")).expect(201);
    let old = client.sync(&erika.calendar(), "").multistatus().sync_token.unwrap();
    let new = client.sync(&second, "").multistatus().sync_token.unwrap();
    let _ = send(&client, "MOVE", &erika.object("a.ics"), &format!("{second}a.ics")).expect(201);
    let gone = client.sync(&erika.calendar(), &old).multistatus();
    assert_eq!(gone.entry(&erika.object("a.ics")).status, Some(404));
    let come = client.sync(&second, &new).multistatus();
    assert_eq!(come.only().href, format!("{second}a.ics"));
    assert!(come.only().prop("D:getetag").is_some());
}

#[test]
fn a_calendar_can_be_renamed_and_can_replace_another() {
    let (_daemon, erika, client) = erika();
    let second = second(&client, &erika);
    let _ = client.put(&format!("{second}a.ics"), ics::simple("a")).expect(201);
    let renamed = erika.collection("renamed");
    let _ = send(&client, "MOVE", &second, &renamed).expect(201);
    assert_eq!(client.members(&renamed), ["a.ics"]);
    let _ = client.propfind(&second, "0", &["D:displayname"]).expect(404);
    let refused =
        client.request("MOVE", &renamed).header("Destination", erika.calendar()).header("Overwrite", "F");
    let _ = refused.send().expect(412);
    let _ = send(&client, "MOVE", &renamed, &erika.calendar()).expect(204);
    assert_eq!(client.members(&erika.calendar()), ["a.ics"]);
    let nested = send(&client, "COPY", &erika.calendar(), &format!("{}inner/", erika.calendar()));
    nested.expect_refused(403, "C:calendar-collection-location-ok");
}
