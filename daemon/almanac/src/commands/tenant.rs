//! A tenant on its way to another instance: into a sealed file, and out of one.
//!
//! The records pass between the store and the command line in plain form, through the control socket where a daemon
//! has the store. The command line seals and opens the file, so the key never leaves it, and the file belongs to
//! whoever asked.

use std::io::{BufReader, BufWriter, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use almanac_app::TenantReport;
use almanac_base::{Clock, SystemClock};
use almanac_store::backup::BackupError;
use almanac_store::backup::dump::{DumpReader, DumpWriter};
use almanac_store::{CreateMode, FileKey, KeyError, KeyProvider, KeyWish, RootKey};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::backup::{Take, show};
use super::run::Session;
use super::{Command, Executor, Outcome};
use crate::as_owner::become_owner_of;
use crate::cli::{TenantExport, TenantImport};
use crate::config::Config;
use crate::control::client;
use crate::failure::{Exit, Failure, chain};
use crate::invoke::{block_on, open_input};
use crate::new_file::NewFile;

/// What an export or an import held.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct TenantMoved {
    pub(crate) tenant: String,
    pub(crate) people: u64,
    pub(crate) calendars: u64,
    pub(crate) objects: u64,
    pub(crate) trash: u64,
}

impl From<&TenantReport> for TenantMoved {
    fn from(report: &TenantReport) -> Self {
        Self {
            tenant: report.tenant.clone(),
            people: report.people,
            calendars: report.calendars,
            objects: report.objects,
            trash: report.trash,
        }
    }
}

/// What gives the pieces of an import, in order; `None` after the last.
pub(crate) type Give<'a> = dyn FnMut() -> Result<Option<Vec<u8>>, Failure> + 'a;

/// Writes a tenant into a file.
///
/// # Errors
/// What was written is no export then.
pub(crate) fn export(config: &Config, wish: &TenantExport) -> Result<Outcome, Failure> {
    // All files before root becomes somebody who perhaps may not.
    let key = load(&wish.key_file, KeyWish::MayCreate)?;
    let mut file = NewFile::make(&wish.file)?;
    let outcome = write(config, &wish.tenant, &key, &mut file);
    file.keep_if(outcome)
}

fn write(config: &Config, tenant: &str, key: &RootKey, file: &mut NewFile) -> Result<Outcome, Failure> {
    become_owner_of(&config.store.path)?;
    let mut show = show("tenant export");
    let mut out = BufWriter::new(&mut *file);
    let mut writer = DumpWriter::begin(key, SystemClock.now(), &mut out).map_err(|error| failure(&error))?;
    let mut take = |piece: Bytes| {
        writer.write(&piece).map_err(|error| failure(&error))?;
        show(writer.bytes());
        Ok(())
    };
    let outcome = block_on(async {
        match Session::begin(config).await? {
            Session::Daemon(config) => {
                let command = Command::TenantExport { tenant: tenant.to_owned() };
                client::ask_for_pieces(&config.store.path, &command, &mut take).await?.ok_or_else(stopped)
            }
            Session::Here(store, executor) => {
                let outcome = export_here(&executor, tenant, &mut take).await;
                Session::Here(store, executor).end().await;
                outcome
            }
        }
    })??;
    writer.finish().map_err(|error| failure(&error))?;
    drop(out); // it was flushed by the writer
    file.sync().map_err(|error| failure(&BackupError::Write(error)))?;
    Ok(outcome)
}

async fn export_here(executor: &Executor, tenant: &str, take: &mut Take<'_>) -> Result<Outcome, Failure> {
    let mut dump = executor.app.export_tenant(tenant).await?;
    while let Some(piece) = dump.piece().await? {
        take(piece)?;
    }
    Ok(Outcome::TenantMoved(TenantMoved::from(dump.report())))
}

