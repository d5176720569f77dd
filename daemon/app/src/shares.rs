//! Sharing: another person's access to a collection, under a name in their own home.

use almanac_backend::{Access, CollectionName, CollectionPath, Login};
use almanac_base::UserId;
use almanac_store::records::collection::share_key;
use almanac_store::records::{Document, HomeRecord, ShareRecord};
use almanac_store::{Precondition, Space, Write};

use crate::App;
use crate::collections::{home_name_key, new_share_record};
use crate::directory::{CollectionEntry, User};
use crate::error::AppError;
use crate::open::share_entry;

impl App {
    /// Shares a calendar, changes what the other may do, or (with `None`) ends the share.
    ///
    /// # Errors
    /// `NotFound` if the calendar or the login is missing (a login of another tenant counts as missing),
    /// `Invalid` if the login is the owner's.
    pub async fn share_calendar(
        &self,
        at: &CollectionPath,
        with: &Login,
        access: Option<Access>,
    ) -> Result<(), AppError> {
        let _changing = self.changing.lock().await;
        let entry = self.owned(at)?;
        let sharee = self.user_named(with.as_str())?;
        if sharee.tenant.id != entry.tenant.id {
            return Err(AppError::NotFound("login"));
        }
        if sharee.id == entry.owner {
            return Err(AppError::Invalid("a calendar cannot be shared with its owner".to_owned()));
        }
        let Some(access) = access else { return self.end_share(&entry, sharee.id).await };
        let access = match access {
            Access::FreeBusy => 0,
            Access::Read => 1,
            Access::ReadWrite => 2,
            Access::Owner => return Err(AppError::Invalid("a calendar has one owner".to_owned())),
        };
        let record = match entry.shares.get(&sharee.id) {
            Some(share) => ShareRecord { access, ..share.record.clone() },
            None => new_share_record(access, &self.free_name(&entry, &sharee)?, self.share_label(&entry)),
        };
        self.put_share(&entry, sharee.id, record, None).await
    }

    /// A name in the sharee's home that is not taken: the owner's login and the calendar's name.
    fn free_name(&self, entry: &CollectionEntry, sharee: &User) -> Result<CollectionName, AppError> {
        let directory = self.directory();
        let owner = directory.by_id.get(&entry.owner).map_or("", |owner| owner.login.as_str());
        let wish = format!("{owner}-{}", entry.name.as_str());
        let names = directory.homes.get(&sharee.id);
        let candidates = (1_u32..1_000).map(|n| if n == 1 { wish.clone() } else { format!("{wish}-{n}") });
        candidates
            .filter_map(|text| CollectionName::new(&text).ok())
            .find(|name| names.is_none_or(|names| !names.contains_key(name)))
            .ok_or(AppError::Exists("calendar name in the other home"))
    }

    /// What a shared calendar is called until the sharee calls it something else.
    fn share_label(&self, entry: &CollectionEntry) -> Option<String> {
        let directory = self.directory();
        let owner = directory.by_id.get(&entry.owner)?;
        let label = entry.record.display_name.as_deref().unwrap_or(entry.name.as_str());
        Some(format!("{label} ({})", owner.display_name))
    }

    /// Writes a share; `changing` is held by the caller.
    pub(crate) async fn put_share(
        &self,
        entry: &CollectionEntry,
        user: UserId,
        record: ShareRecord,
        unchanged: Option<Precondition>,
    ) -> Result<(), AppError> {
        let store = &entry.tenant.store;
        let version = store.new_version();
        let collection = entry.id.as_bytes().as_slice();
        let home = HomeRecord { collection: *entry.id.as_bytes(), name: record.name.clone() };
        let mut write = Write::new()
            .require(Precondition::Exists(Space::Collections, collection.into()))
            .put(Space::Shares, share_key(entry.id, user), version, record.to_bytes())
            .put(
                Space::Homes,
                home_name_key(store, user, &record.name),
                store.new_version(),
                home.to_bytes(),
            );
        write.preconditions.extend(unchanged);
        self.settle_guarded(store, write).await?;
        let mut shares = entry.shares.clone();
        shares.insert(user, share_entry(version, record)?);
        self.directory_mut().put_collection(entry.with_shares(shares));
        Ok(())
    }

    /// Takes a share away; `changing` is held by the caller. None is not an error.
    pub(crate) async fn end_share(&self, entry: &CollectionEntry, user: UserId) -> Result<(), AppError> {
        let Some(share) = entry.shares.get(&user) else { return Ok(()) };
        let store = &entry.tenant.store;
        let write = Write::new()
            .delete(Space::Shares, share_key(entry.id, user))
            .delete(Space::Homes, home_name_key(store, user, share.name.as_str()));
        self.settle(store, write).await?;
        self.directory_mut().remove_name(user, &share.name);
        let mut shares = entry.shares.clone();
        shares.remove(&user);
        self.directory_mut().put_collection(entry.with_shares(shares));
        Ok(())
    }
}
