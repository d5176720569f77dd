//! Looking at every row of an open store: whether it opens, whether the change log is whole, and whether what belongs to
//! an object is all there.
//!
//! Engines skip checks of their own for speed, so a bad page shows only where somebody reads it, and a row that is gone
//! to nobody. This reads all of one state, while writers go on, and says what is damaged; it mends nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use almanac_base::{CollectionId, TenantId};

use crate::backup::Progress;
use crate::engine::layout::{ChangeRow, GROUPS_ROW, Head, change_seq, key_in, space_in, split, tenant_in};
use crate::engine::{EngineError, Heads};
use crate::error::StoreError;
use crate::format::SYSTEM;
use crate::members::{Details, Members};
use crate::space::{RecordVersion, Space};
use crate::store::Store;
use crate::tenant::TenantStore;

/// Damages that are told one by one; further ones are only counted.
pub const DAMAGES_MAX: usize = 100;

/// What [`Store::verify`] found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// The rows that were looked at.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The first [`DAMAGES_MAX`] damages.
    pub damages: Vec<Damage>,
    /// How many damages there are.
    pub damaged: u64,
}

impl Report {
    /// Whether everything is as it was written.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.damaged == 0
    }
}

/// One thing that is not as it was written. It holds ids and keyed hashes only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The tenant that it belongs to.
    pub tenant: TenantId,
    /// The kind of record; `None` for the store as a whole, or for a kind that does not exist.
    pub space: Option<Space>,
    /// The key, in hexadecimal digits.
    pub key: String,
    /// What is wrong.
    pub what: &'static str,
}

impl Store {
    /// Reads every row of the present state and opens it, checks that the collections' histories are whole, that each
    /// object has its summary and its claim and they have it, and that no tenant is behind the high-water mark. Blocks its
    /// thread.
    ///
    /// # Errors
    /// The engine gave up over what it read: what it shows no longer can be looked at no further.
    pub fn verify(&self, progress: &mut Progress<'_>) -> Result<Report, StoreError> {
        self.verify_while(&|| true, progress)
    }

    /// The same, for as long as `go_on` says so, which is asked before each row.
    ///
    /// # Errors
    /// As [`Store::verify`], and `Closed` if it was not to go on.
    pub fn verify_while(
        &self,
        go_on: &dyn Fn() -> bool,
        progress: &mut Progress<'_>,
    ) -> Result<Report, StoreError> {
        // The mark first: it may not be ahead of a state that is looked at later.
        let mark = self.shared.mark.as_ref().map(|mark| mark.stored()).transpose().map_err(StoreError::Io)?;
        let mut check = Check {
            store: self,
            report: Report::default(),
            tenant: None,
            named: BTreeSet::new(),
            log: Log::default(),
            heads: Heads::default(),
            members: Members::default(),
        };
        self.shared.engine.export(&mut |row, stored, _| {
            if !go_on() {
                return Err(EngineError::Closed);
            }
            check.row(row, stored);
            if check.report.rows.is_multiple_of(PROGRESS_ROWS) {
                progress(check.report.rows, check.report.bytes);
            }
            Ok(())
        })?;
        check.end_log();
        check.members()?;
        if let Some(marked) = mark {
            for (tenant, seq) in marked {
                // One that was dropped since then is not missed.
                let here = tenant == SYSTEM || check.named.contains(&tenant);
                if here && check.heads.tenants.get(&tenant).is_none_or(|now| *now < seq) {
                    check.found(
                        tenant,
                        None,
                        &[],
                        "the tenant is behind the high-water mark: changes were lost",
                    );
                }
            }
        }
        progress(check.report.rows, check.report.bytes);
        Ok(check.report)
    }
}

/// Progress is told after so many rows.
const PROGRESS_ROWS: u64 = 10_000;

struct Check<'a> {
    store: &'a Store,
    report: Report,
    /// The tenant of the row before, if it has keys.
    tenant: Option<(TenantId, Option<Arc<TenantStore>>)>,
    /// The tenants of this state: the system's rows come first, and they name them.
    named: BTreeSet<TenantId>,
    log: Log,
    heads: Heads,
    members: Members,
}

/// The history of one collection while its rows go by: its head comes first, then its changes.
#[derive(Default)]
struct Log {
    of: Option<(TenantId, CollectionId, Head)>,
    last: Option<(u64, u64)>,
}

