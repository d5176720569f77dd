//! What listings tell of writes.

use std::collections::BTreeMap;

use crate::suite::device::{Devices, Outcome, said};
use crate::suite::examples::ZONED;
use crate::{Changed, Coverage, DeltaToken, ErrorKind, RemoteId};

/// Objects that are fetched at once here.
const MANY: usize = 60;

pub(super) async fn everything_has_it(devices: &Devices<'_>) -> Outcome {
    let subject = devices.subject(&ZONED)?;
    let made = devices.create(&subject).await?;
    let listing = devices.list(devices.other, None).await?;
    if !listing.lines.contains_key(&made.id) {
        return Err("it is not listed".to_owned());
    }
    match devices.version_in(devices.other, &listing, &made.id).await? {
        Some(version) if version == made.version => Ok(()),
        Some(_) => Err("it is listed with another version than the creation returned".to_owned()),
        None => Err("it is listed as gone".to_owned()),
    }
}

pub(super) async fn echo_has_the_version(devices: &Devices<'_>) -> Outcome {
    let subject = devices.subject(&ZONED)?;
    let before = devices.list(devices.one, None).await?;
    let made = devices.create(&subject).await?;
    let after = devices.list(devices.one, Some(&before.token)).await?;
    if devices.version_in(devices.one, &after, &made.id).await?.as_ref() != Some(&made.version) {
        return Err("the creation comes back with another version, or not at all".to_owned());
    }
    let mut form = made.form.clone();
    for part in form.parts.values_mut() {
        part.insert(crate::Field::Summary, crate::Value::Text("New".to_owned()));
    }
    let updated = devices.update(devices.one, &subject, &made, &form).await.map_err(|error| said(&error))?;
    let listing = devices.list(devices.one, Some(&after.token)).await?;
    if devices.version_in(devices.one, &listing, &made.id).await?.as_ref() != Some(&updated.version) {
        return Err("the update comes back with another version, or not at all".to_owned());
    }
    Ok(())
}

pub(super) async fn other_device_is_told(devices: &Devices<'_>) -> Outcome {
    let subject = devices.subject(&ZONED)?;
    let made = devices.create(&subject).await?;
    let before = devices.list(devices.other, None).await?;
    let mut form = made.form.clone();
    for part in form.parts.values_mut() {
        part.insert(crate::Field::Summary, crate::Value::Text("New".to_owned()));
    }
    let updated = devices.update(devices.one, &subject, &made, &form).await.map_err(|error| said(&error))?;
    let after = devices.list(devices.other, Some(&before.token)).await?;
    if devices.version_in(devices.other, &after, &made.id).await?.as_ref() != Some(&updated.version) {
        return Err("the change is not told".to_owned());
    }
    devices.delete(devices.one, &updated).await.map_err(|error| said(&error))?;
    let end = devices.list(devices.other, Some(&after.token)).await?;
    if devices.version_in(devices.other, &end, &made.id).await?.is_some() {
        return Err("the deletion is not told".to_owned());
    }
    if end.coverage == Coverage::Changes && !end.lines.contains_key(&made.id) {
        return Err("a listing of changes has no line for the deletion".to_owned());
    }
    Ok(())
}

pub(super) async fn quiet_is_quiet(devices: &Devices<'_>) -> Outcome {
    let subject = devices.subject(&ZONED)?;
    let made = devices.create(&subject).await?;
    let first = devices.list(devices.one, None).await?;
    let second = devices.list(devices.one, Some(&first.token)).await?;
    for (id, line) in &second.lines {
        let known = match first.lines.get(id) {
            None | Some(Changed::Gone(_)) => None,
            Some(_) => devices.version_in(devices.one, &first, id).await?,
        };
        if devices.version_in(devices.one, &second, id).await? != known {
            return Err(format!("something is new without a change: {}", line_name(line)));
        }
    }
    let read = devices.there(devices.one, &made.id).await?;
    if read.version == made.version { Ok(()) } else { Err("to read changed the version".to_owned()) }
}

fn line_name(line: &Changed) -> &'static str {
    match line {
        Changed::Now(_) => "now",
        Changed::Touched(..) => "touched",
        Changed::Gone(_) => "gone",
        Changed::Unreadable(..) => "unreadable",
    }
}

pub(super) async fn later_changes_only(devices: &Devices<'_>) -> Outcome {
    let (early, late) = (devices.subject(&ZONED)?, devices.subject(&ZONED)?);
    let early = devices.create(&early).await?;
    let before = devices.list(devices.one, None).await?;
    let late = devices.create(&late).await?;
    let listing = devices.list(devices.one, Some(&before.token)).await?;
    if listing.coverage != Coverage::Changes {
        return Err("a listing since a token is none of changes".to_owned());
    }
    if !listing.lines.contains_key(&late.id) {
        return Err("a later object is missing".to_owned());
    }
    if listing.lines.contains_key(&early.id) {
        return Err("an object that nobody touched is listed".to_owned());
    }
    Ok(())
}

pub(super) async fn unknown_token(devices: &Devices<'_>) -> Outcome {
    let token = DeltaToken("no token of this vendor".to_owned());
    match devices.one.changes(&devices.calendar, Some(&token), None).await {
        Err(error) if error.kind == ErrorKind::DeltaExpired => Ok(()),
        Err(error) => Err(format!("it failed otherwise: {}", said(&error))),
        Ok(_) => Err("it was taken".to_owned()),
    }
}

pub(super) async fn fetched_once(devices: &Devices<'_>) -> Outcome {
    let mut there = BTreeMap::new();
    for _ in 0..MANY {
        let subject = devices.subject(&ZONED)?;
        let made = devices.create(&subject).await?;
        there.insert(made.id.clone(), (made, subject.form));
    }
    let gone = devices.create(&devices.subject(&ZONED)?).await?;
    devices.delete(devices.other, &gone).await.map_err(|error| said(&error))?;
    let mut ids: Vec<RemoteId> = there.keys().cloned().collect();
    ids.insert(MANY / 2, gone.id.clone());
    let lines = devices.one.fetch(&devices.calendar, &ids).await.map_err(|error| said(&error))?;
    if lines.len() != ids.len() {
        return Err(format!("{} lines for {} objects", lines.len(), ids.len()));
    }
    for line in lines {
        match line {
            Changed::Gone(id) if id == gone.id => {}
            Changed::Now(object) => {
                let Some((made, form)) = there.remove(&object.id) else {
                    return Err("an object twice, or one that was not asked for".to_owned());
                };
                devices.same(&object.form, &form)?;
                if object.version != made.version {
                    return Err("another version than the creation returned".to_owned());
                }
            }
            line => return Err(format!("a line that is {}", line_name(&line))),
        }
    }
    if there.is_empty() { Ok(()) } else { Err("an object is missing".to_owned()) }
}
