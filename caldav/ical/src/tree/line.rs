//! A content line that remembers how it was sent.

use crate::lines::{self, Line, LineEnd};

/// How a line looked in the text it came from.
#[derive(Clone)]
enum Sent {
    /// As [`lines::fold`] writes it, so that nothing need be kept.
    Plain(LineEnd),
    /// With these octets, line end included.
    Octets(LineEnd, Box<[u8]>),
}

/// An unfolded content line. Equality looks at the unfolded text only.
#[derive(Clone)]
pub(super) struct ContentLine {
    text: Box<str>,
    sent: Sent,
}

impl PartialEq for ContentLine {
    fn eq(&self, other: &ContentLine) -> bool {
        self.text == other.text
    }
}

impl Eq for ContentLine {}

impl ContentLine {
    /// A line of ours.
    pub(super) fn new(text: impl Into<Box<str>>) -> ContentLine {
        ContentLine { text: text.into(), sent: Sent::Plain(LineEnd::Crlf) }
    }

    pub(super) fn from_line(line: Line<'_>) -> ContentLine {
        let sent = if lines::is_as_we_write(&line) {
            Sent::Plain(line.end)
        } else {
            Sent::Octets(line.end, line.sent.into())
        };
        ContentLine { text: line.text.into(), sent }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn end(&self) -> LineEnd {
        match self.sent {
            Sent::Plain(end) | Sent::Octets(end, _) => end,
        }
    }

    /// Lets a line of ours end as the lines around it do.
    pub(super) fn set_end(&mut self, end: LineEnd) {
        if let Sent::Plain(ours) = &mut self.sent {
            *ours = end;
        }
    }

    /// The octets of the source.
    pub(super) fn write_octets(&self, out: &mut Vec<u8>) {
        match &self.sent {
            Sent::Plain(end) => lines::fold(&self.text, *end, out),
            Sent::Octets(_, octets) => out.extend_from_slice(octets),
        }
    }

    /// The octets of the source if they are UTF-8 without a byte order mark, else the line folded anew. It always ends
    /// with a line end.
    pub(super) fn write_text(&self, out: &mut Vec<u8>) {
        let end = if self.end() == LineEnd::Missing { LineEnd::Crlf } else { self.end() };
        match &self.sent {
            Sent::Octets(LineEnd::Crlf | LineEnd::Lf, octets) if is_clean(octets) => {
                out.extend_from_slice(octets);
            }
            _ => lines::fold(&self.text, end, out),
        }
    }
}

fn is_clean(octets: &[u8]) -> bool {
    std::str::from_utf8(octets).is_ok_and(|text| !text.starts_with('\u{feff}'))
}
