//! A tenant's import: made out of sight, and there as a whole when the last record is.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use almanac_backend::{CollectionName, Login, ObjectName};
use almanac_base::{CollectionId, TenantId, UserId};
use almanac_ical::CalendarObject;
use almanac_ical::zone::Zone;
use almanac_store::backup::dump::records;
use almanac_store::records::collection::share_key;
use almanac_store::records::export::{
    CollectionExport, ObjectExport, OwnExport, PersonExport, PropertiesExport, TenantExport, TrashExport,
    kind,
};
use almanac_store::records::object::member_key;
use almanac_store::records::{
    Document, GarbageRecord, HomeRecord, LoginRecord, ObjectRecord, PartialTenant, PropertiesRecord,
    TenantRecord, TrashedRecord, TrashedShare,
};
use almanac_store::{Precondition, RecordVersion, Space, StoreError, TenantStore, Write};

use super::TenantReport;
use super::own::Links;
use crate::App;
use crate::collections::home_name_key;
use crate::directory::{Directory, Tenant};
use crate::error::AppError;
use crate::index::slot::summarize;
use crate::limits::{COPY_BYTES, DUMP_ROWS, LOGINS_NAMED};
use crate::open::role_from_byte;
use crate::people::{check_login, check_text};
use crate::tenants::drop_partial;

/// An import that is being made. It is to be finished or abandoned; one that is neither goes at the next start.
pub struct TenantImport {
    app: Arc<App>,
    /// The name that the operator wants it to have.
    name: Option<String>,
    /// The tenant that goes when this one comes: the same people and collections, under other keys.
    replaces: Option<Arc<Tenant>>,
    arriving: Option<Arriving>,
    report: TenantReport,
}

/// The tenant once its first record has come.
struct Arriving {
    id: TenantId,
    record: TenantRecord,
    store: Arc<TenantStore>,
    logins: Vec<(Login, UserId)>,
    people: HashSet<UserId>,
    /// Collections that have come, or of which something has.
    collections: HashSet<CollectionId>,
    /// Those whose record or whose entry in the trash has come.
    known: HashSet<CollectionId>,
    /// The links that have come.
    links: Links,
    /// What is not committed yet.
    write: Write,
    bytes: u64,
}

impl App {
    /// Begins to import a tenant, under the name it has or under another one.
    #[must_use]
    pub fn import_tenant(self: &Arc<Self>, name: Option<String>) -> TenantImport {
        self.arrival(name, None)
    }

    /// Begins to make a tenant that takes the place of `old`.
    pub(super) fn replace_tenant(self: &Arc<Self>, old: Arc<Tenant>) -> TenantImport {
        self.arrival(None, Some(old))
    }

    fn arrival(self: &Arc<Self>, name: Option<String>, replaces: Option<Arc<Tenant>>) -> TenantImport {
        let (app, report) = (Arc::clone(self), TenantReport::default());
        TenantImport { app, name, replaces, arriving: None, report }
    }

    /// Forgets what is in memory of the members of a tenant's collections: they have other keyed hashes from now on.
    fn forget_members(&self, tenant: &Tenant) {
        let directory = self.directory();
        for entry in directory.collections.values().filter(|entry| entry.tenant.id == tenant.id) {
            self.indexes.forget(entry.id);
            entry.head.forget();
        }
    }

    /// Refuses an import whose tenant or people would be there twice.
    fn check_arrival(&self, tenant: &str, logins: &[Login]) -> Result<(), AppError> {
        let directory = self.directory();
        if directory.tenants.values().any(|other| other.record.name == tenant) {
            return Err(AppError::Exists("tenant"));
        }
        let taken: Vec<_> = logins.iter().filter(|login| directory.users.contains_key(*login)).collect();
        if taken.is_empty() {
            return Ok(());
        }
        let mut named: Vec<_> = taken.iter().take(LOGINS_NAMED).map(|login| login.as_str()).collect();
        if taken.len() > named.len() {
            named.push("others");
        }
        Err(AppError::Invalid(format!("these logins are here already: {}", named.join(", "))))
    }
}

