//! Removing what is left of a person: works on the store alone, so that a start can finish what a crash cut off.

use almanac_base::{TenantId, UserId};
use almanac_store::records::collection::share_key;
use almanac_store::records::{
    CollectionRecord, Document, GarbageRecord, HomeRecord, RemovalRecord, ShareRecord,
};
use almanac_store::{Space, Store, TenantStore, Write, prefix_range};

use crate::collections::home_name_key;
use crate::error::AppError;
use crate::open::{all, all_in, id};
use crate::trash::forget_person;

/// Removes a person's calendars, the shares of and with them, the names in their home, what of all this is in the
/// trash, and the person; then the note that said so. Each step can be repeated.
pub(crate) async fn finish_removal(store: &Store, tenant: TenantId, user: UserId) -> Result<(), AppError> {
    if let Some(sealed) = store.tenant(tenant) {
        remove_person(&sealed, user).await?;
    }
    let note = Write::new().delete(Space::Principals, user.as_bytes().as_slice());
    store.system().commit(note).await?;
    Ok(())
}

/// Finishes all removals that a note in the system tenant asks for.
pub(crate) async fn finish_all(store: &Store) -> Result<(), AppError> {
    for (key, note) in all(&store.system(), Space::Principals).await? {
        let note = RemovalRecord::from_bytes(&note.value)?;
        finish_removal(store, TenantId::from_bytes(note.tenant), UserId::from_bytes(id(&key)?)).await?;
    }
    Ok(())
}

async fn remove_person(store: &TenantStore, user: UserId) -> Result<(), AppError> {
    for (key, home) in all_in(store, Space::Homes, prefix_range(user.as_bytes())).await? {
        let home = HomeRecord::from_bytes(&home.value)?;
        let collection = home.collection.as_slice();
        let record = store.get(Space::Collections, collection).await?;
        let own = match &record {
            Some(record) => CollectionRecord::from_bytes(&record.value)?.owner == *user.as_bytes(),
            None => false,
        };
        let id = almanac_base::CollectionId::from_bytes(home.collection);
        let mut write = Write::new().delete(Space::Homes, key).delete(Space::Shares, share_key(id, user));
        if own {
            let garbage = GarbageRecord { deleted: 0 };
            write = write.delete(Space::Collections, collection).put(
                Space::Meta,
                collection,
                store.new_version(),
                garbage.to_bytes(),
            );
            for (key, share) in all_in(store, Space::Shares, prefix_range(collection)).await? {
                let name = ShareRecord::from_bytes(&share.value)?.name;
                let (_, with) = key.split_at_checked(16).ok_or(AppError::Bug("a share's key"))?;
                let with = UserId::from_bytes(crate::open::id(with)?);
                write =
                    write.delete(Space::Homes, home_name_key(store, with, &name)).delete(Space::Shares, key);
            }
        }
        store.commit(write).await?;
    }
    forget_person(store, user).await?;
    store.commit(Write::new().delete(Space::Principals, user.as_bytes().as_slice())).await?;
    Ok(())
}
