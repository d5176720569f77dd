//! Objects as people have them, about invented things.

use almanac_ical::{CalendarObject, Limits};
use jiff::ToSpan as _;
use jiff::civil::{Date, Weekday};

use crate::Form;
use crate::form::read;

/// An object, as the lines of its components. `{0}`, `{1}` ... are the days from the first Monday on or after the day that
/// the suite was given; `{UID}` is its UID.
#[derive(Debug, Clone, Copy)]
pub struct Example {
    /// What it is.
    pub name: &'static str,
    /// Whether every vendor must take it; others may refuse it with a reason.
    pub always: bool,
    lines: &'static str,
}

/// Days that an example may name.
const DAYS: i64 = 60;

impl Example {
    /// The form of an object with this UID around this day.
    pub(super) fn form(&self, uid: &str, day: Date) -> Result<Form, String> {
        let mut text = self.lines.replace("{UID}", uid);
        // A Monday, so that the first day of a series is one that its rule names.
        let day =
            if day.weekday() == Weekday::Monday { Ok(day) } else { day.nth_weekday(1, Weekday::Monday) };
        let day = day.map_err(|_| "the day is too late".to_owned())?;
        for days in 0..DAYS {
            let date = day.checked_add(days.days()).map_err(|_| "the day is too late".to_owned())?;
            text = text.replace(&format!("{{{days}}}"), &date.strftime("%Y%m%d").to_string());
        }
        let lines = text.replace('\n', "\r\n");
        let text =
            format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Example//EN\r\n{lines}END:VCALENDAR\r\n");
        let object = CalendarObject::parse(text.as_bytes(), &Limits::default());
        Ok(read(&object.map_err(|error| format!("the example {} is none: {error}", self.name))?))
    }
}

pub(super) const ZONED: Example = Example {
    name: "at a time in a zone",
    always: true,
    lines: "BEGIN:VEVENT\nUID:{UID}\nDTSTAMP:20260101T000000Z\nDTSTART;TZID=Europe/Berlin:{1}T090000\n\
            DTEND;TZID=Europe/Berlin:{1}T093000\nSUMMARY:Check-up\nLOCATION:Room 2\nEND:VEVENT\n",
};

pub(super) const SERIES: Example = Example {
    name: "a series",
    always: true,
    lines: "BEGIN:VEVENT\nUID:{UID}\nDTSTAMP:20260101T000000Z\nDTSTART;TZID=Europe/Berlin:{2}T140000\n\
            DTEND;TZID=Europe/Berlin:{2}T150000\nRRULE:FREQ=DAILY;COUNT=8\nSUMMARY:Group\nEND:VEVENT\n",
};

pub(super) const EXCEPTIONS: Example = Example {
    name: "a series with a moved and a cancelled instance",
    always: true,
    lines: "BEGIN:VEVENT\nUID:{UID}\nDTSTAMP:20260101T000000Z\nDTSTART;TZID=Europe/Berlin:{2}T140000\n\
            DTEND;TZID=Europe/Berlin:{2}T150000\nRRULE:FREQ=DAILY;COUNT=8\nEXDATE;TZID=Europe/Berlin:{4}T140000\n\
            SUMMARY:Group\nEND:VEVENT\n\
            BEGIN:VEVENT\nUID:{UID}\nDTSTAMP:20260101T000000Z\nRECURRENCE-ID;TZID=Europe/Berlin:{3}T140000\n\
            DTSTART;TZID=Europe/Berlin:{3}T160000\nDTEND;TZID=Europe/Berlin:{3}T170000\nSUMMARY:Group\\, later\n\
            LOCATION:Hall\nEND:VEVENT\n",
};

