//! Opening: the directory is read from the store, and what a crash left half done is finished.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicI64};
use std::sync::{Arc, Mutex, RwLock};

use almanac_backend::{Access, CollectionName, Login, PrincipalRole};
use almanac_base::{CollectionId, CredentialId, IdGen, TenantId, UserId};
use almanac_ical::zone::{Zone, Zones};
use almanac_ical::{Limits, parse_timezone};
use almanac_store::records::{
    CollectionRecord, CredentialRecord, Document, FeedRecord, KeyedHash, LoginRecord, PrincipalRecord,
    ShareRecord, TenantRecord,
};
use almanac_store::{Key, Order, Record, RecordVersion, Space, Store, TenantStore, prefix_range};
use jiff::Timestamp;

use crate::directory::{CollectionEntry, Credential, Directory, SharedWith, Tenant, User, UserState};
use crate::error::AppError;
use crate::feeds::feed_entry;
use crate::head::Head;
use crate::index::IndexCache;
use crate::limits::CHANGED_QUEUED;
use crate::removal::finish_all;
use crate::sync::Counted;
use crate::tenants::finish_tenants;
use crate::{App, AppOptions};

const PAGE: u32 = 1_000;

impl App {
    /// Opens the application on a store.
    ///
    /// # Errors
    /// `AppError::Store` if the store cannot be read.
    pub async fn open(store: Arc<Store>, options: AppOptions) -> Result<Arc<Self>, AppError> {
        finish_tenants(&store).await?;
        finish_all(&store).await?;
        let directory = read_directory(&store).await?;
        Ok(Arc::new(Self {
            store,
            ids: IdGen::new(Arc::clone(&options.clock)),
            clock: options.clock,
            directory: RwLock::new(directory),
            indexes: IndexCache::new(options.cache_bytes),
            trash_days: options.trash_days,
            changing: tokio::sync::Mutex::new(()),
            stale: AtomicBool::new(false),
            copying: Mutex::default(),
            changed: tokio::sync::broadcast::Sender::new(CHANGED_QUEUED),
            waiting: Counted::default(),
            probing: Arc::default(),
        }))
    }

    /// Writes down what is only in memory. The store itself is closed by its owner.
    pub async fn close(&self) {
        if let Err(error) = self.write_last_uses(i64::MIN).await {
            tracing::warn!(error = %error, "the last use of app passwords was not written");
        }
    }
}

/// All records of a space.
pub(crate) async fn all(store: &TenantStore, space: Space) -> Result<Vec<(Key, Record)>, AppError> {
    all_in(store, space, prefix_range(&[])).await
}

/// All records of a range.
pub(crate) async fn all_in(
    store: &TenantStore,
    space: Space,
    mut range: Range<Key>,
) -> Result<Vec<(Key, Record)>, AppError> {
    let mut rows = Vec::new();
    loop {
        let page = store.scan(space, range.clone(), PAGE, Order::Ascending).await?;
        rows.extend(page.rows);
        match page.next {
            Some(next) => range.start = next,
            None => return Ok(rows),
        }
    }
}

pub(crate) fn id(bytes: &[u8]) -> Result<[u8; 16], AppError> {
    bytes.try_into().map_err(|_| AppError::Bug("an id in a key has the wrong length"))
}

pub(crate) async fn read_directory(store: &Store) -> Result<Directory, AppError> {
    let mut directory = Directory::default();
    let system = store.system();
    let mut logins: BTreeMap<UserId, TenantId> = BTreeMap::new();
    for (_, record) in all(&system, Space::Index).await? {
        let login = LoginRecord::from_bytes(&record.value)?;
        logins.insert(UserId::from_bytes(login.user), TenantId::from_bytes(login.tenant));
    }
    for (key, record) in all(&system, Space::Meta).await? {
        let tenant = TenantId::from_bytes(id(&key)?);
        // A tenant whose keys are gone was being removed.
        let Some(sealed) = store.tenant(tenant) else { continue };
        let record = TenantRecord::from_bytes(&record.value)?;
        if record.partial.is_some() {
            continue;
        }
        let tenant = tenant_entry(tenant, record, sealed);
        read_people(&mut directory, &tenant, &logins).await?;
        read_collections(&mut directory, &tenant).await?;
        directory.tenants.insert(tenant.id, tenant);
    }
    for (key, record) in all(&system, Space::Credentials).await? {
        let hash: KeyedHash = key.as_ref().try_into().map_err(|_| AppError::Bug("a credential's key"))?;
        let credential = CredentialRecord::from_bytes(&record.value)?;
        if directory.by_id.contains_key(&UserId::from_bytes(credential.user)) {
            directory.credentials.insert(hash, Arc::new(credential_entry(&credential)));
        }
    }
    for (key, record) in all(&system, Space::Feeds).await? {
        let hash: KeyedHash = key.as_ref().try_into().map_err(|_| AppError::Bug("a feed's key"))?;
        let feed = feed_entry(&FeedRecord::from_bytes(&record.value)?);
        if directory.by_id.contains_key(&feed.owner) {
            directory.feeds.insert(hash, Arc::new(feed));
        }
    }
    Ok(directory)
}

/// A person is complete when their login leads to them; anything less is what a crash left behind.
async fn read_people(
    directory: &mut Directory,
    tenant: &Arc<Tenant>,
    logins: &BTreeMap<UserId, TenantId>,
) -> Result<(), AppError> {
    for (key, record) in all(&tenant.store, Space::Principals).await? {
        let user = UserId::from_bytes(id(&key)?);
        if logins.get(&user) == Some(&tenant.id) {
            let record = PrincipalRecord::from_bytes(&record.value)?;
            directory.put_user(Arc::new(user_entry(user, tenant, &record)?));
        }
    }
    Ok(())
}

