//! One step for one object: what is known of it, what is decided, and one commit.

use almanac_app::AppError;
use almanac_app::sync::{
    Dispatch, LinkMode, LinkPolicy, Loser, Lost, Pair, PairOrigin, PairRole, PairState, Settled, Step,
    StepChange, StepView,
};
use almanac_contract::{Form, RemoteObject, Role, form, rewritten};
use almanac_ical::{CalendarObject, ComponentKind};

use crate::decide::{
    Action, Decision, Extras, Known, Mode, Outcome, Policy, View as _, as_here, decide, differ_in_private,
    landed, without_lost,
};
use crate::limits::STEP_ATTEMPTS;
use crate::merge::{Conflict, Side};
use crate::privacy::LinkView;
use crate::report::{Counts, Stop};
use crate::run::{Execution, LinkRun};
use crate::turns;

/// What the vendor told of an object.
#[derive(Clone, Copy)]
pub(crate) enum Told<'a> {
    /// Nothing since it was last looked at.
    Nothing,
    /// It is so now.
    Now(&'a RemoteObject),
    /// It is not there.
    Gone,
}

/// What a person, or the smallness of the number, allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Approval {
    /// Everything but deletions.
    None,
    /// Deletions too.
    Deletion,
}

/// What came of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// What is to be done here is durable, and what is to be done at the vendor waits.
    Done,
    /// It comes to a deletion, because it was deleted on this side. Nothing was done.
    Deletion(Side),
}

/// What is known of an object.
pub(crate) struct Facts {
    pub(crate) pair: Pair,
    pub(crate) base: Option<Form>,
    pub(crate) seen: Option<Form>,
    pub(crate) local: Option<Form>,
    pub(crate) remote: Option<Form>,
}

