//! What waits for a person, and what comes of the answer.

use almanac_app::sync::{LinkPolicy, PairState};
use almanac_contract::form;
use almanac_sync::{Answer, answer};

use crate::basics::{title, titles, with_title};
use crate::memory::{Manner, MemoryVendor};
use crate::world::{Terms, World, event};

#[tokio::test]
async fn many_deletions_are_held_until_somebody_says_so() {
    let world = World::new().await;
    let vendor = MemoryVendor::default();
    let link = world.link("v", Terms::default()).await;
    for n in 1..=20 {
        world.put(&format!("{n}.ics"), &event(&format!("e{n}"), n, &format!("SUMMARY:e{n}"))).await;
    }
    world.run(&link, &vendor).await.unwrap();
    for (id, _) in vendor.forms().into_iter().take(6) {
        vendor.erase(&id);
    }
    let plan = world.plan(&link, &vendor).await;
    assert_eq!((plan.held, plan.here.deleted), (6, 0));
    let report = world.run(&link, &vendor).await.unwrap();
    assert_eq!((report.held, report.here.deleted), (6, 0));
    assert_eq!(world.objects().await.len(), 20);
    // Another run asks nothing anew and does nothing.
    let report = world.run(&link, &vendor).await.unwrap();
    assert_eq!((report.held, report.here.deleted, report.there.all()), (0, 0, 0));
    let (pairs, _) = world.app.pairs(&link, None).await.unwrap();
    assert_eq!(pairs.iter().filter(|row| row.pair.state == PairState::HeldThere).count(), 6);
}

/// An object with a guest that came from a vendor that mails guests.
async fn with_a_guest(policy: LinkPolicy) -> (World, MemoryVendor, almanac_app::sync::LinkInfo, String) {
    let world = World::new().await;
    let vendor = MemoryVendor::new(Manner { chatty: true, ..Manner::default() });
    let link = world.link("v", Terms { policy, ..Terms::default() }).await;
    vendor.edit("a", &form::read(&event("a", 1, "SUMMARY:a ATTENDEE:mailto:guest@example.org")));
    world.run(&link, &vendor).await.unwrap();
    let name = world.objects().await.remove(0).0;
    (world, vendor, link, name)
}

#[tokio::test]
async fn a_deletion_that_mails_waits_for_a_person_and_is_then_done() {
    let (world, vendor, link, name) = with_a_guest(LinkPolicy::Vendor).await;
    world.remove(&name).await;
    let report = world.run(&link, &vendor).await.unwrap();
    assert_eq!((report.held, vendor.mailed(), vendor.forms().len()), (1, 0, 1));
    world.approve(&link, &name).await;
    world.settle(&[(&link, &vendor)]).await;
    assert_eq!((vendor.mailed(), vendor.forms().len()), (1, 0));
    assert!(world.plan(&link, &vendor).await.is_idle());
}

#[tokio::test]
async fn a_deletion_that_mails_is_done_also_where_the_object_was_changed_there_since() {
    let (world, vendor, link, name) = with_a_guest(LinkPolicy::Store).await;
    world.remove(&name).await;
    assert_eq!(world.run(&link, &vendor).await.unwrap().held, 1);
    world.approve(&link, &name).await;
    let (id, form) = vendor.forms().remove(0);
    vendor.edit_untold(&id, &with_title(&form, "changed"));
    world.settle(&[(&link, &vendor)]).await;
    assert_eq!((vendor.mailed(), vendor.forms().len()), (1, 0));
}