async fn read_collections(directory: &mut Directory, tenant: &Arc<Tenant>) -> Result<(), AppError> {
    let mut shares: BTreeMap<CollectionId, BTreeMap<UserId, SharedWith>> = BTreeMap::new();
    for (key, record) in all(&tenant.store, Space::Shares).await? {
        let (collection, user) = key.split_at_checked(16).ok_or(AppError::Bug("a share's key"))?;
        let (collection, user) = (CollectionId::from_bytes(id(collection)?), UserId::from_bytes(id(user)?));
        let share = share_entry(record.version, ShareRecord::from_bytes(&record.value)?)?;
        if directory.by_id.contains_key(&user) {
            shares.entry(collection).or_default().insert(user, share);
        }
    }
    // What has a note is deleted, or a copy that was never finished.
    let garbage: HashSet<Key> =
        all(&tenant.store, Space::Meta).await?.into_iter().map(|(key, _)| key).collect();
    for (key, record) in all(&tenant.store, Space::Collections).await? {
        if garbage.contains(&key) {
            continue;
        }
        let collection = CollectionId::from_bytes(id(&key)?);
        let value = CollectionRecord::from_bytes(&record.value)?;
        if directory.by_id.contains_key(&UserId::from_bytes(value.owner)) {
            let shares = shares.remove(&collection).unwrap_or_default();
            let head = Arc::<Head>::default();
            directory.put_collection(collection_entry(
                collection,
                tenant,
                record.version,
                value,
                shares,
                head,
            )?);
        }
    }
    Ok(())
}

pub(crate) fn instant(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(Timestamp::UNIX_EPOCH)
}

pub(crate) fn tenant_entry(id: TenantId, record: TenantRecord, store: Arc<TenantStore>) -> Arc<Tenant> {
    let zone = Zone::iana(&record.timezone).unwrap_or_else(Zone::utc);
    Arc::new(Tenant { id, record, store, zone })
}

pub(crate) fn user_entry(
    id: UserId,
    tenant: &Arc<Tenant>,
    record: &PrincipalRecord,
) -> Result<User, AppError> {
    Ok(User {
        id,
        login: Login::new(&record.login).map_err(|_| AppError::Bug("a stored login is not a login"))?,
        tenant: Arc::clone(tenant),
        display_name: record.display_name.clone(),
        email: record.email.clone(),
        role: role_from_byte(record.role)?,
        state: if record.state == 0 { UserState::Enabled } else { UserState::Disabled },
        created: instant(record.created),
    })
}

pub(crate) fn credential_entry(record: &CredentialRecord) -> Credential {
    let last_used = record.last_used.unwrap_or(0);
    Credential {
        id: CredentialId::from_bytes(record.id),
        user: UserId::from_bytes(record.user),
        label: record.label.clone(),
        created: instant(record.created),
        last_used: AtomicI64::new(last_used),
        last_written: AtomicI64::new(last_used),
    }
}

pub(crate) fn share_entry(version: RecordVersion, record: ShareRecord) -> Result<SharedWith, AppError> {
    Ok(SharedWith {
        access: match record.access {
            0 => Access::FreeBusy,
            1 => Access::Read,
            _ => Access::ReadWrite,
        },
        name: collection_name(&record.name)?,
        version,
        record,
    })
}

pub(crate) fn collection_entry(
    id: CollectionId,
    tenant: &Arc<Tenant>,
    version: RecordVersion,
    record: CollectionRecord,
    shares: BTreeMap<UserId, SharedWith>,
    head: Arc<Head>,
) -> Result<CollectionEntry, AppError> {
    Ok(CollectionEntry {
        id,
        tenant: Arc::clone(tenant),
        owner: UserId::from_bytes(record.owner),
        name: collection_name(&record.name)?,
        version,
        zone: zone_of(&record),
        record,
        shares,
        head,
    })
}

/// The zone that a collection's properties name: the id before the VTIMEZONE (RFC 7809 section 5.2).
fn zone_of(record: &CollectionRecord) -> Option<Zone> {
    if let Some(zone) = record.timezone_id.as_deref().and_then(Zone::iana) {
        return Some(zone);
    }
    // Older records have the space that a client put around the text.
    let text = record.timezone.as_deref()?.trim();
    let calendar = parse_timezone(text.as_bytes(), &Limits::default()).ok()?;
    let tzid = calendar.components_named("VTIMEZONE").next()?.property("TZID")?.text();
    Some(Zones::read(&calendar).resolve(&tzid).zone)
}

fn collection_name(text: &str) -> Result<CollectionName, AppError> {
    CollectionName::new(text).map_err(|_| AppError::Bug("a stored name is not a name"))
}

pub(crate) fn role_to_byte(role: PrincipalRole) -> u8 {
    match role {
        PrincipalRole::Admin => 0,
        PrincipalRole::FrontDesk => 1,
        PrincipalRole::Practitioner => 2,
        PrincipalRole::Patient => 3,
    }
}

pub(crate) fn role_from_byte(byte: u8) -> Result<PrincipalRole, AppError> {
    match byte {
        0 => Ok(PrincipalRole::Admin),
        1 => Ok(PrincipalRole::FrontDesk),
        2 => Ok(PrincipalRole::Practitioner),
        3 => Ok(PrincipalRole::Patient),
        _ => Err(AppError::Bug("a stored role is not known")),
    }
}
