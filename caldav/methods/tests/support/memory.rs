//! A backend in memory with honest semantics: every call is one step under one lock.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use almanac_backend::types::CopyMembers;
use almanac_backend::*;
use almanac_base::{Clock, ManualClock, Secret, TenantId, UserId};
use almanac_ical::series::{Budget, Busy, Series, Window, merge_busy};
use almanac_ical::zone::Zone;
use almanac_ical::{CalendarObject, ComponentKind};
use async_trait::async_trait;

use super::state::{Cal, Person, Slot, State, Stored, entry, sequence, set_dead, token};

/// What every call but the sign-in answers, when a test wants a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    NoSpace,
    Unavailable,
    Internal,
    QuotaExceeded,
}

pub struct Memory {
    state: Mutex<State>,
    fault: Mutex<Option<Fault>>,
    clock: Arc<ManualClock>,
    bodies_read: AtomicUsize,
    properties_at_once: AtomicUsize,
    calls: AtomicUsize,
    page_max: AtomicUsize,
}

impl Memory {
    pub fn new(clock: Arc<ManualClock>) -> Self {
        let memory = Self {
            state: Mutex::default(),
            fault: Mutex::default(),
            clock,
            bodies_read: AtomicUsize::new(0),
            properties_at_once: AtomicUsize::new(0),
            calls: AtomicUsize::new(0),
            page_max: AtomicUsize::new(usize::MAX),
        };
        memory.add_person("erika", 1, "Erika Beispiel", PrincipalRole::Practitioner);
        memory.add_person("max", 1, "Max Muster", PrincipalRole::FrontDesk);
        memory.add_person("otto", 2, "Otto Fremd", PrincipalRole::Practitioner);
        memory
    }

    pub fn add_person(&self, login: &str, tenant: u8, display_name: &str, role: PrincipalRole) {
        let name = Login::new(login).unwrap();
        let mut state = self.lock();
        let number = u8::try_from(state.people.len() + 1).unwrap();
        let principal = Principal {
            user: UserId::from_bytes([number; 16]),
            login: name.clone(),
            display_name: display_name.to_owned(),
            email: format!("{login}@example.org"),
            role,
        };
        let tenant = TenantId::from_bytes([tenant; 16]);
        state
            .people
            .insert(login.to_owned(), Person { tenant, principal, password: format!("{login}-password") });
        let events = [ComponentKind::Event, ComponentKind::Journal, ComponentKind::FreeBusy];
        for (collection, kinds) in
            [("calendar", BTreeSet::from(events)), ("tasks", [ComponentKind::Todo].into())]
        {
            let id = state.fresh();
            state.cals.insert(id, Cal::new(name.clone(), CollectionKind::Calendar, kinds, self.clock.now()));
            let home = state.homes.entry(name.clone()).or_default();
            home.insert(CollectionName::new(collection).unwrap(), Slot::Own(id));
        }
    }

    /// Shares a collection as `owner-name` in the other's home.
    pub fn share(&self, owner: &str, name: &str, with: &str, access: Access) {
        let (owner, with) = (Login::new(owner).unwrap(), Login::new(with).unwrap());
        let mut state = self.lock();
        let Slot::Own(id) = state.homes[&owner][&CollectionName::new(name).unwrap()] else {
            panic!("not an own one")
        };
        state.cals.get_mut(&id).unwrap().shares.push(Share { login: with.clone(), access });
        let theirs = CollectionName::new(&format!("{}-{name}", owner.as_str())).unwrap();
        let slot = Slot::Shared { id, access, display_name: None, dead: Vec::new() };
        state.homes.get_mut(&with).unwrap().insert(theirs, slot);
    }

    /// Moves all tenants to a zone.
    pub fn live_in(&self, zone: &str) {
        self.lock().zone = Zone::iana(zone);
    }

    /// From now on no page of a listing or a sync is longer than this, whatever its limit allows.
    pub fn page_max(&self, members: usize) {
        self.page_max.store(members, Ordering::Relaxed);
    }

    /// From now on every call but the sign-in fails like this.
    pub fn fail(&self, fault: Option<Fault>) {
        *self.fault.lock().unwrap() = fault;
    }

    /// Bodies handed out so far.
    pub fn bodies_read(&self) -> usize {
        self.bodies_read.load(Ordering::Relaxed)
    }

    /// The most objects whose dead properties were asked for in one call.
    pub fn properties_at_once(&self) -> usize {
        self.properties_at_once.load(Ordering::Relaxed)
    }

