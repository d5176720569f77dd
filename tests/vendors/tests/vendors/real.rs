//! A calendar here, one at Radicale and one at Xandikos are kept equal, whatever is edited where and whoever is killed.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use almanac_harness::{Client, Daemon, Person, Random, Response, ics};

use crate::practice::{add_account, calendars, link, options, practice, status_of, sync_at_last, writes};
use crate::servers::{LOGIN, PASSWORD, Server, folder, program, radicale, xandikos};

/// Events at the beginning, on all sides together.
const EVENTS: usize = 500;

/// One of the three calendars, as a client sees it.
struct Side {
    client: Client,
    path: String,
}

impl Side {
    /// What is in it, by UID: the path and the text.
    fn objects(&self) -> BTreeMap<String, (String, String)> {
        let inside = "<D:prop><D:getetag/><C:calendar-data/></D:prop>\
            <C:filter><C:comp-filter name=\"VCALENDAR\"><C:comp-filter name=\"VEVENT\"/></C:comp-filter></C:filter>";
        let listed = self.client.report(&self.path, "C:calendar-query", inside).expect(207).multistatus();
        let mut objects = BTreeMap::new();
        for entry in &listed.entries {
            let text = entry.text("C:calendar-data").to_owned();
            let uid = ics::values(&ics::unfold(&text), "UID")[0].to_owned();
            objects.insert(uid, (entry.href.clone(), text));
        }
        objects
    }

    fn put(&self, path: &str, text: &str) {
        self.write(|client| client.put(path, text));
    }

    fn delete(&self, path: &str) {
        self.write(|client| client.delete(path));
    }

    /// Xandikos answers 423, or 500, to one of two who write in the same moment.
    fn write(&self, ask: impl Fn(&Client) -> Response) {
        let answer = (0..1_000)
            .map(|_| ask(&self.client))
            .find(|answer| ![423, 500].contains(&answer.status))
            .unwrap();
        assert!([200, 201, 204].contains(&answer.status), "{answer}");
    }

    /// The entity tags of all members.
    fn tags(&self) -> BTreeMap<String, String> {
        let listed = self.client.propfind(&self.path, "1", &["D:getetag"]).expect(207).multistatus();
        let members = listed.entries.iter().filter(|entry| entry.href != self.path);
        members.map(|entry| (entry.href.clone(), entry.text("D:getetag").to_owned())).collect()
    }
}

/// An invented event: a single one, a day, a series in a zone, or one with a moved and a cancelled instance.
fn event(n: usize) -> String {
    let (uid, day) = (format!("event-{n:03}@practice.example"), 1 + n % 27);
    let head = format!("BEGIN:VEVENT\nUID:{uid}\nDTSTAMP:20261101T080000Z\nSUMMARY:Visit {n}\n");
    let berlin = |hour: usize| format!("TZID=Europe/Berlin:202610{day:02}T{hour:02}0000");
    match n % 5 {
        0 => ics::calendar(&format!("{head}DTSTART;VALUE=DATE:202612{day:02}\nEND:VEVENT\n")),
        1 => ics::calendar(&format!(
            "{}{head}DTSTART;{}\nDTEND;{}\nRRULE:FREQ=WEEKLY;COUNT=10\nLOCATION:Room {n}\nEND:VEVENT\n",
            ics::berlin("Europe/Berlin"),
            berlin(9),
            berlin(10)
        )),
        2 => ics::calendar(&format!(
            "{zone}{head}DTSTART;{at9}\nDTEND;{at10}\nRRULE:FREQ=DAILY;COUNT=30\nEXDATE;{at9}\nEND:VEVENT\n\
             {head}RECURRENCE-ID;{of}090000\nDTSTART;{of}140000\nDTEND;{of}150000\nEND:VEVENT\n",
            zone = ics::berlin("Europe/Berlin"),
            at9 = berlin(9),
            at10 = berlin(10),
            of = "TZID=Europe/Berlin:20261101T",
        )),
        _ => ics::calendar(&format!(
            "{head}DTSTART:202612{day:02}T090000Z\nDURATION:PT45M\nDESCRIPTION:Bring\\, please\\, the card\n\
             CATEGORIES:A,B\nBEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT15M\nDESCRIPTION:Soon\nEND:VALARM\nEND:VEVENT\n"
        )),
    }
}

/// The text with a line in place of the first that begins so.
fn with_line(text: &str, begins: &str, line: &str) -> String {
    let mut done = false;
    let lines = text.lines().map(|old| {
        let hit = !done && old.starts_with(begins);
        done |= hit;
        if hit { line } else { old }
    });
    lines.map(|line| format!("{line}\r\n")).collect()
}

/// The text with lines behind the first that begins so.
fn with_more(text: &str, begins: &str, more: &str) -> String {
    let old = text.lines().find(|line| line.starts_with(begins)).unwrap();
    with_line(text, begins, &format!("{old}\r\n{more}"))
}

