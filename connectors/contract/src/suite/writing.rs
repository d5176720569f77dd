//! Creating, changing and deleting.

use crate::suite::device::{Devices, Outcome, Subject, said};
use crate::suite::examples::ZONED;
use crate::{Attempt, ConnectorError, ErrorKind, Field, Form, Instance, Pushed, Value};

/// The same with another title and without a place.
fn changed(form: &Form, title: &str) -> Form {
    let mut form = form.clone();
    if let Some(part) = form.parts.get_mut(&Instance::Master) {
        part.insert(Field::Summary, Value::Text(title.to_owned()));
        part.remove(&Field::Location);
    }
    form
}

/// Whether a write failed with one of these.
fn fails(outcome: Result<(), ConnectorError>, kinds: &[ErrorKind]) -> Outcome {
    match outcome {
        Err(error) if kinds.contains(&error.kind) => Ok(()),
        Err(error) => Err(format!("it failed otherwise: {}", said(&error))),
        Ok(()) => Err("it was written".to_owned()),
    }
}

pub(super) async fn created_reads_back(devices: &Devices<'_>) -> Outcome {
    let subject = devices.subject(&ZONED)?;
    let made = devices.create(&subject).await?;
    devices.same(&made.form, &subject.form)?;
    let read = devices.there(devices.other, &made.id).await?;
    devices.same(&read.form, &subject.form)?;
    if read.version != made.version {
        return Err("its version is not the one that the creation returned".to_owned());
    }
    if read.mark.as_ref() != Some(&subject.mark) || made.mark.as_ref() != Some(&subject.mark) {
        return Err("its mark is not the one that was left".to_owned());
    }
    if read.mails != 0 {
        return Err("a change of it would mail somebody".to_owned());
    }
    Ok(())
}

pub(super) async fn repeated_creation(devices: &Devices<'_>) -> Outcome {
    let subject = devices.subject(&ZONED)?;
    let made = devices.create(&subject).await?;
    for device in [devices.one, devices.other] {
        match devices.push(device, &subject, None, &subject.form, Attempt::Again).await {
            Ok(Pushed::Found(found)) if found.id == made.id && found.version == made.version => {}
            Ok(Pushed::Found(_)) => return Err("another object or version was found".to_owned()),
            Ok(Pushed::Written(_)) => return Err("it was written once more".to_owned()),
            Err(error) => return Err(said(&error)),
        }
    }
    match devices.count(devices.other, &subject.form.uid).await? {
        1 => Ok(()),
        count => Err(format!("it is there {count} times")),
    }
}

pub(super) async fn unsent_creation(devices: &Devices<'_>) -> Outcome {
    let subject = devices.subject(&ZONED)?;
    match devices.push(devices.one, &subject, None, &subject.form, Attempt::Again).await {
        Ok(Pushed::Written(made)) => {
            let read = devices.there(devices.other, &made.id).await?;
            devices.same(&read.form, &subject.form)
        }
        Ok(Pushed::Found(_)) => Err("it was found".to_owned()),
        Err(error) => Err(said(&error)),
    }
}

pub(super) async fn updated_reads_back(devices: &Devices<'_>) -> Outcome {
    let subject = devices.subject(&ZONED)?;
    let made = devices.create(&subject).await?;
    let wanted = changed(&made.form, "Another title");
    let updated = devices.update(devices.one, &subject, &made, &wanted).await;
    let updated = updated.map_err(|error| said(&error))?;
    if updated.id != made.id {
        return Err("the object has another id".to_owned());
    }
    if updated.version == made.version {
        return Err("the object has the same version".to_owned());
    }
    devices.same(&updated.form, &wanted)?;
    let read = devices.there(devices.other, &made.id).await?;
    devices.same(&read.form, &wanted)?;
    if read.version != updated.version {
        return Err("its version is not the one that the update returned".to_owned());
    }
    if read.mark.as_ref() != Some(&subject.mark) {
        return Err("its mark is not there any more".to_owned());
    }
    Ok(())
}

/// An object that the other device has changed since the first one created it: as it was, and what it says now.
async fn overtaken(devices: &Devices<'_>, subject: &Subject) -> Result<(crate::RemoteObject, Form), String> {
    let made = devices.create(subject).await?;
    let theirs = changed(&made.form, "Theirs");
    devices.update(devices.other, subject, &made, &theirs).await.map_err(|error| said(&error))?;
    Ok((made, theirs))
}

