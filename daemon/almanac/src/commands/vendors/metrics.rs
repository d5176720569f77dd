//! How accounts are, as the metrics show it: ids, words of a fixed set and numbers.

use jiff::Timestamp;

use super::rows::AccountStatusRow;
use super::status::account_status;
use crate::metrics::Family;
use crate::vendors::Vendors;

/// Every state that `almanac status` may tell.
const STATES: [&str; 9] =
    ["ok", "held", "degraded", "throttled", "detached", "needs-sign-in", "broken", "disabled", "unknown"];

/// How all accounts are; nothing if the store does not say.
pub(crate) async fn account_figures(vendors: &Vendors) -> Vec<Family> {
    let rows = account_status(vendors, vendors.now()).await.unwrap_or_default();
    families(&rows)
}

fn families(rows: &[AccountStatusRow]) -> Vec<Family> {
    let label = |row: &AccountStatusRow| format!("account=\"{}\"", row.id);
    let states = rows.iter().flat_map(|row| {
        STATES.map(|state| (format!("{},state=\"{state}\"", label(row)), u64::from(row.state == state)))
    });
    let family = |name, help, value: fn(&AccountStatusRow) -> Option<u64>| Family {
        name,
        help,
        gauges: rows.iter().filter_map(|row| Some((label(row), value(row)?))).collect(),
    };
    vec![
        Family {
            name: "almanac_account_state",
            help: "1 for the state that the account has.",
            gauges: states.collect(),
        },
        family("almanac_account_queue", "Objects that wait to be sent to the vendor.", |row| Some(row.queue)),
        family("almanac_account_held", "Objects that wait for a person.", |row| Some(row.held)),
        family("almanac_account_parked", "Objects that could not be sent or taken in.", |row| {
            Some(row.parked)
        }),
        family(
            "almanac_account_last_success_age_seconds",
            "Since a run came to its end; absent before the first.",
            |row| Some(u64::try_from(row.lag_seconds?).unwrap_or(0)),
        ),
        family(
            "almanac_account_token_expiry_timestamp_seconds",
            "When the access token ends; it is renewed by itself.",
            |row| seconds(row.token_expires.as_deref()),
        ),
        family(
            "almanac_account_sign_in_end_timestamp_seconds",
            "When a person has to sign in again, if the vendor says so beforehand.",
            |row| seconds(row.sign_in_ends.as_deref()),
        ),
        family(
            "almanac_account_channel_expiry_timestamp_seconds",
            "When the vendor stops calling; the channel is opened anew before.",
            |row| seconds(row.channel_expires.as_deref()),
        ),
        family(
            "almanac_account_last_call_timestamp_seconds",
            "When the vendor last called; absent before that, and after it should have called and did not.",
            |row| seconds(row.last_call.as_deref()),
        ),
    ]
}

fn seconds(at: Option<&str>) -> Option<u64> {
    u64::try_from(at?.parse::<Timestamp>().ok()?.as_second()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_shows_its_id_and_state_and_never_its_name() {
        let row = AccountStatusRow {
            name: "of Erika".to_owned(),
            id: "acc_1".to_owned(),
            kind: "google".to_owned(),
            tenant: "praxis-nord".to_owned(),
            state: "held".to_owned(),
            error: None,
            remedy: None,
            throttled_until: None,
            last_success: None,
            lag_seconds: Some(7),
            links: 1,
            queue: 2,
            oldest_pending: None,
            held: 3,
            parked: 4,
            drift: None,
            token_expires: Some("1970-01-01T00:01:00Z".to_owned()),
            sign_in_ends: None,
            channel_expires: None,
            last_call: None,
        };
        let families = families(&[row]);
        let shown = |name: &str| {
            let family = families.iter().find(|family| family.name == format!("almanac_account_{name}"));
            family.unwrap().gauges.clone()
        };
        let one = |value| vec![("account=\"acc_1\"".to_owned(), value)];
        assert_eq!(shown("queue"), one(2));
        assert_eq!((shown("held"), shown("parked")), (one(3), one(4)));
        assert_eq!(shown("last_success_age_seconds"), one(7));
        assert_eq!(shown("token_expiry_timestamp_seconds"), one(60));
        assert_eq!(shown("channel_expiry_timestamp_seconds"), []);
        let states = shown("state");
        let has: Vec<_> = states.iter().filter(|(_, value)| *value == 1).collect();
        assert_eq!((states.len(), has), (9, vec![&("account=\"acc_1\",state=\"held\"".to_owned(), 1)]));
        assert!(!format!("{families:?}").contains("Erika") && !format!("{families:?}").contains("praxis"));
    }
}
