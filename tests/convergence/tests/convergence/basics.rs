//! Each case of synchronisation by name, with one vendor.

use almanac_app::sync::{LinkMode, LinkPolicy, LinkPrivacy, LinkState, PairState};
use almanac_contract::{ErrorKind, Field, Form, Value, form};
use almanac_sync::{Answer, Stop};
use jiff::SignedDuration;

use crate::memory::{Failing, Fault, Manner, MemoryVendor};
use crate::world::{Terms, World, event, object};

pub(crate) fn title(form: &Form) -> String {
    match form.master().and_then(|part| part.get(&Field::Summary)) {
        Some(Value::Text(title)) => title.clone(),
        _ => String::new(),
    }
}

pub(crate) fn titles(forms: &[(String, Form)]) -> Vec<String> {
    let mut titles: Vec<_> = forms.iter().map(|(_, form)| title(form)).collect();
    titles.sort();
    titles
}

pub(crate) fn with_title(form: &Form, title: &str) -> Form {
    let mut form = form.clone();
    for part in form.parts.values_mut() {
        part.insert(Field::Summary, Value::Text(title.to_owned()));
    }
    form
}

#[tokio::test]
async fn what_is_made_changed_and_deleted_on_one_side_comes_to_the_other_and_a_second_run_does_nothing() {
    for terse in [false, true] {
        let world = World::new().await;
        let vendor = MemoryVendor::new(Manner { terse, ..Manner::default() });
        let link = world.link("v", Terms::default()).await;
        for n in 1..=4 {
            world
                .put(&format!("{n}.ics"), &event(&format!("here-{n}"), n, &format!("SUMMARY:here-{n}")))
                .await;
            vendor.edit(
                &format!("t{n}"),
                &form::read(&event(&format!("there-{n}"), n, &format!("SUMMARY:there-{n}"))),
            );
        }
        let report = world.run(&link, &vendor).await.unwrap();
        assert_eq!((report.here.created, report.there.created), (4, 4));
        assert_eq!(titles(&world.forms().await), titles(&vendor.forms()));
        assert_eq!(vendor.forms().len(), 8);

        vendor.take_counts();
        let report = world.run(&link, &vendor).await.unwrap();
        assert!(report.is_idle(), "{report:?}");
        assert_eq!(vendor.take_counts(), (2, 0), "two pages of our own four writes");
        let report = world.run(&link, &vendor).await.unwrap();
        assert!(report.is_idle());

        world.put("1.ics", &event("here-1", 1, "SUMMARY:here-changed")).await;
        world.remove("2.ics").await;
        let (id, form) = vendor.forms().into_iter().find(|(_, form)| title(form) == "there-1").unwrap();
        vendor.edit(&id, &with_title(&form, "there-changed"));
        vendor.erase("t2");
        let report = world.run(&link, &vendor).await.unwrap();
        assert_eq!((report.here.updated, report.here.deleted), (1, 1));
        assert_eq!((report.there.updated, report.there.deleted), (1, 1));
        let all = ["here-3", "here-4", "here-changed", "there-3", "there-4", "there-changed"];
        assert_eq!(titles(&world.forms().await), all);
        assert_eq!(titles(&vendor.forms()), all);
        assert!(world.plan(&link, &vendor).await.is_idle());
    }
}

#[tokio::test]
async fn both_sides_change_one_object_and_both_changes_come_through() {
    let world = World::new().await;
    let vendor = MemoryVendor::default();
    let link = world.link("v", Terms::default()).await;
    world.put("a.ics", &event("a", 1, "SUMMARY:a LOCATION:old")).await;
    world.run(&link, &vendor).await.unwrap();

    world.put("a.ics", &event("a", 1, "SUMMARY:mine LOCATION:old")).await;
    let (id, _) = vendor.forms().remove(0);
    vendor.edit(&id, &form::read(&event("a", 1, "SUMMARY:a LOCATION:theirs")));
    let report = world.run(&link, &vendor).await.unwrap();
    assert_eq!((report.lost, report.here.updated, report.there.updated), (0, 1, 1));
    let both = form::read(&event("a", 1, "SUMMARY:mine LOCATION:theirs"));
    assert!(world.forms().await[0].1 == both && vendor.forms()[0].1 == both);

    // The same field: the vendor wins, and ours is history that can be restored.
    world.put("a.ics", &event("a", 1, "SUMMARY:lost LOCATION:theirs")).await;
    vendor.edit(&id, &form::read(&event("a", 1, "SUMMARY:wins LOCATION:theirs")));
    let report = world.run(&link, &vendor).await.unwrap();
    assert_eq!(report.lost, 1);
    assert_eq!(titles(&world.forms().await), ["wins"]);
    let history = world.app.link_history(&link).await.unwrap();
    assert_eq!(history.len(), 1);
    assert_eq!(history[0].fields, ["title"]);
    world.app.restore_lost(&link, history[0].id).await.unwrap();
    world.run(&link, &vendor).await.unwrap();
    assert_eq!(titles(&vendor.forms()), ["lost"]);
    assert_eq!(titles(&world.forms().await), ["lost"]);
}

