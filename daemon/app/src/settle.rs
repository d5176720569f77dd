//! What is done when nobody knows whether a commit took place.

use std::sync::atomic::Ordering;

use almanac_base::CollectionId;
use almanac_store::{Committed, StoreError, TenantStore, Write};

use crate::App;
use crate::error::AppError;
use crate::open::read_directory;

impl App {
    /// Commits a change of what the directory holds; `changing` is held by the caller.
    ///
    /// # Errors
    /// As the store's. If the outcome is unknown, the directory is read anew and says what is true; if that fails
    /// too, housekeeping tries again.
    pub(crate) async fn settle(&self, store: &TenantStore, write: Write) -> Result<Committed, AppError> {
        match store.commit(write).await {
            Ok(committed) => Ok(committed),
            Err(error) => {
                if outcome_unknown(&error) {
                    self.stale.store(true, Ordering::Relaxed);
                    if let Err(error) = self.read_again().await {
                        tracing::error!(error = %error, "the directory could not be read again");
                    }
                }
                Err(error.into())
            }
        }
    }

    /// After a commit of members that failed: if it may have become visible all the same, nothing that is in
    /// memory of the collections it announces is believed any more, and the next readers look into the store.
    pub(crate) fn uncertain(&self, error: StoreError, announced: &[CollectionId]) -> AppError {
        if outcome_unknown(&error) {
            for id in announced {
                if let Some(entry) = self.directory().collections.get(id) {
                    entry.head.forget();
                }
                self.indexes.forget(*id);
            }
        }
        error.into()
    }

    /// Reads the directory anew if it may not say what the store says; `changing` is held by the caller.
    pub(crate) async fn read_again(&self) -> Result<(), AppError> {
        if self.stale.load(Ordering::Relaxed) {
            let mut fresh = read_directory(&self.store).await?;
            let mut directory = self.directory_mut();
            fresh.keep_heads(&directory);
            *directory = fresh;
            self.stale.store(false, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// A store without any room may show the commit once there is some.
fn outcome_unknown(error: &StoreError) -> bool {
    matches!(error, StoreError::Io(_) | StoreError::NoSpace | StoreError::Poisoned | StoreError::Corrupt(_))
}
