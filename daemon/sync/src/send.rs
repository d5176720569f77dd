//! What waits is sent to the vendor: one object at a time, each attempt counted before it is made.

use almanac_app::AppError;
use almanac_app::sync::{
    Dispatch, LinkPrivacy, Pair, PairOrigin, PairState, Settled, Step, StepChange, StepView,
};
use almanac_contract::{
    Attempt, Changed, ConnectorError, Deletion, ErrorKind, Form, Mark, Push, Pushed, RemoteId, RemoteObject,
    RemoteVersion, Retry, form,
};
use jiff::SignedDuration;

use crate::decide::{Action, Outcome, View as _};
use crate::limits::{FAILURES_IN_A_ROW, SEND_ATTEMPTS, SEND_ROUNDS, STEP_ATTEMPTS};
use crate::names::push_key;
use crate::report::Stop;
use crate::run::{Execution, LinkRun};
use crate::step::{Approval, Facts, Told, role, tally};
use crate::turns;

const TOO_OFTEN: &str = "it failed too often; change it on either side, or ask for another try";

/// What came of sending one object.
enum Sent {
    /// It is at the vendor as it is to be, or takes no part any more.
    Done,
    /// It failed, and waits.
    Failed(ConnectorError),
}

/// What a look at the vendor came to.
enum Looked {
    /// There was no need for one.
    AsKnown,
    /// What it told is written down: decide anew.
    News,
    /// The object is done with for now.
    Ended(Sent),
}

/// What failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tried {
    /// A question how things are.
    Look,
    /// A write.
    Write,
}