#[tokio::test]
async fn what_the_vendor_cannot_keep_or_writes_otherwise_is_never_a_change() {
    let world = World::new().await;
    let vendor = MemoryVendor::new(Manner { poor: true, loud: true, ..Manner::default() });
    let link = world.link("v", Terms::default()).await;
    world.put("a.ics", &event("a", 1, "SUMMARY:quiet CATEGORIES:kept ATTENDEE:mailto:g@example.org")).await;
    world.run(&link, &vendor).await.unwrap();
    for _ in 0..3 {
        assert!(world.run(&link, &vendor).await.unwrap().is_idle());
    }
    let (id, form) = vendor.forms().remove(0);
    assert_eq!(title(&form), "QUIET");
    let mut moved = form.clone();
    for part in moved.parts.values_mut() {
        part.insert(Field::Location, Value::Text("room".to_owned()));
    }
    vendor.edit(&id, &moved);
    world.run(&link, &vendor).await.unwrap();
    let here = form::read(&event(
        "a",
        1,
        "SUMMARY:quiet CATEGORIES:kept ATTENDEE:mailto:g@example.org LOCATION:room",
    ));
    assert!(world.forms().await[0].1 == here);
    assert!(world.run(&link, &vendor).await.unwrap().is_idle());
}

#[tokio::test]
async fn a_calendar_that_is_not_there_detaches_its_link_and_nothing_is_deleted() {
    let world = World::new().await;
    let vendor = MemoryVendor::default();
    let link = world.link("v", Terms::default()).await;
    world.put("a.ics", &event("a", 1, "SUMMARY:a")).await;
    world.run(&link, &vendor).await.unwrap();
    vendor.set_gone(true);
    let (_, stop) = world.run(&link, &vendor).await.unwrap_err();
    assert!(matches!(stop, Stop::Detached(_)));
    assert!(matches!(world.app.link(link.id).await.unwrap().state, LinkState::Detached(_)));
    assert_eq!(world.objects().await.len(), 1);
    vendor.set_gone(false);
    world.app.set_link_state(link.id, &LinkState::Active).await.unwrap();
    assert!(world.run(&link, &vendor).await.unwrap().is_idle());
}

#[tokio::test]
async fn a_calendar_that_is_listed_but_not_found_for_a_moment_detaches_nothing() {
    let world = World::new().await;
    let vendor = MemoryVendor::new(Manner { odd: true, ..Manner::default() });
    let link = world.link("v", Terms::default()).await;
    world.put("a.ics", &event("a", 1, "SUMMARY:a")).await;
    world.run(&link, &vendor).await.unwrap();
    vendor.set_gone(true);
    let (_, stop) = world.run(&link, &vendor).await.unwrap_err();
    assert!(matches!(&stop, Stop::Vendor(error) if error.kind == ErrorKind::Unavailable), "{stop:?}");
    vendor.set_gone(false);
    assert!(world.run(&link, &vendor).await.unwrap().is_idle());
}

#[tokio::test]
async fn the_deletion_of_somebody_elses_invitation_waits_for_a_person() {
    for answer in [Answer::Approve, Answer::Reject] {
        let world = World::new().await;
        let vendor = MemoryVendor::default();
        let link = world.link("v", Terms::default()).await;
        vendor.edit("invited", &form::read(&event("i", 1, "SUMMARY:meeting")));
        vendor.edit("own", &form::read(&event("o", 2, "SUMMARY:own")));
        world.put("c.ics", &event("c", 3, "SUMMARY:new")).await;
        world.put("d.ics", &event("d", 4, "SUMMARY:new")).await;
        world.run(&link, &vendor).await.unwrap();
        for name in ["i.ics", "o.ics"] {
            world.remove(name).await;
        }
        let report = world.run(&link, &vendor).await.unwrap();
        assert_eq!((report.held, report.there.deleted), (1, 1));
        assert_eq!(titles(&vendor.forms()), ["meeting", "new", "new"]);
        let (rows, _) = world.app.pairs(&link, None).await.unwrap();
        let held = rows.into_iter().find(|row| row.pair.state.is_held()).unwrap();
        world.say(&link, &held.name, answer).await;
        world.settle(&[(&link, &vendor)]).await;
        let left = if answer == Answer::Approve { 2 } else { 3 };
        assert_eq!((vendor.forms().len(), world.objects().await.len()), (left, left));
    }
}