/// The same after a second day: the moved instance is moved again, another one is moved, another one is cancelled, and
/// the series has another title.
pub(super) const EXCEPTIONS_LATER: Example = Example {
    name: "the same series later",
    always: true,
    lines: "BEGIN:VEVENT\nUID:{UID}\nDTSTAMP:20260101T000000Z\nDTSTART;TZID=Europe/Berlin:{2}T140000\n\
            DTEND;TZID=Europe/Berlin:{2}T150000\nRRULE:FREQ=DAILY;COUNT=8\nEXDATE;TZID=Europe/Berlin:{4}T140000\n\
            EXDATE;TZID=Europe/Berlin:{6}T140000\nSUMMARY:Group of ten\nEND:VEVENT\n\
            BEGIN:VEVENT\nUID:{UID}\nDTSTAMP:20260101T000000Z\nRECURRENCE-ID;TZID=Europe/Berlin:{3}T140000\n\
            DTSTART;TZID=Europe/Berlin:{3}T173000\nDTEND;TZID=Europe/Berlin:{3}T183000\nSUMMARY:Group\\, even later\n\
            LOCATION:Hall\nEND:VEVENT\n\
            BEGIN:VEVENT\nUID:{UID}\nDTSTAMP:20260101T000000Z\nRECURRENCE-ID;TZID=Europe/Berlin:{5}T140000\n\
            DTSTART;TZID=Europe/Berlin:{5}T080000\nDTEND;TZID=Europe/Berlin:{5}T084500\nSUMMARY:Group\\, early\nEND:VEVENT\n",
};

const UTC: Example = Example {
    name: "at a time in UTC",
    always: true,
    lines: "BEGIN:VEVENT\nUID:{UID}\nDTSTAMP:20260101T000000Z\nDTSTART:{1}T230000Z\nDTEND:{2}T003000Z\n\
            SUMMARY:Night duty\nEND:VEVENT\n",
};

const ALL_DAY: Example = Example {
    name: "a whole day",
    always: true,
    lines: "BEGIN:VEVENT\nUID:{UID}\nDTSTAMP:20260101T000000Z\nDTSTART;VALUE=DATE:{1}\nDTEND;VALUE=DATE:{2}\n\
            SUMMARY:Holiday\nEND:VEVENT\n",
};

const DAYS_LONG: Example = Example {
    name: "several days",
    always: true,
    lines: "BEGIN:VEVENT\nUID:{UID}\nDTSTAMP:20260101T000000Z\nDTSTART;VALUE=DATE:{1}\nDTEND;VALUE=DATE:{5}\n\
            TRANSP:TRANSPARENT\nSUMMARY:Congress\nEND:VEVENT\n",
};

const FAR_ZONE: Example = Example {
    name: "in a zone on the other side of the earth",
    always: true,
    lines: "BEGIN:VEVENT\nUID:{UID}\nDTSTAMP:20260101T000000Z\nDTSTART;TZID=Australia/Adelaide:{1}T003000\n\
            DTEND;TZID=Australia/Adelaide:{1}T013000\nSUMMARY:Call\nEND:VEVENT\n",
};

const ODD_TEXT: Example = Example {
    name: "texts with marks, line ends and signs of all kinds",
    always: true,
    lines: "BEGIN:VEVENT\nUID:{UID}\nDTSTAMP:20260101T000000Z\nDTSTART;TZID=Europe/Berlin:{1}T110000\n\
            DTEND;TZID=Europe/Berlin:{1}T120000\nSUMMARY:Grüße\\, Ärzte\\; <b>&amp; \\\\ \"x\" 🩺 日本\n\
            DESCRIPTION:First line\\nsecond <i>line</i> & more\\n\\nfourth\nLOCATION:Haus 1\\, Zimmer 5\nEND:VEVENT\n",
};

const DETAILS: Example = Example {
    name: "all usual details",
    always: true,
    lines: "BEGIN:VEVENT\nUID:{UID}\nDTSTAMP:20260101T000000Z\nDTSTART;TZID=Europe/Berlin:{1}T100000\n\
            DTEND;TZID=Europe/Berlin:{1}T104500\nSUMMARY:Consultation\nDESCRIPTION:Bring the papers\n\
            LOCATION:Room 7\nCLASS:PRIVATE\nTRANSP:TRANSPARENT\nSTATUS:TENTATIVE\nPRIORITY:3\n\
            CATEGORIES:Work,Private\nURL:https://example.org/a\nCOLOR:red\nX-ROOM-COLOUR:blue\n\
            BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT15M\nDESCRIPTION:Soon\nEND:VALARM\nEND:VEVENT\n",
};

