//! The journal's side: what the daemon writes into it, field by field, and how it is read.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use almanac_harness::{Daemon, Options, cannot_run, ics};

/// A record: its fields.
type Record = BTreeMap<String, String>;

/// Runs what follows in a mount namespace where the journal's socket is that of the folder `$0`.
const IN_FRONT_OF: &str = "mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal && \
    mount --bind \"$0\" /run/systemd/journal && exec \"$@\"";

fn in_front_of(folder: &Path) -> [&str; 6] {
    ["unshare", "--mount", "sh", "-c", IN_FRONT_OF, folder.to_str().unwrap()]
}

/// A journal: it keeps every record until it is told that the last one came.
struct Journal {
    records: Arc<Mutex<Vec<Vec<u8>>>>,
    path: std::path::PathBuf,
    keeping: JoinHandle<()>,
}

const LAST: &[u8] = b"the last one";

impl Journal {
    fn listen(folder: &Path) -> Self {
        let path = folder.join("socket");
        let socket = UnixDatagram::bind(&path).unwrap();
        let records = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&records);
        let keeping = thread::spawn(move || {
            let mut bytes = vec![0; 1 << 20];
            loop {
                let count = socket.recv(&mut bytes).unwrap();
                if &bytes[..count] == LAST {
                    return;
                }
                kept.lock().unwrap().push(bytes[..count].to_vec());
            }
        });
        Self { records, path, keeping }
    }

    /// All records, as bytes, in the order in which they came.
    fn end(self) -> Vec<Vec<u8>> {
        UnixDatagram::unbound().unwrap().send_to(LAST, &self.path).unwrap();
        self.keeping.join().unwrap();
        std::mem::take(&mut self.records.lock().unwrap())
    }
}

/// The fields of a record in the journal's native protocol: `NAME=value`, or `NAME`, a length, and the value.
fn parse(mut bytes: &[u8]) -> Record {
    let mut record = Record::new();
    while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
        let line = String::from_utf8(bytes[..end].to_vec()).unwrap();
        bytes = &bytes[end + 1..];
        match line.split_once('=') {
            Some((name, value)) => record.insert(name.to_owned(), value.to_owned()),
            None => {
                let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
                let value = String::from_utf8(bytes[8..8 + length].to_vec()).unwrap();
                assert_eq!(bytes[8 + length], b'\n');
                bytes = &bytes[8 + length + 1..];
                record.insert(line, value)
            }
        };
    }
    assert!(bytes.is_empty());
    record
}

#[test]
fn a_request_is_a_record_with_its_fields_and_without_patient_data() {
    let folder = tempfile::tempdir().unwrap();
    let starter = in_front_of(folder.path());
    if !Command::new(starter[0]).args(&starter[1..]).arg("true").status().is_ok_and(|s| s.success()) {
        return cannot_run("no mount namespace can be made here; needs root");
    }
    let journal = Journal::listen(folder.path());
    let options = Options::new().set("log.target", "journal").set("log.level", "debug");
    let mut daemon = Daemon::start_with(options.started_by(&starter));
    let erika = daemon.person("erika");
    let client = daemon.client(&erika);
    let _ = client.put(&erika.object("a.ics"), ics::simple("a")).expect(201);
    daemon.stop();
    let bytes = journal.end();
    let canary = daemon.canary();
    for record in &bytes {
        canary.assert_unseen("the journal", &String::from_utf8_lossy(record));
    }
    let records: Vec<Record> = bytes.iter().map(|bytes| parse(bytes)).collect();
    let is_put = |r: &&Record| r.get("METHOD").is_some_and(|method| method == "PUT");
    let put = records.iter().filter(is_put).find(|r| r.get("STATUS").is_some_and(|status| status == "201"));
    let put = put.unwrap_or_else(|| panic!("{records:#?}"));
    assert_eq!(put["SYSLOG_IDENTIFIER"], "almanac");
    assert_eq!(put["MESSAGE"], "request");
    assert_eq!(put["ROUTE"], "/dav/calendars/{principal}/{collection}/{object}");
    assert!(put["REQUEST_ID"].starts_with("req_"), "{put:#?}");
    assert!(put["PRINCIPAL_ID"].starts_with("usr_"), "{put:#?}");
    assert!(put["ELAPSED_MS"].parse::<u64>().is_ok(), "{put:#?}");
    assert_eq!(put["OUTCOME"], "done");
    assert!(records.iter().all(|record| record.is_empty() || record.contains_key("PRIORITY")));
    assert!(records.iter().any(|record| record.get("MESSAGE").is_some_and(|text| text == "stopped")));
    let stderr = daemon.log();
    assert!(!stderr.contains("request"), "a record in the journal is no second line on stderr: {stderr}");
}

#[test]
fn without_a_journal_lines_go_to_stderr_and_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let starter = in_front_of(folder.path());
    if !Command::new(starter[0]).args(&starter[1..]).arg("true").status().is_ok_and(|s| s.success()) {
        return cannot_run("no mount namespace can be made here; needs root");
    }
    let options = Options::new().set("log.target", "journal").started_by(&starter);
    let daemon = Daemon::start_with(options);
    assert!(daemon.await_log(|line| line.contains("the journal cannot be reached")).is_some());
    assert!(daemon.await_log(|line| line.contains(" request method=PUT")).is_some(), "{}", daemon.log());
}

#[test]
fn a_stream_that_is_not_the_journal_stays_one_of_lines() {
    let daemon = Daemon::start_with(Options::new().variable("JOURNAL_STREAM", "1:2"));
    assert!(daemon.await_log(|line| line.contains(" request method=PUT")).is_some(), "{}", daemon.log());
}

