//! Carries a command to where the store is: to the daemon that holds it, or to a store opened here.

use std::sync::Arc;

use almanac_app::{App, AppOptions, ImportProgress};
use almanac_base::SystemClock;
use almanac_store::{CreateMode, EngineKind, OpenError, OpenOptions, Store};
use tokio::time::{Instant, sleep};

use super::{Command, Executor, Outcome, backup, key};
use crate::config::{Config, Engine};
use crate::control::client;
use crate::failure::{Exit, Failure, chain};
use crate::limits::{STORE_LOOK, STORE_WAIT};
use crate::vendors::Vendors;

/// Carries out `command`. The lock of the store decides where; one that another command holds is waited for.
///
/// # Errors
/// As the command, or why the store could not be opened.
pub(crate) async fn run(
    config: &Config,
    command: Command,
    attachment: &[u8],
    progress: &(dyn Fn(ImportProgress) + Sync),
) -> Result<Outcome, Failure> {
    let deadline = Instant::now() + STORE_WAIT;
    // Only a first tenant can begin a store: any other command on an empty folder is a mistyped folder.
    let create =
        if matches!(command, Command::TenantAdd { .. }) { CreateMode::IfMissing } else { CreateMode::Never };
    loop {
        if let Some(store) = open(config, create)? {
            return here(config, store, command, attachment, progress).await;
        }
        if let Some(answer) = client::ask(&config.store.path, &command, attachment, progress).await? {
            return Ok(answer);
        }
        if Instant::now() > deadline {
            return Err(in_use(config));
        }
        sleep(STORE_LOOK).await;
    }
}

/// Several commands one after the other, all where the first one finds the store.
pub(crate) enum Session<'a> {
    /// In this process.
    Here(Arc<Store>, Executor),
    /// In the daemon of this configuration.
    Daemon(&'a Config),
}

impl<'a> Session<'a> {
    /// Opens the store, or finds the daemon that has it. Another command that holds it is waited for.
    ///
    /// # Errors
    /// As [`run`].
    pub(crate) async fn begin(config: &'a Config) -> Result<Self, Failure> {
        Self::begin_with(config, CreateMode::Never).await
    }

    /// The same, making a store where there is none if `create` says so.
    ///
    /// # Errors
    /// As [`run`].
    pub(crate) async fn begin_with(config: &'a Config, create: CreateMode) -> Result<Self, Failure> {
        let deadline = Instant::now() + STORE_WAIT;
        loop {
            if let Some(store) = open(config, create)? {
                let store = Arc::new(store);
                let app = app(config, &store).await?;
                let vendors = Vendors::new(&app, Arc::new(SystemClock), config);
                return Ok(Self::Here(store, Executor { app, daemon: None, vendors }));
            }
            if client::listens(&config.store.path).await? {
                return Ok(Self::Daemon(config));
            }
            if Instant::now() > deadline {
                return Err(in_use(config));
            }
            sleep(STORE_LOOK).await;
        }
    }

    /// Carries out one command.
    ///
    /// # Errors
    /// As the command.
    pub(crate) async fn carry_out(
        &self,
        command: Command,
        attachment: &[u8],
        progress: &(dyn Fn(ImportProgress) + Sync),
    ) -> Result<Outcome, Failure> {
        match self {
            Self::Here(_, executor) => executor.execute(command, attachment, progress).await,
            Self::Daemon(config) => {
                let answer = client::ask(&config.store.path, &command, attachment, progress).await?;
                answer
                    .ok_or_else(|| Failure::failed("the server stopped meanwhile", "give the command again"))
            }
        }
    }

    /// Closes a store that is open here.
    pub(crate) async fn end(self) {
        if let Self::Here(store, executor) = self {
            executor.app.close().await;
            store.close();
        }
    }
}

