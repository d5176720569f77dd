//! Reads the journal by libsystemd: what this service wrote, and what systemd wrote of it.

use std::io;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use systemd::journal::{Journal, OpenDirectoryOptions, OpenOptions};

use super::rows::{Fields, line};
use super::{IDENTIFIER, UNIT};
use crate::cli;
use crate::failure::Failure;
use crate::limits::JOURNAL_ERRORS_MAX;
use crate::output::{Audience, Reader, print_some};

/// How far back errors are counted.
const ERRORS_SINCE: SignedDuration = SignedDuration::from_hours(24);

pub(super) fn print(wish: &cli::Logs) -> Result<(), Failure> {
    let audience = if wish.listing.json { Audience::Programs } else { Audience::People };
    let mut journal = open(wish.directory.as_deref()).map_err(|error| unreadable(&error))?;
    choose(&mut journal, wish).map_err(|error| unreadable(&error))?;
    while let Some((at, fields)) = next(&mut journal, wish.follow).map_err(|error| unreadable(&error))? {
        if print_some(line(at, &fields, audience).as_bytes())? == Reader::Gone {
            break;
        }
    }
    Ok(())
}

/// Leaves the journal before the first record that is wanted.
fn choose(journal: &mut Journal, wish: &cli::Logs) -> io::Result<()> {
    match &wish.unit {
        Some(unit) => of_unit(journal, unit)?,
        None => ours(journal)?,
    }
    if let Some(since) = wish.since {
        return seek(journal, since.0);
    }
    journal.seek_tail()?;
    // One more than wanted: the first step goes on from there.
    let skipped = journal.previous_skip(wish.lines.saturating_add(1))? as u64;
    if skipped <= wish.lines {
        journal.seek_head()?;
    }
    Ok(())
}

/// The next record; `None` at the end, unless further ones are waited for.
fn next(journal: &mut Journal, follow: bool) -> io::Result<Option<(Timestamp, Fields)>> {
    let record = if follow { journal.await_next_entry(None)? } else { journal.next_entry()? };
    let Some(fields) = record else { return Ok(None) };
    Ok(Some((at(journal)?, fields)))
}

/// When the present record was written.
fn at(journal: &Journal) -> io::Result<Timestamp> {
    let micros = i64::try_from(journal.timestamp_usec()?).unwrap_or(i64::MAX);
    Timestamp::from_microsecond(micros).map_err(io::Error::other)
}

/// How many errors the last day had, counted up to a bound, and the newest of them; `None` if there is no journal that can be read.
pub(super) fn errors(folder: Option<&Path>, now: Timestamp) -> Option<(u64, String)> {
    let mut journal = open(folder).ok()?;
    count(&mut journal, now.checked_sub(ERRORS_SINCE).ok()?).ok()
}

fn count(journal: &mut Journal, since: Timestamp) -> io::Result<(u64, String)> {
    ours(journal)?;
    journal.match_and()?;
    for priority in ["0", "1", "2", "3"] {
        journal.match_add("PRIORITY", priority)?;
    }
    journal.seek_tail()?;
    let (mut count, mut newest) = (0, String::new());
    // Backwards, so that the first is the newest, however many there are.
    while count < JOURNAL_ERRORS_MAX
        && let Some(mut fields) = journal.previous_entry()?
        && at(journal)? >= since
    {
        if count == 0 {
            newest = fields.remove("MESSAGE").unwrap_or_default();
        }
        count += 1;
    }
    Ok((count, newest))
}

fn open(folder: Option<&Path>) -> io::Result<Journal> {
    let journal = match folder {
        Some(folder) => {
            let folder = folder.to_str().ok_or(io::ErrorKind::InvalidFilename)?;
            OpenDirectoryOptions::default().open_directory(folder)?
        }
        None => OpenOptions::default().local_only(true).open()?,
    };
    if journal.has_persistent_files()? || journal.has_runtime_files()? || folder.is_some() {
        Ok(journal)
    } else {
        // It opens all the same if this user may read none of its files.
        Err(io::Error::new(io::ErrorKind::NotFound, "there are no files that this user may read"))
    }
}

/// What this program wrote, or anybody in its unit, or systemd of it.
fn ours(journal: &mut Journal) -> io::Result<()> {
    journal.match_add("SYSLOG_IDENTIFIER", IDENTIFIER)?.match_or()?;
    of_unit(journal, UNIT)
}

fn of_unit(journal: &mut Journal, unit: &str) -> io::Result<()> {
    journal.match_add("_SYSTEMD_UNIT", unit)?.match_or()?.match_add("UNIT", unit)?;
    Ok(())
}

fn seek(journal: &mut Journal, since: Timestamp) -> io::Result<()> {
    Ok(journal.seek_realtime_usec(u64::try_from(since.as_microsecond()).unwrap_or(0))?)
}

fn unreadable(error: &io::Error) -> Failure {
    Failure::failed(
        format!("cannot read the journal: {error}"),
        "run this as root or as a member of the group systemd-journal; without systemd look where stderr goes",
    )
}