/// What a device does on one side: changed titles, a cancelled and a moved instance, deleted and new events. `turn` is
/// different on each side, so that they meet at some events and not at others. How many events there are more.
fn edit(side: &Side, turn: usize) -> i64 {
    let objects = side.objects();
    let at = |n: usize| objects.get(&format!("event-{n:03}@practice.example"));
    let mut balance = 0;
    let gone: Vec<usize> = (0..3).flat_map(deleted).collect();
    for n in (turn * 7..EVENTS).step_by(11).filter(|n| !gone.contains(n)).take(14) {
        let Some((path, text)) = at(n) else { continue };
        side.put(path, &with_line(text, "SUMMARY", &format!("SUMMARY:Visit {n} seen by {turn}")));
    }
    for n in (101 + 50 * turn..).step_by(5).take(4) {
        let Some((path, text)) = at(n) else { continue };
        let day = 1 + n % 27;
        let cancelled = format!("EXDATE;TZID=Europe/Berlin:{}T090000", date(day + 7));
        side.put(path, &with_more(text, "RRULE", &cancelled));
    }
    for n in (301 + 50 * turn..).step_by(5).take(4) {
        let Some((path, text)) = at(n) else { continue };
        let day = date(1 + n % 27 + 14);
        let moved = format!(
            "BEGIN:VEVENT\r\nUID:event-{n:03}@practice.example\r\nDTSTAMP:20261102T080000Z\r\nSUMMARY:Visit {n}\r\n\
             RECURRENCE-ID;TZID=Europe/Berlin:{day}T090000\r\nDTSTART;TZID=Europe/Berlin:{day}T160000\r\n\
             DTEND;TZID=Europe/Berlin:{day}T170000\r\nEND:VEVENT\r\nEND:VCALENDAR"
        );
        side.put(path, &with_line(text, "END:VCALENDAR", &moved));
    }
    for n in deleted(turn) {
        let Some((path, _)) = at(n) else { continue };
        side.delete(path);
        balance -= 1;
    }
    for n in 600 + 10 * turn..604 + 10 * turn {
        side.put(&format!("{}new-{n}.ics", side.path), &event(n));
        balance += 1;
    }
    balance
}

/// What is deleted on a side, and edited on none: the edited would come back.
fn deleted(turn: usize) -> [usize; 3] {
    [10 + turn, 204 + 5 * turn, 404 + 5 * turn]
}

/// A day of October 2026, or so many later.
fn date(day: usize) -> String {
    if day > 31 { format!("202611{:02}", day - 31) } else { format!("202610{day:02}") }
}

/// All three sides say the same of so many events.
fn assert_equal(python: &Path, count: usize, sides: &[(String, &str, &str)]) {
    let mut command = Command::new(python);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("compare.py")).arg(count.to_string());
    for (url, login, password) in sides {
        command.args([url, *login, *password]);
    }
    let output = command.env("TZ", "UTC").env("PYTHONDONTWRITEBYTECODE", "1").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
}

/// Kills the daemon at some moments of its work, and starts it again.
fn kill_at_random(daemon: &mut Daemon, times: usize, random: &mut Random) {
    for n in 0..times {
        let running = (n % 2 == 0).then(|| daemon.begin_cli(&["sync", "now"]));
        std::thread::sleep(Duration::from_millis(50 + random.below(900)));
        daemon.kill9();
        if let Some(mut running) = running {
            running.wait().unwrap();
        }
        daemon.boot();
    }
}

struct World {
    daemon: Daemon,
    erika: Person,
    radicale: Server,
    xandikos: Server,
    paths: [String; 2],
}

impl World {
    fn sides(&self) -> [Side; 3] {
        let [at_radicale, at_xandikos] = self.paths.clone();
        [
            Side { client: self.daemon.client(&self.erika), path: self.erika.calendar() },
            Side { client: self.radicale.client(), path: at_radicale },
            Side { client: self.xandikos.client(), path: at_xandikos },
        ]
    }

    fn assert_equal(&self, python: &Path, count: usize) {
        let [here, radicale, xandikos] = self.sides();
        let url = |side: &Side| format!("http://{}{}", side.client.address().authority(), side.path);
        let (login, secret) = (self.erika.login.as_str(), self.erika.secret.as_str());
        let sides = [
            (url(&here), login, secret),
            (url(&radicale), LOGIN, PASSWORD),
            (url(&xandikos), LOGIN, PASSWORD),
        ];
        assert_equal(python, count, &sides);
    }

    /// How often the daemon, or a test, wrote at Radicale.
    fn written_at_radicale(&self) -> usize {
        let log = self.radicale.log();
        log.lines()
            .filter(|line| line.contains("PUT request for") || line.contains("DELETE request for"))
            .count()
    }
}

