//! Random histories: edits on all sides, faults, ends of the program at any call; then quiet, and all sides are equal.
//!
//! A vendor's call that something changed is only a reason to run. Runs come at any time here, so such calls are as good as
//! late, repeated and lost all the time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use almanac_app::sync::{LinkInfo, LinkPolicy, Pair, PairOrigin, PairState};
use almanac_base::{Clock as _, ManualClock};
use almanac_contract::{Field, Form, Instance, Moment, RemoteObject, Value, form};
use almanac_ical::{CalendarObject, Limits};
use almanac_sync::{Answer, Report};
use jiff::SignedDuration;

use crate::caldav::AtCalDav;
use crate::edits::{Dice, changed, fresh, words};
use crate::figures::Figures;
use crate::google::AtGoogle;
use crate::memory::{Manner, MemoryVendor};
use crate::outlook::AtOutlook;
use crate::vendor::{Signal, Vendor};
use crate::world::{Terms, World};

/// Which vendors a history has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Maps in memory.
    Memory,
    /// Google, Outlook and a CalDAV server, each simulated behind its connector and HTTP: all of them, or some.
    Real,
}

struct Linked {
    vendor: Box<dyn Vendor>,
    link: LinkInfo,
    /// What somebody agreed to, by the id of the object there.
    agreed: BTreeMap<String, Agreed>,
}

/// Mails that somebody agreed to.
#[derive(Debug, Clone, Copy, Default)]
struct Agreed {
    mails: u64,
    /// One change of a series may take several requests, and the vendor mails at each: they are not counted.
    series: bool,
}

pub(crate) struct History {
    world: World,
    linked: Vec<Linked>,
    dice: Dice,
    /// The clock went on by so much that windows of time slid.
    slid: bool,
    count: u64,
    /// What is not to vanish in silence.
    round: Vec<BTreeSet<String>>,
    figures: Figures,
}

async fn vendors(kind: Kind, clock: &Arc<ManualClock>, dice: &mut Dice) -> Vec<Box<dyn Vendor>> {
    let mut vendors: Vec<Box<dyn Vendor>> = Vec::new();
    match kind {
        Kind::Memory => {
            for _ in 0..=dice.roll(2) {
                let mut flag = || dice.one_in(2);
                let (poor, loud, forgetful, terse, jealous) = (flag(), flag(), flag(), flag(), flag());
                let manner = Manner { poor, loud, forgetful, terse, jealous, ..Manner::default() };
                vendors.push(Box::new(MemoryVendor::new(manner)));
            }
        }
        Kind::Real => {
            // All three half of the time, else any one or two of them.
            let which = [7, 7, 7, 7, 7, 7, 1, 2, 3, 4, 5, 6][dice.below(12)];
            if which & 1 != 0 {
                vendors.push(Box::new(AtGoogle::new(clock, dice).await));
            }
            if which & 2 != 0 {
                vendors.push(Box::new(AtOutlook::new(clock, dice).await));
            }
            if which & 4 != 0 {
                vendors.push(Box::new(AtCalDav::new(clock, dice).await));
            }
        }
    }
    vendors
}

/// Lives a history and tells what came of it; a panic is the history's failure.
pub(crate) async fn live(kind: Kind, seed: u64) -> Figures {
    let mut history = History::new(kind, seed).await;
    for _ in 0..3 {
        for _ in 0..=history.dice.roll(6) {
            for _ in 0..=history.dice.roll(3) {
                history.edit().await;
            }
            history.show("edited").await;
            if history.dice.one_in(2) {
                history.stormy_run().await;
            }
        }
        history.show("before quiet").await;
        history.note().await;
        history.settle().await;
        history.show("quiet").await;
        history.check().await;
        history.idle().await;
    }
    history.figures.histories = 1;
    history.figures
}

