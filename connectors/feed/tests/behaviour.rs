//! The connector against a host of feeds.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::sync::{Arc, Mutex};

use almanac_base::{ManualClock, Secret};
use almanac_contract::suite::{Devices, behaves};
use almanac_contract::{
    CalendarAccess, CalendarId, ChangePage, Changed, Connector, ConnectorError, Coverage, DeltaToken,
    ErrorKind, Field, Form, Next, PageToken, RemoteId, RemoteObject, Retry, Role, Value,
};
use almanac_egress::throttle::Pace;
use almanac_egress::{Client, EgressConfig, Target};
use almanac_feed::sim::{FeedHost, PATH, Shown, Uids, Validators};
use almanac_feed::{Feed, Identity, Setup};
use almanac_simulator::{Fault, Simulator};
use jiff::civil::date;
use jiff::{SignedDuration, Timestamp};

struct World {
    host: Simulator<FeedHost>,
    feed: Feed,
    clock: Arc<ManualClock>,
}

impl World {
    async fn new(begin: impl FnOnce(&mut FeedHost)) -> Self {
        Self::with(begin, |_| {}).await
    }

    async fn with(begin: impl FnOnce(&mut FeedHost), set_up: impl FnOnce(&mut Setup)) -> Self {
        let mut state = FeedHost::default();
        begin(&mut state);
        let host = Simulator::start(state).await.unwrap();
        let config = EgressConfig { allow: vec!["127.0.0.1".to_owned()], ca_file: None };
        let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
        let mut setup = Setup {
            client: Arc::new(Client::new(&config).unwrap()),
            pace: Arc::new(Pace::new(Arc::clone(&clock) as _, 1_000, 60_000, 1)),
            clock: Arc::clone(&clock) as _,
            url: Target::parse(&format!("{}{PATH}", host.url())).unwrap(),
            credentials: None,
            identity: Identity::Detect,
        };
        set_up(&mut setup);
        Self { feed: Feed::new(setup), host, clock }
    }

    async fn page(&self, since: Option<&DeltaToken>) -> Result<ChangePage, ConnectorError> {
        self.feed.changes(&calendar(), since, None).await
    }

    /// A whole listing.
    async fn list(&self, since: Option<&DeltaToken>) -> Listing {
        let mut listing =
            Listing { changes: Vec::new(), coverage: Coverage::Everything, token: None, pages: 0 };
        let mut page: Option<PageToken> = None;
        loop {
            let found = self.feed.changes(&calendar(), since, page.as_ref()).await.unwrap();
            listing.changes.extend(found.changes);
            listing.coverage = found.coverage;
            listing.pages += 1;
            match found.next {
                Next::Page(next) => page = Some(next),
                Next::Done(token) => {
                    listing.token = Some(token);
                    return listing;
                }
            }
        }
    }

    fn requests(&self) -> usize {
        self.host.take_seen().len()
    }
}

struct Listing {
    changes: Vec<Changed>,
    coverage: Coverage,
    token: Option<DeltaToken>,
    pages: usize,
}

impl Listing {
    fn token(&self) -> Option<&DeltaToken> {
        self.token.as_ref()
    }

    fn ids(&self) -> Vec<String> {
        let mut ids: Vec<String> = self.changes.iter().map(|change| change.id().0.clone()).collect();
        ids.sort_unstable();
        ids
    }

    fn objects(&self) -> Vec<&RemoteObject> {
        self.changes
            .iter()
            .filter_map(|change| if let Changed::Now(object) = change { Some(&**object) } else { None })
            .collect()
    }

    /// The object with this summary.
    fn object(&self, summary: &str) -> &RemoteObject {
        self.objects().into_iter().find(|object| said(&object.form).as_deref() == Some(summary)).unwrap()
    }
}

fn calendar() -> CalendarId {
    CalendarId("feed".to_owned())
}

