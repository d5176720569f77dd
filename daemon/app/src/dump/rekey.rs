//! Other index keys for a tenant: it is copied, record by record, into a new tenant with keys of its own, and one commit
//! puts that one into the place of the old one.
//!
//! Whatever interrupts it, one of the two is in force and the next start removes the other. Nothing may be written
//! meanwhile: what came to the old one after it was read would be lost.

use std::sync::Arc;

use super::TenantReport;
use super::export::Destination;
use crate::App;
use crate::error::AppError;

impl App {
    /// Exchanges the index keys, and with them all keys, of the tenant of this name, or of all tenants. Objects keep
    /// their ETags, people their app passwords, links what they know; clients synchronise anew. `progress` is called with the objects copied.
    /// Nobody else may use the application meanwhile.
    ///
    /// # Errors
    /// There is no such tenant, or the store failed; each tenant has its old keys then, or its new ones.
    pub async fn rekey_index(
        self: &Arc<Self>,
        tenant: Option<&str>,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Vec<TenantReport>, AppError> {
        let names = match tenant {
            Some(name) => vec![self.tenant_named(name)?.record.name.clone()],
            None => self.tenants().into_iter().map(|tenant| tenant.name).collect(),
        };
        let (mut done, mut before) = (Vec::with_capacity(names.len()), 0);
        for name in names {
            let report = self.rekey_tenant(&name, &|objects| progress(before + objects)).await?;
            before += report.objects;
            done.push(report);
        }
        Ok(done)
    }

    async fn rekey_tenant(
        self: &Arc<Self>,
        name: &str,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<TenantReport, AppError> {
        let old = self.tenant_named(name)?;
        let mut dump = self.dump_tenant(name, Destination::Here).await?;
        let mut copy = self.replace_tenant(old);
        let copied = async {
            while let Some(piece) = dump.piece().await? {
                copy.take(&piece).await?;
                progress(dump.report().objects);
            }
            copy.finish().await
        };
        let finished = copied.await;
        // After a copy that took the place of the old one there is nothing to abandon.
        let abandoned = copy.abandon().await;
        let report = finished?;
        abandoned?;
        Ok(report)
    }
}
