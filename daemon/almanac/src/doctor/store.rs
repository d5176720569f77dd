//! Whether the root key fits the store, and whether the store would be opened.

use almanac_store::{CreateMode, KeyError, OpenError};

use super::{Finding, Subject};
use crate::commands::run;
use crate::config::Engine;

const NAME: &str = "store";

pub(super) fn finding(subject: &Subject) -> Finding {
    // A daemon that counts its people has opened its store, and holds its lock.
    if subject.runs() && subject.status.store.users.is_some() {
        return Finding::ok(NAME, "open in the running server, with the right key");
    }
    if subject.config.store.engine == Engine::Memory {
        return Finding::ok(NAME, "in memory, made anew at each start");
    }
    let looked = almanac_store::look(&run::options(&subject.config, CreateMode::Never));
    judge(looked)
}

fn judge(looked: Result<(), OpenError>) -> Finding {
    match looked {
        Ok(()) => Finding::ok(NAME, "whole as far as a look from outside tells, and the key fits"),
        // The last one: only the service itself gets its credentials.
        Err(
            error @ (OpenError::Missing(_)
            | OpenError::InUse(_)
            | OpenError::KeyFile(KeyError::NoCredentials(_))),
        ) => {
            let failure = run::refused(&error);
            Finding::warning(NAME, failure.what, failure.remedy)
        }
        Err(error) => {
            let failure = run::refused(&error);
            Finding::problem(NAME, failure.what, failure.remedy)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::doctor::Level;

    #[test]
    fn a_store_that_would_be_refused_is_a_problem_and_one_that_is_not_there_in_use_or_for_the_service_alone_is_not()
     {
        let at = || PathBuf::from("/s");
        for (looked, level) in [
            (Ok(()), Level::Ok),
            (Err(OpenError::Missing(at())), Level::Warning),
            (Err(OpenError::InUse(at())), Level::Warning),
            (Err(OpenError::KeyFile(KeyError::NoCredentials("k"))), Level::Warning),
            (Err(OpenError::KeyFile(KeyError::Missing(at()))), Level::Problem),
            (Err(OpenError::WrongKey(at())), Level::Problem),
            (Err(OpenError::RolledBack(at())), Level::Problem),
        ] {
            let finding = judge(looked);
            assert_eq!(finding.level, level, "{finding:?}");
            assert_eq!(finding.remedy.is_none(), level == Level::Ok);
        }
    }
}
