//! What writes: new objects, changes of known ones, deletions.

use std::sync::Mutex;

use super::{Cell, spread};
use crate::check::Expected;
use crate::measure::{Bounds, Failure, Tally, run};

/// New objects; they stay until the cell that deletes them.
pub(super) fn put(cell: &Cell<'_>) -> Tally {
    let subject = cell.subject;
    let made: Vec<Mutex<Vec<usize>>> = (0..cell.connections).map(|_| Mutex::default()).collect();
    let before = subject.server.syncs();
    let mut tally = run(subject, cell.connections, cell.bounds(), &|lane, _| {
        let n = subject.model.fresh();
        let answer = lane.exchange(&subject.endpoint().create(n), 201)?;
        made[lane.index].lock().unwrap().push(n);
        answer.etag.map(drop).ok_or_else(|| Failure::Wrong("no ETag".into()))
    });
    tally.syncs = cell.syncs_since(before);
    *subject.model.beyond.lock().unwrap() = made.into_iter().map(|made| made.into_inner().unwrap()).collect();
    tally
}

/// Known objects from all over the calendar, each time with the ETag of the last answer.
pub(super) fn update(cell: &Cell<'_>) -> Result<Tally, Failure> {
    let subject = cell.subject;
    let etags = known_etags(cell)?;
    let before = subject.server.syncs();
    let mut tally = run(subject, cell.connections, cell.bounds(), &|lane, k| {
        let mut own = etags[lane.index].lock().unwrap();
        let count = own.len();
        let (n, etag) = &mut own[k % count];
        let revision = subject.model.begin(*n);
        let answer = lane.exchange(&subject.endpoint().update(*n, revision, etag), 204)?;
        subject.model.acknowledge(*n, revision);
        *etag = answer.etag.ok_or_else(|| "no ETag".to_owned())?;
        Ok(())
    });
    tally.syncs = cell.syncs_since(before);
    Ok(tally)
}

type Known = Mutex<Vec<(usize, String)>>;

/// For each connection some objects of its own, with their ETags.
fn known_etags(cell: &Cell<'_>) -> Result<Vec<Known>, Failure> {
    const HUNDREDS: usize = 8;
    let subject = cell.subject;
    let mut lanes: Vec<Vec<(usize, String)>> = vec![Vec::new(); cell.connections];
    let mut connection = cell.connection();
    for hundred in 0..HUNDREDS {
        let objects = spread(subject, hundred);
        let request = subject.endpoint().multiget(&objects);
        let expected = Expected::of(subject, objects.iter().copied());
        let answer = expected.content(&cell.aside(&mut connection, &request, &[207])?)?;
        for member in answer.members {
            let n = crate::data::Data::number(&member.name);
            if let (Some(n), Some(etag)) = (n, member.etag) {
                let lane = &mut lanes[n % cell.connections];
                // Small calendars meet themselves again.
                if lane.iter().all(|(known, _)| *known != n) {
                    lane.push((n, etag));
                }
            }
        }
    }
    match lanes.iter().any(Vec::is_empty) {
        true => Err(Failure::Wrong("too few events for so many connections".into())),
        false => Ok(lanes.into_iter().map(Mutex::new).collect()),
    }
}

/// What the cell before has put.
pub(super) fn delete(cell: &Cell<'_>) -> Result<Tally, Failure> {
    let subject = cell.subject;
    let made = std::mem::take(&mut *subject.model.beyond.lock().unwrap());
    if made.len() != cell.connections || made.iter().any(Vec::is_empty) {
        return Err(Failure::Wrong("nothing was put".into()));
    }
    let before = subject.server.syncs();
    let each = made.iter().map(Vec::len).max().unwrap_or(0);
    let bounds = Bounds {
        time: cell.deadline.saturating_duration_since(std::time::Instant::now()),
        each,
        ..cell.bounds()
    };
    let mut tally = run(subject, cell.connections, bounds, &|lane, k| {
        let Some(n) = made[lane.index].get(k) else { return Ok(()) };
        lane.exchange(&subject.endpoint().delete(*n), subject.server.deleted()).map(drop)
    });
    tally.syncs = cell.syncs_since(before);
    Ok(tally)
}

/// Replaces every object once.
pub(crate) fn overwrite_all(cell: &Cell<'_>) -> Tally {
    let subject = cell.subject;
    let each = subject.data.events.div_ceil(cell.connections);
    run(subject, cell.connections, Bounds { each, ..cell.bounds() }, &|lane, k| {
        let n = k * cell.connections + lane.index;
        if n >= subject.data.events {
            return Ok(());
        }
        let revision = subject.model.begin(n);
        lane.exchange(&subject.endpoint().replace(n, revision), 204)?;
        subject.model.acknowledge(n, revision);
        Ok(())
    })
}
