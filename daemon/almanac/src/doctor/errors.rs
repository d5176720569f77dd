//! The last errors in the journal, where this program can read it.

use super::Finding;
use crate::limits::JOURNAL_ERRORS_MAX;

/// `errors`: how many there were in the last day, and the newest.
pub(super) fn finding(errors: Option<(u64, String)>) -> Finding {
    const NAME: &str = "errors in the journal";
    match errors {
        None => Finding::ok(NAME, "not known: the journal cannot be read here"),
        Some((0, _)) => Finding::ok(NAME, "none in the last day"),
        Some((count, newest)) => {
            let more = if count < JOURNAL_ERRORS_MAX { "" } else { " or more" };
            let what = format!("{count}{more} in the last day, the newest: {newest}");
            Finding::warning(NAME, what, "see `almanac logs --since 1d`")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn errors_of_the_last_day_are_a_warning() {
        for (errors, level) in [(None, Level::Ok), (Some(0), Level::Ok), (Some(3), Level::Warning)] {
            assert_eq!(finding(errors.map(|count| (count, "x".to_owned()))).level, level);
        }
    }
}