pub(super) async fn stale_update(devices: &Devices<'_>) -> Outcome {
    let subject = devices.subject(&ZONED)?;
    let (made, theirs) = overtaken(devices, &subject).await?;
    let ours = changed(&made.form, "Ours");
    let outcome = devices.update(devices.one, &subject, &made, &ours).await.map(drop);
    fails(outcome, &[ErrorKind::Conflict])?;
    let read = devices.there(devices.one, &made.id).await?;
    devices.same(&read.form, &theirs)
}

pub(super) async fn update_of_gone(devices: &Devices<'_>) -> Outcome {
    let subject = devices.subject(&ZONED)?;
    let made = devices.create(&subject).await?;
    devices.delete(devices.other, &made).await.map_err(|error| said(&error))?;
    let ours = changed(&made.form, "Ours");
    let outcome = devices.update(devices.one, &subject, &made, &ours).await.map(drop);
    fails(outcome, &[ErrorKind::Conflict, ErrorKind::Gone])?;
    match devices.look(devices.one, &made.id).await? {
        None => Ok(()),
        Some(_) => Err("it is there again".to_owned()),
    }
}

pub(super) async fn deleted_twice(devices: &Devices<'_>) -> Outcome {
    let subject = devices.subject(&ZONED)?;
    let made = devices.create(&subject).await?;
    for device in [devices.one, devices.other, devices.one] {
        devices.delete(device, &made).await.map_err(|error| said(&error))?;
    }
    match devices.look(devices.other, &made.id).await? {
        None => Ok(()),
        Some(_) => Err("it is still there".to_owned()),
    }
}

pub(super) async fn stale_deletion(devices: &Devices<'_>) -> Outcome {
    let subject = devices.subject(&ZONED)?;
    let (made, theirs) = overtaken(devices, &subject).await?;
    fails(devices.delete(devices.one, &made).await, &[ErrorKind::Conflict])?;
    let read = devices.there(devices.one, &made.id).await?;
    devices.same(&read.form, &theirs)
}

pub(super) async fn found_by_key(devices: &Devices<'_>) -> Outcome {
    let subject = devices.subject(&ZONED)?;
    let find = || devices.other.find(&devices.calendar, &subject.key, &subject.mark);
    if find().await.map_err(|error| said(&error))?.is_some() {
        return Err("it is found before it was created".to_owned());
    }
    let made = devices.create(&subject).await?;
    match find().await.map_err(|error| said(&error))? {
        None => return Err("it is not found".to_owned()),
        Some(found) if found.id != made.id => return Err("another object is found".to_owned()),
        Some(found) => devices.same(&found.form, &subject.form)?,
    }
    devices.delete(devices.one, &made).await.map_err(|error| said(&error))?;
    match find().await.map_err(|error| said(&error))? {
        None => Ok(()),
        Some(_) => Err("it is found after it was deleted".to_owned()),
    }
}

pub(super) async fn created_anew(devices: &Devices<'_>) -> Outcome {
    let subject = devices.subject(&ZONED)?;
    let made = devices.create(&subject).await?;
    devices.delete(devices.one, &made).await.map_err(|error| said(&error))?;
    let again = Subject { key: devices.key(), ..subject };
    let made = devices.create(&again).await?;
    let read = devices.there(devices.other, &made.id).await?;
    devices.same(&read.form, &again.form)
}

pub(super) async fn spent_key(devices: &Devices<'_>) -> Outcome {
    for attempt in [Attempt::First, Attempt::Again] {
        let subject = devices.subject(&ZONED)?;
        let made = devices.create(&subject).await?;
        devices.delete(devices.other, &made).await.map_err(|error| said(&error))?;
        match devices.push(devices.one, &subject, None, &subject.form, attempt).await {
            Ok(Pushed::Written(again)) => {
                let read = devices.there(devices.other, &again.id).await?;
                devices.same(&read.form, &subject.form)?;
                devices.delete(devices.one, &again).await.map_err(|error| said(&error))?;
            }
            Ok(Pushed::Found(_)) => return Err("what was deleted was found".to_owned()),
            Err(error) if error.kind == ErrorKind::Gone => {}
            Err(error) => return Err(said(&error)),
        }
        let again = Subject { key: devices.key(), ..subject };
        let made = devices.create(&again).await?;
        let read = devices.there(devices.other, &made.id).await?;
        devices.same(&read.form, &again.form)?;
    }
    Ok(())
}
