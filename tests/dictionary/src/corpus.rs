//! Invented calendar objects, each in the words of one program, and the records that the store makes of them.
//! Everything follows from a number.

use almanac_ical::skeleton::skeleton;
use almanac_ical::{CalendarObject, Limits};
use almanac_store::records::{Document, ObjectRecord, SummaryRecord};

use crate::zones;

/// The records of the object `n`: what is stored whole, and its summary.
pub(crate) fn records(n: u32) -> Vec<Vec<u8>> {
    let body = object(n);
    let mut draw = Draw::new(n ^ 0x5eed_0000);
    let mut uid = [0; 32];
    uid.iter_mut().for_each(|byte| *byte = draw.next().to_be_bytes()[1]);
    let (name, stored) = (format!("{}.ics", draw.uuid()), 1_760_000_000 + i64::from(draw.below(60_000_000)));
    let Ok(parsed) = CalendarObject::parse(body.as_bytes(), &Limits::default()) else { return Vec::new() };
    let first = stored + i64::from(draw.below(9_000_000));
    let summary = SummaryRecord {
        name: name.clone(),
        kind: 0,
        bytes: body.len() as u64,
        created: stored,
        modified: stored,
        first,
        last: first + 3_600,
        flags: 4,
        busy: 1,
        skeleton: skeleton(&parsed),
        tzdb: "2026b".to_owned(),
    };
    let object =
        ObjectRecord { name, kind: 0, created: stored, modified: stored, body: body.into_bytes(), uid };
    vec![object.to_bytes(), summary.to_bytes()]
}

/// Numbers that look random and are the same every time.
struct Draw(u64);

impl Draw {
    fn new(n: u32) -> Self {
        Self(u64::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1))
    }

    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 32) as u32
    }

    fn below(&mut self, bound: u32) -> u32 {
        self.next() % bound.max(1)
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of.get(self.below(of.len() as u32) as usize).copied().unwrap_or_default()
    }

    fn once_in(&mut self, times: u32) -> bool {
        self.below(times) == 0
    }

    fn uuid(&mut self) -> String {
        let [a, b, c, d] = [self.next(), self.next(), self.next(), self.next()];
        format!(
            "{a:08x}-{:04x}-4{:03x}-{:04x}-{:04x}{d:08x}",
            b >> 16,
            b & 0xfff,
            c >> 16 | 0x8000,
            c & 0xffff
        )
    }

    fn day(&mut self) -> String {
        format!("{}{:02}{:02}", 2023 + self.below(6), 1 + self.below(12), 1 + self.below(28))
    }

    fn clock(&mut self, hour: u32) -> String {
        format!("{:02}{:02}00", hour % 24, self.below(4) * 15)
    }

    fn stamp(&mut self) -> String {
        format!("{}T{:02}{:02}{:02}Z", self.day(), self.below(24), self.below(60), self.below(60))
    }

    fn text(&mut self, words: u32) -> String {
        let mut text = String::new();
        for n in 0..1 + self.below(words) {
            text.push_str(if n == 0 { "" } else { " " });
            text.push_str(self.one(WORDS));
            if self.once_in(14) {
                text.push_str(self.one(&["\\,", ".", "\\n", ":"]));
            }
        }
        text
    }

    fn person(&mut self) -> (String, String) {
        let (first, last) = (self.one(FIRST_NAMES), self.one(LAST_NAMES));
        let host = self.one(&["example.com", "example.org", "example.net", "clinic.example", "mail.example"]);
        (format!("{first} {last}"), format!("{}.{}@{host}", first.to_lowercase(), last.to_lowercase()))
    }
}

const FIRST_NAMES: &[&str] =
    &["Ada", "Ben", "Clara", "David", "Elena", "Frank", "Greta", "Hugo", "Ines", "Jonas"];
const LAST_NAMES: &[&str] =
    &["Quill", "Marsh", "Holt", "Weber", "Rossi", "Dubois", "Novak", "Silva", "Ito", "Lund"];
