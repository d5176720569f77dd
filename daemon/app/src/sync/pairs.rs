//! Pairs: an object here and an object at a vendor; and what is to be sent there.

use std::fmt;
use std::sync::Arc;

use almanac_base::LinkId;
use almanac_store::records::sync::pair_key;
use almanac_store::records::{DispatchRecord, Document, KeyedHash, PairRecord, RemoteRecord, TurnsRecord};
use almanac_store::{IndexField, Key, Order, RecordVersion, Space, TenantStore, prefix_range};
use jiff::Timestamp;

use super::LinkInfo;
use crate::App;
use crate::directory::Tenant;
use crate::error::AppError;
use crate::limits::PAIRS_PAGE;
use crate::open::instant;

/// Where an object was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairOrigin {
    /// Here; the vendor has a mirror of it.
    Here,
    /// At the vendor.
    There,
}

/// Whose an object is at the vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairRole {
    /// The account's own.
    Own,
    /// A copy of what somebody else organizes.
    Attendee,
}

/// Whether an object takes part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PairState {
    /// It does.
    Linked,
    /// It does not, until one side changes: why.
    Parked(String),
    /// It was deleted here, and a person is to say whether it goes at the vendor.
    HeldHere,
    /// It was deleted at the vendor, and a person is to say whether it goes here.
    HeldThere,
    /// A person said that it goes.
    DeletionApproved,
    /// Both sides contradict each other, and a person is to say who wins.
    Asked,
    /// A person said that the store wins.
    StoreWins,
    /// A person said that the vendor wins.
    VendorWins,
    /// A change of it would make the vendor mail people, and a person is to say whether it may.
    HeldMail,
    /// A person said that it may.
    MailApproved,
    /// It was deleted here and goes at the vendor, which would mail people; a person is to say whether it may.
    HeldDeletionMail,
    /// A person said that it goes and that the vendor may mail.
    DeletionMailApproved,
}

impl PairState {
    /// Whether the object is deleted on one side and held on the other.
    #[must_use]
    pub fn is_held_deletion(&self) -> bool {
        matches!(self, Self::HeldHere | Self::HeldThere | Self::HeldDeletionMail)
    }

    /// Whether a person is waited for.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.is_held_deletion() || matches!(self, Self::Asked | Self::HeldMail)
    }

    /// Whether a person has said enough about this object that even its deletion needs no further word.
    #[must_use]
    pub fn allows_deletion(&self) -> bool {
        matches!(
            self,
            Self::DeletionApproved | Self::DeletionMailApproved | Self::StoreWins | Self::VendorWins
        )
    }
}

/// What a link knows of an object.
#[derive(Clone, PartialEq, Eq)]
pub struct Pair {
    /// Its UID here.
    pub uid: String,
    /// The vendor's id, if it has it.
    pub remote: Option<String>,
    /// The vendor's version, if it has it.
    pub version: Option<String>,
    /// The version of the object here when it was last looked at.
    pub local: Option<RecordVersion>,
    /// What both sides had in common when they were last equal, as a calendar object.
    pub base: Option<Vec<u8>>,
    /// What the vendor had then, if it is not what the base comes to.
    pub seen: Option<Vec<u8>>,
    /// How often it was made at the vendor.
    pub generation: u32,
    /// Where it was made.
    pub origin: PairOrigin,
    /// Whether it takes part.
    pub state: PairState,
    /// Since when it is in that state, if it is not in order.
    pub since: Option<Timestamp>,
    /// How many people the vendor would mail about a change.
    pub mails: u32,
    /// What the vendor was last sent without a clear answer, as a calendar object.
    pub sent: Option<Vec<u8>>,
    /// Whose it is at the vendor.
    pub role: PairRole,
    /// Its changes in turn, if there were any lately.
    pub turns: Option<Turns>,
}

/// How an object was changed in turn at the vendor and from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turns {
    /// Since when it is counted.
    pub since: Timestamp,
    /// How often a change from here followed one at the vendor.
    pub count: u32,
    /// Whether a change at the vendor was the last.
    pub theirs: bool,
}

/// A pair with the name of its object.
#[derive(Clone, PartialEq, Eq)]
pub struct PairRow {
    /// The name.
    pub name: String,
    /// The pair.
    pub pair: Pair,
}

/// That the vendor is to have an object as it is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dispatch {
    /// How often it was tried; counted before each try.
    pub attempts: u32,
    /// Not to be tried before.
    pub not_before: Timestamp,
    /// Since when it waits.
    pub since: Timestamp,
}

