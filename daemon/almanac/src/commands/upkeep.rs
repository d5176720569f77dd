//! What is done to the store of a stopped server: a check of its structure, and making it smaller.

use almanac_app::AppError;
use almanac_store::upkeep::{self, Structure};
use almanac_store::{CreateMode, OpenOptions, Store};

use super::Outcome;
use super::backup::show;
use super::rows::{CheckRow, CompactRow, VerifyRow};
use super::run::{options, refused};
use crate::config::{Config, Engine};
use crate::failure::Failure;

/// Checks the engine's structure, then every record.
pub(crate) fn check(config: &Config) -> Result<Outcome, Failure> {
    let options = on_disk(config)?;
    let structure = upkeep::check(&options).map_err(|error| refused(&error))?;
    let engine = options.engine.name().to_owned();
    let store = Store::open(options).map_err(|error| refused(&error))?;
    let mut show = show("check");
    let report = store.verify(&mut |_, bytes| show(bytes)).map_err(AppError::from)?;
    let records = VerifyRow::from(&report);
    Ok(Outcome::Checked(CheckRow { engine, repaired: structure == Structure::Repaired, records }))
}

/// Gives the file system back what the store has freed.
pub(crate) fn compact(config: &Config) -> Result<Outcome, Failure> {
    let options = on_disk(config)?;
    let mut show = show("compact");
    let done = upkeep::compact(&options, &mut |_, bytes| show(bytes)).map_err(|error| refused(&error))?;
    let engine = options.engine.name().to_owned();
    Ok(Outcome::Compacted(CompactRow { engine, before: done.before, after: done.after }))
}

fn on_disk(config: &Config) -> Result<OpenOptions, Failure> {
    if config.store.engine == Engine::Memory {
        return Err(Failure::configuration(
            "a store in memory has no place on the disk",
            "name the engine of the store with engine in [store]",
        ));
    }
    Ok(options(config, CreateMode::Never))
}
