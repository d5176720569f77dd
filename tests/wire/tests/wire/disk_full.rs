//! A full disk: 507, reads go on, and it recovers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use almanac_harness::{Daemon, Options, cannot_run, ics};

/// A small file system in memory; unmounted when dropped.
struct Small(tempfile::TempDir);

impl Small {
    fn mount(size: &str) -> Result<Self, String> {
        let folder = tempfile::tempdir().unwrap();
        let output = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size},mode=0700"), "tmpfs"])
            .arg(folder.path())
            .output()
            .map_err(|e| e.to_string())?;
        if output.status.success() {
            Ok(Self(folder))
        } else {
            Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
        }
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Fills what is left.
    fn fill(&self) -> PathBuf {
        let path = self.path().join("ballast");
        let mut size = 64 << 20;
        let mut ballast = fs::OpenOptions::new().create(true).append(true).open(&path).unwrap();
        while size > 0 {
            if std::io::Write::write_all(&mut ballast, &vec![0; size]).is_err() {
                size /= 2;
            }
        }
        path
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_is_507_reads_go_on_and_it_recovers() {
    let small = match Small::mount("24m") {
        Ok(small) => small,
        Err(why) => return cannot_run(&format!("a tmpfs cannot be mounted here ({why}); needs root")),
    };
    let mut daemon = Daemon::start_with(Options::new().state(&small.path().join("state")));
    let erika = daemon.person("erika");
    let client = daemon.client(&erika);
    let _ = client.put(&erika.object("kept.ics"), ics::simple("kept")).expect(201);
    let ballast = small.fill();
    let note = "DESCRIPTION:".to_owned()
        + &"x".repeat(60)
        + &"\n xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx".repeat(4000);
    let big = |n: usize| ics::event_with(&format!("big-{n}"), "x", "20261201T090000Z", &note);

    let mut written = Vec::new();
    let mut refused = None;
    for n in 0..200 {
        let name = format!("{n}.ics");
        let answer = client.put(&erika.object(&name), big(n));
        if answer.status != 201 {
            refused = Some(answer);
            break;
        }
        written.push(name);
    }
    let refused = refused.expect("the disk is full at last");
    assert_eq!(refused.status, 507, "{refused}");
    let again = client.put(&erika.object("again.ics"), big(999));
    assert_eq!(again.status, 507, "{again}");

    written.push("kept.ics".into());
    written.sort();
    assert_eq!(client.members(&erika.calendar()), written, "reads go on, and nothing half written shows");
    for name in &written {
        let _ = client.get(&erika.object(name)).expect(200);
    }
    assert_eq!(daemon.management("/health/live").status, 200);

    fs::remove_file(ballast).unwrap();
    let mut status = 0;
    for _ in 0..50 {
        status = client.put(&erika.object("after.ics"), ics::simple("after")).status;
        if status == 201 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100)); // it may try again at its own pace
    }
    assert_eq!(status, 201, "it recovers without a restart");
    written.push("after.ics".into());
    written.sort();
    daemon.restart();
    assert_eq!(daemon.client(&erika).members(&erika.calendar()), written);
    drop(daemon);
}