#[tokio::test]
async fn a_lost_answer_to_a_creation_makes_no_second_object() {
    for fault in [Fault::After, Fault::Before(Failing::Throttled), Fault::Before(Failing::Unavailable)] {
        let world = World::new().await;
        let vendor = MemoryVendor::default();
        let link = world.link("v", Terms::default()).await;
        world.put("a.ics", &event("a", 1, "SUMMARY:a")).await;
        let mut first = true;
        vendor.plan(move |operation| (operation == "push" && std::mem::take(&mut first)).then_some(fault));
        let _ = world.run(&link, &vendor).await;
        // Changed before the next try: the first writing is found, and the change follows.
        world.put("a.ics", &event("a", 1, "SUMMARY:b")).await;
        world.settle(&[(&link, &vendor)]).await;
        assert_eq!(titles(&vendor.forms()), ["b"], "{fault:?}");
        assert_eq!(world.app.link_history(&link).await.unwrap().len(), 0);

        // Or deleted.
        let mut first = true;
        world.put("c.ics", &event("c", 1, "SUMMARY:c")).await;
        vendor.plan(move |operation| (operation == "push" && std::mem::take(&mut first)).then_some(fault));
        let _ = world.run(&link, &vendor).await;
        world.remove("c.ics").await;
        world.settle(&[(&link, &vendor)]).await;
        assert_eq!(titles(&vendor.forms()), ["b"], "{fault:?}");
        assert_eq!(titles(&world.forms().await), ["b"], "{fault:?}");
    }
}

#[tokio::test]
async fn what_was_made_and_deleted_at_a_vendor_that_keeps_names_for_ever_can_be_made_again() {
    let world = World::new().await;
    let vendor = MemoryVendor::new(Manner { jealous: true, ..Manner::default() });
    let link = world.link("v", Terms::default()).await;
    // Deleted there before the answer to its creation came.
    world.put("a.ics", &event("a", 1, "SUMMARY:a")).await;
    let mut first = true;
    vendor.plan(move |operation| (operation == "push" && std::mem::take(&mut first)).then_some(Fault::After));
    let _ = world.run(&link, &vendor).await;
    vendor.calm();
    let (id, _) = vendor.forms().remove(0);
    vendor.erase(&id);
    world.settle(&[(&link, &vendor)]).await;
    assert_eq!(titles(&vendor.forms()), ["a"]);

    // Deleted here, and put back with the UID that it had.
    world.remove("a.ics").await;
    world.settle(&[(&link, &vendor)]).await;
    assert!(vendor.forms().is_empty());
    world.put("a.ics", &event("a", 1, "SUMMARY:a")).await;
    world.settle(&[(&link, &vendor)]).await;
    assert_eq!(titles(&vendor.forms()), ["a"]);
    assert!(world.plan(&link, &vendor).await.is_idle());
}

#[tokio::test]
async fn what_the_vendor_does_not_take_is_parked_with_its_reason_until_it_changes() {
    let world = World::new().await;
    let vendor = MemoryVendor::default();
    let link = world.link("v", Terms::default()).await;
    world.put("a.ics", &event("a", 1, "SUMMARY:refused")).await;
    world.put("b.ics", &event("b", 1, "SUMMARY:b")).await;
    let report = world.run(&link, &vendor).await.unwrap();
    assert_eq!((report.parked, report.there.created), (1, 1));
    assert!(world.run(&link, &vendor).await.unwrap().is_idle());
    let (pairs, _) = world.app.pairs(&link, None).await.unwrap();
    assert!(
        pairs.iter().any(|row| matches!(&row.pair.state, PairState::Parked(why) if why.contains("title")))
    );
    world.put("a.ics", &event("a", 1, "SUMMARY:fine")).await;
    world.run(&link, &vendor).await.unwrap();
    assert_eq!(titles(&vendor.forms()), ["b", "fine"]);
}