impl TenantImport {
    /// Takes the next piece.
    ///
    /// # Errors
    /// `Exists` or `Invalid` if the tenant or people of it are there already, `Invalid` if the records are not those
    /// of an export, `Store` if the store fails. The import is to be abandoned then.
    pub async fn take(&mut self, piece: &[u8]) -> Result<(), AppError> {
        for (kind, record) in records(piece).ok_or_else(broken)? {
            match (kind, &mut self.arriving) {
                (kind::TENANT, None) => self.begin(&TenantExport::from_bytes(&record)?).await?,
                (kind::PERSON, Some(arriving)) => {
                    arriving.person(&PersonExport::from_bytes(&record)?)?;
                    self.report.people += 1;
                }
                (kind::COLLECTION, Some(arriving)) => {
                    arriving.collection(CollectionExport::from_bytes(&record)?)?;
                    self.report.calendars += 1;
                }
                (kind::OBJECT, Some(arriving)) => {
                    arriving.object(ObjectExport::from_bytes(&record)?)?;
                    self.report.objects += 1;
                }
                (kind::PROPERTIES, Some(arriving)) => {
                    arriving.properties(PropertiesExport::from_bytes(&record)?);
                }
                (kind::TRASH, Some(arriving)) => {
                    arriving.trash(TrashExport::from_bytes(&record)?)?;
                    self.report.trash += 1;
                }
                // A file brings none: what an instance keeps for itself goes along only within it.
                (kind::OWN, Some(arriving)) if self.replaces.is_some() => {
                    arriving.own(OwnExport::from_bytes(&record)?)?;
                }
                _ => return Err(broken()),
            }
            if let Some(arriving) = &mut self.arriving {
                arriving.bytes = arriving.bytes.saturating_add(record.len() as u64);
                if arriving.bytes >= COPY_BYTES || arriving.write.puts.len() >= DUMP_ROWS {
                    arriving.flush().await?;
                }
            }
        }
        Ok(())
    }

    async fn begin(&mut self, tenant: &TenantExport) -> Result<(), AppError> {
        let name = self.name.clone().unwrap_or_else(|| tenant.name.clone());
        check_text("tenant name", &name, 100)?;
        if Zone::iana(&tenant.timezone).is_none() {
            return Err(AppError::Invalid("the tenant is in a time zone that is not known here".to_owned()));
        }
        let logins = tenant.logins.iter().map(|login| check_login(login)).collect::<Result<Vec<_>, _>>()?;
        let app = &self.app;
        let _changing = app.changing.lock().await;
        if self.replaces.is_none() {
            app.check_arrival(&name, &logins)?;
        }
        let id = TenantId::from_bytes(app.ids.fresh());
        let record = TenantRecord {
            name: name.clone(),
            created: tenant.created,
            timezone: tenant.timezone.clone(),
            partial: Some(PartialTenant::Arriving),
        };
        app.note_tenant(id, &record).await?;
        let store = app.store.create_tenant(id).await?;
        self.report.tenant = name;
        self.arriving = Some(Arriving {
            id,
            record,
            store,
            logins: Vec::new(),
            people: HashSet::new(),
            collections: HashSet::new(),
            known: HashSet::new(),
            links: Links::default(),
            write: Write::new(),
            bytes: 0,
        });
        Ok(())
    }