#[tokio::test]
async fn who_does_not_want_the_mail_gets_the_object_back_as_the_vendor_has_it() {
    for deleted in [false, true] {
        let (world, vendor, link, name) = with_a_guest(LinkPolicy::Vendor).await;
        if deleted {
            world.remove(&name).await;
        } else {
            world.put(&name, &event("a", 1, "SUMMARY:mine ATTENDEE:mailto:guest@example.org")).await;
        }
        assert_eq!(world.run(&link, &vendor).await.unwrap().held, 1);
        answer(&world.app, &*world.clock, &link, &name, Answer::Reject).await.unwrap();
        world.settle(&[(&link, &vendor)]).await;
        assert_eq!(
            (titles(&world.forms().await), titles(&vendor.forms())),
            (vec!["a".into()], vec!["a".into()])
        );
        assert_eq!(vendor.mailed(), 0);
        let lost: Vec<String> = world.lost(&link).await.iter().map(title).collect();
        assert_eq!(lost, if deleted { vec![] } else { vec!["mine".to_owned()] });
        assert!(world.plan(&link, &vendor).await.is_idle());
    }
}

#[tokio::test]
async fn a_contradiction_is_asked_about_where_a_person_is_to_decide() {
    let world = World::new().await;
    let vendor = MemoryVendor::default();
    let link = world.link("v", Terms { policy: LinkPolicy::Ask, ..Terms::default() }).await;
    world.put("a.ics", &event("a", 1, "SUMMARY:a")).await;
    world.run(&link, &vendor).await.unwrap();
    world.put("a.ics", &event("a", 1, "SUMMARY:mine")).await;
    let (id, _) = vendor.forms().remove(0);
    vendor.edit(&id, &form::read(&event("a", 1, "SUMMARY:theirs")));
    let report = world.run(&link, &vendor).await.unwrap();
    assert_eq!((report.held, report.here.all(), report.there.all()), (1, 0, 0));
    let report = world.run(&link, &vendor).await.unwrap();
    assert_eq!((report.here.all(), report.there.all()), (0, 0));
    assert_eq!(
        (titles(&world.forms().await), titles(&vendor.forms())),
        (vec!["mine".to_owned()], vec!["theirs".to_owned()])
    );
}

#[tokio::test]
async fn a_change_that_the_vendor_would_mail_about_waits_for_a_person() {
    let world = World::new().await;
    let vendor = MemoryVendor::default();
    let link = world.link("v", Terms::default()).await;
    vendor.edit("mailing", &form::read(&event("m", 1, "SUMMARY:meeting")));
    world.run(&link, &vendor).await.unwrap();
    let (name, _) = world.objects().await.remove(0);
    world.put(&name, &event("m", 1, "SUMMARY:changed")).await;
    assert_eq!(world.plan(&link, &vendor).await.mails, 2);
    let report = world.run(&link, &vendor).await.unwrap();
    assert_eq!((report.there.all(), report.held, report.mails), (0, 1, 0));
    world.approve(&link, &name).await;
    let report = world.run(&link, &vendor).await.unwrap();
    assert_eq!((report.there.updated, report.mails), (1, 2));
    assert_eq!(titles(&vendor.forms()), ["changed"]);
    // The next change asks anew.
    world.put(&name, &event("m", 1, "SUMMARY:again")).await;
    assert_eq!(world.run(&link, &vendor).await.unwrap().held, 1);
}

#[tokio::test]
async fn an_answer_undoes_or_does_what_was_held() {
    let world = World::new().await;
    let vendor = MemoryVendor::default();
    let link = world.link("v", Terms::default()).await;
    for n in 1..=20 {
        world.put(&format!("{n:02}.ics"), &event(&format!("e{n:02}"), n, &format!("SUMMARY:e{n:02}"))).await;
    }
    world.run(&link, &vendor).await.unwrap();
    for n in 1..=7 {
        world.remove(&format!("{n:02}.ics")).await;
    }
    for (id, form) in vendor.forms() {
        if ["e14", "e15", "e16", "e17", "e18", "e19", "e20"].contains(&title(&form).as_str()) {
            vendor.erase(&id);
        }
    }
    let report = world.run(&link, &vendor).await.unwrap();
    assert_eq!((report.held, report.here.deleted, report.there.deleted), (14, 0, 0));
    for n in 1..=7 {
        let said = if n <= 3 { Answer::Approve } else { Answer::Reject };
        world.say(&link, &format!("{n:02}.ics"), said).await;
        world.say(&link, &format!("{:02}.ics", n + 13), said).await;
    }
    world.settle(&[(&link, &vendor)]).await;
    let left: Vec<String> = (4..=13).chain(17..=20).map(|n| format!("e{n:02}")).collect();
    assert_eq!(titles(&world.forms().await), left);
    assert_eq!(titles(&vendor.forms()), left);
}