#[tokio::test]
async fn a_busy_link_tells_times_and_nothing_else() {
    let world = World::new().await;
    let vendor = MemoryVendor::default();
    let terms = Terms { mode: LinkMode::Push, privacy: LinkPrivacy::Busy, policy: LinkPolicy::Store };
    let link = world.link("v", terms).await;
    let secret = "SUMMARY:secret LOCATION:secret DESCRIPTION:secret ATTENDEE:mailto:secret@example.org";
    world.put("a.ics", &event("a", 1, secret)).await;
    vendor.edit("theirs", &form::read(&event("theirs", 2, "SUMMARY:theirs")));
    world.run(&link, &vendor).await.unwrap();
    assert_eq!(titles(&vendor.forms()), ["Busy", "theirs"]);
    let busy = |day| form::read(&event("a", day, "SUMMARY:Busy")).parts;
    let told = || vendor.all().into_iter().find(|object| object.mark.is_some()).unwrap();
    assert!(told().form.parts == busy(1));
    assert!(told().form.uid != "a" && told().mark.unwrap().uid != "a", "a UID may name a person");
    assert_eq!(world.objects().await.len(), 1, "a link that pushes takes nothing in");
    assert!(world.run(&link, &vendor).await.unwrap().is_idle());
    world.put("a.ics", &event("a", 3, secret)).await;
    world.run(&link, &vendor).await.unwrap();
    assert!(told().form.parts == busy(3));

    // What it was told is found again: by a link that comes after this one, and if the answer is lost.
    world.app.remove_link(link.id).await.unwrap();
    let link = world.link("again", terms).await;
    let mut once = Some(Fault::After);
    vendor.plan(move |operation| once.take_if(|_| operation == "push"));
    world.put("b.ics", &event("b", 4, secret)).await;
    let _ = world.run(&link, &vendor).await;
    vendor.calm();
    world.clock.advance(SignedDuration::from_mins(10));
    world.settle(&[(&link, &vendor)]).await;
    assert_eq!(titles(&vendor.forms()), ["Busy", "Busy", "theirs"]);
    // One that may tell everything does.
    world.app.remove_link(link.id).await.unwrap();
    let link = world.link("whole", Terms { privacy: LinkPrivacy::Full, ..terms }).await;
    world.settle(&[(&link, &vendor)]).await;
    assert_eq!(titles(&vendor.forms()), ["secret", "secret", "theirs"]);
}

#[tokio::test]
async fn objects_of_both_sides_that_say_the_same_are_taken_for_one_when_a_link_begins() {
    let world = World::new().await;
    let vendor = MemoryVendor::default();
    let link = world.link("v", Terms::default()).await;
    world.put("a.ics", &event("same-uid", 1, "SUMMARY:a LOCATION:here")).await;
    world.put("b.ics", &event("b-here", 2, "SUMMARY:b")).await;
    vendor.edit("1", &form::read(&event("same-uid", 1, "SUMMARY:a")));
    vendor.edit("2", &form::read(&event("b-there", 2, "SUMMARY:b")));
    vendor.edit("3", &form::read(&event("c-there", 2, "SUMMARY:c")));
    let report = world.run(&link, &vendor).await.unwrap();
    assert_eq!((report.matched, report.here.created, report.there.created), (2, 1, 0));
    assert_eq!(titles(&world.forms().await), ["a", "b", "c"]);
    assert_eq!(vendor.forms().len(), 3);
    world.settle(&[(&link, &vendor)]).await;
    assert_eq!(titles(&vendor.forms()), ["a", "b", "c"]);
}

#[tokio::test]
async fn several_objects_of_one_uid_at_the_vendor_are_all_here_and_stay() {
    let world = World::new().await;
    let vendor = MemoryVendor::default();
    let link = world.link("v", Terms::default()).await;
    for n in 1..=3 {
        vendor.edit(&n.to_string(), &form::read(&event("one-uid", n, &format!("SUMMARY:{n}"))));
    }
    world.run(&link, &vendor).await.unwrap();
    assert_eq!(titles(&world.forms().await), ["1", "2", "3"]);
    assert!(world.run(&link, &vendor).await.unwrap().is_idle());
    // One is deleted and made anew there: it is the same object here.
    vendor.erase("1");
    vendor.edit("9", &form::read(&event("one-uid", 1, "SUMMARY:moved")));
    world.run(&link, &vendor).await.unwrap();
    assert_eq!(titles(&world.forms().await), ["2", "3", "moved"]);
    world.settle(&[(&link, &vendor)]).await;
    assert_eq!(vendor.forms().len(), 3);
}

#[tokio::test]
async fn a_mirror_of_another_calendar_is_left_alone_so_that_nothing_goes_in_circles() {
    let world = World::new().await;
    let vendor = MemoryVendor::default();
    let one = world.link("one", Terms::default()).await;
    let second = world.link_at(&world.second().await, "second", Terms::default()).await;
    world.put("a.ics", &event("a", 1, "SUMMARY:a")).await;
    world.settle(&[(&one, &vendor)]).await;
    // Another calendar of the house is linked with the same one there: it would take the copies for new.
    assert_eq!(world.run(&second, &vendor).await.unwrap().mirrors, 1);
    world.settle(&[(&one, &vendor), (&second, &vendor)]).await;
    assert_eq!(vendor.forms().len(), 1);
}

