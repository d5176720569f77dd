//! Whether what belongs to an object is all there: its row, its summary and the claim on its UID bear one version.
//!
//! A row that is gone is missed by nobody who opens the rows that are left. Sums over the versions of each collection tell
//! which one lacks something, in little memory; only such a collection is then looked at row by row.

use std::collections::{BTreeMap, BTreeSet};

use almanac_base::{CollectionId, TenantId};

use crate::format::SYSTEM;
use crate::limits::VERIFY_DETAILS_MAX;
use crate::space::{RecordVersion, Space};

/// A collection of a tenant.
pub(crate) type Place = (TenantId, CollectionId);

/// The key of a row in its collection: a keyed hash.
type Name = [u8; 32];

/// Something that is missing: the space and the key of the row that shows it, and what it shows.
pub(crate) type Missing = (Place, Space, Vec<u8>, &'static str);

/// What the rows of one kind in one collection amount to. Versions are random, so what is missing shows in the sum.
#[derive(Default, PartialEq, Eq)]
struct Sum {
    count: u64,
    versions: u128,
    /// Says of what name each version is.
    named: u128,
}

impl Sum {
    fn add(&mut self, name: &Name, version: RecordVersion) {
        let version = u128::from_be_bytes(*version.as_bytes());
        let name = name.first_chunk::<16>().map_or(0, |bytes| u128::from_be_bytes(*bytes));
        self.count = self.count.wrapping_add(1);
        self.versions = self.versions.wrapping_add(version);
        self.named = self.named.wrapping_add(name.wrapping_mul(version | 1));
    }

    fn has_the_versions_of(&self, other: &Self) -> bool {
        (self.count, self.versions) == (other.count, other.versions)
    }
}

#[derive(Default)]
struct Sums {
    objects: Sum,
    summaries: Sum,
    claims: Sum,
}

/// The sums of all collections, while the rows go by.
#[derive(Default)]
pub(crate) struct Members {
    collections: BTreeMap<Place, Sums>,
    /// Collections that are being removed or copied, whose rows come and go in several steps.
    moving: BTreeSet<Place>,
    /// Tenants that are being dropped.
    leaving: BTreeSet<TenantId>,
}

impl Members {
    /// Takes note of a row.
    pub(crate) fn row(
        &mut self,
        tenant: TenantId,
        space: Space,
        key: &[u8],
        version: RecordVersion,
        value: &[u8],
    ) {
        match space {
            Space::Tenants if value.is_empty() => {
                self.leaving.extend(key.first_chunk::<16>().map(|id| TenantId::from_bytes(*id)));
            }
            Space::Meta => self.moving.extend(collection(tenant, key)),
            _ => {
                let Some((place, name)) = member(tenant, space, key) else { return };
                let sums = self.collections.entry(place).or_default();
                match space {
                    Space::Objects => sums.objects.add(&name, version),
                    Space::Summaries => sums.summaries.add(&name, version),
                    _ => sums.claims.add(&name, version),
                }
            }
        }
    }

    /// The collections that lack something.
    pub(crate) fn incomplete(self) -> BTreeSet<Place> {
        let lacks =
            |sums: &Sums| sums.objects != sums.summaries || !sums.objects.has_the_versions_of(&sums.claims);
        let settled = |place: &Place| !self.moving.contains(place) && !self.leaving.contains(&place.0);
        self.collections
            .iter()
            .filter(|(place, sums)| lacks(sums) && settled(place))
            .map(|(place, _)| *place)
            .collect()
    }
}

/// The rows of some collections.
#[derive(Default)]
struct Rows {
    objects: BTreeMap<Name, RecordVersion>,
    summaries: BTreeMap<Name, RecordVersion>,
    claims: BTreeMap<RecordVersion, Name>,
}

/// A second look, at the first of the collections that lack something.
pub(crate) struct Details {
    collections: BTreeMap<Place, Rows>,
    /// Those that are not looked at row by row.
    others: Vec<Place>,
    moving: BTreeSet<Place>,
}

impl Details {
    pub(crate) fn new(incomplete: BTreeSet<Place>) -> Self {
        let mut places = incomplete.into_iter();
        let collections = places.by_ref().take(VERIFY_DETAILS_MAX).map(|place| (place, Rows::default()));
        Self { collections: collections.collect(), others: places.collect(), moving: BTreeSet::new() }
    }

    /// Takes note of a row.
    pub(crate) fn row(&mut self, tenant: TenantId, space: Space, key: &[u8], version: RecordVersion) {
        if space == Space::Meta {
            self.moving.extend(collection(tenant, key));
            return;
        }
        let Some((place, name)) = member(tenant, space, key) else { return };
        let Some(rows) = self.collections.get_mut(&place) else { return };
        match space {
            Space::Objects => _ = rows.objects.insert(name, version),
            Space::Summaries => _ = rows.summaries.insert(name, version),
            _ => _ = rows.claims.insert(version, name),
        }
    }

    /// What is missing. A collection that has been made whole or removed since the first look is named as a whole.
    pub(crate) fn missing(self) -> Vec<Missing> {
        let mut missing = Vec::new();
        for (place, rows) in self.collections.iter().filter(|(place, _)| !self.moving.contains(*place)) {
            let before = missing.len();
            missing.extend(rows.missing().into_iter().map(|(space, name, what)| {
                (*place, space, [place.1.as_bytes().as_slice(), &name].concat(), what)
            }));
            if missing.len() == before {
                missing.push(as_a_whole(*place));
            }
        }
        missing.extend(self.others.into_iter().map(as_a_whole));
        missing
    }
}

impl Rows {
    fn missing(&self) -> Vec<(Space, Name, &'static str)> {
        let mut missing = Vec::new();
        for (name, version) in &self.objects {
            match self.summaries.get(name) {
                None => missing.push((Space::Summaries, *name, "the summary of an object is gone")),
                Some(other) if other != version => {
                    missing.push((
                        Space::Summaries,
                        *name,
                        "a summary is of another version than its object",
                    ));
                }
                Some(_) => {}
            }
            if !self.claims.contains_key(version) {
                missing.push((Space::Objects, *name, "the claim on the UID of this object is gone"));
            }
        }
        let objects: BTreeSet<_> = self.objects.values().collect();
        let mut told = BTreeSet::new();
        for (name, version) in self.summaries.iter().filter(|(name, _)| !self.objects.contains_key(*name)) {
            missing.push((Space::Objects, *name, "an object is gone: its summary is still there"));
            told.insert(version);
        }
        for (version, name) in &self.claims {
            if !objects.contains(version) && !told.contains(version) {
                missing.push((Space::Index, *name, "an object is gone: the claim on its UID is still there"));
            }
        }
        missing
    }
}

fn as_a_whole(place: Place) -> Missing {
    let what = "objects, summaries and claims on UIDs of this collection did not fit each other";
    (place, Space::Collections, place.1.as_bytes().to_vec(), what)
}

fn collection(tenant: TenantId, key: &[u8]) -> Option<Place> {
    let id = <[u8; 16]>::try_from(key).ok()?;
    Some((tenant, CollectionId::from_bytes(id)))
}

/// Where a row that belongs to an object is; `None` for any other.
fn member(tenant: TenantId, space: Space, key: &[u8]) -> Option<(Place, Name)> {
    let theirs = matches!(space, Space::Objects | Space::Summaries | Space::Index) && tenant != SYSTEM;
    let (collection, name) = key.split_first_chunk::<16>().filter(|_| theirs)?;
    Some(((tenant, CollectionId::from_bytes(*collection)), name.try_into().ok()?))
}
