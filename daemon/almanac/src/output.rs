//! Outcomes on stdout: tables for people, JSON for programs.

mod vendors;

use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;

use crate::commands::Outcome;
use crate::commands::rows::{RootRow, StatusRow, VerifyRow};
use crate::commands::trash::TrashRows;
use crate::failure::Failure;
use vendors::{restored, runs};

/// For whom a list is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    People,
    Programs,
}

/// Whether somebody still reads what is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    There,
    /// It has had enough, as `head` has.
    Gone,
}

/// Writes to stdout. A reader that has had enough is no error.
///
/// # Errors
/// Stdout takes nothing, because its disk is full for example.
pub(crate) fn print(text: &[u8]) -> Result<(), Failure> {
    print_some(text).map(|_| ())
}

/// Writes to stdout a part of something that may have no end.
///
/// # Errors
/// As [`print()`].
pub(crate) fn print_some(text: &[u8]) -> Result<Reader, Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        Ok(()) => Ok(Reader::There),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Reader::Gone),
        Err(error) => {
            Err(Failure::failed(format!("cannot write to stdout: {error}"), "look at where it leads"))
        }
    }
}

/// The text of an outcome, with its line end; empty if there is nothing to say.
pub(crate) fn text(outcome: &Outcome, audience: Audience) -> String {
    let table = match outcome {
        Outcome::Done | Outcome::Exported => return String::new(),
        Outcome::Made(id) => return format!("{id}\n"),
        Outcome::Feed(new) => return format!("{}\n", new.path),
        Outcome::AppPassword(new) => return format!("{}\n", new.secret),
        Outcome::Imported(report) => {
            return format!(
                "created {}, replaced {}, unchanged {}, refused {}\n",
                report.created,
                report.replaced,
                report.unchanged,
                report.refused.len()
            );
        }
        Outcome::TenantMoved(row) if audience == Audience::People => {
            return format!(
                "complete: tenant {}, {} people, {} calendars, {} objects, {} in the trash\n",
                row.tenant, row.people, row.calendars, row.objects, row.trash
            );
        }
        Outcome::TenantMoved(row) => return json(row),
        Outcome::Trash(list) if audience == Audience::People => return trash(list),
        Outcome::Trash(list) => return json(list),
        Outcome::Restored(row) => {
            let renamed = if row.renamed { ", under another name, since its own is taken" } else { "" };
            return format!("restored: {} {}{renamed}\n", word(&row.kind), row.calendar);
        }
        Outcome::Answered { objects: 0 } => return "noted: 0, since nothing that waits is such\n".to_owned(),
        Outcome::Answered { objects } => return format!("noted: {objects}; a run follows\n"),
        Outcome::LostRestored(row) => return restored(row),
        Outcome::Runs(rows) if audience == Audience::People => return runs(rows),
        Outcome::Runs(rows) => return json(rows),
        Outcome::TakenBack { objects, mailing: 0 } => return format!("deleted at the vendor: {objects}\n"),
        Outcome::TakenBack { objects, mailing } => {
            return format!(
                "deleted at the vendor: {objects}; {mailing} stay there, since the vendor would mail their guests: delete them there\n"
            );
        }
        Outcome::Purged { entries } => return format!("removed for good: {entries}\n"),
        Outcome::BackedUp(row) => {
            return format!(
                "complete: {} rows, {} bytes, of the store {} as it was {}\n",
                row.rows, row.bytes, row.incarnation, row.made
            );
        }
        Outcome::Converted(row) => {
            return format!(
                "complete: {} rows, {} bytes; now set engine = \"{}\" in [store]\n",
                row.rows, row.bytes, row.engine
            );
        }
        Outcome::RootRotated(row) if audience == Audience::People => return root_rotated(row),
        Outcome::RootRotated(row) => return json(row),
        Outcome::Verified(row) if audience == Audience::People => return verified(row),
        Outcome::Verified(row) => return json(row),
        Outcome::Checked(row) if audience == Audience::Programs => return json(row),
        Outcome::Checked(row) => {
            let structure = if row.repaired { "was damaged and is repaired" } else { "is sound" };
            return format!(
                "the structure of the {} store {structure}\n{}",
                row.engine,
                verified(&row.records)
            );
        }
        Outcome::Compacted(row) if audience == Audience::Programs => return json(row),
        Outcome::Compacted(row) => {
            return format!("complete: {} bytes before, {} after\n", row.before, row.after);
        }
        Outcome::Status(row) if audience == Audience::People => return status(row),
        Outcome::Status(row) => return json(row),
        _ if audience == Audience::Programs => return list_json(outcome),
        list => rows(list),
    };
    columns(&table)
}

