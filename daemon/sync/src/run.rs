//! A run: both sides of one link are looked at, and what is to be done is done.

use std::collections::{BTreeMap, BTreeSet};

use almanac_app::App;
use almanac_app::AppError;
use almanac_app::sync::{LinkInfo, LinkState, PairRole, Place};
use almanac_base::Clock;
use almanac_contract::{CalendarId, Connector, ConnectorError, ErrorKind, RemoteObject};
use almanac_ical::Limits;
use jiff::{SignedDuration, Timestamp};

use crate::backoff::Backoff;
use crate::decide::needs_approval;
use crate::limits::DELETIONS_MAX;
use crate::merge::Side;
use crate::report::{Report, Stop};
use crate::step::{Approval, Taken, Told};

/// Whether a run does what is to be done, or only says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Execution {
    /// It does it.
    Do,
    /// It says it: nothing is written on either side, and nothing is remembered.
    Plan,
}

/// What a run looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// What changed since the last run.
    Changes,
    /// Everything on both sides.
    Everything,
}

/// What a run needs.
pub struct Setup<'a> {
    /// The store's use cases.
    pub app: &'a App,
    /// The vendor.
    pub connector: &'a dyn Connector,
    /// Tells the time.
    pub clock: &'a dyn Clock,
    /// What an object may cost.
    pub limits: &'a Limits,
    /// How long what failed waits.
    pub backoff: Backoff,
    /// A random number for each wait.
    pub draw: fn() -> u64,
}

/// A run of one link. No other run of the link may be under way.
pub struct LinkRun<'a> {
    pub(crate) app: &'a App,
    pub(crate) connector: &'a dyn Connector,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) limits: &'a Limits,
    pub(crate) backoff: Backoff,
    pub(crate) draw: fn() -> u64,
    pub(crate) link: LinkInfo,
    pub(crate) calendar: CalendarId,
    pub(crate) execution: Execution,
    scope: Scope,
    pub(crate) report: Report,
    /// Deletions that were found, by name: where it was deleted.
    deletions: BTreeMap<String, Side>,
    /// What a plan has said already.
    pub(crate) planned: BTreeSet<String>,
    /// Objects here without a pair, by content, for the first listing.
    pub(crate) unmatched: Option<BTreeMap<u64, Vec<String>>>,
    /// Objects at the vendor whose UID another one has.
    pub(crate) clashes: Vec<RemoteObject>,
}

impl<'a> LinkRun<'a> {
    /// A run of `link`.
    #[must_use]
    pub fn new(setup: &Setup<'a>, link: LinkInfo, execution: Execution, scope: Scope) -> Self {
        Self {
            app: setup.app,
            connector: setup.connector,
            clock: setup.clock,
            limits: setup.limits,
            backoff: setup.backoff,
            draw: setup.draw,
            calendar: CalendarId(link.remote.clone()),
            link,
            execution,
            scope,
            report: Report::default(),
            deletions: BTreeMap::new(),
            planned: BTreeSet::new(),
            unmatched: None,
            clashes: Vec::new(),
        }
    }

    /// Looks at what changed on both sides and does what is to be done. Once it is done and nothing changes meanwhile,
    /// another run finds nothing to do.
    ///
    /// # Errors
    /// Why it stopped before its end. What it did until then is durable, and [`LinkRun::report`] tells it.
    pub async fn run(&mut self) -> Result<(), Stop> {
        match self.look_and_send().await {
            Err(Stop::Vendor(error)) if error.kind == ErrorKind::CalendarGone => {
                self.expect_no_calendar(error).await?;
                self.detach("the calendar at the vendor is not there any more, or not for this account").await
            }
            Err(Stop::Store(AppError::NotFound("calendar"))) => {
                self.detach("the calendar here was deleted").await
            }
            other => other,
        }
    }

    /// What was done so far.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }

    async fn look_and_send(&mut self) -> Result<(), Stop> {
        let mut place = self.app.link_place(self.link.id).await?;
        if self.scope == Scope::Everything {
            (place.token, place.seq) = (None, None);
        }
        self.look_there(&mut place).await?;
        self.look_here(&mut place).await?;
        self.delete(&mut place).await?;
        if self.execution == Execution::Do {
            // Only now: what the listings led to is durable.
            self.app.keep_link_place(self.link.id, &place).await?;
        }
        self.send().await?;
        if self.execution == Execution::Do {
            place.done = Some(self.clock.now());
            self.app.keep_link_place(self.link.id, &place).await?;
        }
        Ok(())
    }

