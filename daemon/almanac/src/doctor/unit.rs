//! The unit as it is installed, and how systemd sees the service.

use std::path::Path;

use super::Finding;
use super::command::output;
use crate::cli;

/// Where a unit is installed, the one that wins first.
const FOLDERS: [&str; 3] = ["/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];

/// The exposure of the unit as it is delivered, with some leeway.
const EXPOSURE_MAX: f64 = 1.5;

pub(super) async fn findings(options: &cli::Doctor, pid: Option<u32>) -> Vec<Finding> {
    let installed = FOLDERS.iter().map(|folder| Path::new(folder).join("almanac.service"));
    let unit = options.unit_file.clone().or_else(|| installed.into_iter().find(|path| path.exists()));
    let Some(unit) = unit else {
        return vec![Finding::ok("unit", "no almanac.service is installed here")];
    };
    let mut findings = vec![judge_exposure(&unit, exposure(&unit).await)];
    if Path::new("/run/systemd/system").exists() {
        let properties = "--property=ActiveState,SubState,Result,NRestarts,MainPID";
        let said = output("systemctl", &["show", "almanac.service", properties]).await;
        findings.extend(said.map(|said| judge_state(&said, pid)));
    }
    findings
}

/// The exposure level that systemd finds, drop-ins included.
async fn exposure(unit: &Path) -> Option<f64> {
    let unit = unit.to_str()?;
    let said = output("systemd-analyze", &["security", "--offline=yes", "--no-pager", unit]).await?;
    let (_, level) = said.rsplit_once("exposure level for ")?;
    level.split_whitespace().find_map(|word| word.parse().ok())
}

fn judge_exposure(unit: &Path, exposure: Option<f64>) -> Finding {
    const NAME: &str = "unit hardening";
    let at = unit.display();
    match exposure {
        Some(level) if level > EXPOSURE_MAX => Finding::warning(
            NAME,
            format!("{at} has an exposure level of {level}, the delivered unit at most {EXPOSURE_MAX}"),
            "see `systemd-analyze security almanac.service` and `systemctl cat almanac.service` for what was loosened",
        ),
        Some(level) => Finding::ok(NAME, format!("{at} has an exposure level of {level}")),
        None => Finding::ok(NAME, format!("{at}: not known, systemd-analyze cannot be asked")),
    }
}

/// `said`: properties of the service as `KEY=VALUE`. `pid`: of the daemon that answers, if one does.
fn judge_state(said: &str, pid: Option<u32>) -> Finding {
    const NAME: &str = "service";
    let property = |name: &str| {
        said.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default()
    };
    let (active, sub) = (property("ActiveState"), property("SubState"));
    let restarts = property("NRestarts").parse().unwrap_or(0_u32);
    let main = property("MainPID").parse::<u32>().ok().filter(|pid| *pid != 0);
    let state = format!("{active} ({sub})");
    if active == "failed" {
        return Finding::problem(
            NAME,
            format!("{state}: {}", property("Result")),
            "see `almanac logs` or `journalctl --unit almanac`, then systemctl start almanac",
        );
    }
    if let (Some(pid), Some(main)) = (pid, main)
        && pid != main
    {
        return Finding::warning(
            NAME,
            format!("{state} is process {main}, but process {pid} answers"),
            "name the state folder of the one you mean with --state",
        );
    }
    if restarts > 0 {
        return Finding::warning(
            NAME,
            format!("{state}, restarted {restarts} times by systemd"),
            "see `almanac logs` or `journalctl --unit almanac` for why it ended",
        );
    }
    Finding::ok(NAME, state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn a_unit_that_was_loosened_is_told() {
        for (level, expected) in [(Some(1.1), Level::Ok), (Some(1.6), Level::Warning), (None, Level::Ok)] {
            assert_eq!(judge_exposure(Path::new("/u"), level).level, expected, "{level:?}");
        }
    }

    #[test]
    fn a_service_that_failed_or_came_back_or_is_another_is_told() {
        let said = |active: &str, restarts: u32| {
            format!("Result=exit-code\nNRestarts={restarts}\nMainPID=7\nActiveState={active}\nSubState=x\n")
        };
        for (said, pid, level) in [
            (said("active", 0), Some(7), Level::Ok),
            (said("active", 0), None, Level::Ok),
            (said("inactive", 0), None, Level::Ok),
            (said("active", 2), Some(7), Level::Warning),
            (said("active", 0), Some(8), Level::Warning),
            (said("failed", 0), None, Level::Problem),
        ] {
            let finding = judge_state(&said, pid);
            assert_eq!(finding.level, level, "{finding:?}");
        }
    }
}
