//! PUT, GET, HEAD, DELETE of calendar object resources: RFC 4791 section 5.3.2 to 5.3.4, RFC 9110.

use almanac_harness::ics;

use crate::erika;

#[test]
fn what_was_put_is_got_to_the_byte() {
    let (_daemon, erika, client) = erika();
    let odd = ics::event_with(
        "odd",
        "Grüße\\, 日本語 \u{1F9B7}",
        "20261201T090000Z",
        "X-LONG:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n  bbbb\nx-lower;p=\"a:b;c\":1\nDESCRIPTION:a\\nb\\;c",
    );
    let variants = [
        odd.clone(),
        odd.replace("\r\n", "\n").replace("UID:odd", "UID:lf"),
        format!("{}\r\n", odd.replace("UID:odd", "UID:blank")),
    ];
    for (n, body) in variants.iter().enumerate() {
        let path = erika.object(&format!("{n}.ics"));
        let put = client.put(&path, body).expect(201);
        let got = client.get(&path).expect(200);
        assert_eq!(got.body, body.as_bytes(), "variant {n}");
        assert_eq!(got.etag(), put.etag());
        let kind = got.header("content-type").unwrap();
        assert!(kind.starts_with("text/calendar") && kind.to_ascii_lowercase().contains("utf-8"), "{kind}");
    }
}

#[test]
fn head_is_get_without_the_body() {
    let (_daemon, erika, client) = erika();
    let path = erika.object("a.ics");
    let _ = client.put(&path, ics::simple("a")).expect(201);
    let got = client.get(&path).expect(200);
    let head = client.request("HEAD", &path).send().expect(200);
    assert!(head.body.is_empty());
    for name in ["etag", "content-type", "content-length", "last-modified"] {
        assert_eq!(head.header(name), got.header(name), "{name}");
    }
    let _ = client.request("HEAD", &erika.object("none.ics")).send().expect(404);
}

#[test]
fn create_is_201_replace_is_204_and_each_has_a_new_etag() {
    let (_daemon, erika, client) = erika();
    let path = erika.object("a.ics");
    let first = client.put(&path, ics::simple("a")).expect(201);
    let second = client.put(&path, ics::simple("a")).expect(204);
    let third = client.put(&path, ics::event("a", "Moved", "20261202T090000Z")).expect(204);
    assert_ne!(first.etag(), second.etag(), "each write has its own ETag, even of the same octets");
    assert_ne!(second.etag(), third.etag());
    assert_eq!(client.get(&path).expect(200).etag(), third.etag());
}

#[test]
fn an_etag_never_comes_back_after_delete_and_create() {
    let (_daemon, erika, client) = erika();
    let path = erika.object("a.ics");
    let first = client.put(&path, ics::simple("a")).expect(201).etag();
    let _ = client.delete(&path).expect(204);
    let second = client.put(&path, ics::simple("a")).expect(201).etag();
    assert_ne!(first, second);
    let _ = client.request("DELETE", &path).header("If-Match", &first).send().expect(412);
    let _ = client.request("DELETE", &path).header("If-Match", &second).send().expect(204);
}

#[test]
fn a_missing_resource_is_404_for_every_method() {
    let (_daemon, erika, client) = erika();
    for path in
        [erika.object("none.ics"), erika.collection("none"), format!("{}x.ics", erika.collection("none"))]
    {
        let _ = client.get(&path).expect(404);
        let _ = client.delete(&path).expect(404);
        let _ = client.propfind(&path, "0", &["D:getetag"]).expect(404);
        let _ = client
            .proppatch(&path, "<D:set><D:prop><D:displayname>x</D:displayname></D:prop></D:set>")
            .expect(404);
        let copy = client.request("COPY", &path).header("Destination", erika.object("b.ics")).send();
        let _ = copy.expect(404);
    }
    let _ = client.sync(&erika.collection("none"), "").expect(404);
}

#[test]
fn put_into_a_missing_collection_is_409() {
    let (_daemon, erika, client) = erika();
    let _ = client.put(&format!("{}a.ics", erika.collection("none")), ics::simple("a")).expect(409);
}

