//! The text of a feed, taken apart: where each object stands in it. Pure.
//!
//! It is lenient with objects and strict with the whole. One object that makes no sense is that object's trouble, but a
//! text that is no calendar, or does not go on to its end, must not be taken for one in which objects are missing.

use std::collections::HashMap;
use std::ops::Range;

use almanac_ical::{ComponentKind, Limits, Property, parse_timezone};

use crate::limits::{DEPTH_MAX, OBJECTS_MAX, ZONES_MAX};

/// Why a text is no feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    /// It is something else: a sign-in page, an error in words, nothing at all.
    NotACalendar,
    /// It ends before the calendar does.
    Torn,
    /// It holds more objects than are taken.
    TooMany,
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NotACalendar => "what came is no calendar",
            Self::Torn => "the calendar came without its end",
            Self::TooMany => "the calendar holds more objects than are taken",
        })
    }
}

impl std::error::Error for Broken {}

/// A feed's text with the places of what is in it.
pub(crate) struct Feed {
    text: bytes::Bytes,
    /// The name it gives itself.
    pub(crate) name: Option<String>,
    /// As they first occur.
    pub(crate) groups: Vec<Group>,
    /// For each calendar of the text its time zones: TZID and place.
    zones: Vec<Vec<(String, Range<usize>)>>,
}

/// The components of one object: those of one kind and UID, wherever they stand.
pub(crate) struct Group {
    pub(crate) kind: ComponentKind,
    pub(crate) uid: Option<String>,
    /// Whether a component of it has no end.
    pub(crate) broken: bool,
    calendar: usize,
    places: Vec<Range<usize>>,
}

/// Takes a text apart.
pub(crate) fn read(text: bytes::Bytes) -> Result<Feed, Broken> {
    let mut reading = Reading::default();
    let mut at = if text.starts_with(BOM) { BOM.len() } else { 0 };
    for line in text.get(at..).unwrap_or_default().split_inclusive(|octet| *octet == b'\n') {
        reading.line(line, at..at + line.len())?;
        at += line.len();
    }
    if reading.in_calendar {
        return Err(Broken::Torn);
    }
    let Reading { groups, zones, name, .. } = reading;
    let zones = zones.into_iter().map(|places| sound(&text, places)).collect::<Vec<_>>();
    if zones.is_empty() {
        return Err(Broken::NotACalendar);
    }
    Ok(Feed { text, name, groups, zones })
}

const BOM: &[u8] = "\u{feff}".as_bytes();

/// Those time zones that can be read, by their TZID. Without its definition a zone still has its name.
fn sound(text: &[u8], places: Vec<Range<usize>>) -> Vec<(String, Range<usize>)> {
    let limits = Limits::default();
    let zone = |place: Range<usize>| {
        let mut calendar = b"BEGIN:VCALENDAR\r\n".to_vec();
        repair(text.get(place.clone()).unwrap_or_default(), &mut calendar);
        calendar.extend_from_slice(END);
        let calendar = parse_timezone(&calendar, &limits).ok()?;
        let id = calendar.components().first()?.property("TZID")?.text().trim().to_owned();
        Some((id, place))
    };
    places.into_iter().filter_map(zone).collect()
}

const END: &[u8] = b"END:VCALENDAR\r\n";

impl Group {
    /// What it has in the text.
    pub(crate) fn bytes(&self) -> usize {
        self.places.iter().map(ExactSizeIterator::len).sum()
    }
}

impl Feed {
    /// The octets of an object as they came.
    pub(crate) fn octets<'a>(&'a self, group: &'a Group) -> impl Iterator<Item = &'a [u8]> {
        group.places.iter().filter_map(|place| self.text.get(place.clone()))
    }

    /// A calendar that holds this object alone, with the time zones it may need.
    pub(crate) fn object(&self, group: &Group) -> Vec<u8> {
        let mut components = Vec::new();
        self.octets(group).for_each(|octets| repair(octets, &mut components));
        let mut text = b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n".to_vec();
        let plain = String::from_utf8_lossy(&components).replace("\r\n ", "").replace("\r\n\t", "");
        for (id, place) in self.zones.get(group.calendar).into_iter().flatten() {
            if plain.contains(id.as_str()) {
                repair(self.text.get(place.clone()).unwrap_or_default(), &mut text);
            }
        }
        text.extend_from_slice(&components);
        text.extend_from_slice(END);
        text
    }
}

/// Writes lines as they are meant to be. Some feeds break a text over lines without folding it; such a line goes on
/// where the one before ended, and no property begins with it.
fn repair(lines: &[u8], out: &mut Vec<u8>) {
    for line in lines.split(|octet| *octet == b'\n') {
        let line = line.trim_suffix_cr();
        if line.is_empty() {
            continue;
        }
        let folded = matches!(line.first(), Some(b' ' | b'\t'));
        if !folded && !begins_property(line) {
            out.truncate(out.len().saturating_sub(2)); // the line end before
            out.extend_from_slice(b"\\n");
        }
        out.extend(line.iter().filter(|octet| **octet != b'\r'));
        out.extend_from_slice(b"\r\n");
    }
}

