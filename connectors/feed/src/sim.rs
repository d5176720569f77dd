//! A simulator of those who serve feeds, with what they do wrong. Written from RFC 5545 and from what feeds look like.

use std::collections::BTreeMap;

use almanac_simulator::{Exchange, Reply, Vendor};
use http::StatusCode;

/// The path of the feed. It is the secret that nobody may read in a log.
pub const PATH: &str = "/feeds/secret-of-the-feed/calendar.ics";

/// What its UIDs are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uids {
    /// The same for the life of an object.
    Kept,
    /// New for all objects in each answer.
    NewEachTime,
    /// New for all objects whenever the feed is written, as by [`FeedHost::rewrite`].
    NewWhenWritten,
}

/// What it lets clients ask with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validators {
    /// `ETag`.
    Tag,
    /// `Last-Modified`.
    Date,
    /// Nothing: each answer is whole.
    Nothing,
}

/// What it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// The calendar.
    Calendar,
    /// The first octets of the calendar, as if that were all of it.
    Torn(usize),
    /// 200, and something else.
    Else(String),
    /// This status, and words.
    Status(u16),
    /// A redirect to this URL.
    Elsewhere(String),
}

/// A host of one feed.
#[derive(Debug, Clone)]
pub struct FeedHost {
    /// What its UIDs are like.
    pub uids: Uids,
    /// What it lets clients ask with.
    pub validators: Validators,
    /// What it answers.
    pub shown: Shown,
    /// Lines that stand in the calendar beside its objects, as they are.
    pub beside: String,
    /// What `Authorization` must say; anybody may read it if it is empty.
    pub authorization: String,
    objects: BTreeMap<String, Vec<(String, String)>>,
    revision: u32,
    answers: u32,
}

impl Default for FeedHost {
    fn default() -> Self {
        Self {
            uids: Uids::Kept,
            validators: Validators::Tag,
            shown: Shown::Calendar,
            beside: "X-WR-CALNAME:Opening hours\r\n".to_owned(),
            authorization: String::new(),
            objects: BTreeMap::new(),
            revision: 1,
            answers: 0,
        }
    }
}

impl FeedHost {
    /// Has an object: its components, each by its name and its lines without UID and DTSTAMP.
    pub fn put(&mut self, uid: &str, components: &[(&str, &str)]) {
        let components = components.iter().map(|(name, lines)| ((*name).to_owned(), (*lines).to_owned()));
        self.objects.insert(uid.to_owned(), components.collect());
        self.revision += 1;
    }

    /// Has an event on this day of January 2026 at nine.
    pub fn event(&mut self, uid: &str, day: u32, summary: &str) {
        let lines = format!(
            "DTSTART:202601{day:02}T090000Z\r\nDTEND:202601{day:02}T100000Z\r\nSUMMARY:{summary}\r\n"
        );
        self.put(uid, &[("VEVENT", &lines)]);
    }

    /// Does not have it any more.
    pub fn remove(&mut self, uid: &str) {
        self.objects.remove(uid);
        self.revision += 1;
    }

    /// Writes the feed anew, with the same objects.
    pub fn rewrite(&mut self) {
        self.revision += 1;
    }

    /// The calendar as it is answered now.
    fn calendar(&self) -> String {
        let mut text =
            format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Host//Feed//EN\r\n{}", self.beside);
        let second = self.answers % 60;
        for (uid, components) in &self.objects {
            let uid = match self.uids {
                Uids::Kept => uid.clone(),
                Uids::NewEachTime => format!("{uid}-{}", self.answers),
                Uids::NewWhenWritten => format!("{uid}-{}", self.revision),
            };
            for (name, lines) in components {
                text.push_str(&format!(
                    "BEGIN:{name}\r\nUID:{uid}\r\nDTSTAMP:20260101T0000{second:02}Z\r\n{lines}END:{name}\r\n"
                ));
            }
        }
        text.push_str("END:VCALENDAR\r\n");
        text
    }

    fn shown(&self, request: &Exchange) -> Reply {
        let tag = format!("\"{}\"", self.revision);
        let date =
            format!("Thu, 01 Jan 2026 00:{:02}:{:02} GMT", self.revision / 60 % 60, self.revision % 60);
        let (name, value, condition) = match self.validators {
            Validators::Tag => ("etag", tag, "if-none-match"),
            Validators::Date => ("last-modified", date, "if-modified-since"),
            Validators::Nothing => return self.text(),
        };
        if request.header(condition) == Some(value.as_str()) {
            return Reply::new(StatusCode::NOT_MODIFIED, "").with(name, &value);
        }
        self.text().with(name, &value)
    }

    fn text(&self) -> Reply {
        Reply::new(StatusCode::OK, self.calendar()).with("content-type", "text/calendar; charset=utf-8")
    }
}

impl Vendor for FeedHost {
    fn answer(&mut self, request: &Exchange) -> Reply {
        self.answers += 1;
        if request.path != PATH {
            return Reply::new(StatusCode::NOT_FOUND, "no such feed");
        }
        let given = request.header("authorization").unwrap_or_default();
        if !self.authorization.is_empty() && given != self.authorization {
            return Reply::new(StatusCode::UNAUTHORIZED, "who are you?").with("www-authenticate", "Basic");
        }
        match &self.shown {
            Shown::Calendar => self.shown(request),
            Shown::Torn(octets) => {
                let text = self.calendar();
                Reply::new(StatusCode::OK, text.get(..*octets).unwrap_or(&text).to_owned())
            }
            Shown::Else(text) => Reply::new(StatusCode::OK, text.clone()).with("content-type", "text/html"),
            Shown::Status(status) => {
                let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                Reply::new(status, "<h1>secret-of-the-feed</h1>").with("retry-after", "7")
            }
            Shown::Elsewhere(url) => Reply::new(StatusCode::FOUND, "").with("location", url),
        }
    }
}