const PEOPLE: Example = Example {
    name: "guests",
    always: true,
    lines: "BEGIN:VEVENT\nUID:{UID}\nDTSTAMP:20260101T000000Z\nDTSTART;TZID=Europe/Berlin:{1}T150000\n\
            DTEND;TZID=Europe/Berlin:{1}T153000\nSUMMARY:Meeting\nORGANIZER;CN=Ada:mailto:ada@almanac.example\n\
            ATTENDEE;PARTSTAT=ACCEPTED:mailto:ada@almanac.example\nATTENDEE;CN=Ben:mailto:ben@almanac.example\nEND:VEVENT\n",
};

const FLOATING: Example = Example {
    name: "at a time without a zone",
    always: false,
    lines: "BEGIN:VEVENT\nUID:{UID}\nDTSTAMP:20260101T000000Z\nDTSTART:{1}T080000\nDTEND:{1}T083000\n\
            SUMMARY:Pills\nEND:VEVENT\n",
};

const MOMENT: Example = Example {
    name: "without a length",
    always: false,
    lines: "BEGIN:VEVENT\nUID:{UID}\nDTSTAMP:20260101T000000Z\nDTSTART;TZID=Europe/Berlin:{1}T080000\n\
            SUMMARY:Reminder\nEND:VEVENT\n",
};

const TWO_ZONES: Example = Example {
    name: "from one zone into another",
    always: false,
    lines: "BEGIN:VEVENT\nUID:{UID}\nDTSTAMP:20260101T000000Z\nDTSTART;TZID=Europe/Berlin:{1}T080000\n\
            DTEND;TZID=America/New_York:{1}T110000\nSUMMARY:Flight\nEND:VEVENT\n",
};

const WEEKLY: Example = Example {
    name: "a series of some days each week, through the change of the clocks",
    always: false,
    lines: "BEGIN:VEVENT\nUID:{UID}\nDTSTAMP:20260101T000000Z\nDTSTART;TZID=Europe/Berlin:{0}T093000\n\
            DTEND;TZID=Europe/Berlin:{0}T100000\nRRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE,FR;COUNT=30\n\
            SUMMARY:Therapy\nEND:VEVENT\n",
};

const DAY_SERIES: Example = Example {
    name: "a series of whole days without an end, with one that is cancelled",
    always: false,
    lines: "BEGIN:VEVENT\nUID:{UID}\nDTSTAMP:20260101T000000Z\nDTSTART;VALUE=DATE:{1}\nDTEND;VALUE=DATE:{2}\n\
            RRULE:FREQ=WEEKLY\nEXDATE;VALUE=DATE:{8}\nSUMMARY:Day off\nEND:VEVENT\n",
};

const EXTRA: Example = Example {
    name: "a series with a day more",
    always: false,
    lines: "BEGIN:VEVENT\nUID:{UID}\nDTSTAMP:20260101T000000Z\nDTSTART:{1}T080000Z\nDTEND:{1}T090000Z\n\
            RRULE:FREQ=DAILY;COUNT=3\nRDATE:{10}T080000Z\nEXDATE:{2}T080000Z\nSUMMARY:Round\nEND:VEVENT\n",
};

/// All examples.
#[must_use]
pub fn examples() -> Vec<Example> {
    vec![
        ZONED, UTC, ALL_DAY, DAYS_LONG, FAR_ZONE, ODD_TEXT, DETAILS, PEOPLE, SERIES, EXCEPTIONS, FLOATING,
        MOMENT, TWO_ZONES, WEEKLY, DAY_SERIES, EXTRA,
    ]
}
