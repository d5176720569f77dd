//! The library of `interpose/faults.c`, which makes the disk under a program fail at the n-th write or sync.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use almanac_harness::Options;

/// What happens to the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Every write from the n-th on finds no room.
    Full,
    /// One write finds no room.
    NoSpace,
    /// One write fails.
    Error,
    /// One write fails when half of it is done.
    Torn,
    /// One write does half and says so, which is no error.
    Short,
    /// One sync fails.
    SyncError,
    /// One sync fails for want of room.
    SyncNoSpace,
    /// One sync fails, and the file loses what was written to it since the last one.
    SyncLoss,
    /// The program is killed before a write or sync.
    Kill,
    /// It is stopped there and goes on when it is told to.
    Stop,
    /// Nothing: the writes and syncs are counted.
    Count,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::NoSpace => "no-space",
            Self::Error => "error",
            Self::Torn => "torn",
            Self::Short => "short",
            Self::SyncError => "sync-error",
            Self::SyncNoSpace => "sync-no-space",
            Self::SyncLoss => "sync-loss",
            Self::Kill => "kill",
            Self::Stop => "stop",
            Self::Count => "count",
        }
    }

    pub(crate) fn is_of_a_sync(self) -> bool {
        matches!(self, Self::SyncError | Self::SyncNoSpace | Self::SyncLoss)
    }

    /// Whether a call fails, as opposed to the program or to nothing.
    pub(crate) fn is_an_error(self) -> bool {
        !matches!(self, Self::Short | Self::Kill | Self::Stop | Self::Count)
    }

    /// How many of the calls in `trace` can be hit.
    pub(crate) fn places(self, trace: &[Call]) -> usize {
        let counted = |call: &&Call| match self {
            Self::Kill | Self::Stop | Self::Count => true,
            _ => call.is_sync() == self.is_of_a_sync(),
        };
        trace.iter().filter(counted).count()
    }
}

/// A write or sync that was counted.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    name: String,
    /// On what, from the watched folder.
    pub(crate) path: String,
    pub(crate) hit: bool,
}

impl Call {
    pub(crate) fn is_sync(&self) -> bool {
        matches!(self.name.as_str(), "fsync" | "fdatasync" | "sync_file_range")
    }
}

impl std::fmt::Display for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {}", self.name, self.path)
    }
}

/// Options for a program in which `kind` happens at the `at`-th call on files below `folder`, told in `trace`.
pub(crate) fn with_fault(
    options: Options,
    (kind, at): (Kind, usize),
    folder: &Path,
    trace: &Path,
) -> Options {
    preloaded(options)
        .variable("ALMANAC_FAULTS_KIND", kind.name())
        .variable("ALMANAC_FAULTS_AT", &at.to_string())
        .variable("ALMANAC_FAULTS_BELOW", folder.to_str().unwrap())
        .variable("ALMANAC_FAULTS_TRACE", trace.to_str().unwrap())
}

/// What does nothing on a disk, and says that it did.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Idle {
    /// `sync_file_range`, which promises nothing.
    Ranges,
    /// Every sync.
    Syncs,
}

/// Options for a program on such a disk.
pub(crate) fn with_idle(options: Options, idle: Idle) -> Options {
    let name = match idle {
        Idle::Ranges => "ranges",
        Idle::Syncs => "syncs",
    };
    preloaded(options).variable("ALMANAC_FAULTS_IDLE", name)
}

fn preloaded(options: Options) -> Options {
    options.variable("LD_PRELOAD", library().to_str().unwrap())
}

/// What was counted. The last line of a killed program may be cut.
pub(crate) fn read_trace(trace: &Path) -> Vec<Call> {
    let text = fs::read_to_string(trace).unwrap_or_default();
    let call = |line: &str| {
        let mut words = line.split(' ').skip(1);
        let (name, path) = (words.next()?.to_owned(), words.next()?.to_owned());
        Some(Call { name, path, hit: words.next() == Some("hit") })
    };
    text.lines().filter_map(call).collect()
}

/// The library, compiled by the C compiler that also links Rust programs.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("interpose/faults.c");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let (library, fresh) =
            (folder.join("faults.so"), folder.join(format!("faults.{}", std::process::id())));
        let output = Command::new("cc")
            .args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-O2", "-shared", "-fPIC", "-o"])
            .args([&fresh, &source])
            .output()
            .expect("the C compiler `cc`, without which Rust programs cannot be linked");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        fs::rename(&fresh, &library).unwrap(); // tests that run beside this one do the same
        library
    })
}