impl LinkRun<'_> {
    /// Takes one step for the object with this name.
    pub(crate) async fn step(
        &mut self,
        name: &str,
        told: Told<'_>,
        approval: Approval,
    ) -> Result<Taken, Stop> {
        for _ in 0..STEP_ATTEMPTS {
            let view = self.app.view_step(&self.link, name).await?;
            if let Some(taken) = self.attempt(&view, told, approval).await? {
                return Ok(taken);
            }
            self.check_link().await?;
        }
        Err(AppError::Busy.into())
    }

    /// Ends the run if its link is not what it was.
    pub(crate) async fn check_link(&self) -> Result<(), Stop> {
        match self.app.link(self.link.id).await {
            Ok(link) if link.version == self.link.version => Ok(()),
            Ok(_) | Err(AppError::NotFound(_)) => Err(Stop::Changed),
            Err(error) => Err(error.into()),
        }
    }

    /// `None`: somebody else was faster.
    async fn attempt(
        &mut self,
        view: &StepView,
        told: Told<'_>,
        approval: Approval,
    ) -> Result<Option<Taken>, Stop> {
        let told = match (&view.pair, told) {
            // Until a person has said something, the vendor's last word holds.
            (Some(pair), Told::Nothing) if pair.state == PairState::HeldThere => Told::Gone,
            _ => told,
        };
        if is_old(view, told, approval) {
            return Ok(Some(Taken::Done));
        }
        let facts = self.facts(view, told)?;
        let decision = match self.decision(&facts) {
            Outcome::Do(decision) => decision,
            Outcome::Ask(_) => return self.ask(view, facts.pair).await,
        };
        let deleted = match (&decision.local, &decision.remote) {
            (Action::Delete, _) => Some(Side::Remote),
            (_, Action::Delete) => Some(Side::Local),
            _ => None,
        };
        if let Some(side) = deleted
            && approval == Approval::None
            && !facts.pair.state.allows_deletion()
        {
            // What is held stays held, whatever else happens to it, until a person has said something.
            return if facts.pair.state.is_held_deletion() && self.execution == Execution::Do {
                let local = view.object.as_ref().map(|(version, _)| *version);
                self.put_pair(view, Pair { local, ..facts.pair }).await
            } else {
                Ok(Some(Taken::Deletion(side)))
            };
        }
        if self.execution == Execution::Plan {
            self.plan(view, &facts, &decision);
            return Ok(Some(Taken::Done));
        }
        self.carry_out(view, told, facts, *decision).await
    }

    /// What is known of an object, in the words of a decision.
    pub(crate) fn facts(&self, view: &StepView, told: Told<'_>) -> Result<Facts, Stop> {
        let local = view.object.as_ref().map(|(_, object)| form::read(object));
        let ours = match told {
            Told::Now(object) => {
                object.mark.as_ref().is_some_and(|mark| mark.link == self.link.id.to_string())
            }
            _ => false,
        };
        let mut pair = match (&view.pair, told) {
            (Some(pair), _) => pair.clone(),
            (None, Told::Now(object)) => {
                let uid = local.as_ref().map_or_else(|| object.form.uid.clone(), |form| form.uid.clone());
                // A mark of a link that is no more, on what is here: we wrote it, and may have to hide more of it now.
                let written = match object.mark.as_ref().filter(|_| local.is_some()) {
                    Some(mark) => mark.uid == uid || mark.uid == self.app.alias_of_uid(&self.link, &uid)?,
                    None => false,
                };
                new_pair(uid, if ours || written { PairOrigin::Here } else { PairOrigin::There })
            }
            (None, _) => {
                new_pair(local.as_ref().map(|form| form.uid.clone()).unwrap_or_default(), PairOrigin::Here)
            }
        };
        if let (Told::Now(object), true) = (told, pair.uid.is_empty()) {
            pair.uid.clone_from(&object.form.uid); // it could not be read until now
        }
        let (mut base, mut seen) = (self.stored(pair.base.as_deref())?, self.stored(pair.seen.as_deref())?);
        let remote = match told {
            Told::Now(object) => Some(Form { uid: pair.uid.clone(), ..object.form.clone() }),
            Told::Gone => None,
            Told::Nothing => match (&pair.remote, &seen, &base) {
                (None, ..) | (_, None, None) => None,
                (_, Some(seen), _) => Some(seen.clone()),
                (_, None, Some(base)) => Some(self.view_of(&pair).project(base)),
            },
        };
        if let (Told::Now(_), Some(sent), Some(remote)) = (told, self.stored(pair.sent.as_deref())?, &remote)
        {
            // What was sent without a clear answer, and is there, is no change of the vendor's.
            let view = self.view_of(&pair);
            let shown = view.project(&sent);
            base = Some(match base {
                None => {
                    let made = rewritten(&shown, &view.ours(remote));
                    let base = without_lost(sent, &shown, &made);
                    seen = Some(made);
                    base
                }
                Some(base) => landed(&base, &sent, &shown, remote),
            });
        }
        Ok(Facts { pair, base, seen, local, remote })
    }

    pub(crate) fn decision(&self, facts: &Facts) -> Outcome {
        let mode = match self.link.mode {
            LinkMode::TwoWay => Mode::TwoWay,
            LinkMode::Pull => Mode::Pull,
            LinkMode::Push => Mode::Push,
        };
        let policy = match (&facts.pair.state, self.link.policy) {
            (PairState::StoreWins, _) | (_, LinkPolicy::Store) => Policy::Wins(Side::Local),
            (PairState::VendorWins, _) | (_, LinkPolicy::Vendor) => Policy::Wins(Side::Remote),
            (_, LinkPolicy::Ask) => Policy::Ask,
            (_, LinkPolicy::Record) => Policy::Wins(match facts.pair.origin {
                PairOrigin::Here => Side::Local,
                PairOrigin::There => Side::Remote,
            }),
        };
        let extras = match facts.pair.origin {
            PairOrigin::Here => Extras::Ignore,
            PairOrigin::There => Extras::Follow,
        };
        let known = Known {
            base: facts.base.as_ref(),
            seen: facts.seen.as_ref(),
            local: facts.local.as_ref(),
            remote: facts.remote.as_ref(),
            extras,
        };
        decide(known, mode, policy, &self.view_of(&facts.pair))
    }

    pub(crate) fn view_of(&self, pair: &Pair) -> LinkView<'_> {
        LinkView { connector: self.connector, privacy: self.link.privacy, origin: pair.origin }
    }

    /// A form that was kept.
    fn stored(&self, octets: Option<&[u8]>) -> Result<Option<Form>, Stop> {
        let Some(octets) = octets else { return Ok(None) };
        let object = CalendarObject::parse_stored(octets);
        let object = object.map_err(|_| AppError::Bug("a stored base does not parse"))?;
        Ok(Some(form::read(&object)))
    }

    /// A form to be kept; `None` if it cannot be written as an object.
    pub(crate) fn keeping(&self, form: &Form) -> Option<Vec<u8>> {
        let object = form::create(form, self.clock.now(), self.limits).ok()?;
        Some(object.bytes().to_vec())
    }

    async fn carry_out(
        &mut self,
        view: &StepView,
        told: Told<'_>,
        facts: Facts,
        decision: Decision,
    ) -> Result<Option<Taken>, Stop> {
        let object = match &decision.local {
            Action::Leave => StepChange::Leave,
            Action::Delete => StepChange::Remove,
            Action::Create(wanted) | Action::Update(wanted) => {
                let now = self.clock.now();
                let written = match &view.object {
                    Some((_, object)) => form::write(object, wanted, now, self.limits),
                    None => form::create(wanted, now, self.limits),
                };
                match written {
                    Ok(object) => StepChange::Put(object),
                    Err(_) => {
                        return self.refuse(view, told, "what the vendor has cannot be written here").await;
                    }
                }
            }
        };
        let lost = self.lost(view, &facts, &decision.conflicts);
        // A creation that may have been done there: it has to be looked up before anything is forgotten.
        let unclear = view.dispatch.is_some_and(|waits| waits.attempts > 0)
            && facts.pair.remote.is_none()
            && matches!(told, Told::Nothing);
        let Some(pair) = self.next_pair(view, told, &facts, &decision, unclear) else {
            return self.refuse(view, told, "what both sides have cannot be written here").await;
        };
        let now = self.clock.now();
        let dispatch = if decision.remote == Action::Leave {
            match &pair {
                StepChange::Put(pair) if pair.remote.is_some() && pair.version.is_none() => {
                    StepChange::Put(view.dispatch.unwrap_or(Dispatch {
                        attempts: 0,
                        not_before: now,
                        since: now,
                    }))
                }
                _ if view.dispatch.is_some() && !unclear => StepChange::Remove,
                _ => StepChange::Leave,
            }
        } else {
            let before = view.dispatch.unwrap_or(Dispatch { attempts: 0, not_before: now, since: now });
            let attempts = if matches!(told, Told::Nothing) { before.attempts } else { 0 };
            StepChange::Put(Dispatch { attempts, ..before })
        };
        let count = lost.len() as u64;
        match self.app.settle_step(&self.link, view, Step { object, pair, dispatch, lost }).await? {
            Settled::Outdated => return Ok(None),
            Settled::Refused(reason) => return self.refuse(view, told, reason).await,
            Settled::Done => {}
        }
        tally(&mut self.report.here, &decision.local);
        self.report.lost += count;
        Ok(Some(Taken::Done))
    }

    /// What the link knows of the object once the store's part is done; `None` if that cannot be written down.
    fn next_pair(
        &self,
        view: &StepView,
        told: Told<'_>,
        facts: &Facts,
        decision: &Decision,
        unclear: bool,
    ) -> Option<StepChange<Pair>> {
        let local = match decision.local {
            Action::Delete => None,
            _ => view.object.as_ref().map(|(version, _)| *version),
        };
        if decision.base.is_none() && decision.remote == Action::Leave {
            if unclear {
                return Some(StepChange::Put(Pair { local, ..facts.pair.clone() }));
            }
            return Some(if view.pair.is_some() { StepChange::Remove } else { StepChange::Leave });
        }
        let mut pair = Pair { local, since: None, ..facts.pair.clone() };
        if !matches!(told, Told::Nothing) {
            pair.sent = None;
        }
        match told {
            Told::Nothing => {
                let state = &facts.pair.state;
                if (state.is_held_deletion() || state.allows_deletion()) && decision.remote != Action::Delete
                {
                    pair.version = None; // what the vendor told while it was held was not written down: it is looked at again
                }
            }
            Told::Now(object) => {
                pair.remote = Some(object.id.0.clone());
                pair.version = Some(object.version.0.clone());
                pair.mails = object.mails;
                pair.role = role(object);
                if matches!(decision.local, Action::Create(_) | Action::Update(_)) {
                    pair.turns = Some(turns::taken(pair.turns, self.clock.now()));
                }
            }
            Told::Gone => {
                if pair.remote.is_some() {
                    pair.generation = pair.generation.saturating_add(1);
                }
                (pair.remote, pair.version, pair.mails) = (None, None, 0);
                pair.origin = PairOrigin::Here; // if it is made there again, we make it
                pair.role = PairRole::Own;
            }
        }
        let shared = decision.shared.as_ref();
        pair.seen = match (&facts.remote, shared) {
            (Some(remote), Some(shared)) if *remote != self.view_of(&pair).project(shared) => {
                Some(self.keeping(remote)?)
            }
            _ => None,
        };
        pair.base = match shared {
            Some(shared) => Some(self.keeping(shared)?),
            None => None,
        };
        pair.state = match (&decision.remote, &facts.pair.state) {
            (Action::Delete, PairState::DeletionMailApproved) => PairState::DeletionMailApproved,
            (Action::Delete, _) => PairState::DeletionApproved,
            (Action::Leave, _) => PairState::Linked,
            (_, PairState::MailApproved) => PairState::MailApproved,
            _ => PairState::Linked,
        };
        Some(StepChange::Put(pair))
    }

    /// What did not come through, so that it can be restored.
    fn lost(&self, view: &StepView, facts: &Facts, conflicts: &[Conflict]) -> Vec<Lost> {
        [Side::Local, Side::Remote]
            .into_iter()
            .filter_map(|side| {
                let mut fields: Vec<String> = conflicts
                    .iter()
                    .filter(|conflict| conflict.loser == side)
                    .map(|conflict| conflict.what().to_owned())
                    .collect();
                fields.sort_unstable();
                fields.dedup();
                let (loser, object) = match side {
                    Side::Local => {
                        (Loser::Store, view.object.as_ref().map(|(_, object)| object.bytes().to_vec()))
                    }
                    // As it would have been here, with what the vendor never had.
                    Side::Remote => {
                        let here = facts
                            .remote
                            .as_ref()
                            .map(|remote| as_here(facts.local.as_ref(), remote, &self.view_of(&facts.pair)));
                        (Loser::Vendor, here.and_then(|form| self.keeping(&form)))
                    }
                };
                (!fields.is_empty()).then_some(Lost { loser, fields, object })
            })
            .collect()
    }

    /// Both sides contradict each other, and a person is asked.
    async fn ask(&mut self, view: &StepView, pair: Pair) -> Result<Option<Taken>, Stop> {
        self.report.held += 1;
        if self.execution == Execution::Plan {
            return Ok(Some(Taken::Done));
        }
        let local = view.object.as_ref().map(|(version, _)| *version);
        let pair = Pair { state: PairState::Asked, since: Some(self.clock.now()), local, ..pair };
        self.put_pair(view, pair).await
    }

    /// The store does not take what the vendor has.
    async fn refuse(
        &mut self,
        view: &StepView,
        told: Told<'_>,
        reason: &'static str,
    ) -> Result<Option<Taken>, Stop> {
        let object = if let Told::Now(object) = told { Some(object) } else { None };
        let link = self.link.id.to_string();
        let ours = object.is_some_and(|object| object.mark.as_ref().is_some_and(|mark| mark.link == link));
        self.park(view.name.as_str(), reason, |pair| {
            if let Some(object) = object {
                pair.remote = Some(object.id.0.clone());
                pair.version = Some(object.version.0.clone());
                if pair.base.is_none() && !ours {
                    pair.origin = PairOrigin::There;
                }
            }
            false
        })
        .await?;
        Ok(Some(Taken::Done))
    }

    /// Parks an object: it takes no part until one side changes. `adjust` brings the pair up to date and says whether it
    /// was parked so before.
    pub(crate) async fn park(
        &mut self,
        name: &str,
        reason: &str,
        adjust: impl Fn(&mut Pair) -> bool,
    ) -> Result<(), Stop> {
        for _ in 0..STEP_ATTEMPTS {
            let view = self.app.view_step(&self.link, name).await?;
            let uid = view.object.as_ref().map(|(_, object)| object.uid().to_owned());
            let mut pair =
                view.pair.clone().unwrap_or_else(|| new_pair(uid.unwrap_or_default(), PairOrigin::Here));
            let before = adjust(&mut pair);
            self.report.parked += u64::from(!before);
            if self.execution == Execution::Plan || (before && view.pair.as_ref() == Some(&pair)) {
                return Ok(());
            }
            pair.local = view.object.as_ref().map(|(version, _)| *version);
            pair.state = PairState::Parked(reason.to_owned());
            pair.since = pair.since.or(Some(self.clock.now()));
            if self.put_pair(&view, pair).await?.is_some() {
                return Ok(());
            }
        }
        Err(AppError::Busy.into())
    }

    /// Holds a deletion until a person has said something.
    pub(crate) async fn hold_deletion(&mut self, name: &str, side: Side) -> Result<(), Stop> {
        self.report.held += 1;
        if self.execution == Execution::Plan {
            return Ok(());
        }
        for _ in 0..STEP_ATTEMPTS {
            let view = self.app.view_step(&self.link, name).await?;
            let Some(pair) = view.pair.clone() else { return Ok(()) };
            let state = match side {
                Side::Local => PairState::HeldHere,
                Side::Remote => PairState::HeldThere,
            };
            let local = view.object.as_ref().map(|(version, _)| *version);
            let pair = Pair { state, since: Some(self.clock.now()), local, ..pair };
            if self.put_pair(&view, pair).await?.is_some() {
                return Ok(());
            }
        }
        Err(AppError::Busy.into())
    }

    /// Writes a pair that takes no part; nothing of it waits to be sent. `None`: somebody else was faster.
    pub(crate) async fn put_pair(&self, view: &StepView, pair: Pair) -> Result<Option<Taken>, Stop> {
        let dispatch = if view.dispatch.is_some() { StepChange::Remove } else { StepChange::Leave };
        let step = Step { pair: StepChange::Put(pair), dispatch, ..Step::default() };
        match self.app.settle_step(&self.link, view, step).await? {
            Settled::Done => Ok(Some(Taken::Done)),
            Settled::Outdated => Ok(None),
            Settled::Refused(_) => Err(AppError::Bug("rows of a link were refused").into()),
        }
    }

    /// Says what a decision would do.
    pub(crate) fn plan(&mut self, view: &StepView, facts: &Facts, decision: &Decision) {
        if !self.planned.insert(view.name.as_str().to_owned()) {
            return;
        }
        tally(&mut self.report.here, &decision.local);
        self.report.lost += decision.conflicts.len() as u64;
        if let Action::Create(form) | Action::Update(form) = &decision.remote
            && self.stands_against(facts, form).is_some()
        {
            self.report.parked += 1;
            return;
        }
        tally(&mut self.report.there, &decision.remote);
        if decision.remote != Action::Leave {
            self.report.mails += u64::from(facts.pair.mails);
        }
    }

    /// Why a form is not sent for an object.
    pub(crate) fn stands_against(&self, facts: &Facts, form: &Form) -> Option<&'static str> {
        let foreign = facts.pair.role == PairRole::Attendee
            && facts
                .remote
                .as_ref()
                .is_some_and(|remote| !differ_in_private(&self.view_of(&facts.pair).project(remote), form));
        let foreign = foreign.then_some("somebody else organizes it: only they can change it");
        foreign.or_else(|| self.reason_against(form))
    }

    /// Why the vendor cannot have a form.
    pub(crate) fn reason_against(&self, form: &Form) -> Option<&'static str> {
        if self.link.privacy != almanac_app::sync::LinkPrivacy::Full && form.kind != ComponentKind::Event {
            return Some("only events can be shown as busy");
        }
        if !self.connector.capabilities().writes {
            return Some("this kind of account can only be read");
        }
        self.connector.refuses(form).map(|reason| reason.0)
    }
}

