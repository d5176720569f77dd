//! Accounts: who Almanac is at a vendor.

use std::sync::Arc;

use almanac_base::{AccountId, Secret, TenantId};
use almanac_store::records::sync::secret_key;
use almanac_store::records::{AccountRecord, Document, SecretRecord};
use almanac_store::{Precondition, RecordVersion, Space, StoreError, Write};
use jiff::Timestamp;

use crate::App;
use crate::directory::Tenant;
use crate::error::AppError;
use crate::limits::{ACCOUNT_SETTINGS_MAX, COMMIT_ATTEMPTS, SECRET_BYTES_MAX, SETTING_BYTES_MAX};
use crate::open::{all, id, instant};
use crate::people::check_text;

/// Whether an account takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enabled {
    /// It does.
    Yes,
    /// It rests; nothing of it is lost.
    No,
}

/// An account to be made.
pub struct NewAccount {
    /// The operator's name for it.
    pub name: String,
    /// The connector.
    pub kind: String,
    /// What the connector needs to know beside the secret.
    pub settings: Vec<(String, String)>,
    /// A password, or tokens.
    pub secret: Option<Secret>,
}

/// An account as the operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountInfo {
    /// Its id.
    pub id: AccountId,
    /// Whose it is.
    pub tenant: TenantId,
    /// The name of that tenant.
    pub tenant_name: String,
    /// The operator's name for it.
    pub name: String,
    /// The connector.
    pub kind: String,
    /// What the connector needs to know.
    pub settings: Vec<(String, String)>,
    /// Whether it takes part.
    pub enabled: Enabled,
    /// When it was made.
    pub created: Timestamp,
}

impl AccountInfo {
    /// A setting.
    #[must_use]
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

/// An account as it was read.
pub(super) struct Account {
    pub(super) tenant: Arc<Tenant>,
    pub(super) id: AccountId,
    pub(super) version: RecordVersion,
    pub(super) record: AccountRecord,
}

impl App {
    /// Makes an account for a tenant.
    ///
    /// # Errors
    /// `NotFound` if there is no such tenant, `Exists` if the name is taken, `Invalid` if something is too long.
    pub async fn add_account(&self, tenant: &str, new: NewAccount) -> Result<AccountInfo, AppError> {
        check_text("account name", &new.name, 100)?;
        if new.name.contains('/') {
            return Err(AppError::Invalid(
                "an account's name has no slash: NAME/CALENDAR names a calendar".to_owned(),
            ));
        }
        let fits = new.settings.len() <= ACCOUNT_SETTINGS_MAX
            && new.settings.iter().all(|(name, value)| name.len() + value.len() <= SETTING_BYTES_MAX);
        if !fits {
            return Err(AppError::Invalid("a setting of the account is too long".to_owned()));
        }
        let tenant = self.tenant_named(tenant)?;
        let _changing = self.changing.lock().await;
        let accounts = self.accounts_of(&tenant).await?;
        if accounts.iter().any(|account| account.record.name == new.name) {
            return Err(AppError::Exists("account"));
        }
        let id = AccountId::from_bytes(self.ids.fresh());
        let created = self.clock.now().as_second();
        let record =
            AccountRecord { name: new.name, kind: new.kind, settings: new.settings, state: 0, created };
        let store = &tenant.store;
        let mut write = Write::new().put(
            Space::Accounts,
            id.as_bytes().as_slice(),
            store.new_version(),
            record.to_bytes(),
        );
        if let Some(secret) = &new.secret {
            write = write.put(Space::Accounts, secret_key(id), store.new_version(), self.sealed(secret)?);
        }
        store.commit(write).await?;
        Ok(info(&Account { tenant, id, version: RecordVersion::NONE, record }))
    }

    /// All accounts, ordered by tenant and creation.
    ///
    /// # Errors
    /// `Store` if the store fails.
    pub async fn accounts(&self) -> Result<Vec<AccountInfo>, AppError> {
        let tenants: Vec<_> = self.directory().tenants.values().cloned().collect();
        let mut infos = Vec::new();
        for tenant in tenants {
            infos.extend(self.accounts_of(&tenant).await?.iter().map(info));
        }
        Ok(infos)
    }

    /// The account with this id.
    ///
    /// # Errors
    /// `NotFound` if there is none.
    pub async fn account(&self, id: AccountId) -> Result<AccountInfo, AppError> {
        Ok(info(&self.account_record(id).await?))
    }

    /// The secret of an account, if it has one.
    ///
    /// # Errors
    /// `NotFound` if there is no such account.
    pub async fn account_secret(&self, id: AccountId) -> Result<Option<Secret>, AppError> {
        let account = self.account_record(id).await?;
        let record = account.tenant.store.get(Space::Accounts, &secret_key(id)).await?;
        record.map(|row| Ok(Secret::new(SecretRecord::from_bytes(&row.value)?.secret))).transpose()
    }

