//! The backups of the timer: whether there are any, and whether they go on.

use std::fs;
use std::path::Path;

use jiff::Timestamp;

use super::{Finding, Subject};
use crate::limits::BACKUP_AGE_HOURS_MAX;

/// Where `almanac-backup.service` puts them.
pub(super) const FOLDER: &str = "/var/backups/almanac";

pub(super) fn finding(subject: &Subject) -> Finding {
    let folder = subject.options.backups.as_deref().unwrap_or(Path::new(FOLDER));
    judge(folder, newest(folder), subject.now)
}

/// When the newest backup was written.
fn newest(folder: &Path) -> Option<Timestamp> {
    let entries = fs::read_dir(folder).ok()?.flatten();
    let complete = entries
        .filter(|entry| Path::new(&entry.file_name()).extension().is_some_and(|kind| kind == "backup"));
    complete.filter_map(|entry| Timestamp::try_from(entry.metadata().ok()?.modified().ok()?).ok()).max()
}

fn judge(folder: &Path, newest: Option<Timestamp>, now: Timestamp) -> Finding {
    const NAME: &str = "backup";
    let at = folder.display();
    let Some(newest) = newest else {
        return Finding::warning(
            NAME,
            format!("there is none in {at}"),
            "systemctl enable --now almanac-backup.timer, or make them your own way with `almanac backup`",
        );
    };
    let hours = now.duration_since(newest).as_hours();
    if hours > BACKUP_AGE_HOURS_MAX {
        return Finding::problem(
            NAME,
            format!("the newest in {at} is {hours} hours old"),
            "see `systemctl status almanac-backup.timer almanac-backup.service` for why there is no newer one",
        );
    }
    Finding::ok(NAME, format!("the newest in {at} is {hours} hours old"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn backups_that_stopped_are_a_problem_and_none_are_a_warning() {
        let now: Timestamp = "2026-11-28T10:00:00Z".parse().unwrap();
        for (newest, level) in [
            (None, Level::Warning),
            (Some("2026-11-28T00:00:00Z"), Level::Ok),
            (Some("2026-11-26T09:30:00Z"), Level::Ok),
            (Some("2026-11-26T08:00:00Z"), Level::Problem),
        ] {
            let newest = newest.map(|text| text.parse().unwrap());
            assert_eq!(judge(Path::new("/b"), newest, now).level, level, "{newest:?}");
        }
    }

    #[test]
    fn only_what_is_complete_counts_as_a_backup() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.partial"), "").unwrap();
        assert_eq!(newest(folder.path()), None);
        assert_eq!(newest(&folder.path().join("missing")), None);
        fs::write(folder.path().join("a.backup"), "").unwrap();
        assert!(newest(folder.path()).is_some());
    }
}
