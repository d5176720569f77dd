//! Adding a member by POST: RFC 5995.

use almanac_harness::ics;

use crate::erika;

#[test]
fn the_server_chooses_the_name() {
    let (_daemon, erika, client) = erika();
    let answer = client.propfind(&erika.calendar(), "0", &["D:add-member"]).multistatus();
    let target = answer.only().prop("D:add-member").expect("the add-member URI").hrefs()[0].to_owned();
    let post = |uid: &str| {
        client.request("POST", &target).header("Content-Type", "text/calendar").body(ics::simple(uid)).send()
    };
    let made = post("a").expect(201);
    let location = made.header("location").expect("where it is").to_owned();
    let path = location.split_once("/dav/").map(|(_, rest)| format!("/dav/{rest}")).unwrap();
    let got = client.get(&path).expect(200);
    assert_eq!(got.text(), ics::simple("a"));
    let _ = post("b").expect(201);
    assert_eq!(client.members(&erika.calendar()).len(), 2);
    post("a").expect_refused(403, "C:no-uid-conflict");
}

#[test]
fn a_post_elsewhere_is_not_allowed() {
    let (_daemon, erika, client) = erika();
    let _ = client.put(&erika.object("a.ics"), ics::simple("a")).expect(201);
    for path in ["/dav/", &erika.home(), &erika.object("a.ics")] {
        let answer = client
            .request("POST", path)
            .header("Content-Type", "text/calendar")
            .body(ics::simple("b"))
            .send();
        assert_eq!(answer.status, 405, "{path}: {answer}");
    }
}

#[test]
fn a_post_is_conditional_on_the_calendar() {
    let (_daemon, erika, client) = erika();
    let post = |uid: &str, name: &str, value: &str| {
        let request = client.request("POST", &erika.calendar()).header("Content-Type", "text/calendar");
        request.header(name, value).body(ics::simple(uid)).send()
    };
    let stale = client.propfind(&erika.calendar(), "0", &["D:getetag"]).multistatus();
    let stale = stale.only().text("D:getetag").to_owned();
    let _ = post("a", "If-Match", &stale).expect(201);
    for (name, value) in [("If-Match", stale.as_str()), ("If-None-Match", "*"), ("If", "([\"stale\"])")] {
        let _ = post("b", name, value).expect(412);
    }
    let _ = post("c", "If-Match", "*").expect(201);
    assert_eq!(client.members(&erika.calendar()).len(), 2);
}
