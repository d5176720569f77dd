//! Definitions of time zones on their way out: which VTIMEZONEs an answer holds (RFC 7809 section 3.1.3), and
//! the VTIMEZONE of a zone that is known by name.

use std::collections::HashMap;

use almanac_ical::value::{self, DateOrTime};
use almanac_ical::zone::{How, Resolved, Zone, Zones, vtimezone};
use almanac_ical::{Component, PRODID, Property};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

use crate::limits::ZONES_ADDED_MAX;

/// Which definitions a client wants of the zones that everybody knows: the `CalDAV-Timezones` header (RFC 7809
/// section 7.1). Those of other zones are returned in any case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum StandardZones {
    /// No header: what is stored.
    #[default]
    AsStored,
    /// `T`: one for each zone that the object uses.
    Complete,
    /// `F`: none.
    LeaveOut,
}

/// The definitions of one answer. A zone is built once, however many objects use it, so that what they cost is bounded
/// by the zones that there are.
#[derive(Debug, Default)]
pub(crate) struct Definitions {
    wanted: StandardZones,
    least: History,
    built: HashMap<(String, History), Component>,
}

/// How far back a definition goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum History {
    /// Since 1970, which is enough for nearly all objects and the shorter.
    #[default]
    Recent,
    /// As far as the database knows: before 1970 the rules were others.
    Whole,
}

impl Definitions {
    pub(crate) fn new(wanted: StandardZones) -> Self {
        Self { wanted, ..Self::default() }
    }

    /// For objects that share one definition of each zone, whatever their years are.
    pub(crate) fn shared(wanted: StandardZones) -> Self {
        Self { wanted, least: History::Whole, ..Self::default() }
    }

    /// Whether every object stays as it is stored.
    pub(crate) fn as_stored(&self) -> bool {
        self.wanted == StandardZones::AsStored
    }

    /// `calendar`, a VCALENDAR, with the definitions that are wanted; `None` if it has exactly those.
    pub(crate) fn changed(&mut self, calendar: &Component) -> Option<Component> {
        match self.wanted {
            StandardZones::AsStored => None,
            StandardZones::Complete => self.completed(calendar),
            StandardZones::LeaveOut => calendar.components().iter().any(is_standard).then(|| {
                let mut without = calendar.clone();
                without.retain_components(|component| !is_standard(component));
                without
            }),
        }
    }

    /// `calendar` with a definition for each TZID that it uses, under that very name. What nothing explains has
    /// none.
    fn completed(&mut self, calendar: &Component) -> Option<Component> {
        let mut used = Used { tzids: Vec::new(), history: self.least };
        used.collect(calendar);
        let zones = Zones::read(calendar);
        let missing = used.tzids.iter().filter(|tzid| !is_defined(calendar, tzid));
        let added: Vec<Component> =
            missing.filter_map(|tzid| self.written_as(tzid, &zones.resolve(tzid), used.history)).collect();
        if added.is_empty() {
            return None;
        }
        let mut complete = calendar.shell();
        calendar.properties().iter().for_each(|property| complete.push_property(property.clone()));
        added.into_iter().for_each(|zone| complete.push_component(zone));
        calendar.components().iter().for_each(|component| complete.push_component(component.clone()));
        Some(complete)
    }

    /// The definition of a zone of the database, or of a mere offset, under the name that an object gives it.
    fn written_as(&mut self, tzid: &str, resolved: &Resolved, history: History) -> Option<Component> {
        let mut zone = match resolved.how {
            How::Exact | How::Alias | How::Windows => self.of_database(resolved.zone.name(), history)?,
            How::Offset => fixed(resolved.zone.offset(FROM)),
            How::Vtimezone | How::Assumed => return None,
        };
        zone.set_property(Property::text_of("TZID", tzid));
        Some(zone)
    }

    fn of_database(&mut self, name: &str, history: History) -> Option<Component> {
        let key = (name.to_owned(), history);
        if let Some(built) = self.built.get(&key) {
            return Some(built.clone());
        }
        let from = if history == History::Whole { Timestamp::MIN } else { FROM };
        let zone = vtimezone(name, from, TO)?;
        self.built.insert(key, zone.clone());
        Some(zone)
    }
}

/// A calendar that holds the definition of an IANA zone: what `CALDAV:calendar-timezone` is if only the name
/// was set. `None` if there is no such zone.
pub(crate) fn definition(name: &str) -> Option<Component> {
    let zone = vtimezone(name, FROM, TO)?;
    let calendar = Component::new("VCALENDAR")
        .with_property(Property::new("VERSION", "2.0"))
        .with_property(Property::new("PRODID", PRODID));
    Some(calendar.with_component(zone))
}

/// A day after the beginning of 1970, which covers every offset.
const RECENT: DateTime = DateTime::constant(1970, 1, 2, 0, 0, 0, 0);

/// From 1970 to 2040; a rule that is still followed then has no end.
const FROM: Timestamp = Timestamp::UNIX_EPOCH;
const TO: Timestamp = Timestamp::constant(2_208_988_800, 0);

/// A VTIMEZONE whose TZID is the name of a zone of the IANA database.
fn is_standard(component: &Component) -> bool {
    component.is("VTIMEZONE")
        && component.property("TZID").is_some_and(|tzid| Zone::iana(tzid.text().trim()).is_some())
}

/// A zone that is at one offset for ever.
fn fixed(offset: Offset) -> Component {
    let seconds = offset.seconds();
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.unsigned_abs() / 60;
    let offset = format!("{sign}{:02}{:02}", minutes / 60, minutes % 60);
    let standard = Component::new("STANDARD")
        .with_property(Property::new("DTSTART", "16010101T000000"))
        .with_property(Property::new("TZOFFSETFROM", &offset))
        .with_property(Property::new("TZOFFSETTO", &offset));
    Component::new("VTIMEZONE").with_component(standard)
}

fn is_defined(calendar: &Component, tzid: &str) -> bool {
    let mut named = calendar.components_named("VTIMEZONE").filter_map(|zone| zone.property("TZID"));
    named.any(|property| property.text().trim() == tzid)
}

/// The zones that an object uses, and how far back.
struct Used<'a> {
    tzids: Vec<&'a str>,
    history: History,
}

impl<'a> Used<'a> {
    /// The depth of the recursion is that of the object, which reading has bounded.
    fn collect(&mut self, component: &'a Component) {
        for property in component.properties() {
            let Some(tzid) = property.param("TZID").map(str::trim) else { continue };
            if !self.tzids.contains(&tzid) && self.tzids.len() < ZONES_ADDED_MAX {
                self.tzids.push(tzid);
            }
            if let Some(DateOrTime::Time(time, _)) = value::parse_date_or_time(property.value().trim())
                && time < RECENT
            {
                self.history = History::Whole;
            }
        }
        component.components().iter().for_each(|inner| self.collect(inner));
    }
}