impl History {
    async fn new(kind: Kind, seed: u64) -> Self {
        let mut dice = Dice(seed);
        let world = World::at("2026-03-02T08:00:00Z").await;
        let mut linked = Vec::new();
        for (n, vendor) in vendors(kind, &world.clock, &mut dice).await.into_iter().enumerate() {
            let policy = [LinkPolicy::Vendor, LinkPolicy::Store, LinkPolicy::Record][dice.below(3)];
            let terms = Terms { policy, ..Terms::default() };
            let link = world.link_with(&format!("v{n}"), &vendor.calendar(), terms).await;
            linked.push(Linked { vendor, link, agreed: BTreeMap::new() });
        }
        Self { world, linked, dice, slid: false, count: 0, round: Vec::new(), figures: Figures::default() }
    }

    /// Somebody makes, changes or deletes an object, here or at a vendor.
    async fn edit(&mut self) {
        self.figures.edits += 1;
        if self.dice.one_in(2) {
            return self.edit_here().await;
        }
        let n = self.dice.below(self.linked.len());
        self.linked[n].vendor.edit(&mut self.dice, &mut self.count);
    }

    async fn edit_here(&mut self) {
        let all = self.world.objects().await;
        let picked = self.dice.pick(&all).cloned();
        let now = self.world.clock.now();
        match (picked, self.dice.roll(6)) {
            (Some((name, _)), 0) => self.world.remove(&name).await,
            (Some((name, old)), 1..=4) => {
                let form = changed(&form::read(&old), &mut self.dice, &mut self.count);
                let object = form::write(&old, &form, now, &Limits::default()).unwrap();
                self.world.put(&name, &object).await;
            }
            _ => {
                let form = fresh(&mut self.dice, &mut self.count);
                let object = form::create(&form, now, &Limits::default()).unwrap();
                self.world.put(&format!("{}.ics", form.uid), &object).await;
            }
        }
    }

    /// A run with faults; what it ends in is of no concern.
    async fn stormy_run(&mut self) {
        let n = self.dice.below(self.linked.len());
        if self.dice.one_in(8) {
            // Long enough for tokens to be spent, and now and then for windows of time to slide.
            // Not twice: what nobody saw before it left the window of a vendor stays there.
            let far = self.dice.one_in(4) && !std::mem::replace(&mut self.slid, true);
            let hours = if far { 24 * 40 } else { 3 };
            self.world.clock.advance(SignedDuration::from_hours(hours));
        }
        let signal = Arc::new(Signal::default());
        let Linked { vendor, link, .. } = &self.linked[n];
        vendor.set_time(self.world.clock.now());
        let _ = vendor.connector().calendars().await; // it is signed in, as it is when somebody shows the history
        if self.dice.one_in(6) {
            vendor.expire();
        }
        vendor.storm(self.dice.fork(), Arc::clone(&signal));
        let mut races = 0;
        let ended = {
            let run = self.world.run(link, vendor.connector());
            tokio::pin!(run);
            loop {
                tokio::select! {
                    biased;
                    () = signal.ends.notified() => break true,
                    () = signal.races.notified() => {
                        races += 1;
                        vendor.edit(&mut self.dice, &mut self.count);
                    }
                    _ = &mut run => break false,
                }
            }
        };
        self.figures.edits += races;
        vendor.calm();
        if ended {
            self.world.restart().await;
            for linked in &mut self.linked {
                linked.vendor.restart();
            }
        }
    }

    /// A person says yes to what is held, or now and then no.
    async fn answer_all(&mut self) {
        let here = self.world.forms().await;
        for Linked { link, agreed, .. } in &mut self.linked {
            let (rows, _) = self.world.app.pairs(link, None).await.unwrap();
            for row in rows.into_iter().filter(|row| row.pair.state.is_held()) {
                if self.dice.one_in(3) {
                    self.world.say(link, &row.name, Answer::Reject).await;
                    continue;
                }
                let mails = matches!(row.pair.state, PairState::HeldMail | PairState::HeldDeletionMail);
                if let Some(id) = row.pair.remote.clone().filter(|_| mails) {
                    let base = row.pair.base.as_deref().map(stored);
                    let now = here.iter().filter(|(name, _)| *name == row.name).map(|(_, form)| form);
                    let agreed = agreed.entry(id).or_default();
                    agreed.mails += u64::from(row.pair.mails);
                    agreed.series |= now.chain(&base).any(is_series);
                }
                self.world.approve(link, &row.name).await;
            }
        }
    }