#[test]
fn a_uid_can_be_once_in_a_collection_and_the_answer_names_the_other() {
    let (_daemon, erika, client) = erika();
    let _ = client.put(&erika.object("a.ics"), ics::simple("same")).expect(201);
    let conflict = client.put(&erika.object("b.ics"), ics::simple("same"));
    conflict.expect_refused(403, "C:no-uid-conflict");
    assert_eq!(conflict.error_element().hrefs(), [erika.object("a.ics")]);
    client.put(&erika.object("a.ics"), ics::simple("other")).expect_refused(403, "C:no-uid-conflict");

    let _ = client.request("MKCALENDAR", &erika.collection("second")).send().expect(201);
    let _ = client.put(&format!("{}b.ics", erika.collection("second")), ics::simple("same")).expect(201);
}

#[test]
fn a_uid_is_free_again_after_the_delete() {
    let (_daemon, erika, client) = erika();
    let _ = client.put(&erika.object("a.ics"), ics::simple("same")).expect(201);
    let _ = client.delete(&erika.object("a.ics")).expect(204);
    let _ = client.put(&erika.object("b.ics"), ics::simple("same")).expect(201);
}

#[test]
fn names_with_reserved_characters_are_one_resource_in_every_spelling() {
    let (_daemon, erika, client) = erika();
    let sent = erika.object("a%20b%C3%BC%3B%40%2B.ics");
    let _ = client.put(&sent, ics::simple("a")).expect(201);
    let _ = client.get(&erika.object("a%20b%c3%bc;@+.ics")).expect(200);
    let listing = client.propfind(&erika.calendar(), "1", &["D:getetag"]).multistatus();
    let href = &listing.entries.iter().find(|e| e.href.ends_with(".ics")).unwrap().href;
    assert!(href.is_ascii() && !href.contains(' '), "{href}");
    let _ = client.get(href).expect(200);
}

#[test]
fn a_collection_takes_only_its_components() {
    let (_daemon, erika, client) = erika();
    let task = format!("{}t.ics", erika.collection("tasks"));
    client
        .put(&erika.object("t.ics"), ics::todo_with("t", "Order gloves", ""))
        .expect_refused(403, "C:supported-calendar-component");
    let _ = client.put(&task, ics::todo_with("t", "Order gloves", "")).expect(201);
    client
        .put(&format!("{}e.ics", erika.collection("tasks")), ics::simple("e"))
        .expect_refused(403, "C:supported-calendar-component");
    assert!(client.members(&erika.calendar()).is_empty());
}

#[test]
fn put_on_a_collection_or_above_is_refused_and_changes_nothing() {
    let (_daemon, erika, client) = erika();
    for path in ["/", "/dav/", &erika.principal(), &erika.home(), &erika.calendar()] {
        let answer = client.put(path, ics::simple("a"));
        assert_eq!(answer.status, 405, "{path}: {answer}");
        assert!(answer.header("allow").is_some_and(|allow| !allow.contains("PUT")), "{answer}");
    }
    assert!(client.members(&erika.calendar()).is_empty());
}

#[test]
fn get_of_a_calendar_is_the_whole_calendar() {
    let (_daemon, erika, client) = erika();
    for uid in ["a", "b", "c"] {
        let _ = client.put(&erika.object(&format!("{uid}.ics")), ics::simple(uid)).expect(201);
    }
    let zone = format!(
        "{}BEGIN:VEVENT\nUID:z\nDTSTAMP:20261101T080000Z\nDTSTART;TZID=Praxis:20261201T090000\nEND:VEVENT\n",
        ics::berlin("Praxis")
    );
    let _ = client.put(&erika.object("z.ics"), ics::calendar(&zone)).expect(201);
    let got = client.get(&erika.calendar()).expect(200);
    assert!(got.header("content-type").unwrap().starts_with("text/calendar"));
    let text = ics::unfold(got.text());
    assert_eq!(text.matches("BEGIN:VCALENDAR").count(), 1);
    assert!(text.starts_with("BEGIN:VCALENDAR\n") && text.trim_end().ends_with("END:VCALENDAR"), "{text}");
    assert_eq!(text.matches("BEGIN:VTIMEZONE").count(), 1);
    let mut uids = ics::values(&text, "UID");
    uids.sort_unstable();
    assert_eq!(uids, ["a", "b", "c", "z"]);
    let head = client.request("HEAD", &erika.calendar()).send().expect(200);
    assert!(head.body.is_empty());
}