#[tokio::test]
async fn a_deletion_that_the_vendor_would_mail_about_waits_for_a_person_and_then_happens_or_does_not() {
    for said in [Answer::Approve, Answer::Reject] {
        let world = World::new().await;
        let vendor = MemoryVendor::default();
        let link = world.link("v", Terms::default()).await;
        vendor.edit("mailing", &form::read(&event("m", 1, "SUMMARY:meeting")));
        world.run(&link, &vendor).await.unwrap();
        let (name, _) = world.objects().await.remove(0);
        world.remove(&name).await;
        let report = world.run(&link, &vendor).await.unwrap();
        assert_eq!((report.held, report.waiting, report.there.deleted), (1, 0, 0));
        world.say(&link, &name, said).await;
        let report = world.run(&link, &vendor).await.unwrap();
        let left = if said == Answer::Approve { 0 } else { 1 };
        assert_eq!(
            (report.waiting, vendor.forms().len(), world.objects().await.len()),
            (0, left, left),
            "{said:?}"
        );
        assert!(world.run(&link, &vendor).await.unwrap().is_idle());
    }
}

#[tokio::test]
async fn a_change_that_is_rejected_is_taken_back_and_kept_as_history() {
    let world = World::new().await;
    let vendor = MemoryVendor::default();
    let link = world.link("v", Terms::default()).await;
    vendor.edit("mailing", &form::read(&event("m", 1, "SUMMARY:meeting")));
    world.run(&link, &vendor).await.unwrap();
    let (name, _) = world.objects().await.remove(0);
    world.put(&name, &event("m", 1, "SUMMARY:mine")).await;
    assert_eq!(world.run(&link, &vendor).await.unwrap().held, 1);
    world.say(&link, &name, Answer::Reject).await;
    assert!(world.run(&link, &vendor).await.unwrap().there.all() == 0);
    assert_eq!(titles(&world.forms().await), ["meeting"]);
    assert_eq!(title(&world.lost(&link).await[0]), "mine");
}

#[tokio::test]
async fn who_wins_a_contradiction_is_as_the_person_says_also_where_one_side_had_deleted_it() {
    // What happened here, what happened there, what is said, and what both sides have then.
    for (here, there, said, left) in [
        (Some("mine"), Some("theirs"), Answer::StoreWins, Some("mine")),
        (Some("mine"), Some("theirs"), Answer::VendorWins, Some("theirs")),
        (None, Some("theirs"), Answer::StoreWins, None),
        (None, Some("theirs"), Answer::VendorWins, Some("theirs")),
        (Some("mine"), None, Answer::StoreWins, Some("mine")),
        (Some("mine"), None, Answer::VendorWins, None),
    ] {
        let world = World::new().await;
        let vendor = MemoryVendor::default();
        let link = world.link("v", Terms { policy: LinkPolicy::Ask, ..Terms::default() }).await;
        world.put("a.ics", &event("a", 1, "SUMMARY:a")).await;
        world.run(&link, &vendor).await.unwrap();
        let (id, _) = vendor.forms().remove(0);
        match here {
            Some(title) => world.put("a.ics", &event("a", 1, &format!("SUMMARY:{title}"))).await,
            None => world.remove("a.ics").await,
        }
        match there {
            Some(title) => vendor.edit(&id, &form::read(&event("a", 1, &format!("SUMMARY:{title}")))),
            None => vendor.erase(&id),
        }
        assert_eq!(world.run(&link, &vendor).await.unwrap().held, 1);
        world.say(&link, "a.ics", said).await;
        world.settle(&[(&link, &vendor)]).await;
        let left: Vec<String> = left.into_iter().map(str::to_owned).collect();
        assert_eq!(titles(&world.forms().await), left, "{here:?} {there:?} {said:?}");
        assert_eq!(titles(&vendor.forms()), left, "{here:?} {there:?} {said:?}");
    }
}

