//! The connector's requests and the simulator's answers, against what Microsoft's own package says of Graph
//! (`tests/contract/graph.json`).

use almanac_base::Secret;
use almanac_contract::{Channel, Connector as _};
use almanac_outlook::sim::CALENDAR;
use almanac_simulator::{Exchange, Vendor as _};
use http::Method;
use serde_json::{Value, json};

use crate::support::{calendar, create, day, delete, form, list, series, single, update, world};

struct Contract(Value);

impl Contract {
    fn load() -> Self {
        Self(serde_json::from_str(include_str!("../contract/graph.json")).unwrap())
    }

    /// What is wrong with a value of a type.
    fn faults(&self, kind: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
        if value.is_null() {
            return;
        }
        if let Some(inner) = kind.as_array().and_then(|kinds| kinds.first()) {
            match value.as_array() {
                Some(all) => all.iter().for_each(|one| self.faults(inner, one, at, faults)),
                None => faults.push(format!("{at} is no list")),
            }
            return;
        }
        let name = kind.as_str().unwrap_or_default();
        let text = value.as_str();
        let fits = match name {
            "string" => text.is_some(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_i64(),
            "datetime" => text.is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok()),
            "date" => text.is_some_and(|text| text.parse::<jiff::civil::Date>().is_ok()),
            _ => match (self.0["enums"][name].as_array(), self.0["entities"][name].as_object()) {
                (Some(values), _) => values.contains(value),
                (None, Some(_)) => return self.entity(name, value, at, faults),
                (None, None) => false,
            },
        };
        if !fits {
            faults.push(format!("{at} is no {name}: {value}"));
        }
    }

    fn entity(&self, name: &str, value: &Value, at: &str, faults: &mut Vec<String>) {
        let Some(said) = value.as_object() else { return faults.push(format!("{at} is no {name}")) };
        for (property, value) in said.iter().filter(|(property, _)| !property.contains("@odata.")) {
            // That something was removed is said beside the entity.
            if property == "@removed" {
                continue;
            }
            let kind = &self.0["entities"][name][property.as_str()];
            match kind {
                Value::Null => faults.push(format!("{at}: a {name} has no {property}")),
                kind => self.faults(kind, value, &format!("{at}.{property}"), faults),
            }
        }
    }

    fn knows(&self, entity: &str, property: &str) -> bool {
        !self.0["entities"][entity][property].is_null()
    }
}

/// What an answer to a request, or its body, is made of.
fn entity_of(path: &str) -> Option<&'static str> {
    let path = path.trim_start_matches("/v1.0");
    if path.starts_with("/subscriptions") {
        return Some("subscription");
    }
    if path.contains("/events") || path.contains("/calendarView") {
        return Some("event");
    }
    path.contains("/calendars").then_some("calendar")
}

fn body_faults(contract: &Contract, path: &str, body: &Value, faults: &mut Vec<String>) {
    let Some(entity) = entity_of(path) else { return };
    if body["error"].is_object() || body.is_null() {
        return;
    }
    match body["value"].as_array() {
        Some(all) => all.iter().for_each(|one| contract.entity(entity, one, path, faults)),
        None => contract.entity(entity, body, path, faults),
    }
}

fn query_faults(contract: &Contract, path: &str, query: &str, faults: &mut Vec<String>) {
    let (Some(entity), query) = (entity_of(path), url::form_urlencoded::parse(query.as_bytes())) else {
        return;
    };
    for (name, value) in query.filter(|(name, _)| name == "$select") {
        for property in value.split(',').filter(|property| !contract.knows(entity, property)) {
            faults.push(format!("{name}: a {entity} has no {property}"));
        }
    }
}