const WORDS: &[&str] = &[
    "appointment",
    "meeting",
    "review",
    "call",
    "with",
    "the",
    "team",
    "follow-up",
    "check",
    "session",
    "room",
    "and",
    "for",
    "please",
    "lunch",
    "weekly",
    "planning",
    "control",
    "consultation",
    "first",
    "second",
    "visit",
    "after",
    "notes",
    "to",
    "of",
    "on",
    "is",
    "patient",
    "family",
    "therapy",
    "group",
    "doctor",
    "Termin",
    "Besprechung",
    "mit",
    "und",
    "der",
    "die",
    "Praxis",
    "Kontrolle",
    "Behandlung",
    "Urlaub",
    "Raum",
    "Sitzung",
    "rendez-vous",
    "avec",
    "pour",
    "les",
    "salle",
    "suivi",
    "bilan",
    "cita",
    "con",
    "para",
    "el",
    "sala",
    "training",
    "birthday",
    "dentist",
    "holiday",
    "travel",
    "on call",
    "supervision",
    "intake",
    "assessment",
    "phone",
    "https://meet.example.com/",
    "https://example.org/join?id=",
];
const DAYS: &[&str] = &["MO", "TU", "WE", "TH", "FR", "SA", "SU", "MO,WE,FR", "TU,TH", "MO,TU,WE,TH,FR"];

/// A calendar object, whole. The programs are those with most users, and the kinds of objects as frequent as in use.
pub(crate) fn object(n: u32) -> String {
    let mut draw = Draw::new(n);
    let (product, uid) = product(&mut draw);
    let style = draw.below(3);
    let zone = if draw.once_in(3) { draw.below(20) } else { draw.below(3) };
    let kind = draw.below(20);
    let head = format!("BEGIN:VCALENDAR\r\n{product}");
    let body = match kind {
        0..=1 => task(&mut draw, &uid),
        2..=5 => all_day(&mut draw, &uid),
        6..=8 => event(&mut draw, &uid, None, ""),
        9..=12 => {
            let rule = rule(&mut draw);
            zones::definition(zone, style) + &event(&mut draw, &uid, Some(zones::name(zone)), &rule)
        }
        _ => zones::definition(zone, style) + &event(&mut draw, &uid, Some(zones::name(zone)), ""),
    };
    fold(&format!("{head}{body}END:VCALENDAR\r\n"))
}

/// What stands in front, and a UID as that program makes it.
fn product(draw: &mut Draw) -> (String, String) {
    let uuid = draw.uuid();
    match draw.below(10) {
        0 | 1 => {
            let version = draw.one(&["15.5", "16.2", "17.6", "18.1", "26.1"]);
            let product = draw.one(&["macOS", "iOS", "iPadOS"]);
            let head = format!(
                "CALSCALE:GREGORIAN\r\nPRODID:-//Apple Inc.//{product} {version}//EN\r\nVERSION:2.0\r\n"
            );
            (head, uuid.to_uppercase())
        }
        2 | 3 => {
            let head =
                "PRODID:-//Google Inc//Google Calendar 70.9054//EN\r\nVERSION:2.0\r\nCALSCALE:GREGORIAN\r\n";
            (head.to_owned(), format!("{}@google.com", &uuid.replace('-', "")[..26]))
        }
        4 => {
            let head = "VERSION:2.0\r\nPRODID:Microsoft Exchange Server 2010\r\nCALSCALE:GREGORIAN\r\n";
            let uid = format!("040000008200E00074C5B7101A82E008{}", uuid.replace('-', "").to_uppercase());
            (head.to_owned(), uid)
        }
        5 | 6 => {
            let head = "PRODID:-//Mozilla.org/NONSGML Mozilla Calendar V1.1//EN\r\nVERSION:2.0\r\n";
            (head.to_owned(), uuid)
        }
        7 => {
            let head = "VERSION:2.0\r\nPRODID:DAVx5/4.4.5-ose ical4j/3.2.19 (at.bitfire.davdroid)\r\n";
            (head.to_owned(), uuid)
        }
        8 => {
            let head =
                "CALSCALE:GREGORIAN\r\nPRODID:-//Ximian//NONSGML Evolution Calendar//EN\r\nVERSION:2.0\r\n";
            (head.to_owned(), uuid.replace('-', ""))
        }
        _ => {
            let head = "CALSCALE:GREGORIAN\r\nVERSION:2.0\r\nPRODID:-//Nextcloud Mail//EN\r\n";
            (head.to_owned(), uuid)
        }
    }
}

