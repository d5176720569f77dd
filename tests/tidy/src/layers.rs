//! Dependencies point down the rows (STYLE.md section 1), never up, never sideways.

use crate::Tree;

/// A crate: its folder, its row, and which of ours it may use.
type Row = (&'static str, u8, &'static [&'static str]);

/// The whole map. A new crate is a new line here, by decision.
const MAP: &[Row] = &[
    ("daemon/base", 0, &[]),
    ("caldav/ical", 1, &["base"]),
    ("caldav/davxml", 1, &["base"]),
    ("caldav/backend", 2, &["ical", "base"]),
    ("connectors/contract", 2, &["ical", "base"]),
    ("connectors/egress", 2, &["base"]),
    // Plays vendors in tests and simulations; the connectors' feature `sim` brings it in.
    ("connectors/simulator", 2, &[]),
    ("daemon/clinic", 2, &["ical", "base"]),
    ("daemon/store", 2, &["base"]),
    ("daemon/app", 3, &["backend", "clinic", "store", "ical", "base"]),
    ("caldav/methods", 4, &["backend", "davxml", "ical", "base"]),
    ("daemon/admin", 4, &["app", "clinic", "base"]),
    ("daemon/console", 4, &["app", "base"]),
    ("daemon/sync", 4, &["app", "contract", "ical", "base"]),
    ("daemon/notify", 4, &["app", "base"]),
    ("connectors/google", 4, &["contract", "egress", "simulator", "ical", "base"]),
    ("connectors/outlook", 4, &["contract", "egress", "simulator", "ical", "base"]),
    ("connectors/icloud", 4, &["contract", "egress", "simulator", "ical", "davxml", "base"]),
    ("connectors/feed", 4, &["contract", "egress", "simulator", "ical", "base"]),
];

/// Crates of the proof, and which of ours each may use: none knows the daemon but by its binary.
const TESTS: &[(&str, &[&str])] = &[
    ("tests/tidy", &[]),
    ("tests/harness", &[]),
    ("tests/bench", &["harness"]),
    ("tests/wire", &["harness"]),
    ("tests/package", &["harness"]),
    ("tests/crash", &["harness"]),
    ("tests/soak", &["harness"]),
    ("tests/conformance", &["harness"]),
    // It is the daemon's sync with simulated vendors in one process, so that thousands of histories take seconds.
    (
        "tests/convergence",
        &[
            "app",
            "backend",
            "base",
            "contract",
            "egress",
            "google",
            "ical",
            "icloud",
            "outlook",
            "simulator",
            "store",
            "sync",
        ],
    ),
    // The daemon is its binary here, too; the vendors that it calls are simulated.
    ("tests/vendors", &["harness", "feed", "google", "outlook", "simulator"]),
    // It makes what the store is built with, out of what the store keeps.
    ("tests/dictionary", &["ical", "store"]),
];

pub(crate) fn check(tree: &Tree) -> Vec<String> {
    let mut complaints: Vec<String> =
        tree.packages.iter().filter_map(|(name, folder)| misnamed(name, folder)).collect();
    for (from, to) in &tree.edges {
        // A crate's own tests switch its simulator on by depending on it with that feature.
        if from != to && !may_use(short(from), short(to)) {
            complaints.push(format!("{from} must not depend on {to}"));
        }
    }
    complaints
}

fn misnamed(name: &str, folder: &str) -> Option<String> {
    let known = folder == "daemon/almanac"
        || MAP.iter().any(|(f, ..)| *f == folder)
        || TESTS.iter().any(|(f, _)| *f == folder);
    let last = folder.rsplit('/').next().unwrap_or_default();
    if !known {
        Some(format!("{folder}: a crate that is not in the map (tests/tidy/src/layers.rs)"))
    } else if short(name) != last {
        Some(format!("{folder}: the package must be named almanac-{last}"))
    } else {
        None
    }
}

fn short(package: &str) -> &str {
    package.strip_prefix("almanac-").unwrap_or(package)
}

fn may_use(from: &str, to: &str) -> bool {
    let named = |folder: &str, name: &str| folder.rsplit('/').next() == Some(name);
    if from == "almanac" {
        return MAP.iter().any(|(folder, ..)| named(folder, to));
    }
    let product =
        MAP.iter().filter(|(folder, ..)| named(folder, from)).any(|(_, _, uses)| uses.contains(&to));
    product || TESTS.iter().any(|(folder, uses)| named(folder, from) && uses.contains(&to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_map_itself_only_points_down() {
        for (folder, row, uses) in MAP {
            for used in *uses {
                let (_, below, _) = MAP.iter().find(|(f, ..)| f.rsplit('/').next() == Some(used)).unwrap();
                assert!(below < row, "{folder} uses {used}");
            }
        }
    }

    #[test]
    fn an_edge_up_or_sideways_and_an_unknown_crate_are_refused() {
        let tree = Tree {
            packages: vec![
                ("almanac-methods".into(), "caldav/methods".into()),
                ("almanac-extra".into(), "daemon/extra".into()),
                ("ical".into(), "caldav/davxml".into()),
            ],
            edges: vec![
                ("almanac-methods".into(), "almanac-backend".into()),
                ("almanac-methods".into(), "almanac-store".into()),
                ("almanac-store".into(), "almanac-app".into()),
                ("almanac".into(), "almanac-store".into()),
                ("almanac".into(), "almanac-harness".into()),
                ("almanac-wire".into(), "almanac-store".into()),
            ],
            ..Tree::default()
        };
        assert_eq!(check(&tree).len(), 6, "{:?}", check(&tree));
    }
}
