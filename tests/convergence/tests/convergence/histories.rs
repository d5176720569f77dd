//! Random histories: edits on all sides, faults, ends of the program at any call and any commit; then quiet, and all sides
//! are equal.
//!
//! `HISTORIES` says how many (200), `SEED` which one alone, `SHOW=1` shows what happens.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;

use almanac_app::sync::{LinkInfo, LinkPolicy, PairOrigin};
use almanac_contract::{Connector as _, Field, Form, Instance, Moment, Value, form};
use almanac_sync::Report;
use jiff::SignedDuration;

use crate::crash::{Crashing, When};
use crate::memory::{Failing, Fault, Manner, MemoryVendor};
use crate::world::{Terms, World, event, object};

/// A small generator of numbers (SplitMix64): the same history for the same seed.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    pub(crate) fn one_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        if of.is_empty() { None } else { of.get(usize::try_from(self.roll(of.len() as u64)).unwrap()) }
    }
}

/// A word that no other edit writes.
fn word(count: &mut u64) -> String {
    *count += 1;
    format!("w{count}x")
}

fn text(field: &mut Form, at: &Instance, name: Field, value: String) {
    if let Some(part) = field.parts.get_mut(at) {
        part.insert(name, Value::Text(value));
    }
}

/// An object that is new.
fn fresh(dice: &mut Dice, count: &mut u64) -> Form {
    let (uid, title) = (word(count), word(count));
    let day = u32::try_from(dice.roll(20) + 1).unwrap();
    let made = match dice.roll(4) {
        0 => object(
            &uid,
            &format!(
                "DTSTART;TZID=Europe/Berlin:202603{day:02}T090000 DTEND;TZID=Europe/Berlin:202603{day:02}T100000 \
                 RRULE:FREQ=WEEKLY;COUNT=8 SUMMARY:{title}"
            ),
        ),
        1 => object(&uid, &format!("DTSTART;VALUE=DATE:202603{day:02} SUMMARY:{title}")),
        _ => event(&uid, day, &format!("SUMMARY:{title}")),
    };
    form::read(&made)
}

/// A change of an object as a person makes it.
fn changed(form: &Form, dice: &mut Dice, count: &mut u64) -> Form {
    let mut form = form.clone();
    let master = form.master().cloned().unwrap_or_default();
    let Some(Value::Span(start, _)) = master.get(&Field::Time).cloned() else { return form };
    let is_series = master.contains_key(&Field::Rule);
    match dice.roll(if is_series { 8 } else { 5 }) {
        0 | 1 => text(&mut form, &Instance::Master, Field::Summary, word(count)),
        2 => text(&mut form, &Instance::Master, Field::Location, word(count)),
        3 => text(&mut form, &Instance::Master, Field::Description, word(count)),
        4 => {
            // Moved by days: a series keeps its weekday's distance, and its exceptions go with it or vanish.
            let days = i64::try_from(dice.roll(5) + 1).unwrap();
            if let Some(part) = form.parts.get_mut(&Instance::Master)
                && let Some(Value::Span(start, end)) = part.get_mut(&Field::Time)
            {
                shift(start, days);
                shift(end, days);
                part.retain(|field, _| !matches!(field, Field::Except(_)));
            }
            form.parts.retain(|at, _| *at == Instance::Master);
        }
        n => {
            let mut at = start;
            shift(&mut at, 7 * i64::try_from(dice.roll(6) + 1).unwrap());
            let instance = Instance::At(at.clone());
            if n == 5 {
                form.parts.remove(&instance);
                if let Some(part) = form.parts.get_mut(&Instance::Master) {
                    part.insert(Field::Except(at), Value::Present);
                }
            } else if !master.contains_key(&Field::Except(at.clone())) {
                let mut part = form.parts.get(&instance).cloned().unwrap_or_else(|| {
                    let mut part = master.clone();
                    part.retain(|field, _| {
                        !matches!(field, Field::Rule | Field::Except(_) | Field::Extra(_))
                    });
                    part
                });
                let (mut start, mut end) = (at.clone(), at);
                later(&mut start, 2);
                later(&mut end, 3);
                part.insert(Field::Time, Value::Span(start, end));
                part.insert(Field::Summary, Value::Text(word(count)));
                form.parts.insert(instance, part);
            }
        }
    }
    form
}

