//! What ends a command: one sentence that says what failed, one that says what to do, and an exit code.

use std::fmt;
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

/// The exit codes, part of the command line's contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Exit {
    /// The command did not do what was asked.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The configuration is wrong.
    Configuration = 3,
    /// Another process holds the store.
    InUse = 4,
    /// The key does not fit the store, or is missing or readable by others.
    WrongKey = 5,
    /// The store is damaged, foreign, newer than this program or rolled back.
    Damaged = 6,
    /// `almanac doctor` found a problem.
    Unwell = 7,
}

/// Shown at the end of every `--help`.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  failed
  2  the command line is wrong
  3  the configuration is wrong
  4  the store is in use by another process
  5  the root key does not fit the store, is missing, or can be read by others
  6  the store is damaged, foreign, newer than this program, or older than its high-water mark
  7  doctor found a problem";

/// A command's failure as the operator reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) exit: Exit,
    /// What failed, lower case, without a full stop.
    pub(crate) what: String,
    /// What to do about it, likewise.
    pub(crate) remedy: String,
}

impl Failure {
    pub(crate) fn new(exit: Exit, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { exit, what: what.into(), remedy: remedy.into() }
    }

    pub(crate) fn failed(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Exit::Failed, what, remedy)
    }

    pub(crate) fn usage(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what, remedy)
    }

    pub(crate) fn configuration(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Exit::Configuration, what, remedy)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "almanac: {}\n  remedy: {}", self.what, self.remedy)
    }
}

impl std::error::Error for Failure {}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An error and its causes in one line, outermost first.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
