//! Changes in turn: where another program keeps the same two calendars equal and sees it otherwise, each answers the other for
//! ever. Whoever edits an object on both sides does so a few times an hour.

use almanac_app::sync::Turns;
use jiff::Timestamp;

use crate::limits::TURNS_MAX;
use crate::run::within_hour;

/// Why such an object is parked.
pub(crate) const IN_TURN: &str =
    "it was changed in turn on both sides, ten times in an hour: does another program keep them equal, too?";

/// A change at the vendor came in.
pub(crate) fn taken(turns: Option<Turns>, now: Timestamp) -> Turns {
    match turns.filter(|turns| within_hour(turns.since, now)) {
        Some(turns) => Turns { theirs: true, ..turns },
        None => Turns { since: now, count: 0, theirs: true },
    }
}

/// A change from here went out.
pub(crate) fn sent(turns: Option<Turns>) -> Option<Turns> {
    turns.map(|turns| Turns {
        count: turns.count.saturating_add(turns.theirs.into()),
        theirs: false,
        ..turns
    })
}

/// Whether what is to go out would be one turn too many.
pub(crate) fn are_too_many(turns: Option<Turns>, now: Timestamp) -> bool {
    turns.is_some_and(|turns| turns.theirs && turns.count >= TURNS_MAX && within_hour(turns.since, now))
}
