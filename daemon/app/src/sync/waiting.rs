//! How many objects of each link wait for a person: read once, and again only after it has changed.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use almanac_base::LinkId;

use super::{LinkInfo, Pair, PairState};
use crate::{App, AppError};

/// How many objects of a link wait for a person.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Deletions, contradictions and mails that a person has to say something about.
    pub held: u64,
    /// Objects that could not be sent or taken in.
    pub parked: u64,
}

impl Waiting {
    /// What one object adds.
    pub(super) fn of(pair: Option<&Pair>) -> Self {
        let Some(pair) = pair else { return Self::default() };
        Self { held: pair.state.is_held().into(), parked: matches!(pair.state, PairState::Parked(_)).into() }
    }
}

/// What was counted of each link.
#[derive(Default)]
pub(crate) struct Counted(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    links: HashMap<LinkId, Waiting>,
    /// Goes up whenever something is forgotten: what was counted meanwhile may be of before.
    epoch: u64,
}

impl Counted {
    pub(super) fn forget(&self, link: LinkId) {
        let mut counts = self.lock();
        counts.links.remove(&link);
        counts.epoch += 1;
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl App {
    /// How many objects of a link wait for a person. Reads all pairs of the link if that has changed since the last call.
    ///
    /// # Errors
    /// `Store` if the store fails.
    pub async fn waiting(&self, link: &LinkInfo) -> Result<Waiting, AppError> {
        let epoch = {
            let counts = self.waiting.lock();
            if let Some(known) = counts.links.get(&link.id) {
                return Ok(*known);
            }
            counts.epoch
        };
        let (mut waiting, mut after) = (Waiting::default(), None);
        loop {
            let (rows, next) = self.pairs(link, after.as_ref()).await?;
            for row in rows {
                let one = Waiting::of(Some(&row.pair));
                waiting.held += one.held;
                waiting.parked += one.parked;
            }
            match next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        let mut counts = self.waiting.lock();
        if counts.epoch == epoch {
            counts.links.insert(link.id, waiting);
        }
        Ok(waiting)
    }
}
