//! Reading collections without their bodies: listings, time-range queries, syncs, busy time.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::{Arc, RwLock};

use almanac_backend::{
    Access, Caller, ChangedMember, Changes, CollectionPath, MemberState, ObjectName, Page, Refusal, Select,
    SyncToken,
};
use almanac_ical::series::{Budget, Busy, Window, merge_busy};
use almanac_ical::zone::Zone;
use almanac_store::StoreError;
use almanac_store::records::{ChangeRecord, Document, KeyedHash};

use crate::App;
use crate::directory::CollectionEntry;
use crate::error::AppError;
use crate::head::Moment;
use crate::index::cache::read;
use crate::index::{Indexed, Members, Slot};
use crate::limits::{BUSY_UNMERGED, CHANGES_PAGE};
use crate::summaries;
use crate::token::{self, Place};

impl App {
    /// See `Backend::list`.
    pub(crate) async fn list_members(
        &self,
        caller: &Caller,
        at: &CollectionPath,
        select: &Select,
        after: Option<&ObjectName>,
        limit: usize,
    ) -> Result<Page, AppError> {
        let entry = self.readable(caller, at)?;
        let zone = select.zone.as_ref().unwrap_or_else(|| entry.zone()).clone();
        let after = after.map(|name| entry.tenant.store.member(entry.id, name.as_str()).name);
        let mut total = Budget::REQUEST;
        let mut wanted = |slot: &Slot| matches(slot, select, &zone, &mut total);
        // Alarms lie anywhere: all members are candidates, looked at one by one.
        let narrow = select.window.or(select.alarm_window.map(|_| Window::ALL));
        let mut slots =
            self.slots(&entry, narrow.as_ref(), after, limit.saturating_add(1), &mut wanted).await?;
        let more = slots.len() > limit;
        slots.truncate(limit);
        Ok(Page { entries: slots.iter().map(|slot| slot.entry()).collect(), more })
    }

    /// See `Backend::changes`.
    pub(crate) async fn list_changes(
        &self,
        caller: &Caller,
        at: &CollectionPath,
        since: Option<&SyncToken>,
        limit: usize,
    ) -> Result<Changes, AppError> {
        let entry = self.readable(caller, at)?;
        let store = &entry.tenant.store;
        let place = match since {
            None => None,
            Some(token) => Some(token::read(store, self.store.incarnation(), entry.id, token)?),
        };
        match place {
            None => self.initial(&entry, None, limit).await,
            Some(place) => {
                self.check_moment(&entry, place.at).await?;
                match place.initial {
                    Some(hash) => self.initial(&entry, Some((place.at, hash)), limit).await,
                    None => self.since(&entry, place.at, limit).await,
                }
            }
        }
    }

    /// All present members, or those behind `from`. The log is read from where the first piece began.
    async fn initial(
        &self,
        entry: &Arc<CollectionEntry>,
        from: Option<(Moment, KeyedHash)>,
        limit: usize,
    ) -> Result<Changes, AppError> {
        // The head is taken first: what changes from here on is reported by the next sync.
        let head = match from {
            Some((at, _)) => at,
            None => self.head(entry).await?,
        };
        let after = from.map(|(_, hash)| hash);
        let mut slots = self.slots(entry, None, after, limit.saturating_add(1), &mut |_| true).await?;
        let more = slots.len() > limit;
        slots.truncate(limit);
        let initial = if more { slots.last().map(|slot| slot.hash) } else { None };
        let members = slots.iter().map(|slot| present(slot)).collect();
        Ok(Changes { members, token: self.token(entry, Place { at: head, initial }), more })
    }