trait TrimCr {
    fn trim_suffix_cr(&self) -> &[u8];
}

impl TrimCr for [u8] {
    fn trim_suffix_cr(&self) -> &[u8] {
        self.strip_suffix(b"\r").unwrap_or(self)
    }
}

/// Whether a line begins as a content line does: a name, then `:` or `;`.
fn begins_property(line: &[u8]) -> bool {
    let name =
        line.iter().take_while(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.'));
    let length = name.count();
    length > 0 && matches!(line.get(length), Some(b':' | b';'))
}

/// What the lines up to some place said.
#[derive(Default)]
struct Reading {
    in_calendar: bool,
    /// The names of the components that are open in the calendar.
    open: Vec<String>,
    /// Where the first of them began, and its UID.
    began: usize,
    uid: Option<Vec<u8>>,
    /// Whether the last line was the UID's, so that what is folded belongs to it.
    in_uid: bool,
    name: Option<String>,
    groups: Vec<Group>,
    known: HashMap<(ComponentKind, String), usize>,
    zones: Vec<Vec<Range<usize>>>,
}

/// Components that never stand inside others.
const TOP: [&str; 5] = ["VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY", "VTIMEZONE"];

impl Reading {
    fn line(&mut self, line: &[u8], at: Range<usize>) -> Result<(), Broken> {
        if matches!(line.first(), Some(b' ' | b'\t')) {
            if let Some(uid) = self.uid.as_mut().filter(|_| self.in_uid) {
                uid.extend_from_slice(line.get(1..).unwrap_or_default().trim_ascii_end());
            }
            return Ok(());
        }
        self.in_uid = false;
        if let Some(name) = delimiter(line, b"BEGIN:") {
            return self.begin(name, &at);
        }
        if let Some(name) = delimiter(line, b"END:") {
            return self.end(&name, &at);
        }
        if self.zones.is_empty() {
            // Nothing may come before a calendar: a page that quotes one is none.
            return if line.trim_ascii().is_empty() { Ok(()) } else { Err(Broken::NotACalendar) };
        }
        match self.open.len() {
            0 if self.in_calendar && self.name.is_none() => self.name = name_of(line),
            1 if self.uid.is_none() && starts_with(line, b"UID") => {
                self.uid = Some(line.trim_ascii_end().to_vec());
                self.in_uid = true;
            }
            _ => {}
        }
        Ok(())
    }

    fn begin(&mut self, name: String, at: &Range<usize>) -> Result<(), Broken> {
        if name == "VCALENDAR" {
            if self.in_calendar {
                return Err(Broken::Torn);
            }
            self.in_calendar = true;
            self.zones.push(Vec::new());
            return Ok(());
        }
        if !self.in_calendar {
            return Err(Broken::NotACalendar);
        }
        if !self.open.is_empty() && TOP.contains(&name.as_str()) {
            self.close(at.start, true)?; // the one before has no end
        }
        if self.open.is_empty() {
            (self.began, self.uid) = (at.start, None);
        }
        if self.open.len() < DEPTH_MAX {
            self.open.push(name); // deeper, the object is refused anyway
        }
        Ok(())
    }

    fn end(&mut self, name: &str, at: &Range<usize>) -> Result<(), Broken> {
        if name == "VCALENDAR" {
            if !self.open.is_empty() {
                self.close(at.start, true)?;
            }
            self.in_calendar = false;
        } else if self.open.first().is_some_and(|first| first == name) {
            self.close(at.end, false)?;
        } else if self.open.last().is_some_and(|last| last == name) {
            self.open.pop();
        }
        Ok(())
    }

    /// Notes the component that is open, which goes up to `end`.
    fn close(&mut self, end: usize, broken: bool) -> Result<(), Broken> {
        let name = self.open.first().cloned().unwrap_or_default();
        self.open.clear();
        let place = self.began..end;
        if name == "VTIMEZONE" {
            if let Some(zones) = self.zones.last_mut().filter(|zones| !broken && zones.len() < ZONES_MAX) {
                zones.push(place);
            }
            return Ok(());
        }
        let Ok(kind) = name.parse::<ComponentKind>() else { return Ok(()) }; // nothing that we know
        let uid = self.uid.take().and_then(|line| uid_of(&line));
        let next = self.groups.len();
        let at = match &uid {
            Some(uid) => *self.known.entry((kind, uid.clone())).or_insert(next),
            None => next,
        };
        if let Some(group) = self.groups.get_mut(at) {
            group.places.push(place);
            group.broken |= broken;
            return Ok(());
        }
        if next >= OBJECTS_MAX {
            return Err(Broken::TooMany);
        }
        let calendar = self.zones.len().saturating_sub(1);
        self.groups.push(Group { kind, uid, broken, calendar, places: vec![place] });
        Ok(())
    }
}

/// The name in `BEGIN:name` or `END:name`, in upper case.
fn delimiter(line: &[u8], keyword: &[u8]) -> Option<String> {
    starts_with(line, keyword).then_some(())?;
    let name = line.get(keyword.len()..)?.trim_ascii();
    Some(String::from_utf8_lossy(name).to_ascii_uppercase())
}

fn starts_with(line: &[u8], start: &[u8]) -> bool {
    line.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start))
}

