//! Octets to content lines and back (RFC 5545 section 3.1).
//!
//! Unfolding works on octets, before UTF-8 is decoded, since a fold may split a UTF-8 sequence. Each octet is looked
//! at a fixed number of times, however the text is folded.

use std::borrow::Cow;

use crate::{Invalid, Limits};

/// The longest line we write, in octets without its line end.
const FOLD_AT: usize = 75;
const BOM: &[u8] = b"\xef\xbb\xbf";

/// How a line ends. Bare LF is accepted: python-caldav and many scripts send it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineEnd {
    Crlf,
    Lf,
    /// The text ended first.
    Missing,
}

impl LineEnd {
    pub(crate) fn as_bytes(self) -> &'static [u8] {
        match self {
            LineEnd::Crlf => b"\r\n",
            LineEnd::Lf => b"\n",
            LineEnd::Missing => b"",
        }
    }
}

/// What reading cost, so that tests can hold a text against a budget instead of a clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Octets looked at.
    pub octets: u64,
    /// Physical lines looked at.
    pub lines: u64,
}

#[derive(Clone)]
/// One content line: unfolded, and as it was sent.
pub(crate) struct Line<'a> {
    /// Without folds and line end.
    pub(crate) text: Cow<'a, str>,
    /// With folds, line end and blank lines around it. All `sent` in order are the whole input.
    pub(crate) sent: &'a [u8],
    pub(crate) end: LineEnd,
}

/// Reads content lines one by one.
pub(crate) struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    line_bytes_max: usize,
    pub(crate) work: Work,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(bytes: &'a [u8], limits: &Limits) -> Lines<'a> {
        Lines { bytes, at: 0, line_bytes_max: limits.line_bytes_max, work: Work::default() }
    }

    /// The next content line, or nothing at the end.
    pub(crate) fn next_line(&mut self) -> Result<Option<Line<'a>>, Invalid> {
        let from = self.at;
        if from == 0 && self.bytes.starts_with(BOM) {
            self.at = BOM.len();
        }
        self.skip_blank_lines();
        if self.at >= self.bytes.len() {
            return Ok(None);
        }
        if self.at_fold() {
            return Err(Invalid::Data("a folded line continues nothing"));
        }
        let start = self.at;
        let (first, mut end) = self.physical_line(start)?;
        let mut octets = Cow::Borrowed(first);
        while self.at_fold() {
            self.at += 1;
            let (more, its_end) = self.physical_line(start)?;
            octets.to_mut().extend_from_slice(more);
            end = its_end;
        }
        self.skip_blank_lines();
        self.work.octets += octets.len() as u64;
        let sent = self.bytes.get(from..self.at).unwrap_or_default();
        Ok(Some(Line { text: decode(octets)?, sent, end }))
    }

    fn at_fold(&self) -> bool {
        matches!(self.bytes.get(self.at), Some(b' ' | b'\t'))
    }

    fn skip_blank_lines(&mut self) {
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let blank = match rest {
                [b'\n', ..] => 1,
                [b'\r', b'\n', ..] => 2,
                _ => return,
            };
            self.at += blank;
            self.work.octets += blank as u64;
            self.work.lines += 1;
        }
    }

    /// Reads up to the line end; the content line that began at `start` must stay below the limit.
    fn physical_line(&mut self, start: usize) -> Result<(&'a [u8], LineEnd), Invalid> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let allowed = self.line_bytes_max.saturating_sub(self.at - start);
        let window = rest.get(..allowed).unwrap_or(rest);
        let stop = window.iter().position(|&octet| is_control(octet));
        self.work.lines += 1;
        self.work.octets += stop.unwrap_or(window.len()) as u64;
        let (length, end) = match stop {
            Some(at) => match rest.get(at..).unwrap_or_default() {
                [b'\n', ..] => (at, LineEnd::Lf),
                [b'\r', b'\n', ..] => (at, LineEnd::Crlf),
                _ => return Err(Invalid::Data("a control character")),
            },
            None if window.len() == rest.len() => (rest.len(), LineEnd::Missing),
            None => return Err(Invalid::Data("a line is longer than the limit")),
        };
        self.at += length + end.as_bytes().len();
        Ok((rest.get(..length).unwrap_or_default(), end))
    }
}

/// CONTROL of RFC 5545 section 3.1; the line ends are among them.
fn is_control(octet: u8) -> bool {
    (octet < b' ' && octet != b'\t') || octet == 0x7f
}

fn decode(octets: Cow<'_, [u8]>) -> Result<Cow<'_, str>, Invalid> {
    const BAD: Invalid = Invalid::Data("not UTF-8");
    let text = match octets {
        Cow::Borrowed(octets) => Cow::Borrowed(std::str::from_utf8(octets).map_err(|_| BAD)?),
        Cow::Owned(octets) => Cow::Owned(String::from_utf8(octets).map_err(|_| BAD)?),
    };
    // The text travels inside XML too, whose `Char` leaves these two out.
    if !text.is_ascii() && text.contains(['\u{fffe}', '\u{ffff}']) {
        return Err(Invalid::Data("a character that is none"));
    }
    Ok(text)
}

/// Writes a content line folded at 75 octets, never inside a character.
pub(crate) fn fold(text: &str, end: LineEnd, out: &mut Vec<u8>) {
    let mut rest = text;
    let mut room = FOLD_AT;
    while rest.len() > room {
        let (head, tail) = rest.split_at(rest.floor_char_boundary(room));
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(end.as_bytes());
        out.push(b' ');
        rest = tail;
        room = FOLD_AT - 1; // the space counts
    }
    out.extend_from_slice(rest.as_bytes());
    out.extend_from_slice(end.as_bytes());
}

/// Whether `sent` is exactly what [`fold`] writes, so that it need not be kept.
pub(crate) fn is_as_we_write(line: &Line<'_>) -> bool {
    let ends = line.end.as_bytes().len();
    if line.sent.len() == line.text.len() + ends {
        return line.text.len() <= FOLD_AT;
    }
    if line.end == LineEnd::Missing {
        return false;
    }
    let mut ours = Vec::with_capacity(line.sent.len());
    fold(&line.text, line.end, &mut ours);
    ours == line.sent
}