fn said(form: &Form) -> Option<String> {
    match form.parts.values().next()?.get(&Field::Summary)? {
        Value::Text(text) => Some(text.clone()),
        _ => None,
    }
}

#[tokio::test]
async fn it_behaves_as_every_connector_that_only_reads() {
    let world = World::new(|host| {
        week(host);
        host.put("bad", &[("VEVENT", "DTSTART:soon\r\n")]);
    })
    .await;
    let other = World::new(|_| {}).await;
    other.host.with(|host| host.shown = Shown::Elsewhere(format!("{}{PATH}", world.host.url())));
    let devices = Devices::new(&world.feed, &other.feed, calendar(), date(2026, 1, 5), 1);
    behaves(&devices).await.unwrap();
}

fn week(host: &mut FeedHost) {
    for day in 5..=9 {
        host.event(&format!("uid-{day}"), day, &format!("day {day}"));
    }
}

#[tokio::test]
async fn a_feed_is_one_calendar_that_can_be_read_and_nothing_else() {
    let world = World::new(week).await;
    let calendars = world.feed.calendars().await.unwrap();
    assert_eq!((calendars[0].name.as_str(), calendars[0].access), ("Opening hours", CalendarAccess::Read));
    assert_eq!((calendars.len(), &calendars[0].id), (1, &calendar()));
    assert!(!world.feed.capabilities().writes);

    let elsewhere = CalendarId("other".to_owned());
    let error = world.feed.changes(&elsewhere, None, None).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::CalendarGone);
}

#[tokio::test]
async fn a_series_with_its_instances_is_one_object_with_the_zones_it_uses() {
    let world = World::new(|host| {
        host.beside = "BEGIN:VTIMEZONE\r\nTZID:Clinic\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\n\
            TZOFFSETFROM:+0300\r\nTZOFFSETTO:+0300\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
            .to_owned();
        let master = "DTSTART;TZID=Clinic:20260105T090000\r\nRRULE:FREQ=DAILY;COUNT=5\r\nSUMMARY:Rounds\r\n\
            ORGANIZER:mailto:a@example.org\r\nEXDATE;TZID=Clinic:20260107T090000\r\n";
        let moved = "RECURRENCE-ID;TZID=Clinic:20260106T090000\r\nDTSTART;TZID=Clinic:20260106T110000\r\nSUMMARY:Later\r\n";
        host.put("series", &[("VEVENT", master), ("VEVENT", moved)]);
        host.put("task", &[("VTODO", "SUMMARY:Order paper\r\n")]);
        host.put("note", &[("VJOURNAL", "SUMMARY:Quiet day\r\n")]);
    })
    .await;
    let listing = world.list(None).await;
    assert_eq!((listing.objects().len(), listing.coverage), (3, Coverage::Everything));
    let series = listing.object("Rounds");
    assert_eq!(
        (series.form.uid.as_str(), series.form.parts.len(), series.role),
        ("series", 2, Role::Attendee)
    );
    let master = series.form.master().unwrap();
    assert!(master.contains_key(&Field::Zone("Clinic".to_owned())));
    assert_eq!(listing.object("Order paper").role, Role::Owner);
}

#[tokio::test]
async fn an_unchanged_feed_costs_one_conditional_request_and_says_nothing() {
    for validators in [Validators::Tag, Validators::Date, Validators::Nothing] {
        let world = World::new(|host| {
            week(host);
            host.validators = validators;
        })
        .await;
        let first = world.list(None).await;
        let statuses: Vec<_> =
            world.host.take_seen().iter().map(|seen| seen.status.unwrap().as_u16()).collect();
        let again = if validators == Validators::Nothing { 200 } else { 304 };
        assert_eq!(statuses, [200, again], "the second tells whether UIDs are the same");

        let second = world.page(first.token()).await.unwrap();
        assert_eq!((second.coverage, second.changes.len(), world.requests()), (Coverage::Changes, 0, 1));
        assert_eq!(second.next, Next::Done(first.token.clone().unwrap()), "{validators:?}");
    }
}

