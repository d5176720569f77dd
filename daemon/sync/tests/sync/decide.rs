//! Decisions about one object: each case by name, and that they end.

use almanac_contract::{Field, Form, Value};
use almanac_sync::{Action, Decision, Extras, Known, Mode, Outcome, Policy, Side, View, decide};
use proptest::prelude::*;

use crate::forms::{any_form, object};

/// A vendor that keeps no categories and at most three letters of a title, and that is not told who comes.
struct Poor;

impl View for Poor {
    fn project(&self, form: &Form) -> Form {
        let mut form = form.clone();
        for part in form.parts.values_mut() {
            part.retain(|field, _| !matches!(field, Field::Category(_) | Field::Attendee(_)));
            if let Some(Value::Text(title)) = part.get_mut(&Field::Summary) {
                *title = title.chars().take(3).collect();
            }
            part.insert(Field::Organizer, Value::Text("hidden".to_owned()));
        }
        form
    }

    fn hides(&self, field: &Field) -> bool {
        *field == Field::Organizer
    }
}

/// A vendor that keeps everything.
struct Rich;

impl View for Rich {
    fn project(&self, form: &Form) -> Form {
        form.clone()
    }

    fn hides(&self, _: &Field) -> bool {
        false
    }
}

fn event(lines: &str) -> Form {
    object(&format!("DTSTART:20260301T090000Z DTEND:20260301T100000Z {lines}"))
}

fn known<'a>(base: Option<&'a Form>, local: Option<&'a Form>, remote: Option<&'a Form>) -> Known<'a> {
    Known { base, seen: None, local, remote, extras: Extras::Ignore }
}

fn done(known: Known<'_>, mode: Mode, record: Side, view: &dyn View) -> Decision {
    match decide(known, mode, Policy::Wins(record), view) {
        Outcome::Do(decision) => *decision,
        Outcome::Ask(_) => panic!("nobody was to be asked"),
    }
}

#[test]
fn what_is_there_on_one_side_only_is_made_on_the_other_or_deleted_as_the_base_says() {
    let (a, b) = (event("SUMMARY:a"), event("SUMMARY:b"));
    let two = Mode::TwoWay;
    for (what, facts, record, local, remote) in [
        ("new here", known(None, Some(&a), None), Side::Remote, Action::Leave, Action::Create(a.clone())),
        ("new there", known(None, None, Some(&a)), Side::Local, Action::Create(a.clone()), Action::Leave),
        ("deleted here", known(Some(&a), None, Some(&a)), Side::Remote, Action::Leave, Action::Delete),
        ("deleted there", known(Some(&a), Some(&a), None), Side::Local, Action::Delete, Action::Leave),
        (
            "deleted here, changed there",
            known(Some(&a), None, Some(&b)),
            Side::Remote,
            Action::Create(b.clone()),
            Action::Leave,
        ),
        (
            "deleted here, changed there",
            known(Some(&a), None, Some(&b)),
            Side::Local,
            Action::Leave,
            Action::Delete,
        ),
        (
            "deleted there, changed here",
            known(Some(&a), Some(&b), None),
            Side::Local,
            Action::Leave,
            Action::Create(b.clone()),
        ),
        (
            "deleted there, changed here",
            known(Some(&a), Some(&b), None),
            Side::Remote,
            Action::Delete,
            Action::Leave,
        ),
        ("gone", known(Some(&a), None, None), Side::Local, Action::Leave, Action::Leave),
    ] {
        let decision = done(facts, two, record, &Rich);
        assert!(decision.local == local && decision.remote == remote, "{what}: {decision:?}");
        assert_eq!(decision.conflicts.is_empty(), !what.contains(','), "{what}");
    }
}

#[test]
fn what_a_vendor_cannot_keep_stays_here_and_is_no_change() {
    let local = event("SUMMARY:abcdef CATEGORIES:x ATTENDEE:mailto:a@x");
    let remote = Poor.project(&local);
    let decision = done(known(Some(&local), Some(&local), Some(&remote)), Mode::TwoWay, Side::Remote, &Poor);
    assert_eq!((decision.local, decision.remote), (Action::Leave, Action::Leave));

    // A change there to what it keeps comes in, and the rest stays.
    let mut moved = remote.clone();
    moved.parts.values_mut().for_each(|part| {
        part.insert(Field::Location, Value::Text("room".to_owned()));
    });
    let decision = done(known(Some(&local), Some(&local), Some(&moved)), Mode::TwoWay, Side::Remote, &Poor);
    let Action::Update(form) = decision.local else { panic!("{:?}", decision.local) };
    assert!(form == event("SUMMARY:abcdef CATEGORIES:x ATTENDEE:mailto:a@x LOCATION:room"));
    assert_eq!(decision.remote, Action::Leave);
}

