//! Xandikos 0.4, which keeps a calendar as a git repository. It has no sign-in over plain HTTP: its figures are
//! without a password check.

use std::path::Path;
use std::process::Command;

use super::python::{Recipe, preload, program, start};
use super::{Quirk, Server};
use crate::data::Data;

pub(crate) fn launch(data: &Data) -> Box<dyn Server> {
    let folder = tempfile::Builder::new().prefix("almanac-bench-xandikos-").tempdir().unwrap();
    let root = folder.path().join("root");
    std::fs::create_dir(&root).unwrap();
    let make = ["create-collection", "--name=calendar", "--type=calendar", "--directory"];
    run(Command::new(program("xandikos")).args(make).arg(&root), folder.path());
    let calendar = root.join("calendar");
    preload(data, &calendar);
    let git = |arguments: &[&str]| {
        let person = ["-c", "user.name=Load", "-c", "user.email=load@example.invalid"];
        let mut git = Command::new("git");
        git.arg("-C").arg(&calendar).args(person).args(["-c", "gc.auto=0"]).args(arguments);
        run(&mut git, folder.path());
    };
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "--message=Preload"]);
    let root = root.to_str().unwrap().to_owned();
    start(Recipe {
        name: "Xandikos 0.4.10",
        program: "xandikos",
        arguments: Box::new(move |port| {
            let listen = ["--listen-address=127.0.0.1".into(), format!("--port={port}")];
            let serve = ["serve".into(), format!("--directory={root}"), "--no-detect-systemd".into()];
            serve.into_iter().chain(listen).collect()
        }),
        folder,
        calendar: "/calendar/",
        authorization: None,
        deleted: 204,
        quirks: &[Quirk::RewritesObjects],
        note: "no password check (it has none over plain HTTP), defaults",
        cannot: &[],
    })
}

fn run(command: &mut Command, home: &Path) {
    let output = command.env("HOME", home).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
