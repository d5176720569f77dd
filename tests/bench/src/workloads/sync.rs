//! Synchronisation (RFC 6578): from nothing, and after ten changes.

use std::collections::HashSet;

use super::Cell;
use crate::check::{Expected, changes};
use crate::http::Connection;
use crate::measure::{Bounds, Failure, Tally, run};

/// How often ten changes are made in a cell: each time the token is another one.
const ROUNDS: usize = 4;
const CHANGES: usize = 10;

pub(super) fn initial(cell: &Cell<'_>) -> Tally {
    let subject = cell.subject;
    let request = subject.endpoint().sync("");
    run(subject, cell.connections, cell.bounds(), &|lane, _| {
        let expected = Expected::of_initial_sync(subject);
        let answer = expected.etags(&lane.exchange(&request, 207)?)?;
        answer.sync_token.map(drop).ok_or_else(|| Failure::Wrong("no sync token".into()))
    })
}

/// Only the syncs are measured, not the ten changes before each round.
pub(super) fn incremental(cell: &Cell<'_>) -> Result<Tally, Failure> {
    let subject = cell.subject;
    let mut connection = cell.connection();
    let mut token = newest_token(cell, &mut connection, "")?;
    let mut tally = Tally::default();
    for round in 0..ROUNDS {
        let from = round * 101;
        let changed: HashSet<usize> = (0..CHANGES).map(|k| (from + k * 7) % subject.data.events).collect();
        for n in &changed {
            let revision = subject.model.begin(*n);
            cell.aside(&mut connection, &subject.endpoint().replace(*n, revision), &[204])?;
            subject.model.acknowledge(*n, revision);
        }
        let request = subject.endpoint().sync(&token);
        let bounds = Bounds { time: cell.time / ROUNDS as u32, ..cell.bounds() };
        tally.add(run(subject, cell.connections, bounds, &|lane, _| {
            let answer = changes(subject, &changed, &lane.exchange(&request, 207)?)?;
            match answer.members.iter().filter(|member| !member.name.is_empty()).count() {
                CHANGES => Ok(()),
                other => Err(Failure::Wrong(format!("{other} changes instead of {CHANGES}"))),
            }
        }));
        token = newest_token(cell, &mut connection, &token)?;
    }
    Ok(tally)
}

/// The token of now, by a sync from `token`.
pub(super) fn newest_token(
    cell: &Cell<'_>,
    connection: &mut Connection,
    token: &str,
) -> Result<String, Failure> {
    let answer = cell.aside(connection, &cell.subject.endpoint().sync(token), &[207])?;
    let answer = crate::multistatus::Multistatus::parse(&answer.text())?;
    answer.sync_token.ok_or_else(|| Failure::Wrong("no sync token".into()))
}