fn rule(draw: &mut Draw) -> String {
    let rule = match draw.below(6) {
        0 => "RRULE:FREQ=DAILY".to_owned(),
        1 => format!("RRULE:FREQ=WEEKLY;WKST=MO;BYDAY={}", draw.one(DAYS)),
        2 => format!("RRULE:FREQ=WEEKLY;COUNT={};BYDAY={}", 2 + draw.below(30), draw.one(DAYS)),
        3 => format!("RRULE:FREQ=WEEKLY;UNTIL={};INTERVAL=2;BYDAY={}", draw.stamp(), draw.one(DAYS)),
        4 => format!("RRULE:FREQ=MONTHLY;BYDAY={}MO", 1 + draw.below(4)),
        _ => "RRULE:FREQ=YEARLY".to_owned(),
    };
    rule + "\r\n"
}

fn task(draw: &mut Draw, uid: &str) -> String {
    let (made, changed) = (draw.stamp(), draw.stamp());
    let summary = draw.text(6);
    let state = match draw.below(3) {
        0 => format!("STATUS:COMPLETED\r\nPERCENT-COMPLETE:100\r\nCOMPLETED:{}\r\n", draw.stamp()),
        1 => format!("DUE;VALUE=DATE:{}\r\nPRIORITY:{}\r\n", draw.day(), draw.below(9)),
        _ => "STATUS:NEEDS-ACTION\r\nPRIORITY:0\r\n".to_owned(),
    };
    format!(
        "BEGIN:VTODO\r\nDTSTAMP:{changed}\r\nUID:{uid}\r\nCREATED:{made}\r\nLAST-MODIFIED:{changed}\r\n\
         SUMMARY:{summary}\r\n{state}END:VTODO\r\n"
    )
}

fn all_day(draw: &mut Draw, uid: &str) -> String {
    let (day, made, stamp) = (draw.day(), draw.stamp(), draw.stamp());
    let summary = draw.text(5);
    let yearly = if draw.once_in(3) { "RRULE:FREQ=YEARLY\r\n" } else { "" };
    format!(
        "BEGIN:VEVENT\r\nCREATED:{made}\r\nUID:{uid}\r\nDTEND;VALUE=DATE:{}\r\n{yearly}SUMMARY:{summary}\r\n\
         DTSTART;VALUE=DATE:{day}\r\nDTSTAMP:{stamp}\r\nTRANSP:TRANSPARENT\r\nSEQUENCE:0\r\nEND:VEVENT\r\n",
        draw.day(),
    )
}

fn event(draw: &mut Draw, uid: &str, zone: Option<&str>, rule: &str) -> String {
    let (day, hour) = (draw.day(), 7 + draw.below(12));
    let at = |clock: String| match zone {
        Some(zone) => format!(";TZID={zone}:{day}T{clock}"),
        None => format!(":{day}T{clock}Z"),
    };
    let (start, end) = (at(draw.clock(hour)), at(draw.clock(hour + 1)));
    let (made, stamp) = (draw.stamp(), draw.stamp());
    let mut lines = vec![
        format!("DTSTART{start}\r\nDTEND{end}\r\n{rule}"),
        format!("DTSTAMP:{stamp}\r\n"),
        format!("UID:{uid}\r\n"),
        format!("CREATED:{made}\r\nLAST-MODIFIED:{stamp}\r\n"),
        format!("SUMMARY:{}\r\n", draw.text(6)),
        format!("SEQUENCE:{}\r\n", draw.below(4)),
    ];
    if !draw.once_in(3) {
        lines.push(format!("DESCRIPTION:{}\r\n", draw.text(60)));
    }
    if draw.once_in(2) {
        lines.push(format!("LOCATION:{}\r\n", draw.text(5)));
    }
    if draw.once_in(2) {
        lines.push(format!(
            "STATUS:{}\r\nTRANSP:OPAQUE\r\n",
            draw.one(&["CONFIRMED", "TENTATIVE", "CANCELLED"])
        ));
    }
    if draw.once_in(3) {
        lines.push(people(draw));
    }
    if draw.once_in(8) {
        lines.push(exchange(draw));
    }
    if draw.once_in(8) {
        lines.push("X-APPLE-TRAVEL-ADVISORY-BEHAVIOR:AUTOMATIC\r\n".to_owned());
    }
    if draw.once_in(6) {
        let categories = draw.one(&["Work", "Personal", "Appointment", "Holiday", "Birthday", "Business"]);
        lines.push(format!("CATEGORIES:{categories}\r\nCLASS:{}\r\n", draw.one(&["PUBLIC", "PRIVATE"])));
    }
    // Programs differ in the order of the lines.
    let turn = draw.below(lines.len() as u32) as usize;
    lines.rotate_left(turn);
    if draw.once_in(2) {
        lines.push(alarm(draw));
    }
    format!("BEGIN:VEVENT\r\n{}END:VEVENT\r\n", lines.concat())
}

