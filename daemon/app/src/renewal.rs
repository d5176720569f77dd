//! Summaries that an older time-zone database gave, written anew: otherwise each load would compute them again.

use almanac_store::records::{Document, SummaryRecord};
use almanac_store::{Order, Precondition, Space, StoreError, Write, prefix_range};

use crate::App;
use crate::directory::CollectionEntry;
use crate::error::AppError;
use crate::index::slot::renewed;
use crate::limits::{RENEWAL_BATCH, RENEWAL_COMMITS};

/// Whether all summaries of a collection were looked at.
#[derive(PartialEq, Eq)]
enum Reached {
    End,
    Middle,
}

impl App {
    /// Writes the outdated summaries of the collections in which some were seen; a bounded number at a time.
    pub(crate) async fn renew_summaries(&self) -> Result<u64, AppError> {
        let (mut count, mut failed) = (0, None);
        for id in self.indexes.outdated() {
            let entry = self.directory().collections.get(&id).cloned();
            let reached = match entry {
                Some(entry) => match renew(&entry, &mut count).await {
                    Ok(reached) => reached,
                    // What is damaged in one place must not keep the rest from being done.
                    Err(error) => {
                        failed.get_or_insert(error);
                        continue;
                    }
                },
                None => Reached::End,
            };
            if reached == Reached::End {
                self.indexes.up_to_date(id);
            }
        }
        failed.map_or(Ok(count), Err)
    }
}

/// A summary keeps its version, which is its object's, and nothing is announced: what clients see stays the same.
async fn renew(entry: &CollectionEntry, count: &mut u64) -> Result<Reached, AppError> {
    let store = &entry.tenant.store;
    let mut range = prefix_range(entry.id.as_bytes());
    let mut commits = 0;
    loop {
        let page = store.scan(Space::Summaries, range.clone(), RENEWAL_BATCH, Order::Ascending).await?;
        let mut write = Write::new();
        for (key, record) in page.rows {
            if let Some(summary) = renewed(SummaryRecord::from_bytes(&record.value)?)? {
                write = write
                    .require(Precondition::VersionIs(Space::Summaries, key.clone(), record.version))
                    .put(Space::Summaries, key, record.version, summary.to_bytes());
            }
        }
        let renewed = write.puts.len() as u64;
        if renewed > 0 {
            match store.commit(write).await {
                Ok(_) => *count += renewed,
                // Somebody wrote one of the objects; the next round sees to the rest.
                Err(StoreError::Conflict { .. }) => return Ok(Reached::Middle),
                Err(error) => return Err(error.into()),
            }
            commits += 1;
        }
        match page.next {
            None => return Ok(Reached::End),
            Some(_) if commits == RENEWAL_COMMITS => return Ok(Reached::Middle),
            Some(next) => range.start = next,
        }
        tokio::task::yield_now().await; // the engine reads without waiting; others want to run too
    }
}
