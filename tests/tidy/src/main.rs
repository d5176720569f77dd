//! Prints what is wrong with the tree it stands in; exit code 1 if anything is.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let complaints = match almanac_tidy::Tree::read(&root) {
        Ok(tree) => almanac_tidy::check(&tree),
        Err(e) => vec![format!("read the tree: {e}")],
    };
    let mut out = std::io::stderr().lock();
    for complaint in &complaints {
        let _ = writeln!(out, "tidy: {complaint}");
    }
    if complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
