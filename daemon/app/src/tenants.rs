//! Tenants: making, listing and removing them.

use std::sync::Arc;

use almanac_base::{CollectionId, TenantId};
use almanac_ical::zone::Zone;
use almanac_store::records::{Document, KeyedHash, PartialTenant, TenantRecord};
use almanac_store::{Precondition, Space, Store, StoreError, Write};

use crate::App;
use crate::directory::{Tenant, User};
use crate::error::AppError;
use crate::open::{all, id, tenant_entry};
use crate::people::check_text;

/// A tenant as the operator sees it.
#[derive(Debug, Clone)]
pub struct TenantInfo {
    /// Its id.
    pub id: TenantId,
    /// Its name.
    pub name: String,
    /// Where floating and all-day times are, in calendars that say nothing else.
    pub timezone: String,
    /// The number of its people.
    pub users: u64,
}

impl App {
    /// Makes a tenant. `timezone` (an IANA name; `None`: UTC) is where floating and all-day times are, in
    /// calendars that say nothing else.
    ///
    /// # Errors
    /// `Exists` if the name is taken, `Invalid` if it cannot be a name or the zone is not known.
    pub async fn add_tenant(&self, name: &str, timezone: Option<&str>) -> Result<TenantInfo, AppError> {
        check_text("tenant name", name, 100)?;
        let timezone = timezone.unwrap_or("UTC");
        if Zone::iana(timezone).is_none() {
            return Err(AppError::Invalid("a time zone has a name like Europe/Berlin".to_owned()));
        }
        let _changing = self.changing.lock().await;
        if self.directory().tenants.values().any(|tenant| tenant.record.name == name) {
            return Err(AppError::Exists("tenant"));
        }
        let id = TenantId::from_bytes(self.ids.fresh());
        let record = TenantRecord {
            name: name.to_owned(),
            created: self.clock.now().as_second(),
            timezone: timezone.to_owned(),
            partial: None,
        };
        self.note_tenant(id, &record).await?;
        // A name without keys counts for nothing: it is all that a crash can leave.
        let sealed = self.store.create_tenant(id).await?;
        self.directory_mut().tenants.insert(id, tenant_entry(id, record, sealed));
        Ok(TenantInfo { id, name: name.to_owned(), timezone: timezone.to_owned(), users: 0 })
    }

    /// Makes the record of a tenant that is new.
    pub(crate) async fn note_tenant(&self, id: TenantId, record: &TenantRecord) -> Result<(), AppError> {
        let system = self.store.system();
        let key = id.as_bytes().as_slice();
        let write = Write::new().require(Precondition::Absent(Space::Meta, key.into())).put(
            Space::Meta,
            key,
            system.new_version(),
            record.to_bytes(),
        );
        self.settle(&system, write).await.map(drop)
    }

    /// All tenants, ordered by creation.
    #[must_use]
    pub fn tenants(&self) -> Vec<TenantInfo> {
        let directory = self.directory();
        let count = |id| directory.users.values().filter(|user| user.tenant.id == id).count() as u64;
        let info = |tenant: &Arc<Tenant>| TenantInfo {
            id: tenant.id,
            name: tenant.record.name.clone(),
            timezone: tenant.record.timezone.clone(),
            users: count(tenant.id),
        };
        directory.tenants.values().map(info).collect()
    }

    /// That there is a tenant of this name or id.
    ///
    /// # Errors
    /// `NotFound` if there is none.
    pub fn expect_tenant(&self, name: &str) -> Result<(), AppError> {
        self.tenant_named(name).map(drop)
    }

    pub(crate) fn tenant_named(&self, name: &str) -> Result<Arc<Tenant>, AppError> {
        let directory = self.directory();
        let by_id = name.parse().ok().and_then(|id: TenantId| directory.tenants.get(&id));
        let by_name = || directory.tenants.values().find(|tenant| tenant.record.name == name);
        by_id.or_else(by_name).cloned().ok_or(AppError::NotFound("tenant"))
    }

    /// Removes a tenant with all its people, calendars and app passwords; the logins are free at once.
    ///
    /// # Errors
    /// `NotFound` if there is no such tenant; `Store` if the store fails, what is left goes at the next start.
    pub async fn remove_tenant(&self, name: &str) -> Result<(), AppError> {
        let _changing = self.changing.lock().await;
        let tenant = self.tenant_named(name)?;
        let system = self.store.system();
        let leaving = TenantRecord { partial: Some(PartialTenant::Leaving), ..tenant.record.clone() };
        let key = tenant.id.as_bytes().as_slice();
        let mut write = Write::new().put(Space::Meta, key, system.new_version(), leaving.to_bytes());
        let (people, passwords, collections) = self.all_of(&tenant);
        for user in &people {
            write = write.delete(Space::Index, self.login_key(&user.login).as_slice());
        }
        for hash in &passwords {
            write = write.delete(Space::Credentials, hash.as_slice());
        }
        {
            let directory = self.directory();
            for hash in people.iter().flat_map(|user| directory.feeds_of(user.id)) {
                write = write.delete(Space::Feeds, hash.as_slice());
            }
        }
        self.settle(&system, write).await?;
        {
            let mut directory = self.directory_mut();
            for hash in &passwords {
                directory.credentials.remove(hash);
            }
            for user in &people {
                directory.remove_person(user, &[]);
            }
            directory.tenants.remove(&tenant.id);
        }
        for collection in collections {
            self.indexes.forget(collection);
        }
        drop_partial(&self.store, tenant.id).await?;
        Ok(())
    }

    /// The people of a tenant, their app passwords and their collections.
    fn all_of(&self, tenant: &Tenant) -> (Vec<Arc<User>>, Vec<KeyedHash>, Vec<CollectionId>) {
        let directory = self.directory();
        let people: Vec<_> =
            directory.users.values().filter(|user| user.tenant.id == tenant.id).cloned().collect();
        let own = |user| directory.by_id.get(user).is_some_and(|user| user.tenant.id == tenant.id);
        let passwords = directory.credentials.iter().filter(|(_, credential)| own(&credential.user));
        let passwords = passwords.map(|(hash, _)| *hash).collect();
        let collections = directory.collections.values().filter(|entry| entry.tenant.id == tenant.id);
        let collections = collections.map(|entry| entry.id).collect();
        (people, passwords, collections)
    }
}

/// Removes what there is of a tenant that is not whole; then the record that says so. Can be repeated.
pub(crate) async fn drop_partial(store: &Store, tenant: TenantId) -> Result<(), StoreError> {
    store.drop_tenant(tenant).await?;
    store.system().commit(Write::new().delete(Space::Meta, tenant.as_bytes().as_slice())).await?;
    Ok(())
}

/// Removes all tenants that a crash left half imported or half removed.
pub(crate) async fn finish_tenants(store: &Store) -> Result<(), AppError> {
    for (key, row) in all(&store.system(), Space::Meta).await? {
        if TenantRecord::from_bytes(&row.value)?.partial.is_some() {
            drop_partial(store, TenantId::from_bytes(id(&key)?)).await?;
        }
    }
    Ok(())
}
