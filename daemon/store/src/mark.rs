//! The high-water mark: a small file outside the store that says how far the store had come.
//!
//! Engines can lose their newest state without noticing (a damaged log, a copy from last week put back). A store
//! behind its mark is refused at start. The mark is written aside and renamed, at most once a second and when
//! the store is closed, so it may lag behind; it is never ahead.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use almanac_base::{Clock, StoreId, TenantId};
use jiff::Timestamp;
use ring::hmac;

use crate::engine::{Engine, Heads};
use crate::files::{is_full, sync_folder_of};
use crate::limits::{MARK_BYTES_MAX, MARK_INTERVAL};

const MAGIC: &[u8; 8] = b"ALMHEAD\x01";
const MAC_BYTES: usize = 32;

/// What a mark says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) incarnation: StoreId,
    pub(crate) heads: Heads,
}

/// What there is in the place of a mark.
pub(crate) enum Found {
    Mark(Mark),
    Nothing,
    /// A file that was cut or changed, or authenticated by another root key.
    Damaged,
}

impl Mark {
    /// Reads the mark, which one of `keys` authenticates.
    pub(crate) fn read(path: &Path, keys: &[hmac::Key]) -> io::Result<Found> {
        let mut bytes = Vec::new();
        match File::open(path) {
            Ok(file) => file.take(MARK_BYTES_MAX).read_to_end(&mut bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
            Err(error) => return Err(error),
        };
        Ok(keys.iter().find_map(|key| Self::parse(&bytes, key)).map_or(Found::Damaged, Found::Mark))
    }

    /// Puts the mark in the place of the one before it, durably.
    pub(crate) fn write(&self, path: &Path, key: &hmac::Key) -> io::Result<()> {
        let aside = path.with_extension("new");
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
        file.write_all(&self.to_bytes(key))?;
        file.sync_all()?;
        fs::rename(&aside, path)?;
        sync_folder_of(path)
    }

    /// Whether a store that has come to `heads` is older than this mark, or another one.
    pub(crate) fn is_ahead_of(&self, incarnation: StoreId, heads: &Heads) -> bool {
        let behind = |(tenant, seq): (&TenantId, &u64)| heads.tenants.get(tenant).is_none_or(|now| now < seq);
        self.incarnation != incarnation
            || self.heads.groups > heads.groups
            || self.heads.tenants.iter().any(behind)
    }

    fn to_bytes(&self, key: &hmac::Key) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(self.incarnation.as_bytes());
        bytes.extend_from_slice(&self.heads.groups.to_be_bytes());
        for (tenant, seq) in &self.heads.tenants {
            bytes.extend_from_slice(tenant.as_bytes());
            bytes.extend_from_slice(&seq.to_be_bytes());
        }
        let mac = hmac::sign(key, &bytes);
        bytes.extend_from_slice(mac.as_ref());
        bytes
    }

    fn parse(bytes: &[u8], key: &hmac::Key) -> Option<Self> {
        let (body, mac) = bytes.split_at_checked(bytes.len().checked_sub(MAC_BYTES)?)?;
        hmac::verify(key, body, mac).ok()?;
        let rest = body.strip_prefix(MAGIC)?;
        let (incarnation, rest) = rest.split_first_chunk::<16>()?;
        let (groups, rest) = rest.split_first_chunk::<8>()?;
        let mut heads = Heads { groups: u64::from_be_bytes(*groups), ..Heads::default() };
        let (rows, odd) = rest.as_chunks::<24>();
        for row in rows {
            let (tenant, seq) = (row.first_chunk::<16>()?, row.last_chunk::<8>()?);
            heads.tenants.insert(TenantId::from_bytes(*tenant), u64::from_be_bytes(*seq));
        }
        odd.is_empty().then_some(Self { incarnation: StoreId::from_bytes(*incarnation), heads })
    }
}

/// Keeps the mark of an open store up to date, on a thread of its own.
pub(crate) struct MarkKeeper {
    keeping: Arc<Keeping>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Keeping {
    path: PathBuf,
    incarnation: StoreId,
    engine: Arc<dyn Engine>,
    clock: Arc<dyn Clock>,
    /// Orders the writers of the file.
    terms: Mutex<Terms>,
    writes: AtomicU64,
    pace: Mutex<Pace>,
    /// Wakes the thread when the pace changes.
    changed: Condvar,
}

/// How the mark is to be written.
struct Terms {
    key: hmac::Key,
    /// Tenants that are being dropped: their heads are about to vanish.
    leaving: Vec<TenantId>,
}

/// When the mark is to be written.
struct Pace {
    /// The store went on since the mark was written.
    behind: bool,
    closing: bool,
    /// When the thread last wrote.
    written: Timestamp,
}

impl Pace {
    /// How long the mark may still stay as it is. A clock that was set back must not hold it up.
    fn left(&self, now: Timestamp) -> Duration {
        let passed = Duration::try_from(now.duration_since(self.written));
        passed.map_or(Duration::ZERO, |passed| MARK_INTERVAL.saturating_sub(passed))
    }
}

impl Keeping {
    fn write(&self) -> io::Result<()> {
        self.write_on(&self.terms())
    }

