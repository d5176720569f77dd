//! Random histories in which the program ends at any commit of a run, before it or after it, and others edit while a run is
//! under way, beside faults of a vendor in memory; then quiet, and all sides are equal.
//!
//! `COMMITS` says how many (100), `SEED` which one alone, `SHOW=1` shows what happens.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;

use almanac_app::sync::{LinkInfo, LinkPolicy, PairOrigin};
use almanac_contract::{Connector as _, Field, Form, Value, form};
use almanac_sync::Report;

use crate::crash::{Crashing, When};
use crate::edits::{Dice, changed, fresh, words};
use crate::memory::{Failing, Fault, Manner, MemoryVendor};
use crate::world::{Terms, World};

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
            let manner = Manner {
                poor: flag(),
                loud: flag(),
                forgetful: flag(),
                terse: flag(),
                grudging: flag(),
                ..Manner::default()
            };
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
async fn whichever_commit_the_program_ends_at_all_sides_come_to_be_equal() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let seeds = match number("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("COMMITS").unwrap_or(100),
    };
    for seed in seeds {
        if let Err(failed) = catch(seed).await {
            panic!("SEED={seed}: {failed}");
        }
    }
}