fn trash(list: &TrashRows) -> String {
    let named = list.entries.iter().any(|row| row.name.is_some());
    let heading = ["ID", "KIND", "CALENDAR", "DELETED", "UNTIL", "BYTES", "NAME", "LABEL"];
    let count = if named { heading.len() } else { heading.len() - 2 };
    let mut table = vec![heading.iter().take(count).map(|name| (*name).to_owned()).collect::<Vec<_>>()];
    table.extend(list.entries.iter().map(|row| {
        let mut cells = vec![
            row.id.clone(),
            word(&row.kind),
            row.calendar.clone(),
            row.deleted.clone(),
            row.until.clone(),
            row.bytes.to_string(),
        ];
        if named {
            cells.extend([&row.name, &row.label].map(|text| text.clone().unwrap_or_else(|| "-".to_owned())));
        }
        cells
    }));
    let more = if list.more { "there are older ones: name a person or a calendar\n" } else { "" };
    columns(&table) + more
}

fn verified(row: &VerifyRow) -> String {
    let mut text = format!("{} rows, {} bytes, {} damaged\n", row.rows, row.bytes, row.damaged);
    for damage in &row.damages {
        let space = damage.space.as_deref().unwrap_or("-");
        text.push_str(&format!("{} {space} {}: {}\n", damage.tenant, damage.key, damage.what));
    }
    text
}

fn root_rotated(row: &RootRow) -> String {
    let mut text = format!("complete: {} keys wrapped by the new root key\n", row.rewrapped);
    if let Some(kept) = &row.kept {
        text.push_str(&format!(
            "the root key before is in {kept}: backups made until now need it (--key-file); remove it with the last of \
             them\n"
        ));
    }
    if row.install {
        text.push_str(
            "put the new key into its place and restart the server: systemd-creds encrypt --name=almanac.root-key FILE \
             /etc/credstore.encrypted/almanac.root-key\nuntil the server runs with it, the key before opens the store too; \
             keep a copy of the new one elsewhere, then remove FILE\nbackups made until now need the key before \
             (--key-file): keep it until the last of them is gone\n",
        );
    }
    text
}

fn list_json(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Tenants(rows) => json(rows),
        Outcome::Users(rows) => json(rows),
        Outcome::AppPasswords(rows) => json(rows),
        Outcome::Calendars(rows) => json(rows),
        Outcome::Feeds(rows) => json(rows),
        Outcome::KeysRotated(rows) => json(rows),
        Outcome::Rekeyed(rows) => json(rows),
        Outcome::Accounts(rows) => json(rows),
        Outcome::Remotes(rows) => json(rows),
        Outcome::Links(rows) => json(rows),
        Outcome::Waiting(rows) => json(rows),
        Outcome::Lost(rows) => json(rows),
        _ => String::new(),
    }
}

pub(crate) fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string_pretty(value).map_or_else(|_| String::new(), |text| text + "\n")
}