fn shift(moment: &mut Moment, days: i64) {
    let span = jiff::Span::new().days(days);
    match moment {
        Moment::Date(date) => *date = date.checked_add(span).unwrap(),
        Moment::Floating(wall) | Moment::Utc(wall) | Moment::Zoned(wall, _) => {
            *wall = wall.checked_add(span).unwrap();
        }
    }
}

fn later(moment: &mut Moment, hours: i64) {
    if let Moment::Floating(wall) | Moment::Utc(wall) | Moment::Zoned(wall, _) = moment {
        *wall = wall.checked_add(SignedDuration::from_hours(hours)).unwrap();
    }
}

/// All words in a form.
fn words(form: &Form, into: &mut BTreeSet<String>) {
    for value in form.parts.values().flat_map(|part| part.values()) {
        if let Value::Text(text) = value {
            into.insert(text.to_lowercase());
        }
    }
}

struct Linked {
    vendor: MemoryVendor,
    link: LinkInfo,
}

/// Perhaps lets something happen at a commit.
fn arm(crash: &Crashing, dice: &mut Dice) {
    let when = [When::Before, When::After, When::Meanwhile, When::Meanwhile];
    if let Some(when) = dice.pick(&when)
        && dice.one_in(2)
    {
        crash.arm(dice.roll(20), *when);
    }
}

/// What was said on any side.
#[derive(Default)]
struct Said {
    count: u64,
    /// The words that nobody took back who saw them: they are not to vanish in silence.
    alive: BTreeSet<String>,
}

impl Said {
    /// Somebody who saw `old` made `new` of it; `None`: it was not there, it is not there any more.
    fn edited(&mut self, old: Option<&Form>, new: Option<&Form>) {
        let said = |form: Option<&Form>| {
            let mut said = BTreeMap::<String, usize>::new();
            for part in form.into_iter().flat_map(|form| form.parts.values()) {
                for value in part.values() {
                    if let Value::Text(text) = value {
                        *said.entry(text.to_lowercase()).or_default() += 1;
                    }
                }
            }
            said
        };
        let (old, new) = (said(old), said(new));
        // A word of a series is in its changed instances too: who takes it back in one place may leave it to others to
        // take it back in the rest.
        self.alive.retain(|word| old.get(word) <= new.get(word));
        self.alive.extend(new.into_keys().filter(|word| !old.contains_key(word)));
    }
}

async fn edit(world: &World, linked: &[Linked], dice: &mut Dice, said: &mut Said) {
    if dice.one_in(2) {
        edit_here(world, dice, said).await;
    } else if let Some(Linked { vendor, .. }) = dice.pick(linked) {
        edit_there(vendor, dice, said);
    }
}

async fn edit_here(world: &World, dice: &mut Dice, said: &mut Said) {
    let (now, limits) = ("2026-11-02T08:00:00Z".parse().unwrap(), almanac_ical::Limits::default());
    let all = world.objects().await;
    let (name, old, object) = match (dice.pick(&all).cloned(), dice.roll(6)) {
        (Some((name, old)), 0) => {
            world.remove(&name).await;
            return said.edited(Some(&form::read(&old)), None);
        }
        (Some((name, old)), 1..=4) => {
            let before = form::read(&old);
            let form = changed(&before, dice, &mut said.count);
            (name, Some(before), form::write(&old, &form, now, &limits).unwrap())
        }
        _ => {
            let form = fresh(dice, &mut said.count);
            (format!("named-{}.ics", form.uid), None, form::create(&form, now, &limits).unwrap())
        }
    };
    world.put(&name, &object).await;
    said.edited(old.as_ref(), Some(&form::read(&object)));
}

