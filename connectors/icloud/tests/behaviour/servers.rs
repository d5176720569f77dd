//! What servers do, and what the connector makes of it.

use std::sync::Arc;

use almanac_contract::{
    Attempt, CalendarId, Changed, Connector as _, Coverage, Deletion, DeltaToken, ErrorKind, Field, Form,
    Instance, Mark, PushKey, Pushed, RemoteId, RemoteVersion, Retry, Value,
};
use almanac_icloud::sim::{Front, HOME, Habits, Server};
use almanac_icloud::{CalDav, Scheduling};
use almanac_simulator::{Fault, Reply, Seen, Simulator};
use http::StatusCode;
use jiff::SignedDuration;
use tokio::sync::Notify;

use crate::account::{account, account_of, event, family, form_of, list, server, work, write, written};

async fn plain() -> (Simulator<Server>, CalDav) {
    let server = server(Habits::default()).await;
    let account = account(&server.url(), Scheduling::None);
    account.calendars().await.unwrap();
    server.take_seen();
    (server, account)
}

fn id(name: &str) -> RemoteId {
    RemoteId(format!("{}{name}", Server::path("work")))
}

fn put(server: &Simulator<Server>, name: &str, text: &str) {
    server.with(|server| server.put("work", name, text.as_bytes()));
}

fn titled(form: &Form, title: &str) -> Form {
    let mut form = form.clone();
    form.parts.get_mut(&Instance::Master).unwrap().insert(Field::Summary, Value::Text(title.to_owned()));
    form
}

fn methods(seen: &[Seen]) -> Vec<&str> {
    seen.iter().map(|seen| seen.request.method.as_str()).collect()
}

async fn fetch(account: &CalDav, ids: &[RemoteId]) -> Vec<Changed> {
    account.fetch(&work(), ids).await.unwrap()
}

#[tokio::test]
async fn an_object_costs_one_request_to_create_two_to_change_and_one_to_delete() {
    let (server, account) = plain().await;
    let form = form_of(&event("a@example", "SUMMARY:A\r\n"));
    let made = written(write(&account, &form, None, Attempt::First).await);
    let seen = server.take_seen();
    assert_eq!((methods(&seen), seen[0].request.header("if-none-match")), (vec!["PUT"], Some("*")));
    let before = made.version.0.clone();
    let made = written(write(&account, &titled(&form, "B"), Some(&made), Attempt::First).await);
    let seen = server.take_seen();
    assert_eq!(
        (methods(&seen), seen[1].request.header("if-match")),
        (vec!["GET", "PUT"], Some(before.as_str()))
    );
    let calendar = work();
    let deletion = Deletion { calendar: &calendar, id: &made.id, version: &made.version };
    account.delete(&deletion).await.unwrap();
    let seen = server.take_seen();
    assert_eq!(methods(&seen), ["DELETE"]);
    assert_eq!(seen[0].request.header("if-match"), Some(made.version.0.as_str()));
    assert_eq!(
        seen[0].request.header("schedule-reply"),
        Some("F"),
        "nobody is told that a guest does not come"
    );
}

#[tokio::test]
async fn a_quiet_calendar_costs_one_request_and_many_objects_cost_few() {
    let (server, account) = plain().await;
    for n in 0..120 {
        put(&server, &format!("{n}.ics"), &event(&format!("{n}@example"), ""));
    }
    let (lines, token, _) = list(&account, &work(), None).await.unwrap();
    assert_eq!(lines.len(), 120);
    server.take_seen();
    let (lines, _, _) = list(&account, &work(), Some(&token)).await.unwrap();
    assert!(lines.is_empty());
    assert_eq!(methods(&server.take_seen()), ["REPORT"]);
    let ids: Vec<RemoteId> = (0..120).map(|n| id(&format!("{n}.ics"))).collect();
    assert_eq!(fetch(&account, &ids).await.len(), 120);
    assert_eq!(methods(&server.take_seen()), ["REPORT"; 3]);
}

