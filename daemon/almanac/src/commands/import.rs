//! A file on its way into a calendar, in parts: the daemon never holds more of it than one.

use almanac_app::ImportProgress;
use almanac_ical::cut::cut;
use almanac_ical::split::split;
use almanac_ical::{Invalid, Limits};

use super::rows::ImportRow;
use super::run::Session;
use super::{Command, Outcome};
use crate::config::Config;
use crate::failure::Failure;
use crate::limits::IMPORT_PART_BYTES;

/// Imports `file` into the calendar `at`, wherever the store is.
///
/// If the store failed in the middle, the failure comes with what was imported before: it stays, and importing again
/// goes on with the rest.
///
/// # Errors
/// The file cannot be read as a whole, or there is no store: nothing was imported.
pub(crate) async fn import(
    config: &Config,
    at: &str,
    file: &[u8],
    progress: &(dyn Fn(ImportProgress) + Sync),
) -> Result<(ImportRow, Option<Failure>), Failure> {
    let limits = Limits::default();
    let cut = cut(file, &limits.for_file()).map_err(|reason| unreadable(&reason))?;
    // Before the first object is written it is known that every part can be read.
    for part in cut.parts(IMPORT_PART_BYTES) {
        let mut unused = |_: &str| "unused@almanac".to_owned();
        split(&part, &limits, &mut unused).map_err(|reason| unreadable(&reason))?;
    }
    let mut report = ImportRow::default();
    let session = Session::begin(config).await?;
    let (mut before, mut failed) = (0, None);
    for part in cut.parts(IMPORT_PART_BYTES) {
        let shown = |step: ImportProgress| {
            progress(ImportProgress { done: before + step.done, total: cut.objects() });
        };
        match session.carry_out(Command::Import { at: at.to_owned() }, &part, &shown).await {
            Ok(Outcome::Imported(row)) => before += report.add(row),
            Ok(_) => failed = Some(Failure::failed("the answer is not that to an import", "report this")),
            Err(failure) => failed = Some(failure),
        }
        if failed.is_some() {
            break;
        }
    }
    session.end().await;
    Ok((report, failed))
}

fn unreadable(reason: &Invalid) -> Failure {
    Failure::failed(format!("the file is not a calendar: {reason}"), "correct the input")
}
