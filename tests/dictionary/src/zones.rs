//! VTIMEZONE as calendar programs write it, for the zones most people live in.

/// How a zone changes its clocks.
#[derive(Clone, Copy)]
enum Summer {
    None,
    Europe,
    America,
    Australia,
}

/// Name, names of standard and summer time, hours of standard time east of UTC, its summer time.
const ZONES: &[(&str, &str, &str, i32, Summer)] = &[
    ("Europe/Berlin", "CET", "CEST", 1, Summer::Europe),
    ("Europe/London", "GMT", "BST", 0, Summer::Europe),
    ("Europe/Paris", "CET", "CEST", 1, Summer::Europe),
    ("Europe/Madrid", "CET", "CEST", 1, Summer::Europe),
    ("Europe/Rome", "CET", "CEST", 1, Summer::Europe),
    ("Europe/Vienna", "CET", "CEST", 1, Summer::Europe),
    ("Europe/Zurich", "CET", "CEST", 1, Summer::Europe),
    ("Europe/Amsterdam", "CET", "CEST", 1, Summer::Europe),
    ("Europe/Warsaw", "CET", "CEST", 1, Summer::Europe),
    ("Europe/Athens", "EET", "EEST", 2, Summer::Europe),
    ("America/New_York", "EST", "EDT", -5, Summer::America),
    ("America/Chicago", "CST", "CDT", -6, Summer::America),
    ("America/Denver", "MST", "MDT", -7, Summer::America),
    ("America/Los_Angeles", "PST", "PDT", -8, Summer::America),
    ("America/Toronto", "EST", "EDT", -5, Summer::America),
    ("America/Sao_Paulo", "-03", "-03", -3, Summer::None),
    ("Asia/Tokyo", "JST", "JST", 9, Summer::None),
    ("Asia/Kolkata", "IST", "IST", 5, Summer::None),
    ("Asia/Singapore", "+08", "+08", 8, Summer::None),
    ("Australia/Sydney", "AEST", "AEDT", 10, Summer::Australia),
];

/// The name of the zone with this number; numbers begin again after the last.
pub(crate) fn name(n: u32) -> &'static str {
    zone(n).0
}

fn zone(n: u32) -> &'static (&'static str, &'static str, &'static str, i32, Summer) {
    const FIRST: (&str, &str, &str, i32, Summer) = ("Europe/Berlin", "CET", "CEST", 1, Summer::Europe);
    ZONES.get(n as usize % ZONES.len()).unwrap_or(&FIRST)
}

/// The definition of a zone. `style` 0 is Google's and Thunderbird's order, 1 Apple's, 2 with Outlook's beginnings.
pub(crate) fn definition(n: u32, style: u32) -> String {
    let (name, standard, summer, hours, rule) = *zone(n);
    let offset = |hours: i32| format!("{}{:02}00", if hours < 0 { '-' } else { '+' }, hours.abs());
    let (from, to) = (offset(hours + 1), offset(hours));
    let part = |kind: &str, from: &str, to: &str, name: &str, start: &str, rule: &str| {
        let rule = if rule.is_empty() { String::new() } else { format!("RRULE:FREQ=YEARLY;{rule}\r\n") };
        let body = match style % 3 {
            0 => format!(
                "TZOFFSETFROM:{from}\r\nTZOFFSETTO:{to}\r\nTZNAME:{name}\r\nDTSTART:{start}\r\n{rule}"
            ),
            1 => format!(
                "TZOFFSETFROM:{from}\r\n{rule}DTSTART:{start}\r\nTZNAME:{name}\r\nTZOFFSETTO:{to}\r\n"
            ),
            _ => format!(
                "DTSTART:16010101T{}\r\nTZOFFSETFROM:{from}\r\nTZOFFSETTO:{to}\r\n{rule}",
                &start[9..]
            ),
        };
        format!("BEGIN:{kind}\r\n{body}END:{kind}\r\n")
    };
    let parts = match rule {
        Summer::None => part("STANDARD", &to, &to, standard, "19700101T000000", ""),
        Summer::Europe => {
            part("DAYLIGHT", &to, &from, summer, "19810329T020000", "BYMONTH=3;BYDAY=-1SU")
                + &part("STANDARD", &from, &to, standard, "19961027T030000", "BYMONTH=10;BYDAY=-1SU")
        }
        Summer::America => {
            part("DAYLIGHT", &to, &from, summer, "20070311T020000", "BYMONTH=3;BYDAY=2SU")
                + &part("STANDARD", &from, &to, standard, "20071104T020000", "BYMONTH=11;BYDAY=1SU")
        }
        Summer::Australia => {
            part("STANDARD", &from, &to, standard, "20080406T030000", "BYMONTH=4;BYDAY=1SU")
                + &part("DAYLIGHT", &to, &from, summer, "20081005T020000", "BYMONTH=10;BYDAY=1SU")
        }
    };
    let extra = if style.is_multiple_of(3) { format!("X-LIC-LOCATION:{name}\r\n") } else { String::new() };
    format!("BEGIN:VTIMEZONE\r\nTZID:{name}\r\n{extra}{parts}END:VTIMEZONE\r\n")
}
