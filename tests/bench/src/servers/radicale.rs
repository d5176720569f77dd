//! Radicale 3.9, with the default settings of its storage (every change synced), plain passwords from a file held in
//! memory, and room for all connections of the bench. It speaks HTTP/1.0: each request is a connection.

use super::python::{Recipe, preload, start};
use super::{Quirk, Server};
use crate::data::Data;

const CONFIGURATION: &str = "\
[server]
max_connections = 64
timeout = 120
[auth]
type = htpasswd
htpasswd_filename = FOLDER/users
htpasswd_encryption = plain
htpasswd_cache = True
[storage]
filesystem_folder = FOLDER/collections
[web]
type = none
[logging]
level = error
";

pub(crate) fn launch(data: &Data) -> Box<dyn Server> {
    let folder = tempfile::Builder::new().prefix("almanac-bench-radicale-").tempdir().unwrap();
    let at = folder.path().to_str().unwrap().to_owned();
    std::fs::write(folder.path().join("config"), CONFIGURATION.replace("FOLDER", &at)).unwrap();
    std::fs::write(folder.path().join("users"), "load:secret\n").unwrap();
    let calendar = folder.path().join("collections/collection-root/load/calendar");
    preload(data, &calendar);
    let properties = r#"{"tag": "VCALENDAR", "C:supported-calendar-component-set": "VEVENT"}"#;
    std::fs::write(calendar.join(".Radicale.props"), properties).unwrap();
    start(Recipe {
        name: "Radicale 3.9.0",
        program: "radicale",
        arguments: Box::new(move |port| {
            vec![format!("--config={at}/config"), format!("--server-hosts=127.0.0.1:{port}")]
        }),
        folder,
        calendar: "/load/calendar/",
        authorization: Some("Basic bG9hZDpzZWNyZXQ=".into()), // load:secret
        deleted: 200,
        quirks: &[Quirk::RewritesObjects, Quirk::InitialSyncTellsRemovedMembers],
        note: "HTTP/1.0 (a connection per request), plain password checked, storage defaults (synced)",
        cannot: &[],
    })
}
