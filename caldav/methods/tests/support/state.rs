//! What the in-memory backend remembers, and the questions it asks of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use almanac_backend::{
    Access, Caller, Collection, CollectionKind, CollectionName, CollectionPath, DeadProperty, ETag, Entry,
    Login, ObjectName, ObjectPath, Overwrite, Principal, PropertyChange, Refusal, Share, StoredObject,
    SyncToken, Transparency, WriteGuard,
};
use almanac_base::TenantId;
use almanac_ical::zone::{Zone, Zones};
use almanac_ical::{CalendarObject, ComponentKind, Limits, parse_timezone};
use bytes::Bytes;
use jiff::Timestamp;

pub struct Person {
    pub tenant: TenantId,
    pub principal: Principal,
    pub password: String,
}

/// A collection under a name in a home: its owner's, or a share of another's.
#[derive(Clone)]
pub enum Slot {
    Own(u64),
    Shared { id: u64, access: Access, display_name: Option<String>, dead: Vec<DeadProperty> },
}

#[derive(Clone)]
pub struct Cal {
    pub owner: Login,
    pub kind: CollectionKind,
    pub display_name: Option<String>,
    pub description: Option<String>,
    pub timezone: Option<String>,
    pub timezone_id: Option<String>,
    pub components: BTreeSet<ComponentKind>,
    pub transparency: Transparency,
    pub dead: Vec<DeadProperty>,
    pub shares: Vec<Share>,
    pub created: Timestamp,
    pub objects: BTreeMap<ObjectName, Stored>,
    /// The sequence of the last change of each name that was ever there, and of its first appearance.
    pub changed: BTreeMap<ObjectName, u64>,
    /// Counts changes of members.
    pub head: u64,
    /// Counts changes of properties as well.
    pub tag: u64,
}

#[derive(Clone)]
pub struct Stored {
    pub object: StoredObject,
    pub parsed: Arc<CalendarObject>,
    pub dead: Vec<DeadProperty>,
}

#[derive(Default)]
pub struct State {
    pub people: BTreeMap<String, Person>,
    pub homes: BTreeMap<Login, BTreeMap<CollectionName, Slot>>,
    pub cals: BTreeMap<u64, Cal>,
    pub next: u64,
    /// The zone of the tenants, for collections without one; UTC if none is set.
    pub zone: Option<Zone>,
}

/// The order of names in listings.
pub type Homes = BTreeMap<CollectionName, Slot>;

impl State {
    pub fn fresh(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// The home of `login`, if the caller may know of it: their own, and those in which something is shared
    /// with them are seen through their own home only.
    pub fn home(&self, caller: &Caller, login: &Login) -> Option<&Homes> {
        if *login == caller.login { self.homes.get(login) } else { None }
    }

    /// Where a path leads, and what the caller may do there.
    pub fn find(&self, caller: &Caller, at: &CollectionPath) -> Option<(u64, Access)> {
        match self.home(caller, &at.home)?.get(&at.name)? {
            Slot::Own(id) => Some((*id, Access::Owner)),
            Slot::Shared { id, access, .. } => Some((*id, *access)),
        }
    }

    /// Whether a collection is at the target of a COPY or MOVE, and may go.
    pub fn replaceable(
        &self,
        caller: &Caller,
        to: &CollectionPath,
        overwrite: Overwrite,
    ) -> Result<bool, Refusal> {
        self.home(caller, &to.home).ok_or(Refusal::ParentMissing)?;
        match self.find(caller, to) {
            None => Ok(false),
            Some(_) if overwrite == Overwrite::Refuse => Err(Refusal::PreconditionFailed),
            Some((_, access)) if access < Access::Owner => Err(Refusal::NeedPrivilege),
            Some(_) => Ok(true),
        }
    }

    pub fn readable(&self, caller: &Caller, at: &CollectionPath) -> Result<Option<&Cal>, Refusal> {
        match self.find(caller, at) {
            None => Ok(None),
            Some((_, Access::FreeBusy)) => Err(Refusal::NeedPrivilege),
            Some((id, _)) => Ok(self.cals.get(&id)),
        }
    }

    pub fn writable(&mut self, caller: &Caller, at: &CollectionPath) -> Result<&mut Cal, Refusal> {
        match self.find(caller, at) {
            None => Err(Refusal::NotFound),
            Some((id, access)) if access >= Access::ReadWrite => {
                self.cals.get_mut(&id).ok_or(Refusal::NotFound)
            }
            Some(_) => Err(Refusal::NeedPrivilege),
        }
    }

    /// Where the floating times of a calendar are: what was set last of the two properties.
    pub fn zone_of(&self, cal: &Cal) -> Zone {
        let by_id = || cal.timezone_id.as_deref().and_then(Zone::iana);
        let by_text = || {
            let calendar =
                parse_timezone(cal.timezone.as_deref()?.trim().as_bytes(), &Limits::default()).ok()?;
            let id = calendar.components().first()?.property("TZID")?.text();
            Some(Zones::read(&calendar).resolve(&id).zone)
        };
        by_id().or_else(by_text).or_else(|| self.zone.clone()).unwrap_or_else(Zone::utc)
    }

    /// Whether a guard holds of a collection's tag.
    pub fn check_tag(&self, caller: &Caller, at: &CollectionPath, guard: &WriteGuard) -> Result<(), Refusal> {
        let tag = self.collection(caller, at).map(|found| ETag::from_opaque(&found.tag));
        if guard.holds(tag.as_ref()) { Ok(()) } else { Err(Refusal::PreconditionFailed) }
    }

    pub fn collection(&self, caller: &Caller, at: &CollectionPath) -> Option<Collection> {
        let slot = self.home(caller, &at.home)?.get(&at.name)?;
        let (id, access, display_name, dead) = match slot {
            Slot::Own(id) => (*id, Access::Owner, None, None),
            Slot::Shared { id, access, display_name, dead } => {
                (*id, *access, display_name.clone(), Some(dead.clone()))
            }
        };
        let cal = self.cals.get(&id)?;
        Some(Collection {
            name: at.name.clone(),
            owner: cal.owner.clone(),
            kind: cal.kind,
            access,
            display_name: display_name.or_else(|| cal.display_name.clone()),
            description: cal.description.clone(),
            timezone: cal.timezone.clone(),
            timezone_id: cal.timezone_id.clone(),
            zone: self.zone_of(cal),
            components: cal.components.clone(),
            transparency: cal.transparency,
            dead: dead.unwrap_or_else(|| cal.dead.clone()),
            shares: if access == Access::Owner { cal.shares.clone() } else { Vec::new() },
            created: cal.created,
            sync_token: token(id, cal.head),
            tag: format!("{id}-{}", cal.tag),
        })
    }
}

impl Cal {
    pub fn new(
        owner: Login,
        kind: CollectionKind,
        components: BTreeSet<ComponentKind>,
        created: Timestamp,
    ) -> Self {
        let components = if components.is_empty() { ComponentKind::ALL.into() } else { components };
        Self {
            owner,
            kind,
            display_name: None,
            description: None,
            timezone: None,
            timezone_id: None,
            components,
            transparency: Transparency::Opaque,
            dead: Vec::new(),
            shares: Vec::new(),
            created,
            objects: BTreeMap::new(),
            changed: BTreeMap::new(),
            head: 0,
            tag: 0,
        }
    }

