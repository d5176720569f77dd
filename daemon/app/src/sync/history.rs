//! What syncs lost: kept, listed, restored.

use almanac_base::{HistoryId, IdGen, LinkId, Redacted};
use almanac_ical::CalendarObject;
use almanac_store::records::sync::history_key;
use almanac_store::records::{Document, HistoryRecord};
use almanac_store::{Order, Space, TenantStore, Write, prefix_range};
use jiff::Timestamp;

use super::{LinkInfo, Settled, Step, StepChange};
use crate::App;
use crate::error::AppError;
use crate::limits::{COMMIT_ATTEMPTS, HISTORY_LISTED_MAX, PURGE_BATCH};
use crate::open::instant;

/// Whose change did not come through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loser {
    /// The store's.
    Store,
    /// The vendor's.
    Vendor,
}

/// What a step lost.
#[derive(Clone)]
pub struct Lost {
    /// Whose change it was.
    pub loser: Loser,
    /// Which fields, as people call them.
    pub fields: Vec<String>,
    /// The object as the loser had it; `None`: it had deleted it.
    pub object: Option<Vec<u8>>,
}

/// A row of the history as the operator sees it.
#[derive(Debug, Clone)]
pub struct LostEntry {
    /// Its id.
    pub id: HistoryId,
    /// The link.
    pub link: LinkId,
    /// When it was lost.
    pub at: Timestamp,
    /// Whose change it was.
    pub loser: Loser,
    /// Which fields.
    pub fields: Vec<String>,
    /// The name of the object: patient data.
    pub name: Redacted<String>,
    /// Whether the loser had deleted it.
    pub deleted: bool,
}

impl App {
    /// What was lost on a link, newest first, at most a thousand.
    ///
    /// # Errors
    /// `Store` if the store fails.
    pub async fn link_history(&self, link: &LinkInfo) -> Result<Vec<LostEntry>, AppError> {
        let tenant = self.tenant_of(link)?;
        let range = prefix_range(link.id.as_bytes());
        let page = tenant.store.scan(Space::History, range, HISTORY_LISTED_MAX, Order::Descending).await?;
        let entries = page.rows.iter().map(|(key, row)| {
            let record = HistoryRecord::from_bytes(&row.value)?;
            let id = key
                .get(16..)
                .and_then(|id| id.try_into().ok())
                .ok_or(AppError::Bug("a key of the history"))?;
            Ok(LostEntry {
                id: HistoryId::from_bytes(id),
                link: link.id,
                at: instant(record.at),
                loser: if record.loser == 0 { Loser::Store } else { Loser::Vendor },
                fields: record.fields,
                name: Redacted::new(record.name),
                deleted: record.object.is_none(),
            })
        });
        entries.collect()
    }

    /// An object as the loser had it, with its name; `None` if the loser had deleted it.
    ///
    /// # Errors
    /// `NotFound` if there is no such row.
    pub async fn lost_object(
        &self,
        link: &LinkInfo,
        id: HistoryId,
    ) -> Result<(String, Option<CalendarObject>), AppError> {
        let tenant = self.tenant_of(link)?;
        let row = tenant.store.get(Space::History, &history_key(link.id, id)).await?;
        let record = HistoryRecord::from_bytes(&row.ok_or(AppError::NotFound("row of the history"))?.value)?;
        let object = record.object.map(|body| CalendarObject::parse_stored(&body)).transpose();
        Ok((record.name, object.map_err(|_| AppError::Bug("a stored object does not parse"))?))
    }

    /// Gives an object the form again that was lost; an ordinary change, which the next run sends to the vendor.
    ///
    /// # Errors
    /// `NotFound` if there is no such row, `Invalid` if what was lost is a deletion or the calendar does not take it.
    pub async fn restore_lost(&self, link: &LinkInfo, id: HistoryId) -> Result<(), AppError> {
        let (name, object) = self.lost_object(link, id).await?;
        let object = object.ok_or_else(|| {
            AppError::Invalid(
                "what was lost is a deletion: delete the object with any calendar program".to_owned(),
            )
        })?;
        for _ in 0..COMMIT_ATTEMPTS {
            let view = self.view_step(link, &name).await?;
            // The pair stays as it was: so the run sees a change made here.
            let now = view.object.as_ref().map(|(_, object)| object.bytes().to_vec());
            let lost = now.map(|now| Lost {
                loser: Loser::Store,
                fields: vec!["replaced by a restored version".to_owned()],
                object: Some(now),
            });
            let lost = lost.into_iter().collect();
            let step = Step { object: StepChange::Put(object.clone()), lost, ..Step::default() };
            match self.settle_step(link, &view, step).await? {
                Settled::Done => return Ok(()),
                Settled::Outdated => {}
                Settled::Refused(why) => return Err(AppError::Invalid(why.to_owned())),
            }
        }
        Err(AppError::Busy)
    }
}

/// Removes what a link lost before an instant, at most a bounded number of rows a call. Where nothing is to go, one row is
/// read at most.
pub(super) async fn trim(store: &TenantStore, link: LinkId, horizon: Timestamp) -> Result<u64, AppError> {
    let end = HistoryId::from_bytes(IdGen::bound(horizon));
    let range = prefix_range(link.as_bytes()).start..history_key(link, end).into();
    if store.scan(Space::History, range.clone(), 1, Order::Ascending).await?.rows.is_empty() {
        return Ok(0);
    }
    let write = Write::new().delete_range(Space::History, range, PURGE_BATCH);
    Ok(store.commit(write).await?.range_deleted)
}
