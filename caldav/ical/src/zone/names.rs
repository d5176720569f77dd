//! What clients write for a zone instead of its IANA name.

use jiff::tz::Offset;

use super::{DATABASE, Zone, windows};

/// An X-LIC-LOCATION: an IANA name, or one with a vendor's prefix.
pub(super) fn location(name: &str) -> Option<Zone> {
    Zone::iana(name).or_else(|| embedded(name))
}

/// A name that holds an IANA name: `/freeassociation.sourceforge.net/Europe/Berlin` (libical, Evolution),
/// `/mozilla.org/20070129_1/Europe/Berlin` (Lightning), `tzone://Microsoft/Utc` (Outlook on the web), `US-Eastern`,
/// `America/New York`.
pub(super) fn embedded(tzid: &str) -> Option<Zone> {
    let spelt = tzid.replace(' ', "_");
    if let Some(zone) = Zone::iana(&spelt) {
        return Some(zone);
    }
    if !spelt.contains('/') {
        return Zone::iana(&spelt.replacen('-', "/", 1));
    }
    // The longest ending first: America/Argentina/Buenos_Aires before Buenos_Aires. No name has more than three parts.
    let mut starts: Vec<usize> = spelt.rmatch_indices('/').take(3).map(|(at, _)| at + 1).collect();
    starts.reverse();
    starts.into_iter().filter_map(|at| spelt.get(at..)).find_map(Zone::iana)
}

/// A Windows name, or the text that a Windows dialogue shows for it, with or without `(UTC+01:00)`.
pub(super) fn windows(tzid: &str) -> Option<Zone> {
    // Outlook numbers zones of the same name: "W. Europe Standard Time 1".
    let name = tzid.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end();
    let iana = windows::by_name(tzid).or_else(|| windows::by_name(name));
    if let Some(zone) = iana.and_then(Zone::iana) {
        return Some(zone);
    }
    let shown = without_offset(tzid);
    windows::by_display(shown).and_then(Zone::iana).or_else(|| {
        // Only a text that began with an offset is a list of places.
        (shown.len() < tzid.len()).then(|| place(shown))?
    })
}

/// The zone of the first place in a list such as `Amsterdam, Berlin`, by the last part of an IANA name.
fn place(shown: &str) -> Option<Zone> {
    let first = shown.split([',', '/', ';']).next()?.trim().replace(' ', "_");
    let name = DATABASE.available().find(|name| {
        let (_, city) = name.as_str().rsplit_once('/').unwrap_or_default();
        city.eq_ignore_ascii_case(&first)
    })?;
    Zone::iana(name.as_str())
}

/// `(UTC+01:00) Amsterdam` -> `Amsterdam`
fn without_offset(tzid: &str) -> &str {
    let rest = tzid.strip_prefix('(').and_then(|rest| rest.split_once(')'));
    match rest {
        Some((offset, rest)) if offset.starts_with("UTC") || offset.starts_with("GMT") => rest.trim(),
        _ => tzid,
    }
}

/// `GMT+0100`, `UTC+01:00`, `(UTC-03:30) Somewhere`, `GMT-5`, `+0100`: east is positive, unlike in `Etc/GMT+1`.
pub(super) fn offset(tzid: &str) -> Option<Zone> {
    let text =
        tzid.strip_prefix('(').and_then(|rest| rest.split_once(')')).map_or(tzid, |(inside, _)| inside);
    let upper = text.to_ascii_uppercase();
    let digits = upper.strip_prefix("UTC").or_else(|| upper.strip_prefix("GMT")).unwrap_or(&upper).trim();
    let (sign, digits) = match digits.as_bytes().first()? {
        b'+' => (1, digits.get(1..)?),
        b'-' => (-1, digits.get(1..)?),
        _ => return None,
    };
    let (hours, minutes) = match digits.split_once([':', '.']) {
        Some(parts) => parts,
        None if digits.len() > 2 => digits.split_at_checked(digits.len() - 2)?,
        None => (digits, "0"),
    };
    let number = |text: &str| text.parse::<i32>().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    if hours > 15 || minutes > 59 {
        return None;
    }
    let offset = Offset::from_seconds(sign * (hours * 3_600 + minutes * 60)).ok()?;
    Some(Zone::fixed(tzid, offset))
}
