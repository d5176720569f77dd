//! Channels: Google calls when something in a calendar changed. It says neither what nor by whom.

use almanac_base::Secret;
use almanac_contract::{
    CalendarId, Channel, ConnectorError, ErrorKind, HookRequest, Reason, Received, Signal, SignalKind, Watch,
};
use http::Method;
use jiff::Timestamp;
use serde_json::json;

use crate::answers::About;
use crate::calls::{Call, Calls};
use crate::limits::CHANNEL_CHARS_MAX;
use crate::wire::OpenChannel;

impl Calls {
    pub(crate) async fn watch(
        &self,
        calendar: &CalendarId,
        channel: &Channel,
    ) -> Result<Watch, ConnectorError> {
        let operation = "open a channel";
        if channel.id.chars().count() > CHANNEL_CHARS_MAX {
            let reason = Reason("the name of the channel is longer than Google takes");
            return Err(ConnectorError::new(ErrorKind::Refused(reason), operation));
        }
        let path = vec!["calendars", &calendar.0, "events", "watch"];
        let route = "/calendars/{calendar}/events/watch";
        let mut call = Call::new(operation, About::Calendar, Method::POST, route, path);
        call.body = Some(json!({
            "id": channel.id,
            "type": "web_hook",
            "address": channel.address,
            "token": channel.secret.expose(),
            "expiration": channel.until.as_millisecond().to_string(),
        }));
        let open: OpenChannel = self.read(&call).await?;
        let until = open.expiration.and_then(|until| until.parse().ok());
        let until = until.and_then(|until| Timestamp::from_millisecond(until).ok());
        if open.resource_id.is_empty() || open.id != channel.id {
            return Err(ConnectorError::new(ErrorKind::Malformed, operation));
        }
        // One without an end is renewed when we would have liked it to end.
        Ok(Watch { channel: open.id, resource: open.resource_id, until: until.unwrap_or(channel.until) })
    }

    pub(crate) async fn unwatch(&self, watch: &Watch) -> Result<(), ConnectorError> {
        let path = vec!["channels", "stop"];
        let mut call = Call::new("close a channel", About::Channel, Method::POST, "/channels/stop", path);
        call.body = Some(json!({ "id": watch.channel, "resourceId": watch.resource }));
        match self.done(&call).await {
            Err(error) if error.kind != ErrorKind::Gone => Err(error),
            _ => Ok(()),
        }
    }
}

/// Reads a call of Google's. There is no body; all is in header fields.
pub(crate) fn receive(hook: &HookRequest<'_>) -> Received {
    let (Some(channel), Some(state)) =
        (hook.header("x-goog-channel-id"), hook.header("x-goog-resource-state"))
    else {
        return Received::Unknown;
    };
    let kind = match state {
        "sync" => SignalKind::Opened,
        // The calendar is not there any more: the next listing says so.
        "exists" | "not_exists" => SignalKind::Changed,
        _ => return Received::Unknown,
    };
    Received::Signals(vec![Signal {
        channel: channel.to_owned(),
        secret: Secret::new(hook.header("x-goog-channel-token").unwrap_or_default().to_owned()),
        resource: hook.header("x-goog-resource-id").map(str::to_owned),
        kind,
    }])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pitfall_99_a_call_is_read_by_the_states_that_google_documents() {
        let kind = |state: &str| {
            let headers = [
                ("x-goog-channel-id".to_owned(), "c1".to_owned()),
                ("x-goog-channel-token".to_owned(), "s3cret".to_owned()),
                ("x-goog-resource-id".to_owned(), "r1".to_owned()),
                ("x-goog-resource-state".to_owned(), state.to_owned()),
            ];
            match receive(&HookRequest { headers: &headers, query: &[], body: b"" }) {
                Received::Signals(signals) => {
                    let [signal] = signals.as_slice() else { panic!("{}", signals.len()) };
                    assert_eq!((signal.channel.as_str(), signal.secret.expose()), ("c1", "s3cret"));
                    assert_eq!(signal.resource.as_deref(), Some("r1"));
                    Some(signal.kind)
                }
                _ => None,
            }
        };
        assert_eq!(kind("sync"), Some(SignalKind::Opened));
        assert_eq!(kind("exists"), Some(SignalKind::Changed));
        assert_eq!(kind("not_exists"), Some(SignalKind::Changed));
        assert_eq!(kind("add"), None);
        assert!(matches!(receive(&HookRequest { headers: &[], query: &[], body: b"{}" }), Received::Unknown));
    }
}