    /// Looks at what changed in the store.
    async fn look_here(&mut self, place: &mut Place) -> Result<(), Stop> {
        if let Some(seq) = place.seq {
            let mut seq = seq;
            loop {
                let Some(page) = self.app.local_changes(&self.link, seq).await? else { break };
                for name in &page.names {
                    self.take(name, Told::Nothing).await?;
                }
                seq = page.seq;
                if !page.more {
                    place.seq = Some(seq);
                    return Ok(());
                }
            }
        }
        // The log does not go back that far: everything is compared. What changes meanwhile is behind the head.
        let head = self.app.local_head(&self.link).await?;
        let mut after = None;
        loop {
            let page = self.app.local_differences(&self.link, after.as_ref()).await?;
            for name in &page.names {
                self.take(name, Told::Nothing).await?;
            }
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        place.seq = Some(head);
        Ok(())
    }

    /// Where an object was deleted, if this run has found that it was.
    pub(crate) fn deletion_of(&self, name: &str) -> Option<Side> {
        self.deletions.get(name).copied()
    }

    /// Takes a step, and puts a deletion aside.
    pub(crate) async fn take(&mut self, name: &str, told: Told<'_>) -> Result<(), Stop> {
        let told = match (told, self.deletion_of(name)) {
            (Told::Nothing, Some(Side::Remote)) => Told::Gone, // it was told in this run, and is not written down yet
            (told, _) => told,
        };
        match self.step(name, told, Approval::None).await? {
            Taken::Done => {
                self.deletions.remove(name); // it is back
            }
            Taken::Deletion(side) if self.deletions.len() < DELETIONS_MAX => {
                self.deletions.insert(name.to_owned(), side);
            }
            Taken::Deletion(side) => self.hold_deletion(name, side).await?,
        }
        Ok(())
    }

    /// Deletes what was deleted on the other side, or holds it if it is much.
    async fn delete(&mut self, place: &mut Place) -> Result<(), Stop> {
        let deletions = std::mem::take(&mut self.deletions);
        if deletions.is_empty() {
            return Ok(());
        }
        let now = self.clock.now();
        let (since, before) =
            place.deletions.filter(|(since, _)| within_hour(*since, now)).unwrap_or((now, 0));
        let (linked, held) = self.count_linked().await?;
        let recent = usize::try_from(before).unwrap_or(usize::MAX);
        let many = needs_approval(deletions.len().saturating_add(held), linked.saturating_add(held), recent);
        for (name, side) in &deletions {
            if many || (*side == Side::Local && self.is_invitation(name).await?) {
                self.hold_deletion(name, *side).await?;
                continue;
            }
            let told = match side {
                Side::Local => Told::Nothing,
                Side::Remote => Told::Gone,
            };
            self.step(name, told, Approval::Deletion).await?;
        }
        if !many {
            place.deletions = Some((since, before.saturating_add(deletions.len() as u64)));
        }
        Ok(())
    }

    /// Whether an object is somebody else's, of which the account has a copy: some vendors take its deletion for an answer.
    async fn is_invitation(&self, name: &str) -> Result<bool, Stop> {
        let pair = self.app.pair(&self.link, name).await?;
        Ok(pair.is_some_and(|pair| pair.role == PairRole::Attendee))
    }

    /// The objects that both sides have, and those whose deletion is held already.
    async fn count_linked(&self) -> Result<(usize, usize), Stop> {
        let (mut linked, mut held, mut after) = (0_usize, 0_usize, None);
        loop {
            let (rows, next) = self.app.pairs(&self.link, after.as_ref()).await?;
            for row in rows.iter().filter(|row| row.pair.remote.is_some()) {
                if row.pair.state.is_held_deletion() { held += 1 } else { linked += 1 }
            }
            match next {
                Some(next) => after = Some(next),
                None => return Ok((linked, held)),
            }
        }
    }

    /// Asks whether the vendor still lists the calendar that it did not find: one odd answer is no reason to leave the link to a
    /// person.
    async fn expect_no_calendar(&self, error: ConnectorError) -> Result<(), Stop> {
        let later = match self.connector.calendars().await {
            Ok(calendars) if calendars.iter().all(|calendar| calendar.id != self.calendar) => return Ok(()),
            Ok(_) => ConnectorError::new(ErrorKind::Unavailable, "use a calendar that the vendor lists")
                .because(error),
            Err(other) => match other.kind {
                ErrorKind::CalendarGone | ErrorKind::Gone | ErrorKind::Forbidden => return Ok(()),
                _ => other,
            },
        };
        Err(Stop::Vendor(later))
    }

    async fn detach(&self, reason: &'static str) -> Result<(), Stop> {
        if self.execution == Execution::Do {
            self.app.set_link_state(self.link.id, &LinkState::Detached(reason.to_owned())).await?;
        }
        Err(Stop::Detached(reason))
    }
}

/// Whether `since` is less than an hour ago. What a clock says that was set back since is not.
pub(crate) fn within_hour(since: Timestamp, now: Timestamp) -> bool {
    let passed = now.duration_since(since);
    passed >= SignedDuration::ZERO && passed < SignedDuration::from_hours(1)
}