/// A row of the dispatch queue.
#[derive(Clone, PartialEq, Eq)]
pub struct DueRow {
    /// The name of the object.
    pub name: String,
    /// The row.
    pub dispatch: Dispatch,
}

impl fmt::Debug for DueRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DueRow({:?})", self.dispatch)
    }
}

impl App {
    /// The name of the object that has a vendor's id.
    ///
    /// # Errors
    /// `Store` if the store fails.
    pub async fn name_of_remote(&self, link: &LinkInfo, remote: &str) -> Result<Option<String>, AppError> {
        let tenant = self.tenant_of(link)?;
        let row = tenant.store.get(Space::Remotes, &remote_key(&tenant.store, link.id, remote)).await?;
        Ok(row.map(|row| RemoteRecord::from_bytes(&row.value)).transpose()?.map(|record| record.name))
    }

    /// The name of the object of a link's collection that has this UID, or this alias of it.
    ///
    /// # Errors
    /// `NotFound` if the collection is not there any more.
    pub async fn name_of_uid(&self, link: &LinkInfo, uid: &str) -> Result<Option<String>, AppError> {
        let entry = self.collection_of(link)?;
        let store = &entry.tenant.store;
        let name = store.uid_holder(entry.id, &store.uid_hash(entry.id, uid)).await?;
        match (name, hash_of_alias(uid)) {
            (None, Some(hash)) => Ok(store.uid_holder(entry.id, &hash).await?),
            (name, _) => Ok(name),
        }
    }

    /// What stands for a UID where it is not to be told, for it may name a person: a keyed hash, from which only this store finds
    /// the object again.
    ///
    /// # Errors
    /// `NotFound` if the collection is not there any more.
    pub fn alias_of_uid(&self, link: &LinkInfo, uid: &str) -> Result<String, AppError> {
        let entry = self.collection_of(link)?;
        let hash = entry.tenant.store.uid_hash(entry.id, uid);
        let digits: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(format!("{digits}{ALIAS_END}"))
    }

    /// A page of the pairs of a link, ordered by name within it, and where to go on.
    ///
    /// # Errors
    /// `Store` if the store fails.
    pub async fn pairs(
        &self,
        link: &LinkInfo,
        after: Option<&Key>,
    ) -> Result<(Vec<PairRow>, Option<Key>), AppError> {
        let mut range = prefix_range(link.id.as_bytes());
        if let Some(after) = after {
            range.start.clone_from(after);
        }
        let tenant = self.tenant_of(link)?;
        let page = tenant.store.scan(Space::Pairs, range, PAIRS_PAGE, Order::Ascending).await?;
        let rows = page.rows.iter().map(|(_, row)| pair_row(PairRecord::from_bytes(&row.value)?));
        let mut rows: Vec<_> = rows.collect::<Result<_, _>>()?;
        rows.sort_by(|a, b| a.name.cmp(&b.name));
        Ok((rows, page.next))
    }

    /// What a link knows of the object with this name.
    ///
    /// # Errors
    /// `NotFound` if the collection is not there any more.
    pub async fn pair(&self, link: &LinkInfo, name: &str) -> Result<Option<Pair>, AppError> {
        let entry = self.collection_of(link)?;
        let store = &entry.tenant.store;
        let row = store.get(Space::Pairs, &pair_key(link.id, &store.member(entry.id, name).name)).await?;
        row.map(|row| Ok(pair_row(PairRecord::from_bytes(&row.value)?)?.pair)).transpose()
    }

    /// What is to be sent to the vendor for a link: a page, what waits longest first, and where to go on.
    ///
    /// # Errors
    /// `Store` if the store fails.
    pub async fn dispatches(
        &self,
        link: &LinkInfo,
        after: Option<&Key>,
    ) -> Result<(Vec<DueRow>, Option<Key>), AppError> {
        let mut range = prefix_range(link.id.as_bytes());
        if let Some(after) = after {
            range.start.clone_from(after);
        }
        let tenant = self.tenant_of(link)?;
        let page = tenant.store.scan(Space::Dispatch, range, PAIRS_PAGE, Order::Ascending).await?;
        let rows = page.rows.iter().map(|(_, row)| {
            let record = DispatchRecord::from_bytes(&row.value)?;
            Ok(DueRow { dispatch: dispatch(&record), name: record.name })
        });
        let mut rows: Vec<DueRow> = rows.collect::<Result<_, AppError>>()?;
        rows.sort_by(|a, b| (a.dispatch.since, &a.name).cmp(&(b.dispatch.since, &b.name)));
        Ok((rows, page.next))
    }