/// Records as `journalctl --output=export` writes them.
const EXPORTED: &str = "\
__REALTIME_TIMESTAMP=1790000000000000
__MONOTONIC_TIMESTAMP=1
_BOOT_ID=d8a0dd7e3a9c4b6c8c31b8d6e6fdb5f0
PRIORITY=5
_SYSTEMD_UNIT=almanac.service
SYSLOG_IDENTIFIER=almanac
MESSAGE=request
REQUEST_ID=req_1
STATUS=201

__REALTIME_TIMESTAMP=1790000001000000
__MONOTONIC_TIMESTAMP=2
_BOOT_ID=d8a0dd7e3a9c4b6c8c31b8d6e6fdb5f0
PRIORITY=3
_SYSTEMD_UNIT=other.service
MESSAGE=nothing of ours

__REALTIME_TIMESTAMP=1790000002000000
__MONOTONIC_TIMESTAMP=3
_BOOT_ID=d8a0dd7e3a9c4b6c8c31b8d6e6fdb5f0
PRIORITY=3
_SYSTEMD_UNIT=almanac.service
SYSLOG_IDENTIFIER=almanac
MESSAGE=the store does not answer

";

#[test]
fn logs_needs_no_configuration_that_can_be_read() {
    let daemon = Daemon::stopped(Options::new().without_canary().set("http.listen", "nowhere"));
    let folder = tempfile::tempdir().unwrap();
    let logs = daemon.cli(&["logs", "--directory", folder.path().to_str().unwrap()]);
    assert!(matches!(logs.code, Some(0 | 1)), "{logs:?}");
    assert!(!logs.stderr.contains("http.listen"), "{logs:?}");
}

#[test]
fn logs_prints_what_the_journal_has_or_says_how_else_to_read_it() {
    let daemon = Daemon::stopped(Options::new().without_canary());
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().to_str().unwrap();
    let logs = |more: &[&str]| daemon.cli(&[&["logs", "--directory", directory], more].concat());
    let without = logs(&["--unit", "other.service"]);
    if without.code == Some(1) {
        let why = without.failed(1);
        return assert!(
            why.contains("without the part") && why.contains("journalctl --unit other.service"),
            "{why}"
        );
    }
    assert_eq!(logs(&[]).ok(), "", "an empty journal has nothing to show");
    let export = folder.path().join("export");
    fs::write(&export, EXPORTED).unwrap();
    let made = Command::new("/lib/systemd/systemd-journal-remote")
        .arg("--output")
        .arg(folder.path().join("a.journal"))
        .arg(&export)
        .output();
    if !made.is_ok_and(|made| made.status.success()) {
        return cannot_run("systemd-journal-remote is not installed");
    }
    let first = "2026-09-21T14:13:20.000Z INFO  request request.id=req_1 status=201\n";
    let last = "2026-09-21T14:13:22.000Z ERROR the store does not answer\n";
    assert_eq!(logs(&[]).ok(), [first, last].concat());
    assert_eq!(logs(&["--lines", "1"]).ok(), last);
    assert_eq!(logs(&["--lines", "0"]).ok(), "");
    assert_eq!(logs(&["--since", "2026-09-21T14:13:21Z"]).ok(), last);
    assert!(logs(&["--unit", "other.service"]).ok().contains("nothing of ours"));
    let programs = logs(&["--json"]).ok();
    let row: serde_json::Value = serde_json::from_str(programs.lines().next().unwrap()).unwrap();
    assert_eq!((row["status"].as_str(), row["level"].as_str()), (Some("201"), Some("INFO")));
}

#[test]
fn doctor_tells_the_newest_error_however_many_there_are() {
    let daemon = Daemon::stopped(Options::new().without_canary());
    let folder = tempfile::tempdir().unwrap();
    let now = fs::metadata(folder.path()).unwrap().modified().unwrap(); // the program compares with the system's clock
    let now = now.duration_since(std::time::UNIX_EPOCH).unwrap().as_micros();
    let record = |n: u128| {
        format!(
            "__REALTIME_TIMESTAMP={}\n__MONOTONIC_TIMESTAMP={n}\n_BOOT_ID=d8a0dd7e3a9c4b6c8c31b8d6e6fdb5f0\n\
             PRIORITY=3\nSYSLOG_IDENTIFIER=almanac\nMESSAGE=error {n}.\n\n",
            now - 60_000_000 + n
        )
    };
    let yesterday = record(0).replace(&(now - 60_000_000).to_string(), &(now - 90_000_000_000).to_string());
    for (records, told) in [
        (3, "3 in the last day, the newest: error 3."),
        (1_001, "1000 or more in the last day, the newest: error 1001."),
    ] {
        let journal = folder.path().join(records.to_string());
        fs::create_dir(&journal).unwrap();
        let export = journal.join("export");
        fs::write(&export, yesterday.clone() + &(1..=records).map(record).collect::<String>()).unwrap();
        let made = Command::new("/lib/systemd/systemd-journal-remote")
            .arg("--output")
            .arg(journal.join("a.journal"))
            .arg(&export)
            .output();
        if !made.is_ok_and(|made| made.status.success()) {
            return cannot_run("systemd-journal-remote is not installed");
        }
        let said = daemon.cli(&["doctor", "--journal", journal.to_str().unwrap()]).stdout;
        let line = said.lines().find(|line| line.contains("errors in the journal")).unwrap();
        if line.contains("not known") {
            return; // the program was built without the part that reads it
        }
        assert!(line.contains(told), "{line}");
    }
}
