//! Merging forms: rules as tables, laws for any forms.
use almanac_contract::{Field, Instance, Value};
use almanac_sync::{Side, merge};
use proptest::prelude::*;

use crate::forms::{any_form, at, object};

const ONE: &str = "DTSTART:20260301T090000Z DTEND:20260301T100000Z";
const SERIES: &str = "DTSTART:20260301T090000Z DTEND:20260301T100000Z RRULE:FREQ=DAILY;COUNT=9";
const MOVED: &str = "DTSTART:20260301T110000Z DTEND:20260301T120000Z RRULE:FREQ=DAILY;COUNT=9";
const SECOND: &str = "RECURRENCE-ID:20260302T090000Z DTSTART:20260302T130000Z DTEND:20260302T140000Z";

#[test]
fn fields_that_only_one_side_changed_come_through_without_a_conflict() {
    for (what, base, local, remote, merged) in [
        ("two fields", "", "SUMMARY:a", "LOCATION:b", "SUMMARY:a LOCATION:b"),
        ("one field to the same", "SUMMARY:x", "SUMMARY:a", "SUMMARY:a", "SUMMARY:a"),
        (
            "one removed, another changed",
            "SUMMARY:x LOCATION:y",
            "LOCATION:y",
            "SUMMARY:x LOCATION:b",
            "LOCATION:b",
        ),
        (
            "two people",
            "ATTENDEE:mailto:a@x",
            "ATTENDEE:mailto:a@x ATTENDEE:mailto:b@x",
            "ATTENDEE:mailto:a@x ATTENDEE:mailto:c@x",
            "ATTENDEE:mailto:a@x ATTENDEE:mailto:b@x ATTENDEE:mailto:c@x",
        ),
        (
            "an answer and a new guest",
            "ATTENDEE:mailto:a@x",
            "ATTENDEE;PARTSTAT=ACCEPTED:mailto:a@x",
            "ATTENDEE:mailto:a@x ATTENDEE:mailto:c@x",
            "ATTENDEE;PARTSTAT=ACCEPTED:mailto:a@x ATTENDEE:mailto:c@x",
        ),
        ("categories", "CATEGORIES:a,b", "CATEGORIES:a", "CATEGORIES:a,b,c", "CATEGORIES:a,c"),
    ] {
        let form = |lines: &str| object(&format!("{ONE} {lines}"));
        for record in [Side::Local, Side::Remote] {
            let done = merge(&form(base), &form(local), &form(remote), record);
            assert!(done.form == form(merged) && done.conflicts.is_empty(), "{what}");
        }
    }
}

#[test]
fn a_field_that_both_changed_is_the_side_of_records_and_the_other_value_is_told() {
    let form = |text: &str| object(&format!("{ONE} SUMMARY:{text}"));
    let done = merge(&form("x"), &form("here"), &form("there"), Side::Remote);
    assert!(done.form == form("there"));
    assert_eq!(done.conflicts.len(), 1);
    let lost = &done.conflicts[0];
    assert_eq!((lost.loser, lost.field.as_ref()), (Side::Local, Some(&Field::Summary)));
    assert_eq!(lost.wanted, Some(Value::Text("here".to_owned())));
}

#[test]
fn instances_that_different_sides_cancelled_or_changed_are_all_kept() {
    let base = object(SERIES);
    let local = object(&format!("{SERIES} EXDATE:20260303T090000Z"));
    let remote = object(&format!("{SERIES} EXDATE:20260304T090000Z | {SECOND}"));
    let done = merge(&base, &local, &remote, Side::Local);
    assert!(done.conflicts.is_empty());
    assert!(done.form == object(&format!("{SERIES} EXDATE:20260303T090000Z,20260304T090000Z | {SECOND}")));
}

#[test]
fn an_instance_that_one_side_cancelled_and_the_other_moved_is_the_side_of_records() {
    let (base, gone) = (object(SERIES), object(&format!("{SERIES} EXDATE:20260302T090000Z")));
    let moved = object(&format!("{SERIES} | {SECOND}"));
    let done = merge(&base, &gone, &moved, Side::Local);
    assert!(done.form == gone && !done.conflicts.is_empty());
    let done = merge(&base, &gone, &moved, Side::Remote);
    assert!(done.form == moved && !done.conflicts.is_empty());
}

