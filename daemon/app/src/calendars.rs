//! Calendars as the operator sees them: no caller, no access to be checked.

use std::collections::BTreeSet;
use std::sync::Arc;

use almanac_backend::{CollectionKind, CollectionPath, NewCollection, PropertyChange, Refusal, Share};
use almanac_base::CollectionId;
use almanac_ical::ComponentKind;

use crate::App;
use crate::directory::CollectionEntry;
use crate::error::AppError;
use crate::index::slot::kind_from_byte;

/// A collection as the operator sees it.
#[derive(Debug, Clone)]
pub struct CalendarInfo {
    /// Its id.
    pub id: CollectionId,
    /// Whose it is.
    pub owner: String,
    /// Its name in the owner's home.
    pub name: String,
    /// `DAV:displayname`.
    pub display_name: Option<String>,
    /// The kinds of component it takes.
    pub components: BTreeSet<ComponentKind>,
    /// The number of objects in it.
    pub objects: u64,
    /// Whom it is shared with.
    pub shares: Vec<Share>,
}

impl App {
    /// Makes a calendar for its owner.
    ///
    /// # Errors
    /// `NotFound` if there is no such login, `Exists` if the name is taken.
    pub async fn add_calendar(
        &self,
        at: &CollectionPath,
        display_name: Option<String>,
        components: BTreeSet<ComponentKind>,
    ) -> Result<CalendarInfo, AppError> {
        let _changing = self.changing.lock().await;
        let owner = self.user_named(at.home.as_str())?;
        let properties = vec![PropertyChange::DisplayName(display_name)];
        let new = NewCollection { kind: CollectionKind::Calendar, components, properties };
        let id = match self.insert_collection(&owner, &at.name, new).await {
            Err(AppError::Refused(Refusal::AlreadyExists)) => return Err(AppError::Exists("calendar")),
            other => other?,
        };
        let entry = self.directory().collections.get(&id).cloned();
        let entry = entry.ok_or(AppError::NotFound("calendar"))?;
        self.calendar_info(&entry).await
    }

    /// The calendars of one owner, or of all, ordered by owner and name.
    ///
    /// # Errors
    /// `NotFound` if there is no such login.
    pub async fn calendars(&self, login: Option<&str>) -> Result<Vec<CalendarInfo>, AppError> {
        let owner = login.map(|login| self.user_named(login)).transpose()?;
        let entries: Vec<_> = {
            let directory = self.directory();
            let all = directory.collections.values();
            all.filter(|entry| owner.as_ref().is_none_or(|owner| owner.id == entry.owner)).cloned().collect()
        };
        let mut infos = Vec::with_capacity(entries.len());
        for entry in entries {
            infos.push(self.calendar_info(&entry).await?);
        }
        infos.sort_by(|a, b| (&a.owner, &a.name).cmp(&(&b.owner, &b.name)));
        Ok(infos)
    }

    async fn calendar_info(&self, entry: &CollectionEntry) -> Result<CalendarInfo, AppError> {
        let components: Result<_, _> =
            entry.record.components.iter().map(|byte| kind_from_byte(*byte)).collect();
        Ok(CalendarInfo {
            id: entry.id,
            owner: self.login_of(entry.owner)?.as_str().to_owned(),
            name: entry.name.as_str().to_owned(),
            display_name: entry.record.display_name.clone(),
            components: components?,
            objects: self.count(entry).await?,
            shares: self.shares_of(entry),
        })
    }

    /// Deletes a calendar for its owner.
    ///
    /// # Errors
    /// `NotFound` if there is no such calendar.
    pub async fn remove_calendar(&self, at: &CollectionPath) -> Result<(), AppError> {
        let _changing = self.changing.lock().await;
        let entry = self.owned(at)?;
        self.discard_collection(&entry).await
    }

    /// The collection of that name which the home's owner owns.
    pub(crate) fn owned(&self, at: &CollectionPath) -> Result<Arc<CollectionEntry>, AppError> {
        let owner = self.user_named(at.home.as_str())?;
        let directory = self.directory();
        let id = directory.homes.get(&owner.id).and_then(|names| names.get(&at.name));
        let entry = id.and_then(|id| directory.collections.get(id)).filter(|entry| entry.owner == owner.id);
        entry.cloned().ok_or(AppError::NotFound("calendar"))
    }
}