    /// Runs until nothing is left to do, and answers what is held.
    async fn settle(&mut self) {
        for _ in 0..8 {
            self.run_until_idle().await;
            self.answer_all().await;
            if self.plans().await.iter().all(Report::is_idle) {
                for Linked { vendor, .. } in &self.linked {
                    self.figures.requests += vendor.take_counts().requests;
                }
                return;
            }
        }
        panic!("it never settles: {:?}", self.plans().await);
    }

    async fn run_until_idle(&mut self) {
        let mut last = Vec::new();
        for _ in 0..40 {
            let mut idle = true;
            last.clear();
            for Linked { vendor, link, .. } in &self.linked {
                vendor.set_time(self.world.clock.now());
                let report = self.world.run(link, vendor.connector()).await;
                let report = report.unwrap_or_else(|(_, stop)| panic!("without faults: {stop:?}"));
                self.figures.written += report.here.all() + report.there.all();
                idle &= report.here.all() == 0 && report.there.all() == 0 && report.waiting == 0;
                last.push(report);
            }
            if idle {
                return;
            }
            self.world.clock.advance(SignedDuration::from_secs(120));
        }
        self.show("stuck").await;
        panic!("there is always something to do: {last:?}");
    }

    async fn plans(&self) -> Vec<Report> {
        let mut plans = Vec::new();
        for Linked { vendor, link, .. } in &self.linked {
            plans.push(self.world.plan(link, vendor.connector()).await);
        }
        plans
    }

    /// Once it is quiet, runs write nothing, be it that they ask for changes or compare everything.
    async fn idle(&mut self) {
        for whole in [false, true] {
            for Linked { vendor, link, .. } in &self.linked {
                vendor.take_counts();
                let connector = vendor.connector();
                let report = match whole {
                    false => self.world.run(link, connector).await,
                    true => self.world.run_whole(link, connector).await,
                };
                let report = report.unwrap_or_else(|(_, stop)| panic!("without faults: {stop:?}"));
                let writes = vendor.take_counts().writes;
                self.figures.idle_writes += writes;
                if !report.is_idle() || writes > 0 {
                    self.figures
                        .wrong
                        .push(format!("not idle (whole: {whole}): {report:?}, {writes} writes"));
                }
            }
        }
    }

    /// All sides have the same, under what each vendor keeps; nothing twice, nothing lost that is not in the history.
    async fn check(&mut self) {
        let mut wrong = Vec::new();
        let here = self.world.forms().await;
        let mut found = BTreeSet::new();
        let forms = here.iter().map(|(_, form)| form);
        self.figures.doubled += doubles(forms, &mut found, "here", &mut wrong);
        for (n, Linked { vendor, link, agreed }) in self.linked.iter().enumerate() {
            let there = vendor.objects().await;
            let forms = there.iter().map(|object| &object.form);
            self.figures.doubled += doubles(forms, &mut found, &format!("at vendor {n}"), &mut wrong);
            let (pairs, _) = self.world.app.pairs(link, None).await.unwrap();
            self.figures.objects += pairs.len() as u64;
            let parked = pairs.iter().filter(|row| matches!(row.pair.state, PairState::Parked(_)));
            for row in parked {
                let PairState::Parked(reason) = &row.pair.state else { continue };
                *self.figures.parked.entry(reason.clone()).or_default() += 1;
            }
            compare(
                &**vendor,
                &here,
                &there,
                pairs.iter().map(|row| (row.name.as_str(), &row.pair)),
                |what| {
                    wrong.push(format!("vendor {n}: {what}"));
                },
            );
            for lost in self.world.lost(link).await {
                words(&lost, &mut found);
            }
            for (id, mails) in vendor.mails().by_object() {
                let agreed = agreed.get(id).copied().unwrap_or_default();
                if *mails > agreed.mails && !agreed.series {
                    self.figures.mails += mails - agreed.mails;
                    wrong.push(format!("vendor {n} sent {mails} mails about {id}, {agreed:?}"));
                }
            }
        }
        for word in self.round.iter().flatten().filter(|word| !found.contains(*word)) {
            self.figures.lost += 1;
            wrong.push(format!("{word} is nowhere"));
        }
        self.figures.wrong.append(&mut wrong);
    }

