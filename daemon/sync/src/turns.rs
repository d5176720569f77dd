//! Changes in turn: where another program keeps the same two calendars equal and sees it otherwise, each answers the other for
//! ever. Whoever edits an object on both sides does so a few times an hour.

use almanac_app::sync::Turns;
use jiff::{SignedDuration, Timestamp};

use crate::limits::TURNS_MAX;

/// Why such an object is parked.
pub(crate) const IN_TURN: &str =
    "it was changed in turn on both sides, ten times in an hour: does another program keep them equal, too?";

/// For how long turns are counted together.
const WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// A change at the vendor came in.
pub(crate) fn taken(turns: Option<Turns>, now: Timestamp) -> Turns {
    match turns.filter(|turns| is_recent(*turns, now)) {
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
    turns.is_some_and(|turns| turns.theirs && turns.count >= TURNS_MAX && is_recent(turns, now))
}

/// Whether the turns are still counted. Not those of a clock that was set back since.
fn is_recent(turns: Turns, now: Timestamp) -> bool {
    let passed = now.duration_since(turns.since);
    !passed.is_negative() && passed < WINDOW
}
