//! What synchronisation stands on: accounts, links, pairs, steps.

mod accounts;
mod differences;
mod removal;
mod steps;

use std::collections::BTreeMap;

use almanac_app::sync::{
    AccountInfo, Dispatch, LinkInfo, LinkMode, LinkPolicy, LinkPrivacy, LinkState, Loser, Lost, NewAccount,
    NewLink, Pair, PairOrigin, PairRole, PairState, Settled, Step, StepChange, StepView,
};
use almanac_app::{App, AppError};
use almanac_base::{Clock, TenantId};
use almanac_ical::CalendarObject;
use almanac_store::Space;
use almanac_store::engine::Engine;

use crate::support::layer::Watched;
use crate::support::{World, at};

/// The spaces that this is about.
const SPACES: [Space; 6] =
    [Space::Accounts, Space::Links, Space::Pairs, Space::Remotes, Space::Dispatch, Space::History];

fn new_account(name: &str) -> NewAccount {
    NewAccount { name: name.to_owned(), kind: "test".to_owned(), settings: Vec::new(), secret: None }
}

async fn account(app: &App, tenant: &str, name: &str) -> AccountInfo {
    app.add_account(tenant, new_account(name)).await.unwrap()
}

fn new_link(account: &AccountInfo, remote: &str, home: &str, calendar: &str) -> NewLink {
    NewLink {
        account: account.id,
        remote: remote.to_owned(),
        remote_name: remote.to_owned(),
        at: at(home, calendar),
        mode: LinkMode::TwoWay,
        privacy: LinkPrivacy::Full,
        policy: LinkPolicy::Vendor,
        state: LinkState::Active,
    }
}

/// A link of Nora's calendar, with an account of its own.
async fn link(world: &World, name: &str) -> LinkInfo {
    let account = account(&world.app, "Lindenhof", name).await;
    world.app.add_link(new_link(&account, "main", "nora", "calendar")).await.unwrap()
}

fn pair(uid: &str, remote: Option<&str>) -> Pair {
    Pair {
        uid: uid.to_owned(),
        remote: remote.map(str::to_owned),
        version: remote.map(|_| "1".to_owned()),
        local: None,
        base: None,
        seen: None,
        generation: 0,
        origin: PairOrigin::Here,
        state: PairState::Linked,
        since: None,
        mails: 0,
        role: PairRole::Own,
        sent: None,
        turns: None,
    }
}

fn waiting(world: &World) -> Dispatch {
    let now = world.clock.now();
    Dispatch { attempts: 0, not_before: now, since: now }
}

fn lost(object: Option<&CalendarObject>) -> Lost {
    let object = object.map(|object| object.bytes().to_vec());
    Lost { loser: Loser::Vendor, fields: vec!["title".to_owned()], object }
}

/// A step that writes of everything something.
fn whole(world: &World, object: &CalendarObject, remote: &str) -> Step {
    Step {
        object: StepChange::Put(object.clone()),
        pair: StepChange::Put(pair(object.uid(), Some(remote))),
        dispatch: StepChange::Put(waiting(world)),
        lost: vec![lost(Some(object))],
    }
}

async fn view(world: &World, link: &LinkInfo, name: &str) -> StepView {
    world.app.view_step(link, name).await.unwrap()
}

async fn settle(world: &World, link: &LinkInfo, name: &str, step: Step) -> Settled {
    let view = view(world, link, name).await;
    world.app.settle_step(link, &view, step).await.unwrap()
}

/// How many rows a tenant has in each of these spaces, as the engine has them.
fn rows(engine: &Watched, tenant: TenantId) -> BTreeMap<Space, usize> {
    let mut counts = BTreeMap::new();
    engine
        .export(&mut |row, _, _| {
            let space = row.get(16).copied();
            if row.starts_with(tenant.as_bytes())
                && let Some(space) = SPACES.into_iter().find(|other| Some(*other as u8) == space)
            {
                *counts.entry(space).or_default() += 1;
            }
            Ok(())
        })
        .unwrap();
    counts
}

fn absent<T: std::fmt::Debug>(outcome: &Result<T, AppError>, what: &str) {
    assert!(matches!(outcome, Err(AppError::NotFound(found)) if *found == what), "{outcome:?}");
}
