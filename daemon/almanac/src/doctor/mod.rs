//! `almanac doctor`: looks at everything that a server depends on, and changes nothing.
//!
//! One file a subject. Each gathers what there is to see into a value, and a pure function judges it: a table of tests
//! says what is well and what is not. A check that cannot be made says so; it never keeps the others from being made.

mod accounts;
mod backups;
mod certificate;
mod clock;
mod command;
mod der;
mod discovery;
mod errors;
mod files;
mod ports;
mod room;
mod store;
mod swap;
mod unit;
mod well_known;

use almanac_base::{Clock, SystemClock};
use jiff::Timestamp;
use serde::Serialize;
use tokio::time::timeout;

use crate::as_owner::become_owner_of;
use crate::cli::{self, Globals};
use crate::commands::rows::StatusRow;
use crate::config::Config;
use crate::failure::{Exit, Failure};
use crate::limits::DOCTOR_WAIT;
use crate::output::{Audience, columns, json, print};
use crate::{invoke, journal, status};

/// How well something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    Ok,
    /// It works, and it may not go on to.
    Warning,
    /// It does not work, or data are in danger.
    Problem,
}

/// What one check came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// The check: a word or two, the same in every version.
    pub(crate) name: &'static str,
    pub(crate) level: Level,
    /// What was seen.
    pub(crate) seen: String,
    /// What to do about it.
    pub(crate) remedy: Option<String>,
}

impl Finding {
    pub(crate) fn ok(name: &'static str, seen: impl Into<String>) -> Self {
        Self { name, level: Level::Ok, seen: seen.into(), remedy: None }
    }

    pub(crate) fn warning(name: &'static str, seen: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name, level: Level::Warning, seen: seen.into(), remedy: Some(remedy.into()) }
    }

    pub(crate) fn problem(name: &'static str, seen: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name, level: Level::Problem, seen: seen.into(), remedy: Some(remedy.into()) }
    }
}

/// What the checks look at.
struct Subject {
    config: Config,
    options: cli::Doctor,
    now: Timestamp,
    /// As the daemon says of itself, or what is known without it.
    status: StatusRow,
}

impl Subject {
    /// Whether a daemon answers.
    fn runs(&self) -> bool {
        self.status.pid.is_some()
    }
}

/// Looks at everything and prints what was found.
///
/// # Errors
/// There is a problem: exit code 7. Warnings are none.
pub(crate) fn run(globals: &Globals, options: cli::Doctor) -> Result<(), Failure> {
    let audience = if options.listing.json { Audience::Programs } else { Audience::People };
    // The journal is for root and for its own group.
    let errors = errors::finding(journal::errors(options.journal.as_deref(), SystemClock.now()));
    let mut findings = match invoke::configuration(globals, false) {
        Ok((config, _)) => {
            // As whom the daemon works: what root may read proves nothing.
            become_owner_of(&config.store.path)?;
            invoke::block_on(examine(config, options))?
        }
        Err(failure) => {
            let finding = Finding::problem("configuration", failure.what, failure.remedy);
            let mut findings = vec![finding];
            findings.extend(invoke::block_on(unit::findings(&options, None))?);
            findings
        }
    };
    findings.push(errors);
    print(report(&findings, audience).as_bytes())?;
    let problems = findings.iter().filter(|finding| finding.level == Level::Problem).count();
    if problems == 0 {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Unwell,
        format!("{problems} of {} checks found a problem", findings.len()),
        "see the remedies above",
    ))
}

async fn examine(config: Config, options: cli::Doctor) -> Vec<Finding> {
    let mut findings = vec![Finding::ok("configuration", "valid")];
    let asked = timeout(DOCTOR_WAIT, status::of_daemon(&config)).await;
    let silent = || Err(Failure::failed("it does not answer on its control socket", "restart it"));
    findings.push(judge_server(asked.as_ref().map_or_else(|_| silent(), Clone::clone)));
    let status = asked.ok().and_then(|answer| answer.ok().flatten());
    let status = status.unwrap_or_else(|| status::from_outside(&config));
    let subject = Subject { config, options, now: SystemClock.now(), status };
    findings.extend(files::findings(&subject));
    findings.push(store::finding(&subject));
    findings.extend(accounts::findings(&subject));
    findings.extend(clock::findings(&subject).await);
    findings.extend(room::findings(&subject));
    findings.extend(ports::findings(&subject).await);
    findings.extend(certificate::findings(&subject));
    findings.extend(unit::findings(&subject.options, subject.status.pid).await);
    findings.push(swap::finding());
    findings.extend(discovery::findings(&subject).await);
    findings.extend(well_known::findings(&subject).await);
    findings.push(backups::finding(&subject));
    findings
}

fn judge_server(answer: Result<Option<StatusRow>, Failure>) -> Finding {
    const NAME: &str = "server";
    match answer {
        Ok(Some(row)) => Finding::ok(NAME, row.state),
        Ok(None) => Finding::ok(NAME, "stopped"),
        Err(failure) => Finding::problem(NAME, failure.what, failure.remedy),
    }
}

fn report(findings: &[Finding], audience: Audience) -> String {
    if audience == Audience::Programs {
        return json(&findings);
    }
    let word = |level| match level {
        Level::Ok => "ok",
        Level::Warning => "WARNING",
        Level::Problem => "PROBLEM",
    };
    let mut table = Vec::new();
    for finding in findings {
        table.push(vec![word(finding.level).to_owned(), finding.name.to_owned(), finding.seen.clone()]);
        if let Some(remedy) = &finding.remedy {
            table.push(vec![String::new(), String::new(), format!("remedy: {remedy}")]);
        }
    }
    columns(&table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_a_line_for_each_finding_and_one_for_each_remedy() {
        let findings = [Finding::ok("clock", "right"), Finding::problem("disk", "full\x1b[2J", "make room")];
        let people = report(&findings, Audience::People);
        assert_eq!(
            people,
            "ok       clock  right\nPROBLEM  disk   full [2J\n                remedy: make room\n"
        );
        let programs: serde_json::Value =
            serde_json::from_str(&report(&findings, Audience::Programs)).unwrap();
        assert_eq!(programs[1]["level"], "problem");
        assert_eq!(programs[0]["remedy"], serde_json::Value::Null);
    }
}