/// Such a server does not say what became of a write, so it is read; whatever was written in between is no part of it.
#[tokio::test]
async fn what_somebody_changes_between_a_write_and_its_reading_is_not_taken_for_what_was_written() {
    for theirs in ["SUMMARY:Theirs\r\n", "SUMMARY:Ours\r\nCATEGORIES:Theirs\r\n"] {
        changes_before_it_is_read(theirs).await;
    }
}

async fn changes_before_it_is_read(theirs: &str) {
    let (server, account) = plain().await;
    server.with(|server| server.habits.rewrites = true);
    let text = event("a@example", "SUMMARY:Ours\r\n");
    let theirs = event("a@example", theirs);
    let wrote = Arc::new(Notify::new());
    let told = Arc::clone(&wrote);
    server.plan(move |request| {
        if request.method == http::Method::PUT {
            told.notify_one();
        }
        None
    });
    let form = form_of(&text);
    let writing = write(&account, &form, None, Attempt::First);
    tokio::pin!(writing);
    let pushed = tokio::select! {
        biased;
        () = wrote.notified() => {
            let name = server.with(|server| server.names("work")).remove(0);
            put(&server, &name, &theirs);
            writing.await.unwrap()
        }
        _ = &mut writing => panic!("it was not read after it was written"),
    };
    assert!(matches!(pushed, Pushed::Found(object) if object.form == form_of(&theirs)));
}

#[tokio::test]
async fn a_token_that_the_server_forgot_has_expired() {
    let (server, account) = plain().await;
    let (_, token, _) = list(&account, &work(), None).await.unwrap();
    put(&server, "a.ics", &event("a@example", ""));
    server.with(Server::expire_tokens);
    let error = list(&account, &work(), Some(&token)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::DeltaExpired);
    assert_eq!(list(&account, &work(), None).await.unwrap().0.len(), 1);
}

#[tokio::test]
async fn a_listing_that_the_server_cut_goes_on_to_its_end() {
    let (server, account) = plain().await;
    server.with(|server| server.habits.page = Some(2));
    for n in 0..5 {
        put(&server, &format!("{n}.ics"), &event(&format!("{n}@example"), ""));
    }
    let (lines, token, pages) = list(&account, &work(), None).await.unwrap();
    assert_eq!((lines.len(), pages), (5, 3));
    for n in 0..5 {
        server.with(|server| server.remove("work", &format!("{n}.ics")));
    }
    let (lines, _, pages) = list(&account, &work(), Some(&token)).await.unwrap();
    assert_eq!((lines.len(), pages), (5, 3));
    assert!(lines.iter().all(|line| matches!(line, Changed::Gone(_))));
}

#[tokio::test]
async fn a_server_that_cuts_a_listing_at_the_same_place_for_ever_is_given_up() {
    let (server, account) = plain().await;
    put(&server, "a.ics", &event("a@example", ""));
    let (_, token, _) = list(&account, &work(), None).await.unwrap();
    put(&server, "b.ics", &event("b@example", ""));
    server.with(|server| server.habits.page = Some(0));
    let reply = format!(
        "<multistatus xmlns='DAV:'><response><href>{}</href><status>HTTP/1.1 507 Full</status></response>\
         <sync-token>{}</sync-token></multistatus>",
        Server::path("work"),
        token.0.rsplit(' ').next().unwrap()
    );
    server.plan(move |_| Some(Fault::Answer(Reply::new(StatusCode::MULTI_STATUS, reply.clone()))));
    let error = list(&account, &work(), Some(&token)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Malformed);
}

#[tokio::test]
async fn pitfall_87_an_object_that_is_missing_from_an_answer_is_asked_for_and_not_taken_for_deleted() {
    let (server, account) = plain().await;
    server.with(|server| server.habits.forgets = Some(2));
    for name in ["a", "b", "c"] {
        put(&server, &format!("{name}.ics"), &event(name, ""));
    }
    let ids = ["a.ics", "b.ics", "c.ics", "never.ics"].map(id);
    let lines = fetch(&account, &ids).await;
    let there = lines.iter().filter(|line| matches!(line, Changed::Now(_))).count();
    let gone: Vec<&RemoteId> =
        lines.iter().filter(|line| matches!(line, Changed::Gone(_))).map(Changed::id).collect();
    assert_eq!((there, gone), (3, vec![&ids[3]]));
}

