//! What reads: one object, all of them, those of a month, a hundred, the busy time.

use super::{Cell, spread};
use crate::check::{self, Expected};
use crate::measure::{Tally, run};

pub(super) fn get(cell: &Cell<'_>) -> Tally {
    let subject = cell.subject;
    run(subject, cell.connections, cell.bounds(), &|lane, n| {
        // 7,919 is a prime: all objects come in turn, neighbours far apart.
        let at = (n * cell.connections + lane.index) * 7_919 % subject.data.events;
        let oldest = subject.model.oldest(at);
        let answer = lane.exchange(&subject.endpoint().get(at), 200)?;
        answer.etag.as_ref().ok_or_else(|| "no ETag".to_owned())?;
        Ok(check::object(subject, at, oldest, &answer.text())?)
    })
}

pub(super) fn listing(cell: &Cell<'_>) -> Tally {
    let subject = cell.subject;
    let request = subject.endpoint().listing();
    run(subject, cell.connections, cell.bounds(), &|lane, _| {
        let expected = Expected::of(subject, 0..subject.data.events);
        expected.etags(&lane.exchange(&request, 207)?)?;
        Ok(())
    })
}

pub(super) fn month(cell: &Cell<'_>) -> Tally {
    let subject = cell.subject;
    let month = &subject.data.month;
    let request = subject.endpoint().month(month);
    run(subject, cell.connections, cell.bounds(), &|lane, _| {
        let expected = Expected::of(subject, month.objects.iter().copied());
        expected.content(&lane.exchange(&request, 207)?)?;
        Ok(())
    })
}

pub(super) fn multiget(cell: &Cell<'_>) -> Tally {
    let subject = cell.subject;
    run(subject, cell.connections, cell.bounds(), &|lane, n| {
        let objects = spread(subject, n * cell.connections + lane.index);
        let request = subject.endpoint().multiget(&objects);
        let expected = Expected::of(subject, objects);
        expected.content(&lane.exchange(&request, 207)?)?;
        Ok(())
    })
}

pub(super) fn free_busy(cell: &Cell<'_>) -> Tally {
    let subject = cell.subject;
    let month = &subject.data.month;
    let request = subject.endpoint().free_busy(month);
    run(subject, cell.connections, cell.bounds(), &|lane, _| {
        Ok(check::free_busy(month, &lane.exchange(&request, 200)?)?)
    })
}
