//! What every connector must do, tried on a calendar that may be written to: test support, feature `suite`.
//!
//! It knows no vendor. Two connectors of one account are two devices of one person: what one of them writes, the other
//! must find. What is asked for follows the connector's [`crate::Capabilities`], and what it refuses with a reason is passed over.
//!
//! Start with [`behaves`].

mod device;
mod examples;
mod fidelity;
mod listing;
mod reading;
mod writing;

use std::future::Future;
use std::pin::Pin;

pub use device::{Devices, Outcome};
pub use examples::{Example, examples};

/// A promise, and what tries whether it is kept.
type Trial<'a> = (&'static str, Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>);

/// Tries all promises that fit the connector, one after the other, in the calendar of `devices`.
///
/// # Errors
/// One line for each that is not kept: the promise, and what happened instead.
pub async fn behaves(devices: &Devices<'_>) -> Result<(), String> {
    let mut broken = Vec::new();
    for (promise, trial) in trials(devices) {
        if let Err(what) = trial.await {
            broken.push(format!("{promise}: {what}"));
        }
    }
    if broken.is_empty() { Ok(()) } else { Err(broken.join("\n")) }
}

fn trials<'a>(devices: &'a Devices<'_>) -> Vec<Trial<'a>> {
    let can = devices.one.capabilities();
    let mut trials: Vec<Trial<'a>> = vec![
        ("the calendar is among those of the account", Box::pin(reading::calendar_is_listed(devices))),
        (
            "a listing comes to its end, and what it names can be fetched",
            Box::pin(reading::listing_ends(devices)),
        ),
        ("to fetch nothing gives nothing", Box::pin(reading::nothing_is_fetched(devices))),
        ("what is projected twice is as projected once", Box::pin(fidelity::projects_once(devices))),
        ("no projection takes times, rules or instances away", Box::pin(fidelity::times_are_kept(devices))),
    ];
    if !can.watches {
        trials.push(("what is no capability is not supported", Box::pin(reading::does_not_watch(devices))));
    }
    if !can.writes {
        trials.push(("what can only be read is not written to", Box::pin(reading::does_not_write(devices))));
        return trials;
    }
    let more: Vec<Trial<'a>> = vec![
        ("what was created reads back on the other device", Box::pin(writing::created_reads_back(devices))),
        ("a repeated creation finds the first", Box::pin(writing::repeated_creation(devices))),
        (
            "a creation that may have been sent, and was not, is made",
            Box::pin(writing::unsent_creation(devices)),
        ),
        ("an update is read by the other device", Box::pin(writing::updated_reads_back(devices))),
        (
            "an update from an old version is a conflict and writes nothing",
            Box::pin(writing::stale_update(devices)),
        ),
        ("an update of what is gone brings nothing back", Box::pin(writing::update_of_gone(devices))),
        ("to delete twice is a success", Box::pin(writing::deleted_twice(devices))),
        (
            "the deletion of a changed object is a conflict and deletes nothing",
            Box::pin(writing::stale_deletion(devices)),
        ),
        ("a creation is found by its key while it is there", Box::pin(writing::found_by_key(devices))),
        ("what was deleted can be created again", Box::pin(writing::created_anew(devices))),
        (
            "a key is spent or makes another object once its first was deleted",
            Box::pin(writing::spent_key(devices)),
        ),
        ("a listing of everything has what was created", Box::pin(listing::everything_has_it(devices))),
        (
            "our own write comes back with the version that it returned",
            Box::pin(listing::echo_has_the_version(devices)),
        ),
        (
            "the other device is told of changes and deletions",
            Box::pin(listing::other_device_is_told(devices)),
        ),
        ("where nothing happened there is nothing new", Box::pin(listing::quiet_is_quiet(devices))),
        (
            "each object is fetched exactly once, be it there or gone",
            Box::pin(listing::fetched_once(devices)),
        ),
        ("every example reads back as it was projected", Box::pin(fidelity::reads_back(devices))),
    ];
    trials.extend(more);
    if can.deltas {
        trials.push((
            "later changes only are told since a token",
            Box::pin(listing::later_changes_only(devices)),
        ));
        trials.push(("a token that is none has expired", Box::pin(listing::unknown_token(devices))));
    }
    if can.exceptions {
        trials.push((
            "a series is one object through all its changes",
            Box::pin(fidelity::series_lives(devices)),
        ));
    }
    trials
}
