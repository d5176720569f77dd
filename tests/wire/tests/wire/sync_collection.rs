//! sync-collection: RFC 6578.

use almanac_harness::{Client, Person, ics, prop};

use crate::erika;

fn limited(client: &Client, erika: &Person, token: &str, count: u32) -> almanac_harness::Multistatus {
    let inside = format!(
        "<D:sync-token>{token}</D:sync-token><D:sync-level>1</D:sync-level><D:limit><D:nresults>{count}</D:nresults></D:limit>{}",
        prop(&["D:getetag"])
    );
    client.report_request(&erika.calendar(), "D:sync-collection", &inside).send().multistatus()
}

#[test]
fn the_initial_sync_lists_what_is_there_and_nothing_that_was() {
    let (_daemon, erika, client) = erika();
    let _ = client.put(&erika.object("gone.ics"), ics::simple("gone")).expect(201);
    let _ = client.delete(&erika.object("gone.ics")).expect(204);
    let etag = client.put(&erika.object("a.ics"), ics::simple("a")).expect(201).etag();
    let all = client.sync(&erika.calendar(), "").multistatus();
    assert_eq!(all.hrefs(), [erika.object("a.ics")]);
    assert_eq!(all.only().text("D:getetag"), etag);
    let listed = client.propfind(&erika.calendar(), "0", &["D:sync-token"]).multistatus();
    assert_eq!(all.sync_token.as_deref(), Some(listed.only().text("D:sync-token")));
}

#[test]
fn later_syncs_tell_created_changed_and_deleted_once_each() {
    let (_daemon, erika, client) = erika();
    for uid in ["a", "b", "c"] {
        let _ = client.put(&erika.object(uid), ics::simple(uid)).expect(201);
    }
    let token = client.sync(&erika.calendar(), "").multistatus().sync_token.unwrap();
    assert!(client.sync(&erika.calendar(), &token).multistatus().entries.is_empty());

    let changed =
        client.put(&erika.object("a"), ics::event("a", "Two", "20261201T090000Z")).expect(204).etag();
    let _ = client.put(&erika.object("a"), ics::event("a", "Three", "20261201T090000Z")).expect(204);
    let changed = {
        let _ = changed;
        client.get(&erika.object("a")).etag()
    };
    let _ = client.delete(&erika.object("b")).expect(204);
    let _ = client.put(&erika.object("d"), ics::simple("d")).expect(201);
    let _ = client.put(&erika.object("short"), ics::simple("short")).expect(201);
    let _ = client.delete(&erika.object("short")).expect(204);
    let _ = client.delete(&erika.object("c")).expect(204);
    let _ = client.put(&erika.object("c"), ics::simple("c")).expect(201);

    let delta = client.sync(&erika.calendar(), &token).multistatus();
    assert_eq!(delta.entry(&erika.object("a")).text("D:getetag"), changed);
    assert_eq!(delta.entry(&erika.object("b")).status, Some(404));
    assert!(delta.entry(&erika.object("d")).prop("D:getetag").is_some());
    assert!(delta.entry(&erika.object("c")).prop("D:getetag").is_some(), "deleted and made again is there");
    let short = delta.entries.iter().find(|e| e.href == erika.object("short"));
    assert!(short.is_none_or(|e| e.status == Some(404)));
    let next = delta.sync_token.unwrap();
    assert_ne!(next, token);
    assert!(client.sync(&erika.calendar(), &next).multistatus().entries.is_empty());
    assert_eq!(
        client.sync(&erika.calendar(), &token).multistatus().sync_token,
        Some(next),
        "the old token still works"
    );
}

#[test]
fn any_other_token_is_refused_in_one_way() {
    let (daemon, erika, client) = erika();
    let token = client.sync(&erika.calendar(), "").multistatus().sync_token.unwrap();
    let other = client.sync(&erika.collection("tasks"), "").multistatus().sync_token.unwrap();
    let hugo = daemon.person("hugo");
    let foreign = daemon.client(&hugo).sync(&hugo.calendar(), "").multistatus().sync_token.unwrap();
    let mut forged: Vec<String> = (0..token.len())
        .map(|at| {
            let mut bytes = token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
            String::from_utf8(bytes).unwrap()
        })
        .filter(|forged| *forged != token)
        .collect();
    forged.extend([
        other,
        foreign,
        "urn:x".into(),
        "1".into(),
        "data:,1".into(),
        format!("{token}0"),
        "x".repeat(5000),
    ]);
    let mut answers: Vec<_> = forged
        .iter()
        .map(|token| {
            let answer = client.sync(&erika.calendar(), token);
            answer.expect_refused(403, "D:valid-sync-token");
            answer.body
        })
        .collect();
    answers.dedup();
    assert_eq!(answers.len(), 1, "all refusals are the same");
    assert_eq!(client.sync(&erika.calendar(), &token).status, 207);
}

#[test]
fn a_limit_gives_parts_that_add_up() {
    let (_daemon, erika, client) = erika();
    for n in 0..10 {
        let _ = client.put(&erika.object(&n.to_string()), ics::simple(&n.to_string())).expect(201);
    }
    let mut seen = Vec::new();
    let mut token = String::new();
    for round in 0.. {
        assert!(round < 10, "it ends");
        let part = limited(&client, &erika, &token, 4);
        let cut = part.entries.iter().find(|e| e.href == erika.calendar());
        let members: Vec<_> = part.members().into_iter().map(str::to_owned).collect();
        assert!(members.len() <= 4);
        seen.extend(members);
        token = part.sync_token.clone().unwrap();
        match cut {
            Some(cut) => {
                assert_eq!(cut.status, Some(507));
                assert_eq!(cut.error.as_deref(), Some("D:number-of-matches-within-limits"));
            }
            None => break,
        }
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..10).map(|n| n.to_string()).collect::<Vec<_>>());
    assert!(client.sync(&erika.calendar(), &token).multistatus().entries.is_empty());
}

