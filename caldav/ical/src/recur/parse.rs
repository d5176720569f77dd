//! Reading a rule: strict about what would change its meaning, lenient about how it is spelt.

use jiff::civil::Weekday;

use super::rule::{By, Freq, FromBothEnds, Rule, Until, WeekdayNum};
use crate::value;

/// Why the text is not a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// A part is not of the form NAME=VALUE, or its name is not known.
    #[error("a recurrence rule holds a part that is not known")]
    Part,
    /// A part stands twice.
    #[error("a recurrence rule holds a part twice")]
    Repeated,
    /// FREQ is missing or not known.
    #[error("a recurrence rule has no known FREQ")]
    Freq,
    /// A value is not of its part's form, or outside its range (as COUNT=0 and INTERVAL=0 are).
    #[error("a recurrence rule holds a value that its part cannot have")]
    Value,
    /// RSCALE or SKIP (RFC 7529) ask for another calendar than the Gregorian one.
    #[error("a recurrence rule uses a calendar that is not supported")]
    Calendar,
}

impl Rule {
    /// Reads the value of an RRULE or EXRULE.
    ///
    /// Case, blanks around parts and a last `;` do not matter; `X-` parts are passed over, and so is RSCALE=GREGORIAN.
    ///
    /// # Errors
    /// [`RuleError`]: a rule that cannot be followed to the letter is refused, never followed in part.
    pub fn parse(text: &str) -> Result<Rule, RuleError> {
        let mut draft = Draft::default();
        let text = text.trim();
        for part in text.strip_suffix(';').unwrap_or(text).split(';') {
            let (name, value) = part.split_once('=').ok_or(RuleError::Part)?;
            draft.read(&name.trim().to_ascii_uppercase(), &value.trim().to_ascii_uppercase())?;
        }
        Ok(Rule {
            freq: draft.freq.ok_or(RuleError::Freq)?,
            interval: draft.interval.unwrap_or(1),
            count: draft.count,
            until: draft.until,
            week_start: draft.week_start.unwrap_or(Weekday::Monday),
            by: draft.by,
        })
    }
}

#[derive(Default)]
struct Draft {
    seen: Vec<String>,
    freq: Option<Freq>,
    interval: Option<u32>,
    count: Option<u32>,
    until: Option<Until>,
    week_start: Option<Weekday>,
    by: By,
}

impl Draft {
    fn read(&mut self, name: &str, value: &str) -> Result<(), RuleError> {
        if name.starts_with("X-") {
            return Ok(());
        }
        if self.seen.iter().any(|seen| seen == name) {
            return Err(RuleError::Repeated);
        }
        self.seen.push(name.to_owned());
        match name {
            "FREQ" => self.freq = Some(freq(value)?),
            "INTERVAL" => self.interval = Some(at_least_one(value)?),
            "COUNT" => self.count = Some(at_least_one(value)?),
            "UNTIL" => self.until = Some(until(value)?),
            "WKST" => self.week_start = Some(weekday(value)?),
            // A clock without leap seconds reads second 60 as 59 (RFC 5545 section 3.3.12).
            "BYSECOND" => self.by.seconds = without_leap_second(mask(value, 0, 60)?),
            "BYMINUTE" => self.by.minutes = mask(value, 0, 59)?,
            "BYHOUR" => self.by.hours = u32::try_from(mask(value, 0, 23)?).map_err(|_| RuleError::Value)?,
            "BYMONTH" => self.by.months = u16::try_from(mask(value, 1, 12)?).map_err(|_| RuleError::Value)?,
            "BYDAY" => self.by.weekdays = value.split(',').map(weekday_num).collect::<Result<_, _>>()?,
            "BYMONTHDAY" => self.by.month_days = both_ends(value, 31)?,
            "BYYEARDAY" => self.by.year_days = signed(value, 366)?,
            "BYWEEKNO" => self.by.weeks = both_ends(value, 53)?,
            "BYSETPOS" => self.by.positions = signed(value, 366)?,
            "RSCALE" if value == "GREGORIAN" => {}
            "SKIP" if value == "OMIT" => {}
            "RSCALE" | "SKIP" => return Err(RuleError::Calendar),
            _ => return Err(RuleError::Part),
        }
        Ok(())
    }
}

