//! Whether the clock is right: it dates changes, ids and certificates.

use std::fs;

use jiff::{SignedDuration, Timestamp};

use super::command::output;
use super::{Finding, Subject};

/// How far a file may be dated ahead, for example by another machine that shares its disk.
const AHEAD_MAX: SignedDuration = SignedDuration::from_secs(60);

/// What a clock that was never set shows is before this.
const BUILT_AFTER: Timestamp = Timestamp::constant(1_767_225_600, 0); // 2026-01-01

/// What is written to as long as the server works.
const FILES: [&str; 4] = ["head", "store.redb", "store.sled", "lock"];

pub(super) async fn findings(subject: &Subject) -> Vec<Finding> {
    let state = &subject.config.store.path;
    let times = FILES.iter().filter_map(|name| fs::metadata(state.join(name)).ok()?.modified().ok());
    let newest = times.filter_map(|time| Timestamp::try_from(time).ok()).max();
    vec![judge(subject.now, newest), judge_synchronised(synchronised().await.as_deref())]
}

/// What systemd says of the kernel's flag, which every NTP program sets: `yes` or `no`. `None`: nobody can be asked.
async fn synchronised() -> Option<String> {
    output("timedatectl", &["show", "--property=NTPSynchronized", "--value"]).await
}

fn judge(now: Timestamp, newest: Option<Timestamp>) -> Finding {
    const NAME: &str = "clock";
    const REMEDY: &str = "set the clock and keep it by NTP, then look at `almanac store verify`";
    if now < BUILT_AFTER {
        return Finding::problem(NAME, format!("it shows {now:.0}, before this program was written"), REMEDY);
    }
    match newest {
        Some(newest) if newest.duration_since(now) > AHEAD_MAX => Finding::problem(
            NAME,
            format!("it shows {now:.0}, but the store was written at {newest:.0}: the clock went back"),
            REMEDY,
        ),
        Some(newest) => Finding::ok(NAME, format!("{now:.0}; the store was last written at {newest:.0}")),
        None => Finding::ok(NAME, format!("{now:.0}")),
    }
}

fn judge_synchronised(said: Option<&str>) -> Finding {
    const NAME: &str = "clock synchronisation";
    match said.map(str::trim) {
        Some("yes") => Finding::ok(NAME, "by NTP"),
        Some("no") => Finding::warning(
            NAME,
            "the clock is not synchronised",
            "timedatectl set-ntp true, or let the host of this machine do it",
        ),
        _ => Finding::ok(NAME, "not known here: systemd cannot be asked"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn a_clock_behind_what_was_written_or_behind_the_program_is_a_problem() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let now = at("2026-11-28T10:00:00Z");
        for (now, newest, level) in [
            (now, None, Level::Ok),
            (now, Some(at("2026-11-28T09:00:00Z")), Level::Ok),
            (now, Some(at("2026-11-28T10:00:59Z")), Level::Ok),
            (now, Some(at("2026-11-28T10:01:01Z")), Level::Problem),
            (at("1970-01-01T00:10:00Z"), None, Level::Problem),
        ] {
            assert_eq!(judge(now, newest).level, level, "{now} {newest:?}");
        }
    }

    #[test]
    fn only_a_system_that_says_no_is_not_synchronised() {
        for (said, level) in [
            (Some("yes\n"), Level::Ok),
            (Some("no\n"), Level::Warning),
            (Some(""), Level::Ok),
            (None, Level::Ok),
        ] {
            assert_eq!(judge_synchronised(said).level, level, "{said:?}");
        }
    }
}