fn heading(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn or_dash(text: Option<&str>) -> String {
    text.unwrap_or("-").to_owned()
}

/// The rows of a list as texts, the headings first.
fn rows(outcome: &Outcome) -> Vec<Vec<String>> {
    let mut table = Vec::new();
    match outcome {
        Outcome::Tenants(rows) => {
            table.push(heading(&["NAME", "USERS", "ID"]));
            table
                .extend(rows.iter().map(|row| vec![row.name.clone(), row.users.to_string(), row.id.clone()]));
        }
        Outcome::Rekeyed(rows) => {
            table.push(heading(&["TENANT", "PEOPLE", "CALENDARS", "OBJECTS", "TRASH"]));
            table.extend(rows.iter().map(|row| {
                let counts = [row.people, row.calendars, row.objects, row.trash];
                std::iter::once(row.tenant.clone()).chain(counts.map(|count| count.to_string())).collect()
            }));
        }
        Outcome::KeysRotated(rows) => {
            table.push(heading(&["TENANT", "KEY", "RESEALED", "REMOVED"]));
            table.extend(rows.iter().map(|row| {
                vec![
                    or_dash(row.tenant.as_deref()),
                    row.epoch.to_string(),
                    row.resealed.to_string(),
                    row.removed.to_string(),
                ]
            }));
        }
        Outcome::Users(rows) => {
            table.push(heading(&["LOGIN", "TENANT", "ROLE", "STATE", "NAME", "EMAIL"]));
            table.extend(rows.iter().map(|row| {
                let (role, state) = (word(&row.role), word(&row.state));
                vec![
                    row.login.clone(),
                    row.tenant.clone(),
                    role,
                    state,
                    row.display_name.clone(),
                    row.email.clone(),
                ]
            }));
        }
        Outcome::AppPasswords(rows) => {
            table.push(heading(&["LABEL", "CREATED", "LAST USED", "ID"]));
            table.extend(rows.iter().map(|row| {
                vec![
                    row.label.clone(),
                    row.created.clone(),
                    or_dash(row.last_used.as_deref()),
                    row.id.clone(),
                ]
            }));
        }
        Outcome::Feeds(rows) => {
            table.push(heading(&["OWNER", "CALENDAR", "SHOWS", "CREATED", "ID"]));
            table.extend(rows.iter().map(|row| {
                let (calendar, shows) = (or_dash(row.calendar.as_deref()), word(&row.privacy));
                vec![row.owner.clone(), calendar, shows, row.created.clone(), row.id.clone()]
            }));
        }
        Outcome::Calendars(rows) => {
            table.push(heading(&["CALENDAR", "OBJECTS", "HOLDS", "SHARED WITH", "NAME"]));
            table.extend(rows.iter().map(|row| {
                let shares: Vec<String> =
                    row.shares.iter().map(|share| format!("{}:{}", share.login, share.access)).collect();
                let shares = (!shares.is_empty()).then(|| shares.join(","));
                let holds = row.components.join(",");
                vec![
                    row.calendar.clone(),
                    row.objects.to_string(),
                    holds,
                    or_dash(shares.as_deref()),
                    or_dash(row.display_name.as_deref()),
                ]
            }));
        }
        _ => table = vendors::rows(outcome),
    }
    table
}

/// The word by which a choice is written on the command line.
pub(crate) fn word<T: Serialize>(choice: &T) -> String {
    serde_json::to_value(choice).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Without controls, which could move the cursor.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// An instant as people read it: without fractions of a second.
fn moment(text: &str) -> String {
    let second = text.parse::<Timestamp>().and_then(|at| Timestamp::from_second(at.as_second()));
    second.map_or_else(|_| text.to_owned(), |second| second.to_string())
}

/// Columns as wide as their widest cell, two blanks apart. Controls, which could move the cursor, are blanks.
pub(crate) fn columns(table: &[Vec<String>]) -> String {
    let count = table.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        table.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let mut text = String::new();
    for row in table {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&format!("{:width$}  ", clean(cell)));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn status(row: &StatusRow) -> String {
    let store = &row.store;
    let number = |value: Option<u64>| value.map(|value| value.to_string());
    let lines = [
        ("version", Some(row.version.clone())),
        ("state", Some(row.state.clone())),
        ("pid", row.pid.map(|pid| pid.to_string())),
        ("uptime", row.uptime_seconds.map(|seconds| format!("{seconds} s"))),
        ("http", Some(row.addresses.http.join(" "))),
        ("management", Some(row.addresses.management.join(" "))),
        ("store", Some(format!("{} ({})", store.path, store.engine))),
        ("bytes", number(store.bytes)),
        ("incarnation", store.incarnation.clone()),
        ("head", number(store.head)),
        ("tenants", number(store.tenants)),
        ("users", number(store.users)),
        ("collections", number(store.collections)),
    ];
    let known =
        lines.into_iter().filter_map(|(name, value)| Some((name, value.filter(|value| !value.is_empty())?)));
    let text: String = known.map(|(name, value)| format!("{name:12} {value}\n")).collect();
    if row.accounts.is_empty() { text } else { text + "\n" + &vendors::accounts(&row.accounts) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::rows::{NewAppPassword, TenantRow};

    #[test]
    fn a_list_is_a_table_for_people_and_an_array_for_programs() {
        let row = |name: &str, users| TenantRow {
            id: "ten_1".into(),
            name: name.into(),
            timezone: "UTC".into(),
            users,
        };
        let list = Outcome::Tenants(vec![row("riverside", 2), row("a\x1b[2J", 10)]);
        let expected = "NAME       USERS  ID\nriverside  2      ten_1\na [2J      10     ten_1\n";
        assert_eq!(text(&list, Audience::People), expected);
        let json: serde_json::Value = serde_json::from_str(&text(&list, Audience::Programs)).unwrap();
        assert_eq!(json[1]["users"], 10);
        assert_eq!(text(&Outcome::Tenants(Vec::new()), Audience::Programs), "[]\n");
    }

    #[test]
    fn a_new_app_password_is_printed_alone() {
        let new = NewAppPassword { id: "crd_1".into(), secret: "abcdefghijklmnopqrstuvwxyz".into() };
        assert_eq!(text(&Outcome::AppPassword(new), Audience::People), "abcdefghijklmnopqrstuvwxyz\n");
    }

    #[test]
    fn the_status_of_a_stopped_server_leaves_out_what_nobody_knows() {
        let row = StatusRow::stopped("/s", "redb");
        let people = text(&Outcome::Status(Box::new(row.clone())), Audience::People);
        assert!(people.contains("state        stopped\n") && !people.contains("uptime"), "{people}");
        let json: serde_json::Value =
            serde_json::from_str(&text(&Outcome::Status(Box::new(row)), Audience::Programs)).unwrap();
        assert_eq!(json["state"], "stopped");
        assert!(json["store"]["head"].is_null());
    }
}
