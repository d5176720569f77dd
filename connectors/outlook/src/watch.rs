//! Subscriptions, and what Graph calls us with.

use almanac_base::Secret;
use almanac_contract::{
    CalendarId, Channel, ConnectorError, ErrorKind, HookRequest, Received, Signal, SignalKind, Watch,
};
use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::calls::{At, Call, Graph, segment};
use crate::config::Mailbox;
use crate::error::About;
use crate::limits::{HANDSHAKE_BYTES_MAX, NOTIFICATIONS_MAX, WATCH_MAX};
use crate::map::time;
use crate::wire::{Notification, Notifications, Subscription};

const WATCH: &str = "watch a calendar";
const RENEW: &str = "go on watching a calendar";
const UNWATCH: &str = "stop watching a calendar";

impl Graph {
    /// Opens a subscription. Graph's documentation refuses a second one for the same resource, so what is there is renewed.
    pub(crate) async fn watch(
        &self,
        calendar: &CalendarId,
        channel: &Channel,
    ) -> Result<Watch, ConnectorError> {
        let malformed = || ConnectorError::new(ErrorKind::Malformed, WATCH);
        let until = self.at_most(channel.until);
        // A name within JSON, not a URL: as it is.
        let mailbox = match &self.mailbox {
            Mailbox::SignedIn => "me".to_owned(),
            Mailbox::User(id) => format!("users/{id}"),
        };
        let resource = format!("{mailbox}/calendars/{}/events", calendar.0);
        let call = Call {
            method: Method::POST,
            at: At::Path("/subscriptions".to_owned()),
            route: "/subscriptions",
            operation: WATCH,
            about: About::Calendar,
            if_match: None,
            body: Some(json!({
                "changeType": "created,updated,deleted",
                "notificationUrl": channel.address,
                // It cannot be added later.
                "lifecycleNotificationUrl": channel.address,
                "resource": resource,
                "expirationDateTime": time::text(until),
                "clientState": channel.secret.expose(),
            })),
        };
        let made: Subscription = self.json(call).await?;
        let granted = made.expiration_date_time.as_deref().and_then(|text| text.parse::<Timestamp>().ok());
        if made.id.is_empty() {
            return Err(malformed());
        }
        Ok(Watch {
            channel: made.id,
            resource: made.resource.unwrap_or(resource),
            until: granted.ok_or_else(malformed)?,
        })
    }

    fn at_most(&self, until: Timestamp) -> Timestamp {
        let now = self.clock.now();
        until.min(now.saturating_add(WATCH_MAX).unwrap_or(now))
    }

    /// Renews a subscription, which also authorizes it anew; `None`: it is not there any more.
    pub(crate) async fn renew(
        &self,
        watch: &Watch,
        until: Timestamp,
    ) -> Result<Option<Watch>, ConnectorError> {
        let body = json!({ "expirationDateTime": time::text(self.at_most(until)) });
        let call = about(Method::PATCH, watch, RENEW, Some(body));
        let renewed: Subscription = match self.json(call).await {
            Ok(renewed) => renewed,
            Err(error) if error.kind == ErrorKind::Gone => return Ok(None),
            Err(error) => return Err(error),
        };
        let granted = renewed.expiration_date_time.as_deref().and_then(|text| text.parse().ok());
        let until = granted.ok_or_else(|| ConnectorError::new(ErrorKind::Malformed, RENEW))?;
        Ok(Some(Watch { until, ..watch.clone() }))
    }

    pub(crate) async fn unwatch(&self, watch: &Watch) -> Result<(), ConnectorError> {
        let call = about(Method::DELETE, watch, UNWATCH, None);
        match self.call(call).await {
            Err(error) if error.kind != ErrorKind::Gone => Err(error),
            _ => Ok(()),
        }
    }
}

/// A call about a subscription that is there.
fn about(method: Method, watch: &Watch, operation: &'static str, body: Option<Value>) -> Call<'static> {
    Call {
        method,
        at: At::Path(format!("/subscriptions/{}", segment(&watch.channel))),
        route: "/subscriptions/{subscription}",
        operation,
        about: About::Event,
        if_match: None,
        body,
    }
}

/// Reads a call of Graph.
pub(crate) fn receive(hook: &HookRequest<'_>) -> Received {
    if let Some((_, token)) = hook.query.iter().find(|(name, _)| name == "validationToken") {
        return if token.len() > HANDSHAKE_BYTES_MAX {
            Received::Unknown
        } else {
            Received::Handshake(token.clone())
        };
    }
    match serde_json::from_slice::<Notifications>(hook.body) {
        Ok(calls) if !calls.value.is_empty() => {
            let calls = calls.value.into_iter().take(NOTIFICATIONS_MAX);
            Received::Signals(calls.filter_map(signal).collect())
        }
        _ => Received::Unknown,
    }
}

/// A signal without a subscription or its secret concerns nobody.
fn signal(call: Notification) -> Option<Signal> {
    let kind = match call.lifecycle_event.as_deref() {
        None => SignalKind::Changed,
        Some("reauthorizationRequired") => SignalKind::Renew,
        Some("subscriptionRemoved") => SignalKind::Closed,
        Some(_) => SignalKind::Missed,
    };
    Some(Signal {
        channel: call.subscription_id?,
        secret: Secret::new(call.client_state?),
        // What it names is the event, and a deleted one is nobody's any more.
        resource: None,
        kind,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &[(&str, &str)], body: &str) -> Received {
        let query: Vec<(String, String)> =
            query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        receive(&HookRequest { headers: &[], query: &query, body: body.as_bytes() })
    }

    #[test]
    fn a_validation_is_answered_with_its_token() {
        let Received::Handshake(token) = read(&[("validationToken", "a b+c")], "") else { panic!() };
        assert_eq!(token, "a b+c");
        let long = "x".repeat(HANDSHAKE_BYTES_MAX + 1);
        assert!(matches!(read(&[("validationToken", &long)], ""), Received::Unknown));
    }

    #[test]
    fn each_notification_is_a_signal_of_its_kind() {
        let body = r#"{"value":[
            {"subscriptionId":"s","clientState":"c","changeType":"updated","resource":"me/events/x"},
            {"subscriptionId":"s","clientState":"c","lifecycleEvent":"reauthorizationRequired"},
            {"subscriptionId":"s","clientState":"c","lifecycleEvent":"subscriptionRemoved"},
            {"subscriptionId":"s","clientState":"c","lifecycleEvent":"missed"},
            {"subscriptionId":"s"},{"clientState":"c"}]}"#;
        let Received::Signals(signals) = read(&[], body) else { panic!() };
        let kinds: Vec<SignalKind> = signals.iter().map(|signal| signal.kind).collect();
        use SignalKind::{Changed, Closed, Missed, Renew};
        assert_eq!(kinds, [Changed, Renew, Closed, Missed]);
        assert!(signals.iter().all(|s| s.channel == "s" && s.secret.expose() == "c"));
    }

    #[test]
    fn what_is_no_call_of_graph_is_unknown() {
        for body in ["", "{}", "[]", "{\"value\":[]}", "{\"value\":3}", "\u{0}"] {
            assert!(matches!(read(&[], body), Received::Unknown), "{body}");
        }
    }
}
