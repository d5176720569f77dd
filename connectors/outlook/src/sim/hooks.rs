//! Subscriptions, and the calls that they lead to. Tests deliver these themselves: late, twice or never.

use almanac_simulator::{Exchange, Reply};
use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Graph, failure, reply};

/// A call that Graph would make.
#[derive(Debug, Clone)]
pub struct Hook {
    /// Where to.
    pub url: String,
    /// With this body.
    pub body: Value,
}

#[derive(Debug, Clone)]
pub(super) struct Subscription {
    resource: String,
    url: String,
    lifecycle_url: Option<String>,
    state: String,
    until: Timestamp,
}

impl Graph {
    pub(super) fn subscriptions(&mut self, request: &Exchange, id: Option<&str>) -> Reply {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        match (&request.method, id) {
            (&Method::POST, None) => self.subscribe(&body),
            (&Method::DELETE, Some(id)) => match self.subscribed.remove(id) {
                Some(_) => Reply::new(http::StatusCode::NO_CONTENT, ""),
                None => failure(404, "ResourceNotFound"),
            },
            _ => failure(405, "Request_BadRequest"),
        }
    }

    fn subscribe(&mut self, body: &Value) -> Reply {
        let text = |name: &str| body[name].as_str().map(str::to_owned);
        let (Some(url), Some(resource), Some(until)) = (
            text("notificationUrl"),
            text("resource"),
            text("expirationDateTime").and_then(|text| text.parse::<Timestamp>().ok()),
        ) else {
            return failure(400, "ValidationError");
        };
        let calendar = calendar_of(&resource);
        if !calendar.is_some_and(|calendar| self.calendars.contains_key(&calendar)) {
            return failure(404, "ErrorItemNotFound");
        }
        let state = text("clientState").unwrap_or_default();
        if state.len() > 128
            || !url.starts_with("https://")
            || until.duration_since(self.now) > self.watch_max()
        {
            return failure(400, "ValidationError");
        }
        let until =
            self.grants.and_then(|grant| self.now.saturating_add(grant).ok()).map_or(until, |g| g.min(until));
        let number = self.next();
        let id = format!("sub-{number}");
        let lifecycle_url = text("lifecycleNotificationUrl");
        let answer = json!({
            "id": id, "resource": resource, "changeType": body["changeType"], "notificationUrl": url,
            "clientState": state, "expirationDateTime": until.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        });
        self.subscribed.insert(id, Subscription { resource, url, lifecycle_url, state, until });
        reply(201, &answer)
    }

    fn watch_max(&self) -> SignedDuration {
        SignedDuration::from_mins(10_080)
    }

    /// Calls all who watch a calendar.
    pub(super) fn notify(&mut self, calendar: &str, id: &str, kind: &str) {
        let now = self.now;
        for (name, subscription) in self.subscribed.iter().filter(|(_, s)| s.until > now) {
            if calendar_of(&subscription.resource).as_deref() == Some(calendar) {
                let body = json!({ "value": [{
                    "subscriptionId": name, "clientState": subscription.state, "changeType": kind,
                    "subscriptionExpirationDateTime": subscription.until.to_string(),
                    "resource": format!("Users/u/Events/{id}"),
                    "resourceData": { "@odata.type": "#Microsoft.Graph.Event", "id": id },
                }] });
                self.hooks.push(Hook { url: subscription.url.clone(), body });
            }
        }
    }

    /// Calls all subscribers with a lifecycle event: `missed`, `subscriptionRemoved`, `reauthorizationRequired`.
    pub fn lifecycle(&mut self, event: &str) {
        for (name, subscription) in &self.subscribed {
            let Some(url) = &subscription.lifecycle_url else { continue };
            let body = json!({ "value": [{
                "subscriptionId": name, "clientState": subscription.state, "lifecycleEvent": event,
            }] });
            self.hooks.push(Hook { url: url.clone(), body });
        }
        if event == "subscriptionRemoved" {
            self.subscribed.clear();
        }
    }

    /// The calls that were to be made since the last look.
    pub fn take_hooks(&mut self) -> Vec<Hook> {
        std::mem::take(&mut self.hooks)
    }

    /// How many subscriptions there are.
    #[must_use]
    pub fn watchers(&self) -> usize {
        self.subscribed.len()
    }
}

/// `me/calendars/{id}/events`
fn calendar_of(resource: &str) -> Option<String> {
    let mut segments = resource.trim_matches('/').split('/').rev();
    segments.next().filter(|last| *last == "events")?;
    segments.next().map(str::to_owned)
}
