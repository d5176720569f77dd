//! A run of everything that a run can do, ended at each of its boundaries in turn.

use almanac_app::sync::{LinkInfo, Pair, Place, Step, StepChange};
use almanac_contract::{Form, form};
use almanac_sync::{Answer, answer};

use crate::basics::{title, titles, with_title};
use crate::crash::When;
use crate::memory::{Fault, Manner, MemoryVendor};
use crate::world::{Terms, World, event};

/// What both sides have when everything has come to the other.
const ALL: [&str; 8] =
    ["both", "changed", "kept-here", "kept-there", "moved", "new-here", "new-there", "wins"];

struct Scene {
    world: World,
    vendor: MemoryVendor,
    link: LinkInfo,
}

/// Two calendars that were equal, and on each side something new, changed, deleted, and changed on both.
async fn scene(manner: Manner) -> Scene {
    let world = World::new().await;
    let vendor = MemoryVendor::new(manner);
    let link = world.link("v", Terms::default()).await;
    for (day, name) in (1..).zip(["kept-here", "change-here", "delete-here", "conflict", "both"]) {
        let extra = format!("SUMMARY:{name} LOCATION:old");
        world.put(&format!("{name}.ics"), &event(name, day, &extra)).await;
    }
    for (day, name) in (10..).zip(["kept-there", "change-there", "delete-there"]) {
        vendor.edit(name, &form::read(&event(name, day, &format!("SUMMARY:{name}"))));
    }
    world.settle(&[(&link, &vendor)]).await;

    world.put("new-here.ics", &event("new-here", 20, "SUMMARY:new-here")).await;
    world.put("change-here.ics", &event("change-here", 2, "SUMMARY:changed LOCATION:old")).await;
    world.put("conflict.ics", &event("conflict", 4, "SUMMARY:lost LOCATION:old")).await;
    world.put("both.ics", &event("both", 5, "SUMMARY:both LOCATION:new")).await;
    world.remove("delete-here.ics").await;
    vendor.edit("new-there", &form::read(&event("new-there", 21, "SUMMARY:new-there")));
    vendor.edit("change-there", &form::read(&event("change-there", 11, "SUMMARY:moved")));
    vendor.erase("delete-there");
    for (id, theirs) in vendor.forms() {
        match title(&theirs).as_str() {
            "conflict" => vendor.edit(&id, &with_title(&theirs, "wins")),
            "both" => {
                let moved = form::read(&event("both", 6, "SUMMARY:both LOCATION:old"));
                vendor.edit(&id, &Form { uid: theirs.uid.clone(), ..moved });
            }
            _ => {}
        }
    }
    Scene { world, vendor, link }
}

impl Scene {
    /// One run; whether the program ended in it, after which it begins anew.
    async fn run(&mut self) -> bool {
        let ended = tokio::select! {
            biased;
            _ = self.world.run(&self.link, &self.vendor) => false,
            () = self.vendor.ends.notified() => true,
            () = self.world.crash.ends.notified() => true,
        };
        self.world.crash.calm();
        self.vendor.calm();
        if ended {
            self.world.restart().await;
        }
        ended
    }

    async fn has_come_through(&self, when: &str) {
        let Self { world, vendor, link } = self;
        world.settle(&[(link, vendor)]).await;
        assert_eq!(titles(&world.forms().await), ALL, "{when}");
        assert_eq!(titles(&vendor.forms()), ALL, "{when}");
        for (_, theirs) in vendor.forms() {
            let here = world.forms().await;
            let same = |form: &Form| Form { uid: String::new(), ..form.clone() };
            assert!(here.iter().any(|(_, ours)| same(ours) == same(&theirs)), "{when}: {}", title(&theirs));
        }
        let both = form::read(&event("both", 6, "SUMMARY:both LOCATION:new"));
        assert!(world.forms().await.iter().any(|(_, form)| *form == both), "{when}");
        let lost: Vec<_> = world.lost(link).await.iter().map(title).collect();
        assert_eq!(lost, ["lost"], "{when}");
        vendor.take_counts();
        assert!(world.run(link, vendor).await.unwrap().is_idle(), "{when}");
        assert_eq!(vendor.take_counts().1, 0, "{when}");
    }
}

#[tokio::test]
async fn a_program_that_ends_before_or_after_any_commit_of_a_run_loses_and_doubles_nothing() {
    for when in [When::Before, When::After] {
        for others in 0.. {
            let mut scene = scene(Manner { terse: others % 2 == 1, ..Manner::default() }).await;
            scene.world.crash.arm(others, when);
            if !scene.run().await {
                assert!(others > 15, "a run has {others} commits");
                break;
            }
            scene.has_come_through(&format!("{when:?} commit {others}")).await;
        }
    }
}

