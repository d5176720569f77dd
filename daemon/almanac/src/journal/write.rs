//! Events into the journal, field by field, if that is where this process writes to.

use std::env;
use std::io;

use rustix::fs::fstat;
use tracing_journald::Layer;

use super::IDENTIFIER;
use super::listed::Listed;
use crate::config::LogTarget;

/// Where events go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    Stderr,
    Journal,
}

/// Where the configuration wants events, `auto` decided.
pub(crate) fn output(target: LogTarget) -> Output {
    let stderr_is_journal = || {
        let stderr = fstat(io::stderr()).ok()?;
        Some(names(&env::var("JOURNAL_STREAM").ok()?, stderr.st_dev, stderr.st_ino))
    };
    match target {
        LogTarget::Journal => Output::Journal,
        LogTarget::Auto if stderr_is_journal() == Some(true) => Output::Journal,
        LogTarget::Auto | LogTarget::Stderr => Output::Stderr,
    }
}

/// Whether `JOURNAL_STREAM` names this stream (`systemd.exec(5)`): a process that inherited the variable may write
/// elsewhere.
fn names(variable: &str, device: u64, inode: u64) -> bool {
    variable == format!("{device}:{inode}")
}

/// Sends events to the journal: the message, and each listed field as one of the journal's, in capitals.
///
/// # Errors
/// There is no journal.
pub(crate) fn layer() -> io::Result<Listed<Layer>> {
    // The names are ours alone: none of them is one of the journal's own.
    let layer = Layer::new()?.with_field_prefix(None).with_syslog_identifier(IDENTIFIER.to_owned());
    Ok(Listed(layer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_the_journals_only_if_device_and_inode_are_the_named_ones() {
        assert!(names("8:12345", 8, 12345));
        assert!(!names("8:12345", 8, 12346));
        assert!(!names("8:12345", 9, 12345));
        assert!(!names("", 8, 12345));
    }

    #[test]
    fn what_the_configuration_says_goes_before_what_the_stream_is() {
        assert_eq!(output(LogTarget::Journal), Output::Journal);
        assert_eq!(output(LogTarget::Stderr), Output::Stderr);
    }
}