#[test]
fn a_series_that_one_side_moved_takes_its_exceptions_from_that_side_and_tells_what_the_other_lost() {
    let base = object(&format!("{SERIES} SUMMARY:x"));
    let local = object(&format!("{MOVED} SUMMARY:x"));
    let remote = object(&format!("{SERIES} SUMMARY:new EXDATE:20260303T090000Z | {SECOND}"));
    for record in [Side::Local, Side::Remote] {
        let done = merge(&base, &local, &remote, record);
        assert!(done.form == object(&format!("{MOVED} SUMMARY:new")), "whoever is of record");
        assert!(done.conflicts.iter().all(|lost| lost.loser == Side::Remote));
        assert!(done.conflicts.iter().any(|lost| lost.field == Some(Field::Except(at(3)))));
        assert!(done.conflicts.iter().any(|lost| lost.instance == Instance::At(at(2))));
    }
}

#[test]
fn an_instance_that_one_side_took_back_and_the_other_changed_is_the_side_of_records() {
    let with = |more: &str| object(&format!("{SERIES} | {SECOND} {more}"));
    let (base, back, changed) = (with(""), object(SERIES), with("SUMMARY:b"));
    assert!(merge(&base, &back, &changed, Side::Local).form == back);
    assert!(merge(&base, &back, &changed, Side::Remote).form == changed);
    assert_eq!(merge(&base, &back, &changed, Side::Local).conflicts.len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_side_that_changed_nothing_takes_over_what_the_other_did(base in any_form(), changed in any_form()) {
        for record in [Side::Local, Side::Remote] {
            for (local, remote) in [(&base, &changed), (&changed, &base), (&changed, &changed)] {
                let done = merge(&base, local, remote, record);
                prop_assert!(done.form == changed);
                prop_assert!(done.conflicts.is_empty(), "{:?}", done.conflicts);
            }
        }
    }

    #[test]
    fn the_sides_can_be_swapped(base in any_form(), local in any_form(), remote in any_form()) {
        let one = merge(&base, &local, &remote, Side::Local);
        let two = merge(&base, &remote, &local, Side::Remote);
        prop_assert!(one.form == two.form);
        prop_assert_eq!(one.conflicts.len(), two.conflicts.len());
    }

    #[test]
    fn no_change_is_lost_in_silence(base in any_form(), local in any_form(), remote in any_form()) {
        let done = merge(&base, &local, &remote, Side::Remote);
        for (side, form) in [(Side::Local, &local), (Side::Remote, &remote)] {
            for (instance, part) in &form.parts {
                let was = base.parts.get(instance);
                for (field, value) in part.iter().filter(|(f, v)| was.and_then(|p| p.get(*f)) != Some(*v)) {
                    let came = done.form.parts.get(instance).and_then(|p| p.get(field)) == Some(value);
                    let told = done.conflicts.iter().any(|lost| {
                        lost.loser == side && lost.instance == *instance
                            && (lost.field.is_none() || lost.field.as_ref() == Some(field))
                    });
                    prop_assert!(came || told, "{side:?} {instance:?} {field:?}");
                }
            }
        }
    }

    #[test]
    fn merging_again_with_what_came_of_it_changes_nothing(base in any_form(), local in any_form(), remote in any_form()) {
        let done = merge(&base, &local, &remote, Side::Local).form;
        let again = merge(&done, &done, &done, Side::Local);
        prop_assert!(again.form == done && again.conflicts.is_empty());
    }

    #[test]
    fn no_instance_is_cancelled_and_changed_at_once(base in any_form(), local in any_form(), remote in any_form()) {
        let form = merge(&base, &local, &remote, Side::Local).form;
        if let Some(master) = form.master() {
            for field in master.keys() {
                if let Field::Except(at) = field {
                    prop_assert!(!form.parts.contains_key(&Instance::At(at.clone())));
                }
            }
        }
    }
}