#[test]
fn what_is_hidden_from_a_vendor_never_comes_back_and_is_hidden_again() {
    let local = event("SUMMARY:abc");
    let mut remote = Poor.project(&local);
    remote.parts.values_mut().for_each(|part| {
        part.insert(Field::Organizer, Value::Text("guessed".to_owned()));
    });
    let decision = done(known(Some(&local), Some(&local), Some(&remote)), Mode::TwoWay, Side::Remote, &Poor);
    assert_eq!(decision.local, Action::Leave);
    assert_eq!(decision.remote, Action::Update(Poor.project(&local)));
}

#[test]
fn a_side_that_follows_is_put_back_and_what_it_wanted_is_told() {
    let (base, mine, theirs) = (event("SUMMARY:x"), event("SUMMARY:a"), event("SUMMARY:b"));
    let pulled = done(known(Some(&base), Some(&mine), Some(&base)), Mode::Pull, Side::Local, &Rich);
    assert_eq!((&pulled.local, &pulled.remote), (&Action::Update(base.clone()), &Action::Leave));
    assert_eq!(pulled.conflicts.len(), 1);
    let pushed = done(known(Some(&base), Some(&base), Some(&theirs)), Mode::Push, Side::Remote, &Rich);
    assert_eq!((&pushed.local, &pushed.remote), (&Action::Leave, &Action::Update(base.clone())));
    assert_eq!(pushed.conflicts.len(), 1);
}

#[test]
fn a_contradiction_is_asked_about_if_that_is_wished_and_nothing_else_is() {
    let (base, mine, theirs) = (event("SUMMARY:x"), event("SUMMARY:a"), event("SUMMARY:b"));
    let ask = |local, remote| {
        decide(known(Some(&base), Some(local), Some(remote)), Mode::TwoWay, Policy::Ask, &Rich)
    };
    assert!(matches!(ask(&mine, &theirs), Outcome::Ask(conflicts) if conflicts.len() == 1));
    assert!(
        matches!(ask(&mine, &base), Outcome::Do(decision) if decision.remote == Action::Update(mine.clone()))
    );
}

fn carried_out(action: &Action, before: Option<Form>) -> Option<Form> {
    match action {
        Action::Leave => before,
        Action::Create(form) | Action::Update(form) => Some(form.clone()),
        Action::Delete => None,
    }
}

fn maybe() -> impl Strategy<Value = Option<Form>> {
    prop::option::weighted(0.8, any_form())
}

/// A vendor that is given something and has something else: it makes letters large and says who organizes.
fn mangled(form: &Form) -> Form {
    let mut form = form.clone();
    for part in form.parts.values_mut() {
        if let Some(Value::Text(title)) = part.get_mut(&Field::Summary) {
            *title = title.to_uppercase();
        }
    }
    form
}

#[test]
fn what_a_vendor_made_of_what_it_was_given_is_no_change() {
    let local = event("SUMMARY:quiet LOCATION:a");
    let seen = mangled(&local);
    let known = |remote| Known { seen: Some(&seen), ..known(Some(&local), Some(&local), Some(remote)) };
    let decision = done(known(&seen), Mode::TwoWay, Side::Remote, &Rich);
    assert_eq!((&decision.local, &decision.remote), (&Action::Leave, &Action::Leave));

    // A change beside it comes in alone, and what it made stays what it is.
    let moved = mangled(&event("SUMMARY:quiet LOCATION:b"));
    let decision = done(known(&moved), Mode::TwoWay, Side::Remote, &Rich);
    assert!(decision.local == Action::Update(event("SUMMARY:quiet LOCATION:b")));
    assert_eq!(decision.remote, Action::Leave);
}

#[test]
fn what_a_vendor_tells_and_does_not_take_goes_into_the_store_of_objects_that_came_from_it() {
    let (none, a) = (event("SUMMARY:abc"), event("SUMMARY:abc CATEGORIES:a"));
    let b = event("SUMMARY:abc CATEGORIES:b");
    let mine = event("SUMMARY:abc CATEGORIES:mine");
    for (seen, local, remote, target) in [
        (None, &none, &a, Some(&a)),        // first met
        (Some(&a), &a, &a, None),           // nothing new
        (Some(&a), &a, &b, Some(&b)),       // changed there
        (Some(&a), &a, &none, Some(&none)), // removed there
        (Some(&a), &mine, &a, None),        // changed here: stays here
    ] {
        let known = Known { seen, ..known(Some(local), Some(local), Some(remote)) };
        let ignored = done(known, Mode::TwoWay, Side::Remote, &Quiet);
        assert_eq!((&ignored.local, &ignored.remote), (&Action::Leave, &Action::Leave));
        let known = Known { extras: Extras::Follow, ..known };
        let followed = done(known, Mode::TwoWay, Side::Remote, &Quiet);
        let expected = target.map_or(Action::Leave, |target| Action::Update(target.clone()));
        assert!(followed.local == expected && followed.remote == Action::Leave);
    }
}