fn people(draw: &mut Draw) -> String {
    let (name, address) = draw.person();
    let mut text = format!("ORGANIZER;CN={name}:mailto:{address}\r\n");
    for _ in 0..1 + draw.below(4) {
        let ((name, address), answer) =
            (draw.person(), draw.one(&["ACCEPTED", "NEEDS-ACTION", "DECLINED", "TENTATIVE"]));
        let parameters = match draw.below(3) {
            0 => format!(
                "CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;PARTSTAT={answer};RSVP=TRUE;CN={name};X-NUM-GUESTS=0"
            ),
            1 => format!("CN=\"{name}\";CUTYPE=INDIVIDUAL;EMAIL=\"{address}\";PARTSTAT={answer}"),
            _ => format!("ROLE=REQ-PARTICIPANT;PARTSTAT={answer};RSVP=TRUE;SCHEDULE-STATUS=1.2;CN={name}"),
        };
        text.push_str(&format!("ATTENDEE;{parameters}:mailto:{address}\r\n"));
    }
    text
}

fn exchange(draw: &mut Draw) -> String {
    format!(
        "X-MICROSOFT-CDO-APPT-SEQUENCE:{}\r\nX-MICROSOFT-CDO-BUSYSTATUS:{}\r\nX-MICROSOFT-CDO-INTENDEDSTATUS:BUSY\r\n\
         X-MICROSOFT-CDO-ALLDAYEVENT:FALSE\r\nX-MICROSOFT-CDO-IMPORTANCE:1\r\nX-MICROSOFT-CDO-INSTTYPE:{}\r\n\
         X-MICROSOFT-DISALLOW-COUNTER:FALSE\r\n",
        draw.below(3),
        draw.one(&["BUSY", "TENTATIVE", "FREE", "OOF"]),
        draw.below(2),
    )
}

fn alarm(draw: &mut Draw) -> String {
    let trigger = draw.one(&["-PT15M", "-PT10M", "-PT30M", "-PT1H", "-P1D", "PT0S"]);
    match draw.below(3) {
        0 => format!(
            "BEGIN:VALARM\r\nX-WR-ALARMUID:{0}\r\nUID:{0}\r\nTRIGGER:{trigger}\r\nDESCRIPTION:Event reminder\r\n\
             ACTION:DISPLAY\r\nACKNOWLEDGED:{1}\r\nEND:VALARM\r\n",
            draw.uuid().to_uppercase(),
            draw.stamp(),
        ),
        1 => format!(
            "BEGIN:VALARM\r\nACTION:DISPLAY\r\nDESCRIPTION:This is an event reminder\r\nTRIGGER:{trigger}\r\nEND:VALARM\r\n"
        ),
        _ => format!(
            "BEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER;VALUE=DURATION:{trigger}\r\nDESCRIPTION:Default Mozilla Description\r\n\
             END:VALARM\r\nX-MOZ-LASTACK:{0}\r\nX-MOZ-GENERATION:1\r\n",
            draw.stamp(),
        ),
    }
}

/// Lines of at most 75 octets (RFC 5545 section 3.1); everything here is ASCII.
fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len() + text.len() / 20);
    for line in text.split_terminator("\r\n") {
        let (first, rest) = line.split_at_checked(75).unwrap_or((line, ""));
        folded.push_str(first);
        folded.push_str("\r\n");
        for piece in rest.as_bytes().chunks(74) {
            folded.push(' ');
            folded.push_str(&String::from_utf8_lossy(piece));
            folded.push_str("\r\n");
        }
    }
    folded
}
