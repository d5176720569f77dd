//! sync-collection (RFC 6578).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod multistatus;
mod support;

use almanac_backend::Access;
use http::StatusCode;
use multistatus::{Multistatus, report};
use support::{Server, event};

const CALENDAR: &str = "/dav/calendars/erika/calendar/";
const ETAG: &str = "<D:prop><D:getetag/></D:prop>";

fn body(token: &str, limit: Option<u32>, prop: &str) -> String {
    let limit = limit.map_or(String::new(), |n| format!("<D:limit><D:nresults>{n}</D:nresults></D:limit>"));
    report(
        "D:sync-collection",
        &format!("<D:sync-token>{token}</D:sync-token><D:sync-level>1</D:sync-level>{limit}{prop}"),
    )
}

async fn sync(server: &Server, token: &str, limit: Option<u32>) -> Multistatus {
    Multistatus::of(&server.send("REPORT", CALENDAR, &[("depth", "0")], &body(token, limit, ETAG)).await)
}

async fn put(server: &Server, name: &str, day: u8) -> String {
    server.put(&format!("{CALENDAR}{name}.ics"), &event(name, day)).await
}

async fn delete(server: &Server, name: &str) {
    let answer = server.send("DELETE", &format!("{CALENDAR}{name}.ics"), &[], "").await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
}

fn sorted(found: &Multistatus) -> Vec<&str> {
    let mut members = found.members();
    members.sort_unstable();
    members
}

#[tokio::test]
async fn an_initial_sync_lists_what_is_there_and_a_later_one_what_changed() {
    let server = Server::new();
    for name in ["a", "b", "c"] {
        put(&server, name, 2).await;
    }
    delete(&server, "b").await;
    let initial = sync(&server, "", None).await;
    assert_eq!(sorted(&initial), ["a.ics", "c.ics"], "no deleted member in an initial sync");
    let token = initial.token.unwrap();
    let nothing = sync(&server, &token, None).await;
    assert!(nothing.responses.is_empty());
    let etag = put(&server, "a", 3).await;
    put(&server, "d", 2).await;
    delete(&server, "c").await;
    let later = sync(&server, &nothing.token.unwrap(), None).await;
    assert_eq!(sorted(&later), ["a.ics", "c.ics", "d.ics"]);
    assert_eq!(later.at("/dav/calendars/erika/calendar/a.ics").text("getetag"), etag);
    assert_eq!(later.at("/dav/calendars/erika/calendar/c.ics").status, Some(404));
    let property =
        server.send("PROPFIND", CALENDAR, &[("depth", "0")], &multistatus::propfind(&["D:sync-token"])).await;
    assert_eq!(Multistatus::of(&property).responses[0].text("sync-token"), later.token.unwrap());
}

#[tokio::test]
async fn a_limit_cuts_the_answer_and_its_token_continues() {
    let server = Server::new();
    let names: Vec<String> = (0..7).map(|number| format!("n{number}")).collect();
    for name in &names {
        put(&server, name, 2).await;
    }
    let (mut token, mut seen, mut rounds) = (String::new(), Vec::new(), 0);
    loop {
        rounds += 1;
        let found = sync(&server, &token, Some(3)).await;
        let cut = found.responses.iter().any(|response| response.href == CALENDAR);
        if cut {
            assert_eq!(found.at(CALENDAR).status, Some(507));
            assert_eq!(found.at(CALENDAR).error.as_ref().unwrap().local(), "number-of-matches-within-limits");
        }
        let members: Vec<String> =
            found.members().into_iter().filter(|name| !name.is_empty()).map(str::to_owned).collect();
        assert!(members.len() <= 3);
        seen.extend(members);
        token = found.token.unwrap();
        if !cut {
            break;
        }
    }
    seen.sort();
    assert_eq!(rounds, 3);
    assert_eq!(seen, names.iter().map(|name| format!("{name}.ics")).collect::<Vec<_>>());
}