fn edit_there(vendor: &MemoryVendor, dice: &mut Dice, said: &mut Said) {
    let all = vendor.forms();
    let (id, old) = match (dice.pick(&all).cloned(), dice.roll(6)) {
        (Some((id, old)), 0) => {
            vendor.erase(&id);
            (id, Some(old))
        }
        (Some((id, old)), 1..=4) => {
            vendor.edit(&id, &changed(&old, dice, &mut said.count));
            (id, Some(old))
        }
        _ => {
            let form = fresh(dice, &mut said.count);
            let id = format!("theirs-{}", form.uid);
            vendor.edit(&id, &form);
            (id, None)
        }
    };
    let new = vendor.forms().into_iter().find(|(other, _)| *other == id).map(|(_, form)| form);
    said.edited(old.as_ref(), new.as_ref());
}

struct History {
    world: World,
    linked: Vec<Linked>,
    dice: Dice,
    said: Said,
}

impl History {
    async fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let world = World::new().await;
        let mut linked = Vec::new();
        for n in 0..=dice.roll(2) {
            let mut flag = || dice.one_in(2);
            let manner =
                Manner { poor: flag(), loud: flag(), forgetful: flag(), terse: flag(), grudging: flag() };
            let policy = [LinkPolicy::Vendor, LinkPolicy::Store, LinkPolicy::Record];
            let policy = policy[usize::try_from(dice.roll(3)).unwrap()];
            let link = world.link(&format!("v{n}"), Terms { policy, ..Terms::default() }).await;
            linked.push(Linked { vendor: MemoryVendor::new(manner), link });
        }
        Self { world, linked, dice, said: Said::default() }
    }

    /// An edit on some side.
    async fn edit(&mut self) {
        edit(&self.world, &self.linked, &mut self.dice, &mut self.said).await;
    }

    /// A run with faults, and with edits while it is under way; what it ends in is of no concern.
    async fn stormy_run(&mut self, n: usize) {
        let Self { world, linked, dice, said } = self;
        let Linked { vendor, link } = &linked[n];
        let mut faults = Dice(dice.roll(u64::MAX));
        vendor.plan(move |_| match faults.roll(14) {
            0 => Some(Fault::Before(Failing::Throttled)),
            1 => Some(Fault::Before(Failing::Unavailable)),
            2 => Some(Fault::Before(Failing::Expired)),
            3 => Some(Fault::After),
            4 => Some(Fault::EndBefore),
            5 => Some(Fault::EndAfter),
            _ => None,
        });
        arm(&world.crash, dice);
        let ended = {
            let mut run = pin!(world.run(link, vendor));
            loop {
                tokio::select! {
                    biased;
                    _ = &mut run => break false,
                    () = vendor.ends.notified() => break true,
                    () = world.crash.ends.notified() => break true,
                    () = world.crash.pauses.notified() => {
                        for _ in 0..=dice.roll(2) {
                            edit(world, linked, dice, said).await;
                        }
                        arm(&world.crash, dice);
                        world.crash.resumes.notify_one();
                    }
                }
            }
        };
        world.crash.calm();
        vendor.calm();
        if ended {
            world.restart().await;
        }
    }

    async fn approve_all(&self) {
        for Linked { link, .. } in &self.linked {
            let (rows, _) = self.world.app.pairs(link, None).await.unwrap();
            for row in rows {
                self.world.approve(link, &row.name).await;
            }
        }
    }

    /// Shows all sides if `SHOW` is set.
    async fn show(&self, when: &str) {
        if std::env::var_os("SHOW").is_none() {
            return;
        }
        let said = |form: &Form| {
            let mut said = BTreeSet::new();
            words(form, &mut said);
            format!("{}{:?}", form.parts.len(), said)
        };
        println!("--- {when}");
        for (name, form) in self.world.forms().await {
            println!("  here {name} {}", said(&form));
        }
        for (n, Linked { vendor, link }) in self.linked.iter().enumerate() {
            for (id, form) in vendor.forms() {
                println!("  vendor {n} {} {}", &id[..8.min(id.len())], said(&form));
            }
            let (pairs, _) = self.world.app.pairs(link, None).await.unwrap();
            for row in pairs {
                let remote = row.pair.remote.map(|id| id[..8.min(id.len())].to_owned());
                let sent = row.pair.sent.is_some();
                println!(
                    "  pair {n} {} {remote:?} {:?} {:?} sent {sent}",
                    row.name, row.pair.state, row.pair.origin
                );
            }
            for lost in self.world.lost(link).await {
                println!("  lost {n} {}", said(&lost));
            }
        }
    }

    async fn settle(&self) {
        for _ in 0..6 {
            let links: Vec<_> = self
                .linked
                .iter()
                .map(|linked| (&linked.link, &linked.vendor as &dyn almanac_contract::Connector))
                .collect();
            self.world.settle(&links).await;
            self.approve_all().await;
            if self.plans().await.iter().all(Report::is_idle) {
                return;
            }
        }
        panic!("it never settles: {:?}", self.plans().await);
    }

    async fn plans(&self) -> Vec<Report> {
        let mut plans = Vec::new();
        for Linked { vendor, link } in &self.linked {
            plans.push(self.world.plan(link, vendor).await);
        }
        plans
    }

    /// All sides have the same, under what each vendor keeps; nothing twice, nothing lost that is not in the history.
    async fn check(&self) {
        let here = self.world.forms().await;
        let mut found = BTreeSet::new();
        here.iter().for_each(|(_, form)| words(form, &mut found));
        for Linked { vendor, link } in &self.linked {
            let there = vendor.forms();
            there.iter().for_each(|(_, form)| words(form, &mut found));
            let (pairs, _) = self.world.app.pairs(link, None).await.unwrap();
            let states: Vec<_> =
                pairs.iter().map(|row| (&row.name, &row.pair.remote, &row.pair.state)).collect();
            assert_eq!(here.len(), there.len(), "objects here and there: {states:?} {:?}", vendor.ids());
            assert_eq!(here.len(), pairs.len(), "objects and pairs");
            for row in &pairs {
                let local = &here.iter().find(|(name, _)| *name == row.name).unwrap().1;
                let remote = &there.iter().find(|(id, _)| Some(id) == row.pair.remote.as_ref()).unwrap().1;
                let loud = |form: &Form| {
                    let mut form = vendor.project(form);
                    form.uid = "same".to_owned();
                    for part in form.parts.values_mut() {
                        if let Some(Value::Text(title)) = part.get_mut(&Field::Summary) {
                            *title = title.to_lowercase();
                        }
                    }
                    form
                };
                assert!(
                    loud(local) == loud(remote),
                    "an object differs: origin here {}",
                    row.pair.origin == PairOrigin::Here
                );
            }
            for lost in self.world.lost(link).await {
                words(&lost, &mut found);
            }
        }
        for word in &self.said.alive {
            assert!(found.contains(word), "{word} is nowhere");
        }
    }
}