    /// What changed since a moment: each member once, as it is now.
    async fn since(
        &self,
        entry: &Arc<CollectionEntry>,
        since: Moment,
        limit: usize,
    ) -> Result<Changes, AppError> {
        let store = &entry.tenant.store;
        let mut at = since;
        let mut seen = HashSet::new();
        let mut changed: Vec<(KeyedHash, String)> = Vec::new();
        let more = 'rows: loop {
            let page = match store.changes(entry.id, at.seq, CHANGES_PAGE).await {
                Ok(page) => page,
                Err(StoreError::HistoryGone) => return Err(Refusal::InvalidSyncToken.into()),
                Err(error) => return Err(error.into()),
            };
            for row in &page.rows {
                if !seen.contains(&row.object) {
                    if changed.len() == limit {
                        break 'rows true;
                    }
                    seen.insert(row.object);
                    changed.push((row.object, ChangeRecord::from_bytes(&row.value)?.name));
                }
                at = Moment::new(row.seq, Some(row.version));
            }
            if !page.more {
                break false;
            }
            tokio::task::yield_now().await;
        };
        let members = self.present_states(entry, changed, at.seq).await?;
        Ok(Changes { members, token: self.token(entry, Place { at, initial: None }), more })
    }

    /// How the named members are now; no older than the change `head`.
    async fn present_states(
        &self,
        entry: &CollectionEntry,
        changed: Vec<(KeyedHash, String)>,
        head: u64,
    ) -> Result<Vec<ChangedMember>, AppError> {
        let head = head.max(entry.head());
        match self.indexes.fresh(&entry.tenant.store, entry.id, head).await? {
            Indexed::Memory(members) => {
                let members = read(&members);
                changed.into_iter().map(|(hash, name)| state_of(members.find(&hash), &name)).collect()
            }
            Indexed::TooLarge => {
                let hashes: Vec<KeyedHash> = changed.iter().map(|(hash, _)| *hash).collect();
                let slots = summaries::some(&entry.tenant.store, entry.id, &hashes).await?;
                changed
                    .into_iter()
                    .zip(slots)
                    .map(|((_, name), slot)| state_of(slot.as_ref(), &name))
                    .collect()
            }
        }
    }

    /// See `Backend::busy`. Free-busy access is enough.
    pub(crate) async fn busy_time(
        &self,
        caller: &Caller,
        at: &CollectionPath,
        window: &Window,
    ) -> Result<Vec<Busy>, AppError> {
        let found = self.directory().find(caller, at).ok_or(Refusal::NotFound)?;
        if found.access < Access::FreeBusy {
            return Err(Refusal::NeedPrivilege.into());
        }
        let entry = found.entry;
        if entry.record.transparency != 0 {
            return Ok(Vec::new()); // RFC 6638 section 9.1: it does not count
        }
        let zone = entry.zone().clone();
        let (mut total, mut busy) = (Budget::REQUEST, BusyTime::default());
        match self.indexes.fresh(&entry.tenant.store, entry.id, entry.head()).await? {
            Indexed::Memory(members) => {
                for (count, slot) in candidates(&members, window, None).into_iter().enumerate() {
                    slot.busy(window, &zone, &mut total, &mut busy.periods)?;
                    busy.bound();
                    breathe(count).await;
                }
            }
            Indexed::TooLarge => {
                each_in_store(&entry, None, &mut |slot| {
                    slot.busy(window, &zone, &mut total, &mut busy.periods)?;
                    busy.bound();
                    Ok(ControlFlow::Continue(()))
                })
                .await?;
            }
        }
        Ok(merge_busy(busy.periods))
    }

    /// Members in order from behind `after`, at most `limit`, of those that `wanted` wants. `window` narrows
    /// the search where the index is in memory; `wanted` must decide on it.
    pub(crate) async fn slots(
        &self,
        entry: &CollectionEntry,
        window: Option<&Window>,
        after: Option<KeyedHash>,
        limit: usize,
        wanted: &mut (dyn FnMut(&Slot) -> bool + Send),
    ) -> Result<Vec<Arc<Slot>>, AppError> {
        match self.indexes.fresh(&entry.tenant.store, entry.id, entry.head()).await? {
            Indexed::Memory(members) => Ok(from_memory(&members, window, after, limit, wanted).await),
            Indexed::TooLarge => {
                let mut found = Vec::new();
                each_in_store(entry, after, &mut |slot| {
                    if wanted(&slot) {
                        found.push(Arc::new(slot));
                    }
                    Ok(if found.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
                })
                .await?;
                Ok(found)
            }
        }
    }

    /// The number of members.
    pub(crate) async fn count(&self, entry: &CollectionEntry) -> Result<u64, AppError> {
        match self.indexes.fresh(&entry.tenant.store, entry.id, entry.head()).await? {
            Indexed::Memory(members) => Ok(read(&members).len() as u64),
            Indexed::TooLarge => {
                let mut count = 0;
                each_in_store(entry, None, &mut |_| {
                    count += 1;
                    Ok(ControlFlow::Continue(()))
                })
                .await?;
                Ok(count)
            }
        }
    }

    /// The sizes of all members, in bytes.
    pub(crate) async fn used_bytes(&self, entry: &CollectionEntry) -> Result<u64, AppError> {
        match self.indexes.fresh(&entry.tenant.store, entry.id, entry.head()).await? {
            Indexed::Memory(members) => Ok(read(&members).bytes()),
            Indexed::TooLarge => {
                let mut bytes = 0;
                each_in_store(entry, None, &mut |slot| {
                    bytes += slot.bytes;
                    Ok(ControlFlow::Continue(()))
                })
                .await?;
                Ok(bytes)
            }
        }
    }

    /// The collection's last change; read from the store until the first change of this run.
    pub(crate) async fn head(&self, entry: &CollectionEntry) -> Result<Moment, AppError> {
        if entry.head() == 0 {
            let place = entry.tenant.store.collection_place(entry.id).await?;
            entry.head.raise(Moment::new(place.seq, place.version));
        }
        Ok(entry.head.get())
    }

    /// That the change a token names is one of this past: an older copy of the store, put back, has other changes
    /// under the same numbers.
    async fn check_moment(&self, entry: &CollectionEntry, at: Moment) -> Result<(), AppError> {
        if at.seq == 0 || at == entry.head.get() {
            return Ok(());
        }
        match entry.tenant.store.change_version(entry.id, at.seq).await? {
            Some(version) if Moment::new(at.seq, Some(version)) == at => Ok(()),
            _ => Err(Refusal::InvalidSyncToken.into()),
        }
    }

    /// The token of a place in the collection.
    pub(crate) fn token(&self, entry: &CollectionEntry, place: Place) -> SyncToken {
        token::write(&entry.tenant.store, self.store.incarnation(), entry.id, place)
    }
}

