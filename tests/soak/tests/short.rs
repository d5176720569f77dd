//! The soak itself, short: that its clients find every answer right over kills, reloads and backups, and that it says
//! so. How long anything takes is not judged here.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::process::Command;

#[test]
fn a_short_soak_loses_nothing_and_tells_its_figures() {
    let output = Command::new(env!("CARGO_BIN_EXE_almanac-soak"))
        .env("ALMANAC_BIN", almanac_harness::binary())
        .envs([
            ("SECONDS", "8"),
            ("KILL_EVERY", "3"),
            ("RELOAD_EVERY", "2"),
            ("BACKUP_EVERY", "2"),
            ("LONG_LIFE", "1"),
        ])
        .envs([("CROWD", "1"), ("CROWD_EACH", "50"), ("P99_MS", ""), ("SEED", ""), ("ENGINE", "redb")])
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    let line = out.lines().find(|line| line.starts_with('{')).unwrap();
    let figures: serde_json::Value = serde_json::from_str(line).unwrap();
    let soak = &figures["soak"];
    for figure in ["kills", "reloads", "backups", "writes", "objects"] {
        assert!(soak[figure].as_u64().unwrap() > 0, "{figure}: {line}");
    }
    for request in ["create", "update", "delete", "sync", "multiget", "query"] {
        assert!(soak["requests"][request]["count"].as_u64().unwrap() > 0, "{request}: {line}");
    }
    assert_eq!(figures["crowd"]["open"], 100, "{line}");
}
