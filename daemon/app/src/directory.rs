//! People, collections and shares in memory: who may see what is decided here, without a read of the store.
//!
//! Filled when the store is opened and changed only after a commit. A clinic has hundreds of people and a few
//! thousand collections; their objects are not here.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use almanac_backend::{Access, Caller, CollectionName, CollectionPath, Login, Principal, PrincipalRole};
use almanac_base::{CollectionId, CredentialId, FeedId, TenantId, UserId};
use almanac_ical::zone::Zone;
use almanac_store::records::{CollectionRecord, KeyedHash, ShareRecord, TenantRecord};
use almanac_store::{RecordVersion, TenantStore};
use jiff::Timestamp;

use crate::feeds::FeedPrivacy;
use crate::head::Head;

/// Whether a person may sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserState {
    /// Yes.
    Enabled,
    /// No: app passwords are refused, data stays.
    Disabled,
}

#[derive(Default)]
pub(crate) struct Directory {
    pub(crate) tenants: BTreeMap<TenantId, Arc<Tenant>>,
    pub(crate) users: BTreeMap<Login, Arc<User>>,
    pub(crate) by_id: HashMap<UserId, Arc<User>>,
    pub(crate) credentials: HashMap<KeyedHash, Arc<Credential>>,
    pub(crate) feeds: HashMap<KeyedHash, Arc<Feed>>,
    pub(crate) collections: HashMap<CollectionId, Arc<CollectionEntry>>,
    pub(crate) homes: HashMap<UserId, BTreeMap<CollectionName, CollectionId>>,
}

pub(crate) struct Tenant {
    pub(crate) id: TenantId,
    pub(crate) record: TenantRecord,
    pub(crate) store: Arc<TenantStore>,
    pub(crate) zone: Zone,
}

pub(crate) struct User {
    pub(crate) id: UserId,
    pub(crate) login: Login,
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) display_name: String,
    pub(crate) email: String,
    pub(crate) role: PrincipalRole,
    pub(crate) state: UserState,
    pub(crate) created: Timestamp,
}

impl User {
    pub(crate) fn principal(&self) -> Principal {
        Principal {
            user: self.id,
            login: self.login.clone(),
            display_name: self.display_name.clone(),
            email: self.email.clone(),
            role: self.role,
        }
    }
}

pub(crate) struct Credential {
    pub(crate) id: CredentialId,
    pub(crate) user: UserId,
    pub(crate) label: String,
    pub(crate) created: Timestamp,
    /// Seconds since 1970; 0: never.
    pub(crate) last_used: AtomicI64,
    /// What of `last_used` is in the store.
    pub(crate) last_written: AtomicI64,
}

/// A calendar that can be read by a secret URL. The calendar may be in the trash.
pub(crate) struct Feed {
    pub(crate) id: FeedId,
    pub(crate) owner: UserId,
    pub(crate) collection: CollectionId,
    pub(crate) privacy: FeedPrivacy,
    pub(crate) created: Timestamp,
}

pub(crate) struct CollectionEntry {
    pub(crate) id: CollectionId,
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) owner: UserId,
    pub(crate) name: CollectionName,
    pub(crate) version: RecordVersion,
    pub(crate) record: CollectionRecord,
    pub(crate) shares: BTreeMap<UserId, SharedWith>,
    /// The zone of its floating times, if it says one.
    pub(crate) zone: Option<Zone>,
    /// The last acknowledged change of a member; shared by all generations of the entry.
    pub(crate) head: Arc<Head>,
}

#[derive(Clone)]
pub(crate) struct SharedWith {
    pub(crate) access: Access,
    pub(crate) name: CollectionName,
    pub(crate) version: RecordVersion,
    pub(crate) record: ShareRecord,
}

impl CollectionEntry {
    /// The same with other shares.
    pub(crate) fn with_shares(&self, shares: BTreeMap<UserId, SharedWith>) -> Self {
        Self {
            id: self.id,
            tenant: Arc::clone(&self.tenant),
            owner: self.owner,
            name: self.name.clone(),
            version: self.version,
            record: self.record.clone(),
            shares,
            zone: self.zone.clone(),
            head: Arc::clone(&self.head),
        }
    }

    pub(crate) fn head(&self) -> u64 {
        self.head.get().seq
    }

    pub(crate) fn zone(&self) -> &Zone {
        self.zone.as_ref().unwrap_or(&self.tenant.zone)
    }

    /// What a person may do with it; `None`: not even know of it.
    pub(crate) fn access_of(&self, user: UserId) -> Option<Access> {
        if user == self.owner {
            Some(Access::Owner)
        } else {
            self.shares.get(&user).map(|share| share.access)
        }
    }
}

/// A collection found under a path, and what the caller may do with it.
pub(crate) struct Found {
    pub(crate) entry: Arc<CollectionEntry>,
    pub(crate) access: Access,
}

impl Directory {
    /// The person with this login, if they are of the caller's tenant.
    pub(crate) fn colleague(&self, caller: &Caller, login: &Login) -> Option<&Arc<User>> {
        self.users.get(login).filter(|user| user.tenant.id == caller.tenant)
    }