#[tokio::test]
async fn what_is_held_stays_held_whatever_happens_to_it_and_counts_for_what_comes_after() {
    let world = World::new().await;
    let vendor = MemoryVendor::default();
    let link = world.link("v", Terms::default()).await;
    for n in 1..=20 {
        world.put(&format!("{n:02}.ics"), &event(&format!("e{n:02}"), n, &format!("SUMMARY:e{n:02}"))).await;
    }
    world.run(&link, &vendor).await.unwrap();
    let ids: Vec<String> = vendor.forms().into_iter().map(|(id, _)| id).collect();
    ids.iter().take(15).for_each(|id| vendor.erase(id));
    assert_eq!(world.run(&link, &vendor).await.unwrap().held, 15);
    // The last ones one by one: they are part of the same.
    for id in ids.iter().skip(15) {
        vendor.erase(id);
        assert_eq!(world.run(&link, &vendor).await.unwrap().here.deleted, 0);
    }
    // A program touches one of them without changing what the vendor would see.
    world.put("01.ics", &event("e01", 1, "SUMMARY:e01 X-MOZ-LASTACK:20260101T000000Z")).await;
    let report = world.run(&link, &vendor).await.unwrap();
    assert_eq!((report.here.deleted, report.there.all()), (0, 0));
    assert_eq!(world.objects().await.len(), 20);
}

#[tokio::test]
async fn what_the_vendor_told_of_an_object_that_was_held_is_not_forgotten_when_it_comes_back() {
    let world = World::new().await;
    let vendor = MemoryVendor::default();
    let link = world.link("v", Terms { policy: LinkPolicy::Store, ..Terms::default() }).await;
    for n in 1..=2 {
        world.put(&format!("{n}.ics"), &event(&format!("e{n}"), n, &format!("SUMMARY:e{n}"))).await;
    }
    world.run(&link, &vendor).await.unwrap();
    for n in 1..=2 {
        world.remove(&format!("{n}.ics")).await;
    }
    let (id, form) = vendor.forms().remove(0);
    vendor.edit(&id, &with_title(&form, "changed"));
    assert_eq!(world.run(&link, &vendor).await.unwrap().held, 2);
    for n in 1..=2 {
        world.say(&link, &format!("{n}.ics"), Answer::Reject).await;
    }
    world.settle(&[(&link, &vendor)]).await;
    assert_eq!(titles(&world.forms().await), ["changed", "e2"]);
    assert_eq!(titles(&vendor.forms()), ["changed", "e2"]);
}

#[tokio::test]
async fn what_the_vendor_told_is_not_forgotten_either_when_somebody_else_puts_the_object_back() {
    for agreed in [false, true] {
        let world = World::new().await;
        let vendor = MemoryVendor::default();
        let link = world.link("v", Terms { policy: LinkPolicy::Store, ..Terms::default() }).await;
        let object = |n: u8| event(&format!("e{n}"), n.into(), &format!("SUMMARY:e{n}"));
        for n in 1..=2 {
            world.put(&format!("{n}.ics"), &object(n)).await;
        }
        world.run(&link, &vendor).await.unwrap();
        for n in 1..=2 {
            world.remove(&format!("{n}.ics")).await;
        }
        let (id, form) = vendor.forms().remove(0);
        vendor.edit(&id, &with_title(&form, "changed"));
        assert_eq!(world.run(&link, &vendor).await.unwrap().held, 2);
        for n in 1..=2 {
            if agreed {
                world.approve(&link, &format!("{n}.ics")).await;
            }
            world.put(&format!("{n}.ics"), &object(n)).await;
        }
        world.settle(&[(&link, &vendor)]).await;
        assert_eq!(titles(&world.forms().await), ["changed", "e2"], "agreed: {agreed}");
        assert_eq!(titles(&vendor.forms()), ["changed", "e2"], "agreed: {agreed}");
    }
}
