//! Asks a program of the system, within bounds.

use std::process::Stdio;

use tokio::process::Command;
use tokio::time::timeout;

use crate::limits::DOCTOR_WAIT;

/// What `program` prints; `None` if it is not there, fails, or takes too long.
pub(super) async fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    command.args(arguments).env("LC_ALL", "C").stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let output = timeout(DOCTOR_WAIT, command.output()).await.ok()?.ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