fn matches(slot: &Slot, select: &Select, zone: &Zone, total: &mut Budget) -> bool {
    select.kind.is_none_or(|kind| slot.kind == kind)
        && select.window.as_ref().is_none_or(|window| slot.overlaps(window, zone, total))
        && select.alarm_window.as_ref().is_none_or(|window| slot.alarm_overlaps(window, zone, total))
}

/// Busy periods that are merged from time to time, so that what overlaps does not pile up.
#[derive(Default)]
struct BusyTime {
    periods: Vec<Busy>,
    /// How many the last merge left.
    merged: usize,
}

impl BusyTime {
    /// Merges when there are twice as many as after the last time, so that each is moved a few times only.
    fn bound(&mut self) {
        if self.periods.len() >= BUSY_UNMERGED.max(self.merged.saturating_mul(2)) {
            self.periods = merge_busy(std::mem::take(&mut self.periods));
            self.merged = self.periods.len();
        }
    }
}

/// Members that may overlap the window, in order from behind `after`. The lock is held for the copy only: what
/// they really are is looked at without it.
fn candidates(members: &RwLock<Members>, window: &Window, after: Option<KeyedHash>) -> Vec<Arc<Slot>> {
    let behind = |slot: &&Arc<Slot>| after.is_none_or(|after| slot.hash > after);
    let mut found: Vec<_> = read(members).near(window).filter(behind).cloned().collect();
    found.sort_unstable_by_key(|slot| slot.hash);
    found
}

async fn from_memory(
    members: &RwLock<Members>,
    window: Option<&Window>,
    after: Option<KeyedHash>,
    limit: usize,
    wanted: &mut (dyn FnMut(&Slot) -> bool + Send),
) -> Vec<Arc<Slot>> {
    let Some(window) = window else {
        return read(members)
            .after(after.as_ref())
            .filter(|slot| wanted(slot))
            .take(limit)
            .cloned()
            .collect();
    };
    if many(members, window, limit) {
        return in_order(members, after, limit, wanted).await;
    }
    let mut found = Vec::new();
    for (count, slot) in candidates(members, window, after).into_iter().enumerate() {
        if wanted(&slot) {
            found.push(slot);
            if found.len() == limit {
                break;
            }
        }
        breathe(count).await;
    }
    found
}

/// Whether so many members may overlap the window that it is cheaper to look at all members in order: their
/// candidates would be sorted anew for each page.
fn many(members: &RwLock<Members>, window: &Window, limit: usize) -> bool {
    let members = read(members);
    let candidates = members.near(window).count();
    let pages = candidates / limit.max(1);
    candidates.saturating_mul(pages) > members.len()
}

/// Members in order from behind `after`, each looked at. The lock is held for a few of them at a time.
async fn in_order(
    members: &RwLock<Members>,
    mut after: Option<KeyedHash>,
    limit: usize,
    wanted: &mut (dyn FnMut(&Slot) -> bool + Send),
) -> Vec<Arc<Slot>> {
    let mut found = Vec::new();
    loop {
        let next: Vec<_> = read(members).after(after.as_ref()).take(BREATH).cloned().collect();
        let Some(last) = next.last() else { return found };
        after = Some(last.hash);
        for slot in next {
            if wanted(&slot) {
                found.push(slot);
                if found.len() == limit {
                    return found;
                }
            }
        }
        tokio::task::yield_now().await;
    }
}

/// Members that are looked at before others may run: an expansion is work, not waiting.
const BREATH: usize = 64;

/// Lets others run from time to time.
async fn breathe(count: usize) {
    if count % BREATH == BREATH - 1 {
        tokio::task::yield_now().await;
    }
}

/// Shows the summaries of a collection to `each`, in order from behind `after`, holding one page of them.
async fn each_in_store(
    entry: &CollectionEntry,
    after: Option<KeyedHash>,
    each: &mut (dyn FnMut(Slot) -> Result<ControlFlow<()>, AppError> + Send),
) -> Result<(), AppError> {
    let mut from = after.map(|hash| summaries::key_behind(entry.id, &hash));
    loop {
        let page = summaries::page(&entry.tenant.store, entry.id, from).await?;
        for slot in page.slots {
            if each(slot)?.is_break() {
                return Ok(());
            }
        }
        from = page.next;
        if from.is_none() {
            return Ok(());
        }
        tokio::task::yield_now().await;
    }
}

fn present(slot: &Slot) -> ChangedMember {
    ChangedMember { name: slot.name.clone(), state: MemberState::Present(slot.entry()) }
}

fn state_of(slot: Option<&Arc<Slot>>, name: &str) -> Result<ChangedMember, AppError> {
    match slot {
        Some(slot) => Ok(present(slot)),
        None => {
            let name = ObjectName::new(name).map_err(|_| AppError::Bug("a stored name is not a name"))?;
            Ok(ChangedMember { name, state: MemberState::Removed })
        }
    }
}