    /// Keeps a new secret of an account; when it returns, it survives a crash.
    ///
    /// # Errors
    /// `NotFound` if there is no such account any more; `Store` if it may not have been kept.
    pub async fn keep_account_secret(&self, id: AccountId, secret: &Secret) -> Result<(), AppError> {
        let account = self.account_record(id).await?;
        let store = &account.tenant.store;
        let write = Write::new()
            .require(Precondition::Exists(Space::Accounts, id.as_bytes().as_slice().into()))
            .put(Space::Accounts, secret_key(id), store.new_version(), self.sealed(secret)?);
        match store.commit(write).await {
            Ok(_) => Ok(()),
            Err(StoreError::Conflict { .. }) => Err(AppError::NotFound("account")),
            Err(error) => Err(error.into()),
        }
    }

    /// Lets an account take part, or not.
    ///
    /// # Errors
    /// `NotFound` if there is no such account.
    pub async fn set_account_enabled(
        &self,
        id: AccountId,
        enabled: Enabled,
    ) -> Result<AccountInfo, AppError> {
        for _ in 0..COMMIT_ATTEMPTS {
            let mut account = self.account_record(id).await?;
            account.record.state = u8::from(enabled == Enabled::No);
            let key = id.as_bytes().as_slice();
            let store = &account.tenant.store;
            let write = Write::new()
                .require(Precondition::VersionIs(Space::Accounts, key.into(), account.version))
                .put(Space::Accounts, key, store.new_version(), account.record.to_bytes());
            match store.commit(write).await {
                Ok(_) => return Ok(info(&account)),
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(AppError::Busy)
    }

    /// Removes an account with its secret and its links. What is in the calendars on both sides stays.
    ///
    /// # Errors
    /// `NotFound` if there is no such account.
    pub async fn remove_account(&self, id: AccountId) -> Result<(), AppError> {
        let account = self.account_record(id).await?;
        for link in self.links().await?.iter().filter(|link| link.account == id) {
            self.remove_link(link.id).await?;
        }
        let key = id.as_bytes().as_slice();
        let write = Write::new().delete(Space::Accounts, key).delete(Space::Accounts, secret_key(id));
        account.tenant.store.commit(write).await?;
        Ok(())
    }

    /// The account that the operator means: by id, or by name if only one tenant has it.
    ///
    /// # Errors
    /// `NotFound` if there is none, `Invalid` if there are several.
    pub async fn account_named(&self, name: &str) -> Result<AccountInfo, AppError> {
        let mut found = self.accounts().await?;
        found.retain(|account| account.name == name || account.id.to_string() == name);
        match (found.pop(), found.is_empty()) {
            (Some(account), true) => Ok(account),
            (None, _) => Err(AppError::NotFound("account")),
            (Some(_), false) => {
                Err(AppError::Invalid("several tenants have an account of this name; give its id".to_owned()))
            }
        }
    }

    pub(super) async fn account_record(&self, id: AccountId) -> Result<Account, AppError> {
        let tenants: Vec<_> = self.directory().tenants.values().cloned().collect();
        for tenant in tenants {
            if let Some(row) = tenant.store.get(Space::Accounts, id.as_bytes()).await? {
                let record = AccountRecord::from_bytes(&row.value)?;
                return Ok(Account { tenant, id, version: row.version, record });
            }
        }
        Err(AppError::NotFound("account"))
    }

    async fn accounts_of(&self, tenant: &Arc<Tenant>) -> Result<Vec<Account>, AppError> {
        let mut accounts = Vec::new();
        for (key, row) in all(&tenant.store, Space::Accounts).await? {
            if key.len() == 16 {
                let record = AccountRecord::from_bytes(&row.value)?;
                let (tenant, id) = (Arc::clone(tenant), AccountId::from_bytes(id(&key)?));
                accounts.push(Account { tenant, id, version: row.version, record });
            }
        }
        Ok(accounts)
    }

    fn sealed(&self, secret: &Secret) -> Result<Vec<u8>, AppError> {
        let secret = secret.expose();
        if secret.len() > SECRET_BYTES_MAX {
            return Err(AppError::Invalid("the secret of the account is too long".to_owned()));
        }
        Ok(SecretRecord { secret: secret.to_owned(), at: self.clock.now().as_second() }.to_bytes())
    }
}

fn enabled(state: u8) -> Enabled {
    if state == 0 { Enabled::Yes } else { Enabled::No }
}

fn info(account: &Account) -> AccountInfo {
    AccountInfo {
        id: account.id,
        tenant: account.tenant.id,
        tenant_name: account.tenant.record.name.clone(),
        name: account.record.name.clone(),
        kind: account.record.kind.clone(),
        settings: account.record.settings.clone(),
        enabled: enabled(account.record.state),
        created: instant(account.record.created),
    }
}