#[test]
fn an_instance_that_only_the_vendor_makes_of_a_series_is_none_here_until_somebody_changes_it() {
    let series = "DTSTART:20260301T090000Z DTEND:20260301T100000Z RRULE:FREQ=DAILY";
    let made = |title: &str, instance: &str| {
        let at = "RECURRENCE-ID:20260303T090000Z DTSTART:20260303T120000Z DTEND:20260303T130000Z";
        object(&format!("{series} SUMMARY:{title}|{at} SUMMARY:{instance}"))
    };
    let (local, renamed) = (event("RRULE:FREQ=DAILY SUMMARY:a"), event("RRULE:FREQ=DAILY SUMMARY:b"));
    let seen = made("a", "a");
    for (remote, expected) in [
        (seen.clone(), Action::Leave),
        (made("b", "a"), Action::Update(renamed)),
        (made("a", "c"), Action::Update(made("a", "c"))),
    ] {
        let known = Known { seen: Some(&seen), ..known(Some(&local), Some(&local), Some(&remote)) };
        let decision = done(known, Mode::TwoWay, Side::Remote, &Rich);
        assert!(decision.local == expected, "{:?}", decision.local);
    }
}

/// A vendor that shows one field as another: whoever has the guest 0 takes nobody's time.
struct Derived;

impl View for Derived {
    fn project(&self, form: &Form) -> Form {
        let mut form = form.clone();
        for part in form.parts.values_mut() {
            if part.remove(&Field::Attendee("0".to_owned())).is_some() {
                part.insert(Field::Transparency, Value::Text("TRANSPARENT".to_owned()));
            }
        }
        form
    }

    fn hides(&self, _: &Field) -> bool {
        false
    }
}

/// A vendor that takes no categories from us.
struct Quiet;

impl View for Quiet {
    fn project(&self, form: &Form) -> Form {
        let mut form = form.clone();
        for part in form.parts.values_mut() {
            part.retain(|field, _| !matches!(field, Field::Category(_)));
        }
        form
    }

    fn hides(&self, _: &Field) -> bool {
        false
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn once_it_is_carried_out_a_decision_leaves_nothing_to_do_and_both_sides_equal(
        base in maybe(), local in maybe(), remote in maybe(), mode in 0..3_usize, record in any::<bool>(), view in 0..3_usize
    ) {
        let view: &dyn View = [&Poor as &dyn View, &Rich, &Derived][view];
        let mode = [Mode::TwoWay, Mode::Pull, Mode::Push][mode];
        let record = if record { Side::Local } else { Side::Remote };
        let remote = remote.map(|form| view.project(&form)); // the vendor has nothing that it cannot keep
        let first = done(known(base.as_ref(), local.as_ref(), remote.as_ref()), mode, record, view);
        let (here, there) = (carried_out(&first.local, local), carried_out(&first.remote, remote));
        let second = done(known(first.base.as_ref(), here.as_ref(), there.as_ref()), mode, record, view);
        prop_assert!(second.local == Action::Leave && second.remote == Action::Leave, "{first:?}\n{second:?}");
        prop_assert!(second.conflicts.is_empty());
        if let (Some(here), Some(there)) = (&here, &there)
            && mode != Mode::Pull
        {
            prop_assert!(view.project(here) == *there);
        }
    }

    #[test]
    fn between_the_two_halves_of_a_decision_the_same_is_left_to_do_at_the_vendor_and_nothing_here(
        base in maybe(), local in maybe(), remote in maybe(), record in any::<bool>(), view in 0..3_usize
    ) {
        let view: &dyn View = [&Poor as &dyn View, &Rich, &Derived][view];
        let record = if record { Side::Local } else { Side::Remote };
        let remote = remote.map(|form| view.project(&form));
        let first = done(known(base.as_ref(), local.as_ref(), remote.as_ref()), Mode::TwoWay, record, view);
        let here = carried_out(&first.local, local);
        let again = done(known(first.shared.as_ref(), here.as_ref(), remote.as_ref()), Mode::TwoWay, record, view);
        prop_assert!(again.local == Action::Leave, "{first:?}\n{again:?}");
        prop_assert!(again.remote == first.remote, "{first:?}\n{again:?}");
        prop_assert!(again.conflicts.is_empty());
        prop_assert!(again.base == first.base);
    }

    #[test]
    fn no_decision_leaves_a_component_without_a_time_whatever_the_vendor_made_of_what_it_got(
        base in maybe(), seen in maybe(), local in maybe(), remote in maybe(), mode in 0..3_usize, record in any::<bool>(),
        follow in any::<bool>()
    ) {
        let mode = [Mode::TwoWay, Mode::Pull, Mode::Push][mode];
        let record = if record { Side::Local } else { Side::Remote };
        let extras = if follow { Extras::Follow } else { Extras::Ignore };
        let known = Known { seen: seen.as_ref(), extras, ..known(base.as_ref(), local.as_ref(), remote.as_ref()) };
        let decision = done(known, mode, record, &Quiet);
        for form in [carried_out(&decision.local, None), carried_out(&decision.remote, None), decision.shared, decision.base]
            .into_iter()
            .flatten()
        {
            for (instance, part) in &form.parts {
                prop_assert!(part.contains_key(&Field::Time), "{instance:?} of {form:?}");
            }
        }
    }
}