#[tokio::test]
async fn pitfall_106_one_object_that_is_none_does_not_hold_up_the_others() {
    let (server, account) = plain().await;
    put(&server, "a.ics", &event("a@example", ""));
    put(&server, "bad.ics", "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n");
    put(&server, "worse.ics", "BEGIN:VCALENDAR\r\nSUMMARY:\u{1}\r\n"); // no XML can hold it
    put(&server, "z.ics", &event("z@example", ""));
    let lines = fetch(&account, &["a.ics", "bad.ics", "worse.ics", "z.ics"].map(id)).await;
    let unreadable: Vec<&RemoteId> =
        lines.iter().filter(|line| matches!(line, Changed::Unreadable(..))).map(Changed::id).collect();
    assert_eq!(unreadable, [&id("bad.ics"), &id("worse.ics")]);
    assert_eq!(lines.iter().filter(|line| matches!(line, Changed::Now(_))).count(), 2);
}

#[tokio::test]
async fn pitfalls_73_75_and_81_a_calendar_that_is_gone_says_nothing_of_its_objects() {
    let (server, account) = plain().await;
    put(&server, "a.ics", &event("a@example", ""));
    let (_, token, _) = list(&account, &work(), None).await.unwrap();
    server.with(|server| server.remove_calendar("work"));
    for since in [None, Some(&token)] {
        assert_eq!(list(&account, &work(), since).await.unwrap_err().kind, ErrorKind::CalendarGone);
    }
    let error = account.fetch(&work(), &[id("a.ics")]).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::CalendarGone);
    assert!(account.calendars().await.unwrap().is_empty());
}

#[tokio::test]
async fn pitfalls_74_and_77_a_listing_that_breaks_off_is_an_error_and_no_end() {
    let (server, account) = plain().await;
    put(&server, "a.ics", &event("a@example", ""));
    put(&server, "b.ics", &event("b@example", ""));
    for habits in [Habits::default(), Habits { sync: false, ..Habits::default() }] {
        server.with(|server| server.habits = habits);
        server.plan(|request| (request.header("depth") != Some("9")).then_some(Fault::Cut(400)));
        assert_eq!(list(&account, &work(), None).await.unwrap_err().kind, ErrorKind::Unavailable);
        server.calm();
    }
}

#[tokio::test]
async fn a_server_that_asks_for_a_pause_gets_it() {
    let (server, account) = plain().await;
    for (status, wait) in [(503, "120"), (403, "120"), (429, "120")] {
        let status = StatusCode::from_u16(status).unwrap();
        server.plan(move |_| {
            Some(Fault::Answer(Reply::new(status, "slow down, ada").with("retry-after", wait)))
        });
        let error = list(&account, &work(), None).await.unwrap_err();
        assert_eq!(
            (error.kind.clone(), error.retry),
            (ErrorKind::Throttled, Retry::After(SignedDuration::from_secs(120)))
        );
        assert!(!format!("{error} {error:?}").contains("ada"), "what the server says is not shown");
    }
}

#[tokio::test]
async fn a_creation_whose_answer_was_lost_is_unclear_and_found_by_the_next_attempt() {
    let (server, account) = plain().await;
    let form = form_of(&event("a@example", "SUMMARY:A\r\n"));
    server.plan(|_| Some(Fault::DoneAndLost));
    let error = write(&account, &form, None, Attempt::First).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unclear);
    server.calm();
    let Ok(Pushed::Found(found)) = write(&account, &form, None, Attempt::Again).await else { panic!() };
    assert_eq!(server.with(|server| server.names("work").len()), 1);
    assert_eq!(found.form, form);
}

#[tokio::test]
async fn a_creation_that_never_reached_the_server_is_not_there() {
    let (server, account) = plain().await;
    let form = form_of(&event("a@example", ""));
    server.plan(|_| Some(Fault::Lost));
    assert_eq!(write(&account, &form, None, Attempt::First).await.unwrap_err().kind, ErrorKind::Unclear);
    server.calm();
    let mark = Mark { link: "lnk_1".to_owned(), uid: form.uid.clone() };
    assert_eq!(account.find(&work(), &PushKey("00".to_owned()), &mark).await.unwrap(), None);
}