/// Whether nothing is new since the object was last looked at.
fn is_old(view: &StepView, told: Told<'_>, approval: Approval) -> bool {
    if approval == Approval::Deletion {
        return false;
    }
    let here = view.object.as_ref().map(|(version, _)| *version);
    let Some(pair) = &view.pair else {
        return here.is_none() && !matches!(told, Told::Now(_));
    };
    let same_here = pair.local == here;
    match told {
        Told::Nothing => same_here,
        Told::Gone => same_here && pair.state == PairState::HeldThere,
        Told::Now(object) => {
            same_here
                && pair.remote.as_deref() == Some(object.id.0.as_str())
                && pair.version.as_deref() == Some(object.version.0.as_str())
                && !pair.state.allows_deletion()
                && pair.state != PairState::HeldThere
        }
    }
}

fn new_pair(uid: String, origin: PairOrigin) -> Pair {
    Pair {
        uid,
        remote: None,
        version: None,
        local: None,
        base: None,
        seen: None,
        generation: 0,
        origin,
        state: PairState::Linked,
        since: None,
        mails: 0,
        sent: None,
        role: PairRole::Own,
        turns: None,
    }
}

pub(crate) fn role(object: &RemoteObject) -> PairRole {
    match object.role {
        Role::Owner => PairRole::Own,
        Role::Attendee => PairRole::Attendee,
    }
}

pub(crate) fn tally(counts: &mut Counts, action: &Action) {
    match action {
        Action::Leave => {}
        Action::Create(_) => counts.created += 1,
        Action::Update(_) => counts.updated += 1,
        Action::Delete => counts.deleted += 1,
    }
}
