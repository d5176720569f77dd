//! Octets to a tree, with a stack of our own: nesting costs no stack of the process.

use super::{Component, ContentLine, Property};
use crate::lines::{Line, Lines, Work};
use crate::{Invalid, Limits};

const NOT_CALENDAR: Invalid = Invalid::Data("not a VCALENDAR");

/// Reads a text that is one VCALENDAR.
///
/// # Errors
/// `Data` or `TooLarge` as soon as a limit or a rule of the format is broken; `Object` for a second VCALENDAR.
pub fn read(octets: &[u8], limits: &Limits) -> Result<Component, Invalid> {
    read_counting(octets, limits, &mut Work::default())
}

/// [`read`], adding what it cost to `work`, also when it fails.
///
/// # Errors
/// As [`read`].
pub fn read_counting(octets: &[u8], limits: &Limits, work: &mut Work) -> Result<Component, Invalid> {
    let mut reader = Reader::new(octets, limits)?;
    let first = reader.next_calendar(work)?.ok_or(NOT_CALENDAR)?;
    if reader.next_calendar(work)?.is_some() {
        return Err(Invalid::Object("more than one VCALENDAR"));
    }
    Ok(first)
}

/// Reads a text of any number of VCALENDARs, as exports of several calendars are.
///
/// # Errors
/// `Data` or `TooLarge` for the first line that breaks a limit or a rule of the format.
pub fn read_all(octets: &[u8], limits: &Limits) -> Result<Vec<Component>, Invalid> {
    let mut reader = Reader::new(octets, limits)?;
    let mut calendars = Vec::new();
    while let Some(calendar) = reader.next_calendar(&mut Work::default())? {
        calendars.push(calendar);
    }
    Ok(calendars)
}

struct Reader<'a> {
    lines: Lines<'a>,
    limits: &'a Limits,
    components: usize,
    properties: usize,
}

impl<'a> Reader<'a> {
    fn new(octets: &'a [u8], limits: &'a Limits) -> Result<Reader<'a>, Invalid> {
        if octets.len() > limits.object_bytes_max {
            return Err(Invalid::TooLarge);
        }
        Ok(Reader { lines: Lines::new(octets, limits), limits, components: 0, properties: 0 })
    }

    fn next_calendar(&mut self, work: &mut Work) -> Result<Option<Component>, Invalid> {
        let result = self.read_calendar();
        *work = self.lines.work;
        result
    }

    fn read_calendar(&mut self) -> Result<Option<Component>, Invalid> {
        let mut open: Vec<Component> = Vec::new();
        while let Some(line) = self.lines.next_line()? {
            if let Some(name) = delimiter(&line, "BEGIN") {
                let component = self.begin(name, &open, &line)?;
                open.push(component);
            } else if let Some(name) = delimiter(&line, "END") {
                let mut closed = open.pop().ok_or(NOT_CALENDAR)?;
                if !closed.is(name) {
                    return Err(Invalid::Data("END of a component that is not open"));
                }
                closed.end = ContentLine::from_line(line);
                match open.last_mut() {
                    Some(parent) => parent.push_component(closed),
                    None => return Ok(Some(closed)),
                }
            } else {
                let parent = open.last_mut().ok_or(NOT_CALENDAR)?;
                self.properties += 1;
                if self.properties > self.limits.properties_max {
                    return Err(Invalid::Data("more properties than the limit"));
                }
                let property = Property::from_line(line, self.limits.params_max)?;
                if property.is("BEGIN") || property.is("END") {
                    return Err(Invalid::Data("BEGIN or END with parameters"));
                }
                // Not `push_property`, which would move it before the subcomponents read so far.
                parent.properties.push(property);
            }
        }
        if open.is_empty() { Ok(None) } else { Err(Invalid::Data("a component is not closed")) }
    }

    fn begin(&mut self, name: &str, open: &[Component], line: &Line<'_>) -> Result<Component, Invalid> {
        if open.is_empty() != name.eq_ignore_ascii_case("VCALENDAR") {
            return Err(NOT_CALENDAR);
        }
        if name.is_empty() || super::property::name_end(name) != name.len() {
            return Err(Invalid::Data("a component without a name"));
        }
        if open.len() >= self.limits.depth_max.min(Limits::DEPTH_CAP) {
            return Err(Invalid::Data("components are nested deeper than the limit"));
        }
        self.components += 1;
        if self.components > self.limits.components_max {
            return Err(Invalid::Data("more components than the limit"));
        }
        let mut component = Component::new(name);
        component.begin = ContentLine::from_line(line.clone());
        Ok(component)
    }
}

/// The name in `BEGIN:name` or `END:name`. Trailing spaces are forgiven, old Outlook versions wrote them.
pub(crate) fn delimiter<'a>(line: &'a Line<'_>, keyword: &str) -> Option<&'a str> {
    let (name, value) = line.text.split_once(':')?;
    name.eq_ignore_ascii_case(keyword).then(|| value.trim_ascii())
}

/// The text of a line's property, if it has this name.
pub(crate) fn property_of(line: &Line<'_>, name: &str, limits: &Limits) -> Result<Option<String>, Invalid> {
    // Most lines have another name, and need not be taken apart for that.
    if !line.text.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)) {
        return Ok(None);
    }
    let property = Property::from_line(line.clone(), limits.params_max)?;
    Ok(property.is(name).then(|| property.text()))
}