#[tokio::test]
async fn a_program_that_ends_before_or_in_any_call_of_the_vendor_loses_and_doubles_nothing() {
    for fault in [Fault::EndBefore, Fault::EndAfter] {
        for others in 0_u64.. {
            let mut scene = scene(Manner { terse: others % 2 == 1, ..Manner::default() }).await;
            let mut calls = 0;
            scene.vendor.plan(move |_| {
                calls += 1;
                (calls > others).then_some(fault)
            });
            let ended = scene.run().await;
            scene.has_come_through(&format!("{fault:?} call {others}")).await;
            if !ended {
                assert!(others > 4, "a run has {others} calls");
                break;
            }
        }
    }
}

/// An object that is linked, and one that was made at the vendor when the program ended before it heard so; both are
/// deleted here, which is held.
async fn held_without_an_answer() -> Scene {
    let world = World::new().await;
    let vendor = MemoryVendor::default();
    let link = world.link("v", Terms::default()).await;
    let mut scene = Scene { world, vendor, link };
    scene.world.put("1.ics", &event("a", 1, "SUMMARY:a")).await;
    scene.world.settle(&[(&scene.link, &scene.vendor)]).await;
    scene.world.put("2.ics", &event("b", 2, "SUMMARY:b")).await;
    scene.vendor.plan(|operation| (operation == "push").then_some(Fault::EndAfter));
    assert!(scene.run().await);
    assert_eq!(titles(&scene.vendor.forms()), ["a", "b"]);
    scene.world.remove("2.ics").await;
    // A run has seen that, and came to its end before it could send anything.
    let app = &scene.world.app;
    let view = app.view_step(&scene.link, "2.ics").await.unwrap();
    let pair = StepChange::Put(Pair { local: None, ..view.pair.clone().unwrap() });
    app.settle_step(&scene.link, &view, Step { pair, ..Step::default() }).await.unwrap();
    let seq = Some(app.local_head(&scene.link).await.unwrap());
    let place = app.link_place(scene.link.id).await.unwrap();
    app.keep_link_place(scene.link.id, &Place { seq, ..place }).await.unwrap();
    scene.world.remove("1.ics").await;
    let report = scene.world.run(&scene.link, &scene.vendor).await.unwrap();
    assert_eq!((report.held, report.here.all(), report.there.all()), (2, 0, 0));
    scene
}

#[tokio::test]
async fn a_held_deletion_of_what_was_made_without_an_answer_is_carried_out_or_taken_back() {
    for (said, left) in [(Answer::Approve, vec![]), (Answer::Reject, vec!["a", "b"])] {
        let Scene { world, vendor, link } = held_without_an_answer().await;
        for row in world.app.pairs(&link, None).await.unwrap().0 {
            answer(&world.app, &*world.clock, &link, &row.name, said).await.unwrap();
        }
        world.settle(&[(&link, &vendor)]).await;
        assert_eq!(titles(&world.forms().await), left, "{said:?}");
        assert_eq!(titles(&vendor.forms()), left, "{said:?}");
        assert!(world.app.pairs(&link, None).await.unwrap().0.iter().all(|row| row.pair.remote.is_some()));
    }
}

#[tokio::test]
async fn what_was_made_without_an_answer_and_deleted_here_meanwhile_goes_there_whatever_its_name_is() {
    let world = World::new().await;
    let vendor = MemoryVendor::default();
    let link = world.link("v", Terms::default()).await;
    let mut scene = Scene { world, vendor, link };
    for n in 1..=3 {
        scene.world.put(&format!("{n}.ics"), &event(&format!("e{n}"), n, &format!("SUMMARY:e{n}"))).await;
    }
    scene.world.settle(&[(&scene.link, &scene.vendor)]).await;
    scene.world.put("4.ics", &event("e4", 4, "SUMMARY:e4")).await;
    scene.vendor.plan(|operation| (operation == "push").then_some(Fault::EndAfter));
    assert!(scene.run().await);
    scene.world.remove("4.ics").await;
    let report = scene.world.run(&scene.link, &scene.vendor).await.unwrap();
    assert_eq!((report.here.all(), report.there.deleted), (0, 1), "it does not come back");
    scene.world.settle(&[(&scene.link, &scene.vendor)]).await;
    for all in [scene.world.forms().await, scene.vendor.forms()] {
        assert_eq!(titles(&all), ["e1", "e2", "e3"]);
    }
    assert_eq!(scene.world.app.pairs(&scene.link, None).await.unwrap().0.len(), 3);
}