fn without_leap_second(seconds: u64) -> u64 {
    const LEAP: u64 = 1 << 60;
    if seconds & LEAP == 0 { seconds } else { seconds & !LEAP | 1 << 59 }
}

fn freq(value: &str) -> Result<Freq, RuleError> {
    Ok(match value {
        "SECONDLY" => Freq::Secondly,
        "MINUTELY" => Freq::Minutely,
        "HOURLY" => Freq::Hourly,
        "DAILY" => Freq::Daily,
        "WEEKLY" => Freq::Weekly,
        "MONTHLY" => Freq::Monthly,
        "YEARLY" => Freq::Yearly,
        _ => return Err(RuleError::Freq),
    })
}

/// Digits only: `str::parse` would also take a sign.
fn digits(value: &str) -> Result<u32, RuleError> {
    if value.is_empty() || !value.bytes().all(|b| b.is_ascii_digit()) {
        return Err(RuleError::Value);
    }
    value.parse().map_err(|_| RuleError::Value)
}

fn at_least_one(value: &str) -> Result<u32, RuleError> {
    match digits(value)? {
        0 => Err(RuleError::Value),
        n => Ok(n),
    }
}

fn until(value: &str) -> Result<Until, RuleError> {
    if let Some(date) = value::parse_date(value) {
        return Ok(Until::Date(date));
    }
    let (at, form) = value::parse_date_time(value).ok_or(RuleError::Value)?;
    Ok(match form {
        value::Form::Local => Until::Local(at),
        value::Form::Utc => {
            let zoned = at.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| RuleError::Value)?;
            Until::Utc(zoned.timestamp())
        }
    })
}

fn weekday(value: &str) -> Result<Weekday, RuleError> {
    Ok(match value.trim() {
        "MO" => Weekday::Monday,
        "TU" => Weekday::Tuesday,
        "WE" => Weekday::Wednesday,
        "TH" => Weekday::Thursday,
        "FR" => Weekday::Friday,
        "SA" => Weekday::Saturday,
        "SU" => Weekday::Sunday,
        _ => return Err(RuleError::Value),
    })
}

fn weekday_num(value: &str) -> Result<WeekdayNum, RuleError> {
    let value = value.trim();
    let (ordinal, name) =
        value.len().checked_sub(2).and_then(|at| value.split_at_checked(at)).ok_or(RuleError::Value)?;
    let weekday = weekday(name)?;
    if ordinal.is_empty() {
        return Ok(WeekdayNum { ordinal: 0, weekday });
    }
    let ordinal = i8::try_from(nonzero(ordinal, 53)?).map_err(|_| RuleError::Value)?;
    Ok(WeekdayNum { ordinal, weekday })
}

/// A number from `-max` to `max`, without 0.
fn nonzero(value: &str, max: u32) -> Result<i16, RuleError> {
    let value = value.trim();
    let (sign, number) = match value.as_bytes().first() {
        Some(b'-') => (-1, value.strip_prefix('-')),
        Some(b'+') => (1, value.strip_prefix('+')),
        _ => (1, Some(value)),
    };
    match digits(number.unwrap_or_default())? {
        n if n >= 1 && n <= max => Ok(sign * i16::try_from(n).map_err(|_| RuleError::Value)?),
        _ => Err(RuleError::Value),
    }
}

fn mask(value: &str, min: u32, max: u32) -> Result<u64, RuleError> {
    let mut mask = 0;
    for item in value.split(',') {
        match digits(item.trim())? {
            n if n >= min && n <= max => mask |= 1 << n,
            _ => return Err(RuleError::Value),
        }
    }
    Ok(mask)
}

fn both_ends(value: &str, max: u32) -> Result<FromBothEnds, RuleError> {
    let mut set = FromBothEnds::default();
    for item in value.split(',') {
        let n = nonzero(item, max)?;
        let bit = 1 << n.unsigned_abs();
        if n > 0 { set.front |= bit } else { set.back |= bit }
    }
    Ok(set)
}

