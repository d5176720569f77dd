//! Opening stores, and looking at their files behind their back.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use almanac_base::{CollectionId, SystemClock, TenantId};
use almanac_store::{
    CreateMode, EngineKind, FileKey, FixedKey, LogWrite, OpenOptions, Space, Store, TenantStore, Write,
};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

const ROWS: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("rows");

/// A redb store in `folder`, its key beside it.
pub(crate) fn options(folder: &Path) -> OpenOptions {
    OpenOptions {
        state: folder.into(),
        engine: EngineKind::Redb,
        cache_bytes: 1 << 20,
        key: Arc::new(FileKey { path: folder.join("root.key") }),
        clock: Arc::new(SystemClock),
        create: CreateMode::IfMissing,
    }
}

pub(crate) fn open(folder: &Path) -> Store {
    Store::open(options(folder)).unwrap()
}

/// A store in memory, and its system tenant.
pub(crate) fn in_memory() -> (Store, Arc<TenantStore>) {
    let mut options = options(Path::new("none"));
    options.engine = EngineKind::Memory;
    options.key = Arc::new(FixedKey::new([7; 32]));
    let store = Store::open(options).unwrap();
    let tenant = block_on(store.create_tenant(tenant(1))).unwrap();
    (store, tenant)
}

pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

pub(crate) fn tenant(number: u8) -> TenantId {
    TenantId::from_bytes([number; 16])
}

pub(crate) fn collection(number: u8) -> CollectionId {
    CollectionId::from_bytes([number; 16])
}

/// A write of one object.
pub(crate) fn put(tenant: &TenantStore, key: &[u8], value: &[u8]) -> Write {
    Write::new().put(Space::Objects, key, tenant.new_version(), value.to_vec())
}

pub(crate) fn announce(tenant: &TenantStore, of: u8, value: &[u8]) -> LogWrite {
    LogWrite {
        collection: collection(of),
        object: [of; 32],
        version: tenant.new_version(),
        value: value.to_vec(),
    }
}

/// The plain value of an object.
pub(crate) fn value(tenant: &TenantStore, key: &[u8]) -> Option<Vec<u8>> {
    block_on(tenant.get(Space::Objects, key)).unwrap().map(|record| record.value.to_vec())
}

/// The place of a row in the file.
pub(crate) fn row_key(tenant: TenantId, space: Space, key: &[u8]) -> Vec<u8> {
    [tenant.as_bytes().as_slice(), &[space as u8], key].concat()
}

/// All rows of a closed store's file.
pub(crate) fn rows(folder: &Path) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let db = Database::open(folder.join("store.redb")).unwrap();
    let table = db.begin_read().unwrap().open_table(ROWS).unwrap();
    table
        .iter()
        .unwrap()
        .map(|row| row.unwrap())
        .map(|(k, v)| (k.value().to_vec(), v.value().to_vec()))
        .collect()
}

/// Writes rows into a closed store's file, past every check.
pub(crate) fn forge(folder: &Path, rows: &[(Vec<u8>, Vec<u8>)]) {
    let db = Database::open(folder.join("store.redb")).unwrap();
    let transact = db.begin_write().unwrap();
    let mut table = transact.open_table(ROWS).unwrap();
    for (key, value) in rows {
        table.insert(key.as_slice(), value.as_slice()).unwrap();
    }
    drop(table);
    transact.commit().unwrap();
}

/// Every file of a folder with its bytes, its mode and when it was last written.
pub(crate) fn files(folder: &Path) -> BTreeMap<String, (Vec<u8>, u32, std::time::SystemTime)> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            let meta = entry.metadata().unwrap();
            let name = entry.file_name().into_string().unwrap();
            (name, (fs::read(entry.path()).unwrap(), meta.permissions().mode(), meta.modified().unwrap()))
        })
        .collect()
}

pub(crate) fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}