    /// Calls so far, without sign-ins.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    /// Members of all collections together.
    pub fn objects_stored(&self) -> usize {
        self.lock().cals.values().map(|cal| cal.objects.len()).sum()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn enter(&self) -> Result<MutexGuard<'_, State>, BackendError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        match *self.fault.lock().unwrap() {
            None => Ok(self.lock()),
            Some(Fault::NoSpace) => Err(BackendError::NoSpace),
            Some(Fault::Unavailable) => Err(BackendError::Unavailable),
            Some(Fault::Internal) => Err(BackendError::Internal("a secret of the machine room".into())),
            Some(Fault::QuotaExceeded) => Err(Refusal::QuotaExceeded.into()),
        }
    }

    fn hand_out(&self, stored: &Stored) -> StoredObject {
        self.bodies_read.fetch_add(1, Ordering::Relaxed);
        stored.object.clone()
    }
}

fn outcome(replaced: bool, etag: Option<ETag>) -> PutOutcome {
    if replaced { PutOutcome::Replaced(etag) } else { PutOutcome::Created(etag) }
}

fn selected(stored: &Stored, select: &Select, own: &Zone) -> Result<bool, BackendError> {
    let Some(kind) = select.kind else { return Ok(true) };
    if stored.object.kind != kind {
        return Ok(false);
    }
    if select.window.is_none() && select.alarm_window.is_none() {
        return Ok(true);
    }
    let series =
        Series::read(stored.parsed.calendar()).map_err(|error| BackendError::Internal(error.into()))?;
    let zone = select.zone.as_ref().unwrap_or(own).clone();
    let times = match &select.window {
        // What costs too much to tell counts as overlapping, as in the app.
        Some(window) => series.overlaps(kind, window, &zone, &mut { Budget::SERIES }).unwrap_or(true),
        None => true,
    };
    let alarms = match &select.alarm_window {
        Some(window) => series.alarm_overlaps(kind, window, &zone, &mut { Budget::SERIES }).unwrap_or(true),
        None => true,
    };
    Ok(times && alarms)
}

#[async_trait]
impl Backend for Memory {
    async fn authenticate(&self, login: &str, password: &Secret) -> Result<Option<Caller>, BackendError> {
        let state = self.lock();
        let person = state.people.get(login).filter(|person| person.password == password.expose());
        Ok(person.map(|it| Caller {
            tenant: it.tenant,
            user: it.principal.user,
            login: it.principal.login.clone(),
        }))
    }

    async fn principal(&self, caller: &Caller, login: &Login) -> Result<Option<Principal>, BackendError> {
        let state = self.enter()?;
        let person = state.people.get(login.as_str()).filter(|person| person.tenant == caller.tenant);
        Ok(person.map(|person| person.principal.clone()))
    }

    async fn principals(&self, caller: &Caller) -> Result<Vec<Principal>, BackendError> {
        let state = self.enter()?;
        let own = state.people.values().filter(|person| person.tenant == caller.tenant);
        Ok(own.map(|person| person.principal.clone()).collect())
    }

    async fn home(&self, caller: &Caller, login: &Login) -> Result<Option<Vec<Collection>>, BackendError> {
        let state = self.enter()?;
        let Some(home) = state.home(caller, login) else { return Ok(None) };
        let at = |name: &CollectionName| CollectionPath { home: login.clone(), name: name.clone() };
        Ok(Some(home.keys().filter_map(|name| state.collection(caller, &at(name))).collect()))
    }

    async fn quota(&self, caller: &Caller, login: &Login) -> Result<Option<Quota>, BackendError> {
        let state = self.enter()?;
        let Some(home) = state.home(caller, login) else { return Ok(None) };
        let own = home.values().filter_map(|slot| match slot {
            Slot::Own(id) => state.cals.get(id),
            Slot::Shared { .. } => None,
        });
        let bytes = own.flat_map(|cal| cal.objects.values()).map(|stored| stored.object.body.len() as u64);
        Ok(Some(Quota { used_bytes: bytes.sum(), available_bytes: 1_000_000 }))
    }

    async fn collection(
        &self,
        caller: &Caller,
        at: &CollectionPath,
    ) -> Result<Option<Collection>, BackendError> {
        Ok(self.enter()?.collection(caller, at))
    }

