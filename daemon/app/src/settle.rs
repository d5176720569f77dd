//! Commits that change people, collections or shares, and what to do when nobody knows whether a commit took place.

use almanac_store::{Committed, StoreError, TenantStore, Write};

use crate::App;
use crate::error::AppError;
use crate::open::read_directory;

impl App {
    /// Commits a change of what the directory holds; `changing` is held by the caller.
    ///
    /// # Errors
    /// As the store's. If the outcome is unknown, the directory was read anew and says what is true.
    pub(crate) async fn settle(&self, store: &TenantStore, write: Write) -> Result<Committed, AppError> {
        match store.commit(write).await {
            Ok(committed) => Ok(committed),
            Err(error) => {
                let unknown = outcome_unknown(&error);
                let error = self.uncertain(error);
                if unknown {
                    self.read_again().await;
                }
                Err(error)
            }
        }
    }

    /// After a commit that failed: if it may have become visible all the same, nothing in memory is believed any
    /// more, and the next readers look into the store.
    pub(crate) fn uncertain(&self, error: StoreError) -> AppError {
        if outcome_unknown(&error) {
            for entry in self.directory().collections.values() {
                entry.head.forget();
            }
            self.indexes.forget_all();
        }
        error.into()
    }

    async fn read_again(&self) {
        match read_directory(&self.store).await {
            Ok(mut fresh) => {
                let mut directory = self.directory_mut();
                fresh.keep_heads(&directory);
                *directory = fresh;
            }
            // The store cannot be read either: every request will say so until it can.
            Err(error) => tracing::error!(error = %error, "the directory could not be read again"),
        }
    }
}

fn outcome_unknown(error: &StoreError) -> bool {
    matches!(error, StoreError::Io(_) | StoreError::Poisoned | StoreError::Corrupt(_))
}