    /// What each side says that the other has not seen: it is to be found again after the next quiet, on some side or in
    /// the history.
    async fn note(&mut self) {
        let here = self.world.forms().await;
        let mut unseen: Vec<BTreeSet<String>> = here.iter().map(|(_, form)| said(form)).collect();
        let mut noted = Vec::new();
        for Linked { vendor, link, .. } in &self.linked {
            let (pairs, _) = self.world.app.pairs(link, None).await.unwrap();
            for ((name, _), unseen) in here.iter().zip(&mut unseen) {
                for row in pairs.iter().filter(|row| row.name == *name) {
                    forget(unseen, row.pair.base.as_deref());
                    forget(unseen, row.pair.sent.as_deref()); // it may be there, and overwritten since
                }
            }
            for object in vendor.objects().await {
                let mut unseen = said(&object.form);
                for row in pairs.iter().filter(|row| is_of(&row.pair, &object)) {
                    forget(&mut unseen, row.pair.base.as_deref());
                    forget(&mut unseen, row.pair.seen.as_deref());
                    forget(&mut unseen, row.pair.sent.as_deref()); // our own, whose answer was lost
                }
                noted.push(unseen);
            }
        }
        noted.extend(unseen);
        self.round = noted;
    }

    /// Shows all sides if `SHOW` is set.
    async fn show(&self, when: &str) {
        if std::env::var_os("SHOW").is_none() {
            return;
        }
        println!("--- {when}, {}", self.world.clock.now());
        for (name, form) in self.world.forms().await {
            println!("  here {name} {} {:?}", form.parts.len(), said(&form));
        }
        for (n, Linked { vendor, link, .. }) in self.linked.iter().enumerate() {
            for object in vendor.objects().await {
                let (id, form) = (short(&object.id.0), &object.form);
                println!("  vendor {n} {id} {} {:?}", form.parts.len(), said(form));
            }
            let (pairs, _) = self.world.app.pairs(link, None).await.unwrap();
            for row in pairs {
                let Pair { remote, state, origin, sent, .. } = row.pair;
                let remote = remote.map(|id| short(&id));
                println!("  pair {n} {} {remote:?} {state:?} {origin:?} sent {}", row.name, sent.is_some());
            }
            for row in self.world.app.dispatches(link, None).await.unwrap().0 {
                println!("  waits {n} {} {:?}", row.name, row.dispatch);
            }
            for lost in self.world.lost(link).await {
                println!("  lost {n} {:?}", said(&lost));
            }
        }
    }
}

/// The end of an id.
fn short(id: &str) -> String {
    id[id.len().saturating_sub(12)..].to_owned()
}

fn said(form: &Form) -> BTreeSet<String> {
    let mut said = BTreeSet::new();
    words(form, &mut said);
    said
}

/// A form that a pair keeps.
fn stored(octets: &[u8]) -> Form {
    form::read(&CalendarObject::parse_stored(octets).unwrap())
}

fn is_series(form: &Form) -> bool {
    form.parts.len() > 1 || form.parts.values().any(|part| part.contains_key(&Field::Rule))
}

/// Takes away the words that a kept form has.
fn forget(unseen: &mut BTreeSet<String>, octets: Option<&[u8]>) {
    if let Some(octets) = octets {
        let seen = said(&stored(octets));
        unseen.retain(|word| !seen.contains(word));
    }
}

/// Whether a pair is about an object at the vendor.
fn is_of(pair: &Pair, object: &RemoteObject) -> bool {
    let marked = object.mark.as_ref().is_some_and(|mark| mark.uid == pair.uid);
    pair.remote.as_ref() == Some(&object.id.0) || (marked && pair.remote.is_none())
}