#[tokio::test]
async fn a_name_that_something_else_has_or_that_nobody_may_have_again_is_spent() {
    let (server, account) = plain().await;
    let form = form_of(&event("a@example", ""));
    let made = written(write(&account, &form, None, Attempt::First).await);
    let name = made.id.0.rsplit('/').next().unwrap().to_owned();
    put(&server, &name, &event("b@example", "SUMMARY:Theirs\r\n"));
    assert_eq!(write(&account, &form, None, Attempt::First).await.unwrap_err().kind, ErrorKind::Gone);
    server.with(|server| server.remove("work", &name));
    server.plan(|request| {
        let taken = Reply::new(StatusCode::PRECONDITION_FAILED, "");
        (request.method.as_str() == "PUT").then(|| Fault::Answer(taken))
    });
    assert_eq!(write(&account, &form, None, Attempt::First).await.unwrap_err().kind, ErrorKind::Gone);
}

#[tokio::test]
async fn pitfalls_12_and_82_an_object_that_has_the_uid_already_is_found_wherever_it_is() {
    let (server, account) = plain().await;
    put(&server, "made-by-a-phone.ics", &event("a@example", "SUMMARY:Phone\r\n"));
    let form = form_of(&event("a@example", "SUMMARY:Ours\r\n"));
    let Ok(Pushed::Found(found)) = write(&account, &form, None, Attempt::First).await else { panic!() };
    assert_eq!(found.id, id("made-by-a-phone.ics"));
    assert_eq!(found.form, form_of(&event("a@example", "SUMMARY:Phone\r\n")));
    let mark = Mark { link: "lnk_1".to_owned(), uid: "a@example".to_owned() };
    let found = account.find(&work(), &PushKey("00".to_owned()), &mark).await.unwrap().unwrap();
    assert_eq!(found.id, id("made-by-a-phone.ics"));
    let mark = Mark { uid: "@example".to_owned(), ..mark };
    assert_eq!(
        account.find(&work(), &PushKey("00".to_owned()), &mark).await.unwrap(),
        None,
        "a part is no UID"
    );
}

#[tokio::test]
async fn pitfall_88_a_change_is_written_over_the_state_that_it_was_decided_from() {
    let (server, account) = plain().await;
    put(&server, "a.ics", &event("a@example", "SUMMARY:A\r\n"));
    let Changed::Now(known) = fetch(&account, &[id("a.ics")]).await.remove(0) else { panic!() };
    // Another device writes between the decision and the write.
    server.take_seen();
    put(&server, "a.ics", &event("a@example", "SUMMARY:Theirs\r\n"));
    let error =
        write(&account, &titled(&known.form, "Ours"), Some(&known), Attempt::First).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
    assert!(!methods(&server.take_seen()).contains(&"PUT"), "it is seen before anything is sent");
    let text = server.with(|server| server.octets("work", "a.ics")).unwrap();
    assert!(String::from_utf8(text).unwrap().contains("Theirs"));
}

#[tokio::test]
async fn what_nobody_understands_stays_when_something_else_changes() {
    let (server, account) = plain().await;
    let foreign = "X-APPLE-TRAVEL-ADVISORY-BEHAVIOR:AUTOMATIC\r\nATTACH;FMTTYPE=text/plain:https://example.org/x\r\n\
        BEGIN:VALARM\r\nACTION:NONE\r\nTRIGGER;VALUE=DATE-TIME:19760401T005545Z\r\nX-APPLE-DEFAULT-ALARM:TRUE\r\n\
        X-WR-ALARMUID:1\r\nUID:1\r\nEND:VALARM\r\n";
    put(&server, "a.ics", &event("a@example", &format!("SUMMARY:A\r\n{foreign}")));
    let Changed::Now(known) = fetch(&account, &[id("a.ics")]).await.remove(0) else { panic!() };
    written(write(&account, &titled(&known.form, "B"), Some(&known), Attempt::First).await);
    let text = String::from_utf8(server.with(|server| server.octets("work", "a.ics")).unwrap()).unwrap();
    for line in foreign.lines().chain(["SUMMARY:B", "PRODID:-//Apple Inc.//iCal 17//EN"]) {
        assert!(text.contains(line), "{line}");
    }
}