#[tokio::test]
async fn two_links_of_the_same_two_calendars_share_their_objects() {
    let world = World::new().await;
    let vendor = MemoryVendor::default();
    let one = world.link("one", Terms::default()).await;
    let other = world.link("other", Terms::default()).await;
    world.put("a.ics", &event("a", 1, "SUMMARY:a")).await;
    world.settle(&[(&one, &vendor)]).await;
    world.settle(&[(&one, &vendor), (&other, &vendor)]).await;
    assert_eq!((world.objects().await.len(), vendor.forms().len()), (1, 1));
    world.put("a.ics", &event("a", 1, "SUMMARY:b")).await;
    world.settle(&[(&one, &vendor), (&other, &vendor)]).await;
    assert_eq!(titles(&vendor.forms()), ["b"]);
}

#[tokio::test]
async fn a_series_with_changed_and_cancelled_instances_is_one_object_on_both_sides() {
    let world = World::new().await;
    let vendor = MemoryVendor::default();
    let link = world.link("v", Terms::default()).await;
    let series = "DTSTART:20260302T090000Z DTEND:20260302T100000Z RRULE:FREQ=DAILY;COUNT=9 SUMMARY:s";
    let changed = "RECURRENCE-ID:20260304T090000Z DTSTART:20260304T110000Z DTEND:20260304T120000Z SUMMARY:s";
    world.put("s.ics", &object("s", &format!("{series} EXDATE:20260303T090000Z|{changed}"))).await;
    world.run(&link, &vendor).await.unwrap();
    assert!(world.forms().await[0].1 == vendor.forms()[0].1);
    // Here one instance is cancelled, there another is moved: both.
    world
        .put("s.ics", &object("s", &format!("{series} EXDATE:20260303T090000Z,20260305T090000Z|{changed}")))
        .await;
    let (id, _) = vendor.forms().remove(0);
    let moved = "RECURRENCE-ID:20260306T090000Z DTSTART:20260306T150000Z DTEND:20260306T160000Z SUMMARY:s";
    vendor
        .edit(&id, &form::read(&object("s", &format!("{series} EXDATE:20260303T090000Z|{changed}|{moved}"))));
    world.run(&link, &vendor).await.unwrap();
    let both = object("s", &format!("{series} EXDATE:20260303T090000Z,20260305T090000Z|{changed}|{moved}"));
    assert!(world.forms().await[0].1 == form::read(&both));
    assert!(vendor.forms()[0].1 == form::read(&both));
    assert!(world.run(&link, &vendor).await.unwrap().is_idle());
}

#[tokio::test]
async fn what_somebody_else_organizes_is_not_changed_at_the_vendor_but_for_what_is_ones_own() {
    let world = World::new().await;
    let vendor = MemoryVendor::default();
    let link = world.link("v", Terms { policy: LinkPolicy::Store, ..Terms::default() }).await;
    vendor.edit("invited", &form::read(&event("i", 1, "SUMMARY:meeting")));
    world.run(&link, &vendor).await.unwrap();
    let (name, _) = world.objects().await.remove(0);
    world.put(&name, &event("i", 1, "SUMMARY:meeting CATEGORIES:mine")).await;
    let report = world.run(&link, &vendor).await.unwrap();
    assert_eq!((report.there.updated, report.parked), (1, 0));
    world.put(&name, &event("i", 2, "SUMMARY:meeting CATEGORIES:mine")).await;
    let report = world.run(&link, &vendor).await.unwrap();
    assert_eq!((report.there.updated, report.parked), (0, 1));
    // What the organizer does comes in all the same.
    vendor.edit("invited", &form::read(&event("i", 9, "SUMMARY:later")));
    world.run(&link, &vendor).await.unwrap();
    assert_eq!(titles(&world.forms().await), ["later"]);
}

#[tokio::test]
async fn a_calendar_that_is_deleted_here_detaches_its_link_and_nothing_is_deleted_there() {
    let world = World::new().await;
    let vendor = MemoryVendor::default();
    let link = world.link("v", Terms::default()).await;
    for n in 1..=3 {
        world.put(&format!("{n}.ics"), &event(&format!("e{n}"), n, "SUMMARY:e")).await;
    }
    world.run(&link, &vendor).await.unwrap();
    world.app.remove_calendar(&crate::world::home()).await.unwrap();
    let (_, stop) = world.run(&link, &vendor).await.unwrap_err();
    assert!(matches!(stop, Stop::Detached(_)));
    assert_eq!(vendor.forms().len(), 3);
}