#[tokio::test]
async fn what_changed_has_another_version_and_the_same_id_and_what_is_left_out_is_absent() {
    let world = World::new(week).await;
    let first = world.list(None).await;
    world.host.with(|host| {
        host.event("uid-5", 12, "day 5");
        host.remove("uid-6");
        host.event("uid-10", 10, "day 10");
    });
    let second = world.list(first.token()).await;
    let (before, after) = (first.object("day 5"), second.object("day 5"));
    assert_eq!((second.coverage, second.objects().len()), (Coverage::Everything, 5));
    assert!(before.id == after.id && before.version != after.version);
    assert!(first.object("day 7").version == second.object("day 7").version);
    let gone = first.object("day 6").id.clone();
    assert!(!second.ids().contains(&gone.0));
    let asked = [gone.clone(), after.id.clone()];
    let lines = world.feed.fetch(&calendar(), &asked).await.unwrap();
    assert_eq!(lines, [Changed::Gone(gone), Changed::Now(Box::new(after.clone()))]);
}

#[tokio::test]
async fn many_fetches_after_a_listing_ask_the_feed_no_more_and_a_minute_later_once() {
    for validators in [Validators::Tag, Validators::Date, Validators::Nothing] {
        let world = World::new(|host| {
            for n in 0..60 {
                host.event(&format!("uid-{n}"), 1 + n % 28, &format!("event {n}"));
            }
            host.validators = validators;
        })
        .await;
        let first = world.list(None).await;
        world.host.with(|host| (0..40).for_each(|n| host.remove(&format!("uid-{n}"))));
        world.requests();
        let second = world.list(first.token()).await;
        assert_eq!((second.objects().len(), world.requests()), (20, 1));
        let still: Vec<_> = second.ids();
        let fetch_each = async || {
            for change in &first.changes {
                let line = world.feed.fetch(&calendar(), &[change.id().clone()]).await.unwrap();
                let gone = matches!(line[..], [Changed::Gone(_)]);
                assert_eq!(gone, !still.contains(&change.id().0), "{line:?}");
            }
            world.requests()
        };
        assert_eq!(fetch_each().await, 0, "{validators:?}");
        world.clock.advance(SignedDuration::from_secs(59));
        assert_eq!(fetch_each().await, 0, "{validators:?}");
        world.clock.advance(SignedDuration::from_secs(1));
        assert_eq!(fetch_each().await, 1, "{validators:?}");
        // A listing always asks, and what it hears makes the reading young again.
        world.clock.advance(SignedDuration::from_secs(50));
        assert_eq!((world.list(second.token()).await.changes.len(), world.requests()), (0, 1));
        world.clock.advance(SignedDuration::from_secs(50));
        assert_eq!(fetch_each().await, 0, "{validators:?}");
    }
}

#[tokio::test]
async fn after_a_failure_nothing_is_told_from_memory() {
    let world = World::new(week).await;
    let first = world.list(None).await;
    let one = [first.object("day 5").id.clone()];
    for (shown, kind) in [
        (Shown::Status(503), ErrorKind::Unavailable),
        (Shown::Status(404), ErrorKind::CalendarGone),
        (Shown::Torn(60), ErrorKind::Malformed),
    ] {
        world.host.with(|host| host.shown = Shown::Calendar);
        assert_eq!(world.feed.fetch(&calendar(), &one).await.unwrap().len(), 1);
        world.host.with(|host| host.shown = shown);
        for since in [first.token(), None] {
            assert_eq!(world.page(since).await.unwrap_err().kind, kind);
            assert_eq!(world.feed.fetch(&calendar(), &one).await.unwrap_err().kind, kind);
        }
    }
    // Nor is the failure remembered.
    world.host.with(|host| host.shown = Shown::Calendar);
    world.requests();
    for _ in 0..2 {
        assert_eq!(world.feed.fetch(&calendar(), &one).await.unwrap().len(), 1);
    }
    assert_eq!(world.requests(), 1);
}