#[tokio::test]
async fn hrefs_are_asked_for_as_they_were_listed() {
    let (server, account) = plain().await;
    let name = "Caf%C3%A9%20(1)@%7e.ics";
    put(&server, name, &event("a@example", "SUMMARY:A\r\n"));
    let (lines, _, _) = list(&account, &work(), None).await.unwrap();
    assert_eq!(lines[0].id(), &id(name));
    let Changed::Now(known) = fetch(&account, &[id(name)]).await.remove(0) else { panic!() };
    server.take_seen();
    written(write(&account, &titled(&known.form, "B"), Some(&known), Attempt::First).await);
    for seen in server.take_seen() {
        assert_eq!(seen.request.path, format!("{}{name}", Server::path("work")));
    }
}

#[tokio::test]
async fn a_write_without_an_entity_tag_is_read_back() {
    let (server, account) = plain().await;
    server.with(|server| server.habits.rewrites = true);
    let made = written(write(&account, &form_of(&event("a@example", "")), None, Attempt::First).await);
    assert_eq!(methods(&server.take_seen()), ["PUT", "GET"]);
    let (lines, _, _) = list(&account, &work(), None).await.unwrap();
    assert_eq!(lines, [Changed::Touched(made.id, Some(made.version))]);
}

#[tokio::test]
async fn a_calendar_without_changes_is_not_listed_where_only_its_tag_is_known() {
    let server = server(Habits { sync: false, ..Habits::default() }).await;
    let account = account(&server.url(), Scheduling::None);
    put(&server, "a.ics", &event("a@example", ""));
    let (lines, token, _) = list(&account, &work(), None).await.unwrap();
    assert_eq!(lines.len(), 1);
    assert!(!account.capabilities().deltas);
    server.take_seen();
    let page = account.changes(&work(), Some(&token), None).await.unwrap();
    assert_eq!((page.coverage, page.changes.len()), (Coverage::Changes, 0), "nothing is taken for deleted");
    assert_eq!(methods(&server.take_seen()), ["PROPFIND"]);
    server.with(|server| server.remove("work", "a.ics"));
    let page = account.changes(&work(), Some(&token), None).await.unwrap();
    assert_eq!((page.coverage, page.changes.len()), (Coverage::Everything, 0), "it is gone");
}

#[tokio::test]
async fn a_wrong_password_needs_a_person() {
    let server = server(Habits::default()).await;
    let account = account_of(&server.url(), "ada@almanac.example", "wrong", Scheduling::None);
    for error in [account.calendars().await.unwrap_err(), list(&account, &work(), None).await.unwrap_err()] {
        assert_eq!((error.kind, error.retry), (ErrorKind::NeedsSignIn, Retry::Never));
    }
}

#[tokio::test]
async fn an_account_that_moved_to_another_host_is_found_again_under_the_same_ids() {
    let (old, new) = (server(Habits::default()).await, server(Habits::default()).await);
    let front = Simulator::start(Front { leads_to: old.url() }).await.unwrap();
    let account = family(&front.url(), &[old.url(), new.url()]);
    assert_eq!(account.calendars().await.unwrap()[0].id, work());
    put(&new, "a.ics", &event("a@example", ""));
    old.with(|server| server.remove_calendar("work"));
    let leads_to = new.url();
    front.with(|front| front.leads_to = leads_to);
    let (lines, _, _) = list(&account, &work(), None).await.unwrap();
    assert_eq!(lines.len(), 1);
    assert_eq!(account.calendars().await.unwrap()[0].id, work());
}

#[tokio::test]
async fn a_host_that_an_account_has_left_is_not_taken_for_a_wrong_password() {
    let (old, new) = (server(Habits::default()).await, server(Habits::default()).await);
    let front = Simulator::start(Front { leads_to: old.url() }).await.unwrap();
    let account = family(&front.url(), &[old.url(), new.url()]);
    account.calendars().await.unwrap();
    put(&new, "a.ics", &event("a@example", ""));
    old.plan(|_| Some(Fault::Answer(Reply::new(StatusCode::UNAUTHORIZED, ""))));
    let leads_to = new.url();
    front.with(|front| front.leads_to = leads_to);
    let error = account.fetch(&work(), &[id("a.ics")]).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(matches!(fetch(&account, &[id("a.ics")]).await[..], [Changed::Now(_)]));
}