impl LinkRun<'_> {
    /// Sends what waits and is due.
    pub(crate) async fn send(&mut self) -> Result<(), Stop> {
        let mut failures = 0;
        for _ in 0..SEND_ROUNDS {
            let (mut sent, mut after) = (0_usize, None);
            loop {
                let (rows, next) = self.app.dispatches(&self.link, after.as_ref()).await?;
                for row in rows {
                    if self.execution == Execution::Plan {
                        self.plan_waiting(&row.name).await?;
                    } else if row.dispatch.not_before <= self.clock.now() {
                        sent += 1;
                        match self.send_object(&row.name).await? {
                            Sent::Done => failures = 0,
                            Sent::Failed(error) => {
                                failures += 1;
                                if failures >= FAILURES_IN_A_ROW {
                                    return Err(Stop::Vendor(error));
                                }
                            }
                        }
                    }
                }
                match next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
            if sent == 0 || self.execution == Execution::Plan {
                break;
            }
        }
        self.count_waiting().await
    }

    async fn count_waiting(&mut self) -> Result<(), Stop> {
        let mut after = None;
        (self.report.waiting, self.report.next) = (0, None);
        loop {
            let (rows, next) = self.app.dispatches(&self.link, after.as_ref()).await?;
            self.report.waiting += rows.len() as u64;
            let first = rows.iter().map(|row| row.dispatch.not_before).min();
            self.report.next = self.report.next.into_iter().chain(first).min();
            match next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }

    async fn plan_waiting(&mut self, name: &str) -> Result<(), Stop> {
        let view = self.app.view_step(&self.link, name).await?;
        let facts = self.facts(&view, Told::Nothing)?;
        if let Outcome::Do(decision) = self.decision(&facts) {
            self.plan(&view, &facts, &decision);
        }
        Ok(())
    }

    async fn send_object(&mut self, name: &str) -> Result<Sent, Stop> {
        let mut looked = false;
        for _ in 0..STEP_ATTEMPTS {
            let view = self.app.view_step(&self.link, name).await?;
            let (Some(waits), Some(pair)) = (view.dispatch, view.pair.clone()) else {
                return Ok(Sent::Done);
            };
            if !std::mem::replace(&mut looked, true) {
                match self.look_before(name, &view, &pair, waits).await? {
                    Looked::AsKnown => {}
                    Looked::News => continue,
                    Looked::Ended(sent) => return Ok(sent),
                }
            }
            let facts = self.facts(&view, Told::Nothing)?;
            let decision = match self.decision(&facts) {
                Outcome::Do(decision) => decision,
                Outcome::Ask(_) => {
                    self.report.held += 1;
                    let since = Some(self.clock.now());
                    self.put_pair(&view, Pair { state: PairState::Asked, since, ..pair }).await?;
                    return Ok(Sent::Done);
                }
            };
            match decision.local {
                Action::Leave => {}
                // It changed since it was put here. What comes to a deletion is for the next run to count.
                Action::Delete => {
                    self.settle(&view, Step { dispatch: StepChange::Remove, ..Step::default() }).await?;
                    return Ok(Sent::Done);
                }
                Action::Create(_) | Action::Update(_) => {
                    self.step(name, Told::Nothing, Approval::None).await?;
                    continue;
                }
            }
            if self.is_stopped(name, &view, &facts, &decision.remote).await? {
                return Ok(Sent::Done);
            }
            // Counted before it is made: what ends the program in the middle ends it a bounded number of times.
            let counted = Dispatch { attempts: waits.attempts.saturating_add(1), ..waits };
            let mut step = Step { dispatch: StepChange::Put(counted), ..Step::default() };
            if decision.remote != Action::Delete && pair.sent.is_none() {
                let sent = decision.base.as_ref().and_then(|base| self.keeping(base));
                step.pair = StepChange::Put(Pair { sent, ..pair.clone() });
            }
            if self.settle(&view, step).await? == Settled::Outdated {
                continue;
            }
            let called = match &decision.remote {
                Action::Create(form) | Action::Update(form) => {
                    let mark = self.mark(&pair)?;
                    self.push(&facts, &pair, form, &mark, waits).await.map(Some)
                }
                Action::Delete | Action::Leave => self.delete_there(&pair).await.map(|()| None),
            };
            return match called {
                Ok(pushed) => {
                    tally(&mut self.report.there, &decision.remote);
                    self.report.mails += u64::from(pair.mails);
                    self.confirm(name, pushed, decision.base.as_ref(), counted.attempts).await?;
                    Ok(Sent::Done)
                }
                Err(error) => self.failed(name, counted, error, Tried::Write).await,
            };
        }
        Err(AppError::Busy.into())
    }

    /// Before anything is sent: does the vendor have something that is not known here?
    async fn look_before(
        &mut self,
        name: &str,
        view: &StepView,
        pair: &Pair,
        waits: Dispatch,
    ) -> Result<Looked, Stop> {
        if let Some(id) = wants_a_look(view, pair) {
            return Ok(match self.look_at(name, &id).await? {
                Ok(()) => Looked::News,
                Err(error) => Looked::Ended(self.failed(name, waits, error, Tried::Look).await?),
            });
        }
        if pair.remote.is_some() {
            return Ok(Looked::AsKnown);
        }
        // Attempts are counted anew when a person has said something; what was sent stays written down.
        let first = waits.attempts == 0 && pair.sent.is_none();
        let found = match first {
            true => self.meet(name, view, pair).await,
            // It may have been made by an attempt whose answer was lost.
            false => self.find(name, pair).await,
        };
        match found {
            Ok(true) => Ok(Looked::News),
            Ok(false) if !first && view.object.is_none() => {
                self.forget(view).await?;
                Ok(Looked::Ended(Sent::Done))
            }
            Ok(false) => Ok(Looked::AsKnown),
            Err(Stop::Vendor(error)) => {
                Ok(Looked::Ended(self.failed(name, waits, error, Tried::Look).await?))
            }
            Err(stop) => Err(stop),
        }
    }

    /// Whether there is nothing to send, or something stands against it that a person has to look at.
    async fn is_stopped(
        &mut self,
        name: &str,
        view: &StepView,
        facts: &Facts,
        remote: &Action,
    ) -> Result<bool, Stop> {
        let pair = &facts.pair;
        let deletes = *remote == Action::Delete;
        match remote {
            Action::Delete if pair.state.allows_deletion() => {}
            // Nothing to send; or it was deleted in this moment, which is for the next run to count.
            Action::Leave | Action::Delete => {
                self.settle(view, Step { dispatch: StepChange::Remove, ..Step::default() }).await?;
                return Ok(true);
            }
            Action::Create(form) | Action::Update(form) => {
                if let Some(reason) = self.stands_against(facts, form) {
                    self.park(name, reason, |_| false).await?;
                    return Ok(true);
                }
            }
        }
        if turns::are_too_many(pair.turns, self.clock.now()) {
            self.park(name, turns::IN_TURN, |_| false).await?;
            return Ok(true);
        }
        let may_mail = matches!(pair.state, PairState::MailApproved | PairState::DeletionMailApproved);
        if pair.mails > 0 && !may_mail {
            self.report.held += 1;
            let state = if deletes { PairState::HeldDeletionMail } else { PairState::HeldMail };
            let held = Pair { state, since: Some(self.clock.now()), ..pair.clone() };
            self.put_pair(view, held).await?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Asks the vendor how an object is now, and takes a step with the answer. The inner error is the vendor's.
    async fn look_at(&mut self, name: &str, id: &RemoteId) -> Result<Result<(), ConnectorError>, Stop> {
        let lines = match self.connector.fetch(&self.calendar, std::slice::from_ref(id)).await {
            Ok(lines) => lines,
            Err(error) => return Ok(Err(error)),
        };
        let approval = Approval::None;
        match lines.into_iter().next() {
            Some(Changed::Now(object)) => self.step(name, Told::Now(&object), approval).await.map(drop)?,
            // Whether it comes to a deletion, and of how many, the next listing tells.
            Some(Changed::Gone(_)) => self.step(name, Told::Gone, approval).await.map(drop)?,
            Some(Changed::Unreadable(_, reason)) => self.park(name, reason.0, |_| false).await?,
            Some(Changed::Touched(..)) | None => {
                return Ok(Err(ConnectorError::new(ErrorKind::Malformed, "fetch the object")));
            }
        }
        Ok(Ok(()))
    }

    /// Looks for what an earlier attempt may have made; whether it was there.
    async fn find(&mut self, name: &str, pair: &Pair) -> Result<bool, Stop> {
        let key = push_key(self.link.account, self.link.id, &pair.uid, pair.generation);
        let found = self.connector.find(&self.calendar, &key, &self.mark(pair)?).await;
        match found.map_err(Stop::Vendor)? {
            Some(object) if self.is_taken(name, &object.id).await? => Ok(false),
            Some(object) => {
                self.step(name, Told::Now(&object), Approval::Deletion).await?;
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// Looks for what is to be created where no listing shows it; whether it was there. It is met as in a first listing.
    async fn meet(&mut self, name: &str, view: &StepView, pair: &Pair) -> Result<bool, Stop> {
        let Some((_, object)) = &view.object else { return Ok(false) };
        let mark = self.mark(pair)?;
        let form = Form { uid: mark.uid.clone(), ..self.view_of(pair).project(&form::read(object)) };
        let found = self.connector.unlisted(&self.calendar, &form, &mark).await.map_err(Stop::Vendor)?;
        for object in found {
            let ours = object.mark.as_ref().is_some_and(|found| found.link == mark.link);
            // Where the vendor is told less than what is here, what looks like it may be anybody's.
            let masked = object.mark.is_none() && self.link.privacy != LinkPrivacy::Full;
            if masked
                || (!ours && self.is_mirror_of_another(&object).await?)
                || self.app.name_of_remote(&self.link, &object.id.0).await?.is_some()
            {
                continue;
            }
            self.report.matched += 1;
            self.step(name, Told::Now(&object), Approval::None).await?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Whether another object here has this one at the vendor.
    async fn is_taken(&self, name: &str, id: &RemoteId) -> Result<bool, Stop> {
        let other = self.app.name_of_remote(&self.link, &id.0).await?;
        Ok(other.is_some_and(|other| other != name))
    }

    /// The key of a creation is spent, by an object that was deleted or that is another one's: take the next key.
    async fn take_next_key(&self, name: &str) -> Result<(), Stop> {
        for _ in 0..STEP_ATTEMPTS {
            let view = self.app.view_step(&self.link, name).await?;
            let Some(pair) = view.pair.clone() else { return Ok(()) };
            let generation = pair.generation.saturating_add(1);
            // The attempts stay counted: it may be something else that stands against it.
            let pair = StepChange::Put(Pair { generation, sent: None, ..pair });
            let step = Step { pair, ..Step::default() };
            if self.settle(&view, step).await? == Settled::Done {
                return Ok(());
            }
        }
        Err(AppError::Busy.into())
    }

    async fn push(
        &self,
        facts: &Facts,
        pair: &Pair,
        form: &Form,
        mark: &Mark,
        waits: Dispatch,
    ) -> Result<Pushed, ConnectorError> {
        let told = |form: &Form| Form { uid: mark.uid.clone(), ..form.clone() };
        let key = push_key(self.link.account, self.link.id, &pair.uid, pair.generation);
        let known = match (&pair.remote, &pair.version, &facts.remote) {
            (Some(id), Some(version), Some(form)) => {
                let known = told(&self.view_of(pair).ours(form));
                Some((RemoteId(id.clone()), RemoteVersion(version.clone()), known))
            }
            _ => None,
        };
        let known = known.as_ref().map(|(id, version, form)| almanac_contract::Known { id, version, form });
        let push = Push {
            calendar: &self.calendar,
            known,
            form: &told(form),
            mark,
            key: &key,
            attempt: if waits.attempts == 0 && pair.sent.is_none() { Attempt::First } else { Attempt::Again },
        };
        self.connector.push(&push).await
    }

    async fn delete_there(&self, pair: &Pair) -> Result<(), ConnectorError> {
        let (Some(id), Some(version)) = (&pair.remote, &pair.version) else { return Ok(()) };
        let (id, version) = (RemoteId(id.clone()), RemoteVersion(version.clone()));
        self.connector.delete(&Deletion { calendar: &self.calendar, id: &id, version: &version }).await
    }

    fn mark(&self, pair: &Pair) -> Result<Mark, AppError> {
        Ok(Mark { link: self.link.id.to_string(), uid: self.told_uid(pair)? })
    }

    /// The UID that the vendor is told. Where it is told times only, it is an alias: a UID may name a person.
    pub(crate) fn told_uid(&self, pair: &Pair) -> Result<String, AppError> {
        match (self.link.privacy, pair.origin) {
            (LinkPrivacy::Full, _) | (_, PairOrigin::There) => Ok(pair.uid.clone()),
            (_, PairOrigin::Here) => self.app.alias_of_uid(&self.link, &pair.uid),
        }
    }

    /// Writes down what the vendor has now; `pushed` is `None` for a deletion, `base` what both sides have in common.
    async fn confirm(
        &mut self,
        name: &str,
        pushed: Option<Pushed>,
        base: Option<&Form>,
        attempts: u32,
    ) -> Result<(), Stop> {
        let object: Box<RemoteObject> = match pushed {
            Some(Pushed::Found(object)) if self.is_taken(name, &object.id).await? => {
                self.take_next_key(name).await?;
                return self.give_up_in_time(name, attempts).await;
            }
            Some(Pushed::Found(object)) => {
                // It says what an earlier attempt said, or somebody else: the difference is still to be sent.
                self.step(name, Told::Now(&object), Approval::None).await?;
                return self.give_up_in_time(name, attempts).await;
            }
            Some(Pushed::Written(object)) => object,
            None => {
                for _ in 0..STEP_ATTEMPTS {
                    let view = self.app.view_step(&self.link, name).await?;
                    if self.forget(&view).await? == Settled::Done {
                        return Ok(());
                    }
                }
                return Err(AppError::Busy.into());
            }
        };
        let base =
            base.ok_or(AppError::Bug("something was written that both sides do not have in common"))?;
        for _ in 0..STEP_ATTEMPTS {
            let view = self.app.view_step(&self.link, name).await?;
            let Some(mut pair) = view.pair.clone() else { return Ok(()) };
            pair.remote = Some(object.id.0.clone());
            pair.version = Some(object.version.0.clone());
            pair.mails = object.mails;
            pair.role = role(&object);
            pair.state = PairState::Linked;
            pair.sent = None;
            pair.turns = turns::sent(pair.turns);
            pair.base = self.keeping(base);
            let seen = Form { uid: pair.uid.clone(), ..object.form.clone() };
            let differs = seen != self.view_of(&pair).project(base);
            pair.seen = if differs { self.keeping(&seen) } else { None };
            let step = Step { pair: StepChange::Put(pair), dispatch: StepChange::Remove, ..Step::default() };
            if self.settle(&view, step).await? == Settled::Done {
                return Ok(());
            }
        }
        Err(AppError::Busy.into())
    }

    /// Parks an object that is never as it was written, however often.
    async fn give_up_in_time(&mut self, name: &str, attempts: u32) -> Result<(), Stop> {
        let waits = self.app.view_step(&self.link, name).await?.dispatch;
        match waits {
            Some(_) if attempts >= SEND_ATTEMPTS => self.park(name, TOO_OFTEN, |_| false).await,
            _ => Ok(()),
        }
    }

    /// The object is on neither side any more, or of no concern.
    async fn forget(&self, view: &StepView) -> Result<Settled, Stop> {
        let step = Step { pair: StepChange::Remove, dispatch: StepChange::Remove, ..Step::default() };
        self.settle(view, step).await
    }

    async fn settle(&self, view: &StepView, step: Step) -> Result<Settled, Stop> {
        let settled = self.app.settle_step(&self.link, view, step).await?;
        if settled == Settled::Outdated {
            self.check_link().await?;
        }
        Ok(settled)
    }

    /// What becomes of an object whose sending failed.
    async fn failed(
        &mut self,
        name: &str,
        waits: Dispatch,
        error: ConnectorError,
        tried: Tried,
    ) -> Result<Sent, Stop> {
        let all = Stop::concerns_all(&error);
        match &error.kind {
            ErrorKind::Refused(reason) => {
                self.park(name, reason.0, |_| false).await?;
                return Ok(Sent::Done);
            }
            ErrorKind::Forbidden => {
                self.park(name, "the account may not change this at the vendor", |_| false).await?;
                return Ok(Sent::Failed(error)); // if it may change nothing any more, a few are enough
            }
            _ if !all && waits.attempts >= SEND_ATTEMPTS => {
                self.park(name, TOO_OFTEN, |_| false).await?;
                return Ok(Sent::Failed(error));
            }
            _ => {}
        }
        let conflict = matches!(error.kind, ErrorKind::Conflict | ErrorKind::Gone);
        if conflict {
            let pair = self.app.pair(&self.link, name).await?;
            let creates = pair.as_ref().is_some_and(|pair| pair.remote.is_none());
            if creates && tried == Tried::Write {
                self.take_next_key(name).await?;
                return Ok(Sent::Done);
            }
            if let Some(id) = pair.and_then(|pair| pair.remote).map(RemoteId) {
                // How it is now decides; what is left to do is sent in the next round.
                if let Err(other) = self.look_at(name, &id).await? {
                    self.wait(name, &other, Tried::Look).await?;
                    return Ok(Sent::Failed(other));
                }
            }
        }
        self.wait(name, &error, tried).await?;
        if all {
            Err(Stop::Vendor(error))
        } else {
            Ok(if conflict { Sent::Done } else { Sent::Failed(error) })
        }
    }

    /// Puts an object's sending off. What concerns the whole account says nothing about the object.
    async fn wait(&mut self, name: &str, error: &ConnectorError, tried: Tried) -> Result<(), Stop> {
        for _ in 0..STEP_ATTEMPTS {
            let view = self.app.view_step(&self.link, name).await?;
            let Some(mut waits) = view.dispatch else { return Ok(()) };
            let asked = if let Retry::After(asked) = error.retry { Some(asked) } else { None };
            let delay = match error.kind {
                ErrorKind::Conflict => SignedDuration::ZERO,
                _ => self.backoff.delay(waits.attempts.max(1), (self.draw)(), asked),
            };
            waits.not_before = self.clock.now().saturating_add(delay).unwrap_or(waits.not_before);
            // Nothing was done, so nothing of it can be found there, and it says nothing about this object.
            let nothing_done = tried == Tried::Write && Stop::concerns_all(error);
            if nothing_done {
                waits.attempts = waits.attempts.saturating_sub(1);
            }
            let mut step = Step { dispatch: StepChange::Put(waits), ..Step::default() };
            if let Some(pair) = view.pair.clone().filter(|pair| nothing_done && pair.sent.is_some()) {
                step.pair = StepChange::Put(Pair { sent: None, ..pair });
            }
            if self.settle(&view, step).await? == Settled::Done {
                return Ok(());
            }
        }
        Err(AppError::Busy.into())
    }
}

/// The id of an object that has to be looked at before anything is sent.
fn wants_a_look(view: &StepView, pair: &Pair) -> Option<RemoteId> {
    let wants = match pair.state {
        PairState::StoreWins | PairState::VendorWins => true,
        // Deleted there, they say, and a person agreed that it goes here.
        PairState::DeletionApproved | PairState::DeletionMailApproved => view.object.is_some(),
        _ => pair.version.is_none() || pair.sent.is_some(),
    };
    pair.remote.clone().filter(|_| wants).map(RemoteId)
}
