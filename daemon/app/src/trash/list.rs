//! What is in the trash, for the operator.

use std::sync::Arc;

use almanac_base::{CollectionId, Redacted, TrashId, UserId};
use almanac_ical::CalendarObject;
use almanac_store::records::{Document, SummaryRecord, TrashRecord, TrashedRecord};
use almanac_store::{Key, Order, Space, prefix_range};

use super::{Naming, TrashEntry, TrashList, TrashNames, TrashScope, kind};
use crate::App;
use crate::directory::{Tenant, User};
use crate::error::AppError;
use crate::limits::{PURGE_BATCH, SUMMARIES_PAGE, TRASH_LABEL_CHARS, TRASH_LISTED_MAX};
use crate::open::{id, instant};

/// A scope whose names are understood.
pub(super) struct Wanted {
    owner: Option<(UserId, Arc<Tenant>)>,
    calendar: Option<String>,
}

impl App {
    /// The newest entries of a part of the trash, newest first, as many as a list shows.
    ///
    /// # Errors
    /// `NotFound` if there is no such person.
    pub async fn trash(&self, scope: &TrashScope, naming: Naming) -> Result<TrashList, AppError> {
        let wanted = self.wanted(scope)?;
        let mut list = TrashList { entries: Vec::new(), more: false };
        for tenant in self.tenants_of(&wanted) {
            self.list_tenant(&tenant, &wanted, naming, &mut list).await?;
        }
        list.entries.sort_by_key(|entry| std::cmp::Reverse(entry.id));
        list.more |= list.entries.len() > TRASH_LISTED_MAX;
        list.entries.truncate(TRASH_LISTED_MAX);
        Ok(list)
    }

    async fn list_tenant(
        &self,
        tenant: &Arc<Tenant>,
        wanted: &Wanted,
        naming: Naming,
        list: &mut TrashList,
    ) -> Result<(), AppError> {
        let (mut range, mut found) = (prefix_range(&[]), 0);
        loop {
            let page = tenant.store.scan(Space::Trash, range.clone(), PURGE_BATCH, Order::Descending).await?;
            for (key, row) in page.rows {
                let record = TrashRecord::from_bytes(&row.value)?;
                // One of a person whose removal was cut off goes at the next start.
                let Some(owner) = self.person(UserId::from_bytes(record.owner)) else { continue };
                if !self.is_wanted(wanted, &record) {
                    continue;
                }
                if found == TRASH_LISTED_MAX {
                    list.more = true;
                    return Ok(());
                }
                found += 1;
                let id = TrashId::from_bytes(id(&key)?);
                list.entries.push(self.trash_entry(tenant, id, record, &owner, naming).await?);
            }
            match page.next {
                Some(next) => range.end = next,
                None => return Ok(()),
            }
        }
    }

    async fn trash_entry(
        &self,
        tenant: &Tenant,
        id: TrashId,
        record: TrashRecord,
        owner: &User,
        naming: Naming,
    ) -> Result<TrashEntry, AppError> {
        let bytes = match &record.what {
            TrashedRecord::Object(object, _) => object.body.len() as u64,
            TrashedRecord::Collection(..) => members_bytes(tenant, &record.collection).await?,
        };
        let deleted = instant(record.deleted);
        Ok(TrashEntry {
            id,
            kind: kind(&record),
            owner: owner.login.as_str().to_owned(),
            calendar: self.calendar_now(&record),
            deleted,
            until: deleted.saturating_add(self.trash_term()).unwrap_or(deleted),
            bytes,
            names: (naming == Naming::Names).then(|| names(&record)),
        })
    }

    /// The name of the calendar; if it is there, the one that it has now.
    fn calendar_now(&self, record: &TrashRecord) -> String {
        let directory = self.directory();
        let entry = directory.collections.get(&CollectionId::from_bytes(record.collection));
        entry.map_or_else(|| record.calendar.clone(), |entry| entry.name.as_str().to_owned())
    }

    pub(super) fn wanted(&self, scope: &TrashScope) -> Result<Wanted, AppError> {
        let (login, calendar) = match scope {
            TrashScope::All => return Ok(Wanted { owner: None, calendar: None }),
            TrashScope::Owner(login) => (login.as_str(), None),
            TrashScope::Calendar(at) => (at.home.as_str(), Some(at.name.as_str().to_owned())),
        };
        let user = self.user_named(login)?;
        Ok(Wanted { owner: Some((user.id, Arc::clone(&user.tenant))), calendar })
    }

    pub(super) fn tenants_of(&self, wanted: &Wanted) -> Vec<Arc<Tenant>> {
        match &wanted.owner {
            Some((_, tenant)) => vec![Arc::clone(tenant)],
            None => self.directory().tenants.values().cloned().collect(),
        }
    }

    pub(super) fn is_wanted(&self, wanted: &Wanted, record: &TrashRecord) -> bool {
        let owner = wanted.owner.as_ref().is_none_or(|(user, _)| record.owner == *user.as_bytes());
        owner && wanted.calendar.as_ref().is_none_or(|name| *name == self.calendar_now(record))
    }
}

/// The size of all objects that a deleted calendar still has.
async fn members_bytes(tenant: &Tenant, collection: &[u8]) -> Result<u64, AppError> {
    let mut bytes = 0_u64;
    let mut range = prefix_range(collection);
    loop {
        let page =
            tenant.store.scan(Space::Summaries, range.clone(), SUMMARIES_PAGE, Order::Ascending).await?;
        for (_, row) in &page.rows {
            bytes = bytes.saturating_add(SummaryRecord::from_bytes(&row.value)?.bytes);
        }
        let Some(next) = page.next else { return Ok(bytes) };
        range.start = Key::from(next);
        tokio::task::yield_now().await;
    }
}

fn names(record: &TrashRecord) -> TrashNames {
    let (name, label) = match &record.what {
        TrashedRecord::Object(object, _) => (object.name.clone(), summary(&object.body)),
        TrashedRecord::Collection(collection, _) => {
            (collection.name.clone(), collection.display_name.clone())
        }
    };
    let label = label.map(|text| Redacted::new(text.chars().take(TRASH_LABEL_CHARS).collect()));
    TrashNames { name: Redacted::new(name), label }
}

fn summary(body: &[u8]) -> Option<String> {
    let object = CalendarObject::parse_stored(body).ok()?;
    let text = object.components().find_map(|component| component.property("SUMMARY"))?.text();
    Some(text)
}
