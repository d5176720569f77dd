//! Every request of the connector and every answer of the simulator against Google's own description of its API
//! (`tests/contract/`): all tests here run through it.

use std::sync::LazyLock;

use almanac_google::sim::{API, GoogleSim};
use almanac_simulator::{Exchange, Reply, Vendor};
use serde_json::{Map, Value};

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../contract/calendar.v3.json")).unwrap());

/// Google, with somebody who reads along.
pub(crate) struct Checked {
    pub(crate) google: GoogleSim,
    pub(crate) complaints: Vec<String>,
    pub(crate) checked: usize,
}

impl Checked {
    pub(crate) fn new(google: GoogleSim) -> Self {
        Self { google, complaints: Vec::new(), checked: 0 }
    }
}

impl Vendor for Checked {
    fn answer(&mut self, request: &Exchange) -> Reply {
        let reply = self.google.answer(request);
        if let Some(path) = request.path.strip_prefix(API) {
            self.checked += 1;
            check(request, path, &reply, &mut self.complaints);
        }
        reply
    }
}

fn check(request: &Exchange, path: &str, reply: &Reply, complaints: &mut Vec<String>) {
    let Some((name, method)) = method(request.method.as_str(), path) else {
        complaints.push(format!("no method {} {path}", request.method));
        return;
    };
    let mut complain = |what: String| complaints.push(format!("{name}: {what}"));
    for (parameter, value) in url_pairs(&request.query) {
        let described = &method["parameters"][&parameter];
        if described["location"] != "query" {
            complain(format!("no parameter {parameter}"));
        } else if let Err(what) = text(described, &value) {
            complain(format!("parameter {parameter}: {what}"));
        }
    }
    match (method.get("request"), request.body.as_ref()) {
        (None, []) => {}
        (None, _) => complain("a body that it does not have".into()),
        (Some(schema), body) => match serde_json::from_slice(body) {
            Ok(body) => valid(schema, &body, name.ends_with(".patch"), "request", &mut complain),
            Err(_) => complain("the body is no JSON".into()),
        },
    }
    let answer: Option<Value> = serde_json::from_slice(&reply.body).ok();
    match (method.get("response"), answer) {
        _ if !reply.status.is_success() => {}
        (None, None) if reply.body.is_empty() => {}
        (Some(schema), Some(answer)) => valid(schema, &answer, false, "answer", &mut complain),
        _ => complain("the answer is not of the kind that it has".into()),
    }
}

fn method(verb: &str, path: &str) -> Option<(&'static str, &'static Value)> {
    let methods = DOCUMENT["methods"].as_object().unwrap();
    let fits = |template: &str| {
        let (template, path): (Vec<&str>, Vec<&str>) =
            (template.split('/').collect(), path.split('/').collect());
        template.len() == path.len()
            && template.iter().zip(&path).all(|(t, p)| (t.starts_with('{') && !p.is_empty()) || t == p)
    };
    // Where a name stands in the place of an id, the name is meant.
    let mut found: Vec<_> = methods
        .iter()
        .filter(|(_, method)| method["httpMethod"] == verb && fits(method["path"].as_str().unwrap()))
        .collect();
    found.sort_by_key(|(_, method)| method["path"].as_str().unwrap().matches('{').count());
    found.first().map(|(name, method)| (name.as_str(), *method))
}

fn url_pairs(query: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

/// A parameter, which is always text.
fn text(described: &Value, value: &str) -> Result<(), String> {
    let fits = match described["type"].as_str() {
        Some("boolean") => matches!(value, "true" | "false"),
        Some("integer") => value.parse::<i64>().is_ok_and(|n| {
            let bound = |name: &str| described[name].as_str().and_then(|bound| bound.parse::<i64>().ok());
            bound("minimum").is_none_or(|min| n >= min) && bound("maximum").is_none_or(|max| n <= max)
        }),
        _ => is_listed(described, value),
    };
    if fits { Ok(()) } else { Err(format!("{value} does not fit")) }
}

fn is_listed(described: &Value, value: &str) -> bool {
    described["enum"].as_array().is_none_or(|listed| listed.iter().any(|known| known == value))
}

/// A value against a schema. In a patch, null takes a member away.
fn valid(schema: &Value, value: &Value, patch: bool, at: &str, complain: &mut impl FnMut(String)) {
    if let Some(name) = schema["$ref"].as_str() {
        return valid(&DOCUMENT["schemas"][name], value, patch, at, complain);
    }
    if patch && value.is_null() {
        return;
    }
    let fits = match (schema["type"].as_str(), value) {
        (Some("object"), Value::Object(members)) => {
            object(schema, members, patch, at, complain);
            true
        }
        (Some("array"), Value::Array(items)) => {
            for item in items {
                valid(&schema["items"], item, false, &format!("{at}[]"), complain);
            }
            true
        }
        (Some("string"), Value::String(text)) => is_listed(schema, text) && has_format(schema, text),
        (Some("boolean"), Value::Bool(_)) | (Some("any"), _) => true,
        (Some("integer"), Value::Number(number)) => number.is_i64(),
        _ => false,
    };
    if !fits {
        complain(format!("{at}: {value} is no {schema}"));
    }
}

fn object(
    schema: &Value,
    members: &Map<String, Value>,
    patch: bool,
    at: &str,
    complain: &mut impl FnMut(String),
) {
    for (name, value) in members {
        let described = schema["properties"].get(name).or_else(|| schema.get("additionalProperties"));
        match described {
            Some(described) => valid(described, value, patch, &format!("{at}.{name}"), complain),
            None => complain(format!("{at}: no member {name}")),
        }
    }
}

fn has_format(schema: &Value, text: &str) -> bool {
    match schema["format"].as_str() {
        Some("date") => text.parse::<jiff::civil::Date>().is_ok(),
        Some("date-time") => text.parse::<jiff::Timestamp>().is_ok(),
        Some("int64") => text.parse::<i64>().is_ok(),
        _ => true,
    }
}

#[test]
fn the_description_itself_catches_what_does_not_fit() {
    let complaints = |schema: &str, value: Value| {
        let mut found = Vec::new();
        valid(&serde_json::json!({ "$ref": schema }), &value, false, "x", &mut |what| found.push(what));
        found.len()
    };
    use serde_json::json;
    for (event, wrong) in [
        (json!({ "summary": "x", "start": { "date": "2026-01-05" } }), 0),
        (json!({ "sumary": "x" }), 1),
        (json!({ "status": "maybe" }), 1),
        (json!({ "start": { "date": "05.01.2026", "dateTime": "2026-01-05T09:00:00" } }), 2),
        (json!({ "recurrence": "RRULE:FREQ=DAILY" }), 1),
        (
            json!({ "reminders": { "useDefault": "no", "overrides": [{ "method": "sms", "minutes": 1.5 }] } }),
            3,
        ),
        (json!({ "extendedProperties": { "private": { "a": 1 } } }), 1),
        (json!({ "location": null }), 1),
    ] {
        assert_eq!(complaints("Event", event.clone()), wrong, "{event}");
    }
    assert!(method("PUT", "calendars/a/events/b").is_none());
    assert_eq!(method("POST", "calendars/a/events/watch").unwrap().0, "events.watch");
}
