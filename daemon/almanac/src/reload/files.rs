//! The files that a reload reads: how they were when they were last looked at, and word when one changes.
//!
//! Their folders are watched, not they themselves: editors, certificate clients and Kubernetes put a new file or link
//! into the place of the old one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::limits::{SETTLE, SETTLE_MAX};

/// What tells one content of a file from another; `None` for a file that is not there.
type Stamp = Option<(u64, u64, u64, i64, i64)>;

/// Files, links followed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Stamps(BTreeMap<PathBuf, Stamp>);

impl Stamps {
    pub(crate) fn of<'a>(files: impl IntoIterator<Item = &'a Path>) -> Self {
        Self(files.into_iter().map(|file| (file.to_owned(), stamp(file))).collect())
    }

    /// Of `files`, as `latest` has them, else as they are here.
    pub(super) fn known<'a>(&self, latest: &Self, files: impl IntoIterator<Item = &'a Path>) -> Self {
        let known = |file| latest.0.get(file).or_else(|| self.0.get(file)).copied();
        let files = files.into_iter();
        Self(files.map(|file| (file.to_owned(), known(file).unwrap_or_else(|| stamp(file)))).collect())
    }
}

fn stamp(file: &Path) -> Stamp {
    let there = fs::metadata(file).ok()?;
    Some((there.dev(), there.ino(), there.size(), there.ctime(), there.ctime_nsec()))
}

/// Watches folders.
pub(super) struct Folders {
    watcher: Option<RecommendedWatcher>,
    watched: BTreeSet<PathBuf>,
    changed: Arc<Notify>,
}

impl Folders {
    pub(super) fn new() -> Self {
        let changed = Arc::new(Notify::new());
        let tell = Arc::clone(&changed);
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            // Reading is no change; what cannot be told may be one.
            if event.map_or(true, |event| !event.kind.is_access()) {
                tell.notify_one();
            }
        });
        let watcher = watcher.map_err(|error| cannot_watch(&error)).ok();
        Self { watcher, watched: BTreeSet::new(), changed }
    }

    /// Watches the folders of `files` and no others.
    pub(super) fn watch<'a>(&mut self, files: impl Iterator<Item = &'a Path>) {
        let Some(watcher) = &mut self.watcher else { return };
        let wanted: BTreeSet<PathBuf> =
            files.filter_map(|file| std::path::absolute(file).ok()?.parent().map(Path::to_owned)).collect();
        for folder in self.watched.extract_if(.., |folder| !wanted.contains(folder)) {
            let _ = watcher.unwatch(&folder);
        }
        for folder in wanted.into_iter().filter(|folder| folder.is_dir()) {
            if self.watched.contains(&folder) {
                continue;
            }
            match watcher.watch(&folder, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    // What changed before is noticed by a look.
                    self.changed.notify_one();
                    self.watched.insert(folder);
                }
                Err(error) => cannot_watch(&error),
            }
        }
    }

    /// Waits for a change in a folder, and then until nothing changes any more.
    pub(super) async fn settled(&self) {
        self.changed.notified().await;
        let last = Instant::now() + SETTLE_MAX;
        loop {
            let now = Instant::now();
            let quiet = timeout_at(last.min(now + SETTLE), self.changed.notified()).await.is_err();
            if quiet || now >= last {
                return;
            }
        }
    }
}

fn cannot_watch(error: &notify::Error) {
    tracing::warn!(%error, "changed files are not noticed, only SIGHUP reloads");
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_file_is_another_one_when_it_is_written_replaced_or_gone() {
        let folder = tempfile::tempdir().unwrap();
        let (file, other) = (folder.path().join("a"), folder.path().join("b"));
        let stamps = || Stamps::of([file.as_path()]);
        let absent = stamps();
        fs::write(&file, "1").unwrap();
        let first = stamps();
        assert_ne!(first, absent);
        assert_eq!(first, stamps());
        fs::write(&file, "22").unwrap();
        let written = stamps();
        assert_ne!(written, first);
        fs::write(&other, "22").unwrap();
        fs::rename(&other, &file).unwrap();
        assert_ne!(stamps(), written);
        fs::remove_file(&file).unwrap();
        assert_eq!(stamps(), absent);
    }

    #[tokio::test(start_paused = true)]
    async fn changes_are_awaited_until_they_end_but_not_for_ever() {
        let folders = Folders { watcher: None, watched: BTreeSet::new(), changed: Arc::default() };
        let begun = Instant::now();
        folders.changed.notify_one();
        folders.settled().await;
        assert_eq!(begun.elapsed(), SETTLE);
        let (begun, changed) = (Instant::now(), Arc::clone(&folders.changed));
        let storm = async move {
            loop {
                changed.notify_one();
                tokio::time::sleep(SETTLE / 5).await;
            }
        };
        tokio::select! {
            () = storm => {}
            () = folders.settled() => {}
        }
        assert!(begun.elapsed() <= SETTLE_MAX + Duration::from_millis(10), "{:?}", begun.elapsed());
    }

    #[tokio::test]
    async fn a_file_put_into_the_place_of_another_is_noticed_and_reading_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (file, other) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&file, "1").unwrap();
        fs::write(&other, "2").unwrap();
        let mut folders = Folders::new();
        folders.watch([file.as_path()].into_iter());
        folders.settled().await;
        let _ = fs::read(&file).unwrap();
        assert!(timeout_at(Instant::now() + SETTLE, folders.settled()).await.is_err());
        fs::rename(&other, &file).unwrap();
        folders.settled().await;
    }
}