    /// The person with this login, if the caller may know who they are: staff know everybody of their tenant, a
    /// patient only themselves and those with whom they share a calendar.
    pub(crate) fn known(&self, caller: &Caller, login: &Login) -> Option<&Arc<User>> {
        self.colleague(caller, login).filter(|user| self.knows(caller, user))
    }

    /// All people whom the caller may know, ordered by login.
    pub(crate) fn known_people(&self, caller: &Caller) -> impl Iterator<Item = &Arc<User>> {
        let of_tenant = self.users.values().filter(|user| user.tenant.id == caller.tenant);
        of_tenant.filter(|user| self.knows(caller, user))
    }

    fn knows(&self, caller: &Caller, other: &User) -> bool {
        let is_patient = |user: &Arc<User>| user.role == PrincipalRole::Patient;
        if other.id == caller.user || self.by_id.get(&caller.user).is_some_and(|user| !is_patient(user)) {
            return true;
        }
        let shared = |owner, with| {
            let names = self.homes.get(&with).into_iter().flat_map(BTreeMap::values);
            names.filter_map(|id| self.collections.get(id)).any(|entry| entry.owner == owner)
        };
        shared(other.id, caller.user) || shared(caller.user, other.id)
    }

    /// The collection at a path, if the caller may know of it: their own, one shared with them under the name
    /// it has in their home, or under the owner's path.
    pub(crate) fn find(&self, caller: &Caller, at: &CollectionPath) -> Option<Found> {
        let home = self.colleague(caller, &at.home)?;
        let id = self.homes.get(&home.id)?.get(&at.name)?;
        let entry = self.collections.get(id)?;
        if home.id != caller.user && home.id != entry.owner {
            return None; // the name that a third person gave to something shared with them
        }
        let access = entry.access_of(caller.user)?;
        Some(Found { entry: Arc::clone(entry), access })
    }

    /// All that the caller may know of in a home, ordered by name.
    pub(crate) fn home(&self, caller: &Caller, login: &Login) -> Option<Vec<(CollectionName, Found)>> {
        let home = self.colleague(caller, login)?;
        let names = self.homes.get(&home.id);
        let found: Vec<_> = names
            .into_iter()
            .flatten()
            .filter_map(|(name, _)| {
                let at = CollectionPath { home: login.clone(), name: name.clone() };
                self.find(caller, &at).map(|found| (name.clone(), found))
            })
            .collect();
        (home.id == caller.user || !found.is_empty()).then_some(found)
    }

    pub(crate) fn put_user(&mut self, user: Arc<User>) {
        self.users.insert(user.login.clone(), Arc::clone(&user));
        self.by_id.insert(user.id, user);
    }

    /// The secrets of a person's feeds, as keys.
    pub(crate) fn feeds_of(&self, owner: UserId) -> impl Iterator<Item = &KeyedHash> {
        self.feeds.iter().filter(move |(_, feed)| feed.owner == owner).map(|(hash, _)| hash)
    }

    /// Forgets a person, their calendars and feeds, and what others shared with them.
    pub(crate) fn remove_person(&mut self, user: &User, credentials: &[KeyedHash]) {
        for hash in credentials {
            self.credentials.remove(hash);
        }
        self.feeds.retain(|_, feed| feed.owner != user.id);
        self.users.remove(&user.login);
        let home: Vec<CollectionId> =
            self.homes.get(&user.id).into_iter().flat_map(BTreeMap::values).copied().collect();
        for id in home {
            let Some(entry) = self.collections.get_mut(&id) else { continue };
            if entry.owner == user.id {
                self.remove_collection(id);
            } else {
                let mut shares = entry.shares.clone();
                shares.remove(&user.id);
                *entry = Arc::new(entry.with_shares(shares));
            }
        }
        self.by_id.remove(&user.id);
        self.homes.remove(&user.id);
    }

    pub(crate) fn put_collection(&mut self, entry: CollectionEntry) {
        let entry = Arc::new(entry);
        self.homes.entry(entry.owner).or_default().insert(entry.name.clone(), entry.id);
        for (user, share) in &entry.shares {
            self.homes.entry(*user).or_default().insert(share.name.clone(), entry.id);
        }
        self.collections.insert(entry.id, entry);
    }

    /// Goes on with the heads that writers on their way already hold.
    pub(crate) fn keep_heads(&mut self, old: &Self) {
        for (id, entry) in &mut self.collections {
            if let (Some(old), Some(entry)) = (old.collections.get(id), Arc::get_mut(entry)) {
                entry.head = Arc::clone(&old.head);
            }
        }
    }

    /// Forgets a collection and every name it has.
    pub(crate) fn remove_collection(&mut self, id: CollectionId) {
        let Some(entry) = self.collections.remove(&id) else { return };
        self.remove_name(entry.owner, &entry.name);
        for (user, share) in &entry.shares {
            self.remove_name(*user, &share.name);
        }
    }

    pub(crate) fn remove_name(&mut self, user: UserId, name: &CollectionName) {
        if let Some(names) = self.homes.get_mut(&user) {
            names.remove(name);
        }
    }
}