#[tokio::test]
async fn a_calendar_that_is_linked_anew_with_more_privacy_hides_what_the_link_before_told() {
    let world = World::new().await;
    let vendor = MemoryVendor::default();
    let full = world.link("v", Terms::default()).await;
    world.put("a.ics", &event("a", 1, "SUMMARY:secret LOCATION:secret")).await;
    vendor.edit("theirs", &form::read(&event("theirs", 2, "SUMMARY:theirs")));
    world.run(&full, &vendor).await.unwrap();
    world.app.remove_account(full.account).await.unwrap();
    let busy = world.link("v", Terms { privacy: LinkPrivacy::Busy, ..Terms::default() }).await;
    world.settle(&[(&busy, &vendor)]).await;
    assert_eq!(titles(&vendor.forms()), ["Busy", "theirs"]);
    assert!(vendor.forms().iter().any(|(_, form)| *form == form::read(&event("a", 1, "SUMMARY:Busy"))));
    assert_eq!(titles(&world.forms().await), ["secret", "theirs"]);
}

#[tokio::test]
async fn an_event_that_was_deleted_and_comes_back_reaches_a_vendor_whose_ids_stay_taken() {
    let world = World::new().await;
    let vendor = MemoryVendor::new(Manner { grudging: true, ..Manner::default() });
    let link = world.link("v", Terms::default()).await;
    for round in 0..3 {
        world.put("a.ics", &event("a", 1, &format!("SUMMARY:a{round}"))).await;
        world.settle(&[(&link, &vendor)]).await;
        assert_eq!(titles(&vendor.forms()), [format!("a{round}")]);
        world.remove("a.ics").await;
        world.settle(&[(&link, &vendor)]).await;
        assert!(vendor.forms().is_empty());
    }
    // Under another name with the same UID, in one run.
    world.put("a.ics", &event("a", 1, "SUMMARY:a")).await;
    world.settle(&[(&link, &vendor)]).await;
    world.remove("a.ics").await;
    world.put("b.ics", &event("a", 1, "SUMMARY:a")).await;
    world.settle(&[(&link, &vendor)]).await;
    assert_eq!((titles(&vendor.forms()), world.objects().await.len()), (vec!["a".to_owned()], 1));
}

#[tokio::test]
async fn what_the_store_refused_comes_in_when_it_is_asked_for_again() {
    let world = World::new().await;
    let vendor = MemoryVendor::default();
    let link = world.link("v", Terms::default()).await;
    vendor.edit("1", &form::read(&event("x", 1, "SUMMARY:theirs")));
    world.put("x.ics", &event("other", 1, "SUMMARY:other")).await;
    vendor.edit("task", &crate::world::task("t"));
    let report = world.run(&link, &vendor).await.unwrap();
    assert_eq!(report.parked, 1, "the calendar takes no tasks");
    let (rows, _) = world.app.pairs(&link, None).await.unwrap();
    let parked = rows.into_iter().find(|row| matches!(row.pair.state, PairState::Parked(_))).unwrap();
    world.say(&link, &parked.name, Answer::Retry).await;
    let report = world.run(&link, &vendor).await.unwrap();
    assert_eq!((report.parked, report.waiting), (1, 0), "asked for again, refused again");
    let (rows, _) = world.app.pairs(&link, None).await.unwrap();
    assert!(rows.iter().any(|row| matches!(row.pair.state, PairState::Parked(_))));
}

#[tokio::test]
async fn a_link_that_is_paused_while_it_runs_writes_nothing_more() {
    let world = World::new().await;
    let vendor = MemoryVendor::default();
    let link = world.link("v", Terms::default()).await;
    for n in 1..=5 {
        world.put(&format!("{n}.ics"), &event(&format!("e{n}"), n, "SUMMARY:e")).await;
    }
    let (tell, paused) = tokio::sync::oneshot::channel::<()>();
    let mut tell = Some(tell);
    vendor.plan(move |operation| {
        if operation == "push"
            && let Some(tell) = tell.take()
        {
            tell.send(()).unwrap();
            return Some(Fault::Slow);
        }
        None
    });
    let pause = async {
        paused.await.unwrap();
        world.app.set_link_state(link.id, &LinkState::Paused).await.unwrap();
        vendor.go_on();
    };
    let (run, ()) = tokio::join!(world.run(&link, &vendor), pause);
    assert!(matches!(run.unwrap_err().1, Stop::Changed));
    assert!(vendor.forms().len() <= 1);
}

