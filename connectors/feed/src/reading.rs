//! One reading of a feed: its text, and what each object is called.

use std::collections::HashMap;

use almanac_contract::{Changed, Reason, RemoteId};
use bytes::Bytes;

use crate::limits::{PAGE_OBJECTS, TURN_OBJECTS};
use crate::map::{self, Entry, Fact, Rule, hex, shorten};
use crate::token::Sketch;
use crate::wire::{self, Broken, Feed};

/// One reading. It holds the text and little for each object; forms are made a page at a time.
pub(crate) struct Reading {
    feed: Feed,
    facts: Vec<Fact>,
    mark: String,
}

impl Reading {
    /// Reads a text. Others get the thread now and then: a feed can be large.
    pub(crate) async fn new(text: Bytes) -> Result<Self, Broken> {
        let mark = hex(&shorten(&text));
        let feed = wire::read(text)?;
        let mut facts = Vec::with_capacity(feed.groups.len());
        for groups in feed.groups.chunks(TURN_OBJECTS) {
            facts.extend(groups.iter().map(|group| map::fact(&feed, group)));
            tokio::task::yield_now().await;
        }
        Ok(Self { feed, facts, mark })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.facts.is_empty()
    }

    /// What tells this text from others.
    pub(crate) fn mark(&self) -> &str {
        &self.mark
    }

    /// The name that the feed gives itself.
    pub(crate) fn name(&self) -> Option<String> {
        self.feed.name.clone()
    }

    /// By what it is recognised.
    pub(crate) fn sketch(&self) -> Sketch {
        Sketch::of(&self.facts)
    }

    /// What all objects are called, in their order.
    pub(crate) fn entries(&self, rule: Rule) -> Vec<Entry> {
        map::entries(&self.facts, rule)
    }

    /// A hash of what all objects are called and say.
    pub(crate) fn state(&self, entries: &[Entry]) -> String {
        let mut lines: Vec<String> = entries
            .iter()
            .zip(&self.facts)
            .map(|(entry, fact)| match &fact.said {
                Ok(version) => format!("{} {}\n", entry.id.0, hex(version)),
                Err(reason) => format!("{} {}\n", entry.id.0, reason.0),
            })
            .collect();
        lines.sort_unstable();
        hex(&shorten(lines.concat().as_bytes()))
    }

    /// Whether there are objects of which it cannot be told which they are, so that one that is absent may be there.
    pub(crate) fn hides_some(&self, rule: Rule) -> bool {
        self.facts.iter().any(|fact| map::is_anybody(fact, rule))
    }

    /// The objects from one on, and where the next page begins.
    pub(crate) async fn page(&self, entries: &[Entry], from: usize) -> (Vec<Changed>, Option<usize>) {
        let end = from.saturating_add(PAGE_OBJECTS).min(entries.len());
        let mut changes = Vec::new();
        for at in from..end {
            if let Some(entry) = entries.get(at) {
                changes.push(self.line(at, entry));
            }
            if at % TURN_OBJECTS == 0 {
                tokio::task::yield_now().await;
            }
        }
        (changes, (end < entries.len()).then_some(end))
    }

    /// How these objects are, each under the rule that it was named by.
    pub(crate) async fn find(&self, ids: &[RemoteId]) -> Vec<Changed> {
        let mut lines = Vec::with_capacity(ids.len());
        for rule in [Rule::Uid, Rule::Content] {
            let wanted: Vec<&RemoteId> = ids.iter().filter(|id| map::rule_of(id) == rule).collect();
            if wanted.is_empty() {
                continue;
            }
            let entries = map::entries(&self.facts, rule);
            let places: HashMap<&RemoteId, usize> =
                entries.iter().enumerate().map(|(at, entry)| (&entry.id, at)).collect();
            for (n, id) in wanted.into_iter().enumerate() {
                lines.push(match places.get(id).and_then(|at| Some((*at, entries.get(*at)?))) {
                    Some((at, entry)) => self.line(at, entry),
                    None if self.hides_some(rule) => {
                        Changed::Unreadable(id.clone(), Reason("it may be an object that cannot be read"))
                    }
                    None => Changed::Gone(id.clone()),
                });
                if n % TURN_OBJECTS == 0 {
                    tokio::task::yield_now().await;
                }
            }
        }
        lines
    }

    fn line(&self, at: usize, entry: &Entry) -> Changed {
        let Some(group) = self.feed.groups.get(at) else { return Changed::Gone(entry.id.clone()) };
        match map::form(&self.feed, group) {
            Ok(form) => Changed::Now(Box::new(map::object(form, entry))),
            Err(reason) => Changed::Unreadable(entry.id.clone(), reason),
        }
    }
}
