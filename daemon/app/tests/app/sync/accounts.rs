//! Accounts and links: what is unique, what fits together, what is secret.

use almanac_app::AppError;
use almanac_app::sync::{Channel, Enabled, LinkState, NewAccount, Place, Step, StepChange};
use almanac_base::{Clock, Secret};
use tokio::test;

use super::{absent, account, link, new_account, new_link, pair, settle, waiting};
use crate::support::{World, at, event};
use crate::{anything, put};
use almanac_backend::Backend;

#[test]
async fn a_name_of_an_account_is_unique_in_a_tenant_and_not_across_tenants() {
    let world = World::new().await;
    let app = &world.app;
    let first = account(app, "Lindenhof", "work").await;
    let again = app.add_account("Lindenhof", new_account("work")).await;
    assert!(matches!(again, Err(AppError::Exists("account"))), "{again:?}");
    assert_eq!(app.account_named("work").await.unwrap(), first);
    let other = account(app, "Elsewhere", "work").await;
    assert_ne!(other.id, first.id);
    assert!(matches!(app.account_named("work").await, Err(AppError::Invalid(_))), "which of the two?");
    assert_eq!(app.account_named(&other.id.to_string()).await.unwrap(), other);
    app.remove_account(first.id).await.unwrap();
    assert_eq!(app.account_named("work").await.unwrap(), other);
    account(app, "Lindenhof", "work").await;
}

#[test]
async fn a_link_joins_only_calendars_of_the_accounts_tenant() {
    let world = World::new().await;
    let account = account(&world.app, "Lindenhof", "work").await;
    let foreign = world.app.add_link(new_link(&account, "main", "stranger", "calendar")).await;
    assert!(matches!(foreign, Err(AppError::Invalid(_))), "{foreign:?}");
    assert!(world.app.links().await.unwrap().is_empty());
    let own = world.app.add_link(new_link(&account, "main", "tomas", "calendar")).await.unwrap();
    assert_eq!((own.at, own.tenant), (Some(at("tomas", "calendar")), account.tenant));
    absent(&world.app.add_link(new_link(&account, "main", "nora", "nothing")).await, "calendar");
}

#[test]
async fn the_same_two_are_not_linked_twice() {
    let world = World::new().await;
    let [one, two] =
        [account(&world.app, "Lindenhof", "1").await, account(&world.app, "Lindenhof", "2").await];
    world.app.add_link(new_link(&one, "main", "nora", "calendar")).await.unwrap();
    let again = world.app.add_link(new_link(&one, "main", "nora", "calendar")).await;
    assert!(matches!(again, Err(AppError::Exists("link"))), "{again:?}");
    for (account, remote, calendar) in
        [(&two, "main", "calendar"), (&one, "other", "calendar"), (&one, "main", "tasks")]
    {
        world.app.add_link(new_link(account, remote, "nora", calendar)).await.unwrap();
    }
    assert_eq!(world.app.links().await.unwrap().len(), 4);
}

#[test]
async fn an_account_that_rests_loses_nothing() {
    let world = World::new().await;
    let new = NewAccount {
        settings: vec![("url".to_owned(), "https://example.org".to_owned())],
        secret: Some(Secret::new("s".to_owned())),
        ..new_account("work")
    };
    let account = world.app.add_account("Lindenhof", new).await.unwrap();
    world.app.set_account_enabled(account.id, Enabled::No).await.unwrap();
    let rests = world.app.account(account.id).await.unwrap();
    assert_eq!((rests.enabled, rests.setting("url")), (Enabled::No, Some("https://example.org")));
    let secret = world.app.account_secret(account.id).await.unwrap().unwrap();
    assert_eq!(secret.expose(), "s");
}

