//! What a version and a token are made of.

use std::collections::BTreeMap;

use almanac_contract::{DeltaToken, RemoteVersion};
use serde::{Deserialize, Serialize};

use crate::wire::Event;

/// The state of an object: the entity tags of all that it is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Version {
    /// That of the event, or of the series' master; empty where only instances of it are known.
    #[serde(rename = "e")]
    pub(crate) etag: String,
    /// Those of the instances that were changed or cancelled, by id; `None` for a single event.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub(crate) instances: Option<BTreeMap<String, String>>,
    /// The kind of event, if it is one that we only read.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub(crate) only_read: Option<String>,
}

impl Version {
    pub(crate) fn of(master: Option<&Event>, members: &[&Event]) -> Self {
        let single = master.is_some_and(|master| !master.is_series()) && members.is_empty();
        let etags = members.iter().map(|member| (member.id.clone(), member.etag.clone()));
        let kind = master.or(members.first().copied()).and_then(|event| event.event_type.clone());
        Self {
            etag: master.map(|master| master.etag.clone()).unwrap_or_default(),
            instances: (!single).then(|| etags.collect()),
            only_read: kind.filter(|kind| kind != "default"),
        }
    }

    /// `None` for what we did not make.
    pub(crate) fn read(version: &RemoteVersion) -> Option<Self> {
        serde_json::from_str(&version.0).ok()
    }

    pub(crate) fn write(&self) -> RemoteVersion {
        RemoteVersion(serde_json::to_string(self).unwrap_or_default())
    }

    pub(crate) fn has_instances(&self) -> bool {
        self.instances.as_ref().is_some_and(|instances| !instances.is_empty())
    }
}

/// Google's token belongs to the parameters it was given for. Whoever changes those of [`crate::listing`] changes this.
const SHAPE: &str = "1";

/// Google's token, with the shape of the listing that it continues.
pub(crate) fn token(theirs: &str) -> DeltaToken {
    DeltaToken(format!("{SHAPE}:{theirs}"))
}

/// `None` if it was given for another listing.
pub(crate) fn theirs(token: &DeltaToken) -> Option<&str> {
    token.0.strip_prefix(SHAPE)?.strip_prefix(':').filter(|theirs| !theirs.is_empty())
}
