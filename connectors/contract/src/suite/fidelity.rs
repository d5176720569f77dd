//! What a vendor keeps of an object.

use crate::suite::device::{Devices, Outcome, said};
use crate::suite::examples::{EXCEPTIONS, EXCEPTIONS_LATER, examples};
use crate::{Field, Form, Instance, Part};

pub(super) async fn projects_once(devices: &Devices<'_>) -> Outcome {
    for example in examples() {
        let once = devices.one.project(&example.form("suite@almanac.example", devices.day)?);
        if devices.one.project(&once) != once {
            return Err(format!("not an event {}", example.name));
        }
    }
    Ok(())
}

pub(super) async fn times_are_kept(devices: &Devices<'_>) -> Outcome {
    for example in examples() {
        let form = example.form("suite@almanac.example", devices.day)?;
        match devices.one.refuses(&devices.one.project(&form)) {
            Some(reason) if example.always => {
                return Err(format!("an event {} is refused: {}", example.name, reason.0));
            }
            Some(_) => {}
            None if timely(&form) == timely(&devices.one.project(&form)) => {}
            None => return Err(format!("those of an event {}", example.name)),
        }
    }
    Ok(())
}

/// The fields that say when something is.
fn timely(form: &Form) -> Vec<(Instance, Part)> {
    let about_time =
        |field: &Field| matches!(field, Field::Time | Field::Rule | Field::Extra(_) | Field::Except(_));
    let of = |part: &Part| -> Part {
        part.iter().filter(|(field, _)| about_time(field)).map(|(f, v)| (f.clone(), v.clone())).collect()
    };
    form.parts.iter().map(|(instance, part)| (instance.clone(), of(part))).collect()
}

pub(super) async fn reads_back(devices: &Devices<'_>) -> Outcome {
    for example in examples() {
        let subject = devices.subject(&example)?;
        if devices.one.refuses(&subject.form).is_some() {
            continue;
        }
        let told = |what: String| format!("an event {}: {what}", example.name);
        let made = devices.create(&subject).await.map_err(told)?;
        devices.same(&made.form, &subject.form).map_err(told)?;
        let read = devices.there(devices.other, &made.id).await.map_err(told)?;
        devices.same(&read.form, &subject.form).map_err(told)?;
        if timely(&read.form) != timely(&subject.form) {
            return Err(told("it is at another time".to_owned()));
        }
    }
    Ok(())
}

/// A series is created, changed in all the ways that people change one, by both devices, and deleted.
pub(super) async fn series_lives(devices: &Devices<'_>) -> Outcome {
    let subject = devices.subject(&EXCEPTIONS)?;
    let uid = subject.form.uid.clone();
    let made = devices.create(&subject).await?;
    if devices.count(devices.other, &uid).await? != 1 {
        return Err("it is not one object in the listing".to_owned());
    }
    let since = devices.list(devices.one, None).await?.token;
    let later = devices.one.project(&EXCEPTIONS_LATER.form(&uid, devices.day)?);
    let theirs = devices.there(devices.other, &made.id).await?;
    let updated = devices.update(devices.other, &subject, &theirs, &later).await;
    let updated = updated.map_err(|error| said(&error))?;
    let read = devices.there(devices.one, &made.id).await?;
    devices.same(&read.form, &later)?;
    let listing = devices.list(devices.one, Some(&since)).await?;
    if devices.version_in(devices.one, &listing, &made.id).await?.as_ref() != Some(&updated.version) {
        return Err("the changes of its instances are not told, or with another version".to_owned());
    }
    if listing.coverage == crate::Coverage::Changes && listing.lines.len() != 1 {
        return Err(format!("the changes of one series are told of {} objects", listing.lines.len()));
    }
    devices.delete(devices.one, &read).await.map_err(|error| said(&error))?;
    match (devices.look(devices.other, &made.id).await?, devices.count(devices.other, &uid).await?) {
        (None, 0) => Ok(()),
        _ => Err("something of it is left after it was deleted".to_owned()),
    }
}
