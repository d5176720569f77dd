//! A calendar on its way into a file.

use super::backup::Take;
use super::run::Session;
use super::{Command, path};
use crate::config::Config;
use crate::control::client;
use crate::failure::Failure;

/// Gives the calendar `at` to `take`, piece by piece, wherever the store is.
///
/// # Errors
/// What was taken so far is no file then.
pub(crate) async fn export(config: &Config, at: &str, take: &mut Take<'_>) -> Result<(), Failure> {
    match Session::begin(config).await? {
        Session::Daemon(config) => {
            let command = Command::Export { at: at.to_owned() };
            let outcome = client::ask_for_pieces(&config.store.path, &command, take).await?;
            outcome
                .map(drop)
                .ok_or_else(|| Failure::failed("the server stopped meanwhile", "give the command again"))
        }
        Session::Here(store, executor) => {
            let taken = async {
                let mut export = executor.app.export(&path(at)?)?;
                while let Some(piece) = export.piece().await? {
                    take(piece)?;
                }
                Ok(())
            };
            let taken = taken.await;
            Session::Here(store, executor).end().await;
            taken
        }
    }
}