#[test]
fn three_calendars_become_equal_while_all_are_edited_and_the_daemon_is_killed() {
    let (Some(radicale), Some(xandikos)) = (radicale(), xandikos()) else { return };
    let Some(python) = program("venv", "python3", "tests/conformance/install clients") else { return };
    let seed = Random::seed();
    println!("seed {seed}");
    let mut random = Random::new(seed);
    // A kill leaves what was written where it is, be that a disk or memory.
    let state = folder();
    let (daemon, erika) = practice(options().set("sync.poll", "2s").state(&state.path().join("state")));
    let words = |url: &str| ["--url", url, "--username", LOGIN, "--password-stdin"].map(str::to_owned);
    for (name, server) in [("rad", &radicale), ("xan", &xandikos)] {
        let words = words(&server.url());
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let _ = add_account(&daemon, "caldav", name, &words, PASSWORD).ok();
    }
    let only = |name: &str| {
        let found = calendars(&daemon, name);
        assert_eq!(found.len(), 1);
        found[0].clone()
    };
    let paths = ["rad", "xan"].map(only);
    let mut world = World { daemon, erika, radicale, xandikos, paths };

    let sides = world.sides();
    std::thread::scope(|scope| {
        for (turn, side) in sides.iter().enumerate() {
            scope.spawn(move || {
                for n in (0..EVENTS).filter(|n| [0, 1, 1, 2, 2][n / 5 % 5] == turn) {
                    side.put(&format!("{}{n}.ics", side.path), &event(n));
                }
            });
        }
    });
    link(&world.daemon, "rad/main", "erika/calendar", "two-way");
    link(&world.daemon, &format!("xan/{}", world.paths[1]), "erika/calendar", "two-way");
    kill_at_random(&mut world.daemon, 3, &mut random);
    sync_at_last(&world.daemon);
    sync_at_last(&world.daemon); // what one account brought may be for the other
    world.assert_equal(&python, EVENTS);

    let sides = world.sides();
    let balance: i64 = std::thread::scope(|scope| {
        let editing: Vec<_> = sides[1..]
            .iter()
            .enumerate()
            .map(|(turn, side)| scope.spawn(move || edit(side, turn + 1)))
            .collect();
        let here = edit(&sides[0], 0);
        kill_at_random(&mut world.daemon, 3, &mut random);
        here + editing.into_iter().map(|thread| thread.join().unwrap()).sum::<i64>()
    });
    sync_at_last(&world.daemon);
    sync_at_last(&world.daemon);
    let count = usize::try_from(EVENTS as i64 + balance).unwrap();
    world.assert_equal(&python, count);

    let quiet = || {
        let tags = world.sides().map(|side| side.tags());
        (tags, world.written_at_radicale())
    };
    let before = quiet();
    for _ in 0..2 {
        let runs = sync_at_last(&world.daemon);
        assert_eq!((runs.len(), writes(&runs)), (2, 0), "{runs:?}");
        assert!(quiet() == before, "a sync that had nothing to do has written");
    }
    for name in ["rad", "xan"] {
        let status = status_of(&world.daemon, name);
        assert_eq!((&status["state"], &status["queue"]), (&"ok".into(), &0.into()), "{status}");
    }
}

#[test]
fn a_purge_takes_back_from_a_caldav_server_what_the_link_wrote_and_nothing_else() {
    let Some(radicale) = radicale() else { return };
    let (daemon, erika) = practice(options());
    let theirs = Side { client: radicale.client(), path: "/ada/main/".to_owned() };
    for n in [3, 4] {
        theirs.put(&format!("/ada/main/{n}.ics"), &event(n));
    }
    let ours = Side { client: daemon.client(&erika), path: erika.calendar() };
    ours.put(&erika.object("8.ics"), &event(8));
    let words = ["--url", &radicale.url(), "--username", LOGIN, "--password-stdin"];
    let _ = add_account(&daemon, "caldav", "rad", &words, PASSWORD).ok();
    let id = link(&daemon, "rad/main", "erika/calendar", "two-way");
    sync_at_last(&daemon);
    // What the server's owner made stays theirs, also when it was changed here.
    let (path, text) = ours.objects()["event-003@practice.example"].clone();
    ours.put(&path, &with_line(&text, "SUMMARY", "SUMMARY:Changed here"));
    sync_at_last(&daemon);
    let there = theirs.objects();
    assert_eq!(there.len(), 3);
    assert!(there["event-003@practice.example"].1.contains("SUMMARY:Changed here"));
    let _ = daemon.cli(&["sync", "purge", &id]).ok();
    let left: Vec<String> = theirs.objects().into_keys().collect();
    assert_eq!(left, ["event-003@practice.example", "event-004@practice.example"]);
    assert_eq!(ours.objects().len(), 3, "nothing is lost here");
    assert!(!daemon.log().contains(PASSWORD), "the password is in the log");
}