    async fn create_collection(
        &self,
        caller: &Caller,
        at: &CollectionPath,
        new: NewCollection,
    ) -> Result<(), BackendError> {
        let mut state = self.enter()?;
        let home = state.home(caller, &at.home).ok_or(Refusal::NotFound)?;
        if home.contains_key(&at.name) {
            return Err(Refusal::AlreadyExists.into());
        }
        let id = state.fresh();
        let mut cal = Cal::new(at.home.clone(), new.kind, new.components, self.clock.now());
        cal.apply(&new.properties);
        state.cals.insert(id, cal);
        state.homes.entry(at.home.clone()).or_default().insert(at.name.clone(), Slot::Own(id));
        Ok(())
    }

    async fn change_properties(
        &self,
        caller: &Caller,
        at: &CollectionPath,
        changes: &[PropertyChange],
        guard: &WriteGuard,
    ) -> Result<(), BackendError> {
        let mut state = self.enter()?;
        state.check_tag(caller, at, guard)?;
        let (id, _) = state.find(caller, at).ok_or(Refusal::NotFound)?;
        let too_long = |change: &PropertyChange| matches!(change, PropertyChange::DisplayName(Some(text)) if text.len() > 64 << 10);
        if changes.iter().any(too_long) {
            return Err(Refusal::QuotaExceeded.into());
        }
        let slot =
            state.homes.get_mut(&at.home).and_then(|home| home.get_mut(&at.name)).ok_or(Refusal::NotFound)?;
        let Slot::Shared { display_name, dead, .. } = slot else {
            state.cals.get_mut(&id).ok_or(Refusal::NotFound)?.apply(changes);
            return Ok(());
        };
        let own = |change: &PropertyChange| {
            use PropertyChange::{DisplayName, RemoveDead, SetDead};
            matches!(change, DisplayName(_) | SetDead(_) | RemoveDead(..))
        };
        if !changes.iter().all(own) {
            return Err(Refusal::NeedPrivilege.into());
        }
        for change in changes.iter().cloned() {
            match change {
                PropertyChange::DisplayName(text) => *display_name = text,
                PropertyChange::SetDead(property) => set_dead(dead, property),
                PropertyChange::RemoveDead(ns, local) => {
                    dead.retain(|it| it.namespace != ns || it.local != local);
                }
                _ => {}
            }
        }
        Ok(())
    }

    async fn delete_collection(
        &self,
        caller: &Caller,
        at: &CollectionPath,
        guard: &WriteGuard,
    ) -> Result<(), BackendError> {
        let mut state = self.enter()?;
        state.check_tag(caller, at, guard)?;
        let (id, access) = state.find(caller, at).ok_or(Refusal::NotFound)?;
        state.homes.get_mut(&at.home).and_then(|home| home.remove(&at.name)).ok_or(Refusal::NotFound)?;
        if access == Access::Owner {
            state.cals.remove(&id);
            for home in state.homes.values_mut() {
                home.retain(|_, slot| !matches!(slot, Slot::Shared { id: shared, .. } if *shared == id));
            }
        }
        Ok(())
    }

    async fn rename_collection(
        &self,
        caller: &Caller,
        from: &CollectionPath,
        to: &CollectionPath,
        overwrite: Overwrite,
    ) -> Result<PutOutcome, BackendError> {
        let mut state = self.enter()?;
        state.find(caller, from).ok_or(Refusal::NotFound)?;
        let replaced = state.replaceable(caller, to, overwrite)?;
        let home = state.homes.get_mut(&from.home).ok_or(Refusal::NotFound)?;
        let slot = home.remove(&from.name).ok_or(Refusal::NotFound)?;
        home.insert(to.name.clone(), slot);
        Ok(outcome(replaced, None))
    }

    async fn copy_collection(
        &self,
        caller: &Caller,
        from: &CollectionPath,
        to: &CollectionPath,
        members: CopyMembers,
        overwrite: Overwrite,
    ) -> Result<PutOutcome, BackendError> {
        let mut state = self.enter()?;
        let source = state.readable(caller, from)?.ok_or(Refusal::NotFound)?.clone();
        let replaced = state.replaceable(caller, to, overwrite)?;
        let mut copy = Cal { owner: to.home.clone(), shares: Vec::new(), ..source };
        copy.changed.clear();
        let objects = std::mem::take(&mut copy.objects);
        for (name, stored) in objects.iter().filter(|_| members == CopyMembers::All) {
            copy.store(state.fresh(), name, &stored.parsed, self.clock.now());
        }
        let id = state.fresh();
        state.cals.insert(id, copy);
        state.homes.entry(to.home.clone()).or_default().insert(to.name.clone(), Slot::Own(id));
        Ok(outcome(replaced, None))
    }