#[test]
fn a_limit_on_changes_loses_none() {
    let (_daemon, erika, client) = erika();
    let start = client.sync(&erika.calendar(), "").multistatus().sync_token.unwrap();
    for n in 0..6 {
        let _ = client.put(&erika.object(&n.to_string()), ics::simple(&n.to_string())).expect(201);
    }
    let _ = client.delete(&erika.object("0")).expect(204);
    let first = limited(&client, &erika, &start, 3);
    assert_eq!(first.entry(&erika.calendar()).status, Some(507));
    let _ = client.put(&erika.object("1"), ics::event("1", "New", "20261205T090000Z")).expect(204);
    let rest = client.sync(&erika.calendar(), first.sync_token.as_ref().unwrap()).multistatus();
    let mut all: Vec<_> = first.members().into_iter().chain(rest.members()).filter(|m| *m != "0").collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all, ["1", "2", "3", "4", "5"]);
    let etag = client.get(&erika.object("1")).etag();
    assert_eq!(rest.entry(&erika.object("1")).text("D:getetag"), etag);
}

#[test]
fn levels_depths_and_missing_parts() {
    let (_daemon, erika, client) = erika();
    let ask = |inside: &str, depth: Option<&str>| {
        let mut request = client.report_request(&erika.calendar(), "D:sync-collection", inside);
        if let Some(depth) = depth {
            request = request.header("Depth", depth);
        }
        request.send().status
    };
    let body = "<D:sync-token/><D:sync-level>1</D:sync-level><D:prop><D:getetag/></D:prop>";
    assert_eq!(ask(body, None), 207);
    assert_eq!(ask(body, Some("0")), 207);
    assert_eq!(ask(body, Some("1")), 207, "RFC 6578 section 3.2 says 400, but older clients send it");
    assert_eq!(ask(body, Some("infinity")), 400);
    assert_eq!(ask("<D:sync-token/><D:sync-level>7</D:sync-level><D:prop/>", None), 400);
    assert_eq!(ask("<D:sync-level>1</D:sync-level><D:prop/>", None), 400);
    let infinite = "<D:sync-token/><D:sync-level>infinite</D:sync-level><D:prop><D:getetag/></D:prop>";
    assert_eq!(ask(infinite, None), 207, "there are no collections below a calendar");
}

#[test]
fn sync_can_carry_the_data() {
    let (_daemon, erika, client) = erika();
    let body = ics::simple("a");
    let _ = client.put(&erika.object("a.ics"), &body).expect(201);
    let inside =
        "<D:sync-token/><D:sync-level>1</D:sync-level><D:prop><D:getetag/><C:calendar-data/></D:prop>";
    let answer = client.report_request(&erika.calendar(), "D:sync-collection", inside).send().multistatus();
    assert_eq!(answer.only().text("C:calendar-data"), body);
}

#[test]
fn a_token_in_an_if_header_holds_while_nothing_has_changed() {
    let (_daemon, erika, client) = erika();
    let token = client.sync(&erika.calendar(), "").multistatus().sync_token.unwrap();
    let put = |uid: &str, condition: String| {
        client.put_request(&erika.object(uid), ics::simple(uid)).header("If", condition).send()
    };
    let tagged = |token: &str| format!("<{}> (<{token}>)", erika.calendar());
    let _ = put("a", tagged(&token)).expect(201);
    let _ = put("b", tagged(&token)).expect(412); // RFC 6578 section 5
    let _ = put("b", tagged("data:,1")).expect(412);
    let token = client.sync(&erika.calendar(), &token).multistatus().sync_token.unwrap();
    let _ = put("b", tagged(&token)).expect(201);
    assert_eq!(client.members(&erika.calendar()), ["a", "b"]);
}

#[test]
fn a_sync_of_more_than_one_page_names_every_member_once() {
    let (daemon, erika, client) = erika();
    let events = |from: usize, to: usize, summary: &str| {
        let events = (from..to).map(|n| {
            format!(
                "BEGIN:VEVENT\r\nUID:{n}\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:20261201T090000Z\r\nSUMMARY:{summary}\r\n\
                 END:VEVENT\r\n"
            )
        });
        let events: String = events.collect();
        format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n{events}END:VCALENDAR\r\n")
    };
    let import = |ics: String| daemon.cli_with_input(&["import", "-", "erika/calendar"], ics.as_bytes()).ok();
    let begin = client.sync(&erika.calendar(), "").multistatus().sync_token.unwrap();
    let _ = import(events(0, 2_300, "first"));
    let once = |token: &str| {
        let answer = client.sync(&erika.calendar(), token).multistatus();
        let members = answer.members();
        let distinct: std::collections::BTreeSet<_> = members.iter().cloned().collect();
        assert_eq!(distinct.len(), members.len());
        (members.len(), answer.sync_token.unwrap())
    };
    let (all, token) = once("");
    assert_eq!((all, once(&begin).0), (2_300, 2_300));
    let _ = import(events(500, 1_700, "second"));
    assert_eq!(once(&token).0, 1_200);
}