#[tokio::test]
async fn requests_and_answers_are_as_microsoft_declares_them() {
    let world = world().await;
    let device = world.device();
    let details = form(
        "BEGIN:VEVENT\nUID:d@almanac.example\nDTSTAMP:20260101T000000Z\nDTSTART;TZID=Europe/Berlin:20260302T100000\n\
         DTEND;TZID=Europe/Berlin:20260302T104500\nSUMMARY:Consultation\nDESCRIPTION:Bring the papers\nLOCATION:Room 7\n\
         CLASS:PRIVATE\nTRANSP:TRANSPARENT\nPRIORITY:3\nCATEGORIES:Work,Private\n\
         BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT15M\nDESCRIPTION:Soon\nEND:VALARM\nEND:VEVENT\n",
    );
    let mut ids = vec![create(&device, &details).await.id];
    for (rule, n) in [
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE;WKST=SU", 0),
        ("FREQ=MONTHLY;BYDAY=1MO;COUNT=9", 1),
        ("FREQ=MONTHLY;BYMONTHDAY=2;UNTIL=20270302T120000Z", 2),
        ("FREQ=YEARLY", 3),
        ("FREQ=YEARLY;BYDAY=1MO;BYMONTH=3", 4),
    ] {
        let event = form(&format!(
            "BEGIN:VEVENT\nUID:{n}@almanac.example\nDTSTAMP:20260101T000000Z\nDTSTART;TZID=Europe/Berlin:20260302T100000\n\
             DTEND;TZID=Europe/Berlin:20260302T104500\nRRULE:{rule}\nEND:VEVENT\n"
        ));
        ids.push(create(&device, &event).await.id);
    }
    let made = create(&device, &series()).await;
    let one = create(&device, &single("s@almanac.example", "A")).await;
    update(&device, &single("s@almanac.example", "B"), &one).await.unwrap();
    world.sim.with(|graph| {
        let guest =
            json!({ "type": "required", "emailAddress": { "name": "B", "address": "b@almanac.example" } });
        let at = |hour| json!({ "dateTime": format!("2026-03-02T{hour}:00:00"), "timeZone": "UTC" });
        graph.create(CALENDAR, &json!({ "start": at(10), "end": at(11), "attendees": [guest] })).unwrap();
        let at = |hour| json!({ "dateTime": format!("2024-03-05T{hour}:00:00"), "timeZone": "UTC" });
        graph.create(CALENDAR, &json!({ "start": at(10), "end": at(11), "subject": "Another" })).unwrap();
    });
    // No listing shows it, so the calendar is looked at.
    let old = form(
        "BEGIN:VEVENT\nUID:o@almanac.example\nDTSTAMP:20260101T000000Z\nDTSTART:20240305T100000Z\n\
         DTEND:20240305T110000Z\nSUMMARY:Old\nEND:VEVENT\n",
    );
    ids.push(create(&device, &old).await.id);
    ids.extend([made.id.clone(), one.id]);
    device.calendars().await.unwrap();
    device.fetch(&calendar(), &ids).await.unwrap();
    list(&device, None).await.unwrap();
    let channel = Channel {
        id: "c".into(),
        address: "https://almanac.example/hooks/graph".into(),
        secret: Secret::new("shared".into()),
        until: day(),
    };
    device.watch(&calendar(), &channel).await.unwrap();
    let seen = world.sim.take_seen();
    let contract = Contract::load();
    let (mut faults, mut checked) = (Vec::new(), 0);
    for seen in seen.iter().filter(|seen| !seen.request.path.contains("/oauth2/")) {
        let request = &seen.request;
        query_faults(&contract, &request.path, &request.query, &mut faults);
        let sent: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        for inner in sent["requests"].as_array().into_iter().flatten() {
            let (path, query) = inner["url"].as_str().unwrap().split_once('?').unwrap();
            query_faults(&contract, path, query, &mut faults);
        }
        body_faults(&contract, &request.path, &sent, &mut faults);
        // Reads are answered again, as they were; so is a creation that was made.
        let again = request.method == Method::GET || request.method == Method::POST;
        if again {
            checked += 1;
            answer_faults(
                &contract,
                &world.sim.with(|graph| graph.answer(request)).body,
                request,
                &mut faults,
            );
        }
    }
    assert!(checked > 15, "{checked}");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    delete(&device, &crate::support::there(&device, &made.id).await).await.unwrap();
}

fn answer_faults(contract: &Contract, body: &[u8], request: &Exchange, faults: &mut Vec<String>) {
    let answer: Value = serde_json::from_slice(body).unwrap();
    assert!(answer["error"].is_null(), "{} {}: {}", request.method, request.path, answer["error"]["code"]);
    for inner in answer["responses"].as_array().into_iter().flatten() {
        body_faults(contract, "/me/events", &inner["body"], faults);
    }
    body_faults(contract, &request.path, &answer, faults);
}

/// The check finds something: a property that there is not, a value of another type, a name of no enumeration.
#[test]
fn a_fault_is_seen() {
    let contract = Contract::load();
    for (event, expected) in [
        (json!({ "occurrenceId": "x" }), 1),
        (json!({ "subject": 3 }), 1),
        (json!({ "showAs": "away" }), 1),
        (json!({ "start": { "dateTime": "x", "zone": "UTC" } }), 1),
        (json!({ "recurrence": { "pattern": { "type": "hourly", "interval": "1" } } }), 2),
        (json!({ "subject": "x", "showAs": "oof", "recurrence": null }), 0),
    ] {
        let mut faults = Vec::new();
        contract.entity("event", &event, "event", &mut faults);
        assert_eq!(faults.len(), expected, "{faults:?}");
    }
}