#[tokio::test]
async fn what_is_kept_is_not_taken_for_an_older_feed_that_is_there_again() {
    let world = World::new(week).await;
    let before = world.list(None).await;
    let old = world.host.with(|host| host.clone());
    world.host.with(|host| host.remove("uid-5"));
    let after = world.list(before.token()).await;
    assert_eq!(after.objects().len(), 4);
    world.host.with(|host| *host = old);
    assert_eq!(world.list(before.token()).await.changes.len(), 0, "as it was then");
    let lines = world.feed.fetch(&calendar(), &[before.object("day 5").id.clone()]).await.unwrap();
    assert!(matches!(lines[..], [Changed::Now(_)]), "{lines:?}");
}

/// Pitfall 6.
#[tokio::test]
async fn uids_that_are_new_each_time_are_no_identity_and_nothing_is_made_twice() {
    let world = World::new(|host| {
        week(host);
        host.uids = Uids::NewEachTime;
        host.validators = Validators::Nothing;
    })
    .await;
    let first = world.list(None).await;
    let unchanged = world.page(first.token()).await.unwrap();
    assert_eq!((unchanged.coverage, unchanged.changes.len()), (Coverage::Changes, 0));

    world.host.with(|host| host.event("uid-12", 12, "day 12"));
    let second = world.list(first.token()).await;
    for day in 5..=9 {
        let (before, after) = (first.object(&format!("day {day}")), second.object(&format!("day {day}")));
        assert_eq!(before, after, "with its id, version and UID");
    }
    assert_eq!(second.ids().len(), 6);
    // A listing that knows nothing comes to the same names, and so does one by id.
    assert_eq!(world.list(None).await.ids(), second.ids());
    let ids: Vec<RemoteId> = second.objects().iter().map(|object| object.id.clone()).collect();
    let lines = world.feed.fetch(&calendar(), &ids).await.unwrap();
    assert!(lines.iter().all(|line| matches!(line, Changed::Now(_))) && lines.len() == 6);
}

/// Pitfall 6, for a feed that shows only later what it does.
#[tokio::test]
async fn uids_that_are_new_with_each_writing_lose_their_meaning_once_and_for_all() {
    let world = World::new(|host| {
        week(host);
        host.uids = Uids::NewWhenWritten;
    })
    .await;
    let by_uid = world.list(None).await;
    world.host.with(FeedHost::rewrite);
    let by_content = world.list(by_uid.token()).await;
    assert_eq!(by_content.ids().len(), 5);
    assert!(by_content.ids().iter().all(|id| !by_uid.ids().contains(id)));
    for _ in 0..3 {
        world.host.with(FeedHost::rewrite);
        let unchanged = world.page(by_content.token()).await.unwrap();
        assert_eq!((unchanged.coverage, unchanged.changes.len()), (Coverage::Changes, 0));
    }
    // Whoever knows the feed says so, and its names are never by UID.
    let told = World::with(
        |host| {
            week(host);
            host.uids = Uids::NewWhenWritten;
        },
        |setup| setup.identity = Identity::Content,
    )
    .await;
    assert_eq!(told.list(None).await.ids(), by_content.ids());
}