fn signed(value: &str, max: u32) -> Result<Vec<i16>, RuleError> {
    let mut list = value.split(',').map(|item| nonzero(item, max)).collect::<Result<Vec<_>, _>>()?;
    list.sort_unstable();
    list.dedup();
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_that_cannot_be_followed_are_refused() {
        for (text, error) in [
            ("", RuleError::Part),
            ("FREQ", RuleError::Part),
            ("INTERVAL=2", RuleError::Freq),
            ("FREQ=FORTNIGHTLY", RuleError::Freq),
            ("FREQ=DAILY;INTERVAL=0", RuleError::Value),
            ("FREQ=DAILY;COUNT=0", RuleError::Value),
            ("FREQ=DAILY;COUNT=-1", RuleError::Value),
            ("FREQ=DAILY;COUNT=+1", RuleError::Value),
            ("FREQ=DAILY;COUNT=99999999999", RuleError::Value),
            ("FREQ=DAILY;COUNT=1;COUNT=2", RuleError::Repeated),
            ("FREQ=DAILY;UNTIL=20260231", RuleError::Value),
            ("FREQ=DAILY;UNTIL=soon", RuleError::Value),
            ("FREQ=DAILY;BYHOUR=24", RuleError::Value),
            ("FREQ=DAILY;BYMONTH=0", RuleError::Value),
            ("FREQ=DAILY;BYMONTH=13", RuleError::Value),
            ("FREQ=MONTHLY;BYMONTHDAY=0", RuleError::Value),
            ("FREQ=MONTHLY;BYMONTHDAY=32", RuleError::Value),
            ("FREQ=YEARLY;BYDAY=54MO", RuleError::Value),
            ("FREQ=YEARLY;BYDAY=0MO", RuleError::Value),
            ("FREQ=YEARLY;BYDAY=é", RuleError::Value),
            ("FREQ=WEEKLY;BYDAY=MO,", RuleError::Value),
            ("FREQ=YEARLY;BYYEARDAY=367", RuleError::Value),
            ("FREQ=YEARLY;BYWEEKNO=-54", RuleError::Value),
            ("FREQ=DAILY;BYEASTER=1", RuleError::Part),
            ("RSCALE=CHINESE;FREQ=YEARLY", RuleError::Calendar),
            ("RSCALE=GREGORIAN;FREQ=YEARLY;SKIP=FORWARD", RuleError::Calendar),
        ] {
            assert_eq!(Rule::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn spelling_does_not_matter() {
        let plain = Rule::parse("FREQ=MONTHLY;BYDAY=1MO,-53TU;WKST=SU;COUNT=3").unwrap();
        for text in [
            "freq=monthly;byday=+1mo,-53tu;wkst=su;count=3",
            " FREQ=MONTHLY; BYDAY=1MO, -53TU ;WKST=SU;COUNT=03;",
            "RSCALE=GREGORIAN;SKIP=OMIT;X-NAME=1;FREQ=MONTHLY;BYDAY=1MO,-53TU;WKST=SU;COUNT=3",
        ] {
            assert_eq!(Rule::parse(text).as_ref(), Ok(&plain), "{text}");
        }
    }

    #[test]
    fn the_instances_of_a_day_are_bounded_by_arithmetic() {
        for (text, bound) in [
            ("FREQ=YEARLY", 1),
            ("FREQ=DAILY;BYHOUR=9,10;BYMINUTE=0,30", 4),
            ("FREQ=DAILY;BYHOUR=9,10;BYMINUTE=0,30;BYSETPOS=-1", 1),
            ("FREQ=HOURLY", 24),
            ("FREQ=HOURLY;INTERVAL=5", 5),
            ("FREQ=MINUTELY", 1_440),
            ("FREQ=MINUTELY;BYSECOND=0,30", 2_880),
            ("FREQ=MINUTELY;BYHOUR=9;BYSECOND=0,30", 120),
            ("FREQ=SECONDLY", 86_400),
            ("FREQ=SECONDLY;INTERVAL=60", 1_440),
            ("FREQ=SECONDLY;COUNT=10", 10),
            ("FREQ=SECONDLY;BYHOUR=1;BYMINUTE=1", 60),
        ] {
            assert_eq!(Rule::parse(text).unwrap().instances_per_day_max(), bound, "{text}");
        }
    }
}