impl Check<'_> {
    fn row(&mut self, row: &[u8], stored: &[u8]) {
        self.report.rows += 1;
        self.report.bytes += row.len().saturating_add(stored.len()) as u64;
        if row == GROUPS_ROW {
            return;
        }
        let (Some(tenant), Some(space)) = (tenant_in(row), space_in(row)) else {
            return self.found(SYSTEM, None, row, "a row of no tenant");
        };
        let key = key_in(row);
        let Some(space) = Space::from_byte(space) else {
            return self.found(tenant, None, &key, "a kind of record that does not exist");
        };
        let Ok((version, value)) = split(stored) else {
            return self.found(tenant, Some(space), &key, "a row is shorter than its version");
        };
        self.members.row(tenant, space, &key, version, value);
        let checked = match space {
            Space::Tenants => {
                self.named.extend(tenant_in(&key));
                Ok(())
            }
            // Opened when the store was, or without a seal.
            Space::Keys | Space::Format => Ok(()),
            Space::Changes => self.change(tenant, &key, version, value),
            _ => match self.keys_of(tenant) {
                Some(keys) => keys.open_record(space, &key, version, value).map(|_| ()),
                None => Err(NO_KEYS),
            },
        };
        if let Err(error) = checked
            // A tenant that was just made or is just being dropped has no keys here; nobody misses its rows.
            && !(matches!(error, StoreError::Closed) && self.named.contains(&tenant))
        {
            self.found(tenant, Some(space), &key, reason(&error));
        }
    }

    fn change(
        &mut self,
        tenant: TenantId,
        key: &[u8],
        version: RecordVersion,
        value: &[u8],
    ) -> Result<(), StoreError> {
        if key.is_empty() {
            self.end_log();
            let head = Head::parse(version, value)?;
            self.heads.tenants.insert(tenant, head.seq);
            return Ok(());
        }
        let (collection, rest) = key.split_first_chunk::<16>().ok_or(BAD_KEY)?;
        let collection = CollectionId::from_bytes(*collection);
        if rest.is_empty() {
            self.end_log();
            self.log = Log { of: Some((tenant, collection, Head::parse(version, value)?)), last: None };
            return Ok(());
        }
        let keys = self.keys_of(tenant).ok_or(NO_KEYS)?;
        keys.open_change(collection, &key.into(), version, value)?;
        let (seq, row) = (change_seq(key)?, ChangeRow::parse(value)?);
        let joined = match self.log.last {
            Some((last, count)) => row.prev_seq == last && row.count == count.saturating_add(1),
            None => true, // what was before it may be trimmed
        };
        self.log.last = Some((seq, row.count));
        let known = self.log.of.as_ref().is_some_and(|(of, id, _)| *of == tenant && *id == collection);
        if known && joined {
            Ok(())
        } else {
            Err(StoreError::Corrupt("a change is missing in front of this one"))
        }
    }

    /// At the end of a collection's changes: the last one is the one that the head names.
    fn end_log(&mut self) {
        let log = std::mem::take(&mut self.log);
        let (Some((tenant, collection, head)), Some((seq, count))) = (log.of, log.last) else { return };
        if (seq, count) != (head.seq, head.count) {
            let key = collection.as_bytes();
            self.found(tenant, Some(Space::Changes), key, "the change log ends before its head");
        }
    }

    /// At the end: which objects are not all there. If any, their collections are read once more to name them.
    fn members(&mut self) -> Result<(), StoreError> {
        let incomplete = std::mem::take(&mut self.members).incomplete();
        if incomplete.is_empty() {
            return Ok(());
        }
        let mut details = Details::new(incomplete);
        self.store.shared.engine.export(&mut |row, stored, _| {
            let space = space_in(row).and_then(Space::from_byte);
            if let (Some(tenant), Some(space), Ok((version, _))) = (tenant_in(row), space, split(stored)) {
                details.row(tenant, space, &key_in(row), version);
            }
            Ok(())
        })?;
        for ((tenant, _), space, key, what) in details.missing() {
            self.found(tenant, Some(space), &key, what);
        }
        Ok(())
    }

    fn keys_of(&mut self, tenant: TenantId) -> Option<Arc<TenantStore>> {
        if self.tenant.as_ref().is_none_or(|(id, _)| *id != tenant) {
            let keys = if tenant == SYSTEM { Some(self.store.system()) } else { self.store.tenant(tenant) };
            self.tenant = Some((tenant, keys));
        }
        self.tenant.as_ref().and_then(|(_, keys)| keys.clone())
    }

    fn found(&mut self, tenant: TenantId, space: Option<Space>, key: &[u8], what: &'static str) {
        self.report.damaged += 1;
        if self.report.damages.len() < DAMAGES_MAX {
            let key = key.iter().map(|byte| format!("{byte:02x}")).collect();
            self.report.damages.push(Damage { tenant, space, key, what });
        }
    }
}

const BAD_KEY: StoreError = StoreError::Corrupt("a change has a wrong key");
/// The tenant has no keys here.
const NO_KEYS: StoreError = StoreError::Closed;

fn reason(error: &StoreError) -> &'static str {
    match error {
        StoreError::Corrupt(what) => what,
        StoreError::Closed => "a row of a tenant that does not exist",
        _ => "the row cannot be read",
    }
}