/// How many words are in several objects: each word was written into one. All of them come into `found`.
fn doubles<'a>(
    forms: impl Iterator<Item = &'a Form>,
    found: &mut BTreeSet<String>,
    side: &str,
    wrong: &mut Vec<String>,
) -> u64 {
    let (mut all, mut doubles) = (BTreeSet::new(), 0);
    for form in forms {
        for word in said(form) {
            if !all.insert(word.clone()) {
                doubles += 1;
                wrong.push(format!("{word} is in several objects {side}"));
            }
        }
    }
    found.append(&mut all);
    doubles
}

/// Tells what differs between the store and a vendor. What is parked takes no part.
fn compare<'a>(
    vendor: &dyn Vendor,
    here: &[(String, Form)],
    there: &[RemoteObject],
    pairs: impl Iterator<Item = (&'a str, &'a Pair)>,
    mut tell: impl FnMut(String),
) {
    let (mut names, mut ids) = (BTreeSet::new(), BTreeSet::new());
    for (name, pair) in pairs {
        names.insert(name);
        if let Some(id) = &pair.remote
            && !ids.insert(id.clone())
        {
            tell("two pairs have one object".to_owned());
        }
        if matches!(pair.state, PairState::Parked(_)) {
            continue;
        }
        let local = here.iter().find(|(other, _)| other == name).map(|(_, form)| form);
        let remote = there.iter().find(|object| Some(&object.id.0) == pair.remote.as_ref());
        match (local, remote) {
            (Some(local), Some(remote)) => {
                let (local, remote) = (vendor.shared(local), vendor.shared(&remote.form));
                if local != remote {
                    let ours = pair.origin == PairOrigin::Here;
                    tell(format!("{name} differs (ours: {ours}): {}", differences(&local, &remote)));
                }
            }
            (local, remote) => tell(format!(
                "{name} ({:?}) is here: {}, there: {}",
                pair.state,
                local.is_some(),
                remote.is_some()
            )),
        }
    }
    for (name, _) in here.iter().filter(|(name, _)| !names.contains(name.as_str())) {
        tell(format!("{name} is here alone"));
    }
    for object in there.iter().filter(|object| !ids.contains(&object.id.0)) {
        tell(format!("{} is there alone", short(&object.id.0)));
    }
}

/// The fields in which two forms differ.
fn differences(one: &Form, other: &Form) -> String {
    let mut all = Vec::new();
    let instances: BTreeSet<_> = one.parts.keys().chain(other.parts.keys()).collect();
    for instance in instances {
        match (one.parts.get(instance), other.parts.get(instance)) {
            (Some(a), Some(b)) => {
                let fields: BTreeSet<_> = a.keys().chain(b.keys()).collect();
                let differing = fields.into_iter().filter(|field| a.get(*field) != b.get(*field));
                all.extend(differing.map(|field| {
                    format!("{} {field:?} {} {}", named(instance), told(a.get(field)), told(b.get(field)))
                }));
            }
            (here, _) => {
                all.push(format!("{} is {}", named(instance), if here.is_some() { "here" } else { "there" }));
            }
        }
    }
    all.join(", ")
}

fn named(instance: &Instance) -> String {
    match instance {
        Instance::Master => "master".to_owned(),
        Instance::At(at) => moment(at),
    }
}

fn told(value: Option<&Value>) -> String {
    match value {
        None => "nothing".to_owned(),
        Some(Value::Text(text)) => format!("{text:?}"),
        Some(Value::Span(start, end)) => format!("{}/{}", moment(start), moment(end)),
        Some(Value::Present) => "present".to_owned(),
        Some(Value::Lines(lines)) => format!("{lines:?}"),
    }
}

fn moment(at: &Moment) -> String {
    match at {
        Moment::Date(date) => date.to_string(),
        Moment::Floating(wall) => wall.to_string(),
        Moment::Utc(wall) => format!("{wall}Z"),
        Moment::Zoned(wall, zone) => format!("{wall} {zone}"),
    }
}