#[tokio::test]
async fn under_other_index_keys_a_link_knows_what_it_knew_and_has_nothing_to_do() {
    let mut world = World::new().await;
    let vendor = MemoryVendor::default();
    let link = world.link("v", Terms::default()).await;
    for n in 1..=3 {
        world.put(&format!("{n}.ics"), &event(&format!("h{n}"), n, &format!("SUMMARY:h{n}"))).await;
        vendor.edit(&format!("t{n}"), &form::read(&event(&format!("t{n}"), n, &format!("SUMMARY:t{n}"))));
    }
    world.settle(&[(&link, &vendor)]).await;
    // One waits, one is lost.
    let lose = |text: &str| event("h1", 1, &format!("SUMMARY:{text}"));
    let (id, _) = vendor.forms().into_iter().find(|(_, form)| title(form) == "h1").unwrap();
    world.put("1.ics", &lose("lost")).await;
    vendor.edit(&id, &form::read(&lose("wins")));
    world.put("2.ics", &event("h2", 2, "SUMMARY:waits")).await;
    vendor.plan(|operation| (operation == "push").then_some(Fault::Before(Failing::Unavailable)));
    let _ = world.run(&link, &vendor).await;
    vendor.calm();
    let known = |world: &World| {
        let (app, link) = (std::sync::Arc::clone(&world.app), link.clone());
        async move {
            let link = app.link(link.id).await.unwrap();
            let (mut pairs, _) = app.pairs(&link, None).await.unwrap();
            pairs.sort_by(|a, b| a.name.cmp(&b.name));
            let (waiting, _) = app.dispatches(&link, None).await.unwrap();
            let lost = app.link_history(&link).await.unwrap();
            (pairs, waiting, lost.into_iter().map(|entry| (entry.id, entry.fields)).collect::<Vec<_>>())
        }
    };
    let before = known(&world).await;
    assert_eq!((before.0.len(), before.1.len(), before.2.len()), (6, 1, 1));

    world.rekey().await;
    assert!(known(&world).await == before);
    let now = world.app.link(link.id).await.unwrap();
    for row in &before.0 {
        let remote = row.pair.remote.as_deref().unwrap();
        assert_eq!(world.app.name_of_remote(&now, remote).await.unwrap().as_ref(), Some(&row.name));
    }
    world.clock.advance(jiff::SignedDuration::from_mins(2));
    let report = world.run(&link, &vendor).await.unwrap();
    assert_eq!((report.here.all(), report.there.updated, report.there.all()), (0, 1, 1), "what waited");
    world.rekey().await;
    vendor.take_counts();
    assert!(world.run(&link, &vendor).await.unwrap().is_idle());
    assert_eq!(vendor.take_counts().1, 0);
    world.put("3.ics", &event("h3", 3, "SUMMARY:after")).await;
    assert_eq!(world.run(&link, &vendor).await.unwrap().there.updated, 1);
}

#[tokio::test]
async fn a_creation_that_always_meets_something_else_is_parked_in_time() {
    let world = World::new().await;
    let vendor = MemoryVendor::default();
    let link = world.link("v", Terms::default()).await;
    vendor.plan(|operation| (operation == "push").then_some(Fault::Before(Failing::Conflict)));
    world.put("a.ics", &event("a", 1, "SUMMARY:a")).await;
    world.settle(&[(&link, &vendor)]).await;
    let (rows, _) = world.app.pairs(&link, None).await.unwrap();
    assert!(matches!(rows[0].pair.state, PairState::Parked(_)));
    vendor.calm();
    world.say(&link, "a.ics", Answer::Retry).await;
    world.settle(&[(&link, &vendor)]).await;
    assert_eq!(titles(&vendor.forms()), ["a"]);
}

#[tokio::test]
async fn a_second_link_of_the_same_two_calendars_never_takes_in_what_the_first_one_masked() {
    let masked = Terms { mode: LinkMode::Push, privacy: LinkPrivacy::Busy, policy: LinkPolicy::Store };
    for privacy in [LinkPrivacy::Busy, LinkPrivacy::Initials] {
        for mode in [LinkMode::Push, LinkMode::TwoWay] {
            for masked_first in [true, false] {
                let world = World::new().await;
                let vendor = MemoryVendor::default();
                let masked = Terms { mode, privacy, ..masked };
                let terms =
                    if masked_first { [masked, Terms::default()] } else { [Terms::default(), masked] };
                let lines = "SUMMARY:Erna CATEGORIES:kept LOCATION:here";
                world.put("a.ics", &event("a", 1, lines)).await;
                let before = world.objects().await;
                let first = world.link("first", terms[0]).await;
                world.settle(&[(&first, &vendor)]).await;
                let second = world.link("second", terms[1]).await;
                world.settle(&[(&first, &vendor), (&second, &vendor)]).await;
                let now = world.objects().await;
                assert_eq!(now.len(), 1);
                assert!(now[0].1.bytes() == before[0].1.bytes(), "{privacy:?} {mode:?} {masked_first}");
            }
        }
    }
}