    pub(super) fn tenant_of(&self, link: &LinkInfo) -> Result<Arc<Tenant>, AppError> {
        self.directory().tenants.get(&link.tenant).cloned().ok_or(AppError::NotFound("tenant"))
    }
}

/// How an alias of a UID ends.
const ALIAS_END: &str = "@almanac";

fn hash_of_alias(uid: &str) -> Option<KeyedHash> {
    let digits = uid.strip_suffix(ALIAS_END).filter(|digits| digits.len() == 64)?;
    let mut hash = KeyedHash::default();
    for (byte, digits) in hash.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        let digits = std::str::from_utf8(digits).ok()?;
        *byte = u8::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'))?;
    }
    Some(hash)
}

/// The key of the row that leads from a vendor's id to an object.
pub(crate) fn remote_key(store: &TenantStore, link: LinkId, remote: &str) -> Vec<u8> {
    let hash = store.keyed_hash(IndexField::Href, &[link.as_bytes(), remote.as_bytes()]);
    pair_key(link, &hash)
}

pub(super) fn dispatch(record: &DispatchRecord) -> Dispatch {
    Dispatch {
        attempts: record.attempts,
        not_before: Timestamp::from_millisecond(record.not_before).unwrap_or(Timestamp::UNIX_EPOCH),
        since: instant(record.since),
    }
}

pub(super) fn dispatch_record(name: &str, dispatch: &Dispatch) -> DispatchRecord {
    DispatchRecord {
        name: name.to_owned(),
        attempts: dispatch.attempts,
        not_before: dispatch.not_before.as_millisecond(),
        since: dispatch.since.as_second(),
    }
}

pub(super) fn pair_row(record: PairRecord) -> Result<PairRow, AppError> {
    let state = match record.state {
        0 => PairState::Linked,
        1 => PairState::Parked(record.reason.unwrap_or_default()),
        2 => PairState::HeldHere,
        3 => PairState::HeldThere,
        4 => PairState::DeletionApproved,
        5 => PairState::Asked,
        6 => PairState::StoreWins,
        7 => PairState::VendorWins,
        8 => PairState::HeldMail,
        9 => PairState::MailApproved,
        10 => PairState::HeldDeletionMail,
        11 => PairState::DeletionMailApproved,
        _ => return Err(AppError::Bug("a stored state of a pair is not known")),
    };
    let pair = Pair {
        uid: record.uid,
        remote: record.remote,
        version: record.version,
        local: record.local.map(RecordVersion::from_bytes),
        base: record.base,
        seen: record.seen,
        generation: record.generation,
        origin: if record.origin == 0 { PairOrigin::Here } else { PairOrigin::There },
        state,
        since: record.since.map(instant),
        mails: record.mails,
        sent: record.sent,
        role: if record.role == 0 { PairRole::Own } else { PairRole::Attendee },
        turns: record.turns.map(|turns| Turns {
            since: instant(turns.since),
            count: turns.count,
            theirs: turns.theirs,
        }),
    };
    Ok(PairRow { name: record.name, pair })
}

pub(super) fn pair_record(name: &str, pair: &Pair) -> PairRecord {
    let (state, reason) = match &pair.state {
        PairState::Linked => (0, None),
        PairState::Parked(reason) => (1, Some(reason.clone())),
        PairState::HeldHere => (2, None),
        PairState::HeldThere => (3, None),
        PairState::DeletionApproved => (4, None),
        PairState::Asked => (5, None),
        PairState::StoreWins => (6, None),
        PairState::VendorWins => (7, None),
        PairState::HeldMail => (8, None),
        PairState::MailApproved => (9, None),
        PairState::HeldDeletionMail => (10, None),
        PairState::DeletionMailApproved => (11, None),
    };
    PairRecord {
        name: name.to_owned(),
        uid: pair.uid.clone(),
        remote: pair.remote.clone(),
        version: pair.version.clone(),
        local: pair.local.map(|version| *version.as_bytes()),
        base: pair.base.clone(),
        seen: pair.seen.clone(),
        generation: pair.generation,
        origin: u8::from(pair.origin == PairOrigin::There),
        state,
        reason,
        since: pair.since.map(Timestamp::as_second),
        mails: pair.mails,
        sent: pair.sent.clone(),
        role: u8::from(pair.role == PairRole::Attendee),
        turns: pair.turns.map(|turns| TurnsRecord {
            since: turns.since.as_second(),
            count: turns.count,
            theirs: turns.theirs,
        }),
    }
}
