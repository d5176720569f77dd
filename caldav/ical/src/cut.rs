//! A large file to smaller ones that hold the same objects, so that nobody must hold all of it as a tree.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use crate::lines::{Line, Lines};
use crate::split::without_controls;
use crate::tree::{delimiter, property_of};
use crate::{Invalid, Limits};

/// A file with the places of what is in it. It takes some hundred bytes for each object.
pub struct Cut<'a> {
    octets: Cow<'a, [u8]>,
    /// For each VCALENDAR the lines that are no part of an object: its own and those of its time zones.
    heads: Vec<Vec<Range<usize>>>,
    /// The components that are parts of objects; those of one object side by side, objects as they first occur. Equal
    /// ones without a UID are side by side, too, so that whoever makes UIDs of their texts sees them together.
    components: Vec<Place>,
    objects: usize,
}

/// Where a component stands.
struct Place {
    /// The object, or the group of equal objects without a UID.
    object: usize,
    calendar: usize,
    octets: Range<usize>,
}

/// Finds the objects of a file: components of one kind and UID belong together, wherever they stand. One without a
/// UID is an object of its own.
///
/// # Errors
/// `Data` if calendars and components do not begin and end as they must. That single lines are in order is for
/// [`split`](crate::split::split) to say.
pub fn cut<'a>(octets: &'a [u8], limits: &Limits) -> Result<Cut<'a>, Invalid> {
    let octets = without_controls(octets);
    let mut reading = Reading::default();
    let mut at = 0;
    {
        let mut lines = Lines::new(&octets, limits);
        while let Some(line) = lines.next_line()? {
            let end = at + line.sent.len();
            reading.line(&line, at..end, limits)?;
            at = end;
        }
    }
    if !reading.open.is_empty() {
        return Err(Invalid::Data("a component is not closed"));
    }
    if reading.heads.is_empty() {
        return Err(NOT_CALENDAR);
    }
    let Reading { heads, mut components, objects, .. } = reading;
    components.sort_by_key(|place| (place.object, place.octets.start));
    Ok(Cut { octets, heads, components, objects })
}

const NOT_CALENDAR: Invalid = Invalid::Data("not a VCALENDAR");

/// By what components are found to belong together.
#[derive(PartialEq, Eq, Hash)]
enum Known {
    Uid(String),
    /// A hash of a text without a UID. Two texts with one hash merely come into the same part.
    Text(u64),
}

/// What the lines up to some place said.
#[derive(Default)]
struct Reading {
    /// The names of the components that are open.
    open: Vec<String>,
    /// Where the open component of a calendar began, its UID, and its lines so far.
    began: usize,
    uid: Option<String>,
    text: DefaultHasher,
    heads: Vec<Vec<Range<usize>>>,
    components: Vec<Place>,
    objects: usize,
    known: HashMap<(String, Known), usize>,
}