fn uid_of(line: &[u8]) -> Option<String> {
    let property = Property::parse(&String::from_utf8_lossy(line), &Limits::default()).ok()?;
    let uid = property.text().trim().to_owned();
    (property.is("UID") && !uid.is_empty()).then_some(uid)
}

fn name_of(line: &[u8]) -> Option<String> {
    if !starts_with(line, b"X-WR-CALNAME") && !starts_with(line, b"NAME") {
        return None;
    }
    let property =
        Property::parse(std::str::from_utf8(line.trim_ascii_end()).ok()?, &Limits::default()).ok()?;
    let name = property.text().trim().to_owned();
    ((property.is("X-WR-CALNAME") || property.is("NAME")) && !name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Result<Vec<(Option<String>, bool, usize)>, Broken> {
        let feed = read(text.to_owned().into())?;
        Ok(feed.groups.into_iter().map(|group| (group.uid, group.broken, group.places.len())).collect())
    }

    fn calendar(inner: &str) -> String {
        format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{inner}END:VCALENDAR\r\n")
    }

    #[test]
    fn components_of_one_uid_are_one_object_wherever_they_stand() {
        let text = calendar(
            "BEGIN:VEVENT\r\nUID:a\r\nEND:VEVENT\r\nBEGIN:VTODO\r\nUID:a\r\nEND:VTODO\r\n\
             BEGIN:VEVENT\r\nuid;X-P=1:\r\n  a\r\nBEGIN:VALARM\r\nUID:inner\r\nEND:VALARM\r\nEND:VEVENT\r\n\
             BEGIN:VEVENT\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nEND:VEVENT\r\nBEGIN:X-OTHER\r\nEND:X-OTHER\r\n",
        );
        let a = || Some("a".to_owned());
        let expected = [(a(), false, 2), (a(), false, 1), (None, false, 1), (None, false, 1)];
        assert_eq!(parts(&text).unwrap(), expected);
        let twice = format!("\u{feff}\n{text}{text}<!-- made in 3 ms -->\n");
        assert_eq!(parts(&twice).unwrap().len(), 6);
    }

    #[test]
    fn a_text_that_is_no_whole_calendar_is_none() {
        let whole = calendar("BEGIN:VEVENT\r\nUID:a\r\nEND:VEVENT\r\n");
        for (text, expected) in [
            (String::new(), Broken::NotACalendar),
            ("\r\n \r\n".to_owned(), Broken::NotACalendar),
            ("<html>Sign in</html>".to_owned(), Broken::NotACalendar),
            (format!("<pre>\n{whole}</pre>"), Broken::NotACalendar),
            ("BEGIN:VEVENT\r\nEND:VEVENT\r\n".to_owned(), Broken::NotACalendar),
            ("BEGIN:VCALENDAR".to_owned(), Broken::Torn),
            (whole.replace("END:VCALENDAR\r\n", ""), Broken::Torn),
            (format!("{}{whole}", whole.replace("END:VCALENDAR\r\n", "")), Broken::Torn),
            (whole[..whole.len() - 3].to_owned(), Broken::Torn),
        ] {
            assert_eq!(parts(&text).unwrap_err(), expected, "{text}");
        }
        assert_eq!(parts(&calendar("")).unwrap(), []);
    }

    #[test]
    fn a_component_without_an_end_takes_no_other_with_it() {
        let text = calendar(
            "BEGIN:VEVENT\r\nUID:a\r\nBEGIN:VALARM\r\nBEGIN:VEVENT\r\nUID:b\r\nEND:VEVENT\r\n\
             END:VALARM\r\nBEGIN:VEVENT\r\nUID:c\r\n",
        );
        let found: Vec<_> =
            parts(&text).unwrap().into_iter().map(|(uid, broken, _)| (uid.unwrap(), broken)).collect();
        assert_eq!(found, [("a".to_owned(), true), ("b".to_owned(), false), ("c".to_owned(), true)]);
    }

    #[test]
    fn an_object_gets_the_zones_it_names_and_those_that_are_sound() {
        let zone = |id: &str, rule: &str| {
            format!(
                "BEGIN:VTIMEZONE\r\nTZID:{id}\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\n{rule}\
                 TZOFFSETFROM:+0100\r\nTZOFFSETTO:+0100\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
            )
        };
        let event = "BEGIN:VEVENT\r\nUID:a\r\nDTSTART;TZID=Ours, in \r\n Berlin:20260105T090000\r\nX-Z;TZID=Bad:1\r\nEND:VEVENT\r\n";
        let text = calendar(
            &[
                zone("Ours\\, in Berlin", ""),
                zone("Other", ""),
                zone("Bad", "RRULE:FREQ=NEVER\r\n"),
                event.to_owned(),
            ]
            .concat(),
        );
        let feed = read(text.into()).unwrap();
        let object = String::from_utf8(feed.object(&feed.groups[0])).unwrap();
        assert!(object.contains("TZID:Ours\\, in Berlin"), "{object}");
        assert_eq!(object.matches("BEGIN:VTIMEZONE").count(), 1, "{object}");
    }
}
