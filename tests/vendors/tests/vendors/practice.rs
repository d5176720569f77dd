//! A daemon of a practice that has accounts at vendors.

use almanac_harness::{Cli, Daemon, Options, Person, TENANT, ics};
use serde_json::Value;

/// A daemon that may reach this machine's loopback addresses, and runs as soon as it has a reason.
pub(crate) fn options() -> Options {
    Options::new()
        .set("egress.allow", "[\"127.0.0.1\"]")
        .set("sync.local_delay", "20ms")
        .set("sync.retry", "50ms")
        .set("sync.retry_max", "100ms")
        .set("log.level", "debug")
}

/// The daemon, and the person whose calendars are linked.
pub(crate) fn practice(options: Options) -> (Daemon, Person) {
    let daemon = Daemon::start_with(options);
    let erika = daemon.person("erika");
    (daemon, erika)
}

/// Adds an account; what the command said.
pub(crate) fn add_account(daemon: &Daemon, kind: &str, name: &str, words: &[&str], stdin: &str) -> Cli {
    let command = [&["account", "add", kind, name, "--tenant", TENANT], words].concat();
    daemon.cli_with_input(&command, stdin.as_bytes())
}

/// The ids of the calendars of an account.
pub(crate) fn calendars(daemon: &Daemon, account: &str) -> Vec<String> {
    let listed = daemon.cli(&["account", "calendars", account, "--json"]).json();
    listed.as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

/// Links a calendar of an account with one here; the id of the link.
pub(crate) fn link(daemon: &Daemon, remote: &str, at: &str, mode: &str) -> String {
    daemon.cli(&["link", "add", remote, at, "--mode", mode]).ok().trim().to_owned()
}

/// Runs all links until nothing is left to do.
pub(crate) fn sync(daemon: &Daemon) -> Vec<Value> {
    let runs = daemon.cli(&["sync", "now", "--json"]).json();
    runs["links"].as_array().unwrap().clone()
}

/// Runs all links until that succeeds. What a kill has cut off may need its wait.
pub(crate) fn sync_at_last(daemon: &Daemon) -> Vec<Value> {
    for _ in 0..50 {
        let run = daemon.cli(&["sync", "now", "--json"]);
        let waits = run.code == Some(0) && {
            let rows: Value = serde_json::from_str(&run.stdout).unwrap();
            rows["links"].as_array().unwrap().iter().any(|row| row["waiting"] != 0)
        };
        if run.code == Some(0) && !waits {
            return run.json()["links"].as_array().unwrap().clone();
        }
    }
    panic!("it does not come to an end: {:?}", daemon.cli(&["sync", "now", "--json"]));
}

/// How many objects runs wrote, on both sides.
pub(crate) fn writes(rows: &[Value]) -> u64 {
    let count = |side: &Value| ["created", "updated", "deleted"].map(|name| side[name].as_u64().unwrap());
    rows.iter().flat_map(|row| count(&row["here"]).into_iter().chain(count(&row["there"]))).sum()
}

/// How an account is, of `almanac status --json`.
pub(crate) fn status_of(daemon: &Daemon, account: &str) -> Value {
    let status = daemon.cli(&["status", "--json"]).json();
    let accounts = status["accounts"].as_array().unwrap();
    accounts.iter().find(|row| row["name"] == account).unwrap().clone()
}

/// The titles of all events here; of a series once.
pub(crate) fn titles(daemon: &Daemon, erika: &Person) -> Vec<String> {
    let client = daemon.client(erika);
    let text = |name: &String| ics::unfold(client.get(&erika.object(name)).expect(200).text());
    let title = |text: String| ics::values(&text, "SUMMARY")[0].to_owned();
    let mut titles: Vec<_> = client.members(&erika.calendar()).iter().map(|name| title(text(name))).collect();
    titles.sort();
    titles
}

/// The name of the event here with this title.
pub(crate) fn named(daemon: &Daemon, erika: &Person, title: &str) -> String {
    let client = daemon.client(erika);
    let found = client.members(&erika.calendar()).into_iter().find(|name| {
        client.get(&erika.object(name)).expect(200).text().contains(&format!("SUMMARY:{title}\r\n"))
    });
    found.unwrap()
}
