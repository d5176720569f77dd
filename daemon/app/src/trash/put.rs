//! Into the trash: what a deletion adds to its commit.

use almanac_backend::{ETag, Refusal, WriteGuard};
use almanac_base::TrashId;
use almanac_store::objects::{Member, WholeObject};
use almanac_store::records::{
    Document, GarbageRecord, ShareRecord, TrashRecord, TrashedRecord, TrashedShare,
};
use almanac_store::{Space, Write};

use crate::App;
use crate::directory::CollectionEntry;
use crate::error::AppError;
use crate::limits::TRASHED_SHARES_BYTES;

impl App {
    /// An object that is to be deleted, if it is there and the guard holds of it. Read in one view with its
    /// properties, which go into the trash too.
    pub(crate) async fn leaving(
        &self,
        entry: &CollectionEntry,
        member: Member,
        guard: &WriteGuard,
    ) -> Result<WholeObject, AppError> {
        let whole = entry.tenant.store.whole_object(member).await?.ok_or(Refusal::NotFound)?;
        let etag = ETag::from_version(*whole.version.as_bytes());
        if guard.holds(Some(&etag)) { Ok(whole) } else { Err(Refusal::PreconditionFailed.into()) }
    }

    /// Adds to the deletion of an object that it is kept.
    pub(crate) fn keeping_object(&self, write: Write, entry: &CollectionEntry, whole: WholeObject) -> Write {
        if self.trash_days == 0 {
            return write;
        }
        self.keeping(write, entry, TrashedRecord::Object(whole.object, whole.properties.dead))
    }

    /// Adds to the deletion of a collection that it is kept, or else a note for housekeeping that its members go.
    pub(crate) fn keeping_collection(&self, write: Write, entry: &CollectionEntry) -> Write {
        if self.trash_days == 0 {
            let garbage = GarbageRecord { deleted: self.clock.now().as_second() };
            let (key, version) = (entry.id.as_bytes().as_slice(), entry.tenant.store.new_version());
            return write.put(Space::Meta, key, version, garbage.to_bytes());
        }
        self.keeping(write, entry, TrashedRecord::Collection(entry.record.clone(), kept_shares(entry)))
    }

    fn keeping(&self, write: Write, entry: &CollectionEntry, what: TrashedRecord) -> Write {
        let record = TrashRecord {
            collection: *entry.id.as_bytes(),
            owner: *entry.owner.as_bytes(),
            calendar: entry.name.as_str().to_owned(),
            deleted: self.clock.now().as_second(),
            what,
        };
        let id = TrashId::from_bytes(self.ids.fresh());
        write.put(Space::Trash, id.as_bytes().as_slice(), entry.tenant.store.new_version(), record.to_bytes())
    }
}

/// The shares of a collection. What sharees added is kept while it fits: a deletion must not fail because of it.
fn kept_shares(entry: &CollectionEntry) -> Vec<TrashedShare> {
    let mut bytes = 0_usize;
    let kept = entry.shares.iter().map(|(user, with)| {
        let own = with.record.display_name.as_ref().map_or(0, String::len)
            + with.record.dead.iter().map(|dead| dead.xml.len()).sum::<usize>();
        let fits = bytes.saturating_add(own) <= TRASHED_SHARES_BYTES;
        let share = if fits {
            bytes = bytes.saturating_add(own);
            with.record.clone()
        } else {
            let (access, name) = (with.record.access, with.record.name.clone());
            ShareRecord { access, name, display_name: None, dead: Vec::new() }
        };
        TrashedShare { user: *user.as_bytes(), share }
    });
    kept.collect()
}
