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
    change_type: String,
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
            (&Method::PATCH, Some(id)) => self.prolong(id, &body),
            _ => failure(405, "Request_BadRequest"),
        }
    }

    fn prolong(&mut self, id: &str, body: &Value) -> Reply {
        let now = self.now;
        let wanted = body["expirationDateTime"].as_str().and_then(|text| text.parse::<Timestamp>().ok());
        let granted = self.grants.and_then(|grant| now.saturating_add(grant).ok());
        let known = self.subscribed.get_mut(id).filter(|subscription| subscription.until > now);
        let (Some(wanted), Some(subscription)) = (wanted, known) else {
            return failure(404, "ResourceNotFound");
        };
        subscription.until = granted.map_or(wanted, |granted| granted.min(wanted));
        reply(200, &shown(id, subscription))
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
        let now = self.now;
        // "Duplicate subscriptions are not allowed."
        if self.subscribed.values().any(|other| other.resource == resource && other.until > now) {
            return failure(409, "InvalidRequest");
        }
        let change_type = text("changeType").unwrap_or_default();
        let subscription = Subscription { resource, change_type, url, lifecycle_url, state, until };
        let answer = shown(&id, &subscription);
        self.subscribed.insert(id, subscription);
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

/// A subscription as it is answered.
fn shown(id: &str, subscription: &Subscription) -> Value {
    json!({
        "id": id, "resource": subscription.resource, "changeType": subscription.change_type,
        "notificationUrl": subscription.url, "clientState": subscription.state,
        "expirationDateTime": subscription.until.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    })
}

/// `me/calendars/{id}/events`
fn calendar_of(resource: &str) -> Option<String> {
    let mut segments = resource.trim_matches('/').split('/').rev();
    segments.next().filter(|last| *last == "events")?;
    segments.next().map(str::to_owned)
}
