//! The journal of systemd: our events with their fields on the way in, lines on the way out.

mod listed;
#[cfg(feature = "systemd")]
mod read;
#[cfg(any(feature = "systemd", test))]
mod rows;
mod write;

pub(crate) use self::write::{Output, layer, output};

use crate::cli;
use crate::failure::Failure;

/// The name that our lines carry in the journal.
const IDENTIFIER: &str = "almanac";

/// The unit of the packages.
const UNIT: &str = "almanac.service";

/// `almanac logs`: prints what the journal has of this service.
///
/// # Errors
/// There is no journal to be read, or this program was built without the part that reads it.
#[cfg(feature = "systemd")]
pub(crate) fn logs(wish: &cli::Logs) -> Result<(), Failure> {
    read::print(wish)
}

#[cfg(not(feature = "systemd"))]
pub(crate) fn logs(wish: &cli::Logs) -> Result<(), Failure> {
    let unit = wish.unit.as_deref().unwrap_or(UNIT);
    Err(Failure::failed(
        "this program was built without the part that reads the journal",
        format!("journalctl --unit {unit}"),
    ))
}

/// How many errors the last day had, counted up to a bound, and the newest of them; `None` if nobody can say.
#[cfg(feature = "systemd")]
pub(crate) fn errors(folder: Option<&std::path::Path>, now: jiff::Timestamp) -> Option<(u64, String)> {
    read::errors(folder, now)
}

#[cfg(not(feature = "systemd"))]
pub(crate) fn errors(_folder: Option<&std::path::Path>, _now: jiff::Timestamp) -> Option<(u64, String)> {
    None
}
