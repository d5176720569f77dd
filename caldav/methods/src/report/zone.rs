//! The zone in which a query reads floating and all-day times (RFC 4791 sections 5.2.2 and 7.3).

use almanac_davxml::CalendarQuery;
use almanac_ical::zone::{Zone, Zones};
use almanac_ical::{Limits, parse_timezone};

use crate::error::{Failure, Violation};

/// The zone that a query states.
///
/// # Errors
/// `valid-calendar-data` for a text that is not one VTIMEZONE, `valid-timezone` for an identifier that is
/// not known (RFC 7809 section 3.1.6).
pub(super) fn of_query(query: &CalendarQuery) -> Result<Option<Zone>, Failure> {
    if let Some(text) = &query.timezone {
        return of_text(text.expose()).ok_or(Violation::ValidCalendarData.into()).map(Some);
    }
    let Some(id) = &query.timezone_id else { return Ok(None) };
    Zone::iana(id.trim()).ok_or(Violation::ValidTimezone.into()).map(Some)
}

fn of_text(text: &str) -> Option<Zone> {
    let calendar = parse_timezone(text.trim().as_bytes(), &Limits::default()).ok()?;
    let id = calendar.components().first()?.property("TZID")?.text();
    Some(Zones::read(&calendar).resolve(&id).zone)
}