    pub fn apply(&mut self, changes: &[PropertyChange]) {
        self.tag += 1;
        for change in changes {
            match change.clone() {
                PropertyChange::DisplayName(text) => self.display_name = text,
                PropertyChange::Description(text) => self.description = text,
                PropertyChange::Timezone(text) => self.timezone = text,
                PropertyChange::TimezoneId(text) => self.timezone_id = text,
                PropertyChange::Transparency(value) => self.transparency = value,
                PropertyChange::SetDead(property) => set_dead(&mut self.dead, property),
                PropertyChange::RemoveDead(namespace, local) => {
                    self.dead.retain(|dead| dead.namespace != namespace || dead.local != local);
                }
            }
        }
    }

    /// What a write of `object` under `name` would violate.
    pub fn check(
        &self,
        at: &CollectionPath,
        name: &ObjectName,
        object: &CalendarObject,
    ) -> Result<(), Refusal> {
        if self.kind != CollectionKind::Calendar {
            return Err(Refusal::LocationNotOk);
        }
        if !self.components.contains(&object.kind()) {
            return Err(Refusal::UnsupportedComponent);
        }
        let twin = self.objects.iter().find(|(other, it)| *other != name && it.parsed.uid() == object.uid());
        match twin {
            Some((other, _)) => {
                Err(Refusal::UidConflict(ObjectPath { collection: at.clone(), name: other.clone() }))
            }
            None => Ok(()),
        }
    }

    pub fn store(
        &mut self,
        version: u64,
        name: &ObjectName,
        object: &CalendarObject,
        now: Timestamp,
    ) -> ETag {
        let etag = ETag::from_version(u128::from(version).to_be_bytes());
        let created = self.objects.get(name).map_or(now, |old| old.object.created);
        let stored = StoredObject {
            name: name.clone(),
            etag: etag.clone(),
            body: Bytes::copy_from_slice(object.bytes()),
            kind: object.kind(),
            created,
            modified: now,
        };
        let dead = self.objects.remove(name).map(|old| old.dead).unwrap_or_default();
        self.objects.insert(name.clone(), Stored { object: stored, parsed: Arc::new(object.clone()), dead });
        self.touch(name);
        etag
    }

    pub fn touch(&mut self, name: &ObjectName) {
        self.head += 1;
        self.tag += 1;
        self.changed.insert(name.clone(), self.head);
    }

    pub fn etag(&self, name: &ObjectName) -> Option<&ETag> {
        self.objects.get(name).map(|stored| &stored.object.etag)
    }
}

pub fn set_dead(all: &mut Vec<DeadProperty>, property: DeadProperty) {
    all.retain(|dead| dead.namespace != property.namespace || dead.local != property.local);
    all.push(property);
}

pub fn entry(object: &StoredObject) -> Entry {
    Entry {
        name: object.name.clone(),
        etag: object.etag.clone(),
        kind: object.kind,
        bytes: object.body.len() as u64,
        created: object.created,
        modified: object.modified,
    }
}

pub fn token(id: u64, sequence: u64) -> SyncToken {
    SyncToken::new(&format!("urn:test:sync:{id}:{sequence}"))
}

/// The sequence of a token of collection `id`.
pub fn sequence(id: u64, head: u64, token: &SyncToken) -> Result<u64, Refusal> {
    let sequence =
        token.as_str().strip_prefix(&format!("urn:test:sync:{id}:")).and_then(|text| text.parse().ok());
    sequence.filter(|sequence| *sequence <= head).ok_or(Refusal::InvalidSyncToken)
}
