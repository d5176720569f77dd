//! A fleet of clients as a day has it: 70 % incremental sync, 15 % multiget, 10 % put, 5 % query.

use std::collections::HashSet;
use std::sync::Mutex;

use super::{Cell, spread};
use crate::check::{Expected, changes};
use crate::measure::{Failure, Lane, Tally, run};
use crate::subject::Subject;

/// One client: what it knows and what it has changed since.
struct Device {
    token: String,
    changed: HashSet<usize>,
    puts: usize,
}

pub(super) fn fleet(cell: &Cell<'_>) -> Result<Tally, Failure> {
    let subject = cell.subject;
    let token = super::sync::newest_token(cell, &mut cell.connection(), "")?;
    let device = || Device { token: token.clone(), changed: HashSet::new(), puts: 0 };
    let devices: Vec<Mutex<Device>> = (0..cell.connections).map(|_| Mutex::new(device())).collect();
    Ok(run(subject, cell.connections, cell.bounds(), &|lane, n| {
        let device = &mut *devices[lane.index].lock().unwrap();
        // 20 operations in an order of their own for each device: 14 syncs, 3 multigets, 2 puts, 1 query.
        match (n * 7 + lane.index * 3) % 20 {
            0 | 10 => put(cell, lane, device),
            5 => query(subject, lane),
            3 | 9 | 16 => multiget(subject, lane, n),
            _ => sync(subject, lane, device),
        }
    }))
}

fn sync(subject: &Subject, lane: &mut Lane, device: &mut Device) -> Result<(), Failure> {
    let answer = lane.exchange(&subject.endpoint().sync(&device.token), 207)?;
    let answer = changes(subject, &device.changed, &answer)?;
    device.token = answer.sync_token.ok_or_else(|| "no sync token".to_owned())?;
    device.changed.clear();
    Ok(())
}

/// Every device changes objects of its own.
fn put(cell: &Cell<'_>, lane: &mut Lane, device: &mut Device) -> Result<(), Failure> {
    const OWN: usize = 20;
    let subject = cell.subject;
    let n = (device.puts % OWN * cell.connections + lane.index) % subject.data.events;
    let revision = subject.model.begin(n);
    lane.exchange(&subject.endpoint().replace(n, revision), 204)?;
    subject.model.acknowledge(n, revision);
    device.changed.insert(n);
    device.puts += 1;
    Ok(())
}

fn query(subject: &Subject, lane: &mut Lane) -> Result<(), Failure> {
    let month = &subject.data.month;
    let expected = Expected::of(subject, month.objects.iter().copied());
    expected.content(&lane.exchange(&subject.endpoint().month(month), 207)?)?;
    Ok(())
}

fn multiget(subject: &Subject, lane: &mut Lane, n: usize) -> Result<(), Failure> {
    let objects = spread(subject, n * 31 + lane.index);
    let request = subject.endpoint().multiget(&objects);
    let expected = Expected::of(subject, objects);
    expected.content(&lane.exchange(&request, 207)?)?;
    Ok(())
}
