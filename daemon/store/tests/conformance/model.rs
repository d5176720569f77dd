//! Random commits against a model that could not be simpler: a sorted map and a list.

use std::collections::BTreeMap;
use std::sync::Arc;

use almanac_base::CollectionId;
use almanac_store::engine::memory::MemoryEngine;
use almanac_store::engine::{Commit, Committed, Engine, EngineError, LogEntry, Mutation, Page, Row};
use almanac_store::{ChangePlace, Order, Precondition, RecordVersion, Scan, Space, Values, prefix_range};
use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::engines::{block_on, collection, redb_in_memory, sled, tenant};

const SPACES: [Space; 2] = [Space::Objects, Space::Index];

/// What a random precondition is meant to be; the model knows what that is at the moment.
#[derive(Debug, Clone)]
enum Wish {
    Absent(Name),
    Exists(Name),
    Version(Name, bool),
    Head(u8, bool),
}

type Name = (u8, Vec<u8>);

#[derive(Debug, Clone)]
enum Step {
    Put(Name, Vec<u8>),
    Delete(Name),
    DeleteRange(u8, Vec<u8>, Vec<u8>, u32),
}

#[derive(Debug, Clone)]
struct Plan {
    tenant: u8,
    wishes: Vec<Wish>,
    steps: Vec<Step>,
    log: Vec<u8>,
    /// Whether a group ends after this commit.
    ends_group: bool,
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(prop::sample::select(vec![0_u8, 1, 0xff]), 0..3)
}

fn name() -> impl Strategy<Value = Name> {
    (0..2_u8, bytes())
}

fn wish() -> impl Strategy<Value = Wish> {
    let right = || prop::bool::weighted(0.8);
    prop_oneof![
        name().prop_map(Wish::Absent),
        name().prop_map(Wish::Exists),
        (name(), right()).prop_map(|(name, right)| Wish::Version(name, right)),
        (0..3_u8, right()).prop_map(|(of, right)| Wish::Head(of, right)),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (name(), bytes()).prop_map(|(name, value)| Step::Put(name, value)),
        2 => name().prop_map(Step::Delete),
        1 => (0..2_u8, bytes(), bytes(), 0..4_u32).prop_map(|(s, from, to, max)| Step::DeleteRange(s, from, to, max)),
    ]
}

fn plan() -> impl Strategy<Value = Plan> {
    (1..3_u8, vec(wish(), 0..2), vec(step(), 0..4), vec(0..3_u8, 0..3), any::<bool>())
        .prop_map(|(tenant, wishes, steps, log, ends_group)| Plan { tenant, wishes, steps, log, ends_group })
}

#[derive(Default)]
struct Model {
    rows: BTreeMap<(u8, u8, Vec<u8>), Row>,
    changes: BTreeMap<u8, Vec<CollectionId>>,
    versions: u128,
}

impl Model {
    fn fresh(&mut self) -> RecordVersion {
        self.versions += 1;
        RecordVersion::from_bytes(self.versions.to_be_bytes())
    }

    fn head(&self, tenant: u8, of: CollectionId) -> u64 {
        let changes = self.changes.get(&tenant).map_or(&[][..], Vec::as_slice);
        changes.iter().rposition(|changed| *changed == of).map_or(0, |place| place as u64 + 1)
    }

    fn row(&self, tenant: u8, name: &Name) -> Option<&Row> {
        self.rows.get(&(tenant, name.0, name.1.clone()))
    }

    /// Makes the commit of a plan and applies it; returns it with the answer that an engine must give.
    fn run(&mut self, plan: &Plan) -> (Commit, Result<Committed, usize>) {
        let mut commit = Commit::new(tenant(plan.tenant));
        let mut conflict = None;
        for (index, wish) in plan.wishes.iter().enumerate() {
            let (precondition, holds) = self.precondition(plan.tenant, wish);
            commit.preconditions.push(precondition);
            if !holds && conflict.is_none() {
                conflict = Some(index);
            }
        }
        let mut next =
            Self { rows: self.rows.clone(), changes: self.changes.clone(), versions: self.versions };
        let mut range_deleted = 0;
        for step in &plan.steps {
            let (mutation, removed) = next.step(plan.tenant, step);
            commit.mutations.push(mutation);
            range_deleted += removed;
        }
        let mut changes = Vec::new();
        for (index, of) in plan.log.iter().enumerate() {
            let of = collection(*of);
            let version = next.fresh();
            let entry = LogEntry { collection: of, object: [index as u8; 32], version, value: Bytes::new() };
            let prev_seq = next.head(plan.tenant, of);
            let log = next.changes.entry(plan.tenant).or_default();
            log.push(of);
            changes.push(ChangePlace { collection: of, seq: log.len() as u64, prev_seq, version });
            commit.log.push(entry);
        }
        self.versions = next.versions;
        if let Some(index) = conflict {
            return (commit, Err(index));
        }
        *self = next;
        let tenant_seq = self.changes.get(&plan.tenant).map_or(0, |log| log.len() as u64);
        (commit, Ok(Committed { tenant_seq, changes, range_deleted }))
    }

