//! New keys for tenants.

use std::sync::Arc;

use almanac_store::{Rotated, TenantStore};

use crate::App;
use crate::error::AppError;

/// What came of a tenant's new key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRotation {
    /// The tenant's name; `None` for what belongs to the whole instance: logins and app passwords.
    pub tenant: Option<String>,
    /// What was done.
    pub rotated: Rotated,
}

impl App {
    /// Gives a new key to the tenant of this name, or to all and to the instance itself, seals everything anew and
    /// removes the older keys. Requests are answered meanwhile. `progress` is called with the values sealed anew.
    ///
    /// # Errors
    /// There is no such tenant, or the store failed; the older keys stay as far as anything needs them, and doing it
    /// again goes on.
    pub async fn rotate_keys(
        &self,
        tenant: Option<&str>,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Vec<KeyRotation>, AppError> {
        let stores: Vec<(Option<String>, Arc<TenantStore>)> = match tenant {
            Some(name) => vec![(Some(name.to_owned()), Arc::clone(&self.tenant_named(name)?.store))],
            None => {
                let tenants = self.directory().tenants.values().cloned().collect::<Vec<_>>();
                let tenants =
                    tenants.iter().map(|one| (Some(one.record.name.clone()), Arc::clone(&one.store)));
                std::iter::once((None, self.store.system())).chain(tenants).collect()
            }
        };
        let (mut done, mut before) = (Vec::with_capacity(stores.len()), 0);
        for (tenant, store) in stores {
            let rotated = store.rotate_key(&|resealed| progress(before + resealed)).await?;
            before += rotated.resealed;
            done.push(KeyRotation { tenant, rotated });
        }
        Ok(done)
    }
}