impl Reading {
    fn line(&mut self, line: &Line<'_>, at: Range<usize>, limits: &Limits) -> Result<(), Invalid> {
        line.text.hash(&mut self.text);
        if let Some(name) = delimiter(line, "BEGIN") {
            if self.open.is_empty() != name.eq_ignore_ascii_case("VCALENDAR") {
                return Err(NOT_CALENDAR);
            }
            if self.open.len() >= limits.depth_max.min(Limits::DEPTH_CAP) {
                return Err(Invalid::Data("components are nested deeper than the limit"));
            }
            match self.open.len() {
                0 => self.heads.push(Vec::new()),
                1 => (self.began, self.uid, self.text) = (at.start, None, DefaultHasher::new()),
                _ => {}
            }
            self.open.push(name.to_ascii_uppercase());
        } else if let Some(name) = delimiter(line, "END") {
            let closed = self.open.pop().ok_or(NOT_CALENDAR)?;
            if !closed.eq_ignore_ascii_case(name) {
                return Err(Invalid::Data("END of a component that is not open"));
            }
            if self.open.len() == 1 {
                self.close(closed, at.end);
            }
        } else {
            match self.open.len() {
                0 => return Err(NOT_CALENDAR),
                1 => self.head(at),
                2 if self.uid.is_none() => {
                    self.uid = property_of(line, "UID", limits)?.filter(|uid| !uid.trim().is_empty());
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn head(&mut self, octets: Range<usize>) {
        if let Some(head) = self.heads.last_mut() {
            match head.last_mut() {
                Some(last) if last.end == octets.start => last.end = octets.end,
                _ => head.push(octets),
            }
        }
    }

    fn close(&mut self, name: String, end: usize) {
        let octets = self.began..end;
        if name == "VTIMEZONE" {
            return self.head(octets);
        }
        let known = self.uid.take().map_or_else(|| Known::Text(self.text.finish()), Known::Uid);
        let (without_uid, next) = (matches!(known, Known::Text(_)), self.known.len());
        let object = *self.known.entry((name, known)).or_insert(next);
        if without_uid || object == next {
            self.objects += 1;
        }
        let calendar = self.heads.len().saturating_sub(1);
        self.components.push(Place { object, calendar, octets });
    }
}

impl Cut<'_> {
    /// How many objects the file has, also such as will be refused.
    #[must_use]
    pub fn objects(&self) -> usize {
        self.objects
    }

    /// The file in parts, each a file of its own with whole objects; a part ends with the object that makes it larger
    /// than `bytes`. A file without objects is one part.
    pub fn parts(&self, bytes: usize) -> impl Iterator<Item = Vec<u8>> {
        let mut rest = self.components.as_slice();
        let mut first = true;
        std::iter::from_fn(move || {
            if rest.is_empty() && !first {
                return None;
            }
            first = false;
            let (part, others) = rest.split_at_checked(part_of(rest, bytes)).unwrap_or((rest, &[]));
            rest = others;
            Some(self.part(part))
        })
    }

    fn part(&self, components: &[Place]) -> Vec<u8> {
        let mut places: Vec<&Place> = components.iter().collect();
        places.sort_by_key(|place| place.octets.start);
        let mut text = Vec::new();
        let mut open = None;
        if places.is_empty() {
            self.begin(&mut text, 0);
            open = Some(0);
        }
        for place in places {
            if open != Some(place.calendar) {
                if open.is_some() {
                    text.extend_from_slice(END);
                }
                self.begin(&mut text, place.calendar);
                open = Some(place.calendar);
            }
            self.copy(&mut text, &place.octets);
        }
        text.extend_from_slice(END);
        text
    }

    fn begin(&self, text: &mut Vec<u8>, calendar: usize) {
        text.extend_from_slice(b"BEGIN:VCALENDAR\r\n");
        for octets in self.heads.get(calendar).into_iter().flatten() {
            self.copy(text, octets);
        }
    }

    fn copy(&self, text: &mut Vec<u8>, octets: &Range<usize>) {
        text.extend_from_slice(self.octets.get(octets.clone()).unwrap_or_default());
        if text.last() != Some(&b'\n') {
            text.extend_from_slice(b"\r\n"); // the last line of a file may lack its end
        }
    }
}

const END: &[u8] = b"END:VCALENDAR\r\n";

/// How many of the components make the next part.
fn part_of(components: &[Place], bytes: usize) -> usize {
    let mut taken = 0;
    for (n, place) in components.iter().enumerate() {
        let begins = n == 0 || components.get(n - 1).is_some_and(|before| before.object != place.object);
        if begins && taken > bytes {
            return n;
        }
        taken += place.octets.len();
    }
    components.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::split::split;

    /// A file in which one object stands in three places and in two calendars.
    fn scattered() -> String {
        let event = |uid: &str, more: &str| {
            format!(
                "BEGIN:VEVENT\r\nDTSTAMP:20260101T000000Z\r\n{uid}DTSTART;TZID=Europe/Berlin:20260105T090000\r\n{more}\
                 BEGIN:VALARM\r\nUID:inner\r\nACTION:DISPLAY\r\nDESCRIPTION:a\r\nTRIGGER:-PT5M\r\nEND:VALARM\r\n\
                 END:VEVENT\r\n"
            )
        };
        let zone = "BEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\n\
                    TZOFFSETFROM:+0100\r\nTZOFFSETTO:+0100\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n";
        let second = "RECURRENCE-ID;TZID=Europe/Berlin:20260106T090000\r\n";
        let third = "RECURRENCE-ID;TZID=Europe/Berlin:20260107T090000\r\n";
        let series = "uid:se\r\n ries\\, one\r\n";
        format!(
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//A//A//EN\r\nX-WR-CALNAME:Both\r\n{zone}{}{}{}{}END:VCALENDAR\r\n\
             begin:vcalendar\r\nVERSION:2.0\r\nPRODID:-//B//B//EN\r\n{}{}{zone}END:VCALENDAR",
            event(series, "RRULE:FREQ=DAILY;COUNT=5\r\n"),
            event("UID:single\r\n", "SUMMARY:a\r\n"),
            event("", "SUMMARY:without a uid\r\n"),
            event("UID:series\\, one\r\n", second),
            event("UID;X-A=\":\":other\r\n", ""),
            event("UID:series\\, one\r\n", third),
        )
    }

    fn objects(file: &[u8]) -> Vec<String> {
        let mut count = 0;
        let mut fresh = |_: &str| {
            count += 1;
            format!("fresh-{count}")
        };
        let split = split(file, &Limits::default(), &mut fresh).unwrap();
        assert!(split.refused.is_empty(), "{:?}", split.refused);
        split.objects.iter().map(|object| String::from_utf8(object.bytes().to_vec()).unwrap()).collect()
    }

    #[test]
    fn the_parts_of_a_file_hold_the_same_objects_as_the_file_whatever_their_size() {
        let file = scattered();
        let cut = cut(file.as_bytes(), &Limits::default().for_file()).unwrap();
        let whole = objects(file.as_bytes());
        assert_eq!((cut.objects(), whole.len()), (4, 4));
        for bytes in [0, 300, 700, 1_500, usize::MAX] {
            let parts: Vec<_> = cut.parts(bytes).collect();
            assert_eq!(parts.iter().flat_map(|part| objects(part)).collect::<Vec<_>>(), whole, "{bytes}");
            if bytes == 0 {
                assert_eq!(parts.len(), 4);
            }
        }
    }

    #[test]
    fn equal_components_without_a_uid_come_into_one_part_and_count_as_objects_of_their_own() {
        let event = |text: &str| format!("BEGIN:VEVENT\r\nSUMMARY:{text}\r\nEND:VEVENT\r\n");
        let file = format!(
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{}{}{}END:VCALENDAR\r\n",
            event("one"),
            event("other"),
            event("one")
        );
        let cut = cut(file.as_bytes(), &Limits::default().for_file()).unwrap();
        assert_eq!(cut.objects(), 3);
        let counts = cut.parts(0).map(|part| part.windows(7).filter(|text| *text == b"SUMMARY").count());
        assert_eq!(counts.collect::<Vec<_>>(), [2, 1]);
    }

    #[test]
    fn a_file_without_objects_is_one_part_and_a_broken_one_is_refused() {
        let limits = Limits::default().for_file();
        let empty = b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//A//A//EN\r\nEND:VCALENDAR\r\n";
        assert_eq!(cut(empty, &limits).unwrap().parts(9).collect::<Vec<_>>(), [empty.to_vec()]);
        for (text, reason) in [
            ("", "not a VCALENDAR"),
            ("BEGIN:VEVENT\r\nEND:VEVENT\r\n", "not a VCALENDAR"),
            ("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nEND:VCALENDAR\r\n", "END of a component that is not open"),
            ("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nEND:VEVENT\r\n", "a component is not closed"),
            ("BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\nUID:a\r\n", "not a VCALENDAR"),
        ] {
            assert_eq!(cut(text.as_bytes(), &limits).err(), Some(Invalid::Data(reason)), "{text}");
        }
    }
}
