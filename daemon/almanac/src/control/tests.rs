//! Both sides of the control socket, over a real application on a store in memory.

use std::sync::{Arc, Mutex};

use almanac_app::{App, AppOptions};
use almanac_base::SystemClock;
use almanac_store::{CreateMode, EngineKind, FixedKey, OpenOptions, Store};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::{client, server};
use crate::commands::{Command, Executor, Outcome, Role};
use crate::config::Config;
use crate::failure::{Exit, Failure};
use crate::vendors::Vendors;

async fn executor() -> Executor {
    let clock = Arc::new(SystemClock);
    let options = OpenOptions {
        state: "/nonexistent".into(),
        engine: EngineKind::Memory,
        cache_bytes: 1 << 20,
        key: Arc::new(FixedKey::new([7; 32])),
        clock: Arc::clone(&clock) as _,
        create: CreateMode::IfMissing,
    };
    let store = Arc::new(Store::open(options).unwrap());
    let app = App::open(store, AppOptions { clock, cache_bytes: 1 << 20, trash_days: 30 }).await.unwrap();
    let vendors = Vendors::new(&app, Arc::new(SystemClock), &Config::default());
    Executor { app, daemon: None, vendors }
}

async fn ask(executor: &Executor, command: Command, file: &[u8]) -> Result<Outcome, Failure> {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let (answer, ()) =
        tokio::join!(client::converse(ours, &command, file, &|_| {}), server::converse(theirs, executor));
    answer
}

async fn with_ada() -> Executor {
    let executor = executor().await;
    ask(&executor, Command::TenantAdd { name: "riverside".into(), timezone: None }, &[]).await.unwrap();
    let user = Command::UserAdd {
        login: "ada".into(),
        tenant: "riverside".into(),
        email: "ada@example.org".into(),
        display_name: "Ada Quill".into(),
        role: Role::Practitioner,
    };
    ask(&executor, user, &[]).await.unwrap();
    executor
}

fn calendar(events: usize) -> String {
    let events: String = (0..events)
        .map(|n| format!("BEGIN:VEVENT\r\nUID:{n}@example.org\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:20260301T100000Z\r\nSUMMARY:Visit {n}\r\nEND:VEVENT\r\n"))
        .collect();
    format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Example//EN\r\n{events}END:VCALENDAR\r\n")
}

#[tokio::test]
async fn a_command_and_its_lists_go_over_the_socket() {
    let executor = with_ada().await;
    let users = ask(&executor, Command::UserList { tenant: None }, &[]).await.unwrap();
    let Outcome::Users(users) = users else { panic!("users") };
    assert_eq!((users.len(), users[0].login.as_str(), users[0].role), (1, "ada", Role::Practitioner));
    let add = Command::AppPasswordAdd { login: "ada".into(), label: "phone".into() };
    let made = ask(&executor, add, &[]).await.unwrap();
    let Outcome::AppPassword(made) = made else { panic!("app password") };
    assert_eq!(made.secret.len(), 26);
    let list = ask(&executor, Command::AppPasswordList { login: "ada".into() }, &[]).await.unwrap();
    let Outcome::AppPasswords(list) = list else { panic!("app passwords") };
    assert_eq!(list[0].id, made.id);
    let revoke = Command::AppPasswordRevoke { login: "ada".into(), id: made.id };
    assert_eq!(ask(&executor, revoke, &[]).await.unwrap(), Outcome::Done);
}

#[tokio::test]
async fn a_file_goes_in_with_progress_and_comes_out_again() {
    let executor = with_ada().await;
    let seen = Mutex::new(0);
    let (ours, theirs) = UnixStream::pair().unwrap();
    let (file, import) = (calendar(40), Command::Import { at: "ada/calendar".into() });
    let progress = |step: almanac_app::ImportProgress| *seen.lock().unwrap() = step.total;
    let (answer, ()) = tokio::join!(
        client::converse(ours, &import, file.as_bytes(), &progress),
        server::converse(theirs, &executor)
    );
    let Outcome::Imported(report) = answer.unwrap() else { panic!("imported") };
    assert_eq!((report.created, report.refused.len()), (40, 0));
    assert_eq!(*seen.lock().unwrap(), 40);
    let (ours, theirs) = UnixStream::pair().unwrap();
    let (mut text, export) = (Vec::new(), Command::Export { at: "ada/calendar".into() });
    let mut take = |piece: bytes::Bytes| {
        text.extend_from_slice(&piece);
        Ok(())
    };
    let (outcome, ()) =
        tokio::join!(client::take_pieces(ours, &export, &mut take), server::converse(theirs, &executor));
    assert_eq!(outcome.unwrap(), Outcome::Exported);
    let text = String::from_utf8(text).unwrap();
    assert_eq!(text.matches("SUMMARY:Visit").count(), 40);
}

#[tokio::test]
async fn a_failure_is_told_with_its_exit_code_and_a_remedy() {
    let executor = with_ada().await;
    for command in [
        Command::TenantAdd { name: "riverside".into(), timezone: None },
        Command::UserRemove { login: "nobody".into() },
        Command::CalendarRemove { at: "ada".into() },
        Command::CalendarAdd { at: "ada/x".into(), display_name: None, components: vec!["VALARM".into()] },
        Command::AppPasswordRevoke { login: "ada".into(), id: "x".into() },
    ] {
        let failure = ask(&executor, command, &[]).await.unwrap_err();
        assert_eq!(failure.exit, Exit::Failed);
        assert!(!failure.what.is_empty() && !failure.remedy.is_empty(), "{failure}");
    }
}

#[tokio::test]
async fn what_is_no_command_is_refused_and_not_repeated() {
    let executor = executor().await;
    let rows: [&[u8]; 6] = [
        b"hello CANARY\n",
        b"{\"command\":{\"drop-everything\":{\"name\":\"CANARY\"}}}\n",
        b"{\"command\":{\"tenant-add\":{\"name\":\"CANARY\",\"extra\":1}}}\n",
        b"{\"command\":{\"tenant-list\":{}}}",
        b"{\"command\":{\"import\":{\"at\":\"a/b\"}},\"attachment_bytes\":10}\nshort",
        b"{\"command\":{\"import\":{\"at\":\"a/b\"}},\"attachment_bytes\":99999999999}\n",
    ];
    for bytes in rows {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        let mut reply = String::new();
        let talk = async {
            ours.write_all(bytes).await.unwrap();
            ours.shutdown().await.unwrap();
            ours.read_to_string(&mut reply).await.unwrap();
        };
        tokio::join!(talk, server::converse(theirs, &executor));
        assert!(reply.starts_with("{\"failed\":{\"exit\":\"failed\""), "{reply}");
        assert!(!reply.contains("CANARY"), "{reply}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_stops_coming_is_not_waited_for() {
    let executor = executor().await;
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let line = b"{\"command\":{\"import\":{\"at\":\"a/b\"}},\"attachment_bytes\":10}\nshort";
    ours.write_all(line).await.unwrap();
    server::converse(theirs, &executor).await;
    let mut reply = String::new();
    ours.read_to_string(&mut reply).await.unwrap();
    assert!(reply.contains("the file stopped coming"), "{reply}");
}