#[tokio::test]
async fn a_password_does_not_follow_to_a_host_of_somebody_else() {
    let server = server(Habits::default()).await;
    // Another name, and another port of the same one, where somebody else's program may listen.
    for elsewhere in [format!("http://localhost:{}", server.port()), server.url()] {
        let front = Simulator::start(Front { leads_to: elsewhere }).await.unwrap();
        let error = account(&front.url(), Scheduling::None).calendars().await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Forbidden);
        assert!(server.take_seen().is_empty(), "it was not even asked");
    }
}

#[tokio::test]
async fn guests_are_not_written_to_a_server_that_has_begun_to_send_invitations() {
    let server = server(Habits { schedules: true, ..Habits::default() }).await;
    let account = account(&server.url(), Scheduling::None); // as it was when the account was added
    let guests = "ORGANIZER:mailto:ada@almanac.example\r\nATTENDEE:mailto:ben@almanac.example\r\n";
    let error =
        write(&account, &form_of(&event("a@example", guests)), None, Attempt::First).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Refused(_)));
    assert_eq!(server.with(|server| (server.mails.all(), server.names("work").len())), (0, 0));
}

#[tokio::test]
async fn an_invitation_of_the_server_keeps_its_guests_when_its_owner_moves_it() {
    let server = server(Habits { schedules: true, ..Habits::default() }).await;
    let account = account(&server.url(), Scheduling::Server);
    let guests = "ORGANIZER:mailto:ada@almanac.example\r\nATTENDEE:mailto:ben@almanac.example\r\n";
    put(&server, "a.ics", &event("a@example", guests));
    let Changed::Now(known) = fetch(&account, &[id("a.ics")]).await.remove(0) else { panic!() };
    assert_eq!(known.mails, 1, "the plan says whom a change mails");
    let form = titled(&account.project(&known.form), "Moved");
    written(write(&account, &form, Some(&known), Attempt::First).await);
    let text = String::from_utf8(server.with(|server| server.octets("work", "a.ics")).unwrap()).unwrap();
    assert!(text.contains("ATTENDEE:mailto:ben@almanac.example"));
}

#[tokio::test]
async fn a_kind_of_object_that_the_server_does_not_take_is_refused_with_a_reason() {
    let (server, account) = plain().await;
    let body =
        "<error xmlns='DAV:'><supported-calendar-component xmlns='urn:ietf:params:xml:ns:caldav'/></error>";
    server.plan(move |_| Some(Fault::Answer(Reply::new(StatusCode::FORBIDDEN, body))));
    let error = write(&account, &form_of(&event("a@example", "")), None, Attempt::First).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Refused(_)), "{error:?}");
}

#[tokio::test]
async fn a_calendar_is_only_one_that_takes_events_and_says_what_may_be_done() {
    let (server, account) = plain().await;
    server.with(|server| server.add_calendar("home"));
    let calendars = account.calendars().await.unwrap();
    let ids: Vec<CalendarId> = calendars.into_iter().map(|calendar| calendar.id).collect();
    assert_eq!(ids, [CalendarId(format!("{HOME}home/")), work()], "the inbox is none");
}

#[tokio::test]
async fn pitfall_11_the_same_uid_in_two_calendars_is_two_objects() {
    let (server, account) = plain().await;
    server.with(|server| {
        server.add_calendar("home");
        server.put("home", "a.ics", event("a@example", "SUMMARY:Home\r\n").as_bytes());
    });
    let made = written(
        write(&account, &form_of(&event("a@example", "SUMMARY:Work\r\n")), None, Attempt::First).await,
    );
    assert!(made.id.0.starts_with(&Server::path("work")));
    let home = server.with(|server| server.octets("home", "a.ics")).unwrap();
    assert!(String::from_utf8(home).unwrap().contains("Home"));
}