/// Gives the pieces of a backup to `take`, wherever the store is.
///
/// # Errors
/// Why it is not complete.
pub(crate) async fn back_up(config: &Config, take: &mut backup::Take<'_>) -> Result<Outcome, Failure> {
    let deadline = Instant::now() + STORE_WAIT;
    loop {
        if let Some(store) = open(config, CreateMode::Never)? {
            let mut making = backup::begin(Arc::new(store));
            while let Some(piece) = making.pieces.recv().await {
                take(piece)?;
            }
            return making.end().await;
        }
        if let Some(outcome) = client::ask_for_pieces(&config.store.path, &Command::Backup {}, take).await? {
            return Ok(outcome);
        }
        if Instant::now() > deadline {
            return Err(in_use(config));
        }
        sleep(STORE_LOOK).await;
    }
}

/// Carries out `command` in a store that exists; `None` if another process has it.
///
/// # Errors
/// As [`run`].
pub(crate) async fn if_free(config: &Config, command: Command) -> Result<Option<Outcome>, Failure> {
    match open(config, CreateMode::Never)? {
        Some(store) => here(config, store, command, &[], &|_| {}).await.map(Some),
        None => Ok(None),
    }
}

/// Opens the store; `None` if another process has it.
fn open(config: &Config, create: CreateMode) -> Result<Option<Store>, Failure> {
    // A store in memory exists in the daemon only.
    if config.store.engine == Engine::Memory {
        return Ok(None);
    }
    match Store::open(options(config, create)) {
        Ok(store) => Ok(Some(store)),
        Err(OpenError::InUse(_)) => Ok(None),
        Err(error) => Err(refused(&error)),
    }
}

async fn here(
    config: &Config,
    store: Store,
    command: Command,
    attachment: &[u8],
    progress: &(dyn Fn(ImportProgress) + Sync),
) -> Result<Outcome, Failure> {
    let store = Arc::new(store);
    let app = app(config, &store).await?;
    let vendors = Vendors::new(&app, Arc::new(SystemClock), config);
    let executor = Executor { app, daemon: None, vendors };
    let session = Session::Here(store, executor);
    let answer = session.carry_out(command, attachment, progress).await;
    session.end().await;
    answer
}

/// How the configuration wants the store.
pub(crate) fn options(config: &Config, create: CreateMode) -> OpenOptions {
    let engine = match config.store.engine {
        Engine::Redb => EngineKind::Redb,
        Engine::Sled => EngineKind::Sled,
        Engine::Memory => EngineKind::Memory,
    };
    OpenOptions {
        state: config.store.path.clone(),
        engine,
        cache_bytes: config.store.cache.0 / 2,
        key: key::provider(config),
        clock: Arc::new(SystemClock),
        create,
    }
}

/// The application on an open store. Half of `[store] cache` is for its indexes, half for the engine.
pub(crate) async fn app(config: &Config, store: &Arc<Store>) -> Result<Arc<App>, Failure> {
    let options = AppOptions {
        clock: Arc::new(SystemClock),
        cache_bytes: config.store.cache.0 / 2,
        trash_days: config.store.trash_days,
    };
    Ok(App::open(Arc::clone(store), options).await?)
}

pub(crate) fn in_use(config: &Config) -> Failure {
    Failure::new(
        Exit::InUse,
        format!(
            "the store in {} is in use by another process, which does not answer",
            config.store.path.display()
        ),
        "wait until that process has ended, or stop it",
    )
}