#[tokio::test]
async fn without_a_limit_the_answer_is_whole() {
    let server = Server::new();
    for number in 0..1_100 {
        put(&server, &format!("{number:04}"), 2).await;
    }
    let found = sync(&server, "", None).await;
    assert_eq!(found.responses.len(), 1_100);
    assert!(sync(&server, &found.token.unwrap(), None).await.responses.is_empty());
}

#[tokio::test]
async fn a_whole_answer_takes_as_many_pages_as_it_needs_and_ends_with_the_token_of_the_last() {
    let server = Server::new();
    for number in 0..10 {
        put(&server, &number.to_string(), 2).await;
    }
    let whole = sync(&server, "", None).await;
    server.memory.page_max(3);
    let paged = sync(&server, "", None).await;
    assert_eq!(paged.members(), whole.members());
    assert_eq!(paged.token, whole.token);
    // A limit beyond a page is reached over several of them.
    let limited = sync(&server, "", Some(7)).await;
    assert_eq!(limited.members()[..7], whole.members()[..7]);
    assert_eq!(limited.at(CALENDAR).status, Some(507));
    let rest = sync(&server, &limited.token.unwrap(), None).await;
    assert_eq!(rest.members(), whole.members()[7..]);
}

#[tokio::test]
async fn a_token_that_is_not_one_of_this_calendar_is_refused() {
    let server = Server::new();
    put(&server, "a", 2).await;
    let tasks = server.send("REPORT", "/dav/calendars/erika/tasks/", &[], &body("", None, ETAG)).await;
    let foreign = Multistatus::of(&tasks).token.unwrap();
    for token in [foreign.as_str(), "nonsense", "https://example.org/sync/1", "data:,1"] {
        let answer = server.send("REPORT", CALENDAR, &[("depth", "0")], &body(token, None, ETAG)).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{token}");
        assert_eq!(answer.condition(), "D:valid-sync-token");
        assert!(!answer.text().contains(token));
    }
}

#[tokio::test]
async fn calendar_data_comes_along_and_fits_its_etag() {
    let server = Server::new();
    let etag = put(&server, "a", 2).await;
    put(&server, "b", 3).await;
    let prop = "<D:prop><D:getetag/><C:calendar-data/></D:prop>";
    let initial = Multistatus::of(&server.send("REPORT", CALENDAR, &[], &body("", None, prop)).await);
    let a = initial.at("/dav/calendars/erika/calendar/a.ics");
    assert_eq!((a.text("getetag"), a.text("calendar-data")), (etag, event("a", 2)));
    delete(&server, "b").await;
    let later = body(&initial.token.unwrap(), None, prop);
    let later = Multistatus::of(&server.send("REPORT", CALENDAR, &[], &later).await);
    assert_eq!(later.members(), ["b.ics"]);
    assert_eq!(later.responses[0].status, Some(404));
}

#[tokio::test]
async fn no_body_is_read_for_etags() {
    let server = Server::new();
    put(&server, "a", 2).await;
    let before = server.memory.bodies_read();
    sync(&server, "", None).await;
    assert_eq!(server.memory.bodies_read(), before);
}

#[tokio::test]
async fn the_scope_must_be_stated_once() {
    let server = Server::new();
    let without_level = report("D:sync-collection", &format!("<D:sync-token/>{ETAG}"));
    let answer = server.send("REPORT", CALENDAR, &[("depth", "0")], &without_level).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    // How clients of the drafts say it (RFC 6578 appendix A).
    let answer = server.send("REPORT", CALENDAR, &[("depth", "1")], &without_level).await;
    assert_eq!(answer.status, StatusCode::MULTI_STATUS);
    let without_token = report("D:sync-collection", &format!("<D:sync-level>1</D:sync-level>{ETAG}"));
    assert_eq!(server.send("REPORT", CALENDAR, &[], &without_token).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn who_may_see_busy_times_only_cannot_sync() {
    let server = Server::new();
    server.memory.share("erika", "calendar", "max", Access::FreeBusy);
    let answer = server
        .send_as("max", "REPORT", "/dav/calendars/max/erika-calendar/", &[], &body("", None, ETAG))
        .await;
    assert_eq!((answer.status, answer.condition().as_str()), (StatusCode::FORBIDDEN, "D:need-privileges"));
}