    async fn object(&self, caller: &Caller, at: &ObjectPath) -> Result<Option<StoredObject>, BackendError> {
        let state = self.enter()?;
        let cal = state.readable(caller, &at.collection)?;
        Ok(cal.and_then(|cal| cal.objects.get(&at.name)).map(|stored| self.hand_out(stored)))
    }

    async fn objects(
        &self,
        caller: &Caller,
        at: &CollectionPath,
        names: &[ObjectName],
    ) -> Result<Vec<Option<StoredObject>>, BackendError> {
        let state = self.enter()?;
        let cal = state.readable(caller, at)?.ok_or(Refusal::NotFound)?;
        Ok(names.iter().map(|name| cal.objects.get(name).map(|stored| self.hand_out(stored))).collect())
    }

    async fn put_object(
        &self,
        caller: &Caller,
        at: &ObjectPath,
        body: &CalendarObject,
        guard: &WriteGuard,
    ) -> Result<PutOutcome, BackendError> {
        let mut state = self.enter()?;
        let version = state.fresh();
        let cal = state.writable(caller, &at.collection).map_err(|refusal| match refusal {
            Refusal::NotFound => Refusal::ParentMissing,
            other => other,
        })?;
        if !guard.holds(cal.etag(&at.name)) {
            return Err(Refusal::PreconditionFailed.into());
        }
        cal.check(&at.collection, &at.name, body)?;
        let replaced = cal.objects.contains_key(&at.name);
        let etag = cal.store(version, &at.name, body, self.clock.now());
        Ok(outcome(replaced, Some(etag)))
    }

    async fn delete_object(
        &self,
        caller: &Caller,
        at: &ObjectPath,
        guard: &WriteGuard,
    ) -> Result<(), BackendError> {
        let mut state = self.enter()?;
        let cal = state.writable(caller, &at.collection)?;
        let current = cal.etag(&at.name);
        // What is missing is missing, whatever the guard wants of it (RFC 9110 section 13.2.1).
        if current.is_none() {
            return Err(Refusal::NotFound.into());
        }
        if !guard.holds(current) {
            return Err(Refusal::PreconditionFailed.into());
        }
        cal.objects.remove(&at.name).ok_or(Refusal::NotFound)?;
        cal.touch(&at.name);
        Ok(())
    }

    async fn object_properties(
        &self,
        caller: &Caller,
        at: &CollectionPath,
        names: &[ObjectName],
    ) -> Result<Vec<Vec<DeadProperty>>, BackendError> {
        let state = self.enter()?;
        let cal = state.readable(caller, at)?.ok_or(Refusal::NotFound)?;
        self.properties_at_once.fetch_max(names.len(), Ordering::Relaxed);
        let dead = |name| cal.objects.get(name).map(|stored| stored.dead.clone()).unwrap_or_default();
        Ok(names.iter().map(dead).collect())
    }

    async fn change_object_properties(
        &self,
        caller: &Caller,
        at: &ObjectPath,
        changes: &[PropertyChange],
        guard: &WriteGuard,
    ) -> Result<(), BackendError> {
        let mut state = self.enter()?;
        let cal = state.writable(caller, &at.collection)?;
        let holds = guard.holds(cal.etag(&at.name));
        let stored = cal.objects.get_mut(&at.name).ok_or(Refusal::NotFound)?;
        if !holds {
            return Err(Refusal::PreconditionFailed.into());
        }
        for change in changes.iter().cloned() {
            match change {
                PropertyChange::SetDead(property) => set_dead(&mut stored.dead, property),
                PropertyChange::RemoveDead(ns, local) => {
                    stored.dead.retain(|it| it.namespace != ns || it.local != local);
                }
                _ => return Err(Refusal::ProtectedProperty.into()),
            }
        }
        Ok(())
    }

    async fn move_object(
        &self,
        caller: &Caller,
        from: &ObjectPath,
        to: &ObjectPath,
        guard: &WriteGuard,
        overwrite: Overwrite,
    ) -> Result<PutOutcome, BackendError> {
        let mut state = self.enter()?;
        transfer(&mut state, caller, (from, to), guard, overwrite, Source::Removed, self.clock.now())
    }

    async fn copy_object(
        &self,
        caller: &Caller,
        from: &ObjectPath,
        to: &ObjectPath,
        guard: &WriteGuard,
        overwrite: Overwrite,
    ) -> Result<PutOutcome, BackendError> {
        let mut state = self.enter()?;
        transfer(&mut state, caller, (from, to), guard, overwrite, Source::Kept, self.clock.now())
    }