    fn precondition(&mut self, tenant: u8, wish: &Wish) -> (Precondition, bool) {
        let place = |name: &Name| (SPACES[usize::from(name.0)], name.1.clone().into_boxed_slice());
        match wish {
            Wish::Absent(name) => {
                let (space, key) = place(name);
                (Precondition::Absent(space, key), self.row(tenant, name).is_none())
            }
            Wish::Exists(name) => {
                let (space, key) = place(name);
                (Precondition::Exists(space, key), self.row(tenant, name).is_some())
            }
            Wish::Version(name, right) => {
                let (space, key) = place(name);
                let there = self.row(tenant, name).map(|row| row.0);
                let version = there.filter(|_| *right).unwrap_or_else(|| self.fresh());
                (Precondition::VersionIs(space, key, version), there == Some(version))
            }
            Wish::Head(of, right) => {
                let head = self.head(tenant, collection(*of));
                let wanted = if *right { head } else { head + 1 };
                (Precondition::HeadIs(collection(*of), wanted), *right)
            }
        }
    }

    fn step(&mut self, tenant: u8, step: &Step) -> (Mutation, u64) {
        match step {
            Step::Put((space, key), value) => {
                let (version, value) = (self.fresh(), Bytes::from(value.clone()));
                self.rows.insert((tenant, *space, key.clone()), (version, value.clone()));
                let space = SPACES[usize::from(*space)];
                (Mutation::Put { space, key: key.clone().into(), version, value }, 0)
            }
            Step::Delete((space, key)) => {
                self.rows.remove(&(tenant, *space, key.clone()));
                (Mutation::Delete { space: SPACES[usize::from(*space)], key: key.clone().into() }, 0)
            }
            Step::DeleteRange(space, from, to, max) => {
                let inside = |name: &(u8, u8, Vec<u8>)| {
                    name.0 == tenant && name.1 == *space && name.2 >= *from && (to.is_empty() || name.2 < *to)
                };
                let gone: Vec<_> =
                    self.rows.keys().filter(|name| inside(name)).take(*max as usize).cloned().collect();
                for name in &gone {
                    self.rows.remove(name);
                }
                let (from, to) = (from.clone().into(), to.clone().into());
                let space = SPACES[usize::from(*space)];
                (Mutation::DeleteRange { space, from, to, max: *max }, gone.len() as u64)
            }
        }
    }
}

fn check(engine: &dyn Engine, plans: &[Plan]) {
    let mut model = Model::default();
    let (mut group, mut wanted) = (Vec::new(), Vec::new());
    for (index, plan) in plans.iter().enumerate() {
        let (commit, result) = model.run(plan);
        group.push(commit);
        wanted.push(result);
        if plan.ends_group || index + 1 == plans.len() {
            let results = block_on(engine.commit_many(std::mem::take(&mut group)));
            let found: Vec<_> = results
                .into_iter()
                .map(|result| {
                    result.map_err(|error| match error {
                        EngineError::Conflict { precondition } => precondition,
                        other => panic!("{other:?}"),
                    })
                })
                .collect();
            assert_eq!(found, std::mem::take(&mut wanted));
        }
    }
    for number in 1..3 {
        for (index, space) in SPACES.into_iter().enumerate() {
            let mut rows: Vec<_> = model
                .rows
                .iter()
                .filter(|(name, _)| name.0 == number && usize::from(name.1) == index)
                .map(|(name, row)| (name.2.clone().into_boxed_slice(), row.clone()))
                .collect();
            for order in [Order::Ascending, Order::Descending] {
                let scan =
                    Scan { space, range: prefix_range(b""), limit: 1000, order, values: Values::Include };
                let page = block_on(engine.scan(tenant(number), &scan)).unwrap();
                assert_eq!(page, Page { rows: rows.clone(), next: None });
                rows.reverse();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_engine_agrees_with_the_model(plans in vec(plan(), 1..40)) {
        let folder = tempfile::tempdir().unwrap();
        let sled = sled(&folder.path().join("rows"));
        let engines: [Arc<dyn Engine>; 3] = [Arc::new(MemoryEngine::new()), redb_in_memory(), sled];
        for engine in &engines {
            check(&**engine, &plans);
        }
    }
}