/// Pitfalls 4, 73, 74 and 76.
#[tokio::test]
async fn what_is_no_whole_calendar_is_an_error_and_never_an_empty_one() {
    let world = World::new(week).await;
    let first = world.list(None).await;
    let table = [
        Shown::Else(String::new()),
        Shown::Else("<!DOCTYPE html><title>Sign in</title>".to_owned()),
        Shown::Else("{\"error\":\"later\"}".to_owned()),
        Shown::Torn(60),
        Shown::Torn(400),
    ];
    for shown in table {
        world.host.with(|host| host.shown = shown.clone());
        for since in [None, first.token()] {
            let error = world.page(since).await.unwrap_err();
            assert_eq!((error.kind, error.retry), (ErrorKind::Malformed, Retry::Backoff), "{shown:?}");
        }
        let error = world.feed.fetch(&calendar(), &[first.objects()[0].id.clone()]).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Malformed, "{shown:?}");
    }
    world.host.with(|host| host.shown = Shown::Calendar);
    world.host.plan(|_| Some(Fault::Cut(300)));
    assert_eq!(world.page(None).await.unwrap_err().kind, ErrorKind::Unavailable, "cut on the way");
    world.host.calm();
    assert_eq!(world.page(first.token()).await.unwrap().changes.len(), 0);
}

/// Pitfall 75.
#[tokio::test]
async fn a_feed_that_is_refused_or_gone_says_nothing_of_its_objects() {
    let soon = Retry::After(SignedDuration::from_secs(7));
    let table = [
        (401, ErrorKind::CalendarGone, Retry::Never),
        (403, ErrorKind::CalendarGone, Retry::Never),
        (404, ErrorKind::CalendarGone, Retry::Never),
        (410, ErrorKind::CalendarGone, Retry::Never),
        (429, ErrorKind::Throttled, soon),
        (500, ErrorKind::Unavailable, soon),
        (503, ErrorKind::Unavailable, soon),
        (204, ErrorKind::Malformed, soon),
        (304, ErrorKind::Malformed, soon),
        (418, ErrorKind::Malformed, soon),
    ];
    for (status, kind, retry) in table {
        let world = World::new(|host| host.shown = Shown::Status(status)).await;
        let error = world.page(None).await.unwrap_err();
        assert_eq!((&error.kind, error.retry), (&kind, retry), "{status}");
        assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
    }
    let named = World::with(
        |host| host.shown = Shown::Status(401),
        |setup| setup.credentials = Some(("a".to_owned(), Secret::new("b".to_owned()))),
    )
    .await;
    assert_eq!(named.page(None).await.unwrap_err().kind, ErrorKind::NeedsSignIn);
    assert_eq!(named.host.take_seen()[0].request.header("authorization"), Some("Basic YTpi"));
}

/// Pitfall 106.
#[tokio::test]
async fn a_malformed_object_is_told_and_all_others_are_read() {
    let world = World::new(|host| {
        week(host);
        host.put("bad-time", &[("VEVENT", "DTSTART:soon\r\n")]);
        host.put("bad-line", &[("VEVENT", "DTSTART:20260105T090000Z\r\nX-P;A=\"b:c\r\n")]);
        host.put("no-end", &[("VEVENT", "DTSTART:20260105T090000Z\r\nBEGIN:VALARM\r\n")]);
        let changed = "RECURRENCE-ID:20260106T090000Z\r\nDTSTART:20260106T\r\n";
        host.put(
            "series",
            &[("VEVENT", "DTSTART:20260105T090000Z\r\nRRULE:FREQ=DAILY\r\n"), ("VEVENT", changed)],
        );
    })
    .await;
    let first = world.list(None).await;
    let bad = first.changes.iter().filter(|change| matches!(change, Changed::Unreadable(..))).count();
    assert_eq!((first.objects().len(), bad, first.coverage), (5, 4, Coverage::Everything));

    // Mended, each is the object that it was.
    world.host.with(|host| host.event("bad-time", 20, "mended"));
    let second = world.list(first.token()).await;
    assert_eq!((second.ids(), second.objects().len()), (first.ids(), 6));
}