async fn live(seed: u64) {
    let mut history = History::new(seed).await;
    for _ in 0..3 {
        for _ in 0..=history.dice.roll(6) {
            for _ in 0..=history.dice.roll(3) {
                history.edit().await;
            }
            history.show("edited").await;
            // Also one after the other: what the program does after its end may end as well.
            while history.dice.one_in(2) {
                let n = usize::try_from(history.dice.roll(history.linked.len() as u64)).unwrap();
                history.stormy_run(n).await;
            }
        }
        history.show("before quiet").await;
        history.settle().await;
        history.show("quiet").await;
        history.check().await;
        for Linked { vendor, .. } in &history.linked {
            vendor.take_counts();
        }
        history.settle().await;
        for Linked { vendor, .. } in &history.linked {
            assert_eq!(vendor.take_counts().1, 0, "writes after quiet");
        }
    }
}

/// One history, with a panic as an error.
async fn catch(seed: u64) -> Result<(), tokio::task::JoinError> {
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(live(seed));
    tasks.join_next().await.unwrap()
}

#[tokio::test]
async fn after_any_history_all_sides_are_equal_and_nothing_is_lost_or_doubled() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let seeds = match number("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("HISTORIES").unwrap_or(200),
    };
    for seed in seeds {
        if let Err(failed) = catch(seed).await {
            panic!("SEED={seed}: {failed}");
        }
    }
}
