//! Definitions of time zones on their way out: which VTIMEZONEs an answer holds (RFC 7809 section 3.1.3), and
//! the VTIMEZONE of a zone that is known by name.

use almanac_ical::value::{self, DateOrTime};
use almanac_ical::zone::{How, Resolved, Zone, Zones, vtimezone};
use almanac_ical::{Component, PRODID, Property};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

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

impl StandardZones {
    /// `calendar`, a VCALENDAR, with the definitions that are wanted; `None` if it has exactly those.
    pub(crate) fn changed(self, calendar: &Component) -> Option<Component> {
        match self {
            Self::AsStored => None,
            Self::Complete => completed(calendar),
            Self::LeaveOut => calendar.components().iter().any(is_standard).then(|| {
                let mut without = calendar.clone();
                without.retain_components(|component| !is_standard(component));
                without
            }),
        }
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

/// From 1970 to 2040; a rule that is still followed then has no end.
const FROM: Timestamp = Timestamp::UNIX_EPOCH;
const TO: Timestamp = Timestamp::constant(2_208_988_800, 0);

/// A VTIMEZONE whose TZID is the name of a zone of the IANA database.
fn is_standard(component: &Component) -> bool {
    component.is("VTIMEZONE")
        && component.property("TZID").is_some_and(|tzid| Zone::iana(tzid.text().trim()).is_some())
}

/// `calendar` with a definition for each TZID that it uses, under that very name. What nothing explains has
/// none.
fn completed(calendar: &Component) -> Option<Component> {
    let mut used = Used { tzids: Vec::new(), from: FROM };
    used.collect(calendar);
    let zones = Zones::read(calendar);
    let missing = used.tzids.iter().filter(|tzid| !is_defined(calendar, tzid));
    let mut added = missing.filter_map(|tzid| written_as(tzid, &zones.resolve(tzid), used.from)).peekable();
    added.peek()?;
    let mut complete = calendar.shell();
    calendar.properties().iter().for_each(|property| complete.push_property(property.clone()));
    added.for_each(|zone| complete.push_component(zone));
    calendar.components().iter().for_each(|component| complete.push_component(component.clone()));
    Some(complete)
}

/// The definition of a zone of the database under the name that an object gives it.
fn written_as(tzid: &str, resolved: &Resolved, from: Timestamp) -> Option<Component> {
    if !matches!(resolved.how, How::Exact | How::Alias | How::Windows) {
        return None;
    }
    let mut zone = vtimezone(resolved.zone.name(), from, TO)?;
    zone.set_property(Property::text_of("TZID", tzid));
    Some(zone)
}

fn is_defined(calendar: &Component, tzid: &str) -> bool {
    let mut named = calendar.components_named("VTIMEZONE").filter_map(|zone| zone.property("TZID"));
    named.any(|property| property.text().trim() == tzid)
}

/// The zones that an object uses, and since when.
struct Used<'a> {
    tzids: Vec<&'a str>,
    from: Timestamp,
}

impl<'a> Used<'a> {
    /// The depth of the recursion is that of the object, which reading has bounded.
    fn collect(&mut self, component: &'a Component) {
        for property in component.properties() {
            let Some(tzid) = property.param("TZID").map(str::trim) else { continue };
            if !self.tzids.contains(&tzid) && self.tzids.len() < ZONES_ADDED_MAX {
                self.tzids.push(tzid);
            }
            if let Some(DateOrTime::Time(time, _)) = value::parse_date_or_time(property.value().trim()) {
                // Before 1970 the rules were others; a day more covers every offset.
                let at = Offset::UTC.to_timestamp(time).unwrap_or(FROM);
                self.from = self.from.min(day_before(at));
            }
        }
        component.components().iter().for_each(|inner| self.collect(inner));
    }
}

fn day_before(at: Timestamp) -> Timestamp {
    at.checked_sub(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MIN)
}