/// Makes a tenant of a file; or only reads the file, if that is wished.
///
/// # Errors
/// Nothing was imported then.
pub(crate) fn import(config: &Config, wish: &TenantImport) -> Result<Option<Outcome>, Failure> {
    let key = load(&wish.key_file, KeyWish::Existing)?;
    let mut input = BufReader::new(open_input(&wish.file)?);
    become_owner_of(&config.store.path)?;
    let mut reader = DumpReader::open(&key, &mut input).map_err(|error| failure(&error))?;
    let mut show = show("tenant import");
    let mut give = || {
        let piece = reader.piece().map_err(|error| failure(&error))?;
        show(reader.bytes());
        Ok(piece)
    };
    if wish.check {
        while give()?.is_some() {}
        return Ok(None);
    }
    let name = wish.name.clone();
    block_on(async {
        match Session::begin_with(config, CreateMode::IfMissing).await? {
            Session::Daemon(config) => {
                let command = Command::TenantImport { name };
                client::send_pieces(&config.store.path, &command, &mut give).await?.ok_or_else(stopped)
            }
            Session::Here(store, executor) => {
                let outcome = import_here(&executor, name, &mut give).await;
                Session::Here(store, executor).end().await;
                outcome
            }
        }
    })?
    .map(Some)
}

async fn import_here(
    executor: &Executor,
    name: Option<String>,
    give: &mut Give<'_>,
) -> Result<Outcome, Failure> {
    let mut import = executor.app.import_tenant(name);
    let taken = async {
        while let Some(piece) = give()? {
            import.take(&piece).await?;
        }
        Ok::<_, Failure>(import.finish().await?)
    };
    let taken = taken.await;
    conclude(import, taken).await
}

/// The end of an import: what came of it, or what there is of it undone.
///
/// # Errors
/// Why it was not taken.
pub(crate) async fn conclude(
    import: almanac_app::TenantImport,
    taken: Result<TenantReport, Failure>,
) -> Result<Outcome, Failure> {
    match taken {
        Ok(report) => Ok(Outcome::TenantMoved(TenantMoved::from(&report))),
        Err(failure) => {
            if let Err(error) = import.abandon().await {
                let error = chain(&error);
                tracing::warn!(error, "what came of an import stays until the next start");
            }
            Err(failure)
        }
    }
}

/// Exchanges the index keys of one tenant or of all.
///
/// # Errors
/// A server has the store, or what failed; each tenant has its old keys then, or its new ones.
pub(crate) fn rekey(config: &Config, tenant: Option<&str>) -> Result<Outcome, Failure> {
    become_owner_of(&config.store.path)?;
    let last = AtomicU64::new(0);
    let progress = |objects: u64| {
        if objects / REKEYED_SHOWN_EVERY > last.swap(objects, Ordering::Relaxed) / REKEYED_SHOWN_EVERY {
            let _ = writeln!(std::io::stderr(), "key rekey-index: {objects} objects copied");
        }
    };
    block_on(async {
        let Session::Here(store, executor) = Session::begin(config).await? else {
            return Err(Failure::new(
                Exit::InUse,
                "index keys are exchanged only while nothing is written, and a server has the store",
                "stop the server first",
            ));
        };
        let done = executor.app.rekey_index(tenant, &progress).await;
        Session::Here(store, executor).end().await;
        Ok(Outcome::Rekeyed(done?.iter().map(TenantMoved::from).collect()))
    })?
}

/// The progress is told after so many objects.
const REKEYED_SHOWN_EVERY: u64 = 10_000;

fn load(path: &Path, wish: KeyWish) -> Result<RootKey, Failure> {
    let key = FileKey { path: path.to_owned() }.load(wish);
    key.map_err(|error| {
        if let KeyError::Missing(path) = &error {
            let what = format!("the key file {} is missing", path.display());
            return Failure::new(Exit::WrongKey, what, "name the key file that the export was made with");
        }
        let text = chain(&error);
        let (what, remedy) = text.split_once("; ").unwrap_or((&text, "name another file with --key-file"));
        Failure::new(Exit::WrongKey, what, remedy)
    })
}

fn stopped() -> Failure {
    Failure::failed("the server stopped meanwhile", "give the command again")
}

/// Why a file was not written or read, as the operator reads it.
fn failure(error: &BackupError) -> Failure {
    let damaged = |what: &str| Failure::new(Exit::Damaged, what, "use another copy, or export again");
    match error {
        BackupError::Foreign => damaged("this is not the export of a tenant"),
        BackupError::NewerVersion { .. } => Failure::new(
            Exit::Damaged,
            "the export is of a newer version of the program",
            "use a program that is at least as new",
        ),
        BackupError::WrongKey => Failure::new(
            Exit::WrongKey,
            "the key does not fit this export",
            "name the key file that it was made with",
        ),
        BackupError::Damaged { .. } => damaged("the export is damaged"),
        BackupError::Cut { .. } => damaged("the export is cut off: it was not finished or not copied whole"),
        other => Failure::failed(chain(other), "look at the disk and at the file"),
    }
}
