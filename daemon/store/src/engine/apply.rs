//! How a commit is applied: the one set of rules for all local engines.
//!
//! A commit is checked whole before its first row is written, against rows that already hold the earlier
//! members of its group. So a member that fails leaves no trace and fails nobody else.

use std::ops::Bound;

use almanac_base::{CollectionId, TenantId};

use super::layout::{ChangeRow, Head, change_key, row_key, row_range, split};
use super::read::{Next, Rows, bounds};
use super::{
    Caps, ChangePlace, Commit, Committed, EngineError, LogEntry, Mutation, Order, Precondition, Values,
};
use crate::space::{RecordVersion, Space};

/// Rows that can be written.
pub(crate) trait RowsMut: Rows {
    /// Writes a row: the version, then `value`.
    fn put(&mut self, row: &[u8], version: RecordVersion, value: &[u8]) -> Result<(), EngineError>;
    /// Removes a row, if it is there.
    fn remove(&mut self, row: &[u8]) -> Result<(), EngineError>;
}

/// What became of one member of a group. A failure of the rows themselves is not here: it ends the group.
pub(crate) type Verdict = Result<Committed, Refusal>;

/// Why one member was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Conflict { precondition: usize },
    TooLarge,
}

impl From<Refusal> for EngineError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Conflict { precondition } => Self::Conflict { precondition },
            Refusal::TooLarge => Self::TooLarge,
        }
    }
}

/// Checks `commit` and, if nothing stands against it, applies it.
pub(crate) fn apply(rows: &mut dyn RowsMut, commit: &Commit, caps: &Caps) -> Result<Verdict, EngineError> {
    if !fits(commit, caps) {
        return Ok(Err(Refusal::TooLarge));
    }
    for (precondition, wanted) in commit.preconditions.iter().enumerate() {
        if !holds(rows, commit.tenant, wanted)? {
            return Ok(Err(Refusal::Conflict { precondition }));
        }
    }
    let mut range_deleted = 0;
    for mutation in &commit.mutations {
        range_deleted += mutate(rows, commit.tenant, mutation)?;
    }
    let (tenant_seq, changes) = append(rows, commit.tenant, &commit.log)?;
    Ok(Ok(Committed { tenant_seq, changes, range_deleted }))
}

fn fits(commit: &Commit, caps: &Caps) -> bool {
    let mutations = commit.mutations.iter().all(|mutation| match mutation {
        Mutation::Put { key, value, .. } => {
            key.len() <= caps.key_bytes_max && value.len() <= caps.value_bytes_max
        }
        Mutation::Delete { .. } | Mutation::DeleteRange { .. } => true,
    });
    let log = commit.log.iter().all(|entry| entry.value.len() <= caps.value_bytes_max);
    mutations && log && commit.bytes() <= caps.commit_bytes_max
}

fn holds(rows: &dyn RowsMut, tenant: TenantId, wanted: &Precondition) -> Result<bool, EngineError> {
    let version = |space: Space, key: &[u8]| match rows.get(&row_key(tenant, space, key))? {
        Some(stored) => Ok::<_, EngineError>(Some(split(&stored)?.0)),
        None => Ok(None),
    };
    Ok(match wanted {
        Precondition::Absent(space, key) => version(*space, key)?.is_none(),
        Precondition::Exists(space, key) => version(*space, key)?.is_some(),
        Precondition::VersionIs(space, key, wanted) => version(*space, key)? == Some(*wanted),
        Precondition::HeadIs(collection, wanted) => {
            collection_head(rows, tenant, *collection)?.seq == *wanted
        }
    })
}

/// Applies one mutation; returns how many rows a range removed.
fn mutate(rows: &mut dyn RowsMut, tenant: TenantId, mutation: &Mutation) -> Result<u64, EngineError> {
    match mutation {
        Mutation::Put { space, key, version, value } => {
            rows.put(&row_key(tenant, *space, key), *version, value)?;
        }
        Mutation::Delete { space, key } => rows.remove(&row_key(tenant, *space, key))?,
        Mutation::DeleteRange { space, from, to, max } => {
            let range = row_range(tenant, *space, from, to);
            return remove_range(rows, bounds(&range), *max);
        }
    }
    Ok(0)
}

/// Removes the first `max` rows of a range; returns how many there were.
pub(crate) fn remove_range(
    rows: &mut dyn RowsMut,
    range: (Bound<&[u8]>, Bound<&[u8]>),
    max: u32,
) -> Result<u64, EngineError> {
    let mut doomed = Vec::new();
    if max > 0 {
        rows.visit(range, Order::Ascending, Values::Omit, &mut |row, _| {
            doomed.push(row.to_vec());
            Ok(if doomed.len() < max as usize { Next::Go } else { Next::Stop })
        })?;
    }
    for row in &doomed {
        rows.remove(row)?;
    }
    Ok(doomed.len() as u64)
}

/// Gives the entries the next numbers of their tenant and joins them to the chains of their collections.
fn append(
    rows: &mut dyn RowsMut,
    tenant: TenantId,
    log: &[LogEntry],
) -> Result<(u64, Vec<ChangePlace>), EngineError> {
    let mut seq = tenant_head(rows, tenant)?;
    let mut changes = Vec::with_capacity(log.len());
    for entry in log {
        seq = seq.checked_add(1).ok_or(EngineError::Corrupt("the change sequence is used up"))?;
        let before = collection_head(rows, tenant, entry.collection)?;
        let head = Head { seq, count: before.count.saturating_add(1), version: entry.version };
        let row = ChangeRow {
            prev_seq: before.seq,
            count: head.count,
            object: &entry.object,
            sealed: &entry.value,
        };
        let collection = entry.collection;
        rows.put(
            &row_key(tenant, Space::Changes, &change_key(collection, seq)),
            entry.version,
            &row.to_value(),
        )?;
        rows.put(&row_key(tenant, Space::Changes, collection.as_bytes()), head.version, &head.to_value())?;
        changes.push(ChangePlace { collection, seq, prev_seq: before.seq, version: entry.version });
    }
    if !log.is_empty() {
        let head = Head { seq, ..Head::NONE };
        rows.put(&row_key(tenant, Space::Changes, b""), head.version, &head.to_value())?;
    }
    Ok((seq, changes))
}

/// The last change of a tenant.
pub(crate) fn tenant_head<R: Rows + ?Sized>(rows: &R, tenant: TenantId) -> Result<u64, EngineError> {
    Ok(head_at(rows, &row_key(tenant, Space::Changes, b""))?.seq)
}

/// The head of a collection.
pub(crate) fn collection_head<R: Rows + ?Sized>(
    rows: &R,
    tenant: TenantId,
    collection: CollectionId,
) -> Result<Head, EngineError> {
    head_at(rows, &row_key(tenant, Space::Changes, collection.as_bytes()))
}

fn head_at<R: Rows + ?Sized>(rows: &R, row: &[u8]) -> Result<Head, EngineError> {
    match rows.get(row)? {
        Some(stored) => {
            let (version, value) = split(&stored)?;
            Head::parse(version, value)
        }
        None => Ok(Head::NONE),
    }
}
