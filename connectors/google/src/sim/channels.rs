//! Channels, and the calls that Google would make through them. The test delivers these: late, twice or never.

use almanac_simulator::Reply;
use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::GoogleSim;
use super::reply::{Ask, not_found, ok, refusal};

/// An open channel.
#[derive(Debug, Clone)]
pub(super) struct Open {
    id: String,
    resource: String,
    calendar: String,
    address: String,
    token: Option<String>,
    until: Timestamp,
    messages: u64,
}

/// A call that Google makes: a POST without a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// Where.
    pub address: String,
    /// Header fields, names in lower case.
    pub headers: Vec<(String, String)>,
}

impl GoogleSim {
    /// The calls that were made since the last time somebody asked.
    pub fn take_hooks(&mut self) -> Vec<Hook> {
        std::mem::take(&mut self.hooks)
    }

    /// How many channels are open.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.channels.iter().filter(|channel| channel.until > self.now).count()
    }

    pub(super) fn watch(&mut self, ask: &Ask, at: &str) -> Reply {
        let text = |name: &str| ask.body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (id, address) = (text("id"), text("address"));
        let letters = id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_+/=".contains(&b));
        if text("type") != "web_hook" || id.is_empty() || id.len() > 64 || !letters {
            return refusal(400, "invalid");
        }
        if !address.starts_with("https://") {
            return refusal(400, "push.webhookUrlNotHttps");
        }
        if self.channels.iter().any(|channel| channel.id == id) {
            return refusal(400, "channelIdNotUnique");
        }
        let most = self.now.saturating_add(self.channel_life_max).unwrap_or(self.now);
        let asked = text("expiration").parse().ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
        let resource = format!("res{}", self.next());
        let token = Some(text("token")).filter(|token| !token.is_empty());
        let channel = Open {
            id: id.clone(),
            resource: resource.clone(),
            calendar: at.to_owned(),
            address,
            token,
            until: asked.map_or(most, |asked: Timestamp| asked.min(most)),
            messages: 0,
        };
        let body = json!({
            "kind": "api#channel",
            "id": id,
            "resourceId": resource,
            "resourceUri": uri(at),
            "token": channel.token,
            "expiration": channel.until.as_millisecond().to_string(),
        });
        self.channels.push(channel);
        if let Some(channel) = self.channels.last_mut() {
            self.hooks.push(call(channel, "sync"));
        }
        ok(&body)
    }

    pub(super) fn stop(&mut self, ask: &Ask) -> Reply {
        let text = |name: &str| ask.body.get(name).and_then(Value::as_str).unwrap_or_default();
        let before = self.channels.len();
        let (id, resource) = (text("id"), text("resourceId"));
        self.channels.retain(|channel| channel.id != id || channel.resource != resource);
        if self.channels.len() == before { not_found() } else { Reply::new(StatusCode::NO_CONTENT, "") }
    }

    /// Something in a calendar changed.
    pub(super) fn notify(&mut self, calendar: &str) {
        let now = self.now;
        let open =
            self.channels.iter_mut().filter(|channel| channel.calendar == calendar && channel.until > now);
        self.hooks.extend(open.map(|channel| call(channel, "exists")));
    }
}

fn uri(calendar: &str) -> String {
    format!("https://www.googleapis.com/calendar/v3/calendars/{calendar}/events?alt=json")
}

fn call(channel: &mut Open, state: &str) -> Hook {
    channel.messages += 1;
    let until = channel.until.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let mut headers = vec![
        ("x-goog-channel-id".to_owned(), channel.id.clone()),
        ("x-goog-channel-expiration".to_owned(), until),
        ("x-goog-message-number".to_owned(), channel.messages.to_string()),
        ("x-goog-resource-id".to_owned(), channel.resource.clone()),
        ("x-goog-resource-state".to_owned(), state.to_owned()),
        ("x-goog-resource-uri".to_owned(), uri(&channel.calendar)),
    ];
    headers.extend(channel.token.clone().map(|token| ("x-goog-channel-token".to_owned(), token)));
    Hook { address: channel.address.clone(), headers }
}
