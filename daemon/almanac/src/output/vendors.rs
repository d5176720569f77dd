//! Accounts, links and their runs as tables.

use super::{clean, columns, heading, moment, or_dash};
use crate::commands::Outcome;
use crate::commands::vendors::rows::{AccountStatusRow, CountsRow, LostRow, RunRows};

/// The rows of a list about accounts and links; empty if it is another list.
pub(super) fn rows(outcome: &Outcome) -> Vec<Vec<String>> {
    match outcome {
        Outcome::Accounts(rows) => {
            let mut table = vec![heading(&["NAME", "KIND", "TENANT", "STATE", "ID"])];
            table.extend(rows.iter().map(|row| {
                let state = if row.enabled { "enabled" } else { "disabled" };
                vec![row.name.clone(), row.kind.clone(), row.tenant.clone(), state.to_owned(), row.id.clone()]
            }));
            table
        }
        Outcome::Remotes(rows) => {
            let mut table = vec![heading(&["NAME", "ACCESS", "ID"])];
            table.extend(rows.iter().map(|row| vec![row.name.clone(), row.access.clone(), row.id.clone()]));
            table
        }
        Outcome::Links(rows) => {
            let mut table = vec![heading(&[
                "ACCOUNT",
                "REMOTE",
                "CALENDAR",
                "MODE",
                "PRIVACY",
                "CONFLICTS",
                "STATE",
                "ID",
            ])];
            table.extend(rows.iter().map(|row| {
                let state = match &row.reason {
                    Some(reason) => format!("{}: {reason}", row.state),
                    None => row.state.clone(),
                };
                vec![
                    row.account.clone(),
                    row.remote.clone(),
                    or_dash(row.calendar.as_deref()),
                    row.mode.clone(),
                    row.privacy.clone(),
                    row.conflicts.clone(),
                    state,
                    row.id.clone(),
                ]
            }));
            table
        }
        Outcome::Waiting(rows) => {
            let named = rows.iter().any(|row| row.name.is_some());
            let names = ["REF", "ACCOUNT", "WHY", "SINCE", "LINK", "NAME"];
            let mut table = vec![heading(names.get(..if named { 6 } else { 5 }).unwrap_or_default())];
            table.extend(rows.iter().map(|row| {
                let mut cells = vec![
                    row.reference.clone(),
                    row.account.clone(),
                    row.why.clone(),
                    or_dash(row.since.as_deref().map(moment).as_deref()),
                    row.link.clone(),
                ];
                if named {
                    cells.push(or_dash(row.name.as_deref()));
                }
                cells
            }));
            table
        }
        Outcome::Lost(rows) => {
            let named = rows.iter().any(|row| row.name.is_some());
            let names = ["ID", "WHEN", "LOST", "WHAT", "LINK", "NAME"];
            let mut table = vec![heading(names.get(..if named { 6 } else { 5 }).unwrap_or_default())];
            table.extend(rows.iter().map(|row| {
                let what = if row.deleted { "deletion".to_owned() } else { row.fields.join(", ") };
                let cells = [row.id.clone(), moment(&row.at), row.loser.clone(), what, row.link.clone()];
                cells.into_iter().chain(row.name.clone()).collect()
            }));
            table
        }
        _ => Vec::new(),
    }
}

/// What runs came to, or would.
pub(super) fn runs(rows: &RunRows) -> String {
    let mut text = String::new();
    if rows.links.is_empty() {
        text.push_str(&match rows.paused {
            0 => "no link is active: see `almanac link list` and `almanac account list`\n".to_owned(),
            1 => "1 link is paused: see `almanac link list`\n".to_owned(),
            paused => format!("{paused} links are paused: see `almanac link list`\n"),
        });
    }
    for row in &rows.links {
        let calendar = row.calendar.as_deref().unwrap_or("(deleted)");
        text.push_str(&format!("{} {calendar} ({})\n", row.account, row.link));
        for (side, counts) in [("here", &row.here), ("there", &row.there)] {
            let CountsRow { created, updated, deleted } = counts;
            text.push_str(&format!("  {side:5}  created {created}, updated {updated}, deleted {deleted}\n"));
        }
        for (count, what) in [
            (row.mails, "people whom the vendor mails"),
            (row.matched, "taken for the same on both sides"),
            (row.mirrors, "there that another calendar here wrote, left alone"),
            (row.lost, "changes that lost, see `almanac sync history`"),
            (row.held.max(row.held_in_all), "held, see `almanac sync held`"),
            (row.parked.max(row.parked_in_all), "parked, see `almanac sync parked`"),
            (row.waiting, "waiting to be sent"),
        ] {
            if count > 0 {
                text.push_str(&format!("  {count} {what}\n"));
            }
        }
        if let Some(error) = &row.error {
            text.push_str(&format!("  failed: {}\n", clean(error)));
        }
        if let Some(remedy) = &row.remedy {
            text.push_str(&format!("  remedy: {}\n", clean(remedy)));
        }
    }
    if rows.plan && !rows.links.is_empty() {
        text.push_str("nothing was changed: this is what a run would do\n");
    }
    text
}

/// What an object has again that had lost it.
pub(super) fn restored(row: &LostRow) -> String {
    let whose = if row.loser == "store" { "the version from here" } else { "the vendor's version" };
    let (at, fields) = (moment(&row.at), row.fields.join(", "));
    format!("restored: {whose} that lost at {at} ({fields}); a run follows\n")
}

/// The accounts of a status, and below them what is wrong with which and what to do.
pub(super) fn accounts(rows: &[AccountStatusRow]) -> String {
    let mut text = columns(&account_table(rows));
    for row in rows.iter().filter(|row| row.error.is_some() || row.remedy.is_some()) {
        let error = row.error.as_deref().unwrap_or(&row.state);
        text.push_str(&format!("{}: {}\n", clean(&row.name), clean(error)));
        if let Some(remedy) = &row.remedy {
            text.push_str(&format!("  remedy: {}\n", clean(remedy)));
        }
    }
    text
}

fn account_table(rows: &[AccountStatusRow]) -> Vec<Vec<String>> {
    let mut table = vec![heading(&["ACCOUNT", "STATE", "LAST SUCCESS", "QUEUE", "HELD", "PARKED"])];
    table.extend(rows.iter().map(|row| {
        let state = match &row.throttled_until {
            Some(until) => format!("{} until {}", row.state, moment(until)),
            None => row.state.clone(),
        };
        vec![
            row.name.clone(),
            state,
            or_dash(row.last_success.as_deref().map(moment).as_deref()),
            row.queue.to_string(),
            row.held.to_string(),
            row.parked.to_string(),
        ]
    }));
    table
}