#[tokio::test]
async fn pitfall_8_a_token_of_another_calendar_has_expired() {
    let (server, account) = plain().await;
    server.with(|server| server.add_calendar("home"));
    let (_, token, _) = list(&account, &work(), None).await.unwrap();
    let home = CalendarId(format!("{HOME}home/"));
    for token in [token, DeltaToken(String::new())] {
        assert_eq!(list(&account, &home, Some(&token)).await.unwrap_err().kind, ErrorKind::DeltaExpired);
    }
}

#[tokio::test]
async fn pitfalls_83_and_90_a_deletion_ends_when_the_object_is_gone_and_not_when_it_was_changed() {
    let (server, account) = plain().await;
    let calendar = work();
    for (status, there, expected) in [
        (404, true, Ok(())),
        (410, true, Ok(())),
        (412, false, Ok(())),
        (412, true, Err(ErrorKind::Conflict)),
        (500, true, Err(ErrorKind::Unclear)),
    ] {
        if there {
            put(&server, "a.ics", &event("a@example", ""));
        } else {
            server.with(|server| server.remove("work", "a.ics"));
        }
        let status = StatusCode::from_u16(status).unwrap();
        server.take_seen();
        server.plan(move |request| {
            (request.method.as_str() == "DELETE").then(|| Fault::Answer(Reply::new(status, "")))
        });
        let (id, version) = (id("a.ics"), RemoteVersion("\"v1\"".to_owned()));
        let outcome = account.delete(&Deletion { calendar: &calendar, id: &id, version: &version }).await;
        assert_eq!(outcome.map_err(|error| error.kind), expected, "{status} {there}");
        let deletions = methods(&server.take_seen()).iter().filter(|method| **method == "DELETE").count();
        assert_eq!(deletions, 1, "it is not tried again");
    }
}

#[tokio::test]
async fn pitfalls_102_and_103_alarms_of_any_kind_stay_as_they_are_and_do_not_multiply() {
    let (server, account) = plain().await;
    let alarms = "BEGIN:VALARM\r\nACTION:NONE\r\nTRIGGER;VALUE=DATE-TIME:19760401T005545Z\r\nEND:VALARM\r\n\
        BEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT15M\r\nDESCRIPTION:A\r\nACKNOWLEDGED:20260303T084501Z\r\nEND:VALARM\r\n";
    put(&server, "a.ics", &event("a@example", &format!("SUMMARY:A\r\n{alarms}")));
    let Changed::Now(mut known) = fetch(&account, &[id("a.ics")]).await.remove(0) else { panic!() };
    for title in ["B", "C", "D"] {
        *known = written(write(&account, &titled(&known.form, title), Some(&known), Attempt::First).await);
    }
    let text = String::from_utf8(server.with(|server| server.octets("work", "a.ics")).unwrap()).unwrap();
    assert_eq!(text.matches("BEGIN:VALARM").count(), 2);
    assert!(text.contains("ACTION:NONE") && text.contains("ACKNOWLEDGED:20260303T084501Z"));
}

#[tokio::test]
async fn pitfalls_30_and_40_a_changed_instance_is_named_in_the_zone_and_type_of_its_series() {
    let (server, account) = plain().await;
    let series = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//E//EN\r\nBEGIN:VEVENT\r\nUID:a@example\r\n\
        DTSTAMP:20260101T000000Z\r\nDTSTART;TZID=Europe/Berlin:20260326T090000\r\nRRULE:FREQ=DAILY;COUNT=9\r\nEND:VEVENT\r\n\
        BEGIN:VEVENT\r\nUID:a@example\r\nDTSTAMP:20260101T000000Z\r\nRECURRENCE-ID:20260330T070000Z\r\n\
        DTSTART:20260330T130000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
    let made = written(write(&account, &form_of(series), None, Attempt::First).await);
    let name = made.id.0.rsplit('/').next().unwrap().to_owned();
    let text = String::from_utf8(server.with(|server| server.octets("work", &name)).unwrap()).unwrap();
    assert!(
        text.contains("RECURRENCE-ID;TZID=Europe/Berlin:20260330T090000"),
        "after the clocks changed: {text}"
    );
}