/// Why a store was not opened, as the operator reads it.
pub(crate) fn refused(error: &OpenError) -> Failure {
    let exit = match error {
        OpenError::InUse(_) => Exit::InUse,
        // Nothing that a service manager could try again.
        OpenError::OtherEngine { .. } | OpenError::HalfConverted(_) => Exit::Configuration,
        OpenError::WrongKey(_) | OpenError::KeyBefore(_) | OpenError::KeyFile(_) => Exit::WrongKey,
        OpenError::Foreign(_)
        | OpenError::NewerVersion { .. }
        | OpenError::RolledBack(_)
        | OpenError::Damaged { .. }
        | OpenError::DamagedMark(_) => Exit::Damaged,
        OpenError::Missing(_) | OpenError::Occupied(_) | OpenError::NoSpace(_) | OpenError::Io { .. } => {
            Exit::Failed
        }
    };
    // The texts of the store are one sentence and a remedy already.
    let text = error.to_string();
    let (what, remedy) = text.split_once("; ").unwrap_or((&text, "look at the state folder and at the disk"));
    let cause =
        std::error::Error::source(error).map(|source| format!(": {}", chain(source))).unwrap_or_default();
    Failure::new(exit, format!("{what}{cause}"), remedy)
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};
    use std::path::PathBuf;

    use almanac_store::KeyError;

    use super::*;

    #[test]
    fn each_reason_not_to_open_a_store_has_its_exit_code_its_sentence_and_its_remedy() {
        let at = || PathBuf::from("/state");
        let denied = || Error::from(ErrorKind::PermissionDenied);
        for (error, exit) in [
            (OpenError::InUse(at()), Exit::InUse),
            (OpenError::Missing(at()), Exit::Failed),
            (OpenError::WrongKey(at()), Exit::WrongKey),
            (OpenError::KeyBefore(at()), Exit::WrongKey),
            (OpenError::Foreign(at()), Exit::Damaged),
            (OpenError::NewerVersion { found: 2, known: 1 }, Exit::Damaged),
            (OpenError::RolledBack(at()), Exit::Damaged),
            (OpenError::KeyFile(KeyError::Missing(at())), Exit::WrongKey),
            (OpenError::KeyFile(KeyError::Exposed { path: at(), mode: 0o644 }), Exit::WrongKey),
            (OpenError::KeyFile(KeyError::Malformed(at())), Exit::WrongKey),
            (OpenError::KeyFile(KeyError::Io { path: at(), source: denied() }), Exit::WrongKey),
            (OpenError::KeyFile(KeyError::NoRandom), Exit::WrongKey),
            (OpenError::KeyFile(KeyError::NoCredentials("almanac.root-key")), Exit::WrongKey),
            (
                OpenError::KeyFile(KeyError::NoCredential { name: "almanac.root-key", make: "openssl" }),
                Exit::WrongKey,
            ),
            (OpenError::KeyFile(KeyError::Fixed { path: at(), source: denied() }), Exit::WrongKey),
            (OpenError::KeyFile(KeyError::NotWrapped(at())), Exit::WrongKey),
            (OpenError::KeyFile(KeyError::BadWrapped(at())), Exit::WrongKey),
            (OpenError::KeyFile(KeyError::WrongPassphrase(at())), Exit::WrongKey),
            (OpenError::KeyFile(KeyError::NoPassphrase(at())), Exit::WrongKey),
            (OpenError::KeyFile(KeyError::BadPassphrase("is empty")), Exit::WrongKey),
            (OpenError::Damaged { what: "a page" }, Exit::Damaged),
            (OpenError::DamagedMark(at()), Exit::Damaged),
            (
                OpenError::OtherEngine { folder: at(), found: EngineKind::Sled, wanted: EngineKind::Redb },
                Exit::Configuration,
            ),
            (OpenError::HalfConverted(at()), Exit::Configuration),
            (OpenError::Occupied(at()), Exit::Failed),
            (OpenError::NoSpace(at()), Exit::Failed),
            (OpenError::Io { path: at(), source: denied() }, Exit::Failed),
        ] {
            // A reason that the store learns to give stops the build here, until it has a row.
            match &error {
                OpenError::InUse(_)
                | OpenError::Missing(_)
                | OpenError::WrongKey(_)
                | OpenError::KeyBefore(_)
                | OpenError::Foreign(_)
                | OpenError::NewerVersion { .. }
                | OpenError::RolledBack(_)
                | OpenError::KeyFile(_)
                | OpenError::Damaged { .. }
                | OpenError::DamagedMark(_)
                | OpenError::OtherEngine { .. }
                | OpenError::HalfConverted(_)
                | OpenError::Occupied(_)
                | OpenError::NoSpace(_)
                | OpenError::Io { .. } => {}
            }
            let failure = refused(&error);
            assert_eq!(failure.exit, exit, "{failure}");
            assert!(!failure.what.is_empty() && !failure.remedy.is_empty(), "{failure}");
            assert!(!failure.what.contains("; "), "the remedy stands by itself: {failure}");
        }
    }
}