#[test]
async fn a_secret_goes_with_its_account_and_none_is_kept_behind_it() {
    let world = World::new().await;
    let account = account(&world.app, "Lindenhof", "work").await;
    assert!(world.app.account_secret(account.id).await.unwrap().is_none());
    for text in ["first", "second"] {
        world.app.keep_account_secret(account.id, &Secret::new(text.to_owned())).await.unwrap();
        assert_eq!(world.app.account_secret(account.id).await.unwrap().unwrap().expose(), text);
    }
    world.app.remove_account(account.id).await.unwrap();
    let late = world.app.keep_account_secret(account.id, &Secret::new("late".to_owned())).await;
    absent(&late, "account");
    absent(&world.app.account_secret(account.id).await.map(drop), "account");
}

#[test]
async fn neither_a_secret_nor_a_name_of_an_object_shows_in_a_debug_text() {
    let world = World::new().await;
    let (app, canary) = (&world.app, "canary7f3");
    let secret = || Secret::new(canary.to_owned());
    let new = NewAccount { secret: Some(secret()), ..new_account("work") };
    let account = app.add_account("Lindenhof", new).await.unwrap();
    let link = app.add_link(new_link(&account, "main", "nora", "calendar")).await.unwrap();
    let channel = Channel {
        channel: "c".to_owned(),
        resource: "r".to_owned(),
        secret: secret(),
        until: world.clock.now(),
        signalled: None,
        address: None,
    };
    app.keep_link_channel(link.id, Some(&channel)).await.unwrap();
    let name = format!("{canary}.ics");
    put(&world, &world.nora, &name, canary, "2026-11-03T09:00:00Z").await;
    let step = Step {
        pair: StepChange::Put(pair(canary, None)),
        dispatch: StepChange::Put(waiting(&world)),
        lost: vec![super::lost(Some(&event(canary, "2026-11-03T09:00:00Z", "")))],
        ..Step::default()
    };
    settle(&world, &link, &name, step).await;

    let kept = app.link_channel(link.id).await.unwrap().unwrap();
    assert_eq!(kept.secret.expose(), canary);
    let (due, _) = app.dispatches(&link, None).await.unwrap();
    let (changes, differences) =
        (app.local_changes(&link, 0).await.unwrap(), app.local_differences(&link, None).await.unwrap());
    let history = app.link_history(&link).await.unwrap();
    assert!(due[0].name == name && differences.names == [name.as_str()] && history[0].name.expose() == &name);
    let texts = [
        format!("{account:?} {:?}", app.account_secret(account.id).await.unwrap()),
        format!("{kept:?} {link:?} {:?}", app.accounts().await.unwrap()),
        format!("{due:?} {changes:?} {differences:?} {history:?}"),
    ];
    assert!(texts.iter().all(|text| !text.contains(canary)), "{texts:?}");
}

#[test]
async fn a_link_keeps_its_state_its_place_and_its_channel_and_nothing_is_kept_behind_its_removal() {
    let world = World::new().await;
    let app = &world.app;
    let link = link(&world, "v").await;
    assert_eq!(app.link_place(link.id).await.unwrap(), Place::default());
    let place = Place {
        seq: Some(7),
        token: Some("t".to_owned()),
        listed: Some(world.clock.now()),
        done: Some(world.clock.now()),
        deletions: Some((world.clock.now(), 3)),
        compared: None,
        rests_until: Some(world.clock.now()),
    };
    app.keep_link_place(link.id, &place).await.unwrap();
    assert_eq!(app.link_place(link.id).await.unwrap(), place);
    for state in [LinkState::Paused, LinkState::Detached("gone".to_owned()), LinkState::Active] {
        app.set_link_state(link.id, &state).await.unwrap();
        assert_eq!(app.link(link.id).await.unwrap().state, state);
    }
    app.delete_collection(&world.nora, &at("nora", "calendar"), &anything()).await.unwrap();
    let without = app.link(link.id).await.unwrap();
    assert_eq!((without.at, without.collection), (None, link.collection));

    app.remove_link(link.id).await.unwrap();
    absent(&app.link(link.id).await, "link");
    absent(&app.remove_link(link.id).await, "link");
    absent(&app.keep_link_place(link.id, &place).await, "link");
    absent(&app.keep_link_channel(link.id, None).await, "link");
    absent(&app.set_link_state(link.id, &LinkState::Active).await, "link");
}