#[tokio::test]
async fn what_a_vendor_loses_of_a_creation_stays_here_also_if_the_answer_was_lost() {
    for (fault, retitled) in [(None, false), (Some(Fault::After), false), (Some(Fault::After), true)] {
        for terse in [false, true] {
            let world = World::new().await;
            let vendor = MemoryVendor::new(Manner { careless: true, terse, ..Manner::default() });
            let link = world.link("v", Terms::default()).await;
            let lines = "SUMMARY:ours PRIORITY:3 X-PLACE:geo CATEGORIES:kept BEGIN:VALARM ACTION:DISPLAY \
                         DESCRIPTION:x TRIGGER:-PT10M END:VALARM";
            world.put("a.ics", &event("a", 1, lines)).await;
            let before = world.objects().await;
            let mut once = fault;
            vendor.plan(move |operation| once.take_if(|_| operation == "push"));
            let _ = world.run(&link, &vendor).await;
            vendor.calm();
            // Somebody changes it before it is looked at again.
            let (id, form) = vendor.forms().remove(0);
            if retitled {
                vendor.edit(&id, &with_title(&form, "theirs"));
            }
            world.clock.advance(SignedDuration::from_mins(10));
            world.settle(&[(&link, &vendor)]).await;
            assert!(world.run_whole(&link, &vendor).await.unwrap().is_idle());
            let now = world.objects().await;
            let text = String::from_utf8(now[0].1.bytes().to_vec()).unwrap();
            assert!(
                ["PRIORITY:3", "X-PLACE:geo", "TRIGGER:-PT10M"].iter().all(|line| text.contains(line)),
                "{text}"
            );
            if retitled {
                assert_eq!(titles(&world.forms().await), ["theirs"]);
            } else {
                assert!(now[0].1.bytes() == before[0].1.bytes() && world.lost(&link).await.is_empty());
            }
        }
    }
}

#[tokio::test]
async fn an_object_that_another_program_changes_in_turn_with_us_is_left_alone_after_ten_turns_in_an_hour() {
    let world = World::new().await;
    let vendor = MemoryVendor::new(Manner::default());
    let link = world.link("v", Terms::default()).await;
    world.put("a.ics", &event("a", 1, "SUMMARY:ours")).await;
    world.put("b.ics", &event("b", 2, "SUMMARY:ours")).await;
    world.run(&link, &vendor).await.unwrap();
    let (id, form) = vendor.forms().into_iter().find(|(_, form)| form.uid == "a").unwrap();
    // The other program writes its own at the vendor, and yet another puts ours back here.
    let turn = async || {
        vendor.edit(&id, &with_title(&form, "theirs"));
        world.run(&link, &vendor).await.unwrap();
        world.put("a.ics", &event("a", 1, "SUMMARY:ours")).await;
        world.run(&link, &vendor).await.unwrap()
    };
    for n in 0..10 {
        assert_eq!(turn().await.there.updated, 1, "{n}");
    }
    let report = turn().await;
    assert_eq!((report.there.updated, report.parked), (0, 1));
    let parked = world.app.pair(&link, "a.ics").await.unwrap().unwrap().state;
    assert!(matches!(parked, PairState::Parked(reason) if reason.contains("another program")));
    assert_eq!(titles(&vendor.forms()), ["ours", "theirs"]);
    // Everything else goes on.
    world.put("b.ics", &event("b", 2, "SUMMARY:other")).await;
    assert_eq!(world.run(&link, &vendor).await.unwrap().there.updated, 1);

    world.say(&link, "a.ics", Answer::Retry).await;
    assert_eq!(world.run(&link, &vendor).await.unwrap().there.updated, 1);
    assert_eq!(titles(&vendor.forms()), ["other", "ours"]);

    // An hour later the turns of before do not count any more.
    for _ in 0..3 {
        for _ in 0..5 {
            assert_eq!(turn().await.there.updated, 1);
        }
        world.clock.advance(SignedDuration::from_hours(1));
    }
}