/// Pitfall 106, where even the name of the object is lost.
#[tokio::test]
async fn while_an_object_cannot_be_told_from_others_nothing_absent_is_gone() {
    let world = World::new(week).await;
    let first = world.list(None).await;
    world.host.with(|host| {
        host.remove("uid-5");
        host.beside = "BEGIN:VEVENT\r\nUI".to_owned() + "\r\nEND:VEVENT\r\n";
    });
    let second = world.list(first.token()).await;
    assert_eq!((second.objects().len(), second.coverage), (4, Coverage::Window));
    let absent = first.object("day 5").id.clone();
    let lines = world.feed.fetch(&calendar(), &[absent]).await.unwrap();
    assert!(matches!(lines[..], [Changed::Unreadable(..)]), "{lines:?}");
}

/// Pitfall 107.
#[tokio::test]
async fn a_text_broken_over_lines_without_folds_is_read_as_it_is_meant() {
    let world = World::new(|host| {
        let lines = "DTSTART:20260105T090000Z\r\nSUMMARY:Move\r\nLOCATION:Ward 3\r\n\
            X-APPLE-STRUCTURED-LOCATION;VALUE=URI;X-TITLE=\"Clinic\nMain street 1\n50667 Köln\":geo:50.9,6.9\r\n";
        host.put("moved", &[("VEVENT", lines)]);
        week(host);
    })
    .await;
    let listing = world.list(None).await;
    let form = &listing.object("Move").form;
    let place = Field::Other("X-APPLE-STRUCTURED-LOCATION".to_owned(), 0);
    let Some(Value::Lines(lines)) = form.master().unwrap().get(&place) else { panic!("it is not there") };
    assert!(lines[0].ends_with(":geo:50.9,6.9") && lines[0].contains("Main street 1"), "{lines:?}");
    assert_eq!(listing.objects().len(), 6);
}

#[tokio::test]
async fn a_large_feed_comes_in_pages_of_one_reading() {
    let fill = |host: &mut FeedHost| {
        for n in 0..1_234 {
            host.event(&format!("uid-{n}"), 1 + n % 28, &format!("event {n}"));
        }
    };
    let world = World::new(fill).await;
    let listing = world.list(None).await;
    assert_eq!((listing.objects().len(), listing.pages, world.requests()), (1_234, 3, 2));
    let mut ids = listing.ids();
    ids.dedup();
    assert_eq!(ids.len(), 1_234);

    // Another listing begins before the first is at its end: its pages do not mix.
    let begun = world.page(None).await.unwrap();
    world.host.with(|host| host.remove("uid-1"));
    world.page(None).await.unwrap();
    let Next::Page(next) = begun.next else { panic!("one page") };
    let error = world.feed.changes(&calendar(), None, Some(&next)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert_eq!(world.list(None).await.objects().len(), 1_233);
}

#[tokio::test]
async fn redirects_are_followed_as_far_as_the_guard_lets_them() {
    let there = World::new(week).await;
    let here = World::new(|host| host.shown = Shown::Elsewhere(format!("{}{PATH}", there.host.url()))).await;
    assert_eq!(here.list(None).await.objects().len(), 5);
    for forbidden in ["http://169.254.169.254/latest", "http://127.0.0.2/", "file:///etc/passwd"] {
        here.host.with(|host| host.shown = Shown::Elsewhere(forbidden.to_owned()));
        assert_eq!(here.page(None).await.unwrap_err().kind, ErrorKind::Forbidden, "{forbidden}");
    }
}

#[tokio::test]
async fn a_token_of_nobody_is_expired() {
    let world = World::new(week).await;
    let error = world.page(Some(&DeltaToken("x".to_owned()))).await.unwrap_err();
    assert_eq!((error.kind, world.requests()), (ErrorKind::DeltaExpired, 0));
}

/// Lines of the log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_shows_the_route_and_never_the_url() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let world = World::new(week).await;
    world.list(None).await;
    world.host.with(|host| host.shown = Shown::Status(403));
    world.page(None).await.unwrap_err();
    drop(guard);
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("/{feed}") && !text.contains("secret") && !text.contains("day 5"), "{text}");
}