    async fn list(
        &self,
        caller: &Caller,
        at: &CollectionPath,
        select: &Select,
        after: Option<&ObjectName>,
        limit: usize,
    ) -> Result<Page, BackendError> {
        let state = self.enter()?;
        let cal = state.readable(caller, at)?.ok_or(Refusal::NotFound)?;
        let mut page = Page::default();
        for (name, stored) in &cal.objects {
            if after.is_some_and(|after| name <= after) || !selected(stored, select, &state.zone_of(cal))? {
                continue;
            }
            if page.entries.len() == limit {
                page.more = true;
                break;
            }
            page.entries.push(entry(&stored.object));
        }
        Ok(page)
    }

    async fn changes(
        &self,
        caller: &Caller,
        at: &CollectionPath,
        since: Option<&SyncToken>,
        limit: usize,
    ) -> Result<Changes, BackendError> {
        let state = self.enter()?;
        let (id, _) = state.find(caller, at).ok_or(Refusal::NotFound)?;
        let cal = state.readable(caller, at)?.ok_or(Refusal::NotFound)?;
        let limit = limit.min(self.page_max.load(Ordering::Relaxed));
        let from = since.map(|since| sequence(id, cal.head, since)).transpose()?;
        let mut changed: Vec<(u64, &ObjectName)> = cal
            .changed
            .iter()
            .filter(|(name, at)| from.map_or(cal.objects.contains_key(*name), |from| **at > from))
            .map(|(name, at)| (*at, name))
            .collect();
        changed.sort_unstable();
        let more = changed.len() > limit;
        changed.truncate(limit);
        let reached = if more { changed.last().map_or(from.unwrap_or(0), |(at, _)| *at) } else { cal.head };
        let member = |(_, name): (u64, &ObjectName)| ChangedMember {
            name: name.clone(),
            state: cal
                .objects
                .get(name)
                .map_or(MemberState::Removed, |it| MemberState::Present(entry(&it.object))),
        };
        Ok(Changes { members: changed.into_iter().map(member).collect(), token: token(id, reached), more })
    }

    async fn busy(
        &self,
        caller: &Caller,
        at: &CollectionPath,
        window: &Window,
    ) -> Result<Vec<Busy>, BackendError> {
        let state = self.enter()?;
        let (id, _) = state.find(caller, at).ok_or(Refusal::NotFound)?;
        let cal = state.cals.get(&id).ok_or(Refusal::NotFound)?;
        let zone = state.zone_of(cal);
        let mut busy = Vec::new();
        for stored in cal.objects.values() {
            let series =
                Series::read(stored.parsed.calendar()).map_err(|it| BackendError::Internal(it.into()))?;
            series
                .busy(window, &zone, &mut { Budget::SERIES }, &mut busy)
                .map_err(|_| Refusal::MaxInstances)?;
        }
        Ok(merge_busy(busy))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Kept,
    Removed,
}

/// COPY and MOVE of an object. The guard is of the source, which is the target of the request.
fn transfer(
    state: &mut State,
    caller: &Caller,
    (from, to): (&ObjectPath, &ObjectPath),
    guard: &WriteGuard,
    overwrite: Overwrite,
    source: Source,
    now: jiff::Timestamp,
) -> Result<PutOutcome, BackendError> {
    if source == Source::Removed {
        state.writable(caller, &from.collection)?;
    }
    let origin = state.readable(caller, &from.collection)?.ok_or(Refusal::NotFound)?;
    let holds = guard.holds(origin.etag(&from.name));
    let object = origin.objects.get(&from.name).map(|stored| Arc::clone(&stored.parsed));
    let version = state.fresh();
    let target = state.writable(caller, &to.collection).map_err(|refusal| match refusal {
        Refusal::NotFound => Refusal::ParentMissing,
        other => other,
    })?;
    let object = object.ok_or(Refusal::NotFound)?;
    if !holds {
        return Err(Refusal::PreconditionFailed.into());
    }
    let replaced = target.objects.contains_key(&to.name);
    if replaced && overwrite == Overwrite::Refuse {
        return Err(Refusal::PreconditionFailed.into());
    }
    match target.check(&to.collection, &to.name, &object) {
        // A member that moves within its collection is no twin of itself.
        Err(Refusal::UidConflict(twin)) if source == Source::Removed && twin == *from => {}
        checked => checked?,
    }
    let etag = target.store(version, &to.name, &object, now);
    if source == Source::Removed {
        let origin = state.writable(caller, &from.collection)?;
        origin.objects.remove(&from.name);
        origin.touch(&from.name);
    }
    Ok(outcome(replaced, Some(etag)))
}
