//! Accounts at vendors, as the running daemon tells of them. Names and commands only: what is in a calendar, and where it
//! is, is nobody's business here.

use super::{Finding, Subject};
use crate::commands::vendors::remedy::passes_by_itself;
use crate::commands::vendors::rows::AccountStatusRow;

pub(super) fn findings(subject: &Subject) -> Vec<Finding> {
    // Without the daemon nobody knows how runs fare.
    if subject.runs() { vec![judge(&subject.status.accounts)] } else { Vec::new() }
}

fn judge(rows: &[AccountStatusRow]) -> Finding {
    const NAME: &str = "accounts";
    let (unwell, well): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row.remedy.is_some());
    let (waiting, unwell): (Vec<_>, Vec<_>) =
        unwell.into_iter().partition(|row| row.remedy.as_deref().is_some_and(passes_by_itself));
    let mut seen = match well.len() {
        1 => "1 account is well".to_owned(),
        count => format!("{count} accounts are well"),
    };
    if !waiting.is_empty() {
        seen.push_str(&format!(", {} waiting for the vendor", waiting.len()));
    }
    if unwell.is_empty() {
        return Finding::ok(NAME, seen);
    }
    let states: Vec<_> = unwell.iter().map(|row| format!("{} is {}", row.name, row.state)).collect();
    let remedies: Vec<_> = unwell
        .iter()
        .map(|row| format!("{}: {}", row.name, row.remedy.as_deref().unwrap_or_default()))
        .collect();
    Finding::warning(NAME, format!("{}; {seen}", states.join(", ")), remedies.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    fn account(name: &str, state: &str, remedy: Option<&str>) -> AccountStatusRow {
        AccountStatusRow {
            name: name.to_owned(),
            state: state.to_owned(),
            error: remedy.map(|_| "https://canary.test/ is not there".to_owned()),
            remedy: remedy.map(str::to_owned),
            ..AccountStatusRow::default()
        }
    }

    #[test]
    fn an_account_that_needs_a_person_is_named_with_its_remedy_and_nothing_else_of_it() {
        let ok = account("one", "ok", None);
        let waits = account("two", "throttled", Some("nothing is to be done: it goes on by itself"));
        let unwell = account("three", "needs-sign-in", Some("`almanac account sign-in three`"));
        for (rows, level, seen) in [
            (vec![], Level::Ok, "0 accounts are well"),
            (vec![ok.clone()], Level::Ok, "1 account is well"),
            (vec![ok.clone(), waits.clone()], Level::Ok, "1 account is well, 1 waiting for the vendor"),
            (vec![ok.clone(), ok, unwell], Level::Warning, "three is needs-sign-in; 2 accounts are well"),
        ] {
            let finding = judge(&rows);
            assert_eq!((finding.level, finding.seen.as_str()), (level, seen));
            let remedy = (level != Level::Ok).then(|| "three: `almanac account sign-in three`".to_owned());
            assert_eq!(finding.remedy, remedy);
        }
    }
}
