//! A record of the journal as a line for people or for programs.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::output::Audience;
use crate::telemetry::FIELDS;

/// The fields of a record, as the journal names them.
pub(super) type Fields = BTreeMap<String, String>;

/// The line of a record, with its end.
pub(super) fn line(at: Timestamp, fields: &Fields, audience: Audience) -> String {
    let field = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
    let (level, message) = (level(field("PRIORITY")), field("MESSAGE"));
    let known = FIELDS.iter().filter_map(|name| Some((*name, fields.get(&in_journal(name))?)));
    match audience {
        Audience::Programs => {
            let mut object = Map::new();
            let head =
                [("time", format!("{at:.3}")), ("level", level.to_owned()), ("message", message.to_owned())];
            object.extend(head.map(|(name, value)| (name.to_owned(), value.into())));
            object.extend(known.map(|(name, value)| (name.to_owned(), value.as_str().into())));
            format!("{}\n", Value::from(object))
        }
        Audience::People => {
            let mut line = format!("{at:.3} {level:5} {message}");
            for (name, value) in known {
                line.push_str(&format!(" {name}={value}"));
            }
            let clean: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            clean + "\n"
        }
    }
}

/// The journal's name of one of our fields.
fn in_journal(field: &str) -> String {
    field.replace('.', "_").to_ascii_uppercase()
}

/// Our word for a priority of syslog.
fn level(priority: &str) -> &'static str {
    match priority {
        "0" | "1" | "2" | "3" => "ERROR",
        "4" => "WARN",
        "7" => "DEBUG",
        _ => "INFO",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_a_line_with_our_fields_and_no_other() {
        let pairs = [
            ("MESSAGE", "request\x1b[2J"),
            ("PRIORITY", "4"),
            ("REQUEST_ID", "req_1"),
            ("STATUS", "201"),
            ("_PID", "7"),
            ("CODE_FILE", "x.rs"),
        ];
        let fields: Fields = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let at = "2026-03-01T10:00:00.5Z".parse().unwrap();
        let people = line(at, &fields, Audience::People);
        assert_eq!(people, "2026-03-01T10:00:00.500Z WARN  request [2J request.id=req_1 status=201\n");
        let programs: Value = serde_json::from_str(&line(at, &fields, Audience::Programs)).unwrap();
        assert_eq!(programs["request.id"], "req_1");
        assert_eq!(programs.as_object().unwrap().len(), 5);
    }
}
