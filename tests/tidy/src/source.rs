//! What must and must not stand in a source file.

use crate::Tree;
use crate::tree::{File, Place};

/// Lints that only a test may switch off for a whole item or file.
const GUARDED: [&str; 6] =
    ["unwrap_used", "expect_used", "indexing_slicing", "clippy::panic", "print_stdout", "print_stderr"];

/// Crates whose public items are documented (rows 0 to 3).
const DOCUMENTED: [&str; 9] = [
    "daemon/base",
    "caldav/ical",
    "caldav/davxml",
    "caldav/backend",
    "daemon/store",
    "daemon/app",
    "daemon/clinic",
    "connectors/contract",
    "connectors/egress",
];

/// An HTTP client. What it sends goes past the guard, so only one crate holds one.
const CLIENTS: [&str; 2] = ["hyper::client", "hyper_util::client"];
const GUARD: &str = "connectors/egress/";

pub(crate) fn check(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for (file, place) in tree.rust().filter(|(file, _)| !file.path.starts_with("tests/tidy/")) {
        complaints.extend(spans(file));
        complaints.extend(ignored(file));
        if place == Place::Product {
            complaints.extend(allowances(file));
            complaints.extend(clients(file));
        }
    }
    for file in tree.files.iter().filter(|f| f.path.ends_with("/src/lib.rs")) {
        if !file.text.starts_with("//! ") {
            complaints.push(format!("{}: opens with what the crate is", file.path));
        }
        if DOCUMENTED.iter().any(|c| file.path == format!("{c}/src/lib.rs"))
            && !file.text.contains("missing_docs")
        {
            complaints.push(format!("{}: needs #![warn(missing_docs)]", file.path));
        }
    }
    complaints
}

/// `#[instrument]` without `skip_all` would write every argument, and so patient data, into the log.
fn spans(file: &File) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in file.text.match_indices("instrument") {
        let before = file.text[..at].trim_end_matches("tracing::");
        if !before.ends_with("#[") {
            continue;
        }
        let attribute = file.text[at..].split(']').next().unwrap_or_default();
        if !attribute.contains("skip_all") {
            let line = file.text[..at].lines().count();
            found.push(format!("{}:{line}: #[instrument] without skip_all", file.path));
        }
    }
    found
}

/// An ignored test must say how it is run.
fn ignored(file: &File) -> Vec<String> {
    let lines = file.text.lines().enumerate().filter(|(_, line)| line.trim() == "#[ignore]");
    lines.map(|(n, _)| format!("{}:{}: #[ignore] without a reason", file.path, n + 1)).collect()
}

/// Who talks to the outside does so through the guarded client.
fn clients(file: &File) -> Vec<String> {
    if file.path.starts_with(GUARD) || file.path.ends_with("/tests.rs") {
        return Vec::new();
    }
    let lines = file.product_lines().filter(|(_, line)| CLIENTS.iter().any(|client| line.contains(client)));
    lines.map(|(n, _)| format!("{}:{n}: an HTTP client outside {GUARD}", file.path)).collect()
}

/// A lint yields by `#[expect(lint, reason = "...")]`, at the smallest place; `allow` hides when the reason is gone.
fn allowances(file: &File) -> Vec<String> {
    let mut found = Vec::new();
    let text: String = file.product_lines().flat_map(|(_, line)| [line, "\n"]).collect();
    for (at, _) in text.match_indices("allow(") {
        let attribute = text[at..].split(")]").next().unwrap_or_default();
        let opens = text[..at].ends_with("#[") || text[..at].ends_with("#![");
        if opens && GUARDED.iter().any(|lint| attribute.contains(lint)) {
            let line = text[..at].lines().count();
            found.push(format!("{}:{line}: use #[expect(..., reason = \"...\")]", file.path));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(path: &str, text: &str) -> usize {
        check(&Tree { files: vec![File { path: path.into(), text: text.into() }], ..Tree::default() }).len()
    }

    #[test]
    fn an_instrument_without_skip_all_is_found_in_every_spelling() {
        for bad in
            ["#[instrument]", "#[tracing::instrument(fields(a))]", "#[instrument(\n  level = \"x\",\n)]"]
        {
            assert_eq!(complaints("daemon/a/src/a.rs", bad), 1, "{bad}");
        }
        for good in
            ["#[instrument(skip_all)]", "#[tracing::instrument(\n  skip_all,\n)]", "use tracing::instrument;"]
        {
            assert_eq!(complaints("daemon/a/src/a.rs", good), 0, "{good}");
        }
    }

    #[test]
    fn a_product_file_may_not_allow_what_a_test_may() {
        let text = "#![allow(clippy::unwrap_used)]";
        assert_eq!(complaints("daemon/a/src/a.rs", text), 1);
        assert_eq!(complaints("daemon/a/tests/a.rs", text), 0);
        assert_eq!(complaints("daemon/a/src/a.rs", &format!("#[cfg(test)]\nmod tests {{\n{text}\n}}")), 0);
        assert_eq!(complaints("daemon/a/src/a.rs", &format!("#[cfg(test)]\nmod tests;\n{text}")), 1);
        assert_eq!(complaints("daemon/a/src/a.rs", "#[expect(clippy::unwrap_used, reason = \"x\")]"), 0);
    }

    #[test]
    fn an_http_client_outside_the_guard_is_found() {
        let text = "use hyper::client::conn::http1;\n";
        assert_eq!(complaints("connectors/google/src/calls.rs", text), 1);
        assert_eq!(complaints("connectors/google/tests/behaviour.rs", text), 0);
        assert_eq!(complaints("daemon/almanac/src/connection/tests.rs", text), 0);
        assert_eq!(complaints("connectors/egress/src/client/line.rs", text), 0);
    }

    #[test]
    fn an_ignored_test_needs_a_reason() {
        assert_eq!(complaints("daemon/a/src/a.rs", "    #[ignore]"), 1);
        assert_eq!(complaints("daemon/a/src/a.rs", "    #[ignore = \"make attacks\"]"), 0);
    }

    #[test]
    fn a_library_opens_with_what_it_is() {
        assert_eq!(complaints("daemon/base/src/lib.rs", "mod x;"), 2);
        assert_eq!(complaints("daemon/base/src/lib.rs", "//! The base.\n#![warn(missing_docs)]"), 0);
    }
}
