//! A listing of everything: single events at once, series at its end.
//!
//! The changed instances of a series stand anywhere in the listing, so what a series says is known at the end only, and to
//! read each one would be a request for each. Most have no changed instances, and of these the master is all there is.
//! So the first pass tells what is single and notes which series have instances of their own; if more have none than the
//! listing has pages, a second pass tells those, and only the others are left to be read one by one.
//!
//! What is changed between the passes is told with the token, which is the first pass's.

use std::collections::BTreeSet;
use std::mem;

use almanac_contract::{ChangePage, Changed, Coverage, DeltaToken, Next, PageToken, RemoteId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::limits::SERIES_NOTED_MAX;
use crate::listing::{Line, line, touched};
use crate::series::Whole;

/// Where a listing of everything stands. Its text is the page token.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Stand {
    /// Google's page token; `None` at the beginning of a pass.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub(crate) page: Option<String>,
    /// How many pages the first pass had so far.
    #[serde(rename = "n", default)]
    pages: usize,
    /// Series that are still to be told.
    #[serde(rename = "s", default)]
    series: BTreeSet<String>,
    /// Those that have instances of their own.
    #[serde(rename = "m", default)]
    members: BTreeSet<String>,
    /// There are more than can be noted: each is told where it stands, to be read.
    #[serde(rename = "o", default)]
    over: bool,
    /// The token of the first pass, in the second.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

impl Stand {
    /// `None` for a token that we did not make.
    pub(crate) fn read(page: Option<&PageToken>) -> Option<Self> {
        page.map_or(Some(Self::default()), |page| serde_json::from_str(&page.0).ok())
    }

    fn next(self) -> Next {
        Next::Page(PageToken(serde_json::to_string(&self).unwrap_or_default()))
    }

    /// What a page tells; `None` if something on it cannot even be named.
    pub(crate) fn tell(self, items: Vec<Value>, next: Result<String, DeltaToken>) -> Option<ChangePage> {
        let (changes, next) = match self.token {
            Some(_) => self.second(items, next)?,
            None => self.first(items, next)?,
        };
        Some(ChangePage { changes, coverage: Coverage::Everything, next })
    }

    fn first(mut self, items: Vec<Value>, next: Result<String, DeltaToken>) -> Option<(Vec<Changed>, Next)> {
        let mut told = Vec::new();
        self.pages = self.pages.saturating_add(1);
        for item in items {
            match line(item)? {
                Line::Told(changed) => told.push(changed),
                Line::Series(event) => {
                    self.series.insert(event.id);
                }
                Line::Member(series) => {
                    self.members.insert(series);
                }
            }
        }
        self.over |= self.series.len() + self.members.len() > SERIES_NOTED_MAX;
        if self.over {
            told.extend(touched(mem::take(&mut self.series)));
            told.extend(touched(mem::take(&mut self.members)));
        }
        let token = match next {
            Ok(page) => return Some((told, Self { page: Some(page), ..self }.next())),
            Err(token) => token,
        };
        let members = mem::take(&mut self.members);
        let mut alone: BTreeSet<String> = self.series.difference(&members).cloned().collect();
        told.extend(touched(members));
        if alone.len() <= self.pages {
            told.extend(touched(mem::take(&mut alone)));
            return Some((told, Next::Done(token)));
        }
        let second = Self { series: alone, token: Some(token.0), ..Self::default() };
        Some((told, second.next()))
    }

    /// Tells the series that have no instances of their own, as they are now; also those that are single events by now.
    fn second(self, items: Vec<Value>, next: Result<String, DeltaToken>) -> Option<(Vec<Changed>, Next)> {
        let mut told = Vec::new();
        for item in items {
            let id = item.get("id").and_then(Value::as_str)?;
            if !self.series.contains(id) {
                continue;
            }
            match line(item)? {
                Line::Told(changed) => told.push(changed),
                Line::Series(event) => {
                    let id = RemoteId(event.id.clone());
                    told.push(Whole::single(*event).changed(id));
                }
                Line::Member(_) => {}
            }
        }
        let next = match (next, self.token) {
            (Ok(page), token) => {
                Self { page: Some(page), series: self.series, token, ..Self::default() }.next()
            }
            (Err(_), Some(token)) => Next::Done(DeltaToken(token)),
            (Err(token), None) => Next::Done(token),
        };
        Some((told, next))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn more_series_than_can_be_noted_are_told_where_they_stand() {
        let page = |from: usize, to: usize| -> Vec<Value> {
            (from..to).map(|n| json!({ "id": format!("s{n}"), "recurrence": ["RRULE:FREQ=DAILY"] })).collect()
        };
        let told = Stand::default().tell(page(0, 10), Ok("next".into())).unwrap();
        assert!(told.changes.is_empty());
        let Next::Page(next) = told.next else { panic!("it is at its end") };
        let told = Stand::read(Some(&next)).unwrap().tell(page(10, SERIES_NOTED_MAX + 10), Ok("next".into()));
        let told = told.unwrap();
        assert_eq!(told.changes.len(), SERIES_NOTED_MAX + 10);
        let Next::Page(next) = told.next else { panic!("it is at its end") };
        assert!(next.0.len() < 100, "and are forgotten");
        let told =
            Stand::read(Some(&next)).unwrap().tell(page(0, 3), Err(DeltaToken("later".into()))).unwrap();
        assert_eq!((told.changes.len(), told.next), (3, Next::Done(DeltaToken("later".into()))));
    }
}