    /// Makes the tenant appear; only after the last piece, when the file has proved to be whole.
    ///
    /// # Errors
    /// As [`TenantImport::take`]; it is to be abandoned then.
    pub async fn finish(&mut self) -> Result<TenantReport, AppError> {
        let app = &self.app;
        let arriving = self.arriving.as_mut().ok_or_else(broken)?;
        arriving.leave_no_orphans();
        arriving.flush().await?;
        let _changing = app.changing.lock().await;
        if self.replaces.is_none() {
            let logins: Vec<_> = arriving.logins.iter().map(|(login, _)| login.clone()).collect();
            app.check_arrival(&arriving.record.name, &logins)?;
            if !arriving.is_new(&app.directory()) {
                return Err(broken());
            }
        }
        let system = app.store.system();
        let write = arriving.appearing(app, self.replaces.as_deref());
        let settled = app.settle(&system, write).await;
        if let Err(AppError::Store(StoreError::Conflict { .. })) = settled {
            return Err(AppError::Exists("login"));
        }
        // If nobody knows whether it appeared, it is not to be abandoned: if it did not, the next start removes it.
        self.arriving = None;
        settled?;
        if let Some(old) = &self.replaces {
            app.forget_members(old);
        }
        app.stale.store(true, Ordering::Relaxed);
        app.read_again().await?;
        if let Some(old) = &self.replaces {
            drop_partial(&app.store, old.id).await?;
        }
        Ok(self.report.clone())
    }

    /// Removes what came so far. After [`TenantImport::finish`] there is nothing to remove.
    ///
    /// # Errors
    /// The store failed; it goes at the next start.
    pub async fn abandon(self) -> Result<(), AppError> {
        if let Some(arriving) = self.arriving {
            drop_partial(&self.app.store, arriving.id).await?;
        }
        Ok(())
    }
}

impl Arriving {
    /// The write of the system tenant by which this one appears, in the place of an old one if there is one.
    fn appearing(&self, app: &App, old: Option<&Tenant>) -> Write {
        let system = app.store.system();
        let put = |write: Write, id: TenantId, record: &TenantRecord| {
            write.put(Space::Meta, id.as_bytes().as_slice(), system.new_version(), record.to_bytes())
        };
        let record = TenantRecord { partial: None, ..self.record.clone() };
        let mut write = put(Write::new(), self.id, &record);
        if let Some(old) = old {
            let leaving = TenantRecord { partial: Some(PartialTenant::Leaving), ..old.record.clone() };
            write = put(write, old.id, &leaving);
        }
        for (login, user) in &self.logins {
            let key = app.login_key(login);
            let leads = LoginRecord { tenant: *self.id.as_bytes(), user: *user.as_bytes() };
            write = write
                .require(match old {
                    None => Precondition::Absent(Space::Index, key.into()),
                    Some(_) => Precondition::Exists(Space::Index, key.into()),
                })
                .put(Space::Index, key.as_slice(), system.new_version(), leads.to_bytes());
        }
        write
    }

    fn person(&mut self, person: &PersonExport) -> Result<(), AppError> {
        let login = check_login(&person.record.login)?;
        role_from_byte(person.record.role)?;
        let user = UserId::from_bytes(person.id);
        let version = self.store.new_version();
        self.put(Space::Principals, user.as_bytes(), version, person.record.to_bytes());
        self.people.insert(user);
        self.logins.push((login, user));
        Ok(())
    }

    fn collection(&mut self, collection: CollectionExport) -> Result<(), AppError> {
        let CollectionExport { id, record, shares } = collection;
        let owner = self.user(record.owner)?;
        let name = CollectionName::new(&record.name).map_err(|_| broken())?;
        let id = self.some_of(id);
        self.known.insert(id);
        let version = self.store.new_version();
        self.put(Space::Collections, id.as_bytes(), version, record.to_bytes());
        self.home(owner, id, name.as_str());
        for TrashedShare { user, share } in shares {
            let user = self.user(user)?;
            let name = CollectionName::new(&share.name).map_err(|_| broken())?;
            let version = self.store.new_version();
            self.put(Space::Shares, &share_key(id, user), version, share.to_bytes());
            self.home(user, id, name.as_str());
        }
        Ok(())
    }

