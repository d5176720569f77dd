//! A tenant's export, made of one state of the store.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use almanac_base::{CollectionId, TenantId, UserId};
use almanac_store::backup::dump::Piece;
use almanac_store::records::export::{
    CollectionExport, ObjectExport, OwnExport, PersonExport, PropertiesExport, TenantExport, TrashExport,
    kind,
};
use almanac_store::records::{
    Document, ObjectRecord, PrincipalRecord, PropertiesRecord, TrashRecord, TrashedShare,
};
use almanac_store::{Key, Record, Space, StoreError, TenantStore};
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::TenantReport;
use super::own::OWN;
use crate::App;
use crate::directory::{Directory, SharedWith, Tenant, User, UserState};
use crate::error::AppError;
use crate::limits::{DUMP_BATCH_BYTES, DUMP_BATCHES_QUEUED};
use crate::open::{all, id, role_to_byte};

/// A record of the tenant.
struct Row {
    key: Key,
    record: Record,
    of: Of,
}

enum Of {
    /// An object, with its dead properties.
    Object(Option<Record>),
    Trash,
    /// What stays in this instance.
    Own(Space),
}

/// Where a tenant goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Destination {
    /// To another instance.
    Elsewhere,
    /// It stays, under other keys.
    Here,
}

/// An export that is being made. Who drops it ends the work.
pub struct TenantDump {
    /// Collections whose members are only waiting to be removed.
    garbage: HashSet<CollectionId>,
    people: HashSet<UserId>,
    rows: mpsc::Receiver<Vec<Row>>,
    work: Option<JoinHandle<Result<(), StoreError>>>,
    piece: Piece,
    ready: VecDeque<Bytes>,
    report: TenantReport,
}

impl App {
    /// Begins the export of a tenant as it is now. Requests are answered meanwhile. What is this instance's own does not
    /// go along: app passwords, accounts at vendors with their secrets, links and what they know.
    ///
    /// # Errors
    /// `NotFound` if there is no such tenant; `Store` if the store fails.
    pub async fn export_tenant(&self, name: &str) -> Result<TenantDump, AppError> {
        self.dump_tenant(name, Destination::Elsewhere).await
    }

    pub(super) async fn dump_tenant(&self, name: &str, to: Destination) -> Result<TenantDump, AppError> {
        // Until the state is fixed that the objects are read from: so they fit to people and collections.
        let _changing = self.changing.lock().await;
        let tenant = self.tenant_named(name)?;
        let mut garbage = HashSet::new();
        for (key, _) in all(&tenant.store, Space::Meta).await? {
            garbage.insert(CollectionId::from_bytes(id(&key)?));
        }
        let (sender, rows) = mpsc::channel(DUMP_BATCHES_QUEUED);
        let store = Arc::clone(&tenant.store);
        let work = tokio::task::spawn_blocking(move || send_rows(&store, to, &sender));
        let mut dump = TenantDump {
            garbage,
            people: HashSet::new(),
            rows,
            work: Some(work),
            piece: Piece::default(),
            ready: VecDeque::new(),
            report: TenantReport { tenant: tenant.record.name.clone(), ..TenantReport::default() },
        };
        dump.head(&self.directory(), &tenant);
        if let Some(first) = dump.rows.recv().await {
            dump.convert(first)?;
        }
        Ok(dump)
    }
}

/// Reads what may be large, in batches; an empty one says that the state is fixed.
fn send_rows(
    store: &TenantStore,
    to: Destination,
    sender: &mpsc::Sender<Vec<Row>>,
) -> Result<(), StoreError> {
    let mut spaces = vec![Space::Objects, Space::Trash];
    if to == Destination::Here {
        spaces.extend(OWN);
    }
    let (mut batch, mut bytes) = (Vec::new(), 0_usize);
    let mut begun = || {
        // Nobody who listens is told below.
        let _ = sender.blocking_send(Vec::new());
    };
    store.each_record(&spaces, &mut begun, &mut |space, key, record, later| {
        // Beside each other, because only the object says the name.
        let of = match space {
            Space::Objects => Of::Object(later(Space::Properties, &key)?),
            Space::Trash => Of::Trash,
            space => Of::Own(space),
        };
        bytes = bytes.saturating_add(record.value.len());
        if let Of::Object(Some(properties)) = &of {
            bytes = bytes.saturating_add(properties.value.len());
        }
        batch.push(Row { key, record, of });
        if bytes >= DUMP_BATCH_BYTES {
            bytes = 0;
            let sent = sender.blocking_send(std::mem::take(&mut batch));
            return sent.map_err(|_| StoreError::Closed); // nobody listens any more
        }
        Ok(())
    })?;
    sender.blocking_send(batch).map_err(|_| StoreError::Closed)
}