    fn write_on(&self, terms: &Terms) -> io::Result<()> {
        let mut heads = self.engine.heads();
        heads.tenants.retain(|tenant, _| !terms.leaving.contains(tenant));
        Mark { incarnation: self.incarnation, heads }.write(&self.path, &terms.key)?;
        self.writes.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// A mark that cannot be written lags behind, which it may: the store goes on.
    fn write_or_warn(&self) {
        if let Err(error) = self.write() {
            tracing::warn!(error = %error, "the high-water mark could not be written");
        }
    }

    fn terms(&self) -> MutexGuard<'_, Terms> {
        self.terms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The life of the thread: writes whenever the mark is behind and its time has come.
    fn run(&self) {
        while self.wait_until_due() {
            self.write_or_warn();
        }
    }

    /// Whether to write; not when the store is closing, which writes the last mark itself.
    fn wait_until_due(&self) -> bool {
        let mut pace = self.pace();
        loop {
            if pace.closing {
                return false;
            }
            let now = self.clock.now();
            let left = pace.left(now);
            pace = match (pace.behind, left) {
                (true, Duration::ZERO) => {
                    (pace.behind, pace.written) = (false, now);
                    return true;
                }
                (true, left) => {
                    let waited = self.changed.wait_timeout(pace, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                (false, _) => self.changed.wait(pace).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

impl MarkKeeper {
    /// Writes the mark and begins to keep it.
    pub(crate) fn start(
        path: PathBuf,
        key: hmac::Key,
        incarnation: StoreId,
        engine: Arc<dyn Engine>,
        clock: Arc<dyn Clock>,
    ) -> io::Result<Self> {
        let pace = Mutex::new(Pace { behind: false, closing: false, written: clock.now() });
        let keeping = Arc::new(Keeping {
            path,
            incarnation,
            engine,
            clock,
            terms: Mutex::new(Terms { key, leaving: Vec::new() }),
            writes: AtomicU64::new(0),
            pace,
            changed: Condvar::new(),
        });
        match keeping.write() {
            // A full disk must not keep a store from being read; the mark that is there stays true.
            Err(error) if is_full(&error) && keeping.path.exists() => {
                tracing::warn!("the disk is full: the high-water mark stays behind");
            }
            result => result?,
        }
        let thread = thread::Builder::new().name("store-mark".into()).spawn({
            let keeping = Arc::clone(&keeping);
            move || keeping.run()
        })?;
        Ok(Self { keeping, thread: Mutex::new(Some(thread)) })
    }

    /// Says that the store went on.
    pub(crate) fn touch(&self) {
        let mut pace = self.keeping.pace();
        let news = !pace.behind || pace.left(self.keeping.clock.now()).is_zero();
        pace.behind = true;
        drop(pace);
        if news {
            self.keeping.changed.notify_one();
        }
    }

    /// Takes a tenant out of the mark, durably, before its rows go.
    pub(crate) fn forget(&self, tenant: TenantId) -> io::Result<()> {
        let mut terms = self.keeping.terms();
        terms.leaving.push(tenant);
        self.keeping.write_on(&terms)
    }

    /// Writes the mark under another key, and under that one from now on. After an error the one before stays.
    pub(crate) fn authenticate(&self, key: hmac::Key) -> io::Result<()> {
        let mut terms = self.keeping.terms();
        let before = std::mem::replace(&mut terms.key, key);
        let written = self.keeping.write_on(&terms);
        if written.is_err() {
            terms.key = before;
        }
        written
    }

    /// What the mark on the disk demands of each tenant.
    pub(crate) fn stored(&self) -> io::Result<BTreeMap<TenantId, u64>> {
        let terms = self.keeping.terms();
        Ok(match Mark::read(&self.keeping.path, std::slice::from_ref(&terms.key))? {
            Found::Mark(mark) => mark.heads.tenants,
            Found::Nothing | Found::Damaged => BTreeMap::new(),
        })
    }

    /// How often the mark was written.
    pub(crate) fn writes(&self) -> u64 {
        self.keeping.writes.load(Ordering::Relaxed)
    }

    /// Writes the last mark and ends.
    pub(crate) fn close(&self) {
        self.keeping.pace().closing = true;
        self.keeping.changed.notify_one();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
            self.keeping.write_or_warn();
        }
    }
}