    fn home(&mut self, user: UserId, collection: CollectionId, name: &str) {
        let home = HomeRecord { collection: *collection.as_bytes(), name: name.to_owned() };
        let (key, version) = (home_name_key(&self.store, user, name), self.store.new_version());
        self.put(Space::Homes, &key, version, home.to_bytes());
    }

    fn object(&mut self, exported: ObjectExport) -> Result<(), AppError> {
        let ObjectExport { collection, version, object } = exported;
        let id = self.some_of(collection);
        let name = ObjectName::new(&object.name).map_err(|_| broken())?;
        let body = CalendarObject::parse_stored(&object.body).map_err(|_| broken())?;
        let member = self.store.member(id, name.as_str());
        let summary = summarize(&name, &body, object.created, object.modified)?;
        let object = ObjectRecord { uid: self.store.uid_hash(id, body.uid()), ..object };
        let version = RecordVersion::from_bytes(version);
        let write = std::mem::take(&mut self.write);
        self.write = write.put_object(member, version, &object, &summary);
        Ok(())
    }

    fn properties(&mut self, exported: PropertiesExport) {
        let id = self.some_of(exported.collection);
        let member = self.store.member(id, &exported.name);
        let version = self.store.new_version();
        let record = PropertiesRecord { dead: exported.dead };
        self.put(Space::Properties, &member_key(id, &member.name), version, record.to_bytes());
    }

    fn trash(&mut self, exported: TrashExport) -> Result<(), AppError> {
        let TrashExport { id, mut record } = exported;
        self.user(record.owner)?;
        if let TrashedRecord::Collection(_, shares) = &mut record.what {
            let collection = self.some_of(record.collection);
            self.known.insert(collection);
            shares.retain(|share| self.people.contains(&UserId::from_bytes(share.user)));
        }
        let version = self.store.new_version();
        self.put(Space::Trash, &id, version, record.to_bytes());
        Ok(())
    }

    fn own(&mut self, exported: OwnExport) -> Result<(), AppError> {
        for (space, key, value) in self.links.moved(&self.store, &self.known, exported)? {
            let version = self.store.new_version();
            self.put(space, &key, version, value);
        }
        Ok(())
    }

    fn put(&mut self, space: Space, key: &[u8], version: RecordVersion, value: Vec<u8>) {
        let write = std::mem::take(&mut self.write);
        self.write = write.put(space, key, version, value);
    }

    fn user(&self, id: [u8; 16]) -> Result<UserId, AppError> {
        let user = UserId::from_bytes(id);
        if self.people.contains(&user) { Ok(user) } else { Err(broken()) }
    }

    /// Notes that something of this collection has come.
    fn some_of(&mut self, id: [u8; 16]) -> CollectionId {
        let id = CollectionId::from_bytes(id);
        self.collections.insert(id);
        id
    }

    /// Whether nothing of it has the id of something here. Ids are made once, so only a file that was tampered with
    /// before it was sealed could bring one twice.
    fn is_new(&self, directory: &Directory) -> bool {
        let people = self.people.iter().any(|id| directory.by_id.contains_key(id));
        let collections = self.collections.iter().any(|id| directory.collections.contains_key(id));
        !people && !collections
    }

    /// Members of a collection that went for good while the export was made go here, too.
    fn leave_no_orphans(&mut self) {
        let orphans: Vec<_> = self.collections.difference(&self.known).copied().collect();
        for id in orphans {
            let (note, version) = (GarbageRecord { deleted: 0 }, self.store.new_version());
            self.put(Space::Meta, id.as_bytes(), version, note.to_bytes());
        }
    }

    async fn flush(&mut self) -> Result<(), AppError> {
        self.bytes = 0;
        if self.write.puts.is_empty() {
            return Ok(());
        }
        self.store.commit(std::mem::take(&mut self.write)).await?;
        Ok(())
    }
}

pub(super) fn broken() -> AppError {
    AppError::Invalid("the records are not those of an export".to_owned())
}