impl TenantDump {
    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// The store cannot be read; what came is no export then.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, AppError> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Ok(Some(piece));
            }
            if let Some(batch) = self.rows.recv().await {
                self.convert(batch)?;
                continue;
            }
            if let Some(work) = self.work.take() {
                work.await.map_err(|_| AppError::Bug("reading a tenant panicked"))??;
            }
            if self.piece.is_empty() {
                return Ok(None);
            }
            self.cut();
        }
    }

    /// What it holds; complete at the end.
    #[must_use]
    pub fn report(&self) -> &TenantReport {
        &self.report
    }

    fn push(&mut self, kind: u8, record: &impl Document) {
        self.piece.push(kind, &record.to_bytes());
        if self.piece.is_full() {
            self.cut();
        }
    }

    fn cut(&mut self) {
        self.ready.push_back(Bytes::from(std::mem::take(&mut self.piece).into_bytes()));
    }

    /// What the directory knows: the tenant, its people, its collections.
    fn head(&mut self, directory: &Directory, tenant: &Tenant) {
        let people: Vec<_> = directory.users.values().filter(|user| is_of(user, tenant.id)).collect();
        self.push(
            kind::TENANT,
            &TenantExport {
                name: tenant.record.name.clone(),
                created: tenant.record.created,
                timezone: tenant.record.timezone.clone(),
                logins: people.iter().map(|user| user.login.as_str().to_owned()).collect(),
            },
        );
        for user in people {
            self.report.people += 1;
            self.people.insert(user.id);
            self.push(kind::PERSON, &PersonExport { id: *user.id.as_bytes(), record: principal(user) });
        }
        for entry in directory.collections.values().filter(|entry| entry.tenant.id == tenant.id) {
            self.report.calendars += 1;
            let share = |(user, with): (&UserId, &SharedWith)| TrashedShare {
                user: *user.as_bytes(),
                share: with.record.clone(),
            };
            let shares = entry.shares.iter().map(share).collect();
            let record = entry.record.clone();
            self.push(kind::COLLECTION, &CollectionExport { id: *entry.id.as_bytes(), record, shares });
        }
    }

    fn convert(&mut self, batch: Vec<Row>) -> Result<(), AppError> {
        for Row { key, record, of } in batch {
            match of {
                Of::Trash => {
                    let record = TrashRecord::from_bytes(&record.value)?;
                    if !self.people.contains(&UserId::from_bytes(record.owner)) {
                        continue; // of a person whose removal was cut off
                    }
                    self.report.trash += 1;
                    self.push(kind::TRASH, &TrashExport { id: id(&key)?, record });
                }
                Of::Own(space) => {
                    let (key, value) = (key.to_vec(), record.value.to_vec());
                    self.push(kind::OWN, &OwnExport { space: space as u8, key, value });
                }
                Of::Object(properties) => {
                    let collection = *key.first_chunk::<16>().ok_or(AppError::Bug("an object's key"))?;
                    if !self.garbage.contains(&CollectionId::from_bytes(collection)) {
                        self.object(collection, &record, properties)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn object(
        &mut self,
        collection: [u8; 16],
        record: &Record,
        properties: Option<Record>,
    ) -> Result<(), AppError> {
        let object = ObjectRecord::from_bytes(&record.value)?;
        let (name, version) = (object.name.clone(), *record.version.as_bytes());
        self.report.objects += 1;
        self.push(kind::OBJECT, &ObjectExport { collection, version, object });
        if let Some(properties) = properties {
            let dead = PropertiesRecord::from_bytes(&properties.value)?.dead;
            self.push(kind::PROPERTIES, &PropertiesExport { collection, name, dead });
        }
        Ok(())
    }
}

fn is_of(user: &User, tenant: TenantId) -> bool {
    user.tenant.id == tenant
}

fn principal(user: &User) -> PrincipalRecord {
    PrincipalRecord {
        login: user.login.as_str().to_owned(),
        display_name: user.display_name.clone(),
        email: user.email.clone(),
        role: role_to_byte(user.role),
        state: u8::from(user.state == UserState::Disabled),
        created: user.created.as_second(),
    }
}
