//! What holds for every connector, also for one that can only read.

use std::collections::BTreeSet;

use almanac_base::Secret;
use jiff::Timestamp;

use crate::suite::device::{Devices, Outcome, said};
use crate::suite::examples::ZONED;
use crate::{Changed, Channel, Deletion, ErrorKind, Mark, Push, PushKey, RemoteId, RemoteVersion};

pub(super) async fn calendar_is_listed(devices: &Devices<'_>) -> Outcome {
    for device in [devices.one, devices.other] {
        let calendars = device.calendars().await.map_err(|error| said(&error))?;
        let ids: BTreeSet<_> = calendars.iter().map(|calendar| &calendar.id).collect();
        if ids.len() != calendars.len() {
            return Err("a calendar is listed twice".to_owned());
        }
        if !ids.contains(&devices.calendar) {
            return Err(format!("it is none of the {} that are listed", calendars.len()));
        }
    }
    Ok(())
}

pub(super) async fn listing_ends(devices: &Devices<'_>) -> Outcome {
    let listing = devices.list(devices.one, None).await?;
    let there = |line: &&Changed| !matches!(line, Changed::Gone(_));
    let ids: Vec<RemoteId> = listing.lines.values().filter(there).map(|line| line.id().clone()).collect();
    let fetched = devices.one.fetch(&devices.calendar, &ids).await.map_err(|error| said(&error))?;
    let found: BTreeSet<&RemoteId> = fetched.iter().map(Changed::id).collect();
    if fetched.len() != ids.len() || ids.iter().any(|id| !found.contains(id)) {
        return Err(format!("{} objects are listed, {} fetched", ids.len(), fetched.len()));
    }
    if fetched.iter().any(|line| matches!(line, Changed::Gone(_) | Changed::Touched(..))) {
        return Err("what is listed cannot be fetched".to_owned());
    }
    Ok(())
}

pub(super) async fn nothing_is_fetched(devices: &Devices<'_>) -> Outcome {
    match devices.one.fetch(&devices.calendar, &[]).await {
        Ok(lines) if lines.is_empty() => Ok(()),
        Ok(lines) => Err(format!("{} lines", lines.len())),
        Err(error) => Err(said(&error)),
    }
}

pub(super) async fn does_not_watch(devices: &Devices<'_>) -> Outcome {
    let channel = Channel {
        id: "channel".to_owned(),
        address: "https://almanac.example/hooks".to_owned(),
        secret: Secret::new("secret".to_owned()),
        until: Timestamp::MAX,
    };
    match devices.one.watch(&devices.calendar, &channel).await {
        Err(error) if error.kind == ErrorKind::Unsupported => Ok(()),
        Err(error) => Err(format!("to watch failed otherwise: {}", said(&error))),
        Ok(_) => Err("it watches, and says that it cannot".to_owned()),
    }
}

pub(super) async fn does_not_write(devices: &Devices<'_>) -> Outcome {
    let (id, version) = (RemoteId("no such object".to_owned()), RemoteVersion("1".to_owned()));
    let deletion = Deletion { calendar: &devices.calendar, id: &id, version: &version };
    let form = ZONED.form("suite@almanac.example", devices.day)?;
    let mark = Mark { link: "link".to_owned(), uid: form.uid.clone() };
    let (key, attempt) = (PushKey("00".to_owned()), crate::Attempt::First);
    let push =
        Push { calendar: &devices.calendar, known: None, form: &form, mark: &mark, key: &key, attempt };
    let answers = [devices.one.push(&push).await.map(drop), devices.one.delete(&deletion).await];
    for answer in answers {
        match answer {
            Err(error) if error.kind == ErrorKind::Unsupported => {}
            Err(error) => return Err(format!("to write failed otherwise: {}", said(&error))),
            Ok(()) => return Err("it writes, and says that it cannot".to_owned()),
        }
    }
    Ok(())
}
