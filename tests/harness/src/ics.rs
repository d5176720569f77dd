//! Invented calendar objects. The text is written with bare line feeds and sent with CRLF (RFC 5545 section 3.1).

/// `text` with every line end as CRLF.
#[must_use]
pub fn crlf(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\n', "\r\n")
}

/// A VCALENDAR around `components`.
#[must_use]
pub fn calendar(components: &str) -> String {
    crlf(&format!(
        "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//Almanac//Tests//EN\n{}\nEND:VCALENDAR\n",
        components.trim_end()
    ))
}

/// A VEVENT of one hour from `start` (`20261201T090000Z`) with more lines in `extra`.
#[must_use]
pub fn event_with(uid: &str, summary: &str, start: &str, extra: &str) -> String {
    let extra = extra.trim_end();
    let extra = if extra.is_empty() { String::new() } else { format!("{extra}\n") };
    calendar(&format!(
        "BEGIN:VEVENT\nUID:{uid}\nDTSTAMP:20261101T080000Z\nDTSTART:{start}\nDURATION:PT1H\nSUMMARY:{summary}\n{extra}END:VEVENT\n"
    ))
}

/// A VEVENT of one hour from `start`.
#[must_use]
pub fn event(uid: &str, summary: &str, start: &str) -> String {
    event_with(uid, summary, start, "")
}

/// A VEVENT on 1 December 2026 at 09:00 UTC.
#[must_use]
pub fn simple(uid: &str) -> String {
    event(uid, "Dental check", "20261201T090000Z")
}

/// A VTODO with more lines in `extra`.
#[must_use]
pub fn todo_with(uid: &str, summary: &str, extra: &str) -> String {
    let extra = extra.trim_end();
    let extra = if extra.is_empty() { String::new() } else { format!("{extra}\n") };
    calendar(&format!(
        "BEGIN:VTODO\nUID:{uid}\nDTSTAMP:20261101T080000Z\nSUMMARY:{summary}\n{extra}END:VTODO\n"
    ))
}

/// The VTIMEZONE of Europe/Berlin under the name `tzid`.
#[must_use]
pub fn berlin(tzid: &str) -> String {
    format!(
        "BEGIN:VTIMEZONE\nTZID:{tzid}\nBEGIN:STANDARD\nDTSTART:19961027T030000\nRRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU\n\
         TZOFFSETFROM:+0200\nTZOFFSETTO:+0100\nTZNAME:CET\nEND:STANDARD\nBEGIN:DAYLIGHT\nDTSTART:19810329T020000\n\
         RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0200\nTZNAME:CEST\nEND:DAYLIGHT\n\
         END:VTIMEZONE\n"
    )
}

/// The values of the property `name` in `text`, after unfolding; parameters are cut off.
#[must_use]
pub fn values<'a>(unfolded: &'a str, name: &str) -> Vec<&'a str> {
    unfolded
        .lines()
        .filter_map(|line| {
            let (head, value) = line.split_once(':')?;
            (head.split(';').next() == Some(name)).then_some(value.trim_end())
        })
        .collect()
}

/// `text` without its folds, with bare line feeds.
#[must_use]
pub fn unfold(text: &str) -> String {
    text.replace("\r\n", "\n").replace("\n ", "").replace("\n\t", "")
}
